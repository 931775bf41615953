"""How much memory and how many threads an engine on this machine may take."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil

GIB = 2**30
SHARE_OF_FREE = 0.6
"""Share of the free main memory that the KV cache may take on a CPU."""
SMALLEST_CACHE = GIB // 4
"""KV cache to ask for at least, in bytes."""
GPU_HEADROOM = 0.06
"""Share of a GPU's memory left free for what the CUDA libraries take beside vLLM."""

_BYTES = {"float32": 4}


def cpu_cache_bytes(directory: Path, dtype: str, tokens: int) -> int:
    """Bytes of KV cache for a CPU engine: what ``tokens`` need, within what is free.

    Args:
        directory: the checkpoint.
        dtype: number format, ``auto`` for the checkpoint's own.
        tokens: tokens that may be in flight at once.
    """
    weights = sum(path.stat().st_size for path in directory.glob("*.safetensors"))
    free = max(0, psutil.virtual_memory().available - int(1.3 * weights))
    allowed = int(SHARE_OF_FREE * free)
    per_token = kv_bytes_per_token(directory, dtype)
    wanted = allowed if per_token is None else max(SMALLEST_CACHE, per_token * tokens)
    return min(allowed, wanted)


def kv_bytes_per_token(directory: Path, dtype: str) -> int | None:
    """Bytes that one token takes in the KV cache; None when ``config.json`` does not say."""
    config = _config(directory)
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads")
    if not all(isinstance(config.get(name), int) for name in names):
        return None
    layers, hidden, heads = (int(config[name]) for name in names)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    size = int(config.get("head_dim") or hidden // heads)
    return 2 * layers * kv_heads * size * (_BYTES.get(number_format(directory, dtype)) or 2)


def number_format(directory: Path, dtype: str) -> str:
    """The number format to compute in; ``auto`` becomes the checkpoint's own where it says.

    vLLM's own ``auto`` rounds float32 checkpoints to bfloat16, and then the stored
    log-probabilities are not those of the model that training loads.
    """
    if dtype != "auto":
        return dtype
    config = _config(directory)
    own = str(config.get("dtype") or config.get("torch_dtype"))
    return own if own in ("float32", "bfloat16", "float16") else "auto"


def _config(directory: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return config


def gpu_share(tensor_parallel: int) -> float | None:
    """Share of the GPUs' memory to take, from what is free on the fullest; None if unknown."""
    import pynvml

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        ids = [int(i) for i in visible.split(",")] if visible else list(range(count))
        states = [
            pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(i))
            for i in ids[:tensor_parallel]
        ]
    except (pynvml.NVMLError, ValueError):
        return None
    shares = [int(state.free) / int(state.total) for state in states]
    return round(max(0.05, min(shares) - GPU_HEADROOM), 3) if shares else None


def cpu_threads() -> int:
    """OpenMP threads for an engine on the CPU: physical cores less one, at least one.

    One core is left to scheduling and to whatever else runs; a second thread on a busy core
    makes every parallel region wait for it (measured: 5 times slower).
    """
    return max(1, (psutil.cpu_count(logical=False) or 1) - 1)
