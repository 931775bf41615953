"""Tier B: notices a program that looks at its tests.

Program and tests share a process, so nothing here can be made certain; it makes the known ways
visible, by whatever spelling they are reached. The interpreter's audit events tell when a
program's own code takes frames, walks the garbage collector, reads memory, traces, opens the
tests or exchanges code. What is found is reported at once and is tampering. What a program
changes is found by :mod:`sandbox.snapshot`.

Not flagged: what the standard library does on a program's behalf (``namedtuple`` looks at a
frame, ``logging`` too), unless it is there to hand frames out (``inspect``).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest
from _pytest import _code

_LIBRARIES = tuple(
    {os.path.dirname(os.__file__), os.path.dirname(os.path.dirname(pytest.__file__))}
    | {os.path.dirname(__file__), "<frozen "}
)
_TOOLS = ("inspect", "traceback", "bdb", "pdb", "trace", "dis", "code", "cgitb")
_FRAME_GIVERS = (
    *(f"{os.path.dirname(os.__file__)}/{name}.py" for name in _TOOLS),
    os.path.join(os.path.dirname(os.__file__), "ctypes", "__init__.py"),
    _code.code.__file__,
    _code.source.__file__,
)
_ONE_STEP = (logging.__file__, *_FRAME_GIVERS[1:2])  # they also take frames for themselves
_EVENTS = frozenset(
    {"sys._getframe", "sys._current_frames", "sys._current_exceptions", "sys.settrace"}
    | {"sys.setprofile", "sys.addaudithook", "gc.get_objects", "gc.get_referrers"}
    | {"gc.get_referents", "code.__new__", "ctypes.string_at", "ctypes.wstring_at"}
    | {"ctypes.cdata", "ctypes.cdata/buffer", "ctypes.addressof", "ctypes.dlsym"}
    | {"ctypes.dlsym/handle", "open", "compile", "object.__getattr__", "object.__setattr__"}
)
_OWN = ("_pytest", "pluggy", "sandbox", "test_solution")
Report = Callable[[str], None]


def watch(tests: str, report: Report) -> None:
    """Report what the program's own code does to learn about its tests; for ever.

    Args:
        tests: path of the file the tests are in.
    """
    busy: set[int] = set()
    who, frame_of, events = threading.get_ident, sys._getframe, _EVENTS

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event not in events or who() in busy:
            return
        busy.add(who())
        try:
            if _forbidden(event, args, tests) and _is_the_programs(frame_of(1), tests):
                report(f"the program looked into the process of its tests ({event})")
        finally:
            busy.discard(who())

    sys.addaudithook(hook)


def _forbidden(event: str, args: tuple[Any, ...], tests: str) -> bool:
    if event == "open":
        name = os.path.basename(tests)
        return isinstance(args[0], str | bytes) and os.fsdecode(args[0]).endswith(name)
    if event == "compile":
        return isinstance(args[1], str) and args[1].startswith((*_LIBRARIES, tests))
    if event.startswith("object."):
        owner, name = args[0], args[1]
        if name in ("gi_frame", "cr_frame", "ag_frame", "gi_code", "cr_code", "ag_code"):
            return bool(getattr(owner, f"{name[:2]}_running"))
        if name in ("__code__", "__defaults__", "__kwdefaults__"):
            home = str(getattr(owner, "__globals__", {}).get("__name__"))
            return home.startswith(_OWN) or (event != "object.__getattr__" and home != "solution")
        return name in ("tb_frame", "f_code")
    return True


def _is_the_programs(frame: types.FrameType | None, tests: str) -> bool:
    """Whether code outside libraries and tests acts, by itself or through a giver of frames."""
    if frame is None:
        return False
    file = frame.f_code.co_filename
    if not file.startswith((*_LIBRARIES, tests)):
        return True
    if file in _ONE_STEP:
        frame = frame.f_back
    elif file in _FRAME_GIVERS:
        while frame is not None and frame.f_code.co_filename == file:
            frame = frame.f_back
    else:
        return False
    return frame is not None and not frame.f_code.co_filename.startswith((*_LIBRARIES, tests))
