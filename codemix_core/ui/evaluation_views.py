"""The Evaluation page's overview: picker, steps, headline, charts, export."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.evaluation import compare, exporting, headline
from codemix_core.records import Status
from codemix_core.ui import (
    charts,
    evaluation_charts,
    evaluations,
    forms,
    look,
    pass_views,
    rate_charts,
    tables,
    url,
    words,
)
from codemix_core.workspace import RunDir, Workspace

Document = dict[str, Any]
VIEWS = ("Skills", "Skill × skill", "k and split", "Verdicts", "Questions")
CLEARS = ("question", "page", "left", "right")
"""URL values that belong to one list of questions."""
MIME = {".html": "text/html", ".json": "application/json"}


def pick(workspace: Workspace) -> RunDir | None:
    """The evaluation this page looks at."""
    runs = {run.run_id: run for run in workspace.runs("evaluate")}
    if not runs:
        return None
    wanted = url.get("run")
    if wanted is not None and wanted not in runs:
        st.warning(
            words.literal(
                f"There is no evaluation {wanted!r} in this workspace; the newest is shown."
            )
        )
    run_id = url.choice(
        "Evaluation",
        "run",
        list(runs),
        format_func=lambda name: evaluations.title(runs[name]),
        clears=(*CLEARS, "split", "skill", "other_skill", "outcome"),
        label_visibility="collapsed",
    )
    assert run_id is not None
    return runs[run_id]


def part_of(document: Document) -> headline.Part:
    """The split this page looks at; one to choose when several were evaluated."""
    parts = {part["split"]: part for part in document["parts"]}
    if len(parts) == 1:
        return dict(document["parts"][0])
    chosen = url.segments(
        "Questions of",
        "split",
        list(parts),
        format_func=lambda name: parts[name]["title"],
        clears=(*CLEARS, "skill", "other_skill"),
    )
    return dict(parts[chosen])


def headlines(document: Document) -> None:
    """What came out, for each split: both rates, the difference, its interval and the finding."""
    cards = "".join(_headline(part) for part in document["parts"])
    st.html(f'<div class="cm-headlines">{cards}</div>')
    names = {role: escape(words.model(document[role])) for role in ("baseline", "model")}
    settings = document["settings"]
    look.line(
        f'<b class="cm-is-baseline">○ {names["baseline"]}</b> baseline',
        f'<b class="cm-is-model">● {names["model"]}</b> tuned model',
        f"on {escape(document['question_set'])}",
        "chain of thought" if document["style"] == "cot" else "direct prompts",
        f"n = {settings['n']}, temperature {settings['temperature']:g},"
        f" top-p {settings['top_p']:g}",
        look.when(words.run_time(document["run"])),
    )
    for text in document["warnings"]:
        st.warning(words.literal(text), icon=":material/warning:")


def _headline(part: headline.Part) -> str:
    found = headline.first(part)
    name = f"<i>{escape(part['title'])} pass@1</i>"
    if found is None:
        return f'<span class="cm-card">{name}<em>no question has scored answers of both</em></span>'
    gap = found["difference"]
    value = f"{found['baseline']:.2f} {headline.ARROW} {found['run']:.2f}"
    interval = "no interval" if gap["low"] is None else words.interval(gap["low"], gap["high"])
    title = f"{part['headline']}, paired over {gap['questions']:,} questions"
    return (
        f'<span class="cm-card" title="{escape(title, quote=True)}">{name}<b>{value}</b>'
        f"<strong>{words.signed(gap['value'])} {interval}</strong>"
        f" {look.chip(look.FINDING[found['finding']])}</span>"
    )


def cards(part: headline.Part) -> None:
    """Further figures of a split: pass@k, mean score, length, questions won and lost."""
    comparison = part["comparison"]
    rows = comparison["differences"]
    last = [row for row in rows[1:] if row["name"].startswith("pass@")][-1:]
    found = [_card(row, 3) for row in (*last, *rows[-1:])]
    found.append(_card(comparison["tokens_per_answer"], 1))
    found += [
        f'<span class="cm-card"><i>questions {outcome}</i><b>{comparison[outcome]:,}'
        f"<small>of {comparison['common_questions']:,}</small></b></span>"
        for outcome in ("won", "lost", "same")
    ]
    st.html(f'<div class="cm-cards">{"".join(found)}</div>')


def _card(row: Document, digits: int) -> str:
    if row["run"] is None:
        return ""
    gap = row["difference"]
    tone = {"better": ' class="cm-up"', "worse": ' class="cm-down"'}.get(row["finding"], "")
    interval = words.interval(gap["low"], gap["high"], digits) if gap["low"] is not None else ""
    return (
        f'<span class="cm-card"><i>{escape(row["name"])}</i><b>{row["run"]:.{digits}f}'
        f"<small>was {row['baseline']:.{digits}f}</small></b><em{tone}"
        f' title="{escape(row["finding"])}">{words.signed(gap["value"], digits)} {interval}'
        "</em></span>"
    )


def curves(document: Document, part: headline.Part) -> None:
    """pass@k of both models, and the questions by how much they changed."""
    left, right = st.columns(2, gap="medium")
    with left:
        look.heading("pass@k", "mean over questions, band: 95% interval")
        both = [
            (words.model(document[role]), evaluations.steps(part[role]))
            for role in ("model", "baseline")
        ]
        charts.show(rate_charts.ladder(both), "ladder", "pass@k of both models against k")
    with right:
        look.heading("Questions by change", "number of questions")
        outcomes = evaluations.table(part["comparison"]["outcomes"])
        if len(outcomes):
            made = evaluation_charts.gains(outcomes)
            charts.show(made, "gains", "Questions by change of their pass rate")
    st.caption(
        f"Intervals: {document['interval_method']}; differences are paired by question. A"
        " difference whose interval holds zero is no difference."
    )


def by_skill(document: Document, part: headline.Part) -> None:
    """pass@1 of both models per skill, and the difference beside it."""
    order = evaluations.table(part["comparison"]["by_skill"])
    order = order.sort_values("difference", ascending=False).reset_index(drop=True)
    left, right = st.columns(2, gap="medium")
    with left:
        look.heading("pass@1 per skill")
        charts.show(_rates(document, part, "skill"), "skills", "pass@1 per skill, both models")
    with right:
        look.heading("Difference per skill", "largest gain first")
        made = evaluation_charts.differences(order, "skill")
        charts.show(made, "skill_differences", "Difference in pass@1 per skill with intervals")
    st.caption(compare.ALONE)
    _download(document, part, "skill", order)


def _rates(document: Document, part: headline.Part, column: str, **more: Any) -> Any:
    rows = [
        (words.model(document[role]), evaluations.table(part[role][f"by_{column}"]))
        for role in ("model", "baseline")
    ]
    return rate_charts.rates_by(rows, column, **more)


def by_pair(document: Document, part: headline.Part) -> None:
    """The difference per pair of skills; a clicked cell lists its questions."""
    pairs = evaluations.table(part["comparison"]["by_skill_pair"])
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        clear_only = st.toggle(
            "Colour clear differences only", True, key="clear-only", persist_state="session"
        )
        st.caption(
            "Difference in pass@1 in percentage points, interval and finding on hover; diagonal: a"
            " skill over all its questions. Click a cell to list its questions."
        )

    def clicked() -> None:
        pair = charts.clicked_pair(st.session_state["pair_differences"])
        if pair is not None:
            skill, other = pair
            second = None if skill == other else other
            url.put(skill=skill, other_skill=second, show=VIEWS[-1], page=None)

    charts.show(
        rate_charts.difference_map(
            pairs, texts=pairs["skill"].nunique() <= pass_views.WIDE, clear_only=clear_only
        ),
        "pair_differences",
        "Difference in pass@1 per pair of skills",
        on_select=clicked,
        selection_mode="points",
    )
    st.caption(compare.ALONE)
    _download(document, part, "skill_pair", pairs)


def by_k_and_split(document: Document, part: headline.Part) -> None:
    """pass@1 of both models, and the difference, per number of skills and per split."""
    for column, place in zip(("k", "split"), st.columns(2, gap="medium"), strict=True):
        with place:
            look.heading(f"pass@1 by {'number of skills' if column == 'k' else 'split'}")
            rows = evaluations.table(part["comparison"][f"by_{column}"])
            size = 90 + 36 * len(rows)
            made = _rates(document, part, column, height=size)
            charts.show(made, f"by_{column}", f"pass@1 by {column}, both models")
            made = evaluation_charts.differences(rows, column, height=size + 20)
            charts.show(made, f"{column}_differences", f"Difference in pass@1 by {column}")


def verdicts(document: Document, part: headline.Part) -> None:
    """The share of each verdict in both models' answers, and how it shifted."""
    both = [(words.model(document[r]), part[r]["verdicts"]) for r in ("baseline", "model")]
    charts.show(rate_charts.verdicts(both), "verdict_bar", "Share of each verdict, both models")
    rows = []
    for row in part["comparison"]["verdict_shift"]:
        if row["run"] or row["baseline"]:
            gap = row["difference"]
            interval = "" if gap["low"] is None else words.interval(gap["low"], gap["high"], 3)
            rows.append(
                f"<tr><td>{look.chip(look.STATUS[Status(row['name'])])}</td>"
                f"<td class=cm-right>{words.share(row['baseline'])}</td>"
                f"<td class=cm-right>{words.share(row['run'])}</td>"
                f"<td class=cm-right>{words.signed(gap['value'], 3)} {interval}</td>"
                f"<td class=cm-fit>{look.chip(look.FINDING[row['finding']])}</td></tr>"
            )
    heads = "".join(
        f"<th{' class=cm-right' if place else ''}>{name}</th>"
        for place, name in enumerate(("verdict", "baseline", "model", "difference"))
    )
    st.html(
        f'<table class="cm-table"><thead><tr>{heads}<th></th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _download(document: Document, part: headline.Part, by: str, rows: pd.DataFrame) -> None:
    with st.container(horizontal=True):
        command = f"python -m codemix_core export-evaluation {document['run']} -o evaluation.json"
        tables.downloads(f"{document['run']}-{part['split']}-{by}", lambda: rows, command)


def exports(document: Document) -> None:
    """The whole evaluation as a file, and the command that writes it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for ending, write in exporting.WRITERS.items():
            st.download_button(
                f"Export {ending[1:].upper()}",
                data=lambda write=write: write(document).encode(),  # type: ignore[misc]
                file_name=f"{document['run']}{ending}",
                mime=MIME[ending],
                key=f"export{ending}",
                icon=":material/download:",
                on_click="ignore",
            )
        run_id = document["run"]
        forms.command(f"python -m codemix_core export-evaluation {run_id} --out {run_id}.html")
