"""Candidate side of lifted tests: does what the tests, in another process, ask for.

Reads one JSON line from ``job`` (``code``; ``names`` that the tests take) and answers on
``result``, a socket whose other end the tests hold. The program can change anything here and
send what it likes: whatever it sends is only a value (:mod:`sandbox.plain`) or an object that
stays here (:mod:`sandbox.far`).

Lines received: ``a`` + [whether to begin anew, what is asked, what it does, arguments]. Lines sent:
``r`` + exports when loaded, ``l`` + {kind, message} when not; ``v`` + the value after a call
returned, ``e`` + the exception after it raised, ``n`` + message when what came cannot be told.
In between, the program may call what the tests lent it: ``c`` + [number, arguments] is sent, and
``v`` or ``e`` comes back. Arguments, values and exceptions are messages of
:mod:`sandbox.session`.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sandbox import far, library, raised
from sandbox.called import answered, read_arguments, reader, write_arguments
from sandbox.plain import SCALARS, Encoder, between, deeply
from sandbox.serve_cases import MAX_DIGITS, describe, load_module, read_all, scan
from sandbox.session import Session

_dumps, _loads = json.dumps, json.loads


def serve(job: int, result: int) -> None:
    """Answer calls until the tests are done."""
    sys.set_int_max_str_digits(MAX_DIGITS)
    order, _ = scan(read_all(job).decode("ascii"), 0)
    link = socket.socket(fileno=result)
    try:
        module = load_module(order["code"])
    except BaseException as error:  # the program may raise anything, SystemExit included
        kind = "syntax" if isinstance(error, SyntaxError | UnicodeError) else "error"
        link.sendall(_line("l", {"kind": kind, "message": describe(error)}))
        return
    exports = {name: module[name] for name in order["names"] if name in module}
    exports = dict(sorted(exports.items(), key=_ancestors))
    link.sendall(_line("r", {name: _export(value, exports) for name, value in exports.items()}))
    server = _Server(link, exports)
    while line := server.read():
        server.answer(line)


def _ancestors(item: tuple[str, Any]) -> int:
    return len(item[1].__mro__) if isinstance(item[1], type) else 0


def _export(value: Any, exports: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value, type) and issubclass(value, BaseException):
        return {"class": raised.class_form(value, exports, itself=True)}
    if callable(value):
        return {"function": True}
    try:
        with deeply():
            return {"value": Encoder().encode(value)}
    except Exception:
        return {"function": True}


class _Server:
    """Answers what the tests ask, and asks for what they have lent."""

    def __init__(self, link: socket.socket, exports: dict[str, Any]) -> None:
        self._link, self._lines = link, link.makefile("rb")
        self._exports = exports
        self._session = Session(far.describe, self._borrow, lambda value: None, self._named)
        self._turn = threading.RLock()  # of threads of the program
        self._under_way, self._astray = 0, False
        self._late: dict[int, BaseException] = {}  # what iterators raised when they were read ahead

    def read(self) -> bytes:
        """The next line; nothing when the tests are done."""
        with self._turn:
            return self._lines.readline()

    def answer(self, line: bytes) -> None:
        """Do what is asked and send what comes of it."""
        if line[:1] != b"a":
            return  # an answer that nobody waits for any more
        self._under_way += 1
        try:
            with deeply():
                begins, target, act, asked = _loads(line[1:])
                if begins:
                    self._session.forget()
                    self._astray = False
                args, kwargs = self._session.unpack(asked, read_arguments)
            value = self._exports[target] if isinstance(target, str) else self._session.lent(target)
            if act == "close":
                self._late.pop(id(value), None)
            if act != "call":
                value = partial(self._next, value) if act == "next" else getattr(value, act)
            kind, write = answered(value, args, kwargs, self._exports)
            del args, kwargs  # so that nothing here holds what was in them
            if self._astray:
                raise RecursionError("too deep between the tests and the program")
            with deeply():
                sent = _line(kind, self._session.pack(write))
        except BaseException as error:
            sent = _line("n", describe(error))
        finally:
            self._under_way -= 1
        self._link.sendall(sent)

    def _next(self, iterator: Iterator[Any], most: int) -> tuple[Any, ...]:
        """At most so many items: several only if nobody can tell when they were made."""
        if id(iterator) in self._late:
            raise self._late.pop(id(iterator))
        items = [next(iterator)]
        while len(items) < most and type(items[-1]) in SCALARS and not self._session.shares:
            try:
                items.append(next(iterator))
            except BaseException as error:
                self._late[id(iterator)] = error
                break
        return tuple(items)

    def _named(self, body: list[str]) -> Any:
        module, name = body
        return self._exports[name] if module == "solution" else library.value(module, name)

    def _borrow(self, number: int, description: list[str]) -> Any:
        kind, name = description
        ask = partial(self._ask, number)
        if kind == "function":
            return far.function(name, lambda act, args, kwargs: ask(*args, **kwargs))
        return _generator(ask) if kind == "generator" else type(name, (_Iterator,), {})(ask)

    def _ask(self, number: int, /, *args: Any, **kwargs: Any) -> Any:
        """Call what the tests have lent; they may ask for something in between."""
        if not self._under_way:
            raise RuntimeError("functions of tests are called while the tests wait for an answer")
        with self._turn:
            astray, self._astray = self._astray, True  # unless this comes to its end
            with deeply():
                write = partial(write_arguments, args=args, kwargs=kwargs)
                sent = _line("c", [number, self._session.pack(write)])
            self._link.sendall(sent)
            while (line := self._lines.readline())[:1] == b"a":
                self._astray = astray
                with between():
                    self.answer(line)
                self._astray = True
            with deeply():
                value = self._session.unpack(_loads(line[1:]), reader(chr(line[0]), self._exports))
            self._astray = astray
        if line[:1] == b"e":
            raise value
        return value


class _Iterator:
    """An iterator of the tests."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask

    def __iter__(self) -> _Iterator:
        return self

    def __next__(self) -> Any:
        return self._ask()


def _generator(ask: Callable[[], Any]) -> Iterator[Any]:
    """A generator of the tests."""
    while True:
        try:
            item = ask()
        except StopIteration:
            return
        yield item


def _line(kind: str, content: Any) -> bytes:
    return f"{kind}{_dumps(content)}\n".encode("ascii")
