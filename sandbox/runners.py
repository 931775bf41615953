"""Candidate-side entries by name: what a forked candidate process runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import Any

_ENTRIES = {
    "cases": "sandbox.serve_cases",
    "functions": "sandbox.serve_functions",
    "pytest": "sandbox.serve_pytest",
}


_served: dict[str, Any] = {}


def warm(modules: Iterable[str]) -> None:
    """Import modules before the first fork; one that can rehearse its work does so.

    Raises:
        ImportError: one is missing; the wall is then of no use.
    """
    for name in modules:
        module = importlib.import_module(name)
        if hasattr(module, "rehearse"):
            module.rehearse()
    for entry, name in _ENTRIES.items():
        if name in sys.modules:
            _served[entry] = sys.modules[name]


def serve(entry: str, job: int, result: int) -> None:
    """Run one program: read the job from descriptor ``job``, write records to ``result``."""
    (_served.get(entry) or importlib.import_module(_ENTRIES[entry])).serve(job, result)
