"""How much memory and disk a training run will need, estimated before it starts.

Counted are weights, gradients, AdamW's two moments, the second model that some recipes of
torchtune keep as reference (ours compute its log-probabilities beforehand), activations and
logits. The activation terms follow Korthikanti et al. 2022, "Reducing Activation Recomputation in
Large Transformer Models", arXiv 2205.05198, equation 2 without the attention-score term
(torchtune's attention does not keep the scores), about 34 bytes per token, hidden unit and layer
in 16 bits; with activation checkpointing one layer's and each layer's input stay. It is an
estimate: fragmentation and kernels' work space are a flat share on top.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from codemix_core.training.families import Architecture

_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_ACTIVATION_UNITS = 17
"""Numbers kept per token, hidden unit and layer for the backward pass."""
_LOGIT_COPIES = 3
"""Logits, their log-softmax and its gradient."""
_OVERHEAD = 1.1
GIB = 2**30


@dataclass(frozen=True)
class Estimate:
    """Bytes by what they are for, and what there is.

    available: free memory of the device; free_disk: of the file system of the checkpoints.
    """

    weights: int
    optimizer: int
    reference: int
    activations: int
    available: int
    disk: int
    free_disk: int

    @property
    def total(self) -> int:
        """Peak memory, overhead included."""
        parts = self.weights + self.optimizer + self.reference + self.activations
        return int(_OVERHEAD * parts)

    def document(self) -> dict[str, int]:
        """As JSON."""
        return {**asdict(self), "total": self.total}


def estimate(
    architecture: Architecture,
    config: dict[str, Any],
    longest: int,
    rows_at_once: int,
    checkpoints: Path,
) -> Estimate:
    """The estimate of one process.

    Args:
        longest: tokens of the longest row that will be trained on.
        rows_at_once: sequences in one forward pass (twice the batch for pairs).
    """
    size = _BYTES[str(config["dtype"])]
    everything = architecture.parameters
    lora = "lora_rank" in config["model"]
    trained = lora_parameters(architecture, config["model"]) if lora else everything
    shards = int(config["nproc_per_node"]) if "distributed" in str(config["recipe"]) else 1
    tokens = longest * rows_at_once
    epochs = int(config["epochs"])
    states = trained * size * 3  # gradients and AdamW's two moments, in the model's own format
    checkpoint = everything * size
    return Estimate(
        weights=everything * size // shards,
        optimizer=states // shards,
        reference=everything * size // shards if "ref_checkpointer" in config else 0,
        activations=_activations(architecture, config, tokens, size),
        available=available_memory(str(config["device"])),
        disk=checkpoint * epochs + (2 * trained * size if epochs > 1 else 0),
        free_disk=shutil.disk_usage(_existing(checkpoints)).free,
    )


def lora_parameters(architecture: Architecture, model: dict[str, Any]) -> int:
    """An upper bound of the trained parameters of a LoRA model: every linear layer adapted."""
    rank = int(model["lora_rank"])
    width, inner = architecture.embed_dim, architecture.intermediate_dim
    return architecture.layers * rank * (8 * width + 3 * (width + inner))


def _activations(architecture: Architecture, config: dict[str, Any], tokens: int, size: int) -> int:
    per_layer = tokens * architecture.embed_dim * _ACTIVATION_UNITS * size
    kept = tokens * architecture.embed_dim * size * architecture.layers
    checkpointed = bool(config.get("enable_activation_checkpointing"))
    layers = per_layer + kept if checkpointed else per_layer * architecture.layers
    return layers + tokens * architecture.vocab_size * 4 * _LOGIT_COPIES


def available_memory(device: str) -> int:
    """Free bytes of the first GPU a job may use, or of main memory."""
    if device != "cuda":
        return int(psutil.virtual_memory().available)
    import pynvml

    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    pynvml.nvmlInit()
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(int(visible) if visible.isdigit() else 0)
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).free)
    finally:
        pynvml.nvmlShutdown()


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
