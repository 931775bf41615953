"""The rejected program most similar to the chosen one, so that the pair shows the bug."""

from __future__ import annotations

from codemix_core.selection.pairs.rule import LIMIT, THRESHOLDS, Strategy, within_thresholds

STRATEGY = Strategy(
    name="nearest",
    doc="Within the thresholds, the pairs whose programs are most alike.",
    uses=(*THRESHOLDS, LIMIT),
    keep=within_thresholds,
    order=lambda table: -table.similarity,
)
