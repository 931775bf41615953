"""Runs as background jobs: start, status, stop, resume, queue.

A job is two processes. The *supervisor* (the command a person types, or the same command
started by a page) holds an ``flock`` on the run's ``lock`` file, waits for a device slot,
starts the *worker*, and writes ``exit.json`` last. The worker does the stage's work in a
session of its own and inherits the lock, so the lock is free only when nobody can write
any more. A run without lock and without ``exit.json`` has crashed.

Guarantees: killing supervisor, worker or both at any moment leaves no process and no torn
row; a stopped or crashed run resumes from its shards; a run has at most one supervisor; a
device slot has at most one running job, the rest wait in order.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from codemix_core import files, parts, procs
from codemix_core.errors import JobError, SpecError
from codemix_core.records import GENERATIONS, REFERENCES, VERDICTS
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir, Workspace

LAUNCH = "CODEMIX_LAUNCH"
"""``<run_id>:<lock descriptor>``: tells a started command which run it supervises."""

STOP_GRACE = 20.0
"""Seconds a worker has to keep what is finished before it is killed."""

STARTING = 5.0
"""Seconds between the making of a run and its first sign of life before it counts as crashed."""


ROWS = {
    "sample": ("samples", GENERATIONS),
    "import_generations": ("answers", GENERATIONS),
    "score": ("samples", VERDICTS),
    "selfcheck": ("questions", REFERENCES),
}
"""Stages that write a row per unit of progress: the unit and the table."""


class State(StrEnum):
    """State of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    CRASHED = "crashed"

    @property
    def alive(self) -> bool:
        """A process works or waits for this run."""
        return self in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Status:
    """What is known of a run at one moment.

    done, total: in ``unit``; rate: per second; eta_seconds: None while unknown.
    seconds: running time of the last attempt, queueing included.
    exit_code: of the worker, once ended: 0 done, 1 failed, 2 bad input, 3 stopped.
    """

    state: State
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float | None = None
    eta_seconds: float | None = None
    message: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    started_at: str | None = None
    seconds: float = 0.0
    attempt: int = 1
    exit_code: int | None = None

    @property
    def fraction(self) -> float:
        """Share done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


def status(run: RunDir) -> Status:
    """The state of a run, read from its files; never blocks on the job.

    A file that a power cut left unreadable counts as missing: the run has then crashed and
    can be resumed from its shards. What a crashed run has done is the rows it has written: its
    own last word counted those that were lost with it.
    """
    ended = _read(run.exit)
    if ended is None and not is_locked(run) and not _is_starting(run):
        gone = {"state": State.CRASHED, "message": "its process disappeared; resume it"}
        ended = _read(run.exit) or gone
    live = _read(lambda: files.read_json(run.status_path))
    if live is None:
        live = {"state": State.QUEUED, "message": "starting"}
    known = {name: live[name] for name in Status.__dataclass_fields__ if name in live}
    if ended is not None:
        known |= {"state": ended["state"], "message": ended["message"], "eta_seconds": None}
        known |= {"rate": None} if ended["state"] != State.SUCCEEDED else {}
        known |= {name: ended[name] for name in ("seconds", "exit_code") if name in ended}
    elif known.get("started_at"):
        started = datetime.fromisoformat(known["started_at"])
        known["seconds"] = (datetime.now(UTC) - started).total_seconds()
    known["state"] = State(known["state"])
    unit, table = ROWS.get(run.stage, ("", None))
    if known["state"] == State.CRASHED and table is not None and known.get("unit") == unit:
        known["done"] = parts.count(run.shards(table))
    return Status(**known)


def _read(read: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """A status or exit document, or None when it is missing or damaged."""
    try:
        document = read()
    except (FileNotFoundError, ValueError):
        return None
    whole = isinstance(document, dict) and {"state", "message"} <= document.keys()
    return document if whole else None


def _is_starting(run: RunDir) -> bool:
    """Whether the run was made a moment ago and its launcher is about to take the lock."""
    age = time.time() - run.spec_path.stat().st_mtime
    return not run.status_path.exists() and age < STARTING


def is_locked(run: RunDir) -> bool:
    """Whether a supervisor or worker of the run is alive."""
    try:
        descriptor = os.open(run.lock_path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def take_lock(run: RunDir, patience: float = 2.0) -> int:
    """Take the run's lock and return its descriptor.

    Raises:
        JobError: another process works on the run.
    """
    descriptor = os.open(run.lock_path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise JobError(
                    f"{run.run_id} is already being worked on; watch it with 'logs"
                    f" {run.run_id} --follow' or stop it with 'stop {run.run_id}'"
                ) from None
            time.sleep(0.05)


def create(workspace: Workspace, spec: Spec, run_id: str | None = None) -> RunDir:
    """Make the run of a spec once the spec fits the workspace.

    Raises:
        SpecError: it does not; nothing was written.
        FileExistsError: ``run_id`` was used before.
    """
    problems = spec.check(workspace)
    if problems:
        raise SpecError(problems)
    return workspace.new_run(spec, run_id)


def launch(workspace: Workspace, spec: Spec, run_id: str | None = None) -> RunDir:
    """Start a run in the background and return at once.

    The process started is ``python -m codemix_core <spec.argv()>``, the command a person would
    type. Its output goes to the run's ``log.txt``.

    Args:
        run_id: an id drawn earlier with ``new_run_id``, so that a form sent twice starts once.

    Raises:
        SpecError: the spec does not fit the workspace; nothing was written.
        FileExistsError: ``run_id`` was launched before.
    """
    run = create(workspace, spec, run_id)
    _spawn_supervisor(run, spec.argv(), spec.secrets())
    return run


def resume(run: RunDir, spec: Spec) -> None:
    """Start a stopped, failed or crashed run again in the background.

    Raises:
        JobError: the run is alive or complete.
    """
    reopen(run)
    _spawn_supervisor(run, ["resume", run.run_id], spec.secrets())


def reopen(run: RunDir) -> None:
    """Have a stopped, failed or crashed run ready to be started again, before its lock is taken.

    Raises:
        JobError: the run is alive or complete.
    """
    state = status(run).state
    if state.alive:
        raise JobError(f"{run.run_id} is {state}; it cannot be started twice")
    if state == State.SUCCEEDED:
        raise JobError(f"{run.run_id} is complete; there is nothing to resume")
    run.stop_path.unlink(missing_ok=True)  # whoever asks from now on means the new attempt


def _spawn_supervisor(run: RunDir, argv: list[str], secrets: tuple[str, ...]) -> None:
    lock = take_lock(run)
    try:
        begin(run)
        environment = procs.scrubbed_environment(os.environ, secrets)
        environment[LAUNCH] = f"{run.run_id}:{lock}"
        environment["CODEMIX_HOME"] = str(run.workspace.root)
        environment["PYTHONUNBUFFERED"] = "1"
        with run.log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "codemix_core", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=Path(__file__).resolve().parent.parent,
                pass_fds=(lock,),
                start_new_session=True,
            )
    finally:
        os.close(lock)
    threading.Thread(target=process.wait, daemon=True, name=f"reap {run.run_id}").start()


def adopted(workspace: Workspace) -> tuple[RunDir, int] | None:
    """The run and lock descriptor this process was started for, if :func:`launch` started it."""
    value = os.environ.pop(LAUNCH, None)
    if value is None:
        return None
    run_id, _, descriptor = value.rpartition(":")
    os.set_inheritable(int(descriptor), False)
    return workspace.run(run_id), int(descriptor)


def begin(run: RunDir) -> None:
    """Clear the traces of an earlier attempt and publish ``queued``. The lock must be held."""
    earlier = _read(lambda: files.read_json(run.status_path))
    attempt = 1 if earlier is None else int(earlier["attempt"]) + 1
    document = {
        "state": State.QUEUED,
        "message": "waiting to start",
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "attempt": attempt,
    }
    files.write_json(run.status_path, document)
    run.exit_path.unlink(missing_ok=True)


def request_stop(run: RunDir) -> None:
    """Ask a run to stop and return at once; watch :func:`status` for the outcome.

    A supervisor that is still starting finds the request when it is ready for it.

    Raises:
        JobError: the run is not alive, or still starting and its folder cannot be written to. What
            a crash left behind is killed all the same.
    """
    state = status(run).state
    if not state.alive:
        procs.kill_marked(run.run_id)
        raise JobError(f"{run.run_id} is not running; it has {state}")
    unwritten: OSError | None = None
    try:
        run.stop_path.touch()  # before we look: who signs the lock later than that looks for it
    except OSError as error:
        unwritten = error
    supervisor = _supervisor(run)
    if supervisor is not None:
        with suppress(psutil.NoSuchProcess):
            supervisor.terminate()
    elif unwritten is not None:
        raise JobError(f"{run.run_id} cannot be told to stop: {unwritten}")


def stop(run: RunDir, patience: float = STOP_GRACE + 10.0) -> Status:
    """Stop a run and wait until none of its processes is left.

    Raises:
        JobError: the run is not alive.
    """
    request_stop(run)
    deadline = time.monotonic() + patience
    while is_locked(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    supervisor = _supervisor(run) if is_locked(run) else None
    if supervisor is not None:
        for process in (*supervisor.children(recursive=True), supervisor):
            process.kill()
    procs.kill_marked(run.run_id)
    return status(run)


def _supervisor(run: RunDir) -> psutil.Process | None:
    """The live supervisor, told from a reused process id by its start time.

    None when there is none or when it has not signed the lock yet.
    """
    with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
        owner = json.loads(run.lock_path.read_text())
        process = psutil.Process(owner["pid"])
        if abs(process.create_time() - owner["create_time"]) < 1.0:
            return process
    return None


def tail(run: RunDir, lines: int = 20, max_bytes: int = 65536) -> str:
    """The last lines of the run's log; reads at most ``max_bytes``."""
    try:
        with run.log_path.open("rb") as stream:
            stream.seek(max(0, run.log_path.stat().st_size - max_bytes))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.replace("\r", "\n").splitlines()[-lines:])


def write_exit(run: RunDir, state: State, message: str, **facts: Any) -> None:
    """Record how the run ended; the last thing a supervisor writes."""
    ended = datetime.now(UTC).isoformat(timespec="milliseconds")
    document = {"state": state, "message": message, "ended_at": ended, **facts}
    files.write_json(run.exit_path, document)
