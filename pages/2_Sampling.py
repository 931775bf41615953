"""Sampling: n answers per question from a model, and what it answered."""

from __future__ import annotations

import streamlit as st

from codemix_core import jobs
from codemix_core.ui import browser, data, frame, live, look, sampling_form, url

workspace = frame.begin("Sampling", "n answers per question from a model")
if not workspace.question_sets():
    st.html(
        '<div class="cm-empty"><b>There is nothing to sample yet.</b>Import a question set first;'
        " the bundled nano questions come with a model that answers them on any machine.</div>"
    )
    st.page_link("pages/1_Questions.py", label="Go to Questions", icon=":material/quiz:")
    st.stop()

looking = url.get("run") is not None
new = st.expander("New run", expanded=not looking, key=f"new-run-{looking}", on_change="rerun")
if new.open:
    with new:
        left, right = st.columns([3, 2], gap="large")
        with left:
            form, spec = sampling_form.form(workspace)
        with right:
            usable = sampling_form.show_preview(workspace, form, spec)
        form.launch(workspace, spec if usable else None, "Sample")

look.heading("Runs")
run = browser.pick_run(workspace)
if run is None:
    st.caption("No run yet. What you sample appears here, live.")
    st.stop()
shown = [other for other in data.live_runs(workspace) if other.stage in data.SAMPLING]
for other in {r.run_id: r for r in [run, *shown]}.values():
    live.panel(other)
if jobs.status(run).state.alive:
    st.caption("Generations written so far; reload the page, or wait for the run to end, for more.")
look.heading("Generations", "← and → go to the previous and the next one")
browser.browse(workspace, run)
