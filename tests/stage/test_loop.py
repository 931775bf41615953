"""A whole round by one command, stopped in the middle: real vLLM, sandbox and torchtune."""

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

from codemix_core import chain, files, jobs
from codemix_core.jobs import State
from codemix_core.loop.spec import LoopSpec
from codemix_core.records import GENERATIONS, Question
from codemix_core.workspace import RunDir, Workspace

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
STEPS = [f"round 1: {name}" for name in ("sample", "score", "build", "train", "evaluate")]
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


def test_a_round_stopped_while_it_trains_goes_on_and_repeats_no_step(
    workspace: Workspace, nano: list[Question]
) -> None:
    settings = {"questions": "nano", "method": "best_of_n", "limit": ASKED, "n": N, "hard": False}
    settings |= {"evaluate_n": 2, "evaluate_limit": HELDOUT, "set": ("batch_size=1", "epochs=2")}
    run = jobs.launch(workspace, LoopSpec.parse(settings, workspace))
    training = wait_for(run, STEPS[3])
    status = jobs.stop(run, patience=60)
    assert status.state is State.STOPPED
    assert (status.done, status.total, status.unit) == (3, 5, "steps")
    begun = chain.steps(run)
    assert list(begun) == STEPS[:4]
    assert jobs.status(training).state is State.STOPPED, "its step was stopped with it"
    children = {name: workspace.run(run_id) for name, run_id in begun.items()}
    before = {name: child.exit() for name, child in children.items()}
    assert workspace.models() == {}

    document = resumed(run)
    assert (document["state"], document["done"], document["total"]) == (State.SUCCEEDED, 5, 5)
    after = chain.steps(run)
    assert list(after) == STEPS
    assert {name: after[name] for name in begun} == begun, "the same runs went on"
    for name in STEPS[:3]:
        assert children[name].exit() == before[name], "what was complete was not done again"
    assert jobs.status(training).attempt == 2
    assert [child.stage for child in map(workspace.run, after.values())] == [
        *("sample", "score", "build", "train", "evaluate")
    ]
    assert children[STEPS[0]].read(GENERATIONS, ["question_id"]).num_rows == ASKED * N

    (model,) = workspace.models()
    assert files.read_json(training.result_path)["name"] == model
    assert document["message"].startswith(f"1 round(s) of best_of_n -> {model}; ")
    assert re.search(r"pass@1 \d\.\d+", document["message"]), document["message"]
    evaluation = workspace.run(after[STEPS[4]])
    (part,) = json.loads(evaluation.evaluation_path.read_text())["parts"]
    for role in ("model", "baseline"):
        assert part[role]["answers"] == HELDOUT * 2
    assert not any(jobs.status(child).state.alive for child in workspace.runs())
