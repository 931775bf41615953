"""The Best of N page: what a rule yields, what people decide, and what is built."""

from __future__ import annotations

import shlex

from streamlit.testing.v1 import AppTest

from codemix_core.cli.app import main
from codemix_core.records import Question
from codemix_core.selection import annotations
from codemix_core.workspace import RunDir, Workspace
from tests.pages.conftest import Open
from tests.pages_data import press, shown

PAGE = "4_Best_of_N.py"


def card(app: AppTest, name: str) -> str:
    """The figure of one card."""
    text = next(e.value for e in app.html if 'data-testid="yield"' in e.value)
    return str(text.split(f"<i>{name}</i><b>")[1].split("</b>")[0])


def test_without_a_scoring_run_the_page_says_what_to_do_first(open_page: Open) -> None:
    assert "There is nothing to choose from yet." in shown(open_page(PAGE))


def test_the_yield_counts_questions_with_an_acceptable_answer(
    open_page: Open, scored: RunDir
) -> None:
    app = open_page(PAGE)
    assert card(app, "rows") == "4"
    assert card(app, "questions covered").startswith("4<small>of 6")
    assert card(app, "without a pick") == "2"


def test_the_gold_fallback_is_counted_and_marked(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE, gold_fallback="true", show="without a pick")
    assert card(app, "rows") == "6<small>(2 of them gold)</small>"
    assert "gold solution as fallback" in shown(app)


def test_questions_without_an_acceptable_answer_are_listed(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    app = open_page(PAGE, view="Without a pick")
    listed = set(app.dataframe[0].value["question_id"])
    assert listed == {asked[4].question_id, asked[5].question_id}
    assert set(app.dataframe[0].value["instead"]) == {"nothing"}


def test_a_lower_threshold_accepts_more(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE)
    app.slider(key="min_score").set_value(0.0).run()
    assert card(app, "without a pick") == "0"
    assert "--min-score 0.0" in shown(app)


def test_the_reason_why_a_pick_won_is_told(open_page: Open, scored: RunDir) -> None:
    assert "top of 1 acceptable programs, score 1" in shown(open_page(PAGE))


def test_a_rejected_pick_is_gone_and_comes_back_with_undo(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    app = open_page(PAGE, question=asked[1].question_id)
    app.text_input(key="reason").set_value("reads its own test").run()
    press(app, "pick-x")
    kept = annotations.read(scored)[-1]
    assert (kept.action, kept.question_id, kept.reason) == (
        "reject",
        asked[1].question_id,
        "reads its own test",
    )
    assert kept.author
    assert card(app, "rows") == "3"
    assert "No acceptable answer" in shown(app)
    assert "reads its own test" in shown(app)
    press(app, "pick-u")
    assert card(app, "rows") == "4"


def test_picking_another_answer_overrides_the_rule(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    app = open_page(PAGE, question=asked[5].question_id)
    press(app, "take-2")
    assert not app.exception
    chosen = annotations.current(scored).picked[asked[5].question_id]
    assert chosen.chosen is not None
    assert "chosen by a person" in shown(app)
    assert card(app, "rows") == "5"


def test_a_person_named_in_the_author_field_is_kept(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE)
    app.text_input(key="author").set_value("Ada").run()
    press(app, "pick-x")
    assert annotations.read(scored)[-1].author == "Ada"


def test_the_command_of_a_pick_decides_what_its_button_decides(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    app = open_page(PAGE, question=asked[1].question_id)
    command = next(c.value for c in app.code if " annotate " in c.value)
    press(app, "take-1")
    assert main(shlex.split(command)[3:]) == 0
    one, other = annotations.read(scored)
    assert (one.action, one.subject) == (other.action, other.subject) == ("pick", one.subject)


def test_next_and_previous_walk_through_the_questions(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    app = open_page(PAGE)
    assert app.button(key="pick-k").disabled
    press(app, "pick-j")
    assert app.query_params["question"] == asked[1].question_id


def test_gold_solutions_need_no_scoring_run(
    open_page: Open, nano: list[Question], workspace: Workspace
) -> None:
    text = shown(open_page(PAGE, **{"from": "Gold solutions"}))
    assert "never checked" in text
    assert "build nano --method gold_solution" in text
    assert "return xs" in text


def test_gold_that_failed_its_self_check_is_left_out(
    open_page: Open, nano: list[Question], checked: RunDir
) -> None:
    app = open_page(PAGE, **{"from": "Gold solutions"})
    rows = next(e.value for e in app.html if "gold that fails its tests" in e.value)
    assert f"<b>{len(nano) - 1}</b>" in rows
    app.toggle(key="include_flagged").set_value(True).run()
    rows = next(e.value for e in app.html if "gold that fails its tests" in e.value)
    assert f"<b>{len(nano)}</b>" in rows
