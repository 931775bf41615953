"""Every pair within the thresholds."""

from __future__ import annotations

from codemix_core.selection.pairs.rule import THRESHOLDS, Strategy, within_thresholds

STRATEGY = Strategy(
    name="all",
    doc="Every pair within the thresholds, without a limit per question.",
    uses=THRESHOLDS,
    keep=within_thresholds,
    order=None,
)
