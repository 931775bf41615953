"""Two scored runs over the same questions: paired differences, and who won which question.

The difference is taken question by question and only questions are resampled, so what makes a
question hard cancels out. Questions that only one run has a score for are left out and counted.

Guarantees: a difference whose interval holds zero is called no difference; below six questions
nothing is called better or worse, however the interval comes out. Not guaranteed: anything about
many groups taken together. Each interval is for one group alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from codemix_core.evaluation.intervals import Interval, difference_interval
from codemix_core.evaluation.pass_at_k import ladder
from codemix_core.evaluation.summary import (
    GROUPINGS,
    groups_of,
    mean_scores,
    mean_tokens,
    per_question,
    verdict_shares,
)
from codemix_core.records import Status

BETTER, WORSE, NO_DIFFERENCE, UNKNOWN = "better", "worse", "no difference", "unknown"
LONGER, SHORTER, MORE, FEWER = "longer", "shorter", "more often", "less often"

FEWEST = 6
"""Fewest questions that can tell a difference at 95%: when five of five change in one direction,
a sign test still gives p = 2 / 2**5 = 0.06, while the bootstrap of five gains never holds zero."""

ALONE = (
    "Each interval is for one group alone: among twenty groups without a difference, about one"
    " looks as if it had one."
)
"""What to say wherever many groups are shown together."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both runs over their common questions, and run minus baseline.

    name: ``pass@k``, ``mean score``, ``tokens per answer`` or a verdict.
    finding: better or worse, longer or shorter, more or less often; no difference (the interval
        holds zero) or unknown (no interval, or fewer than ``FEWEST`` questions without zero in it).
    """

    name: str
    run: float
    baseline: float
    difference: Interval
    finding: str


@dataclass(frozen=True)
class Pairing:
    """Two runs' counts, reduced to their common questions in the same order.

    run, baseline: one row per common question, frames as in :mod:`.summary`.
    only_run, only_baseline: scored questions that the other run has no score for.
    """

    run: pd.DataFrame
    baseline: pd.DataFrame
    only_run: int
    only_baseline: int


def pair(run: pd.DataFrame, baseline: pd.DataFrame) -> Pairing:
    """The common scored questions of two runs."""
    first = run[run["scored"] > 0].set_index("question_id", drop=False)
    second = baseline[baseline["scored"] > 0].set_index("question_id", drop=False)
    common = sorted(set(first.index) & set(second.index))
    return Pairing(
        first.loc[common].reset_index(drop=True),
        second.loc[common].reset_index(drop=True),
        only_run=len(first) - len(common),
        only_baseline=len(second) - len(common),
    )


def differences(pairing: Pairing) -> list[Difference]:
    """pass@k up to what both runs have answers for, then the mean score; empty without any.

    For each k the questions are those with at least k scored answers in both runs.
    """
    if not len(pairing.run):
        return []
    most = min(int(pairing.run["scored"].max()), int(pairing.baseline["scored"].max()))
    found = [
        _difference(f"pass@{k}", per_question(pairing.run, k), per_question(pairing.baseline, k))
        for k in ladder(most)
    ]
    scores = mean_scores(pairing.run), mean_scores(pairing.baseline)
    return [*found, _difference("mean score", *scores)]


def length_difference(pairing: Pairing) -> Difference:
    """Tokens per answer: the mean over questions of each question's mean."""
    lengths = mean_tokens(pairing.run), mean_tokens(pairing.baseline)
    return _difference("tokens per answer", *lengths, above=LONGER, below=SHORTER)


def verdict_shift(pairing: Pairing) -> list[Difference]:
    """Each verdict's share of the answers in both runs, in the order of :class:`Status`."""
    return [
        _difference(
            status.value,
            verdict_shares(pairing.run, status),
            verdict_shares(pairing.baseline, status),
            above=MORE,
            below=FEWER,
        )
        for status in Status
    ]


def group_differences(pairing: Pairing, by: str) -> pd.DataFrame:
    """pass@1 of both runs and their paired difference per group.

    Returns:
        The grouping's columns, then questions, run, baseline, difference, low, high, finding.
    """
    run, baseline = per_question(pairing.run, 1), per_question(pairing.baseline, 1)
    rows = []
    for group, positions in groups_of(pairing.run, by).items():
        found = _difference("pass@1", run[positions], baseline[positions])
        gap = found.difference
        figures = (found.run, found.baseline, gap.value, gap.low, gap.high, found.finding)
        rows.append((*group, gap.questions, *figures))
    columns = ["questions", "run", "baseline", "difference", "low", "high", "finding"]
    return pd.DataFrame(rows, columns=[*GROUPINGS[by], *columns])


def outcomes(pairing: Pairing) -> pd.DataFrame:
    """Each common question's pass rate in both runs, largest gain first.

    Returns:
        Columns question_id, run, baseline, difference, outcome (won | lost | same).
    """
    frame = pd.DataFrame(
        {
            "question_id": pairing.run["question_id"],
            "run": per_question(pairing.run, 1),
            "baseline": per_question(pairing.baseline, 1),
        }
    )
    frame["difference"] = frame["run"] - frame["baseline"]
    sign = np.sign(frame["difference"].to_numpy(dtype=np.float64))
    frame["outcome"] = np.select([sign > 0, sign < 0], ["won", "lost"], "same")
    return frame.sort_values(["difference", "question_id"], ascending=[False, True]).reset_index(
        drop=True
    )


def _difference(
    name: str,
    run: np.ndarray,
    baseline: np.ndarray,
    *,
    above: str = BETTER,
    below: str = WORSE,
) -> Difference:
    gap = difference_interval(run, baseline)
    both = np.isfinite(run) & np.isfinite(baseline)
    of_run, of_baseline = (
        float(values[both].mean()) if both.any() else np.nan for values in (run, baseline)
    )
    return Difference(name, of_run, of_baseline, gap, _finding(gap, above, below))


def _finding(gap: Interval, above: str, below: str) -> str:
    if not np.isfinite(gap.low):
        return UNKNOWN
    if gap.low <= 0 <= gap.high:
        return NO_DIFFERENCE
    if gap.questions < FEWEST:
        return UNKNOWN
    return above if gap.low > 0 else below
