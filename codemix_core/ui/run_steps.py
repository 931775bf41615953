"""The steps of a run that is made of runs: name, state, run and where it stands, in order."""

from __future__ import annotations

from html import escape

import streamlit as st

from codemix_core import chain, jobs
from codemix_core.ui import home, live, look, words
from codemix_core.workspace import RunDir


def draw(run: RunDir) -> None:
    """The runs an evaluation or a loop is made of, live while it runs."""
    alive = jobs.status(run).state.alive
    st.fragment(_now, run_every=live.every(alive))(run)


def _now(run: RunDir) -> None:
    found = chain.steps(run)
    if not found:
        st.caption("No step has begun yet.")
        return
    widths = [2.4, 1.4, 2.6, 5]
    with st.container(gap="xxsmall"):
        for name, run_id in found.items():
            label, state, link, message = st.columns(widths, vertical_alignment="center")
            label.html(escape(name))
            child = RunDir(run.workspace, run_id)
            if not child.exists():
                state.html('<span class="cm-muted">gone</span>')
                continue
            status = jobs.status(child)
            state.html(look.chip(look.STATE[status.state]))
            place = home.where(child)
            assert place is not None
            page, query = place
            link.page_link(
                page,
                label=f"`{words.short_run(run_id)}`",
                query_params=dict(query),
                help=run_id,
            )
            short = live.short_progress(status) if status.state.alive else status.message
            text = escape(short, quote=True)
            message.html(f'<span class="cm-one cm-muted" title="{text}">{text}</span>')
