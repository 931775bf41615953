"""Builds GoogleTest programs: with their tests in one unit, or apart from them and linked.

Everything is compiled behind the wall, with limits of its own, by the compiler and with the
flags of the original scripts; see :mod:`sandbox.apart` for why both ways give the same program.
Apart, what the tests are made of (GoogleTest, the recorder, the tests and all templates they
use) is one object whose symbols are its own, so that no symbol of a program can take their place.
Linked programs are looked through for functions that stand in for a library's.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox import elf, prebuild
from sandbox.gtest_unit import Unit
from sandbox.watch import Candidate, Limits, Nursery

PREBUILT = Path("/opt/prebuilt")
LIMITS = Limits(seconds=60.0, memory_mb=2048, file_mb=128, stack_mb=64, output_cap=256 * 1024)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8"}
_COMPILER = [prebuild.COMPILER, *prebuild.FLAGS, "-I", str(PREBUILT)]
_GTEST = ["-include", prebuild.GTEST]
_RECORDER = str(PREBUILT / prebuild.RECORDER)
_GTEST_LINKED = str(PREBUILT / prebuild.LINKED)
_LINKER = "/usr/bin/ld"
_FAST_LINKER = Path("/usr/bin/ld.mold")
_FAST_LINKING = (
    "-fuse-ld=mold",
    "-fno-use-linker-plugin",
    "-Wl,--no-threads",
    "-Wl,--build-id=none",
)
_OBJCOPY = "/usr/bin/objcopy"
LOCALISABLE = "-fno-gnu-unique"  # objcopy makes no symbol local that is unique in a process


@dataclass(frozen=True)
class Built:
    """What a build came to: an open descriptor of the product, or why there is none.

    end: as :attr:`Candidate.end`; said, first_said: the end and the beginning of what was said.
    """

    product: int | None
    end: str | None
    said: str
    first_said: str


@lru_cache(maxsize=1)
def known() -> dict[str, Any]:
    """GoogleTest's ``macros``, their ``expansions``, ``main``, ``functions`` none may replace."""
    found: dict[str, Any] = json.loads((PREBUILT / prebuild.KNOWN).read_text("utf-8"))
    return {**found, "functions": frozenset(found["functions"])}


def in_one_unit(nursery: Nursery, unit: Unit, code: str, early: bool) -> Built:
    """The tests with the program in them.

    Args:
        early: GoogleTest's header may come before the first line, so that it need not be compiled.
    """
    sources = [*(_GTEST if early else ()), "tests/test.cpp", _RECORDER, *_libraries()]
    return _run(nursery, _linking(sources), _sources(unit, code), "program")


def preprocessed(nursery: Nursery, unit: Unit, code: str) -> str | None:
    """The tests with the program in them, preprocessed; None when that cannot be done."""
    argv = [*_COMPILER, "-E", "tests/test.cpp", "-o", "unit.ii"]
    text = _bytes(_run(nursery, argv, _sources(unit, code), "unit.ii"))
    return None if text is None else text.decode("utf-8", "replace")


def tests_alone(nursery: Nursery, unit: Unit, stand_in: str) -> bytes | None:
    """The tests compiled against a declaration, or None when they need more than that."""
    argv = [*_COMPILER, LOCALISABLE, *_GTEST, "-c", "tests/test.cpp", "-o", "tests.o"]
    return _bytes(_run(nursery, argv, _sources(unit, stand_in), "tests.o"))


def sealed(nursery: Nursery, tests: bytes) -> bytes:
    """The tests with all they are made of, as one object that nothing can be taken hold of in.

    Raises:
        RuntimeError: the linker failed.
    """
    parts = ["tests.o", _GTEST_LINKED, known()["main"]]
    argv = [_LINKER, "-r", "--force-group-allocation", "-u", "main", "-o", "all.o", *parts]
    whole = _bytes(_run(nursery, argv, {"tests.o": tests}, "all.o"))
    argv = [_OBJCOPY, "--keep-global-symbol=main", "--strip-unneeded", "all.o", "judge.o"]
    judge = _bytes(_run(nursery, argv, {"all.o": whole}, "judge.o")) if whole else None
    if judge is None:
        raise RuntimeError("compiled tests cannot be linked to GoogleTest")
    return judge


def compiled(nursery: Nursery, program: str) -> Built:
    """A program compiled by itself."""
    return _run(nursery, [*_COMPILER, "-c", "program.cpp"], {"program.cpp": program}, "program.o")


def linked(nursery: Nursery, program: str, tests: bytes) -> Built:
    """A program compiled by itself and linked to its tests."""
    argv = _linking(["program.cpp", "tests.o", *_instances()])
    return _run(nursery, argv, {"program.cpp": program, "tests.o": tests}, "program")


def replaced(product: int, function: str) -> str | None:
    """A library function that the program defines anew and the tests lean on, or None."""
    for found in elf.functions(product):
        template = found.weak and found.name.startswith("_Z")  # as any program may instantiate
        forbidden = found.defined and not template and found.name in known()["functions"]
        if forbidden and found.name != function:
            return found.name
    return None


def _sources(unit: Unit, code: str) -> dict[str, str]:
    files = {"test.cpp": unit.text, **unit.beside}
    beside = {f"tests/{name}": text for name, text in files.items()}
    return {**beside, "solution/solution.cpp": code}


def _linking(sources: list[str]) -> list[str]:
    linker = _FAST_LINKING if _FAST_LINKER.exists() else ()
    return [*_COMPILER, *linker, *sources, "-o", "program"]


def _libraries() -> list[str]:
    return ["-lgtest_main", "-lgtest"]


def _instances() -> list[str]:
    path = PREBUILT / prebuild.INSTANCES
    return ["-Wl,--as-needed", str(path)] if path.exists() else []


def _bytes(built: Built) -> bytes | None:
    if built.product is None:
        return None
    with os.fdopen(built.product, "rb") as file:
        return file.read()


def _run(
    nursery: Nursery, argv: list[str], files: Mapping[str, str | bytes], product: str
) -> Built:
    """Run a tool in ``/tmp`` with files of ours; nothing but the product is left of it."""
    for name, content in files.items():
        path = Path("/tmp", name)
        path.parent.mkdir(exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
        path.write_bytes(data)
    run = Candidate(nursery, {"entry": "exec", "argv": argv, "env": ENVIRONMENT}, b"", LIMITS)
    made = None
    try:
        run.wait(time.monotonic() + LIMITS.seconds)
        if run.end == "exit":
            made = _open_regular(f"/tmp/{product}")
    finally:
        run.close()
    if made is not None and run.exit_code != 0:
        os.close(made)
        made = None
    return Built(made, run.end, run.said, run.first_said)


def _open_regular(path: str) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None
