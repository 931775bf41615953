"""Objects of a program, as its tests have them: what is done with one is asked of the program.

Asked are attributes, calls, items, iteration, length, truth and text: what comes back is compared
by the tests. Never asked is what would bring the program the value it should have given, or have
it decide about it: comparison, membership, hashing and arithmetic. An object of a class that
defines one of these refuses it; one of a class that does not is equal to itself alone, as in
Python. An object that extends plain data and compares as that does is compared as that: it is
that, where it cannot change, or else what it holds is asked for.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sandbox.plain import CHANGEABLE, as_base

_FUNCTIONS = (
    types.FunctionType,
    types.MethodDescriptorType,
    types.BuiltinFunctionType,
    classmethod,
    staticmethod,
)
_ASKED = frozenset(
    {"__abs__", "__bool__", "__call__", "__delitem__", "__enter__", "__exit__", "__float__"}
    | {"__format__", "__getitem__", "__index__", "__int__", "__iter__", "__len__", "__neg__"}
    | {"__next__", "__pos__", "__repr__", "__reversed__", "__round__", "__setitem__", "__str__"}
)
_BINARY = ["add", "and", "divmod", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow"]
_BINARY += ["rshift", "sub", "truediv", "xor"]
_IN_PLACE = frozenset(f"__i{name}__" for name in _BINARY)
_REFUSED = _IN_PLACE | frozenset(
    {"__contains__", "__eq__", "__ge__", "__gt__", "__hash__", "__le__", "__lt__", "__ne__"}
    | {f"__{turned}{name}__" for name in _BINARY for turned in ("", "r")}
)
_SPECIAL = sorted(_ASKED | _REFUSED)
_BASES: dict[str, Any] = {kind.__name__: kind for kind in CHANGEABLE}
_UNCHANGING = (int, float, str, bytes, tuple, frozenset)
_LONGEST_NAME = 100
_Names = tuple[str, ...]


class Ask(Protocol):
    """Ask the program for what is done with one of its objects, or refuse to."""

    def __call__(self, act: str, name: str, *args: Any, **kwargs: Any) -> Any:
        """``act``: ``get``, ``set``, ``method``, ``special``, ``data`` or ``refuse``."""


def describe(value: Any, base: Any) -> list[Any] | None:
    """What is told about an object: its class's name and base, methods, and other names.

    None: it is no more than ``base`` is.
    """
    kind: Any = type(value)
    description = _described(kind, base)
    if base is not None and not (description[3] or getattr(value, "__dict__", None)):
        return None
    return description


@functools.lru_cache(256)
def _described(kind: Any, base: Any) -> list[Any]:
    own: set[str] = set()
    methods: set[str] = set()
    for ancestor in kind.__mro__[:-1]:
        names = vars(ancestor)
        methods |= {name for name, item in names.items() if isinstance(item, _FUNCTIONS)}
        if base is not None and not issubclass(base, ancestor):
            own |= {name for name in names if not name.startswith("__")}
    plain = base if base is not None else object
    special = [n for n in _SPECIAL if getattr(kind, n, None) is not getattr(plain, n, None)]
    asked = sorted(name for name in methods if not name.startswith("__"))
    return [kind.__name__, getattr(base, "__name__", ""), asked, sorted({*own, *special})]


def perform(value: Any, act: str, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """On the program's side: do what is asked.

    Raises:
        BaseException: what the program raises.
    """
    if act == "call":
        return value(*args, **kwargs)
    if act == "get":
        return getattr(value, name)
    if act == "set":
        return setattr(value, name, *args)
    if act == "method":
        return getattr(value, name)(*args, **kwargs)
    if act == "data":
        return as_base(_BASES[name], value)
    return getattr(type(value), name)(value, *args, **kwargs)


def borrow(description: list[Any], data: Any, ask: Ask) -> Any:
    """What stands for an object of that description; ``data``: what it is and cannot change.

    Raises:
        ValueError, TypeError: it is no description.
    """
    name, base, methods, own = description
    names = str(name)[:_LONGEST_NAME], str(base), tuple(map(str, methods)), tuple(map(str, own))
    if data is not None:
        extends: Any = type(data)
        if extends not in _UNCHANGING:
            raise ValueError("no plain data that cannot change")
        kind = _extended(extends, *names)
        made = kind.__new__(kind, data)
    else:
        made = object.__new__(_kind(*names))
    object.__setattr__(made, "__ask__", ask)
    return made


class Far:
    """Stands for an object. Its own names are special, so that they are none of the object's."""

    __ask__: Ask
    __methods__: frozenset[str] = frozenset()
    __data__ = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return _attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__ask__("set", name, value)

    def __delattr__(self, name: str) -> None:
        self.__ask__("refuse", "delattr")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__ask__("refuse", "copying")


def _attribute(self: Far, name: str) -> Any:
    if name in self.__methods__:
        return functools.partial(self.__ask__, "method", name)
    return self.__ask__("get", name)


@functools.lru_cache(64)
def _kind(name: str, base: str, methods: _Names, own: _Names) -> Any:
    """The class of what stands for an object without data of its own."""
    special = {name for name in own if name in _ASKED | _REFUSED}
    members: dict[str, Any] = {}
    if base:
        extends = _BASES[base]
        inherited = {name for name in _SPECIAL if getattr(extends, name, None) is not None}
        special |= inherited & (_ASKED | _IN_PLACE)
        on_data = inherited & _REFUSED - special
        members = {name: _on_data(name) for name in on_data}
        members |= {"__class__": property(lambda self: extends), "__data__": base}
    members |= {name: _special(name, asked=_IN_PLACE if base else ()) for name in special}
    if "__eq__" in special or base:
        members["__hash__"] = _special("__hash__")
    return _made(name, (Far,), methods, members)


@functools.lru_cache(64)
def _extended(data: Any, name: str, base: str, methods: _Names, own: _Names) -> Any:
    """The class of what stands for an object that extends plain data, and is that."""
    members: dict[str, Any] = {}
    for own_name in own:
        if own_name in _ASKED | _REFUSED:
            members[own_name] = _special(own_name)
        elif not own_name.startswith("__"):
            members[own_name] = property(functools.partial(_attribute, name=own_name))
    return _made(name, (Far, data), methods, members)


def _made(name: str, bases: tuple[type, ...], methods: _Names, members: dict[str, Any]) -> Any:
    there = {"__module__": "solution", "__methods__": frozenset(methods), **members}
    return type(name, bases, there)


def _special(name: str, asked: Iterable[str] = ()) -> Callable[..., Any]:
    act = "special" if name in _ASKED or name in asked else "refuse"

    def method(self: Far, *args: Any, **kwargs: Any) -> Any:
        return self.__ask__(act, name, *args, **kwargs)

    method.__name__ = name
    return method


def _on_data(name: str) -> Callable[..., Any]:
    """An operation on what an object holds, as Python does it with plain data on either side."""
    straight = getattr(operator, name, None)
    turned = getattr(operator, name.replace("__r", "__", 1), None)

    def held(item: Any) -> Any:
        has_data = isinstance(item, Far) and item.__data__
        return item.__ask__("data", item.__data__) if has_data else item

    def method(self: Far, *args: Any) -> Any:
        data, *others = map(held, (self, *args))
        if straight is None and turned is not None:
            return turned(*others, data)
        return straight(data, *others) if straight is not None else getattr(data, name)(*others)

    method.__name__ = name
    return method
