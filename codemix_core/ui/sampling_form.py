"""The Sampling page's form: settings, the exact prompt of one question, time and size."""

from __future__ import annotations

import streamlit as st

from codemix_core import jobs
from codemix_core.errors import InputError
from codemix_core.records import GENERATIONS, Question
from codemix_core.sampling.choice import choose
from codemix_core.sampling.preview import Preview, preview
from codemix_core.sampling.spec import NANO, SampleSpec
from codemix_core.ui import data, forms, look, url, words
from codemix_core.workspace import Workspace

BYTES_PER_TOKEN = 8
"""Disk space of one sampled token: text, id and log-probability, compressed; measured on nano."""
NANO_ON_TWO_CORES = (250.0, 45.0)
"""Samples per second and tokens per answer of the bundled model, measured."""
START_UP = 25.0
"""Seconds vLLM takes to start on a CPU."""


def form(workspace: Workspace) -> tuple[forms.SpecForm, SampleSpec | None]:
    """All settings of a sampling run; the spec is None while something is wrong."""
    made = forms.SpecForm(SampleSpec, "sample")
    names = [question_set.name for question_set in workspace.question_sets()]
    first = st.columns([3, 2, 2, 2])
    with first[0]:
        name = made.field("questions", "Question set", options=names, default=_wanted(names))
    with first[1]:
        made.field("split", "Split", placeholder="all")
    with first[2]:
        ks = sorted({q.k for q in data.questions(workspace.question_set(name)).values()})
        made.field("k", "k", options=ks, placeholder="any")
    with first[3]:
        made.field("limit", "At most", placeholder="all")
    second = st.columns([5, 4])
    with second[0]:
        _model(made, workspace)
    with second[1]:
        pairs = data.set_frame(workspace, "set_skill_pairs", name, None) if name else None
        skills = sorted(set(pairs["skill"])) if pairs is not None else []
        made.field("skills", "Skills", options=skills, format_func=words.skill, placeholder="any")
    third = st.columns(5, vertical_alignment="top")
    for column, (field, label) in zip(
        third,
        (
            ("n", "Answers each"),
            ("temperature", "Temperature"),
            ("top_p", "Top-p"),
            ("max_tokens", "Max tokens"),
            ("seed", "Seed"),
        ),
        strict=True,
    ):
        with column:
            made.field(field, label)
    fourth = st.columns([3, 4, 4], vertical_alignment="center")
    with fourth[0]:
        made.field("cot", "Chain of thought")
    with fourth[1]:
        made.field("include_flagged", "Include flagged questions")
    with fourth[2]:
        engine = made.field("engine", "Engine", label_visibility="collapsed")
    _engine(made, engine)
    spec = made.parse(workspace)
    assert spec is None or isinstance(spec, SampleSpec)
    return made, spec


def _wanted(names: list[str]) -> str | None:
    wanted = url.get("set")
    return wanted if wanted in names else (names[0] if names else None)


def _model(made: forms.SpecForm, workspace: Workspace) -> None:
    known = [NANO, *workspace.models()]
    made.field(
        "model",
        "Model",
        options=known,
        default=NANO,
        accept_new_options=True,
        placeholder="nano, a checkpoint directory or a Hugging Face id",
    )


def _engine(made: forms.SpecForm, engine: str) -> None:
    """Settings that only one engine has; those of the other stay out of the form."""
    with st.expander("More settings", expanded=engine == "openai", key=f"more-{engine}"):
        columns = st.columns(4)
        fields: tuple[tuple[str, str], ...] = (("template", "Own template"), ("top_k", "Top-k"))
        if engine == "openai":
            fields = (
                ("base_url", "Server address"),
                ("api_key_env", "Key from variable"),
                ("concurrency", "Requests in flight"),
                ("max_retries", "Retries"),
                *fields,
            )
        else:
            fields = (
                *fields,
                ("revision", "Revision"),
                ("dtype", "Numbers"),
                ("tensor_parallel", "GPUs per model"),
                ("gpu_memory_utilization", "Memory share"),
            )
        for place, (field, label) in enumerate(fields):
            with columns[place % 4]:
                made.field(field, label, help=SampleSpec.model_fields[field].description)


def show_preview(workspace: Workspace, made: forms.SpecForm, spec: SampleSpec | None) -> bool:
    """The exact prompt of one question; False when the model cannot be used."""
    look.heading("Prompt", "exactly what the model gets")
    if spec is None:
        st.caption("The prompt is shown once the settings are valid.")
        return False
    try:
        questions = _chosen(workspace, spec)
    except InputError as error:
        made.show(error.problems)
        st.caption("No question matches.")
        return False
    by_id = {question.question_id: question for question in questions}
    picked = st.selectbox(
        "Question", list(by_id), key="preview.question", label_visibility="collapsed"
    )
    try:
        with st.spinner("Looking at the model …", show_time=False):
            shown = _preview(workspace, spec, by_id[picked])
    except InputError as error:
        for problem in made.show(error.problems):
            st.error(words.literal(str(problem)))
        st.caption("The prompt is shown once the model can be used.")
        return False
    _prompt(shown)
    estimate(workspace, spec, len(questions), shown)
    return True


def _chosen(workspace: Workspace, spec: SampleSpec) -> list[Question]:
    """The questions a run of the spec would sample, from what pages keep in memory.

    Raises:
        SpecError: no question is left.
    """
    checked = workspace.references(spec.questions)
    flagged: frozenset[str] = frozenset()
    if checked is not None:
        gold = data.frame(workspace, "selfcheck", checked.run_id)
        flagged = frozenset(gold.loc[~gold["ok"].astype(bool), "question_id"])
    return choose(data.questions(workspace.question_set(spec.questions)).values(), spec, flagged)


def _preview(workspace: Workspace, spec: SampleSpec, question: Question) -> Preview:
    return preview(spec, question, workspace)


def _prompt(shown: Preview) -> None:
    if shown.problem:
        st.warning(words.literal(f"This question will not be sampled: {shown.problem}"))
    text = shown.rendered
    if text is None:
        text = "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in shown.messages)
    st.code(text, language=None, wrap_lines=True, height=330)


def estimate(workspace: Workspace, spec: SampleSpec, questions: int, shown: Preview) -> None:
    """Tokens of the prompt, number of answers, time and size to expect."""
    answers = questions * spec.n
    rate, tokens = measured(workspace, spec)
    seconds = START_UP + answers / rate if rate else None
    look.facts(
        {
            "prompt tokens": f"{shown.n_tokens:,}"
            if shown.n_tokens is not None
            else "at the server",
            "questions": f"{questions:,}",
            "answers": f"{answers:,}",
            "time": f"{words.APPROXIMATELY} {words.about(seconds)}" if seconds else "unknown yet",
            "size": f"{words.APPROXIMATELY} {words.size(answers * tokens * BYTES_PER_TOKEN)}"
            if tokens
            else "unknown yet",
        }
    )


def measured(workspace: Workspace, spec: SampleSpec) -> tuple[float | None, float | None]:
    """Samples per second and tokens per answer of the newest run like this one.

    Before the first run of the nano model, what it does on two cores; for others, unknown.
    """
    for run in workspace.runs("sample"):
        made = run.load_spec()
        same = all(made[name] == getattr(spec, name) for name in ("model", "engine", "cot"))
        status = jobs.status(run)
        if same and status.rate and run.shards(GENERATIONS):
            totals = data.frame(workspace, "generation_totals", run.run_id).iloc[0]
            return status.rate, float(totals["tokens"]) / max(1, totals["samples"])
    return NANO_ON_TWO_CORES if spec.model == NANO and spec.engine == "vllm" else (None, None)
