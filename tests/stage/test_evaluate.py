"""``evaluate`` with the real vLLM and sandbox: stopped, resumed, and its runs used again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codemix_core import chain, jobs
from codemix_core.evaluation.spec import EvaluateSpec
from codemix_core.jobs import State
from codemix_core.records import GENERATIONS, Question
from codemix_core.workspace import RunDir, Workspace

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
ASKED, N = 12, 4


def perturbed(model: Path, target: Path) -> Path:
    """A copy of a checkpoint whose weights are all off by a little."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, target)
    weights = load_file(target / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for name, value in weights.items():
        noise = torch.randn(value.shape, generator=generator) * value.float().std()
        weights[name] = (value.float() + 0.5 * noise).to(value.dtype)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


def wait_for_step(run: RunDir, name: str, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while name not in chain.steps(run):
        assert jobs.status(run).state.alive, jobs.tail(run)
        assert time.monotonic() < deadline, jobs.tail(run)
        time.sleep(0.05)


def command(*argv: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "codemix_core", *argv, "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_stopped_evaluation_resumes_and_a_second_one_samples_nothing_again(
    workspace: Workspace, all_nano: list[Question], nano_model: Path, tmp_path: Path
) -> None:
    heldout = [q for q in all_nano if q.split == "heldout"][:ASKED]
    workspace.write_question_set("few", heldout, {"source": "nano", "format": "nano"})
    workspace.write_model("noisy", {"path": str(perturbed(nano_model, tmp_path / "noisy"))})
    settings = {"questions": "few", "n": N, "max_tokens": 96}
    spec = EvaluateSpec.parse({"model": "noisy", "baseline": "nano", **settings})
    run = jobs.launch(workspace, spec)

    wait_for_step(run, "score baseline on held-out")
    assert jobs.stop(run, patience=60).state is State.STOPPED
    begun = chain.steps(run)
    children = {name: workspace.run(run_id) for name, run_id in begun.items()}
    assert not any(jobs.status(child).state.alive for child in children.values())
    assert not run.evaluation_path.exists()
    sampled = children["sample baseline on held-out"]
    before = sampled.read(GENERATIONS)

    assert command("resume", run.run_id)["state"] == State.SUCCEEDED
    after = chain.steps(run)
    assert {name: after[name] for name in begun} == begun, "the same runs went on"
    assert len(after) == 4
    assert jobs.status(sampled).attempt == 1, "what was complete was not touched"
    assert sampled.read(GENERATIONS).equals(before)

    document = json.loads(run.evaluation_path.read_text())
    (part,) = document["parts"]
    assert part["title"] == "held-out"
    for role in ("model", "baseline"):
        assert part[role]["answers"] == part[role]["scored"] == ASKED * N
    first = part["comparison"]["differences"][0]
    assert first["finding"] == "worse", "so much noise leaves little of a model"
    assert jobs.status(run).message == part["headline"]

    began = time.monotonic()
    flags = ["--model", "nano", "--baseline", "noisy", "--questions", "few"]
    again = command("evaluate", *flags, "-n", str(N), "--max-tokens", "96")
    assert time.monotonic() - began < 15, "no engine was started"
    assert str(again["message"]).endswith(": better")
    assert len(workspace.runs("sample")) == len(workspace.runs("score")) == 2
    swapped = chain.steps(workspace.run(str(again["run_id"])))
    assert set(swapped.values()) == set(after.values())
