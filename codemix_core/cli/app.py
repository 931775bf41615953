"""The command line's root: gathers the commands and turns errors into exit codes.

Exit codes: 0 done, 2 bad input (nothing written), 1 failed or stopped.
"""

from __future__ import annotations

import typer

from codemix_core import __version__
from codemix_core.cli import (
    annotation_commands,
    data_commands,
    dataset_commands,
    evaluation_commands,
    job_commands,
    lineage_commands,
    model_commands,
    run_commands,
    sandbox_commands,
    terminal,
)
from codemix_core.errors import CodemixError

app = typer.Typer(
    name="python -m codemix_core",
    help="Code Skill-Mix Workbench: sample, score, select, train and measure code models.\n\n"
    "Results live in the workspace: $CODEMIX_HOME, or ./workspace.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


EXIT_INTERRUPTED = 130
"""What a shell reports for a command ended by Ctrl-C."""


def _version(shown: bool) -> None:
    if shown:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_version, is_eager=True
    ),
) -> None:
    """Options that stand before the command."""


data_commands.register(app)
job_commands.register(app)
annotation_commands.register(app)
dataset_commands.register(app)
model_commands.register(app)
evaluation_commands.register(app)
lineage_commands.register(app)
run_commands.register(app)
sandbox_commands.register(app)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = app(args=argv, standalone_mode=False)
    except CodemixError as error:
        return terminal.report_error(error)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        return terminal.EXIT_FAILED
    except KeyboardInterrupt:
        terminal.console.print("interrupted")
        return EXIT_INTERRUPTED
    except OSError as error:
        terminal.console.print(f"error: {error}", markup=False, soft_wrap=True)
        return terminal.EXIT_FAILED
    except Exception as error:
        shown = getattr(error, "show", None)
        if shown is None:
            raise
        shown()  # A usage error of the command line: unknown command, flag or missing argument.
        return terminal.EXIT_BAD_INPUT
    return code if isinstance(code, int) else 0
