"""Evaluation: did the model become better, on questions it never saw."""

from __future__ import annotations

import streamlit as st

from codemix_core import jobs
from codemix_core.ui import (
    evaluation_form,
    evaluation_next,
    evaluation_questions,
    evaluation_views,
    evaluations,
    frame,
    lineage_view,
    live,
    look,
    run_steps,
    url,
)

workspace = frame.begin("Evaluation", "did the model become better, on questions it never saw")
if not workspace.question_sets():
    st.html(
        '<div class="cm-empty"><b>There is nothing to measure on yet.</b>Import a question set'
        " first; the bundled nano questions keep some for measuring.</div>"
    )
    st.page_link("pages/1_Questions.py", label="Go to Questions", icon=":material/quiz:")
    st.stop()

looking = url.get("run") is not None or (
    bool(workspace.runs("evaluate")) and url.get("model") is None
)
new = st.expander(
    "New evaluation", expanded=not looking, key=f"new-evaluation-{looking}", on_change="rerun"
)
if new.open:
    with new:
        evaluation_form.form(workspace)

run = evaluation_views.pick(workspace)
if run is None:
    st.caption("No evaluation yet. What you start appears here, live.")
    st.stop()
status = jobs.status(run)
document = evaluations.document(run)
if status.state != jobs.State.SUCCEEDED or document is None:
    live.panel(run)
    look.heading("Steps", "each a run of its own")
    run_steps.draw(run)
    st.stop()

evaluation_views.headlines(document)
part = evaluation_views.part_of(document)
question_id = url.get("question")
if question_id is not None:
    evaluation_questions.question(workspace, document, part, question_id)
    st.stop()
evaluation_views.cards(part)
evaluation_views.curves(document, part)

view = url.segments("Show", "show", evaluation_views.VIEWS)
if view == "Skills":
    evaluation_views.by_skill(document, part)
elif view == "Skill × skill":
    evaluation_views.by_pair(document, part)
elif view == "k and split":
    evaluation_views.by_k_and_split(document, part)
elif view == "Verdicts":
    evaluation_views.verdicts(document, part)
else:
    evaluation_questions.table(document, part)

lineage_view.draw(workspace, run.run_id)
evaluation_next.draw(workspace, document)
look.heading("Export", "one file, for people without this workspace")
evaluation_views.exports(document)
about = st.expander("This run", icon=":material/info:", key="about-run", on_change="rerun")
if about.open:
    with about:
        live.panel(run)
        run_steps.draw(run)
