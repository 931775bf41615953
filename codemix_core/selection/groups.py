"""GRPO groups: all scored generations of one question, with advantages.

The group-relative advantage is (r − mean) / std over the group (Shao et al. 2024, DeepSeekMath,
arXiv 2402.03300; std of the population). The unscaled variant r − mean leaves the division out,
which weights hard and easy questions as they are (Liu et al. 2025, arXiv 2503.20783).

The reward is the score, or 1 for a correct answer and 0 for any other. With the score, an answer
that passes most tests is preferred to worse ones even where it is not right; with the other,
only right answers are.

Guarantees: infrastructure errors are no members; a group's advantages sum to zero; a group
whose rewards are all equal teaches nothing, has advantages 0 and is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from codemix_core.selection.candidates import Bools, Candidates, Floats, Integers

Reward = Literal["score", "correct"]


@dataclass(frozen=True)
class GroupRule:
    """Settings of group building.

    keep_zero_variance: keep groups whose rewards are all equal.
    min_pass_rate, max_pass_rate: band of the share of correct answers, both ends included.
    reward: of an answer: its ``score``, or whether it is ``correct``.
    """

    keep_zero_variance: bool
    min_pass_rate: float
    max_pass_rate: float
    reward: Reward = "score"


@dataclass(frozen=True)
class Groups:
    """Groups of all questions that have scored generations, by question.

    question: positions. size: members. mean, std: of the rewards. pass_rate: share of score 1.
    zero_variance: all rewards equal. kept: what the rule keeps.
    reward, advantage, unscaled: per row of the candidates.
    """

    question: Integers
    size: Integers
    mean: Floats
    std: Floats
    pass_rate: Floats
    zero_variance: Bools
    in_band: Bools
    kept: Bools
    reward: Floats
    advantage: Floats
    unscaled: Floats


def groups(candidates: Candidates, rule: GroupRule) -> Groups:
    """The groups of every question, and which of them the rule keeps."""
    question, first, size = np.unique(candidates.question, return_index=True, return_counts=True)
    correct = (candidates.score == 1.0).astype(float)
    reward = candidates.score if rule.reward == "score" else correct
    if not len(question):
        empty, none = np.zeros(0), np.zeros(0, bool)
        return Groups(question, size, empty, empty, empty, none, none, none, empty, empty, empty)
    mean = np.add.reduceat(reward, first) / size
    unscaled = reward - np.repeat(mean, size)
    std = np.sqrt(np.add.reduceat(unscaled**2, first) / size)
    # Equal rewards are found by comparing, not by std: rounding may leave it above zero.
    zero = np.maximum.reduceat(reward, first) == np.minimum.reduceat(reward, first)
    unscaled = np.where(np.repeat(zero, size), 0.0, unscaled)
    scale = np.repeat(np.where(zero, 1.0, std), size)
    pass_rate = np.add.reduceat(correct, first) / size
    in_band = (pass_rate >= rule.min_pass_rate) & (pass_rate <= rule.max_pass_rate)
    kept = in_band & (rule.keep_zero_variance | ~zero)
    advantage = unscaled / scale
    return Groups(
        *(question, size, mean, std, pass_rate, zero, in_band, kept, reward, advantage, unscaled)
    )


@dataclass(frozen=True)
class GroupYield:
    """Counts of a group rule: all groups, those kept, why others are not, and generations kept."""

    groups: int
    kept: int
    zero_variance: int
    out_of_band: int
    generations: int
    all_correct: int
    all_wrong: int


def group_yield(found: Groups) -> GroupYield:
    """The counts of a rule's groups; out-of-band counts come before zero-variance ones."""
    return GroupYield(
        groups=len(found.question),
        kept=int(found.kept.sum()),
        zero_variance=int(found.zero_variance.sum()),
        out_of_band=int((~found.in_band).sum()),
        generations=int(found.size[found.kept].sum()),
        all_correct=int((found.pass_rate == 1.0).sum()),
        all_wrong=int((found.mean == 0.0).sum()),
    )
