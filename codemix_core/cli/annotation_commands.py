"""Commands about people's decisions: accept, reject, swap, pick and note; list them; undo one."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from codemix_core.cli import terminal
from codemix_core.cli.job_commands import JSON
from codemix_core.errors import InputError, Problem
from codemix_core.workspace import Workspace

RUN = Annotated[str, typer.Argument(metavar="RUN", help="A scoring run, see 'runs'.")]
AUTHOR = Annotated[str | None, typer.Option(help="Who decides; left out: the name of the account.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("annotate", no_args_is_help=True)(annotate)
    app.command("annotations", no_args_is_help=True)(list_annotations)
    app.command("undo-annotation", no_args_is_help=True)(undo_annotation)


def annotate(
    run: RUN,
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="accept, reject, swap or note a pair; accept, reject, pick or note an answer.",
        ),
    ],
    question: Annotated[str, typer.Option(help="Id of the question.")],
    chosen: Annotated[int, typer.Option(min=0, help="Sample index of the answer, or chosen one.")],
    rejected: Annotated[
        int | None, typer.Option(min=0, help="Sample index of the rejected answer of a pair.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, or the text of the note.")] = "",
    author: AUTHOR = None,
    as_json: JSON = False,
) -> None:
    """Decide about a pair of answers or about one answer, as the review pages do.

    The next dataset built from the run follows it; swap trains on a pair the other way round,
    and pick takes this answer whatever the rule says.

    Example:  python -m codemix_core annotate score-20260102T030405-abcd reject
    --question nano-0007 --chosen 3 --rejected 1 --reason "same bug"
    """
    from codemix_core.selection.annotations import ACTIONS
    from codemix_core.selection.decide import Decision, decide, scoring_run

    allowed = list(dict.fromkeys(name for names in ACTIONS.values() for name in names))
    found = next((name for name in allowed if name == action), None)
    if found is None:
        raise InputError(Problem("action", f"got {action!r};", f"allowed: {', '.join(allowed)}."))
    decision = Decision(found, question, chosen, rejected, reason)
    by = getpass.getuser() if author is None else author
    made = decide(scoring_run(Workspace.open(), run), decision, author=by)
    if as_json:
        terminal.print_json(asdict(made))
        return
    typer.echo(f"{made.id} {_said(made.action, question, chosen, rejected)}")


def list_annotations(
    run: RUN,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was decided anew or taken back.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """List what people decided about a run and still holds, in order of writing.

    Example:  python -m codemix_core annotations score-20260102T030405-abcd
    """
    from codemix_core.selection.annotations import read, standing
    from codemix_core.selection.decide import scoring_run

    lines = read(scoring_run(Workspace.open(), run))
    found = lines if everything else standing(lines)
    if as_json:
        terminal.print_json([asdict(entry) for entry in found])
        return
    if not found:
        terminal.console.print("nobody decided anything yet; see: annotate --help")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True)
    for name in ("action", "question", "chosen", "rejected", "by", "time", "reason"):
        table.add_column(name)
    for entry in found:
        samples = ("" if s is None else str(s) for s in (entry.chosen, entry.rejected))
        row = (entry.id, entry.action, entry.question_id, *samples, entry.author, entry.time[:19])
        why = entry.reason or (f"of {entry.target}" if entry.target else "")
        # As plain text: what a person wrote is no markup.
        table.add_row(*(Text(cell) for cell in (*row, why)))
    terminal.output.print(table)


def undo_annotation(
    run: RUN,
    annotation: Annotated[
        str, typer.Argument(metavar="ID", help="Id of the decision, see 'annotations'.")
    ],
    author: AUTHOR = None,
    as_json: JSON = False,
) -> None:
    """Take a decision or a note back; the one before it holds again.

    Example:  python -m codemix_core undo-annotation score-20260102T030405-abcd 9f86d081884c7d65
    """
    from codemix_core.selection.annotations import undo
    from codemix_core.selection.decide import scoring_run

    by = getpass.getuser() if author is None else author
    made = undo(scoring_run(Workspace.open(), run), annotation, author=by)
    if as_json:
        terminal.print_json(asdict(made))
        return
    about = _said("", made.question_id, made.chosen, made.rejected).strip()
    typer.echo(f"{annotation} is taken back: {about}")


def _said(action: str, question: str, chosen: int | None, rejected: int | None) -> str:
    samples = f"sample {chosen}" + ("" if rejected is None else f" over {rejected}")
    return f"{action} {question} {samples}"
