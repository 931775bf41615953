"""Best-of-N as it is reviewed: per question the picks, the runners-up and why. No widgets.

Computed once per rule and decision, then a step to the next question is a slice of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from codemix_core.selection.best_of_n import (
    PickDecisions,
    PickRule,
    Picks,
    PickYield,
    Reasons,
    choose,
    pick_yield,
    ranking,
    same_answers,
)
from codemix_core.selection.candidates import Candidates, Integers
from codemix_core.ui import data, selection_data
from codemix_core.ui.selection_data import Selection
from codemix_core.workspace import Workspace

SHOW = ("without a pick", "tied for the pick", "decided by a person", "undecided")
ORDERS = ("as in the set", "fewest acceptable first", "lowest score first")


@dataclass(frozen=True)
class Ranked:
    """All questions of a run under one rule.

    questions: positions of those with scored generations. ranked: rows that can be picked, by
    question and best first, below ``min_score`` and rejected ones last. rejected: rows with the
    text of a rejected answer. acceptable: number of acceptable programs per question position.
    tied: of those, with the top score.
    """

    candidates: Candidates
    rule: PickRule
    decisions: PickDecisions
    rejected: frozenset[int]
    questions: Integers
    picks: Picks
    ranked: Integers
    acceptable: Integers
    tied: Integers
    found: PickYield
    reasons: Reasons

    def of(self, question: int) -> Integers:
        """The rows of a question that can be picked, best first."""
        return _slice(self.candidates, self.ranked, question)

    def picked(self, question: int) -> Integers:
        """The picks of a question, best first."""
        return _slice(self.candidates, self.picks.rows, question)

    def without(self) -> Integers:
        """Positions of questions that have scored generations and no pick."""
        return np.setdiff1d(self.questions, self.candidates.question[self.picks.rows])

    def decided(self) -> set[int]:
        """Positions of questions a person decided something about."""
        rejected = self.candidates.question[list(self.decisions.rejected)]
        return {*self.decisions.chosen, *(int(place) for place in rejected)}

    def view(self, show: str, text: str, order: str) -> Integers:
        """Positions of the questions a filter shows, in order."""
        places = self.questions
        if show == SHOW[0]:
            places = self.without()
        elif show == SHOW[1]:
            places = places[self.tied[places] > 1]
        elif show in SHOW[2:]:
            decided = np.isin(places, list(self.decided()))
            places = places[decided if show == SHOW[2] else ~decided]
        if text:
            names = self.candidates.question_ids
            places = places[[text.lower() in names[int(place)].lower() for place in places]]
        if order == ORDERS[1]:
            return places[np.argsort(self.acceptable[places], kind="stable")]
        if order == ORDERS[2]:
            return places[np.argsort(self.best()[places], kind="stable")]
        return places

    def best(self) -> np.ndarray:
        """The best score of each question position; 0 where there is none."""
        best = np.zeros(len(self.candidates.question_ids))
        np.maximum.at(best, self.candidates.question, self.candidates.score)
        return best


def ranked(selection: Selection, rule: PickRule, split: str | None) -> Ranked:
    """The questions of a run under a rule and what people decided so far."""
    workspace = selection.run.workspace
    path = workspace.annotations_path(selection.run.run_id)
    size = path.stat().st_size if path.exists() else 0
    marks = data.mark(workspace, selection.run.run_id)
    key = (selection.run.run_id, marks, split, tuple(sorted(vars(rule).items())), size)
    return _ranked(str(workspace.root), key, selection.candidates, rule)


@st.cache_resource(max_entries=8, show_spinner=False)
def _ranked(root: str, key: tuple, _c: Candidates, _rule: PickRule) -> Ranked:  # type: ignore[type-arg]
    held = selection_data.decisions(Workspace(Path(root)).run(key[0]))
    decisions = selection_data.pick_decisions(_c, held, _rule.column)
    picks = choose(_c, _rule, decisions)
    acceptable = ranking(_c, _rule, decisions)
    count = len(_c.question_ids)
    score, question = _c.score[acceptable], _c.question[acceptable]
    top = np.full(count, -1.0)
    np.maximum.at(top, question, score)
    open_minded = PickDecisions(decisions.chosen, frozenset())
    everything = ranking(_c, replace(_rule, min_score=0.0), open_minded)
    rejected = same_answers(_c, _rule.column, decisions.rejected)
    last = np.isin(everything, rejected)
    everything = everything[np.lexsort((last, _c.question[everything]))]
    return Ranked(
        _c,
        _rule,
        decisions,
        frozenset(rejected.tolist()),
        np.unique(_c.question),
        picks,
        everything,
        np.bincount(question, minlength=count),
        np.bincount(question[score == top[question]], minlength=count),
        pick_yield(_c, _rule, picks),
        Reasons(_c, _rule, decisions),
    )


def _slice(candidates: Candidates, rows: Integers, question: int) -> Integers:
    """The part of ``rows``, which are ordered by question, that belongs to a question."""
    keys = candidates.question[rows]
    start, stop = np.searchsorted(keys, [question, question + 1])
    return rows[start:stop]


def same_program(candidates: Candidates, row: int) -> Sequence[int]:
    """Samples of the question with the same program as the one in ``row``, itself included."""
    span = candidates.rows_of(int(candidates.question[row]))
    hits = np.flatnonzero(candidates.program[span] == candidates.program[row])
    return [int(candidates.sample[span][hit]) for hit in hits]
