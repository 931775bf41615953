"""What is left of the pairs of a rule once people's decisions are applied.

One function for the page that counts and the build that writes, so that both say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from codemix_core.selection.annotations import Annotation, Decisions
from codemix_core.selection.candidates import Integers
from codemix_core.selection.pairs import PairTable

UNREVIEWED = "unreviewed"


def _none_yet() -> dict[str, int]:
    return {"reject": 0, "swap": 0, "accept": 0, UNREVIEWED: 0}


@dataclass
class DecidedPairs:
    """Pairs that stay, and what was decided about all of them.

    kept: ``(chosen row, rejected row, decision)`` of the candidates; a swapped pair is turned
    round, and one that nobody decided about says ``rule``.
    tally: pairs of the rule by decision. applied: the decisions that were found.
    """

    kept: list[tuple[int, int, str]] = field(default_factory=list)
    tally: dict[str, int] = field(default_factory=_none_yet)
    applied: list[Annotation] = field(default_factory=list)


def decide_pairs(
    table: PairTable, found: Integers, held: Decisions, *, reviewed_only: bool
) -> DecidedPairs:
    """Apply decisions to pairs that a rule chose.

    Args:
        found: their positions in the table.
        reviewed_only: leave out what nobody accepted or swapped.
    """
    c = table.candidates
    made = DecidedPairs()
    rows = zip(table.chosen[found].tolist(), table.rejected[found].tolist(), strict=True)
    for chosen, rejected in rows:
        decision = None
        if held.by_subject:
            name = c.question_ids[c.question[chosen]]
            decision = held.pair(name, int(c.sample[chosen]), int(c.sample[rejected]))
        action = UNREVIEWED if decision is None else decision.action
        made.tally[action] += 1
        if decision is not None:
            made.applied.append(decision)
        if action == "reject" or (decision is None and reviewed_only):
            continue
        pair = (rejected, chosen) if action == "swap" else (chosen, rejected)
        made.kept.append((*pair, "rule" if decision is None else action))
    return made
