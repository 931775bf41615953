"""Home: what is in the workspace, what is running, what to do next."""

from __future__ import annotations

import streamlit as st

from codemix_core.ui import data, frame, home, live, look

workspace = frame.begin("Home", "sample, score and look: the loop so far")

loop = (
    ("pages/1_Questions.py", "Questions", len(workspace.question_sets())),
    ("pages/2_Sampling.py", "Samples", len(data.sampling_runs(workspace))),
    ("pages/3_Pass_rates.py", "Scores", len(workspace.runs("score"))),
    ("pages/5_Datasets.py", "Datasets", len(workspace.runs("build"))),
    ("pages/7_Evaluation.py", "Evaluations", len(workspace.runs("evaluate"))),
)
with st.container(key="loop", horizontal=True, vertical_alignment="center", gap="xsmall"):
    for place, (path, label, number) in enumerate(loop):
        if place:
            st.markdown(":gray[─]", width="content")
        st.page_link(path, label=f"{label} **{number}**")

running = data.live_runs(workspace)
if running:
    look.heading("Running now")
    for run in running:
        live.panel(run)

look.heading("What to do next")
home.draw_steps(workspace, alive=bool(running))

home.best_models(workspace)
if workspace.runs():
    look.heading("Recent runs")
    home.recent_runs(workspace)
