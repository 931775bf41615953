"""Candidate side of lifted tests: calls what the tests, in another process, ask for.

Reads one JSON line from ``job`` (``code``; ``names`` that the tests take) and answers calls on
``result``, a socket whose other end the tests hold. The program can change anything here and
send what it likes: whatever it sends is only a value (:mod:`sandbox.plain`).

Lines received: a name, a blank and the form of ``[args, kwargs]``. Lines sent: ``r`` + exports
when loaded, ``l`` + {kind, message} when not; ``v`` + [value, contents] after a call returned,
``e`` + [exception, contents] after it raised, ``n`` + message when what came cannot be told.
``contents``: what is now in the arguments' containers, null when nothing changed.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from sandbox import raised
from sandbox.plain import Decoder, Encoder, deeply
from sandbox.serve_cases import MAX_DIGITS, describe, load_module, read_all, scan

FIRST_CONTAINER = 2  # the list and the dictionary of the arguments themselves
_dumps, _loads = json.dumps, json.loads


def serve(job: int, result: int) -> None:
    """Answer calls until the tests are done."""
    sys.set_int_max_str_digits(MAX_DIGITS)
    order, _ = scan(read_all(job).decode("ascii"), 0)
    link = socket.socket(fileno=result)
    try:
        module = load_module(order["code"])
    except BaseException as error:  # the program may raise anything, SystemExit included
        kind = "syntax" if isinstance(error, SyntaxError | UnicodeError) else "error"
        _send(link, "l", {"kind": kind, "message": describe(error)})
        return
    exports = {name: module[name] for name in order["names"] if name in module}
    exports = dict(sorted(exports.items(), key=_ancestors))
    _send(link, "r", {name: _export(value, exports) for name, value in exports.items()})
    for line in link.makefile("rb"):
        name, _, text = line.decode("ascii").partition(" ")
        link.sendall(_answer(exports[name], text.rstrip("\n"), exports))


def _ancestors(item: tuple[str, Any]) -> int:
    return len(item[1].__mro__) if isinstance(item[1], type) else 0


def _export(value: Any, exports: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value, type) and issubclass(value, BaseException):
        return {"class": raised.class_form(value, exports, itself=True)}
    if callable(value):
        return {"function": True}
    try:
        with deeply():
            return {"value": Encoder().encode(value)}
    except Exception:
        return {"function": True}


def _answer(function: Any, text: str, exports: dict[str, Any]) -> bytes:
    decoder = Decoder()
    with deeply():
        args, kwargs = decoder.decode(_loads(text))
    encoder = Encoder(decoder.objects, stand_ins=True)
    try:
        value = function(*args, **kwargs)
    except BaseException as error:
        raised_error: BaseException | None = error
    else:
        raised_error = None
    try:
        with deeply():
            if raised_error is None:
                kind, form = "v", encoder.attempt(value)
            else:
                kind, form = "e", raised.form_of(raised_error, exports, encoder)
            return _line(kind, [form, _changes(decoder.objects, args, kwargs, text, encoder)])
    except BaseException as error:
        return _line("n", describe(error))


def _changes(
    containers: list[Any], args: list[Any], kwargs: dict[str, Any], text: str, encoder: Encoder
) -> list[Any] | None:
    """What is in the containers of the arguments after the call, if that is not as before."""
    if (
        len(containers) <= FIRST_CONTAINER
        or _dumps(Encoder(stand_ins=True).encode([args, kwargs])) == text
    ):
        return None
    return [encoder.contents(container) for container in containers[FIRST_CONTAINER:]]


def _send(link: socket.socket, kind: str, content: Any) -> None:
    link.sendall(_line(kind, content))


def _line(kind: str, content: Any) -> bytes:
    return f"{kind}{_dumps(content)}\n".encode("ascii")
