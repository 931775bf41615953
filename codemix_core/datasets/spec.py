"""Settings of ``build``: which rule, over which run, for which trainer."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pyarrow.parquet as pq

from codemix_core.datasets.formats import format_for
from codemix_core.datasets.rows import METHODS
from codemix_core.errors import NotFoundError, Problem, SpecError
from codemix_core.selection.best_of_n import PickRule, TieBreak
from codemix_core.selection.candidates import Column
from codemix_core.selection.groups import GroupRule, Reward
from codemix_core.selection.pairs import STRATEGIES, PairRule
from codemix_core.selection.splits import SplitRule, SplitWay
from codemix_core.specs import Spec, option
from codemix_core.workspace import RUN_ID, Workspace

_OF_METHOD = {
    "gold_solution": ("cot", "include_flagged", "selfcheck"),
    "best_of_n": (
        "column",
        "min_score",
        "picks_per_question",
        "tie_break",
        "gold_fallback",
        "selfcheck",
        "annotations",
        "partial",
    ),
    "dpo": (
        "column",
        "strategy",
        "minimum_preferred_score",
        "maximum_dispreferred_score",
        "num_preference_pairs_per_question",
        "margin",
        "annotations",
        "reviewed_only",
        "partial",
    ),
    "grpo": ("reward", "keep_zero_variance", "min_pass_rate", "max_pass_rate", "partial"),
}
"""Settings that only some methods have."""


NO_SELFCHECK = "none"
"""As ``selfcheck``: all gold solutions are trusted, as when nothing had checked them."""


class BuildSpec(Spec):
    """Make a training dataset from scored generations, or from gold solutions."""

    stage: ClassVar[str] = "build"
    command: ClassVar[str] = "build"

    run: str = option(
        doc="scoring run; for gold_solution a question set will do", argument=True, min_length=1
    )
    method: Literal["gold_solution", "best_of_n", "dpo", "grpo"] = option(
        doc="what the data is for: gold_solution and best_of_n for SFT, dpo, grpo"
    )
    template: str = option("auto", "dataset format; auto: chat, preference or groups by method")
    column: Column = option(
        "raw_output", "train on the raw_output as sampled, or on the code alone, fenced"
    )
    cot: bool = option(False, "gold of a question set with its reasoning, as a CoT answer")
    include_flagged: bool = option(
        False, "also take gold solutions that failed the self-check of their question"
    )
    selfcheck: str | None = option(
        None, "self-check run that tells which gold fails, or none; left out: the newest"
    )
    split: Literal["train", "heldout", "hard"] | None = option(None, "only questions of this split")
    split_by: SplitWay = option(
        "none", "what decides which questions are held out: question, skill_pair, k or source"
    )
    heldout_share: float = option(0.1, "share to hold out, by question or skill_pair", gt=0, lt=1)
    heldout_k: tuple[int, ...] = option((), "numbers of skills to hold out, for split_by k")
    seed: int = option(0, "seed of every choice by chance", ge=0, le=2**31 - 1)
    min_score: float = option(1.0, "least score of a pick", ge=0.0, le=1.0)
    picks_per_question: int = option(1, "at most this many different programs", ge=1, le=4096)
    tie_break: TieBreak = option("first", "which of equally scored answers is picked")
    gold_fallback: bool = option(False, "take the gold solution where no answer is acceptable")
    strategy: str = option("original", f"pair strategy: {', '.join(STRATEGIES)}")
    minimum_preferred_score: float = option(1.0, "least score of a chosen answer", ge=0.0, le=1.0)
    maximum_dispreferred_score: float = option(
        1.0, "highest score of a rejected answer; always below the chosen one's", ge=0.0, le=1.0
    )
    num_preference_pairs_per_question: int = option(1, "at most this many pairs", ge=1, le=100_000)
    margin: float = option(0.5, "least score gap of a pair, for strategy margin", ge=0.0, le=1.0)
    reward: Reward = option("score", "reward of a group's answers: their score, or 1 if correct")
    keep_zero_variance: bool = option(False, "keep groups whose rewards are all equal")
    min_pass_rate: float = option(0.0, "least share of correct answers of a group", ge=0.0, le=1.0)
    max_pass_rate: float = option(1.0, "highest such share", ge=0.0, le=1.0)
    annotations: int | None = option(
        None, "apply only the first this many decisions of people; left out: all there are", ge=0
    )
    reviewed_only: bool = option(False, "only pairs a person accepted or swapped")
    partial: bool = option(False, "build although the scoring run is not complete")

    @property
    def kind(self) -> str:
        """Kind of rows: ``examples``, ``pairs`` or ``groups``."""
        return METHODS[self.method]

    def device(self) -> None:
        """Selection needs no device."""
        return

    @property
    def takes_gold(self) -> bool:
        """Whether gold solutions can be in the dataset."""
        return self.method == "gold_solution" or self.gold_fallback

    def pick_rule(self) -> PickRule:
        """The best-of-N rule."""
        return PickRule(
            self.min_score, self.picks_per_question, self.tie_break, self.seed, self.column
        )

    def pair_rule(self) -> PairRule:
        """The pair rule."""
        return PairRule(
            self.strategy,
            self.minimum_preferred_score,
            self.maximum_dispreferred_score,
            self.num_preference_pairs_per_question,
            self.margin,
            self.seed,
        )

    def group_rule(self) -> GroupRule:
        """The group rule."""
        return GroupRule(
            self.keep_zero_variance, self.min_pass_rate, self.max_pass_rate, self.reward
        )

    def split_rule(self) -> SplitRule:
        """The split."""
        return SplitRule(self.split_by, self.heldout_share, self.heldout_k, self.seed)

    def rule(self) -> dict[str, Any]:
        """The settings that decided what is in the dataset, by name."""
        shared = ("method", "split", "split_by", "heldout_share", "heldout_k", "seed")
        names = [*shared, *_OF_METHOD[self.method]]
        document = self.model_dump(mode="json")
        return {name: document[name] for name in names}

    def contradictions(self) -> list[Problem]:
        """Settings that do not go together."""
        problems = [
            Problem(name, f"has no effect with method {self.method}.", "Leave it out.")
            for name in sorted({n for names in _OF_METHOD.values() for n in names})
            if name not in _OF_METHOD[self.method]
            and getattr(self, name) != type(self).model_fields[name].default
        ]
        try:
            format_for(self.template, self.kind)
        except SpecError as error:
            problems += error.problems
        if self.method == "best_of_n" and self.selfcheck is not None and not self.gold_fallback:
            fix = "Leave it out, or give --gold-fallback."
            problems.append(Problem("selfcheck", "has no effect without gold_fallback.", fix))
        if self.strategy not in STRATEGIES:
            allowed = ", ".join(STRATEGIES)
            problems.append(Problem("strategy", f"got {self.strategy!r};", f"allowed: {allowed}."))
        if self.min_pass_rate > self.max_pass_rate:
            what = f"got {self.min_pass_rate}, above max_pass_rate {self.max_pass_rate};"
            problems.append(Problem("min_pass_rate", what, "nothing lies in such a band."))
        if (self.split_by == "k") != bool(self.heldout_k):
            fix = "Give --split-by k and --heldout-k N together."
            problems.append(Problem("heldout_k", f"got {list(self.heldout_k)};", fix))
        return problems

    def check(self, workspace: Workspace) -> list[Problem]:
        """A run that is not there, is no scoring run or is not complete; a split nothing is of."""
        try:
            problems = self._check_run(workspace)
            problems += [] if problems else self._check_split(workspace)
            return problems + self._check_selfcheck(workspace)
        except NotFoundError as error:
            return error.problems

    def set_name(self, workspace: Workspace) -> str:
        """The question set that is built from.

        Raises:
            NotFoundError: there is no such run.
        """
        if any(found.name == self.run for found in workspace.question_sets()):
            return self.run
        sampling = workspace.run(workspace.run(self.run).load_spec()["run"])
        return str(sampling.load_spec()["questions"])

    def _check_split(self, workspace: Workspace) -> list[Problem]:
        if self.split is None:
            return []
        questions = workspace.question_set(self.set_name(workspace))
        found = pq.read_table(questions.questions_path, columns=["split"])["split"].unique()
        known = sorted(name for name in found.to_pylist() if name)
        if self.split in known:
            return []
        what = f"{questions.name!r} has no question of split {self.split}."
        fix = f"Its splits: {', '.join(known)}." if known else "It has no splits: leave it out."
        return [Problem("split", what, fix)]

    def _check_selfcheck(self, workspace: Workspace) -> list[Problem]:
        if self.selfcheck in (None, NO_SELFCHECK):
            return []
        run = workspace.run(str(self.selfcheck))
        if run.stage == "selfcheck":
            ended = run.exit()
            if ended is not None and ended["state"] == "succeeded":
                return []
            what = f"{self.selfcheck!r} is not complete."
            return [Problem("selfcheck", what, "Resume it, or give another.")]
        fix = "Give a self-check, see 'runs --stage selfcheck'."
        return [Problem("selfcheck", f"{self.selfcheck!r} is a {run.stage} run.", fix)]

    def _check_run(self, workspace: Workspace) -> list[Problem]:
        names = [question_set.name for question_set in workspace.question_sets()]
        if self.method == "gold_solution" and self.run in names:
            return []
        if not RUN_ID.fullmatch(self.run):
            known = f" or a question set ({', '.join(names) or 'none yet'})"
            fix = f"Give a scoring run{known if self.method == 'gold_solution' else ''}."
            return [Problem("run", f"got {self.run!r};", fix)]
        try:
            run = workspace.run(self.run)
            if run.stage != "score":
                what = f"{self.run!r} is a {run.stage} run."
                return [Problem("run", what, "Give a scoring run, see 'runs --stage score'.")]
            workspace.question_set(workspace.run(run.load_spec()["run"]).load_spec()["questions"])
        except NotFoundError as error:
            return error.problems
        problems = []
        ended = run.exit()
        if not self.partial and (ended is None or ended["state"] != "succeeded"):
            fix = "Resume it, or build from what is there with --partial."
            problems.append(Problem("run", f"{self.run!r} is not complete.", fix))
        if self.cot:
            fix = "Leave it out: answers follow the prompt style of the run."
            problems.append(Problem("cot", "has no effect for a scoring run.", fix))
        return problems
