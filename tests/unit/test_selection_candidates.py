"""Scored generations as columns: joined right, whatever order and shards they come in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.records import Generation, Question, Verdict
from codemix_core.selection.reading import _sums, load
from codemix_core.workspace import Workspace
from tests.selection_data import (
    PROGRAMS,
    candidates,
    generation,
    scored,
    verdict,
    write_runs,
)

Scored = tuple[list[str], list[Generation], list[Verdict]]


@given(scored())
def test_every_generation_with_a_score_is_there_once_with_its_own_score(run: Scored) -> None:
    names, generations, verdicts = run
    found = candidates(names, generations, verdicts)
    score = {(v.question_id, v.sample_index): v.score for v in verdicts}
    wanted = {
        (g.question_id, g.sample_index): score[g.question_id, g.sample_index]
        for g in generations
        if score.get((g.question_id, g.sample_index)) is not None
    }
    keys = [(names[q], int(s)) for q, s in zip(found.question, found.sample, strict=True)]
    assert dict(zip(keys, found.score.tolist(), strict=True)) == wanted
    assert keys == sorted(keys, key=lambda key: (names.index(key[0]), key[1]))
    unscored = len(generations) - len(verdicts)
    infra = sum(v.score is None for v in verdicts)
    assert found.left_out == {"infra_error": infra, "not_scored": unscored}


@given(scored(), st.integers(1, 9))
def test_the_shards_rows_lie_in_change_nothing_but_where_they_lie(run: Scored, rows: int) -> None:
    one, other = candidates(*run), candidates(*run, shard_rows=rows)
    for name in ("question", "sample", "score", "status", "tokens", "characters", "program"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert np.array_equal(one.logprob, other.logprob, equal_nan=True)


@given(scored())
def test_columns_say_of_a_generation_what_its_record_says(run: Scored) -> None:
    names, generations, verdicts = run
    found = candidates(names, generations, verdicts)
    for generated in generations:
        row = found.find(generated.question_id, generated.sample_index)
        if row is None:
            continue
        assert found.characters[row] == len(generated.raw_output)
        assert found.code_characters[row] == (-1 if generated.code is None else len(generated.code))
        assert found.finished[row] == (generated.finish_reason != "length")
        if generated.logprobs is None:
            assert np.isnan(found.logprob[row])
            assert found.tokens[row] == -1
        else:
            assert np.isclose(found.logprob[row], sum(generated.logprobs), atol=1e-4)


@given(scored())
def test_programs_whose_answers_got_different_scores_are_conflicting(run: Scored) -> None:
    found = candidates(*run)
    scores: dict[tuple[int, int], set[float]] = {}
    for row in range(len(found)):
        key = (int(found.question[row]), int(found.program[row]))
        scores.setdefault(key, set()).add(float(found.score[row]))
    for row in range(len(found)):
        key = (int(found.question[row]), int(found.program[row]))
        assert found.conflicting[row] == (len(scores[key]) > 1)


def test_a_logprob_that_is_no_number_counts_as_missing() -> None:
    made = [generation("q", 0, PROGRAMS[0], logprobs=[-1.0, float("nan")])]
    made.append(generation("q", 1, PROGRAMS[1], logprobs=[-1.0, -2.0]))
    found = candidates(["q"], made, [verdict("q", 0, 4), verdict("q", 1, 4)])
    assert np.isnan(found.logprob[0])
    assert found.logprob[1] == -3.0


def test_a_run_on_disk_is_read_like_its_records_and_its_texts_come_back_in_any_order(
    workspace: Workspace, nano: list[Question]
) -> None:
    generations = [
        generation(q.question_id, i, PROGRAMS[i % 6]) for i in range(8) for q in nano[:5]
    ]
    verdicts = [verdict(g.question_id, g.sample_index, g.sample_index % 5) for g in generations]
    sampling, scoring = write_runs(workspace, "nano", nano, generations, verdicts)
    read = load(sampling, scoring)
    texts = {(g.question_id, g.sample_index): g.raw_output for g in generations}
    rows = np.array([30, 2, 17, 2, 0, 39])
    names = [q.question_id for q in nano]
    wanted = [
        texts[names[int(read.candidates.question[row])], int(read.candidates.sample[row])]
        for row in rows
    ]
    assert read.reader.answers(rows, "raw_output") == wanted
    assert read.reader.answers(rows[:0], "code") == []


def test_an_empty_run_has_no_candidates(workspace: Workspace, nano: list[Question]) -> None:
    sampling, scoring = write_runs(workspace, "nano", nano, [], [])
    assert len(load(sampling, scoring).candidates) == 0


def test_a_sum_of_log_probabilities_does_not_depend_on_the_rows_beside_it() -> None:
    tiny = -4.6588206992e-13
    lists = pa.chunked_array([[[-1.0], [tiny], [], None, [-0.5, -0.25], [float("nan"), -1.0]]])
    sums = _sums(lists)
    assert sums[:3].tolist() == [-1.0, tiny, 0.0]
    assert np.isnan(sums[[3, 5]]).all()
    assert sums[4] == -0.75


def test_answers_compare_in_tokens_also_beside_a_question_that_counts_none() -> None:
    counted = [generation("q0", i, f"x = {'1' * i}", logprobs=[-0.1] * (5 - i)) for i in range(2)]
    uncounted = generation("q1", 0, "x = 1")
    verdicts = [verdict("q0", 0, 4), verdict("q0", 1, 4), verdict("q1", 0, 4)]
    found = candidates(["q0", "q1"], [*counted, uncounted], verdicts)
    assert found.length("raw_output").tolist() == [5, 4, len(uncounted.raw_output)]
    assert [found.unit("raw_output", row) for row in (0, 2)] == ["tokens", "characters"]
    assert found.unit("raw_output") == "tokens or characters"
    assert found.length("code").tolist() == [4, 5, 5]
