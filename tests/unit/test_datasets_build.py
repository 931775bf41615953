"""``build``: rows, files and lineage of a dataset are what the rule, the runs and people say."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from codemix_core import files
from codemix_core.cli.app import main
from codemix_core.datasets.spec import BuildSpec
from codemix_core.datasets.stage import run as build
from codemix_core.errors import SpecError
from codemix_core.progress import Progress
from codemix_core.records import REFERENCES, Question, Reference
from codemix_core.sampling.languages import fenced
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.selection import annotations as people
from codemix_core.workspace import RunDir, Workspace
from tests.selection_data import PROGRAMS, sampled, verdict, write_runs

Runs = tuple[RunDir, RunDir]
N = 5


@pytest.fixture
def runs(workspace: Workspace, nano: list[Question]) -> Runs:
    return write_runs(workspace, "nano", nano, *sampled(nano[:20]))


def make(workspace: Workspace, run: str, **settings: Any) -> tuple[RunDir, dict[str, Any]]:
    spec = BuildSpec.parse({"run": run, **settings})
    assert spec.check(workspace) == []
    made = workspace.new_run(spec)
    build(spec, made, Progress(lambda snapshot: None))
    return made, files.read_json(made.dataset_path)


def rows_of(run: RunDir, document: dict[str, Any], side: str = "train") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        (run.root / document["files"][side]["file"]).read_text("utf-8")
    )
    return found


def test_best_of_n_trains_on_the_sampled_prompt_and_the_best_raw_output(
    workspace: Workspace, nano: list[Question], runs: Runs
) -> None:
    run, document = make(workspace, runs[1].run_id, method="best_of_n")
    rows = rows_of(run, document)
    assert len(rows) == document["counts"]["rows"] == 20
    assert [m["role"] for m in rows[0]["messages"]] == ["system", "user", "assistant"]
    assert nano[0].statement in rows[0]["messages"][1]["content"]
    assert {row["messages"][2]["content"] for row in rows} == {fenced(PROGRAMS[0], "python")}
    assert document["counts"]["infra_error"] == 20
    assert document["lineage"]["sampling"]["run_id"] == runs[0].run_id
    assert document["lineage"]["scoring"]["run_id"] == runs[1].run_id


def test_dpo_pairs_have_one_prompt_and_the_better_answer_as_chosen(
    workspace: Workspace, runs: Runs
) -> None:
    run, document = make(
        workspace, runs[1].run_id, method="dpo", strategy="all", minimum_preferred_score=0.75
    )
    rows = rows_of(run, document)
    # 4 beats 3, 2 and 0 passed tests, and 3 beats 2 and 0, for each of 20 questions.
    assert len(rows) == 20 * 5
    for row in rows:
        assert row["chosen"][:-1] == row["rejected"][:-1]
        assert row["chosen"][-1] != row["rejected"][-1]
    assert fenced(PROGRAMS[3], "python") not in json.dumps(rows)


def test_grpo_groups_carry_rewards_tokens_and_logprobs_of_all_scored_answers(
    workspace: Workspace, runs: Runs
) -> None:
    import pyarrow.parquet as pq

    run, document = make(workspace, runs[1].run_id, method="grpo")
    rows = pq.read_table(run.root / document["files"]["train"]["file"]).to_pylist()
    assert len(rows) == 20
    for row in rows:
        assert row["sample_indexes"] == [0, 1, 2, 4]
        assert row["rewards"] == [1.0, 0.5, 0.0, 0.75]
        assert [len(ids) for ids in row["token_ids"]] == [1, 2, 3, 5]
        assert [len(values) for values in row["logprobs"]] == [1, 2, 3, 5]
        assert sum(row["advantages"]) == pytest.approx(0.0)
        assert row["pass_rate"] == 0.25


def test_grpo_groups_can_be_rewarded_for_right_answers_alone(
    workspace: Workspace, runs: Runs
) -> None:
    from codemix_core.datasets.rows import read_rows

    run, document = make(workspace, runs[1].run_id, method="grpo", reward="correct")
    rows = list(read_rows(run, "groups"))
    assert {tuple(row["rewards"]) for row in rows} == {(1.0, 0.0, 0.0, 0.0)}
    assert rows[0]["advantages"] == pytest.approx([3**0.5, *[-(3**-0.5)] * 3])
    assert "--reward correct" in document["rebuild"]


def test_gold_is_taken_from_a_set_alone_and_with_reasoning_when_asked(
    workspace: Workspace, nano: list[Question]
) -> None:
    run, document = make(workspace, "nano", method="gold_solution")
    assert rows_of(run, document)[0]["messages"][2]["content"] == fenced(nano[0].gold, "python")
    assert any("never checked" in text for text in document["warnings"])
    run, document = make(workspace, "nano", method="gold_solution", cot=True)
    answer = rows_of(run, document)[0]["messages"][2]["content"]
    assert answer == f"{nano[0].reasoning}\n\n{fenced(nano[0].gold, 'python')}"


def test_gold_that_failed_its_own_tests_is_left_out_unless_asked_for(
    workspace: Workspace, nano: list[Question]
) -> None:
    check = workspace.new_run(SelfcheckSpec(questions="nano"))
    with check.writer(REFERENCES) as writer:
        for number, question in enumerate(nano):
            ok = number > 0
            writer.append(
                Reference(
                    question.question_id, ok, "passed", [], [], "", "h", 0.1, 1.0, 1.0, 64.0, None
                )
            )
    files.write_json(check.exit_path, {"state": "succeeded", "message": "", "seconds": 1.0})
    _, document = make(workspace, "nano", method="gold_solution")
    assert document["uncovered"] == [nano[0].question_id]
    _, document = make(workspace, "nano", method="gold_solution", include_flagged=True)
    assert document["uncovered"] == []


def test_questions_without_an_acceptable_answer_are_listed_or_get_gold_marked_as_such(
    workspace: Workspace, nano: list[Question]
) -> None:
    made, verdicts = sampled(nano[:4])
    verdicts = [
        verdict(v.question_id, v.sample_index, 1) if v.question_id == nano[2].question_id else v
        for v in verdicts
    ]
    _, scoring = write_runs(workspace, "nano", nano, made, verdicts)
    _, document = make(workspace, scoring.run_id, method="best_of_n")
    assert document["uncovered"] == [nano[2].question_id]
    run, document = make(workspace, scoring.run_id, method="best_of_n", gold_fallback=True)
    assert document["uncovered"] == []
    from codemix_core.datasets.rows import read_rows

    sources = {row["question_id"]: row["source"] for row in read_rows(run, "examples")}
    assert sources[nano[2].question_id] == "gold_fallback"
    assert sources[nano[0].question_id] == "generation"


def test_the_same_spec_gives_the_same_bytes(workspace: Workspace, runs: Runs) -> None:
    for settings in (
        {"method": "best_of_n", "tie_break": "random", "split_by": "skill_pair"},
        {"method": "dpo", "strategy": "random", "split_by": "question"},
        {"method": "grpo", "split_by": "skill_pair", "heldout_share": 0.4},
    ):
        (one, first), (other, second) = (
            make(workspace, runs[1].run_id, **settings) for _ in range(2)
        )
        assert first["files"]
        for side, found in first["files"].items():
            assert found["sha256"] == second["files"][side]["sha256"]
            path = one.root / found["file"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == found["sha256"]
            assert path.read_bytes() == (other.root / found["file"]).read_bytes()


def test_a_build_interrupted_half_way_starts_over_and_gives_the_same_bytes(
    workspace: Workspace, runs: Runs
) -> None:
    run, document = make(workspace, runs[1].run_id, method="dpo", strategy="all")
    run.dataset_path.unlink()
    (run.dataset_root / "left-over.json").write_text("[")
    spec = BuildSpec.parse(run.load_spec())
    build(spec, run, Progress(lambda snapshot: None))
    again = files.read_json(run.dataset_path)
    assert again["files"] == document["files"]
    assert again["counts"]["rows"] == document["counts"]["rows"]
    assert [path.name for path in run.dataset_root.iterdir()] == ["train.json"]


def test_decisions_of_people_are_applied_and_kept_with_the_dataset(
    workspace: Workspace, nano: list[Question], runs: Runs
) -> None:
    names = [q.question_id for q in nano[:3]]
    settings: dict[str, Any] = {"method": "dpo", "strategy": "max_min"}
    people.write(runs[1], "pair", "reject", names[0], 0, 2, author="a", reason="unclear")
    people.write(runs[1], "pair", "swap", names[1], 0, 2, author="b")
    people.write(runs[1], "pair", "accept", names[2], 0, 2, author="b")
    people.write(runs[1], "pair", "reject", names[2], 0, 4, author="b", reason="no such pair")
    run, document = make(workspace, runs[1].run_id, **settings)
    from codemix_core.datasets.rows import read_rows

    rows = {row["question_id"]: row for row in read_rows(run, "pairs")}
    assert names[0] not in rows
    assert names[0] in document["uncovered"]
    assert (rows[names[1]]["chosen_index"], rows[names[1]]["decision"]) == (2, "swap")
    assert rows[names[2]]["decision"] == "accept"
    applied = [(a["question_id"], a["action"]) for a in document["annotations"]["applied"]]
    assert sorted(applied) == sorted(
        [(names[0], "reject"), (names[1], "swap"), (names[2], "accept")]
    )
    assert document["counts"]["pairs_unreviewed"] == 17
    _, reviewed = make(workspace, runs[1].run_id, **settings, reviewed_only=True)
    assert reviewed["counts"]["rows"] == 2


def test_the_rebuild_command_gives_the_same_bytes_after_more_decisions(
    workspace: Workspace, nano: list[Question], runs: Runs
) -> None:
    import shlex

    from codemix_core.cli.options import spec_from

    name = nano[0].question_id
    people.write(runs[1], "pick", "pick", name, 1, author="a", reason="shorter")
    _, document = make(workspace, runs[1].run_id, method="best_of_n", min_score=0.5)
    people.write(runs[1], "pick", "reject", nano[1].question_id, 0, author="a")
    _, changed = make(workspace, runs[1].run_id, method="best_of_n", min_score=0.5)
    words = shlex.split(document["rebuild"])[3:]
    values = {
        w.removeprefix("--").replace("-", "_"): v for w, v in pairwise(words) if w.startswith("--")
    }
    spec = spec_from(BuildSpec, {**values, "run": words[1]})
    _, again = make(workspace, **spec.model_dump())
    assert again["files"]["train"]["sha256"] == document["files"]["train"]["sha256"]
    assert changed["files"]["train"]["sha256"] != document["files"]["train"]["sha256"]


def test_picks_of_people_are_applied(
    workspace: Workspace, nano: list[Question], runs: Runs
) -> None:
    people.write(runs[1], "pick", "pick", nano[0].question_id, 1, author="a")
    people.write(runs[1], "pick", "reject", nano[1].question_id, 0, author="a")
    people.write(runs[1], "pick", "pick", nano[2].question_id, 3, author="a")
    run, document = make(workspace, runs[1].run_id, method="best_of_n")
    from codemix_core.datasets.rows import read_rows

    rows = {row["question_id"]: row for row in read_rows(run, "examples")}
    assert rows[nano[0].question_id]["sample_index"] == 1
    assert rows[nano[0].question_id]["reason"] == "chosen by a person"
    assert nano[1].question_id in document["uncovered"]
    # The person's choice had an infrastructure error: it has no score and cannot be taken.
    assert rows[nano[2].question_id]["sample_index"] == 0
    assert any("chosen by a person" in text for text in document["warnings"])


def test_rejected_answers_that_never_ended_are_named(
    workspace: Workspace, nano: list[Question]
) -> None:
    made, verdicts = sampled(nano[:3])
    made = [replace(g, finish_reason="length") if g.sample_index == 2 else g for g in made]
    _, scoring = write_runs(workspace, "nano", nano, made, verdicts)
    _, document = make(workspace, scoring.run_id, method="dpo", strategy="max_min")
    assert any(text.startswith("3 rejected answers were cut") for text in document["warnings"])


def test_a_split_leaves_no_skill_pair_on_both_sides_of_the_files(
    workspace: Workspace, nano: list[Question], runs: Runs
) -> None:
    run, document = make(
        workspace, runs[1].run_id, method="best_of_n", split_by="skill_pair", heldout_share=0.4
    )
    from codemix_core.datasets.rows import read_rows
    from codemix_core.selection.splits import skill_pairs

    skills = {q.question_id: q.skills for q in nano}
    pairs: dict[str, set[frozenset[str]]] = {"train": set(), "heldout": set()}
    for row in read_rows(run, "examples"):
        pairs[row["side"]] |= skill_pairs(skills[row["question_id"]])
    assert pairs["train"]
    assert pairs["heldout"]
    assert pairs["train"].isdisjoint(pairs["heldout"])
    assert {side: found["rows"] for side, found in document["files"].items()}.keys() == pairs.keys()


def test_answers_without_stored_prompts_get_the_bundled_prompt(
    workspace: Workspace, nano: list[Question]
) -> None:
    from codemix_core.sampling.prompts import build_messages

    _, scoring = write_runs(workspace, "nano", nano, *sampled(nano[:2]), prompts=False)
    run, document = make(workspace, scoring.run_id, method="best_of_n")
    assert rows_of(run, document)[0]["messages"][:2] == build_messages(nano[0], "direct")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"method": "dpo", "tie_break": "shortest"}, "tie_break"),
        ({"method": "grpo", "column": "code"}, "column"),
        ({"method": "best_of_n", "template": "preference"}, "template"),
        ({"method": "dpo", "strategy": "best"}, "strategy"),
        ({"method": "grpo", "min_pass_rate": 0.9, "max_pass_rate": 0.1}, "min_pass_rate"),
        ({"method": "best_of_n", "split_by": "k"}, "heldout_k"),
        ({"method": "best_of_n", "min_score": 1.5}, "min_score"),
        ({"method": "ppo"}, "method"),
        ({"method": "dpo", "colum": "code"}, "colum"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_by_name(
    settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(SpecError) as caught:
        BuildSpec.parse({"run": "score-20260102T030405-abcd", **settings})
    assert field in [problem.where for problem in caught.value.problems]


def test_runs_that_cannot_be_built_from_are_refused_before_anything_is_written(
    workspace: Workspace, runs: Runs
) -> None:
    sampling, scoring = runs
    (scoring.exit_path).unlink()
    cases = {
        sampling.run_id: "is a import_generations run",
        scoring.run_id: "is not complete",
        "nano": "Give a scoring run",
        "score-20260102T030405-abcd": "there is no run",
    }
    for run_id, words in cases.items():
        problems = BuildSpec(run=run_id, method="dpo").check(workspace)
        assert len(problems) == 1
        assert words in str(problems[0])
    assert BuildSpec(run=scoring.run_id, method="dpo", partial=True).check(workspace) == []


@pytest.mark.parametrize("method", ["gold_solution", "best_of_n", "grpo"])
def test_a_split_the_questions_lack_is_refused_before_anything_is_written(
    workspace: Workspace,
    nano: list[Question],
    method: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = [question for question in nano if question.split == "train"]
    workspace.write_question_set("few", few, {"source": "few", "format": "nano"})
    _, scoring = write_runs(workspace, "few", few, *sampled(few[:2]))
    before = [run.run_id for run in workspace.runs()]
    source = "few" if method == "gold_solution" else scoring.run_id
    assert main(["build", source, "--method", method, "--split", "heldout"]) == 2
    said = capsys.readouterr().err
    assert "split: 'few' has no question of split heldout. Its splits: train." in said
    assert [run.run_id for run in workspace.runs()] == before
    assert BuildSpec(run=source, method=method, split="train").check(workspace) == []


def test_a_rule_nothing_satisfies_gives_no_file_and_a_blocking_problem(
    workspace: Workspace, nano: list[Question]
) -> None:
    made, verdicts = sampled(nano[:3])
    none = [verdict(v.question_id, v.sample_index, 0) for v in verdicts]
    _, scoring = write_runs(workspace, "nano", nano, made, none)
    for method in ("best_of_n", "dpo", "grpo"):
        _, document = make(workspace, scoring.run_id, method=method)
        assert document["files"] == {}
        assert [p["what"] for p in document["problems"]] == ["there are none."]
        assert len(document["uncovered"]) == 3
