"""A recipe and a checkpoint become a configuration, and what is wrong with one is named at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from codemix_core.errors import ModelError, SpecError
from codemix_core.training import config_check, configs

TRAIN = {
    "_component_": "torchtune.datasets.instruct_dataset",
    "source": "json",
    "data_files": "/data/train.json",
    "split": "train",
    "train_on_input": False,
}


def compose(
    directory: Path,
    name: str = "sft_lora",
    overrides: dict[str, str] | None = None,
    **other: Any,
) -> dict[str, Any]:
    given: dict[str, Any] = {
        "directory": directory,
        "train": TRAIN,
        "validation": None,
        "output_dir": Path("/out/checkpoints"),
        "metrics": Path("/out/metrics.jsonl"),
        "device": "cpu",
        "dtype": "fp32",
        "overrides": overrides or {},
        "resume": False,
    }
    return configs.compose(configs.load(name), **(given | other))


def wrong(config: dict[str, Any], **changes: Any) -> list[str]:
    """Problems after changing ``a__b`` to a value."""
    for path, value in changes.items():
        *parents, last = path.split("__")
        block = config
        for key in parents:
            block = block[key]
        block[last] = value
    return [str(problem) for problem in configs.check(config)]


@pytest.mark.parametrize("name", ["sft_lora", "sft_full", "grpo_lora", "grpo_full"])
def test_a_recipe_and_a_checkpoint_make_a_complete_configuration(
    nano_model: Path, name: str
) -> None:
    groups = {"_component_": "codemix_core.training.group_data.groups_dataset", "path": "/d"}
    train = groups if name.startswith("grpo") else TRAIN
    config = compose(nano_model, name, train=train)
    assert configs.check(config) == []
    assert config["model"]["_component_"].endswith("qwen2.lora_qwen2") == ("lora" in name)
    assert config["model"]["embed_dim"] == 128
    assert config["checkpointer"]["checkpoint_files"] == ["model.safetensors"]
    assert config["checkpointer"]["output_dir"] == config["output_dir"] == "/out/checkpoints"
    assert config["tokenizer"]["path"] == str(nano_model)
    assert config["dataset"] == train
    assert (config["device"], config["dtype"]) == ("cpu", "fp32")
    assert yaml.safe_load(yaml.safe_dump(config)) == config


def test_a_validation_side_goes_to_the_recipe_that_reads_it(nano_model: Path) -> None:
    held = {**TRAIN, "data_files": "/data/heldout.json"}
    assert compose(nano_model, "dpo_full", validation=held)["dataset_validation"] == held
    assert "dataset_validation" not in compose(nano_model, "dpo_full")
    assert "dataset_validation" not in compose(nano_model, "sft_full", validation=held)


def test_overrides_win_and_are_read_as_torchtune_reads_them(nano_model: Path) -> None:
    changes = {
        "optimizer.lr": "1e-4",
        "model.lora_rank": "3",
        "model.lora_attn_modules": "[q_proj]",
        "tokenizer.max_seq_len": "512",
        "dtype": "bf16",
        "clip_grad_norm": "null",
        "loss": "codemix_core.training.losses.DPOPositiveLoss",
        "loss.beta": "0.3",
    }
    config = compose(nano_model, "dpo_lora", changes)
    assert config["optimizer"]["lr"] == 1e-4
    assert config["model"]["lora_rank"] == 3
    assert config["model"]["lora_attn_modules"] == ["q_proj"]
    assert config["tokenizer"]["max_seq_len"] == config["model"]["max_seq_len"] == 512
    assert config["dtype"] == "bf16"
    assert config["clip_grad_norm"] is None
    assert config["loss"]["_component_"].endswith("DPOPositiveLoss")
    assert config["loss"]["beta"] == 0.3


def test_sequences_are_never_longer_than_the_checkpoints_context(nano_model: Path) -> None:
    config = compose(nano_model, overrides={"tokenizer.max_seq_len": "100000"})
    assert config["model"]["max_seq_len"] == 2048
    assert any("tokenizer.max_seq_len" in text for text in wrong(config))
    config = compose(nano_model, overrides={"tokenizer.max_seq_len": "null"})
    assert config["model"]["max_seq_len"] == 2048


def test_references_between_settings_are_resolved(nano_model: Path, tmp_path: Path) -> None:
    recipe = configs.recipes()["sft_full"].read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(recipe.replace("num_warmup_steps: 10", "num_warmup_steps: ${epochs}"))
    assert compose(nano_model, str(path))["lr_scheduler"]["num_warmup_steps"] == 1
    path.write_text(recipe.replace("num_warmup_steps: 10", "num_warmup_steps: ${nothing}"))
    with pytest.raises(SpecError, match="nothing"):
        compose(nano_model, str(path))


@pytest.mark.parametrize("value", ["[1, 2", "{a: b: c}", "${"])
def test_an_override_that_is_no_yaml_is_named(nano_model: Path, value: str) -> None:
    with pytest.raises(SpecError, match="optimizer.lr"):
        compose(nano_model, overrides={"optimizer.lr": value})


def test_an_unknown_checkpoint_and_an_unfinished_lora_are_explained(
    nano_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(ModelError, match="Supported: Qwen2"):
        compose(tmp_path)
    with pytest.raises(SpecError, match="lora_alpha"):
        compose(nano_model, "sft_full", {"model.lora_rank": "4"})


def test_a_recipe_is_found_by_name_or_path_and_errors_help(tmp_path: Path) -> None:
    assert configs.load("nano/sft_full") == configs.load(str(configs.recipes()["nano/sft_full"]))
    with pytest.raises(SpecError, match="Did you mean sft_lora"):
        configs.load("sft_lra")
    path = tmp_path / "mine.yaml"
    path.write_text("model: [1")
    with pytest.raises(SpecError, match="not valid YAML"):
        configs.load(str(path))
    path.write_text("- a\n- b\n")
    with pytest.raises(SpecError, match="holds no settings"):
        configs.load(str(path))
    path.write_text("epochs: 1\n")
    with pytest.raises(SpecError) as found:
        configs.load(str(path))
    assert len(found.value.problems) == 3
    path.write_text("recipe: x\nmethod: sft\nnproc_per_node: 1\nlr: 3e-4\n")
    assert configs.load(str(path))["lr"] == 3e-4


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("sft_lora", {"recipe": "lora_finetune_single_devise"}, "Did you mean lora_finetune_single_de"),
    ("sft_lora", {"recipe": "recipes/nothing.py"}, "recipe: 'recipes/nothing.py' is not known"),
    ("sft_lora", {"recipe": "full_finetune_single_device"}, "trains all weights"),
    ("sft_full", {"recipe": "lora_finetune_single_device"}, "has no adapters"),
    ("sft_lora", {"method": "ppo"}, "allowed: sft, dpo, grpo"),
    ("sft_lora", {"method": "dpo"}, "does not fit the recipe"),
    ("sft_lora", {"nproc_per_node": 0}, "nproc_per_node: got 0"),
    ("sft_lora", {"nproc_per_node": 2}, "runs in one process"),
    ("sft_lora", {"recipe": "lora_finetune_distributed"}, "made for several processes"),
    (
        "sft_lora",
        {"recipe": "lora_finetune_distributed", "nproc_per_node": 2},
        "device: got 'cpu', and lora_finetune_distributed needs GPUs",
    ),
    (
        "sft_lora",
        {"recipe": "lora_finetune_single_device", "epochs": 2},
        "leaves the adapter in the weights.*recipes/lora_finetune.py",
    ),
    ("sft_lora", {"gradient_acumulation_steps": 4}, "Did you mean gradient_accumulation_steps"),
    ("sft_lora", {"model___component_": "torchtune.models.qwen9.x"}, "cannot be imported"),
    ("sft_lora", {"model___component_": "os.sep"}, "cannot be called"),
    ("sft_lora", {"model__lora_rnk": 4}, "model.lora_rnk: is not an argument"),
    ("sft_lora", {"optimizer__learning_rate": 1}, "optimizer.learning_rate: is not an argument"),
    ("sft_lora", {"metric_logger__also": [{"_component_": "no.such"}]}, "metric_logger.also.0"),
    ("sft_lora", {"optimizer__lr": -1e-4}, "optimizer.lr: got -0.0001; allowed: a number above 0"),
    ("sft_lora", {"optimizer__lr": "fast"}, "optimizer.lr: got 'fast'"),
    ("sft_lora", {"optimizer__lr": float("nan")}, "optimizer.lr: got nan"),
    ("sft_lora", {"batch_size": 0}, "batch_size: got 0; allowed: a whole number from 1"),
    ("sft_lora", {"batch_size": 1.5}, "batch_size: got 1.5"),
    ("sft_lora", {"epochs": True}, "epochs: got True"),
    ("sft_lora", {"epochs": None}, "epochs: got None"),
    ("sft_lora", {"max_steps_per_epoch": 0}, "max_steps_per_epoch: got 0.*or null"),
    ("sft_lora", {"dtype": "fp16"}, "dtype: got 'fp16'; allowed: bf16, fp32"),
    ("sft_lora", {"device": "tpu"}, "device: got 'tpu'"),
    ("sft_lora", {"shuffle": "yes"}, "shuffle: got 'yes'; allowed: true or false"),
    ("sft_lora", {"model__lora_dropout": 1.0}, "lora_dropout: got 1.0.*from 0 below 1"),
    ("sft_lora", {"model__lora_attn_modules": ["q_proj", "qkv"]}, "allowed: one or more of q_pr"),
    ("sft_lora", {"model__lora_attn_modules": []}, "lora_attn_modules"),
    ("sft_lora", {"model__apply_lora_to_output": True}, "the output layer is the embedding"),
    ("sft_lora", {"model__num_kv_heads": 3}, "3 key-value heads do not divide 4"),
    ("sft_lora", {"model__num_heads": 3}, "3 heads do not divide a width of 128"),
    ("sft_lora", {"tokenizer__max_seq_len": 4096}, "longer than the model's 2,048"),
    ("sft_full", {"optimizer_in_bwd": True}, "does not go with optimizer_in_bwd"),
    ("sft_lora", {"enable_activation_offloading": True}, "works on cuda only"),
    ("sft_lora", {"dataset__data_files": "???"}, "dataset.data_files: is not set"),
    ("grpo_lora", {"grpo__clip_low": 1.5}, "grpo.clip_low"),
    ("grpo_lora", {"grpo__clip_lo": 0.1}, "grpo.clip_lo: is no setting"),
    ("grpo_lora", {"grpo": None}, "grpo: is required"),
]


@pytest.mark.parametrize(("name", "changes", "words"), WRONG)
def test_what_is_wrong_is_said_with_what_is_allowed(
    nano_model: Path, name: str, changes: dict[str, Any], words: str
) -> None:
    import re

    config = compose(nano_model, name)
    problems = wrong(config, **changes)
    assert any(re.search(words, text) for text in problems), problems


@pytest.mark.parametrize(
    ("logger", "module"),
    [("TensorBoardLogger", "tensorboard"), ("WandBLogger", "wandb"), ("CometLogger", "comet_ml")],
)
def test_a_logger_whose_package_is_missing_says_what_to_install(
    nano_model: Path, monkeypatch: pytest.MonkeyPatch, logger: str, module: str
) -> None:
    also = [{"_component_": f"torchtune.training.metric_logging.{logger}", "log_dir": "logs"}]
    for there in (False, True):
        monkeypatch.setattr(
            config_check, "find_spec", lambda name, there=there: there or name != module or None
        )
        problems = wrong(compose(nano_model), metric_logger__also=also)
        named = [text for text in problems if "metric_logger.also.0._component_" in text]
        assert len(named) == (0 if there else 1), problems
        assert there or f"pip install {module.replace('_', '-')}" in named[0]


def test_a_required_key_that_is_missing_is_named(nano_model: Path) -> None:
    for key in ("batch_size", "optimizer", "compile", "seed"):
        config = compose(nano_model)
        del config[key]
        assert [str(p) for p in configs.check(config) if p.where == key]
    config = compose(nano_model)
    del config["model"]["vocab_size"]
    assert [p.where for p in configs.check(config)] == ["model.vocab_size"]


def test_all_problems_come_at_once(nano_model: Path) -> None:
    config = compose(nano_model)
    found = wrong(config, batch_size=0, optimizer__lr=0, dtype="int8", modl={}, loss__x=1)
    assert len(found) == 5
