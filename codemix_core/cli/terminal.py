"""What the command line prints: run id first, a live bar on a terminal, one summary line last.

Everything but results goes to stderr; with ``--json`` stdout carries one document and
nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from codemix_core.errors import CodemixError, InputError
from codemix_core.jobs import State, Status

console = Console(stderr=True, highlight=False)
output = Console(highlight=False)
if not output.is_terminal:
    output.width = 200  # a file or a pipe has no width of its own

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


def duration(seconds: float | None) -> str:
    """``41`` -> ``0:41``, ``3725`` -> ``1:02:05``; ``–`` when unknown."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate_text(status: Status) -> str:
    """``231 samples/s, ETA 0:41``, or nothing while unknown."""
    if not status.rate:
        return ""
    digits = f"{status.rate:,.0f}" if status.rate >= 10 else f"{status.rate:.2g}"
    return f"{digits} {status.unit}/s, ETA {duration(status.eta_seconds)}"


@contextmanager
def live_bar(*, quiet: bool) -> Iterator[Callable[[Status], None]]:
    """A progress bar on a terminal; a silent watcher anywhere else."""
    if quiet or not console.is_terminal:
        yield lambda status: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("queued", total=None, detail="")

        def watch(status: Status) -> None:
            detail = f"{status.done:,}/{status.total:,} {rate_text(status)}" if status.total else ""
            bars.update(
                task,
                description=status.message.splitlines()[0][:60] if status.message else status.state,
                completed=status.done,
                total=status.total or None,
                detail=detail,
            )

        yield watch


def print_json(document: Any) -> None:
    """The one document of ``--json``."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n")


def run_document(run_id: str, status: Status) -> dict[str, Any]:
    """A run and its state as JSON."""
    return {
        "run_id": run_id,
        "state": status.state,
        "done": status.done,
        "total": status.total,
        "unit": status.unit,
        "seconds": status.seconds,
        "message": status.message,
        "measures": status.measures,
    }


def finish(run_id: str, status: Status, *, as_json: bool) -> int:
    """Print how a job ended and return the exit code of the command."""
    if as_json:
        print_json(run_document(run_id, status))
    elif status.state == State.SUCCEEDED:
        output.print(f"{status.message} ({duration(status.seconds)})", markup=False, soft_wrap=True)
    else:
        console.print(f"{status.state}: {status.message}", markup=False, soft_wrap=True)
        console.print(f"log: python -m codemix_core logs {run_id}", markup=False)
        console.print(f"resume: python -m codemix_core resume {run_id}", markup=False)
    if status.state == State.SUCCEEDED:
        return 0
    return EXIT_BAD_INPUT if status.exit_code == EXIT_BAD_INPUT else EXIT_FAILED


def report_error(error: CodemixError) -> int:
    """Print an error in a person's words and return the exit code."""
    if isinstance(error, InputError):
        for problem in error.problems:
            console.print(f"error: {problem}", markup=False, soft_wrap=True)
        return EXIT_BAD_INPUT
    console.print(f"error: {error}", markup=False, soft_wrap=True)
    return EXIT_FAILED
