"""Builds GoogleTest programs: with their tests in one unit, or apart from them.

Everything is compiled behind the wall, with limits of its own, by the compiler and with the
flags of the original scripts; see :mod:`sandbox.apart` for why both ways give the same program.
What is built are shared objects: the program, and the tests unless they are in it. The launcher,
which is GoogleTest and the recorder, loads them once the judge's descriptors are out of reach, so
that nothing of a program ever runs before. Each object prefers its own functions to those of
others, as a program does, and is bound to the same versions of the system's. A program is looked
through for functions that stand in for a library's.
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
from sandbox.gtest_unit import MANGLED, REACHES, Unit
from sandbox.watch import Candidate, Limits, Nursery

PREBUILT = Path(prebuild.INSIDE)
LIMITS = Limits(seconds=60.0, memory_mb=2048, file_mb=128, stack_mb=64, output_cap=256 * 1024)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8"}
_COMPILER = [prebuild.COMPILER, *prebuild.FLAGS, "-I", str(PREBUILT)]
_GTEST = ["-include", prebuild.GTEST]
LAUNCHER = str(PREBUILT / prebuild.LAUNCHER)
SERVER = str(PREBUILT / prebuild.SERVER)
_PROGRAM, _TESTS, _SERVE = "program.so", "tests.so", "serve.so"
_ISOLATED = "-fno-gnu-unique"  # else the tests' variables would be the program's of that name
_LOADS = {"dlopen", "dlmopen", "dlsym", "dlvsym", "dlinfo", "dl_iterate_phdr", "_r_debug"}


@dataclass(frozen=True)
class Built:
    """What a build came to: the program as a shared object, or why there is none.

    tests: the same of its tests, None when they are in it; lifted: they are in another process,
    and serve, None when it is in the program, is of what calls it there; end: as
    :attr:`Candidate.end`; said, first_said: the end and the beginning of what was said.
    """

    product: bytes | None
    tests: bytes | None = None
    serve: bytes | None = None
    lifted: bool = False
    end: str | None = "exit"
    said: str = ""
    first_said: str = ""


@lru_cache(maxsize=1)
def known() -> dict[str, Any]:
    """GoogleTest's ``macros`` and ``expansions``, ``functions`` none may replace, ``exports``."""
    found: dict[str, Any] = json.loads((PREBUILT / prebuild.KNOWN).read_text("utf-8"))
    return {**found, "functions": frozenset(found["functions"]), "exports": set(found["exports"])}


def shared(sources: list[str], product: str = _PROGRAM) -> list[str]:
    """The command that makes a shared object, bound to the libraries that the launcher has."""
    versions = (str(PREBUILT / prebuild.VERSIONS / name) for name in prebuild.LIBRARIES)
    libraries = ["-Wl,--as-needed", *versions, "-lgcc", "-l:libc_nonshared.a"]
    options = ["-pipe", "-shared", "-nodefaultlibs", "-fuse-ld=bfd", "-fno-use-linker-plugin"]
    options += ["-Wl,-Bsymbolic,--build-id=none"]
    return [*_COMPILER, *options, *sources, *libraries, "-o", product]


def in_one_unit(nursery: Nursery, unit: Unit, code: str, early: bool) -> Built:
    """The tests with the program in them.

    Args:
        early: GoogleTest's header may come before the first line, so that it need not be compiled.
    """
    argv = shared([*(_GTEST if early else ()), "tests/test.cpp"])
    return _linkable(_run(nursery, argv, _sources(unit, code), _PROGRAM))


def preprocessed(nursery: Nursery, unit: Unit, code: str) -> str | None:
    """The tests with the program in them, preprocessed; None when that cannot be done."""
    argv = [*_COMPILER, "-E", "tests/test.cpp", "-o", "unit.ii"]
    text = _run(nursery, argv, _sources(unit, code), "unit.ii").product
    return None if text is None else text.decode("utf-8", "replace")


def tests_alone(
    nursery: Nursery, unit: Unit, stand_in: str, beside: Mapping[str, str]
) -> bytes | None:
    """The tests compiled with something that stands for the program.

    None when they need more than that. ``beside``: other files, by their path.
    """
    argv = shared([_ISOLATED, *_GTEST, "tests/test.cpp"], _TESTS)
    return _run(nursery, argv, {**_sources(unit, stand_in), **beside}, _TESTS).product


def serving(nursery: Nursery, code: str, beside: Mapping[str, str]) -> bytes | None:
    """What calls a program when it is asked."""
    argv = shared(["solution/serve.cpp"], _SERVE)
    return _run(nursery, argv, {"solution/serve.cpp": code, **beside}, _SERVE).product


def program(nursery: Nursery, code: str, beside: Mapping[str, str]) -> Built:
    """A program built by itself."""
    argv = shared(["solution/program.cpp"])
    return _linkable(_run(nursery, argv, {"solution/program.cpp": code, **beside}, _PROGRAM))


def put(built: Built) -> None:
    """Put what was built where the launcher and the server look for it."""
    parts = {_PROGRAM: built.product, _TESTS: built.tests, _SERVE: built.serve}
    for name, content in parts.items():
        if content is not None:
            Path("/tmp", name).write_bytes(content)


def take_away_tests() -> None:
    """Leave nothing of the tests to a program that is not there yet."""
    Path("/tmp", _TESTS).unlink()


def tampering(built: Built, function: str) -> str | None:
    """What the functions that a program defines and asks for say about tampering, or None."""
    try:
        found = list(elf.functions(built.product or b""))
    except ValueError as error:
        return str(error)
    for symbol in found:
        template = symbol.weak and symbol.name.startswith("_Z")  # as any program may instantiate
        forbidden = symbol.defined and not template and symbol.name in known()["functions"]
        if forbidden and symbol.name != function:
            return f"the program replaces {symbol.name}, which the tests lean on"
        if built.tests is not None and MANGLED in symbol.name:
            return REACHES
        if symbol.name in _LOADS:
            return f"the program uses {symbol.name}, by which it can reach what tests it"
    return None


def answers(program: bytes, serve: bytes) -> bool:
    """Whether a program shows others the function that it is to be asked for."""
    try:
        has = {f.name for f in elf.functions(program) if f.defined}
    except ValueError:
        return True  # said where it is looked through for functions
    asked = {f.name for f in elf.functions(serve) if not (f.defined or f.weak)}
    return all(name in has | known()["exports"] or name.startswith("codemix_") for name in asked)


def defines(code: bytes, name: str) -> bool:
    """Whether a shared object has a function of that name, as others see it."""
    return any(f.name == name and f.defined for f in elf.functions(code))


def allocates(product: bytes) -> bool:
    """Whether a program has its own ``operator new`` or ``delete``."""
    found = elf.functions(product)
    own = (f.name for f in found if f.defined and not f.weak)  # weak: placement
    return any(name.startswith(prebuild.ALLOCATION) for name in own)


def _linkable(built: Built) -> Built:
    """The same, unless it asks for what no library has."""
    try:
        found = elf.functions(built.product or b"")
        missing = {f.name for f in found if not (f.defined or f.weak)} - known()["exports"]
    except ValueError:
        return built  # there is none; or it is said where it is looked through for functions
    complaint = f"undefined reference to `{min(missing)}'" if missing else ""
    return Built(None, first_said=complaint) if missing else built


def _sources(unit: Unit, code: str) -> dict[str, str]:
    files = {"test.cpp": unit.text, **unit.beside}
    beside = {f"tests/{name}": text for name, text in files.items()}
    return {**beside, "solution/solution.cpp": code}


def _run(nursery: Nursery, argv: list[str], files: Mapping[str, str], product: str) -> Built:
    """Run a tool in ``/tmp`` with files of ours; nothing but the product is left of it."""
    for name, content in files.items():
        path = Path("/tmp", name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode("utf-8", "replace"))
    run = Candidate(nursery, {"entry": "exec", "argv": argv, "env": ENVIRONMENT}, b"", LIMITS)
    made = None
    try:
        run.wait(time.monotonic() + LIMITS.seconds)
        if run.end == "exit":
            made = _read_regular(f"/tmp/{product}")
    finally:
        run.close()
    made = made if run.exit_code == 0 else None
    return Built(made, end=run.end, said=run.said, first_said=run.first_said)


def _read_regular(path: str) -> bytes | None:
    """A file of at most the size that programs may write."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return file.read(LIMITS.file_mb << 20) if regular else None
    except OSError:
        return None
