"""``evaluate``: its settings, and a document whose figures are worked out by hand or by scipy."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from codemix_core.datasets import stage as build_stage
from codemix_core.datasets.spec import BuildSpec
from codemix_core.errors import SpecError
from codemix_core.evaluation import compare, headline, stage
from codemix_core.evaluation.seen import trained_questions
from codemix_core.evaluation.spec import SHARED, EvaluateSpec
from codemix_core.progress import Progress
from codemix_core.records import Question, Status
from codemix_core.sampling.spec import SampleSpec
from codemix_core.specs import Spec, option
from codemix_core.workspace import RunDir, Workspace
from tests.evaluation_data import TUNED, evaluated, spec
from tests.pages_data import CORRECT, N, ended, made


@pytest.fixture
def asked(nano: list[Question]) -> list[Question]:
    return [*nano[:2], *nano[12:14], *nano[24:26]]


def problems(workspace: Workspace, **settings: Any) -> dict[str, str]:
    """Everything wrong with a spec, by field."""
    try:
        found = spec(**settings).check(workspace)
    except SpecError as error:
        found = error.problems
    return {problem.where: f"{problem.what} {problem.fix}" for problem in found}


def test_every_shared_setting_is_exactly_that_of_sampling() -> None:
    assert len(SHARED) > 15
    for name in SHARED:
        ours, theirs = EvaluateSpec.model_fields[name], SampleSpec.model_fields[name]
        assert ours.annotation == theirs.annotation, name
        for part in ("default", "description", "metadata", "json_schema_extra"):
            assert getattr(ours, part) == getattr(theirs, part), name
    own = {"questions", "model", "revision", "split"}
    assert set(SampleSpec.model_fields) - own == set(SHARED)


def test_both_models_are_sampled_with_one_spec_that_differs_in_the_model_alone() -> None:
    wanted = spec(n=7, temperature=0.3, cot=True, seed=5, split=("hard",), limit=3)
    first, second = (wanted.sampling(name, "hard").model_dump() for name in ("nano", "tuned"))
    assert first.pop("model") != second.pop("model")
    assert first == second
    assert (first["n"], first["cot"], first["split"], first["limit"]) == (7, True, "hard", 3)
    assert wanted.sampling("nano", "all").split is None


def test_every_problem_names_its_field(workspace: Workspace, nano: list[Question]) -> None:
    found = problems(workspace, model="nobody", baseline="nowhere", questions="nano")
    assert set(found) == {"model", "baseline"}
    assert "'nobody' is not known" in found["model"]
    assert "'nowhere' is not known" in found["baseline"]
    assert "compared with itself" in problems(workspace, model="nano")["baseline"]
    path = Path("codemix_core/questions/nano_model").absolute()
    assert "are one model" in problems(workspace, model=str(path))["baseline"]
    assert "no question set" in problems(workspace, questions="nope")["questions"]
    found = problems(workspace, model="nano", n=0, split=("held",))
    assert set(found) == {"n", "split.0", "baseline"}
    assert "names no questions" in problems(workspace, split=())["split"]
    assert "given twice" in problems(workspace, split=("hard", "hard"))["split"]
    assert "every split already" in problems(workspace, split=("all", "hard"))["split"]
    assert "all 4 answers" in problems(workspace, temperature=0)["temperature"]


def test_a_split_without_questions_is_named_with_those_there_are(
    workspace: Workspace, nano: list[Question]
) -> None:
    workspace.write_question_set("some", nano[:3], {})
    found = problems(workspace, questions="some", split=("train", "hard"))["split"]
    assert "hard: no question of 'some' is left" in found
    assert "train: " not in found
    assert "Splits of this set: train." in found


def test_a_checkpoint_that_is_damaged_is_told_of_the_field_it_stands_in(
    workspace: Workspace, nano: list[Question], tmp_path: Path
) -> None:
    found = problems(workspace, baseline=str(tmp_path), model="nano")
    assert len(found) == 1
    assert f"baseline {tmp_path}" in found


def document(run: RunDir) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.evaluation_path.read_text())
    return found


def test_the_document_holds_the_figures_worked_out_by_hand(
    workspace: Workspace, asked: list[Question]
) -> None:
    found = document(evaluated(workspace, asked))
    (part,) = found["parts"]
    comparison = part["comparison"]
    first, *_, last = comparison["differences"]
    assert first["name"] == "pass@1"
    assert first["baseline"] == pytest.approx(10 / 24)
    assert first["run"] == pytest.approx(17 / 24)
    assert first["difference"]["value"] == pytest.approx(7 / 24)
    assert first["finding"] == compare.BETTER
    at_four = comparison["differences"][2]
    assert (at_four["name"], at_four["run"]) == ("pass@4", 1.0)
    assert at_four["baseline"] == pytest.approx(4 / 6)
    assert last["name"] == "mean score"
    assert (comparison["won"], comparison["lost"], comparison["same"]) == (5, 0, 1)
    length = comparison["tokens_per_answer"]
    assert length["run"] == length["baseline"] == 7 + (N - 1) / 2
    assert length["finding"] == compare.NO_DIFFERENCE
    shift = {row["name"]: row for row in comparison["verdict_shift"]}
    assert shift["passed"]["difference"]["value"] == pytest.approx(7 / 24)
    assert shift["passed"]["finding"] == compare.MORE
    assert sum(row["run"] for row in shift.values()) == pytest.approx(1)
    by_k = {row["k"]: row for row in comparison["by_k"]}
    assert by_k[3]["baseline"] == 0
    assert by_k[3]["difference"] == pytest.approx(0.25)
    assert found["settings"]["n"] == N
    assert found["warnings"] == []
    assert EvaluateSpec.stage == "evaluate"


def test_the_interval_is_scipys_paired_bootstrap_over_questions(
    workspace: Workspace, asked: list[Question]
) -> None:
    gaps = (np.array(TUNED) - np.array(CORRECT)) / N
    (part,) = document(evaluated(workspace, asked))["parts"]
    ours = part["comparison"]["differences"][0]["difference"]
    theirs = stats.bootstrap(
        (gaps,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours["low"] == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours["high"] == pytest.approx(theirs.high, abs=0.08 * width)


def test_swapping_the_models_turns_every_finding_round(
    workspace: Workspace, asked: list[Question]
) -> None:
    (part,) = document(evaluated(workspace, asked, correct=(TUNED, CORRECT)))["parts"]
    assert part["comparison"]["differences"][0]["finding"] == compare.WORSE
    assert part["comparison"]["lost"] == 5
    assert part["headline"] == (
        f"all questions pass@1 0.708 → 0.417, {headline.change(_gap(part))}: worse"
    )
    assert "−0.292 [−0.4" in part["headline"]


def _gap(part: dict[str, Any]) -> dict[str, Any]:
    gap: dict[str, Any] = part["comparison"]["differences"][0]["difference"]
    return gap


def test_an_interval_that_holds_zero_is_no_difference(
    workspace: Workspace, asked: list[Question]
) -> None:
    mixed = (3, 4, 2, 1, 1, 0)
    (part,) = document(evaluated(workspace, asked, correct=(CORRECT, mixed)))["parts"]
    gap = _gap(part)
    assert gap["low"] < 0 < gap["high"]
    assert part["headline"].endswith(": no difference")


def counts(correct: list[int], scored: int = 8, tokens: int = 80) -> pd.DataFrame:
    rows = [
        {"question_id": f"q{i}", "k": 1, "skills": ["a"], "split": None, "n": scored}
        | {"scored": scored, "correct": c, "score_sum": float(c), "tokens": tokens}
        | dict.fromkeys((s.value for s in Status), 0)
        for i, c in enumerate(correct)
    ]
    return pd.DataFrame(rows)


@given(st.lists(st.integers(1, 8), min_size=2, max_size=compare.FEWEST - 1))
def test_fewer_than_six_questions_are_never_better_though_all_gained(gained: list[int]) -> None:
    pairing = compare.pair(counts(gained), counts([0] * len(gained)))
    first = compare.differences(pairing)[0]
    assert first.difference.low > 0
    assert first.finding == compare.UNKNOWN
    assert stats.binomtest(len(gained), len(gained)).pvalue > 0.05


def test_six_questions_that_all_gained_are_better() -> None:
    pairing = compare.pair(counts([1] * 6), counts([0] * 6))
    assert compare.differences(pairing)[0].finding == compare.BETTER
    assert stats.binomtest(6, 6).pvalue < 0.05


def test_lengths_that_nobody_counted_have_no_difference_to_tell() -> None:
    pairing = compare.pair(counts([1] * 6), counts([1] * 6, tokens=0))
    found = compare.length_difference(pairing)
    assert found.finding == compare.UNKNOWN
    assert np.isnan(found.difference.value)
    longer = compare.pair(counts([1] * 6, tokens=160), counts([1] * 6))
    assert compare.length_difference(longer).finding == compare.LONGER
    assert compare.length_difference(longer).difference.value == 10


def test_hard_questions_of_one_k_are_called_by_it() -> None:
    assert headline.title("hard", [3]) == "hard (k = 3)"
    assert headline.title("hard", [3, 4]) == "hard"
    assert headline.title("heldout", [2]) == "held-out"


def test_a_difference_that_rounds_to_zero_has_no_sign() -> None:
    assert [headline.signed(v, 2) for v in (-0.001, 0.0, 0.004, -0.01)] == [
        *("0.00", "0.00", "0.00", "−0.01"),
    ]


def test_an_earlier_run_is_used_again_unless_what_it_read_is_newer(
    workspace: Workspace, nano: list[Question], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    wanted = spec().sampling(str(checkpoint), "all")
    assert not stage.is_current(wanted, workspace), "there is no run yet"
    run = ended(made(workspace, wanted, "once"), 4, "samples")
    assert stage.is_current(wanted, workspace)
    assert not stage.is_current(wanted.model_copy(update={"seed": 1}), workspace)
    later = time.time() + 60
    os.utime(checkpoint / "config.json", (later, later))
    assert not stage.is_current(wanted, workspace), "the weights were written after the run"
    os.utime(run.spec_path, (later + 1, later + 1))
    assert stage.is_current(wanted, workspace)
    (checkpoint / "config.json").unlink()
    checkpoint.rmdir()


def test_a_name_that_was_registered_again_is_sampled_again(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    workspace.write_model("mine", {"path": str(nano_model)})
    wanted = spec().sampling("mine", "all")
    run = ended(made(workspace, wanted, "once"), 4, "samples")
    later = time.time() + 60
    os.utime(run.spec_path, (later, later))
    assert stage.is_current(wanted, workspace)
    os.utime(workspace.model_path("mine"), (later + 60, later + 60))
    assert not stage.is_current(wanted, workspace)


class Train(Spec):
    """Stands for the settings of a training run."""

    stage: ClassVar[str] = "train"
    command: ClassVar[str] = "train"
    dataset: str = option(doc="")
    model: str = option(doc="")


def built(workspace: Workspace, split: str, letters: str) -> RunDir:
    made_of = BuildSpec.parse({"run": "nano", "method": "gold_solution", "split": split})
    run = made(workspace, made_of, letters)
    build_stage.run(made_of, run, Progress(lambda document: None))
    return run


def test_questions_a_model_or_its_ancestors_were_trained_on_are_named(
    workspace: Workspace, nano: list[Question], asked: list[Question]
) -> None:
    first = made(
        workspace, Train(dataset=built(workspace, "train", "data").run_id, model="nano"), "fste"
    )
    parent = first.checkpoints_root / "epoch_0"
    parent.mkdir(parents=True)
    dataset = built(workspace, "hard", "more").run_id
    second = made(workspace, Train(dataset=dataset, model=str(parent)), "scnd")
    child = second.checkpoints_root / "epoch_1"
    child.mkdir(parents=True)
    workspace.write_model("child", {"path": str(child)})
    by_split = {s: {q.question_id for q in nano if q.split == s} for s in ("train", "hard")}
    assert trained_questions(workspace, str(parent), "nano") == by_split["train"]
    assert trained_questions(workspace, "child", "nano") == by_split["train"] | by_split["hard"]
    assert trained_questions(workspace, "nano", "nano") == frozenset()
    workspace.write_question_set("other", nano[:5], {})
    assert trained_questions(workspace, "child", "other") == frozenset()
    (warning,) = document(evaluated(workspace, asked, model="child"))["warnings"]
    assert "child was trained on 4 of the 6 questions" in warning
