"""Splits without leakage: questions go to ``train`` or ``heldout``, never rows.

Guarantees, for every way of splitting: a pair of skills that occurs on one side occurs in no
question of the other, and questions with the same skills are on the same side (they are often
one task in other words), as are questions without skills that have the same statement. Case
and outer spaces of a skill, and case and spacing of a statement, make no difference. Questions
that would break this are left out of both sides, and counted. The same questions, settings and
seed give the same split.

Ways:

    none        everything is for training
    question    whole groups of questions with the same skills are held out until their share
                of the questions is reached
    skill_pair  a share of the skill pairs is held out; questions with pairs of both kinds are
                left out
    k           questions mixing one of the given numbers of skills are held out, less those
                with a pair that training has
    source      the question set's own split: ``train``, and ``heldout`` with ``hard``, less
                held-out questions with a pair that training has
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

SplitWay = Literal["none", "question", "skill_pair", "k", "source"]
Side = Literal["train", "heldout"]

Pair = frozenset[str]


@dataclass(frozen=True)
class SplitQuestion:
    """What splitting looks at."""

    question_id: str
    skills: tuple[str, ...]
    k: int
    split: str | None
    statement: str = ""


@dataclass(frozen=True)
class SplitRule:
    """Settings of a split.

    share: of questions (way ``question``) or of skill pairs (``skill_pair``) to hold out, 0 … 1.
    k: numbers of skills to hold out, for way ``k``.
    """

    way: SplitWay
    share: float
    k: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Split:
    """Where every question went; those in neither side are ``left_out`` with the reason.

    pairs: number of skill pairs that occur, by side.
    """

    side: dict[str, Side]
    left_out: dict[str, str]
    pairs: dict[str, int]

    def counts(self) -> dict[str, int]:
        """Questions by side, and left out."""
        found = Counter(self.side.values())
        return {
            "train": found["train"],
            "heldout": found["heldout"],
            "left_out": len(self.left_out),
        }


def split(questions: Sequence[SplitQuestion], rule: SplitRule) -> Split:
    """Put every question on a side."""
    if rule.way == "none":
        held: set[str] = set()
    elif rule.way == "question":
        held = _hold_out_questions(questions, rule)
    elif rule.way == "skill_pair":
        return _by_pairs(questions, _hold_out_pairs(questions, rule))
    else:
        wanted: Callable[[SplitQuestion], bool] = (
            (lambda q: q.k in rule.k) if rule.way == "k" else (lambda q: q.split != "train")
        )
        held = {q.question_id for q in questions if wanted(q)}
    return _without_shared_pairs(questions, held)


def skill_pairs(skills: Iterable[str]) -> set[Pair]:
    """All unordered pairs of a question's skills; a single skill is a group of its own."""
    distinct = sorted(normal(skills))
    if len(distinct) == 1:
        return {frozenset(distinct)}
    return {frozenset(pair) for pair in combinations(distinct, 2)}


def normal(skills: Iterable[str]) -> set[str]:
    """Skills as they are compared."""
    return {skill.strip().casefold() for skill in skills} - {""}


def groups_of(question: SplitQuestion) -> set[Pair]:
    """What a question must not share with the other side: its skill pairs, else its statement.

    The groups of skills and of statements never meet: a statement's has an empty name in it.
    """
    pairs = skill_pairs(question.skills)
    statement = " ".join(question.statement.split()).casefold()
    return pairs if pairs or not statement else {frozenset(("", statement))}


def _hold_out_questions(questions: Sequence[SplitQuestion], rule: SplitRule) -> set[str]:
    """Whole groups of equal skills, drawn until their share of the questions is reached."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for question in questions:
        statement = " ".join(question.statement.split()).casefold()
        # Without skills and statement nothing is known to be shared: a group of its own.
        key = tuple(sorted(normal(question.skills))) or ("", statement or question.question_id)
        groups.setdefault(key, []).append(question.question_id)
    names = sorted(groups)
    random.Random(f"split {rule.seed}").shuffle(names)
    held: set[str] = set()
    for name in names:
        if len(held) >= rule.share * len(questions):
            break
        held.update(groups[name])
    return held


def _hold_out_pairs(questions: Sequence[SplitQuestion], rule: SplitRule) -> set[Pair]:
    pairs = sorted({p for q in questions for p in skill_pairs(q.skills) if len(p) == 2}, key=sorted)
    random.Random(f"split {rule.seed}").shuffle(pairs)
    return set(pairs[: round(rule.share * len(pairs))])


def _by_pairs(questions: Sequence[SplitQuestion], held: set[Pair]) -> Split:
    side: dict[str, Side] = {}
    left_out = {}
    for question in questions:
        pairs = skill_pairs(question.skills)
        if not pairs & held:
            side[question.question_id] = "train"
        elif pairs <= held:
            side[question.question_id] = "heldout"
        else:
            left_out[question.question_id] = "mixes held-out skill pairs with others"
    return _counted(questions, side, left_out)


def _without_shared_pairs(questions: Sequence[SplitQuestion], held: set[str]) -> Split:
    trained = {p for q in questions if q.question_id not in held for p in groups_of(q)}
    side: dict[str, Side] = {}
    left_out = {}
    for question in questions:
        if question.question_id not in held:
            side[question.question_id] = "train"
        elif groups_of(question) & trained:
            what = "skills" if normal(question.skills) else "its statement"
            reason = f"would be held out, but shares {what} with training"
            left_out[question.question_id] = reason
        else:
            side[question.question_id] = "heldout"
    return _counted(questions, side, left_out)


def _counted(
    questions: Sequence[SplitQuestion], side: dict[str, Side], left_out: dict[str, str]
) -> Split:
    pairs = {
        name: len(
            {
                pair
                for q in questions
                if side.get(q.question_id) == name
                for pair in skill_pairs(q.skills)
                if len(pair) == 2
            }
        )
        for name in ("train", "heldout")
    }
    return Split(side, left_out, pairs)
