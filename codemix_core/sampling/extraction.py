r"""The program inside a model's answer.

Rules, in this order:

1. The **last** fenced block labelled with the question's language, else the last one labelled
   with the name of a file of it (``solution.py``).
2. Without one, the last unlabelled block that looks like a program, else the last unlabelled
   one.
3. Without any fence, the whole answer, when it looks like a program: Python that parses and
   defines a function or class, C++ with an include or a function body, balanced braces
   and a semicolon.
4. Otherwise there is no code (verdict ``no_code``).

Blocks of white space alone count for nothing.

Fences are three or more backticks or tildes, indented by any blanks; an indented fence takes
its indentation off the lines inside. A fence may open on the line of a list item or quote; the
item's indentation and the quote's marks come off, too. A block ends at a line of at least as
many of the same character and nothing else, before a line that opens another labelled block, or
at the end of the answer when the model ran out of tokens (there, a closing fence glued to the
program's last line is taken off). A Python block that ends inside a docstring goes on to the
fence at which it parses; prose after a program whose closing fence was forgotten is left out
(:mod:`.mending`). Blocks of another language, such as shell commands or sample output, are
never taken. ``\r\n`` and ``\r`` become ``\n``; nothing else inside a block changes.

Not guaranteed: that what is returned compiles, or that a C++ program torn by a fence line inside
its own text (a doc comment showing a fence of the same length) comes out whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from codemix_core.sampling import mending
from codemix_core.sampling.languages import Language, language

_OPENING = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([^`]*)$")
# A star counts at the start of a line only: behind blanks it continues a C++ doc comment.
_MARKS = re.compile(r"^(?:\*[ \t]+)?[ \t]*(?:(?:>|[-+][ \t]|\d{1,9}[.)][ \t])[ \t]*)*(?=[`~]{3})")
_QUOTE = re.compile(r"^[ \t]*>[ \t]?")
_BLANKS = re.compile(r"^[ \t]*")
_FENCED_LINE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})")
_TAG = re.compile(r"^\{?\.?([^\s{},:;=]+)")
_CPP_SIGN = re.compile(r"^[ \t]*#[ \t]*include\b|\)[ \t]*(?:const|noexcept)?\s*\{", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the first word of its info string (may be empty) and its text.

    closed: it has a closing fence of its own.
    """

    tag: str
    text: str
    closed: bool


@dataclass(frozen=True, slots=True)
class _Opening:
    """The line that opens a block: what stands before its run of fence characters, its language.

    indent: blanks to take off each line.
    quotes: number of quote marks to take off each line.
    in_list: it stands on the line of a list item, whose lines are indented as the model likes.
    """

    indent: str
    fence: str
    tag: str
    quotes: int = 0
    in_list: bool = False

    def bare(self, line: str) -> str:
        """A line of the block without its quote marks."""
        for _ in range(self.quotes):
            line = _QUOTE.sub("", line, count=1)
        return line

    def is_closed_by(self, line: str) -> bool:
        stripped = self.bare(line).strip(" \t")
        return len(stripped) >= len(self.fence) and not stripped.strip(self.fence[0])

    def is_interrupted_by(self, line: str) -> bool:
        """A labelled opening inside an open block: the model forgot to close the first."""
        other = _opening(self.bare(line), marked=self.in_list)
        return other is not None and bool(other.tag) and other.fence.startswith(self.fence)

    def text(self, lines: list[str]) -> str:
        """Lines of the block as they are meant."""
        if self.quotes:
            lines = [self.bare(line) for line in lines]
        indent = self.indent
        if self.in_list:
            indent = _common_blanks(lines)
        if indent:
            lines = [line.removeprefix(indent) for line in lines]
        return "".join(line + "\n" for line in lines)


def extract(answer: str, language_name: str) -> str | None:
    """The program in ``answer``, ending with a newline; None when there is none.

    Args:
        answer: the raw output of the model.
        language_name: the question's language, ``python`` or ``cpp``.
    """
    spoken = language(language_name)
    text = answer.replace("\r\n", "\n").replace("\r", "\n")
    budget = mending.Budget.for_answer(text)
    whole = not _has_fence(text) and looks_like_program(text, language_name)
    if whole and language_name == "python":
        return _ended(text)
    blocks = [block for block in fenced_blocks(text, spoken, budget) if block.text.strip()]
    labelled = [block for block in blocks if spoken.owns(block.tag)]
    named = [block for block in blocks if _names_file(spoken, block.tag)]
    unlabelled = [block for block in blocks if not block.tag]
    plausible = [block for block in unlabelled if looks_like_program(block.text, language_name)]
    for found in (labelled, named, plausible, unlabelled):
        if found:
            return _ended(_without_prose(found[-1], spoken, budget))
    return _ended(text) if whole else None


def fenced_blocks(
    text: str, spoken: Language | None = None, budget: mending.Budget | None = None
) -> list[Block]:
    """All fenced blocks of a text with plain line ends, in order.

    Args:
        text: an answer.
        spoken: Python blocks are kept whole across fences in docstrings if this is Python.
        budget: what may be spent on that.
    """
    lines = text.split("\n")
    blocks: list[Block] = []
    place = 0
    while place < len(lines):
        opened = _opening(lines[place], marked=True)
        place += 1
        if opened is None:
            continue
        start, end = place, _end(lines, place, opened)
        if budget is not None and _is_python(opened, spoken) and end < len(lines):
            closes, text_of = opened.is_closed_by, opened.text
            end = mending.whole_python(lines, start, end, closes, text_of, budget)
        inside = lines[start:end]
        closed = end < len(lines) and opened.is_closed_by(lines[end])
        if end == len(lines):
            inside = _without_glued_fence(inside, opened.fence)
        blocks.append(Block(opened.tag, opened.text(inside), closed))
        place = end + closed
    return blocks


def _end(lines: list[str], start: int, opened: _Opening) -> int:
    """The line that closes or interrupts a block that begins at ``start``, or one past the last."""
    for place in range(start, len(lines)):
        if opened.is_closed_by(lines[place]) or opened.is_interrupted_by(lines[place]):
            return place
    return len(lines)


def _is_python(opened: _Opening, spoken: Language | None) -> bool:
    """Whether a block may hold the program, and that is Python."""
    if spoken is None or spoken.name != "python":
        return False
    return not opened.tag or spoken.owns(opened.tag) or _names_file(spoken, opened.tag)


def _names_file(spoken: Language, tag: str) -> bool:
    """Whether a label is the name of a file with an ending of the language."""
    stem, _, ending = tag.rpartition(".")
    return bool(stem) and not spoken.owns(tag) and spoken.owns(ending)


def _without_prose(block: Block, spoken: Language, budget: mending.Budget) -> str:
    if block.closed:
        return block.text
    if spoken.name == "python":
        return mending.python_without_prose(block.text, budget)
    short = mending.cpp_without_prose(block.text)
    return short if looks_like_program(short, spoken.name) else block.text


def looks_like_program(text: str, language_name: str) -> bool:
    """Whether a whole answer without fences is plausibly a program and not prose."""
    if language_name == "python":
        return mending.defines_something(mending.parse_python(text))
    balanced = text.count("{") == text.count("}") > 0
    return bool(_CPP_SIGN.search(text)) and balanced and ";" in text


def _has_fence(text: str) -> bool:
    return any(_FENCED_LINE.match(line) for line in text.split("\n"))


def _opening(line: str, *, marked: bool) -> _Opening | None:
    """The opening fence on a line; behind list and quote marks only if ``marked``."""
    marks = _MARKS.match(line) if marked else None
    before = marks[0] if marks else ""
    match = _OPENING.match(line[len(before) :])
    if match is None:
        return None
    tag = _TAG.match(match[3].strip())
    quotes = before.count(">")
    in_list = bool(before.strip(" \t>"))
    indent = "" if quotes or in_list else before + match[1]
    return _Opening(indent, match[2], tag[1] if tag else "", quotes, in_list)


def _common_blanks(lines: list[str]) -> str:
    """The blanks that all lines with text begin with."""
    found = [match[0] for line in lines if line.strip() and (match := _BLANKS.match(line))]
    common = min(found, key=len, default="")
    while not all(blanks.startswith(common) for blanks in found):
        common = common[:-1]
    return common


def _without_glued_fence(lines: list[str], fence: str) -> list[str]:
    """Lines of an unclosed block, less its last line end and a fence glued to its last line."""
    if lines and not lines[-1].strip():
        lines = lines[:-1]
    if lines and lines[-1].rstrip().endswith(fence):
        lines = [*lines[:-1], lines[-1].rstrip().rstrip(fence[0])]
    return lines


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
