"""A checkpoint's ``config.json``, read with every objection collected.

torchtune's builders know fewer variants than transformers: what they cannot represent has to be
refused by name, or a model would be trained that is not the one on disk. Both layouts of rotary
settings are understood: ``rope_theta`` and ``rope_scaling`` side by side, and the newer
``rope_parameters`` that holds all of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemix_core.errors import ModelError, Problem

DEFAULT_THETA = 10_000.0
"""What transformers assumes where config.json gives no base."""


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary position embedding: base, kind of scaling, and all settings as they stand."""

    base: float
    kind: str
    settings: Mapping[str, Any]


class ConfigJson:
    """Values of a ``config.json``; what is wrong with them gathers in ``problems``."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.values = values
        self.where = where
        self.problems: list[Problem] = []

    def refuse(self, what: str, fix: str) -> None:
        """Note one thing that keeps the model from being trained."""
        self.problems.append(Problem(f"{self.where}, config.json", what, fix))

    def size(self, key: str) -> int:
        """A dimension, 1 or more; 1 after an objection."""
        value = self.values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        what = f"{key} is {value!r}." if key in self.values else f"lacks {key}."
        self.refuse(what, f"It has to be a whole number of 1 or more: set {key} in config.json.")
        return 1

    def positive(self, key: str) -> float:
        """A number above 0; 1.0 after an objection."""
        value = self.values.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return float(value)
        what = f"{key} is {value!r}." if key in self.values else f"lacks {key}."
        self.refuse(what, f"It has to be a number above 0: set {key} in config.json.")
        return 1.0

    def only(self, key: str, allowed: Collection[Any], fix: str) -> None:
        """Refuse any other value of ``key`` than those torchtune's builder has built in."""
        value = self.values.get(key)
        if value not in allowed:
            self.refuse(f"{key} is {value!r}, which torchtune cannot build.", fix)

    def tied(self, default: bool) -> bool:
        """Whether input and output embeddings are one matrix."""
        return bool(self.values.get("tie_word_embeddings", default))

    def rope(self) -> Rope:
        """The rotary settings of either layout."""
        found = self.values.get("rope_scaling") or self.values.get("rope_parameters") or {}
        if not isinstance(found, dict) or any(isinstance(v, dict) for v in found.values()):
            what = "rope_parameters differ from layer to layer, which torchtune cannot build."
            self.refuse(what, "Use a model with one kind of rotary embedding.")
            found = {}
        base = found.get("rope_theta", self.values.get("rope_theta", DEFAULT_THETA))
        if not isinstance(base, int | float) or base <= 0:
            self.refuse(f"rope_theta is {base!r}.", "It has to be a number above 0.")
            base = DEFAULT_THETA
        share = found.get("partial_rotary_factor", self.values.get("partial_rotary_factor", 1.0))
        if share not in (None, 1, 1.0):
            what = f"partial_rotary_factor is {share!r}: torchtune rotates whole heads only."
            self.refuse(what, "Use a model that rotates whole heads.")
        kind = found.get("rope_type", found.get("type", "default"))
        return Rope(float(base), str(kind or "default"), found)

    def raise_problems(self) -> None:
        """Raise what was found.

        Raises:
            ModelError: anything was.
        """
        if self.problems:
            raise ModelError(dict.fromkeys(self.problems))


def read(directory: Path) -> dict[str, Any]:
    """The ``config.json`` of a checkpoint directory.

    Raises:
        ModelError: there is none, or it is no JSON object.
    """
    where, path = f"model {directory}", directory / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        fix = "Give a checkpoint directory in Hugging Face layout."
        raise ModelError(Problem(where, "has no config.json.", fix)) from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ModelError(Problem(where, "its config.json is not valid JSON.", "Copy it again."))
    return found
