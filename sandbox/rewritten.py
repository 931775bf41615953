"""A test module as pytest runs it, compiled once for many programs.

pytest rewrites each ``assert`` of a test module before it compiles it, which takes as long as
running a few tests. The judge does it once per question; the process of each program is given
the code and only has to execute it, without a search for the module either.
"""

from __future__ import annotations

import ast
import marshal
import sys
import types
import warnings
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from typing import Any

from _pytest import python
from _pytest.assertion import rewrite

MODULE = "test_solution.py"
_PATH = f"/tmp/{MODULE}"
_loads = marshal.loads


class _Options:
    """What of pytest's configuration is asked for when a module is rewritten."""

    def getini(self, name: str) -> bool:
        return name == "enable_assertion_pass_hook"


def compiled(tests: str) -> bytes:
    """The module's code; empty when pytest is to find out itself what is wrong with it."""
    source = tests.encode("utf-8", "replace")
    options: Any = _Options()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, filename=_PATH)
            rewrite.rewrite_asserts(tree, source, _PATH, options)
            return marshal.dumps(compile(tree, _PATH, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b""


def imports(tests: str) -> list[str]:
    """The modules that tests import, but the program."""
    try:
        tree = ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= dict.fromkeys(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= dict.fromkeys([node.module, *filter(_in_standard_library, inner)])
    return [name for name in found if name.partition(".")[0] not in ("solution", "test_solution")]


def _in_standard_library(name: str) -> bool:
    """Whether this is a module of the standard library, and not a name in one."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return False
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


_given: list[bytes] = []


def give(code: bytes) -> None:
    """Have pytest take this for the code of the module that it imports next."""
    if code:
        _given[:] = [code]


def install() -> None:
    """Have pytest take what it is given where it would import the module."""
    pytest_python: Any = python
    search = pytest_python.import_path

    def import_path(path: Any, **options: Any) -> types.ModuleType:
        if not (_given and path.name == MODULE):
            found: types.ModuleType = search(path, **options)
            return found
        __tracebackhide__ = True  # pytest then shows no more than the module's own lines
        sys.path.insert(0, "/tmp")
        return executed("test_solution", _PATH, _loads(_given.pop()))

    pytest_python.import_path = import_path


def executed(name: str, path: str, code: types.CodeType) -> types.ModuleType:
    """A module made from its code, as an import would make it."""
    __tracebackhide__ = True
    spec = spec_from_file_location(name, path)
    assert spec is not None
    sys.modules[name] = module = module_from_spec(spec)
    try:
        exec(code, module.__dict__)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
