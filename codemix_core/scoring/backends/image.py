"""The image of the docker backend: its name, and how it is built.

Guarantees: the name tells the content (Dockerfile, judge, versions of the packages), so an image
of another checkout is never taken for this one's. Nothing is fetched inside the build but Debian's
packages, and not even these when the base holds them already; the wheels are those of the lock.

Not guaranteed: that two builds are the same byte for byte, since Debian's packages move. Verdicts
are therefore kept apart by the image's id.
"""

from __future__ import annotations

import hashlib
import io
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from codemix_core.errors import SandboxError
from codemix_core.scoring.backends import debian, toolchain

if TYPE_CHECKING:
    from docker import DockerClient

DOCKERFILE = toolchain.SANDBOX / "Dockerfile"
BUILD_COMMAND = "python -m codemix_core sandbox build"
PYTHON = "3.11"
_NAME = "codemix-sandbox"
_LOCK = toolchain.SANDBOX.parent / "requirements-cpu.txt"
_PACKAGES = frozenset({"numpy", "pytest", "pluggy", "iniconfig", "packaging", "pygments"})
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_DOWNLOAD_SECONDS = 600
Say = Callable[[str], None]


def pins() -> list[str]:
    """What programs may import, as ``name==version``, for the image's Python."""
    environment = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0"}
    lines = [line for line in _LOCK.read_text().splitlines() if line and line[0] not in "# "]
    found = [Requirement(line) for line in lines]
    return sorted(
        f"{requirement.name}{requirement.specifier}"
        for requirement in found
        if requirement.name in _PACKAGES
        and (requirement.marker is None or requirement.marker.evaluate(environment))
    )


@lru_cache(maxsize=1)
def tag() -> str:
    """The image's name, which changes with its content; the same for the life of the process."""
    digest = hashlib.sha256("\n".join([*pins(), DOCKERFILE.read_text()]).encode())
    for path in toolchain.sources():
        digest.update(path.name.encode() + path.read_bytes())
    return f"{_NAME}:{digest.hexdigest()[:16]}"


def build(client: DockerClient, base: str | None, say: Say) -> str:
    """Build the image and return its name.

    Args:
        client: a connection to the daemon that will run it.
        base: an image to build on; None for the Dockerfile's own, or one made from Debian's
            packages where that one cannot be pulled.
        say: called with what is being done.

    Raises:
        SandboxError: it cannot be built; says at what.
    """
    from docker import errors

    name = tag()
    chosen = base or debian.base_image(client, _argument("BASE"), packages(), say)
    with tempfile.TemporaryDirectory() as folder:
        say(f"fetching {', '.join(pins())}")
        _download(folder)
        say(f"building {name} on {chosen}")
        try:
            _build(client, _context(Path(folder)), chosen, name)
        except errors.BuildError as error:
            output = "".join(str(part.get("stream", "")) for part in error.build_log)
            raise SandboxError(f"the image cannot be built: {error}\n{output[-2000:]}") from error
        except errors.DockerException as error:
            raise SandboxError(f"the image cannot be built: {error}") from error
    return name


def packages() -> list[str]:
    """The Debian packages of the image."""
    return _argument("PACKAGES").split()


def _argument(name: str) -> str:
    """The default of one of the Dockerfile's arguments."""
    found = re.search(rf'^ARG {name}="?([^"\n]+)', DOCKERFILE.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def _download(folder: str) -> None:
    machine = platform.machine()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    command += ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    command += [part for name in _PLATFORMS for part in ("--platform", f"{name}_{machine}")]
    done = subprocess.run(
        [*command, *pins()],
        capture_output=True,
        text=True,
        check=False,
        timeout=_DOWNLOAD_SECONDS,
    )
    if done.returncode != 0:
        raise SandboxError(f"pip cannot fetch the image's packages: {done.stderr[-1000:].strip()}")


def _context(wheels: Path) -> io.BytesIO:
    """What the Dockerfile copies: times and owners left out, so that layers are found again."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _add(tar, DOCKERFILE, "Dockerfile")
        for path in sorted(wheels.iterdir()):
            _add(tar, path, f"wheels/{path.name}")
        for path in toolchain.sources():
            _add(tar, path, f"judge/sandbox/{path.name}")
    archive.seek(0)
    return archive


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    content = path.read_bytes()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))


def _build(client: DockerClient, context: io.BytesIO, base: str, name: str) -> None:
    options: dict[str, Any] = {"custom_context": True, "rm": True, "forcerm": True}
    client.images.build(fileobj=context, tag=name, buildargs={"BASE": base}, **options)
