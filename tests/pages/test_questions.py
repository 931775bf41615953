"""Questions: import, counts, heat map, table, one question in full."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from codemix_core.cli.app import main
from codemix_core.questions.formats.jsonl import write_jsonl
from codemix_core.records import Question
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import code_blocks, shown

Open = Callable[..., AppTest]
PAGE = "1_Questions.py"


def listed(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["question_id"])


def test_a_set_shows_its_counts_and_self_check(
    open_page: Open, checked: RunDir, nano: list[Question]
) -> None:
    text = shown(open_page(PAGE))
    assert "<span>36</span>" in text
    assert 'heldout <span class="cm-muted">12</span>' in text
    assert "35/36" in text
    assert "Run the self-check again" in text


def test_an_unchecked_set_asks_for_its_self_check(open_page: Open, nano: list[Question]) -> None:
    page = open_page(PAGE)
    assert "not run" in shown(page)
    assert any(button.label == "Run the self-check" for button in page.button)


def test_the_table_is_paged_and_filtered_by_the_url(
    open_page: Open, checked: RunDir, nano: list[Question]
) -> None:
    assert listed(open_page(PAGE)) == [q.question_id for q in nano[:25]]
    assert listed(open_page(PAGE, page="2")) == [q.question_id for q in nano[25:]]
    hard = [q.question_id for q in nano if q.k == 3]
    assert listed(open_page(PAGE, k="3")) == hard
    assert listed(open_page(PAGE, split="hard")) == hard
    assert listed(open_page(PAGE, checked="failed")) == [nano[-1].question_id]
    skill = nano[0].skills[0]
    having = [q.question_id for q in nano if skill in q.skills]
    assert listed(open_page(PAGE, skill=skill)) == having
    assert listed(open_page(PAGE, text=nano[5].question_id)) == [nano[5].question_id]


def test_a_page_beyond_the_last_shows_the_first(open_page: Open, nano: list[Question]) -> None:
    assert listed(open_page(PAGE, page="2147483646")) == [q.question_id for q in nano[:25]]
    assert listed(open_page(PAGE, page="-1")) == [q.question_id for q in nano[:25]]


def test_a_question_is_shown_in_full_by_its_url(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    question = asked[1]
    page = open_page(PAGE, question=question.question_id)
    text = shown(page)
    assert question.statement in text
    assert question.gold.strip() in code_blocks(page)
    assert f"{question.function_name}([" in text, "the calls of the unit tests"


def test_the_text_of_a_question_is_shown_letter_by_letter(
    open_page: Open, workspace: Workspace, nano: list[Question]
) -> None:
    text = "Return `A*px + B*py`, not <b>A</b>.\n\n  1) $x$ stays $x$\n  2) so does :name: :red[x]"
    odd = replace(nano[0], statement=text, docstring=f"{text}!", reasoning=f"{text}?")
    workspace.write_question_set("odd", [odd], {"source": "odd", "format": "nano"})
    page = open_page(PAGE, set="odd", question=odd.question_id)
    bodies = [unescape(e.value.split(">", 1)[1].removesuffix("</div>")) for e in page.html]
    for letter_by_letter in (text, f"{text}!", f"{text}?"):
        assert letter_by_letter in bodies
    read_as_markup = [*page.markdown, *page.caption]
    assert read_as_markup
    assert not any("B*py" in element.value for element in read_as_markup)


def test_gold_results_show_why_a_gold_solution_fails(
    open_page: Open, checked: RunDir, nano: list[Question]
) -> None:
    page = open_page(PAGE, question=nano[-1].question_id, detail="Gold's results")
    assert "the gold solution is wrong" in shown(page)


def test_the_history_lists_the_pass_rate_of_every_scoring_run(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    page = open_page(PAGE, question=asked[1].question_id, detail="Pass rates so far")
    text = shown(page)
    assert scored.run_id in text
    assert "3 of 4" in text
    assert "0.75" in text


def test_the_pass_rate_keeps_its_column_when_all_that_is_seen_is_equal(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    table = open_page(PAGE, k="3", text=asked[4].question_id).dataframe[0]
    assert table.value["pass_rate"].tolist() == [0.0]
    order = list(table.proto.column_order)
    assert {"pass_rate", "split"} <= set(order)
    assert "language" not in order, "one language in the whole set"
    settings = json.loads(table.proto.columns)
    widths = [settings[name]["width"] for name in order[: order.index("pass_rate") + 1]]
    assert sum(widths) < 486, "pass@1 is in sight in a window of 1280 pixels"


def test_the_latest_pass_rate_stands_in_the_table(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    rows = open_page(PAGE, sort="pass_rate").dataframe[0].value
    assert list(rows["pass_rate"][:6]) == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


@pytest.mark.parametrize("question", ["nowhere", "<script>alert(1)</script>", "'; DROP TABLE q"])
def test_a_question_that_is_not_there_is_said_to_be_missing(
    open_page: Open, nano: list[Question], question: str
) -> None:
    page = open_page(PAGE, question=question)
    assert "There is no question" in page.warning[0].value


def test_a_set_that_is_not_there_is_said_to_be_missing(
    open_page: Open, nano: list[Question]
) -> None:
    page = open_page(PAGE, set="../../etc")
    assert "There is no question set" in page.warning[0].value


def test_importing_a_bad_file_shows_every_problem_and_writes_nothing(
    open_page: Open, workspace: Workspace, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question_id": "a", "k": 0}\n{"question_id": "a"}\n')
    page = open_page(PAGE)
    page.text_input(key="import.path").set_value(str(bad))
    page.text_input(key="import.name").set_value("mine").run()
    assert f"python -m codemix_core import {bad} --name mine" in shown(page)
    page.button(key="import.go").click().run()
    text = shown(page)
    assert "Nothing was imported" in text
    assert "question 'a'" in text or "line 1" in text
    assert workspace.question_sets() == []


def test_an_uploaded_file_can_be_imported_again_by_the_command_that_is_shown(
    open_page: Open,
    workspace: Workspace,
    all_nano: list[Question],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_jsonl(all_nano[:3], tmp_path / "three.jsonl")
    content = (tmp_path / "three.jsonl").read_bytes()
    page = open_page(PAGE)
    page.file_uploader(key="import.upload").set_value(("../my set.jsonl", content, "text/plain"))
    page.text_input(key="import.name").set_value("mine").run()
    (command,) = [text for text in code_blocks(page) if "codemix_core import" in text]
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[3:]) == 0
    assert len(workspace.question_set("mine").questions()) == 3
    page.run()
    assert len(list(workspace.uploads_root.iterdir())) == 1
    page.button(key="import.go").click().run()
    assert "Nothing was imported" not in shown(page)


def test_importing_nano_by_path_opens_the_new_set(open_page: Open, workspace: Workspace) -> None:
    page = open_page(PAGE)
    page.text_input(key="import.path").set_value("nano")
    page.text_input(key="import.name").set_value("mine").run()
    page.button(key="import.go").click().run()
    assert [s.name for s in workspace.question_sets()] == ["mine"]
    assert page.query_params["set"] == "mine"
    assert not page.exception
