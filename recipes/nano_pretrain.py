"""Pretrains the nano model from scratch: about 1M parameters, Qwen2 architecture, two CPU cores.

The model is imperfect on purpose: it learns from solutions with planted bugs (nano_bugs.py),
so at the workbench's default temperature of 0.8 nearly every question is answered sometimes
right and sometimes wrong. Afterwards pass@1 per split and prompt style is measured with the
workbench's own ``sample`` and ``score``.

Guaranteed: the same seed, steps, machine and number of threads give the same weights, unless
``--minutes`` cuts training short. Not guaranteed: the same weights on another machine, whose
matrix products round differently; pass@1 then agrees within a few hundredths.

Examples:
  python recipes/nano_pretrain.py --out /tmp/nano
  python recipes/nano_pretrain.py --out /tmp/nano --seed 1 --minutes 3
  python recipes/nano_pretrain.py --out /tmp/nano --no-evaluation
  python recipes/nano_pretrain.py --out /tmp/nano --evaluate-only
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nano_bugs import check_tables
from nano_corpus import Example, Mix, examples
from nano_tokenizer import END_OF_TEXT, SPECIAL, TURN_END, save_tokenizer, train_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase, Qwen2ForCausalLM

CONTEXT = 2048
"""Longest prompt and answer together, tokens."""

MIX = Mix(
    bug_rate={1: 0.3, 2: 0.26, 3: 0.5},
    share={1: 0.1, 2: 0.65, 3: 0.25},
    cot_share=0.5,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Size and schedule of pretraining.

    steps: optimizer steps; batch: sequences a step; peak: highest learning rate, reached
    after ``warmup`` steps and then lowered along a cosine to a twentieth.
    clean: share of the steps, at the beginning, that see right solutions only. These teach the
    skills several times faster than faulty ones; how often a step is wrong is learned quickly.
    """

    steps: int = 2200
    batch: int = 16
    peak: float = 3e-3
    warmup: int = 60
    clean: float = 0.6


Tokens = tuple[list[int], int]
"""Token ids of prompt and answer, and how many of them are prompt."""


def main() -> None:
    """Trains, saves and measures, as the command line asks."""
    args = parse_arguments()
    # Threads that spin while they wait cost a machine shared with other work most of its speed.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    folder: Path = args.out
    if not args.evaluate_only:
        folder.mkdir(parents=True, exist_ok=True)
        pretrain(folder, args.seed, Plan(steps=args.steps), args.minutes)
    if args.evaluation:
        from nano_measure import measure

        measure(folder, args.seed)


def parse_arguments() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="directory for the model")
    parser.add_argument("--seed", type=int, default=0, help="of questions, corpus and weights")
    parser.add_argument("--steps", type=int, default=Plan().steps, help="optimizer steps")
    parser.add_argument(
        "--minutes", type=float, default=9.0, help="stop training after this long (default 9)"
    )
    parser.add_argument(
        "--no-evaluation", dest="evaluation", action="store_false", help="train and save only"
    )
    parser.add_argument(
        "--evaluate-only", action="store_true", help="measure the model already in --out"
    )
    return parser.parse_args()


def pretrain(folder: Path, seed: int, plan: Plan, minutes: float) -> None:
    """Trains tokenizer and model and writes both to ``folder`` in Hugging Face layout."""
    import torch
    from transformers import AutoTokenizer

    check_tables()
    torch.manual_seed(seed)
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    print("writing the corpus", flush=True)
    steps = {False: math.ceil(plan.clean * plan.steps)}
    steps[True] = plan.steps - steps[False] + 1
    corpus = {
        faulty: list(examples(seed, count * plan.batch, MIX, faulty))
        for faulty, count in steps.items()
    }
    sample = corpus[False][:2500] + corpus[True][:2500]
    raw = train_tokenizer((text for e in sample for text in turns(e)), vocab_size=2048)
    save_tokenizer(raw, folder, CONTEXT)
    model = new_model(raw.get_vocab_size())
    model.config.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    size = sum(p.numel() for p in model.parameters())
    print(f"{size:,} parameters, {len(tokenizer):,} tokens, {plan.steps:,} steps", flush=True)
    data = {
        faulty: batches([encode(tokenizer, e.messages, e.answer) for e in part], plan, seed)
        for faulty, part in corpus.items()
    }
    train(model, data, plan, minutes)
    model.to(torch.bfloat16).save_pretrained(folder)


def turns(example: Example) -> Iterator[str]:
    """Every turn of an example with its role, as chat templates write it."""
    for message in example.messages:
        yield f"{message['role']}\n{message['content']}\n"
    yield f"assistant\n{example.answer}\n"


def new_model(vocab_size: int) -> Qwen2ForCausalLM:
    """A fresh model; embeddings are tied, heads are 32 wide (the least vLLM's CPU kernels take)."""
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    end, pad = SPECIAL.index(TURN_END), SPECIAL.index(END_OF_TEXT)
    config = Qwen2Config(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )
    model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(
        bos_token_id=None, eos_token_id=end, pad_token_id=pad, do_sample=True, temperature=0.8
    )
    return model


def encode(
    tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]], answer: str
) -> Tokens:
    """Token ids of prompt and answer. The answer ends with the end of turn, nothing after it."""
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    before = tokenizer.encode(prompt, add_special_tokens=False)
    after = tokenizer.encode(answer + TURN_END, add_special_tokens=False)
    return before + after, len(before)


def batches(data: list[Tokens], plan: Plan, seed: int) -> list[list[Tokens]]:
    """Each example once, in batches of similar length, batches in random order."""
    rng = random.Random(f"nano {seed} batches")
    reach = 16 * plan.batch
    result = []
    for start in range(0, len(data), reach):
        near = sorted(data[start : start + reach], key=lambda tokens: len(tokens[0]))
        group = [near[i : i + plan.batch] for i in range(0, len(near), plan.batch)]
        rng.shuffle(group)
        result += group
    return result


def train(
    model: Qwen2ForCausalLM, data: dict[bool, list[list[Tokens]]], plan: Plan, minutes: float
) -> None:
    """One pass over the right and then over the faulty batches; the loss covers answers only.

    Where ``minutes`` end training early, both parts and the learning rate's schedule shrink.
    """
    import torch

    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.peak, betas=(0.9, 0.95), weight_decay=0.05, fused=True
    )
    model.train()
    began, shown = time.monotonic(), 0.0
    right, faulty = iter(data[False]), cycle(data[True])
    for done in range(plan.steps):
        spent = (time.monotonic() - began) / 60
        progress = max(done / plan.steps, spent / minutes)
        if progress >= 1:
            print(f"{minutes:g} minutes are over after {done} of {plan.steps} steps")
            break
        for group in optimizer.param_groups:
            group["lr"] = plan.peak * rate(done, progress, plan.warmup)
        loss = answer_loss(model, next(right if progress < plan.clean else faulty))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if spent * 60 - shown > 10 or done + 1 == plan.steps:
            shown = spent * 60
            left = spent * (1 - progress) / progress if progress else 0.0
            text = f"step {done + 1}/{plan.steps}  loss {loss.item():.3f}"
            print(f"{text}  {spent:.1f} min, ETA {left:.1f} min", flush=True)


def rate(step: int, progress: float, warmup: int) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine from 1 to 0.05."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress))


def answer_loss(model: Qwen2ForCausalLM, batch: list[Tokens]) -> torch.Tensor:
    """Mean negative log-probability of the batch's answer tokens, nats.

    Sequences are padded on the right, where causal attention never looks, so no mask is needed.
    """
    import torch

    width = max(len(ids) for ids, _ in batch)
    inputs = torch.zeros(len(batch), width, dtype=torch.long)
    answers = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, (ids, prompt) in enumerate(batch):
        inputs[row, : len(ids)] = torch.tensor(ids)
        answers[row, prompt : len(ids)] = True
    hidden = model.model(inputs[:, :-1], use_cache=False).last_hidden_state
    logits = model.lm_head(hidden[answers[:, 1:]])
    return torch.nn.functional.cross_entropy(logits, inputs[:, 1:][answers[:, 1:]])


if __name__ == "__main__":
    main()
