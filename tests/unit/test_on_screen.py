"""A press decides only what is on the screen, and was long enough to be recognised."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from codemix_core.ui import on_screen


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A session of its own; what is said to the person."""
    said: list[str] = []
    fake = SimpleNamespace(session_state={}, toast=lambda text, icon: said.append(text))
    monkeypatch.setattr(on_screen, "st", fake)
    monkeypatch.setattr(on_screen, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    clock[0] = 100.0
    return said


clock = [0.0]


def test_a_press_counts_once_the_subject_was_there_for_a_while(told: list[str]) -> None:
    on_screen.shown("first")
    clock[0] += 1.01 * on_screen.SETTLING
    assert on_screen.take("first")
    assert told == []


def test_a_second_press_before_the_next_subject_is_drawn_decides_nothing(told: list[str]) -> None:
    on_screen.shown("first")
    clock[0] += 1
    assert on_screen.take("first")
    assert not on_screen.take("first")
    assert "before" in told[0]


def test_a_button_of_an_earlier_subject_decides_nothing(told: list[str]) -> None:
    on_screen.shown("first")
    on_screen.shown("second")
    clock[0] += 1
    assert not on_screen.take("first")
    assert on_screen.take("second")


def test_a_press_on_what_has_just_appeared_says_that_it_does_not_count(told: list[str]) -> None:
    on_screen.shown("first")
    clock[0] += on_screen.SETTLING / 2
    assert not on_screen.take("first")
    assert "Press again" in told[0]
    clock[0] += on_screen.SETTLING
    assert on_screen.take("first")


def test_drawing_the_same_subject_again_does_not_make_a_person_wait(told: list[str]) -> None:
    on_screen.shown("first")
    clock[0] += 1
    on_screen.shown("first")
    assert on_screen.take("first")


def test_a_subject_drawn_again_after_its_decision_waits_longer(told: list[str]) -> None:
    on_screen.shown("first")
    clock[0] += 1.01 * on_screen.SETTLING
    assert on_screen.take("first")
    on_screen.shown("first")
    clock[0] += 1.01 * on_screen.SETTLING
    assert not on_screen.take("first"), "a page drawn from before the decision"
    clock[0] += on_screen.AGAIN
    assert on_screen.take("first"), "there is no other, and it is looked at again"
    on_screen.shown("second")
    on_screen.shown("first")
    clock[0] += 1.01 * on_screen.SETTLING
    assert on_screen.take("first"), "gone back to"


def test_where_a_press_led_is_known_until_the_next_counts(told: list[str]) -> None:
    on_screen.shown("first")
    clock[0] += 1
    assert on_screen.take("first")
    assert on_screen.led_to("first") is None, "nothing was decided"
    on_screen.leads("first", ("second",))
    assert on_screen.led_to("first") == ("second",), "nothing is drawn yet"
    on_screen.shown("second")
    assert on_screen.led_to("first") == ("second",), "the browser may still show it"
    assert on_screen.led_to("second") is None
    on_screen.shown("first")
    assert on_screen.led_to("first") is None, "gone back to"
    on_screen.shown("second")
    clock[0] += 1
    assert on_screen.take("second")
    assert on_screen.led_to("first") is None
