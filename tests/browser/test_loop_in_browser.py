"""A newcomer's first minutes, in a real browser on a real server, with the real model."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from codemix_core.records import GENERATIONS, VERDICTS, Status
from codemix_core.workspace import RunDir, Workspace

LONG = 120_000
"""Milliseconds that sampling or scoring may take on a slow machine."""


@pytest.mark.slow
def test_from_an_empty_workspace_to_a_failing_test_and_back_by_link(
    server: str, page: Page, workspace: Workspace, tmp_path: Path
) -> None:
    crashes: list[str] = []
    page.on("pageerror", lambda error: crashes.append(str(error)))
    page.goto(server)
    page.get_by_role("button", name="Import the nano questions").click()
    expect(
        page.get_by_text("Nothing has been sampled for the question set nano yet.")
    ).to_be_visible()

    run = sample(page)
    score = score_it(page, workspace, run)
    link = drill_down(page, score)

    page.reload()
    expect(page.get_by_text("Show the difference")).to_be_visible()
    assert page.url == link, "a reload stays where it was"
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator(".cm-facts", has_text="tests passed").first).to_be_visible()
    expect(other.locator(".cm-facts", has_text="tests passed").first).to_contain_text("failed")
    assert not crashes


def sample(page: Page) -> str:
    """Sample a few answers from the form, stopped and resumed once; the run's id, when complete."""
    page.get_by_role("link", name="Sampling").first.click()
    expect(page.get_by_text("exactly what the model gets")).to_be_visible()
    fill(page, "Answers each", "6")
    fill(page, "At most", "40")
    command = page.get_by_text("python -m codemix_core sample --questions nano --model nano -n 6")
    expect(command).to_contain_text("--limit 40")
    page.get_by_role("button", name="Sample", exact=True).click()
    page.wait_for_url(re.compile(r"run=sample-"))
    page.get_by_role("button", name="Stop").first.click()
    resume = page.get_by_role("button", name="Resume").first
    expect(resume).to_be_visible(timeout=LONG)
    again_until(page, lambda: resume.click(), lambda: not resume.is_visible())
    panel = page.locator(".cm-line", has_text="240 of 240 samples")
    expect(panel.first).to_contain_text("succeeded", timeout=LONG)
    found = re.search(r"run=(sample-[\w-]+)", page.url)
    assert found
    return found[1]


def again_until(page: Page, act: Callable[[], None], done: Callable[[], bool]) -> None:
    """Click, and again if it is lost: a page that is drawn anew at that moment does not see it."""
    for _ in range(6):
        act()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if done():
                return
            page.wait_for_timeout(200)
    raise AssertionError("nothing comes of the click")


def fill(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def score_it(page: Page, workspace: Workspace, run: str) -> RunDir:
    """Score the run from Home's offer; the scoring run, once it is complete."""
    page.get_by_role("link", name="Home").first.click()
    expect(page.get_by_text(f"{run} has 240 generations without scores.")).to_be_visible()
    page.get_by_role("button", name="Score them").click()
    expect(page.get_by_role("link", name="See pass rates")).to_be_visible(timeout=LONG)
    page.get_by_role("link", name="See pass rates").click()
    expect(page.locator(".cm-card", has_text="pass@1")).to_be_visible()
    (score,) = workspace.runs("score")
    assert workspace.run(run).read(GENERATIONS).num_rows == 240
    statuses = score.read(VERDICTS, ["status"])["status"].to_pylist()
    assert len(statuses) == 240
    assert Status.PASSED in statuses
    assert Status.INFRA_ERROR not in statuses
    return score


def drill_down(page: Page, score: RunDir) -> str:
    """From the pass rates to a failing test of one generation; the link to it."""
    page.get_by_text("Questions", exact=True).last.click()
    page.wait_for_url(re.compile(r"show=Questions"))
    verdict = page.get_by_label("Some verdict")
    verdict.click()
    page.get_by_role("option", name="✗ failed").click()
    page.wait_for_url(re.compile(r"status=failed"))
    table = page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible()
    page.wait_for_timeout(500)
    again_until(
        page,
        lambda: table.click(position={"x": 150, "y": 52}),
        lambda: "question=nano-" in page.url,
    )
    page.wait_for_url(re.compile(r"question=nano-"))
    group = page.get_by_role("button", name=re.compile("✗ failed")).first
    group.click()
    page.wait_for_url(re.compile(r"sample=\d+"))
    page.get_by_text("Tests", exact=True).click()
    failing = page.locator("table.cm-table tr", has_text="failed").first
    expect(failing).to_contain_text("expected")
    page.get_by_text("Code and gold", exact=True).click()
    expect(page.get_by_text("Show the difference")).to_be_visible()
    expect(page).to_have_url(re.compile(f"run={score.run_id}"))
    page.wait_for_timeout(500)
    return page.url
