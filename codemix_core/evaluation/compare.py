"""Two scored runs over the same questions: paired differences, and who won which question.

The difference is taken question by question and only questions are resampled, so what makes a
question hard cancels out. Questions that only one run has a score for are left out and counted.
Guarantee: a difference whose interval holds zero is called no difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from codemix_core.evaluation.intervals import Interval, difference_interval
from codemix_core.evaluation.pass_at_k import ladder
from codemix_core.evaluation.summary import GROUPINGS, groups_of, mean_scores, per_question

BETTER, WORSE, NO_DIFFERENCE, UNKNOWN = "better", "worse", "no difference", "unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both runs over their common questions, and run minus baseline.

    name: ``pass@k`` or ``mean score``.
    finding: better, worse, no difference (the interval holds zero) or unknown (no interval).
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


def _difference(name: str, run: np.ndarray, baseline: np.ndarray) -> Difference:
    gap = difference_interval(run, baseline)
    both = np.isfinite(run) & np.isfinite(baseline)
    of_run, of_baseline = (
        float(values[both].mean()) if both.any() else np.nan for values in (run, baseline)
    )
    return Difference(name, of_run, of_baseline, gap, _finding(gap))


def _finding(gap: Interval) -> str:
    if not np.isfinite(gap.low):
        return UNKNOWN
    if gap.low > 0:
        return BETTER
    return WORSE if gap.high < 0 else NO_DIFFERENCE
