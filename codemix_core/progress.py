"""What a running stage tells the world: how far, how fast, how long still.

The rate is taken over the last ``WINDOW`` seconds, so a slow start does not spoil the ETA.
``status.json`` is replaced at most every ``WRITE_INTERVAL`` seconds; it is advice for
watchers, never a record of what is done (the shards are).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

WINDOW = 20.0
WRITE_INTERVAL = 0.5


@dataclass
class Snapshot:
    """One moment of a run.

    done, total: in ``unit``; total is 0 while unknown.
    rate: ``unit`` per second over the last window; eta_seconds: None while unknown.
    measures: further live numbers by name, e.g. ``tokens_per_second``.
    """

    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float | None = None
    eta_seconds: float | None = None
    message: str = ""
    measures: dict[str, float] = field(default_factory=dict)


class Progress:
    """The reporter handed to a stage. Safe to use from threads."""

    def __init__(self, publish: Callable[[dict[str, object]], None]) -> None:
        self._publish = publish
        self._now = Snapshot()
        self._history: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()
        self._written = 0.0
        self._stopping = threading.Event()

    @property
    def stopping(self) -> bool:
        """True once the run was asked to stop: keep what is finished, then return."""
        return self._stopping.is_set()

    @property
    def complete(self) -> bool:
        """True when all announced work is done."""
        with self._lock:
            return self._now.total > 0 and self._now.done >= self._now.total

    def stop(self) -> None:
        """Ask the stage to stop. Called by the worker's signal handler."""
        self._stopping.set()

    def start(self, total: int, done: int = 0, unit: str = "samples") -> None:
        """Announce the amount of work; ``done`` counts what earlier attempts finished."""
        with self._lock:
            self._now.total, self._now.done, self._now.unit = total, done, unit
            self._history = deque([(time.monotonic(), done)])
        self._write(force=True)

    def expect(self, total: int) -> None:
        """The amount of work turned out to be another."""
        with self._lock:
            self._now.total = total
        self._write()

    def advance(self, n: int = 1) -> None:
        """``n`` more units are done."""
        with self._lock:
            self._now.done += n
            self._measure_rate()
        self._write()

    def message(self, text: str) -> None:
        """Say in a few words what is happening."""
        with self._lock:
            self._now.message = text
        self._write(force=True)

    def measure(self, **numbers: float) -> None:
        """Publish further live numbers."""
        with self._lock:
            self._now.measures.update(numbers)
        self._write()

    def finish(self) -> None:
        """Publish the last state."""
        self._write(force=True)

    def _measure_rate(self) -> None:
        now = time.monotonic()
        self._history.append((now, self._now.done))
        while len(self._history) > 2 and now - self._history[0][0] > WINDOW:
            self._history.popleft()
        elapsed = now - self._history[0][0]
        if elapsed < WRITE_INTERVAL:
            return
        self._now.rate = (self._now.done - self._history[0][1]) / elapsed
        left = self._now.total - self._now.done
        self._now.eta_seconds = max(0.0, left / self._now.rate) if self._now.rate > 0 else None

    def _write(self, *, force: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            if not force and now - self._written < WRITE_INTERVAL:
                return
            self._written = now
            document = asdict(self._now)
        self._publish(document)
