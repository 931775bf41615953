"""Scored generations as columns of numbers: what every selection rule works on.

One row per generation that has a score, ordered by question and then by sample. Texts stay on
disk: a rule decides on numbers, and only what it chose is read again by
:class:`~codemix_core.selection.reading.GenerationReader`. A million generations take about
80 MB.

Guarantees: infrastructure errors and generations without a verdict are left out and counted;
two rows of a question with the same ``program`` are the same program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from codemix_core.records import Status

Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Column = Literal["code", "raw_output"]

STATUSES = tuple(Status)


@dataclass(frozen=True)
class Candidates:
    """Scored generations of one scoring run, as columns of equal length.

    question_ids, languages: per question, in the order of the question set.
    question: position in ``question_ids``, ascending; sample: ``sample_index``, ascending in it.
    score: 0 … 1. status: position in :data:`STATUSES`.
    tokens: sampled tokens, −1 when unknown. characters: of the raw output.
    code_characters: of the extracted program, −1 when there is none.
    logprob: sum over the sampled tokens under the sampler, nats; NaN when unknown.
    finished: the model ended its answer itself; False when it was cut at the token limit.
    program: key of the normalised program (:func:`~codemix_core.selection.programs.program_key`).
    shard, offset: where the generation lies on disk.
    left_out: number of generations without a score, by reason.
    """

    question_ids: Sequence[str]
    languages: Sequence[str]
    question: Integers
    sample: Integers
    score: Floats
    status: Integers
    tokens: Integers
    characters: Integers
    code_characters: Integers
    logprob: Floats
    finished: Bools
    program: Integers
    shard: Integers
    offset: Integers
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.question)

    @cached_property
    def starts(self) -> Integers:
        """First row of every question; one more entry than questions, the last is the length."""
        return np.searchsorted(self.question, np.arange(len(self.question_ids) + 1))

    @cached_property
    def conflicting(self) -> Bools:
        """Rows whose program got different scores in different answers of the question.

        Such a verdict cannot be trusted (a time limit narrowly met, say): no rule takes them.
        """
        order = np.lexsort((self.program, self.question))
        same = (np.diff(self.question[order]) == 0) & (np.diff(self.program[order]) == 0)
        group = np.concatenate(([0], np.cumsum(~same))) if len(self) else np.zeros(0, int)
        lowest = np.full(len(self), np.inf)
        highest = np.full(len(self), -np.inf)
        np.minimum.at(lowest, group, self.score[order])
        np.maximum.at(highest, group, self.score[order])
        found = np.zeros(len(self), bool)
        found[order] = (lowest != highest)[group]
        return found

    def length(self, column: Column) -> Integers:
        """Length of what would be trained on, in :meth:`unit`.

        Tokens where all answers of the question have them counted, else characters: what
        other questions lack must not change how the answers of this one compare.
        """
        if column == "code":
            return np.maximum(self.code_characters, 0)
        return np.where(self._counted[self.question], self.tokens, self.characters)

    def unit(self, column: Column, row: int | None = None) -> str:
        """``tokens`` or ``characters``; of a row, or of all, which may be of both kinds."""
        if column == "code":
            return "characters"
        counted = self._counted[self.question if row is None else self.question[row]]
        if counted.all():
            return "tokens"
        return "tokens or characters" if counted.any() else "characters"

    def usable(self, column: Column) -> Bools:
        """Rows that have something to train on in ``column`` and a verdict to trust."""
        has_text = self.code_characters > 0 if column == "code" else self.characters > 0
        return has_text & ~self.conflicting

    def preferable(self, column: Column) -> Bools:
        """Usable rows that may be trained towards: a cut-off answer never taught how to end."""
        return self.usable(column) & (self.finished | (column == "code"))

    def rows_of(self, question: int) -> slice:
        """The rows of one question, by its position."""
        return slice(int(self.starts[question]), int(self.starts[question + 1]))

    def only(self, rows: Bools | Integers) -> Candidates:
        """The given rows (ascending), with all questions kept."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **columns)

    def find(self, question_id: str, sample_index: int) -> int | None:
        """The row of a generation, or None when it has no score."""
        question = self.positions.get(question_id)
        if question is None:
            return None
        span = self.rows_of(question)
        row = span.start + int(np.searchsorted(self.sample[span], sample_index))
        return row if row < span.stop and self.sample[row] == sample_index else None

    @cached_property
    def covered(self) -> frozenset[str]:
        """Ids of the questions that have rows."""
        return frozenset(self.question_ids[place] for place in np.unique(self.question))

    @cached_property
    def positions(self) -> dict[str, int]:
        """Position of every question by its id."""
        return {name: place for place, name in enumerate(self.question_ids)}

    @cached_property
    def _counted(self) -> Bools:
        """Of each question, whether the tokens of all its answers were counted."""
        counted = np.ones(len(self.question_ids), bool)
        counted[self.question[self.tokens < 0]] = False
        return counted


_COLUMNS = tuple(
    f.name for f in fields(Candidates) if f.name not in ("question_ids", "languages", "left_out")
)


def first_of_each_program(candidates: Candidates, rows: Integers) -> Integers:
    """``rows`` without those whose question and program an earlier one has; order is kept."""
    question, program = candidates.question[rows], candidates.program[rows]
    order = np.lexsort((program, question))
    new = np.ones(len(rows), bool)
    new[1:] = (np.diff(question[order]) != 0) | (np.diff(program[order]) != 0)
    kept: Integers = rows[np.sort(order[new])]
    return kept


def rank_in_question(questions: Integers) -> Integers:
    """0, 1, 2, … within each run of equal values."""
    if not len(questions):
        return np.zeros(0, int)
    starts = np.flatnonzero(np.concatenate(([True], np.diff(questions) != 0)))
    counts = np.diff(np.concatenate((starts, [len(questions)])))
    return np.arange(len(questions)) - np.repeat(starts, counts)
