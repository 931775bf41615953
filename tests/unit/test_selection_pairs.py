"""Every pair strategy keeps the promises of all, and its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from codemix_core.errors import SpecError
from codemix_core.records import Generation, Verdict
from codemix_core.selection.candidates import Candidates, Integers
from codemix_core.selection.pairs import STRATEGIES, PairRule, PairTable, choose, possible_pairs
from codemix_core.selection.yields import compare, pair_yield
from tests.selection_data import PROGRAMS, candidates, generation, random_run, scored, verdict

Scored = tuple[list[str], list[Generation], list[Verdict]]
SCORES = [0.0, 0.25, 0.5, 0.75, 1.0]


@st.composite
def rules(draw: st.DrawFn) -> PairRule:
    return PairRule(
        strategy=draw(st.sampled_from(sorted(STRATEGIES))),
        minimum_preferred_score=draw(st.sampled_from(SCORES)),
        maximum_dispreferred_score=draw(st.sampled_from(SCORES)),
        num_preference_pairs_per_question=draw(st.integers(1, 4)),
        margin=draw(st.sampled_from(SCORES)),
        seed=draw(st.integers(0, 3)),
    )


def table_of(run: Scored, column: str = "raw_output") -> PairTable:
    names, generations, verdicts = run
    found = candidates(names, generations, verdicts)
    codes = {(g.question_id, g.sample_index): g.code or "" for g in generations}

    def programs(rows: Integers) -> list[str]:
        return [codes[names[found.question[r]], int(found.sample[r])] for r in rows]

    return possible_pairs(found, column, programs)  # type: ignore[arg-type]


columns = st.sampled_from(["raw_output", "code"])


@given(scored(), rules(), columns)
def test_no_strategy_makes_a_forbidden_pair(run: Scored, rule: PairRule, column: str) -> None:
    table = table_of(run, column)
    c = table.candidates
    records = {(g.question_id, g.sample_index): g for g in run[1]}
    verdicts = {(v.question_id, v.sample_index): v for v in run[2]}
    for place in choose(table, rule):
        chosen, rejected = int(table.chosen[place]), int(table.rejected[place])
        keys = [(c.question_ids[c.question[r]], int(c.sample[r])) for r in (chosen, rejected)]
        assert keys[0][0] == keys[1][0]
        assert c.score[chosen] > c.score[rejected]
        assert c.program[chosen] != c.program[rejected]
        assert all(verdicts[key].status != "infra_error" for key in keys)
        assert records[keys[0]].finish_reason != "length" or column == "code"
        assert column == "raw_output" or all(records[key].code for key in keys)
        assert not c.conflicting[[chosen, rejected]].any()


@given(scored(), rules())
def test_strategies_obey_the_settings_they_say_they_use(run: Scored, rule: PairRule) -> None:
    table = table_of(run)
    places = choose(table, rule)
    uses = STRATEGIES[rule.strategy].uses
    if "minimum_preferred_score" in uses:
        assert (table.chosen_score[places] >= rule.minimum_preferred_score).all()
        assert (table.rejected_score[places] <= rule.maximum_dispreferred_score).all()
    if "margin" in uses:
        assert (table.gap[places] >= rule.margin - 1e-9).all()
    if "num_preference_pairs_per_question" in uses:
        counts = Counter(table.question[places].tolist())
        assert max(counts.values(), default=0) <= rule.num_preference_pairs_per_question
    pairs = list(zip(table.chosen[places], table.rejected[places], strict=True))
    assert len(pairs) == len(set(pairs))


@given(scored(), rules())
def test_settings_a_strategy_does_not_name_change_nothing(run: Scored, rule: PairRule) -> None:
    table = table_of(run)
    others = {
        "minimum_preferred_score": 0.5,
        "maximum_dispreferred_score": 0.25,
        "num_preference_pairs_per_question": 2,
        "margin": 0.75,
    }
    unused = {k: v for k, v in others.items() if k not in STRATEGIES[rule.strategy].uses}
    changed = replace(rule, **unused)  # type: ignore[arg-type]
    assert np.array_equal(choose(table, rule), choose(table, changed))


@given(scored(), rules())
def test_no_allowed_question_goes_without_a_pair(run: Scored, rule: PairRule) -> None:
    """A limit per question may drop pairs, never a question."""
    table = table_of(run)
    allowed = np.unique(table.question[STRATEGIES[rule.strategy].keep(table, rule)])
    assert np.array_equal(np.unique(table.question[choose(table, rule)]), allowed)


@given(scored(), rules())
def test_a_questions_pairs_do_not_depend_on_the_other_questions(
    run: Scored, rule: PairRule
) -> None:
    names, generations, verdicts = run
    whole = _pairs(table_of(run), rule)
    for name in names:
        alone = (
            [name],
            [g for g in generations if g.question_id == name],
            [v for v in verdicts if v.question_id == name],
        )
        assert _pairs(table_of(alone), rule) == [p for p in whole if p[0] == name]


@given(scored(), rules())
def test_a_range_of_questions_gives_their_part_of_the_pairs(run: Scored, rule: PairRule) -> None:
    whole = table_of(run)
    pieces = []
    for place in range(len(run[0])):
        piece = possible_pairs(
            whole.candidates, whole.column, whole.programs, slice(place, place + 1)
        )
        pieces += _pairs(piece, rule)
    assert pieces == _pairs(whole, rule)


def _pairs(table: PairTable, rule: PairRule) -> list[tuple[str, int, int]]:
    c = table.candidates
    return [
        (
            c.question_ids[table.question[p]],
            int(c.sample[table.chosen[p]]),
            int(c.sample[table.rejected[p]]),
        )
        for p in choose(table, rule)
    ]


RULE = PairRule("original", 1.0, 1.0, 1, 0.5, 0)


@given(scored())
def test_all_gives_every_pair_of_programs_a_brute_force_search_finds(run: Scored) -> None:
    table = table_of(run)
    c = table.candidates
    wanted = set()
    for a in range(len(c)):
        for b in range(len(c)):
            same = c.question[a] == c.question[b] and c.program[a] != c.program[b]
            usable = not c.conflicting[[a, b]].any() and c.finished[a]
            if same and usable and c.score[a] == 1.0 and c.score[b] < 1.0:
                wanted.add((int(c.question[a]), int(c.program[a]), int(c.program[b])))
    places = choose(table, replace(RULE, strategy="all"))
    found = {
        (int(table.question[p]), int(c.program[table.chosen[p]]), int(c.program[table.rejected[p]]))
        for p in places
    }
    assert found == wanted
    assert len(places) == len(wanted)


@given(scored())
def test_max_min_has_the_widest_gap_of_its_question(run: Scored) -> None:
    table = table_of(run)
    for place in choose(table, replace(RULE, strategy="max_min")):
        assert table.gap[place] == table.gap[table.question == table.question[place]].max()


@given(scored())
def test_nearest_rejects_the_program_most_like_the_chosen_one(run: Scored) -> None:
    table = table_of(run)
    text = table.programs(np.arange(len(table.candidates)))
    for place in choose(table, replace(RULE, strategy="nearest")):
        chosen = int(table.chosen[place])
        rivals = table.rejected[(table.chosen == chosen) & (table.chosen_score == 1.0)]
        best = max(Indel.normalized_similarity(text[chosen], text[int(r)]) for r in rivals)
        own = Indel.normalized_similarity(text[chosen], text[int(table.rejected[place])])
        assert own == pytest.approx(best, abs=1e-5)


@given(scored())
def test_length_matched_has_the_smallest_difference_of_its_question(run: Scored) -> None:
    table = table_of(run)
    for place in choose(table, replace(RULE, strategy="length_matched")):
        same = (table.question == table.question[place]) & (table.chosen_score == 1.0)
        assert abs(table.longer_by[place]) == np.abs(table.longer_by[same]).min()


def test_chance_follows_the_seed_and_nothing_else() -> None:
    run = random_run(300, 16, programs=8)
    drawn = {}
    for seed in (0, 1):
        for attempt in (0, 1):
            table = possible_pairs(run, "raw_output", lambda rows: [""] * len(rows))
            drawn[seed, attempt] = choose(table, replace(RULE, strategy="random", seed=seed))
    assert np.array_equal(drawn[0, 0], drawn[0, 1])
    assert not np.array_equal(drawn[0, 0], drawn[1, 0])


def test_chance_treats_all_pairs_of_a_question_alike() -> None:
    made = [generation("q", i, PROGRAMS[i % 3] + f"# {i}\nx = {i}\n") for i in range(4)]
    table = table_of((["q"], made, [verdict("q", i, 4 if i == 0 else 1) for i in range(4)]))
    drawn = Counter(
        int(table.rejected[choose(table, replace(RULE, strategy="random", seed=seed))[0]])
        for seed in range(600)
    )
    assert set(drawn) == {1, 2, 3}
    assert all(150 < count < 250 for count in drawn.values())


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@pytest.mark.parametrize(
    "passed", [[4, 4, 4, 4], [0, 0, 0, 0], [2, 2, 2], [4], [], [None, None, 4]]
)
def test_questions_without_different_scores_give_no_pair(
    name: str, passed: list[int | None]
) -> None:
    made = [generation("q", i, f"def f(x):\n    return {i}\n") for i in range(len(passed))]
    run = (["q"], made, [verdict("q", i, count) for i, count in enumerate(passed)])
    table = table_of(run)
    assert len(choose(table, replace(RULE, strategy=name, margin=0.0))) == 0
    found = pair_yield(table, replace(RULE, strategy=name))
    assert (found.pairs, found.longer_share, found.mean_gap) == (0, None, None)


def test_the_same_program_written_differently_is_never_a_pair_whatever_its_scores() -> None:
    made = [generation("q", 0, PROGRAMS[0]), generation("q", 1, PROGRAMS[5])]
    table = table_of((["q"], made, [verdict("q", 0, 4), verdict("q", 1, 0)]))
    assert len(table) == 0


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"'best'.*nearest"):
        choose(table_of((["q"], [], [])), replace(RULE, strategy="best"))


@given(scored(), rules())
@settings(max_examples=50)
def test_a_yield_counts_what_the_rule_gives(run: Scored, rule: PairRule) -> None:
    table = table_of(run)
    places = choose(table, rule)
    found = pair_yield(table, rule)
    assert found.pairs == len(places) == sum(found.gap.counts)
    assert sum(found.length_difference.counts) == len(places)
    assert found.questions == len(set(table.question[places].tolist())) <= found.questions_total
    if len(places):
        assert found.longer_share == pytest.approx(float(np.mean(table.longer_by[places] > 0)))


def test_strategies_are_compared_over_the_same_pairs() -> None:
    run = random_run(50, 8, programs=5)
    table = possible_pairs(run, "raw_output", lambda rows: [f"x = {r}" for r in rows])
    found = {y.strategy: y for y in compare(table, RULE)}
    assert set(found) == set(STRATEGIES)
    assert found["all"].pairs >= found["original"].pairs == found["nearest"].pairs
    assert found["max_min"].mean_gap == max(y.mean_gap or 0 for y in found.values())


def test_a_slider_step_over_100000_generations_takes_milliseconds() -> None:
    import time

    run: Candidates = random_run(3125, 32, programs=10)
    table = possible_pairs(run, "raw_output", lambda rows: [f"x = {r}" for r in rows])
    compare(table, RULE)
    started = time.perf_counter()
    compare(table, replace(RULE, minimum_preferred_score=0.75, margin=0.25))
    assert time.perf_counter() - started < 1.0
