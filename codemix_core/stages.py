"""The stages by name. Each is one module with a spec and ``run(spec, run, progress)``.

Looked up lazily, so that showing a page or ``--help`` imports no stage's heavy libraries.
A new stage is a new module and one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from codemix_core.errors import NotFoundError, Problem
from codemix_core.progress import Progress
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir

Run = Callable[[Spec, RunDir, Progress], str]


@dataclass(frozen=True)
class Stage:
    """Where a stage's spec class and ``run`` live."""

    module: str
    spec_name: str

    def spec(self) -> type[Spec]:
        """The stage's settings class."""
        found: type[Spec] = getattr(import_module(self.module), self.spec_name)
        return found

    def run(self) -> Run:
        """The function that does the work and returns one summary line."""
        found: Run = import_module(self.module).run
        return found


STAGES = {
    "import_generations": Stage("codemix_core.questions.generations", "ImportGenerationsSpec"),
    "selfcheck": Stage("codemix_core.scoring.selfcheck", "SelfcheckSpec"),
    "quality": Stage("codemix_core.scoring.quality.stage", "QualitySpec"),
    "sample": Stage("codemix_core.sampling.stage", "SampleSpec"),
    "score": Stage("codemix_core.scoring.stage", "ScoreSpec"),
    "build": Stage("codemix_core.datasets.stage", "BuildSpec"),
    "preflight": Stage("codemix_core.datasets.preflight", "PreflightSpec"),
    "train": Stage("codemix_core.training.stage", "TrainSpec"),
    "loop": Stage("codemix_core.loop.stage", "LoopSpec"),
    "evaluate": Stage("codemix_core.evaluation.stage", "EvaluateSpec"),
}


def stage(name: str) -> Stage:
    """The stage called ``name``.

    Raises:
        NotFoundError: there is none.
    """
    if name not in STAGES:
        known = ", ".join(STAGES)
        raise NotFoundError(Problem("stage", f"there is no stage {name!r}.", f"Stages: {known}."))
    return STAGES[name]


def load(run: RunDir) -> Spec:
    """The spec a run was made with, as it was checked then.

    Raises:
        SpecError: ``spec.json`` was changed by hand into something impossible.
    """
    return stage(run.stage).spec().restore(run.load_spec())
