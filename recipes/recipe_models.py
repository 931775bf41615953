"""The models that ready recipes are made for, with what their makers published.

``config`` holds the lines of each model's ``config.json`` that decide its architecture; the
bundled nano model's are read from its file.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codemix_core.training import families
from codemix_core.training.families import Architecture

PROJECT = Path(__file__).resolve().parents[1]
NANO = "codemix_core/questions/nano_model"


@dataclass(frozen=True)
class ReadyModel:
    """A model with recipes of its own.

    title: its name. source: its Hugging Face id; None for the bundled one. shards: number of
    its weight files. processes: of a distributed LoRA run and of a full one, on 80 GB devices.
    config: see the module.
    """

    title: str
    source: str | None
    shards: int = 1
    processes: tuple[int, int] = (2, 2)
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        """Where the recipes look for it, relative to the project."""
        return NANO if self.source is None else f"models/{self.source.rpartition('/')[2]}"

    @property
    def argument(self) -> str:
        """What ``train --model`` is given."""
        return "nano" if self.source is None else self.directory

    @property
    def weight_files(self) -> list[str]:
        """Names of the weight files."""
        if self.shards == 1:
            return ["model.safetensors"]
        count = range(1, self.shards + 1)
        return [f"model-{number:05}-of-{self.shards:05}.safetensors" for number in count]

    @property
    def architecture(self) -> Architecture:
        """What torchtune builds for it."""
        if self.source is None:
            return families.read(PROJECT / NANO)
        return families.from_config(self.config, f"model {self.title}")


def _qwen2_5(width: int, inner: int, layers: int, heads: int, kv_heads: int) -> dict[str, Any]:
    small = width < 2048
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000.0,
        "tie_word_embeddings": small,
        "use_sliding_window": False,
        "vocab_size": 151_936 if small else 152_064,
    }


MODELS = {
    "llama3_1_8b": ReadyModel(
        "Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.1-8B-Instruct",
        shards=4,
        config={
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "max_position_embeddings": 131_072,
            "rms_norm_eps": 1e-5,
            "rope_theta": 500_000.0,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
            "tie_word_embeddings": False,
            "vocab_size": 128_256,
        },
    ),
    "qwen2_5_14b": ReadyModel(
        "Qwen2.5-14B-Instruct",
        "Qwen/Qwen2.5-14B-Instruct",
        shards=8,
        processes=(2, 4),
        config=_qwen2_5(5120, 13824, 48, 40, 8),
    ),
    "qwen2_5_coder_0_5b": ReadyModel(
        "Qwen2.5-Coder-0.5B-Instruct",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        config=_qwen2_5(896, 4864, 24, 14, 2),
    ),
    "qwen2_5_coder_1_5b": ReadyModel(
        "Qwen2.5-Coder-1.5B-Instruct",
        "Qwen/Qwen2.5-Coder-1.5B-Instruct",
        config=_qwen2_5(1536, 8960, 28, 12, 2),
    ),
    "qwen2_5_coder_7b": ReadyModel(
        "Qwen2.5-Coder-7B-Instruct",
        "Qwen/Qwen2.5-Coder-7B-Instruct",
        shards=4,
        config=_qwen2_5(3584, 18944, 28, 28, 4),
    ),
    "nano": ReadyModel("the nano model", None),
}
"""By the name of their folder."""
