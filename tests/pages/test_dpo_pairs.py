"""The DPO pairs page: yield while sliders move, review from the keyboard, and the build."""

from __future__ import annotations

import shlex

import pytest
from streamlit.testing.v1 import AppTest

from codemix_core import files
from codemix_core.cli.app import main
from codemix_core.datasets import stage
from codemix_core.datasets.spec import BuildSpec
from codemix_core.progress import Progress
from codemix_core.records import VERDICTS, Question
from codemix_core.selection import annotations
from codemix_core.ui import deciding, on_screen
from codemix_core.workspace import RunDir, Workspace
from tests.pages.conftest import Open
from tests.pages.test_best_of_n import card
from tests.pages_data import press, shown

PAGE = "5_DPO_pairs.py"


def progress(app: AppTest) -> str:
    """The line that says how much is reviewed."""
    return next(e.value for e in app.html if "cm-review" in e.value)


def place(app: AppTest) -> str:
    return next(e.value for e in app.html if "cm-place-in" in e.value)


def test_without_a_scoring_run_the_page_says_what_to_do_first(open_page: Open) -> None:
    assert "There is nothing to choose from yet." in shown(open_page(PAGE))


def test_the_yield_names_pairs_and_covered_questions(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE)
    assert card(app, "pairs") == "3"
    assert card(app, "questions covered").startswith("3<small>of 6")
    assert card(app, "mean score gap") == "1.00"


def test_moving_a_slider_changes_the_yield(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE)
    app.number_input(key="num_preference_pairs_per_question").set_value(50).run()
    many = int(card(app, "pairs"))
    assert many > 3
    app.selectbox(key="strategy").set_value("max_min").run()
    app.number_input(key="num_preference_pairs_per_question").set_value(1).run()
    assert card(app, "pairs") == "3"


def test_all_strategies_stand_side_by_side(open_page: Open, scored: RunDir) -> None:
    from codemix_core.selection.pairs import STRATEGIES

    table = next(e.value for e in open_page(PAGE).html if "cm-strategies" in e.value)
    assert all(name in table for name in STRATEGIES)
    assert len(STRATEGIES) >= 7


def test_only_the_settings_a_strategy_uses_are_shown(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE, strategy="margin")
    assert {slider.key for slider in app.slider} == {"margin"}


def test_a_pair_shows_both_programs_their_tests_and_verdicts(
    open_page: Open, scored: RunDir
) -> None:
    text = shown(open_page(PAGE, view="Review"))
    assert "cm-chosen" in text
    assert "cm-rejected" in text
    assert "cm-matrix" in text
    assert "passed" in text


@pytest.mark.parametrize(
    ("key", "action", "word"),
    [("a", "accept", "accepted"), ("s", "swap", "swapped"), ("x", "reject", "rejected")],
)
def test_a_decision_is_kept_counted_and_leads_to_the_next_pair(
    open_page: Open, scored: RunDir, key: str, action: str, word: str
) -> None:
    app = open_page(PAGE, view="Review")
    assert "0 of 3 reviewed" in progress(app)
    press(app, f"pair-{key}")
    assert not app.exception
    assert annotations.read(scored)[-1].action == action
    assert "1 of 3 reviewed" in progress(app)
    assert f"1 {word}" in progress(app)
    assert "<b>2</b> of 3" in place(app)
    press(app, "pair-u")
    assert "0 of 3 reviewed" in progress(app)
    assert "<b>1</b> of 3" in place(app)


def test_a_swapped_pair_shows_the_sides_as_decided(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE, view="Review")
    press(app, "pair-s")
    press(app, "pair-k")
    heads = [e.value for e in app.html if "cm-is-chosen" in e.value and "sample" in e.value]
    assert "passed" not in heads[0]


def test_the_unreviewed_filter_loses_what_was_decided(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE, view="Review", show="unreviewed")
    assert "of 3" in place(app)
    press(app, "pair-a")
    assert "<b>1</b> of 2" in place(app)


def test_a_note_needs_a_text_and_is_kept(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE, view="Review")
    press(app, "pair-n")
    assert annotations.read(scored) == []
    app.text_input(key="reason").set_value("off by one").run()
    made = annotations.read(scored)
    assert [(a.action, a.reason) for a in made] == [("note", "off by one")]
    assert "off by one" in shown(app)
    assert "0 of 3 reviewed" in progress(app)


def test_a_pair_named_in_the_link_is_shown(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE, view="Review")
    press(app, "pair-j")
    where = {name: app.query_params[name] for name in ("question", "chosen", "rejected")}
    again = open_page(PAGE, view="Review", **where)
    assert "<b>2</b> of 3" in place(again)


def test_the_yield_after_decisions_is_what_the_build_gives(
    open_page: Open, scored: RunDir, workspace: Workspace
) -> None:
    app = open_page(PAGE, view="Review", num_preference_pairs_per_question="2")
    total = int(progress(app).split(" of ")[1].split()[0])
    for key in "xsa":
        press(app, f"pair-{key}")
    assert f"{total - 1} after decisions: 1 rejected, 1 swapped" in progress(app)
    app = open_page(PAGE, num_preference_pairs_per_question="2")
    assert card(app, "pairs").startswith(f"{total}<small>{total - 1} after decisions")
    assert _built(workspace, scored, reviewed_only=False) == total - 1

    app.toggle(key="build-dpo.reviewed_only").set_value(True).run()
    said = f"2 after decisions: 1 rejected, 1 swapped, {total - 3} not reviewed"
    assert said in card(app, "pairs")
    assert _built(workspace, scored, reviewed_only=True) == 2


def _built(workspace: Workspace, scored: RunDir, *, reviewed_only: bool) -> int:
    """Rows of the dataset that the same rule builds."""
    settings = {"run": scored.run_id, "method": "dpo", "num_preference_pairs_per_question": 2}
    spec = BuildSpec.parse({**settings, "reviewed_only": reviewed_only})
    run = workspace.new_run(spec)
    stage.run(spec, run, Progress(lambda snapshot: None))
    return int(files.read_json(run.dataset_path)["counts"]["rows"])


def test_nothing_is_said_about_decisions_before_there_are_any(
    open_page: Open, scored: RunDir
) -> None:
    assert card(open_page(PAGE), "pairs") == "3"
    assert "after decisions" not in progress(open_page(PAGE, view="Review"))


def test_the_command_is_what_the_button_starts(open_page: Open, scored: RunDir) -> None:
    app = open_page(PAGE, minimum_preferred_score="0.5", strategy="nearest")
    commands = [c.value for c in app.code if "build score-" in c.value]
    assert "--method dpo" in commands[0]
    assert "--strategy nearest" in commands[0]
    assert "--minimum-preferred-score 0.5" in commands[0]


def test_the_command_of_a_pair_decides_what_its_button_decides(
    open_page: Open, scored: RunDir
) -> None:
    app = open_page(PAGE, view="Review")
    command = next(c.value for c in app.code if " annotate " in c.value)
    press(app, "pair-a")
    assert main(shlex.split(command)[3:]) == 0
    one, other = annotations.read(scored)
    assert (one.action, one.subject) == (other.action, other.subject)


def test_a_press_right_after_a_pair_appears_decides_nothing_and_says_so(
    open_page: Open, scored: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(PAGE, view="Review")
    monkeypatch.setattr(on_screen, "SETTLING", 3600.0)
    press(app, "pair-a")
    assert annotations.read(scored) == []
    assert "Press again" in app.toast[0].value
    assert "0 of 3 reviewed" in progress(app)


@pytest.mark.parametrize(("key", "at", "then", "left"), [("a", 1, 2, 1), ("u", 2, 1, 0)])
def test_a_second_press_with_the_address_of_the_first_does_not_lead_back(
    key: str, at: int, then: int, left: int, open_page: Open, scored: RunDir
) -> None:
    app = open_page(PAGE, view="Review")
    if at == 2:
        press(app, "pair-a")
    assert f"<b>{at}</b> of 3" in place(app)
    (button,) = (b for b in app.button if str(b.key).startswith(f"pair-{key}-"))
    button.click()
    pressed, address = app._tree.get_widget_states(), dict(app.query_params)
    for widget in list(pressed.widgets):
        if widget.id != button.id and widget.HasField("trigger_value"):
            pressed.widgets.remove(widget)
    app.run()
    assert f"<b>{then}</b> of 3" in place(app)
    app.query_params.clear()
    app.query_params.update(address)
    app._run(pressed)
    assert "before" in app.toast[0].value
    assert f"<b>{then}</b> of 3" in place(app)
    actions = [a.action for a in annotations.read(scored)]
    assert len(actions) - 2 * actions.count("undo") == left


def test_two_people_deciding_at_once_lose_nothing(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    one, other = open_page(PAGE, view="Review"), open_page(PAGE, view="Review")
    press(one, "pair-a")
    press(other, "pair-j")
    press(other, "pair-x")
    assert [a.action for a in annotations.read(scored)] == ["accept", "reject"]
    assert "2 of 3 reviewed" in progress(other)


def test_a_half_scored_run_can_be_looked_at(open_page: Open, half_scored: RunDir) -> None:
    app = open_page(PAGE)
    assert card(app, "questions covered").startswith("2<small>of 3")
    assert any("partial" in toggle.key for toggle in app.toggle)


def test_groups_show_both_advantages(open_page: Open, scored: RunDir, workspace: Workspace) -> None:
    app = open_page("5_GRPO_groups.py")
    assert card(app, "groups kept").startswith("3<small>of 6")
    assert card(app, "zero variance").startswith("3<small>1 all right, 2 all at 0")
    table = next(e.value for e in app.html if "cm-members" in e.value)
    assert "(reward − mean) / std" in table
    app.toggle(key="keep_zero_variance").set_value(True).run()
    assert card(app, "groups kept").startswith("6<small>of 6")
    app.slider(key="band").set_value((0.2, 0.8)).run()
    assert card(app, "groups kept").startswith("3<small>of 6")
    assert card(app, "outside the band") == "3"


def test_the_newest_decision_again_is_the_one_that_is_there(scored: RunDir) -> None:
    identity = (_first_question(scored), 0, 1)
    for action in ("accept", "accept", "reject", "reject", "accept"):
        assert deciding.decide(scored, "pair", action, *identity)
    assert [a.action for a in annotations.read(scored)] == ["accept", "reject", "accept"]


def _first_question(run: RunDir) -> str:
    name: str = run.read(VERDICTS, ["question_id"])["question_id"][0].as_py()
    return name
