"""Commands that answer at once: import, report, export."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from codemix_core import files, store
from codemix_core.cli import terminal
from codemix_core.cli.job_commands import JSON
from codemix_core.cli.options import spec_from, with_signature
from codemix_core.errors import InputError, Problem
from codemix_core.questions.importer import ImportSpec, import_questions
from codemix_core.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands."""
    flag = inspect.Parameter(
        "as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JSON
    )
    app.command("import", no_args_is_help=True, help=inspect.cleandoc(_import.__doc__ or ""))(
        with_signature(_import, ImportSpec, [flag])
    )
    app.command("report", no_args_is_help=True)(report)
    app.command("export", no_args_is_help=True)(export)


def _import(as_json: bool, **values: Any) -> None:
    """Import a question set from a file, a folder, or the bundled 'nano' set.

    Reads the scripts' questions.json, the viewer's JSON, a folder per question and our own JSONL.

    Example:  python -m codemix_core import nano --name nano

    Example:  python -m codemix_core import questions.json --name cpp
    """
    spec = spec_from(ImportSpec, values)
    assert isinstance(spec, ImportSpec)
    imported = import_questions(spec.path, spec.name, spec.format, Workspace.open())
    info = imported.question_set.info()
    if as_json:
        terminal.print_json({**info, "new": imported.new})
        return
    for warning in info["warnings"]:
        text = f"warning: {warning['where']}: {warning['what']} {warning['fix']}"
        terminal.console.print(text, markup=False, soft_wrap=True)
    typer.echo(imported.summary())


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A scoring run, see 'runs'.")],
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="RUN", help="Another scoring run.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show pass@1, pass@k, verdicts and pass rates per skill and k of a scoring run.

    Example:  python -m codemix_core report score-20260102T030405-abcd
    """
    from codemix_core.evaluation.report import build_report, render

    document = build_report(Workspace.open(), run, compare)
    if as_json:
        terminal.print_json(document)
    else:
        render(document, terminal.output)


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, see 'runs'.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help=", ".join(store.exportable()))],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .parquet file to write.")],
    given: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the query; repeatable."),
    ] = None,
) -> None:
    """Write the result of a named query over a run as CSV or Parquet.

    Example:  python -m codemix_core export score-20260102T030405-abcd question_counts -o pass.csv

    Example:  python -m codemix_core export score-20260102T030405-abcd program_groups
    --param question_id=q7 -o programs.parquet
    """
    problems = []
    values = dict(text.partition("=")[::2] for text in given or [])
    if query not in store.exportable():
        fix = f"Queries: {', '.join(store.exportable())}."
        problems.append(Problem("QUERY", f"there is no query {query!r}.", fix))
    elif set(values) != set(store.parameters(query)):
        needed = ", ".join(store.parameters(query)) or "none"
        got = ", ".join(sorted(values)) or "none"
        fix = f"{query} takes: {needed}; give each as --param NAME=VALUE."
        problems.append(Problem("--param", f"got {got};", fix))
    if out.suffix not in (".csv", ".parquet"):
        problems.append(
            Problem("--out", f"got {out.name!r};", "allowed: a name ending in .csv or .parquet.")
        )
    if not out.parent.is_dir():
        problems.append(Problem("--out", f"there is no directory {out.parent}.", "Create it."))
    if problems:
        raise InputError(problems)
    frame = store.Store(Workspace.open()).frame(query, run, **values)
    if out.suffix == ".csv":
        files.write_atomic(out, lambda path: frame.to_csv(path, index=False))
    else:
        files.write_atomic(out, lambda path: frame.to_parquet(path, index=False))
    typer.echo(f"{len(frame):,} rows -> {out}")
