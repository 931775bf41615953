"""Text and JSON of an import, read so that every fault has a place and a name.

Guarantees: UTF-8 or an error with the line of the first bad byte; JSON or an error with line and
column; repeated keys are remembered, where :mod:`json` alone would silently keep the last one.
Only regular files of at most :data:`MOST_BYTES` are opened: a device or pipe may never end.
Not guaranteed: that such a file fits into memory; it is read whole.
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

from codemix_core.errors import FormatError, NotFoundError, Problem

MOST_BYTES = 2 << 30
"""Size of the largest file that is read, in bytes: several times the largest known set."""


class JsonObject(dict[str, Any]):
    """A JSON object that knows which of its keys were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: list[str] = []
        if len(self) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            self.repeated = [key for key, count in counts.items() if count > 1]


def parse_json(text: str, where: str, *, single_line: bool = False) -> Any:
    """The JSON value in ``text``; objects come as :class:`JsonObject`.

    Args:
        text: the document.
        where: what it is, for the error.
        single_line: ``where`` names a line already, so an error adds the column only.

    Raises:
        FormatError: it is not JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text, object_pairs_hook=JsonObject)
    except json.JSONDecodeError as error:
        line = "" if single_line else f", line {error.lineno}"
        place = f"{where}{line}, column {error.colno}"
        problem = Problem(place, f"is not JSON: {error.msg}.", "Mend the text at that place.")
    except RecursionError:
        fix = "Values may be nested a few hundred levels deep."
        problem = Problem(where, "is nested too deeply to be read.", fix)
    except ValueError as error:
        fix = "Write numbers with at most 4,300 digits."
        problem = Problem(where, f"holds a number that cannot be read: {error}.", fix)
    raise FormatError(problem)


def unreadable(path: Path) -> Problem | None:
    """Why nothing at ``path`` can be read, found without opening it; None for a file or folder."""
    try:
        if not path.exists():
            fix = "Check the path; it is taken relative to the current directory."
            return Problem(str(path), "does not exist.", fix)
        found = path.stat()
    except OSError as error:
        fix = "Give a file that you may read."
        return Problem(str(path), f"cannot be read: {error.strerror}.", fix)
    if stat.S_ISDIR(found.st_mode):
        return None
    if not stat.S_ISREG(found.st_mode):
        what = "is neither a file nor a folder, but a device, pipe or socket."
        return Problem(str(path), what, "Write its content to a file and give that.")
    if found.st_size > MOST_BYTES:
        what = f"is {found.st_size:,} bytes large; at most {MOST_BYTES:,} are read."
        return Problem(str(path), what, "Split it into several files.")
    return None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; a byte order mark is dropped.

    Raises:
        FormatError: the file cannot be read, is too large, not a regular file, not UTF-8 or
            blank.
    """
    problem = unreadable(path)
    if problem is not None:
        raise FormatError(problem)
    try:
        data = path.read_bytes()
    except OSError as error:
        fix = "Give a file that you may read."
        raise FormatError(Problem(str(path), f"cannot be read: {error.strerror}.", fix)) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8: byte 0x{data[error.start]:02x} cannot stand there."
        fix = "Save the file as UTF-8."
        raise FormatError(Problem(f"{path}, line {line}", what, fix)) from error
    if not text.strip():
        raise FormatError(Problem(str(path), "is empty.", "Give a file with questions or answers."))
    return text


class Source:
    """What a person asked to import: a file, or a folder."""

    def __init__(self, path: Path) -> None:
        """A source that can be read.

        Raises:
            NotFoundError: nothing is there.
            FormatError: it cannot be read, is too large or neither a file nor a folder.
        """
        problem = unreadable(path)
        if problem is not None:
            raise FormatError(problem) if os.path.lexists(path) else NotFoundError(problem)
        self.path = path
        self.is_folder = path.is_dir()

    @cached_property
    def text(self) -> str:
        """The file's text. Raises FormatError as :func:`read_text` does."""
        return read_text(self.path)

    @cached_property
    def document(self) -> Any:
        """The file as one JSON document. Raises FormatError when it is not one."""
        return parse_json(self.text, str(self.path))

    @cached_property
    def lines(self) -> list[tuple[int, str]]:
        """Line number and text of each line that is not blank; only a newline ends a line."""
        numbered = enumerate(self.text.split("\n"), start=1)
        return [(number, line) for number, line in numbered if line.strip()]

    def json_lines(self) -> tuple[list[tuple[int, JsonObject]], list[Problem]]:
        """The object on each line with its line number, and what is wrong with other lines."""
        records: list[tuple[int, JsonObject]] = []
        problems: list[Problem] = []
        for number, line in self.lines:
            place = f"line {number}"
            try:
                value = parse_json(line, place, single_line=True)
            except FormatError as error:
                problems += error.problems
                continue
            if isinstance(value, JsonObject):
                records.append((number, value))
            else:
                problems.append(Problem(place, "is not a JSON object.", "Give one per line."))
        return records, problems

    def peek(self) -> Any:
        """The document, or the first line's value when only that is JSON, or None."""
        if self.is_folder:
            return None
        try:
            return self.document
        except FormatError:
            pass
        try:
            return parse_json(self.lines[0][1], "first line")
        except FormatError:
            return None

    def is_document(self) -> bool:
        """True when the whole file is one JSON document."""
        if self.is_folder:
            return False
        try:
            return self.document is not None
        except FormatError:
            return False
