"""The workspace's evaluations as the pages need them: documents, headlines, the best models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from codemix_core.evaluation import exporting, headline
from codemix_core.evaluation.intervals import Interval
from codemix_core.evaluation.summary import PassAtK
from codemix_core.ui import look, words
from codemix_core.workspace import RunDir, Workspace

Document = dict[str, Any]
NUMBERS = ("pass_at_1", "mean_score", "run", "baseline", "difference", "low", "high")
"""Columns of rates in the tables of a document, where null says that there is none."""


def document(run: RunDir) -> Document | None:
    """The document of an evaluation, read once; None until it is complete."""
    try:
        written = run.evaluation_path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return _document(str(run.workspace.root), run.run_id, written)


@st.cache_resource(max_entries=64, show_spinner=False)
def _document(root: str, run_id: str, written: int) -> Document | None:
    del written  # Part of the cache key only.
    return exporting.read(RunDir(Workspace(Path(root)), run_id))


def table(rows: list[Document]) -> pd.DataFrame:
    """Rows of a document as a frame: null becomes NaN."""
    frame = pd.DataFrame(rows)
    numbers = [name for name in NUMBERS if name in frame.columns]
    return frame.astype(dict.fromkeys(numbers, np.float64))


def interval(row: Document) -> Interval:
    """An interval of a document, or a row that holds one."""
    value, low, high = (
        np.nan if row[name] is None else float(row[name]) for name in ("value", "low", "high")
    )
    return Interval(value, low, high, row["questions"])


def steps(report: Document) -> list[PassAtK]:
    """The ladder of pass@k of one model."""
    return [PassAtK(row["k"], interval(row)) for row in report["pass_at_k"]]


def title(run: RunDir) -> str:
    """An evaluation in a picker: its models, where known its headline."""
    spec = run.load_spec()
    both = f"{words.model(spec['model'])} against {words.model(spec['baseline'])}"
    return f"{run.run_id} · {both} on {spec['questions']}{' · CoT' if spec['cot'] else ''}"


@dataclass(frozen=True)
class Best:
    """One model's held-out pass@1, from its newest evaluation under one condition.

    condition: questions and sampling settings; only models of one condition are comparable.
    gap: against the baseline of that evaluation; None for the baseline itself.
    """

    model: str
    condition: str
    pass_at_1: Interval
    gap: Document | None
    finding: str
    run_id: str

    def gain(self) -> str:
        """The gain with its interval and finding as HTML; empty for a baseline."""
        if self.gap is None:
            return ""
        finding = look.chip(look.FINDING[self.finding])
        if self.gap["low"] is None:
            return f"{words.signed(self.gap['value'])} {finding}"
        interval = words.interval(self.gap["low"], self.gap["high"])
        return f"{words.signed(self.gap['value'])} {interval} {finding}"


def best(workspace: Workspace, most: int = 6) -> list[Best]:
    """Models by held-out pass@1, the best first, baselines among them."""
    found: dict[tuple[str, str], Best] = {}
    for run in workspace.runs("evaluate"):
        shown = document(run)
        for part in shown["parts"] if shown is not None else []:
            if part["split"] == "heldout" and part["comparison"]["differences"]:
                assert shown is not None
                for role in ("model", "baseline"):
                    entry = _entry(run, shown, part, role)
                    found.setdefault((entry.model, entry.condition), entry)
    return sorted(found.values(), key=lambda entry: -entry.pass_at_1.value)[:most]


def _entry(run: RunDir, shown: Document, part: headline.Part, role: str) -> Best:
    first = part["comparison"]["differences"][0]
    tuned = role == "model"
    return Best(
        shown[role],
        _condition(shown),
        interval(part[role]["pass_at_k"][0]),
        first["difference"] if tuned else None,
        first["finding"] if tuned else "",
        run.run_id,
    )


def _condition(shown: Document) -> str:
    settings = shown["settings"]
    filters = [f"{name} {settings[name]}" for name in ("k", "limit") if settings[name]]
    filters += [words.skills(settings["skills"])] if settings["skills"] else []
    sampled = f"n {settings['n']}, T {settings['temperature']:g}"
    return ", ".join([shown["question_set"], shown["style"], sampled, *filters])
