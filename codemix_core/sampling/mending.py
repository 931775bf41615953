r"""Programs that a fence cut in half, or that took prose along because a fence was forgotten.

Guarantees: text is only ever restored or cut at whole lines, and only when what results is a
program: Python that parses, C++ with balanced braces. Anything doubtful is left as it came. The
work is linear in the answer: what is parsed or scanned is paid from a :class:`Budget`.

Not guaranteed: C++ is not parsed; braces inside raw strings are counted.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass

_PROSE = re.compile(r"(?:[A-Z][\w'’]*(?:[,.:!?]*(?:[ \t]|$))|[-+>][ \t]|\*+|\d+[.)][ \t]|#{2,6} )")
_CODE_END = re.compile(r"[;{},\\]\s*$")
_CPP_TOKEN = re.compile(
    r"""//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n]){1,8}'|[{}\n]"""
)
_UNTERMINATED = "unterminated triple-quoted"
_LONGEST_LINE = 1000
"""Characters of the longest line that is parsed alone; sentences are shorter."""


@dataclass(slots=True)
class Budget:
    """Characters that may still be parsed or scanned for one answer."""

    left: int

    @classmethod
    def for_answer(cls, answer: str) -> Budget:
        """Enough for a hundred attempts at a usual answer and for eight at a huge one."""
        return cls(8 * len(answer) + 500_000)

    def spend(self, characters: int) -> bool:
        """Take from the budget; False when it is used up."""
        self.left -= characters
        return self.left >= 0


def parse_python(text: str) -> ast.Module | SyntaxError | None:
    """The module, why it is none, or None when Python cannot even say why."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(textwrap.dedent(text))
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        return None


def defines_something(parsed: ast.Module | SyntaxError | None) -> bool:
    """Parses and defines a function or class: a lone word parses as Python, too."""
    defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(parsed, ast.Module) and any(isinstance(n, defining) for n in parsed.body)


def whole_python(
    lines: list[str],
    start: int,
    end: int,
    closes: Callable[[str], bool],
    text_of: Callable[[list[str]], str],
    budget: Budget,
) -> int:
    """The line that ends a Python block which a fence inside its docstring may have cut.

    Args:
        lines: the answer.
        start: first line of the block.
        end: the line that seemed to end it.
        closes: whether a line can close the block.
        text_of: the text of lines of the block.
        budget: what may be spent.
    """
    cut = text_of(lines[start:end])
    if ('"""' not in cut and "'''" not in cut) or not budget.spend(len(cut)):
        return end
    error = parse_python(cut)
    if not isinstance(error, SyntaxError) or _UNTERMINATED not in error.msg:
        return end
    length = len(cut)
    for place in range(end + 1, len(lines)):
        length += len(lines[place]) + 1
        if not budget.spend(len(lines[place]) + 1):
            return end
        if closes(lines[place]):
            if not budget.spend(length):
                return end
            if isinstance(parse_python(text_of(lines[start:place])), ast.Module):
                return place
    return end


def python_without_prose(text: str, budget: Budget) -> str:
    """The program without the prose after it; the text as it is when there is none."""
    lines = text.split("\n")
    end = len(lines)
    prose = [place for place, line in enumerate(lines) if _PROSE.match(line)]
    while budget.spend(len(text)):
        parsed = parse_python("\n".join(lines[:end]))
        if isinstance(parsed, ast.Module):
            if end == len(lines) or not defines_something(parsed):
                return text
            return _joined(lines[: _start_of_prose(lines, end, budget)])
        wrong = parsed.lineno if parsed is not None and parsed.lineno else end
        # Lines count from 1 there, so the faulty line itself may be the first that goes.
        while prose and prose[-1] >= min(wrong, end):
            prose.pop()
        if not prose:
            return text
        end = prose.pop()
    return text


def _start_of_prose(lines: list[str], end: int, budget: Budget) -> int:
    """Where the prose that reaches down to ``end`` begins: single words parse as Python."""
    while end and (not lines[end - 1].strip() or _is_remark(lines[end - 1], budget)):
        end -= 1
    return end


def _is_remark(line: str, budget: Budget) -> bool:
    if not _PROSE.match(line) or len(line) > _LONGEST_LINE or not budget.spend(len(line)):
        return False
    parsed = parse_python(line)
    if not isinstance(parsed, ast.Module):
        return True
    return all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Name) for n in parsed.body)


def cpp_without_prose(text: str) -> str:
    """The program up to the last line that ends a top-level brace block, if prose follows."""
    end = _last_top_level_end(text)
    lines = text.split("\n")
    rest = [line for line in lines[end:] if line.strip()]
    if not end or not rest or not _PROSE.match(rest[0]):
        return text
    return text if any(_CODE_END.search(line) for line in rest) else _joined(lines[:end])


def _last_top_level_end(text: str) -> int:
    """Number of lines up to the last one in which the depth of braces falls to 0; 0 for none."""
    line, depth, found = 0, 0, 0
    for token in _CPP_TOKEN.finditer(text):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth == 0:
                found = line + 1
        else:
            line += token[0].count("\n")
    return found


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
