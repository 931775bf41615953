"""Saving work changes no value: shared prompts, merged answers, chunks and batches of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from codemix_core.training import sequences
from codemix_core.training.group_data import TokenGroup
from codemix_core.training.grpo import token_loss
from codemix_core.training.grpo_spec import GrpoSpec
from codemix_core.training.grpo_steps import Start, step_batches
from codemix_core.training.pair_data import Pairs, sums
from codemix_core.training.sequences import IGNORED, Answer, batches, collate, log_probs, rows_of
from tests.training_data import load_model

PAD = 0


@pytest.fixture(scope="module")
def model(nano_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The bundled model in float64, so that equal means equal."""
    return load_model(nano_model, tmp_path_factory.mktemp("out")).double()


def ids(seed: int, size: int) -> Any:
    return np.random.default_rng(seed).integers(3, 1000, size)


def plain(model: Any, prompt: Any, answer: Any, temperature: float = 1.0) -> torch.Tensor:
    """Log-probabilities of an answer's tokens, one row, the whole forward pass of torchtune."""
    tokens = torch.tensor(np.concatenate([prompt, answer]))[None]
    logits = model(tokens).double()[0, len(prompt) - 1 : -1] / temperature
    return F.log_softmax(logits, -1).gather(1, torch.tensor(answer)[:, None])[:, 0]


def answers_of(*tokens: Any) -> list[Answer]:
    return [Answer(t, t) for t in tokens]


def gradients(model: Any) -> torch.Tensor:
    flat = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad(set_to_none=True)
    return flat


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_answers_that_share_a_row_have_the_log_probabilities_of_rows_of_their_own(
    model: Any, temperature: float
) -> None:
    prompts = [ids(1, 20), ids(2, 7)]
    answers = [[ids(10 + i, 3 + 4 * i) for i in range(4)], [ids(20, 1), ids(21, 30)]]
    rows = [
        row
        for number in (0, 1)
        for row in rows_of(
            prompts[number],
            answers_of(*answers[number]),
            [(number, i) for i in range(len(answers[number]))],
        )
    ]
    assert len(rows) == 2
    batch = collate(rows, PAD)
    found, entropy = log_probs(model, batch, temperature)
    seen = 0
    for (number, i), span in batch.spans():
        expected = plain(model, prompts[number], answers[number][i], temperature)
        assert torch.allclose(found[span].double(), expected, atol=1e-5)
        seen += 1
    assert seen == 6
    assert found.dtype == torch.float32
    assert (entropy >= 0).all()


def test_the_entropy_is_that_of_the_whole_distribution(model: Any) -> None:
    prompt, answer = ids(1, 9), ids(2, 5)
    _, entropy = log_probs(model, collate(rows_of(prompt, answers_of(answer), [0]), PAD))
    logits = model(torch.tensor(np.concatenate([prompt, answer]))[None])[0, 8:-1]
    expected = torch.distributions.Categorical(logits=logits).entropy()
    assert torch.allclose(entropy, expected.float(), atol=1e-4)


def test_chunks_of_logits_change_neither_values_nor_gradients(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(ids(1, 8), answers_of(ids(2, 40), ids(3, 25)), [0, 1])
    batch = collate(rows, PAD)
    whole, _ = log_probs(model, batch)
    (whole * torch.arange(65)).sum().backward()
    expected = gradients(model)
    monkeypatch.setattr(sequences, "LOGIT_BYTES", 4 * 1075 * 7)
    parts, entropy = log_probs(model, batch)
    assert len(entropy) == 65
    (parts * torch.arange(65)).sum().backward()
    assert torch.equal(parts, whole)
    assert torch.allclose(gradients(model), expected, atol=1e-8, rtol=1e-6)


def test_only_labelled_tokens_are_predicted(model: Any) -> None:
    prompt, answer = ids(1, 6), ids(2, 8)
    labels = answer.copy()
    labels[[0, 3, 7]] = IGNORED
    batch = collate(rows_of(prompt, [Answer(answer, labels)], ["a"]), PAD)
    found, _ = log_probs(model, batch)
    expected = plain(model, prompt, answer)[torch.tensor([1, 2, 4, 5, 6])]
    assert torch.allclose(found.double(), expected, atol=1e-5)


@given(
    lengths=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 40)), min_size=1, max_size=30),
    budget=st.integers(1, 400),
)
@settings(deadline=None, max_examples=50)
def test_batches_keep_their_budget_and_lose_no_answer(lengths: Any, budget: int) -> None:
    rows = [
        row
        for i, (prompt, answer) in enumerate(lengths)
        for row in rows_of(ids(i, prompt), answers_of(ids(i, answer)), [i])
    ]
    made = list(batches(rows, budget, PAD))
    assert sorted(key for batch in made for key in batch.keys) == list(range(len(lengths)))
    assert all(b.tokens.numel() <= budget or len(b.tokens) == 1 for b in made)
    assert sum(b.real_tokens for b in made) == sum(p + a for p, a in lengths)


def test_long_answers_get_rows_of_their_own() -> None:
    rows = rows_of(ids(1, 100), answers_of(*(ids(i, 300) for i in range(3))), [0, 1, 2])
    assert [row.keys for row in rows] == [(0,), (1,), (2,)]
    rows = rows_of(ids(1, 300), answers_of(*(ids(i, 300) for i in range(4))), [0, 1, 2, 3])
    assert [row.keys for row in rows] == [(0, 1, 2), (3,)]


def some_groups(old: bool) -> list[TokenGroup]:
    """Two groups with answers sampled several times, each time with numbers of its own."""
    random = np.random.default_rng(5)
    made = []
    for seed, member in ((1, (0, 1, 0, 2, 0)), (2, (0, 0, 1, 1))):
        answers = tuple(ids(10 * seed + i, 4 + 3 * i) for i in range(max(member) + 1))
        rewards = random.random(len(member))
        sampled = tuple(
            -random.random(len(answers[i])).astype(np.float32) * 8 if old else None for i in member
        )
        centred = rewards - rewards.mean()
        scaled = centred / rewards.std()
        prompt = ids(seed, 12)
        made.append(
            TokenGroup(f"q{seed}", prompt, answers, member, sampled, rewards, scaled, centred)
        )
    return made


def naive(model: Any, groups: list[TokenGroup], spec: GrpoSpec, start: Any) -> torch.Tensor:
    """The loss with a forward pass for every generation, token by token."""
    total = torch.zeros((), dtype=torch.float64)
    tokens = sum(len(g.answers[i]) for g in groups for i in g.member)
    for group in groups:
        advantages = group.advantages if spec.scale_rewards else group.unscaled_advantages
        for number, i in enumerate(group.member):
            new = plain(model, group.prompt, group.answers[i], spec.temperature)
            before = plain(start, group.prompt, group.answers[i], spec.temperature).detach()
            stored = group.old[number]
            old = before if stored is None or spec.temperature != 1 else torch.tensor(stored)
            ratio = (new - old).exp()
            bounded = ratio.clamp(1 - spec.clip_low, 1 + spec.clip_high)
            gain = torch.minimum(ratio * advantages[number], bounded * advantages[number])
            kl = (before - new).exp() - (before - new) - 1
            loss = spec.kl_coef * kl - gain
            if spec.loss_average == "token":
                total = total + loss.sum() / tokens
            else:
                total = total + loss.mean() / len(group.member) / len(groups)
    return total


@pytest.mark.parametrize(
    ("spec", "old"),
    [
        (GrpoSpec(tokens_per_micro_batch=40), True),
        (GrpoSpec(tokens_per_micro_batch=1, loss_average="token"), False),
        (GrpoSpec(kl_coef=0.3, loss_average="token", scale_rewards=False, clip_high=0.28), True),
        (GrpoSpec(temperature=0.8), True),
    ],
    ids=["small batches", "no log-probabilities", "kl, tokens, unscaled", "tempered"],
)
def test_merged_answers_give_the_loss_and_gradient_of_one_pass_per_generation(
    model: Any, nano_model: Path, tmp_path: Path, spec: GrpoSpec, old: bool
) -> None:
    groups = some_groups(old)
    start_model = load_model(nano_model, tmp_path).double()
    with torch.no_grad():
        for p in start_model.parameters():
            p.mul_(1.02)
    start = Start(groups, spec)
    with torch.no_grad():
        start.compute(lambda batch: log_probs(start_model, batch, spec.temperature)[0], 50, 0, bool)
    total = 0.0
    forwarded = 0
    for part in step_batches(list(enumerate(groups)), start, spec, PAD):
        found, _ = log_probs(model, part.batch, spec.temperature)
        loss = token_loss(found[part.member], part.old, part.advantages, part.reference, spec)
        weighted = (loss.loss * part.weights).sum()
        weighted.backward()
        total += weighted.item()
        forwarded += len(part.batch.keys)
    merged = gradients(model)
    expected = naive(model, groups, spec, start_model)
    expected.backward()
    assert forwarded == 5  # of 9 generations
    assert total == pytest.approx(expected.item(), rel=1e-4, abs=1e-6)
    reference = gradients(model)
    assert torch.allclose(merged, reference, rtol=1e-3, atol=2e-5 * float(reference.abs().max()))


def test_answers_without_advantage_are_left_out_but_stay_in_the_averages(model: Any) -> None:
    group = some_groups(True)[0]
    even = TokenGroup(
        **{n: getattr(group, n) for n in ("question_id", "prompt", "answers", "member", "old")},
        rewards=np.ones(5),
        advantages=np.array([0.0, 1.0, 0.0, -1.0, 0.0]),
        unscaled_advantages=np.zeros(5),
    )
    (part,) = step_batches([(0, even)], Start([even], GrpoSpec()), GrpoSpec(), PAD)
    assert part.batch.keys == [(0, 1), (0, 2)]
    expected = [1 / 5 / len(even.answers[i]) for i in (1, 2) for _ in even.answers[i]]
    assert torch.allclose(part.weights, torch.tensor(expected))
    assert not list(
        step_batches([(0, even)], Start([even], GrpoSpec()), GrpoSpec(scale_rewards=False), PAD)
    )
    kl = GrpoSpec(kl_coef=0.1)
    start = Start([even], kl)
    start.compute(lambda batch: torch.zeros(len(batch.targets)), 100, PAD, bool)
    (part,) = step_batches([(0, even)], start, kl, PAD)
    assert len(part.batch.keys) == 3


class PairsOf:
    """A preference dataset of two pairs: one shares its prompt, one differs in it."""

    items = (
        {
            "chosen_input_ids": [5, 6, 7, 8, 9],
            "chosen_labels": [-100, -100, -100, 8, 9],
            "rejected_input_ids": [5, 6, 7, 11],
            "rejected_labels": [-100, -100, -100, 11],
        },
        {
            "chosen_input_ids": [50, 60, 70],
            "chosen_labels": [-100, 60, 70],
            "rejected_input_ids": [51, 60, 71, 72],
            "rejected_labels": [-100, -100, 71, 72],
        },
    )

    def __len__(self) -> int:
        return 2

    def __getitem__(self, place: int) -> Any:
        return self.items[place]


def test_pairs_have_the_sums_that_torchtune_computes(model: Any) -> None:
    from torchtune.data import padded_collate_dpo
    from torchtune.rlhf import get_batch_log_probs

    pairs = Pairs(PairsOf())
    tokens, labels = padded_collate_dpo([dict(item) for item in PairsOf.items])
    expected = get_batch_log_probs(model(tokens), labels).view(2, 2)
    batch = collate(pairs.rows([0, 1]), PAD)
    found, lengths = sums(log_probs(model, batch)[0], batch.spans(), 2)
    assert torch.allclose(found.double(), expected.double(), atol=1e-5)
    assert lengths.tolist() == [[2, 2], [1, 2]]
    assert pairs.tokens([0, 1]) == 16
    assert batch.real_tokens == 6 + 7
