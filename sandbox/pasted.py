"""What a program says once the preprocessor has pasted its words together.

``a##b`` makes a word that is nowhere in the text, such as ``asm``. A program that pastes is
therefore looked at as the compiler sees it: preprocessed, its own lines alone.
"""

from __future__ import annotations

import re

_PASTES = re.compile(r"##|%:%:|\?\?=\?\?=")
_RENUMBERS = re.compile(r"^[ \t]*(?:#|%:|\?\?=)[ \t]*(?:line\b|\d)", re.MULTILINE)
_MARK = re.compile(r'# \d+ "(?P<file>.*?)"(?P<flags>[ \d]*)')
RENUMBERS = "the program pastes words together and says itself in which file they are"


def pastes(code: str) -> bool:
    """Whether a program makes words by pasting."""
    return _PASTES.search(_joined(code)) is not None


def renumbers(code: str) -> bool:
    """Whether a program says where its lines are, so that nobody can tell which are its own."""
    return _RENUMBERS.search(_joined(code)) is not None


def own_lines(preprocessed: str) -> str:
    """The program's own lines of a preprocessed unit."""
    lines, own = [], False
    for line in preprocessed.split("\n"):
        if mark := _MARK.fullmatch(line):
            own = mark["file"].endswith("solution.cpp")
        elif own:
            lines.append(line)
    return "\n".join(lines)


def _joined(code: str) -> str:
    return re.sub(r"(?:\\|\?\?/)[ \t]*\r?\n", "", code)
