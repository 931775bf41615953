"""Preflight of a dataset: the form, and what training would see, token by token."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from codemix_core import jobs
from codemix_core.datasets.preflight import PreflightSpec
from codemix_core.datasets.registry import DatasetInfo, newest_preflight
from codemix_core.sampling.spec import NANO
from codemix_core.ui import charts, forms, live, look, words
from codemix_core.workspace import RunDir, Workspace

SIDES = {"answer": "Answer", "chosen": "▲ Chosen", "rejected": "▼ Rejected"}


def draw(workspace: Workspace, info: DatasetInfo) -> None:
    """The newest report, the run that makes a new one, and the form."""
    running = newest_run(workspace, info.run_id)
    if running is not None and jobs.status(running).state != jobs.State.SUCCEEDED:
        live.panel(running)
    report = newest_preflight(workspace, info.run_id)
    if report is None:
        st.html(
            '<div class="cm-empty"><b>Not checked yet.</b>Preflight loads the dataset with'
            " torchtune’s own classes and the model’s tokenizer, and shows which tokens would be"
            " trained on.</div>"
        )
    else:
        show(report)
    look.heading("Check" if report is None else "Check again")
    _form(workspace, info)


def newest_run(workspace: Workspace, dataset: str) -> RunDir | None:
    """The newest preflight run of a dataset, in whatever state."""
    for run in workspace.runs("preflight"):
        if run.load_spec()["dataset"] == dataset:
            return run
    return None


def _form(workspace: Workspace, info: DatasetInfo) -> None:
    form = forms.SpecForm(PreflightSpec, f"preflight-{info.run_id}")
    form.put("dataset", info.run_id)
    first, second, third = st.columns([4, 2, 2])
    with first:
        known = [NANO, *workspace.models()]
        form.field(
            "model",
            "Model to be trained",
            options=known,
            default=_sampled(info) or NANO,
            accept_new_options=True,
        )
    with second:
        form.field("max_seq_len", "Tokens per row", placeholder="the model's context")
    with third:
        form.field("rows", "Rows to look at")
    spec = form.parse(workspace)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if spec is None:
            st.button("Run preflight", key="preflight.wrong", type="primary", disabled=True)
            return
        forms.launch_button(
            workspace, spec, f"preflight-{info.run_id}", "Run preflight", shows=None
        )
        forms.command(spec.command_line())


def _sampled(info: DatasetInfo) -> str | None:
    """The model the answers were sampled from."""
    assert info.document is not None
    source = info.document["lineage"]
    return str(source["sampling"]["spec"]["model"]) if "sampling" in source else None


def verdict(report: dict[str, Any]) -> str:
    """The outcome of a preflight in one line of HTML."""
    wrong = len(report["problems"]) + len(report["build_problems"])
    state = look.STATE[jobs.State.FAILED if wrong else jobs.State.SUCCEEDED]
    text = words.count(wrong, "problem") if wrong else "no problem"
    return look.chip(state, f"preflight: {text}")


def show(report: dict[str, Any]) -> None:
    """A report: outcome, figures, token lengths, and the first example in two colours.

    Its problems stand above, on every view of the dataset: they block the export.
    """
    look.line(
        verdict(report),
        f"with the tokenizer of <b>{escape(str(report['model']))}</b>",
        f"{report['rows_examined']:,} rows looked at",
    )
    for text in report["warnings"]:
        st.warning(words.literal(f"{text[:1].upper()}{text[1:]}."), icon=":material/info:")
    left, right = st.columns([4, 6], gap="medium")
    with left:
        _figures(report)
        _lengths(report)
    with right:
        _first(report)


def _figures(report: dict[str, Any]) -> None:
    lengths, sampled = report["lengths"], report["sampled"]
    loaded = ", ".join(f"{count:,} {side}" for side, count in report["rows_loaded"].items())
    limit = report["max_seq_len"]
    same = ""
    if sampled["prompts"]:
        same = f"{sampled['same_prompts']:,} of {sampled['prompts']:,}"
    answers = ""
    if sampled["answers"]:
        answers = f"{sampled['same_answers']:,} of {sampled['answers']:,}"
    look.facts(
        {
            "rows torchtune loads": escape(loaded),
            "tokens per row, median": f"{lengths['median']:,.0f}",
            "longest": f"{lengths['max']:,}",
            "limit": f"{limit:,}" if limit else "none",
            "truncated": words.share(report["truncated_share"]),
            "trained tokens": f"{report['trained_tokens']:,}",
            "per row": f"{report['mean_trained_tokens']:.1f}",
            "prompts tokenised as sampled": same,
            "answers tokenised as sampled": answers,
        }
    )


def _lengths(report: dict[str, Any]) -> None:
    found = report["lengths"]
    if not found["counts"]:
        return
    look.heading("Tokens per row", f"95% have at most {found['p95']:,.0f}")
    edges = found["edges"]
    width = edges[1] - edges[0]
    bars = go.Bar(
        x=[edge + width / 2 for edge in edges[:-1]],
        y=found["counts"],
        marker_color=look.ACCENT_FILL,
        hovertemplate="about %{x:.0f} tokens: %{y} rows<extra></extra>",
    )
    made = charts.figure([bars], height=180, x="tokens", y="rows")
    limit = report["max_seq_len"]
    if limit and limit <= edges[-1] * 1.5:
        made.add_vline(x=limit, line_width=2, line_color=look.OTHER_FILL)
    charts.show(made, "token-lengths", "Histogram of tokens per row")


def _first(report: dict[str, Any]) -> None:
    """The first example; trained and masked tokens in different colours."""
    look.heading("First example", "as torchtune gives it to training")
    st.html(
        '<div class="cm-line"><span class="cm-runs-key"><i class="cm-trained">trained</i>'
        ' <i class="cm-masked">masked, no loss</i></span></div>'
    )
    for name, runs in report["first"].items():
        if len(report["first"]) > 1:
            st.caption(SIDES[name])
        spans = "".join(
            f'<span class="{"cm-trained" if trained else "cm-masked"}">{escape(text)}</span>'
            for text, trained in runs
        )
        st.html(f'<div class="cm-runs">{spans}</div>')
