"""Best-of-N: the top-scoring answers of every question.

Guarantees: no pick below ``min_score``, without a verdict, with a verdict that contradicts
another answer's with the same program, or (for ``raw_output``) cut off at the token limit; the
picks of a question are different programs; a higher score always goes first; the same
candidates, rule and decisions give the same picks. What a person chose goes before the rule,
what a person rejected is out, also when
another sample has the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from codemix_core.selection import chance
from codemix_core.selection.candidates import (
    Candidates,
    Column,
    Floats,
    Integers,
    first_of_each_program,
    rank_in_question,
)

TieBreak = Literal["shortest", "first", "random", "highest_logprob"]
TIE_BREAKS: tuple[TieBreak, ...] = ("shortest", "first", "random", "highest_logprob")


@dataclass(frozen=True)
class PickRule:
    """Settings of best-of-N.

    min_score: least acceptable score, 0 … 1. picks_per_question: at most this many, ≥ 1.
    tie_break: which of equally scored answers goes first. column: what is trained on.
    """

    min_score: float
    picks_per_question: int
    tie_break: TieBreak
    seed: int
    column: Column


@dataclass(frozen=True)
class PickDecisions:
    """What people decided about picks, as rows of the candidates.

    chosen: question position -> row to take first. rejected: rows never to take.
    """

    chosen: Mapping[int, int] = field(default_factory=dict)
    rejected: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picks:
    """Rows of the candidates, best first within each question; ``rank`` is 0 for the first."""

    rows: Integers
    rank: Integers


@dataclass(frozen=True)
class PickYield:
    """What a rule gives: rows, questions with a pick, of how many, and the picks' length."""

    rows: int
    questions: int
    questions_total: int
    length: int
    unit: str


NO_DECISIONS = PickDecisions()


def ranking(
    candidates: Candidates, rule: PickRule, decisions: PickDecisions = NO_DECISIONS
) -> Integers:
    """All acceptable rows, by question and best first, one of each program."""
    acceptable = candidates.preferable(rule.column) & (candidates.score >= rule.min_score)
    acceptable[same_answers(candidates, rule.column, decisions.rejected)] = False
    forced = np.zeros(len(candidates), bool)
    forced[list(decisions.chosen.values())] = True
    acceptable |= forced
    rows = np.flatnonzero(acceptable)
    keys = (_tie_key(candidates, rule)[rows], -candidates.score[rows], ~forced[rows])
    order = np.lexsort((candidates.sample[rows], *keys, candidates.question[rows]))
    return first_of_each_program(candidates, rows[order])


def choose(
    candidates: Candidates, rule: PickRule, decisions: PickDecisions = NO_DECISIONS
) -> Picks:
    """The picks of every question that has an acceptable answer."""
    rows = ranking(candidates, rule, decisions)
    rank = rank_in_question(candidates.question[rows])
    taken = rank < rule.picks_per_question
    return Picks(rows[taken], rank[taken])


def pick_yield(candidates: Candidates, rule: PickRule, picks: Picks) -> PickYield:
    """The counts of a rule's picks."""
    questions = candidates.question[picks.rows]
    return PickYield(
        rows=len(picks.rows),
        questions=len(np.unique(questions)),
        questions_total=len(np.unique(candidates.question)),
        length=int(candidates.length(rule.column)[picks.rows].sum()),
        unit=candidates.unit(rule.column),
    )


def without_pick(candidates: Candidates, picks: Picks) -> list[str]:
    """Ids of the questions that have scored generations but no acceptable one."""
    left = np.setdiff1d(np.unique(candidates.question), candidates.question[picks.rows])
    return [candidates.question_ids[place] for place in left]


class Reasons:
    """Says in words why a pick won; counts are made once for all questions."""

    def __init__(
        self, candidates: Candidates, rule: PickRule, decisions: PickDecisions = NO_DECISIONS
    ) -> None:
        self._candidates, self._rule = candidates, rule
        self._forced = set(decisions.chosen.values())
        rows = ranking(candidates, rule, decisions)
        self._question, self._score = candidates.question[rows], candidates.score[rows]
        self._starts = np.searchsorted(self._question, np.arange(len(candidates.question_ids) + 1))

    def of(self, row: int, rank: int) -> str:
        """Why the candidate in ``row`` is the pick of this rank (0 is the first)."""
        c, question = self._candidates, int(self._candidates.question[row])
        span = slice(int(self._starts[question]), int(self._starts[question + 1]))
        equals = int((self._score[span] == c.score[row]).sum())
        if row in self._forced:
            return "chosen by a person"
        place = "top" if rank == 0 else f"no. {rank + 1}"
        text = f"{place} of {span.stop - span.start} acceptable programs, score {c.score[row]:.3g}"
        if equals == 1:
            return text
        return f"{text}; of {equals} with that score {self._tie_text(row)}"

    def _tie_text(self, row: int) -> str:
        c, rule = self._candidates, self._rule
        if rule.tie_break == "shortest":
            return f"by length ({c.length(rule.column)[row]} {c.unit(rule.column, row)})"
        if rule.tie_break == "random":
            return f"by chance (seed {rule.seed})"
        if rule.tie_break == "highest_logprob" and np.isfinite(c.logprob[row]):
            return f"by log-probability ({c.logprob[row]:.2f} nats)"
        return f"by order of sampling (no. {c.sample[row]})"


def same_answers(candidates: Candidates, column: Column, rows: Iterable[int]) -> Integers:
    """``rows`` and all rows that would give the same text: a rejected answer must not come back
    as another sample of itself.

    The same program, and for ``raw_output`` as long a text: other reasoning is another answer.
    """
    found = [np.zeros(0, int)]
    for row in rows:
        span = candidates.rows_of(int(candidates.question[row]))
        same = candidates.program[span] == candidates.program[row]
        if column == "raw_output":
            same &= candidates.characters[span] == candidates.characters[row]
        found.append(span.start + np.flatnonzero(same))
    return np.concatenate(found)


def _tie_key(candidates: Candidates, rule: PickRule) -> Integers | Floats:
    """Lower goes first; equal keys fall back to the order of sampling."""
    if rule.tie_break == "shortest":
        return candidates.length(rule.column)
    if rule.tie_break == "highest_logprob":
        return -np.nan_to_num(candidates.logprob, nan=-np.inf)
    if rule.tie_break == "random":
        keys = chance.question_keys(candidates.question_ids, rule.seed)
        return chance.mix(keys[candidates.question], candidates.sample)
    return candidates.sample
