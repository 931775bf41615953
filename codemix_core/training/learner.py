"""What every recipe of ours shares: a model that learns, of torchtune's parts, on one device.

Full fine-tuning or LoRA, after the ``model`` block; fp32 or bf16; CPU or CUDA. Reads the keys of
torchtune's single-device recipes under their names: ``device``, ``dtype``, ``seed``, ``epochs``,
``max_steps_per_epoch``, ``model``, ``checkpointer``, ``resume_from_checkpoint``, ``optimizer``,
``lr_scheduler``, ``clip_grad_norm``, ``enable_activation_checkpointing``,
``enable_activation_offloading``, ``compile``, ``save_adapter_weights_only``,
``log_every_n_steps``, ``log_peak_memory_stats``, ``metric_logger``.

Guarantees:

- ``epoch_<n>/`` appears whole or not at all, in Hugging Face's layout; LoRA weights are merged
  into it, and the adapter alone lies in its ``adapter/`` folder, where PEFT finds it and nothing
  mistakes the merged model for an adapter;
- training can be resumed from the end of each epoch and from where it was stopped, and goes on as
  if it had not been (dropout's random numbers aside): weights, optimiser, schedule, order of the
  data and the values a recipe keeps of the model it started from (``kept``);
- saving changes nothing of the model that is being trained;
- a resumed training reads the weights that its state belongs to, whatever else was written.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torchtune import config, modules, training, utils
from torchtune.modules import peft

from codemix_core.errors import InputError, Problem

log = utils.get_logger("INFO")

STEPS_KEY = "steps_into_epoch"
WEIGHTS_KEY = "weights_of"
KEPT_KEY = "kept"
STATE = Path(training.checkpointing._utils.RECIPE_STATE_DIRNAME) / "recipe_state.pt"
PEFT_FILES = ("adapter_model.safetensors", "adapter_config.json")


class Learner:
    """A model with optimiser, schedule, checkpoints and metrics.

    epoch: epochs done. step: optimiser steps done. steps_into_epoch: those of the present epoch.
    kept: what a recipe wants to find again when training is resumed: tensors by name.
    """

    def __init__(self, cfg: Any) -> None:
        """Load the model, and where training is resumed the state it was left in.

        Raises:
            InputError: a number format that cannot be trained in, or nothing to resume from.
        """
        self.cfg = cfg
        self.device = utils.get_device(device=cfg.device)
        self.dtype = training.get_dtype(cfg.dtype, device=self.device)
        if self.dtype == torch.float16:
            what = "is fp16, whose gradients vanish without scaling."
            raise InputError(Problem("dtype", what, "Take bf16 or fp32."))
        self.lora = "lora_rank" in cfg.model
        self.epochs = int(cfg.epochs)
        self.epoch = self.step = self.steps_into_epoch = 0
        self.kept: dict[str, torch.Tensor] = {}
        self._lap = time.perf_counter()
        self.metrics = config.instantiate(cfg.metric_logger)
        self.metrics.log_config(cfg)
        self._root = Path(cfg.checkpointer.output_dir)
        self._memory = bool(cfg.get("log_peak_memory_stats", False)) and self.device.type != "cpu"
        self._log_every = int(cfg.get("log_every_n_steps", 1))
        self._clip = cfg.get("clip_grad_norm", None)
        self.resumed = bool(cfg.get("resume_from_checkpoint", False))
        state = self._load()
        self.seed = training.set_seed(seed=state.get(training.SEED_KEY, cfg.seed))
        self.model = self._model(state)
        self._optimizer_state = state.get(training.OPT_KEY)
        self._continue_from(state)

    def _load(self) -> dict[str, Any]:
        block = self.cfg.checkpointer.copy()
        if self.resumed:
            weights = self._saved_weights()
            if self.lora:
                block.adapter_checkpoint = f"{weights}/adapter_model.pt"
            else:
                files = sorted((self._root / weights).glob("model-*.safetensors"))
                block.checkpoint_files = [f"{weights}/{file.name}" for file in files]
        self._checkpointer = config.instantiate(block, should_load_recipe_state=self.resumed)
        state: dict[str, Any] = self._checkpointer.load_checkpoint()
        return state

    def _saved_weights(self) -> str:
        """The folder that the saved state belongs to."""
        path = self._root / STATE
        if not path.is_file():
            what = f"is true, but there is no {path}."
            fix = "Set it to false to start from the beginning."
            raise InputError(Problem("resume_from_checkpoint", what, fix))
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        return str(state.get(WEIGHTS_KEY, f"epoch_{state[training.EPOCHS_KEY] - 1}"))

    def _model(self, state: dict[str, Any]) -> Any:
        cfg = self.cfg
        with training.set_default_dtype(self.dtype), self.device:
            model = config.instantiate(cfg.model)
        if self.lora:
            peft.set_trainable_params(model, peft.get_adapter_params(model))
        if cfg.get("compile", False):
            training.compile_model(model)
        checkpointing = cfg.get("enable_activation_checkpointing", False)
        if checkpointing:
            layers = {modules.TransformerSelfAttentionLayer}
            training.set_activation_checkpointing(model, auto_wrap_policy=layers)
        base = model.load_state_dict(state.pop(training.MODEL_KEY), strict=not self.lora)
        if self.lora:
            adapter = state.pop(training.ADAPTER_KEY, None)
            found = model.load_state_dict(adapter, strict=False) if adapter else (None, None)
            peft.validate_missing_and_unexpected_for_lora(
                list(cfg.model.lora_attn_modules),
                cfg.model.apply_lora_to_mlp,
                cfg.model.get("apply_lora_to_output", False),
                *base,
                *found,
            )
        offloading = cfg.get("enable_activation_offloading", False)
        if offloading and (self.device.type != "cuda" or not checkpointing):
            what = "is true, which needs CUDA and enable_activation_checkpointing."
            raise InputError(Problem("enable_activation_offloading", what, "Set it to false."))
        self.activations = training.get_act_offloading_ctx_manager(model, offloading)
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        how = "LoRA" if self.lora else "full"
        log.info("%s training of %d parameters, %s, %s", how, trained, self.dtype, self.device)
        return model

    def _continue_from(self, state: dict[str, Any]) -> None:
        self.epoch = state.get(training.EPOCHS_KEY, 0)
        self.steps_into_epoch = state.get(STEPS_KEY, 0)
        self.kept = state.get(KEPT_KEY, {})

    def start(self, steps_per_epoch: int) -> None:
        """Make optimiser and schedule for ``epochs`` epochs of so many steps."""
        limit = self.cfg.get("max_steps_per_epoch", None)
        self.steps_per_epoch = steps_per_epoch if limit is None else min(limit, steps_per_epoch)
        self.step = self.epoch * self.steps_per_epoch + self.steps_into_epoch
        self._parameters = [p for p in self.model.parameters() if p.requires_grad]
        self._optimizer = config.instantiate(self.cfg.optimizer, self._parameters)
        if self._optimizer_state is not None:
            self._optimizer.load_state_dict(self._optimizer_state)
            self._optimizer_state = None
        elif self.resumed and self.epoch < self.epochs:
            log.warning("the saved state is of a finished training: the optimiser starts afresh")
        for group in self._optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self._schedule = config.instantiate(
            self.cfg.get("lr_scheduler", None),
            self._optimizer,
            num_training_steps=self.epochs * self.steps_per_epoch,
            last_epoch=self.step - 1,
        )

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    @contextlib.contextmanager
    def frozen(self, *, start: bool) -> Iterator[Any]:
        """The model without gradients or dropout; ``start``: as it was before LoRA training.

        The weights that full fine-tuning started from are gone once it steps: what is needed of
        them has to be computed before, and kept.
        """
        training_before = self.model.training
        self.model.eval()
        adapters = peft.disable_adapter(self.model) if start and self.lora else None
        try:
            with torch.no_grad(), adapters or contextlib.nullcontext():
                yield self.model
        finally:
            self.model.train(training_before)

    def update(self) -> torch.Tensor:
        """One optimiser step over the gradients so far; returns their norm before clipping."""
        limit = float("inf") if self._clip is None else float(self._clip)
        norm: torch.Tensor = torch.nn.utils.clip_grad_norm_(self._parameters, limit)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if self._schedule is not None:
            self._schedule.step()
        self.step += 1
        self.steps_into_epoch += 1
        return norm

    def lap(self) -> float:
        """Seconds since the last call."""
        now = time.perf_counter()
        seconds, self._lap = now - self._lap, now
        return seconds

    @property
    def logs(self) -> bool:
        """Whether the step just done is one to log."""
        return self.step % self._log_every == 0

    def report(self, values: dict[str, Any]) -> None:
        """Log the metrics of a step."""
        if self._memory:
            values = values | training.get_memory_stats(device=self.device)
        self.metrics.log_dict(values, step=self.step)

    def end_epoch(self) -> None:
        """Count the epoch and save it."""
        self.epoch += 1
        self.steps_into_epoch = 0
        self.save()

    def save(self) -> None:
        """Save the weights as ``epoch_<n>/``, and beside it what resuming needs.

        In the middle of an epoch the weights are those of its steps so far. The state of a
        finished training has no optimiser: it says that there is nothing left to do.
        """
        number = self.epoch if self.steps_into_epoch else max(self.epoch - 1, 0)
        scratch = self._root / ".saving"
        shutil.rmtree(scratch, ignore_errors=True)
        self._checkpointer._output_dir = scratch
        self._checkpointer.save_checkpoint(
            self._state(f"epoch_{number}"),
            epoch=number,
            intermediate_checkpoint=True,
            adapter_only=self._adapter_only,
        )
        made = scratch / f"epoch_{number}"
        _put_adapter_apart(made)
        _replace(made, self._root / made.name)
        (self._root / STATE).parent.mkdir(exist_ok=True)
        (scratch / STATE).replace(self._root / STATE)
        shutil.rmtree(scratch)

    @property
    def _adapter_only(self) -> bool:
        return self.lora and bool(self.cfg.get("save_adapter_weights_only", False))

    def _state(self, weights: str) -> dict[str, Any]:
        cfg = self.cfg
        state: dict[str, Any] = {
            training.SEED_KEY: self.seed,
            training.EPOCHS_KEY: self.epoch,
            training.TOTAL_EPOCHS_KEY: self.epochs,
            training.MAX_STEPS_KEY: cfg.get("max_steps_per_epoch", None),
            STEPS_KEY: self.steps_into_epoch,
            WEIGHTS_KEY: weights,
            KEPT_KEY: self.kept,
        }
        if self.epoch < self.epochs:
            state[training.OPT_KEY] = self._optimizer.state_dict()
        weights_now = self.model.state_dict()
        if not self.lora:
            return state | {training.MODEL_KEY: weights_now}
        block = cfg.model
        state[training.ADAPTER_KEY] = peft.get_adapter_state_dict(weights_now)
        names = (
            list(block.lora_attn_modules),
            block.apply_lora_to_mlp,
            block.get("apply_lora_to_output", False),
        )
        state[training.ADAPTER_CONFIG] = {
            "r": block.lora_rank,
            "lora_alpha": block.lora_alpha,
            "target_modules": peft.get_lora_module_names(*names),
            "peft_type": "LORA",
        }
        if not self._adapter_only:
            # Merging writes into the tensors it is given. On a CPU, .cpu() would give it the
            # model's own, and the adapter would count twice from then on.
            state[training.MODEL_KEY] = peft.get_merged_lora_ckpt(
                {n: value.to("cpu", copy=True) for n, value in weights_now.items()},
                rank=block.lora_rank,
                alpha=block.lora_alpha,
            )
        return state

    def close(self) -> None:
        """Close the metrics."""
        self.metrics.close()


def _put_adapter_apart(folder: Path) -> None:
    """Move the adapter in PEFT's layout out of the way of the merged model."""
    here = [folder / name for name in PEFT_FILES if (folder / name).is_file()]
    merged = any(folder.glob("*.index.json"))
    for path in here if merged else ():
        (folder / "adapter").mkdir(exist_ok=True)
        path.replace(folder / "adapter" / path.name)


def _replace(made: Path, place: Path) -> None:
    """Move a folder to its place; what was there goes."""
    old = place.with_name(f".old-{place.name}")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.replace(old)
    made.replace(place)
    shutil.rmtree(old, ignore_errors=True)
