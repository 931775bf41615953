"""GRPO groups: advantages as defined, zero variance counted, infrastructure errors no members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.records import Generation, Verdict
from codemix_core.selection.groups import GroupRule, group_yield, groups
from tests.selection_data import candidates, generation, scored, verdict

Scored = tuple[list[str], list[Generation], list[Verdict]]
ALL = GroupRule(True, 0.0, 1.0)


@given(scored())
def test_advantages_are_the_standardised_rewards_of_the_group(run: Scored) -> None:
    c = candidates(*run)
    found = groups(c, ALL)
    for place, question in enumerate(found.question):
        span = c.rows_of(int(question))
        rewards = c.score[span]
        assert found.size[place] == len(rewards) > 0
        if len(set(rewards.tolist())) == 1:
            assert found.zero_variance[place]
            assert not found.advantage[span].any()
            continue
        assert not found.zero_variance[place]
        wanted = (rewards - rewards.mean()) / rewards.std()
        assert np.allclose(found.advantage[span], wanted)
        assert np.allclose(found.unscaled[span], rewards - rewards.mean())
        assert abs(found.advantage[span].sum()) < 1e-9


@given(scored(), st.booleans(), st.floats(0, 1), st.floats(0, 1))
def test_a_rule_keeps_what_lies_in_its_band_and_can_teach(
    run: Scored, keep: bool, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    c = candidates(*run)
    found = groups(c, GroupRule(keep, low, high))
    for place, question in enumerate(found.question):
        rewards = c.score[c.rows_of(int(question))]
        in_band = low <= float(np.mean(rewards == 1.0)) <= high
        varied = len(set(rewards.tolist())) > 1
        assert found.kept[place] == (in_band and (keep or varied))
    counted = group_yield(found)
    assert counted.groups == len(found.question)
    assert counted.kept == found.kept.sum()
    assert counted.generations == found.size[found.kept].sum()


@given(scored())
def test_a_reward_for_right_answers_alone_is_standardised_as_any_other(run: Scored) -> None:
    c = candidates(*run)
    found = groups(c, GroupRule(False, 0.0, 1.0, "correct"))
    assert found.reward.tolist() == [float(score == 1.0) for score in c.score]
    for place, question in enumerate(found.question):
        span = c.rows_of(int(question))
        p = float((c.score[span] == 1.0).mean())
        assert found.mean[place] == pytest.approx(p)
        assert found.kept[place] == (0 < p < 1)
        if 0 < p < 1:
            right, wrong = ((1 - p) / p) ** 0.5, -((p / (1 - p)) ** 0.5)
            wanted = [right if score == 1.0 else wrong for score in c.score[span]]
            assert found.advantage[span].tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(("passed", "correct"), [(4, 1), (0, 0)])
def test_groups_all_correct_or_all_wrong_have_no_variance(passed: int, correct: int) -> None:
    made = [generation("q", i, f"x = {i}") for i in range(5)]
    c = candidates(["q"], made, [verdict("q", i, passed) for i in range(5)])
    found = group_yield(groups(c, GroupRule(False, 0.0, 1.0)))
    assert (found.kept, found.zero_variance) == (0, 1)
    assert (found.all_correct, found.all_wrong) == (correct, 1 - correct)


def test_equal_rewards_that_are_no_round_numbers_have_no_variance() -> None:
    made = [generation("q", i, f"x = {i}") for i in range(7)]
    c = candidates(["q"], made, [verdict("q", i, 1, declared=3) for i in range(7)])
    assert groups(c, ALL).zero_variance.tolist() == [True]
    assert groups(c, ALL).advantage.tolist() == [0.0] * 7


def test_an_infrastructure_error_is_no_member_and_never_a_reward_of_zero() -> None:
    made = [generation("q", i, f"x = {i}") for i in range(3)]
    c = candidates(["q"], made, [verdict("q", 0, 4), verdict("q", 1, None), verdict("q", 2, 2)])
    found = groups(c, ALL)
    assert found.size.tolist() == [2]
    assert found.mean.tolist() == [0.75]


def test_a_single_generation_and_no_generation_make_no_trouble() -> None:
    alone = candidates(["q"], [generation("q", 0, "x = 1")], [verdict("q", 0, 4)])
    assert groups(alone, GroupRule(False, 0.0, 1.0)).kept.tolist() == [False]
    empty = groups(candidates(["q"], [], []), ALL)
    assert group_yield(empty).groups == 0
