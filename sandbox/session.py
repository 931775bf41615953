"""What a program and its tests, in two processes, know of each other during one test.

Plain data crosses as :mod:`sandbox.plain` has it: each side has containers of its own, numbered
alike on both. Everything else stays where it is and is *lent*: it crosses as a number, and the
other side borrows it, as something that asks for what is done with it. Once anything is lent,
both sides keep their containers to the end of the test, and every message says what has changed
in them, so that a list which an object of the program holds is one list for both. Until then
containers are forgotten after each call.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sandbox.plain import Decoder, Encoder

_dumps = json.dumps


class Session:
    """One side's knowledge of a test under way.

    Args:
        describe: what is told about an object that is lent, given the type of plain data that it
            extends, or None: it may cross as that; raises NotPlain if it can do neither.
        borrow: makes what stands for an object of the other side, of its number and description,
            and of the plain data it is, unless that can change.
        name: the form of what both sides have by a name, or None.
        named: the value of such a form.
    """

    def __init__(
        self,
        describe: Callable[[Any, Any], list[Any] | None],
        borrow: Callable[[int, list[Any], Any], Any],
        name: Callable[[Any], Any],
        named: Callable[[Any], Any],
    ) -> None:
        self._describe, self._borrow, self._name, self._named = describe, borrow, name, named
        self.reset()

    def reset(self) -> None:
        """Another test begins."""
        self._objects: list[Any] = []
        self._texts: list[str] = []  # what was in the first of them when both sides agreed
        self._lent: list[Any] = []
        self._lent_numbers: dict[int, int] = {}
        self._borrowed: dict[int, Any] = {}
        self._borrowed_numbers: dict[int, int] = {}
        self._other_keeps = False

    @property
    def keeps(self) -> bool:
        """Whether anything is lent, by either side, so that containers are kept in step."""
        return bool(self._lent or self._borrowed) or self._other_keeps

    def pack(self, write: Callable[[Encoder], Any]) -> list[Any]:
        """A message: what ``write`` makes, what has changed in containers, whether they are kept.

        Raises:
            NotPlain: a part of it can neither cross nor be lent.
        """
        encoder = Encoder(self._objects, far=self._far)
        form = write(encoder)
        changes = []
        for number, text in enumerate(self._texts):
            contents = encoder.contents(self._objects[number])
            if _dumps(contents) != text:
                changes.append([number, contents])
        self._objects = encoder.objects
        return [form, changes, self.keeps]

    def unpack(self, message: list[Any], read: Callable[[Decoder, Any], Any]) -> Any:
        """What ``read`` makes of a message.

        Raises:
            ValueError, TypeError, KeyError, IndexError, ArithmeticError: it is no message.
        """
        form, changes, keeps = message
        decoder = Decoder(self._objects, far=self._near)
        value = read(decoder, form)
        for number, contents in changes:
            decoder.refill(decoder.objects[number], contents)
        self._objects = decoder.objects
        self._other_keeps = self._other_keeps or bool(keeps)
        return value

    def agree(self) -> None:
        """Both sides have the same in their containers at this moment."""
        encoder = Encoder(self._objects, far=self._far)
        self._texts = [_dumps(encoder.contents(container)) for container in self._objects]

    def forget(self) -> None:
        """Have no containers in common any more."""
        self._objects, self._texts = [], []

    def lent(self, number: int) -> Any:
        """An object of this side."""
        return self._lent[number]

    def _far(self, value: Any, base: Any) -> Any:
        number = self._borrowed_numbers.get(id(value))
        if number is not None:
            return {"yours": number}
        form = self._name(value)
        if form is not None:
            return form
        description = self._describe(value, base)
        if description is None:
            return None
        number = self._lent_numbers.get(id(value))
        if number is None:
            number = self._lent_numbers[id(value)] = len(self._lent)
            self._lent.append(value)
        return {"mine": [number, *description]}

    def _near(self, tag: str, body: Any) -> Any:
        if tag == "yours":
            return self._lent[body]
        if tag == "named":
            return self._named(body)
        (number, *description), data = body if tag == "more" else (body, None)
        if number not in self._borrowed:
            made = self._borrow(int(number), description, data)
            self._borrowed[number] = made
            self._borrowed_numbers[id(made)] = number
        return self._borrowed[number]
