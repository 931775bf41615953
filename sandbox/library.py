"""Classes and functions of Python itself, which cross to a program by their names."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

_MODULES = frozenset(
    {"_bisect", "_collections", "_functools", "_heapq", "_operator", "_statistics", "builtins"}
    | {"collections", "datetime", "decimal", "fractions", "functools", "heapq", "itertools"}
    | {"math", "operator", "statistics", "textwrap"}
)
_KINDS = (type, types.BuiltinFunctionType, types.FunctionType)


def form(value: Any) -> Any:
    """The form of what the library has by a name, or None."""
    if not isinstance(value, _KINDS):
        return None
    module, name = value.__module__, value.__qualname__
    if module in _MODULES and getattr(sys.modules.get(module), name, None) is value:
        return {"named": [module, name]}
    return None


def value(module: str, name: str) -> Any:
    """What has that name.

    Raises:
        ValueError, AttributeError: nothing of the library has.
    """
    if module not in _MODULES:
        raise ValueError(f"{module} is not given by name")
    return getattr(importlib.import_module(module), name)
