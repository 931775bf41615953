"""What every C++ program is built with, made once per machine: ``python -m sandbox.prebuild DIR``.

- ``gtest/gtest.h.gch``: GoogleTest's header, precompiled, for programs built with their tests;
- ``std/first.hpp.gch``: exactly the headers that GoogleTest's header includes, precompiled, for
  programs built apart from their tests: they see what they would see after ``gtest/gtest.h``,
  no more and no less, so that none is forgiven a header it forgot;
- ``std/first-cmath.hpp.gch``: the same and ``<cmath>``, which many programs begin with and which
  takes the compiler longer to read than all the rest of them;
- ``libinstances.so``: the containers that programs use most, instantiated for the types they hold
  most; the two headers declare them so, and a program that uses one need not compile it;
- ``launcher``: GoogleTest and what reports each test, as a program that loads tests, and a program
  if it is not in a process of its own: there it is loaded by the ``server``;
- ``versions/``: for each system library a stand-in that has only those names of which the library
  has several versions; programs are linked to it, as it takes a tenth of the time;
- ``known.json``: GoogleTest's macros and what they expand to, the functions that the tests lean on
  and a program may not replace, and all names that programs can be linked to;
- ``whole.json``: the size of each of these files, by which a damaged folder is told.

Only the system's headers and files of this project are compiled, so this needs no wall.
Templates that the headers use are instantiated beforehand (``instantiate.cpp``), where the
compiler takes plugins; this halves the time it needs for a small program.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import elf, macros

INSIDE = "/opt/prebuilt"
"""Where programs find it."""
COMPILER = "/usr/bin/g++"
FLAGS = ("-std=c++17", "-pthread", "-fPIC")
GTEST = "gtest/gtest.h"
FIRST = "std/first.hpp"
FIRST_CMATH = "std/first-cmath.hpp"
INSTANCES = "libinstances.so"
LAUNCHER, SERVER = "launcher", "server"
VERSIONS = "versions"
LIBRARIES = ("libstdc++.so.6", "libm.so.6", "libc.so.6", "libgcc_s.so.1")
KNOWN = "known.json"
WHOLE = "whole.json"
_RECORDER, _SERVER = (Path(__file__).with_name(f"{name}.cpp") for name in ("recorder", "server"))
_PLUGIN = Path(__file__).with_name("instantiate.cpp")
_NOW = "#pragma workbench instantiate\n"
_VALUES = ("int", "double", "char", "bool", "long long", "string", "pair<int, int>")
_ROWS = ("int", "double", "char", "bool", "string")
_ENTRIES = ("int, int", "char, int", "string, int", "string, string", "int, vector<int>")
_CONTAINERS = (
    *(f"vector<{value}>" for value in _VALUES),
    *(f"vector<vector<{value}>>" for value in _ROWS),
    *(f"{kind}<{entry}>" for kind in ("map", "unordered_map") for entry in _ENTRIES),
    *("set<int>", "set<string>", "set<pair<int, int>>"),
)
_OBJECTS = "BDGRSVu"
_SYMBOL = re.compile(r" (\w) (\w+)(?:(@@?)(\w[\w.]*))?$")
_MACRO = re.compile(r"^#define (\w+)", re.MULTILINE)
ALLOCATION = ("_Znw", "_Zna", "_Zdl", "_Zda")
"""``operator new`` and ``delete``, which C++ lets every program replace."""


def build(folder: Path) -> None:
    """Fill an empty folder.

    Raises:
        RuntimeError: something does not compile, e.g. GoogleTest is not installed.
    """
    for name in (GTEST, FIRST):
        (folder / name).parent.mkdir()
    (folder / GTEST).write_text("#include_next <gtest/gtest.h>\n", "utf-8")
    below = [f"#include <{name}>" for name in _headers_below(folder)]
    plugin = _plugin(folder)
    with ThreadPoolExecutor() as pool:
        gtest = pool.submit(_precompile, folder / GTEST, plugin)
        declared = _instances(folder, below)
        for name, more in ((FIRST, declared), (FIRST_CMATH, ["#include <cmath>", *declared])):
            (folder / name).write_text("\n".join([*below, *more, ""]), "utf-8")
        list(pool.map(lambda name: _precompile(folder / name, plugin), (FIRST, FIRST_CMATH)))
        gtest.result()
    _link_gtest(folder)
    (folder / VERSIONS).mkdir()
    exports = {"__tls_get_addr"}  # of the loader
    for library in LIBRARIES:
        _stand_in(folder / VERSIONS, library)
        exports |= _present(_file(library)).keys()
    for name in (LAUNCHER, INSTANCES):
        exports |= _present(str(folder / name)).keys() if (folder / name).exists() else set()
    known = {
        "macros": sorted(_macros(folder)),
        "expansions": sorted(_expansions()),
        "functions": sorted(_functions(folder)),
        "exports": sorted(exports),
    }
    (folder / KNOWN).write_text(json.dumps(known), "utf-8")


def _link_gtest(folder: Path) -> None:
    needs = [str(folder / INSTANCES)] if (folder / INSTANCES).exists() else []
    options = ["-rdynamic", "-Wl,--no-as-needed", *needs, "-o"]
    whole = ["-Wl,--whole-archive", _file("libgtest.a"), "-Wl,--no-whole-archive"]
    _run(str(_RECORDER), *whole, *options, str(folder / LAUNCHER))
    _run(str(_SERVER), *options, str(folder / SERVER))


def _file(name: str) -> str:
    """Where the compiler finds a library."""
    return _run(f"-print-file-name={name}").stdout.strip()


def _symbols(library: str) -> list[tuple[str, ...]]:
    """Kind, name, ``@`` for old programs alone or ``@@``, and version, of all that others see."""
    argv = ["/usr/bin/nm", "-D", "--defined-only", "--with-symbol-versions", library]
    found = (_SYMBOL.search(line) for line in _output(argv).stdout.splitlines())
    return [symbol.groups("") for symbol in found if symbol is not None]


def _present(library: str) -> dict[str, tuple[str, str]]:
    """Kind and version by name, of what new programs can be linked to."""
    return {name: (kind, version) for kind, name, at, version in _symbols(library) if at != "@"}


def _stand_in(folder: Path, library: str) -> None:
    """Make the stand-in of a library."""
    old = {name for _, name, at, _ in _symbols(_file(library)) if at == "@"}
    present = _present(_file(library))
    lines = [".data"]
    named = defaultdict[str, list[str]](list)
    for name in sorted(old & present.keys()):
        kind, version = present[name]
        what = "object" if kind in _OBJECTS else "function"
        lines.append(f".globl {name}\n.type {name}, @{what}\n{name}: .byte 0\n.size {name}, 1")
        named[version].append(f"{name};")
    source, script = folder / "names.s", folder / "names.map"
    source.write_text("\n".join([*lines, '.section .note.GNU-stack,"",@progbits', ""]), "utf-8")
    nodes = (f"{version} {{ global: {' '.join(names)} }};\n" for version, names in named.items())
    script.write_text("".join(nodes), "utf-8")
    options = ["-shared", "-nostdlib", f"-Wl,-soname,{library},--version-script={script}"]
    _run(*options, str(source), "-o", str(folder / library))
    source.unlink()
    script.unlink()


def _plugin(folder: Path) -> list[str]:
    """The compiler's arguments to have templates instantiated early; none where it cannot."""
    made, trial = folder / "instantiate.so", folder / "trial.hpp"
    arguments = [f"-fplugin={made}"]
    try:
        _run("-O1", "-shared", "-fPIC", "-fno-rtti", str(_PLUGIN), "-o", str(made))
        trial.write_text(_NOW, "utf-8")
        _run(*arguments, "-x", "c++-header", str(trial), "-o", f"{trial}.gch")
    except RuntimeError:
        return []
    finally:
        trial.unlink(missing_ok=True)
        Path(f"{trial}.gch").unlink(missing_ok=True)
    return arguments


def _instances(folder: Path, headers: list[str]) -> list[str]:
    """The lines that declare what is instantiated in a library; none where it cannot be made."""
    lines = [f"template class {_qualified(name)};" for name in _CONTAINERS]
    source = folder / "instances.cpp"
    source.write_text("\n".join([*headers, *lines, ""]), "utf-8")
    try:
        _run(
            "-shared",
            f"-Wl,-s,-soname,{INSIDE}/{INSTANCES}",
            str(source),
            "-o",
            str(folder / INSTANCES),
        )
    except RuntimeError:
        return []
    finally:
        source.unlink()
    return [f"extern {line}" for line in lines]


def _qualified(name: str) -> str:
    return re.sub(r"\b(?=(?:vector|map|unordered_map|set|string|pair)\b)", "std::", name)


def _precompile(header: Path, plugin: list[str]) -> None:
    source = header.with_name(f"{header.name}.all")
    whole = f"#include <{GTEST}>\n" if header.match(GTEST) else header.read_text("utf-8")
    source.write_text(whole + _NOW, "utf-8")
    _run(*plugin, "-x", "c++-header", str(source), "-o", f"{header}.gch")
    source.unlink()


def _headers_below(folder: Path) -> list[str]:
    """Headers that GoogleTest's own headers include, in order of first appearance.

    By their names, as headers of the system: the compiler forgives these what it forgives no other.
    """
    folders = _system_folders()
    shown = _run("-E", "-H", "-x", "c++", _system_gtest(), "-o", os.devnull).stderr
    found: list[str] = []
    above: list[str] = []
    for line in shown.splitlines():
        dots, _, path = line.partition(" ")
        if not dots or set(dots) != {"."}:
            continue
        above = [*above[: len(dots) - 1], path]
        parent = above[-2] if len(above) > 1 else _system_gtest()
        if "/gtest/" in parent and "/gtest/" not in path and path not in found:
            found.append(path)
    names = [next((path[len(f) :] for f in folders if path.startswith(f)), "") for path in found]
    if not names or not all(names):
        raise RuntimeError(f"cannot tell what {_system_gtest()} includes:\n{shown[-2000:]}")
    return names


def _system_folders() -> list[str]:
    """Where the compiler looks for headers, the longest path first."""
    shown = _run("-E", "-v", "-x", "c++", "-", "-o", os.devnull).stderr
    listed = shown.partition("#include <...> search starts here:\n")[2].partition("End of")[0]
    return sorted((f"{line.strip()}/" for line in listed.splitlines()), key=len, reverse=True)


def _system_gtest() -> str:
    shown = _run("-M", "-x", "c++", "-", given="#include <gtest/gtest.h>\n").stdout
    found = re.search(r"\S+/gtest/gtest\.h", shown)
    if found is None:
        raise RuntimeError("g++ does not find gtest/gtest.h: 'apt-get install libgtest-dev'")
    return found.group()


def _macros(folder: Path) -> set[str]:
    with_gtest = _run("-E", "-dM", "-x", "c++", _system_gtest()).stdout
    without = _run("-E", "-dM", "-x", "c++", str(folder / FIRST)).stdout
    return set(_MACRO.findall(with_gtest)) - set(_MACRO.findall(without))


def _expansions() -> set[str]:
    """What GoogleTest's own macros expand to, in identifiers."""
    folder = Path(_system_gtest()).parent
    texts = (path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*.h")))
    return set().union(*map(macros.expansions, texts))


def _functions(folder: Path) -> set[str]:
    """GoogleTest's functions; those of C that it and libstdc++ call; all that libstdc++ has."""
    names = set()
    launcher, library = folder / LAUNCHER, Path(_file(LIBRARIES[0]))
    for path in (launcher, library):
        for function in elf.functions(path.read_bytes()):
            ours = path == launcher and function.defined and not function.weak
            cplusplus = function.name.startswith("_Z")
            theirs = (function.defined and path == library) if cplusplus else not function.defined
            if ours or theirs:
                names.add(function.name)
    return {name for name in names if not name.startswith(ALLOCATION)} - {"main", ""}


def _run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return _output([COMPILER, *FLAGS, *arguments], given)


def _output(argv: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        argv,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} failed:\n{done.stderr[:2000]}")
    return done


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file but the list of them, by path within the folder."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != WHOLE
    }


def is_whole(folder: Path) -> bool:
    """Whether everything that was built is there."""
    try:
        built = json.loads((folder / WHOLE).read_text("utf-8"))
        return bool(built == sizes(folder))
    except (OSError, ValueError):
        return False


def main() -> None:
    """Build into the folder named on the command line, all of it or nothing."""
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        build(folder)
        (folder / WHOLE).write_text(json.dumps(sizes(folder)), "utf-8")
        folder.chmod(0o755)
        with contextlib.suppress(FileExistsError, OSError):
            folder.rename(target)  # another process may have been faster
    except RuntimeError as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not target.is_dir():
        sys.exit(f"cannot write {target}")


if __name__ == "__main__":
    main()
