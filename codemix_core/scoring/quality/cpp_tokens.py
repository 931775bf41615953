"""The tokens of a C++ source, with their places; comments, blanks and directives left out.

Guarantees: no token begins inside a comment, a string, a character or a preprocessor line;
raw strings, line splices and digit separators are understood. Not guaranteed: anything that
needs a compiler, such as whether ``<`` opens a template's arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIRECTIVE = r"(?m:^[ \t]*\#(?:[^\n\\/]|\\(?:\r?\n|.)|/\*[\s\S]*?\*/|/(?![/*]))*(?://[^\n]*)?)"
_PREFIX = r"(?:u8|[uUL])?"
_TOKEN = re.compile(
    rf"""
    (?P<directive>{_DIRECTIVE})
  | (?P<comment>//(?:\\\r?\n|[^\n])*|/\*[\s\S]*?(?:\*/|\Z))
  | (?P<raw>{_PREFIX}R"(?P<mark>[^()\\\s]{{0,16}})\([\s\S]*?\)(?P=mark)")
  | (?P<string>{_PREFIX}"(?:\\[\s\S]|[^"\\\n])*")
  | (?P<char>{_PREFIX}'(?:\\[\s\S]|[^'\\\n])+')
  | (?P<number>\.?[0-9](?:[eEpP][+-]|'?[0-9a-zA-Z_]|\.)*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<mark_>\.\.\.|<=>|<<=|>>=|->\*|::|->|\.\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\|
      |\+=|-=|\*=|/=|%=|&=|\|=|\^=|[-+*/%&|^~!=<>?:;,.(){{}}\[\]])
    """,
    re.VERBOSE,
)
_KINDS = {"raw": "string", "mark_": "mark"}


@dataclass(frozen=True, slots=True)
class Token:
    """``source[start:end]``. kind: ``word``, ``number``, ``string``, ``char`` or ``mark``.

    spaced: whether a blank stands (before, after) it.
    """

    kind: str
    text: str
    start: int
    end: int
    spaced: tuple[bool, bool]


def tokens(source: str) -> list[Token]:
    """The tokens of a source, in order; characters that no token begins with are passed over."""
    found = []
    for match in _TOKEN.finditer(source):
        group = match.lastgroup or ""
        if group in ("directive", "comment"):
            continue
        start, end = match.span()
        spaced = source[start - 1 : start].isspace(), source[end : end + 1].isspace()
        found.append(Token(_KINDS.get(group, group), match.group(), start, end, spaced))
    return found


def pairs(found: list[Token]) -> dict[int, int]:
    """Position of the partner of every bracket ``( [ {`` and back; unbalanced ones are absent."""
    closes = {")": "(", "]": "[", "}": "{"}
    open_at: list[int] = []
    partner: dict[int, int] = {}
    for position, token in enumerate(found):
        if token.kind != "mark":
            continue
        if token.text in closes.values():
            open_at.append(position)
        elif token.text in closes and open_at and found[open_at[-1]].text == closes[token.text]:
            partner[position] = open_at.pop()
            partner[partner[position]] = position
    return partner
