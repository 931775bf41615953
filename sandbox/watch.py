"""Watches one candidate process: feeds its job, reads its records, enforces its limits.

Guaranteed: never blocks past a deadline, never holds more than the caps below of what the
candidate writes, and after :meth:`Candidate.close` no process of it is left. Memory is capped
per process by RLIMIT_DATA and over the whole process tree by sampling it every 50 ms, so a tree
may overshoot for that long.
"""

from __future__ import annotations

import _socket
import contextlib
import fcntl
import os
import select
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from sandbox import channel, kernel
from sandbox.space import Space

_HOST = 0
"""The judge's standard input: it hangs up when the scorer has ended."""
OUTPUT_CAP = 1024 * 1024
RECORD_CAP = 8 * 1024 * 1024
_TAIL = 4096
_SAMPLE = 0.05
_MOST_CREDIT, _LEAST_CREDIT = 2.0, 0.02
_LATE = 0.2  # the judge itself was not run for that long: the machine stood still
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
_TURN = 1 << 16
_PIPE = 1 << 20
_SESSION = 3  # of the fields of /proc/PID/stat that follow the name


class Limits(NamedTuple):
    """What one candidate process may use.

    seconds: wall time until the next record; memory_mb: resident memory of the whole tree, and
    private writable memory of each process, above what it starts with; file_mb: one file.
    """

    seconds: float
    memory_mb: int
    processes: int = 64
    files: int = 256
    file_mb: int = 64
    stack_mb: int = 8
    output_cap: int = OUTPUT_CAP

    def message(self, base_kb: int) -> dict[str, int]:
        """The rlimits, as the zygote takes them."""
        return {
            "memory_mb": self.memory_mb,
            "base_kb": base_kb,
            "cpu_seconds": int(self.seconds * 4) + 2,
            "processes": self.processes,
            "files": self.files,
            "file_mb": self.file_mb,
            "stack_mb": self.stack_mb,
        }


class Nursery:
    """The judge's side of the zygote: one program at a time."""

    def __init__(self, link: _socket.socket, proc: int, own: frozenset[int], space: Space) -> None:
        """Args: link to the zygote; a descriptor of /proc; pids that are not candidates.

        ``own`` may change later.
        """
        self.link = link
        self.space = space
        self._proc = proc
        self.own = set(own)
        self.base_kb = 0
        self.base_data_kb = 0
        self._zygote = 0
        self._warm: set[str] = set()

    def measure_zygote(self, pid: int) -> None:
        """Remember what a fork starts with, so that programs are not charged for it."""
        self._zygote = pid
        pages = self._statm(str(pid))
        self.base_kb, self.base_data_kb = pages[1] * _PAGE_KB, pages[5] * _PAGE_KB

    def warm(self, module: str) -> None:
        """Have every later program find a module imported; no program may be running.

        Raises:
            RuntimeError: it cannot be imported.
        """
        if module in self._warm:
            return
        answer, _ = self.ask({"op": "warm", "modules": [module]})
        if "problem" in answer:
            raise RuntimeError(answer["problem"])
        self.reap()  # what a rehearsal has left
        self.measure_zygote(self._zygote)
        self._warm.add(module)

    def adopt_next(self) -> None:
        """Have the judge's next child born beside the judge, where no program sees it."""
        here, inside = (
            os.open(f"self/ns/{name}", os.O_RDONLY, dir_fd=self._proc)
            for name in ("pid", "pid_for_children")
        )
        if os.fstat(here).st_ino != os.fstat(inside).st_ino:
            kernel.enter(here, kernel.CLONE_NEWPID)
        os.close(here)
        os.close(inside)

    def ask(
        self, message: dict[str, Any], descriptors: tuple[int, ...] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        """One exchange with the zygote.

        Raises:
            ConnectionError: the zygote is gone; the wall has to be built anew.
        """
        channel.send(self.link, message, descriptors)
        answer = channel.receive(self.link)
        if answer is None:
            raise ConnectionError("the zygote is gone")
        return answer

    def reap(self) -> dict[str, Any]:
        """Leave nothing of the program: no process and no file; how it ended."""
        ended, _ = self.ask({"op": "reap"})
        self.space.clear(ended["uid"])
        return ended

    def resident_mb(self) -> float:
        """Resident memory of all candidate processes above what they were forked with."""
        total = 0
        for name in self._candidates():
            with contextlib.suppress(OSError, ValueError):
                total += max(0, self._statm(name)[1] * _PAGE_KB - self.base_kb)
        return total / 1024

    def waited_seconds(self) -> float:
        """Time that each candidate process, at the least, was ready to run but was not run."""
        waited = []
        for name in self._candidates():
            with contextlib.suppress(OSError, ValueError, IndexError):
                waited.append(self._numbers(f"{name}/schedstat")[1] / 1e9)
        return min(waited, default=0.0)

    def _candidates(self) -> Iterator[str]:
        """All processes but our own and those of their sessions."""
        for name in os.listdir(self._proc):
            if name.isdigit() and int(name) not in self.own:
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = self._read(f"{name}/stat").rpartition(b")")[2].split()
                    if int(fields[_SESSION]) not in self.own:
                        yield name

    def _statm(self, pid: str) -> list[int]:
        return self._numbers(f"{pid}/statm")

    def _numbers(self, path: str) -> list[int]:
        return [int(field) for field in self._read(path).split()]

    def _read(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(descriptor, 1024)
        finally:
            os.close(descriptor)


class Candidate:
    """One running candidate process.

    Records are lines in a large pipe that is looked at when the program ends and every 50 ms, so
    that writing one costs the program no hand-over; what was written before a crash is not lost.
    Of what it has written a program can neither read nor change anything.

    ``stolen``: seconds in which the machine did not run the program though it was ready.
    ``end`` is None while it runs, then why it ended: ``exit``, ``timeout``, ``memory``,
    ``output`` or ``records`` (too many or too long records).
    """

    def __init__(
        self,
        nursery: Nursery,
        spawn: dict[str, Any],
        job: bytes,
        limits: Limits,
        binary: int = -1,
        answers: int = -1,
    ) -> None:
        """Start it. ``answers``: what it writes to in place of the pipe of records."""
        self._nursery, self._limits = nursery, limits
        self.end: str | None = None
        self.output_bytes, self._head, self._tail = 0, b"", b""
        self.peak_mb = 0.0
        self.exit_code: int | None = None
        self._records, self._read_total = bytearray(), 0
        self._start = self._scan = 0
        self._left = memoryview(job)
        self.stolen = self._credited = 0.0
        forked = spawn["entry"] != "exec"
        self._base_kb = nursery.base_kb if forked else 0
        base = nursery.base_data_kb if forked else 0
        message = {"op": "spawn", "limits": limits.message(base), **spawn}
        job_read, self._job = os.pipe()
        self._output, output_write = os.pipe()
        self._taken, self.records = os.pipe()
        self._ended: dict[str, Any] | None = None
        result = answers if answers >= 0 else self.records
        theirs = (job_read, result, output_write) + ((binary,) if binary >= 0 else ())
        try:
            _, received = nursery.ask(message, theirs)
        finally:
            os.close(job_read)
            os.close(output_write)
        self._pid = received[0]
        self._open = {self._taken, self.records, self._output, self._job, self._pid}
        self._next_sample = time.monotonic() + _SAMPLE
        self._listen()

    def _listen(self) -> None:
        for descriptor in (self._job, self._output, self._taken):
            os.set_blocking(descriptor, False)
        with contextlib.suppress(OSError):  # then the program waits for us now and then
            fcntl.fcntl(self._taken, fcntl.F_SETPIPE_SZ, _PIPE)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self._poll.register(self._pid, select.POLLIN)
        self._poll.register(_HOST, 0)
        self._write_job()
        if self._left:
            self._poll.register(self._job, select.POLLOUT)

    def next_record(self, deadline: float) -> bytes | None:
        """The next line the candidate wrote, or None once ``end`` is set.

        The deadline moves by the time in which the machine did not run the program, so that a
        busy machine does not turn a slow second into a timeout.
        """
        before = self.stolen
        while True:
            cut = self._records.find(b"\n", self._scan)
            if cut >= 0:
                line = bytes(self._records[self._start : cut])
                self._start = self._scan = cut + 1
                return line
            self._scan = len(self._records)
            if self.end is not None:
                return None
            now = time.monotonic()
            ends = deadline + self.stolen - before
            if now < ends:
                self._wait(min(ends, self._next_sample) - now)
            elif not self._credit():
                self._finish("timeout")

    def wait(self, deadline: float) -> None:
        """Let the program run to its end, dropping its records."""
        while self.next_record(deadline) is not None:
            pass

    def _wait(self, seconds: float) -> None:
        asked = time.monotonic()
        ready = self._poll.poll(max(1, int(seconds * 1000)))
        now = time.monotonic()
        late = now - asked - seconds
        if late > _LATE:
            self.stolen += late
        finished = False
        for descriptor, _ in ready:
            if descriptor == self._output:
                self._read_output()
            elif descriptor == self._job:
                self._write_job()
            elif descriptor == _HOST:
                os._exit(1)  # nobody waits for the verdict; all behind the wall goes with us
            else:
                finished = True
        if finished:
            while self._output in self._open and self._read_output():
                pass
            self._finish("exit")
        elif now >= self._next_sample:
            self._sample()

    def _credit(self) -> bool:
        """Give back what the program spent waiting for a core; whether that was anything."""
        waited = min(self._nursery.waited_seconds(), _MOST_CREDIT * self._limits.seconds)
        credit = waited - self._credited
        if credit < _LEAST_CREDIT:
            return False
        self._credited = waited
        self.stolen += credit
        return True

    def _finish(self, why: str) -> None:
        """Take the last records; the first reason to end is the one that counts."""
        if self.end is None:
            self.end = why
            self._read_records()

    def _sample(self) -> None:
        """Take the records, then measure.

        A record that comes after the measurement is dropped: the memory was in use before it,
        so the excess is of the test that had no record yet.
        """
        self._read_records()
        resident = self._nursery.resident_mb()
        self.peak_mb = max(self.peak_mb, resident)
        if resident > self._limits.memory_mb and self.end is None:
            self.end = "memory"
        self._next_sample = time.monotonic() + _SAMPLE

    def _read_records(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._taken, _TURN):
                self._read_total += len(data)
                if self._read_total > RECORD_CAP:
                    self.end = "records"
                    return
                self._records += data

    def _read_output(self) -> bool:
        try:
            data = os.read(self._output, _TURN)
        except BlockingIOError:
            return False
        if not data:
            self._forget(self._output)
        self.output_bytes += len(data)
        self._head = (self._head + data)[:_TAIL]
        self._tail = (self._tail + data)[-_TAIL:]
        if self.output_bytes > self._limits.output_cap:
            self._finish("output")
            return False
        return bool(data)

    def _write_job(self) -> None:
        try:
            while self._left:
                self._left = self._left[os.write(self._job, self._left) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._left = memoryview(b"")
        self._forget(self._job)

    def _forget(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError):  # not every descriptor is polled
            self._poll.unregister(descriptor)
        self._open.discard(descriptor)
        os.close(descriptor)

    def kill(self) -> dict[str, Any]:
        """Kill whatever is left of the program; how it ended."""
        if self._ended is None:
            self._ended = self._nursery.reap()
        return self._ended

    def close(self) -> None:
        """Kill whatever is left of the program and learn how it ended.

        The peak of a compiled program includes the forked interpreter it was started from
        (about 10 MiB).
        """
        ended = self.kill()
        self.exit_code = ended["status"]
        peak = max(0, ended["memory_kb"] - self._base_kb) / 1024
        self.peak_mb = max(self.peak_mb, peak)
        for descriptor in list(self._open):
            self._open.discard(descriptor)
            os.close(descriptor)

    @property
    def said(self) -> str:
        """The end of what the program printed, as text."""
        return _text(self._tail)

    @property
    def first_said(self) -> str:
        """The beginning of what the program printed, as text."""
        return _text(self._head)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")
