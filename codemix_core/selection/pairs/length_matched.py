"""Pairs of nearly equal length, so that training cannot mistake length for quality."""

from __future__ import annotations

import numpy as np

from codemix_core.selection.pairs.rule import LIMIT, THRESHOLDS, Strategy, within_thresholds

STRATEGY = Strategy(
    name="length_matched",
    doc="Within the thresholds, the pairs with the smallest difference in length.",
    uses=(*THRESHOLDS, LIMIT),
    keep=within_thresholds,
    order=lambda table: np.abs(table.longer_by),
)
