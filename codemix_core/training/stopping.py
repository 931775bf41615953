"""Ending a training when it is asked to: SIGTERM, or Ctrl-C in a terminal."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

EXIT_STOPPED = 3
"""Exit status of a recipe that ended early because it was asked to."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Truth is whether a stop was asked for, since the ``with`` block began.

    A signal only asks, so that the step in hand is finished and saved. SIGTERM may come several
    times (to a process group, then to each of its processes); a second Ctrl-C interrupts.
    """

    def __init__(self) -> None:
        self._asked = False

    def __bool__(self) -> bool:
        return self._asked

    def __enter__(self) -> StopRequest:
        self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        if number == signal.SIGINT:
            signal.signal(number, self._before[signal.SIGINT])
