"""Questions: what is asked, how skills mix, and whether the gold solutions hold."""

from __future__ import annotations

import streamlit as st

from codemix_core.questions.importer import NANO
from codemix_core.ui import data, frame, importing, live, look, question_views, url, words

workspace = frame.begin("Questions", "the sets that models are asked, and their gold solutions")
names = [question_set.name for question_set in workspace.question_sets()]

picker, nano, importer = st.columns([6, 2, 2], vertical_alignment="bottom")
with picker:
    name = url.choice(
        "Question set",
        "set",
        names,
        clears=("question", "page", *question_views.FILTERS),
        placeholder="no question set yet",
        label_visibility="collapsed",
    )
with nano:
    if NANO not in names:
        st.button(
            "Import nano",
            key="import-nano",
            icon=":material/egg:",
            type="secondary" if names else "primary",
            help="python -m codemix_core import nano",
            on_click=importing.import_nano,
            args=(workspace,),
            width="stretch",
        )
with importer, st.popover("Import…", icon=":material/upload:", width="stretch"):
    importing.form(workspace)

if name is None:
    st.html(
        '<div class="cm-empty"><b>No questions yet.</b>Import the bundled nano questions, or your'
        " own: the scripts’ questions.json, the viewer’s JSON, a folder per question, or JSON"
        " Lines.</div>"
    )
    st.stop()
wanted = url.get("set")
if wanted is not None and wanted not in names:
    st.warning(
        words.literal(f"There is no question set {wanted!r} in this workspace; {name} is shown.")
    )

question_set = workspace.question_set(name)
question_views.summary(workspace, question_set)
checking = question_views.self_check_run(workspace, name)
if checking is not None:
    live.panel(checking)

newest = data.newest_score(workspace, name)
scored = newest.run_id if newest else None
question_id = url.get("question")
if question_id is not None:
    question_views.detail(workspace, name, question_id, scored)
    st.stop()
left, right = st.columns([9, 11], gap="medium")
with left:
    look.heading("Skill × skill", "number of questions; click a cell to filter the table")
    question_views.skill_map(workspace, name)
with right:
    look.heading("Questions", "click a row to read it")
    question_views.table(workspace, name, scored)
