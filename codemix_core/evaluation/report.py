"""The report of a scoring run, as a JSON document and for a terminal.

``report RUN`` and the Pass rates page read the same functions of :mod:`.summary` and
:mod:`.compare`, so they cannot disagree.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codemix_core import jobs, parts
from codemix_core.errors import InputError, Problem
from codemix_core.evaluation import compare, summary
from codemix_core.evaluation.intervals import METHOD, finite, mean_interval
from codemix_core.jobs import State
from codemix_core.records import GENERATIONS
from codemix_core.store import Store
from codemix_core.workspace import RunDir, Workspace

Document = dict[str, Any]
_ENDS = {State.STOPPED: "was stopped", State.FAILED: "failed", State.CRASHED: "crashed"}
SHOWN_GROUPS = 20
"""Most rows of a table on a terminal; JSON has them all."""


def build_report(workspace: Workspace, run_id: str, baseline: str | None = None) -> Document:
    """The report of a scoring run, compared with another when ``baseline`` is given.

    Raises:
        NotFoundError: there is no such run.
        InputError: a run is no scoring run, or both runs are the same.
    """
    run = _scoring_run(workspace, "RUN", run_id)
    store = Store(workspace)
    counts = store.question_counts(run_id)
    other: pd.DataFrame | None = None
    if baseline is not None:
        _scoring_run(workspace, "--compare", baseline)
        if baseline == run_id:
            fix = "Name another scoring run."
            raise InputError(Problem("--compare", "is the run itself.", fix))
        other = store.question_counts(baseline)
    return report_document(counts, about_run(workspace, run), other, baseline)


def report_document(
    counts: pd.DataFrame,
    about: Document,
    baseline_counts: pd.DataFrame | None = None,
    baseline: str | None = None,
) -> Document:
    """Everything a report says, in JSON types only; null where a figure cannot be told.

    Args:
        counts: one row per question, see :mod:`.summary`.
        about: what the run is, put first.
        baseline_counts: the same of the run to compare with.
        baseline: that run's id.
    """
    document: Document = {
        **about,
        "questions": len(counts),
        "answers": int(counts["n"].sum()),
        "scored": int(counts["scored"].sum()),
        "interval_method": METHOD,
        "pass_at_k": [{"k": p.k, **p.interval.document()} for p in summary.pass_ladder(counts)],
        "mean_score": mean_interval(summary.mean_scores(counts)).document(),
        "verdicts": summary.verdict_counts(counts),
        "histogram": records(summary.histogram(counts)),
        **{f"by_{by}": records(summary.group_table(counts, by)) for by in summary.GROUPINGS},
        "by_question": records(summary.question_table(counts)),
    }
    if baseline_counts is not None:
        document["comparison"] = comparison(counts, baseline_counts, baseline)
    return document


def records(frame: pd.DataFrame) -> list[Document]:
    """A frame as JSON rows; NaN becomes null."""
    return [
        {str(k): finite(v) if isinstance(v, float) else v for k, v in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def comparison(counts: pd.DataFrame, other: pd.DataFrame, baseline: str | None) -> Document:
    """A run against a baseline: paired differences over the questions both have scores for.

    Args:
        counts, other: one row per question, see :mod:`.summary`, of the run and the baseline.
        baseline: the baseline's run id.
    """
    pairing = compare.pair(counts, other)
    outcomes = compare.outcomes(pairing)
    sizes = outcomes["outcome"].value_counts()
    return {
        "baseline": baseline,
        "common_questions": len(pairing.run),
        "only_in_run": pairing.only_run,
        "only_in_baseline": pairing.only_baseline,
        "differences": [_difference(found) for found in compare.differences(pairing)],
        "tokens_per_answer": _difference(compare.length_difference(pairing)),
        "verdict_shift": [_difference(found) for found in compare.verdict_shift(pairing)],
        **{f"by_{by}": records(compare.group_differences(pairing, by)) for by in summary.GROUPINGS},
        **{name: int(sizes[name]) if name in sizes else 0 for name in ("won", "lost", "same")},
        "outcomes": records(outcomes),
    }


def _difference(found: compare.Difference) -> Document:
    return {
        "name": found.name,
        "run": finite(found.run),
        "baseline": finite(found.baseline),
        "difference": found.difference.document(),
        "finding": found.finding,
    }


def _scoring_run(workspace: Workspace, field: str, run_id: str) -> RunDir:
    run = workspace.run(run_id)
    if run.stage != "score":
        what = f"{run_id} is a run of stage {run.stage}, which has no verdicts."
        fix = f"Score it with 'score {run_id}', then report the scoring run."
        if run.stage not in ("sample", "import_generations"):
            fix = "Name a scoring run; list them with 'runs'."
        raise InputError(Problem(field, what, fix))
    return run


def about_run(workspace: Workspace, run: RunDir) -> Document:
    """What a scoring run is: its runs, questions, model, prompt style and what was not sampled."""
    sampling = workspace.run(run.load_spec()["run"])
    spec = sampling.load_spec()
    return {
        "run": run.run_id,
        "sampling_run": sampling.run_id,
        "question_set": spec["questions"],
        "model": spec["model"],
        "style": "cot" if spec["cot"] else "direct",
        "unsampled": unsampled(sampling),
    }


def unsampled(sampling: RunDir) -> str | None:
    """Why pass rates are not over all answers that were asked for; None for a complete run.

    Example: ``7,936 of 75,520 answers were sampled; the sampling run crashed``.
    """
    status = jobs.status(sampling)
    if status.state == State.SUCCEEDED:
        return None
    state = _ENDS.get(status.state, f"is {status.state}")
    if not status.total:
        return f"not all answers were sampled; the sampling run {state}"
    rows = parts.count(sampling.shards(GENERATIONS))
    return f"{rows:,} of {status.total:,} answers were sampled; the sampling run {state}"


def render(document: Document, console: Console) -> None:
    """Show a report document on a terminal."""
    title = f"{document['run']}: {document['model']} on {document['question_set']}"
    console.print(f"{title} ({document['style']})", markup=False, style="bold")
    console.print(
        f"{document['questions']:,} questions, {document['answers']:,} answers,"
        f" {document['scored']:,} scored"
    )
    if document["unsampled"]:
        console.print(f"{document['unsampled']}.", style="yellow", highlight=False)
    if not document["scored"]:
        console.print("No answer is scored yet.")
        return
    _print_rates(document, console)
    _print_verdicts(document, console)
    for by, columns in summary.GROUPINGS.items():
        rows = document[f"by_{by}"]
        if by != "skill_pair" and len(rows) > 1:
            _print_groups(columns, rows, console)
    if "comparison" in document:
        _print_comparison(document["comparison"], console)
    console.print(f"[…]: {document['interval_method']}.", style="dim", markup=False)


def _print_rates(document: Document, console: Console) -> None:
    table = _table("", "value", "95% interval", "questions")
    rows = [(f"pass@{row['k']}", row) for row in document["pass_at_k"]]
    for name, row in [*rows, ("mean score", document["mean_score"])]:
        table.add_row(name, _number(row["value"]), _range(row), f"{row['questions']:,}")
    console.print(table)


def _print_verdicts(document: Document, console: Console) -> None:
    table = _table("verdict", "answers", "share")
    for status, count in document["verdicts"].items():
        if count:
            table.add_row(status, f"{count:,}", f"{count / document['answers']:.1%}")
    console.print(table)


def _print_groups(columns: list[str], rows: list[Document], console: Console) -> None:
    table = _table(*columns, "pass@1", "95% interval", "mean score", "questions", "answers")
    for row in rows[:SHOWN_GROUPS]:
        names = [escape(str(row[name])) for name in columns]
        figures = (_number(row["pass_at_1"]), _range(row), _number(row["mean_score"]))
        table.add_row(*names, *figures, f"{row['questions']:,}", f"{row['answers']:,}")
    console.print(table)
    if len(rows) > SHOWN_GROUPS:
        console.print(f"{len(rows) - SHOWN_GROUPS} more with --json")


def _print_comparison(comparison: Document, console: Console) -> None:
    console.print(f"against {comparison['baseline']}", markup=False, style="bold")
    console.print(
        f"{comparison['common_questions']:,} common questions: {comparison['won']:,} won,"
        f" {comparison['lost']:,} lost, {comparison['same']:,} the same"
    )
    table = _table("", "run", "baseline", "difference", "95% interval", "finding")
    for row in comparison["differences"]:
        gap = row["difference"]
        figures = (_number(row["run"]), _number(row["baseline"]), _signed(gap["value"]))
        table.add_row(row["name"], *figures, _range(gap), row["finding"])
    console.print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _range(row: Document) -> str:
    if row["low"] is None:
        return "–"
    return f"[{row['low']:.3f}, {row['high']:.3f}]"
