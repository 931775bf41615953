"""``sandbox``: which walls this machine can build, and the image of the docker one."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from codemix_core.cli import terminal
from codemix_core.cli.job_commands import JSON
from codemix_core.errors import InputError, Problem, SandboxUnavailable

_BUILD = "build"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sandbox")(sandbox)


def sandbox(
    action: Annotated[
        str | None, typer.Argument(metavar="[build]", help="Build the image of the docker sandbox.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Debian image to build on, instead of the usual one."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show which sandboxes can be used here and why, or build the docker sandbox's image.

    Each is really tried. The image is needed once per version; where no registry can be reached it
    is made from Debian's packages, which takes root and debootstrap.

    Example:  python -m codemix_core sandbox

    Example:  python -m codemix_core sandbox build

    Example:  python -m codemix_core sandbox build --base debian:bookworm
    """
    from codemix_core.scoring import backends

    if action not in (None, _BUILD):
        raise InputError(Problem("ACTION", f"got {action!r};", "allowed: build, or nothing."))
    if base is not None and action is None:
        raise InputError(Problem("--base", "nothing is built;", "write 'sandbox build --base …'."))
    built = _build(base) if action else None
    found = backends.describe()
    if as_json:
        rows = [{"name": f.name, "usable": f.usable, "why": f.why} for f in found]
        terminal.print_json({"sandboxes": rows, "built": built})
        return
    for usability in found:
        verdict = "usable" if usability.usable else "not usable"
        typer.echo(f"{usability.name}: {verdict}: {usability.why}")
    chosen = next((usability.name for usability in found if usability.usable), None)
    typer.echo(f"auto takes {chosen}" if chosen else "auto takes none: scoring is refused")


def _build(base: str | None) -> str:
    """Build the image; what is being done goes to standard error."""
    from docker.errors import DockerException

    from codemix_core.scoring.backends import image
    from codemix_core.scoring.backends.docker import Docker

    try:
        with contextlib.closing(Docker().connect()) as client:
            return image.build(
                client,
                base,
                lambda text: terminal.console.print(text, markup=False, soft_wrap=True),
            )
    except DockerException as error:
        raise SandboxUnavailable(
            f"The Docker daemon does not answer ({error}). Start it, or name another one in"
            " DOCKER_HOST; this user has to be root or a member of the group 'docker'."
        ) from error
