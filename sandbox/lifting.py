"""Which pytest modules can be run outside the program's process, read off their syntax tree.

Such a module calls functions of the program and looks at what comes back; it uses nothing that
a value built anew in another process would answer differently: no identity, no attributes of
functions, no fixtures, no input or output, no clock, no state shared with the program. It holds
test functions, helpers and constants. Whether everything that is compared is plain data, and
whether the tests then find the same, shows when the gold solution is run.
"""

from __future__ import annotations

import ast
from typing import NoReturn

_MODULES = frozenset(
    {"bisect", "collections", "collections.abc", "copy", "datetime", "decimal", "fractions"}
    | {"functools", "heapq", "itertools", "json", "math", "operator", "re", "statistics"}
    | {"string", "textwrap", "typing", "__future__", "pytest"}
)
_PYTEST = frozenset({"raises", "approx", "mark", "parametrize", "param", "fail"})
_REFUSED = frozenset(
    {"__builtins__", "__import__", "__test__", "breakpoint", "classmethod", "compile", "delattr"}
    | {"dir", "eval", "exec", "getattr", "globals", "hasattr", "id", "input", "locals", "open"}
    | {"property", "setattr", "staticmethod", "super", "type", "vars"}
    | {"getcontext", "setcontext", "localcontext"}
)
_SPECIAL = ("setup", "teardown", "pytest_", "pytestmark", "collect_ignore")
_COLLECTED = ("test", "Test", *_SPECIAL)
_TOP = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Assign, ast.AnnAssign)


class _NotLiftable(Exception):
    """The module does something that only works in the program's process."""


def names_tested(tests: str) -> list[str] | None:
    """What a liftable module takes from the program; None when it is not liftable."""
    reader = _Reader()
    try:
        reader.visit(ast.parse(tests))
    except (SyntaxError, ValueError, RecursionError, _NotLiftable):
        return None
    return sorted(reader.used) or None


def _refuse() -> NoReturn:
    raise _NotLiftable


class _Reader(ast.NodeVisitor):
    """Refuses what is not liftable. ``used``: names that are taken from the program."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self._names: set[str] = set()  # local names of what the program defines
        self._modules: set[str] = set()  # local names of the program itself
        self._inside = False

    def visit_Module(self, node: ast.Module) -> None:
        for statement in node.body:
            if isinstance(statement, ast.Import):
                self._import(statement)
            elif isinstance(statement, ast.ImportFrom):
                self._import_from(statement)
        for statement in node.body:
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not (text or isinstance(statement, _TOP)):
                _refuse()
            self.visit(statement)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name == "solution":
                self._modules.add(alias.asname or alias.name)
            elif alias.name not in _MODULES or (alias.name == "pytest" and alias.asname):
                _refuse()

    def _import_from(self, node: ast.ImportFrom) -> None:
        taken = {alias.name for alias in node.names}
        local = {alias.asname or alias.name for alias in node.names}
        if node.level or "*" in taken or any(name.startswith(_COLLECTED) for name in local):
            _refuse()
        if node.module == "solution":
            self.used |= taken
            self._names |= local
            return
        if node.module not in _MODULES or taken & _REFUSED:
            _refuse()
        if node.module == "pytest" and not taken <= _PYTEST:
            _refuse()

    def visit_Import(self, node: ast.Import) -> None:
        if self._inside:
            _refuse()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if self._inside:
            _refuse()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if self._inside:
            self.generic_visit(node)
            return
        if node.name.startswith(_SPECIAL):
            _refuse()
        for decorator in node.decorator_list:
            self._parametrize(decorator, node.name)
        self.visit(node.args)
        self._inside = True
        for statement in node.body:
            self.visit(statement)
        self._inside = False

    def _parametrize(self, node: ast.expr, function: str) -> None:
        if not (isinstance(node, ast.Call) and function.startswith("test")):
            _refuse()
        if ast.unparse(node.func) not in ("pytest.mark.parametrize", "mark.parametrize"):
            _refuse()
        if any(keyword.arg not in ("ids", "argnames", "argvalues") for keyword in node.keywords):
            _refuse()
        self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in _REFUSED or node.id in self._modules:
            _refuse()
        if node.id in self._names and not self._inside:
            _refuse()
        if isinstance(node.ctx, ast.Store) and node.id.startswith(_SPECIAL):
            _refuse()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = node.value
        if node.attr.startswith("__") or node.attr in _REFUSED or self._is_of_program(owner):
            _refuse()
        name = owner.id if isinstance(owner, ast.Name) else None
        if name == "pytest" and node.attr not in _PYTEST:
            _refuse()
        if name in self._modules:
            if not self._inside or node.attr.startswith(_COLLECTED):
                _refuse()
            self.used.add(node.attr)
        else:
            self.visit(owner)

    def _is_of_program(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.value.id in self._modules
        return isinstance(node, ast.Name) and node.id in self._names

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store | ast.Del) and self._is_of_program(node.value):
            _refuse()
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        values = [node.left, *node.comparators]
        for position, operator in enumerate(node.ops):
            pair = values[position : position + 2]
            if isinstance(operator, ast.Is | ast.IsNot) and not any(map(_is_one_of_a_kind, pair)):
                _refuse()
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg == "marks":
            _refuse()
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        _refuse()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        _refuse()


def _is_one_of_a_kind(node: ast.expr) -> bool:
    """Whether an expression is None, True, False or an ellipsis."""
    return isinstance(node, ast.Constant) and any(
        node.value is value for value in (None, True, False, ...)
    )
