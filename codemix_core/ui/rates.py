"""Everything the Pass rates page shows about a run, computed once per state of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from codemix_core.evaluation import compare, summary
from codemix_core.evaluation.compare import Difference
from codemix_core.evaluation.intervals import Interval, mean_interval
from codemix_core.evaluation.summary import PassAtK
from codemix_core.store import Store
from codemix_core.ui import data, words
from codemix_core.workspace import Workspace


@dataclass(frozen=True)
class Overview:
    """A run's figures.

    counts: query ``question_counts``, one row per question.
    ladder: pass@k for a ladder of k; empty while nothing is scored.
    verdicts: answers by status, then ``unscored``.
    histogram, skills, pairs, ks, splits: the tables of :mod:`codemix_core.evaluation.summary`.
    """

    counts: pd.DataFrame
    ladder: list[PassAtK]
    mean_score: Interval
    verdicts: dict[str, int]
    histogram: pd.DataFrame
    skills: pd.DataFrame
    pairs: pd.DataFrame
    ks: pd.DataFrame
    splits: pd.DataFrame

    @property
    def answers(self) -> int:
        """Generations of the run."""
        return int(self.counts["n"].sum())

    @property
    def scored(self) -> int:
        """Generations with a verdict that counts."""
        return int(self.counts["scored"].sum())


def overview(workspace: Workspace, run_id: str) -> Overview:
    """The figures of a run, cached until it has new rows."""
    return _overview(str(workspace.root), run_id, data.mark(workspace, run_id))


@st.cache_data(max_entries=32, show_spinner=False)
def _overview(root: str, run_id: str, marks: data.Mark) -> Overview:
    del marks  # Part of the cache key only.
    return compute(Store(Workspace(Path(root))).question_counts(run_id))


def compute(counts: pd.DataFrame) -> Overview:
    """The figures from the counts per question."""
    return Overview(
        counts=counts,
        ladder=summary.pass_ladder(counts),
        mean_score=mean_interval(summary.mean_scores(counts)),
        verdicts=summary.verdict_counts(counts),
        histogram=summary.histogram(counts),
        skills=summary.group_table(counts, "skill"),
        pairs=summary.group_table(counts, "skill_pair"),
        ks=summary.group_table(counts, "k"),
        splits=summary.group_table(counts, "split"),
    )


@dataclass(frozen=True)
class Comparison:
    """A run against a baseline, over the questions both have scores for.

    differences: pass@k and mean score, with paired intervals.
    skills, pairs, ks, splits: the tables of ``compare.group_differences``.
    outcomes: pass rate per question in both runs; won, lost or same.
    questions: common ones; only_run, only_baseline: those left out.
    """

    differences: list[Difference]
    skills: pd.DataFrame
    pairs: pd.DataFrame
    ks: pd.DataFrame
    splits: pd.DataFrame
    outcomes: pd.DataFrame
    questions: int
    only_run: int
    only_baseline: int

    def of(self, name: str) -> Difference | None:
        """The difference in ``pass@k`` or ``mean score``, when both runs have it."""
        return next((found for found in self.differences if found.name == name), None)


def comparison(workspace: Workspace, run_id: str, baseline: str) -> Comparison:
    """A run against a baseline, cached until one of them has new rows."""
    marks = data.mark(workspace, run_id) + data.mark(workspace, baseline)
    return _comparison(str(workspace.root), run_id, baseline, marks)


@st.cache_data(max_entries=16, show_spinner=False)
def _comparison(root: str, run_id: str, baseline: str, marks: data.Mark) -> Comparison:
    del marks  # Part of the cache key only.
    store = Store(Workspace(Path(root)))
    paired = compare.pair(store.question_counts(run_id), store.question_counts(baseline))
    return Comparison(
        differences=compare.differences(paired),
        skills=compare.group_differences(paired, "skill"),
        pairs=compare.group_differences(paired, "skill_pair"),
        ks=compare.group_differences(paired, "k"),
        splits=compare.group_differences(paired, "split"),
        outcomes=compare.outcomes(paired),
        questions=len(paired.run),
        only_run=paired.only_run,
        only_baseline=paired.only_baseline,
    )


def plus_minus(interval: Interval) -> str:
    """``0.60 ±0.03``; without the margin when there is no interval."""
    if interval.margin != interval.margin:
        return words.rate(interval.value)
    return f"{interval.value:.2f} ±{interval.margin:.2f}"


def headline(workspace: Workspace, run_id: str) -> str:
    """``pass@1 0.60 ±0.03`` with the number of questions it is over."""
    first = _first(str(workspace.root), run_id, data.mark(workspace, run_id))
    if not first.questions:
        return "nothing scored yet"
    return f"pass@1 {plus_minus(first)} over {words.count(first.questions, 'question')}"


@st.cache_data(max_entries=256, show_spinner=False)
def _first(root: str, run_id: str, marks: data.Mark) -> Interval:
    """pass@1 alone: lists of runs need no more, and have many runs to show."""
    del marks  # Part of the cache key only.
    counts = Store(Workspace(Path(root))).question_counts(run_id)
    return mean_interval(summary.per_question(counts, 1))
