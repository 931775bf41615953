"""GRPO on one device: learn from groups of scored answers that were sampled before.

    tune run recipes/grpo.py --config CONFIG.yaml

Each step takes ``grpo.groups_per_step`` groups and moves the policy towards the answers that
scored above their group's mean (:mod:`codemix_core.training.grpo`); the ``grpo`` block is
documented in :mod:`codemix_core.training.grpo_spec`, the other keys in
:mod:`codemix_core.training.learner`. Full fine-tuning or LoRA, after the ``model`` block.

Guarantees: the trained tokens are those that were sampled; the old log-probabilities are fixed
during training; no second copy of the model is held, since what is needed of the model that
training starts from is computed before the first step. Asked to stop (SIGTERM, Ctrl-C), it
finishes its step, saves, and ends with status 3.

Not guaranteed: that the answers still tell about the policy after many steps. Watch
``clip_fraction`` and ``old_kl``, and sample again rather than train longer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torchtune import config, utils
from tqdm import tqdm

from codemix_core.errors import InputError, Problem
from codemix_core.training import grpo_spec
from codemix_core.training.grpo import token_loss
from codemix_core.training.grpo_steps import Start, StepBatch, step_batches
from codemix_core.training.learner import Learner
from codemix_core.training.sequences import log_probs
from codemix_core.training.stopping import EXIT_STOPPED, StopRequest

log = utils.get_logger("INFO")

START = "start_log_probs"
WATCHED = ("ratio_mean", "clip_fraction", "old_kl", "kl")


class GrpoRecipe:
    """GRPO over the groups of a dataset, ``epochs`` times."""

    def __init__(self, cfg: DictConfig, stop: StopRequest) -> None:
        self._cfg, self._stop = cfg, stop
        self._spec = grpo_spec.parse(OmegaConf.to_container(cfg.get("grpo") or DictConfig({})))
        self._learner = Learner(cfg)
        tokenizer = config.instantiate(cfg.tokenizer)
        self._pad = tokenizer.pad_id
        self._data = config.instantiate(cfg.dataset, tokenizer=tokenizer)
        log.info(
            "%d groups; %d left out as too long, %d answers cut, %d without sampled tokens",
            *(len(self._data), self._data.left_out, self._data.cut, self._data.tokenised),
        )
        batches = -(-len(self._data) // self._spec.groups_per_step)
        self._learner.start(batches * self._spec.epochs_per_batch)
        if self._data.left_out:  # whoever planned the training counted them
            learner = self._learner
            steps = learner.epochs * learner.steps_per_epoch
            learner.metrics.log_dict({"steps": steps}, step=learner.step)
        self._start = Start(self._data.groups, self._spec)

    def train(self) -> bool:
        """Train; whether it was done to the end."""
        learner = self._learner
        self._prepare()
        while learner.epoch < learner.epochs and not self._stop:
            done = learner.steps_into_epoch
            learner.lap()
            with tqdm(total=learner.steps_per_epoch, initial=done, disable=None) as bar:
                for batches in self._steps():
                    if self._stop:
                        break
                    self._step(batches)
                    bar.update(1)
            if learner.steps_into_epoch < learner.steps_per_epoch:
                break
            learner.end_epoch()
        if learner.steps_into_epoch:
            learner.save()
        return learner.epoch >= learner.epochs

    def _prepare(self) -> None:
        """What is needed of the model that training starts from."""
        start, learner = self._start, self._learner
        if start.values is None:
            return
        kept = learner.kept.get(START)
        if kept is None and learner.step and not learner.lora:
            what = "needs log-probabilities that were not computed before training began."
            fix = "Resume with the settings it was started with, or start anew."
            raise InputError(Problem("grpo", what, fix))
        if kept is None:
            log.info("log-probabilities of %d groups before training", len(start.wanted))
            with learner.frozen(start=True):
                budget = self._spec.tokens_per_micro_batch
                start.compute(self._of_start, budget, self._pad, lambda: bool(self._stop))
            if not self._stop:
                learner.kept[START] = torch.from_numpy(start.values)
        elif len(kept) == len(start.values):
            start.values[:] = kept.numpy()
        else:
            what = f"has {len(start.values)} tokens, the training to resume {len(kept)}."
            fix = "Resume with the dataset it was started with, or start anew."
            raise InputError(Problem("dataset", what, fix))

    def _of_start(self, batch: Any) -> torch.Tensor:
        learner = self._learner
        batch = batch.to(learner.device)
        return log_probs(learner.model, batch, self._spec.temperature)[0]

    def _steps(self) -> Iterator[list[StepBatch]]:
        """The batches of each step of the present epoch that is still to do."""
        learner, spec = self._learner, self._spec
        order = list(range(len(self._data)))
        if self._cfg.get("shuffle", True):
            random = torch.Generator().manual_seed(learner.seed + learner.epoch)
            order = torch.randperm(len(order), generator=random).tolist()
        number = 0
        for first in range(0, len(order), spec.groups_per_step):
            places = order[first : first + spec.groups_per_step]
            batches = None
            for _ in range(spec.epochs_per_batch):
                number += 1
                if number <= learner.steps_into_epoch or number > learner.steps_per_epoch:
                    continue
                if batches is None:
                    chosen = [(place, self._data[place]) for place in places]
                    self._rewards = torch.cat([torch.tensor(g.rewards) for _, g in chosen])
                    batches = list(step_batches(chosen, self._start, spec, self._pad))
                yield batches

    def _step(self, batches: list[StepBatch]) -> None:
        """Gradients of all batches, then one update; batches are weighted to sum to the step."""
        learner, device = self._learner, self._learner.device
        sums = torch.zeros(len(WATCHED) + 2, device=device, dtype=torch.float64)
        members = distinct = tokens = 0
        for on_host in batches:
            part = on_host.to(device)
            with learner.activations:
                found, entropy = log_probs(learner.model, part.batch, self._spec.temperature)
                per_token = token_loss(
                    found[part.member], part.old, part.advantages, part.reference, self._spec
                )
                loss = (per_token.loss * part.weights).sum()
            loss.backward()
            watched = (per_token.ratio, per_token.clipped, per_token.old_kl, per_token.kl)
            sums += torch.stack([loss.detach(), entropy.sum(), *(w.float().sum() for w in watched)])
            members += len(part.member)
            distinct += len(found)
            tokens += part.batch.real_tokens
        lr = learner.lr
        norm = learner.update().item()
        seconds = learner.lap()
        if not learner.logs:
            return
        values = sums.tolist()
        rewards = self._rewards
        learner.report(
            {
                "loss": values[0],
                "lr": lr,
                "grad_norm": norm,
                "entropy": values[1] / max(1, distinct),
                **{n: v / max(1, members) for n, v in zip(WATCHED, values[2:], strict=True)},
                "rewards/mean": rewards.mean().item(),
                "rewards/std": rewards.std(unbiased=False).item(),
                "answers_per_second": len(rewards) / seconds,
                "tokens_per_second_per_gpu": tokens / seconds,
            }
        )

    def close(self) -> None:
        """Close the metrics."""
        self._learner.close()


@config.parse
def recipe_main(cfg: DictConfig) -> int:
    """Train as the configuration says; the exit status is 3 when it was stopped."""
    config.log_config(recipe_name="GrpoRecipe", cfg=cfg)
    with StopRequest() as stop:
        recipe = GrpoRecipe(cfg, stop)
        done = recipe.train()
        recipe.close()
    return 0 if done else EXIT_STOPPED


if __name__ == "__main__":
    sys.exit(recipe_main())
