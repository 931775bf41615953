"""Dataset formats, one small file each, found by being in this folder.

A new format is a new module here with a ``FORMAT``; nothing else has to know of it.
"""

from __future__ import annotations

import importlib
import pkgutil

import yaml

from codemix_core.datasets.formats.base import Facts, Format
from codemix_core.errors import Problem, SpecError

__all__ = ["AUTO", "FORMATS", "Facts", "Format", "format_for", "torchtune_yaml"]


def _discover() -> dict[str, Format]:
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name != "base"]
    found = [importlib.import_module(f"{__name__}.{name}").FORMAT for name in names]
    return {entry.name: entry for entry in found}


FORMATS = _discover()
"""All formats by name."""

AUTO = {"examples": "chat", "pairs": "preference", "groups": "groups"}
"""The format taken for ``auto``, by kind of rows."""


def format_for(name: str, kind: str) -> Format:
    """The format called ``name`` (or ``auto``), which must take rows of ``kind``.

    Raises:
        SpecError: there is none, or it takes other rows.
    """
    fitting = [entry.name for entry in FORMATS.values() if entry.kind == kind]
    wanted = AUTO[kind] if name == "auto" else name
    if wanted not in fitting:
        allowed = ", ".join(["auto", *fitting])
        raise SpecError(Problem("template", f"got {name!r};", f"allowed for {kind}: {allowed}."))
    return FORMATS[wanted]


def torchtune_yaml(entry: Format, path: str, facts: Facts) -> str | None:
    """The ``dataset`` block to paste into a torchtune configuration, or None."""
    if entry.torchtune is None:
        return None
    block = {"dataset": entry.torchtune(path, facts)}
    return yaml.safe_dump(block, sort_keys=False, allow_unicode=True, width=1000)
