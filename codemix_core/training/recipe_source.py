"""What a recipe reads from its configuration, found in its source without running it.

A top-level key is required where the source takes ``cfg.key`` and has no ``cfg.get("key")``
nor a test before it. A key that appears nowhere in the source, neither as an attribute nor as
a text, cannot be read.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_GUARDED = {"profiler"}
"""Keys that recipes take as ``cfg.key`` only after they found them there."""


@dataclass(frozen=True)
class Keys:
    """Top-level keys: those a recipe cannot do without, and all names in its source."""

    required: frozenset[str]
    mentioned: frozenset[str]


@cache
def torchtune_recipes() -> dict[str, bool]:
    """Names of torchtune's recipes, and whether each runs in several processes."""
    from torchtune._recipe_registry import get_all_recipes

    return {recipe.name: recipe.supports_distributed for recipe in get_all_recipes()}


def find(recipe: str) -> Path | None:
    """The source of a recipe: torchtune's by name, ours by path; None when there is none."""
    if recipe in torchtune_recipes():
        return _torchtune_folder() / f"{recipe}.py"
    path = PROJECT / recipe
    return path if path.suffix == ".py" and path.is_file() else None


@cache
def keys(source: Path) -> Keys:
    """What the recipe in ``source`` reads.

    A recipe of ours builds on torchtune's classes, so what these mention counts for it too.
    """
    trees = [ast.parse(source.read_text(encoding="utf-8"))]
    if source.parent != _torchtune_folder():
        trees += [ast.parse(path.read_text(encoding="utf-8")) for path in _single_device()]
    mentioned = {name for tree in trees for name in _names(tree)}
    return Keys(frozenset(_taken(trees[0]) - _GUARDED), frozenset(mentioned))


def _single_device() -> list[Path]:
    return sorted(_torchtune_folder().glob("*single_device.py"))


def _torchtune_folder() -> Path:
    """Where torchtune's recipes lie; they are files beside the package, not part of it."""
    spec = find_spec("torchtune")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchtune is not installed")
    return Path(spec.origin).parent.parent / "recipes"


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
    optional = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "cfg.get"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    taken = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "cfg"
    }
    return taken - called - optional
