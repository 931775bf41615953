"""Best-of-N picks the top-scoring answers, says why, and obeys people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.records import Generation, Verdict
from codemix_core.selection.best_of_n import (
    TIE_BREAKS,
    PickDecisions,
    PickRule,
    Reasons,
    choose,
    pick_yield,
    ranking,
    without_pick,
)
from codemix_core.selection.candidates import Candidates
from tests.selection_data import PROGRAMS, candidates, generation, scored, verdict

Scored = tuple[list[str], list[Generation], list[Verdict]]
RULE = PickRule(1.0, 1, "first", 0, "raw_output")


@st.composite
def rules(draw: st.DrawFn) -> PickRule:
    return PickRule(
        draw(st.sampled_from([0.0, 0.5, 1.0])),
        draw(st.integers(1, 3)),
        draw(st.sampled_from(TIE_BREAKS)),
        draw(st.integers(0, 2)),
        draw(st.sampled_from(["raw_output", "code"])),
    )


def _allowed(c: Candidates, rule: PickRule, row: int) -> bool:
    text = c.code_characters[row] if rule.column == "code" else c.characters[row]
    ended = bool(c.finished[row]) or rule.column == "code"
    return bool(text > 0 and ended and not c.conflicting[row] and c.score[row] >= rule.min_score)


@given(scored(), rules())
def test_picks_are_the_best_allowed_different_programs_of_every_question(
    run: Scored, rule: PickRule
) -> None:
    c = candidates(*run)
    picks = choose(c, rule)
    for place in range(len(c.question_ids)):
        span = c.rows_of(place)
        allowed = [row for row in range(span.start, span.stop) if _allowed(c, rule, row)]
        mine = [int(row) for row in picks.rows if c.question[row] == place]
        programs = {int(c.program[row]) for row in allowed}
        assert set(mine) <= set(allowed)
        assert len(mine) == min(len(programs), rule.picks_per_question)
        assert len({int(c.program[row]) for row in mine}) == len(mine)
        scores = [float(c.score[row]) for row in mine]
        best_of_each = sorted(
            (max(float(c.score[r]) for r in allowed if c.program[r] == p) for p in programs),
            reverse=True,
        )
        assert scores == best_of_each[: len(scores)]


@given(scored(), rules())
def test_a_tie_goes_as_the_rule_says(run: Scored, rule: PickRule) -> None:
    c = candidates(*run)
    length = c.length(rule.column)
    for row in choose(c, replace(rule, picks_per_question=1)).rows:
        rivals = [
            r
            for r in range(len(c))
            if c.question[r] == c.question[row]
            and c.score[r] == c.score[row]
            and _allowed(c, rule, r)
        ]
        if rule.tie_break == "shortest":
            assert length[row] == min(length[r] for r in rivals)
        if rule.tie_break == "first":
            assert c.sample[row] == min(c.sample[r] for r in rivals)
        if rule.tie_break == "highest_logprob" and np.isfinite(c.logprob[rivals]).any():
            assert c.logprob[row] == np.nanmax(c.logprob[rivals])


@given(scored(), rules())
def test_the_same_rule_gives_the_same_picks_and_other_questions_do_not_matter(
    run: Scored, rule: PickRule
) -> None:
    names, generations, verdicts = run
    whole = candidates(*run)
    picks = choose(whole, rule)
    for name in names:
        alone = candidates(
            [name],
            [g for g in generations if g.question_id == name],
            [v for v in verdicts if v.question_id == name],
        )
        mine = [
            int(whole.sample[row])
            for row in picks.rows
            if whole.question_ids[whole.question[row]] == name
        ]
        assert [int(alone.sample[row]) for row in choose(alone, rule).rows] == mine


@given(scored(), rules())
def test_questions_with_and_without_a_pick_are_all_questions_with_a_score(
    run: Scored, rule: PickRule
) -> None:
    c = candidates(*run)
    picks = choose(c, rule)
    with_pick = {c.question_ids[c.question[row]] for row in picks.rows}
    without = without_pick(c, picks)
    assert with_pick.isdisjoint(without)
    assert with_pick | set(without) == {c.question_ids[q] for q in c.question}
    found = pick_yield(c, rule, picks)
    assert (found.rows, found.questions) == (len(picks.rows), len(with_pick))


@given(scored(), rules(), st.data())
def test_people_decide_before_the_rule(run: Scored, rule: PickRule, data: st.DataObject) -> None:
    c = candidates(*run)
    rows = ranking(c, rule)
    if not len(rows):
        return
    row = int(data.draw(st.sampled_from(rows.tolist())))
    chosen = choose(c, rule, PickDecisions(chosen={int(c.question[row]): row}))
    firsts = {int(c.question[r]): int(r) for r, rank in _zip(chosen) if rank == 0}
    assert firsts[int(c.question[row])] == row
    rejected = choose(c, rule, PickDecisions(rejected=frozenset({row})))
    assert row not in rejected.rows


def _zip(picks: object) -> list[tuple[int, int]]:
    return list(zip(picks.rows.tolist(), picks.rank.tolist(), strict=True))  # type: ignore[attr-defined]


def test_a_person_may_choose_what_the_rule_would_not() -> None:
    made = [generation("q", 0, PROGRAMS[0]), generation("q", 1, PROGRAMS[1])]
    c = candidates(["q"], made, [verdict("q", 0, 4), verdict("q", 1, 2)])
    decisions = PickDecisions(chosen={0: 1})
    assert choose(c, RULE, decisions).rows.tolist() == [1]
    assert Reasons(c, RULE, decisions).of(1, 0) == "chosen by a person"


def test_an_answer_cut_at_the_token_limit_is_picked_for_its_code_only() -> None:
    made = [generation("q", 0, PROGRAMS[0], finish="length")]
    c = candidates(["q"], made, [verdict("q", 0, 4)])
    assert len(choose(c, RULE).rows) == 0
    assert choose(c, replace(RULE, column="code")).rows.tolist() == [0]


def test_answers_without_logprobs_lose_a_logprob_tie() -> None:
    made = [
        generation("q", 0, PROGRAMS[0]),
        generation("q", 1, PROGRAMS[1], logprobs=[-9.0]),
        generation("q", 2, PROGRAMS[2], logprobs=[-1.0, -1.0]),
    ]
    c = candidates(["q"], made, [verdict("q", i, 4) for i in range(3)])
    rule = replace(RULE, tie_break="highest_logprob", picks_per_question=3)
    assert choose(c, rule).rows.tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("tie_break", "words"),
    [
        ("shortest", "by length"),
        ("first", "by order of sampling (no. 0)"),
        ("random", "by chance (seed 0)"),
        ("highest_logprob", "by log-probability"),
    ],
)
def test_the_reason_names_the_score_and_what_broke_the_tie(tie_break: str, words: str) -> None:
    made = [generation("q", i, PROGRAMS[i], logprobs=[-1.0 - i] * 4) for i in range(3)]
    c = candidates(["q"], made, [verdict("q", 0, 4), verdict("q", 1, 4), verdict("q", 2, 2)])
    rule = replace(RULE, tie_break=tie_break, min_score=0.0)  # type: ignore[arg-type]
    reasons = Reasons(c, rule)
    first = int(choose(c, rule).rows[0])
    text = reasons.of(first, 0)
    assert text.startswith("top of 3 acceptable programs, score 1; of 2 with that score")
    assert words in text
    assert reasons.of(2, 2) == "no. 3 of 3 acceptable programs, score 0.5"


def test_a_rejected_answer_does_not_come_back_as_another_sample_of_itself() -> None:
    made = [generation("q", index, PROGRAMS[0]) for index in range(3)]
    made.append(generation("q", 3, PROGRAMS[0], text="other reasoning\n" + made[0].raw_output))
    found = candidates(["q"], made, [verdict("q", index, 4) for index in range(4)])
    rejected = PickDecisions({}, frozenset({0}))
    assert choose(found, RULE, rejected).rows.tolist() == [3]
    assert not choose(found, replace(RULE, column="code"), rejected).rows.tolist()
    assert choose(found, RULE, PickDecisions({0: 1}, frozenset({0}))).rows.tolist() == [1]
