"""The rule of the original scripts: two thresholds, then pairs by chance."""

from __future__ import annotations

import numpy as np

from codemix_core.selection.pairs.rule import LIMIT, THRESHOLDS, Strategy, within_thresholds

STRATEGY = Strategy(
    name="original",
    doc="Chosen scores at least one threshold, rejected at most another; drawn by chance.",
    uses=(*THRESHOLDS, LIMIT),
    keep=within_thresholds,
    order=lambda table: np.zeros(len(table)),
)
