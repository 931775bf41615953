"""Any two answers with different scores."""

from __future__ import annotations

import numpy as np

from codemix_core.selection.pairs.rule import LIMIT, Strategy

STRATEGY = Strategy(
    name="random",
    doc="Any two answers with different scores, drawn by chance.",
    uses=(LIMIT,),
    keep=lambda table, rule: np.ones(len(table), bool),
    order=lambda table: np.zeros(len(table)),
)
