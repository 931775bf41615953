"""Does the training stack see what the sampler sampled?

A few dozen sampled answers are scored by the model as torchtune builds and loads it, on the
tokens that the training tokenizer makes of them, and compared with the log-probabilities that
the sampler stored. Where the two stacks agree, the mean difference per token is a rounding
error; a wrong chat template, end of turn, rotary base or weight mapping shows as a gap. A model
may be indifferent to a change of its template, so the prompts' tokens are compared, too.

Run as ``python -m codemix_core.training.parity RUN``: in a process of its own, so that the
model's memory is free again before training starts.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import yaml

from codemix_core import files
from codemix_core.records import GENERATIONS, PROMPTS
from codemix_core.workspace import RunDir, Workspace

ANSWERS = 48
"""Sampled answers that are scored."""
MAX_GAP = 0.05
"""Nats per token; a larger mean difference stops the launch."""


@dataclass(frozen=True)
class Parity:
    """Mean log-probabilities per trained token, nats, over the same answers.

    answers, tokens: how many were compared; none when all are longer than what is trained on.
    sampler, trainer: the mean under each. worst_question: the question whose answer differs most,
    and its difference. other_prompts: answers whose prompt has other tokens than the sampler was
    given. dated: the chat template writes today's date, so prompts of another day differ.
    """

    answers: int
    tokens: int
    sampler: float
    trainer: float
    worst_question: str
    worst_gap: float
    other_prompts: int
    dated: bool

    @property
    def gap(self) -> float:
        """Absolute mean difference, nats per token."""
        return abs(self.trainer - self.sampler)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "gap": self.gap}


@dataclass(frozen=True)
class Answer:
    """One sampled answer: its prompt, text and what the sampler gave it in total, nats.

    prompt: the tokens that the sampler was given; None when it did not say.
    """

    question_id: str
    messages: str
    prompt: list[int] | None
    raw_output: str
    total: float
    tokens: int


def sampled_answers(sampling: RunDir, most: int = ANSWERS) -> list[Answer]:
    """Finished answers of a sampling run with stored log-probabilities, from many questions."""
    import pyarrow.parquet as pq

    prompts = {
        row["question_id"]: (row["messages"], row["token_ids"])
        for row in sampling.read(PROMPTS, ["question_id", "messages", "token_ids"]).to_pylist()
    }
    columns = ["question_id", "raw_output", "logprobs", "finish_reason"]
    rows = (
        row
        for path in sampling.shards(GENERATIONS)
        for batch in pq.ParquetFile(path).iter_batches(256, columns=columns)
        for row in batch.to_pylist()
        if row["logprobs"] and row["finish_reason"] == "stop"
    )
    found: dict[str, Answer] = {}
    for row in islice(rows, 64 * most):
        name = row["question_id"]
        if name not in found and name in prompts:
            total, count = sum(row["logprobs"]), len(row["logprobs"])
            found[name] = Answer(name, *prompts[name], row["raw_output"], total, count)
        if len(found) == most:
            break
    return list(found.values())


def compare(config: dict[str, Any], answers: list[Answer]) -> Parity:
    """Score the answers with the model of a torchtune configuration.

    Args:
        config: complete; its model, checkpointer, tokenizer, device and dtype are used.
    """
    import torch

    tokenizer, model, device = _load(config)
    longest = int(config["model"]["max_seq_len"])
    found: list[tuple[Answer, float, int, bool]] = []
    with torch.inference_mode():
        for answer in answers:
            ids, start = _tokens(tokenizer, answer)
            if len(ids) > longest:
                continue
            logits = model(torch.tensor([ids], device=device))
            logits = torch.cat(logits, dim=1) if isinstance(logits, list) else logits
            each = torch.log_softmax(logits[0, start - 1 : -1].float(), dim=-1)
            chosen = torch.tensor(ids[start:], device=device)
            total = float(each.gather(1, chosen[:, None]).sum())
            other = answer.prompt is not None and answer.prompt != ids[:start]
            found.append((answer, total, len(ids) - start, other))
    gaps = {a.question_id: total / n - a.total / a.tokens for a, total, n, _ in found}
    worst = max(gaps, key=lambda name: abs(gaps[name]), default="")
    return Parity(
        answers=len(found),
        tokens=sum(n for _, _, n, _ in found),
        sampler=sum(a.total for a, *_ in found) / max(1, sum(a.tokens for a, *_ in found)),
        trainer=sum(total for _, total, *_ in found) / max(1, sum(n for _, _, n, _ in found)),
        worst_question=worst,
        worst_gap=gaps.get(worst, 0.0),
        other_prompts=sum(other for *_, other in found),
        dated="strftime_now" in str(tokenizer.hf.chat_template),
    )


def _tokens(tokenizer: Any, answer: Answer) -> tuple[list[int], int]:
    """Tokens as training makes them, and where the trained ones begin."""
    from torchtune.data import Message

    prompt = json.loads(answer.messages)
    turns = [Message(role=m["role"], content=m["content"], masked=True) for m in prompt]
    turns.append(Message(role="assistant", content=answer.raw_output))
    ids, mask = tokenizer.tokenize_messages(turns)
    return ids, mask.index(False)


def _load(config: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Tokenizer, model with its weights, and device, by torchtune's own means."""
    import torch
    from omegaconf import OmegaConf
    from torchtune import config as torchtune_config
    from torchtune import training

    cfg = OmegaConf.create(config)
    device = torch.device(str(cfg.device))
    dtype = training.get_dtype(str(cfg.dtype), device)
    checkpointer = torchtune_config.instantiate(cfg.checkpointer, resume_from_checkpoint=False)
    weights = checkpointer.load_checkpoint()[training.MODEL_KEY]
    with training.set_default_dtype(dtype), device:
        model = torchtune_config.instantiate(cfg.model)
    model.load_state_dict(weights, strict="lora_rank" not in cfg.model)
    model.eval()
    if "lora_rank" in cfg.model:
        _silence_adapters(model)
    tokenizer = torchtune_config.instantiate(cfg.tokenizer, max_seq_len=None)  # cut nothing here
    return tokenizer, model, device


def _silence_adapters(model: Any) -> None:
    """A fresh adapter adds nothing once its second matrix is zero."""
    import torch

    for name, parameter in model.named_parameters():
        if ".lora_b." in name:
            torch.nn.init.zeros_(parameter)


def main(run_id: str, sampling_id: str) -> int:
    """Compare for one training run and write the result."""
    workspace = Workspace.open()
    run = workspace.run(run_id)
    config = yaml.safe_load(run.config_path.read_text(encoding="utf-8"))
    found = compare(config, sampled_answers(workspace.run(sampling_id)))
    files.write_json(run.parity_path, found.document())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
