"""The Pass rates page's overview: run picker, scoring, cards, charts, comparison."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core import jobs, stages
from codemix_core.evaluation.compare import BETTER, WORSE
from codemix_core.evaluation.intervals import METHOD, Interval
from codemix_core.evaluation.report import unsampled
from codemix_core.records import GENERATIONS, VERDICTS, Status
from codemix_core.ui import charts, data, forms, live, look, rate_charts, rates, tables, url, words
from codemix_core.ui.rates import Comparison, Overview
from codemix_core.workspace import RunDir, Workspace

VIEWS = ("Skills", "Skill × skill", "k and split", "Questions")
WIDE = 44
"""Most skills whose cells have room for a number at the page's full width."""
CARDS = (1, 8, 32)
"""The k shown as cards, when the run has as many answers; the charts show the whole ladder."""


def pick(workspace: Workspace) -> tuple[RunDir | None, RunDir | None]:
    """The run this page looks at (scored, or still to be scored) and the one to compare with."""
    scored = data.scoring_runs(workspace)
    known = {run.load_spec()["run"] for run in scored}
    bare = [run for run in data.sampling_runs(workspace) if run.run_id not in known]
    runs = {run.run_id: run for run in (*scored, *bare)}
    if not runs:
        return None, None
    wanted = url.get("run")
    if wanted is not None and wanted not in runs:
        wanted = _newest_score(workspace, wanted)
    left, right = st.columns([3, 2])
    with left:
        run_id = url.choice(
            "Run",
            "run",
            list(runs),
            format_func=lambda name: label(workspace, runs[name]),
            clears=("question", "sample", "of", "page", "compare"),
        )
    assert run_id is not None
    run = runs[run_id]
    if run.stage != "score":
        return run, None
    others = [name for name, other in runs.items() if other.stage == "score" and name != run_id]
    with right:
        other = url.choice(
            "Compare with",
            "compare",
            others,
            empty="no other run",
            format_func=lambda name: label(workspace, runs[name]),
            clears=("sample", "of"),
            disabled=not others,
        )
    return run, runs[other] if other else None


def _newest_score(workspace: Workspace, wanted: str) -> str | None:
    """The newest scores of a sampling run someone linked to; None, and a word, if none."""
    scores = data.scores_of(workspace, wanted)
    if scores:
        url.put(run=scores[0].run_id)
        return scores[0].run_id
    st.warning(
        words.literal(f"There is no run {wanted!r} in this workspace; the newest one is shown.")
    )
    url.put(run=None)
    return None


def label(workspace: Workspace, run: RunDir) -> str:
    """A run in a picker: id, what was sampled, and whether it has scores."""
    if run.stage != "score":
        return f"{run.run_id} · {live.title(run)} · not scored"
    sampling = workspace.run(run.load_spec()["run"])
    return f"{run.run_id} · {live.title(sampling)} · {words.short_run(sampling.run_id)}"


def score_form(workspace: Workspace, sampling: RunDir) -> None:
    """Sandbox and workers, and the button that scores a sampling run."""
    spec_class = stages.stage("score").spec()
    form = forms.SpecForm(spec_class, f"score-{sampling.run_id}")
    form.put("run", sampling.run_id)
    first, second, third = st.columns([2, 2, 5])
    with first:
        form.field("sandbox", "Sandbox")
    with second:
        form.field("workers", "Workers", placeholder="one per core")
    with third:
        st.space("small")
    form.launch(workspace, form.parse(workspace), "Score this run")


def unscored(workspace: Workspace, run: RunDir) -> None:
    """What is shown of a run without verdicts: how much there is, and the form to score it."""
    live.panel(run)
    if not run.shards(GENERATIONS):
        st.caption("No generation has been written yet; there is nothing to score.")
        return
    totals = data.frame(workspace, "generation_totals", run.run_id).iloc[0]
    look.facts(
        {
            "generations": f"{totals['samples']:,}",
            "questions": f"{totals['questions']:,}",
            "tokens": f"{int(totals['tokens']):,}",
            "without a program": words.share(totals["no_code"] / max(1, totals["samples"])),
            "cut off at the limit": words.share(totals["cut_off"] / max(1, totals["samples"])),
        }
    )
    look.heading("Score this run", "every answer is judged by the question's unit tests")
    score_form(workspace, run)


def cards(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """The headline figures, live while the run is scored."""
    alive = jobs.status(run).state.alive
    st.fragment(_cards_now, run_every=live.every(alive))(workspace, run, other)


def _cards_now(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    if not run.shards(VERDICTS):
        st.caption("No verdict has been written yet.")
        return
    shown = rates.overview(workspace, run.run_id)
    against = rates.comparison(workspace, run.run_id, other.run_id) if other else None
    steps = [step for step in shown.ladder if step.k in CARDS] or shown.ladder[:1]
    found = [_card(f"pass@{s.k}", _with_margin(s.interval), against) for s in steps]
    found.append(_card("mean score", _with_margin(shown.mean_score), against))
    found += [_plain_card(shown, Status.NO_CODE), _plain_card(shown, Status.INFRA_ERROR)]
    total = f"{shown.scored:,}<small>of {shown.answers:,}</small>"
    found.append(_card("scored answers", total, None))
    st.html(f'<div class="cm-cards">{"".join(found)}</div>')
    _verdicts(workspace, run, other)


def unfinished(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """Says of a run, and of the one beside it, that not all its answers were sampled."""
    for shown in (run, other):
        sampling = workspace.run(shown.load_spec()["run"]) if shown is not None else None
        text = unsampled(sampling) if sampling is not None else None
        if sampling is not None and text is not None:
            state = look.chip(look.STATE[jobs.status(sampling).state])
            look.line(state, look.mono(sampling.run_id), escape(text))


def _with_margin(interval: Interval) -> str:
    margin = interval.margin
    sure = f"<small>±{margin:.3f}</small>" if margin == margin else ""
    return f"{words.rate(interval.value, 3)}{sure}"


def _card(name: str, value: str, against: Comparison | None) -> str:
    change = against.of(name) if against else None
    below = ""
    if change is not None:
        kind = {BETTER: "cm-up", WORSE: "cm-down"}
        tone = f' class="{kind[change.finding]}"' if change.finding in kind else ""
        gap = change.difference
        below = (
            f'<em{tone} title="{escape(change.finding)} than {change.baseline:.3f}, paired over'
            f' {gap.questions:,} questions">{words.signed(gap.value, 3)}'
            f" {words.interval(gap.low, gap.high, 3)}</em>"
        )
    return f'<span class="cm-card"><i>{escape(name)}</i><b>{value}</b>{below}</span>'


def _plain_card(shown: Overview, status: Status) -> str:
    number = shown.verdicts[status.value]
    part = words.share(number / max(1, shown.answers))
    return _card(look.STATUS[status].word, f"{number:,}<small>{part}</small>", None)


def _verdicts(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """The verdict bar with its legend in words and numbers."""
    runs = [(words.short_run(run.run_id), rates.overview(workspace, run.run_id).verdicts)]
    if other is not None:
        runs.append(
            (words.short_run(other.run_id), rates.overview(workspace, other.run_id).verdicts)
        )
    charts.show(rate_charts.verdicts(runs), "verdict_bar", "Share of each verdict")
    found = [verdicts for _, verdicts in runs]
    chips = [
        f"{look.chip(shown)} {' against '.join(_number(verdicts, status) for verdicts in found)}"
        for status, shown in look.ANSWERS.items()
        if any(verdicts[status] for verdicts in found)
    ]
    look.line(*chips)


def _number(verdicts: dict[str, int], status: str) -> str:
    """Number and share of one verdict as HTML."""
    part = words.share(verdicts[status] / max(1, sum(verdicts.values())))
    return (
        f'<span class="cm-number">{verdicts[status]:,}</span> <span class="cm-muted">{part}</span>'
    )


def curves(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """pass@k and the histogram of pass rates."""
    found = _overviews(workspace, run, other)
    left, right = st.columns(2, gap="medium")
    with left:
        look.heading("pass@k", "mean over questions, band: 95% interval")
        steps = [(name, shown.ladder) for name, shown in found]
        charts.show(rate_charts.ladder(steps), "ladder", "pass@k against k with intervals")
    with right:
        look.heading("Questions by pass rate", "number of questions")
        bands = [(name, shown.histogram) for name, shown in found]
        charts.show(rate_charts.histogram(bands), "histogram", "Histogram of pass rates")
    st.caption(
        f"Intervals: {METHOD}. pass@k: unbiased estimator of Chen et al. 2021, over questions with"
        " at least k scored answers; infrastructure errors are left out."
    )


def _overviews(
    workspace: Workspace, run: RunDir, other: RunDir | None
) -> list[tuple[str, Overview]]:
    runs = [run, other] if other is not None else [run]
    return [(words.short_run(r.run_id), rates.overview(workspace, r.run_id)) for r in runs]


def by_skill(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """pass@1 per skill."""
    found = _overviews(workspace, run, other)
    rows = [(name, shown.skills) for name, shown in found]
    charts.show(rate_charts.rates_by(rows, "skill"), "skills", "pass@1 per skill with intervals")
    _export(workspace, run, other, "skills")


def by_pair(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """pass@1 per pair of skills; with a baseline, the difference beside it."""
    shown = rates.overview(workspace, run.run_id)
    st.caption(
        "pass@1 in %, counts and intervals on hover; diagonal: a skill over all its questions."
        " Click a cell to list its questions."
    )
    if other is None:
        made = rate_charts.pair_map(shown.pairs, texts=len(shown.skills) <= WIDE)
        _clickable(made, "pairs", "pass@1 per pair of skills")
    else:
        left, right = st.columns(2)
        with left:
            made = rate_charts.pair_map(shown.pairs, texts=None)
            _clickable(made, "pairs", "pass@1 per pair of skills")
        against = rates.comparison(workspace, run.run_id, other.run_id)
        with right:
            made = rate_charts.difference_map(against.pairs)
            _clickable(made, "pair_differences", "Difference in pass@1 per pair of skills")
    _export(workspace, run, other, "pairs")


def _clickable(made: Any, key: str, alt: str) -> None:
    def clicked() -> None:
        pair = charts.clicked_pair(st.session_state[key])
        if pair is not None:
            skill, other = pair
            url.put(
                skill=skill,
                other_skill=None if skill == other else other,
                show=VIEWS[-1],
                page=None,
            )

    charts.show(made, key, alt, on_select=clicked, selection_mode="points")


def by_k_and_split(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """pass@1 per number of skills and per split."""
    found = _overviews(workspace, run, other)
    for column, part, title in zip(
        ("k", "split"), st.columns(2, gap="medium"), ("number of skills", "split"), strict=True
    ):
        with part:
            look.heading(f"pass@1 by {title}")
            rows = [(name, shown.ks if column == "k" else shown.splits) for name, shown in found]
            made = rate_charts.rates_by(rows, column, height=190)
            charts.show(made, f"by_{column}", f"pass@1 by {title} with intervals")
            _export(workspace, run, other, "ks" if column == "k" else "splits")


def _export(workspace: Workspace, run: RunDir, other: RunDir | None, table: str) -> None:
    """The table behind a chart; with a baseline, the table of differences."""

    def make() -> pd.DataFrame:
        source: Overview | Comparison = rates.overview(workspace, run.run_id)
        if other is not None:
            source = rates.comparison(workspace, run.run_id, other.run_id)
        frame: pd.DataFrame = getattr(source, table)
        return frame

    command = ["python", "-m", "codemix_core", "report", run.run_id, "--json"]
    command += ["--compare", other.run_id] if other is not None else []
    with st.container(horizontal=True):
        tables.downloads(f"{run.run_id}-{table}", make, " ".join(command))


def left_out(workspace: Workspace, run: RunDir, other: RunDir) -> None:
    """Which questions a comparison is over."""
    against = rates.comparison(workspace, run.run_id, other.run_id)
    text = (
        f"Differences are paired over {words.count(against.questions, 'question')} both runs have."
    )
    if against.only_run or against.only_baseline:
        text += f" Left out: {against.only_run:,} only here, {against.only_baseline:,} only there."
    counts = against.outcomes["outcome"].value_counts()
    parts = [f"{int(counts[name]):,} {name}" for name in ("won", "lost", "same") if name in counts]
    st.caption(f"{text} Per question: {', '.join(parts)}." if parts else text)
