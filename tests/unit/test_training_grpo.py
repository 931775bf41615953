"""GRPO's loss and gradient are the papers', computed here token by token in plain floats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codemix_core.errors import SpecError
from codemix_core.training import grpo_spec
from codemix_core.training.grpo import k3, token_loss, token_weights
from codemix_core.training.grpo_spec import GrpoSpec

NAT = st.floats(-4, -0.01)
TOKEN = st.tuples(NAT, NAT, NAT)
GROUP = st.lists(st.lists(TOKEN, min_size=1, max_size=5), min_size=1, max_size=4)
STEP = st.lists(GROUP, min_size=1, max_size=3)


def reference_loss(step: list[Any], advantages: list[list[float]], spec: GrpoSpec) -> float:
    """Equation 3 of Shao et al. 2024 (or DAPO's equation 8) as sums over tokens, no tensors."""

    def token(values: tuple[float, float, float], advantage: float) -> float:
        new, old, ref = values
        ratio = math.exp(new - old)
        bounded = min(max(ratio, 1 - spec.clip_low), 1 + spec.clip_high)
        if spec.clip_max is not None and advantage < 0:  # Ye et al. 2020, equation 5
            ratio = min(ratio, spec.clip_max)
        kl = math.exp(ref - new) - (ref - new) - 1
        return min(ratio * advantage, bounded * advantage) - spec.kl_coef * kl

    objective = 0.0
    total = sum(len(answer) for group in step for answer in group)
    for group, advs in zip(step, advantages, strict=True):
        for answer, advantage in zip(group, advs, strict=True):
            tokens = sum(token(values, advantage) for values in answer)
            if spec.loss_average == "token":
                objective += tokens / total
            else:
                objective += tokens / len(answer) / len(group) / len(step)
    return -objective


def flat(step: list[Any], advantages: list[list[float]], average: str) -> tuple[Any, Any, Any]:
    """(values ``[3, token]``, advantage and weight of each token)."""
    weights = token_weights([[len(a) for a in group] for group in step], average)
    values, adv, weight = [], [], []
    for number, group in enumerate(step):
        for place, answer in enumerate(group):
            values += answer
            adv += [advantages[number][place]] * len(answer)
            weight += [weights[number][place]] * len(answer)
    per_token = [torch.tensor(x, dtype=torch.float64) for x in (values, adv, weight)]
    return per_token[0].T, per_token[1], per_token[2]


@pytest.mark.parametrize("average", grpo_spec.AVERAGES)
@given(
    step=STEP,
    data=st.data(),
    kl=st.sampled_from([0.0, 0.1]),
    most=st.sampled_from([None, 1.1, 3.0]),
)
@settings(deadline=None, max_examples=60)
def test_the_loss_of_a_step_is_the_papers(
    average: str, step: Any, data: Any, kl: float, most: float | None
) -> None:
    more: dict[str, Any] = {"kl_coef": kl, "loss_average": average, "clip_max": most}
    spec = GrpoSpec(clip_low=0.2, clip_high=0.28, **more)
    advantages = [[data.draw(st.floats(-2, 2)) for _ in group] for group in step]
    (new, old, ref), adv, weight = flat(step, advantages, average)
    found = token_loss(new, old, adv, ref if kl else None, spec)
    expected = reference_loss(step, advantages, spec)
    assert (found.loss * weight).sum().item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_gradient_is_the_weighted_ratio_and_none_where_it_is_clipped() -> None:
    spec = GrpoSpec(clip_low=0.2, clip_high=0.28, kl_coef=0.05)
    ratio = torch.tensor([1.0, 1.27, 1.29, 1.29, 0.81, 0.79, 0.79], dtype=torch.float64)
    adv = torch.tensor([1.5, 1.5, 1.5, -1.5, -1.5, -1.5, 1.5], dtype=torch.float64)
    old = torch.full_like(ratio, -1.3)
    new = (old + ratio.log()).requires_grad_()
    ref = old - 0.4
    found = token_loss(new, old, adv, ref, spec)
    assert found.clipped.tolist() == [False, False, True, False, False, True, False]
    found.loss.sum().backward()
    free = ~found.clipped
    expected = -(ratio * adv) * free + spec.kl_coef * (1 - (ref - new.detach()).exp())
    assert torch.allclose(new.grad, expected, rtol=1e-12)


def test_a_bounded_ratio_keeps_a_worse_answers_token_from_outweighing_the_step() -> None:
    adv = torch.tensor([-1.5, -1.5, 1.5], dtype=torch.float64)
    ratio = torch.tensor([2.9, 90.0, 90.0], dtype=torch.float64)
    old = torch.full_like(ratio, -5.0)
    for most, gradient in ((None, [2.9 * 1.5, 90 * 1.5, 0.0]), (3.0, [2.9 * 1.5, 0.0, 0.0])):
        new = (old + ratio.log()).requires_grad_()
        found = token_loss(new, old, adv, None, GrpoSpec(clip_high=4.0, clip_max=most))
        found.loss.sum().backward()
        assert new.grad.tolist() == pytest.approx(gradient)
        assert found.clipped.tolist() == [False, most is not None, True]


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    new, old, ref = -2 * torch.rand(3, 12, generator=generator, dtype=torch.float64)
    adv = torch.randn(12, generator=generator, dtype=torch.float64)
    spec = GrpoSpec(kl_coef=0.2)

    def total(log_probs: torch.Tensor) -> torch.Tensor:
        return token_loss(log_probs, old, adv, ref, spec).loss

    assert torch.autograd.gradcheck(total, [new.requires_grad_()], eps=1e-6, atol=1e-8)


def test_on_policy_the_gradient_is_that_of_the_plain_policy_gradient() -> None:
    """With ratio 1 the surrogate's gradient is A * grad log pi (Williams 1992)."""
    new = torch.tensor([-0.5, -2.0, -1.0], dtype=torch.float64, requires_grad=True)
    adv = torch.tensor([0.7, -0.3, 0.0], dtype=torch.float64)
    found = token_loss(new, new.detach(), adv, None, GrpoSpec())
    found.loss.sum().backward()
    assert torch.allclose(new.grad, -adv)
    assert found.old_kl.tolist() == [0, 0, 0]


@given(new=NAT, other=NAT)
def test_k3_is_never_negative_and_nought_only_where_both_agree(new: float, other: float) -> None:
    value = k3(torch.tensor(new, dtype=torch.float64), torch.tensor(other, dtype=torch.float64))
    assert value.item() >= 0
    assert value.item() == pytest.approx(math.exp(other - new) - (other - new) - 1, abs=1e-12)
    assert k3(torch.tensor(new), torch.tensor(new)).item() == 0


def test_k3_is_an_unbiased_estimate_of_the_kl() -> None:
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
    estimate = (p * k3(torch.tensor(np.log(p)), torch.tensor(np.log(q))).numpy()).sum()
    assert estimate == pytest.approx((p * np.log(p / q)).sum(), rel=1e-12)


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=6), min_size=1, max_size=5))
def test_weights_of_a_step_sum_to_one_however_tokens_are_averaged(lengths: Any) -> None:
    for average in grpo_spec.AVERAGES:
        weights = token_weights(lengths, average)
        total = sum(float((w * np.array(n)).sum()) for w, n in zip(weights, lengths, strict=True))
        assert total == pytest.approx(1)
    sequence = token_weights(lengths, "sequence")
    answers = [w * np.array(n) for w, n in zip(sequence, lengths, strict=True)]
    assert all(np.allclose(a, 1 / len(lengths) / len(a)) for a in answers)
    assert len({float(w) for group in token_weights(lengths, "token") for w in group}) == 1


def test_a_grpo_block_names_every_problem_at_once() -> None:
    block = {"clip_low": 1.5, "clip_high": 0, "kl_coef": -1, "scale_rewards": "yes", "beta": 1}
    block |= {"loss_average": "mean", "groups_per_step": 0, "epochs_per_batch": 1.5}
    block |= {"tokens_per_micro_batch": True, "temperature": 0}
    with pytest.raises(SpecError) as caught:
        grpo_spec.parse(block)
    named = {problem.where.removeprefix("grpo.") for problem in caught.value.problems}
    assert named == set(block)
    assert grpo_spec.parse({"kl_coef": 0.04}) == GrpoSpec(kl_coef=0.04)
