"""A dataset's rows as they are trained on, its rule, and its overlap with other sets."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from codemix_core.datasets import decontamination
from codemix_core.datasets.registry import DatasetInfo, find, preview
from codemix_core.datasets.rows import SIDES
from codemix_core.ui import charts, forms, generation, look, url, word_diff, words
from codemix_core.workspace import Workspace


def rows(workspace: Workspace, info: DatasetInfo) -> None:
    """One row at a time, prompt and answer as they stand in the dataset."""
    document = info.document
    assert document is not None
    sides = [side for side in SIDES if side in info.rows]
    if not sides:
        st.caption("This dataset has no row.")
        return
    side = url.segments("Side", "side", sides)
    total = info.rows[side]
    at = min(url.get_int("row") or 0, total - 1)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, key, target in (("Previous", "k", at - 1), ("Next", "j", at + 1)):
            st.button(
                label,
                key=f"row-{key}",
                shortcut=key,
                disabled=not 0 <= target < total,
                on_click=lambda target: url.put(row=target),
                args=(target,),
            )
        st.html(f'<span class="cm-place-in"><b>{at + 1:,}</b> of {total:,}</span>', width="content")
    found = _row(str(workspace.root), info.run_id, side, at)
    if found is None:
        return
    look.line(look.mono(found["question_id"]), *_about(found))
    left, right = st.columns([2, 3], gap="medium")
    with left:
        look.heading("Prompt")
        for turn in json.loads(found["messages"]):
            st.caption(turn["role"])
            st.code(turn["content"], language="markdown", wrap_lines=True)
    with right:
        _answer(found)


@st.cache_data(max_entries=64, show_spinner=False)
def _row(root: str, run_id: str, side: str, at: int) -> dict[str, Any] | None:
    run, document = find(Workspace(Path(root)), run_id)
    found = preview(run, document, side, at, 1)
    return found[0] if found else None


def _about(found: dict[str, Any]) -> list[str]:
    if "chosen" in found:
        return [
            f"chosen {found['chosen_score']:.2f}, rejected {found['rejected_score']:.2f}",
            f"samples {found['chosen_index']} and {found['rejected_index']}",
            f"decided by {'a person: ' if found['decision'] != 'rule' else ''}{found['decision']}",
        ]
    if "answers" in found:
        return [
            words.count(len(found["answers"]), "member"),
            f"mean reward {found['mean_reward']:.3f}, std {found['std_reward']:.3f}",
        ]
    score = f"score {found['score']:.2f}" if found["score"] is not None else ""
    return [escape(found["source"].replace("_", " ")), score, escape(found["reason"])]


def _answer(found: dict[str, Any]) -> None:
    if "chosen" in found:
        left, right = st.columns(2)
        left.html('<b class="cm-side cm-is-chosen">▲ chosen</b>')
        right.html('<b class="cm-side cm-is-rejected">▼ rejected</b>')
        one, other = (found[name].rstrip("\n") for name in ("chosen", "rejected"))
        st.html(word_diff.table(one, other, "markdown"))
        return
    if "answers" in found:
        columns = zip(
            *(found[n] for n in ("sample_indexes", "rewards", "advantages", "unscaled_advantages")),
            strict=True,
        )
        body = [
            [str(sample), f"{reward:.3f}", words.signed(scaled), words.signed(plain, 3)]
            for sample, reward, scaled, plain in columns
        ]
        with st.container(height=360):
            generation.table(["sample", "reward", "advantage", "unscaled"], body)
        return
    look.heading("Answer")
    st.code(found["answer"], language="markdown", wrap_lines=True)


def rule(info: DatasetInfo) -> None:
    """The settings that decided what is in it, counts, decisions, and the command to rebuild."""
    document = info.document
    assert document is not None
    left, middle, right = st.columns([3, 3, 5], gap="medium")
    with left:
        look.heading("Rule")
        generation.table(
            ["setting", "value"],
            [[escape(name), escape(_text(value))] for name, value in document["rule"].items()],
            fit=(1,),
        )
    with middle:
        look.heading("Counts")
        generation.table(
            ["what", "number"],
            [[escape(n.replace("_", " ")), f"{v:,}"] for n, v in document["counts"].items()],
        )
    with right:
        look.heading("Decisions applied", "by people")
        applied = document["annotations"]["applied"]
        for made in applied[-12:]:
            samples = f"{made['chosen']}" + (
                f" over {made['rejected']}" if made["rejected"] is not None else ""
            )
            look.line(
                f"<b>{escape(made['action'])}</b>",
                look.mono(made["question_id"]),
                f"sample {samples}",
                f"by {escape(made['author'])}",
                f"“{escape(made['reason'])}”" if made["reason"] else "",
            )
        if len(applied) > 12:
            st.caption(f"The last 12 of {len(applied):,}; all are in the exported dataset.json.")
        if not applied:
            st.caption("None: the rule alone.")
        look.heading("Rebuild", "gives the same bytes")
        forms.command(document["rebuild"])
        for side, found in document["files"].items():
            if found["torchtune"]:
                look.heading("torchtune", f"{side} side")
                st.code(found["torchtune"], language="yaml", wrap_lines=True)


def _text(value: Any) -> str:
    if value is None:
        return "all"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def overlap(workspace: Workspace, info: DatasetInfo) -> None:
    """How much the dataset overlaps with a question set it must not have seen."""
    document = info.document
    assert document is not None
    own = document["lineage"]["questions"]["name"]
    others = [s.name for s in workspace.question_sets() if s.name != own]
    if not others:
        st.caption(
            "There is no other question set. Import the one the model is measured on, for example"
            " HumanEval or MBPP as JSON Lines, to see whether the dataset has seen it."
        )
        return
    first, second, third = st.columns([3, 2, 3], vertical_alignment="bottom")
    against = first.selectbox("Question set it must not have seen", others, key="against")
    n = int(second.number_input("Words per n-gram", 1, 50, 13, key="ngram"))
    least = third.slider(
        "Least share to list, either way", 0.0, 1.0, 0.5, 0.05, key="least",
        help="Of a trained statement's n-grams, those found in the other set; and of the n-grams"
        " of one question there, those found in the trained statement. The higher one counts.",
    )  # fmt: skip
    with st.spinner("Comparing …", show_time=True):
        found = _report(str(workspace.root), info.run_id, str(against), n, least)
    look.facts(
        {
            "questions": f"{found.questions:,}",
            f"at least {least:.0%} of {n}-grams, either way": f"<b>{found.by_text:,}</b>",
            "with the same program": f"<b>{found.by_program:,}</b>",
        }
    )
    worst = [max(both) for both in zip(found.shares, found.contained, strict=True)]
    bars = go.Histogram(x=worst, xbins={"start": 0, "end": 1.0001, "size": 0.05},
                        marker_color=look.ACCENT_FILL)  # fmt: skip
    made = charts.figure([bars], height=180, x="share of n-grams, the higher one", y="questions")
    made.update_xaxes(range=[0, 1.05])
    charts.show(made, "overlap", "Histogram of the higher share of n-grams of each question")
    generation.table(
        ["question", f"of it in {escape(str(against))}", "of a question in it", "most like",
         "same program as"],
        [
            [look.mono(o.question_id), f"{o.share:.0%}", f"{o.contained:.0%}",
             look.mono(o.nearest or ""), look.mono(", ".join(o.same_program[:4]))]
            for o in found.overlaps[:50]
        ],
    )  # fmt: skip
    if len(found.overlaps) > 50:
        st.caption(f"The worst 50 of {len(found.overlaps):,}.")
    forms.command(
        f"python -m codemix_core decontaminate {info.run_id} --against {against} -n {n}"
        f" --threshold {least:g}"
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _report(root: str, run_id: str, against: str, n: int, least: float) -> decontamination.Report:
    return decontamination.report(Workspace(Path(root)), run_id, against, n, least)
