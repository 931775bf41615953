"""What a pair rule yields, before it is applied: counts and histograms, in milliseconds.

Pure functions over a :class:`~codemix_core.selection.pairs.PairTable`. Make the table once per
scoring run and column (:func:`~codemix_core.selection.pairs.possible_pairs`), then ask for as
many rules as sliders have positions. The first question of a strategy at a seed also sorts the
table; ``nearest`` also reads the programs and compares them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from codemix_core.selection.candidates import Integers
from codemix_core.selection.pairs import STRATEGIES, PairRule, PairTable, choose

GAP_BINS = 10
LENGTH_BINS = 21


@dataclass(frozen=True)
class Histogram:
    """Counts between consecutive edges; one edge more than counts."""

    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class PairYield:
    """What a rule gives.

    questions: with at least one pair; questions_total: with at least one scored generation.
    gap: histogram of score gaps over 0 … 1.
    length_difference: histogram of chosen less rejected length, in ``unit``; symmetric edges,
        the outer bins take what lies beyond them.
    longer_share: share of pairs whose chosen is longer; None without pairs.
    mean_gap: mean score gap; None without pairs.
    """

    strategy: str
    pairs: int
    questions: int
    questions_total: int
    gap: Histogram
    length_difference: Histogram
    longer_share: float | None
    mean_gap: float | None
    unit: str


def pair_yield(table: PairTable, rule: PairRule) -> PairYield:
    """What ``rule`` gives on the questions of ``table``."""
    return measure(table, rule.strategy, choose(table, rule))


def compare(
    table: PairTable, rule: PairRule, strategies: Iterable[str] = tuple(STRATEGIES)
) -> list[PairYield]:
    """The yields of several strategies with otherwise the same settings, for side by side."""
    return [pair_yield(table, replace(rule, strategy=name)) for name in strategies]


def measure(table: PairTable, strategy: str, pairs: Integers) -> PairYield:
    """The yield of pairs already chosen, as positions in ``table``."""
    gap, longer = table.gap[pairs], table.longer_by[pairs]
    edges = np.linspace(0.0, 1.0, GAP_BINS + 1)
    # Bins are open below and closed above, so that a gap of exactly 1/2 or 1 has one place.
    places = np.clip(np.ceil(np.round(gap * GAP_BINS, 6)).astype(int) - 1, 0, GAP_BINS - 1)
    counts = np.bincount(places, minlength=GAP_BINS)
    return PairYield(
        strategy=strategy,
        pairs=len(pairs),
        questions=_distinct(table.question[pairs]),
        questions_total=_distinct(table.candidates.question),
        gap=Histogram(edges.tolist(), counts.tolist()),
        length_difference=_length_histogram(table, longer),
        longer_share=float((longer > 0).mean()) if len(pairs) else None,
        mean_gap=float(gap.mean()) if len(pairs) else None,
        unit=table.candidates.unit(table.column),
    )


def _distinct(values: Integers) -> int:
    """Number of different values of an array whose equal values are neighbours or few."""
    return len(np.unique(values))


def _length_histogram(table: PairTable, longer: Integers) -> Histogram:
    """Edges depend on the table alone, so that a chart keeps its axis while a slider moves."""
    reach = float(np.percentile(np.abs(table.longer_by), 98)) if len(table) else 1.0
    reach = max(reach, 1.0)
    edges = np.linspace(-reach, reach, LENGTH_BINS + 1)
    counts, _ = np.histogram(np.clip(longer, -reach, reach), edges)
    return Histogram(edges.tolist(), counts.tolist())
