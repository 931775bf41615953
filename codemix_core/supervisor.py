"""The supervising half of a job: waits for a device slot, starts and watches the worker.

Runs in the process of the command itself, in the foreground of a terminal or started by a
page. SIGTERM, SIGINT and SIGHUP stop the run in an orderly way; SIGKILL takes the worker
along (parent-death signal).
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from codemix_core import devices, files, jobs, procs
from codemix_core.jobs import State, Status
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir, Workspace

POLL = 0.1
SUPERVISOR_PID = "CODEMIX_SUPERVISOR_PID"


@dataclass
class _Signals:
    """Whether this process was asked to stop."""

    stopping: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True


def supervise(run: RunDir, spec: Spec, lock: int, watch: Callable[[Status], None]) -> Status:
    """Run the job to its end and return how it ended. Must be called in the main thread.

    Args:
        lock: descriptor of the run's lock, held; closed at the end.
        watch: called a few times a second with the live status.
    """
    began = time.monotonic()
    signals = _Signals()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signals)
    _sign(lock)
    if run.stop_path.exists():
        signals.stopping = True
    procs.kill_marked(run.run_id)
    files.remove_temporaries(run.parts_root)
    state, message, code = State.STOPPED, "before it began; resume it to do it", None
    with procs.adopting_orphans(), _slot(run, spec, signals, watch) as device:
        if device is not None:
            state, message, code = _work(run, spec, lock, device, signals, watch)
    seconds = round(time.monotonic() - began, 3)
    jobs.write_exit(run, state, message, exit_code=code, seconds=seconds)
    final = jobs.status(run)
    watch(final)
    os.close(lock)
    return final


def _sign(lock: int) -> None:
    """Write who holds the lock into the lock file, so that it can be told to stop."""
    me = psutil.Process()
    os.ftruncate(lock, 0)
    os.pwrite(lock, f'{{"pid": {me.pid}, "create_time": {me.create_time()}}}'.encode(), 0)


def _work(
    run: RunDir,
    spec: Spec,
    lock: int,
    device: str,
    signals: _Signals,
    watch: Callable[[Status], None],
) -> tuple[State, str, int]:
    environment = procs.scrubbed_environment(os.environ, spec.secrets())
    environment |= {procs.RUN_MARK: run.run_id, SUPERVISOR_PID: str(os.getpid())}
    environment |= {"CODEMIX_HOME": str(run.workspace.root), "PYTHONUNBUFFERED": "1"}
    environment |= devices.environment(device)
    with run.log_path.open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "codemix_core.worker", run.run_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).resolve().parent.parent,
            pass_fds=(lock,),
            start_new_session=True,
        )
    _watch_worker(run, worker, signals, watch)
    _clean_up(run, worker)
    return _outcome(run, worker.returncode, signals.stopping)


def _watch_worker(
    run: RunDir,
    worker: subprocess.Popen[bytes],
    signals: _Signals,
    watch: Callable[[Status], None],
) -> None:
    """Return when the worker has ended; pass a stop on to it, first gently, then by force."""
    kill_at: float | None = None
    while worker.poll() is None:
        if signals.stopping and kill_at is None:
            worker.terminate()
            kill_at = time.monotonic() + jobs.STOP_GRACE
        if kill_at is not None and time.monotonic() > kill_at:
            procs.kill_group(worker.pid)
        watch(jobs.status(run))
        with suppress(subprocess.TimeoutExpired):
            worker.wait(POLL)


def _clean_up(run: RunDir, worker: subprocess.Popen[bytes]) -> None:
    """Leave none of the worker's descendants behind."""
    procs.kill_group(worker.pid)
    for orphan in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            orphan.kill()
    procs.kill_marked(run.run_id)
    procs.reap_children()


def _outcome(run: RunDir, code: int, stopped: bool) -> tuple[State, str, int]:
    message = str(files.read_json(run.status_path)["message"])
    if code == 0:
        return State.SUCCEEDED, message, code
    if stopped:
        return State.STOPPED, "what is done is kept; resume it to do the rest", code
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return State.CRASHED, f"its worker was ended by {name}{hint}; resume it", code
    return State.FAILED, message, code


@contextmanager
def _slot(
    run: RunDir, spec: Spec, signals: _Signals, watch: Callable[[Status], None]
) -> Iterator[str | None]:
    """Hold a device slot, waiting in line for it; gives None when stopped while waiting."""
    kind = spec.device()
    if kind is None:
        yield "none"
        return
    workspace = run.workspace
    names = devices.slots(kind)
    ticket = workspace.queue_root / f"{time.time_ns():020d}-{run.run_id}"
    ticket.touch()
    held: tuple[str, int] | None = None
    try:
        while held is None and not signals.stopping:
            if _is_first(workspace, ticket, names):
                held = _take_slot(workspace, run, names)
            if held is None:
                _publish_waiting(run, workspace, names)
                watch(jobs.status(run))
                time.sleep(POLL)
        ticket.unlink(missing_ok=True)
        yield held[0] if held else None
    finally:
        ticket.unlink(missing_ok=True)
        if held:
            os.close(held[1])


def _is_first(workspace: Workspace, mine: Path, names: list[str]) -> bool:
    """Whether no live, older ticket waits. Tickets of dead supervisors are removed."""
    for path in sorted(workspace.queue_root.iterdir()):
        if path == mine:
            return True
        waiting = RunDir(workspace, path.name.split("-", 1)[1])
        if not jobs.is_locked(waiting):
            path.unlink(missing_ok=True)
        elif set(names) & set(_wanted(waiting)):
            return False
    return True


def _wanted(run: RunDir) -> list[str]:
    from codemix_core import stages

    kind = stages.load(run).device()
    return devices.slots(kind) if kind else []


def _take_slot(workspace: Workspace, run: RunDir, names: list[str]) -> tuple[str, int] | None:
    for name in names:
        slot = os.open(workspace.slot_path(name), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(slot)
            continue
        os.ftruncate(slot, 0)
        os.pwrite(slot, run.run_id.encode(), 0)
        return name, slot
    return None


def _publish_waiting(run: RunDir, workspace: Workspace, names: list[str]) -> None:
    holders = [workspace.slot_path(name) for name in names]
    busy = [path.read_text() for path in holders if path.exists()]
    message = f"waiting for {' or '.join(names)}: {', '.join(busy) or 'others'} first"
    document = files.read_json(run.status_path)
    if document["message"] != message:
        files.write_json(run.status_path, {**document, "message": message}, durable=False)
