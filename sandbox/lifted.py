"""Judge of lifted pytest modules (tier A): the tests in one process, the program in another.

The program's process is a function server; the tests' own process (:mod:`sandbox.serve_tests`)
asks it and compares. It has another user, is in a pid namespace the program cannot see and
shares nothing with it but a socket, over which plain data goes. What counts as a result, and
what a program that ends early is blamed for, is the same as in tier B (:mod:`sandbox.reported`).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
import weakref
from collections.abc import Callable
from typing import Any

from sandbox import channel
from sandbox.lifting import names_tested
from sandbox.outcome import Outcome
from sandbox.reported import run_all
from sandbox.watch import Candidate, Limits, Nursery

_COLLECTING, _SETTLING = 20.0, 1.0
_TURN = 0.05


class NotLiftable(Exception):
    """The tests only work in the program's process."""


class Tests:
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
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        nursery.adopt_next()
        self.pid = os.fork()
        if self.pid == 0:
            link = os.dup2(theirs.fileno(), 3)
            null = os.open("/dev/null", os.O_RDWR)
            for standard in (0, 1):
                os.dup2(null, standard)
            os.closerange(4, 1024)
            serve_tests.main(socket.socket(fileno=link), tests, names)
        theirs.close()
        self._nursery = nursery
        nursery.own.add(self.pid)
        self.busy = True
        said = self._said(_COLLECTING)
        if said is None or "problem" in said:
            self.kill()
            raise NotLiftable(said["problem"] if said else "the tests could not be collected")
        self.names: list[str] = said["names"]

    def order(self, nonce: str, wanted: list[str], program: int, records: int) -> None:
        """Have the tests run on the program behind a socket."""
        self.busy = True
        channel.send(self.link, {"nonce": nonce, "wanted": wanted}, (program, records))

    def settle(self, meanwhile: Callable[[], None]) -> None:
        """Wait for the end of a run whose program is gone; end the tests if they do not end.

        Args:
            meanwhile: takes their records, as they wait where there is no room for more.
        """
        last_moment = time.monotonic() + _SETTLING
        while self.alive and self.busy and self._said(_TURN) is None:
            meanwhile()
            if time.monotonic() > last_moment:
                self.kill()

    def _said(self, seconds: float) -> dict[str, Any] | None:
        """The next datagram, or None when none came in time."""
        poll = select.poll()
        poll.register(self.link, select.POLLIN)
        if not poll.poll(1000 * seconds):
            return None
        try:
            received = channel.receive(self.link)
        except OSError:
            return None
        self.busy = received is None
        return None if received is None else received[0]

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self.pid > 0

    def kill(self) -> None:
        """End it."""
        if self.pid > 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._nursery.own.discard(self.pid)
            self.pid = 0
            self.link.close()

    def __del__(self) -> None:
        self.kill()


_rehearsed: list[bool] = []


class LiftedRun(Candidate):
    """A program and the tests that ask it."""

    def __init__(
        self, nursery: Nursery, tests: Tests, nonce: str, wanted: list[str], job: bytes,
        limits: Limits,
    ) -> None:  # fmt: skip
        self._tests = tests
        ours, theirs = socket.socketpair()
        try:
            super().__init__(nursery, {"entry": "functions"}, job, limits, answers=theirs.fileno())
            tests.order(nonce, wanted, ours.fileno(), self.records)
        finally:
            ours.close()
            theirs.close()
        self._poll.register(tests.link, select.POLLIN)

    def _finish(self, why: str) -> None:
        """End the program first, so that the tests end and have written their last record."""
        self.kill()
        super()._finish(why)

    def kill(self) -> dict[str, Any]:
        """Kill the program and let the tests come to their end."""
        ended = super().kill()
        self._tests.settle(self._read_records)
        return ended


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

        def start(nonce: str, wanted: list[str] | None) -> LiftedRun:
            if not self._tests.alive:
                self._tests = Tests(self._source, self._names, self._nursery)
            chosen = self._tests.names if wanted is None else wanted
            job = json.dumps({"code": code, "names": self._names}).encode() + b"\n"
            return LiftedRun(nursery, self._tests, nonce, chosen, job, limits)

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
