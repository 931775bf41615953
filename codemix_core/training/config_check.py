"""Everything wrong with a torchtune configuration, found before it starts.

Checked are the recipe and its keys (against the recipe's own source), every component (it is
imported and its arguments are compared with its signature), values that no run can use, and
what contradicts each other. Only what is certain is reported.

Not checked: that files exist and that the weights fit the device; that needs the machine that
trains. Who looks up the components decides whether torchtune is loaded into this process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from codemix_core.errors import Problem
from codemix_core.training import components, config_values, recipe_source
from codemix_core.training.components import Component

METHODS = ("sft", "dpo", "grpo")
MISSING = "???"
"""OmegaConf's mark for a value that has to be given."""

OUR_KEYS = ("recipe", "method", "nproc_per_node", "nnodes", "output_dir")
"""Keys that no recipe has to read: ours, and the folder that metric loggers write into."""

_METHOD_WORDS = {"sft": ("finetune",), "dpo": ("dpo",), "grpo": ("grpo",)}
_MERGES_IN_PLACE = {
    "lora_finetune_single_device": "recipes/lora_finetune.py",
    "lora_dpo_single_device": "recipes/dpo.py",
}
"""Recipes of torchtune that spoil the weights on a CPU, and what to take instead."""
_FROM_RECIPE = {
    "optimizer": {"params"},
    "lr_scheduler": {"optimizer", "num_training_steps", "last_epoch"},
    "dataset": {"tokenizer", "model_transform"},
    "dataset_validation": {"tokenizer", "model_transform"},
}
"""Arguments that recipes add to a component of this key."""
_PACKAGES = {
    "WandBLogger": ("wandb", "wandb"),
    "TensorBoardLogger": ("tensorboard", "tensorboard"),
    "CometLogger": ("comet_ml", "comet-ml"),
}
"""What torchtune's loggers import when they are made: module, and package to install."""


def check(config: Mapping[str, Any], look: components.Look = components.here) -> list[Problem]:
    """Every problem of a configuration; empty when torchtune can start with it.

    Args:
        look: looks up the components, see :mod:`codemix_core.training.components`.
    """
    unset = [
        Problem(path, "is not set.", "Give its value.")
        for path, value in _leaves(config)
        if value == MISSING
    ]
    problems = [*unset, *_recipe(config), *_components(config, look)]
    problems += config_values.check(config, MISSING)
    return list(dict.fromkeys(problems))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{index}")
    else:
        yield path, value


def _recipe(config: Mapping[str, Any]) -> list[Problem]:
    """Problems of the recipe's name, of the processes it wants, and of the keys it reads."""
    name = str(config.get("recipe"))
    known = recipe_source.torchtune_recipes()
    source = recipe_source.find(name)
    if source is None:
        fitting = [n for n in known if "dev/" not in n and ("finetune" in n or "dpo" in n)]
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        fix = f"{hint}Allowed: a file such as recipes/grpo.py, or {', '.join(fitting)}."
        return [Problem("recipe", f"{name!r} is not known.", fix)]
    problems = []
    method = config.get("method")
    shipped = name in known or name.startswith("recipes/")
    if method not in METHODS:
        problems.append(Problem("method", f"got {method!r};", f"allowed: {', '.join(METHODS)}."))
    elif shipped and not any(word in name for word in _METHOD_WORDS[str(method)]):
        fix = "Set the method that the recipe trains by."
        problems.append(Problem("method", f"{method!r} does not fit the recipe {name}.", fix))
    distributed = known.get(name, False)
    problems += _processes(config, name, distributed=distributed)
    problems += _on_cpu(config, name, distributed=distributed)
    keys = recipe_source.keys(source)
    for key in sorted(keys.required - set(config)):
        fix = "Set it; null where it is not wanted."
        problems.append(Problem(key, f"is required by the recipe {name}.", fix))
    for key in config:
        if key not in OUR_KEYS and key not in keys.mentioned:
            near = get_close_matches(key, sorted(keys.mentioned), n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            what = f"is not read by the recipe {name}."
            problems.append(Problem(key, what, f"{hint}Remove it otherwise."))
    return problems


def _on_cpu(config: Mapping[str, Any], name: str, *, distributed: bool) -> list[Problem]:
    """What torchtune 0.6.1 cannot do without a GPU."""
    if config.get("device") != "cpu":
        return []
    if distributed:
        what = f"got 'cpu', and {name} needs GPUs: it asks for NCCL and for the GPU's memory."
        return [Problem("device", what, "Train on GPUs, or take a single-device recipe.")]
    if name in _MERGES_IN_PLACE and config.get("epochs") != 1:
        what = f"{name} on a CPU leaves the adapter in the weights at the end of each epoch."
        fix = f"Take {_MERGES_IN_PLACE[name]}, which is the same without this, or train 1 epoch."
        return [Problem("recipe", what, fix)]
    return []


def _processes(config: Mapping[str, Any], name: str, *, distributed: bool) -> list[Problem]:
    count, nodes = config.get("nproc_per_node"), config.get("nnodes", 1)
    wrong = [
        Problem(key, f"got {value!r};", "allowed: a whole number of 1 or more.")
        for key, value in (("nproc_per_node", count), ("nnodes", nodes))
        if not isinstance(value, int) or isinstance(value, bool) or value < 1
    ]
    if wrong:
        return wrong
    many = int(str(count)) * int(str(nodes)) > 1
    if many and not distributed:
        what = f"got {count} on {nodes} node(s), and {name} runs in one process."
        return [Problem("nproc_per_node", what, "Set both to 1, or take a distributed recipe.")]
    if distributed and not many:
        what = f"got 1, and {name} is made for several processes."
        return [Problem("nproc_per_node", what, "Set 2 or more, or take its single-device recipe.")]
    return []


def _components(config: Mapping[str, Any], look: components.Look) -> Iterator[Problem]:
    """Problems of all components, however deep they stand."""
    blocks = [(path, b) for path, b in _blocks(config) if b["_component_"] != MISSING]
    names = [block["_component_"] for _, block in blocks]
    known = look(dict.fromkeys(name for name in names if isinstance(name, str)))
    for (path, block), name in zip(blocks, names, strict=True):
        if isinstance(name, str):
            yield from _component(path, block, known[name])
        else:
            fix = "Give a dotted name, e.g. torch.optim.AdamW."
            yield Problem(f"{path}._component_", f"got {name!r};", fix)


def _blocks(value: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every block that names a component, with where it stands."""
    if isinstance(value, Mapping):
        if "_component_" in value:
            yield path, value
        for key, inner in value.items():
            yield from _blocks(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _blocks(inner, f"{path}.{index}")


def _component(path: str, block: Mapping[str, Any], found: Component) -> Iterator[Problem]:
    name = block["_component_"]
    if found.error is not None:
        what = f"{name!r} cannot be imported: {found.error}."
        yield Problem(f"{path}._component_", what, "Check the spelling and what is installed.")
        return
    owner, _, last = name.rpartition(".")
    module, package = _PACKAGES.get(last, ("", "")) if owner.startswith("torchtune.") else ("", "")
    if module and find_spec(module) is None:
        what = f"{last} needs the package {package}, which is not installed."
        fix = f"Install it with '{sys.executable} -m pip install {package}', or leave it out."
        yield Problem(f"{path}._component_", what, fix)
    given = {str(key) for key in block} - {"_component_"}
    if not found.anything:
        for key in sorted(given - set(found.arguments)):
            near = get_close_matches(key, found.arguments, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(found.arguments)}."
            yield Problem(f"{path}.{key}", f"is not an argument of {name}.", hint)
    for key in found.required:
        added = _FROM_RECIPE.get(path.partition(".")[0], set())
        if key not in given and key not in added:
            yield Problem(f"{path}.{key}", f"is required by {name}.", "Give it.")
