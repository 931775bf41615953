"""Training runs on the page: live curves, checks, the machine, checkpoints."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import psutil
import streamlit as st

from codemix_core import devices, files, jobs
from codemix_core.datasets.registry import find
from codemix_core.errors import CodemixError, InputError, NotFoundError
from codemix_core.jobs import State
from codemix_core.training import checkpoints, metrics, outcome
from codemix_core.training.checkpoints import Checkpoint
from codemix_core.training.spec import METHODS
from codemix_core.ui import charts, forms, lineage_view, live, look, url, words
from codemix_core.workspace import RunDir, Workspace

PANELS = {
    "Loss": ("loss", "validation/loss"),
    "Log-probability of an answer": (
        "log_probs/chosen",
        "reference_log_probs/chosen",
        "log_probs/rejected",
        "reference_log_probs/rejected",
    ),
    "Rewards": ("rewards/margins", "rewards/chosen", "rewards/rejected", "rewards/mean"),
    "Accuracy": ("rewards/accuracies", "validation/accuracy"),
    "Distance moved": ("old_kl", "kl", "clip_fraction"),
    "Probability ratio": ("ratio_mean",),
    "Entropy": ("entropy",),
    "Gradient norm": ("grad_norm",),
    "Learning rate": ("lr",),
    "Speed, tokens/s": ("tokens_per_second_per_gpu",),
}
"""Charts, each with the metrics it may show."""
COLOURS = ("#4f7fe0", "#d08700", "#2f9e68", "#9566cf", "#dc4a4a", "#5a9aae")
DASHES = ("solid", "dot", "dash", "longdash")
REFERENCE = "reference_"
LABELS = {
    "loss": "training",
    "validation/loss": "validation",
    "log_probs/chosen": "chosen",
    "log_probs/rejected": "rejected",
    "reference_log_probs/chosen": "chosen, reference",
    "reference_log_probs/rejected": "rejected, reference",
    "rewards/margins": "margin",
    "rewards/chosen": "chosen",
    "rewards/rejected": "rejected",
    "rewards/mean": "mean",
    "rewards/accuracies": "training",
    "validation/accuracy": "validation",
    "old_kl": "KL to the sampler",
    "kl": "KL to the reference",
    "clip_fraction": "share clipped",
}
"""Metrics in a chart's legend, whose heading says the rest."""
CHECKS = {"passed": State.SUCCEEDED, "failed": State.FAILED, "not checked": State.QUEUED}


def runs(workspace: Workspace) -> None:
    """All training runs: the one looked at in full, others overlaid."""
    found = workspace.runs("train")
    ids = [run.run_id for run in found]
    left, middle, right = st.columns([4, 5, 2], vertical_alignment="bottom")
    with left:
        opened = url.choice("Run", "run", ids, format_func=lambda i: _label(RunDir(workspace, i)))
    assert opened is not None
    with middle:
        others = st.multiselect(
            "Beside it",
            [i for i in ids if i != opened],
            format_func=lambda i: _label(RunDir(workspace, i)),
            key="train.others",
            placeholder="other runs, overlaid",
        )
    with right:
        smoothing = st.slider("Smoothing", 0.0, 0.95, 0.6, 0.05, key="train.smoothing")
    run = RunDir(workspace, opened)
    live.panel(run)
    _notes(run)
    shown = [run, *(RunDir(workspace, i) for i in others)]
    alive = jobs.status(run).state.alive
    st.fragment(_curves, run_every=live.every(alive))(shown, smoothing)
    left, right = st.columns([6, 5], gap="medium")
    with left:
        _checkpoints(workspace, run)
    with right:
        _checks(run)
        if alive:
            st.fragment(machine, run_every=live.every(alive))()
    lineage_view.draw(workspace, run.run_id)


def _label(run: RunDir) -> str:
    """The model's name where it has one, what was trained on what, and the run."""
    try:
        name = files.read_json(run.result_path)["name"]
    except FileNotFoundError:
        name = run.load_spec()["name"]
    return " · ".join([*([name] if name else []), live.title(run), words.short_run(run.run_id)])


def _notes(run: RunDir) -> None:
    """Warnings of the result, or of a run that is going wrong, and the way to clone it."""
    lines = metrics.read(run.metrics_path)
    for text in outcome.warnings(lines):
        st.warning(words.literal(f"{text[:1].upper()}{text[1:]}."), icon=":material/warning:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Clone with changes",
            key=f"clone-{run.run_id}",
            icon=":material/content_copy:",
            on_click=_clone,
            args=(run,),
        )
        if run.result_path.exists():
            result = files.read_json(run.result_path)
            st.page_link(
                "pages/7_Evaluation.py",
                label=f"Evaluate {result['name']}",
                icon=":material/leaderboard:",
                query_params={"model": result["name"]},
            )
            st.caption(words.literal(f"Epoch {result['epoch']}: {result['why']}"))


def _clone(run: RunDir) -> None:
    """Put the settings of a run into the form above; its dataset, if it is still there."""
    spec = run.load_spec()
    try:
        document = find(run.workspace, spec["dataset"])[1]
    except NotFoundError:
        document = None
    else:
        st.session_state["train.dataset"] = spec["dataset"]
    for name in ("model", "recipe"):
        st.session_state[f"train.{name}"] = spec[name]
    st.session_state["train.override"] = spec["override"] or ""
    st.session_state["train.cloned"] = {
        "run": run.run_id,
        "method": None if document is None else METHODS[document["method"]],
        "set": spec["set"],
    }
    url.put(run=None)


def _curves(shown: Sequence[RunDir], smoothing: float) -> None:
    frames = {run.run_id: pd.DataFrame(metrics.read(run.metrics_path)) for run in shown}
    panels = [(n, names) for n, names in PANELS.items() if _any(frames, names)]
    if not panels:
        st.caption("Curves appear with the first step.")
        return
    if len(shown) > 1:
        dots = zip(shown, itertools.cycle(COLOURS), strict=False)
        look.line(
            *(f'<b style="color:{colour}">●</b> {escape(_label(run))}' for run, colour in dots)
        )
    for start in range(0, len(panels), 3):
        for column, (title, names) in zip(st.columns(3), panels[start : start + 3], strict=False):
            with column:
                look.heading(title)
                made = _panel(frames, names, smoothing)
                charts.show(made, f"curve-{title}", f"{title} by step")


def _any(frames: dict[str, pd.DataFrame], names: Sequence[str]) -> bool:
    return any(name in frame for frame in frames.values() for name in names)


def _panel(frames: dict[str, pd.DataFrame], names: Sequence[str], smoothing: float) -> go.Figure:
    """One chart. A single run has a colour for each metric, several have one for each run."""
    present = [name for name in names if _any(frames, [name])]
    several = len(frames) > 1
    styles = _styles(present)
    traces = []
    for (run_id, frame), of_run in zip(frames.items(), itertools.cycle(COLOURS), strict=False):
        for name in present:
            if name in frame:
                own, dash = styles[name]
                colour, dash = (of_run, DASHES[present.index(name)]) if several else (own, dash)
                hover = f"{words.short_run(run_id)} {name}" if several else name
                traces += _lines(frame, name, hover, {"color": colour, "dash": dash}, smoothing)
    if several:
        for trace in traces:
            trace.showlegend = False
        traces += [_dashes(name, DASHES[place]) for place, name in enumerate(present)]
    made = charts.figure(traces, height=230, x="step", showlegend=len(present) > 1)
    made.update_layout(legend={"font": {"size": 11}, "itemclick": False, "itemdoubleclick": False})
    if present == ["lr"]:
        made.update_yaxes(exponentformat="e")
        most = max(frame["lr"].max() for frame in frames.values() if "lr" in frame)
        made.update_yaxes(range=[0, 1.1 * most] if most > 0 else None)
    return made


def _styles(present: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and dash of each metric; a reference has the colour of what it is compared with."""
    own = [name for name in present if not name.startswith(REFERENCE)]
    colours = dict(zip(own, COLOURS, strict=False))
    return {
        name: (colours[name], "solid")
        if name in colours
        else (colours.get(name.removeprefix(REFERENCE), COLOURS[-1]), "dot")
        for name in present
    }


def _dashes(name: str, dash: str) -> go.Scatter:
    """A legend entry for a metric that several runs share."""
    line = {"color": "#8a8f98", "width": 2, "dash": dash}
    return go.Scatter(x=[None], y=[None], mode="lines", line=line, name=LABELS.get(name, name))


def _lines(
    frame: pd.DataFrame, name: str, label: str, style: dict[str, str], smoothing: float
) -> list[go.Scatter]:
    """The smoothed line, over the raw one drawn faintly."""
    found = frame[["step", name]].dropna()
    few = len(found) < 8
    smooth = found[name] if few else found[name].ewm(alpha=1 - smoothing).mean()
    hover = f"{escape(label)}<br>step %{{x}}: %{{y:.4g}}<extra></extra>"
    drawn = go.Scatter(
        x=found["step"],
        y=smooth,
        name=LABELS.get(name, name),
        mode="lines+markers" if few else "lines",
        line={**style, "width": 2},
        hovertemplate=hover,
    )
    if few or smoothing == 0:
        return [drawn]
    raw = go.Scatter(
        x=found["step"],
        y=found[name],
        mode="lines",
        opacity=0.25,
        line={"color": style["color"], "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    return [raw, drawn]


def _checks(run: RunDir) -> None:
    """What preflight found, each check with its reason."""
    if not run.preflight_path.exists():
        return
    document = files.read_json(run.preflight_path)
    look.heading("Preflight", "before anything was trained")
    for check in document["checks"]:
        chip = look.chip(look.STATE[CHECKS[check["result"]]], check["result"])
        text = f"{check['what']} {check['fix']}".strip()
        look.line(chip, f"<b>{escape(check['name'])}</b>", escape(text))
    if document["override"]:
        look.line(escape(f"trained in spite of it: {document['override']}"))


def machine() -> None:
    """Load of the machine at this moment."""
    look.heading("Machine")
    memory = psutil.virtual_memory()
    shown = {
        "CPU": words.share(psutil.cpu_percent() / 100, 0),
        "memory": f"{words.size(memory.used)} of {words.size(memory.total)}",
    }
    look.facts({**shown, **{name: escape(text) for name, text in devices.load().items()}})


def _checkpoints(workspace: Workspace, run: RunDir) -> None:
    found = checkpoints.epochs(run.checkpoints_root)
    look.heading("Checkpoints", "Hugging Face layout: vLLM and transformers load them as they are")
    if not found:
        st.caption("None yet; every epoch leaves one.")
        return
    for checkpoint in found:
        _checkpoint(workspace, run, checkpoint)


def _checkpoint(workspace: Workspace, run: RunDir, checkpoint: Checkpoint) -> None:
    names = outcome.names_of(workspace, checkpoint)
    key = f"{run.run_id}-{checkpoint.epoch}"
    with st.container(horizontal=True, vertical_alignment="center"):
        shown = ", ".join(f"<b>{escape(name)}</b>" for name in names) or "not registered"
        look.line(f"epoch {checkpoint.epoch}", words.size(checkpoint.size_bytes), shown)
        with st.popover("Register", icon=":material/label:"):
            name = st.text_input("Name", key=f"register-{key}")
            st.button(
                "Register",
                key=f"do-register-{key}",
                type="primary",
                on_click=_register,
                args=(workspace, run, checkpoint, name),
                disabled=not name,
            )
        with st.popover("Delete", icon=":material/delete:"):
            st.write(
                f"Frees {words.size(checkpoint.size_bytes)}. Runs that used it can no longer be"
                " repeated."
            )
            st.button(
                f"Delete epoch {checkpoint.epoch}",
                key=f"do-delete-{key}",
                on_click=_delete,
                args=(workspace, run, checkpoint.epoch),
            )
            forms.command(
                f"python -m codemix_core delete-checkpoint {run.run_id} --epoch {checkpoint.epoch}"
            )


def _register(workspace: Workspace, run: RunDir, checkpoint: Checkpoint, name: str) -> None:
    _say(lambda: outcome.register_as(workspace, run, checkpoint, name), f"{name} registered")


def _delete(workspace: Workspace, run: RunDir, epoch: int) -> None:
    _say(lambda: outcome.delete(workspace, run, epoch, force=True), f"epoch {epoch} deleted")


def _say(act: Any, done: str) -> None:
    try:
        act()
    except InputError as error:
        st.toast(
            words.literal("\n".join(str(problem) for problem in error.problems)),
            icon=":material/error:",
        )
    except CodemixError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
    else:
        st.toast(words.literal(done), icon=":material/check:")
