"""torchtune's single-device LoRA fine-tuning, with three mistakes of version 0.6.1 mended.

    tune run recipes/lora_finetune.py --config CONFIG.yaml

- Saving merges the adapter into the weights. On a CPU these are the very weights that training
  goes on with, so every further epoch, and every later checkpoint, has the adapter in it twice.
- Steps of earlier epochs count only where ``max_steps_per_epoch`` cuts an epoch short. Otherwise
  a resumed run begins at step 0: its learning rate warms up again and decays too late, and its
  metrics take the place of the earlier ones.
- Data is shuffled with the seed 0, whatever the configuration says.

Everything else is torchtune's own ``lora_finetune_single_device``, its configuration too.
"""

from __future__ import annotations

import sys
from typing import Any

from omegaconf import DictConfig
from torchtune import config

from codemix_core.training.torchtune_recipes import SeededOrder, load

BASE = "lora_finetune_single_device"


_torchtune = load(BASE)
_merge = _torchtune.get_merged_lora_ckpt


def _merge_copies(state_dict: dict[str, Any], **lora: Any) -> Any:
    """Weights and adapter as one, in tensors of their own."""
    return _merge({name: value.detach().clone() for name, value in state_dict.items()}, **lora)


_torchtune.get_merged_lora_ckpt = _merge_copies


class LoraFinetuneRecipe(SeededOrder, _torchtune.LoRAFinetuneRecipeSingleDevice):  # type: ignore[misc]
    """Knows at which step it is before the schedule is made; its data is shuffled by the seed."""

    def _setup_lr_scheduler(
        self, cfg_lr_scheduler: DictConfig, num_training_steps: int, last_epoch: int
    ) -> Any:
        self.global_step = self.epochs_run * self._steps_per_epoch
        return super()._setup_lr_scheduler(
            cfg_lr_scheduler=cfg_lr_scheduler,
            num_training_steps=num_training_steps,
            last_epoch=self.global_step - 1,
        )


@config.parse
def recipe_main(cfg: DictConfig) -> None:
    """Train as the configuration says."""
    config.log_config(recipe_name="LoraFinetuneRecipe", cfg=cfg)
    recipe = LoraFinetuneRecipe(cfg=cfg)
    recipe.setup(cfg=cfg)
    recipe.train()
    recipe.cleanup()


if __name__ == "__main__":
    sys.exit(recipe_main())
