"""Clicks into the lineage: what was clicked opens, and the way back does not click again."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from codemix_core.records import Question
from codemix_core.workspace import Workspace
from tests.lineage_data import play

FIGURE = ".js-plotly-plot:has(.annotation)"


def click_box(page: Page, label: str) -> None:
    """Click beside the text of a box, where a person would click, too."""
    text = page.locator(FIGURE).get_by_text(label, exact=True).first
    text.evaluate("text => text.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(1000)
    box = text.bounding_box()
    assert box
    page.mouse.move(box["x"] - 6, box["y"] + 8)
    page.wait_for_timeout(500)
    page.mouse.click(box["x"] - 6, box["y"] + 8)


def test_a_click_opens_the_page_of_a_box_and_back_stays_back(
    server: str, page: Page, workspace: Workspace, nano: list[Question]
) -> None:
    asked = [*nano[:2], *nano[12:14], *nano[24:26]]
    played = play(workspace, asked, "a")
    page.goto(f"{server}/Evaluation?run={played.evaluate.run_id}")
    click_box(page, "DPO, nearest")
    page.wait_for_url(re.compile(rf"/Datasets\?dataset={played.build.run_id}"))
    expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    page.go_back()
    page.wait_for_url(re.compile(r"/Evaluation"))
    expect(page.get_by_text("Next round").first).to_be_visible()
    page.wait_for_timeout(1500)
    assert "/Evaluation" in page.url
    click_box(page, "dpo_full")
    page.wait_for_url(re.compile(rf"/Training\?run={played.train.run_id}"))
    click_box(page, "dpo_full")
    page.wait_for_timeout(1500)
    assert played.train.run_id in page.url, "the page one is on opens nothing new"
    expect(page.get_by_text("Lineage", exact=True)).to_be_visible()
    page.get_by_text("As a list").click()
    page.get_by_role("link", name="tuned-a").first.wait_for()
    page.get_by_role("link", name=f"evaluate-…-{played.evaluate.run_id[-4:]}").click()
    page.wait_for_url(re.compile(rf"/Evaluation\?run={played.evaluate.run_id}"))
