"""Every shipped recipe can be started: components, arguments, shapes, commands."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codemix_core.training import configs, families

PROJECT = Path(__file__).resolve().parents[2]
METHODS = ["dpo_full", "dpo_lora", "grpo_full", "grpo_lora", "sft_full", "sft_lora"]
LARGE = [f"{m}{d}" for m in ("dpo_lora", "sft_full", "sft_lora") for d in ("", "_distributed")]
CODER = ["dpo_lora", "grpo_lora", "sft_full", "sft_lora"]
READY = {
    "llama3_1_8b": LARGE,
    "nano": ["dpo_full", "dpo_lora", "grpo_full", "sft_full"],
    "qwen2_5_14b": LARGE,
    "qwen2_5_coder_0_5b": CODER,
    "qwen2_5_coder_1_5b": CODER,
    "qwen2_5_coder_7b": CODER,
}
NAMES = [*METHODS, *(f"{model}/{name}" for model, names in READY.items() for name in names)]
ONES = [name for name in NAMES if "/" in name]

PUBLISHED = {
    "llama3_1_8b": ("torchtune.models.llama3_1.llama3_1_8b", 8_030_261_248),
    "qwen2_5_14b": ("torchtune.models.qwen2_5.qwen2_5_14b_instruct", 14_770_033_664),
    "qwen2_5_coder_0_5b": ("torchtune.models.qwen2_5.qwen2_5_0_5b", 494_032_768),
    "qwen2_5_coder_1_5b": ("torchtune.models.qwen2_5.qwen2_5_1_5b_instruct", 1_543_714_304),
    "qwen2_5_coder_7b": ("torchtune.models.qwen2_5.qwen2_5_7b_instruct", 7_615_616_512),
}
"""torchtune's own builder of the model, and the parameters its makers count."""


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """``recipes/write_recipes.py``, loaded from its file as when it is run."""
    spec = importlib.util.spec_from_file_location(
        "write_recipes", PROJECT / "recipes" / "write_recipes.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_shipped_recipes_are_exactly_these() -> None:
    assert len(NAMES) == 34
    assert sorted(configs.recipes()) == sorted(NAMES)


def test_the_files_are_what_the_generator_writes(generator: ModuleType) -> None:
    written = dict(generator.documents())
    assert len(written) == len(NAMES)
    for name, path in configs.recipes().items():
        assert path.read_text() == written[f"{name}.yaml"], f"run recipes/write_recipes.py: {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_lacks_only_what_a_run_gives(name: str) -> None:
    recipe = configs.load(name)
    left = {problem.where for problem in configs.check(recipe)}
    data = "dataset.path" if recipe["method"] == "grpo" else "dataset.data_files"
    if "/" in name:
        assert left == {data}
    else:
        places = ("checkpoint_dir", "checkpoint_files", "model_type")
        unset = {data, "model._component_", "tokenizer.path"}
        assert left == unset | {f"checkpointer.{place}" for place in places}


@pytest.mark.parametrize("name", ONES)
def test_every_component_takes_its_arguments(name: str) -> None:
    from torchtune.config._utils import _get_component_from_path

    recipe = configs.load(name)
    added = {
        "optimizer": {"params": []},
        "dataset": {"tokenizer": None},
        "lr_scheduler": {"optimizer": None, "num_training_steps": 1, "last_epoch": -1},
    }
    found = 0
    for key, block in recipe.items():
        if isinstance(block, dict) and "_component_" in block:
            given = {k: v for k, v in block.items() if k != "_component_"}
            component = _get_component_from_path(block["_component_"])
            inspect.signature(component).bind(**given, **added.get(key, {}))
            found += 1
    assert found >= 6


@pytest.mark.parametrize("name", ONES)
def test_the_model_is_built_with_the_published_shapes(name: str) -> None:
    import torch
    from omegaconf import OmegaConf
    from torchtune import config

    folder, recipe = name.partition("/")[0], configs.load(name)
    with torch.device("meta"):
        model = config.instantiate(OmegaConf.create(recipe["model"]))
        reference = config.instantiate(OmegaConf.create(_reference(folder)))
    shapes = {k: v.shape for k, v in model.named_parameters() if "lora_" not in k}
    assert shapes == {k: v.shape for k, v in reference.named_parameters()}
    adapters = [k for k, _ in model.named_parameters() if "lora_" in k]
    lora = "_lora" in name
    assert len(adapters) == (2 * 7 * recipe["model"]["num_layers"] if lora else 0)
    if folder in PUBLISHED:
        assert sum(shape.numel() for shape in shapes.values()) == PUBLISHED[folder][1]


def _reference(folder: str) -> dict[str, Any]:
    if folder in PUBLISHED:
        return {"_component_": PUBLISHED[folder][0]}
    path = PROJECT / "codemix_core" / "questions" / "nano_model"
    return families.read(path).model(None)


@pytest.mark.parametrize("folder", PUBLISHED)
def test_settings_that_show_in_no_shape_are_those_of_torchtunes_own_builder(folder: str) -> None:
    import torch
    from omegaconf import OmegaConf
    from torchtune import config

    ours = configs.load(f"{folder}/sft_full")["model"] | {"max_seq_len": 64}
    with torch.device("meta"):
        models = [
            config.instantiate(OmegaConf.create(block)) for block in (ours, _reference(folder))
        ]
    one, other = ({**_settings(model)} for model in models)
    assert one == other
    assert {"norm_eps", "base"} <= set(one)


def _settings(model: Any) -> dict[str, Any]:
    attention = model.layers[0].attn
    rope = attention.pos_embeddings
    return {
        "norm_eps": model.norm.eps,
        "base": rope.base,
        "factor": getattr(rope, "scale_factor", None),
        "rope": type(rope),
        "heads": (attention.num_heads, attention.num_kv_heads, attention.head_dim),
        "tied": type(model.output),
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_header_holds_the_commands_that_run_the_recipe(name: str) -> None:
    recipe = configs.load(name)
    text = configs.recipes()[name].read_text()
    header = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    assert text.count(f"--recipe {name}\n") == 1
    assert any(line.strip().startswith("python -m codemix_core train ") for line in header)
    runs = [line.strip() for line in header if "tune run" in line]
    assert len(runs) == (0 if "/" not in name else 2 if "distributed" in name else 1)
    for run in runs:
        assert f" {recipe['recipe']} --config recipes/{name}.yaml " in run
        given = re.search(r"--nproc_per_node (\d+)", run)
        assert (int(given[1]) if given else 1) == recipe["nproc_per_node"]
        key = run.rsplit(" ", 1)[1].partition("=")[0].rpartition(".")[2]
        assert recipe["dataset"][key] == configs.MISSING
    model = re.search(r"--model (\S+)", text)
    assert model is not None
    if "/" in name:
        directory = recipe["checkpointer"]["checkpoint_dir"]
        assert directory == recipe["tokenizer"]["path"]
        assert model[1] in (directory, "nano")


def test_recipes_of_several_processes_are_torchtunes_distributed_ones() -> None:
    many = {name for name in NAMES if name.endswith("_distributed")}
    assert len(many) == 6
    for name in NAMES:
        recipe = configs.load(name)
        assert (recipe["nproc_per_node"] > 1) == (name in many)
        assert ("distributed" in recipe["recipe"]) == (name in many)
