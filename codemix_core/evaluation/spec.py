"""Settings of ``evaluate``: two models, the questions, and one way to sample both.

Only light imports: pages and the command line read this file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.sampling import models
from codemix_core.sampling.choice import chosen_questions
from codemix_core.sampling.spec import SampleSpec, absolute_path
from codemix_core.scoring.selfcheck import Sandbox, unrunnable
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.specs import Spec, option, same_as
from codemix_core.workspace import Workspace

ALL = "all"
"""As a split: every question of the set."""
Split = Literal["heldout", "hard", "train", "all"]

OTHER = "Name two different models."

SHARED = (
    *("engine", "n", "temperature", "top_p", "top_k", "max_tokens", "cot", "template"),
    *("skills", "k", "limit", "include_flagged", "seed", "dtype", "tensor_parallel"),
    *("gpu_memory_utilization", "base_url", "api_key_env", "concurrency", "max_retries"),
)
"""Settings of a sampling run that both models share."""


class EvaluateSpec(Spec):
    """Measure a model against a baseline: same questions, same sampling, paired differences.

    Samples and scores both, each in a run of its own; runs that are there already are used again.
    """

    stage: ClassVar[str] = "evaluate"
    command: ClassVar[str] = "evaluate"

    model: str = option(
        doc="the tuned model: a registered model, a checkpoint directory, 'nano' or a Hugging Face"
        " id",
        min_length=1,
    )
    baseline: str = option(doc="the model to compare it with, named likewise", min_length=1)
    questions: str = option(doc="question set to measure on")
    split: tuple[Split, ...] = option(
        ("heldout",), "heldout, hard, train or all; repeatable, each is reported apart"
    )
    n: int = same_as(SampleSpec, "n")
    temperature: float = same_as(SampleSpec, "temperature")
    top_p: float = same_as(SampleSpec, "top_p")
    top_k: int = same_as(SampleSpec, "top_k")
    max_tokens: int = same_as(SampleSpec, "max_tokens")
    cot: bool = same_as(SampleSpec, "cot")
    template: str | None = same_as(SampleSpec, "template")
    skills: tuple[str, ...] = same_as(SampleSpec, "skills")
    k: int | None = same_as(SampleSpec, "k")
    limit: int | None = same_as(SampleSpec, "limit")
    include_flagged: bool = same_as(SampleSpec, "include_flagged")
    seed: int = same_as(SampleSpec, "seed")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = same_as(SampleSpec, "dtype")
    engine: Literal["vllm", "openai"] = same_as(SampleSpec, "engine")
    tensor_parallel: int = same_as(SampleSpec, "tensor_parallel")
    gpu_memory_utilization: float | None = same_as(SampleSpec, "gpu_memory_utilization")
    base_url: str | None = same_as(SampleSpec, "base_url")
    api_key_env: str = same_as(SampleSpec, "api_key_env")
    concurrency: int = same_as(SampleSpec, "concurrency")
    max_retries: int = same_as(SampleSpec, "max_retries")
    sandbox: Sandbox = same_as(ScoreSpec, "sandbox")
    workers: int | None = same_as(ScoreSpec, "workers")

    @model_validator(mode="before")
    @classmethod
    def _find_from_anywhere(cls, values: Any) -> Any:
        """Paths that exist made absolute; a remote model's name is no path."""
        if not isinstance(values, dict):
            return values
        remote = values.get("engine") == "openai"
        names = ["template"] if remote else ["template", "model", "baseline"]
        given = {name: values[name] for name in names if isinstance(values.get(name), str)}
        return values | {name: absolute_path(value) for name, value in given.items()}

    def sampling(self, model: str, split: str) -> SampleSpec:
        """The sampling run of one model on one split."""
        shared = {name: getattr(self, name) for name in SHARED}
        only = None if split == ALL else split
        return SampleSpec.restore(
            {"questions": self.questions, "model": model, "split": only, **shared}
        )

    def scoring(self, sampling: str) -> ScoreSpec:
        """The scoring run of a sampling run."""
        return ScoreSpec(run=sampling, sandbox=self.sandbox, workers=self.workers)

    def device(self) -> str | None:
        """None: the sampling runs it starts take the device."""
        return None

    def secrets(self) -> tuple[str, ...]:
        """Those of both sampling runs, which inherit them."""
        both = [self.sampling(model, self.split[0]) for model in (self.baseline, self.model)]
        return tuple(dict.fromkeys(name for spec in both for name in spec.secrets()))

    def contradictions(self) -> list[Problem]:
        """What is wrong between settings, those of the sampling runs included."""
        if not self.split:
            return [Problem("split", "names no questions.", "Give heldout, hard, train or all.")]
        problems = self.sampling(self.model, self.split[0]).contradictions()
        twice = sorted({name for name in self.split if self.split.count(name) > 1})
        problems += [Problem("split", f"{name} is given twice.", "Give it once.") for name in twice]
        if ALL in self.split and len(self.split) > 1:
            what = "all holds the questions of every split already."
            problems.append(Problem("split", what, "Give all alone, or the splits without it."))
        if self.model == self.baseline:
            what = f"{self.model} is compared with itself."
            problems.append(Problem("baseline", what, OTHER))
        return problems

    def check(self, workspace: Workspace) -> list[Problem]:
        """What the workspace lacks: the set, questions in each split, either model."""
        problems = self._question_problems(workspace)
        for field in ("model", "baseline"):
            spec = self.sampling(getattr(self, field), self.split[0])
            found = [p for p in spec.check(workspace) if p.where != "questions"]
            problems += [_about(problem, field) for problem in found]
        if self.engine == "vllm" and self.model != self.baseline:
            first, second = (models.locate(name, workspace) for name in (self.model, self.baseline))
            if first is not None and second is not None and first.resolve() == second.resolve():
                what = f"{self.baseline} and {self.model} are one model."
                problems.append(Problem("baseline", what, OTHER))
        return list(dict.fromkeys(problems))

    def _question_problems(self, workspace: Workspace) -> list[Problem]:
        try:
            questions = workspace.question_set(self.questions).questions()
        except NotFoundError as error:
            return error.problems
        splits = sorted({question.split for question in questions if question.split})
        fix = f"Splits of this set: {', '.join(splits) or 'none, use --split all'}."
        problems = []
        for split in self.split:
            try:
                chosen_questions(self.sampling(self.model, split), workspace)
            except InputError as error:
                problems += [Problem("split", f"{split}: {p.what}", fix) for p in error.problems]
        return problems + unrunnable(questions)


def _about(problem: Problem, field: str) -> Problem:
    """A problem of a sampling run's ``model``, said of the field the model stands in."""
    first, _, rest = problem.where.partition(" ")
    return replace(problem, where=f"{field} {rest}".rstrip()) if first == "model" else problem
