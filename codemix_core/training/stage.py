"""``train``: torchtune on a dataset, from a configuration checked before it starts.

Guarantees: what is trained on, with what and why it was allowed stands beside the result
(``config.yaml``, ``preflight.json``); a stopped or killed run goes on from its last complete
checkpoint; what comes out is registered as a model with its lineage.

Not guaranteed: that work since the last checkpoint survives. torchtune's own recipes save at
the end of an epoch; ours (DPO, GRPO) also when they are asked to stop.
"""

from __future__ import annotations

from typing import Any

from codemix_core import files
from codemix_core.errors import InputError, Problem, SpecError
from codemix_core.progress import Progress
from codemix_core.sampling import models
from codemix_core.specs import Spec
from codemix_core.training import checkpoints, configs, launch, outcome, readiness
from codemix_core.training.plan import Plan, plan
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir

__all__ = ["TrainSpec", "run"]


def run(spec: Spec, run: RunDir, progress: Progress) -> str:
    """Check, train, choose the best checkpoint and register it; returns one summary line.

    Raises:
        InputError: dataset, model or configuration cannot be used, or a check failed and no
            reason to go on was given.
        StageError: torchtune failed.
        Stopped: the run was asked to stop.
    """
    if not isinstance(spec, TrainSpec):
        raise TypeError(f"not a training spec: {type(spec).__name__}")
    progress.message("checking the model")
    model = models.with_weights(models.find(spec.model, spec.revision, run.workspace))
    resumable = checkpoints.last_state(run.checkpoints_root) is not None
    made = plan(spec, run.workspace, model.directory, run, resume=resumable)
    problems = configs.check(made.config)
    if problems:
        raise SpecError(problems)
    files.write_text(run.config_path, made.text())
    if not resumable:
        _refuse(spec, readiness.preflight(spec, made, model, run, progress))
    launch.tune(spec, made, run, progress)
    result = outcome.finish(spec, run, made)
    return _summary(made, result)


def _refuse(spec: TrainSpec, checks: list[readiness.Check]) -> None:
    failed = [check.problem() for check in checks if check.result == readiness.FAILED]
    if failed and spec.override is None:
        fix = "Mend them, or train all the same with --override 'REASON'."
        raise InputError([*failed, Problem("launch", "is blocked by these checks.", fix)])


def _summary(made: Plan, result: dict[str, Any]) -> str:
    text = (
        f"{result['steps']:,} steps of {made.recipe} on {made.rows:,} rows -> {result['name']}"
        f" (epoch {result['epoch']}: {result['why']})"
    )
    return "; warning: ".join([text, *result["warnings"]])
