"""Edits of a C++ program: operators, boundaries, constants, dropped statements.

Found in the tokens. What a token means is guessed from its neighbours (a ``<`` may open a
template's arguments, a ``*`` may be a pointer's), so some mutants do not compile; those are not
counted. Left alone: directives, what is thrown, text sent to a stream by ``<<``'s direction,
``return`` statements (dropping one is undefined behaviour, not a fault tests could find) and
declarations (dropping one does not compile).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from codemix_core.scoring.quality.cpp_tokens import Token, pairs, tokens
from codemix_core.scoring.quality.mutant import Edit

_OTHER: dict[str, dict[str, str]] = {
    "+": {"-": "operator"},
    "-": {"+": "operator"},
    "*": {"+": "operator"},
    "/": {"*": "operator"},
    "%": {"/": "operator"},
    "&": {"|": "operator"},
    "|": {"&": "operator"},
    "^": {"&": "operator"},
    "<<": {">>": "operator"},
    ">>": {"<<": "operator"},
    "&&": {"||": "operator"},
    "||": {"&&": "operator"},
    "==": {"!=": "operator"},
    "!=": {"==": "operator"},
    "<": {"<=": "boundary", ">=": "operator"},
    "<=": {"<": "boundary", ">": "operator"},
    ">": {">=": "boundary", "<=": "operator"},
    ">=": {">": "boundary", "<": "operator"},
    "++": {"--": "operator"},
    "--": {"++": "operator"},
    "+=": {"-=": "operator"},
    "-=": {"+=": "operator"},
    "*=": {"+=": "operator"},
    "/=": {"*=": "operator"},
    "%=": {"/=": "operator"},
    "&=": {"|=": "operator"},
    "|=": {"&=": "operator"},
    "^=": {"&=": "operator"},
    "<<=": {">>=": "operator"},
    ">>=": {"<<=": "operator"},
}
_BINARY = {"+", "-", "*", "&", "&&"}
"""Marks that mean something else when they have no left operand."""
_TYPES = {
    *("auto", "bool", "char", "const", "constexpr", "double", "enum", "explicit", "extern"),
    *("float", "friend", "inline", "int", "long", "mutable", "namespace", "operator", "short"),
    *("signed", "static", "struct", "class", "template", "typedef", "typename", "union"),
    *("unsigned", "using", "virtual", "void", "volatile", "public", "private", "protected"),
}
_NOT_OPERANDS = _TYPES | {
    *("return", "case", "throw", "else", "do", "if", "while", "for", "switch", "delete", "new"),
}
_KEPT = _TYPES | {"return", "case", "default", "goto", "if", "for", "while", "do", "switch", "try"}
_CONTROL = {"if", "for", "while", "switch"}
_STREAM = re.compile(r"(?:cout|cerr|clog|os|oss|out|ss|is|in|\w*stream\w*)\Z")
_INTEGER = re.compile(r"(0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9][0-9']*)([uUlLzZ]*)\Z")
_FLOATING = re.compile(r"([0-9.']+)((?:[eE][+-]?[0-9]+)?[fFlL]?)\Z")


def edits(source: str) -> list[Edit]:
    """All edits of a program."""
    return list(_Finder(source).edits())


class _Finder:
    """Walks over the tokens and yields edits."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokens(source)
        self._pairs = pairs(self._tokens)
        self._templates = self._template_marks()
        self._thrown = self._thrown_tokens()

    def edits(self) -> Iterator[Edit]:
        """Edits of the whole source."""
        for position, token in enumerate(self._tokens):
            if position in self._thrown:
                continue
            if token.kind == "mark":
                yield from self._mark(position, token)
            else:
                for text in _other_literals(token):
                    yield Edit(token.start, token.end, text, "constant")
        yield from self._statements()

    def _mark(self, position: int, token: Token) -> Iterator[Edit]:
        if token.text == "!":
            yield Edit(token.start, token.end, "", "operator")
        if token.text == "-" and not self._has_left_operand(position):
            yield Edit(token.start, token.end, "", "operator")
        if token.text not in _OTHER or not self._is_operator(position, token):
            return
        for text, kind in _OTHER[token.text].items():
            yield Edit(token.start, token.end, text, kind)

    def _is_operator(self, position: int, token: Token) -> bool:
        if position in self._templates or self._word(position - 1) == "operator":
            return False
        if token.text in _BINARY and not self._has_left_operand(position):
            return False
        if token.text in ("*", "&", "&&") and token.spaced[0] != token.spaced[1]:
            return False  # ``Node* next``, ``auto& x``: part of a type
        return not (token.text in ("<<", ">>") and self._on_stream(position))

    def _has_left_operand(self, position: int) -> bool:
        if position == 0:
            return False
        before = self._tokens[position - 1]
        if before.kind == "word":
            return before.text not in _NOT_OPERANDS
        return before.kind != "mark" or before.text in (")", "]", "++", "--")

    def _word(self, position: int) -> str:
        return self._tokens[position].text if position >= 0 else ""

    def _on_stream(self, position: int) -> bool:
        """Whether a shift's statement begins with what is usually a stream."""
        while position > 0 and self._word(position - 1) not in (";", "{", "}"):
            position -= 1
        begin = self._tokens[position : position + 3]
        return any(_STREAM.match(token.text) for token in begin)

    def _template_marks(self) -> set[int]:
        """Positions of ``<`` and ``>`` that enclose template arguments, as far as can be told."""
        found: set[int] = set()
        for position, token in enumerate(self._tokens):
            if token.text == "<" and position not in found and position > 0:
                before = self._tokens[position - 1]
                if before.kind == "word":
                    found.update(self._template_from(position))
        return found

    def _template_from(self, start: int) -> list[int]:
        depth, marks, position = 0, [], start
        while position < len(self._tokens):
            token = self._tokens[position]
            if token.text == "<":
                depth += 1
                marks.append(position)
            elif token.text in (">", ">>") and token.kind == "mark":
                depth -= len(token.text)
                marks.append(position)
                if depth <= 0:
                    return marks if self._closes_type(start, position) else []
            elif token.text in ("(", "[") and position in self._pairs:
                position = self._pairs[position]
            elif token.kind == "mark" and token.text not in (",", "::", "*", "&", "..."):
                return []
            position += 1
        return []

    def _closes_type(self, start: int, end: int) -> bool:
        """``a < b && c > d`` never gets here; ``a < b, c > d`` is told by its blanks."""
        first, last = self._tokens[start], self._tokens[end]
        return first.text != "<" or not all(first.spaced) or not all(last.spaced)

    def _thrown_tokens(self) -> set[int]:
        found: set[int] = set()
        for position, token in enumerate(self._tokens):
            if token.text == "throw":
                end = position
                while end < len(self._tokens) and self._word(end) != ";":
                    found.add(end)
                    end += 1
        return found

    def _statements(self) -> Iterator[Edit]:
        for position, token in enumerate(self._tokens):
            if token.text != ";" or token.kind != "mark":
                continue
            first = self._statement_start(position)
            if first is not None and self._can_go(first, position):
                yield Edit(self._tokens[first].start, token.start, "", "statement")

    def _statement_start(self, end: int) -> int | None:
        """Position of the first token of the statement that a semicolon ends."""
        position = end
        while position > 0:
            before = self._tokens[position - 1]
            if before.kind == "mark" and before.text in (";", "{", "}", ":"):
                break
            if before.text in ("else", "do"):
                break
            if before.text in (")", "]") and position - 1 in self._pairs:
                opened = self._pairs[position - 1]
                if self._word(opened - 1) in _CONTROL:
                    break
                position = opened
                continue
            if before.text == "(":
                return None  # inside the head of a ``for``
            position -= 1
        return position if position < end else None

    def _can_go(self, first: int, end: int) -> bool:
        """Whether a statement is an expression, a jump or a throw; no declaration."""
        words = self._tokens[first:end]
        if words[0].text in _KEPT or words[0].text in ("}", ")"):
            return False
        if words[0].text in ("break", "continue", "throw"):
            return True
        return not self._declares(words)

    def _declares(self, statement: list[Token]) -> bool:
        """``T x``, ``T<U> x``, ``T* x``, ``a::T x``: a name right after the end of a type."""
        depth = 0
        for before, token in pairwise(statement):
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(before.text, 0)
            if depth > 0 or before.text in ("=", "+=", "-="):
                return False
            asymmetric = before.text in ("*", "&", "&&") and not all(before.spaced)
            if token.kind == "word" and (before.kind == "word" or before.text == ">" or asymmetric):
                return before is not statement[0] or before.kind == "word"
        return False


def _other_literals(token: Token) -> list[str]:
    if token.kind == "word":
        return {"true": ["false"], "false": ["true"]}.get(token.text, [])
    if token.kind == "char":
        body = token.text[1:-1]
        if len(body) == 1 and body.isascii() and body.isalnum():
            return [f"'{chr(ord(body) + 1)}'"]
        return ["'x'"] if token.text.startswith("'") else []
    if token.kind == "string":
        return ['""' if token.text != '""' else '"X"'] if token.text.startswith('"') else []
    return _other_numbers(token.text) if token.kind == "number" else []


def _other_numbers(text: str) -> list[str]:
    integer = _INTEGER.match(text)
    if integer is not None:
        digits, suffix = integer.group(1).replace("'", ""), integer.group(2)
        octal = len(digits) > 1 and digits.isdigit() and digits.startswith("0")
        if octal and not set(digits) <= set("01234567"):
            return []
        value = int(digits, 8) if octal else int(digits, 0)
        below = f"{value - 1}{suffix}" if value else f"(-1{suffix})"
        return [f"{value + 1}{suffix}", below]
    floating = _FLOATING.match(text)
    if floating is None:
        return []
    try:
        value_ = float(floating.group(1).replace("'", ""))
    except ValueError:
        return []
    return [f"{value_ + 1.0!r}{floating.group(2)}"]
