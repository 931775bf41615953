"""Any two answers whose scores lie far enough apart."""

from __future__ import annotations

import numpy as np

from codemix_core.selection.pairs.rule import LIMIT, Strategy

ROUNDING = 1e-9
"""Scores are fractions: 0.7 − 0.2 must count as a gap of 0.5."""

STRATEGY = Strategy(
    name="margin",
    doc="Pairs with a score gap of at least the margin; drawn by chance.",
    uses=("margin", LIMIT),
    keep=lambda table, rule: table.gap >= rule.margin - ROUNDING,
    order=lambda table: np.zeros(len(table)),
)
