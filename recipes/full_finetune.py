"""torchtune's single-device full fine-tuning, with data in an order that follows ``seed``.

    tune run recipes/full_finetune.py --config CONFIG.yaml

torchtune 0.6.1 shuffles with the seed 0, whatever the configuration says. Everything else is its
own ``full_finetune_single_device``, its configuration too.
"""

from __future__ import annotations

import sys

from omegaconf import DictConfig
from torchtune import config

from codemix_core.training.torchtune_recipes import SeededOrder, load

BASE = "full_finetune_single_device"


class FullFinetuneRecipe(SeededOrder, load(BASE).FullFinetuneRecipeSingleDevice):  # type: ignore[misc]
    """torchtune's recipe, its data shuffled by the seed."""


@config.parse
def recipe_main(cfg: DictConfig) -> None:
    """Train as the configuration says."""
    config.log_config(recipe_name="FullFinetuneRecipe", cfg=cfg)
    recipe = FullFinetuneRecipe(cfg=cfg)
    recipe.setup(cfg=cfg)
    recipe.train()
    recipe.cleanup()


if __name__ == "__main__":
    sys.exit(recipe_main())
