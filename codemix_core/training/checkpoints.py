"""Checkpoint files: those training starts from, and those it leaves behind.

torchtune writes one directory per epoch, ``epoch_0`` first, in Hugging Face layout, and what is
needed to go on in ``recipe_state/``. It writes in place, so a killed run can leave half of
either; only complete ones count here. No weights are loaded: sizes and headers say enough.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemix_core.errors import ModelError, Problem
from codemix_core.files import write_json
from codemix_core.training.families import Architecture

CHECKPOINTER = "torchtune.training.FullModelHFCheckpointer"
ADAPTERS = "adapters"
"""Folder under the checkpoints' root where :func:`finish` puts LoRA adapters, by epoch."""

_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
_EPOCH = re.compile(r"epoch_(\d+)")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
_LOST = "Copy the whole checkpoint again."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint that a run left.

    epoch: from 0. size_bytes: of all its files.
    """

    path: Path
    epoch: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class State:
    """From where a run can go on.

    path: torchtune's ``recipe_state.pt``. checkpoint: the weights that belong to it.
    """

    path: Path
    checkpoint: Checkpoint


def files(directory: Path) -> list[str]:
    """Names of a checkpoint's weight files in order; adapters are none.

    Raises:
        ModelError: there are none, or files that the index names are missing.
    """
    where = f"model {directory}"
    for index in _INDEXES:
        if (directory / index).is_file():
            names = _indexed(directory / index, where)
            missing = [name for name in names if not (directory / name).is_file()]
            if missing:
                what = f"lacks weight files: {', '.join(missing)}."
                raise ModelError(Problem(where, what, _LOST))
            return names
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        found = sorted(path.name for path in directory.glob(pattern))
        names = [n for n in found if not n.startswith(("adapter_", "consolidated"))]
        if names:
            return names
    fix = "Give a checkpoint with *.safetensors or pytorch_model*.bin files."
    raise ModelError(Problem(where, "has no weights.", fix))


def block(
    directory: Path, output_dir: Path, model_type: str, lora: bool, resume: bool
) -> dict[str, Any]:
    """The ``checkpointer`` block of a torchtune configuration.

    Args:
        directory: the checkpoint training begins with.
        output_dir: where checkpoints are written.
        model_type: see :class:`codemix_core.training.families.Architecture`.
        lora: only adapters are trained, so their base stays what it was.
        resume: go on from the newest state under ``output_dir``.

    Raises:
        ModelError: the directory has no complete weights, or there is no state to go on from.
    """
    found = {
        "_component_": CHECKPOINTER,
        "checkpoint_dir": str(directory),
        "checkpoint_files": files(directory),
        "model_type": model_type,
        "output_dir": str(output_dir),
    }
    if not resume:
        return found
    state = last_state(output_dir)
    if state is None:
        what = "holds no complete state to go on from."
        raise ModelError(Problem(str(output_dir), what, "Train from the beginning."))
    epoch = state.checkpoint.path
    # Named one by one: torchtune would take the newest directory, which a killed run may have
    # left half written after the state was saved.
    if lora:
        return found | {"adapter_checkpoint": f"{epoch.name}/adapter_model.pt"}
    return found | {"checkpoint_files": [f"{epoch.name}/{name}" for name in files(epoch)]}


def epochs(root: Path) -> list[Checkpoint]:
    """The complete checkpoints under ``root``, by epoch: weights, config.json and tokenizer."""
    found = []
    for path in root.iterdir() if root.is_dir() else ():
        match = _EPOCH.fullmatch(path.name)
        if match and _complete(path):
            found.append(Checkpoint(path, int(match[1]), _size(path)))
    return sorted(found, key=lambda checkpoint: checkpoint.epoch)


def last_state(root: Path) -> State | None:
    """The newest state a run can go on from; None when there is none or it is damaged."""
    path = root / "recipe_state" / "recipe_state.pt"
    # A zip archive's directory stands at its end, so a file cut short is none.
    if not path.is_file() or not zipfile.is_zipfile(path):
        return None
    written = path.stat().st_mtime_ns
    # The state is written after the weights it belongs to.
    older = [c for c in epochs(root) if _newest_weights(c.path) <= written]
    return State(path, older[-1]) if older else None


def finish(root: Path, dtype: str) -> None:
    """Clean up after a run that ended: no state to go on from, adapters in a folder of their own.

    Its configuration says the number format it was trained in, ``fp32`` or ``bf16``: torchtune
    copies that of the model training began with, and engines would round the weights to it.

    Beside merged weights an ``adapter_config.json`` makes transformers apply the adapter a
    second time, and the next training would copy it on.
    """
    shutil.rmtree(root / "recipe_state", ignore_errors=True)
    for checkpoint in epochs(root):
        folder = root / ADAPTERS / checkpoint.path.name
        apart = checkpoint.path / "adapter"  # where recipes of ours put it
        for path in [*checkpoint.path.glob("adapter_*"), *apart.glob("*")]:
            folder.mkdir(parents=True, exist_ok=True)
            path.replace(folder / path.name)
        shutil.rmtree(apart, ignore_errors=True)
        _say_dtype(checkpoint.path / "config.json", _DTYPES[dtype])


def _say_dtype(path: Path, dtype: str) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    known = [key for key in ("dtype", "torch_dtype") if key in config] or ["dtype"]
    write_json(path, config | dict.fromkeys(known, dtype))


def delete(checkpoint: Checkpoint) -> None:
    """Remove a checkpoint's files, its adapter included."""
    path = checkpoint.path
    shutil.rmtree(path.parent / ADAPTERS / path.name, ignore_errors=True)
    shutil.rmtree(path)


def check(directory: Path, architecture: Architecture) -> list[Problem]:
    """What keeps the weights in ``directory`` from being those of ``architecture``.

    Reads the headers of safetensors files only; other formats are not looked into.
    """
    where = f"model {directory}"
    shapes: dict[str, tuple[int, ...]] = {}
    for name in files(directory):
        if not name.endswith(".safetensors"):
            return []
        try:
            shapes |= _shapes(directory / name)
        except (ValueError, KeyError, TypeError, struct.error):
            return [Problem(where, f"{name} is damaged or cut short.", _LOST)]
    counted = {k: v for k, v in shapes.items() if not k.endswith("rotary_emb.inv_freq")}
    problems = []
    copied = architecture.tied and counted.pop("lm_head.weight", None) is not None
    if copied and architecture.model_type != "QWEN2":  # torchtune skips it for Qwen2 alone
        what = "ties its embeddings and has an lm_head.weight all the same."
        problems.append(Problem(where, what, "Remove lm_head.weight from its files."))
    numbers = sum(math.prod(shape) for shape in counted.values())
    if numbers != architecture.parameters:
        what = f"has {numbers:,} parameters; config.json describes {architecture.parameters:,}."
        problems.append(Problem(where, what, "Use the config.json that belongs to the weights."))
    return problems


def _indexed(path: Path, where: str) -> list[str]:
    try:
        return sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        what = f"its {path.name} is not a weight index."
        raise ModelError(Problem(where, what, _LOST)) from None


def _complete(path: Path) -> bool:
    if not (path / "config.json").is_file():
        return False
    if not any((path / name).is_file() for name in _TOKENIZERS):
        return False
    try:
        return all(_whole(path / name) for name in files(path))
    except ModelError:
        return False


def _whole(path: Path) -> bool:
    """Whether a weight file was written to its end."""
    if path.suffix != ".safetensors":
        return zipfile.is_zipfile(path)
    try:
        return bool(_shapes(path))
    except (ValueError, KeyError, TypeError, struct.error):
        return False


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a safetensors file.

    Raises:
        ValueError: the header is damaged, or the file shorter than it says.
        struct.error: the file is shorter than 8 bytes.
    """
    with path.open("rb") as stream:
        length = struct.unpack("<Q", stream.read(8))[0]
        if length > path.stat().st_size:
            raise ValueError("header longer than the file")
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if 8 + length + end != path.stat().st_size:
        raise ValueError("file shorter than its header says")
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def _size(path: Path) -> int:
    return sum(found.stat().st_size for found in path.rglob("*") if found.is_file())


def _newest_weights(path: Path) -> int:
    return max((path / name).stat().st_mtime_ns for name in files(path))
