"""The Evaluation page's form: baseline, tuned model, questions, and how both are sampled."""

from __future__ import annotations

import streamlit as st

from codemix_core.evaluation import headline
from codemix_core.evaluation.spec import EvaluateSpec
from codemix_core.sampling.spec import NANO
from codemix_core.ui import data, forms, url, words
from codemix_core.workspace import Workspace

PLACEHOLDER = "a registered model, a checkpoint directory or a Hugging Face id"


def form(workspace: Workspace) -> None:
    """All settings of an evaluation, what it will take, and the button that starts it.

    The URL may name a model, a baseline and a set, for links from other pages.
    """
    made = forms.SpecForm(EvaluateSpec, "evaluate")
    _models(made, workspace)
    names = [question_set.name for question_set in workspace.question_sets()]
    wanted = url.get("set")
    first = st.columns([3, 4, 2, 2, 2])
    with first[0]:
        begin = wanted if wanted in names else names[0]
        name = made.field("questions", "Question set", options=names, default=begin)
    with first[1]:
        made.field(
            "split",
            "Questions of",
            options=list(headline.TITLES),
            format_func=headline.TITLES.__getitem__,
        )
    with first[2]:
        ks = sorted({q.k for q in data.questions(workspace.question_set(name)).values()})
        made.field("k", "k", options=ks, placeholder="any")
    with first[3]:
        made.field("limit", "At most", placeholder="all")
    with first[4]:
        made.field("seed", "Seed")
    second = st.columns([2, 2, 2, 2, 3], vertical_alignment="bottom")
    labels = {"n": "Answers each", "temperature": "Temperature", "top_p": "Top-p"}
    for column, field in zip(second, (*labels, "max_tokens"), strict=False):
        with column:
            made.field(field, labels.get(field, "Max tokens"))
    with second[4]:
        made.field("cot", "Chain of thought")
    spec = made.parse(workspace)
    made.launch(workspace, spec, "Evaluate")
    st.caption(
        "Both models get the same questions, prompts and settings. What was sampled and scored"
        " before with exactly these settings is used again."
    )


def _models(made: forms.SpecForm, workspace: Workspace) -> None:
    """Baseline and tuned model; the newest registered model is what one wants to measure."""
    registered = list(workspace.models())
    given = {name: url.get(name) for name in ("model", "baseline")}
    known = [NANO, *registered, *(name for name in given.values() if name)]
    options = list(dict.fromkeys(known))
    columns = st.columns(2)
    labels = {"baseline": "Baseline", "model": "Tuned model"}
    begins = {"baseline": NANO, "model": registered[-1] if registered else None}
    for column, (field, label) in zip(columns, labels.items(), strict=True):
        with column:
            made.field(
                field,
                label,
                options=options if begins[field] or given[field] else ["", *options],
                default=given[field] or begins[field],
                format_func=words.model,
                accept_new_options=True,
                placeholder=PLACEHOLDER,
            )
