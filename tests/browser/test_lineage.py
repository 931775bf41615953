"""Clicks into the lineage: what was clicked opens, and the way back does not click again."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from codemix_core.records import Question
from codemix_core.workspace import Workspace
from tests.lineage_data import play

FIGURE = ".js-plotly-plot:has(.annotation)"


def click_box(page: Page, label: str) -> None:
    """Click beside the text of a box as soon as the box answers to the mouse."""
    text = page.locator(FIGURE).get_by_text(label, exact=True).first
    hover = page.locator(f"{FIGURE} .hoverlayer .hovertext").filter(has_text=label)
    for _ in range(40):
        text.evaluate("text => text.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(500)
        box = text.bounding_box()
        assert box
        place = box["x"] - 6, box["y"] + 8
        page.mouse.move(place[0] - 2, place[1])
        page.mouse.move(*place)
        page.wait_for_timeout(300)
        if hover.count():
            page.mouse.click(*place)
            return
    raise AssertionError(f"the box {label!r} does not answer")


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
    link = page.get_by_role("link", name=f"evaluate-…-{played.evaluate.run_id[-4:]}")
    link.wait_for()
    page.wait_for_timeout(1500)
    link.press("Enter")
    page.wait_for_url(re.compile(rf"/Evaluation\?run={played.evaluate.run_id}"))
