"""Candidate side of ``cases``: a function server.

Reads one header line (the program and the name of its function) and then one JSON line of
arguments per test; answers each with one line. It is never told an expected value. The
program can change anything in this process and send any line it likes: a line is only a
value, compared elsewhere.

Lines sent: ``r`` ready; ``l`` + JSON {kind, message} when the program did not load; ``v`` +
JSON value; ``e`` + JSON message when the call raised or returned no plain value.
"""

from __future__ import annotations

import collections
import json
import os
import sys
import types
from typing import Any

_SCALARS = frozenset({int, float, str, bool, type(None)})
_DICTIONARIES = (dict, collections.defaultdict, collections.OrderedDict, collections.Counter)
MAX_DIGITS = 100_000
_MESSAGE = 500
# what json.loads and json.dumps come down to; no cycle gets past check_plain
scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_encode: Any = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, None, json.encoder.encode_basestring_ascii, None, ": ", ", ", False, False, True
)


def encoded(value: Any) -> bytes:
    """A plain value, without cycles, as ``json.dumps`` has it."""
    return "".join(_encode(value, 0)).encode("ascii")


class NotPlain(Exception):
    """A returned value that has no exact JSON form."""


def serve(job: int, result: int) -> None:
    """Answer every test of the job."""
    sys.set_int_max_str_digits(MAX_DIGITS)
    header, *lines = read_all(job).decode("ascii").split("\n")
    header, _ = scan(header, 0)
    try:
        function = _load(header["code"], header["function"])
    except BaseException as error:  # the program may raise anything, SystemExit included
        kind = "syntax" if isinstance(error, SyntaxError | UnicodeError) else "error"
        _send(result, b"l", {"kind": kind, "message": describe(error)})
        return
    os.write(result, b"r\n")
    tuples = header["tuple_as_list"]
    for line in lines[:-1]:
        try:
            arguments, _ = scan(line, 0)
            value = function(*arguments)
            check_plain(value, tuples)
            answer = b"v" + encoded(value) + b"\n"
        except BaseException as error:
            _send(result, b"e", describe(error))
            continue
        write_all(result, answer)


def read_all(descriptor: int) -> bytes:
    """Everything up to the end of a pipe."""
    parts = []
    while data := os.read(descriptor, 1 << 20):
        parts.append(data)
    return b"".join(parts)


def _load(code: str, name: str) -> Any:
    names = load_module(code)
    if name not in names:
        raise NameError(f"the program defines no {name}")
    return names[name]


def load_module(code: str) -> dict[str, Any]:
    """Run a program as the module ``solution``; what it defines.

    Raises:
        SyntaxError, UnicodeError: it does not compile.
        BaseException: what it raises.
    """
    module = types.ModuleType("solution")
    module.__dict__["__file__"] = "solution.py"
    sys.modules["solution"] = module
    try:
        compiled = compile(code, "solution.py", "exec", dont_inherit=True)
    except ValueError as error:  # NUL bytes
        raise SyntaxError(str(error)) from error
    exec(compiled, module.__dict__)
    return module.__dict__


def check_plain(value: Any, tuples: bool) -> None:
    """Refuse what JSON would silently turn into something else.

    Raises:
        NotPlain: a subclass, tuple (unless allowed), set, object, or key that is not a string.
    """
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is list or (kind is tuple and tuples):
        if not set(map(type, value)) <= _SCALARS:
            for item in value:
                check_plain(item, tuples)
    elif kind in _DICTIONARIES:
        for key, item in value.items():
            if type(key) is not str:
                raise NotPlain(f"returned a dict with a key of type {type(key).__name__}")
            check_plain(item, tuples)
    else:
        raise NotPlain(f"returned {kind.__name__}, which is no plain JSON value")


def describe(error: BaseException) -> str:
    """One line about an exception, also when its own ``__str__`` misbehaves."""
    try:
        text = str(error)[:_MESSAGE]
    except BaseException:
        text = "(no message)"
    if isinstance(error, NotPlain):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _send(result: int, prefix: bytes, content: Any) -> None:
    write_all(result, prefix + json.dumps(content).encode("ascii") + b"\n")


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, also to a full pipe."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
