"""Best of N: the top-scoring answer of every question, checked by eye, for supervised training."""

from __future__ import annotations

import streamlit as st

from codemix_core.ui import (
    frame,
    gold_views,
    look,
    pick_queue,
    pick_review,
    pick_views,
    selection_data,
    selection_rules,
    url,
)

workspace = frame.begin("Best of N", "the best answers of every question, for supervised training")
left, right = st.columns([2.2, 7], vertical_alignment="center")
with left:
    source = url.segments("Answers", "from", ("Best of N", "Gold solutions"))
if source == "Gold solutions":
    gold_views.draw(workspace)
    selection_rules.built(workspace)
    st.stop()
with right:
    selection = selection_data.pick(workspace, ("question", "beside", "built"))
if selection is None:
    st.stop()


@st.fragment
def rule_and_review(chosen: selection_data.Selection) -> None:
    """All that follows the rule."""
    values = pick_views.rule(chosen)
    part = selection_data.of_split(chosen, values["split"])
    spec = selection_rules.rule(values)
    if spec is None:
        return
    found = pick_queue.ranked(part, spec.pick_rule(), spec.split)
    bad_gold = pick_views.flagged(workspace, part)
    pick_views.cards(found, bad_gold, fallback=spec.gold_fallback)
    selection_rules.ignored(part)
    if url.segments("View", "view", ("Review", "Without a pick")) == "Review":
        pick_review.draw(part, found, fallback=spec.gold_fallback)
    else:
        pick_views.without_pick(part, found, bad_gold, fallback=spec.gold_fallback)
    look.heading("Build", "the rule above, with what people decided")
    selection_rules.build(workspace, values, part)
    selection_rules.built(workspace)


rule_and_review(selection)
