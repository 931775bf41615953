"""torchtune's own recipes, for those of ours that change a little of one.

Guarantees: a recipe is loaded anew for each caller, so what one changes in it no other sees.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torchtune


def load(name: str) -> Any:
    """The module of a recipe, from its file: the package it lies in refuses to be imported.

    Raises:
        ModuleNotFoundError: torchtune has no such recipe.
    """
    path = Path(torchtune.__file__).parent.parent / "recipes" / f"{name}.py"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ModuleNotFoundError(f"torchtune has no recipe {path}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SeededOrder:
    """Mixed into a recipe: its data comes in an order that follows ``seed``.

    torchtune 0.6.1 shuffles every training alike, with the seed 0.
    """

    seed: int

    def _setup_data(self, *args: Any, **more: Any) -> Any:
        loader = super()._setup_data(*args, **more)  # type: ignore[misc]
        loader.sampler.seed = self.seed
        return loader
