"""Recipes of this project and the torchtune configurations made from them.

A recipe is a torchtune configuration with three keys that torchtune does not read: ``recipe``
(a name torchtune knows, or a file of ours), ``method`` (sft, dpo or grpo) and
``nproc_per_node``. ``???`` stands for what a run has to give. :func:`compose` fills it from the
checkpoint and the dataset; :func:`check` names what is still wrong.

Files are read with OmegaConf, as torchtune reads them: ``1e-4`` is a number there, and a text
to PyYAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from codemix_core.errors import Problem, SpecError
from codemix_core.training import checkpoints, families
from codemix_core.training.config_check import METHODS, MISSING, check
from codemix_core.training.families import Lora
from codemix_core.training.recipe_source import PROJECT

__all__ = ["METHODS", "MISSING", "check", "compose", "fitting", "load", "recipes"]

RECIPES = PROJECT / "recipes"
TOKENIZER = "codemix_core.training.tokenizer.chat_tokenizer"
LOGGER = "codemix_core.training.metrics.JsonLinesLogger"

_OURS = ("recipe", "method", "nproc_per_node")
_MENDED = {
    "lora_finetune_single_device": "recipes/lora_finetune.py",
    "full_finetune_single_device": "recipes/full_finetune.py",
}
"""Recipes of torchtune with mistakes, and what is run instead."""
_KEPT = ("use_dora", "quantize_base")
"""Choices of a recipe's ``model`` block that no checkpoint makes."""


def recipes() -> dict[str, Path]:
    """The shipped recipes by name, e.g. ``sft_lora`` or ``llama3_1_8b/dpo_lora``."""
    found = sorted(RECIPES.rglob("*.yaml"))
    return {path.relative_to(RECIPES).with_suffix("").as_posix(): path for path in found}


@cache
def fitting(method: str) -> tuple[str, ...]:
    """The shipped recipes that train by ``method``; their files are read once."""
    return tuple(name for name in recipes() if load(name)["method"] == method)


def load(name: str) -> dict[str, Any]:
    """A recipe, by name or by the path of a YAML file.

    Raises:
        SpecError: there is none, it is no YAML, or one of the three keys of ours is missing.
    """
    shipped = recipes()
    path = shipped.get(name, Path(name).expanduser())
    if not path.is_file():
        near = get_close_matches(name, shipped, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        fix = f"{hint}Give a YAML file or one of: {', '.join(shipped)}."
        raise SpecError(Problem("recipe", f"{name!r} is not known.", fix))
    found = _parse(path)
    missing = [key for key in _OURS if key not in found]
    if missing:
        fixes = {
            "recipe": "Name a torchtune recipe or a file of ours, e.g. recipes/dpo.py.",
            "method": f"Allowed: {', '.join(METHODS)}.",
            "nproc_per_node": "Give the number of processes, 1 for one device.",
        }
        raise SpecError(Problem(f"{path}, {k}", "is required.", fixes[k]) for k in missing)
    return found


def compose(
    recipe: Mapping[str, Any],
    *,
    directory: Path,
    train: Mapping[str, Any],
    validation: Mapping[str, Any] | None,
    output_dir: Path,
    metrics: Path,
    device: str,
    dtype: str,
    overrides: Mapping[str, str],
    resume: bool,
) -> dict[str, Any]:
    """A complete configuration: the recipe, made to fit one checkpoint, dataset and place.

    Args:
        recipe: see :func:`load`.
        directory: the checkpoint.
        train: torchtune ``dataset`` block.
        validation: likewise; used by the recipes of ours that validate.
        output_dir: where checkpoints are written.
        metrics: file of JSON lines.
        device: ``cpu`` or ``cuda``.
        dtype: ``fp32`` or ``bf16``.
        overrides: ``a.b`` to a YAML value; these win over everything else.
        resume: go on from the last state under ``output_dir``.

    Raises:
        SpecError: an override is no YAML or fits nowhere.
        ModelError: the checkpoint cannot be trained.
    """
    config = _change(recipe, overrides)
    architecture = families.read(directory)
    model, tokenizer = _mapping(config, "model"), _mapping(config, "tokenizer")
    lora = _lora(model) if "lora_rank" in model else None
    length = tokenizer.get("max_seq_len")
    length = min(length, architecture.context) if isinstance(length, int) else architecture.context
    block = architecture.model(lora, length)
    config["model"] = block | {key: model[key] for key in _KEPT if key in model}
    config["tokenizer"] = {"_component_": TOKENIZER, "path": str(directory), "max_seq_len": length}
    config["checkpointer"] = checkpoints.block(
        directory, output_dir, architecture.model_type, lora is not None, resume
    )
    if "ref_checkpointer" in config:
        config["ref_checkpointer"] = checkpoints.block(
            directory, output_dir, architecture.model_type, lora=False, resume=False
        )
    config["resume_from_checkpoint"] = resume
    config["recipe"] = _MENDED.get(config["recipe"], config["recipe"])
    config["dataset"] = dict(train)
    config.pop("dataset_validation", None)
    if validation is not None and str(config["recipe"]).endswith("dpo.py"):
        config["dataset_validation"] = dict(validation)
    config |= {"output_dir": str(output_dir), "device": device, "dtype": dtype}
    also = _mapping(config, "metric_logger").get("also")
    config["metric_logger"] = {"_component_": LOGGER, "path": str(metrics), "also": also}
    if device != "cuda":  # both are about the GPU's memory, and some recipes fail without one
        gpu = ("enable_activation_offloading", "log_peak_memory_stats")
        config |= {key: False for key in gpu if key in config}
    return _resolve(_change(config, overrides))


def _lora(model: Mapping[str, Any]) -> Lora:
    """The adapters that a recipe's ``model`` block asks for.

    Raises:
        SpecError: it does not say which layers get them.
    """
    needed = ("lora_attn_modules", "lora_alpha")
    missing = [key for key in needed if model.get(key) in (None, MISSING, [])]
    if missing:
        fix = "A LoRA recipe says rank, alpha and modules."
        raise SpecError(Problem(f"model.{key}", "is required.", fix) for key in missing)
    return Lora(
        rank=model["lora_rank"],
        alpha=model["lora_alpha"],
        dropout=model.get("lora_dropout", 0.0),
        attn_modules=tuple(model["lora_attn_modules"]),
        mlp=bool(model.get("apply_lora_to_mlp", False)),
        output=bool(model.get("apply_lora_to_output", False)),
    )


def _mapping(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = config.get(key)
    return dict(found) if isinstance(found, dict) else {}


def _parse(path: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        found = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        fix = "Mend the file."
        raise SpecError(Problem(str(path), f"is not valid YAML: {error}.", fix)) from error
    if not isinstance(found, dict):
        raise SpecError(Problem(str(path), "holds no settings.", "Give a recipe."))
    return {str(key): value for key, value in found.items()}


def _change(config: Mapping[str, Any], overrides: Mapping[str, str]) -> dict[str, Any]:
    """A copy of a configuration with some values changed."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    merged: Any = OmegaConf.create(dict(config))
    for key, value in overrides.items():
        # As on torchtune's command line: the name of a component stands for its block.
        is_component = isinstance(config.get(key), dict) and "_component_" in config[key]
        path = f"{key}._component_" if is_component and "{" not in value else key
        try:
            merged = OmegaConf.merge(merged, OmegaConf.from_dotlist([f"{path}={value}"]))
        except (YAMLError, OmegaConfBaseException, ValueError, TypeError) as error:
            what = f"got {value!r}, which is no YAML value for it: {error}."
            raise SpecError(Problem(key, what, "Give e.g. optimizer.lr=1e-5.")) from error
    return _plain(merged, resolve=False)


def _resolve(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every ``${key}`` replaced by what it refers to."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return _plain(OmegaConf.create(dict(config)), resolve=True)
    except OmegaConfBaseException as error:
        what = f"refers to something that is not there: {error}."
        raise SpecError(Problem("configuration", what, "Mend the ${...}.")) from error


def _plain(config: Any, *, resolve: bool) -> dict[str, Any]:
    from omegaconf import OmegaConf

    found = OmegaConf.to_container(config, resolve=resolve)
    if not isinstance(found, dict):
        raise TypeError(f"not a mapping: {type(found).__name__}")
    return {str(key): value for key, value in found.items()}
