"""The tool chain that is bound into the wall, and its fingerprint.

Nothing but an interpreter, a few Python packages and the system's compiler and libraries is
ever visible inside; no home, no ``/etc``, no workspace.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from codemix_core import files
from codemix_core.errors import SandboxError
from codemix_core.scoring.backends import flavours
from sandbox import prebuild

SANDBOX = Path(__file__).resolve().parents[3] / "sandbox"
PYTHON = "/opt/python"
PREBUILT = "/opt/prebuilt"
_PACKAGES = {
    "python": ("numpy",),
    "pytest": ("numpy", "pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py"),
    "cpp": (),
}
_VERSIONED = ("numpy", "pytest")
_building = threading.Lock()
_UNUSED_SECONDS = 30 * 86400
_PREBUILT_FROM = (
    *("prebuild.py", "elf.py", "macros.py"),
    *("instantiate.cpp", "recorder.cpp", "server.cpp", "link.hpp"),
)
_SOURCES = (".py", ".cpp", ".hpp")


@dataclass(frozen=True)
class Bind:
    """A host path that is visible, read-only, at ``inside``."""

    host: str
    inside: str


def python_binds() -> list[Bind]:
    """The base interpreter and its standard library, without site-packages of a system Python."""
    prefix = Path(sys.base_prefix)
    if prefix not in (Path("/usr"), Path("/usr/local")):
        return [Bind(str(prefix), PYTHON)]
    executable = Path(sys.executable).resolve()
    binds = [Bind(str(executable), f"{PYTHON}/bin/{executable.name}")]
    for kind in ("stdlib", "platstdlib"):
        base = {"base": str(prefix), "platbase": str(prefix), "installed_base": str(prefix)}
        library = Path(sysconfig.get_path(kind, vars=base))
        bind = Bind(str(library), f"{PYTHON}/{library.relative_to(prefix)}")
        if bind not in binds:
            binds.append(bind)
    return binds


def interpreter() -> str:
    """The interpreter's path inside the wall."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return f"{PYTHON}/bin/{name}"


def system_binds(flavour: str) -> list[Bind]:
    """System libraries, and the compiler for C++."""
    names = ["/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec"]
    if flavour == "cpp":
        names += ["/usr/bin", "/usr/include"]
    binds = [Bind(name, name) for name in names if os.path.isdir(name)]
    for name in ("/lib", "/lib32", "/lib64", "/bin"):
        if (
            os.path.isdir(name)
            and not os.path.islink(name)
            and (flavour == "cpp" or name != "/bin")
        ):
            binds.append(Bind(name, name))
    if os.path.exists("/etc/ld.so.cache"):
        binds.append(Bind("/etc/ld.so.cache", "/etc/ld.so.cache"))
    return binds


def system_links(flavour: str) -> list[tuple[str, str]]:
    """Symbolic links of a merged /usr: (target, path)."""
    names = ["/lib", "/lib32", "/lib64"] + (["/bin"] if flavour == "cpp" else [])
    return [(os.readlink(name), name) for name in names if os.path.islink(name)]


def package_binds(flavour: str) -> list[Bind]:
    """The Python packages a program may import, one by one; those not installed are left out."""
    return [bind for name in _PACKAGES[flavour] for bind in _package(name)]


def prebuilt_binds(flavour: str) -> list[Bind]:
    """What C++ programs are built with."""
    return [Bind(str(prebuilt()), PREBUILT)] if flavour == "cpp" else []


def prebuilt() -> Path:
    """The folder with what every C++ program is built with; made when it is not there (10 s).

    It lies in the cache folder, 250 MB, one for each compiler and version of the workbench; making
    one deletes those that were not used for a month. One that is damaged is made anew.

    Raises:
        SandboxError: it cannot be made, e.g. GoogleTest is not installed or the disk is full.
    """
    folder = files.cache_folder() / f"cpp-{_prebuilt_digest()}"
    with _building:
        if prebuild.is_whole(folder):
            with contextlib.suppress(OSError):  # another user's
                os.utime(folder)
            return folder
        if folder.is_dir():
            _delete(folder)
        argv = [sys.executable, "-m", "sandbox.prebuild", str(folder)]
        done = subprocess.run(argv, cwd=SANDBOX.parent, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SandboxError(f"GoogleTest programs cannot be built: {done.stderr[-2000:]}")
        _delete_unused(folder.parent)
    return folder


def _delete_unused(cache: Path) -> None:
    """Make room: what has not been used for long can be made again."""
    for folder in (*cache.glob("cpp-*"), *cache.glob(".cpp-*")):
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                _delete(folder)


def _delete(folder: Path) -> None:
    doomed = Path(tempfile.mkdtemp(prefix=f".{folder.name.lstrip('.')}-", dir=folder.parent))
    folder.replace(doomed)  # so that half a folder is never taken for a whole one
    shutil.rmtree(doomed, ignore_errors=True)


@lru_cache(maxsize=1)
def _prebuilt_digest() -> str:
    digest = hashlib.sha256(str(compiler_version()).encode())
    for name in _PREBUILT_FROM:
        digest.update((SANDBOX / name).read_bytes())
    for header in sorted(Path("/usr/include/gtest").rglob("*.h")):
        digest.update(header.read_bytes())
    return digest.hexdigest()[:16]


def _package(name: str) -> list[Bind]:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return [Bind(str(origin), f"{flavours.SITE}/{origin.name}")]
    binds = [Bind(str(origin.parent), f"{flavours.SITE}/{name}")]
    libraries = origin.parent.with_name(f"{name}.libs")
    if libraries.is_dir():
        binds.append(Bind(str(libraries), f"{flavours.SITE}/{libraries.name}"))
    return binds


@lru_cache(maxsize=1)
def compiler_version() -> str | None:
    """First line of ``g++ --version``, or None when there is no compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        return None
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else None


def gtest_installed() -> bool:
    """Whether GoogleTest's header is where the system's compiler finds it."""
    return any(Path(root, "gtest/gtest.h").exists() for root in ("/usr/include",))


def sources() -> list[Path]:
    """The judge's own source files."""
    return sorted(path for path in SANDBOX.iterdir() if path.suffix in _SOURCES)


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """SHA-256 over everything that can move a verdict: versions and the judge's own source."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(str(compiler_version()).encode())
    for package in _VERSIONED:
        try:
            digest.update(f"{package} {metadata.version(package)}".encode())
        except metadata.PackageNotFoundError:
            digest.update(f"{package} absent".encode())
    for path in sources():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
