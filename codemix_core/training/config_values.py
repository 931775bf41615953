"""Values of a torchtune configuration that no run can use, and those that contradict others.

A rule applies where its key is present; which keys have to be present is the recipe's matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from codemix_core.errors import Problem, SpecError
from codemix_core.training import grpo_spec
from codemix_core.training.families import ATTENTION_MODULES

DTYPES = ("bf16", "fp32")
"""torchtune's recipes refuse fp16, and no model here needs fp64."""
DEVICES = ("cpu", "cuda", "mps", "xpu", "npu")


@dataclass(frozen=True, slots=True)
class Number:
    """A number between limits.

    low, high: allowed themselves unless ``open_low`` and ``open_high``. whole: no fractions.
    null: may be left empty.
    """

    low: float = -inf
    high: float = inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False
    null: bool = False

    def allows(self, value: Any) -> bool:
        """Whether a value is one of them."""
        if value is None:
            return self.null
        kinds = int if self.whole else (int, float)
        if not isinstance(value, kinds) or isinstance(value, bool) or not isfinite(value):
            return False
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = "" if self.low == -inf else f" {'above' if self.open_low else 'from'} {self.low:g}"
        high = "" if self.high == inf else f" {'below' if self.open_high else 'up to'} "
        return f"{kind}{low}{high and high + f'{self.high:g}'}{', or null' if self.null else ''}"


_COUNT = Number(1, whole=True)
_OPTIONAL_COUNT = Number(1, whole=True, null=True)
_POSITIVE = Number(0, open_low=True)
_SHARE = Number(0, 1, open_high=True)

NUMBERS = {
    "batch_size": _COUNT,
    "epochs": _COUNT,
    "gradient_accumulation_steps": _COUNT,
    "max_steps_per_epoch": _OPTIONAL_COUNT,
    "log_every_n_steps": _COUNT,
    "clip_grad_norm": Number(0, open_low=True, null=True),
    "seed": Number(0, whole=True, null=True),
    "tokenizer.max_seq_len": Number(2, whole=True, null=True),
    "optimizer.lr": _POSITIVE,
    "optimizer.weight_decay": Number(0),
    "optimizer.eps": _POSITIVE,
    "lr_scheduler.num_warmup_steps": Number(0, whole=True),
    "loss.beta": _POSITIVE,
    "loss.label_smoothing": Number(0, 0.5, open_high=True),
    "loss.dpop_lambda": Number(0),
    "loss.alpha": Number(0),
    "loss.num_output_chunks": _COUNT,
    "model.lora_rank": _COUNT,
    "model.lora_alpha": _POSITIVE,
    "model.lora_dropout": _SHARE,
    "model.vocab_size": _COUNT,
    "model.num_layers": _COUNT,
    "model.num_heads": _COUNT,
    "model.num_kv_heads": _COUNT,
    "model.embed_dim": _COUNT,
    "model.intermediate_dim": _COUNT,
    "model.max_seq_len": Number(2, whole=True),
    "model.norm_eps": _POSITIVE,
    "model.rope_base": _POSITIVE,
}
FLAGS = (
    *("shuffle", "compile", "optimizer_in_bwd", "resume_from_checkpoint"),
    *("enable_activation_checkpointing", "enable_activation_offloading"),
    *("save_adapter_weights_only", "log_peak_memory_stats"),
    *("model.apply_lora_to_mlp", "model.apply_lora_to_output"),
)


def check(config: Mapping[str, Any], missing: str) -> Iterator[Problem]:
    """Problems of single values, then of values together.

    Args:
        missing: the mark of a value that is still to be given, which breaks no rule.
    """
    for path, number in NUMBERS.items():
        for value in _present(config, path, missing):
            if not number.allows(value):
                yield Problem(path, f"got {value!r};", f"allowed: {number}.")
    for path in FLAGS:
        for value in _present(config, path, missing):
            if not isinstance(value, bool):
                yield Problem(path, f"got {value!r};", "allowed: true or false.")
    yield from _choices(config, missing)
    yield from _model(_block(config, "model"))
    yield from _lora(config)
    yield from _together(config)
    if config.get("method") == "grpo":
        yield from _grpo(config)


def _present(config: Mapping[str, Any], path: str, missing: str) -> Iterator[Any]:
    """The value at ``a.b`` when it is there."""
    found: Any = config
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return
        found = found[key]
    if found != missing:
        yield found


def _block(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}


def _choices(config: Mapping[str, Any], missing: str) -> Iterator[Problem]:
    for value in _present(config, "dtype", missing):
        if value not in DTYPES:
            yield Problem("dtype", f"got {value!r};", f"allowed: {', '.join(DTYPES)}.")
    for value in _present(config, "device", missing):
        if str(value).partition(":")[0] not in DEVICES:
            yield Problem("device", f"got {value!r};", f"allowed: {', '.join(DEVICES)}.")


def _model(model: Mapping[str, Any]) -> Iterator[Problem]:
    """Dimensions that do not divide."""
    sizes = [model.get(key) for key in ("num_heads", "num_kv_heads", "embed_dim")]
    heads, kv_heads, width = (size if _COUNT.allows(size) else None for size in sizes)
    if heads and kv_heads and heads % kv_heads:
        what = f"{kv_heads} key-value heads do not divide {heads} heads."
        yield Problem("model.num_kv_heads", what, "Take the numbers from config.json.")
    if heads and width and "head_dim" not in model and width % heads:
        what = f"{heads} heads do not divide a width of {width}."
        yield Problem("model.num_heads", what, "Take the numbers from config.json.")


def _lora(config: Mapping[str, Any]) -> Iterator[Problem]:
    model, recipe = _block(config, "model"), str(config.get("recipe"))
    adapted = "lora_rank" in model
    by_name = "/" not in recipe or recipe.startswith("recipes/")  # other files may do both
    if by_name and "lora" in recipe and not adapted:
        fix = "Give lora_rank, lora_alpha and lora_attn_modules, or take a full recipe."
        yield Problem("model", f"has no adapters, and {recipe} trains nothing else.", fix)
    if by_name and "full" in recipe and adapted:
        fix = "Take a lora recipe, or remove the lora settings."
        yield Problem("model", f"has adapters, and {recipe} trains all weights.", fix)
    modules = model.get("lora_attn_modules")
    allowed = f"allowed: one or more of {', '.join(ATTENTION_MODULES)}."
    if adapted and not isinstance(modules, list | tuple):
        yield Problem("model.lora_attn_modules", f"got {modules!r};", allowed)
    elif isinstance(modules, list | tuple):
        unknown = [module for module in modules if module not in ATTENTION_MODULES]
        if unknown or not modules:
            yield Problem("model.lora_attn_modules", f"got {list(modules)!r};", allowed)
    if model.get("tie_word_embeddings") is True and model.get("apply_lora_to_output") is True:
        what = "is true, and the output layer is the embedding."
        yield Problem("model.apply_lora_to_output", what, "Set it to false.")


def _together(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Settings that exclude each other in torchtune."""
    length = _block(config, "tokenizer").get("max_seq_len")
    most = _block(config, "model").get("max_seq_len")
    if isinstance(length, int) and isinstance(most, int) and length > most:
        what = f"{length:,} is longer than the model's {most:,}."
        fix = "Raise model.max_seq_len up to the checkpoint's context, or lower this."
        yield Problem("tokenizer.max_seq_len", what, fix)
    if config.get("optimizer_in_bwd") is True:
        for key, neutral in (("gradient_accumulation_steps", 1), ("clip_grad_norm", None)):
            if config.get(key, neutral) != neutral:
                what = f"{config[key]!r} does not go with optimizer_in_bwd."
                yield Problem(key, what, f"Set it to {neutral or 'null'}, or the other to false.")
    if config.get("enable_activation_offloading") is True:
        if not str(config.get("device")).startswith("cuda"):
            what = f"works on cuda only, and device is {config.get('device')!r}."
            yield Problem("enable_activation_offloading", what, "Set it to false.")
        if config.get("enable_activation_checkpointing") is not True:
            what = "needs enable_activation_checkpointing."
            yield Problem("enable_activation_offloading", what, "Set both to true, or it to false.")
    if _block(config, "dataset").get("packed") is True and length is None:
        what = "is true without tokenizer.max_seq_len."
        yield Problem("dataset.packed", what, "Set the length of a pack in tokens.")


def _grpo(config: Mapping[str, Any]) -> list[Problem]:
    grpo = config.get("grpo")
    if not isinstance(grpo, Mapping):
        return [Problem("grpo", "is required.", "Give its settings, see recipes/grpo_lora.yaml.")]
    try:
        grpo_spec.parse(grpo)
    except SpecError as error:
        return error.problems
    return []
