"""Datasets: every dataset with its lineage, rows, preflight, export and end."""

from __future__ import annotations

import streamlit as st

from codemix_core.ui import (
    dataset_export,
    dataset_list,
    dataset_rows,
    frame,
    live,
    look,
    preflight_views,
    selection_data,
    url,
)

VIEWS = ("Rows", "Preflight", "Rule and counts", "Overlap", "Export")

workspace = frame.begin("Datasets", "what training reads: where it comes from, checked, exported")
found = selection_data.datasets(workspace)
if not found:
    st.html(
        '<div class="cm-empty"><b>There is no dataset yet.</b>Choose a rule on one of these pages'
        " and build one; gold solutions need no samples.</div>"
    )
    with st.container(horizontal=True):
        for path, label in (
            ("pages/4_Best_of_N.py", "Best of N, gold solutions"),
            ("pages/5_DPO_pairs.py", "DPO pairs"),
            ("pages/5_GRPO_groups.py", "GRPO groups"),
        ):
            st.page_link(path, label=label, icon=":material/arrow_forward:")
    st.stop()

opened = dataset_list.table(workspace, found)
info = next(entry for entry in found if entry.run_id == opened)
if info.document is None:
    live.panel(workspace.run(info.run_id))
    dataset_export.delete(workspace, info)
    st.stop()
dataset_list.lineage(workspace, info)
dataset_list.facts(info)
dataset_list.known_wrong(workspace, info)
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    view = url.segments("About the dataset", "rows", VIEWS)
    dataset_export.delete(workspace, info)
if view == "Preflight":
    preflight_views.draw(workspace, info)
elif view == "Rule and counts":
    dataset_rows.rule(info)
elif view == "Overlap":
    dataset_rows.overlap(workspace, info)
elif view == "Export":
    dataset_export.export(workspace, info)
else:
    look.heading("Rows", "as they are trained on")
    dataset_rows.rows(workspace, info)
