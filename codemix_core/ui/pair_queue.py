"""Which pairs are reviewed, in which order, and which one is next. No widgets.

Everything is a mask or a sort over numpy columns, so ten thousand pairs cost a few milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from codemix_core.selection.annotations import Decisions
from codemix_core.selection.candidates import Integers
from codemix_core.selection.pairs import PairTable

UNREVIEWED, ACCEPTED, SWAPPED, REJECTED = range(4)
ACTIONS = {"accept": ACCEPTED, "swap": SWAPPED, "reject": REJECTED}
SHOW = {
    "unreviewed": UNREVIEWED,
    "accepted": ACCEPTED,
    "swapped": SWAPPED,
    "rejected": REJECTED,
}
ORDERS = ("as built", "smallest gap", "largest gap", "largest length difference", "most alike")

Identity = tuple[str, int, int]
"""Question, sample chosen by the rule, sample rejected by the rule."""


@dataclass(frozen=True)
class Filter:
    """Which pairs to go through.

    show: ``all``, ``noted`` or a key of :data:`SHOW`. length: ``any``, ``longer`` or ``shorter``
    chosen. gap_below: only pairs with a gap below this. text: part of the question's id.
    """

    show: str = "all"
    length: str = "any"
    gap_below: float = 1.0
    text: str = ""
    order: str = "as built"


@dataclass(frozen=True)
class Queue:
    """The pairs of a rule as they are reviewed.

    pairs: positions in the table, all of the rule. decision: of each of them.
    noted: whether somebody wrote a note about it. view: places in ``pairs`` that the filter
    shows, in order.
    """

    table: PairTable
    pairs: Integers
    decision: Integers
    noted: Any
    view: Integers

    @property
    def reviewed(self) -> int:
        """Pairs with a decision."""
        return int((self.decision != UNREVIEWED).sum())

    def count(self, decision: int) -> int:
        """Pairs with this decision."""
        return int((self.decision == decision).sum())

    def identity(self, place: int) -> Identity:
        """Of the pair at a place of the view."""
        position = self.pairs[self.view[place]]
        c, table = self.table.candidates, self.table
        return (
            c.question_ids[int(table.question[position])],
            int(c.sample[table.chosen[position]]),
            int(c.sample[table.rejected[position]]),
        )

    def place(self, wanted: Identity | None) -> int | None:
        """Where a pair stands in the view."""
        c = self.table.candidates
        if wanted is None or wanted[0] not in c.positions or not len(self.view):
            return None
        keys = _keys(self.table, self.pairs[self.view])
        hits = np.flatnonzero(keys == _key(c.positions[wanted[0]], wanted[1], wanted[2]))
        return int(hits[0]) if len(hits) else None


def queue(table: PairTable, pairs: Integers, held: Decisions, chosen: Filter) -> Queue:
    """The pairs of a rule with what was decided about them, and those the filter shows."""
    keys = _keys(table, pairs)
    decision, noted = _decided(table, keys, held)
    length, gap = table.longer_by[pairs], table.gap[pairs]
    mask = np.ones(len(pairs), bool)
    if chosen.show == "noted":
        mask &= noted
    elif chosen.show in SHOW:
        mask &= decision == SHOW[chosen.show]
    if chosen.length != "any":
        mask &= length > 0 if chosen.length == "longer" else length < 0
    if chosen.gap_below < 1.0:
        mask &= gap < chosen.gap_below
    if chosen.text:
        names = table.candidates.question_ids
        hit = np.array([chosen.text.lower() in name.lower() for name in names], bool)
        mask &= hit[table.question[pairs]]
    view = np.flatnonzero(mask)
    key: Any = {
        "smallest gap": lambda: gap,
        "largest gap": lambda: -gap,
        "largest length difference": lambda: -np.abs(length),
        "most alike": lambda: -table.similarity[pairs],
    }.get(chosen.order)
    if key is not None:
        view = view[np.argsort(key()[view], kind="stable")]
    return Queue(table, pairs, decision, noted, view)


def _decided(table: PairTable, keys: Integers, held: Decisions) -> tuple[Integers, Any]:
    decision = np.zeros(len(keys), np.int8)
    noted = np.zeros(len(keys), bool)
    order = np.argsort(keys, kind="stable")
    positions = table.candidates.positions

    def find(subject: Any) -> int | None:
        kind, name, chosen, rejected = subject
        if kind != "pair" or name not in positions:
            return None
        key = _key(positions[name], chosen, rejected)
        at = int(np.searchsorted(keys, key, sorter=order))
        return int(order[at]) if at < len(keys) and keys[order[at]] == key else None

    for subject, annotation in held.by_subject.items():
        at = find(subject)
        if at is not None:
            decision[at] = ACTIONS[annotation.action]
    for subject in held.notes:
        at = find(subject)
        if at is not None:
            noted[at] = True
    return decision, noted


def _keys(table: PairTable, pairs: Integers) -> Integers:
    c = table.candidates
    question = table.question[pairs].astype(np.int64)
    return _combine(question, c.sample[table.chosen[pairs]], c.sample[table.rejected[pairs]])


def _key(question: int, chosen: int, rejected: int) -> int:
    return question << 40 | chosen << 20 | rejected


def _combine(question: Integers, chosen: Integers, rejected: Integers) -> Integers:
    found: Integers = question << 40 | chosen.astype(np.int64) << 20 | rejected.astype(np.int64)
    return found
