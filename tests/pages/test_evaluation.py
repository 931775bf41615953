"""Evaluation: empty, running, failed and finished, down to two answers side by side."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from codemix_core import files, jobs
from codemix_core.jobs import State
from codemix_core.records import Question
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import RunDir, Workspace
from tests.evaluation_data import TUNED, evaluated, spec
from tests.pages_data import CORRECT, ended, made, shown, write_samples, wrong

Open = Callable[..., AppTest]
PAGE = "7_Evaluation.py"


@pytest.fixture
def finished(workspace: Workspace, asked: list[Question]) -> RunDir:
    return evaluated(workspace, asked)


def figures(page: AppTest) -> list[dict[str, object]]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def test_an_empty_workspace_says_what_to_do_first(open_page: Open) -> None:
    text = shown(open_page(PAGE))
    assert "There is nothing to measure on yet." in text
    assert "Go to Questions" in text


def test_without_an_evaluation_the_form_is_open_and_checks_itself(
    open_page: Open, workspace: Workspace, nano: list[Question]
) -> None:
    page = open_page(PAGE)
    assert "No evaluation yet." in shown(page)
    assert next(b for b in page.button if b.label == "Evaluate").disabled
    page.selectbox(key="evaluate.model").set_value("nano").run()
    assert "compared with itself" in wrong(page)
    workspace.write_model("mine", {"path": "/nowhere/at/all"})
    page = open_page(PAGE, model="mine")
    assert "does not exist" in wrong(page)


def test_the_form_shows_the_command_it_would_start(
    open_page: Open, workspace: Workspace, nano: list[Question], nano_model: object
) -> None:
    copy = workspace.root / "copy"
    shutil.copytree(str(nano_model), copy)
    workspace.write_model("mine", {"path": str(copy)})
    page = open_page(PAGE, model="mine")
    page.multiselect(key="evaluate.split").set_value(["heldout", "hard"]).run()
    page.number_input(key="evaluate.n").set_value(8).run()
    command = (
        "python -m codemix_core evaluate --model mine --baseline nano --questions nano"
        " --split heldout --split hard -n 8"
    )
    assert command in shown(page)
    button = next(b for b in page.button if b.label == "Evaluate")
    assert not button.disabled
    assert workspace.runs("evaluate") == []


def test_the_headline_is_large_with_interval_and_finding(open_page: Open, finished: RunDir) -> None:
    text = shown(open_page(PAGE))
    document = json.loads(finished.evaluation_path.read_text())
    gap = document["parts"][0]["comparison"]["differences"][0]["difference"]
    assert "<i>all questions pass@1</i><b>0.42 → 0.71</b>" in text
    assert f"<strong>+0.29 [{gap['low']:.2f}, {gap['high']:.2f}]</strong>" in text
    assert "<b>▲</b>better" in text
    assert "<i>questions won</i><b>5<small>of 6" in text
    assert "bootstrap over questions" in text, "the method is named"


def test_no_difference_is_called_so(
    open_page: Open, workspace: Workspace, asked: list[Question]
) -> None:
    evaluated(workspace, asked, correct=(CORRECT, (3, 4, 2, 1, 1, 0)))
    text = shown(open_page(PAGE))
    assert "<b>=</b>no difference" in text
    assert "<b>▲</b>better" not in text


@pytest.mark.parametrize(
    ("show", "charts"),
    [("Skills", 4), ("Skill × skill", 3), ("k and split", 6), ("Verdicts", 3), ("Questions", 2)],
)
def test_every_view_draws_its_charts(
    open_page: Open, finished: RunDir, show: str, charts: int
) -> None:
    drawn = [chart.proto.id for chart in open_page(PAGE, show=show).get("plotly_chart")]
    assert len([key for key in drawn if "lineage" not in key]) == charts


def test_the_curves_show_both_models(open_page: Open, finished: RunDir) -> None:
    ladder = figures(open_page(PAGE))[0]
    points = {t["name"]: t["y"] for t in ladder["data"] if t["mode"] == "lines+markers"}
    assert points["tuned"][0] == pytest.approx(sum(TUNED) / 24)
    assert points["nano"][0] == pytest.approx(sum(CORRECT) / 24)
    assert (points["tuned"][-1], points["nano"][-1]) == (1.0, pytest.approx(4 / 6))


def test_pairs_that_few_questions_cannot_tell_stay_grey_until_asked(
    open_page: Open, finished: RunDir
) -> None:
    page = open_page(PAGE, show="Skill × skill")
    values = [v for line in figures(page)[2]["data"][0]["z"] for v in line if v is not None]
    assert values
    assert set(values) == {0.0}
    page.toggle(key="clear-only").set_value(False).run()
    values = [v for line in figures(page)[2]["data"][0]["z"] for v in line if v is not None]
    assert max(values) > 0


def test_questions_are_listed_by_outcome_skill_and_gain(
    open_page: Open, finished: RunDir, asked: list[Question]
) -> None:
    def listed(**url: str) -> list[str]:
        page = open_page(PAGE, show="Questions", **url)
        return list(page.dataframe[0].value["question_id"]) if page.dataframe else []

    assert len(listed()) == 6
    assert listed(outcome="same") == [asked[0].question_id]
    assert asked[0].question_id not in listed(outcome="won")
    assert listed(sort="loss")[0] == asked[0].question_id
    assert listed(outcome="lost") == []
    assert listed(text=asked[3].question_id.upper()) == [asked[3].question_id]
    one, other = asked[3].skills
    assert asked[3].question_id in listed(skill=one, other_skill=other)


def test_a_question_shows_an_answer_of_each_model_with_the_difference(
    open_page: Open, finished: RunDir, asked: list[Question]
) -> None:
    page = open_page(PAGE, question=asked[2].question_id, left="2")
    text = shown(page)
    assert asked[2].statement in text
    assert "+0.50 in this question" in text
    assert "cm-pair" in text
    assert 'class="cm-rejected"' in text
    assert "○ nano" in text
    assert "● tuned" in text
    assert "compile error" in text, "sample 2 of the baseline does not compile"
    assert page.selectbox(key="url_left").value == "2"
    page.button(key="walk-next").click().run()
    assert "left" not in page.query_params, "another question has other programs"
    page.button(key="all-questions").click().run()
    assert not page.exception
    assert "question" not in page.query_params


def test_an_unknown_question_or_run_is_said_to_be_missing(
    open_page: Open, finished: RunDir
) -> None:
    assert "has no question 'nowhere'" in shown(open_page(PAGE, question="nowhere"))
    assert "There is no evaluation" in shown(open_page(PAGE, run="evaluate-20200101T000000-none"))


def test_figures_outlive_the_runs_they_came_from(
    open_page: Open, workspace: Workspace, finished: RunDir, asked: list[Question]
) -> None:
    for run in (*workspace.runs("sample"), *workspace.runs("score")):
        shutil.rmtree(run.root)
    assert "0.42 → 0.71" in shown(open_page(PAGE))
    text = shown(open_page(PAGE, question=asked[0].question_id))
    assert "no longer in the workspace" in text
    page = open_page(PAGE)
    page.session_state["about-run"] = True
    page.run()
    assert not page.exception
    assert "gone" in shown(page)


def test_the_whole_evaluation_can_be_exported(open_page: Open, finished: RunDir) -> None:
    page = open_page(PAGE)
    assert [
        b.key for b in page.get("download_button") if b.key and b.key.startswith("export.")
    ] == ["export.html", "export.json"]
    assert f"python -m codemix_core export-evaluation {finished.run_id}" in shown(page)


@pytest.fixture
def running(workspace: Workspace, asked: list[Question]) -> Iterator[RunDir]:
    """An evaluation that is alive, its baseline sampled and the scoring under way."""
    wanted = spec()
    run = made(workspace, wanted, "live")
    sampling = write_samples(workspace, asked, "base", spec=wanted.sampling("nano", "all"))
    scoring = made(workspace, wanted.scoring(sampling.run_id), "half")
    locks = [jobs.take_lock(found) for found in (run, scoring)]
    for found, done, total, unit in ((run, 1, 4, "steps"), (scoring, 12, 24, "programs")):
        live = {"state": "running", "done": done, "total": total, "unit": unit, "rate": None}
        live |= {"eta_seconds": None, "message": "at work", "measures": {}, "attempt": 1}
        live |= {"started_at": datetime.now(UTC).isoformat()}
        files.write_json(found.status_path, live)
    names = {"sample baseline": sampling.run_id, "score baseline": scoring.run_id}
    files.write_json(run.steps_path, names)
    try:
        yield run
    finally:
        for lock in locks:
            os.close(lock)


def test_a_running_evaluation_shows_its_steps_and_can_be_stopped(
    open_page: Open, running: RunDir
) -> None:
    page = open_page(PAGE)
    text = shown(page)
    assert "1 of 4 steps" in text
    assert "sample baseline" in text
    assert "score baseline" in text
    assert "50%" in text, "the step under way shows how far it is"
    assert page.button(key=f"stop-{running.run_id}").label == "Stop"
    assert not page.get("plotly_chart")


def test_a_failed_evaluation_says_which_step_failed_and_offers_to_resume(
    open_page: Open, workspace: Workspace, nano: list[Question]
) -> None:
    run = made(workspace, spec(), "fail")
    child = made(workspace, SampleSpec.parse({"questions": "nano", "model": "nano"}), "dead")
    ended(child, 1, "samples", State.FAILED)
    files.write_json(run.steps_path, {"sample baseline": child.run_id})
    jobs.begin(run)
    jobs.write_exit(run, State.FAILED, f"sample baseline ({child.run_id}) has failed: no memory")
    page = open_page(PAGE)
    text = shown(page)
    assert "has failed: no memory" in text
    assert text.count("<b>✗</b>failed") >= 2, "the evaluation and its step"
    assert page.button(key=f"resume-{run.run_id}").label == "Resume"


def test_home_counts_evaluations_and_ranks_models_by_held_out_pass_rate(
    open_page: Open, workspace: Workspace, asked: list[Question], nano: list[Question]
) -> None:
    text = shown(open_page())
    assert "Evaluations **0**" in text
    assert "Best models" not in text
    heldout = [q for q in nano if q.split == "heldout"][:6]
    run = evaluated(workspace, heldout, split=("heldout",))
    page = open_page()
    text = shown(page)
    assert "Evaluations **1**" in text
    assert "Best models so far" in text
    assert text.index("0.71 ±") < text.index("0.42 ±")
    assert "nano, direct, n 4, T 0.8" in text
    assert "a baseline" in text
    assert any(run.run_id[-4:] in link.proto.label for link in page.get("page_link"))
