"""What only a browser can show: clicks into charts and tables, keys, and no word to outside."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, expect

from codemix_core.records import Question
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import N, ended, made, write_samples, write_verdicts


@pytest.fixture
def scored(workspace: Workspace, nano: list[Question]) -> RunDir:
    """A finished scoring run over six questions."""
    asked = [*nano[:2], *nano[12:14], *nano[24:26]]
    sampling = write_samples(workspace, asked, "smpl")
    run = made(workspace, ScoreSpec.parse({"run": sampling.run_id}), "done")
    write_verdicts(run, asked, N * len(asked))
    return ended(run, N * len(asked), "programs")


def test_a_click_into_the_heat_map_filters_the_table(
    server: str, page: Page, nano: list[Question]
) -> None:
    page.goto(f"{server}/Questions")
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    plot.wait_for()
    page.wait_for_timeout(1000)
    box = plot.bounding_box()
    assert box
    skills = sorted({skill for question in nano for skill in question.skills})
    cell = box["width"] / len(skills), box["height"] / len(skills)
    page.mouse.click(box["x"] + 3.5 * cell[0], box["y"] + 3.5 * cell[1])
    page.wait_for_url(re.compile(rf"skill={skills[3]}"))
    having = sum(skills[3] in question.skills for question in nano)
    expect(page.get_by_text(re.compile(rf"^{having} questions?$")).first).to_be_visible()


def test_arrow_keys_walk_through_the_generations_and_back_is_back(
    server: str, page: Page, scored: RunDir
) -> None:
    page.goto(f"{server}/Sampling?run={scored.load_spec()['run']}")
    expect(page.get_by_text("1 of 24")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_enabled()
    expect(page.get_by_text("Show the difference")).to_be_visible()
    page.wait_for_timeout(1000)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("2 of 24")).to_be_visible()
    page.wait_for_url(re.compile(r"sample=1"))
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("1 of 24")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 1440])
def test_no_page_is_wider_than_the_window_or_talks_to_another_machine(
    server: str, page: Page, scored: RunDir, width: int
) -> None:
    strangers: list[str] = []

    def sent(request: Request) -> None:
        if not request.url.startswith((server, "data:", "blob:", server.replace("http", "ws"))):
            strangers.append(request.url)

    page.on("request", sent)
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("", "Questions", "Sampling", f"Pass_rates?run={scored.run_id}"):
        page.goto(f"{server}/{path}")
        expect(page.locator(".cm-title")).to_be_visible()
        page.wait_for_timeout(1500)
        main = page.get_by_test_id("stMain")
        assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 0, path
        assert page.get_by_test_id("stException").count() == 0, path
    assert strangers == []
