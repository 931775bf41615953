"""Records and tables: what is written is what was declared, or nothing."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.records import (
    GENERATIONS,
    VERDICTS,
    Generation,
    TestResult,
    Verdict,
    content_hash,
)
from codemix_core.records import Question as Q


def generation(**changes: object) -> Generation:
    row = Generation("q1", 0, "answer", "code", "stop", 2, [1, 2], [-0.5, -0.25])
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]


def verdict(**changes: object) -> Verdict:
    tests = [TestResult("t1", "passed"), TestResult("t2", "failed", "got 1")]
    row = Verdict(
        *("q1", 0, "failed", 0.5, 1, 2, tests, "", "hash", "A", "bubblewrap", 0.1, 20.0, False)
    )
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]


def question(question_id: str = "q1", **changes: object) -> Q:
    row = Q(question_id, 1, ["sum"], "python", "cases", "f", "def f(x):", "", "Add.", "gold", "[]")
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]


def test_rows_come_back_as_they_were_written() -> None:
    rows = [verdict(), verdict(sample_index=1, score=None, seconds=None)]
    assert VERDICTS.from_rows(VERDICTS.to_arrow(rows).to_pylist()) == rows


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"sample_index": "one"}, "sample_index"),
        ({"sample_index": 2**40}, "sample_index"),
        ({"raw_output": None}, "raw_output"),
        ({"raw_output": b"\xff"}, "raw_output"),
        ({"token_ids": ["a"]}, "token_ids"),
        ({"raw_output": "\ud800"}, "raw_output"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_column(
    changes: dict[str, object], column: str
) -> None:
    with pytest.raises(ValueError, match=f"generations, column {column}"):
        GENERATIONS.to_arrow([generation(**changes)])


def test_a_record_of_another_table_is_refused() -> None:
    with pytest.raises(TypeError, match="takes Generation rows, got Verdict"):
        GENERATIONS.to_arrow([verdict()])


def test_the_content_hash_ignores_order_and_source_fields_only() -> None:
    one, two = question("a"), question("b")
    assert content_hash([one, two]) == content_hash([two, one])
    assert content_hash([one]) == content_hash([question("a", extra='{"n": 3}')])
    assert content_hash([one]) != content_hash([question("a", tests="[1]")])
    assert content_hash([one, two]) != content_hash([one])


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_a_round_trip(text: str) -> None:
    rows = GENERATIONS.from_rows(GENERATIONS.to_arrow([generation(raw_output=text)]).to_pylist())
    assert rows[0].raw_output == text
