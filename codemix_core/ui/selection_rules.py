"""The rule of a dataset as widgets: what a slider says lives in the URL, under the flag's name.

A rule decides which pairs and picks are looked at, so it is part of what a link shows. Limits,
defaults and explanations come from :class:`~codemix_core.datasets.spec.BuildSpec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import streamlit as st

from codemix_core.datasets.formats import AUTO, FORMATS
from codemix_core.datasets.spec import BuildSpec
from codemix_core.errors import SpecError
from codemix_core.selection.splits import SplitQuestion, split
from codemix_core.specs import Spec
from codemix_core.ui import forms, look, selection_data, words
from codemix_core.ui.selection_data import Selection
from codemix_core.workspace import Workspace

Values = dict[str, Any]
COLUMNS = {"raw_output": "raw output", "code": "code alone"}


def default(name: str) -> Any:
    """The spec's default of a setting."""
    return BuildSpec.model_fields[name].get_default()


def about(name: str) -> str:
    """What a setting means, and the flag it is on the command line."""
    text = BuildSpec.model_fields[name].description or ""
    return f"{text[:1].upper()}{text[1:]}.  \n`--{name.replace('_', '-')}`"


def slider(values: Values, name: str, label: str, step: float = 0.05) -> None:
    """A slider of a setting between 0 and 1."""
    values[name] = st.slider(
        label,
        0.0,
        1.0,
        default(name),
        step,
        key=name,
        bind="query-params",
        help=about(name),
    )


def band(values: Values, low: str, high: str, label: str) -> None:
    """A slider with two ends, between 0 and 1."""
    values[low], values[high] = st.slider(
        label,
        0.0,
        1.0,
        (default(low), default(high)),
        0.05,
        key="band",
        bind="query-params",
        help=f"{about(low)}  \n{about(high)}",
    )


def number(values: Values, name: str, label: str, low: int, high: int) -> None:
    """A whole number with buttons."""
    values[name] = st.number_input(
        label, low, high, default(name), 1, key=name, bind="query-params", help=about(name)
    )


def choice(
    values: Values,
    name: str,
    label: str,
    options: Sequence[str],
    format_func: Callable[[str], str] = str,
) -> None:
    """One of a few words."""
    values[name] = st.selectbox(
        label,
        options,
        list(options).index(default(name)) if default(name) in options else 0,
        format_func=format_func,
        key=name,
        bind="query-params",
        help=about(name),
    )


def toggle(values: Values, name: str, label: str) -> None:
    """A switch."""
    values[name] = st.toggle(label, default(name), key=name, bind="query-params", help=about(name))


def questions_of(values: Values, selection: Selection) -> None:
    """The split of the question set that is selected from."""
    found = {selection.questions[n].split for n in selection.candidates.question_ids}
    names = sorted(name for name in found if name)
    chosen = st.selectbox(
        "Questions",
        ["all", *names],
        key="split",
        bind="query-params",
        format_func=lambda name: "all" if name == "all" else f"split {name}",
        disabled=not names,
        help=about("split"),
    )
    values["split"] = None if chosen == "all" else chosen


def build(
    workspace: Workspace, values: Values, selection: Selection | None, *, extra: Iterable[str] = ()
) -> None:
    """The rest of a dataset's settings, its split, the launch button and the command.

    Args:
        values: method, run and rule. extra: further switches, e.g. ``reviewed_only``.
    """
    method = values["method"]
    form = forms.SpecForm(BuildSpec, f"build-{method}")
    for name, value in values.items():
        form.put(name, value)
    first, second, third, fourth = st.columns([3, 3, 2, 4], vertical_alignment="top")
    kind = BuildSpec.model_construct(method=method).kind
    with first:
        others = [f.name for f in FORMATS.values() if f.kind == kind and f.name != AUTO[kind]]
        named = {"auto": AUTO[kind]}
        chosen = form.field(
            "template",
            "Format",
            options=["auto", *others],
            format_func=lambda name: named.get(name, name),
        )
        st.caption(FORMATS[named.get(chosen, chosen)].doc)
    with second:
        way = form.field("split_by", "Hold out", format_func=_WAYS.__getitem__)
    with third:
        if way in ("question", "skill_pair"):
            form.field("heldout_share", "Share held out")
        elif way == "k" and selection is not None:
            ks = sorted({q.k for q in selection.questions.values()})
            form.field("heldout_k", "Held-out k", options=ks)
    with fourth, st.container(gap="xsmall"):
        for name in extra:
            form.field(name, _EXTRA[name], help=about(name))
        if selection is not None and not selection.complete:
            form.field("partial", "Build although scoring is not complete")
    spec = form.parse(workspace)
    if isinstance(spec, BuildSpec) and selection is not None and way != "none":
        _show_split(spec, selection)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if spec is None:
            st.button("Build dataset", key=f"wrong-{method}", type="primary", disabled=True)
            return
        forms.launch_button(workspace, spec, f"build-{method}", "Build dataset", shows="built")
        forms.command(spec.command_line())


_WAYS = {
    "none": "nothing",
    "question": "a share of the questions",
    "skill_pair": "a share of the skill pairs",
    "k": "some numbers of skills",
    "source": "what the question set holds out",
}
_EXTRA = {
    "reviewed_only": "Only pairs a person accepted or swapped",
    "gold_fallback": "Gold solution where no answer is acceptable",
    "include_flagged": "Also gold solutions that failed their self-check",
    "cot": "With the set's reasoning, as CoT answers",
}


def switched(method: str, name: str) -> bool:
    """What a switch of the build below says, for what is drawn above it."""
    return bool(st.session_state.get(f"build-{method}.{name}", default(name)))


def _show_split(spec: BuildSpec, selection: Selection) -> None:
    """How many questions and skill pairs go to each side, before anything is built."""
    questions = [
        SplitQuestion(q.question_id, tuple(q.skills), q.k, q.split, q.statement)
        for q in selection.questions.values()
        if q.question_id in selection.candidates.covered
        and (spec.split is None or q.split == spec.split)
    ]
    found = split(questions, spec.split_rule())
    counts = found.counts()
    look.line(
        f"<b>{counts['train']:,}</b> questions to train on, {found.pairs['train']:,} skill pairs",
        f"<b>{counts['heldout']:,}</b> held out, {found.pairs['heldout']:,} skill pairs",
        f"{counts['left_out']:,} left out, so that no skill pair is on both sides",
    )


def rule(values: Values) -> BuildSpec | None:
    """The settings as a checked spec, or None with what is wrong with them."""
    try:
        spec: Spec = BuildSpec.parse(values)
    except SpecError as error:
        st.error(words.literal("\n".join(str(problem) for problem in error.problems)))
        return None
    assert isinstance(spec, BuildSpec)
    return spec


def ignored(selection: Selection) -> None:
    """What takes no part in any selection, in words."""
    c = selection.candidates
    parts = [
        words.count(c.left_out["infra_error"], "infrastructure error"),
        words.count(c.left_out["not_scored"], "answer without a score", "answers without a score"),
        words.count(
            int(c.conflicting.sum()),
            "answer whose program was judged differently twice",
            "answers whose programs were judged differently twice",
        ),
    ]
    told = [part for part in parts if not part.startswith("0 ")]
    if told:
        st.caption(f"Takes no part: {', '.join(told)}.")


def built(workspace: Workspace) -> None:
    """The dataset that was built last from here, live, with a link to it."""
    from codemix_core.ui import live, url

    run_id = url.get("built")
    found = {info.run_id for info in selection_data.datasets(workspace)}
    if run_id is None or run_id not in found:
        return
    run = workspace.run(run_id)
    live.panel(run)
    if run.dataset_path.exists():
        st.page_link(
            "pages/5_Datasets.py",
            label="Look into the dataset, check it and export it",
            icon=":material/arrow_forward:",
            query_params={"dataset": run_id},
        )
