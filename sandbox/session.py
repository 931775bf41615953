"""What a program and its tests, in two processes, know of each other.

Plain data crosses as :mod:`sandbox.plain` has it: each side has containers of its own, numbered
alike on both. Every message says what has changed in them, so that a list which the program keeps
and a test goes on to change is one list for both, and which of them its side no longer holds, so
that both forget them. Everything else stays where it is and is *lent*: it crosses as a number, and
the other side borrows it, as something that asks for what is done with it.
"""

from __future__ import annotations

import operator
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

from sandbox.plain import Decoder, Encoder, Known, NotPlain

_BOUND = (types.MethodType, types.BuiltinMethodType)


class Session:
    """One side's knowledge.

    Args:
        describe: what is told about an object that is lent; raises NotPlain if it cannot be.
        borrow: makes what stands for an object of the other side, of its number and description.
        name: the form of what both sides have by a name, or None.
        named: the value of such a form.
    """

    def __init__(
        self,
        describe: Callable[[Any], list[Any]],
        borrow: Callable[[int, list[Any]], Any],
        name: Callable[[Any], Any],
        named: Callable[[Any], Any],
    ) -> None:
        self._describe, self._borrow, self._name, self._named = describe, borrow, name, named
        self._lent: list[Any] = []
        self._lent_numbers: dict[Any, int] = {}
        self._borrowed: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._borrowed_numbers: dict[int, int] = {}  # of some that are gone, too
        self.forget()

    def forget(self) -> None:
        """Have no containers in common any more. What is lent stays lent."""
        self._known = Known()
        self._agreed: dict[int, Any] = {}  # what was in them after the last message

    def pack(self, write: Callable[[Encoder], Any]) -> list[Any]:
        """A message: what ``write`` makes, what has changed in containers, and which are let go.

        Raises:
            NotPlain: a part of it can neither cross nor be lent; nothing has been numbered then.
        """
        known = self._known
        before = known.next
        try:
            encoder = Encoder(known, self._far)
            form = write(encoder)
            changes = [
                [number, encoder.contents(known.objects[number])]
                for number, then in self._agreed.items()
                if not _holds(known.objects[number], then)
            ]
        except BaseException:
            known.back_to(before)
            raise
        let_go = [n for n in self._agreed if _references(known.objects, n) <= _NOBODY_ELSE]
        self._agree(before, changes, let_go)
        return [form, changes, let_go]

    def unpack(self, message: list[Any], read: Callable[[Decoder, Any], Any]) -> Any:
        """What ``read`` makes of a message.

        Raises:
            ValueError, TypeError, KeyError, IndexError, ArithmeticError: it is no message.
        """
        form, changes, let_go = message
        known = self._known
        before = known.next
        decoder = Decoder(known, self._near)
        value = read(decoder, form)
        for number, contents in changes:
            decoder.refill(known.objects[number], contents)
        self._agree(before, changes, let_go)
        return value

    @property
    def shares(self) -> bool:
        """Whether the other side could see what is done here before it is told."""
        return bool(self._known.objects or self._borrowed)

    def lent(self, number: int) -> Any:
        """An object of this side."""
        return self._lent[number]

    def _agree(self, before: int, changes: list[Any], let_go: list[int]) -> None:
        """Note what is in containers that are new or have changed, and forget what is let go."""
        known = self._known
        for number in (*(number for number, _ in changes), *range(before, known.next)):
            self._agreed[number] = _held(known.objects[number])
        for number in let_go:
            known.forget(number)
            del self._agreed[number]

    def _far(self, value: Any) -> Any:
        number = self._borrowed_numbers.get(id(value))
        if number is not None and self._borrowed.get(number) is value:
            if getattr(value, "__ahead__", ()):
                raise NotPlain("an iterator that has been read ahead")
            return {"yours": number}
        form = self._name(value)
        if form is not None:
            return form
        description = self._describe(value)
        bound = isinstance(value, _BOUND) and value.__self__ is not None
        key = (id(value.__self__), value.__name__) if bound else id(value)
        number = self._lent_numbers.get(key)
        if number is None:
            number = self._lent_numbers[key] = len(self._lent)
            self._lent.append(value)
        return {"mine": [number, *description]}

    def _near(self, tag: str, body: Any) -> Any:
        if tag == "yours":
            return self._lent[body]
        if tag == "named":
            return self._named(body)
        number, *description = body
        made = self._borrowed.get(number)
        if made is None:
            made = self._borrow(int(number), description)
            self._borrowed[number] = made
            self._borrowed_numbers[id(made)] = number
        return made


def _references(objects: dict[int, Any], number: int) -> int:
    """How many hold a container."""
    container = objects[number]
    return sys.getrefcount(container)


_NOBODY_ELSE = _references({0: []}, 0)


def _held(container: Any) -> Any:
    if isinstance(container, dict):
        return tuple(container.keys()), tuple(container.values())
    if isinstance(container, bytearray):
        return bytes(container)
    return tuple(container)


def _holds(container: Any, then: Any) -> bool:
    """Whether a container holds the very objects that it held then."""
    if isinstance(container, dict):
        return _are(container.keys(), then[0]) and _are(container.values(), then[1])
    return container == then if isinstance(container, bytearray) else _are(container, then)


def _are(some: Any, then: tuple[Any, ...]) -> bool:
    return len(some) == len(then) and all(map(operator.is_, some, then))
