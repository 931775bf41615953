"""Tiny random checkpoints of every supported family, written by transformers itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
    "rope_theta": 500_000.0,
}


@dataclass(frozen=True)
class Case:
    """A checkpoint: transformers' configuration class and what differs from :data:`SIZES`."""

    config: str
    more: dict[str, Any]


def _rope(theta: float) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}


CASES = {
    "qwen2 tied": Case("Qwen2Config", {"tie_word_embeddings": True, **_rope(10_000.0)}),
    "qwen2 untied": Case("Qwen2Config", {"tie_word_embeddings": False, **_rope(1_000_000.0)}),
    "qwen2 with a window": Case(
        "Qwen2Config",
        {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 1},
    ),
    "llama 3": Case("LlamaConfig", _rope(500_000.0)),
    "llama without GQA": Case("LlamaConfig", {"num_key_value_heads": 4, "rms_norm_eps": 1e-5}),
    "llama tied, plain rope": Case("LlamaConfig", {"tie_word_embeddings": True}),
    "llama 3.1": Case("LlamaConfig", {"rope_parameters": {**_LLAMA3_ROPE, "factor": 8.0}}),
    "llama 3.2 tied": Case(
        "LlamaConfig",
        {"rope_parameters": {**_LLAMA3_ROPE, "factor": 32.0}, "tie_word_embeddings": True},
    ),
    "mistral": Case("MistralConfig", {"sliding_window": None, **_rope(1_000_000.0)}),
    "mistral with a window": Case("MistralConfig", {"sliding_window": 64}),
    "gemma, one key-value head": Case("GemmaConfig", {"head_dim": 24, "num_key_value_heads": 1}),
    "gemma": Case("GemmaConfig", {"head_dim": 16, "num_key_value_heads": 4}),
    "phi-3": Case("Phi3Config", {"num_key_value_heads": 4}),
    "phi-3 with GQA and a window": Case("Phi3Config", {"sliding_window": 64, **_rope(250_000.0)}),
}
LENGTH = 64
"""Tokens of a sequence; the windows are as long."""


def write(case: Case, directory: Path) -> Any:
    """Write a checkpoint with every parameter random; the transformers model."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, case.config)(**{**SIZES, **case.more})
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0 if "norm" in name else 0.0, 0.15)
    model.save_pretrained(directory)
    return model


def tokens() -> Any:
    """Two sequences of random tokens."""
    import torch

    return torch.randint(3, 96, (2, LENGTH), generator=torch.Generator().manual_seed(1))
