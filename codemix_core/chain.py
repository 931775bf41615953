"""Runs made of runs: a stage whose work is to start other runs, one after another.

Each step is a run of its own, started by the same command a person would type and visible as
such everywhere. The parent keeps which run does which step in ``steps.json``, written before
the step starts, so that a stopped or killed parent resumes the very runs it had.

Guarantees: a step that is complete is not done again; stopping the parent stops the step that
runs; a step that fails fails the parent with the step's own message.
"""

from __future__ import annotations

import time

from codemix_core import files, jobs, stages
from codemix_core.errors import StageError, Stopped
from codemix_core.jobs import State, Status
from codemix_core.progress import Progress
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir, Workspace, new_run_id

POLL = 0.3


def steps(run: RunDir) -> dict[str, str]:
    """Run ids by step name, in the order they were begun."""
    try:
        document: dict[str, str] = files.read_json(run.steps_path)
    except FileNotFoundError:
        return {}
    return document


def step(run: RunDir, name: str, spec: Spec, progress: Progress, *, reuse: bool = False) -> RunDir:
    """Have a step done and return its run, complete.

    Args:
        run: the parent.
        name: of the step, unique within the parent.
        reuse: take a complete earlier run of exactly this spec instead of a new one.

    Raises:
        Stopped: the parent was asked to stop; the step was stopped with it.
        StageError: the step failed.
        InputError: its spec does not fit the workspace.
    """
    workspace = run.workspace
    known = steps(run)
    if name not in known:
        same = earlier(workspace, spec) if reuse else None
        known[name] = same.run_id if same else new_run_id(spec.stage)
        files.write_json(run.steps_path, known)
    child = RunDir(workspace, known[name])
    if not child.exists():
        jobs.launch(workspace, spec, child.run_id)
    elif not (state := jobs.status(child).state).alive and state != State.SUCCEEDED:
        jobs.resume(child, stages.load(child))
    return _finished(child, name, progress)


def earlier(workspace: Workspace, spec: Spec) -> RunDir | None:
    """The newest complete run of exactly this spec."""
    wanted = spec.model_dump(mode="json")
    for candidate in workspace.runs(spec.stage):
        if candidate.load_spec() == wanted and jobs.status(candidate).state == State.SUCCEEDED:
            return candidate
    return None


def _finished(child: RunDir, name: str, progress: Progress) -> RunDir:
    asked = False
    while (status := jobs.status(child)).state.alive:
        if progress.stopping and not asked:
            asked = True
            jobs.request_stop(child)
        progress.message(_line(name, status))
        time.sleep(POLL)
    if status.state == State.SUCCEEDED:
        return child
    if progress.stopping:
        raise Stopped(f"stopped during {name} ({child.run_id}); resume to go on with it")
    raise StageError(f"{name} ({child.run_id}) has {status.state}: {status.message}")


def _line(name: str, status: Status) -> str:
    done = f" {status.done:,} of {status.total:,} {status.unit}" if status.total else ""
    return f"{name}:{done or f' {status.message}'}"
