"""Exceptions and names of a program, described as plain data and built anew from it.

An exception crosses as its class, its arguments and its text. A class is described by what
tests can tell about it: whether it is one of the names they import, one of Python's own, or
which of those it extends.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from sandbox.plain import Decoder, Encoder

_MESSAGE = 500
_OWN = "solution."
_BUILTIN = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException) and kind.__name__ == name
}


def class_form(kind: type, exports: Mapping[str, Any], *, itself: bool = False) -> dict[str, Any]:
    """What is told about an exception class.

    Args:
        exports: names of the program that tests import.
        itself: describe an exported class by what it extends, not by its name.
    """
    if itself and _BUILTIN.get(kind.__name__) is kind:
        return {"name": None, "bases": [kind.__name__]}
    exported = {id(value): name for name, value in exports.items() if isinstance(value, type)}
    bases: list[str] = []
    covered: list[type] = []
    for ancestor in kind.__mro__[1:] if itself else kind.__mro__:
        name = None
        if id(ancestor) in exported:
            name = _OWN + exported[id(ancestor)]
        elif _BUILTIN.get(ancestor.__name__) is ancestor:
            name = ancestor.__name__
        if name is not None and not any(issubclass(other, ancestor) for other in covered):
            bases.append(name)
            covered.append(ancestor)
    same = not itself and bases[:1] and covered[0] is kind
    return {"name": None if same else str(kind.__name__)[:_MESSAGE], "bases": bases}


def build_class(form: Any, exports: Mapping[str, Any]) -> type[BaseException]:
    """The class of a description.

    Raises:
        ValueError, TypeError, KeyError: it is no description.
    """
    bases = tuple(_base(name, exports) for name in form["bases"])
    if not bases:
        raise ValueError("no exception class")
    if form["name"] is None:
        return bases[0]
    return type(str(form["name"]), bases, {"__str__": _text})


def _base(name: str, exports: Mapping[str, Any]) -> type[BaseException]:
    if name.startswith(_OWN):
        kind = exports[name.removeprefix(_OWN)]
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ValueError("no exception class")
        return kind
    return _BUILTIN[name]


def _text(error: BaseException) -> str:
    if "_shown" in error.__dict__:
        return str(error.__dict__["_shown"])
    return BaseException.__str__(error)


def form_of(error: BaseException, exports: Mapping[str, Any], encoder: Encoder) -> dict[str, Any]:
    """What is told about a raised exception; text in place of what is no plain data."""
    try:
        text = str(error)
    except Exception:
        text = ""
    try:
        args = [encoder.attempt(part) for part in error.args]
    except Exception:
        args = [text[:_MESSAGE]]
    state = {}
    for name in (*vars(error), *_public(type(error))):
        try:
            state[str(name)] = encoder.attempt(getattr(error, name))
        except Exception:
            continue
    kind = class_form(type(error), exports)
    return {"class": kind, "args": args, "text": text, "state": state}


def _public(kind: type) -> list[str]:
    """Names that a class of the program gives its exceptions."""
    own = [ancestor for ancestor in kind.__mro__ if _BUILTIN.get(ancestor.__name__) is not ancestor]
    return [name for ancestor in own[:-1] for name in vars(ancestor) if not name.startswith("_")]


def build(form: Any, exports: Mapping[str, Any], decoder: Decoder) -> BaseException:
    """The exception of a description.

    Raises:
        ValueError, TypeError, KeyError, IndexError: it is no description.
    """
    kind = build_class(form["class"], exports)
    error = kind(*[decoder.decode(part) for part in form["args"]])
    state = {str(name): decoder.decode(value) for name, value in form["state"].items()}
    error.__dict__.update(state)
    if kind not in _BUILTIN.values():
        error.__dict__["_shown"] = str(form["text"])
    return error
