"""Two programs side by side: syntax in colour, and the words that differ marked.

Pure functions that give HTML. Lines that are alike stand in one row; within them whole words are
compared, never parts of words, so a mark always covers something a person can read. The work
grows with the length of the texts and no faster (:mod:`codemix_core.ui.alike`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Any

from codemix_core.ui import alike, code
from codemix_core.ui.alike import Span

TONES = ("cm-chosen", "cm-rejected")
"""Classes of a line that differs, left and right."""
MOST_COLOURED = 50_000
"""Characters of a text; a longer one is shown without the colours of its syntax."""


@lru_cache(maxsize=64)
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
        spans = alike.changed_words(one[1], other[1])
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
    """Tokens as HTML, cut where a changed range begins or ends; the ranges are in order."""
    edges = [edge for span in changed for edge in span]
    parts, start = [], 0
    for kind, text in tokens:
        end = start + len(text)
        inside = edges[bisect_right(edges, start) : bisect_left(edges, end)]
        for begin, stop in pairwise([start, *inside, end]):
            piece = escape(text[begin - start : stop - start])
            if kind:
                piece = f'<span class="cm-{kind}">{piece}</span>'
            # Ranges neither touch nor overlap: behind an odd number of edges is inside of one.
            if bisect_right(edges, begin) % 2:
                piece = f"<mark>{piece}</mark>"
            parts.append(piece)
        start = end
    return "".join(parts)


@lru_cache(maxsize=256)
def _lines(text: str, language: str) -> list[list[tuple[str, str]]]:
    """Each line as ``(kind, text)`` tokens; kinds are those the style sheet has a colour for."""
    if len(text) > MOST_COLOURED:
        return [[("", line)] for line in text.split("\n")]
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
