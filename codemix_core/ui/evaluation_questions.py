"""Questions won, lost and unchanged, and one question's answers of both models side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.errors import NotFoundError
from codemix_core.evaluation import headline
from codemix_core.records import Question
from codemix_core.ui import (
    answer_view,
    data,
    drill,
    evaluations,
    look,
    selection_data,
    tables,
    url,
    words,
)
from codemix_core.workspace import Workspace

Document = dict[str, Any]
OUTCOMES = ("all", "won", "lost", "same")
SIDES = (("left", "baseline"), ("right", "model"))
"""URL name of the shown answer and role of the model, in the order of the columns."""
SHOWN = tuple(name for name, _ in SIDES)


def table(document: Document, part: headline.Part) -> None:
    """The questions that match, one page of them; a clicked row opens the question."""
    rows = _filters(part)
    run_id = document["run"]
    if not len(rows):
        st.caption("No question matches these filters.")
        return
    limit, offset = tables.place()
    page = rows.iloc[offset : offset + limit].reset_index(drop=True)
    if not len(page):
        tables.beyond_last()
    columns: dict[str, Any] = {
        "question_id": tables.words_column("question", width=208),
        "skills_shown": tables.words_column("skills", width=260),
        "k": tables.number("k", width=36),
        "baseline": tables.share_bar("baseline", "correct ÷ scored"),
        "run": tables.share_bar("tuned", "correct ÷ scored"),
        "difference": tables.number("difference", "tuned − baseline", "%+.2f", width=86),
        "outcome": tables.words_column("outcome", width=70),
    }
    tables.choose(
        page,
        f"outcomes-{run_id}-{part['split']}-{offset}-{hash(tuple(page['question_id']))}",
        columns,
        lambda row: url.put(question=row["question_id"], left=None, right=None),
    )
    name = f"{run_id}-{part['split']}-questions"
    tables.footer(
        name,
        "question",
        len(rows),
        lambda: rows.drop(columns="skills_shown"),
        command=f"python -m codemix_core export-evaluation {run_id} -o evaluation.json",
    )


def _filters(part: headline.Part) -> pd.DataFrame:
    """The questions that the widgets, which write to the URL, ask for."""
    rows = _rows(part)
    skills = sorted({skill for names in rows["skills"] for skill in names})
    clears = ("page",)
    counts = {"all": len(rows), **{name: part["comparison"][name] for name in OUTCOMES[1:]}}
    url.segments(
        "Outcome",
        "outcome",
        OUTCOMES,
        format_func=lambda name: f"{name} {counts[name]:,}",
        clears=clears,
    )
    first, second, third, fourth = st.columns(4)
    with first:
        url.text("Search", "text", clears=clears, placeholder="id")
    for place, label, name in ((second, "Skill", "skill"), (third, "and skill", "other_skill")):
        with place:
            url.choice(label, name, skills, empty="any", format_func=words.skill, clears=clears)
    with fourth:
        url.choice("Sort by", "sort", ["loss"], empty="largest gain", format_func=_sort)
    return chosen(part)


def _sort(name: str) -> str:
    return f"largest {name}"


def _rows(part: headline.Part) -> pd.DataFrame:
    """The questions both models answered, largest gain first, with their skills."""
    about = pd.DataFrame(part["model"]["by_question"])[["question_id", "skills", "k", "split"]]
    rows = evaluations.table(part["comparison"]["outcomes"]).merge(about, on="question_id")
    return rows.assign(skills_shown=rows["skills"].map(words.skills))


def chosen(part: headline.Part) -> pd.DataFrame:
    """The questions that the URL asks for, in its order."""
    rows = _rows(part)
    outcome, text = url.get("outcome") or "all", url.get("text") or ""
    if outcome in OUTCOMES[1:]:
        rows = rows[rows["outcome"] == outcome]
    rows = rows[rows["question_id"].str.contains(text, case=False, regex=False)]
    for name in ("skill", "other_skill"):
        wanted = url.get(name)
        if wanted is not None:
            rows = rows[[wanted in names for names in rows["skills"]]]
    return rows.iloc[::-1] if url.get("sort") == "loss" else rows


def question(
    workspace: Workspace, document: Document, part: headline.Part, question_id: str
) -> None:
    """One question: what was asked, and an answer of each model beside the other's."""
    rows = chosen(part)
    tables.walk(list(rows["question_id"]), question_id, SHOWN, resets=SHOWN)
    every = _rows(part)
    mine = every[every["question_id"] == question_id]
    try:
        asked = data.questions(workspace.question_set(document["question_set"])).get(question_id)
        runs = {role: workspace.run(part[role]["run"]) for _, role in SIDES}
    except NotFoundError as error:
        st.warning(words.literal(f"The answers are no longer in the workspace: {error}"))
        return
    if asked is None or not len(mine):
        st.warning(words.literal(f"This evaluation has no question {question_id!r}."))
        return
    answer_view.asked(asked)
    _outcome(document, mine.iloc[0])
    shown = []
    for (name, role), column in zip(SIDES, st.columns(2, gap="small"), strict=True):
        with column:
            shown.append(_choose(workspace, runs[role].run_id, question_id, name, role))
    rows_shown = [
        selection_data.answers(runs[role], question_id, (sample,))[sample]
        for (_, role), sample in zip(SIDES, shown, strict=True)
    ]
    _beside(document, asked, shown, rows_shown)


def _outcome(document: Document, row: pd.Series) -> None:
    finding = {"won": look.GREEN, "lost": look.RED, "same": look.GREY}[row["outcome"]]
    sign = {"won": "▲", "lost": "▼", "same": "="}[row["outcome"]]
    names = {role: words.model(document[role]) for _, role in SIDES}
    look.line(
        look.chip(look.Look(row["outcome"], sign, *finding)),
        f"{names['baseline']} <b>{words.rate(row['baseline'])}</b>",
        f"{names['model']} <b>{words.rate(row['run'])}</b>",
        f"{words.signed(row['difference'])} in this question's pass rate",
    )


def _choose(workspace: Workspace, run_id: str, question_id: str, name: str, role: str) -> int:
    """Which program of a model is shown: groups of identical ones, the commonest first."""
    groups = data.frame(workspace, "program_groups", run_id, question_id=question_id)
    labels = {
        str(row["sample_index"]): f"{words.TIMES}{row['count']}  {drill.group_label(row)}"
        for row in data.rows(groups)
    }
    picked = url.choice(
        f"{'Baseline' if role == 'baseline' else 'Tuned model'}:"
        f" {words.count(len(labels), 'different program')}",
        name,
        list(labels),
        format_func=labels.__getitem__,
    )
    assert picked is not None
    return int(picked)


def _beside(document: Document, asked: Question, samples: list[int], rows: list[pd.Series]) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        whole = st.toggle("Raw output", key="whole", persist_state="session")
        marked = st.toggle("Mark differences", True, key="marked", persist_state="session")
    heads = [
        answer_view.side(role, words.model(document[role]), sample, row, float("nan"))
        for (_, role), sample, row in zip(SIDES, samples, rows, strict=True)
    ]
    answer_view.beside(
        rows[0],
        rows[1],
        asked,
        (heads[0], heads[1]),
        whole=whole,
        marked=marked,
        key="evaluation-diff",
        tones=("cm-rejected", "cm-chosen"),
    )
    labelled = [
        (f'<span class="cm-is-{role}">{answer_view.SIGNS[role]} {role}</span>', row)
        for (_, role), row in zip(SIDES, rows, strict=True)
    ]
    answer_view.matrix(labelled)
    answer_view.messages(labelled)
