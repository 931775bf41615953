"""Test quality where it is shown: the tables' column, the question's facts, and its own view."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from codemix_core.records import QUALITY, Quality, Question
from codemix_core.scoring.quality.stage import QualitySpec
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import code_blocks, ended, made, shown

Open = Callable[..., AppTest]
QUESTIONS, RATES = "1_Questions.py", "3_Pass_rates.py"
SURVIVOR = "line 2\n- return a < b\n+ return a <= b"


@pytest.fixture
def judged(workspace: Workspace, nano: list[Question]) -> RunDir:
    """Findings about the first two questions: good tests, and blind, flaky ones."""
    run = made(workspace, QualitySpec.parse({"questions": "nano"}), "qual")
    rows = [
        Quality(nano[0].question_id, True, 40, 40, [], 2, 3, 11, [], 5, []),
        Quality(
            *(nano[1].question_id, True, 40, 10, [SURVIVOR], 0, 0, 11, ["returns 0"], 5, ["t01"])
        ),
    ]
    with run.writer(QUALITY) as writer:
        writer.extend(rows)
    return ended(run, 2, "programs")


def test_the_tables_show_the_share_of_killed_mutants_and_a_mark_for_flaws(
    open_page: Open, scored: RunDir, judged: RunDir, asked: list[Question]
) -> None:
    for page, url in ((QUESTIONS, {}), (RATES, {"run": scored.run_id, "show": "Questions"})):
        table = open_page(page, **url).dataframe[0].value
        found = dict(zip(table["question_id"], table["quality"], strict=True))
        assert found[asked[0].question_id] == "100%"
        assert found[asked[1].question_id] == "25% ⚠"
        assert pd.isna(found[asked[2].question_id])


def test_questions_can_be_sorted_by_quality(
    open_page: Open, judged: RunDir, nano: list[Question]
) -> None:
    table = open_page(QUESTIONS, sort="quality").dataframe[0].value
    assert list(table["question_id"][:2]) == [nano[1].question_id, nano[0].question_id]


def test_a_question_shows_what_is_wrong_with_its_tests(
    open_page: Open, judged: RunDir, nano: list[Question]
) -> None:
    text = shown(open_page(QUESTIONS, question=nano[1].question_id, detail="Test quality"))
    assert "10 of 40" in text
    assert "do nothing and pass every test: returns 0" in text
    assert "does not always pass: t01" in text
    assert "return a &lt;= b" in text


def test_good_tests_show_no_survivors(
    open_page: Open, judged: RunDir, nano: list[Question]
) -> None:
    text = shown(open_page(QUESTIONS, question=nano[0].question_id, detail="Test quality"))
    assert "40 of 40" in text
    assert "Survivors" not in text
    assert "do nothing and pass" not in text


def test_a_question_nobody_looked_at_offers_to_judge_its_tests(
    open_page: Open, nano: list[Question]
) -> None:
    page = open_page(QUESTIONS, question=nano[0].question_id, detail="Test quality")
    assert any(button.label == "Judge these tests" for button in page.button)
    command = f"python -m codemix_core quality nano --only {nano[0].question_id}"
    assert command in code_blocks(page)


def test_quality_stands_beside_the_pass_rate_of_a_question(
    open_page: Open, scored: RunDir, judged: RunDir, asked: list[Question]
) -> None:
    text = shown(open_page(RATES, run=scored.run_id, question=asked[1].question_id))
    assert "25% ⚠" in text


def test_tests_that_every_or_no_sampled_program_passes_are_marked(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    page = open_page(QUESTIONS, question=asked[0].question_id, detail="Test quality")
    assert "every program passes it" in shown(page)
    page = open_page(QUESTIONS, question=asked[4].question_id, detail="Test quality")
    assert "no program passes it" in shown(page)


def test_the_starter_questions_are_imported_by_a_button(
    open_page: Open, workspace: Workspace
) -> None:
    page = open_page(QUESTIONS)
    page.button(key="import-starter").click().run()
    assert not page.exception
    assert len(workspace.question_set("starter").questions()) == 24
