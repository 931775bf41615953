"""What a candidate may use: derived from what the gold solution used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codemix_core.records import Reference

TIME_FACTOR = 4.0
MEMORY_FACTOR = 2.0


@dataclass(frozen=True)
class Floors:
    """Limits below which no question goes, and what a gold solution itself may use.

    seconds: wall time of one test; a whole program may take three times as long.
    memory_mb: memory of all processes of a program, MiB.
    gold_seconds, gold_memory_mb: the same, for the reference run.
    """

    seconds: float
    memory_mb: int
    gold_seconds: float
    gold_memory_mb: int

    def for_gold(self) -> dict[str, Any]:
        """Limits of a reference run."""
        return _limits(self.gold_seconds, self.gold_memory_mb)

    def from_gold(self, seconds: float | None, memory_mb: float | None) -> tuple[float, float]:
        """(seconds, MiB) for candidates: max(floor, 4 × gold) and max(floor, 2 × gold)."""
        return (
            max(self.seconds, TIME_FACTOR * (seconds or 0.0)),
            max(float(self.memory_mb), MEMORY_FACTOR * (memory_mb or 0.0)),
        )


def for_candidates(reference: Reference) -> dict[str, Any]:
    """Limits of a candidate run, as the judge takes them."""
    return _limits(reference.limit_seconds, round(reference.limit_memory_mb))


def _limits(seconds: float, memory_mb: int) -> dict[str, Any]:
    return {"seconds": seconds, "memory_mb": memory_mb}
