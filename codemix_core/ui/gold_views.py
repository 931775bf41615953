"""SFT on gold solutions: which question set, what would be trained on, and the build."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from codemix_core.records import Question
from codemix_core.sampling.languages import fenced
from codemix_core.store import export_command
from codemix_core.ui import data, look, selection_rules, tables, url, words
from codemix_core.ui.selection_rules import Values
from codemix_core.workspace import Workspace


def draw(workspace: Workspace) -> None:
    """The form for a dataset of gold solutions, with what it yields."""
    names = [question_set.name for question_set in workspace.question_sets()]
    if not names:
        st.html('<div class="cm-empty"><b>There is no question set yet.</b>Import one first.</div>')
        st.page_link("pages/1_Questions.py", label="Go to Questions", icon=":material/quiz:")
        return
    first, second, third = st.columns([3, 2, 5], vertical_alignment="bottom")
    with first:
        name = str(url.choice("Question set", "set", names, clears=("page", "question")))
    found = data.questions(workspace.question_set(name))
    values: Values = {"run": name, "method": "gold_solution"}
    with second:
        splits = sorted({q.split for q in found.values() if q.split})
        split = url.choice("Questions", "gold_split", splits, empty="all")
    values["split"] = split
    with third, st.container(horizontal=True, gap="medium"):
        selection_rules.toggle(values, "cot", "With the set's reasoning (CoT)")
        selection_rules.toggle(values, "include_flagged", "Also gold that fails its own tests")
    wanted = [q for q in found.values() if split is None or q.split == split]
    bad = _flagged(workspace, name)
    _yield(wanted, bad, values)
    command = export_command(name, "set_page", "gold.csv", split=split or "")
    _preview(wanted, bad, command, cot=values["cot"])
    look.heading("Build")
    selection_rules.build(workspace, values, None)


def _flagged(workspace: Workspace, name: str) -> frozenset[str] | None:
    checked = workspace.references(name)
    if checked is None:
        return None
    gold = data.frame(workspace, "selfcheck", checked.run_id)
    return frozenset(gold.loc[~gold["ok"].astype(bool), "question_id"])


def _yield(wanted: Sequence[Question], bad: frozenset[str] | None, values: Values) -> None:
    flagged = sum(q.question_id in (bad or ()) for q in wanted)
    silent = sum(q.reasoning is None for q in wanted) if values["cot"] else 0
    rows = _usable(wanted, bad, cot=values["cot"], include=values["include_flagged"])
    look.facts(
        {
            "rows": f"<b>{len(rows):,}</b>",
            "questions": f"{len(wanted):,}",
            "gold that fails its tests": f"{flagged:,}" if bad is not None else "never checked",
            "without reasoning": f"{silent:,}" if values["cot"] else "",
        }
    )
    if bad is None:
        st.caption(
            "The gold solutions of this set were never checked against their own tests; the"
            " self-check on the Questions page finds those that should be left out."
        )


def _usable(
    wanted: Sequence[Question], bad: frozenset[str] | None, *, cot: bool, include: bool
) -> list[Question]:
    return [
        q
        for q in wanted
        if (include or q.question_id not in (bad or ())) and not (cot and q.reasoning is None)
    ]


def _preview(
    wanted: Sequence[Question], bad: frozenset[str] | None, command: str, *, cot: bool
) -> None:
    """The first question as it would be trained on, and the list of all, which ``command`` has."""
    left, right = st.columns([5, 4], gap="medium")
    frame = pd.DataFrame(
        {
            "question_id": [q.question_id for q in wanted],
            "skills": [words.skills(q.skills) for q in wanted],
            "gold": ["fails" if q.question_id in (bad or ()) else "" for q in wanted],
        }
    )
    with left:
        limit, offset = tables.place()
        page = frame.iloc[offset : offset + limit].reset_index(drop=True)
        if not len(page) and offset:
            tables.beyond_last()
        columns = {
            "question_id": tables.words_column("question", width=250),
            "skills": tables.words_column("skills", width=260),
            "gold": tables.words_column("gold", width=60),
        }
        opened = url.get("question")
        tables.choose(
            page,
            f"gold-{offset}-{hash(tuple(page['question_id']))}",
            columns,
            lambda row: url.put(question=row["question_id"]),
            selected=lambda rows: rows["question_id"] == opened,
        )
        tables.footer("gold", "question", len(frame), lambda: frame, command=command)
    with right:
        by_id = {q.question_id: q for q in wanted}
        shown = by_id.get(opened or "", wanted[0] if wanted else None)
        if shown is None:
            return
        look.heading("Answer", shown.question_id)
        text = fenced(shown.gold, shown.language)
        if cot:
            text = f"{shown.reasoning}\n\n{text}" if shown.reasoning else "(no reasoning: left out)"
        look.prose(shown.statement, "cm-muted")
        st.code(text, language="markdown", wrap_lines=True)
