"""DPO on nano from the page: launched, watched, left alone, found done, and compared."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from codemix_core import jobs
from codemix_core.jobs import State
from codemix_core.records import Question
from codemix_core.training import metrics
from codemix_core.workspace import RunDir, Workspace
from tests.built_data import built
from tests.selection_data import generation, verdict, write_runs
from tests.training_data import right_and_wrong

PAIRS, HELDOUT, EPOCHS, STEPS = 96, 4, 5, 120
LONG = 120_000
"""Milliseconds that training or sampling may take on a slow machine."""
POINTS = """() => Math.max(0, ...[...document.querySelectorAll('.js-plotly-plot')].map(
    chart => Math.max(0, ...chart._fullData.map(trace => (trace.x || []).length))))"""
"""Steps that the charts on the page show."""


@pytest.fixture
def pairs(workspace: Workspace, all_nano: list[Question]) -> str:
    """A dataset with one pair for each question: the gold solution, and one that does nothing."""
    train = [q for q in all_nano if q.split == "train" and "return xs" not in q.gold][:PAIRS]
    questions = [*train, *[q for q in all_nano if q.split == "heldout"][:HELDOUT]]
    workspace.write_question_set("nano", questions, {"source": "nano", "format": "nano"})
    made, verdicts = [], []
    for question in train:
        for index, text in enumerate(right_and_wrong(question)):
            code = text.split("\n", 1)[1].removesuffix("```")
            made.append(generation(question.question_id, index, code, text=text))
            verdicts.append(verdict(question.question_id, index, 0 if index else 4))
    _, scoring = write_runs(workspace, "nano", questions, made, verdicts)
    return built(workspace, scoring.run_id, "dpo").run_id


@pytest.mark.slow
def test_dpo_is_launched_watched_left_alone_found_done_and_compared(
    server: str, page: Page, workspace: Workspace, pairs: str
) -> None:
    page.goto(f"{server}/Training?dataset={pairs}")
    launch(page)
    (run,) = workspace.runs("train")
    assert run.load_spec()["set"] == [f"epochs={EPOCHS}"]
    watch(page, run)
    other = page.context.new_page()
    page.close()

    other.goto(f"{server}/Training?run={run.run_id}")
    panel = other.locator(".cm-line", has_text=f"{STEPS} of {STEPS} steps").first
    expect(panel).to_contain_text("succeeded", timeout=LONG)
    assert jobs.status(run).state is State.SUCCEEDED
    other.wait_for_function(f"({POINTS})() === {STEPS}")
    lines = metrics.read(run.metrics_path)
    margins = [line["rewards/margins"] for line in lines if "rewards/margins" in line]
    assert sum(margins[-20:]) > sum(margins[:20]), "it prefers what it should prefer"
    compare(other, workspace)


def launch(page: Page) -> None:
    """More epochs than the recipe has, so that there is something to watch."""
    configuration = page.get_by_label("Configuration", exact=True)
    text = configuration.input_value(timeout=LONG)
    assert "epochs: 1\n" in text
    configuration.fill(text.replace("epochs: 1\n", f"epochs: {EPOCHS}\n"))
    configuration.press("Control+Enter")
    expect(page.get_by_text(f"--set epochs={EPOCHS}")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile(r"run=train-"))


def watch(page: Page, run: RunDir) -> None:
    """The curve grows while the run is at work."""
    page.wait_for_function(f"({POINTS})() > 1", timeout=LONG)
    seen = page.evaluate(POINTS)
    page.wait_for_function(f"({POINTS})() > {seen}", timeout=LONG)
    assert jobs.status(run).state is State.RUNNING, "it ended before it was left alone"


def compare(page: Page, workspace: Workspace) -> None:
    """From the trained model to its comparison with nano."""
    (name,) = workspace.models()
    page.get_by_role("link", name=f"Evaluate {name}").click()
    for label, value in (("At most", str(HELDOUT)), ("Answers each", "2")):
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Enter")
    command = page.get_by_text(f"evaluate --model {name} --baseline nano --questions nano")
    expect(command).to_contain_text(f"--limit {HELDOUT}")
    expect(command).to_contain_text("-n 2")
    page.get_by_role("button", name="Evaluate", exact=True).click()
    card = page.locator(".cm-headlines .cm-card", has_text="held-out pass@1")
    expect(card).to_contain_text(re.compile(r"\d\.\d\d → \d\.\d\d"), timeout=LONG)
    (evaluation,) = workspace.runs("evaluate")
    assert jobs.status(evaluation).state is State.SUCCEEDED
