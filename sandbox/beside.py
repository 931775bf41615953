"""Processes beside the judge that hold the tests of a question, and never run a line of a program.

They have no privileges, a user that no program ever has where the judge may change user, and are
in a pid namespace that no program sees where it may make one. One such process runs its tests on
one program after another, each in a process of the program's own that it asks over a socket. What
counts as a result, and what a program that ends early is blamed for, is the same as in tier B
(:mod:`sandbox.reported`).
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox import channel, kernel, seccomp
from sandbox.watch import Candidate, Limits, Nursery

_UID = 1 << 19
_MEMORY = 1 << 30
_LINK = 3
_SETTLING = 1.0
_TURN = 0.05
_MOST = 8
_alive: list[Tests] = []


class Tests:
    """The judge's side of such a process."""

    has_children = False
    """Whether it has a process for each run, which it ends when its link is closed."""

    def __init__(self, nursery: Nursery, act: Callable[[], NoReturn]) -> None:
        """Fork; the child finds its end of the link as descriptor 3, and acts."""
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._nursery = nursery
        nursery.adopt_next()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                null = os.open("/dev/null", os.O_RDWR)
                for standard in (0, 1):
                    os.dup2(null, standard)
                os.dup2(theirs.fileno(), _LINK)
                os.closerange(_LINK + 1, 1024)
                act()
            finally:
                os._exit(1)
        theirs.close()
        nursery.own.add(self.pid)
        self.busy = True
        _alive.append(self)
        if len(_alive) > _MOST:
            _alive[0].kill()

    def order(self, message: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        """Have the tests run: on the program behind a socket, with a pipe for records, and more."""
        self.busy = True
        channel.send(self.link, message, descriptors)

    def settle(self, meanwhile: Callable[[], None]) -> dict[str, Any] | None:
        """What is said at the end of a run whose program is gone; the tests are ended if need be.

        Args:
            meanwhile: takes their records, as they wait where there is no room for more.
        """
        said = None
        last_moment = time.monotonic() + _SETTLING
        while self.alive and self.busy and (said := self.said(_TURN)) is None:
            meanwhile()
            if time.monotonic() > last_moment:
                self.kill()
        return said

    def said(self, seconds: float) -> dict[str, Any] | None:
        """The next datagram, or None when none came in time."""
        poll = select.poll()
        poll.register(self.link, select.POLLIN)
        if not poll.poll(1000 * seconds):
            return None
        try:
            received = channel.receive(self.link)
        except OSError:
            received = None
        if received is None:
            self.kill()  # it has ended, or will in a moment
            return None
        self.busy = False
        return received[0]

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self.pid > 0

    def kill(self) -> None:
        """End it."""
        if self.pid > 0:
            self.link.close()
            if not (self.has_children and self._ends(_SETTLING)):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._nursery.own.discard(self.pid)
            self.pid = 0
            _alive.remove(self)

    def _ends(self, seconds: float) -> bool:
        """Whether it ends by itself in time."""
        watched = os.pidfd_open(self.pid)
        try:
            return bool(select.select([watched], [], [], seconds)[0])
        finally:
            os.close(watched)


class Run(Candidate):
    """A program and the tests that ask it."""

    def __init__(
        self,
        nursery: Nursery,
        tests: Tests,
        order: dict[str, Any],
        spawn: dict[str, Any],
        job: bytes,
        limits: Limits,
        more: tuple[int, ...] = (),
    ) -> None:
        """Start both. ``more``: descriptors that go with the order."""
        self._tests = tests
        ours, theirs = socket.socketpair()
        try:
            super().__init__(nursery, spawn, job, limits, answers=theirs.fileno())
            tests.order(order, (ours.fileno(), self.records, *more))
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
        said = self._tests.settle(self._read_records)
        if said is not None and said.get("status", 0) < 0:
            ended["status"] = said["status"]  # it was the tests that broke on what it gave
        return ended


def restrain() -> None:
    """No privileges, and no memory without end; nobody may look into this process."""
    os.setsid()
    kernel.hide_memory()
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(_UID, _UID, _UID)
        os.setresuid(_UID, _UID, _UID)
        kernel.hide_memory()  # changing the user has undone it
    kernel.forbid_new_privileges()
    kernel.drop_capabilities()
    kernel.install_filter(seccomp.build())
