"""GRPO groups: all scored answers of a question with their rewards and advantages."""

from __future__ import annotations

import streamlit as st

from codemix_core.ui import frame, group_views, look, selection_data, selection_rules

workspace = frame.begin("GRPO groups", "all scored answers of a question, with their advantages")
selection = selection_data.pick(workspace, ("question", "sample", "built"))
if selection is None:
    st.stop()


@st.fragment
def rule_and_groups(chosen: selection_data.Selection) -> None:
    """All that follows the rule."""
    values = group_views.rule(chosen)
    part = selection_data.of_split(chosen, values["split"])
    spec = selection_rules.rule(values)
    if spec is None:
        return
    found = group_views.made(part, spec.group_rule(), spec.split)
    group_views.overview(part, found)
    selection_rules.ignored(part)
    look.heading("Groups", "rewards and both advantages of every different program")
    with st.container(gap="xsmall", key="review"):
        group_views.browse(part, found)
    look.heading("Build", "the rule above")
    selection_rules.build(workspace, values, part)
    selection_rules.built(workspace)


rule_and_groups(selection)
