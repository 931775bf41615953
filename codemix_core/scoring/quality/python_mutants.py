"""Edits of a Python program: operators, boundaries, constants, dropped statements.

Found in the syntax tree, applied to the text, so that a survivor reads like the source. Every
edit gives a program that parses. Left alone, because no test can be asked to notice: docstrings,
annotations, decorators, the wording of exceptions, and f-strings (whose positions Python 3.11
does not know). An assignment is dropped only where the name has another value to fall back on;
otherwise the mutant would die of a NameError and say nothing about the tests.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from codemix_core.scoring.quality.mutant import Edit

_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, dict[str, str]]] = {
    ast.Lt: ("<", {"<=": "boundary", ">=": "operator"}),
    ast.LtE: ("<=", {"<": "boundary", ">": "operator"}),
    ast.Gt: (">", {">=": "boundary", "<=": "operator"}),
    ast.GtE: (">=", {">": "boundary", "<": "operator"}),
    ast.Eq: ("==", {"!=": "operator"}),
    ast.NotEq: ("!=", {"==": "operator"}),
    ast.In: ("in", {"not in": "operator"}),
    ast.NotIn: ("not in", {"in": "operator"}),
    ast.Is: ("is", {"is not": "operator"}),
    ast.IsNot: ("is not", {"is": "operator"}),
}
_SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "type_params", "type_comment"}


def edits(source: str) -> list[Edit]:
    """All edits of a program; none for one that does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [edit for edit in _Finder(source).visit(tree) if _parses(source, edit)]


def _parses(source: str, edit: Edit) -> bool:
    try:
        ast.parse(source[: edit.start] + edit.text + source[edit.end :])
    except (SyntaxError, ValueError):
        return False
    return True


class _Finder:
    """Walks a syntax tree and yields edits of the text it was made from."""

    def __init__(self, source: str) -> None:
        self._source = source
        ends = [match.end() for match in re.finditer(r"\r\n|\r|\n", source)]
        self._starts = [0, *ends]
        self._lines = [source[a:b] for a, b in pairwise([0, *ends, len(source)])]

    def visit(self, node: ast.AST) -> Iterator[Edit]:
        """Edits in ``node`` and below it."""
        if isinstance(node, ast.JoinedStr):
            return
        if isinstance(node, ast.Raise):
            yield from self._drop(node)
            return
        yield from self._here(node)
        for name, value in ast.iter_fields(node):
            if name in _SKIPPED_FIELDS:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_docstring(node, child):
                    yield from self.visit(child)

    def _here(self, node: ast.AST) -> Iterator[Edit]:
        match node:
            case ast.BinOp():
                yield from self._arithmetic(node)
            case ast.AugAssign(op=op, target=target, value=value):
                if type(op) in _ARITHMETIC:
                    old, new = _ARITHMETIC[type(op)]
                    yield from self._between(target, value, old + "=", {new + "=": "operator"})
                yield from self._drop(node)
            case ast.Compare(left=left, ops=ops, comparators=right):
                for comparison, first, second in zip(ops, [left, *right], right, strict=False):
                    yield from self._between(first, second, *_COMPARISONS[type(comparison)])
            case ast.BoolOp(op=op, values=values):
                old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for first, second in pairwise(values):
                    yield from self._between(first, second, old, {new: "operator"})
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
                start, end = self._span(node)
                text = re.sub(r"^(?:not\b|[-~])\s*", "", self._source[start:end])
                yield Edit(start, end, f"({text})", "operator")
            case ast.Constant():
                yield from self._constant(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._reassignments(node)
            case ast.Return(value=ast.expr() as value):
                if not isinstance(value, ast.Constant):  # those change as constants
                    yield Edit(*self._span(node), "return None", "statement")
            case ast.Expr() | ast.Break() | ast.Continue():
                yield from self._drop(node)
            case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
                yield from self._drop(node)

    def _drop(self, node: ast.stmt) -> Iterator[Edit]:
        yield Edit(*self._span(node), "pass", "statement")

    def _arithmetic(self, node: ast.BinOp) -> Iterator[Edit]:
        if type(node.op) not in _ARITHMETIC:
            return
        old, new = _ARITHMETIC[type(node.op)]
        start, end = self._span(node)
        for edit in self._between(node.left, node.right, old, {new: "operator"}):
            text = self._source[start : edit.start] + edit.text + self._source[edit.end : end]
            yield Edit(start, end, f"({text})" if {old, new} != {"+", "-"} else text, edit.kind)

    def _between(
        self, left: ast.expr, right: ast.expr, old: str, new: dict[str, str]
    ) -> Iterator[Edit]:
        """Edits of the operator that stands between two expressions."""
        begin, stop = self._span(left)[1], self._span(right)[0]
        gap = self._source[begin:stop]
        pattern = r"\s+".join(re.escape(word) for word in old.split())
        found = re.search(pattern, gap)
        if found is None or "#" in gap:
            return
        for text, kind in new.items():
            yield Edit(begin + found.start(), begin + found.end(), text, kind)

    def _constant(self, node: ast.Constant) -> Iterator[Edit]:
        start, end = self._span(node)
        for text in _other_constants(node.value):
            yield Edit(start, end, text, "constant")

    def _reassignments(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Edit]:
        """Dropped assignments to names that have an earlier value."""
        arguments = node.args
        known = Counter(a.arg for a in (*arguments.posonlyargs, *arguments.args))
        known.update(a.arg for a in arguments.kwonlyargs)
        inside = sorted(_own_statements(node), key=lambda s: (s.lineno, s.col_offset))
        for statement in inside:
            names = [n.id for n in ast.walk(statement.targets[0]) if isinstance(n, ast.Name)]
            plain = isinstance(statement.targets[0], ast.Name | ast.Tuple)
            if plain and names and all(known[name] for name in names):
                yield from self._drop(statement)
            known.update(names)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def _offset(self, line: int, column: int) -> int:
        """Character offset of a line and a column in UTF-8 bytes, as the tree counts them."""
        text = self._lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode("utf-8", "replace"))
        return self._starts[line - 1] + column


def _own_statements(node: ast.AST) -> Iterator[ast.Assign]:
    """Assignments of a function, those of functions inside it left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Assign) and len(child.targets) == 1:
            yield child
        yield from _own_statements(child)


def _other_constants(value: object) -> list[str]:
    if isinstance(value, bool):
        return [repr(not value)]
    if isinstance(value, int):
        return [repr(value + 1), repr(value - 1) if value else "(-1)"]
    if isinstance(value, float):
        return [repr(value + 1.0)]
    if isinstance(value, str):
        return ["''" if value else "'X'"]
    if isinstance(value, bytes):
        return ["b''" if value else "b'X'"]
    return []


def _is_docstring(parent: ast.AST, child: ast.AST) -> bool:
    if not isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    first = parent.body[0] if parent.body else None
    return (
        child is first
        and isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
