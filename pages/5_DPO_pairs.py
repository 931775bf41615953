"""DPO pairs: what a pairing rule yields before it is applied, and every pair read by eye."""

from __future__ import annotations

import streamlit as st

from codemix_core.ui import (
    frame,
    look,
    pair_review,
    pair_yield,
    selection_data,
    selection_rules,
    url,
)

workspace = frame.begin(
    "DPO pairs", "chosen against rejected: what a rule yields, read pair by pair"
)
selection = selection_data.pick(workspace, (*pair_review.CLEARS, "built"))
if selection is None:
    st.stop()


@st.fragment
def rule_and_review(chosen: selection_data.Selection) -> None:
    """All that follows the sliders; the review inside is a fragment of its own."""
    values = pair_yield.rule(chosen)
    part = selection_data.of_split(chosen, values["split"])
    spec = selection_rules.rule(values)
    if spec is None:
        return
    pairs = pair_yield.possible(part, spec)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        view = url.segments("View", "view", ("Yield", "Review"))
        pair_yield.said(pairs, spec)
    if view == "Yield":
        pair_yield.draw(pairs, spec, selection_data.decisions(part.run))
        selection_rules.ignored(part)
    else:
        pair_review.draw(part, pairs, spec)
    look.heading("Build", "the rule above, with what people decided")
    selection_rules.build(workspace, values, part, extra=("reviewed_only",))
    selection_rules.built(workspace)


rule_and_review(selection)
