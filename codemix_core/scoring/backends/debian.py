"""A Debian base image: pulled from a registry, or made here from Debian's own packages.

Making one takes ``debootstrap``, the right to be root and about a minute; nothing of this
machine's own system gets into it. What was made is kept under a name of its own and found again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from codemix_core.errors import SandboxError

if TYPE_CHECKING:
    from docker import DockerClient

RELEASE = "bookworm"
_NAME = "codemix-debian"
_BOOTSTRAP_SECONDS = 1800
_LEFT_OUT = ("var/cache/apt/*", "var/lib/apt/lists/*", "usr/share/doc/*", "usr/share/man/*")
Say = Callable[[str], None]


def base_image(client: DockerClient, wanted: str, packages: list[str], say: Say) -> str:
    """The name of an image to build on that the daemon has now.

    Args:
        client: a connection to the daemon.
        wanted: the image a registry would have.
        packages: what an image made here holds besides the minimum.
        say: called with what is being done.

    Raises:
        SandboxError: it can neither be pulled nor made.
    """
    from docker import errors

    made = f"{_NAME}:{hashlib.sha256(' '.join([RELEASE, *packages]).encode()).hexdigest()[:16]}"
    for name in (wanted, made):
        if client.images.list(name=name):
            return name
    try:
        say(f"pulling {wanted}")
        client.images.pull(wanted)
        return wanted
    except errors.DockerException as error:
        reason = str(error)
    say(f"{wanted} cannot be pulled; making a base from Debian's packages, about a minute")
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise SandboxError(
            f"{wanted} cannot be pulled ({reason}) and only root with debootstrap can make a base"
            " from Debian's packages: run this as root ('apt-get install debootstrap'), or give"
            " an image this machine has with --base."
        )
    with tempfile.TemporaryDirectory(prefix="codemix-base-") as folder:
        _bootstrap(folder, packages)
        _import(client, folder, made)
    return made


def _bootstrap(folder: str, packages: list[str]) -> None:
    command = ["unshare", "--mount"]  # what it mounts goes with it, also when it is killed
    command += ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", RELEASE]
    done = subprocess.run(
        [*command, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_BOOTSTRAP_SECONDS,
    )
    if done.returncode != 0:
        raise SandboxError(f"debootstrap failed: {done.stdout[-1000:].strip()}")


def _import(client: DockerClient, folder: str, name: str) -> None:
    repository, _, version = name.partition(":")
    left_out = [f"--exclude=./{pattern}" for pattern in _LEFT_OUT]
    command = ["tar", "-C", folder, "--one-file-system", *left_out, "-c", "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar:
        assert tar.stdout is not None
        client.api.import_image_from_stream(tar.stdout, repository=repository, tag=version)
    if tar.returncode != 0:
        client.images.remove(name)
        raise SandboxError("tar could not read the new base")
