"""The program, as its tests see it from another process: functions that ask over a socket.

What comes back is built by :mod:`sandbox.plain` and :mod:`sandbox.raised`. An answer that cannot
be read, or none at all, raises :class:`Unanswered`, which no test can expect; the test has
then failed whatever it does with it.
"""

from __future__ import annotations

import json
import socket
import types
from collections.abc import Callable
from typing import Any

from sandbox import raised
from sandbox.plain import Decoder, Encoder, NotPlain, deeply
from sandbox.serve_functions import FIRST_CONTAINER

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
            return raised.build_class(form["class"], self._exports)
        if "value" in form:
            return Decoder().decode(form["value"])
        return self._function(name)

    def _function(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, list(args), kwargs)

        call.__name__ = call.__qualname__ = name
        return call

    def _call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        encoder = Encoder()
        try:
            with deeply():
                text = json.dumps(encoder.encode([args, kwargs]))
        except (NotPlain, RecursionError) as error:
            raise self._unanswered(f"an argument of {name}: {error}") from None
        self._send(f"{name} {text}\n".encode("ascii"))
        kind, content = self._read()
        if kind == "n":
            raise self._unanswered(f"{name} returned what cannot be told: {content}")
        try:
            with deeply():
                value = self._result(kind, content, encoder.objects)
        except Exception:
            raise self._unanswered(f"what {name} returned cannot be read") from None
        if kind == "e":
            raise value
        return value

    def _result(self, kind: str, content: Any, containers: list[Any]) -> Any:
        """What was returned or raised; the containers of the arguments are brought up to date."""
        decoder = Decoder(containers)
        form, changes = content
        if kind == "e":
            value: Any = raised.build(form, self._exports, decoder)
        elif kind == "v":
            value = decoder.decode(form)
        else:
            raise ValueError("neither a value nor an exception")
        if changes is not None:
            for container, contents in zip(containers[FIRST_CONTAINER:], changes, strict=True):
                decoder.refill(container, contents)
        return value

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
