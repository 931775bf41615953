"""A finished evaluation, its steps written as the stages write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codemix_core import files
from codemix_core.evaluation import stage
from codemix_core.evaluation.spec import EvaluateSpec
from codemix_core.progress import Progress
from codemix_core.records import Question
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import CORRECT, N, ended, made, write_samples, write_verdicts

TUNED = (4, 4, 4, 3, 1, 1)
"""Correct answers of the tuned model where the baseline has ``CORRECT``: pass@1 = 17/24."""


def spec(**settings: Any) -> EvaluateSpec:
    given = {"model": "tuned", "baseline": "nano", "questions": "nano", "split": ("all",), "n": N}
    return EvaluateSpec.parse(given | settings)


def write_steps(
    workspace: Workspace,
    run: RunDir,
    wanted: EvaluateSpec,
    asked: list[Question],
    correct: Sequence[Sequence[int]],
    marks: Sequence[str] = ("base", "tune"),
) -> None:
    """Complete sampling and scoring runs of the baseline, then of the model."""
    steps = {}
    for role, letters, counts in zip(stage.ROLES, marks, correct, strict=True):
        sampling_spec = wanted.sampling(getattr(wanted, role), wanted.split[0])
        sampling = write_samples(workspace, asked, letters, spec=sampling_spec, correct_of=counts)
        scoring = made(workspace, wanted.scoring(sampling.run_id), letters)
        write_verdicts(scoring, asked, N * len(asked), counts)
        ended(scoring, N * len(asked), "programs")
        steps[f"sample {role} on all questions"] = sampling.run_id
        steps[f"score {role} on all questions"] = scoring.run_id
    files.write_json(run.steps_path, steps)


def evaluated(
    workspace: Workspace,
    asked: list[Question],
    letters: str = "eval",
    correct: Sequence[Sequence[int]] = (CORRECT, TUNED),
    marks: Sequence[str] = ("base", "tune"),
    **settings: Any,
) -> RunDir:
    """A finished evaluation of all six questions, written by the stage itself.

    marks: last letters of the runs of the baseline and of the model.
    """
    wanted = spec(**settings)
    run = made(workspace, wanted, letters)
    write_steps(workspace, run, wanted, asked, correct, marks)
    stage.run(wanted, run, Progress(lambda document: None))
    return ended(run, 4, "steps")
