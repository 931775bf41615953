"""The tests of one question in a process of their own: it never runs a line of a program.

Forked by the judge, it takes off its privileges, lets pytest collect the module once, and then
runs its tests for one program after another: the module is executed anew each time, with
``solution`` standing for functions in the program's process. What the program answers is plain
data, or stays there, and is compared here. Records are those of :mod:`sandbox.reported`.

Datagrams in: ``{"nonce", "wanted"}`` with the program's socket and the pipe for records; out:
``{}`` when done; the first one says ``{"names"}`` of the tests, or the ``problem``.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import os
import shutil
import socket
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import pytest
from _pytest.assertion import rewrite

from sandbox import beside, channel
from sandbox.remote import Program, Unanswered
from sandbox.rewritten import MODULE
from sandbox.serve_cases import MAX_DIGITS, write_all
from sandbox.serve_pytest import OPTIONS, explain

_FOLDER = "/tmp/collected"
_ROW = type(pytest.param(0))


class _Collected:
    """A pytest plugin that keeps what was collected."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.config: Any = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items, self.config = list(session.items), session.config


class Suite:
    """The tests of one module, to be run for many programs."""

    def __init__(self, tests: str, names: Iterable[str]) -> None:
        """Let pytest collect the module.

        Raises:
            ValueError: pytest found something that is not run here.
        """
        collected = _collect(tests, names)
        source = tests.encode()
        tree = ast.parse(source)
        rewrite.rewrite_asserts(tree, source, MODULE, collected.config)
        self._code = compile(tree, MODULE, "exec", dont_inherit=True)
        self._lines = tests.splitlines()
        turns: dict[str, int] = {}
        self._items: list[tuple[str, str, int]] = []  # test, function, which parameters
        for item in collected.items:
            function = item.originalname
            turns[function] = turns.get(function, -1) + 1
            self._items.append((item.nodeid.partition("::")[2], function, turns[function]))
        self.names = [name for name, _, _ in self._items]
        module = self._module(_placeholders(names))
        for function, last in turns.items():
            if len(_parameters(module[function])) != last + 1:
                raise ValueError(f"{function} is not as often collected as it has parameters")

    def _module(self, solution: types.ModuleType) -> dict[str, Any]:
        """The module's names after it was executed anew."""
        sys.modules["solution"] = solution
        space: dict[str, Any] = {"__name__": "test_solution", "__file__": MODULE}
        exec(self._code, space)
        return space

    def run(self, program: Program, wanted: list[str], write: Callable[..., None]) -> None:
        """Run the wanted tests on one program, for as long as it lives."""
        try:
            loaded = program.load()
        except Unanswered:
            return
        if loaded is not None:
            write(*loaded)
        else:
            self._run_tests(program, set(wanted), write)
        if not program.gone:
            write("E")

    def _run_tests(self, program: Program, wanted: set[str], write: Callable[..., None]) -> None:
        for name in self.names:
            if name in wanted:
                write("D", name)
        try:
            space = self._module(program.module)
        except BaseException as error:
            write("M", "", explain(error, self._lines))
            return
        parameters = {name: _parameters(space[name]) for _, name, _ in self._items}
        for name, function, turn in self._items:
            if name not in wanted:
                continue
            write("S", name)
            failure = _failure(space[function], parameters[function][turn], self._lines)
            if program.gone:
                return
            failure = program.take_problem() or failure
            write("F" if failure is not None else "P", name, failure or "")


def _failure(test: Callable[..., None], values: dict[str, Any], lines: list[str]) -> str | None:
    try:
        test(**values)
    except Unanswered as error:
        return str(error)
    except BaseException as error:
        return explain(error, lines)
    return None


def _parameters(function: Any) -> list[dict[str, Any]]:
    """Arguments of each test a function stands for, in pytest's order."""
    choices = [_rows(*mark.args, **mark.kwargs) for mark in getattr(function, "pytestmark", ())]
    return [
        {name: value for row in rows for name, value in row.items()}
        for rows in itertools.product(*choices)
    ]


def _rows(argnames: Any, argvalues: Iterable[Any], ids: Any = None) -> list[dict[str, Any]]:
    """The rows of one ``parametrize``, by argument."""
    text = isinstance(argnames, str)
    names = [name.strip() for name in argnames.split(",") if name.strip()] if text else argnames
    rows = []
    for row in argvalues:
        if isinstance(row, _ROW):
            values = row.values
        else:
            values = (row,) if text and len(names) == 1 else row
        rows.append(dict(zip(names, values, strict=True)))
    return rows


def _collect(tests: str, names: Iterable[str]) -> _Collected:
    """What pytest finds in the module.

    Raises:
        ValueError: nothing, or a test that needs more than its parameters.
    """
    sys.modules["solution"] = _placeholders(names)
    collected = _Collected()
    os.chdir("/")
    os.makedirs(_FOLDER)
    path = list(sys.path)
    try:
        with open(f"{_FOLDER}/{MODULE}", "w", encoding="utf-8", errors="replace") as stream:
            stream.write(tests)
        with contextlib.redirect_stdout(sys.stderr):
            pytest.main([*OPTIONS, "--collect-only", f"{_FOLDER}/{MODULE}"], plugins=[collected])
    finally:
        shutil.rmtree(_FOLDER)
        sys.path[:] = path
        sys.modules.pop("test_solution", None)
    if not collected.items:
        raise ValueError("pytest collects no test")
    for item in collected.items:
        given = set(item.callspec.params) if hasattr(item, "callspec") else set()
        if type(item) is not pytest.Function or set(item.fixturenames) != given:
            raise ValueError(f"{item.name} needs more than its parameters")
    return collected


def _placeholders(names: Iterable[str]) -> types.ModuleType:
    """A ``solution`` to import from while no program is there."""
    solution = types.ModuleType("solution")
    for name in names:
        setattr(solution, name, type(name, (Exception,), {}))
    return solution


def rehearse() -> None:
    """Collect a trivial module once, so that every fork finds pytest's parts imported."""
    Suite("from solution import f\n\n\ndef test_nothing():\n    assert [f] == [f]\n", ["f"])


def main(link: socket.socket, tests: str, names: list[str]) -> NoReturn:
    """Serve the judge until it goes away."""
    sys.set_int_max_str_digits(MAX_DIGITS)
    beside.restrain()
    try:
        suite = Suite(tests, names)
    except BaseException as error:  # tests may raise anything while they are collected
        channel.send(link, {"problem": f"{type(error).__name__}: {error}"[:500]})
        os._exit(0)
    channel.send(link, {"names": suite.names})
    while (received := channel.receive(link)) is not None:
        order, (socket_end, records) = received
        write = writer(order["nonce"], records)
        with socket.socket(fileno=socket_end) as end:
            suite.run(Program(end), order["wanted"], write)
        os.close(records)
        channel.send(link, {})
    os._exit(0)


def writer(nonce: str, descriptor: int) -> Callable[..., None]:
    """Writes records: a kind, a test and a message."""

    def write(kind: str, name: str = "", message: str = "") -> None:
        fields = [text.encode("utf-8", "replace").hex() for text in (name, message)]
        write_all(descriptor, f"{nonce} {kind} {fields[0]} {fields[1]}\n".encode("ascii"))

    return write
