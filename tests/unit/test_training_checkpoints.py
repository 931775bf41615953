"""Weight files are found, and of what a run leaves only the complete counts."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from codemix_core.errors import ModelError
from codemix_core.training import checkpoints, families
from codemix_core.training.checkpoints import Checkpoint

STATE = Path("recipe_state") / "recipe_state.pt"


@pytest.fixture
def model(tmp_path: Path, nano_model: Path) -> Path:
    """A copy of the bundled checkpoint."""
    return Path(shutil.copytree(nano_model, tmp_path / "model"))


def write_epoch(root: Path, nano_model: Path, epoch: int, seconds: int) -> Path:
    """A complete checkpoint as torchtune writes it, with the time its files were written."""
    path = root / f"epoch_{epoch}"
    shutil.copytree(nano_model, path)
    weights = path / "model-00001-of-00001.safetensors"
    (path / "model.safetensors").rename(weights)
    index = {"weight_map": {"model.norm.weight": weights.name}}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    (path / "adapter_model.pt").write_bytes(b"adapter")
    (path / "adapter_model.safetensors").write_bytes(b"adapter")
    (path / "adapter_config.json").write_text("{}")
    os.utime(weights, (seconds, seconds))
    return path


def write_state(root: Path, seconds: int) -> Path:
    path = root / STATE
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x" * 1000)
    os.utime(path, (seconds, seconds))
    return path


def test_weight_files_are_those_of_the_index_or_all_there_are(model: Path) -> None:
    assert checkpoints.files(model) == ["model.safetensors"]
    (model / "adapter_model.safetensors").write_bytes(b"")
    assert checkpoints.files(model) == ["model.safetensors"]
    names = {"a": "part-2.safetensors", "b": "part-1.safetensors", "c": "part-2.safetensors"}
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(ModelError, match="lacks weight files: part-1"):
        checkpoints.files(model)
    for name in set(names.values()):
        (model / name).touch()
    assert checkpoints.files(model) == ["part-1.safetensors", "part-2.safetensors"]
    (model / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelError, match="not a weight index"):
        checkpoints.files(model)
    with pytest.raises(ModelError, match="has no weights"):
        checkpoints.files(model.parent)


def test_weights_that_do_not_belong_to_the_config_are_noticed(model: Path) -> None:
    architecture = families.read(model)
    assert checkpoints.check(model, architecture) == []
    values = json.loads((model / "config.json").read_text()) | {"num_hidden_layers": 5}
    wrong = families.from_config(values, "model")
    assert "parameters; config.json describes" in str(checkpoints.check(model, wrong)[0])
    weights = model / "model.safetensors"
    data = weights.read_bytes()
    for short in (data[:-1], data[:100], data[:5], b""):
        weights.write_bytes(short)
        assert "damaged or cut short" in str(checkpoints.check(model, architecture)[0])


def test_only_complete_epochs_count_and_sizes_are_their_files(
    tmp_path: Path, nano_model: Path
) -> None:
    assert checkpoints.epochs(tmp_path / "nothing") == []
    for epoch in (10, 2, 3, 4, 5):
        write_epoch(tmp_path, nano_model, epoch, 100)
    (tmp_path / "epoch_2" / "config.json").unlink()
    (tmp_path / "epoch_3" / "tokenizer.json").unlink()
    half = tmp_path / "epoch_4" / "model-00001-of-00001.safetensors"
    half.write_bytes(half.read_bytes()[:-10])
    (tmp_path / "epoch_6").mkdir()
    (tmp_path / "epoch_old").mkdir()
    found = checkpoints.epochs(tmp_path)
    assert [checkpoint.epoch for checkpoint in found] == [5, 10]
    files = [path for path in found[0].path.iterdir() if path.is_file()]
    assert found[0].size_bytes == sum(path.stat().st_size for path in files) > 1_800_000


def test_a_run_goes_on_from_the_weights_its_state_belongs_to(
    tmp_path: Path, nano_model: Path
) -> None:
    root = tmp_path / "checkpoints"
    assert checkpoints.last_state(root) is None
    write_epoch(root, nano_model, 0, seconds=100)
    assert checkpoints.last_state(root) is None, "weights without a state"
    state = write_state(root, seconds=110)
    write_epoch(root, nano_model, 1, seconds=200)  # killed before its state was written
    found = checkpoints.last_state(root)
    assert found is not None
    assert (found.path, found.checkpoint.epoch) == (state, 0)
    full = checkpoints.block(nano_model, root, "QWEN2", lora=False, resume=True)
    assert full["checkpoint_files"] == ["epoch_0/model-00001-of-00001.safetensors"]
    lora = checkpoints.block(nano_model, root, "QWEN2", lora=True, resume=True)
    assert lora["checkpoint_files"] == ["model.safetensors"]
    assert lora["adapter_checkpoint"] == "epoch_0/adapter_model.pt"
    state.write_bytes(state.read_bytes()[:-30])
    assert checkpoints.last_state(root) is None, "a torn state"
    with pytest.raises(ModelError, match="no complete state"):
        checkpoints.block(nano_model, root, "QWEN2", lora=True, resume=True)


def test_after_a_run_adapters_lie_apart_and_go_with_their_checkpoint(
    tmp_path: Path, nano_model: Path
) -> None:
    for epoch in (0, 1):
        write_epoch(tmp_path, nano_model, epoch, 100)
    inner = tmp_path / "epoch_1" / "adapter"
    inner.mkdir()
    (tmp_path / "epoch_1" / "adapter_config.json").replace(inner / "adapter_config.json")
    write_state(tmp_path, 110)
    checkpoints.finish(tmp_path, "bf16")
    checkpoints.finish(tmp_path, "bf16")
    assert not (tmp_path / "recipe_state").exists()
    names = {"adapter_config.json", "adapter_model.pt", "adapter_model.safetensors"}
    for epoch in (0, 1):
        assert not list((tmp_path / f"epoch_{epoch}").glob("adapter*"))
        assert {p.name for p in (tmp_path / "adapters" / f"epoch_{epoch}").iterdir()} == names
    found = checkpoints.epochs(tmp_path)
    assert [checkpoint.epoch for checkpoint in found] == [0, 1]
    checkpoints.delete(found[1])
    assert checkpoints.epochs(tmp_path) == [Checkpoint(found[0].path, 0, found[0].size_bytes)]
    assert not (tmp_path / "adapters" / "epoch_1").exists()
