"""Workers stay with a question as long as they can."""

from __future__ import annotations

import threading

from codemix_core.scoring.turns import Turns


def _filled(questions: str) -> Turns[str]:
    turns: Turns[str] = Turns()
    for number, question in enumerate(questions):
        turns.put(question, f"{question}{number}")
    return turns


def test_a_worker_goes_on_with_its_question_and_then_takes_one_that_nobody_is_at() -> None:
    turns = _filled("aabbcc")
    assert turns.take(0) == "a0"
    assert turns.take(1) == "b2"
    assert turns.take(0) == "a1"
    assert turns.take(0) == "c4"
    assert turns.take(1) == "b3"


def test_the_longest_waiting_goes_first_where_all_questions_are_taken() -> None:
    turns = _filled("aaaa")
    assert [turns.take(worker) for worker in (0, 1, 0, 1)] == ["a0", "a1", "a2", "a3"]


def test_nobody_waits_for_a_closed_queue() -> None:
    turns = _filled("")
    found: list[str | None] = ["unset"]
    thread = threading.Thread(target=lambda: found.append(turns.take(0)))
    thread.start()
    turns.close()
    thread.join(timeout=5)
    assert found == ["unset", None]
    turns.put("a", "late")
    assert turns.take(0) is None
