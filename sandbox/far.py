"""What a program has that is no plain data, as its tests have it.

Functions are called and iterators are gone through in the program's process; what comes back is
compared by the tests. Of any other object tests know that it is there: it can be given back to the
program, and is equal to itself alone. Whether it is equal to something else is never asked of the
program: of an object whose class would answer that, nobody gets an answer.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from typing import Any, Protocol

_LONGEST_NAME = 100
_SINGLE, _MOST_AHEAD = 64, 1000


class Ask(Protocol):
    """Ask the program to do something with what it has lent."""

    def __call__(self, act: str, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """``act``: ``call``, ``next``, ``send``, ``throw``, ``close``, or ``refuse``."""


def describe(value: Any) -> list[str]:
    """What is told about an object: what can be done with it, and a name."""
    kind: Any = type(value)
    if isinstance(value, Iterator):
        return ["generator" if hasattr(kind, "send") else "iterator", kind.__name__]
    if callable(value):
        return ["function", str(getattr(value, "__name__", kind.__name__))]
    return ["object" if kind.__eq__ is object.__eq__ else "compares", kind.__name__]


def borrow(description: list[str], ask: Ask) -> Any:
    """What stands for an object of that description.

    Raises:
        ValueError, KeyError: it is no description.
    """
    kind, name = description[0], str(description[1])[:_LONGEST_NAME]
    if kind == "function":
        return function(name, ask)
    return type(name, (_KINDS[kind],), {"__module__": "solution"})(ask)


def function(name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the program."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return ask("call", args, kwargs)

    call.__name__ = call.__qualname__ = name
    return call


class _Object:
    def __init__(self, ask: Ask) -> None:
        self.__ask__ = ask

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__ask__("refuse")


class _Compares(_Object):
    def __eq__(self, other: object) -> Any:
        return self is other or (other is not None and self.__ask__("refuse"))

    def __hash__(self) -> Any:
        return self.__ask__("refuse")


class _Iterator(_Object):
    """Goes on item by item; one that is long is read ahead, where the program allows it."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.__ahead__: collections.deque[Any] = collections.deque()
        self.__taken__ = 0

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if not self.__ahead__:
            most = min(self.__taken__, _MOST_AHEAD) if self.__taken__ >= _SINGLE else 1
            self.__ahead__.extend(self.__ask__("next", (most,)))
        self.__taken__ += 1
        return self.__ahead__.popleft()


class _Generator(_Iterator):
    def send(self, value: Any) -> Any:
        return self.__ask__("refuse" if self.__ahead__ else "send", (value,))

    def throw(self, error: Any) -> Any:
        return self.__ask__("refuse" if self.__ahead__ else "throw", (error,))

    def close(self) -> Any:
        self.__ahead__.clear()
        return self.__ask__("close")


_KINDS: dict[str, Any] = {
    "object": _Object,
    "compares": _Compares,
    "iterator": _Iterator,
    "generator": _Generator,
}
