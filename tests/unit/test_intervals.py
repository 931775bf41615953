"""Bootstrap intervals against scipy's, and against the truth of simulated questions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from codemix_core.evaluation import intervals
from codemix_core.evaluation.intervals import difference_interval, mean_interval

Values = NDArray[np.float64]


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: g.beta(0.5, 0.5, 80),
        lambda g: g.binomial(1, 0.3, 150).astype(float),
        lambda g: g.binomial(32, g.beta(2, 1, 400)) / 32,
        lambda g: g.exponential(1.0, 60),
    ],
    ids=["beta", "right or wrong", "pass rates", "skewed"],
)
def test_intervals_agree_with_scipys_percentile_bootstrap(
    draw: Callable[[np.random.Generator], Values],
) -> None:
    values = draw(np.random.default_rng(7))
    ours = mean_interval(values)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.value == pytest.approx(values.mean())
    # Two thousand resamples place a 2.5% quantile within about 2% of the width (one sigma).
    assert ours.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.08 * width)


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda g: g.binomial(1, 0.6, 100).astype(float), 0.6),
        (lambda g: g.binomial(32, g.beta(2.0, 1.3, 100)) / 32, 2.0 / 3.3),
        (lambda g: g.beta(0.5, 1.5, 100), 0.25),
    ],
    ids=["right or wrong", "pass rates", "beta"],
)
def test_a_95_percent_interval_holds_the_truth_about_95_times_in_100(
    draw: Callable[[np.random.Generator], Values], truth: float
) -> None:
    generator = np.random.default_rng(11)
    trials = 500
    found = [mean_interval(draw(generator), seed) for seed in range(trials)]
    coverage = sum(i.low <= truth <= i.high for i in found) / trials
    assert 0.90 <= coverage <= 0.98


def test_a_paired_difference_is_narrower_than_the_runs_apart_and_covers_the_truth() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for seed in range(300):
        hardness = generator.beta(0.6, 0.6, 120)
        before = generator.binomial(64, hardness) / 64
        after = generator.binomial(64, np.clip(hardness + 0.1 * (1 - hardness), 0, 1)) / 64
        gap = difference_interval(after, before, seed)
        covered += gap.low <= 0.05 <= gap.high
        assert gap.margin < mean_interval(before).margin
        assert gap.value == pytest.approx(after.mean() - before.mean())
    assert 0.90 <= covered / 300 <= 0.98


finite = st.floats(-1e6, 1e6)


@settings(max_examples=40)
@given(st.lists(finite, min_size=2, max_size=60), st.integers(0, 9))
@example([349526.3007467614] * 3, 0)
def test_an_interval_is_deterministic_within_the_values_and_ignores_missing_ones(
    values: list[float], seed: int
) -> None:
    found = mean_interval(values, seed)
    assert found == mean_interval(values, seed)
    assert mean_interval([*values, np.nan, np.nan], seed) == found
    assert min(values) <= found.low <= found.high <= max(values)
    assert found.questions == len(values)


def test_few_distinct_values_are_resampled_like_any_others() -> None:
    """The multinomial over distinct values and the draw of questions are one distribution."""
    values = np.repeat([0.0, 0.25, 1.0], [50, 30, 20])
    nudged = values + np.linspace(0, 1e-9, values.size)
    few, many = mean_interval(values), mean_interval(nudged)
    assert np.unique(nudged).size == values.size
    assert few.low == pytest.approx(many.low, abs=0.08 * 2 * many.margin)
    assert few.high == pytest.approx(many.high, abs=0.08 * 2 * many.margin)


def test_chunks_bound_the_memory_without_changing_what_is_estimated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(0).random(300)
    whole = mean_interval(values)
    monkeypatch.setattr(intervals, "CHUNK_CELLS", 1000)
    chunked = mean_interval(values)
    assert chunked.low == pytest.approx(whole.low, abs=0.08 * 2 * whole.margin)
    assert chunked.high == pytest.approx(whole.high, abs=0.08 * 2 * whole.margin)


def test_degenerate_samples_have_no_interval_or_one_without_width() -> None:
    nothing = mean_interval([np.nan])
    assert nothing.questions == 0
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    assert nothing.document() == {"value": None, "low": None, "high": None, "questions": 0}
    single = mean_interval([0.4])
    assert (single.value, single.questions) == (0.4, 1)
    assert np.isnan([single.low, single.high, single.margin]).all()
    equal = mean_interval([0.1] * 7)
    assert (equal.low, equal.high) == (equal.value, equal.value)
    assert equal.value == pytest.approx(0.1)


def test_runs_over_different_questions_have_no_paired_difference() -> None:
    with pytest.raises(ValueError, match="differ in questions"):
        difference_interval([0.1, 0.2], [0.1])
