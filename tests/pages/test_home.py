"""Home: what lies in the workspace and what to do next."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from codemix_core import files, jobs, parts
from codemix_core.jobs import State
from codemix_core.questions import nano as nano_module
from codemix_core.records import GENERATIONS, Generation, Question
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.store import Store
from codemix_core.ui import home
from codemix_core.workspace import RunDir, Workspace, new_run_id
from tests.pages_data import N, alive, ended, made, shown, write_samples

Open = Callable[..., AppTest]


def test_an_empty_workspace_offers_the_nano_questions_and_imports_them(
    open_page: Open, workspace: Workspace
) -> None:
    page = open_page()
    assert "The workspace is empty" in shown(page)
    page.button(key="nano").click().run()
    assert [s.name for s in workspace.question_sets()] == ["nano"]
    assert len(workspace.question_set("nano").questions()) == len(nano_module.nano_questions())
    assert "Sample nano with the nano model" in shown(page)


def test_questions_without_samples_lead_to_sampling_and_to_the_self_check(
    open_page: Open, nano: list[Question]
) -> None:
    text = shown(open_page())
    assert "Nothing has been sampled for the question set nano yet." in text
    assert "The gold solutions of nano have not been checked" in text


def test_the_first_sampling_is_small_enough_to_look_at_a_minute_later(
    open_page: Open, nano: list[Question]
) -> None:
    page = open_page()
    (button,) = [b for b in page.button if b.label == "Sample nano with the nano model"]
    assert "sample --questions nano --model nano -n 8 --split heldout" in button.help
    held = sum(question.split == "heldout" for question in nano)
    assert f"{8 * held} answers take under a minute." in shown(page)


def test_what_is_sampled_so_far_can_be_scored_while_the_run_goes_on(
    open_page: Open, sampled: RunDir
) -> None:
    with alive(sampled, 24, 96, "samples"):
        page = open_page()
    text = shown(page)
    assert f"{sampled.run_id} has 24 generations without scores so far." in text
    assert "Score them" in [button.label for button in page.button]


def test_what_a_crashed_run_has_sampled_can_be_scored_and_is_counted_by_its_rows(
    open_page: Open, sampled: RunDir
) -> None:
    with alive(sampled, 40, 96, "samples"):
        pass
    page = open_page()
    assert "sample nano · nano crashed at 24 of 96." in shown(page)
    assert f"{sampled.run_id} has 24 generations without scores." in shown(page)
    assert "Score them" in [button.label for button in page.button]


@dataclass
class Reads:
    """What was read: queries over the rows, and times that a run's settings were read."""

    queries: int = 0
    specs: int = 0


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    counted = Reads()
    frame, read_json = Store.frame, files.read_json

    def query(*args: Any, **parameters: Any) -> Any:
        counted.queries += 1
        return frame(*args, **parameters)

    def read(path: Path) -> Any:
        counted.specs += path.name == "spec.json"
        return read_json(path)

    monkeypatch.setattr(Store, "frame", query)
    monkeypatch.setattr(files, "read_json", read)
    return counted


def copies(workspace: Workspace, sampled: RunDir, scored: RunDir | None, count: int) -> None:
    """More runs like these, each scoring run of a sampling run of its own."""
    for _ in range(count):
        run = workspace.run(sampled.run_id)
        twin = RunDir(workspace, new_run_id(run.stage))
        shutil.copytree(run.root, twin.root)
        if scored is not None:
            judged = RunDir(workspace, new_run_id("score"))
            shutil.copytree(scored.root, judged.root)
            files.write_json(judged.spec_path, judged.load_spec() | {"run": twin.run_id})


def test_the_next_steps_are_found_without_a_query_and_with_few_reads_per_run(
    workspace: Workspace, sampled: RunDir, scored: RunDir, reads: Reads
) -> None:
    home.next_steps(workspace)
    few, reads.specs, reads.queries = reads.specs, 0, 0
    copies(workspace, sampled, scored, 9)
    reads.specs = 0
    steps = home.next_steps(workspace)
    assert not [step for step in steps if "without scores" in step.text]
    assert reads.queries <= 1, "the headline of the newest scores"
    assert reads.specs <= 10 * few, "ten times the runs, ten times the reads"


def test_the_search_for_steps_ends_with_the_last_one_shown(
    workspace: Workspace, sampled: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies(workspace, sampled, None, 9)
    counted: list[int] = []
    count = parts.count
    monkeypatch.setattr(parts, "count", lambda paths: counted.append(1) or count(paths))
    assert len(home.next_steps(workspace)) == home.MOST_STEPS
    assert len(counted) == home.MOST_STEPS


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
    page = open_page()
    assert f"{sampled.run_id} has 2 generations without scores." in shown(page)
    assert "Score the rest" in [button.label for button in page.button]


def test_samples_that_are_being_scored_are_not_offered_again(
    open_page: Open, half_scored: RunDir
) -> None:
    assert "without scores" not in shown(open_page())


def test_a_running_job_is_shown_with_its_progress_and_a_stop_button(
    open_page: Open, half_scored: RunDir
) -> None:
    page = open_page()
    text = shown(page)
    assert "Running now" in text
    assert "12 of 24 programs" in text
    assert "6.0 programs/s" in text
    assert "judging programs" in text
    assert page.button(key=f"stop-{half_scored.run_id}").label == "Stop"
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
    page = open_page()
    labels = [link.proto.label for link in page.sidebar.get("page_link")]
    assert labels[0] == "Home"
    assert [label.split("  ")[0] for label in labels[:4]] == [
        "Home", "Questions", "Sampling", "Pass rates",
    ]  # fmt: skip
    assert all(":gray[1]" in label for label in labels[1:4])
    side = "\n".join(element.value for element in page.sidebar.html)
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
