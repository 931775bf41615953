"""What a report says of a scored run, on counts small enough to work out by hand."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from codemix_core.errors import InputError
from codemix_core.evaluation import compare, report, summary
from codemix_core.records import GENERATIONS, VERDICTS, Generation, Question, Status, Verdict
from codemix_core.specs import Spec, option
from codemix_core.workspace import RunDir, Workspace


def row(question_id: str, skills: list[str], scored: int, correct: int, **more: Any) -> Any:
    base: dict[str, Any] = {
        "question_id": question_id,
        "k": len(skills),
        "skills": skills,
        "split": None,
        "n": scored,
        "scored": scored,
        "correct": correct,
        "score_sum": float(correct),
        "tokens": 10 * scored,
        **{status.value: 0 for status in Status},
        "passed": correct,
        "failed": scored - correct,
    }
    return base | more


def frame(*rows: Any) -> pd.DataFrame:
    return pd.DataFrame(list(rows) or [row("x", ["a"], 1, 1)]).iloc[: len(rows)]


RUN = frame(
    row("q1", ["b", "a"], 4, 4, split="train"),
    row("q2", ["a", "c"], 4, 1, split="train", score_sum=2.5),
    row("q3", ["c"], 2, 0, split="heldout", n=4, infra_error=1),
    row("q4", ["c"], 0, 0, n=4, infra_error=4),
)


def test_pass_at_k_is_over_the_questions_with_enough_scored_answers_and_says_how_many() -> None:
    found = {p.k: p.interval for p in summary.pass_ladder(RUN)}
    assert list(found) == [1, 2, 4]
    assert [found[k].questions for k in found] == [3, 3, 2]
    assert found[1].value == pytest.approx((1 + 1 / 4 + 0) / 3)
    assert found[2].value == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert found[4].value == pytest.approx((1 + 1) / 2)


def test_infrastructure_errors_count_neither_for_nor_against() -> None:
    clean = frame(row("q1", ["a"], 4, 2))
    spoilt = frame(row("q1", ["a"], 4, 2, n=9, infra_error=5))
    for figure in (summary.per_question(clean, 1), summary.mean_scores(clean)):
        assert figure.tolist() == [0.5]
    assert summary.per_question(spoilt, 1).tolist() == [0.5]
    assert summary.mean_scores(spoilt).tolist() == [0.5]
    assert summary.verdict_counts(spoilt)["infra_error"] == 5


def test_verdicts_are_counted_with_the_unscored_last() -> None:
    found = summary.verdict_counts(RUN)
    assert list(found) == [*(status.value for status in Status), "unscored"]
    assert (found["passed"], found["failed"], found["infra_error"]) == (5, 5, 5)
    assert found["unscored"] == 16 - 15


def test_mean_score_counts_partial_credit() -> None:
    scores = summary.mean_scores(RUN)
    assert scores[:3].tolist() == [1.0, 0.625, 0.0]
    assert np.isnan(scores[3])


def test_the_histogram_sets_never_and_always_solved_apart() -> None:
    rates = [(0, 10), (1, 10), (3, 10), (7, 10), (9, 10), (10, 10), (10, 10), (999, 1000)]
    found = summary.histogram(frame(*(row(str(i), ["a"], n, c) for i, (c, n) in enumerate(rates))))
    sizes = dict(zip(found["label"], found["questions"], strict=True))
    assert {label: size for label, size in sizes.items() if size} == {
        "0": 1,
        "0.1–0.2": 1,
        "0.3–0.4": 1,
        "0.7–0.8": 1,
        "0.9–1.0": 2,
        "1": 2,
    }
    assert len(found) == 12


@given(st.integers(1, 64).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_every_scored_question_is_in_exactly_one_bar_that_holds_its_rate(
    drawn: tuple[int, int],
) -> None:
    n, c = drawn
    found = summary.histogram(frame(row("q", ["a"], n, c)))
    (bar,) = found[found["questions"] == 1].to_dict(orient="records")
    assert found["questions"].sum() == 1
    assert bar["low"] - 1e-9 <= c / n <= bar["high"]
    assert (bar["label"] == "0") == (c == 0)
    assert (bar["label"] == "1") == (c == n)


def test_skills_count_a_question_once_each_and_need_two_questions_for_an_interval() -> None:
    found = summary.group_table(RUN, "skill").set_index("skill")
    assert list(found.index) == ["a", "b", "c"]
    assert found["questions"].tolist() == [2, 1, 2]
    assert found["answers"].tolist() == [8, 4, 6]
    assert found["pass_at_1"].tolist() == [0.625, 1.0, 0.125]
    assert found["mean_score"].tolist() == [0.8125, 1.0, 0.3125]
    assert np.isnan(found.loc["b", "low"])
    assert found.loc["a", "low"] <= 0.625 <= found.loc["a", "high"]


def test_a_pair_of_skills_has_one_cell_whatever_the_order_in_the_source() -> None:
    counts = frame(row("q1", ["b", "a"], 4, 4), row("q2", ["a", "b"], 4, 0))
    found = summary.group_table(counts, "skill_pair")
    cells = {(r.skill, r.other_skill): r.questions for r in found.itertuples()}
    assert cells == {("a", "a"): 2, ("a", "b"): 2, ("b", "b"): 2}


def test_k_and_split_groups_are_in_order_and_name_the_missing_split() -> None:
    wide = frame(*(row(f"q{k}", [f"s{i}" for i in range(k)], 2, 1) for k in (10, 2, 1)))
    assert summary.group_table(wide, "k")["k"].tolist() == [1, 2, 10]
    assert summary.group_table(RUN, "split")["split"].tolist() == ["heldout", "none", "train"]
    unscored = summary.group_table(RUN, "split").set_index("split").loc["none"]
    assert unscored["questions"] == 0
    assert np.isnan(unscored["pass_at_1"])


def test_a_comparison_is_paired_over_the_questions_both_runs_scored() -> None:
    baseline = frame(
        row("q2", ["a", "c"], 4, 3), row("q1", ["a", "b"], 4, 2), row("q9", ["a"], 4, 4)
    )
    pairing = compare.pair(RUN, baseline)
    assert pairing.run["question_id"].tolist() == ["q1", "q2"]
    assert (pairing.only_run, pairing.only_baseline) == (1, 1)
    (first, *_, last) = compare.differences(pairing)
    assert (first.name, first.run, first.baseline) == ("pass@1", 0.625, 0.625)
    assert first.difference.value == 0
    assert first.finding == compare.NO_DIFFERENCE
    assert last.name == "mean score"
    outcomes = compare.outcomes(pairing)
    assert outcomes["outcome"].tolist() == ["won", "lost"]
    assert outcomes["difference"].tolist() == [0.5, -0.5]


def test_the_same_pass_rate_from_other_numbers_of_answers_is_no_win() -> None:
    few = frame(*(row(f"q{c}", ["a"], 7, c) for c in range(8)))
    many = frame(*(row(f"q{c}", ["a"], 21, 3 * c) for c in range(8)))
    assert set(compare.outcomes(compare.pair(many, few))["outcome"]) == {"same"}


def test_a_clear_gain_is_better_a_clear_loss_worse_and_one_question_unknown() -> None:
    weak = frame(*(row(f"q{i}", ["a"], 8, i % 3) for i in range(40)))
    strong = frame(*(row(f"q{i}", ["a"], 8, 3 + i % 5) for i in range(40)))
    assert compare.differences(compare.pair(strong, weak))[0].finding == compare.BETTER
    assert compare.differences(compare.pair(weak, strong))[0].finding == compare.WORSE
    assert compare.differences(compare.pair(weak, weak))[0].finding == compare.NO_DIFFERENCE
    single = compare.pair(strong.iloc[:1], weak.iloc[:1])
    assert compare.differences(single)[0].finding == compare.UNKNOWN
    by_skill = compare.group_differences(compare.pair(strong, weak), "skill")
    assert by_skill["finding"].tolist() == [compare.BETTER]
    assert by_skill["low"].iloc[0] > 0


def test_pass_at_k_of_a_comparison_stops_at_what_both_runs_can_tell() -> None:
    many = frame(*(row(f"q{i}", ["a"], 32, i) for i in range(4)))
    few = frame(*(row(f"q{i}", ["a"], 2, 1) for i in range(4)))
    names = [found.name for found in compare.differences(compare.pair(many, few))]
    assert names == ["pass@1", "pass@2", "mean score"]


ABOUT = {"run": "score-x", "model": "[red]m", "question_set": "s", "style": "direct"}
ABOUT |= {"unsampled": "3 of 9 answers were sampled; the sampling run crashed"}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from("abc")), max_size=6)
)
def test_any_counts_give_a_document_of_plain_json_that_can_be_shown(
    drawn: list[tuple[int, int, str]],
) -> None:
    rows = [
        row(f"q{i}", [skill, "[z]"], scored, min(correct, scored))
        for i, (scored, correct, skill) in enumerate(drawn)
    ]
    counts = frame(*rows)
    document = report.report_document(counts, ABOUT, counts, "score-y")
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text) == document
    console = Console(record=True, width=100, file=open("/dev/null", "w"))  # noqa: SIM115
    report.render(document, console)
    shown = console.export_text()
    assert "[red]m on s" in shown
    assert "3 of 9 answers were sampled; the sampling run crashed." in shown
    assert ("No answer is scored yet." in shown) == (document["scored"] == 0)


class StandInSpecs:
    """Specs that stand for the stages' own, which need an engine or a sandbox."""

    class Sample(Spec):
        stage: ClassVar[str] = "sample"
        command: ClassVar[str] = "sample"
        questions: str = option(doc="")
        model: str = option(doc="")
        cot: bool = option(False)

    class Score(Spec):
        stage: ClassVar[str] = "score"
        command: ClassVar[str] = "score"
        run: str = option(doc="")


def scored_run(
    workspace: Workspace, correct: dict[str, list[bool | None]]
) -> tuple[RunDir, RunDir]:
    """A sampling run and its scoring run; None is an infrastructure error."""
    sampling = workspace.new_run(StandInSpecs.Sample(questions="mine", model="nano"))
    scoring = workspace.new_run(StandInSpecs.Score(run=sampling.run_id))
    with sampling.writer(GENERATIONS) as answers, scoring.writer(VERDICTS) as verdicts:
        for question_id, results in correct.items():
            for index, passed in enumerate(results):
                answers.append(
                    Generation(question_id, index, "text", "code", "stop", 5, None, None)
                )
                status = {True: "passed", False: "failed", None: "infra_error"}[passed]
                score = None if passed is None else float(passed)
                verdicts.append(
                    Verdict(
                        question_id, index, status, score, int(bool(passed)), 1, [], "",
                        f"{question_id}-{index}", "A", "bubblewrap", 0.1, 1.0, False,
                    )
                )  # fmt: skip
    return sampling, scoring


def test_the_report_of_a_run_on_disk_leaves_infrastructure_errors_out(tmp_path: Any) -> None:
    workspace = Workspace.open(tmp_path)
    questions = [
        Question(name, 1, ["sorting"], "python", "pytest", "f", "f()", "", "s", "g", "t")
        for name in ("q1", "q2", "q3")
    ]
    workspace.write_question_set("mine", questions, {})
    _, first = scored_run(workspace, {"q1": [True, False, None, None], "q2": [False, False]})
    sampling, second = scored_run(workspace, {"q1": [True, True], "q3": [None]})
    document = report.build_report(workspace, first.run_id)
    assert (document["questions"], document["answers"], document["scored"]) == (2, 6, 4)
    assert [(p["k"], p["value"], p["questions"]) for p in document["pass_at_k"]] == [
        (1, 0.25, 2),
        (2, 0.5, 2),
    ]
    assert document["verdicts"]["infra_error"] == 2
    assert document["by_question"][0] == {
        "question_id": "q1",
        "k": 1,
        "skills": ["sorting"],
        "split": None,
        "answers": 4,
        "scored": 2,
        "correct": 1,
        "pass_at_1": 0.5,
        "mean_score": 0.5,
    }
    json.dumps(document, allow_nan=False)
    assert (document["model"], document["style"]) == ("nano", "direct")
    compared = report.build_report(workspace, second.run_id, first.run_id)["comparison"]
    assert (compared["common_questions"], compared["only_in_baseline"]) == (1, 1)
    assert compared["won"] == 1
    for arguments in ((sampling.run_id,), (first.run_id, sampling.run_id), (first.run_id,) * 2):
        with pytest.raises(InputError):
            report.build_report(workspace, *arguments)
