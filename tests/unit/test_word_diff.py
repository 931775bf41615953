"""The difference of two answers marks whole words, and nothing gets lost on the way to HTML."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from codemix_core.ui.word_diff import changed_words, table

LINES = st.text("ab _(1<&\t é", max_size=12)


def cells(html: str, column: int) -> list[str]:
    """The texts of one column, tags taken out."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    found = [re.findall(r"<td([^>]*)>(.*?)</td>", row, re.DOTALL)[column] for row in rows]
    return [unescape(re.sub("<[^>]*>", "", text)) for kind, text in found if "cm-none" not in kind]


def test_a_changed_word_is_marked_whole() -> None:
    html = table("return minimum(xs)", "return maximum(xs)", "python")
    assert re.findall("<mark>(.*?)</mark>", html) == [
        "minimum",
        "maximum",
    ]


def test_equal_texts_have_no_mark() -> None:
    html = table("def f(x):\n    return x", "def f(x):\n    return x", "python")
    assert "<mark>" not in html
    assert "cm-chosen" not in html


def test_markup_in_an_answer_is_text() -> None:
    html = table("x = '<script>alert(1)</script>'", "x = 1", "python")
    assert "<script>" not in html


@given(st.lists(LINES, max_size=5), st.lists(LINES, max_size=5))
def test_both_texts_are_there_in_full(left: list[str], right: list[str]) -> None:
    for language in ("python", "cpp", "markdown"):
        html = table("\n".join(left), "\n".join(right), language)
        assert cells(html, 1) == ("\n".join(left)).split("\n")
        assert cells(html, 3) == ("\n".join(right)).split("\n")


@given(LINES, LINES)
def test_what_is_not_marked_is_equal_on_both_sides(left: str, right: str) -> None:
    before, after = changed_words(left, right)
    assert _without(left, before) == _without(right, after)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    return "".join(c for i, c in enumerate(text) if not any(a <= i < b for a, b in spans))
