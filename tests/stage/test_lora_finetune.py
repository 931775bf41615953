"""torchtune's fine-tuning with its mistakes mended: several epochs, resuming, the seed."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codemix_core.questions.nano import nano_model_path
from codemix_core.records import Question
from codemix_core.sampling.prompts import build_messages
from codemix_core.training import checkpoints, configs, metrics

PROJECT = Path(__file__).resolve().parents[2]
SMALL = {
    "epochs": "3",
    "batch_size": "2",
    "gradient_accumulation_steps": "2",
    "optimizer.lr": "0.01",
    "lr_scheduler.num_warmup_steps": "1",
    "enable_activation_checkpointing": "false",
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """A model this small only waits for its own threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mended", PROJECT / "recipes/lora_finetune.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def dataset(tmp_path: Path, all_nano: list[Question]) -> dict[str, Any]:
    """Eight questions with their gold solutions."""
    rows = [
        {"input": build_messages(question, "direct")[-1]["content"], "output": question.gold}
        for question in all_nano[:8]
    ]
    path = tmp_path / "train.json"
    path.write_text(json.dumps(rows))
    component = "torchtune.datasets.instruct_dataset"
    return {"_component_": component, "source": "json", "data_files": str(path), "split": "train"}


def composed(
    name: str, out: Path, dataset: dict[str, Any], *, resume: bool = False, **changes: str
) -> dict[str, Any]:
    made = configs.compose(
        configs.load(name),
        directory=nano_model_path(),
        train=dataset,
        validation=None,
        output_dir=out / "checkpoints",
        metrics=out / "metrics.jsonl",
        device="cpu",
        dtype="fp32",
        overrides=SMALL | changes,
        resume=resume,
    )
    assert configs.check(made) == []
    return made


def train(recipe: ModuleType, out: Path, dataset: dict[str, Any], *, resume: bool) -> None:
    from omegaconf import OmegaConf

    made = composed("sft_lora", out, dataset, resume=resume)
    assert made["recipe"] == "recipes/lora_finetune.py"
    cfg = OmegaConf.create(made)
    run = recipe.LoraFinetuneRecipe(cfg)
    run.setup(cfg)
    run.train()
    run.cleanup()


def weights(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {k: v for name in checkpoints.files(path) for k, v in load_file(path / name).items()}


def test_each_checkpoint_is_the_base_and_its_adapter_once(
    recipe: ModuleType, tmp_path: Path, dataset: dict[str, Any]
) -> None:
    import torch

    train(recipe, tmp_path, dataset, resume=False)
    base = weights(nano_model_path())["model.layers.1.mlp.down_proj.weight"].float()
    for epoch in range(3):
        path = tmp_path / "checkpoints" / f"epoch_{epoch}"
        adapter = torch.load(path / "adapter_model.pt")
        update = 2 * adapter["layers.1.mlp.w2.lora_b.weight"]  # alpha / rank is 2
        update = update @ adapter["layers.1.mlp.w2.lora_a.weight"]
        assert update.abs().max() > 1e-3
        merged = weights(path)["model.layers.1.mlp.down_proj.weight"]
        assert (merged - base - update).abs().max() < 1e-6


def test_a_killed_run_goes_on_as_if_it_had_not_been_killed(
    recipe: ModuleType, tmp_path: Path, dataset: dict[str, Any]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(recipe, whole, dataset, resume=False)
    lines = metrics.read(whole / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]

    shutil.copytree(whole, killed)  # as it was killed while it wrote its third epoch
    text = (killed / "metrics.jsonl").read_text().splitlines(keepends=True)
    (killed / "metrics.jsonl").write_text("".join(text[:5]))
    half = killed / "checkpoints" / "epoch_2" / "model-00001-of-00001.safetensors"
    half.write_bytes(half.read_bytes()[:1000])
    train(recipe, killed, dataset, resume=True)
    again = metrics.read(killed / "metrics.jsonl")
    for one, other in zip(lines, again, strict=True):
        for name in ("step", "loss", "lr", "grad_norm"):
            assert one[name] == pytest.approx(other[name], rel=1e-6, abs=1e-9)
    last = Path("checkpoints") / "epoch_2"
    one, other = weights(whole / last), weights(killed / last)
    assert one.keys() == other.keys()
    assert max(float((one[k] - other[k]).abs().max()) for k in one) < 1e-6


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_data_comes_in_an_order_that_follows_the_seed(
    tmp_path: Path, dataset: dict[str, Any], kind: str
) -> None:
    from omegaconf import OmegaConf

    from recipes.full_finetune import FullFinetuneRecipe
    from recipes.lora_finetune import LoraFinetuneRecipe

    def order(seed: str, epoch: int) -> list[int]:
        made = composed(f"sft_{kind}", tmp_path / seed, dataset, seed=seed)
        assert made["recipe"] == f"recipes/{kind}_finetune.py"
        cfg = OmegaConf.create(made)
        run = {"lora": LoraFinetuneRecipe, "full": FullFinetuneRecipe}[kind](cfg)
        run.setup(cfg)
        run._dataloader.sampler.set_epoch(epoch)
        found = list(run._dataloader.sampler)
        run.cleanup()
        assert sorted(found) == list(range(8))
        return found

    assert order("1", 0) == order("1", 0)
    assert order("1", 0) != order("2", 0)
    assert order("1", 0) != order("1", 1), "each epoch has its own"
