"""Settings of a loop: what every round does. Only light imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import model_validator

from codemix_core.datasets.spec import BuildSpec
from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.evaluation.spec import EvaluateSpec
from codemix_core.sampling import models
from codemix_core.sampling.spec import NANO, SampleSpec, absolute_path
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.selection.groups import Reward
from codemix_core.specs import Spec, option
from codemix_core.training.spec import AUTO, TrainSpec

if TYPE_CHECKING:
    from codemix_core.workspace import Workspace

BUILDS = {"sft": "gold_solution", "best_of_n": "best_of_n", "dpo": "dpo", "grpo": "grpo"}
"""Dataset method by loop method."""


class LoopSpec(Spec):
    """Run whole rounds: sample, score, build, train and evaluate, each step a run of its own."""

    stage: ClassVar[str] = "loop"
    command: ClassVar[str] = "loop"

    questions: str = option(doc="question set with the splits train and heldout")
    method: Literal["sft", "best_of_n", "dpo", "grpo"] = option(doc="how to train")
    model: str = option(NANO, "model of the first round, and baseline of every evaluation")
    rounds: int = option(1, "rounds; each goes on from the model of the one before", ge=1, le=100)
    cot: bool = option(False, "ask for step-by-step reasoning before the program")
    n: int = option(16, "answers per training question", flags=("-n",), ge=2, le=4096)
    temperature: float = option(1.0, "of the answers to train on", flags=("-t",), gt=0.0, le=2.0)
    limit: int | None = option(None, "only the first this many training questions", ge=1)
    strategy: str = option("nearest", "pair strategy, for dpo")
    pairs: int = option(2, "pairs per question, for dpo", ge=1, le=1000)
    picks: int = option(4, "different programs per question, for best_of_n", ge=1, le=1000)
    reward: Reward = option("correct", "reward of an answer, for grpo: its score, or 1 if correct")
    recipe: str = option(AUTO, "recipe of the training, see 'recipes'")
    set: tuple[str, ...] = option((), "change a setting of the recipe: key=value; repeatable")
    override: str | None = option(None, "why to train in spite of a failed preflight")
    evaluate_n: int = option(32, "answers per held-out question", ge=1, le=4096)
    evaluate_temperature: float = option(0.8, "of the answers that are measured", gt=0.0, le=2.0)
    evaluate_limit: int | None = option(None, "only the first this many held-out questions", ge=1)
    hard: bool = option(True, "also measure on the split hard, where the set has one")
    seed: int = option(0, "seed of sampling, choices by chance and training", ge=0, le=2**31 - 1)

    @model_validator(mode="before")
    @classmethod
    def _find_from_anywhere(cls, values: Any) -> Any:
        """Paths that exist made absolute, as training and sampling do."""
        if not isinstance(values, dict) or not isinstance(values.get("model"), str):
            return values
        return values | {"model": absolute_path(values["model"])}

    def device(self) -> None:
        """The steps take the slots."""
        return

    def secrets(self) -> tuple[str, ...]:
        """What the steps need."""
        return TrainSpec(dataset="x", model=self.model, set=self.set).secrets()

    def contradictions(self) -> list[Problem]:
        """What the steps' own settings would refuse."""
        problems = []
        found = [
            (self.sampling(self.model, 1), ()),
            (self.training("x", self.model, 1), ("name",)),
            (self.evaluation("tuned"), ("model",)),
        ]
        for spec, made_up in found:
            problems += [p for p in spec.contradictions() if p.where not in made_up]
        build = self.building("x")
        return problems + [p for p in build.contradictions() if p.where != "run"]

    def check(self, workspace: Workspace) -> list[Problem]:
        """A set, split or model that is not there."""
        problems: list[Problem] = []
        try:
            splits = {q.split for q in workspace.question_set(self.questions).questions()}
            for needed in ("train", "heldout"):
                if needed not in splits:
                    what = f"{self.questions!r} has no question in the split {needed!r}."
                    fix = "A loop trains on the one and measures on the other."
                    problems.append(Problem("questions", what, fix))
        except NotFoundError as error:
            problems += error.problems
        if not models.is_hub_id(self.model, workspace):
            try:
                models.find(self.model, None, workspace)
            except InputError as error:
                problems += error.problems
        return problems

    def sampling(self, model: str, number: int) -> SampleSpec:
        """Sampling of a round."""
        return SampleSpec(
            questions=self.questions,
            model=model,
            split="train",
            n=self.n,
            temperature=self.temperature,
            cot=self.cot,
            limit=self.limit,
            seed=self.seed + number - 1,
        )

    def scoring(self, sampled: str) -> ScoreSpec:
        """Scoring of a round."""
        return ScoreSpec(run=sampled)

    def building(self, source: str) -> BuildSpec:
        """Dataset of a round, from its scoring run, or from the questions' gold solutions."""
        values: dict[str, Any] = {"run": source, "method": BUILDS[self.method], "seed": self.seed}
        if self.method == "sft":
            values |= {"split": "train", "cot": self.cot}
        if self.method == "best_of_n":
            values |= {"picks_per_question": self.picks}
        if self.method == "grpo":
            values |= {"reward": self.reward}
        if self.method == "dpo":
            values |= {
                "strategy": self.strategy,
                "num_preference_pairs_per_question": self.pairs,
                "split_by": "question",
                "heldout_share": 0.05,
            }
        return BuildSpec(**values)

    def training(self, dataset: str, model: str, number: int) -> TrainSpec:
        """Training of a round."""
        changes = (f"seed={self.seed + number - 1}", *self.set)
        return TrainSpec(
            dataset=dataset,
            model=model,
            recipe=self.recipe,
            set=changes,
            override=self.override,
        )

    def evaluation(self, model: str, splits: tuple[str, ...] = ("heldout",)) -> EvaluateSpec:
        """Evaluation of a round's model against the first model."""
        return EvaluateSpec.model_validate(
            {
                "model": model,
                "baseline": self.model,
                "questions": self.questions,
                "split": splits,
                "n": self.evaluate_n,
                "temperature": self.evaluate_temperature,
                "cot": self.cot,
                "seed": self.seed,
                "limit": self.evaluate_limit,
            }
        )
