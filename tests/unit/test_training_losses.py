"""The preference losses are the papers' formulas, computed here in plain floats."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codemix_core.errors import SpecError
from codemix_core.training.losses import DPOPositiveLoss, NLLRegularisedDPOLoss

NAT = st.floats(-40, -0.1)
FOUR = st.tuples(NAT, NAT, NAT, NAT)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > 0 else math.exp(value) / (1 + math.exp(value))


def dpo_positive(w: float, l: float, ref_w: float, ref_l: float, beta: float, lam: float) -> float:  # noqa: E741
    """Pal et al. 2024, equation 3, as printed."""
    penalty = max(0.0, ref_w - w)
    return -math.log(sigmoid(beta * ((w - ref_w) - (l - ref_l) - lam * penalty)))


def regularised(four: tuple[float, ...], beta: float, alpha: float, length: int) -> float:
    """Pang et al. 2024, equation 1, as printed."""
    w, l, ref_w, ref_l = four  # noqa: E741
    return -math.log(sigmoid(beta * (w - ref_w) - beta * (l - ref_l))) - alpha * w / length


def tensors(*rows: tuple[float, ...]) -> list[torch.Tensor]:
    return [torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)]


@given(FOUR, st.floats(0.01, 1), st.floats(0, 20))
@settings(deadline=None)
def test_dpo_positive_is_its_formula(four: Any, beta: float, lam: float) -> None:
    expected = dpo_positive(*four, beta, lam) if beta * (41 + 41 * lam) < 700 else None
    losses, chosen, rejected = DPOPositiveLoss(beta, lam)(*tensors(four))
    if expected is not None:
        assert losses.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert chosen.item() == pytest.approx(beta * (four[0] - four[2]))
    assert rejected.item() == pytest.approx(beta * (four[1] - four[3]))


@given(FOUR, st.floats(0.01, 1), st.floats(0, 3), st.integers(1, 500))
@settings(deadline=None)
def test_the_likelihood_term_is_per_token_of_the_chosen_answer(
    four: Any, beta: float, alpha: float, length: int
) -> None:
    losses, _, _ = NLLRegularisedDPOLoss(beta, alpha)(
        *tensors(four), chosen_lengths=torch.tensor([length])
    )
    assert losses.item() == pytest.approx(regularised(four, beta, alpha, length), rel=1e-9)


@pytest.mark.parametrize(
    "ours", [DPOPositiveLoss(0.3, 0.0), NLLRegularisedDPOLoss(0.3, 0.0)], ids=["dpop", "rpo"]
)
def test_without_their_weight_they_are_torchtunes_dpo_bit_for_bit(ours: Any) -> None:
    from torchtune.rlhf.loss import DPOLoss

    generator = torch.Generator().manual_seed(3)
    values = [-20 * torch.rand(64, generator=generator) for _ in range(4)]
    for mine, theirs in zip(ours(*values), DPOLoss(beta=0.3)(*values), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("chosen", [-12.0, -4.0], ids=["penalty on", "penalty off"])
@pytest.mark.parametrize("name", ["dpop", "rpo"])
def test_gradients_are_those_of_finite_differences(chosen: float, name: str) -> None:
    rows = [(chosen, -9.0, -7.0, -8.0), (chosen - 1, -3.0, -7.5, -8.0)]

    def total(*values: torch.Tensor) -> torch.Tensor:
        if name == "dpop":
            return DPOPositiveLoss(0.1, 5.0)(*values)[0]
        return NLLRegularisedDPOLoss(0.1, 0.7)(*values, chosen_lengths=torch.tensor([9, 30]))[0]

    values = [value.requires_grad_() for value in tensors(*rows)]
    assert torch.autograd.gradcheck(total, values, eps=1e-6, atol=1e-8)


def test_dpo_positive_pushes_a_fallen_chosen_answer_up_where_dpo_lets_it_fall() -> None:
    """Both answers fell, the rejected one further: the margin is fine, the model is not."""
    fallen = [v.requires_grad_() for v in tensors((-20.0, -60.0, -5.0, -5.0))]
    DPOPositiveLoss(0.1, 50.0)(*fallen)[0].sum().backward()
    held = fallen[0].grad
    plain = [v.requires_grad_() for v in tensors((-20.0, -60.0, -5.0, -5.0))]
    DPOPositiveLoss(0.1, 0.0)(*plain)[0].sum().backward()
    assert held is not None
    assert plain[0].grad is not None
    assert held.item() < 50 * plain[0].grad.item() < 0
    assert held.item() == pytest.approx(-0.1 * 51, rel=1e-6)


def test_rewards_carry_no_gradient() -> None:
    values = [v.requires_grad_() for v in tensors((-4.0, -5.0, -6.0, -7.0))]
    for loss in (DPOPositiveLoss(), NLLRegularisedDPOLoss(alpha=0)):
        assert [x.requires_grad for x in loss(*values)] == [True, False, False]


def test_a_recipe_that_passes_no_lengths_is_told_so_instead_of_training_on_another_loss() -> None:
    with pytest.raises(SpecError, match=r"recipes/dpo\.py"):
        NLLRegularisedDPOLoss()(*tensors((-4.0, -5.0, -6.0, -7.0)))


def test_an_answer_without_trained_tokens_adds_nothing() -> None:
    values = tensors((0.0, -5.0, 0.0, -7.0))
    with_it, _, _ = NLLRegularisedDPOLoss(0.1, 9.0)(*values, chosen_lengths=torch.tensor([0]))
    assert torch.equal(with_it, NLLRegularisedDPOLoss(0.1, 0.0)(*values)[0])


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: DPOPositiveLoss(0.0), "loss.beta"),
        (lambda: DPOPositiveLoss(0.1, -1.0), "loss.dpop_lambda"),
        (lambda: NLLRegularisedDPOLoss(float("nan")), "loss.beta"),
        (lambda: NLLRegularisedDPOLoss(0.1, "1"), "loss.alpha"),
    ],
)
def test_impossible_weights_are_refused(make: Any, field: str) -> None:
    with pytest.raises(SpecError, match=field):
        make()
