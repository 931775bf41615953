"""What every sandbox backend offers: walls that answer judge requests.

A wall is one long-lived, isolated judge (:mod:`sandbox.judge`). It is used by one thread at a
time. A request either answers or raises :class:`WallBroken`; it never blocks past its
timeout, and a broken wall is closed, never reused.
"""

from __future__ import annotations

import abc
import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Protocol

from codemix_core import procs
from codemix_core.errors import SandboxError
from sandbox.channel import MAX_FRAME

_START_SECONDS = 30.0
STDERR = 2000
LATE = "the judge did not answer in time"


class WallBroken(SandboxError):
    """The judge died, hung or answered nonsense. Our fault, never the candidate's."""


@dataclass(frozen=True)
class Usability:
    """Whether a backend can be used on this machine, and why (not)."""

    name: str
    usable: bool
    why: str


class Wall(Protocol):
    """One isolated judge."""

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """One exchange with the judge; raises WallBroken."""
        ...

    def kill(self) -> None:
        """Kill everything behind the wall; a request under way raises. Any thread may call."""
        ...

    def close(self) -> None:
        """Kill everything behind the wall and let go of it. Safe to call twice."""
        ...


class Backend(Protocol):
    """A way to build walls, registered by name in :mod:`codemix_core.scoring.backends`."""

    name: str

    def missing(self) -> str | None:
        """What is not installed, with instructions; None when a wall can be tried."""
        ...

    def fingerprint(self) -> str:
        """Identity of everything that can move a verdict: tool chain and judge.

        Raises:
            SandboxError: it cannot be told (any more).
        """
        ...

    def open_wall(self, flavour: str, cpu: int | None = None) -> Wall:
        """A new wall for ``python``, ``pytest`` or ``cpp`` programs; raises WallBroken."""
        ...


def _environment() -> dict[str, str]:
    """Of the wall's own process: nothing of ours but the mark by which a job is cleaned up."""
    kept = {"PATH": "/usr/bin:/bin"}
    if procs.RUN_MARK in os.environ:
        kept[procs.RUN_MARK] = os.environ[procs.RUN_MARK]
    return kept


class FrameWall(abc.ABC):
    """A wall whose judge speaks frames, whatever carries them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def _greet(self) -> None:
        """Wait until the judge is up; the wall is closed when it is not.

        Raises:
            WallBroken: it did not come up.
        """
        try:
            self._receive(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.close()
            raise

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send one frame and wait for the answer.

        Raises:
            WallBroken: no valid answer within ``timeout`` seconds; the wall is closed.
        """
        deadline = time.monotonic() + timeout
        body = json.dumps(message, separators=(",", ":")).encode("ascii")
        try:
            self._send(struct.pack(">I", len(body)) + body, deadline)
            return self._receive(deadline)
        except BaseException:
            self.close()
            raise

    def _receive(self, deadline: float) -> dict[str, Any]:
        length = struct.unpack(">I", self._take(4, deadline))[0]
        if length > MAX_FRAME:
            raise WallBroken("the judge sent a frame that is too long")
        try:
            answer = json.loads(self._take(length, deadline))
        except ValueError as error:
            raise WallBroken("the judge sent a frame that is no JSON") from error
        if not isinstance(answer, dict):
            raise WallBroken("the judge sent a frame that is no object")
        return answer

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._read(deadline)
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    @abc.abstractmethod
    def _send(self, data: bytes, deadline: float) -> None:
        """Hand all of it over; raises WallBroken."""

    @abc.abstractmethod
    def _read(self, deadline: float) -> bytes:
        """The next bytes of the judge, possibly none yet; raises WallBroken."""

    @abc.abstractmethod
    def kill(self) -> None:
        """See :meth:`Wall.kill`."""

    @abc.abstractmethod
    def close(self) -> None:
        """See :meth:`Wall.close`."""


class PipeWall(FrameWall):
    """A wall around a child process that speaks frames on its standard input and output."""

    def __init__(self, argv: list[str], cpu: int | None) -> None:
        """Start ``argv``; with ``cpu`` everything behind the wall is bound to that core.

        Raises:
            WallBroken: it did not come up.
        """
        super().__init__()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        allowed = os.sched_getaffinity(0)
        try:
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})  # of this thread; the child inherits it
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
                bufsize=0,
                env=_environment(),
            )
        except OSError as error:
            raise WallBroken(f"cannot start {argv[0]}: {error}") from error
        finally:
            os.sched_setaffinity(0, allowed)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._greet()

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._in, view) :]
            except BlockingIOError:
                self._wait(self._in, select.POLLOUT, deadline)
            except OSError as error:
                raise WallBroken(f"the judge is gone ({error}). {self._last_words()}") from error

    def _read(self, deadline: float) -> bytes:
        try:
            data = os.read(self._out, 1 << 16)
        except BlockingIOError:
            self._wait(self._out, select.POLLIN, deadline)
            return b""
        if not data:
            raise WallBroken(f"the judge ended. {self._last_words()}")
        return data

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(descriptor, event)
        if left <= 0 or not poll.poll(left * 1000):
            raise WallBroken(LATE)

    def _last_words(self) -> str:
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - STDERR))
        return self._stderr.read().decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """Kill the process group; the kernel takes down the pid namespaces with it."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill what is left, collect it and close the pipes."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                stream.close()
