"""Commands about evaluations; ``evaluate`` itself is a job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codemix_core.workspace import Workspace

EVALUATION = Annotated[str, typer.Argument(metavar="RUN", help="An evaluation, see 'runs'.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export-evaluation", no_args_is_help=True)(export_evaluation)


def export_evaluation(
    run: EVALUATION,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .html or .json file to write.")],
) -> None:
    """Write an evaluation as one HTML file that needs no network, or as JSON.

    Example:  python -m codemix_core export-evaluation evaluate-20260102T030405-abcd -o report.html
    """
    from codemix_core.evaluation.exporting import export

    export(Workspace.open(), run, out)
    typer.echo(f"{run} -> {out}")
