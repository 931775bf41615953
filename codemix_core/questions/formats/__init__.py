"""The ways question sets are kept, one file each, found by being in this folder.

A new format is a new module here with a ``FORMAT``; nothing else has to know of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.raw import Format, RawSet
from codemix_core.questions.source import Source


def _discover() -> dict[str, Format]:
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    return {module.FORMAT.name: module.FORMAT for module in modules}


FORMATS = _discover()
"""All formats by name."""


def detect(path: Path) -> str:
    """The name of the format that ``path`` is in.

    Raises:
        NotFoundError: nothing is there.
        FormatError: it is none of them; the message says what each looks like.
    """
    return format_of(Source(path)).name


def read(path: Path, format_name: str = "auto") -> RawSet:
    """The raw questions at ``path``.

    Args:
        path: a file or folder.
        format_name: a name in :data:`FORMATS`, or ``auto`` to detect it.

    Raises:
        NotFoundError: nothing is there.
        FormatError: no such format, not of the format, or nothing in it can be read.
    """
    source = Source(path)
    if format_name == "auto":
        return format_of(source).read(source)
    if format_name not in FORMATS:
        fix = f"Formats: auto, {', '.join(FORMATS)}."
        raise FormatError(Problem("format", f"there is no format {format_name!r}.", fix))
    return FORMATS[format_name].read(source)


def format_of(source: Source) -> Format:
    """The format of a source.

    Raises:
        FormatError: it is none of them; the message says what each looks like.
    """
    for candidate in FORMATS.values():
        if candidate.recognises(source):
            return candidate
    fix = "Expected one of:" + "".join(f"\n  {f.name}: {f.expects}" for f in FORMATS.values())
    problems = []
    if not source.is_folder and source.peek() is None:
        try:
            _ = source.document
        except FormatError as error:
            problems += error.problems
    if _holds_answers(source.peek()):
        fix = "It holds sampled answers: use 'import-generations' with the set they answer."
    problems.append(Problem(str(source.path), "is in no format known for questions.", fix))
    raise FormatError(problems)


def _holds_answers(document: object) -> bool:
    if not isinstance(document, dict) or not document:
        return False
    first = next(iter(document.values()))
    return "raw_output" in document or (isinstance(first, dict) and "responses" in first)
