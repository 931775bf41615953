"""What came out of a training run: which epoch is best, and its entry among the models.

DPO keeps the epoch whose loss on the validation side is lowest, since later epochs can be worse
without any sign in the training rewards (one run fell from 0.69 to 0.00 held-out pass@1 between
its first and third epoch). Without a validation side, and for the other methods, it is the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codemix_core import files
from codemix_core.datasets.registry import find
from codemix_core.errors import InputError, NotFoundError, Problem, StageError
from codemix_core.sampling.spec import NANO
from codemix_core.training import checkpoints, metrics
from codemix_core.training.checkpoints import Checkpoint
from codemix_core.training.plan import Plan
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir, Workspace, check_name

COLLAPSE_NATS = 2.0
"""A mean log p(chosen) this far below the reference's, nats per answer, is warned of."""
_WINDOW = 20
"""Logged steps over which training figures are averaged."""

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Best:
    """The checkpoint to go on with, and why it is this one."""

    checkpoint: Checkpoint
    why: str


def best(found: list[Checkpoint], lines: Iterable[Line]) -> Best:
    """The best of the checkpoints of a run.

    Args:
        found: at least one, by epoch.
        lines: of ``metrics.jsonl``; validation lines hold ``epoch`` and ``validation/loss``,
            which is None where it was no number.
    """
    known = [line for line in lines if line.get("validation/loss") is not None]
    losses = {int(line["epoch"]): float(line["validation/loss"]) for line in known}
    rated = [c for c in found if c.epoch in losses]
    if not rated:
        return Best(found[-1], "the last epoch")
    chosen = min(rated, key=lambda c: losses[c.epoch])
    among = f"{len(rated)} epoch{'s' if len(rated) > 1 else ''}"
    why = f"lowest validation loss, {losses[chosen.epoch]:.4f}, of {among}"
    return Best(chosen, why)


def fall(lines: Iterable[Line]) -> float | None:
    """How far mean log p(chosen) lies below the reference's, nats per answer; None if not DPO.

    Taken over the last logged steps; negative when it has risen.
    """
    both = [(x.get("reference_log_probs/chosen"), x.get("log_probs/chosen")) for x in lines]
    falls = [before - now for before, now in both if before is not None and now is not None]
    last = falls[-_WINDOW:]
    return sum(last) / len(last) if last else None


def warnings(lines: Sequence[Line]) -> list[str]:
    """What a person should know before trusting the result."""
    fallen = fall(lines)
    if fallen is None or fallen < COLLAPSE_NATS:
        return []
    text = (
        f"log p(chosen) has fallen {fallen:.1f} nats per answer below the reference's: the model"
        " is forgetting the chosen answers too; lower the learning rate, train fewer epochs, or"
        " take the DPO-Positive or NLL-regularised loss"
    )
    return [text]


def finish(spec: TrainSpec, run: RunDir, plan: Plan) -> dict[str, Any]:
    """Choose the best checkpoint, register it, and write ``result.json``.

    Raises:
        StageError: training left no complete checkpoint.
    """
    checkpoints.finish(run.checkpoints_root, str(plan.config["dtype"]))
    found = checkpoints.epochs(run.checkpoints_root)
    if not found:
        raise StageError("training ended without a complete checkpoint (see the log)")
    lines = metrics.read(run.metrics_path)
    chosen = best(found, lines)
    name = spec.name or default_name(spec, run, plan.method)
    if run.workspace.models().get(name, {"run": run.run_id}).get("run") != run.run_id:
        name = default_name(spec, run, plan.method)  # taken by another since the launch
    register(run, chosen.checkpoint, name)
    result = {
        "name": name,
        "epoch": chosen.checkpoint.epoch,
        "why": chosen.why,
        "method": plan.method,
        "recipe": plan.recipe,
        "steps": next((x["steps"] for x in reversed(lines) if "steps" in x), plan.steps),
        "warnings": warnings(lines),
    }
    files.write_json(run.result_path, result)
    return result


def default_name(spec: TrainSpec, run: RunDir, method: str) -> str:
    """``<model>-<method>-<letters of the run>``, at most 64 characters."""
    model = spec.model.rstrip("/").rsplit("/", 1)[-1]
    tail = f"-{method}-{run.run_id.rsplit('-', 1)[-1]}"
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", model).lstrip("._-")
    return f"{(plain or 'model')[: 64 - len(tail)]}{tail}"


def register(run: RunDir, checkpoint: Checkpoint, name: str) -> None:
    """Make a checkpoint known by name, with where it came from."""
    spec = run.load_spec()
    _, dataset = _dataset(run.workspace, spec["dataset"])
    run.workspace.write_model(
        name,
        {
            "path": str(checkpoint.path),
            "base": spec["model"],
            "base_revision": spec["revision"],
            "run": run.run_id,
            "epoch": checkpoint.epoch,
            "dataset": spec["dataset"],
            "method": dataset.get("method"),
            "style": dataset.get("style"),
            "questions": dataset.get("lineage", {}).get("questions", {}).get("name"),
            "size_bytes": checkpoint.size_bytes,
        },
    )


def register_as(workspace: Workspace, run: RunDir, checkpoint: Checkpoint, name: str) -> None:
    """Register a checkpoint under a name a person chose.

    Raises:
        InputError: the name is taken or cannot be used.
    """
    if name in (NANO, *workspace.models()):
        fix = "Choose another; see 'models'."
        raise InputError(Problem("name", f"{name!r} is taken.", fix))
    register(run, checkpoint, check_name("name", name))


def _dataset(workspace: Workspace, run_id: str) -> tuple[RunDir | None, dict[str, Any]]:
    try:
        return find(workspace, run_id)
    except NotFoundError:
        return None, {}  # deleted since; the model's own entry still says which it was


def checkpoint_of(run: RunDir, epoch: int) -> Checkpoint:
    """The checkpoint of an epoch.

    Raises:
        InputError: there is none; names those there are.
    """
    found = checkpoints.epochs(run.checkpoints_root)
    for checkpoint in found:
        if checkpoint.epoch == epoch:
            return checkpoint
    there = ", ".join(str(c.epoch) for c in found) or "none"
    raise InputError(Problem("epoch", f"got {epoch};", f"{run.run_id} has: {there}."))


def names_of(workspace: Workspace, checkpoint: Checkpoint) -> list[str]:
    """Names under which a checkpoint is registered."""
    path = str(checkpoint.path)
    return [name for name, entry in workspace.models().items() if entry.get("path") == path]


def delete(workspace: Workspace, run: RunDir, epoch: int, *, force: bool = False) -> int:
    """Remove a checkpoint's files and names; the bytes freed.

    Raises:
        InputError: there is no such checkpoint, or runs use it and ``force`` is not given.
    """
    checkpoint = checkpoint_of(run, epoch)
    names = names_of(workspace, checkpoint)
    wanted = {str(checkpoint.path), *names}
    users = [
        other.run_id
        for other in workspace.runs()
        if wanted & {str(value) for value in other.load_spec().values()}
    ]
    if users and not force:
        what = f"epoch {epoch} of {run.run_id} is used by {', '.join(users[:5])}"
        what += f" and {len(users) - 5} more." if len(users) > 5 else "."
        raise InputError(Problem("checkpoint", what, "Delete it all the same with --force."))
    for name in names:
        workspace.forget_model(name)
    checkpoints.delete(checkpoint)
    return checkpoint.size_bytes
