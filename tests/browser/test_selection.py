"""Selecting training data in a real browser: sliders, keys, reload, build, export."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from codemix_core.questions.nano import nano_questions
from codemix_core.records import GENERATIONS, PROMPTS, VERDICTS, Generation, Prompt
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages
from codemix_core.sampling.stage import SampleSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.selection import annotations
from codemix_core.ui.on_screen import SETTLING
from codemix_core.workspace import RunDir, Workspace
from tests.browser.conftest import PATIENCE
from tests.pages_data import ended, made
from tests.selection_data import verdict

QUESTIONS, N, TESTS = 24, 6, 4


@pytest.fixture
def scored(workspace: Workspace) -> RunDir:
    """Answers of every score to 24 questions, each another program."""
    questions = [q for q in nano_questions() if "return xs" in q.gold][:QUESTIONS]
    workspace.write_question_set("nano", questions, {"source": "nano", "format": "nano"})
    sampling = made(
        workspace, SampleSpec.parse({"questions": "nano", "model": "nano", "n": N}), "smpl"
    )
    run = made(workspace, ScoreSpec.parse({"run": sampling.run_id}), "done")
    with sampling.writer(PROMPTS) as prompts, sampling.writer(GENERATIONS) as generations:
        for question in questions:
            text = json.dumps(build_messages(question, "direct"))
            prompts.append(Prompt(question.question_id, text, None, None, None, None))
            for index in range(N):
                code = question.gold.replace("return xs", f"return xs{'[:]' * index}")
                raw = fenced(code, "python")
                generations.append(
                    Generation(
                        question.question_id, index, raw, code, "stop", 20 + index, None, None
                    )
                )
    with run.writer(VERDICTS) as verdicts:
        for question in questions:
            for index in range(N):
                passed = max(0, TESTS - index)
                verdicts.append(verdict(question.question_id, index, passed, TESTS))
    ended(sampling, QUESTIONS * N, "samples")
    return ended(run, QUESTIONS * N, "programs")


def _drawn(page: Page, button: str) -> None:
    """Wait until the whole page is there: a key does nothing before its button is."""
    for name in (button, "Build dataset"):
        expect(page.get_by_role("button", name=re.compile(name))).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1000)


def _look(page: Page) -> None:
    """As long as anybody needs to recognise what has just appeared."""
    page.wait_for_timeout(1000 * SETTLING + 300)


def test_a_slider_moves_the_yield(page: Page, server: str, scored: RunDir) -> None:
    page.goto(f"{server}/DPO_pairs")
    first = page.locator(".cm-card").first.locator("b")
    expect(first).to_have_text("24", timeout=PATIENCE)
    gap = page.locator(".cm-card").nth(2).locator("b")
    before = gap.inner_text()
    rejected = page.get_by_role("slider", name=re.compile("Rejected scores at most"))
    rejected.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    expect(gap).not_to_have_text(before, timeout=PATIENCE)
    expect(gap).to_have_text("1.00")
    expect(page).to_have_url(re.compile("maximum_dispreferred_score=0"))


def test_ten_pairs_are_reviewed_by_keyboard_and_survive_a_reload_and_become_a_dataset(
    page: Page, server: str, scored: RunDir, workspace: Workspace
) -> None:
    page.goto(f"{server}/DPO_pairs?view=Review")
    place, progress = page.locator(".cm-place-in"), page.locator(".cm-review")
    expect(place).to_have_text("1 of 24", timeout=PATIENCE)
    _drawn(page, "Accept")
    for step, key in enumerate("aaxsaaxaaa", start=2):
        page.keyboard.press(key)
        expect(place).to_have_text(f"{step} of 24", timeout=PATIENCE)
        _look(page)
    expect(progress).to_contain_text("10 of 24 reviewed")
    expect(progress).to_contain_text("7 accepted · 1 swapped · 2 rejected")

    page.keyboard.press("n")
    expect(page.locator(".st-key-reason input")).to_be_focused(timeout=PATIENCE)
    page.keyboard.type("jax: nothing of this is a key")
    page.keyboard.press("Enter")
    expect(page.get_by_text("nothing of this is a key")).to_be_visible(timeout=PATIENCE)
    assert [a.action for a in annotations.read(scored)].count("note") == 1

    page.reload()
    expect(progress).to_contain_text("10 of 24 reviewed", timeout=PATIENCE)
    expect(place).to_have_text("11 of 24")
    _drawn(page, "Accept")
    page.keyboard.press("k")
    expect(place).to_have_text("10 of 24", timeout=PATIENCE)

    page.get_by_role("button", name="Build dataset").click()
    page.get_by_role("link", name=re.compile("Look into the dataset")).click(timeout=PATIENCE)
    expect(page.get_by_text("22 train").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("radio", name="Export").click()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_text("22 train rows written to")).to_be_visible(timeout=PATIENCE)
    (folder,) = workspace.exports_root.iterdir()
    rows = json.loads((folder / "train.json").read_text())
    assert len(rows) == 22
    swapped = [row for row in rows if "return xs[:]" in row["chosen"][-1]["content"]]
    assert len(swapped) == 1


def test_two_fast_presses_decide_the_pair_on_the_screen_alone(
    page: Page, server: str, scored: RunDir
) -> None:
    page.goto(f"{server}/DPO_pairs?view=Review")
    place = page.locator(".cm-place-in")
    expect(place).to_have_text("1 of 24", timeout=PATIENCE)
    _drawn(page, "Accept")
    page.keyboard.press("a")
    page.wait_for_timeout(100)
    page.keyboard.press("a")
    said = page.locator(".cm-too-fast:visible, [data-testid=stToast]")
    expect(said.first).to_be_visible(timeout=PATIENCE)
    # A toast takes nothing else off the page, the style least of all.
    expect(page.locator(".cm-title")).to_have_css("display", "flex")
    expect(place).to_have_text("2 of 24")
    assert [_place(a, scored) for a in annotations.read(scored)] == [1]


_NOTE_WHAT_IS_SHOWN = """() => {
  window.shownAtPress = [];
  const place = () => document.querySelector(".cm-place-in").innerText;
  window.addEventListener("keydown", () => window.shownAtPress.push(place()), true);
}"""


@pytest.mark.parametrize("gap", [60, 250])
def test_no_hurry_decides_a_pair_that_was_not_on_the_screen(
    page: Page, server: str, scored: RunDir, gap: int
) -> None:
    page.goto(f"{server}/DPO_pairs?view=Review")
    place = page.locator(".cm-place-in")
    expect(place).to_have_text("1 of 24", timeout=PATIENCE)
    _drawn(page, "Accept")
    page.evaluate(_NOTE_WHAT_IS_SHOWN)
    for _ in range(10):
        page.keyboard.press("a")
        page.wait_for_timeout(gap)
    page.wait_for_timeout(1500)
    decided = [_place(a, scored) for a in annotations.read(scored)]
    shown = page.evaluate("window.shownAtPress")
    assert decided
    assert {f"{at} of 24" for at in decided} <= set(shown)
    assert len(decided) == len(set(decided))


def test_a_held_key_is_one_decision(page: Page, server: str, scored: RunDir) -> None:
    page.goto(f"{server}/DPO_pairs?view=Review")
    place = page.locator(".cm-place-in")
    expect(place).to_have_text("1 of 24", timeout=PATIENCE)
    _drawn(page, "Accept")
    for _ in range(60):
        page.keyboard.down("a")
        page.wait_for_timeout(35)
    page.keyboard.up("a")
    page.wait_for_timeout(1000)
    assert [_place(a, scored) for a in annotations.read(scored)] == [1]
    expect(place).to_have_text("2 of 24")


def test_a_held_key_rejects_one_pick_and_not_the_next(
    page: Page, server: str, scored: RunDir
) -> None:
    page.goto(f"{server}/Best_of_N?min_score=0.25")
    expect(page.locator(".cm-place-in")).to_have_text("1 of 24", timeout=PATIENCE)
    _drawn(page, "Reject the pick")
    for _ in range(60):
        page.keyboard.down("x")
        page.wait_for_timeout(35)
    page.keyboard.up("x")
    page.wait_for_timeout(500)
    for _ in range(2):
        page.keyboard.press("x")
        page.wait_for_timeout(100)
    page.wait_for_timeout(1000)
    decided = [(a.action, a.chosen) for a in annotations.read(scored)]
    assert decided == [("reject", 0), ("reject", 1)]


def _place(annotation: annotations.Annotation, run: RunDir) -> int:
    """Where the pair of a decision stands among the 24, from 1."""
    questions = run.workspace.question_set("nano").questions()
    return 1 + [q.question_id for q in questions].index(annotation.question_id)


def test_another_pick_is_taken_with_a_digit(page: Page, server: str, scored: RunDir) -> None:
    page.goto(f"{server}/Best_of_N?min_score=0.5")
    place = page.locator(".cm-place-in")
    expect(place).to_have_text("1 of 24", timeout=PATIENCE)
    _drawn(page, "sample 1")
    page.keyboard.press("2")
    expect(page.get_by_text("chosen by a person")).to_be_visible(timeout=PATIENCE)
    page.keyboard.press("j")
    expect(place).to_have_text("2 of 24", timeout=PATIENCE)
    _look(page)
    page.keyboard.press("x")
    expect(page.locator(".cm-chip", has_text="rejected")).to_be_visible(timeout=PATIENCE)
    decided = [(a.action, a.chosen) for a in annotations.read(scored)]
    assert decided == [("pick", 1), ("reject", 0)]
