"""All possible pairs of some questions, as columns: what strategies choose from.

A possible pair has two different programs of one question, the chosen with the strictly higher
score. Programs occur once per question (their first sample stands for them), and answers that
cannot be trained on are left out. Everything a slider changes is then a mask over these
columns, which takes milliseconds.

Size: per question with n different programs at most n² / 2 pairs, about 40 bytes each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codemix_core.selection import chance
from codemix_core.selection.candidates import (
    Candidates,
    Column,
    Floats,
    Integers,
    first_of_each_program,
)

Programs = Callable[[Integers], list[str]]
"""Gives the programs of candidates by row."""


@dataclass
class PairTable:
    """Possible pairs, ordered by question.

    question: position of the question. chosen, rejected: rows of ``candidates``.
    chosen_score, rejected_score: 0 … 1. longer_by: length of chosen less that of rejected.
    """

    candidates: Candidates
    column: Column
    programs: Programs
    question: Integers
    chosen: Integers
    rejected: Integers
    chosen_score: Floats
    rejected_score: Floats
    longer_by: Integers
    _similarity: Floats | None = None
    _orders: dict[tuple[str, int], Integers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.question)

    @property
    def gap(self) -> Floats:
        """Score of chosen less score of rejected, above 0."""
        return self.chosen_score - self.rejected_score

    @property
    def similarity(self) -> Floats:
        """How alike the two programs are, 0 … 100: the share of common text (indel distance).

        Computed on first use, some microseconds per pair; it does not depend on any setting.
        """
        if self._similarity is None:
            self._similarity = _similarity(self)
        return self._similarity

    def chance(self, seed: int) -> chance.Keys:
        """A random key per pair that depends on seed, question and samples alone."""
        c = self.candidates
        keys = chance.question_keys(c.question_ids, seed)[self.question]
        return chance.mix(keys, c.sample[self.chosen], c.sample[self.rejected])

    def ordered(self, name: str, seed: int, key: Callable[[PairTable], Any]) -> Integers:
        """Positions of all pairs by question, then ``key``, then chance; remembered by name."""
        if (name, seed) not in self._orders:
            keys = (self.chance(seed), key(self), self.question)
            self._orders[name, seed] = np.lexsort(keys)
        return self._orders[name, seed]


def possible_pairs(
    candidates: Candidates,
    column: Column,
    programs: Programs,
    questions: slice | None = None,
) -> PairTable:
    """The table of all possible pairs, of all questions or of a range of positions."""
    rows = _by_score(candidates, column, questions)
    question, score = candidates.question[rows], candidates.score[rows]
    lower, end = _lower_scored(question, score)
    counts = np.where(candidates.preferable(column)[rows], end - lower, 0)
    left = np.repeat(np.arange(len(rows)), counts)
    before = np.cumsum(counts) - counts
    right = np.arange(len(left)) - np.repeat(before - lower, counts)
    chosen, rejected = rows[left], rows[right]
    length = candidates.length(column)
    return PairTable(
        candidates,
        column,
        programs,
        question=candidates.question[chosen],
        chosen=chosen,
        rejected=rejected,
        chosen_score=candidates.score[chosen],
        rejected_score=candidates.score[rejected],
        longer_by=length[chosen] - length[rejected],
    )


def _by_score(candidates: Candidates, column: Column, questions: slice | None) -> Integers:
    """Rows of different usable programs, by question and falling score."""
    if questions is None:
        questions = slice(0, len(candidates.question_ids))
    first = int(candidates.starts[questions.start])
    last = int(candidates.starts[questions.stop])
    rows: Integers = np.arange(first, last)
    # A finished answer stands for its program before one cut at the token limit.
    cut = ~candidates.preferable(column)[rows]
    rows = rows[np.lexsort((candidates.sample[rows], cut, candidates.question[rows]))]
    rows = first_of_each_program(candidates, rows[candidates.usable(column)[rows]])
    keys = (candidates.sample[rows], -candidates.score[rows], candidates.question[rows])
    ordered: Integers = rows[np.lexsort(keys)]
    return ordered


def _lower_scored(question: Integers, score: Floats) -> tuple[Integers, Integers]:
    """For every row the range of rows of its question with a strictly lower score."""
    count = len(question)
    if not count:
        return np.zeros(0, int), np.zeros(0, int)
    new_question = np.concatenate((np.diff(question) != 0, [True]))
    new_score = new_question | np.concatenate((np.diff(score) != 0, [True]))
    return _next_break(new_score) + 1, _next_break(new_question) + 1


def _next_break(breaks: Any) -> Integers:
    """For every position the first position at or after it where ``breaks`` is true."""
    places = np.flatnonzero(breaks)
    return places[np.searchsorted(places, np.arange(len(breaks)))]


def _similarity(table: PairTable) -> Floats:
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cpdist

    if not len(table):
        return np.zeros(0)
    rows, places = np.unique(np.concatenate((table.chosen, table.rejected)), return_inverse=True)
    texts = np.array(table.programs(rows), dtype=object)
    half = len(table)
    left, right = texts[places[:half]], texts[places[half:]]
    scores = cpdist(left, right, scorer=Indel.normalized_similarity, dtype=np.float32)
    return np.asarray(scores, dtype=np.float64) * 100.0
