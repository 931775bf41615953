"""What a scored run amounts to: pure functions from counts per question to figures.

Input everywhere is a frame with one row per question, as the query ``question_counts`` gives:

    question_id, k, skills (list), split    of the question
    n            answers there are
    scored       answers with a verdict, infrastructure errors left out
    correct      scored answers with score 1
    score_sum    sum of scores over scored answers
    tokens       sampled tokens of all answers together; 0 where nobody counted them
    one column per status of :class:`codemix_core.records.Status` with its count

An infrastructure error is our fault and never counts, neither above nor below the line. In a
run that is not complete, pass@k is over the questions with at least k scored answers, and how
many those are is part of every figure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codemix_core.evaluation.intervals import Interval, mean_interval
from codemix_core.evaluation.pass_at_k import ladder, pass_at_k
from codemix_core.records import Status

GROUPINGS = {
    "skill": ["skill"],
    "skill_pair": ["skill", "other_skill"],
    "k": ["k"],
    "split": ["split"],
}
"""How questions are grouped, with the columns that name a group."""

BANDS = 10
"""Bands of the histogram between the questions never and always solved."""


@dataclass(frozen=True, slots=True)
class PassAtK:
    """pass@k over the questions with at least k scored answers."""

    k: int
    interval: Interval


def per_question(counts: pd.DataFrame, k: int) -> NDArray[np.float64]:
    """pass@k of each question, shape (questions,); NaN where fewer than k answers are scored."""
    scored = counts["scored"].to_numpy(dtype=np.int64)
    correct = counts["correct"].to_numpy(dtype=np.int64)
    enough = scored >= k
    values = np.full(len(counts), np.nan)
    values[enough] = pass_at_k(scored[enough], correct[enough], k)
    return values


def mean_scores(counts: pd.DataFrame) -> NDArray[np.float64]:
    """Mean score of each question's scored answers; NaN where there are none."""
    scored = counts["scored"].to_numpy(dtype=np.float64)
    total = counts["score_sum"].to_numpy(dtype=np.float64)
    means = np.full(len(counts), np.nan)
    np.divide(total, scored, out=means, where=scored > 0)
    return means


def mean_tokens(counts: pd.DataFrame) -> NDArray[np.float64]:
    """Mean length of each question's answers in tokens; NaN where nobody counted them."""
    answers = counts["n"].to_numpy(dtype=np.float64)
    tokens = counts["tokens"].to_numpy(dtype=np.float64)
    means = np.full(len(counts), np.nan)
    np.divide(tokens, answers, out=means, where=tokens > 0)
    return means


def verdict_shares(counts: pd.DataFrame, status: Status) -> NDArray[np.float64]:
    """Share of each question's answers that have this verdict; NaN without an answer."""
    answers = counts["n"].to_numpy(dtype=np.float64)
    shares = np.full(len(counts), np.nan)
    np.divide(
        counts[status.value].to_numpy(dtype=np.float64), answers, out=shares, where=answers > 0
    )
    return shares


def pass_ladder(counts: pd.DataFrame) -> list[PassAtK]:
    """pass@k for k = 1, 2, 4, … up to the most scored answers of a question; empty without any."""
    most = int(counts["scored"].max()) if len(counts) else 0
    steps = ladder(most) if most else []
    return [PassAtK(k, mean_interval(per_question(counts, k))) for k in steps]


def verdict_counts(counts: pd.DataFrame) -> dict[str, int]:
    """Number of answers by status, in the order of :class:`Status`, then ``unscored``."""
    totals = {status.value: int(counts[status.value].sum()) for status in Status}
    totals["unscored"] = int(counts["n"].sum()) - sum(totals.values())
    return totals


def histogram(counts: pd.DataFrame) -> pd.DataFrame:
    """Questions by pass rate: never solved, ten bands between, always solved.

    Returns:
        Columns label, low, high (pass rate), questions. A question on a band's border belongs to
        the upper band; exactly 0 and exactly 1 have bars of their own, since such questions
        teach a comparison of answers nothing.
    """
    rates = per_question(counts, 1)
    rates = rates[np.isfinite(rates)]
    inside = rates[(rates > 0) & (rates < 1)]
    edges = np.round(np.linspace(0.0, 1.0, BANDS + 1), 12)
    bands = np.searchsorted(edges, inside + 1e-12, side="right") - 1
    sizes = np.bincount(np.clip(bands, 0, BANDS - 1), minlength=BANDS)
    rows = [("0", 0.0, 0.0, int((rates == 0).sum()))]
    rows += [
        (f"{low:.1f}–{high:.1f}", float(low), float(high), int(size))
        for low, high, size in zip(edges[:-1], edges[1:], sizes, strict=True)
    ]
    rows.append(("1", 1.0, 1.0, int((rates == 1).sum())))
    return pd.DataFrame(rows, columns=["label", "low", "high", "questions"])


def question_table(counts: pd.DataFrame) -> pd.DataFrame:
    """Each question with its figures.

    Returns:
        Columns question_id, k, skills, split, answers, scored, correct, pass_at_1, mean_score; the
        last two NaN without a scored answer.
    """
    return pd.DataFrame(
        {
            "question_id": counts["question_id"],
            "k": counts["k"],
            "skills": [list(skills) for skills in counts["skills"]],
            "split": [split if isinstance(split, str) else None for split in counts["split"]],
            "answers": counts["n"],
            "scored": counts["scored"],
            "correct": counts["correct"],
            "pass_at_1": per_question(counts, 1),
            "mean_score": mean_scores(counts),
        }
    )


def groups_of(counts: pd.DataFrame, by: str) -> dict[tuple[Any, ...], list[int]]:
    """Row positions of the questions in each group, groups in order.

    Args:
        counts: one row per question.
        by: a key of :data:`GROUPINGS`. A question is in the group of each of its skills, and of
            each unordered pair of them; a skill paired with itself holds all its questions.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, names in enumerate(_keys(counts, by)):
        for name in names:
            groups.setdefault(name, []).append(row)
    return dict(sorted(groups.items()))


def _keys(counts: pd.DataFrame, by: str) -> list[list[tuple[Any, ...]]]:
    """The groups of each question."""
    if by == "skill":
        return [[(name,) for name in _skills(value)] for value in counts["skills"]]
    if by == "skill_pair":
        return [list(combinations_with_replacement(_skills(v), 2)) for v in counts["skills"]]
    if by == "k":
        return [[(int(value),)] for value in counts["k"]]
    if by == "split":
        return [[(v if isinstance(v, str) else "none",)] for v in counts["split"]]
    raise KeyError(f"no grouping {by!r}; there are: {', '.join(GROUPINGS)}")


def group_table(counts: pd.DataFrame, by: str) -> pd.DataFrame:
    """pass@1 per group with its interval; questions are resampled within their group.

    Returns:
        The grouping's columns (:data:`GROUPINGS`), then questions (with a scored answer),
        answers (scored), pass_at_1, low, high, mean_score. Numbers are NaN where they cannot be
        told: low and high with one question, all with none.
    """
    rates, scores = per_question(counts, 1), mean_scores(counts)
    answers = counts["scored"].to_numpy(dtype=np.int64)
    rows = []
    for group, positions in groups_of(counts, by).items():
        interval = mean_interval(rates[positions])
        judged = scores[positions][np.isfinite(scores[positions])]
        score = float(judged.mean()) if judged.size else np.nan
        figures = (interval.value, interval.low, interval.high, score)
        rows.append((*group, interval.questions, int(answers[positions].sum()), *figures))
    columns = ["questions", "answers", "pass_at_1", "low", "high", "mean_score"]
    return pd.DataFrame(rows, columns=[*GROUPINGS[by], *columns])


def _skills(value: Iterable[str]) -> list[str]:
    """Distinct skills in alphabetical order: a pair has one name whatever the source's order."""
    return sorted(set(value))
