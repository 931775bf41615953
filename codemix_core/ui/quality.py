"""How good a question's tests are, for every page that shows its pass rate."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core import jobs, stages
from codemix_core.records import Question
from codemix_core.ui import data, forms, generation, live, look, tables, words
from codemix_core.workspace import RunDir, Workspace

HELP = (
    "share of the gold solution's mutants that the tests kill; ⚠ when a trivial solution passes"
    " or a test is flaky"
)


def column() -> Any:
    """The settings of a table's quality column, filled by :func:`cells`."""
    return tables.words_column("quality", HELP, width=70, alignment="right")


def cells(page: pd.DataFrame) -> list[str | None]:
    """Table cells from the columns ``quality`` and ``quality_flaws`` of a page of questions."""
    found = zip(page["quality"], page["quality_flaws"], strict=True)
    return [_cell(share, flaws) for share, flaws in found]


def _cell(share: Any, flaws: Any) -> str | None:
    if pd.isna(share):
        return None
    return f"{share:.0%}" + (" ⚠" if flaws > 0 else "")


def fact(workspace: Workspace, question_set: str, question_id: str) -> str:
    """The quality of one question in a row of facts, as HTML; empty when nobody looked."""
    row = _row(workspace, question_set, question_id)
    if row is None or pd.isna(row["killed_share"]):
        return ""
    text = _cell(row["killed_share"], len(row["trivial_passed"]) + len(row["flaky"]))
    return f'<span title="{escape(HELP, quote=True)}">{escape(str(text))}</span>'


def detail(workspace: Workspace, question_set: str, question: Question, scored: str | None) -> None:
    """All that is known about the tests of one question, and the button that finds it out."""
    row = _row(workspace, question_set, question.question_id)
    running = _running(workspace, question_set)
    if running is not None:
        live.panel(running)
    else:
        _launch(workspace, question_set, question, known=row is not None)
    if row is not None:
        _findings(row, question)
    if scored is not None:
        _by_programs(workspace, question, scored)


def _row(workspace: Workspace, question_set: str, question_id: str) -> Mapping[str, Any] | None:
    found = data.set_frame(workspace, "quality", question_set, None)
    mine = found[found["question_id"] == question_id]
    return dict(mine.iloc[0]) if len(mine) else None


def _running(workspace: Workspace, question_set: str) -> RunDir | None:
    for run in workspace.quality_runs(question_set)[:1]:
        if jobs.status(run).state != jobs.State.SUCCEEDED:
            return run
    return None


def _launch(workspace: Workspace, name: str, question: Question, *, known: bool) -> None:
    """Buttons for this question's tests and for those of the whole set, each with its command."""
    spec = stages.stage("quality").spec()
    one = spec.parse({"questions": name, "only": (question.question_id,)})
    every = spec.parse({"questions": name})
    kind: forms.Kind = "tertiary" if known else "primary"
    label = "Judge these tests again" if known else "Judge these tests"
    with st.container(horizontal=True, vertical_alignment="center"):
        key = f"quality-{name}-{question.question_id}"
        forms.launch_button(workspace, one, key, label, kind=kind, shows=None)
        label = "Judge the tests of the whole set"
        forms.launch_button(workspace, every, f"quality-{name}", label, kind="tertiary", shows=None)
        forms.command(one.command_line())


def _findings(row: Mapping[str, Any], question: Question) -> None:
    if not row["ok"]:
        st.caption("The gold solution fails its own tests; nothing can be said about them.")
        return
    flaky, trivial = list(row["flaky"]), list(row["trivial_passed"])
    look.facts(
        {
            "mutants killed": f"{row['killed']:,} of {row['mutants']:,}",
            "do not compile": f"{row['not_compiled']:,}" if row["not_compiled"] else "",
            "mutants not tried": f"{row['left_out']:,}" if row["left_out"] else "",
            "trivial solutions that pass": f"{len(trivial)} of {row['trivial']}",
            "flaky tests": f"{len(flaky)} in {words.count(row['repetitions'], 'run')}",
        }
    )
    if trivial:
        told = f"These programs do nothing and pass every test: {', '.join(trivial)}"
        st.warning(words.literal(told))
    if flaky:
        st.warning(words.literal("The gold solution does not always pass: " + ", ".join(flaky)))
    survivors = list(row["survivors"])
    if not survivors:
        return
    look.heading(
        "Survivors", "changes of the gold solution that no test noticed, or that mean the same"
    )
    generation.table(["line", "gold", "mutant"], [_survivor(text) for text in survivors], fit=(0,))


def _survivor(text: str) -> list[str]:
    """Cells from ``line N``, the lines before (-) and the lines after (+)."""
    place, _, change = text.partition("\n- ")
    before, _, after = change.partition("\n+ ")
    code = [f"<pre>{escape(part)}</pre>" for part in (before, after)]
    return [escape(place.removeprefix("line ")), *code]


def _by_programs(workspace: Workspace, question: Question, scored: str) -> None:
    """Tests that no, or every, sampled program passes."""
    rates = data.frame(workspace, "test_rates", scored)
    mine = rates[rates["question_id"] == question.question_id]
    if not len(mine):
        return
    programs = int(mine["programs"].max())
    look.heading("Tests against sampled programs", words.count(programs, "different program"))
    marks = {"none": "no program passes it", "all": "every program passes it", "some": ""}
    rows = [
        [look.mono(r["test"]), f"{r['passed']} of {r['programs']}", marks[r["passed_by"]]]
        for r in data.rows(mine)
    ]
    generation.table(["test", "passed by", ""], rows, fit=(0, 1))
