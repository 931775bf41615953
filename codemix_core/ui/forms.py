"""Forms from specs: one widget per setting, problems beside the field, the command, one launch.

A form checks itself on every change. Its run id is drawn with it and is part of the launch
button's identity, so a second click of the same button starts nothing: it shows the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from streamlit.delta_generator import DeltaGenerator

from codemix_core import jobs
from codemix_core.errors import CodemixError, InputError, Problem
from codemix_core.specs import Spec
from codemix_core.ui import url, words
from codemix_core.workspace import Workspace, new_run_id

Kind = Literal["primary", "secondary", "tertiary"]
START = ":material/play_arrow:"


class SpecForm:
    """Widgets for some of a spec's settings; the others keep the spec's defaults."""

    def __init__(self, spec: type[Spec], key: str) -> None:
        self.spec = spec
        self.key = key
        self.values: dict[str, Any] = {}
        self._beside: dict[str, DeltaGenerator] = {}

    def put(self, name: str, value: Any) -> None:
        """A setting decided by the page, not by a widget."""
        self.values[name] = value

    def field(
        self,
        name: str,
        label: str,
        *,
        options: Sequence[Any] | None = None,
        format_func: Callable[[Any], str] = str,
        default: Any = None,
        **widget: Any,
    ) -> Any:
        """Draw the widget of one setting and return its value.

        Args:
            default: what a required setting, which has no default of its own, begins with.
        """
        info = self.spec.model_fields[name]
        common = {
            "key": f"{self.key}.{name}",
            "persist_state": "session",
            **widget,
        }
        value = _widget(label, info, default, options, format_func, common)
        if value not in (None, ""):
            self.values[name] = tuple(value) if isinstance(value, list) else value
        self._beside[name] = st.empty()
        return value

    def note(self, name: str, problems: Sequence[Problem]) -> None:
        """Show problems beside a setting."""
        text = "<br>".join(escape(_plain(problem, name)) for problem in problems)
        self._beside[name].html(f'<div class="cm-wrong">{text}</div>')

    def parse(self, workspace: Workspace) -> Spec | None:
        """The spec as it stands, or None with every problem shown beside its field."""
        try:
            spec, problems = self.spec.parse(self.values, workspace), []
        except InputError as error:
            spec, problems = None, error.problems
        elsewhere = self.show(problems)
        if elsewhere:
            st.error(words.literal("\n".join(str(problem) for problem in elsewhere)))
        return spec

    def show(self, problems: Sequence[Problem]) -> list[Problem]:
        """Show each problem beside its field; returns those whose field is not in this form."""
        for name in self._beside:
            mine = [problem for problem in problems if problem.field == name]
            # A required field that nobody has filled in yet is no mistake; launching waits for it.
            if mine and (name in self.values or not _missing(mine)):
                self.note(name, mine)
        return [problem for problem in problems if problem.field not in self._beside]

    def launch(self, workspace: Workspace, spec: Spec | None, label: str) -> None:
        """The launch button with the equivalent command beside it."""
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            if spec is None:
                st.button(label, key=f"{self.key}.wrong", type="primary", icon=START, disabled=True)
                command(f"python -m codemix_core {self.spec.command} …")
            else:
                launch_button(workspace, spec, self.key, label)
                command(spec.command_line())


def launch_button(
    workspace: Workspace,
    spec: Spec,
    key: str,
    label: str,
    *,
    kind: Kind = "primary",
    shows: str | None = "run",
    before: Callable[[], None] | None = None,
) -> None:
    """A button that starts a run of ``spec`` once.

    Args:
        before: called first, to bring into the workspace what the run needs.
        shows: the URL name that is set to the started run; None when the page finds it itself.
    """
    run_id = _run_id(spec, key)
    st.button(
        label,
        key=f"{key}.launch.{run_id}",
        type=kind,
        icon=START,
        help=words.literal(spec.command_line()),
        on_click=_start,
        args=(workspace, spec, run_id, key, shows, before),
    )


def _run_id(spec: Spec, key: str) -> str:
    """The id of the run a button would start; a new one whenever the settings change."""
    settings = spec.model_dump_json()
    drawn = st.session_state.get(f"{key}.drawn")
    if drawn is None or drawn[1] != settings:
        drawn = (new_run_id(spec.stage), settings)
        st.session_state[f"{key}.drawn"] = drawn
    return str(drawn[0])


def _start(
    workspace: Workspace,
    spec: Spec,
    run_id: str,
    key: str,
    shows: str | None,
    before: Callable[[], None] | None,
) -> None:
    try:
        if before is not None:
            before()
        jobs.launch(workspace, spec, run_id)
    except FileExistsError:
        pass  # The same button sent twice: the run is there, show it.
    except CodemixError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
        return
    st.session_state.pop(f"{key}.drawn", None)
    if shows is not None:
        url.put(**{shows: run_id})


def command(text: str) -> None:
    """A command in a copyable line."""
    st.code(text, language="bash", wrap_lines=True)


def _plain(problem: Problem, name: str) -> str:
    text = f"{problem.what} {problem.fix}".strip()
    return text if problem.where == name else str(problem)


def _missing(problems: Sequence[Problem]) -> bool:
    return all(problem.what.startswith("is required") for problem in problems)


def _widget(
    label: str,
    info: FieldInfo,
    begin: Any,
    options: Sequence[Any] | None,
    format_func: Callable[[Any], str],
    common: dict[str, Any],
) -> Any:
    """The widget that fits the type of a setting."""
    default = info.get_default(call_default_factory=True)
    default = begin if default is PydanticUndefined else default
    kinds = _kinds(info)
    if get_origin(info.annotation) in (tuple, list):
        return st.multiselect(
            label, options or [], list(default), format_func=format_func, **common
        )
    allowed = options if options is not None else _words(info)
    if allowed:
        optional = type(None) in get_args(info.annotation)
        index = list(allowed).index(default) if default in allowed else (None if optional else 0)
        return st.selectbox(label, allowed, index=index, format_func=format_func, **common)
    if bool in kinds:
        return st.toggle(label, bool(default), **common)
    if int in kinds:
        return st.number_input(label, value=default, step=1, **common)
    if float in kinds:
        return st.number_input(label, value=default, step=0.1, format="%.2f", **common)
    return st.text_input(label, default or "", **common)


def _kinds(info: FieldInfo) -> set[Any]:
    """The plain types a setting may have."""
    return {info.annotation, *get_args(info.annotation)}


def _words(info: FieldInfo) -> list[str]:
    """The allowed words of a Literal setting, also when it may be None."""
    for part in (info.annotation, *get_args(info.annotation)):
        found = get_args(part)
        if found and all(isinstance(word, str) for word in found):
            return list(found)
    return []
