"""The command that says what came from what."""

from __future__ import annotations

from typing import Annotated

import typer

from codemix_core.cli import terminal
from codemix_core.cli.job_commands import JSON
from codemix_core.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lineage", no_args_is_help=True)(show_lineage)


def show_lineage(
    name: Annotated[
        str, typer.Argument(metavar="RUN_OR_MODEL", help="A run, see 'runs', or a model.")
    ],
    as_json: JSON = False,
) -> None:
    """Show what a run or a model was made from, and what was made from it.

    Example:  python -m codemix_core lineage my-dpo
    """
    from codemix_core import lineage, lineage_nodes

    workspace = Workspace.open()
    graph = lineage.of(workspace, name)
    if as_json:
        terminal.print_json({"of": name, **lineage_nodes.document(workspace, graph)})
        return
    for line in lineage_nodes.tree(workspace, graph):
        terminal.output.print(line, markup=False, soft_wrap=True)
