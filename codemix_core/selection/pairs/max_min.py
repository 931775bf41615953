"""The best answer against the worst."""

from __future__ import annotations

import numpy as np

from codemix_core.selection.pairs.rule import LIMIT, Strategy

STRATEGY = Strategy(
    name="max_min",
    doc="The best-scored answer against the worst-scored; further pairs by falling gap.",
    uses=(LIMIT,),
    keep=lambda table, rule: np.ones(len(table), bool),
    order=lambda table: -table.gap,
)
