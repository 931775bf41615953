"""The pass@k estimator against exact counting."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.evaluation.pass_at_k import ladder, pass_at_k


@st.composite
def counts(draw: st.DrawFn, most: int = 4096) -> tuple[int, int, int]:
    n = draw(st.integers(1, most))
    return n, draw(st.integers(0, n)), draw(st.integers(1, min(n, 256)))


@given(counts())
def test_the_estimate_equals_the_exact_fraction(drawn: tuple[int, int, int]) -> None:
    n, c, k = drawn
    exact = 1 - Fraction(comb(n - c, k), comb(n, k))
    assert float(pass_at_k(n, c, k)) == pytest.approx(float(exact), rel=1e-11, abs=1e-300)


@given(counts(most=9))
def test_the_estimate_is_the_share_of_draws_with_a_correct_answer(
    drawn: tuple[int, int, int],
) -> None:
    n, c, k = drawn
    draws = list(combinations([True] * c + [False] * (n - c), k))
    assert float(pass_at_k(n, c, k)) == pytest.approx(sum(map(any, draws)) / len(draws))


@given(st.lists(counts(), min_size=1, max_size=20))
def test_many_questions_at_once_give_what_each_gives_alone(
    drawn: list[tuple[int, int, int]],
) -> None:
    k = min(k for _, _, k in drawn)
    together = pass_at_k([n for n, _, _ in drawn], [c for _, c, _ in drawn], k)
    assert together.tolist() == [float(pass_at_k(n, c, k)) for n, c, _ in drawn]
    assert ((together >= 0) & (together <= 1)).all()


@given(counts())
def test_more_draws_never_lower_the_estimate_and_pass_at_1_is_the_pass_rate(
    drawn: tuple[int, int, int],
) -> None:
    n, c, k = drawn
    assert float(pass_at_k(n, c, 1)) == c / n
    assert float(pass_at_k(n, c, k)) >= float(pass_at_k(n, c, 1)) - 1e-12


@pytest.mark.parametrize(
    ("n", "c", "k"),
    [([4, 3], [1, 1], 4), (4, 1, 0), (4, 5, 1), (4, -1, 1), (4.0, 1, 1), (4, 1.5, 1), (0, 0, 1)],
)
def test_counts_that_allow_no_estimate_are_refused(n: object, c: object, k: int) -> None:
    with pytest.raises(ValueError):
        pass_at_k(n, c, k)  # type: ignore[arg-type]


def test_no_questions_give_no_estimates() -> None:
    empty = np.array([], dtype=np.int64)
    assert pass_at_k(empty, empty, 8).shape == (0,)


@given(st.integers(1, 5000))
def test_the_ladder_doubles_from_1_and_ends_at_n(n: int) -> None:
    steps = ladder(n)
    assert steps[0] == 1
    assert steps[-1] == n
    assert all(b == 2 * a for a, b in pairwise(steps[:-1]))
    assert len(steps) == 1 or steps[-2] < n <= 2 * steps[-2]


def test_there_is_no_ladder_without_answers() -> None:
    with pytest.raises(ValueError):
        ladder(0)
