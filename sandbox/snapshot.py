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

import builtins
import ctypes
import gc
import operator
import struct
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

_VERSION, _VERSION_PLACE = 8, 3 * struct.calcsize("P")  # see PyDictObject and PEP 509
_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8  # Py_TPFLAGS_…
_MOST_BYTES = 1 << 47  # of a process of 64 bits
_CHECKED = (
    types.FunctionType,
    types.BuiltinFunctionType,
    type,
    property,
    classmethod,
    staticmethod,
)
_REPLACED = "_check_if_assertion_pass_impl"  # by the probe, which looks after it itself
_BUILTINS = frozenset(vars(builtins))
_PYTESTS = ("pytest", "_pytest", "pluggy", "sandbox")
_PROGRAMS = ("solution", "test_solution", "__main__")
_USED_BY_ALL = (
    *("builtins", "os", "pytest", "_pytest.approx", "_pytest.outcomes", "_pytest.raises"),
    *("_pytest.python_api", "_pytest.recwarn", "unittest.case"),
)


@dataclass(frozen=True)
class _Entry:
    """One dictionary: how to ask it, where its version number is, and what it held.

    owner: the object whose attributes it holds, if it is not a module's or a class's.
    """

    owner: object
    kind: type
    module: str
    space: Mapping[str, Any]
    place: int
    known: frozenset[str]
    names: list[str]
    values: list[Any]


class Snapshot:
    """Functions and classes in some dictionaries, as they are now."""

    def __init__(self, entries: Iterable[_Entry]) -> None:
        self._entries = list(entries)
        self._of_module: dict[str, list[_Entry]] = {}
        for entry in self._entries:
            self._of_module.setdefault(entry.module, []).append(entry)
        self._numbers = _numbers([entry.place for entry in self._entries])
        self._seen = self._numbers()
        self._owned = [(e.owner, e.kind, e.space) for e in self._entries if e.owner is not None]

    def of(self, modules: Iterable[str]) -> list[_Entry]:
        """What there was of some modules when the snapshot was taken."""
        return [entry for name in modules for entry in self._of_module.get(name, ())]

    def changed(self, innocent: Callable[[Any], bool] = lambda value: False) -> str | None:
        """The name of something that is no longer what it was.

        Args:
            innocent: whether a value may stand in the place of another.
        """
        for owner, kind, space in self._owned:
            if type(owner) is not kind or _attributes(owner) is not space:
                return kind.__name__
        now = self._numbers()
        if now and now == self._seen:
            return None
        for index in self._touched(now):
            entry = self._entries[index]
            for name, value in zip(entry.names, entry.values, strict=True):
                found = entry.space.get(name)
                if found is not value and not innocent(found):
                    return name
            for name in entry.space.keys() - entry.known:
                found = entry.space.get(name)
                before = type(entry.space) is not dict or name in _BUILTINS  # a base's, a builtin
                method = entry.owner is not None and callable(getattr(entry.kind, name, None))
                counts = callable(found) if method else before and isinstance(found, _CHECKED)
                if counts and not innocent(found):
                    return name
        self._seen = now
        return None

    def rebase(self) -> None:
        """Take everything as it is now for what it has to be."""
        now = self._numbers()
        if now and now == self._seen:
            return
        for index in self._touched(now):
            entry = self._entries[index]
            values = list(map(entry.space.get, entry.names))
            known = frozenset(entry.space)
            self._entries[index] = replace(entry, values=values, known=known)
        self._seen = now

    def _touched(self, now: Sequence[int]) -> Iterable[int]:
        """The dictionaries that may hold something else than when they were last looked at."""
        if not now:
            return range(len(self._entries))
        pairs = zip(self._seen, now[: len(self._entries)], strict=False)
        return [index for index, (before, after) in enumerate(pairs) if before != after]


class DuringCalls:
    """Whether a program changes what its tests use while they call it, put back or not."""

    def __init__(self, known: Iterable[Snapshot], used: Iterable[str]) -> None:
        """Args: known: what was there before the program; used: modules the tests use."""
        modules = {*_USED_BY_ALL, *used}
        entries = [entry for part in known for entry in part.of(modules)]
        self._snapshot = Snapshot([*entries, *_entries(lambda name: name == "test_solution")])

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


def seal() -> Callable[[], bool]:
    """Whether anything was ever written to this package's own modules and classes since now.

    The answer depends on nothing that can be reached by a name. None of our code writes there.
    """
    for name, module in sys.modules.items():
        if name.startswith("sandbox."):
            vars(module).setdefault("__warningregistry__", {})  # else made with the first warning
    entries = list(_entries(lambda name: name.startswith("sandbox.")))
    numbers = _numbers([entry.place for entry in entries])
    seen = numbers()
    everything = [(entry.space, dict(entry.space)) for entry in entries] if not seen else []
    same, of = operator.eq, dict

    def broken() -> bool:
        for space, before in everything:
            if not same(of(space), before):
                return True
        return not same(numbers(), seen)

    return broken


def deciding() -> Snapshot:
    """What decides about results: pytest and this package."""
    return Snapshot(_entries(lambda name: name.partition(".")[0] in _PYTESTS))


def libraries() -> Snapshot:
    """Every other module that is loaded, but the program and its tests."""
    return Snapshot(_entries(lambda name: name.partition(".")[0] not in _PYTESTS + _PROGRAMS))


def modules(names: Iterable[str]) -> Snapshot:
    """Some modules by name."""
    return Snapshot(_entries(frozenset(names).__contains__))


def _entries(wanted: Callable[[str], bool]) -> Iterable[_Entry]:
    """The names of modules, and those of the classes each has defined."""
    for module, owner, space in _spaces(wanted):
        names = [n for n, v in space.items() if isinstance(v, _CHECKED) and n != _REPLACED]
        if names or owner is not None:
            kept = space if type(space) is dict else gc.get_referents(space)[0]
            values = [space[name] for name in names]
            place = id(kept) + _VERSION_PLACE
            kind = type(owner)
            yield _Entry(owner, kind, module, space, place, frozenset(space), names, values)


def _spaces(wanted: Callable[[str], bool]) -> Iterable[tuple[str, object, Mapping[str, Any]]]:
    """Dictionaries of modules, of the classes each has defined, and of objects of its package's."""
    for name, module in list(sys.modules.items()):
        if not wanted(name) or not isinstance(module, types.ModuleType):
            continue
        yield name, None, vars(module)
        for value in list(vars(module).values()):
            if isinstance(value, type):
                if value.__module__ == name and _can_change(value):
                    yield name, None, value.__dict__
            elif _can_change(type(value)) and _package(type(value).__module__) == _package(name):
                space = _attributes(value)
                if space is not None:
                    yield name, value, space


def _attributes(value: object) -> dict[str, Any] | None:
    """The dictionary of an object, without a word from the object itself."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return found if type(found) is dict else None


def _package(module: object) -> object:
    return module.partition(".")[0] if type(module) is str else module


def _can_change(kind: type) -> bool:
    return bool(kind.__flags__ & _HEAP_TYPE and not kind.__flags__ & _IMMUTABLE_TYPE)


def _numbers(places: Sequence[int]) -> Callable[[], Sequence[int]]:
    """Reads the version numbers of dictionaries; none where there are none."""
    if not places or not _versions_tell():
        return tuple
    memory = _memory()
    get = operator.itemgetter(*(place // _VERSION for place in (*places, places[0])))
    return lambda: get(memory)


@lru_cache(maxsize=1)
def _memory() -> memoryview:
    """This process's memory as 8-byte numbers; only what is asked for is touched."""
    everything = (ctypes.c_uint64 * (_MOST_BYTES // _VERSION)).from_address(0)
    return memoryview(everything).cast("B").cast("Q")


@lru_cache(maxsize=1)
def _versions_tell() -> bool:
    """Whether this interpreter's dictionaries have version numbers, where they are looked for."""
    space: dict[str, Any] = {"name": 0}
    number = ctypes.c_uint64.from_address(id(space) + _VERSION_PLACE)
    found = [number.value, number.value]
    for value in (1, 2):
        space["name"] = value
        found.append(number.value)
    first, again, second, third = found
    return first == again and first != second != third != first
