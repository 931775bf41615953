"""Starts torchtune inside a job and watches it.

``tune run`` is a child of the worker in the worker's own process group: whatever ends the job
ends it too. Its output goes to the job's log, its metrics to ``metrics.jsonl``, which is what
progress is read from.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from codemix_core.errors import StageError, Stopped
from codemix_core.progress import Progress
from codemix_core.sampling.engines.memory import cpu_threads
from codemix_core.training import checkpoints, metrics
from codemix_core.training.plan import Plan
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir

PROJECT = Path(__file__).resolve().parents[2]
POLL = 0.3
GRACE = 15.0
"""Seconds that a recipe has to save what it can when the run is stopped."""

_NO_MEMORY = ("out of memory", "can't allocate memory", "outofmemoryerror")
_LESS_MEMORY = (
    "lower batch_size or tokenizer.max_seq_len, turn on enable_activation_checkpointing, or take"
    " a LoRA recipe"
)
_RANK = re.compile(r"\[rank\d+\]:\s*")
_SHOWN = {"tokens_per_second_per_gpu": "tokens_per_second", "loss": "loss"}


def argv(spec: TrainSpec, plan: Plan, config: Path) -> list[str]:
    """The ``tune run`` command of a plan, to be started in the project's folder."""
    command = [sys.executable, "-m", "torchtune._cli.tune", "run"]
    if int(plan.config["nproc_per_node"]) > 1 or spec.nnodes > 1:
        command += [f"--nproc_per_node={plan.config['nproc_per_node']}"]
        command += [f"--nnodes={spec.nnodes}"]
        if spec.rdzv_endpoint:
            command += ["--rdzv_backend=c10d", f"--rdzv_endpoint={spec.rdzv_endpoint}"]
        if spec.rdzv_id:
            command += [f"--rdzv_id={spec.rdzv_id}"]
    # tune turns a recipe's file into a module name: its path has to be relative to here.
    return [*command, plan.torchtune_recipe, "--config", str(config)]


def environment() -> dict[str, str]:
    """The job's own, with our components importable and OpenMP kept off the last core.

    On a busy core the second thread makes every parallel region wait for it: 250 steps of nano
    took 124 s of processor time with two threads on two busy cores, 41 s with one. Where there
    are more, those that wait sleep instead of spinning.
    """
    threads = {"OMP_NUM_THREADS": str(cpu_threads()), "OMP_WAIT_POLICY": "PASSIVE"}
    return {**threads, **os.environ, "PYTHONPATH": str(PROJECT)}


def tune(spec: TrainSpec, plan: Plan, run: RunDir, progress: Progress) -> None:
    """Train to the end.

    Raises:
        Stopped: the run was asked to stop; checkpoints of finished epochs are kept.
        StageError: torchtune failed; the message is its reason, the log has the rest.
    """
    finished = len(checkpoints.epochs(run.checkpoints_root))
    done = finished * plan.steps // int(plan.config["epochs"])
    progress.start(plan.steps, done=done, unit="steps")
    progress.message("starting torchtune")
    begun = run.log_path.stat().st_size if run.log_path.exists() else 0
    process = subprocess.Popen(
        argv(spec, plan, run.config_path), env=environment(), cwd=PROJECT, stdin=subprocess.DEVNULL
    )
    try:
        _follow(process, run, progress, done)
    finally:
        if process.poll() is None:
            process.kill()
        code = process.wait()
    if progress.stopping:
        raise Stopped("stopped; resume to go on from the last checkpoint")
    if code != 0:
        raise StageError(reason(run, begun, code))


def side_process(module: str, arguments: list[str], progress: Progress) -> int:
    """Run a module of ours to its end in a process of its own, so that its memory is freed.

    Returns:
        Its exit code.

    Raises:
        Stopped: the run was asked to stop.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environment(),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None:
            if progress.stopping:
                raise Stopped("stopped before training began")
            time.sleep(POLL)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    return process.returncode


def _follow(process: subprocess.Popen[bytes], run: RunDir, progress: Progress, done: int) -> None:
    asked: float | None = None
    lines = metrics.Tail(run.metrics_path)
    lines.new()  # of an earlier attempt
    while process.poll() is None:
        done = _publish(lines, progress, done)
        if progress.stopping and asked is None:
            process.send_signal(signal.SIGTERM)
            asked = time.monotonic()
        if asked is not None and time.monotonic() - asked > GRACE:
            return
        time.sleep(POLL)
    _publish(lines, progress, done)


def _publish(lines: metrics.Tail, progress: Progress, done: int) -> int:
    """Pass on what was logged since the last look; the steps done so far."""
    for line in lines.new():
        if "steps" in line:  # fewer than planned: GRPO left groups out as too long
            progress.start(int(line["steps"]), done=done, unit="steps")
        if "loss" in line:
            step = max(done, int(line["step"]))
            progress.advance(step - done)
            done = step
            progress.message("training")
            progress.measure(**{_SHOWN[name]: line[name] for name in _SHOWN if name in line})
    return done


def reason(run: RunDir, begun: int, code: int) -> str:
    """Why torchtune failed, in one line: the last exception in the log since ``begun``."""
    with run.log_path.open("rb") as stream:
        stream.seek(begun)
        text = stream.read().decode("utf-8", "replace").replace("\r", "\n")
    lines = [_RANK.sub("", line.strip()) for line in text.splitlines()]
    found = [line for line in lines if _is_exception(line)]
    if any(words in line.lower() for line in found[-3:] for words in _NO_MEMORY):
        return f"out of memory: {_LESS_MEMORY}"
    if code == -signal.SIGKILL or "Signal 9 (SIGKILL) received" in text:
        return f"torchtune was killed, most likely for want of memory: {_LESS_MEMORY}"
    # What the launcher of several processes raises only says that one of them raised something.
    own = [line for line in found if "ChildFailedError" not in line]
    said = (own or found or [_ended(code)])[-1]
    return f"torchtune failed: {said[:500]} (see the log)"


def _ended(code: int) -> str:
    return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _is_exception(line: str) -> bool:
    head = line.partition(":")[0]
    return head.replace(".", "").isidentifier() and head.endswith(
        ("Error", "Exception", "Interrupt")
    )
