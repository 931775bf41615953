"""The next round from an evaluated model: a loop with the settings of the round it came from."""

from __future__ import annotations

from typing import Any

import streamlit as st

from codemix_core import jobs
from codemix_core.errors import InputError
from codemix_core.loop.again import next_round
from codemix_core.ui import forms, home, look, words
from codemix_core.workspace import Workspace

LABEL = "Next round"


def draw(workspace: Workspace, document: dict[str, Any]) -> None:
    """The button with its command, or why there is none; and the loops begun from the model."""
    model = document["model"]
    note = f"sample, score, build, train and evaluate again, from {words.model(model)} on"
    look.heading(LABEL, note)
    try:
        spec = next_round(workspace, model, document)
    except InputError as error:
        st.button(LABEL, key="next-round", icon=forms.START, disabled=True)
        reasons = " ".join(f"{p.what} {p.fix}" for p in error.problems)
        st.caption(words.literal(f"{reasons[:1].upper()}{reasons[1:]}"))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        forms.launch_button(workspace, spec, "next-round", LABEL, shows=None)
        forms.command(spec.command_line())
    _begun(workspace, model)


def _begun(workspace: Workspace, model: str) -> None:
    for run in workspace.runs("loop"):
        if run.load_spec()["model"] != model:
            continue
        place = home.where(run)
        assert place is not None
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            page, query = place
            label = f"`{words.short_run(run.run_id)}`"
            st.page_link(page, label=label, query_params=dict(query), help=run.run_id)
            status = jobs.status(run)
            look.line(look.chip(look.STATE[status.state]), look.when(words.run_time(run.run_id)))
