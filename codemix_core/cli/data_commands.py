"""Commands that answer at once: import, report, export."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from codemix_core import files, store
from codemix_core.cli import terminal
from codemix_core.cli.job_commands import JSON
from codemix_core.cli.options import spec_from, with_signature
from codemix_core.errors import InputError, Problem
from codemix_core.questions.importer import ImportSpec, import_questions
from codemix_core.workspace import RUN_ID, Workspace


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
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run, see 'runs', or a question set.")
    ],
    query: Annotated[str, typer.Argument(metavar="QUERY", help=", ".join(store.exportable()))],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .parquet file to write.")],
    compare: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="A scoring run whose pass rates stand beside."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the query; repeatable."),
    ] = None,
) -> None:
    """Write the result of a named query over a run or a question set as CSV or Parquet.

    Filters, order and number of rows need not be given.

    Example:  python -m codemix_core export score-20260102T030405-abcd question_counts -o pass.csv

    Example:  python -m codemix_core export score-20260102T030405-abcd question_page
    --param split=heldout --param sort=pass_rate -o heldout.csv

    Example:  python -m codemix_core export nano set_page -o questions.parquet
    """
    workspace = Workspace.open()
    problems, values = _parameters(query, given or [])
    if compare is not None and workspace.run(compare).stage != "score":
        fix = "Give a scoring run, see 'runs --stage score'."
        problems.append(Problem("--compare", f"got {compare!r};", fix))
    if out.suffix not in (".csv", ".parquet"):
        problems.append(
            Problem("--out", f"got {out.name!r};", "allowed: a name ending in .csv or .parquet.")
        )
    if not out.parent.is_dir():
        problems.append(Problem("--out", f"there is no directory {out.parent}.", "Create it."))
    if problems:
        raise InputError(problems)
    reader = store.Store(workspace)
    if RUN_ID.fullmatch(run):
        frame = reader.frame(query, run, compare, **values)
    else:
        frame = reader.set_frame(query, run, compare, **values)
    if out.suffix == ".csv":
        files.write_atomic(out, lambda path: frame.to_csv(path, index=False))
    else:
        files.write_atomic(out, lambda path: frame.to_parquet(path, index=False))
    typer.echo(f"{len(frame):,} rows -> {out}")


def _parameters(query: str, given: list[str]) -> tuple[list[Problem], dict[str, Any]]:
    """What is wrong with the query or its parameters, and their values, defaults filled in."""
    if query not in store.exportable():
        fix = f"Queries: {', '.join(store.exportable())}."
        return [Problem("QUERY", f"there is no query {query!r}.", fix)], {}
    texts = dict(text.partition("=")[::2] for text in given)
    usual = store.defaults(query)
    needed = [name for name in store.parameters(query) if name not in usual]
    problems = []
    if not set(needed) <= set(texts) <= {*needed, *usual}:
        got = ", ".join(sorted(texts)) or "none"
        free = f"; may be given: {', '.join(sorted(usual))}" if usual else ""
        fix = (
            f"{query} takes: {', '.join(needed) or 'none'}{free}; give each as --param NAME=VALUE."
        )
        problems.append(Problem("--param", f"got {got};", fix))
    values = dict(usual)
    for name, text in texts.items():
        kind = type(usual[name]) if name in usual else str
        try:
            values[name] = _KINDS[kind](text)
        except (KeyError, ValueError):
            fix = {int: "give a whole number.", float: "give a number."}.get(kind, "true or false.")
            problems.append(Problem(f"--param {name}", f"got {text!r};", fix))
    return problems, values


_KINDS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: {"true": True, "false": False}.__getitem__,
}
