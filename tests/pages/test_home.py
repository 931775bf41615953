"""Home: what lies in the workspace and what to do next."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from codemix_core import jobs
from codemix_core.jobs import State
from codemix_core.questions import nano as nano_module
from codemix_core.records import GENERATIONS, Generation, Question
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import N, ended, made, shown, write_samples

Open = Callable[..., AppTest]


def test_an_empty_workspace_offers_the_nano_questions_and_imports_them(
    open_page: Open, workspace: Workspace
) -> None:
    home = open_page()
    assert "The workspace is empty" in shown(home)
    home.button(key="nano").click().run()
    assert [s.name for s in workspace.question_sets()] == ["nano"]
    assert len(workspace.question_set("nano").questions()) == len(nano_module.nano_questions())
    assert "Sample nano with the nano model" in shown(home)


def test_questions_without_samples_lead_to_sampling_and_to_the_self_check(
    open_page: Open, nano: list[Question]
) -> None:
    text = shown(open_page())
    assert "Nothing has been sampled for the question set nano yet." in text
    assert "The gold solutions of nano have not been checked" in text


def test_samples_without_scores_are_offered_for_scoring_with_their_number(
    open_page: Open, sampled: RunDir
) -> None:
    text = shown(open_page())
    assert f"{sampled.run_id} has 24 generations without scores." in text
    assert "Score them" in text


def test_a_finished_run_shows_its_headline_number(open_page: Open, scored: RunDir) -> None:
    text = shown(open_page())
    assert "pass@1 0.42 ±" in text
    assert "24 generations, 6 questions" in text
    assert "without scores" not in text


def test_a_run_that_grew_after_it_was_scored_is_offered_for_the_rest(
    open_page: Open, scored: RunDir, sampled: RunDir, asked: list[Question]
) -> None:
    with sampled.writer(GENERATIONS) as writer:
        for index in (N, N + 1):
            row = (asked[0].question_id, index, "No.", None, "stop", 7, None, None)
            writer.append(Generation(*row))
    home = open_page()
    assert f"{sampled.run_id} has 2 generations without scores." in shown(home)
    assert "Score the rest" in [button.label for button in home.button]


def test_samples_that_are_being_scored_are_not_offered_again(
    open_page: Open, half_scored: RunDir
) -> None:
    assert "without scores" not in shown(open_page())


def test_a_running_job_is_shown_with_its_progress_and_a_stop_button(
    open_page: Open, half_scored: RunDir
) -> None:
    home = open_page()
    text = shown(home)
    assert "Running now" in text
    assert "12 of 24 programs" in text
    assert "6.0 programs/s" in text
    assert "judging programs" in text
    assert home.button(key=f"stop-{half_scored.run_id}").label == "Stop"
    assert "50% · 0:02" in text, "the sidebar shows the job's bar on every page"


def test_a_stopped_run_is_offered_for_resuming(
    open_page: Open, workspace: Workspace, asked: list[Question], checked: RunDir
) -> None:
    run = write_samples(workspace, asked, "stop")
    ended(run, 12, "samples", State.STOPPED)
    assert "sample nano · nano stopped at 12 of 12." in shown(open_page())


def test_the_sidebar_counts_runs_per_page_and_names_the_sandbox(
    open_page: Open, scored: RunDir
) -> None:
    home = open_page()
    labels = [link.proto.label for link in home.sidebar.get("page_link")]
    assert labels[0] == "Home"
    assert [label.split("  ")[0] for label in labels[:4]] == [
        "Home", "Questions", "Sampling", "Pass rates",
    ]  # fmt: skip
    assert all(":gray[1]" in label for label in labels[1:4])
    side = "\n".join(element.value for element in home.sidebar.html)
    assert str(scored.workspace.root) in side
    assert "sandbox" in side


@pytest.mark.parametrize("page", ["1_Questions.py", "2_Sampling.py", "3_Pass_rates.py"])
def test_every_page_works_on_its_own_in_an_empty_workspace(open_page: Open, page: str) -> None:
    text = shown(open_page(page))
    expected = {
        "1_Questions.py": "No questions yet.",
        "2_Sampling.py": "There is nothing to sample yet.",
        "3_Pass_rates.py": "There is nothing to score yet.",
    }
    assert expected[page] in text


def test_a_crashed_run_says_so(open_page: Open, workspace: Workspace, nano: list[Question]) -> None:
    run = made(workspace, SelfcheckSpec.parse({"questions": "nano"}), "dead")
    jobs.begin(run)
    assert "selfcheck nano crashed" in shown(open_page())
