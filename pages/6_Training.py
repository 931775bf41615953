"""Training: a dataset, a model and a recipe in; curves, checkpoints and a better model out."""

from __future__ import annotations

import streamlit as st

from codemix_core.ui import frame, look, selection_data, training_form, training_views, url

workspace = frame.begin("Training", "torchtune on a dataset a person has looked at")
complete = [d for d in selection_data.datasets(workspace) if d.document is not None]
started = workspace.runs("train")
if not complete and not started:
    st.html(
        '<div class="cm-empty"><b>There is nothing to train on yet.</b>Build a dataset first: gold'
        " solutions need no samples; picks, pairs and groups come from a scored run.</div>"
    )
    with st.container(horizontal=True):
        for path, label in (
            ("pages/4_Best_of_N.py", "Best of N, gold solutions"),
            ("pages/5_DPO_pairs.py", "DPO pairs"),
            ("pages/5_GRPO_groups.py", "GRPO groups"),
        ):
            st.page_link(path, label=label, icon=":material/arrow_forward:")
    st.stop()

if complete:
    fresh = url.get("run") is None
    new = st.expander("New training run", expanded=fresh, key=f"new-{fresh}", on_change="rerun")
    if new.open:
        with new:
            training_form.form(workspace)
look.heading("Runs")
if not started:
    st.caption("No run yet. What you train appears here, live.")
    st.stop()
training_views.runs(workspace)
