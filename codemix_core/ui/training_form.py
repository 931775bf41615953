"""The Training page's form: dataset, model, recipe, the configuration itself, and the launch."""

from __future__ import annotations

import streamlit as st

from codemix_core.datasets.registry import find
from codemix_core.errors import InputError
from codemix_core.sampling import models
from codemix_core.sampling.spec import NANO
from codemix_core.training import configs
from codemix_core.training.plan import Plan, changes_between, plan
from codemix_core.training.spec import AUTO, METHODS, TrainSpec
from codemix_core.ui import forms, look, selection_data, url, words
from codemix_core.workspace import Workspace

EDITOR_HEIGHT = 460
EXPLAINED = {
    "recipe": "what `tune run` runs: a recipe of torchtune, or a file of this project",
    "model": "torchtune's builder with the dimensions of the checkpoint's config.json",
    "tokenizer.max_seq_len": "longest row in tokens; what is beyond it is cut off",
    "epochs": "passes over the dataset; each leaves a checkpoint",
    "batch_size": "rows in one forward pass; memory grows with it",
    "gradient_accumulation_steps": "batches added up before a step; the effective batch is"
    " batch_size times this",
    "optimizer.lr": "learning rate after the warm-up; too high is the usual way to ruin a run",
    "lr_scheduler": "how the learning rate rises and falls",
    "loss": "what is minimised; DPO variants that keep log p(chosen) up are drop-in components",
    "grpo.clip_low": "how far below 1 a token's probability ratio still counts",
    "grpo.clip_high": "how far above 1 it still counts",
    "grpo.clip_max": "how large it may count for an answer worse than its group; null: any",
    "grpo.kl_coef": "weight of the distance to the model training began with; 0 needs no copy",
    "grpo.epochs_per_batch": "passes over each batch of groups, old log-probabilities fixed",
    "enable_activation_checkpointing": "recompute instead of keeping: less memory, slower",
    "dtype": "number format of weights and computation",
    "seed": "of data order and initialisation",
}
"""Settings of a configuration in a person's words, shown beside the editor."""


def form(workspace: Workspace) -> None:
    """Choose, look, change, launch."""
    datasets = [d for d in selection_data.datasets(workspace) if d.document is not None]
    made = forms.SpecForm(TrainSpec, "train")
    ids = [d.run_id for d in datasets]
    labels = {d.run_id: _label(d.run_id, d.document or {}) for d in datasets}
    first, second, third, fourth = st.columns([4, 3, 3, 2])
    with first:
        wanted = url.get("dataset")
        chosen = made.field(
            "dataset",
            "Dataset",
            options=ids,
            default=wanted if wanted in ids else ids[0],
            format_func=lambda run_id: labels.get(run_id, run_id),
        )
    with second:
        made.field(
            "model",
            "Model",
            options=[NANO, *workspace.models()],
            default=_sampled_model(workspace, chosen),
            accept_new_options=True,
        )
    method = METHODS[find(workspace, chosen)[1]["method"]]
    with third:
        _recipe(made, method)
    with fourth:
        made.field("name", "Name of the result", placeholder="made up")
    cloned = _cloned(method)
    made.put("set", cloned)
    with st.spinner("Checking the configuration …"):
        spec = made.parse(workspace)
    found = _plan(workspace, made, spec) if isinstance(spec, TrainSpec) else None
    if found is not None:
        spec = _editor(workspace, made, found, cloned)
    with st.expander("Train in spite of a failed preflight"):
        st.caption(
            "Preflight runs first: tokens, train/sample parity, memory, disk. A failed check stops"
            " the launch and says why; a reason given here is kept with the run."
        )
        made.field("override", "Reason")
        if spec is not None:
            spec = made.parse(workspace)
    made.launch(workspace, spec, "Train")


def _recipe(made: forms.SpecForm, method: str) -> None:
    """The recipes of a method; one of another method, chosen before, gives way to ``auto``."""
    fitting = configs.fitting(method)
    if st.session_state.get("train.recipe") in configs.recipes().keys() - set(fitting):
        st.session_state["train.recipe"] = AUTO
    made.field("recipe", "Recipe", options=[AUTO, *fitting], accept_new_options=True)


def _cloned(method: str) -> tuple[str, ...]:
    """Changes taken over from a run that was cloned, while the method is the same."""
    cloned = st.session_state.get("train.cloned")
    if cloned is None or cloned["method"] not in (None, method) or not cloned["set"]:
        return ()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words.literal(f"Taken over from {cloned['run']}: {', '.join(cloned['set'])}"))
        st.button(
            "Back to the recipe's own",
            key="train.forget",
            type="tertiary",
            on_click=st.session_state.pop,
            args=("train.cloned", None),
        )
    return tuple(cloned["set"])


def _label(run_id: str, document: dict[str, object]) -> str:
    files = document["files"]
    assert isinstance(files, dict)
    rows = sum(found["rows"] for found in files.values())
    kind = "CoT " if document["style"] == "cot" else ""
    return f"{kind}{document['method']} · {words.count(rows, 'row')} · {words.short_run(run_id)}"


def _sampled_model(workspace: Workspace, dataset: str | None) -> str:
    """The model the dataset's answers came from: the one that training usually goes on with."""
    if dataset is None:
        return NANO
    lineage = find(workspace, dataset)[1]["lineage"]
    known = [NANO, *workspace.models()]
    sampled = str(lineage["sampling"]["spec"]["model"]) if "sampling" in lineage else NANO
    return sampled if sampled in known else NANO


def _plan(workspace: Workspace, made: forms.SpecForm, spec: TrainSpec) -> Plan | None:
    if models.is_hub_id(spec.model, workspace):
        st.caption("The configuration of a Hugging Face model is made once its files are here.")
        return None
    try:
        found = models.find(spec.model, spec.revision, workspace)
        return plan(spec, workspace, found.directory)
    except InputError as error:
        for problem in made.show(error.problems):
            st.error(words.literal(str(problem)))
        return None


def _editor(
    workspace: Workspace, made: forms.SpecForm, found: Plan, cloned: tuple[str, ...]
) -> TrainSpec | None:
    """The whole configuration, editable; what is changed becomes ``--set`` of the command."""
    left, right = st.columns([6, 4], gap="medium")
    with left, st.container(key="yaml"):
        look.heading("Configuration", f"{found.recipe}, as torchtune gets it")
        text = st.text_area(
            "Configuration",
            found.text(),
            height=EDITOR_HEIGHT,
            label_visibility="collapsed",
            key=f"train.yaml.{hash(found.text())}",
        )
    try:
        changes = changes_between(found.config, text)
    except InputError as error:
        st.error(words.literal("\n".join(str(problem) for problem in error.problems)))
        return None
    given = dict(change.split("=", 1) for change in (*cloned, *changes))
    made.put("set", tuple(f"{key}={value}" for key, value in given.items()))
    with st.spinner("Checking the configuration …"):
        spec = made.parse(workspace)
    edited = _plan(workspace, made, spec) if isinstance(spec, TrainSpec) else None
    with right, st.container(key="settings"):
        look.heading("What the settings mean")
        shown = {n: t for n, t in EXPLAINED.items() if _has(found.config, n)}
        st.markdown("\n".join(f"- `{name}`: {why}" for name, why in shown.items()))
        if edited is not None:
            facts = {"rows": f"{edited.rows:,}", "steps": f"{edited.steps:,}"}
            look.facts({**facts, "method": edited.method})
    return spec if isinstance(spec, TrainSpec) else None


def _has(config: object, dotted: str) -> bool:
    for part in dotted.split("."):
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return True
