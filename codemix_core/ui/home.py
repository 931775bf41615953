"""What the workspace holds, what to do next, and what was done last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice

import streamlit as st

from codemix_core import jobs, parts, stages
from codemix_core.jobs import State
from codemix_core.questions.importer import NANO
from codemix_core.records import GENERATIONS, VERDICTS
from codemix_core.specs import Spec
from codemix_core.ui import data, evaluations, forms, importing, live, look, rates, words
from codemix_core.workspace import RunDir, Workspace

MOST_STEPS, RECENT = 4, 10
FIRST_N = 8
"""Answers per question of the first sampling run that is offered."""


@dataclass(frozen=True)
class Step:
    """One thing worth doing next: why, and a button that does it or a page that shows it.

    Exactly one of ``spec`` (a job), ``call`` (done at once) and ``page`` is given.
    """

    key: str
    text: str
    label: str
    spec: Spec | None = None
    call: Callable[[], None] | None = None
    page: str | None = None
    query: tuple[tuple[str, str], ...] = ()


def next_steps(workspace: Workspace) -> list[Step]:
    """What to do next, the most useful first, computed from what lies in the workspace."""
    return list(islice(_steps(workspace), MOST_STEPS))


def _steps(workspace: Workspace) -> Iterator[Step]:
    sets = [question_set.name for question_set in workspace.question_sets()]
    sampling = data.sampling_runs(workspace)
    if not sets:
        yield Step(
            "nano",
            "The workspace is empty. The bundled nano questions come with a small model made for"
            " them: the whole loop runs in minutes, without a GPU.",
            "Import the nano questions",
            call=lambda: importing.import_nano(workspace),
        )
        return
    yield from _unfinished(workspace)
    taken = data.parts_of(data.live_runs(workspace))  # what works on them does the rest itself
    yield from _unscored(workspace, [run for run in sampling if run.run_id not in taken])
    yield from _unmeasured(workspace, taken)
    yield from _untrained(workspace, taken)
    for name in sets:
        if not any(run.load_spec()["questions"] == name for run in sampling):
            yield _sample(workspace, name)
    for name in sets:
        if workspace.references(name) is None and not _checking(workspace, name):
            text = f"The gold solutions of {name} have not been checked against their own tests."
            spec = stages.stage("selfcheck").spec().parse({"questions": name})
            yield Step(f"check-{name}", text, "Check them", spec=spec)
    yield from _scored(workspace)


def _unfinished(workspace: Workspace) -> Iterator[Step]:
    for run in workspace.runs()[:RECENT]:
        status = jobs.status(run)
        if status.state in (State.STOPPED, State.CRASHED, State.FAILED):
            place = f" at {status.done:,} of {status.total:,}" if status.total else ""
            text = f"{live.title(run)} {status.state}{place}."
            shown = where(run)
            if shown is not None:
                page, query = shown
                yield Step(f"look-{run.run_id}", text, "Resume or look", page=page, query=query)
                return


def _unscored(workspace: Workspace, sampling: list[RunDir]) -> Iterator[Step]:
    """Runs with more generations than their scoring runs have verdicts, as soon as there are any.

    A run that was resumed or enlarged after it was scored has a rest; scoring it again takes
    the verdicts that are there over. While its newest scoring run is unfinished, resuming that
    one is what is offered.
    """
    scores = data.scores(workspace)
    for run in sampling:
        scorings = scores.get(run.run_id, [])
        judged = max((parts.count(scoring.shards(VERDICTS)) for scoring in scorings), default=0)
        missing = parts.count(run.shards(GENERATIONS)) - judged
        if missing <= 0 or (scorings and jobs.status(scorings[0]).state != State.SUCCEEDED):
            continue
        text = f"{run.run_id} has {words.count(missing, 'generation')} without scores."
        alive = jobs.status(run).state.alive
        if alive:
            text = f"{text[:-1]} so far. Scoring goes on with what is sampled meanwhile."
        label = "Score the rest" if judged else "Score them"
        spec = stages.stage("score").spec().parse({"run": run.run_id, "follow": alive})
        yield Step(f"score-{run.run_id}", text, label, spec=spec)


def _unmeasured(workspace: Workspace, taken: set[str]) -> Iterator[Step]:
    """The newest model that no evaluation has looked at."""
    measured = [run.load_spec() for run in workspace.runs("evaluate")]
    seen = {spec[role] for spec in measured for role in ("model", "baseline")}
    made = {name: str(entry.get("run") or "") for name, entry in workspace.models().items()}
    fresh = [name for name, run in made.items() if name not in seen and run not in taken]
    if fresh:
        name = max(fresh, key=made.__getitem__)
        text = f"The model {name} has not been measured on questions it never saw."
        page, query = "pages/7_Evaluation.py", (("model", name),)
        yield Step(f"evaluate-{name}", text, "Evaluate it", page=page, query=query)


def _untrained(workspace: Workspace, taken: set[str]) -> Iterator[Step]:
    """The newest dataset that nothing was trained on."""
    trained = {run.load_spec()["dataset"] for run in workspace.runs("train")}
    for run in workspace.runs("build"):
        if run.run_id not in trained | taken and run.dataset_path.exists():
            method = str(run.load_spec()["method"]).replace("_", " ")
            text = f"Nothing has been trained on {run.run_id}, {method}."
            page, query = "pages/6_Training.py", (("dataset", run.run_id),)
            yield Step(f"train-{run.run_id}", text, "Train on it", page=page, query=query)
            return


def _sample(workspace: Workspace, name: str) -> Step:
    """The first answers of a set; of nano few enough to have pass rates a minute later."""
    text = f"Nothing has been sampled for the question set {name} yet."
    questions = data.questions(workspace.question_set(name)).values()
    held = sum(question.split == "heldout" for question in questions)
    if name != NANO or not held:
        page = "pages/2_Sampling.py"
        return Step(f"sample-{name}", text, "Choose a model", page=page, query=(("set", name),))
    values = {"questions": NANO, "model": NANO, "split": "heldout", "n": FIRST_N}
    spec = stages.stage("sample").spec().parse(values)
    text += f" {FIRST_N * held:,} answers take under a minute."
    return Step(f"sample-{name}", text, "Sample nano with the nano model", spec=spec)


def _checking(workspace: Workspace, name: str) -> bool:
    return any(
        run.stage == "selfcheck" and run.load_spec()["questions"] == name
        for run in data.live_runs(workspace)
    )


def _scored(workspace: Workspace) -> Iterator[Step]:
    """The newest scores that were not made for an evaluation, which are no training data."""
    measured = data.parts_of(workspace.runs("evaluate"))
    fresh = [run for run in data.scoring_runs(workspace) if run.run_id not in measured]
    for run in fresh[:1]:
        if run.shards(VERDICTS):
            text = f"{run.run_id} has pass rates: {headline(workspace, run)}."
            page = "pages/3_Pass_rates.py"
            query = (("run", run.run_id),)
            yield Step(f"see-{run.run_id}", text, "See pass rates", page=page, query=query)
            if not any(build.load_spec()["run"] == run.run_id for build in workspace.runs("build")):
                text = f"No training data has been selected from {run.run_id} yet."
                page = "pages/5_DPO_pairs.py"
                yield Step(f"pairs-{run.run_id}", text, "Choose pairs", page=page, query=query)


Place = tuple[str, tuple[tuple[str, str], ...]]
"""A page and its URL values."""
PAGE_OF = {
    **dict.fromkeys(data.SAMPLING, "pages/2_Sampling.py"),
    "score": "pages/3_Pass_rates.py",
    "train": "pages/6_Training.py",
    "evaluate": "pages/7_Evaluation.py",
    "loop": "app.py",
}
"""The page that shows a run of a stage, by its id."""


def where(run: RunDir) -> Place | None:
    """The page that shows a run; None when no page does."""
    if run.stage in PAGE_OF:
        return PAGE_OF[run.stage], (("run", run.run_id),)
    if run.stage in ("build", "preflight"):
        dataset = run.run_id if run.stage == "build" else str(run.load_spec()["dataset"])
        return "pages/5_Datasets.py", (("dataset", dataset),)
    if run.stage in ("selfcheck", "quality"):
        return "pages/1_Questions.py", (("set", str(run.load_spec()["questions"])),)
    return None


def headline(workspace: Workspace, run: RunDir) -> str:
    """The one number a run is remembered by."""
    if run.stage in ("score", *data.SAMPLING) and not data.is_whole(run):
        return "what it looks at is no longer in the workspace"
    if run.stage == "score" and run.shards(VERDICTS):
        return rates.headline(workspace, run.run_id)
    if run.stage in data.SAMPLING and run.shards(GENERATIONS):
        totals = data.frame(workspace, "generation_totals", run.run_id).iloc[0]
        questions = words.count(totals["questions"], "question")
        return f"{words.count(totals['samples'], 'generation')}, {questions}"
    return jobs.status(run).message


def draw_steps(workspace: Workspace, *, alive: bool) -> None:
    """The next steps with their buttons; looked for again and again while something runs."""
    steps = next_steps(workspace)
    if alive:
        drawn = [step.key for step in steps]
        st.fragment(_steps_now, run_every=live.EVERY)(workspace, drawn)
    else:
        _draw(workspace, steps)


def _steps_now(workspace: Workspace, drawn: list[str]) -> None:
    steps = next_steps(workspace)
    if [step.key for step in steps] != drawn:
        st.rerun()
    _draw(workspace, steps)


def _draw(workspace: Workspace, steps: list[Step]) -> None:
    for place, step in enumerate(steps):
        kind: forms.Kind = "primary" if place == 0 else "secondary"
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(words.literal(step.text), width="stretch")
            if step.spec is not None:
                forms.launch_button(workspace, step.spec, step.key, step.label, kind=kind)
            elif step.page is not None:
                st.page_link(
                    step.page,
                    label=step.label,
                    icon=":material/arrow_forward:",
                    query_params=dict(step.query),
                )
            else:
                assert step.call is not None
                st.button(step.label, key=step.key, type=kind, on_click=step.call)


def recent_runs(workspace: Workspace) -> None:
    """The last runs: stage, what, state, when, headline number."""
    widths = [2.4, 3.2, 1.4, 1.2, 4.2]
    with st.container(gap="xxsmall"):
        for run in workspace.runs()[:RECENT]:
            name, what, state, when, number = st.columns(widths, vertical_alignment="center")
            shown = where(run)
            label = words.short_run(run.run_id)
            if shown is None:
                name.html(look.mono(label))
            else:
                page, query = shown
                name.page_link(page, label=f"`{label}`", query_params=dict(query), help=run.run_id)
            what.html(escape(live.title(run)))
            state.html(look.chip(look.STATE[jobs.status(run).state]))
            when.html(look.when(words.run_time(run.run_id)))
            text = escape(headline(workspace, run), quote=True)
            number.html(f'<span class="cm-one" title="{text}">{text}</span>')


def best_models(workspace: Workspace) -> None:
    """Models by held-out pass@1, each with its interval and its gain over the baseline."""
    found = evaluations.best(workspace)
    if not found:
        return
    look.heading("Best models so far", "held-out pass@1; compare models under the same condition")
    widths = [2.6, 1.6, 3.2, 3.4, 1.6]
    with st.container(gap="xxsmall"):
        for entry in found:
            name, number, gain, condition, link = st.columns(widths, vertical_alignment="center")
            title = escape(entry.model, quote=True)
            name.html(
                f'<span class="cm-one" title="{title}">{escape(words.model(entry.model))}</span>'
            )
            number.html(f'<b class="cm-one">{rates.plus_minus(entry.pass_at_1)}</b>')
            gain.html(entry.gain() or '<span class="cm-muted">a baseline</span>')
            condition.html(f'<span class="cm-one cm-muted">{escape(entry.condition)}</span>')
            link.page_link(
                "pages/7_Evaluation.py",
                label=f"`{words.short_run(entry.run_id)}`",
                query_params={"run": entry.run_id},
            )
