"""Commands about runs: list, stop, resume, logs; and ``serve``."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from codemix_core import jobs, stages
from codemix_core.cli import terminal
from codemix_core.cli.job_commands import DETACH, JSON, resume_job
from codemix_core.errors import InputError, Problem
from codemix_core.questions.importer import NANO, import_questions
from codemix_core.workspace import RunDir, Workspace

RUN = Annotated[str, typer.Argument(metavar="RUN", help="A run id, see 'runs'.")]

MAX_PORT = 65535


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("runs")(list_runs)
    app.command("stop", no_args_is_help=True)(stop)
    app.command("resume", no_args_is_help=True)(resume)
    app.command("logs", no_args_is_help=True)(logs)
    app.command("serve")(serve)


def list_runs(
    stage: Annotated[str | None, typer.Option(help="Only runs of this stage.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 20,
    as_json: JSON = False,
) -> None:
    """List the runs of the workspace, newest first.

    Example:  python -m codemix_core runs --stage sample
    """
    if stage is not None and stage not in stages.STAGES:
        fix = f"Stages: {', '.join(stages.STAGES)}."
        raise InputError(Problem("stage", f"there is no stage {stage!r}.", fix))
    workspace = Workspace.open()
    for damaged in workspace.damaged_runs():
        text = f"damaged: {damaged.run_id}, its spec.json cannot be read; delete {damaged.root}"
        terminal.console.print(text, markup=False, soft_wrap=True)
    runs = workspace.runs(stage)[:limit]
    found = [(run, jobs.status(run)) for run in runs]
    if as_json:
        terminal.print_json([terminal.run_document(run.run_id, state) for run, state in found])
        return
    if not found:
        terminal.console.print("no runs yet; start with: python -m codemix_core sample --help")
        return
    rows = [_row(run, state) for run, state in found]
    table = Table(box=None, pad_edge=False)
    for index, name in enumerate(("run", "state", "done", "time", "message")):
        fixed = max(len(row[index]) for row in rows) if name != "message" else None
        right = name in ("done", "time")
        table.add_column(
            name,
            no_wrap=True,
            overflow="ellipsis",
            min_width=fixed,
            justify="right" if right else "left",
        )
    for row in rows:
        table.add_row(*row)
    terminal.output.print(table)


def _row(run: RunDir, state: jobs.Status) -> tuple[str, ...]:
    done = f"{state.done:,}/{state.total:,}" if state.total else ""
    first = state.message.splitlines()[0] if state.message else ""
    return run.run_id, state.state.value, done, terminal.duration(state.seconds), first


def stop(run: RUN, as_json: JSON = False) -> None:
    """Stop a run; what it finished is kept and 'resume' does the rest.

    Example:  python -m codemix_core stop sample-20260102T030405-abcd
    """
    found = Workspace.open().run(run)
    status = jobs.stop(found)
    if as_json:
        terminal.print_json(terminal.run_document(run, status))
    else:
        typer.echo(f"{run} {status.state}: {status.message}")


def resume(run: RUN, as_json: JSON = False, detach: DETACH = False) -> None:
    """Do what is missing of a stopped, failed or crashed run.

    Example:  python -m codemix_core resume sample-20260102T030405-abcd
    """
    raise typer.Exit(resume_job(run, as_json=as_json, detach=detach))


def logs(
    run: RUN,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    lines: Annotated[int, typer.Option("--lines", min=1, help="How many of the last lines.")] = 50,
) -> None:
    """Print the last lines of a run's log.

    Example:  python -m codemix_core logs sample-20260102T030405-abcd --follow
    """
    found = Workspace.open().run(run)
    typer.echo(jobs.tail(found, lines))
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(found)


def _follow(run: RunDir) -> None:
    run.log_path.touch()
    with run.log_path.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        while True:
            alive = jobs.status(run).state.alive
            text = stream.read().decode("utf-8", "replace")
            if text:
                typer.echo(text, nl=False)
            if not alive:
                return
            time.sleep(0.3)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything but localhost is your decision.")
    ] = "localhost",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    nano: Annotated[
        bool, typer.Option("--nano", help="Import the bundled nano questions unless there.")
    ] = False,
) -> None:
    """Serve the workbench in the browser.

    Example:  python -m codemix_core serve --port 8600
    """
    if not 1 <= port <= MAX_PORT:
        raise InputError(Problem("port", f"got {port};", f"allowed: 1 to {MAX_PORT}."))
    workspace = Workspace.open()
    if nano and NANO not in [found.name for found in workspace.question_sets()]:
        typer.echo(import_questions(NANO, NANO, "auto", workspace).summary())
    os.environ["CODEMIX_HOME"] = str(workspace.root)
    home = Path(__file__).resolve().parents[2] / "app.py"
    sys.stdout.flush()
    os.chdir(home.parent)
    flags = [f"--server.address={host}", f"--server.port={port}", "--server.headless=true"]
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(home), *flags])
