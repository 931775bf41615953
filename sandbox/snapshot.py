"""Tier B: notices a program that changes what its tests are run with.

Functions and classes are compared with what they were. Those of pytest and of this package
decide about results: nobody but a program that tampers changes them, so they are looked at after
each test. Those of libraries may be replaced by an honest test for a while (a ``builtins.input``
of its own), so they are looked at when the program has been loaded, around each call of the
program by its tests, where even what is put back a moment later is seen, and once at the end.

The interpreter gives a dictionary a new version number with each change. Where the numbers can be
read, what is in a dictionary is only compared after its number has changed; a look at thousands
of objects would cost more than a test, in memory too.
"""

from __future__ import annotations

import ctypes
import gc
import struct
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_VERSION, _VERSION_PLACE = 8, 3 * struct.calcsize("P")  # see PyDictObject and PEP 509
_CHECKED = (
    types.FunctionType,
    types.BuiltinFunctionType,
    type,
    property,
    classmethod,
    staticmethod,
)
_REPLACED = "_check_if_assertion_pass_impl"  # by the probe, which looks after it itself
_PYTESTS = ("pytest", "_pytest", "pluggy", "sandbox")
_PROGRAMS = ("solution", "test_solution", "__main__")
_USED_BY_ALL = (
    *("builtins", "os", "pytest", "_pytest.approx", "_pytest.outcomes", "_pytest.raises"),
    *("_pytest.python_api", "_pytest.recwarn", "unittest.case"),
)
Space = Mapping[str, Any]


class Snapshot:
    """Functions and classes in some dictionaries, as they are now."""

    def __init__(self, spaces: Iterable[Space]) -> None:
        self._spaces: list[tuple[Callable[[str], Any], list[str], list[Any]]] = []
        self._versions: list[memoryview] = []
        for space in spaces:
            names = [n for n, v in space.items() if isinstance(v, _CHECKED) and n != _REPLACED]
            if names:
                self._spaces.append((space.get, names, [space[name] for name in names]))
                self._versions.append(_version(space))
        self._seen = b"".join(self._versions) if _versions_tell() else None

    def changed(self, innocent: Callable[[Any], bool] = lambda value: False) -> str | None:
        """The name of something that is no longer what it was.

        Args:
            innocent: whether a value may stand in the place of another.
        """
        now = b"".join(self._versions)
        for get, names, values in self._touched(now):
            for name, value in zip(names, values, strict=True):
                found = get(name)
                if found is not value and not innocent(found):
                    return name
        if self._seen is not None:
            self._seen = now
        return None

    def rebase(self) -> None:
        """Take everything as it is now for what it has to be."""
        now = b"".join(self._versions)
        for get, names, values in self._touched(now):
            values[:] = map(get, names)
        if self._seen is not None:
            self._seen = now

    def _touched(self, now: bytes) -> Iterable[tuple[Callable[[str], Any], list[str], list[Any]]]:
        """The dictionaries that may hold something else than when they were last looked at."""
        seen = self._seen
        if seen is None:
            return self._spaces
        if seen == now:
            return ()
        places = (slice(at, at + _VERSION) for at in range(0, len(now), _VERSION))
        pairs = zip(self._spaces, places, strict=True)
        return [space for space, place in pairs if seen[place] != now[place]]


class DuringCalls:
    """Whether a program changes what its tests use while they call it, put back or not."""

    def __init__(self, used: Iterable[str]) -> None:
        """Args: used: the modules that the tests use."""
        self._snapshot = Snapshot(modules((*_USED_BY_ALL, *used)))

    def begin(self) -> None:
        """What the tests have replaced by now is theirs."""
        self._snapshot.rebase()

    def end(self) -> str | None:
        """What is wrong after a call."""
        return said(self._snapshot.changed())


def said(name: str | None) -> str | None:
    """What to say of a changed name."""
    return None if name is None else f"the program changed {name}"


def used_by(module: types.ModuleType) -> set[str]:
    """The modules that the names of a module come from."""
    found = set()
    for value in vars(module).values():
        home = value.__name__ if isinstance(value, types.ModuleType) else None
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            home = value.__module__
        if type(home) is str:
            found.add(home)
    return found - set(_PROGRAMS)


def deciding() -> Iterable[Space]:
    """What decides about results: pytest and this package."""
    return _spaces(lambda name: name.partition(".")[0] in _PYTESTS)


def libraries() -> Iterable[Space]:
    """Every other module that is loaded, but the program and its tests."""
    return _spaces(lambda name: name.partition(".")[0] not in _PYTESTS + _PROGRAMS)


def modules(names: Iterable[str]) -> Iterable[Space]:
    """Some modules by name."""
    wanted = set(names)
    return _spaces(wanted.__contains__)


def _spaces(wanted: Callable[[str], bool]) -> Iterable[Space]:
    """The names of modules, and those of the classes each has defined."""
    for name, module in list(sys.modules.items()):
        if module is None or not wanted(name) or not isinstance(module, types.ModuleType):
            continue
        yield vars(module)
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == name:
                yield value.__dict__


def _version(space: Space) -> memoryview:
    """Where the interpreter keeps the version number of a dictionary."""
    kept = space if type(space) is dict else gc.get_referents(space)[0]
    return memoryview((ctypes.c_char * _VERSION).from_address(id(kept) + _VERSION_PLACE))


def _versions_tell() -> bool:
    """Whether this interpreter's dictionaries have version numbers, where they are looked for."""
    space: dict[str, Any] = {"name": 0}
    version = _version(space)
    numbers = [bytes(version), bytes(version)]
    for value in (1, 2):
        space["name"] = value
        numbers.append(bytes(version))
    first, again, second, third = numbers
    return first == again and first != second != third != first
