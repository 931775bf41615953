"""One part of an evaluation in a few words, the same on the command line, the page and in files."""

from __future__ import annotations

from typing import Any

from codemix_core.evaluation.compare import UNKNOWN

Part = dict[str, Any]
"""One entry of an evaluation's ``parts``: both models on the questions of one split."""

TITLES = {"heldout": "held-out", "hard": "hard", "train": "train", "all": "all questions"}
MINUS, ARROW = "−", "→"


def title(split: str, ks: list[int]) -> str:
    """A split for people; hard questions that all mix k skills say so.

    Args:
        ks: numbers of skills its questions mix.
    """
    name = TITLES[split]
    return f"{name} (k = {ks[0]})" if split == "hard" and len(ks) == 1 else name


def first(part: Part) -> dict[str, Any] | None:
    """The difference in pass@1; None when no question has answers of both models scored."""
    found = part["comparison"]["differences"]
    return dict(found[0]) if found else None


def line(part: Part, digits: int = 3) -> str:
    """``held-out pass@1 0.602 → 0.861, +0.259 [+0.221, +0.297]: better``."""
    found = first(part)
    if found is None:
        return f"{part['title']}: no question has scored answers of both models"
    return (
        f"{part['title']} pass@1 {found['baseline']:.{digits}f} {ARROW} {found['run']:.{digits}f},"
        f" {change(found['difference'], digits)}: {found['finding']}"
    )


def change(gap: dict[str, Any], digits: int = 3) -> str:
    """``+0.259 [+0.221, +0.297]``; the difference alone where there is no interval."""
    if gap["value"] is None:
        return UNKNOWN
    value = signed(gap["value"], digits)
    if gap["low"] is None:
        return f"{value} [no interval]"
    return f"{value} [{signed(gap['low'], digits)}, {signed(gap['high'], digits)}]"


def signed(value: float, digits: int) -> str:
    """A difference with its sign, with a real minus; what rounds to zero is plain zero."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)
