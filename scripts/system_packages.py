"""What the workbench needs from the operating system, and how to get it.

Presence is looked up in files and commands, so a machine where all is there is never asked for
a password and its package manager is never called. Where something is missing it is installed
with apt as root or through passwordless sudo; otherwise the exact command is returned for a
person to run. Nothing here is fatal: without bubblewrap scoring refuses, without a C++ compiler
C++ questions cannot be judged, without Chromium the browser tests cannot run; the rest works.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

APT_TIMEOUT = 900
"""Seconds an apt command may take, waiting for another apt included."""


@dataclass(frozen=True)
class SystemPackage:
    """One package of Debian and its kin, what it is for, and how to see that it is there."""

    name: str
    purpose: str
    present: Callable[[], bool]


def _command(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _file(*patterns: str) -> Callable[[], bool]:
    return lambda: any(next(Path("/").glob(pattern), None) for pattern in patterns)


PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
"""The package of the Python that runs this; .venv is built on it."""


def _python_header() -> bool:
    return Path(sysconfig.get_path("include"), "Python.h").exists()


RUNTIME = (
    SystemPackage(
        f"{PYTHON}-venv", "everything", lambda: bool(importlib.util.find_spec("ensurepip"))
    ),
    # vLLM compiles its kernels when it starts.
    SystemPackage(f"{PYTHON}-dev", "sampling with vLLM", _python_header),
    SystemPackage("bubblewrap", "the sandbox", _command("bwrap")),
    SystemPackage("g++", "sampling with vLLM, judging C++ questions", _command("g++")),
    SystemPackage("libgtest-dev", "judging C++ questions", _file("usr/include/gtest/gtest.h")),
    SystemPackage("libnuma1", "vLLM on a CPU", lambda: bool(ctypes.util.find_library("numa"))),
)
DEVELOPMENT = (
    SystemPackage(
        "docker.io",
        "tests of the docker sandbox",
        _file("usr/sbin/dockerd", "usr/bin/dockerd", "var/run/docker.sock"),
    ),
    SystemPackage("debootstrap", "tests of the docker sandbox", _file("usr/sbin/debootstrap")),
    SystemPackage("chromium", "the browser tests", _command("chromium")),
    SystemPackage(
        "fonts-dejavu-core", "the browser tests", _file("usr/share/fonts/**/DejaVuSans.ttf")
    ),
)


def missing(packages: Sequence[SystemPackage]) -> list[SystemPackage]:
    """Those that are not there."""
    return [package for package in packages if not package.present()]


def install_command(names: Sequence[str], prefix: Sequence[str] = ("sudo",)) -> list[str]:
    """The apt command that installs them; waits for another apt to finish."""
    options = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
    return [*prefix, "apt-get", "install", *options, *names]


def privilege() -> list[str] | None:
    """What to put before a command to run it as root: nothing, sudo, or None for no way."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    allowed = subprocess.run(
        ["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return ["sudo", "-n"] if allowed.returncode == 0 else None


def install(packages: Sequence[SystemPackage], log: IO[bytes]) -> bool:
    """Install packages with apt if this user may.

    Package lists that are empty or old are refreshed once, when the first try fails.

    Returns:
        Whether all of them are there now.
    """
    prefix = privilege()
    if prefix is None or not shutil.which("apt-get"):
        return False
    names = [package.name for package in packages]
    together = install_command(names, prefix)
    # One name an older or other distribution does not know must not keep the others away.
    alone = [install_command([name], prefix) for name in names]
    for step in (together, [*prefix, "apt-get", "update"], together, *alone):
        _run(step, log)
        if not missing(packages):
            return True
    return False


def _run(command: list[str], log: IO[bytes]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if command[0] == "sudo":
        command = [*command[:2], "DEBIAN_FRONTEND=noninteractive", *command[2:]]
    log.write(f"$ {shlex.join(command)}\n".encode())
    log.flush()
    try:
        subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=APT_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        log.write(f"gave up after {APT_TIMEOUT} s\n".encode())


def advice(packages: Sequence[SystemPackage]) -> str:
    """One paragraph: what is missing, what does not work without it, and the command to run."""
    names = [package.name for package in packages]
    purposes = ", ".join(dict.fromkeys(package.purpose for package in packages))
    if shutil.which("apt-get"):
        prefix = [] if os.geteuid() == 0 else ["sudo"]
        how = shlex.join([*prefix, "apt-get", "install", *names])
    else:
        how = "install them with this system's package manager (the names are Debian's)"
    return f"Missing: {' '.join(names)} (for {purposes}). The rest works. To add: {how}"
