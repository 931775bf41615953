"""The generations of a run: which run, filters, a page of rows, and one answer in full."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.records import GENERATIONS, Status
from codemix_core.store import Store, export_command
from codemix_core.ui import data, generation, live, look, tables, url, words
from codemix_core.workspace import RunDir, Workspace

LONGEST = 2**31 - 1
"""Most tokens a filter can name."""


def pick_run(workspace: Workspace) -> RunDir | None:
    """The sampling run this page looks at."""
    runs = {run.run_id: run for run in data.sampling_runs(workspace)}
    if not runs:
        return None
    wanted = url.get("run")
    if wanted is not None and wanted not in runs:
        st.warning(
            words.literal(
                f"There is no sampling run {wanted!r} in this workspace; the newest is shown."
            )
        )
    run_id = url.choice(
        "Run",
        "run",
        list(runs),
        format_func=lambda name: f"{name} · {live.title(runs[name])}",
        clears=("question", "sample", "page"),
        label_visibility="collapsed",
    )
    return runs[run_id] if run_id else None


def browse(workspace: Workspace, run: RunDir) -> None:
    """The generations of a run: filters, a page of rows, and one generation with its neighbours."""
    if not run.shards(GENERATIONS):
        st.caption("No generation has been written yet.")
        return
    scores = data.scores_of(workspace, run.run_id)
    run_id = scores[0].run_id if scores else run.run_id
    chosen = _filters(scored=bool(scores))
    limit, offset = tables.place()
    page = data.frame(workspace, "generation_page", run_id, limit=limit, offset=offset, **chosen)
    if not len(page):
        tables.beyond_last()
        st.caption("No generation matches these filters.")
        return
    question_id = url.get("question") or str(page["question_id"].iloc[0])
    sample = url.get_int("sample")
    sample = int(page["sample_index"].iloc[0]) if sample is None else sample
    left, right = st.columns([3, 5], gap="medium")
    with left:
        _rows(workspace, run_id, page, chosen, offset, (question_id, sample))
    with right:
        one(workspace, run_id, question_id, sample, chosen)


def _filters(*, scored: bool) -> dict[str, Any]:
    text, status, question, least, most = st.columns([4, 3, 4, 2, 2])
    clears = ("page", "question", "sample")
    with text:
        found = url.text("Answer contains", "text", clears=clears, icon=":material/search:")
    with status:
        options = [*(s.value for s in Status), "unscored"] if scored else ["unscored"]
        wanted = url.choice(
            "Verdict",
            "status",
            options,
            empty="any",
            clears=clears,
            format_func=lambda status: look.ANSWERS[status].label,
        )
    with question:
        only = url.text("Only question", "only", clears=clears, placeholder="id")
    with least:
        low = url.text("Tokens from", "from", clears=clears, placeholder="0")
    with most:
        high = url.text("to", "to", clears=clears, placeholder="any")
    return {
        "question_id": only.strip(),
        "status": wanted or "",
        "text": found,
        "min_tokens": min(int(low), LONGEST) if low.isdecimal() else 0,
        "max_tokens": min(int(high), LONGEST) if high.isdecimal() else LONGEST,
    }


def _rows(
    workspace: Workspace,
    run_id: str,
    page: pd.DataFrame,
    chosen: dict[str, Any],
    offset: int,
    opened: tuple[str, int],
) -> None:
    page["verdict"] = [
        look.of_status(None if pd.isna(status) else status).label for status in page["status"]
    ]
    columns = {
        "question_id": tables.words_column("question", width=168),
        "sample_index": tables.number("sample", width=56),
        "verdict": tables.words_column("verdict", width=102),
        "completion_tokens": tables.number("tokens", width=58),
    }
    tables.choose(
        page,
        f"generations-{run_id}-{offset}-{hash(tuple(page['question_id']))}",
        columns,
        lambda row: url.put(question=row["question_id"], sample=row["sample_index"]),
        selected=lambda rows: (
            (rows["question_id"] == opened[0]) & (rows["sample_index"] == opened[1])
        ),
    )
    everything = {**chosen, "limit": tables.EVERYTHING, "offset": 0}
    tables.footer(
        f"generations-{run_id}",
        "generation",
        int(page["matching"].iloc[0]),
        lambda: Store(workspace).frame("generation_page", run_id, **everything),
        command=export_command(
            run_id, "generation_page", f"generations-{run_id}.csv", **everything
        ),
    )


def one(
    workspace: Workspace, run_id: str, question_id: str, sample: int, chosen: Mapping[str, Any]
) -> None:
    """One generation, with the ones before and after it among those that match."""
    found = data.frame(
        workspace, "generation", run_id, question_id=question_id, sample_index=sample
    )
    if not len(found):
        st.warning(words.literal(f"{run_id} has no generation {question_id} #{sample}."))
        return
    filters = {name: value for name, value in chosen.items() if name != "question_id"}
    near = data.frame(
        workspace,
        "generation_neighbours",
        run_id,
        question_id=question_id,
        sample_index=sample,
        filter_question=chosen["question_id"],
        **filters,
    )
    _neighbours(near.iloc[0] if len(near) else None, question_id, sample)
    prompts = data.frame(workspace, "prompt", run_id, question_id=question_id)
    prompt: Mapping[str, Any] | None = dict(prompts.iloc[0]) if len(prompts) else None
    question = data.questions(data.set_of(workspace, run_id))[question_id]
    generation.show(data.sampling_id(workspace, run_id), found.iloc[0], question, prompt)


def _neighbours(near: pd.Series | None, question_id: str, sample: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, side, icon, key in (
            ("Previous", "previous", ":material/arrow_back:", "Left"),
            ("Next", "next", ":material/arrow_forward:", "Right"),
        ):
            there = near is not None and not pd.isna(near[f"{side}_question"])
            target = (near[f"{side}_question"], near[f"{side}_sample"]) if there else ("", 0)  # type: ignore[index]
            st.button(
                label,
                key=f"go-{side}",
                icon=icon,
                shortcut=key,
                disabled=not there,
                on_click=_go,
                args=target,
            )
        place = f"{int(near['place']):,} of {int(near['matching']):,}" if near is not None else ""
        where = f'{look.mono(question_id)} <span class="cm-muted">sample {sample}</span>'
        st.html(f'<div class="cm-line"><span>{where}</span><span>{escape(place)}</span></div>')


def _go(question_id: str, sample: int) -> None:
    url.put(question=question_id, sample=int(sample))
