"""Two programs side by side: syntax in colour, and the words that differ marked.

Pure functions that give HTML. Lines that are alike stand in one row; within them whole words are
compared, never parts of words, so a mark always covers something a person can read.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Any

from codemix_core.ui import code

Span = tuple[int, int]
TONES = ("cm-chosen", "cm-rejected")
"""Classes of a line that differs, left and right."""
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


def table(
    left: str,
    right: str,
    language: str,
    *,
    marked: bool = True,
    tones: tuple[str, str] = TONES,
) -> str:
    """Both texts as an HTML table of two columns with line numbers.

    Args:
        language: ``python`` or ``cpp``.
        marked: mark what differs; without it lines stand side by side as they are.
        tones: classes of a line that differs, left and right.
    """
    coloured = (_lines(left, language), _lines(right, language))
    rows = []
    for pair in code.aligned(left.split("\n"), right.split("\n")):
        rows.append(_row(pair, coloured, marked, tones))
    return f'<table class="cm-diff cm-pair">{"".join(rows)}</table>'


def changed_words(left: str, right: str) -> tuple[list[Span], list[Span]]:
    """Character ranges of the words that differ, on both sides, neighbours joined."""
    ours, theirs = ([m.span() for m in _WORD.finditer(text)] for text in (left, right))
    matcher = difflib.SequenceMatcher(
        None, [left[a:b] for a, b in ours], [right[a:b] for a, b in theirs], autojunk=False
    )
    before: list[Span] = []
    after: list[Span] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        if b > a:
            before.append((ours[a][0], ours[b - 1][1]))
        if d > c:
            after.append((theirs[c][0], theirs[d - 1][1]))
    return before, after


def _row(
    pair: tuple[code.Line, code.Line],
    coloured: tuple[list[list[tuple[str, str]]], list[list[tuple[str, str]]]],
    marked: bool,
    tones: tuple[str, str],
) -> str:
    one, other = pair
    same = one is not None and other is not None and one[1] == other[1]
    spans: tuple[list[Span], list[Span]] = ([], [])
    if one and other and not same and marked:
        spans = changed_words(one[1], other[1])
    cells = []
    for line, tone, lines, changed in zip(pair, tones, coloured, spans, strict=True):
        if line is None:
            cells.append('<td class="cm-gutter"></td><td class="cm-none"></td>')
            continue
        number, _ = line
        style = f' class="{tone}"' if marked and not same else ""
        shown = _merged(lines[number - 1], changed)
        cells.append(f'<td class="cm-gutter">{number}</td><td{style}>{shown}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _merged(tokens: list[tuple[str, str]], changed: list[Span]) -> str:
    """Tokens as HTML, cut where a changed range begins or ends."""
    edges = sorted({edge for span in changed for edge in span})
    parts, start = [], 0
    for kind, text in tokens:
        cuts = [start, *(e for e in edges if start < e < start + len(text)), start + len(text)]
        for begin, end in pairwise(cuts):
            piece = escape(text[begin - start : end - start])
            if kind:
                piece = f'<span class="cm-{kind}">{piece}</span>'
            if any(a <= begin and end <= b for a, b in changed):
                piece = f"<mark>{piece}</mark>"
            parts.append(piece)
        start += len(text)
    return "".join(parts)


@lru_cache(maxsize=256)
def _lines(text: str, language: str) -> list[list[tuple[str, str]]]:
    """Each line as ``(kind, text)`` tokens; kinds are those the style sheet has a colour for."""
    lines: list[list[tuple[str, str]]] = [[]]
    for kind, value in _tokens(text, language):
        first, *more = value.split("\n")
        lines[-1].append((kind, first))
        for piece in more:
            lines.append([(kind, piece)])
    return lines


def _tokens(text: str, language: str) -> Iterator[tuple[str, str]]:
    from pygments.lexers import get_lexer_by_name
    from pygments.token import Comment, Keyword, Name, Number, String

    kinds: tuple[tuple[Any, str], ...] = (
        (Keyword, "kw"),
        (String, "st"),
        (Number, "nu"),
        (Comment, "co"),
        (Name.Function, "fn"),
        (Name.Builtin, "fn"),
    )
    lexer: Any = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    for _, token, value in lexer.get_tokens_unprocessed(text):
        yield next((name for family, name in kinds if token in family), ""), value
