"""Judge of lifted pytest modules (tier A): the tests in one process, the program in another.

The program's process is a function server; the tests' own process (:mod:`sandbox.serve_tests`)
asks it and compares (:mod:`sandbox.beside`).
"""

from __future__ import annotations

import json
import socket
import weakref
from typing import Any, NoReturn

from sandbox import beside
from sandbox.lifting import names_tested
from sandbox.outcome import Outcome
from sandbox.reported import run_all
from sandbox.watch import Limits, Nursery

_COLLECTING = 20.0


class NotLiftable(Exception):
    """The tests only work in the program's process."""


class Tests(beside.Tests):
    """The process that holds the tests of one question."""

    def __init__(self, tests: str, names: list[str], nursery: Nursery) -> None:
        """Start it.

        Raises:
            NotLiftable: pytest found something that it does not run.
        """
        from sandbox import serve_tests  # pytest is only there where it is needed

        if not _rehearsed:
            serve_tests.rehearse()
            _rehearsed.append(True)

        def act() -> NoReturn:
            serve_tests.main(socket.socket(fileno=3), tests, names)

        super().__init__(nursery, act)
        said = self.said(_COLLECTING)
        if said is None or "problem" in said:
            self.kill()
            raise NotLiftable(said["problem"] if said else "the tests could not be collected")
        self.names: list[str] = said["names"]


_rehearsed: list[bool] = []


class LiftedQuestion:
    """The tests of one question, lifted."""

    def __init__(self, tests: str, nursery: Nursery) -> None:
        """Start the tests.

        Raises:
            NotLiftable: they only work in the program's process.
        """
        names = names_tested(tests)
        if names is None:
            raise NotLiftable("the tests use what only works in the program's process")
        self._source, self._names = tests, names
        self._nursery = nursery
        self._tests = Tests(tests, names, nursery)

    def judge(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        """Run the tests against one program."""
        outcome = Outcome(list(declared or ()))

        def start(nonce: str, wanted: list[str] | None) -> beside.Run:
            if not self._tests.alive:
                self._tests = Tests(self._source, self._names, self._nursery)
            chosen = self._tests.names if wanted is None else wanted
            job = json.dumps({"code": code, "names": self._names}).encode() + b"\n"
            order, spawn = {"nonce": nonce, "wanted": chosen}, {"entry": "functions"}
            return beside.Run(nursery, self._tests, order, spawn, job, limits)

        run_all(outcome, declared is None, limits, start, canaries=[], strict=False)
        return outcome.answer()


_held: weakref.WeakValueDictionary[str, LiftedQuestion] = weakref.WeakValueDictionary()


def prepare(payload: dict[str, Any], nursery: Nursery) -> LiftedQuestion:
    """A question, ready to judge programs; its tests run already if anybody holds them.

    Raises:
        NotLiftable: they only work in the program's process.
    """
    question = _held.get(payload["tests"])
    if question is None:
        question = _held[payload["tests"]] = LiftedQuestion(payload["tests"], nursery)
    return question
