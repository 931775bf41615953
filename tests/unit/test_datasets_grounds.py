"""What a dataset rests on: the side of every question, and the self-check of its gold."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from typing import Any

import pytest

from codemix_core import files
from codemix_core.datasets.spec import BuildSpec
from codemix_core.datasets.stage import run as build
from codemix_core.errors import SpecError
from codemix_core.progress import Progress
from codemix_core.records import REFERENCES, Question, Reference
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.workspace import RunDir, Workspace
from tests.selection_data import sampled, verdict, write_runs


def make(workspace: Workspace, run: str, **settings: Any) -> tuple[RunDir, dict[str, Any]]:
    spec = BuildSpec.parse({"run": run, **settings})
    assert spec.check(workspace) == []
    made = workspace.new_run(spec)
    build(spec, made, Progress(lambda snapshot: None))
    return made, files.read_json(made.dataset_path)


def split_set(workspace: Workspace, nano: list[Question], *splits: str) -> str:
    """A scoring run over the first questions, each said to be of the split at its place."""
    kept = [replace(q, split=name) for q, name in zip(nano, splits, strict=False)]
    workspace.write_question_set("kept", kept, {"source": "a test", "format": "nano"})
    return write_runs(workspace, "kept", kept, *sampled(kept))[1].run_id


def test_training_on_questions_kept_for_evaluation_is_told_with_their_numbers(
    workspace: Workspace, nano: list[Question]
) -> None:
    run_id = split_set(workspace, nano, "train", "heldout", "hard", "heldout", "train")
    spec = BuildSpec.parse({"run": run_id, "method": "best_of_n"})
    made = workspace.new_run(spec)
    summary = build(spec, made, Progress(lambda snapshot: None))
    (warning,) = files.read_json(made.dataset_path)["warnings"]
    assert warning.startswith("1 hard and 2 heldout questions of 'kept' are on the train side")
    assert warning in summary
    for settings in ({"split": "train"}, {"split_by": "source"}):
        _, document = make(workspace, run_id, method="best_of_n", **settings)
        assert not any("train side" in text for text in document["warnings"])


def test_no_row_left_to_train_on_blocks_and_none_held_out_is_told(
    workspace: Workspace, nano: list[Question]
) -> None:
    run_id = split_set(workspace, nano, "heldout", "heldout")
    _, document = make(workspace, run_id, method="best_of_n", split_by="source")
    assert [p["what"] for p in document["problems"]] == [
        "are all held out: none is left to train on."
    ]
    _, document = make(workspace, run_id, method="best_of_n", split_by="k", heldout_k=(99,))
    assert document["problems"] == []
    assert "split_by k holds out no row: there is nothing to evaluate on" in document["warnings"]
    _, document = make(workspace, run_id, method="best_of_n")
    assert not any("holds out no row" in text for text in document["warnings"])


def test_a_share_of_the_questions_is_one_of_those_that_have_scores(
    workspace: Workspace, all_nano: list[Question]
) -> None:
    workspace.write_question_set("whole", all_nano, {"source": "a test", "format": "nano"})
    asked = [q for q in all_nano if q.split == "train"][::20]
    run_id = write_runs(workspace, "whole", all_nano, *sampled(asked))[1].run_id
    settings = {"split_by": "question", "heldout_share": 0.2, "method": "best_of_n"}
    _, document = make(workspace, run_id, **settings)
    counts = document["split"]["questions"]
    assert sum(counts.values()) == len(asked)
    assert counts["heldout"] == document["files"]["heldout"]["rows"]
    assert 0.15 * len(asked) < counts["heldout"] < 0.3 * len(asked)


def checked(workspace: Workspace, questions: list[Question], failing: set[str]) -> RunDir:
    """A complete self-check of the nano set in which these questions' gold fails."""
    run = workspace.new_run(SelfcheckSpec(questions="nano"))
    with run.writer(REFERENCES) as writer:
        for question in questions:
            name, ok = question.question_id, question.question_id not in failing
            writer.append(Reference(name, ok, "passed", [], [], "", "h", 0.1, 1.0, 1.0, 64.0, None))
    files.write_json(run.exit_path, {"state": "succeeded", "message": "", "seconds": 1.0})
    return run


def rebuilt(workspace: Workspace, document: dict[str, Any]) -> dict[str, Any]:
    """What the document's rebuild command gives now."""
    words = shlex.split(document["rebuild"])
    name = words[words.index("--selfcheck") + 1]
    settings: dict[str, Any] = {"method": document["method"], "selfcheck": name}
    if document["method"] == "best_of_n":
        settings["gold_fallback"] = True
    return make(workspace, words[words.index("build") + 1], **settings)[1]


def test_a_rebuild_with_gold_rests_on_the_self_check_of_the_first_build(
    workspace: Workspace, nano: list[Question]
) -> None:
    one, two = nano[0].question_id, nano[1].question_id
    made, verdicts = sampled(nano[:3])
    none = [verdict(v.question_id, v.sample_index, 0) for v in verdicts]
    run_id = write_runs(workspace, "nano", nano, made, none)[1].run_id
    ways: list[tuple[str, dict[str, Any]]] = [
        ("nano", {"method": "gold_solution"}),
        (run_id, {"method": "best_of_n", "gold_fallback": True}),
    ]
    unchecked = [make(workspace, name, **settings)[1] for name, settings in ways]
    first = checked(workspace, nano, {one})
    before = [make(workspace, name, **settings)[1] for name, settings in ways]
    time.sleep(1.1)  # Run ids sort by whole seconds.
    checked(workspace, nano, {two})
    for document, uncovered in [*((d, []) for d in unchecked), *((d, [one]) for d in before)]:
        assert document["uncovered"] == uncovered
        again = rebuilt(workspace, document)
        assert again["uncovered"] == uncovered
        hashes = [d["files"]["train"]["sha256"] for d in (document, again)]
        assert hashes[0] == hashes[1]
    assert before[0]["lineage"]["selfcheck"] == {"run_id": first.run_id}
    assert "selfcheck" not in unchecked[0]["lineage"]
    assert make(workspace, "nano", method="gold_solution")[1]["uncovered"] == [two]


def test_a_self_check_that_cannot_serve_is_refused(
    workspace: Workspace, nano: list[Question]
) -> None:
    scoring = write_runs(workspace, "nano", nano, *sampled(nano[:2]))[1].run_id
    cases = {scoring: "is a score run", "selfcheck-20260102T030405-abcd": "there is no run"}
    for name, words in cases.items():
        spec = BuildSpec(run="nano", method="gold_solution", selfcheck=name)
        assert words in str(spec.check(workspace)[0])
    unfinished = workspace.new_run(SelfcheckSpec(questions="nano"))
    spec = BuildSpec(run="nano", method="gold_solution", selfcheck=unfinished.run_id)
    assert "is not complete" in str(spec.check(workspace)[0])
    with pytest.raises(SpecError, match="no effect without gold_fallback"):
        BuildSpec.parse({"run": scoring, "method": "best_of_n", "selfcheck": "none"})
