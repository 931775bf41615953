"""The pages' pure pieces: numbers in words, and the difference of two programs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from codemix_core.records import Status, TestStatus
from codemix_core.ui import code, look, words

LINES = st.lists(st.text(alphabet="ab(x) =", max_size=12), max_size=12)


@given(left=LINES, right=LINES)
def test_a_difference_shows_every_line_of_both_programs_once_and_in_order(
    left: list[str], right: list[str]
) -> None:
    rows = code.aligned(left, right)
    assert [old for old, _ in rows if old] == list(enumerate(left, 1))
    assert [new for _, new in rows if new] == list(enumerate(right, 1))
    assert all(old or new for old, new in rows)


@given(left=LINES, right=LINES)
def test_marked_lines_keep_their_text(left: list[str], right: list[str]) -> None:
    table = code.difference("\n".join(left), "\n".join(right), ("a", "b"))
    cells = re.findall(r'<td(?: class="cm-(?:old|new)")?>(.*?)</td>', table)
    plain = [unescape(re.sub(r"</?mark>", "", cell)) for cell in cells]
    shown = [line for line in plain if line.strip()]
    wanted = [*left, *right]
    assert sorted(shown) == sorted(line for line in wanted if line.strip())


def test_equal_programs_have_no_marked_line() -> None:
    table = code.difference("x = 1\ny = 2", "x = 1\ny = 2", ("a", "b"))
    assert "cm-old" not in table
    assert "cm-new" not in table


def test_a_changed_word_is_marked_in_both_lines() -> None:
    table = code.difference("return sum(xs)", "return max(xs)", ("a", "b"))
    assert "<mark>" in table
    assert "cm-old" in table
    assert "cm-new" in table


def test_markup_in_a_program_is_shown_not_obeyed() -> None:
    table = code.difference("<script>alert(1)</script>", "<b>", ("<i>", "gold"))
    assert "<script>" not in table
    assert "<i>" not in table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (41, "0:41"), (59.6, "1:00"), (7509, "2:05:09"), (100_000, "1 d 3 h")],
)
def test_durations_are_read_like_a_clock(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [(3, "just now"), (180, "3 min ago"), (5 * 3600, "5 h ago"), (2 * 86400, "2 d ago")],
)
def test_moments_are_relative_to_now(ago: float, text: str) -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert words.ago(now - timedelta(seconds=ago), now) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0%"), (0.0002, "<0.1%"), (0.004, "0.4%"), (1.0, "100.0%"), (None, "–")],
)
def test_a_small_share_is_never_shown_as_nothing(value: float | None, text: str) -> None:
    assert words.share(value) == text


def test_differences_carry_a_sign_and_a_real_minus() -> None:
    assert words.signed(0.26) == "+0.26"
    assert words.signed(-0.05) == "−0.05"
    assert words.interval(-0.01, 0.04) == "[−0.01, 0.04]"


MARKS = st.text(alphabet="ab1 *_`[](){}<>#$:~|&;\\!-+=./", min_size=1, max_size=30)


@given(lines=st.lists(MARKS.map(str.strip).filter(bool), min_size=1, max_size=3))
def test_a_literal_text_is_shown_letter_by_letter_by_markdown(lines: list[str]) -> None:
    text = "\n".join(" ".join(line.split()) for line in lines)
    reader = MarkdownIt("commonmark").enable(["strikethrough", "table"])
    opened, inline, closed = reader.parse(words.literal(text))
    assert (opened.type, closed.type) == ("paragraph_open", "paragraph_close")
    shown = [
        "\n" if part.type.endswith("break") else part.content for part in inline.children or []
    ]
    assert "".join(shown) == text
    assert {part.type for part in inline.children or []} <= {"text", "text_special", "hardbreak"}


@pytest.mark.parametrize("text", [":red[loud]", ":smile:", ":material/home:", "$x$ and $y$"])
def test_streamlits_own_shorthands_are_taken_literally(text: str) -> None:
    assert re.search(r"(?<!\\)[:$](?=\w)", words.literal(text)) is None


def test_plain_sentences_stay_as_they_are() -> None:
    text = "n: got 0; allowed: 1 to 9. Use --base-url, a_b_c or (x) at http://here, 50% off!"
    assert words.literal(text) == text


def test_every_status_has_its_own_word_sign_and_colour() -> None:
    assert set(look.STATUS) == set(Status)
    assert set(look.TEST) == set(TestStatus)
    shown = list(look.STATUS.values())
    for part in ("word", "sign", "light", "dark", "fill"):
        assert len({getattr(one, part) for one in shown}) == len(shown), part


@pytest.mark.parametrize("background", ["#ffffff", "#14181f"])
def test_status_colours_can_be_read_on_both_backgrounds(background: str) -> None:
    for shown in look.STATUS.values():
        text = shown.light if background == "#ffffff" else shown.dark
        assert _contrast(text, background) >= 4.5, shown.word
        assert _contrast(shown.fill, background) >= 3.0, shown.word


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, WCAG 2.2."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
