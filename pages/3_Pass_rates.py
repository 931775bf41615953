"""Pass rates: how often the model is right, where, and why not."""

from __future__ import annotations

import streamlit as st

from codemix_core import jobs
from codemix_core.records import VERDICTS
from codemix_core.ui import drill, frame, live, look, pass_views, url

workspace = frame.begin("Pass rates", "how often the model is right, on what, and why not")
run, other = pass_views.pick(workspace)
if run is None:
    st.html(
        '<div class="cm-empty"><b>There is nothing to score yet.</b>Sample some answers first; they'
        " are then judged here by the unit tests of their questions.</div>"
    )
    st.page_link("pages/2_Sampling.py", label="Go to Sampling", icon=":material/casino:")
    st.stop()
if run.stage != "score":
    pass_views.unscored(workspace, run)
    st.stop()

status = jobs.status(run)
if status.state != jobs.State.SUCCEEDED:
    live.panel(run)
pass_views.unfinished(workspace, run, other)
pass_views.cards(workspace, run, other)
if not run.shards(VERDICTS):
    st.stop()
if status.state.alive:
    st.caption("The figures above are live; charts and tables show what was scored at page load.")
if other is not None:
    pass_views.left_out(workspace, run, other)
question_id = url.get("question")
if question_id is not None:
    drill.question(workspace, run, other, question_id)
    st.stop()
pass_views.curves(workspace, run, other)

view = url.segments("Show", "show", pass_views.VIEWS)
if view == "Skills":
    pass_views.by_skill(workspace, run, other)
elif view == "Skill × skill":
    pass_views.by_pair(workspace, run, other)
elif view == "k and split":
    pass_views.by_k_and_split(workspace, run, other)
else:
    drill.table(workspace, run, other)

if status.state == jobs.State.SUCCEEDED:
    about = st.expander("This run", icon=":material/info:", key="about-run", on_change="rerun")
    if about.open:
        with about:
            live.panel(run)
            look.heading("Score these generations again")
            pass_views.score_form(workspace, workspace.run(run.load_spec()["run"]))
