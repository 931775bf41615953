"""Datasets after they are built: preflight, export, override, delete, overlap."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from codemix_core import files
from codemix_core.cli.app import app
from codemix_core.datasets import registry
from codemix_core.datasets.decontamination import Overlap, Trained, compare, ngrams, report
from codemix_core.datasets.preflight import PreflightSpec
from codemix_core.datasets.preflight import run as preflight
from codemix_core.datasets.sampled import Comparison
from codemix_core.datasets.spec import BuildSpec
from codemix_core.datasets.stage import run as build
from codemix_core.errors import InputError, NotFoundError
from codemix_core.progress import Progress
from codemix_core.records import PROMPTS, Generation, Question, Verdict
from codemix_core.sampling.chat import TransformersFormat, make_prompt
from codemix_core.sampling.prompts import build_messages
from codemix_core.workspace import RunDir, Workspace
from tests.selection_data import PROGRAMS, generation, verdict, write_runs


def quiet() -> Progress:
    return Progress(lambda snapshot: None)


def make(workspace: Workspace, run: str, **settings: Any) -> RunDir:
    spec = BuildSpec.parse({"run": run, **settings})
    made = workspace.new_run(spec)
    build(spec, made, quiet())
    return made


def check(workspace: Workspace, dataset: RunDir, **settings: Any) -> dict[str, Any]:
    spec = PreflightSpec.parse({"dataset": dataset.run_id, "model": "nano", **settings})
    assert spec.check(workspace) == []
    made = workspace.new_run(spec)
    preflight(spec, made, quiet())
    document: dict[str, Any] = files.read_json(made.preflight_path)
    return document


def answers(questions: Sequence[Question]) -> tuple[list[Generation], list[Verdict]]:
    made = [generation(q.question_id, i, PROGRAMS[i]) for q in questions for i in range(3)]
    return made, [verdict(g.question_id, g.sample_index, 4 - g.sample_index) for g in made]


@pytest.fixture
def scoring(workspace: Workspace, nano: list[Question]) -> RunDir:
    return write_runs(workspace, "nano", nano, *answers(nano[:10]))[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "best_of_n"},
        {"method": "best_of_n", "template": "instruct"},
        {"method": "best_of_n", "template": "trl_conversational"},
        {"method": "dpo", "strategy": "all"},
        {"method": "grpo"},
    ],
)
def test_preflight_reads_every_row_and_shows_what_is_trained_on(
    workspace: Workspace, scoring: RunDir, settings: dict[str, Any]
) -> None:
    dataset = make(workspace, scoring.run_id, **settings)
    rows = files.read_json(dataset.dataset_path)["files"]["train"]["rows"]
    found = check(workspace, dataset)
    assert found["rows_loaded"] == {"train": rows}
    assert sum(found["lengths"]["counts"]) == rows
    assert found["problems"] == []
    for runs in found["first"].values():
        assert [trained for _, trained in runs] == [False, True]
        assert runs[0][0].endswith("<|im_start|>assistant\n")
        assert runs[1][0].startswith("```python\ndef f(x)")
        assert runs[1][0].endswith("```<|im_end|>")


def test_rows_too_long_for_the_limit_block_the_export_until_overridden_with_a_reason(
    workspace: Workspace, scoring: RunDir, tmp_path: Path
) -> None:
    dataset = make(workspace, scoring.run_id, method="dpo")
    found = check(workspace, dataset, max_seq_len=40)
    assert found["truncated_share"] == 1.0
    assert found["untrained_rows"] == 10
    with pytest.raises(InputError, match="no token left to train on") as caught:
        registry.export(workspace, dataset.run_id, tmp_path / "out")
    assert "blocked" in str(caught.value)
    assert not (tmp_path / "out").exists()
    registry.export(workspace, dataset.run_id, tmp_path / "out", override="a test", author="me")
    kept = list(registry.exports(dataset))
    assert (kept[0]["override"], kept[0]["author"]) == ("a test", "me")
    assert len(kept[0]["problems"]) == 2
    check(workspace, dataset)
    registry.export(workspace, dataset.run_id, tmp_path / "again")
    assert list(registry.exports(dataset))[1]["override"] is None


def test_a_check_with_one_model_does_not_clear_what_was_found_with_another(
    workspace: Workspace, scoring: RunDir, nano_model: Path, tmp_path: Path
) -> None:
    dataset = make(workspace, scoring.run_id, method="dpo")
    never = registry.export(workspace, dataset.run_id, tmp_path / "never")
    assert never.preflights == []
    other = str(nano_model)
    check(workspace, dataset, model=other, max_seq_len=40)
    check(workspace, dataset)
    assert [c.model for c in registry.preflights(workspace, dataset.run_id)] == ["nano", other]
    with pytest.raises(InputError, match="no token left to train on") as caught:
        registry.export(workspace, dataset.run_id, tmp_path / "out")
    assert f"max_seq_len ({other})" in str(caught.value)
    check(workspace, dataset, model=other)
    done = registry.export(workspace, dataset.run_id, tmp_path / "out")
    runs = {run.run_id: run.load_spec()["model"] for run in workspace.runs("preflight")}
    for kept in (
        done.preflights,
        json.loads((tmp_path / "out" / "dataset.json").read_text())["preflights"],
        registry.exports(dataset)[-1]["preflights"],
    ):
        assert [(found["model"], found["problems"]) for found in kept] == [(other, 0), ("nano", 0)]
        assert all(runs[found["run_id"]] == found["model"] for found in kept)


def test_exporting_what_was_never_preflighted_says_so(
    workspace: Workspace, scoring: RunDir, tmp_path: Path
) -> None:
    dataset = make(workspace, scoring.run_id, method="dpo")
    argv = ["export-dataset", dataset.run_id, "-o", str(tmp_path / "out")]
    assert "never preflighted" in CliRunner().invoke(app, argv).output
    check(workspace, dataset)
    assert "never preflighted" not in CliRunner().invoke(app, argv).output


def test_prompts_tokenised_otherwise_than_sampled_are_a_template_mismatch(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    chat = TransformersFormat(str(nano_model), None)
    for suffix, problems in (("", 0), (" Be brief.", 1)):
        sampling, scoring = write_runs(workspace, "nano", nano, *answers(nano[:4]), prompts=False)
        with sampling.writer(PROMPTS) as writer:
            for question in nano[:4]:
                messages = build_messages(question, "direct")
                stored = make_prompt(chat, None, question.question_id, messages)
                messages[1] = {"role": "user", "content": messages[1]["content"] + suffix}
                writer.append(replace(stored, messages=json.dumps(messages)))
        found = check(workspace, make(workspace, scoring.run_id, method="best_of_n"))
        assert found["sampled"]["prompts"] == 4
        assert found["sampled"]["same_vocabulary"] is True
        assert [p["where"] for p in found["problems"]] == ["chat template"] * problems


def test_an_export_has_files_lineage_and_blocks_that_point_at_itself(
    workspace: Workspace, scoring: RunDir, tmp_path: Path
) -> None:
    dataset = make(
        workspace, scoring.run_id, method="best_of_n", split_by="question", heldout_share=0.4
    )
    out = tmp_path / "deep" / "er"
    done = registry.export(workspace, dataset.run_id, out, "instruct")
    assert set(done.rows) == {"train", "heldout"}
    for side, count in done.rows.items():
        block = yaml.safe_load((out / f"torchtune-{side}.yaml").read_text())["dataset"]
        assert Path(block["data_files"]) == (out / f"{side}.json").resolve()
        assert block["new_system_prompt"].startswith("You are")
        assert len(json.loads((out / f"{side}.json").read_text())) == count
    lineage = json.loads((out / "dataset.json").read_text())
    assert lineage["dataset"] == dataset.run_id
    assert lineage["lineage"]["scoring"]["run_id"] == scoring.run_id


def test_an_export_leaves_the_files_of_a_person_alone(
    workspace: Workspace, scoring: RunDir, tmp_path: Path
) -> None:
    dataset = make(workspace, scoring.run_id, method="best_of_n")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "heldout.json").write_text("my own")
    with pytest.raises(InputError, match="is not empty and holds no earlier export"):
        registry.export(workspace, dataset.run_id, mine)
    # A dataset.json of another tool is no export either.
    (mine / "dataset.json").write_text('{"rows": 3}')
    with pytest.raises(InputError, match="holds no earlier export"):
        registry.export(workspace, dataset.run_id, mine)
    assert sorted(path.name for path in mine.iterdir()) == ["dataset.json", "heldout.json"]
    assert (mine / "heldout.json").read_text() == "my own"
    out = tmp_path / "out"
    registry.export(workspace, dataset.run_id, out)
    (out / "heldout.json").write_text("my own")
    with pytest.raises(InputError, match=r"holds heldout\.json, which no export wrote"):
        registry.export(workspace, dataset.run_id, out)
    assert (out / "heldout.json").read_text() == "my own"


def test_an_export_replaces_the_files_of_an_earlier_one_and_nothing_else(
    workspace: Workspace, scoring: RunDir, tmp_path: Path
) -> None:
    held = {"split_by": "question", "heldout_share": 0.4}
    dataset = make(workspace, scoring.run_id, method="best_of_n", **held)
    out = tmp_path / "out"
    registry.export(workspace, dataset.run_id, out)
    assert (out / "torchtune-heldout.yaml").exists()
    (out / "notes.txt").write_text("mine")
    registry.export(workspace, dataset.run_id, out, "trl_conversational")
    names = {path.name for path in out.iterdir()}
    assert names == {"dataset.json", "train.json", "heldout.json", "notes.txt"}


@pytest.mark.parametrize("place", ["runs/x", "questions", "models/m", "annotations", "slots"])
def test_an_export_never_goes_where_the_workspace_keeps_its_own_files(
    workspace: Workspace, scoring: RunDir, place: str
) -> None:
    dataset = make(workspace, scoring.run_id, method="best_of_n")
    with pytest.raises(InputError, match="keeps its own files"):
        registry.export(workspace, dataset.run_id, workspace.root / place)
    assert not (workspace.root / place / "dataset.json").exists()


def test_datasets_are_listed_looked_into_and_deleted(workspace: Workspace, scoring: RunDir) -> None:
    dataset = make(workspace, scoring.run_id, method="dpo")
    unfinished = workspace.new_run(BuildSpec(run=scoring.run_id, method="dpo"))
    listed = {entry.run_id: entry for entry in registry.listing(workspace)}
    assert listed[dataset.run_id].rows == {"train": 10}
    assert listed[dataset.run_id].size_bytes > 1000
    assert listed[unfinished.run_id].document is None
    run, document = registry.find(workspace, dataset.run_id)
    first = registry.preview(run, document, offset=2, limit=3)
    everything = registry.preview(run, document, limit=100)
    assert first == everything[2:5]
    assert len(everything) == 10
    with pytest.raises(NotFoundError, match="not a complete dataset"):
        registry.find(workspace, unfinished.run_id)
    with pytest.raises(NotFoundError, match="not a complete dataset"):
        registry.find(workspace, scoring.run_id)
    registry.delete(workspace, unfinished.run_id)
    assert [entry.run_id for entry in registry.listing(workspace)] == [dataset.run_id]
    assert [p.name for p in workspace.runs_root.iterdir() if p.name.startswith(".")] == []


def test_a_dataset_in_use_is_deleted_only_by_force(workspace: Workspace, scoring: RunDir) -> None:
    dataset = make(workspace, scoring.run_id, method="dpo")
    check(workspace, dataset)
    with pytest.raises(InputError, match="is used by preflight-"):
        registry.delete(workspace, dataset.run_id)
    registry.delete(workspace, dataset.run_id, force=True)
    assert registry.listing(workspace) == []
    with pytest.raises(NotFoundError):
        registry.delete(workspace, scoring.run_id)


def question(name: str, statement: str, gold: str) -> Question:
    fields = ("python", "cases", "f", "def f(x)", "", statement, gold, "{}")
    return Question(name, 1, ["s"], *fields)


def test_overlap_is_found_in_text_and_in_renamed_programs() -> None:
    text = "Return the sum of all even numbers of the list, or zero when there are none."
    others = [
        question("same", text.upper().replace(",", " ;"), "def a(xs):\n    return 1\n"),
        question("other", "Reverse the words.", "def g(ys):  # x\n    return sum(ys)\n"),
    ]
    trained = [
        Trained("text", "python", text, ()),
        Trained("program", "python", "Add them up please", ("def f(x):\n    return sum(x)\n",)),
        Trained("clean", "python", "Sort by length", ("def f(x):\n    return sorted(x)\n",)),
    ]
    found = list(compare(trained, others, 8))
    assert (found[0].share, found[0].nearest, found[0].same_program) == (1.0, "same", ())
    assert (found[1].share, found[1].same_program) == (0.0, ("other",))
    assert (found[2].share, found[2].same_program) == (0.0, ())


BENCHMARK = "Write a function that returns the second largest of three different numbers."
LONGER = (
    f"You work for a bank and love puzzles. {BENCHMARK} Mind that numbers may be negative, too."
)


def _overlap(trained: str, other: str, n: int = 13) -> Overlap:
    (found,) = compare([Trained("t", "python", trained, ())], [question("o", other, "x = 1")], n)
    return found


def test_a_benchmark_question_inside_a_longer_statement_is_contained_whole() -> None:
    found = _overlap(LONGER, BENCHMARK, n=8)
    assert (found.contained, found.nearest) == (1.0, "o")
    assert found.share < 0.5
    assert found.worst == 1.0


def test_a_trained_statement_inside_a_longer_benchmark_question_has_the_full_share() -> None:
    found = _overlap(BENCHMARK, LONGER, n=8)
    assert (found.share, found.nearest) == (1.0, "o")
    assert found.contained < 0.5


@pytest.mark.parametrize("n", [13, 40])
def test_a_statement_shorter_than_n_is_found_inside_a_longer_one(n: int) -> None:
    assert len(BENCHMARK.split()) < 13
    assert _overlap(LONGER, BENCHMARK, n).contained == 1.0
    assert _overlap(BENCHMARK, LONGER, n).share == 1.0
    assert _overlap(LONGER, BENCHMARK.replace("second", "first"), n).worst == 0.0


def test_shares_of_texts_without_words_are_zero() -> None:
    assert _overlap("…", BENCHMARK).worst == 0.0
    assert _overlap(BENCHMARK, "…") == Overlap("t", 0.0, 0.0, None, ())


def test_the_nearest_question_is_the_one_that_is_contained_most() -> None:
    others = [
        question("part", "You work for a bank and love sums of many numbers, do not you?", "x = 1"),
        question("whole", BENCHMARK, "x = 1"),
    ]
    (found,) = compare([Trained("t", "python", LONGER, ())], others, 5)
    assert (found.nearest, found.contained) == ("whole", 1.0)


def test_short_statements_are_one_ngram_and_blank_ones_none() -> None:
    assert len(ngrams("Sort it", 13)) == 1
    assert ngrams("sort IT!", 13) == ngrams("Sort it", 13)
    assert ngrams(" ", 13) == set()
    assert len(ngrams("a b c d", 3)) == 2


def test_a_dataset_is_compared_with_an_imported_humaneval_set(
    workspace: Workspace, nano: list[Question], tmp_path: Path
) -> None:
    from codemix_core.questions.importer import import_questions

    gold = nano[0]
    record = {
        "task_id": "HumanEval/0",
        "prompt": f'def solve(values):\n    """{nano[1].statement}"""\n',
        "canonical_solution": gold.gold.partition("\n")[2].replace("xs", "values"),
        "test": "def check(candidate):\n    assert candidate([]) == []\n",
        "entry_point": "solve",
    }
    path = tmp_path / "he.jsonl"
    path.write_text(json.dumps(record) + "\n")
    import_questions(str(path), "he", "auto", workspace)
    dataset = make(workspace, "nano", method="gold_solution")
    found = report(workspace, dataset.run_id, "he", n=5)
    listed = {overlap.question_id: overlap for overlap in found.overlaps}
    assert listed[nano[1].question_id].share == 1.0
    assert listed[gold.question_id].same_program == ("HumanEval/0",)
    assert found.questions == len(nano) == len(found.shares) == len(found.contained)


def test_a_model_that_changed_since_it_was_sampled_blocks_and_another_model_only_warns() -> None:
    changed = Comparison(prompts=3, same_vocabulary=False, same_model=True)
    assert [problem.fix for problem in changed.problems()] == [
        "It has changed since: sample again."
    ]
    assert changed.warnings() == []
    other = Comparison(prompts=3, same_vocabulary=False, same_model=False)
    assert other.problems() == []
    assert "another vocabulary" in other.warnings()[0]


def test_answers_with_other_tokens_than_sampled_block_when_the_vocabulary_is_the_same() -> None:
    found = Comparison(prompts=2, same_prompts=2, answers=100, same_answers=89)
    other_end = replace(found, same_vocabulary=True)
    assert [problem.where for problem in other_end.problems()] == ["answers"]
    assert "only 89% of 100" in other_end.problems()[0].what
    assert replace(other_end, same_answers=90).problems() == []
    # Another vocabulary has other tokens anyway, and is named as such.
    assert replace(found, same_vocabulary=False).problems() == []
