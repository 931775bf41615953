"""Memory, number format and seeds of an engine on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from codemix_core.sampling.engines import memory
from codemix_core.sampling.engines.vllm import engine_seed

GIB = memory.GIB


def checkpoint(folder: Path, **config: object) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    return folder


LLAMA = {
    "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
    "num_key_value_heads": 8, "dtype": "bfloat16",
}  # fmt: skip


def test_a_token_of_llama_8b_takes_128_kib_in_bfloat16(tmp_path: Path) -> None:
    # 2 (keys, values) × 32 layers × 8 heads × 128 numbers × 2 bytes.
    folder = checkpoint(tmp_path, **LLAMA)
    assert memory.kv_bytes_per_token(folder, "auto") == 128 * 1024
    assert memory.kv_bytes_per_token(folder, "float32") == 256 * 1024


def test_an_unknown_shape_is_not_guessed(tmp_path: Path) -> None:
    assert memory.kv_bytes_per_token(checkpoint(tmp_path, hidden_size=8), "auto") is None


@pytest.mark.parametrize("free", [1, 4, 64])
def test_the_cache_takes_what_is_needed_and_never_more_than_a_share_of_what_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    folder = checkpoint(tmp_path, **LLAMA)
    state = SimpleNamespace(available=free * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: state)
    few = memory.cpu_cache_bytes(folder, "auto", 8192)
    many = memory.cpu_cache_bytes(folder, "auto", 10**7)
    assert few == min(GIB, int(memory.SHARE_OF_FREE * free * GIB))
    assert many == int(memory.SHARE_OF_FREE * free * GIB)


def test_auto_is_the_checkpoints_own_number_format(tmp_path: Path) -> None:
    for name in ("float32", "bfloat16", "float16"):
        assert memory.number_format(checkpoint(tmp_path, dtype=name), "auto") == name
        assert memory.number_format(checkpoint(tmp_path, torch_dtype=name), "auto") == name
    assert memory.number_format(checkpoint(tmp_path), "auto") == "auto"
    assert memory.number_format(checkpoint(tmp_path, dtype="float32"), "float16") == "float16"


def test_an_attempt_that_resumes_draws_other_random_numbers() -> None:
    seeds = [engine_seed(7, present) for present in range(200)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 200
    assert all(0 <= seed < 2**31 for seed in seeds)
