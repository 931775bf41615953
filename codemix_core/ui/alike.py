"""What two texts have in common, for differences that people look at.

Guarantees: the work for one comparison is bounded, whatever a model has written; a page that
shows a line of a hundred thousand equal words is drawn like any other. Beyond the bound only a
common beginning and end are found, and all between them differs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz.distance import Indel

MOST_CELLS = 16_000_000
"""Elements of one side times those of the other: some 2 MB and 10 ms of bit-parallel work."""
MOST_CHARACTERS = 1000
"""How much of a line says whether two lines are alike."""
_WORD = re.compile(r"\w+|\s+|[^\w\s]")

Span = tuple[int, int]
"""First and behind the last."""
Block = tuple[bool, Span, Span]
"""Whether both sides are equal, and the part of either side."""


def blocks(left: Sequence[str], right: Sequence[str]) -> list[Block]:
    """Both sides cut into parts that are equal and parts that differ, by turns and in order.

    The equal parts are a longest common subsequence, or within it beyond ``MOST_CELLS``.
    """
    shorter = min(len(left), len(right))
    start = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    room = shorter - start
    end = next((i for i in range(room) if left[-1 - i] != right[-1 - i]), room)
    ours, theirs = left[start : len(left) - end], right[start : len(right) - end]
    found = [(0, 0, start)]
    if len(ours) * len(theirs) <= MOST_CELLS:
        found += [(start + a, start + b, size) for a, b, size in _matching(ours, theirs)]
    found.append((len(left) - end, len(right) - end, end))
    made: list[Block] = []
    a = b = 0
    for at, other, size in found:
        if at > a or other > b:
            made.append((False, (a, at), (b, other)))
        if size and made and made[-1][0]:
            made[-1] = (True, (made[-1][1][0], at + size), (made[-1][2][0], other + size))
        elif size:
            made.append((True, (at, at + size), (other, other + size)))
        a, b = at + size, other + size
    return made


def _matching(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int, int]]:
    """The parts of a longest common subsequence: where on either side, and how long."""
    found = Indel.opcodes(left, right).as_matching_blocks()
    return [(block.a, block.b, block.size) for block in found if block.size]


def changed_words(left: str, right: str) -> tuple[list[Span], list[Span]]:
    """Character ranges of the words that differ, on both sides, neighbours joined."""
    ours, theirs = ([m.span() for m in _WORD.finditer(text)] for text in (left, right))
    before: list[Span] = []
    after: list[Span] = []
    words = [left[a:b] for a, b in ours], [right[a:b] for a, b in theirs]
    for equal, (a, b), (c, d) in blocks(*words):
        if equal:
            continue
        if b > a:
            before.append((ours[a][0], ours[b - 1][1]))
        if d > c:
            after.append((theirs[c][0], theirs[d - 1][1]))
    return before, after


def similarity(left: str, right: str, least: float) -> float:
    """Twice the common characters over all of them, 0 … 1; 0 below ``least``."""
    one, other = left[:MOST_CHARACTERS], right[:MOST_CHARACTERS]
    return float(Indel.normalized_similarity(one, other, score_cutoff=least))
