"""``loop``: whole rounds, each step a run of its own that can be seen, stopped and resumed.

Guarantees: every step is what the same command typed by hand would do, with the settings that
stand in its own ``spec.json``; a stopped or killed loop goes on with the step it was in.
"""

from __future__ import annotations

from typing import Any

from codemix_core import chain, files
from codemix_core.errors import StageError
from codemix_core.loop.spec import LoopSpec
from codemix_core.progress import Progress
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir

__all__ = ["LoopSpec", "run"]


def run(spec: Spec, run: RunDir, progress: Progress) -> str:
    """Do the rounds; one summary line with the first and the last pass rate.

    Raises:
        Stopped: the loop was asked to stop, and its step with it.
        StageError: a step failed; the message is the step's own.
    """
    if not isinstance(spec, LoopSpec):
        raise TypeError(f"not a loop spec: {type(spec).__name__}")
    per_round = 3 if spec.method == "sft" else 5
    progress.start(per_round * spec.rounds, unit="steps")
    model = spec.model
    lines = []
    for number in range(1, spec.rounds + 1):
        model = _round(spec, run, model, number, progress)
        lines.append(_evaluated(spec, run, model, number, progress))
    return f"{spec.rounds} round(s) of {spec.method} -> {model}; {lines[-1]}"


def _round(spec: LoopSpec, run: RunDir, model: str, number: int, progress: Progress) -> str:
    """One round up to its trained model; the model's registered name."""

    def step(name: str, settings: Spec) -> RunDir:
        done = chain.step(run, f"round {number}: {name}", settings, progress)
        progress.advance()
        return done

    source = spec.questions
    if spec.method != "sft":
        sampled = step("sample", spec.sampling(model, number))
        source = step("score", spec.scoring(sampled.run_id)).run_id
    dataset = step("build", spec.building(source))
    trained = step("train", spec.training(dataset.run_id, model, number))
    result: dict[str, Any] = files.read_json(trained.result_path)
    return str(result["name"])


def _evaluated(spec: LoopSpec, run: RunDir, model: str, number: int, progress: Progress) -> str:
    """Measure a round's model; the evaluation's summary."""
    there = {q.split for q in run.workspace.question_set(spec.questions).questions()}
    splits = ("heldout", "hard") if spec.hard and "hard" in there else ("heldout",)
    name = f"round {number}: evaluate"
    done = chain.step(run, name, spec.evaluation(model, splits), progress)
    progress.advance()
    ended = done.exit()
    if ended is None:
        raise StageError(f"{name} ({done.run_id}) left no result")
    return str(ended["message"])
