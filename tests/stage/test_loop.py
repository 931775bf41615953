"""Two rounds by one command, stopped and killed in the middle: real vLLM, sandbox, torchtune."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codemix_core import chain, files, jobs, stages
from codemix_core.jobs import State
from codemix_core.loop.spec import LoopSpec
from codemix_core.records import GENERATIONS, Question
from codemix_core.workspace import RunDir, Workspace
from tests.processes import processes_of

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
STEPS, SECOND = (
    [f"round {number}: {name}" for name in ("sample", "score", "build", "train", "evaluate")]
    for number in (1, 2)
)
ASKED, HELDOUT, N = 12, 6, 4


def wait_for(run: RunDir, step: str, seconds: float = 300) -> RunDir:
    """The run of a step, once it works."""
    deadline = time.monotonic() + seconds
    while True:
        child = RunDir(run.workspace, chain.steps(run).get(step, "not-begun"))
        if child.exists() and jobs.status(child).state is State.RUNNING:
            return child
        assert jobs.status(run).state.alive, jobs.tail(run)
        assert time.monotonic() < deadline, jobs.tail(run)
        time.sleep(0.05)


def resumed(run: RunDir) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "codemix_core", "resume", run.run_id, "--json"],
        cwd=PROJECT,
        env={**os.environ, "CODEMIX_HOME": str(run.workspace.root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def killed(run: RunDir, step: RunDir) -> None:
    """Kill a loop and the step it is in, both at once, and wait until they are known to be dead."""
    working = [*processes_of(run), *processes_of(step)]
    assert len(working) > 2, working
    for process in working:
        process.kill()
    deadline = time.monotonic() + 30
    while {jobs.status(found).state for found in (run, step)} != {State.CRASHED}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_rounds_stopped_in_one_training_and_killed_in_the_other_repeat_no_step(
    workspace: Workspace, nano: list[Question]
) -> None:
    settings = {"questions": "nano", "method": "best_of_n", "limit": ASKED, "n": N, "hard": False}
    settings |= {"evaluate_n": 2, "evaluate_limit": HELDOUT, "set": ("batch_size=1", "epochs=2")}
    run = jobs.launch(workspace, LoopSpec.parse({**settings, "rounds": 2}, workspace))
    training = wait_for(run, STEPS[3])
    status = jobs.stop(run, patience=60)
    assert status.state is State.STOPPED
    assert (status.done, status.total, status.unit) == (3, 10, "steps")
    begun = chain.steps(run)
    assert list(begun) == STEPS[:4]
    assert jobs.status(training).state is State.STOPPED, "its step was stopped with it"
    children = {name: workspace.run(run_id) for name, run_id in begun.items()}
    before = {name: child.exit() for name, child in children.items()}
    assert workspace.models() == {}

    jobs.resume(run, stages.load(run))
    second = wait_for(run, SECOND[3])
    killed(run, second)
    assert jobs.status(training).attempt == 2
    (model,) = workspace.models()
    assert files.read_json(training.result_path)["name"] == model
    first = {name: chain.steps(run)[name] for name in STEPS}
    assert {name: first[name] for name in begun} == begun, "the same runs went on"
    ended = {name: workspace.run(run_id).exit() for name, run_id in first.items()}
    assert {name: ended[name] for name in STEPS[:3]} == {n: before[n] for n in STEPS[:3]}

    document = resumed(run)
    assert (document["state"], document["done"], document["total"]) == (State.SUCCEEDED, 10, 10)
    after = chain.steps(run)
    assert list(after) == [*STEPS, *SECOND]
    assert after[SECOND[3]] == second.run_id, "the killed step went on"
    assert {name: workspace.run(after[name]).exit() for name in STEPS} == ended
    assert jobs.status(second).attempt == 2
    for sampled in (after[STEPS[0]], after[SECOND[0]]):
        assert workspace.run(sampled).read(GENERATIONS, ["question_id"]).num_rows == ASKED * N
    assert workspace.run(after[SECOND[0]]).load_spec()["model"] == model
    assert second.load_spec()["model"] == model, "the second round goes on from the first"

    tuned = files.read_json(second.result_path)["name"]
    assert set(workspace.models()) == {model, tuned}
    assert document["message"].startswith(f"2 round(s) of best_of_n -> {tuned}; ")
    assert re.search(r"pass@1 \d\.\d+", document["message"]), document["message"]
    (part,) = files.read_json(workspace.run(after[SECOND[4]]).evaluation_path)["parts"]
    for role in ("model", "baseline"):
        assert part[role]["answers"] == HELDOUT * 2
    assert not any(jobs.status(child).state.alive for child in workspace.runs())
