"""The difference of two answers marks whole words, and nothing gets lost on the way to HTML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.ui import alike, code
from codemix_core.ui.alike import changed_words
from codemix_core.ui.word_diff import table

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


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of all comparisons that are made word by word, line by line."""
    table.cache_clear()
    sizes: list[int] = []
    exact = alike._matching

    def noted(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int, int]]:
        sizes.append(len(left) * len(right))
        return exact(left, right)

    monkeypatch.setattr(alike, "_matching", noted)
    return sizes


HUGE = {
    "one repetitive line": ("x = [" + "0, " * 2700 + "1]", "y = (" + "0, " * 2900 + "2)"),
    "words of one letter": ("a b " * 2000, "b a c " * 2000),
    "a literal of 100 KB": (f"data = '{'ab, ' * 25_000}'", f"data = '{'ba; ' * 25_000}'"),
    "many equal lines": ("x\n}\n" * 4500, "}\ny\n}\n" * 3500),
    "many lines of two kinds": ("a\nb\n" * 150, "c\n" * 900),
}


@pytest.mark.parametrize("language", ["python", "cpp", "markdown"])
@pytest.mark.parametrize("name", HUGE)
def test_the_work_for_huge_repetitive_texts_is_bounded(
    compared: list[int], name: str, language: str
) -> None:
    left, right = HUGE[name]
    html = table(left, right, language)
    assert cells(html, 1) == left.split("\n")
    assert cells(html, 3) == right.split("\n")
    assert sum(compared) <= 2 * alike.MOST_CELLS


def test_a_huge_line_with_one_other_word_has_one_mark(compared: list[int]) -> None:
    line = "x = [" + "0, " * 50_000
    assert changed_words(f"{line}1]", f"{line}2]") == ([(150_005, 150_006)], [(150_005, 150_006)])
    assert compared == [1]


def test_beyond_the_bound_the_common_ends_stay_unmarked(compared: list[int]) -> None:
    left, right = "same " + "a b " * 3000 + "end", "same " + "c d " * 3000 + "end"
    assert changed_words(left, right) == ([(5, len(left) - 4)], [(5, len(right) - 4)])
    assert compared == []


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_blocks_cover_both_sides_and_find_as_much_as_difflib(
    left: list[str], right: list[str]
) -> None:
    found = alike.blocks(left, right)
    for side, whole in ((1, left), (2, right)):
        spans = [block[side] for block in found]
        assert [i for a, b in spans for i in range(a, b)] == list(range(len(whole)))
    for equal, (a, b), (c, d) in found:
        assert equal == (left[a:b] == right[c:d])
    assert all(one[0] != other[0] for one, other in pairwise(found))
    common = sum(b - a for equal, (a, b), _ in found if equal)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    assert common >= sum(block.size for block in matcher.get_matching_blocks())


def test_unlike_blocks_of_many_lines_are_not_searched_for_similar_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(alike, "similarity", lambda *lines: asked.append(lines) or 0.0)
    code.aligned([f"left {i}" for i in range(1000)], [f"right {i}" for i in range(1001)])
    assert asked == []
    code.aligned(["left 1", "left 2"], ["right"])
    assert len(asked) == 2
