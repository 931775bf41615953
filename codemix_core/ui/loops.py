"""Home's pieces about the loop: its line, the button that runs all of it, and a loop's steps."""

from __future__ import annotations

import streamlit as st

from codemix_core import jobs
from codemix_core.jobs import State
from codemix_core.loop.spec import BUILDS, LoopSpec
from codemix_core.questions.importer import NANO
from codemix_core.training import configs
from codemix_core.training.plan import steps
from codemix_core.ui import data, forms, importing, live, look, run_steps, sampling_form, url, words
from codemix_core.workspace import RunDir, Workspace

METHODS = {"sft": "SFT", "best_of_n": "best of N", "dpo": "DPO", "grpo": "GRPO"}
"""Methods of a loop with their names."""
MODEST = {"n": 8, "limit": 400, "evaluate_n": 8, "hard": False}
"""Settings of the first loop: enough to see a difference, little enough to wait for."""
GOLD, HELDOUT = 2000, 200
"""Questions of nano to train on and to measure on."""
ROWS_PER_QUESTION = {"sft": 1.0, "best_of_n": 1.5, "dpo": 1.9, "grpo": 1.0}
"""Training rows that a question gives with the settings of a loop, measured on nano."""
SECONDS_PER_STEP = {"sft": 0.2, "dpo": 0.12, "grpo": 0.5}
"""Of the nano recipes on two cores, measured."""
SCORES_PER_SECOND = 450.0
"""Answers scored per second on two cores, measured on nano."""
TRAIN_START, STEP_START = 40.0, 3.0
"""Seconds before the first step of a training run, preflight included, and of any other run."""


def line(workspace: Workspace) -> None:
    """How much of each stage the workspace holds, each a link."""
    stages = (
        ("pages/1_Questions.py", "Questions", len(workspace.question_sets())),
        ("pages/2_Sampling.py", "Samples", len(data.sampling_runs(workspace))),
        ("pages/3_Pass_rates.py", "Scores", len(workspace.runs("score"))),
        ("pages/5_Datasets.py", "Datasets", len(workspace.runs("build"))),
        ("pages/6_Training.py", "Models", len(workspace.models())),
        ("pages/7_Evaluation.py", "Evaluations", len(workspace.runs("evaluate"))),
    )
    with st.container(key="loop", horizontal=True, vertical_alignment="center", gap="xsmall"):
        for place, (path, label, number) in enumerate(stages):
            if place:
                st.markdown(":gray[─]", width="content")
            st.page_link(path, label=f"{label} **{number}**")


def start(workspace: Workspace) -> None:
    """The button that runs a whole small loop on nano, with the choice of its method."""
    with st.container(key="whole-loop", horizontal=True, vertical_alignment="center", gap="small"):
        method = st.segmented_control(
            "Method",
            list(METHODS),
            default="dpo",
            format_func=METHODS.__getitem__,
            key="loop.method",
            label_visibility="collapsed",
            required=True,
            persist_state="session",
        )
        cot = st.toggle("CoT", key="loop.cot", persist_state="session", help="Chain of thought")
        values = {"questions": NANO, "method": method, "cot": cot, **MODEST}
        spec = LoopSpec.restore(values)
        assert isinstance(spec, LoopSpec)
        forms.launch_button(
            workspace,
            spec,
            "loop",
            "Run the whole loop on nano",
            kind="secondary",
            before=lambda: _import_nano(workspace),
        )
        seconds = estimate(workspace, spec)
        st.caption(f"{words.APPROXIMATELY} {words.about(seconds)} on this machine", width="content")


def _import_nano(workspace: Workspace) -> None:
    if NANO not in [question_set.name for question_set in workspace.question_sets()]:
        importing.import_nano(workspace)


def estimate(workspace: Workspace, spec: LoopSpec) -> float:
    """Seconds a loop on nano takes: as long as one like it took, or the sum of its steps.

    A step counts with what the newest run like it did on this machine; before the first such run,
    with what two cores do.
    """
    for run in workspace.runs("loop"):
        status = jobs.status(run)
        if run.load_spec() == spec.model_dump(mode="json") and status.state == State.SUCCEEDED:
            return status.seconds
    asked = min(spec.limit or GOLD, GOLD)
    sampled = 0 if spec.method == "sft" else asked * spec.n
    rows = GOLD if spec.method == "sft" else round(asked * ROWS_PER_QUESTION[spec.method])
    answers = [sampled, *[HELDOUT * spec.evaluate_n] * 2]
    rate, _ = sampling_form.measured(workspace, spec.sampling(NANO, 1))
    assert rate is not None
    sampling = sum(sampling_form.START_UP + number / rate for number in answers if number)
    scoring = sum(STEP_START + number / SCORES_PER_SECOND for number in answers if number)
    return spec.rounds * (sampling + scoring + STEP_START + _training(workspace, spec, rows))


def _training(workspace: Workspace, spec: LoopSpec, rows: int) -> float:
    recipe = "sft" if spec.method in ("sft", "best_of_n") else spec.method
    config = configs.load(f"{NANO}/{recipe}_full")
    seconds = SECONDS_PER_STEP[recipe]
    for run in workspace.runs("train"):
        status = jobs.status(run)
        if status.state == State.SUCCEEDED and status.total and _trains(run, spec):
            seconds = max(status.seconds - TRAIN_START, 1.0) / status.total
            break
    return TRAIN_START + steps(config, recipe, rows) * seconds


def _trains(run: RunDir, spec: LoopSpec) -> bool:
    """Whether a training run trains nano by the same method."""
    made = run.load_spec()
    dataset = RunDir(run.workspace, made["dataset"])
    if made["model"] != NANO or not dataset.exists():
        return False
    return bool(dataset.load_spec()["method"] == BUILDS[spec.method])


def opened(workspace: Workspace) -> RunDir | None:
    """The loop that the URL names; None when it names none that is there."""
    run_id = url.get("run")
    return next((run for run in workspace.runs("loop") if run.run_id == run_id), None)


def panel(run: RunDir) -> None:
    """A loop with its steps in order, each a run of its own and a link."""
    live.panel(run)
    run_steps.draw(run)


def running(workspace: Workspace, shown: RunDir | None) -> bool:
    """The opened loop, then everything that runs; whether anything does.

    The steps of a loop are shown with the loop, not again beside it.
    """
    if shown is not None:
        look.heading("Loop", "each step a run of its own")
        panel(shown)
    found = data.live_runs(workspace)
    loops = [run for run in found if run.stage == "loop"]
    hidden = data.parts_of(loops) | {shown.run_id if shown is not None else ""}
    others = [run for run in found if run.run_id not in hidden]
    if others:
        look.heading("Running now")
    for run in others:
        (panel if run.stage == "loop" else live.panel)(run)
    return bool(found)
