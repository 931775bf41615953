"""Runs while they run: bar, rate, time left, last log lines, and the buttons stop and resume.

Fragments only read files. They refresh every two seconds while the run is alive, and rerun the
whole page once when that changes, so a finished page costs nothing.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from codemix_core import jobs, stages
from codemix_core.errors import CodemixError
from codemix_core.jobs import State, Status
from codemix_core.ui import data, look, words
from codemix_core.workspace import RUN_ID, RunDir, Workspace

EVERY = "2s"
LOG_LINES, LOG_LINES_OPEN = 4, 400


def every(alive: bool) -> str | None:
    """How often a fragment refreshes."""
    return EVERY if alive else None


def sidebar(workspace: Workspace, running: list[RunDir]) -> None:
    """The running jobs with bars, for the frame."""
    drawn = [run.run_id for run in running]
    st.fragment(_sidebar_now, run_every=every(bool(drawn)))(workspace, drawn)


def _sidebar_now(workspace: Workspace, drawn: list[str]) -> None:
    running = data.live_runs(workspace)
    if [run.run_id for run in running] != drawn:
        st.rerun()
    for run in running:
        status = jobs.status(run)
        st.html(
            f'<div class="cm-job"><div><span class="cm-one">{escape(title(run))}</span>'
            f"<span>{escape(short_progress(status))}</span></div>{bar(status)}</div>"
        )


def title(run: RunDir) -> str:
    """What a run is about in a few words: ``sample nano · nano``, set and model."""
    spec = run.load_spec()
    if run.stage in data.SAMPLING:
        verb = "sample" if run.stage == "sample" else "import"
        return f"{verb} {spec['questions']} · {words.model(spec['model'])}"
    if run.stage == "score":
        sampling = RunDir(run.workspace, spec["run"])
        if not sampling.exists():
            return f"score {words.short_run(spec['run'])}"
        return f"score {title(sampling).split(' ', 1)[1]}"
    if run.stage == "build":
        about = str(spec["run"])
        about = words.short_run(about) if RUN_ID.fullmatch(about) else about
        return f"build {spec['method']} {about}"
    if run.stage == "evaluate":
        both = f"{words.model(spec['model'])} against {words.model(spec['baseline'])}"
        return f"evaluate {spec['questions']} · {both}"
    if run.stage == "preflight":
        return f"preflight {words.short_run(spec['dataset'])}"
    if run.stage == "train":
        model = str(spec["model"]).rstrip("/").rsplit("/", 1)[-1]
        return f"train {model} on {words.short_run(spec['dataset'])}"
    if run.stage == "loop":
        cot = " CoT" if spec["cot"] else ""
        return f"loop {spec['questions']} · {spec['method']}{cot}"
    return f"{run.stage} {spec['questions']}" if "questions" in spec else run.stage


def short_progress(status: Status) -> str:
    """``62%  0:41`` while running, otherwise the state."""
    if status.state != State.RUNNING:
        return str(status.state)
    left = f" · {words.duration(status.eta_seconds)}" if status.eta_seconds is not None else ""
    return f"{100 * status.fraction:.0f}%{left}" if status.total else "starting"


def bar(status: Status) -> str:
    """A progress bar as HTML."""
    width = f"{100 * status.fraction:.1f}%"
    return f'<span class="cm-bar" role="progressbar"><i style="width:{width}"></i></span>'


def panel(run: RunDir) -> None:
    """The live panel of one run, with stop, resume and log."""
    alive = jobs.status(run).state.alive
    st.fragment(_panel_now, run_every=every(alive))(run, alive)


def _panel_now(run: RunDir, drawn_alive: bool) -> None:
    status = jobs.status(run)
    if status.state.alive != drawn_alive:
        st.rerun()
    with st.container(border=True, gap="small"):
        text, buttons = st.columns([5, 2], vertical_alignment="center")
        with text:
            look.line(*_headline(run, status))
        with buttons, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            opened = _buttons(run, status)
        if status.state.alive or 0 < status.fraction < 1:
            st.html(bar(status))
        if opened or status.state.alive or status.state != State.SUCCEEDED:
            log = jobs.tail(run, LOG_LINES_OPEN if opened else LOG_LINES)
            if log.strip():
                st.html(f'<pre class="cm-log">{escape(log)}</pre>')


def _headline(run: RunDir, status: Status) -> list[str]:
    """State, progress, rate, time and message of a run, as HTML parts."""
    parts = [look.chip(look.STATE[status.state]), look.mono(run.run_id), escape(title(run))]
    if status.total:
        done = f"{status.done:,} of {status.total:,} {status.unit}"
        parts.append(f'<span class="cm-number">{escape(done)}</span>')
    parts.append(escape(words.per_second(status.rate, status.unit)))
    parts += [escape(measure(name, value)) for name, value in status.measures.items()]
    if status.eta_seconds is not None:
        parts.append(f"<b>{words.duration(status.eta_seconds)}</b> left")
    elif status.seconds:
        verb = "for" if status.state.alive else "took"
        parts.append(f"{verb} {words.duration(status.seconds)}")
    parts.append(look.when(words.run_time(run.run_id)))
    if status.message:
        parts.append(f'<span class="cm-muted">{escape(status.message)}</span>')
    return parts


def measure(name: str, value: float) -> str:
    """A live number with its unit: ``tokens_per_second`` 5800 -> ``5,800 tokens/s``."""
    noun, marker, unit = name.partition("_per_second")
    if marker and not unit:
        return words.per_second(value, noun.replace("_", " "))
    return f"{name.replace('_', ' ')} {value:,.4g}"


def _buttons(run: RunDir, status: Status) -> bool:
    """Stop, resume and log; returns whether the log is open."""
    if status.state.alive:
        st.button(
            "Stop",
            key=f"stop-{run.run_id}",
            icon=":material/stop:",
            help=f"python -m codemix_core stop {run.run_id}",
            on_click=_ask,
            args=(jobs.request_stop, run),
        )
    elif status.state != State.SUCCEEDED:
        st.button(
            "Resume",
            key=f"resume-{run.run_id}",
            icon=":material/play_arrow:",
            help=f"python -m codemix_core resume {run.run_id}",
            on_click=_ask,
            args=(_resume, run),
        )
    return st.toggle("Log", key=f"log-{run.run_id}", help=words.literal(str(run.log_path)))


def _resume(run: RunDir) -> None:
    jobs.resume(run, stages.load(run))


def _ask(action: object, run: RunDir) -> None:
    """Call a job action and say why when it cannot be done."""
    assert callable(action)
    try:
        action(run)
    except CodemixError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
