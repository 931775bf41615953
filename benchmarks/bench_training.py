"""Tokens/s of a training run of the workbench against bare ``tune run`` with its configuration.

    python benchmarks/bench_training.py [--steps 100] [--rounds 3]

The same configuration, dataset and model (nano, full SFT), interleaved rounds, each in a process
of its own. Bare means torchtune's own metric logger and nothing that watches. Printed are the
medians over steps of what torchtune itself measures, and the median of the ratios per round; the
first steps of a run warm up and do not count.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from codemix_core import jobs
from codemix_core.datasets.spec import BuildSpec
from codemix_core.questions.importer import import_questions
from codemix_core.specs import Spec
from codemix_core.training import launch, metrics
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir, Workspace

WARM_UP = 10
TARGET = 0.97
_SPEED = re.compile(r"tokens_per_second_per_gpu:([0-9.]+)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(Path(folder))
        import_questions("nano", "nano", "auto", workspace)
        dataset = run_to_end(workspace, BuildSpec(run="nano", method="gold_solution"))
        pairs = [measured(workspace, dataset, options.steps) for _ in range(options.rounds)]
    ours, bare = (median(values) for values in zip(*pairs, strict=True))
    ratio = median(a / b for a, b in pairs)
    print(f"python -m codemix_core train: {ours:,.0f} tokens/s")
    print(f"tune run with its config.yaml: {bare:,.0f} tokens/s")
    print(f"ratio {ratio:.3f}, median of {options.rounds} rounds; wanted: ≥ {TARGET}")


def measured(workspace: Workspace, dataset: RunDir, steps: int) -> tuple[float, float]:
    """Median tokens/s of one run of the workbench and of one bare run."""
    settings = {"dataset": dataset.run_id, "model": "nano", "recipe": "nano/sft_full"}
    spec = TrainSpec(**settings, set=(f"max_steps_per_epoch={steps}", "epochs=1"))
    run = run_to_end(workspace, spec)
    speeds = [x["tokens_per_second_per_gpu"] for x in metrics.read(run.metrics_path)]
    return median(speeds[WARM_UP:]), bare_speed(run)


def bare_speed(run: RunDir) -> float:
    """Median tokens/s of torchtune alone, with the configuration the run had."""
    out = run.root / "bare"
    changes = (
        f"output_dir={out}",
        f"checkpointer.output_dir={out}",
        "metric_logger._component_=torchtune.training.metric_logging.DiskLogger",
        "~metric_logger.path",
        "~metric_logger.also",
        f"metric_logger.log_dir={out}",
    )
    command = [sys.executable, "-m", "torchtune._cli.tune", "run", "full_finetune_single_device"]
    subprocess.run(
        [*command, "--config", str(run.config_path), *changes],
        env={**os.environ, **launch.environment()},
        cwd=launch.PROJECT,
        check=True,
        capture_output=True,
    )
    (log,) = out.glob("log_*.txt")
    speeds = [float(found) for found in _SPEED.findall(log.read_text(encoding="utf-8"))]
    return median(speeds[WARM_UP:])


def run_to_end(workspace: Workspace, spec: Spec) -> RunDir:
    """A run of the workbench, started as a page starts it, waited for."""
    run = jobs.launch(workspace, spec)
    while jobs.status(run).state.alive:
        time.sleep(0.5)
    status = jobs.status(run)
    if status.state != jobs.State.SUCCEEDED:
        raise RuntimeError(f"{run.run_id}: {status.message}")
    return run


if __name__ == "__main__":
    main()
