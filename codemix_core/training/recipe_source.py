"""What a recipe reads from its configuration, found in its source without running it.

A top-level key is required where the source takes ``cfg.key`` and has no ``cfg.get("key")``
nor a test before it. A key that appears nowhere in the source, neither as an attribute nor as
a text, cannot be read.
"""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_PACKAGE = "codemix_core.training"

_GUARDED = {"profiler"}
"""Keys that recipes take as ``cfg.key`` only after they found them there."""


@dataclass(frozen=True)
class Keys:
    """Top-level keys: those a recipe cannot do without, and all names in its source."""

    required: frozenset[str]
    mentioned: frozenset[str]


@cache
def torchtune_recipes() -> dict[str, bool]:
    """Names of torchtune's recipes, and whether each runs in several processes.

    The registry is plain data; it is read from its file, since importing it loads torch.
    """
    registry = runpy.run_path(str(_torchtune_folder() / "torchtune" / "_recipe_registry.py"))
    return {recipe.name: recipe.supports_distributed for recipe in registry["_ALL_RECIPES"]}


def find(recipe: str) -> Path | None:
    """The source of a recipe: torchtune's by name, ours by path; None when there is none."""
    known = recipe in torchtune_recipes()
    path = _torchtune_folder() / "recipes" / f"{recipe}.py" if known else PROJECT / recipe
    return path if path.suffix == ".py" and path.is_file() else None


@cache
def keys(source: Path) -> Keys:
    """What the recipe in ``source`` reads.

    Modules of ours that it imports, and a recipe of torchtune that it names, are part of it.
    """
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in _with_imports(source)]
    mentioned = {name for tree in trees for name in _names(tree)}
    required = {name for tree in trees for name in _taken(tree)}
    return Keys(frozenset(required - _GUARDED), frozenset(mentioned))


def _with_imports(source: Path) -> list[Path]:
    """A recipe and what it is built on, directly or not."""
    found, pending = [source], [source]
    while pending:
        for path in _built_on(ast.parse(pending.pop().read_text(encoding="utf-8"))):
            if path.is_file() and path not in found:
                found.append(path)
                pending.append(path)
    return found


def _built_on(tree: ast.AST) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
            for name in (node.module or "", *(f"{node.module}.{a.name}" for a in node.names)):
                yield PROJECT / f"{name.replace('.', '/')}.py"
        elif isinstance(node, ast.Constant) and node.value in torchtune_recipes():
            yield _torchtune_folder() / "recipes" / f"{node.value}.py"


def _torchtune_folder() -> Path:
    """Where torchtune's package lies, with its recipes beside it."""
    spec = find_spec("torchtune")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchtune is not installed")
    return Path(spec.origin).parent.parent


def _names(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def _taken(tree: ast.AST) -> set[str]:
    """Names taken as ``cfg.name``, methods of the configuration itself aside."""
    optional, called, taken = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called.add(node.func.attr)
            first = node.args[0] if node.args else None
            if node.func.attr == "get" and _is_config(node.func.value):
                optional.add(first.value if isinstance(first, ast.Constant) else "")
        elif isinstance(node, ast.Attribute) and _is_config(node.value):
            taken.add(node.attr)
    return taken - called - optional


def _is_config(node: ast.AST) -> bool:
    """``cfg``, ``self.cfg`` or ``self._cfg``."""
    return ast.unparse(node) in ("cfg", "self.cfg", "self._cfg")
