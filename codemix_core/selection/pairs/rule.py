"""What a pair strategy is, and the settings all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from codemix_core.selection.candidates import Bools
from codemix_core.selection.pairs.table import PairTable


@dataclass(frozen=True)
class PairRule:
    """Settings of pair building; each strategy says which of them it uses.

    strategy: a name of the registry.
    minimum_preferred_score: a chosen answer scores at least this, 0 … 1.
    maximum_dispreferred_score: a rejected answer scores at most this, 0 … 1.
    num_preference_pairs_per_question: at most this many pairs of one question, ≥ 1.
    margin: least score gap of strategy ``margin``, 0 … 1.
    """

    strategy: str
    minimum_preferred_score: float
    maximum_dispreferred_score: float
    num_preference_pairs_per_question: int
    margin: float
    seed: int


@dataclass(frozen=True)
class Strategy:
    """One way to choose among the possible pairs of a question.

    name: as given in a rule. doc: one sentence for a person.
    uses: the settings of :class:`PairRule` that matter to it, besides ``seed``.
    keep: which possible pairs are allowed at all.
    order: key of every possible pair, lower goes first; None takes all allowed pairs and knows
        no limit per question. Equal keys are ordered by chance, by seed.
    """

    name: str
    doc: str
    uses: tuple[str, ...]
    keep: Callable[[PairTable, PairRule], Bools]
    order: Callable[[PairTable], npt.NDArray[Any]] | None


LIMIT = "num_preference_pairs_per_question"
THRESHOLDS = ("minimum_preferred_score", "maximum_dispreferred_score")


def within_thresholds(table: PairTable, rule: PairRule) -> Bools:
    """Chosen at or above the least preferred score, rejected at or below the other."""
    return (table.chosen_score >= rule.minimum_preferred_score) & (
        table.rejected_score <= rule.maximum_dispreferred_score
    )
