"""Commands about built datasets: list, show, export, delete, compare; and the scripts' config."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from codemix_core.cli import terminal
from codemix_core.cli.job_commands import JSON
from codemix_core.workspace import Workspace

DATASET = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset, see 'datasets'.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("datasets")(list_datasets)
    app.command("show-dataset", no_args_is_help=True)(show_dataset)
    app.command("export-dataset", no_args_is_help=True)(export_dataset)
    app.command("delete-dataset", no_args_is_help=True)(delete_dataset)
    app.command("decontaminate", no_args_is_help=True)(decontaminate)
    app.command("prepare-dataset", no_args_is_help=True)(prepare_dataset)


def list_datasets(as_json: JSON = False) -> None:
    """List the datasets of the workspace, newest first.

    Example:  python -m codemix_core datasets
    """
    from codemix_core.datasets.registry import listing

    found = listing(Workspace.open())
    if as_json:
        terminal.print_json([asdict(entry) for entry in found])
        return
    if not found:
        terminal.console.print("no datasets yet; see: python -m codemix_core build --help")
        return
    table = Table("dataset", "state", "method", "format", "rows", "size", box=None, pad_edge=False)
    for entry in found:
        document = entry.document or {"method": "", "template": ""}
        rows = ", ".join(f"{count:,} {side}" for side, count in entry.rows.items())
        size = f"{entry.size_bytes / 1e6:,.1f} MB"
        table.add_row(
            entry.run_id, entry.state, document["method"], document["template"], rows, size
        )
    terminal.output.print(table)


def show_dataset(
    dataset: DATASET,
    limit: Annotated[int, typer.Option(min=0, help="Show this many rows.")] = 2,
    as_json: JSON = False,
) -> None:
    """Show a dataset's lineage, counts and first rows.

    Example:  python -m codemix_core show-dataset build-20260102T030405-abcd
    """
    from codemix_core.datasets.registry import find, preview, problems
    from codemix_core.datasets.stage import lineage_of

    workspace = Workspace.open()
    run, document = find(workspace, dataset)
    known = [asdict(problem) for problem in problems(workspace, run, document)]
    rows = preview(run, document, limit=limit)
    if as_json:
        terminal.print_json({**document, "known_problems": known, "preview": rows})
        return
    lines = [*lineage_of(document), f"rebuild: {document['rebuild']}"]
    lines += [f"{name}: {count:,}" for name, count in document["counts"].items()]
    lines += [f"warning: {text}" for text in document["warnings"]]
    lines += [f"problem: {p['where']}: {p['what']} {p['fix']}" for p in known]
    for side, found in document["files"].items():
        lines.append(f"{side}: {run.root / found['file']} ({found['rows']:,} rows)")
    _print(lines)
    for row in rows:
        terminal.print_json(row)


def export_dataset(
    dataset: DATASET,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to write into.")],
    template: Annotated[
        str | None, typer.Option(help="Another format than it was built with.")
    ] = None,
    override: Annotated[
        str | None, typer.Option(metavar="REASON", help="Export in spite of known problems.")
    ] = None,
) -> None:
    """Write a dataset's files, lineage and torchtune blocks into a directory.

    Example:  python -m codemix_core export-dataset build-20260102T030405-abcd -o data/dpo
    """
    from codemix_core.datasets.registry import export

    done = export(
        Workspace.open(), dataset, out, template, override=override, author=getpass.getuser()
    )
    rows = ", ".join(f"{count:,} {side}" for side, count in done.rows.items())
    if not done.preflights:
        typer.echo(f"{dataset} was never preflighted; see: preflight --help", err=True)
    typer.echo(f"{rows} rows in format {done.template} -> {done.directory}")


def delete_dataset(
    dataset: DATASET,
    force: Annotated[bool, typer.Option("--force", help="Even when runs refer to it.")] = False,
) -> None:
    """Delete a dataset from the workspace.

    Example:  python -m codemix_core delete-dataset build-20260102T030405-abcd
    """
    from codemix_core.datasets.registry import delete

    delete(Workspace.open(), dataset, force=force)
    typer.echo(f"{dataset} deleted")


def decontaminate(
    dataset: DATASET,
    against: Annotated[str, typer.Option(help="A question set it must not have seen.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Words per n-gram.")] = 13,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Least share to be listed, either way.")
    ] = 0.5,
    as_json: JSON = False,
) -> None:
    """Report how much a dataset overlaps with a question set, in text and in programs.

    Two shares are told: of a trained statement's n-grams, how many the set holds, and of the
    n-grams of one question of the set, how many stand in the trained statement.

    Example:  python -m codemix_core decontaminate build-20260102T030405-abcd --against humaneval
    """
    from codemix_core.datasets.decontamination import report

    found = report(Workspace.open(), dataset, against, n, threshold)
    if as_json:
        terminal.print_json(asdict(found))
        return
    head = f"{found.by_text} of {found.questions} questions have at least {threshold:.0%} of their"
    head += f" {n}-grams in {against}, or hold as much of one of its questions;"
    lines = [f"{head} {found.by_program} share a program"]
    for entry in found.overlaps[:20]:
        same = f", same program as {', '.join(entry.same_program)}" if entry.same_program else ""
        text = f"{entry.share:.0%} of it in {against}, {entry.contained:.0%} of a question in it"
        like = f", most like {entry.nearest}" if entry.nearest else ""
        lines.append(f"  {entry.question_id}: {text}{like}{same}")
    _print(lines)


def prepare_dataset(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The scripts' YAML file.")],
) -> None:
    """Do what the original scripts' dataset_config.yaml says.

    Reads the scripts' scored generations (or questions.json for gold solutions), writes the
    dataset to its output_path, and its torchtune block beside it.

    Example:  python -m codemix_core prepare-dataset dataset_config.yaml
    """
    from codemix_core.datasets.original_config import prepare, read_config

    typer.echo(prepare(read_config(config)))


def _print(lines: list[str]) -> None:
    for line in lines:
        terminal.output.print(line, markup=False, soft_wrap=True)
