"""Named queries against rows counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codemix_core import store
from codemix_core.records import GENERATIONS, VERDICTS, Generation, Question, Status, Verdict
from codemix_core.sampling.stage import SampleSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.workspace import RunDir, Workspace

OUTCOMES = [
    (Status.PASSED, 1.0),
    (Status.FAILED, 0.5),
    (Status.TIMEOUT, 0.0),
    (Status.NO_CODE, 0.0),
    (Status.TAMPERED, 0.0),
    (Status.INFRA_ERROR, None),
]


def sampled(workspace: Workspace, rows: list[Generation]) -> RunDir:
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    with run.writer(GENERATIONS) as writer:
        writer.extend(rows)
    return run


def scored(workspace: Workspace, sampling: RunDir, rows: list[Verdict]) -> RunDir:
    run = workspace.new_run(ScoreSpec.parse({"run": sampling.run_id}))
    with run.writer(VERDICTS) as writer:
        writer.extend(rows)
    return run


def generation(question_id: str, index: int, code: str | None = "pass") -> Generation:
    return Generation(question_id, index, f"```python\n{code}\n```", code, "stop", 7, None, None)


def verdict(question_id: str, index: int, outcome: tuple[Status, float | None]) -> Verdict:
    status, score = outcome
    return Verdict(
        question_id,
        index,
        *(status, score, 0, 2, [], "", f"hash of {question_id} {index}"),
        *("A", "bubblewrap", 0.01, 10.0, False),
    )


@given(
    outcomes=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([*OUTCOMES, None])), min_size=1, max_size=40
    )
)
@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_question_counts_agree_with_a_count_by_hand(
    workspace: Workspace,
    all_nano: list[Question],
    outcomes: list[tuple[int, tuple[Status, float | None] | None]],
) -> None:
    if not workspace.question_sets():
        workspace.write_question_set("nano", all_nano[:4], {})
    rows = [(all_nano[which].question_id, i, o) for i, (which, o) in enumerate(outcomes)]
    sampling = sampled(workspace, [generation(name, i) for name, i, _ in rows])
    run = scored(workspace, sampling, [verdict(name, i, o) for name, i, o in rows if o])
    frame = store.Store(workspace).question_counts(run.run_id).set_index("question_id")
    assert set(frame.index) == {name for name, _, _ in rows}
    for name, row in frame.iterrows():
        mine = [o for other, _, o in rows if other == name]
        scores = [o[1] for o in mine if o and o[1] is not None]
        assert row["n"] == len(mine)
        assert row["scored"] == len(scores)
        assert row["correct"] == scores.count(1.0)
        assert row["score_sum"] == pytest.approx(sum(scores))
        for status in Status:
            assert row[status.value] == sum(1 for o in mine if o and o[0] == status)


def test_a_sampling_run_without_scores_has_counts_but_no_pass_rate(
    workspace: Workspace, nano: list[Question]
) -> None:
    sampling = sampled(workspace, [generation(nano[0].question_id, i) for i in range(3)])
    frame = store.Store(workspace).question_counts(sampling.run_id)
    assert frame["n"].to_list() == [3]
    assert frame["scored"].to_list() == [0]
    assert frame["pass_rate"].isna().all()


def test_a_run_that_wrote_nothing_yet_gives_empty_tables(
    workspace: Workspace, nano: list[Question]
) -> None:
    sampling = sampled(workspace, [])
    assert len(store.Store(workspace).question_counts(sampling.run_id)) == 0
    assert store.Store(workspace).frame("generation_totals", sampling.run_id)["samples"][0] == 0


def test_identical_programs_form_one_group(workspace: Workspace, nano: list[Question]) -> None:
    name = nano[0].question_id
    codes = ["a", "b", "a", None, "a", None]
    sampling = sampled(workspace, [generation(name, i, code) for i, code in enumerate(codes)])
    groups = store.Store(workspace).frame("program_groups", sampling.run_id, question_id=name)
    found = [(row["count"], list(row["sample_indexes"])) for _, row in groups.iterrows()]
    assert found == [(3, [0, 2, 4]), (2, [3, 5]), (1, [1])]


def test_earlier_verdicts_come_back_whole_and_infrastructure_errors_never(
    workspace: Workspace, nano: list[Question]
) -> None:
    name = nano[0].question_id
    sampling = sampled(workspace, [generation(name, i) for i in range(2)])
    good, broken = verdict(name, 0, OUTCOMES[0]), verdict(name, 1, OUTCOMES[-1])
    scored(workspace, sampling, [good, broken])
    found = store.Store(workspace).earlier_verdicts([good.program_hash, broken.program_hash, "x"])
    assert found == {good.program_hash: good}


def test_an_unknown_query_names_those_there_are() -> None:
    with pytest.raises(KeyError, match="question_counts"):
        store.sql("../../etc/passwd")


def test_every_query_says_what_it_is_for() -> None:
    assert len(store.names()) > 5
    for name in store.names():
        assert store.sql(name).startswith("-- ")
