"""Which program is judged next: workers stay with a question as long as they can.

A wall has to be told a question and to prepare its tests before it judges the first program of
it. Each worker therefore takes programs of the question it had last, else of one that no other
worker is at, else the one that waits longest.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """A queue for threads; items are few, the most a scorer lets wait."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Hashable, Item]] = []
        self._last: dict[int, Hashable] = {}
        self._changed = threading.Condition()
        self._closed = False

    def put(self, question: Hashable, item: Item) -> None:
        """Add an item of a question."""
        with self._changed:
            self._waiting.append((question, item))
            self._changed.notify()

    def close(self) -> None:
        """Have every worker go home; what waits is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, worker: int) -> Item | None:
        """The next item for a worker, once there is one; None when the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            question, item = self._waiting.pop(self._best(worker))
            self._last[worker] = question
            return item

    def _best(self, worker: int) -> int:
        questions = [question for question, _ in self._waiting]
        mine = self._last.get(worker)
        if mine in questions:
            return questions.index(mine)
        taken = set(self._last.values())
        return next((i for i, question in enumerate(questions) if question not in taken), 0)
