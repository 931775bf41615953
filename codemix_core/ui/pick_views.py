"""The Best of N page's rule, its yield, and the questions it leaves without a pick."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from codemix_core.selection.best_of_n import TIE_BREAKS
from codemix_core.ui import data, look, selection_rules, tables, url, words
from codemix_core.ui.pick_queue import Ranked
from codemix_core.ui.selection_data import Selection
from codemix_core.ui.selection_rules import Values
from codemix_core.workspace import Workspace

TIES = {
    "first": "first sampled",
    "shortest": "shortest",
    "random": "by chance",
    "highest_logprob": "highest log p",
}


def rule(selection: Selection) -> Values:
    """Settings of best-of-N as widgets."""
    values: Values = {"run": selection.run.run_id, "method": "best_of_n"}
    first, second, third, fourth, fifth, sixth = st.columns(
        [3, 2.2, 2.6, 2, 3, 3.6], vertical_alignment="top"
    )
    with first:
        selection_rules.slider(values, "min_score", "Least score of a pick")
    with second:
        selection_rules.number(values, "picks_per_question", "Picks each", 1, 4096)
    with third:
        selection_rules.choice(
            values, "tie_break", "Ties go to the", list(TIE_BREAKS), TIES.__getitem__
        )
    with fourth:
        names = list(selection_rules.COLUMNS)
        selection_rules.choice(
            values, "column", "Train on", names, selection_rules.COLUMNS.__getitem__
        )
    with fifth:
        a, b = st.columns([3, 2])
        with a:
            selection_rules.questions_of(values, selection)
        with b:
            selection_rules.number(values, "seed", "Seed", 0, 2**31 - 1)
    with sixth:
        st.space("small")
        selection_rules.toggle(values, "gold_fallback", "Gold as fallback")
    return values


def flagged(workspace: Workspace, selection: Selection) -> frozenset[str]:
    """Questions whose gold solution failed the newest self-check."""
    name = data.set_of(workspace, selection.run.run_id).name
    checked = workspace.references(name)
    if checked is None:
        return frozenset()
    gold = data.frame(workspace, "selfcheck", checked.run_id)
    return frozenset(gold.loc[~gold["ok"].astype(bool), "question_id"])


def cards(found: Ranked, bad_gold: frozenset[str], *, fallback: bool) -> None:
    """What the rule yields, in figures."""
    without = [found.candidates.question_ids[int(place)] for place in found.without()]
    stand_in = sum(name not in bad_gold for name in without) if fallback else 0
    got = found.found
    share = words.share(got.questions / max(1, got.questions_total), 0)
    gold = f"<small>({stand_in:,} of them gold)</small>" if stand_in else ""
    made = [
        ("rows", f"{got.rows + stand_in:,}{gold}"),
        (
            "questions covered",
            f"{got.questions:,}<small>of {got.questions_total:,}, {share}</small>",
        ),
        ("without a pick", f"{len(without):,}"),
        (f"{got.unit} to train on", f"{got.length:,}"),
        ("ties for the pick", f"{int((found.tied > 1).sum()):,}<small>questions</small>"),
        ("decided by a person", f"{len(found.decided()):,}<small>questions</small>"),
    ]
    body = "".join(
        f'<span class="cm-card"><i>{escape(name)}</i><b>{value}</b></span>' for name, value in made
    )
    st.html(f'<div class="cm-cards" data-testid="yield">{body}</div>')


def without_pick(
    selection: Selection, found: Ranked, bad_gold: frozenset[str], *, fallback: bool
) -> None:
    """The questions that have scored answers and no acceptable one."""
    places = found.without()
    if not len(places):
        st.caption("Every question has an acceptable answer.")
        return
    c, best = found.candidates, found.best()
    names = [c.question_ids[int(place)] for place in places]
    frame = pd.DataFrame(
        {
            "question_id": names,
            "skills": [words.skills(selection.questions[name].skills) for name in names],
            "k": [selection.questions[name].k for name in names],
            "best": best[places],
            "answers": [
                c.rows_of(int(place)).stop - c.rows_of(int(place)).start for place in places
            ],
            "instead": [_instead(name, bad_gold, fallback=fallback) for name in names],
        }
    )
    limit, offset = tables.place()
    page = frame.iloc[offset : offset + limit].reset_index(drop=True)
    if not len(page):
        tables.beyond_last()
    columns = {
        "question_id": tables.words_column("question", width=260),
        "skills": tables.words_column("skills", width=240),
        "k": tables.number("k", width=40),
        "best": tables.number("best score", form="%.2f", width=86),
        "answers": tables.number("answers", width=76),
        "instead": tables.words_column("trained on instead", width=180),
    }
    tables.choose(
        page,
        f"without-{selection.run.run_id}-{offset}-{len(frame)}",
        columns,
        lambda row: url.put(question=row["question_id"], view=None, show=None, text=None),
    )
    tables.footer(f"without-{selection.run.run_id}", "question", len(frame), lambda: frame)


def _instead(name: str, bad_gold: frozenset[str], *, fallback: bool) -> str:
    if not fallback:
        return "nothing"
    return "nothing: gold fails its tests" if name in bad_gold else "gold solution (fallback)"


def gold_look(text: str) -> str:
    """The mark of a gold solution."""
    return look.chip(look.Look("gold", "★", *look.AMBER), text)
