"""The program, as its tests see it from another process: functions that ask over a socket.

What comes back is built by :mod:`sandbox.plain`, :mod:`sandbox.raised` and :mod:`sandbox.far`. An
answer that cannot be read, or none at all, raises :class:`Unanswered`, which no test can expect;
the test has then failed whatever it does with it.
"""

from __future__ import annotations

import json
import socket
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

from sandbox import far, library, raised
from sandbox.called import answered, read_arguments, reader, write_arguments
from sandbox.plain import Decoder, NotPlain, between, deeply
from sandbox.session import Session

_LONGEST = 8 << 20
_SHOWN = 500


class Unanswered(BaseException):
    """A call that has no result to go on with."""


class Program:
    """One program behind a socket. ``gone``: it answers no more."""

    def __init__(self, link: socket.socket) -> None:
        self._link, self._lines = link, link.makefile("rb", 1 << 16)
        self.module = types.ModuleType("solution")
        self.gone = False
        self._problem: str | None = None
        self._exports: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._session = Session(_describe, self._borrow, self._name, _unnamed)
        self._begins = True

    def load(self) -> tuple[str, str, str] | None:
        """Wait until the program is loaded; a record that says why it could not be."""
        kind, content = self._read()
        try:
            if kind == "r":
                self._exports = {str(name): None for name in content}
                for name, form in content.items():
                    self._exports[name] = self._export(name, form)
                self.module.__dict__.update(self._exports)
                return None
            if kind == "l":
                return "X" if content["kind"] == "syntax" else "M", "", str(content["message"])
        except Exception:
            return "M", "", "the program did not load as it should"
        return "M", "", "the program did not load"

    def _export(self, name: str, form: Any) -> Any:
        if "class" in form:
            made = raised.build_class(form["class"], self._exports)
            self._names[id(made)] = name
            return made
        if "value" in form:
            return Decoder().decode(form["value"])
        return self._function(name)

    def _function(self, name: str) -> Callable[..., Any]:
        made = far.function(name, partial(self._ask, name))
        self._names[id(made)] = name
        return made

    def _borrow(self, number: int, description: list[Any]) -> Any:
        return far.borrow(description, partial(self._ask, number))

    def _name(self, value: Any) -> Any:
        """The form of what the program has by this name, too."""
        name = self._names.get(id(value))
        return {"named": ["solution", name]} if name is not None else library.form(value)

    def _ask(
        self, target: str | int, act: str, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """What comes of something that the program does; calls that it makes meanwhile are made.

        Raises:
            Unanswered: nothing that can be told.
            BaseException: what the program raised, built anew.
        """
        if act == "refuse":
            raise self._unanswered("what the program is not asked: to compare, copy, or go back")
        name = target if isinstance(target, str) else "what was returned"
        write = partial(write_arguments, args=args, kwargs=kwargs or {})
        try:
            with deeply():
                text = json.dumps([self._begins, target, act, self._session.pack(write)])
        except (NotPlain, RecursionError, ValueError) as error:
            raise self._lost(f"an argument of {name}: {error}") from None
        self._begins = False
        self._send(f"a{text}\n".encode("ascii"))
        kind, content = self._read()
        while kind == "c":
            self._called_back(content)
            kind, content = self._read()
        if kind == "n":
            raise self._lost(f"what {name} gave cannot be told: {content}")
        try:
            with deeply():
                value = self._session.unpack(content, reader(kind, self._exports))
        except Exception:
            raise self._lost(f"what {name} gave cannot be read") from None
        if kind == "e":
            raise value
        return value

    def _called_back(self, content: Any) -> None:
        """The program calls a function of the tests, or takes what their iterator has next."""
        try:
            number, message = content
            with deeply():
                args, kwargs = self._session.unpack(message, read_arguments)
            function = self._session.lent(number)
        except Exception:
            raise self._lost("what the program calls cannot be read") from None
        act = partial(next, function) if isinstance(function, Iterator) else function
        with between():
            kind, write = answered(act, args, kwargs, self._exports)
        del args, kwargs  # so that nothing here holds what was in them
        if self.gone:
            raise self._unanswered("the program is gone")
        try:
            with deeply():
                text = json.dumps(self._session.pack(write))
        except Exception as error:
            raise self._lost(f"what the program gets of a call cannot be told: {error}") from None
        self._send(f"{kind}{text}\n".encode("ascii"))

    def _lost(self, why: str) -> Unanswered:
        """From now on nothing is known of the other side's containers."""
        self._session.forget()
        self._begins = True
        return self._unanswered(why)

    def _send(self, line: bytes) -> None:
        try:
            self._link.sendall(line)
        except OSError:
            self.gone = True
            raise self._unanswered("the program is gone") from None

    def _read(self) -> tuple[str, Any]:
        """The next line's kind and content."""
        try:
            line = self._lines.readline(_LONGEST)
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            self.gone = True
            raise self._unanswered("the program is gone")
        try:
            with deeply():
                return chr(line[0]), json.loads(line[1:])
        except (ValueError, RecursionError):
            return "", None

    def _unanswered(self, why: str) -> Unanswered:
        self._problem = self._problem or why[:_SHOWN]
        return Unanswered(self._problem)

    def take_problem(self) -> str | None:
        """Why a call since the last time had no result."""
        problem, self._problem = self._problem, None
        return problem


def _describe(value: Any) -> list[str]:
    """What the program is told about a function or an iterator of the tests.

    Raises:
        NotPlain: it is neither.
    """
    if isinstance(value, Iterator) or callable(value):
        return far.describe(value)
    raise NotPlain(f"{type(value).__name__} is no plain data")


def _unnamed(body: Any) -> NoReturn:
    raise ValueError("a program names nothing")
