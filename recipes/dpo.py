"""DPO on one device, LoRA or full, with a validation part and what torchtune's recipe lacks.

    tune run recipes/dpo.py --config CONFIG.yaml

Takes the configuration of torchtune's ``lora_dpo_single_device``, and gives the same losses; the
keys are documented in :mod:`codemix_core.training.learner`. Beyond it:

- full fine-tuning too, without a second copy of the model: the log-probabilities of the
  reference, which is the model that training starts from, are computed once, before the first
  step, and serve every epoch;
- any loss with the signature of torchtune's ``DPOLoss``; one that declares ``needs_lengths`` is
  also given the number of trained tokens of each chosen answer;
- ``dataset_validation``, a block like ``dataset``: its loss, accuracy and log-probabilities after
  each epoch, so that the best epoch can be chosen on pairs that were not trained on;
- ``log_probs/chosen`` beside ``reference_log_probs/chosen``: where the first falls far below the
  second, the model forgets what it should prefer, whatever the margins say;
- asked to stop (SIGTERM, Ctrl-C), it finishes its step, saves, and ends with status 3.

As in torchtune's recipe, pairs that fill no whole step are left out of an epoch. Unlike there,
the order of the pairs follows ``seed``. Not written: the mean of all logits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch
from omegaconf import DictConfig, ListConfig
from torch.utils.data import DistributedSampler
from torchtune import config, utils
from torchtune.datasets import ConcatDataset
from tqdm import tqdm

from codemix_core.errors import InputError, Problem
from codemix_core.training.learner import Learner
from codemix_core.training.pair_data import Pairs, sums
from codemix_core.training.sequences import collate, log_probs
from codemix_core.training.stopping import EXIT_STOPPED, StopRequest

log = utils.get_logger("INFO")

PARTS = ("dataset", "dataset_validation")


class DpoRecipe:
    """DPO over the pairs of a dataset, ``epochs`` times."""

    def __init__(self, cfg: DictConfig, stop: StopRequest) -> None:
        self._cfg, self._stop = cfg, stop
        self._learner = Learner(cfg)
        self._loss = config.instantiate(cfg.loss)
        self._tokenizer = config.instantiate(cfg.tokenizer)
        self._pairs = {part: self._load(cfg[part]) for part in PARTS if cfg.get(part)}
        self._size = int(cfg.batch_size)
        self._accumulate = int(cfg.get("gradient_accumulation_steps", 1))
        pairs = self._pairs["dataset"]
        steps = len(pairs) // self._size // self._accumulate
        if not steps:
            what = f"has {len(pairs)} pairs, fewer than one step takes."
            fix = "Lower batch_size or gradient_accumulation_steps."
            raise InputError(Problem("dataset", what, fix))
        self._learner.start(steps)
        self._sampler = DistributedSampler(
            range(len(pairs)), num_replicas=1, rank=0, shuffle=cfg.shuffle, seed=self._learner.seed
        )

    def _load(self, block: Any) -> Pairs:
        blocks = block if isinstance(block, ListConfig) else [block]
        made = [config.instantiate(one, tokenizer=self._tokenizer) for one in blocks]
        return Pairs(made[0] if len(made) == 1 else ConcatDataset(datasets=made))

    def train(self) -> bool:
        """Train; whether it was done to the end."""
        learner = self._learner
        if learner.epoch < learner.epochs:
            self._prepare()
        while learner.epoch < learner.epochs and not self._stop:
            done = learner.steps_into_epoch
            learner.lap()
            with tqdm(total=learner.steps_per_epoch, initial=done, disable=None) as bar:
                for step in self._steps(learner.epoch)[done:]:
                    if self._stop:
                        break
                    self._step(step)
                    bar.update(1)
            if learner.steps_into_epoch < learner.steps_per_epoch or not self._validate():
                break
            learner.end_epoch()
        if learner.steps_into_epoch:
            learner.save()
        return learner.epoch >= learner.epochs

    def _steps(self, epoch: int) -> list[list[list[int]]]:
        """Places of the pairs of each micro-batch of each step."""
        self._sampler.set_epoch(epoch)
        order = list(self._sampler)
        per_step = self._size * self._accumulate
        return [
            [order[i : i + self._size] for i in range(first, first + per_step, self._size)]
            for first in range(0, self._learner.steps_per_epoch * per_step, per_step)
        ]

    def _prepare(self) -> None:
        """The reference's log-probabilities of every pair that will be used."""
        learner = self._learner
        epochs = range(learner.epoch, learner.epochs)
        train = {i for e in epochs for step in self._steps(e) for part in step for i in part}
        for part, pairs in self._pairs.items():
            kept = learner.kept.setdefault(part, torch.full((2, len(pairs)), float("nan")))
            if kept.shape[1] != len(pairs):
                what = f"has {len(pairs)} pairs, the training to resume {kept.shape[1]}."
                fix = "Resume with the dataset it was started with, or start anew."
                raise InputError(Problem(part, what, fix))
            used = sorted(train) if part == "dataset" else range(len(pairs))
            missing = [place for place in used if kept[:, place].isnan().any()]
            if missing and not learner.lora and learner.step:
                what = "needs pairs whose reference was not computed before training began."
                fix = "Resume with the same epochs and max_steps_per_epoch."
                raise InputError(Problem(part, what, fix))
            with learner.frozen(start=True):
                for places, found, _ in self._forward(pairs, missing):
                    kept[:, places] = found.cpu()

    def _forward(
        self, pairs: Pairs, places: list[int]
    ) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
        """Places, log-probabilities and lengths of some pairs, pairs of like length together."""
        places = sorted(places, key=lambda place: pairs.tokens([place]))
        for first in range(0, len(places), self._size):
            if self._stop:
                return
            some = places[first : first + self._size]
            yield some, *self._log_probs(pairs, some)

    def _log_probs(self, pairs: Pairs, places: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Summed log-probabilities and trained tokens of pairs, both ``[side, pair]``."""
        learner = self._learner
        batch = collate(pairs.rows(places), self._tokenizer.pad_id)
        found, _ = log_probs(learner.model, batch.to(learner.device))
        return sums(found, batch.spans(), len(places))

    def _losses(
        self, policy: torch.Tensor, reference: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        more = {}
        if getattr(self._loss, "needs_lengths", False):
            more = {"chosen_lengths": lengths[0]}
        losses, chosen, rejected = self._loss(*policy, *reference, **more)
        return losses, chosen, rejected

    def _step(self, step: list[list[int]]) -> None:
        """Gradients of all micro-batches of a step, then one update."""
        learner, pairs = self._learner, self._pairs["dataset"]
        seen = []
        for places in step:
            reference = learner.kept["dataset"][:, places].to(learner.device)
            with learner.activations:
                policy, lengths = self._log_probs(pairs, places)
                losses, chosen, rejected = self._losses(policy, reference, lengths)
                loss = losses.mean() / self._accumulate
            loss.backward()
            policy = policy.detach()
            seen.append(torch.stack([losses.detach(), chosen, rejected, *policy, *reference]))
        lr = learner.lr
        norm = learner.update().item()
        seconds = learner.lap()
        if not learner.logs:
            return
        tokens = sum(pairs.tokens(places) for places in step)
        values = {"lr": lr, "grad_norm": norm, "tokens_per_second_per_gpu": tokens / seconds}
        learner.report(_summary(torch.cat(seen, dim=1)) | values)

    def _validate(self) -> bool:
        """Log the validation part under the policy as it is; whether nothing is left to do."""
        learner, part = self._learner, PARTS[1]
        if part not in self._pairs:
            return True
        seen = []
        with learner.frozen(start=False):
            pairs = self._pairs[part]
            for places, policy, lengths in self._forward(pairs, list(range(len(pairs)))):
                reference = learner.kept[part][:, places].to(learner.device)
                found = self._losses(policy, reference, lengths)
                seen.append(torch.stack([*found, *policy, *reference]))
        if self._stop:
            return False
        values = _summary(torch.cat(seen, dim=1))
        values["accuracy"] = values.pop("rewards/accuracies")
        named = {f"validation/{name.replace('/', '_')}": values[name] for name in values}
        learner.report({"epoch": learner.epoch, **named})
        return True

    def close(self) -> None:
        """Close the metrics."""
        self._learner.close()


def _summary(seen: torch.Tensor) -> dict[str, float]:
    """Means over pairs of (loss, both rewards, both log-probabilities, both references)."""
    mean = seen.mean(1).tolist()
    return {
        "loss": mean[0],
        "rewards/chosen": mean[1],
        "rewards/rejected": mean[2],
        "rewards/accuracies": (seen[1] > seen[2]).float().mean().item(),
        "rewards/margins": mean[1] - mean[2],
        "log_probs/chosen": mean[3],
        "log_probs/rejected": mean[4],
        "reference_log_probs/chosen": mean[5],
        "reference_log_probs/rejected": mean[6],
    }


@config.parse
def recipe_main(cfg: DictConfig) -> int:
    """Train as the configuration says; the exit status is 3 when it was stopped."""
    config.log_config(recipe_name="DpoRecipe", cfg=cfg)
    with StopRequest() as stop:
        recipe = DpoRecipe(cfg, stop)
        done = recipe.train()
        recipe.close()
    return 0 if done else EXIT_STOPPED


if __name__ == "__main__":
    sys.exit(recipe_main())
