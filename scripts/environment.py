"""Make .venv hold exactly what the locks say; called by setup.py.

    python3 scripts/setup.py          what it takes to run the workbench
    python3 scripts/setup.py --dev    and to test and check it

Guarantees: a second call does nothing, needs no network and takes a fraction of a second. A
call that was interrupted, by SIGKILL or power too, is completed by the next one: the stamp is
written last, and packages whose files are not all there are installed again. Two calls at once
wait for each other. A person's problem (no network, no disk) is one line, exit code 1.

Not guaranteed: that files somebody edited inside .venv are noticed once the stamp is written.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import system_packages
from packages import (
    Pip,
    Place,
    SetupProblem,
    compile_sandboxed,
    forget_broken_packages,
    install_locks,
)

GIB = 1024**3
RUNTIME_LOCKS = ("requirements-cpu.txt", "requirements.txt")
DRIVER = Path("/proc/driver/nvidia/version")


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver is loaded here (in WSL only ``nvidia-smi`` can tell)."""
    if DRIVER.exists():
        return True
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    return subprocess.run([command, "-L"], capture_output=True, check=False).returncode == 0


def choose_lock() -> str:
    """The run-time lock for this machine."""
    return "requirements.txt" if has_nvidia_driver() else "requirements-cpu.txt"


def lock_key(place: Place, lock: str) -> str:
    """What an installed lock is recognised by: its text, the venv's Python and the machine."""
    version = ""
    for line in (place.venv / "pyvenv.cfg").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "version":
            version = ".".join(value.strip().split(".")[:2])
    parts = (place.root / lock).read_bytes(), version.encode(), platform.machine().encode()
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def read_stamp(place: Place) -> dict[str, str]:
    """Keys of the locks that are completely installed; empty when nothing is known."""
    try:
        stamp = json.loads(place.stamp.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(place: Place, stamp: dict[str, str]) -> None:
    """Replace the stamp; a reader sees the old or the new one."""
    temporary = place.stamp.with_suffix(".new")
    temporary.write_text(json.dumps(stamp))
    temporary.replace(place.stamp)


def is_current(place: Place, locks: Sequence[str]) -> bool:
    """Whether every lock is completely installed in a virtual environment that can run."""
    if not place.python.exists() or not (place.venv / "pyvenv.cfg").exists():
        return False
    stamp = read_stamp(place)
    return all(stamp.get(lock) == lock_key(place, lock) for lock in locks)


@contextmanager
def exclusive(place: Place) -> Iterator[int]:
    """Hold this checkout's set-up lock.

    Yields:
        The descriptor; children that inherit it keep the lock should this process be killed.
    """
    place.scratch.mkdir(exist_ok=True)
    with (place.scratch / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is at work in this folder; waiting for it.", flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream.fileno()


def check_disk(place: Place, lock: str) -> None:
    """Refuse before any work when the packages cannot fit; the lock says what it needs.

    Raises:
        SetupProblem: less is free than a fresh install takes, minus what is there already.
    """
    present = sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(place.venv)
        for name in names
    )
    needed = re.search(r"^# Needs (\d+) GB", (place.root / lock).read_text(), re.MULTILINE)
    wanted = max((int(needed[1]) if needed else 0) * GIB - present, GIB)
    free = shutil.disk_usage(place.root).free
    if free < wanted:
        raise SetupProblem(
            f"Not enough disk space: {place.root} has {free / GIB:.1f} GB free and the packages "
            f"need about {wanted / GIB:.0f} GB. Free some, then run this again."
        )


def ensure_venv(place: Place, lock: str) -> None:
    """A virtual environment with a working pip; made anew when it is broken or of another kind.

    Raises:
        SetupProblem: this Python cannot make one.
    """
    other_kind = any(name in read_stamp(place) for name in RUNTIME_LOCKS if name != lock)
    if not other_kind and _runs([str(place.python), "-m", "pip", "--version"]):
        return
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(place.venv)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        output = (made.stdout + made.stderr).strip()
        reason = output.splitlines()[-1] if output else "no message"
        if "ensurepip" in output:
            reason = f"its venv module is missing; sudo apt-get install python{version}-venv"
        raise SetupProblem(f"Python {version} could not make {place.venv}: {reason}")


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def set_up(place: Place, runtime: str, *extras: str) -> None:
    """Bring .venv to the state the locks describe.

    Args:
        place: the checkout.
        runtime: the run-time lock.
        extras: further locks, installed on top of it.

    Raises:
        SetupProblem: it cannot be done; what was installed stays.
    """
    with exclusive(place) as descriptor, (place.scratch / "install.log").open("wb") as log:
        if is_current(place, [runtime, *extras]):
            return
        began = time.monotonic()
        check_disk(place, runtime)
        ensure_venv(place, runtime)
        again = forget_broken_packages(place)
        if again:
            print(f"Interrupted before; again: {', '.join(again)}.", flush=True)
        due = [lock for lock in (runtime, *extras) if not is_current(place, [lock])]
        print(f"Installing {' and '.join(due)} into {place.venv} …", flush=True)
        stamp = {**read_stamp(place), **dict.fromkeys(due, "not complete")}
        write_stamp(place, stamp)
        install_locks(place, Pip(place, log, descriptor), due)
        compile_sandboxed(place)
        write_stamp(place, {**stamp, **{lock: lock_key(place, lock) for lock in due}})
        print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)


def set_up_system(place: Place, packages: Sequence[system_packages.SystemPackage]) -> None:
    """Install what is missing of the system's packages, or say how; never fails."""
    absent = system_packages.missing(packages)
    if not absent:
        return
    place.scratch.mkdir(exist_ok=True)
    tried = place.scratch / "system-tried"
    names = " ".join(package.name for package in absent)
    if not tried.exists() or tried.read_text() != names:
        print(f"Installing {names} …", flush=True)
        with (place.scratch / "system.log").open("ab") as log:
            system_packages.install(absent, log)
        absent = system_packages.missing(packages)
    if absent:
        tried.write_text(" ".join(package.name for package in absent))
        print(system_packages.advice(absent), file=sys.stderr, flush=True)
    else:
        tried.unlink(missing_ok=True)


def main() -> int:
    """Set up; returns the exit code."""
    parser = argparse.ArgumentParser(prog="setup.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    parser.add_argument(
        "--no-system", action="store_true", help="leave the system's packages alone"
    )
    arguments = parser.parse_args()
    place = Place(Path(__file__).resolve().parent.parent)
    locks = [choose_lock(), *(["requirements-dev.txt"] if arguments.dev else [])]
    packages = system_packages.RUNTIME + (system_packages.DEVELOPMENT if arguments.dev else ())
    try:
        if not arguments.no_system:
            set_up_system(place, packages)
        if not is_current(place, locks):
            set_up(place, *locks)
    except SetupProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Set-up stopped: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run the same command again to continue.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
