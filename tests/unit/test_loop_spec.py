"""A loop's settings become those of its steps, and what a step would refuse is refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from codemix_core.errors import SpecError
from codemix_core.loop.spec import LoopSpec
from codemix_core.records import Question
from codemix_core.workspace import Workspace


def loop(**settings: Any) -> LoopSpec:
    return LoopSpec.parse({"questions": "nano", "method": "dpo", **settings})


def wrong(workspace: Workspace | None = None, **settings: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        LoopSpec.parse({"questions": "nano", "method": "dpo", **settings}, workspace)
    return {problem.field: str(problem) for problem in caught.value.problems}


def test_every_step_is_a_spec_that_stands_on_its_own() -> None:
    for method in ("sft", "best_of_n", "dpo", "grpo"):
        for cot in (False, True):
            spec = loop(method=method, cot=cot)
            source = "nano" if method == "sft" else "score-20260102T030405-abcd"
            steps = [
                spec.sampling("nano", 1),
                spec.scoring("sample-20260102T030405-abcd"),
                spec.building(source),
                spec.training("build-20260102T030405-abcd", "nano", 1),
                spec.evaluation("tuned", ("heldout", "hard")),
            ]
            for step in steps:
                assert step.contradictions() == [], step


def test_each_round_samples_and_trains_with_another_seed_and_is_measured_with_the_same() -> None:
    spec = loop(seed=5, n=3)
    assert [spec.sampling("m", number).seed for number in (1, 2)] == [5, 6]
    assert [spec.training("d", "m", number).set for number in (1, 2)] == [("seed=5",), ("seed=6",)]
    assert spec.evaluation("m").seed == 5


def test_sampling_is_of_training_questions_and_measuring_of_others() -> None:
    spec = loop(limit=7, evaluate_limit=9, evaluate_n=3, temperature=0.9, evaluate_temperature=0.5)
    sampling, evaluation = spec.sampling("m", 1), spec.evaluation("m")
    assert (sampling.split, sampling.limit, sampling.temperature) == ("train", 7, 0.9)
    assert (evaluation.split, evaluation.limit) == (("heldout",), 9)
    assert (evaluation.n, evaluation.temperature, evaluation.baseline) == (3, 0.5, "nano")


def test_a_persons_changes_win_over_the_rounds_seed() -> None:
    training = loop(set=("seed=9", "epochs=2"), override="known").training("d", "m", 3)
    assert training.changes() == {"seed": "9", "epochs": "2"}
    assert training.override == "known"


def test_what_a_step_would_refuse_is_refused_before_the_first() -> None:
    assert "got 'epochs';" in wrong(set=("epochs",))["set"]
    assert "'furthest'" in wrong(strategy="furthest")["strategy"]
    assert "is empty" in wrong(override=" ")["override"]


def test_a_set_without_held_out_questions_cannot_be_looped_over(
    workspace: Workspace, nano: list[Question]
) -> None:
    train = [question for question in nano if question.split == "train"]
    workspace.write_question_set("all", train, {})
    assert "no question in the split 'heldout'" in wrong(workspace, questions="all")["questions"]
    assert "there is no question set 'none'" in wrong(workspace, questions="none")["questions"]
    assert "does not exist" in wrong(workspace, model="/no/model")["model"]
    LoopSpec.parse({"questions": "nano", "method": "sft"}, workspace)
