"""People's decisions: append-only, undoable, and safe with two writers at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codemix_core.errors import InputError, NotFoundError
from codemix_core.records import Question
from codemix_core.selection import annotations as people
from codemix_core.workspace import RunDir, Workspace
from tests.selection_data import write_runs


@pytest.fixture
def scoring(workspace: Workspace, nano: list[Question]) -> RunDir:
    return write_runs(workspace, "nano", nano, [], [])[1]


def test_decisions_come_back_with_author_time_and_reason(scoring: RunDir) -> None:
    made = people.write(scoring, "pair", "reject", "q é", 3, 5, author="Zoë", reason="same 🐍 bug")
    assert people.read(scoring) == [made]
    held = people.current(scoring).pair("q é", 3, 5)
    assert held is not None
    assert (held.author, held.reason, held.action) == ("Zoë", "same 🐍 bug", "reject")
    assert held.time.endswith("+00:00")
    assert people.current(scoring).pair("q é", 5, 3) is None


def test_the_last_decision_holds_and_undo_brings_the_one_before_back(scoring: RunDir) -> None:
    people.write(scoring, "pair", "accept", "q", 0, 1, author="a")
    swap = people.write(scoring, "pair", "swap", "q", 0, 1, author="b")
    assert people.current(scoring).pair("q", 0, 1) == swap
    people.undo(scoring, swap.id, author="a")
    held = people.current(scoring).pair("q", 0, 1)
    assert held is not None
    assert held.action == "accept"
    assert len(people.read(scoring)) == 3
    with pytest.raises(NotFoundError, match="taken back"):
        people.undo(scoring, swap.id, author="a")


def test_undo_last_takes_back_decisions_of_its_own_session_only(scoring: RunDir) -> None:
    first = people.write(scoring, "pick", "reject", "q", 0, author="a")
    second = people.write(scoring, "pick", "reject", "q", 1, author="a")
    # The same author in another tab.
    people.write(scoring, "pick", "reject", "q", 2, author="a")
    own = [first.id, second.id]
    undone = []
    while (done := people.undo_last(scoring, author="a", among=own)) is not None:
        undone.append(done.target)
    assert undone == [second.id, first.id]
    held = people.current(scoring)
    assert held.pick("q", 0) is None
    assert held.pick("q", 2) is not None


def test_another_answer_is_picked_until_it_is_rejected(scoring: RunDir) -> None:
    people.write(scoring, "pick", "pick", "q", 7, author="a", reason="clearer")
    assert people.current(scoring).picked["q"].chosen == 7
    people.write(scoring, "pick", "reject", "q", 7, author="a")
    assert "q" not in people.current(scoring).picked


def test_notes_add_up_and_decide_nothing(scoring: RunDir) -> None:
    for text in ("look", "again"):
        people.write(scoring, "pair", "note", "q", 0, 1, author="a", reason=text)
    held = people.current(scoring)
    assert [note.reason for note in held.notes["pair", "q", 0, 1]] == ["look", "again"]
    assert held.pair("q", 0, 1) is None


@pytest.mark.parametrize(
    ("kind", "action", "chosen", "rejected", "author", "reason", "field"),
    [
        ("pick", "swap", 0, None, "a", "", "action"),
        ("pair", "pick", 0, 1, "a", "", "action"),
        ("pair", "accept", 0, None, "a", "", "rejected"),
        ("pair", "accept", 2, 2, "a", "", "rejected"),
        ("pick", "accept", 0, 1, "a", "", "rejected"),
        ("pick", "accept", 0, None, " ", "", "author"),
        ("pick", "note", 0, None, "a", " ", "reason"),
        ("pick", "reject", 0, None, "a", "x" * 2001, "reason"),
    ],
)
def test_an_impossible_decision_is_refused_and_not_written(
    scoring: RunDir,
    kind: str,
    action: str,
    chosen: int,
    rejected: int | None,
    author: str,
    reason: str,
    field: str,
) -> None:
    with pytest.raises(InputError) as caught:
        people.write(
            scoring,
            kind,
            action,
            "q",
            chosen,
            rejected,
            author=author,
            reason=reason,  # type: ignore[arg-type]
        )
    assert field in [problem.where for problem in caught.value.problems]
    assert people.read(scoring) == []


WRITER = """
import sys
from codemix_core.selection import annotations
from codemix_core.workspace import Workspace
run = Workspace.open().run(sys.argv[1])
text = "é" * 300
for number in range(int(sys.argv[3])):
    annotations.write(run, "pair", "accept", f"q{number}", 0, 1, author=sys.argv[2], reason=text)
"""


def test_two_processes_writing_at_once_lose_and_tear_nothing(scoring: RunDir) -> None:
    count = 150
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, scoring.run_id, name, str(count)])
        for name in ("left", "right")
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    found = people.read(scoring)
    for name in ("left", "right"):
        mine = [a.question_id for a in found if a.author == name]
        assert mine == [f"q{number}" for number in range(count)]
    assert people.current(scoring).count == 2 * count


def test_a_torn_last_line_is_ignored_and_the_rest_is_kept(scoring: RunDir) -> None:
    people.write(scoring, "pick", "reject", "q", 0, author="a")
    with scoring.workspace.annotations_path(scoring.run_id).open("a") as stream:
        stream.write('{"id": "half')
    assert len(people.read(scoring)) == 1
    people.write(scoring, "pick", "reject", "q", 1, author="a")
    assert [a.chosen for a in people.read(scoring)] == [0, 1]


def test_the_first_n_decisions_stay_what_they_were(scoring: RunDir) -> None:
    first = people.write(scoring, "pick", "reject", "q", 0, author="a")
    before = people.current(scoring, 1)
    people.undo(scoring, first.id, author="a")
    people.write(scoring, "pick", "pick", "q", 2, author="a")
    assert people.current(scoring, 1) == before
    assert people.current(scoring, 0).by_subject == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["accept", "reject", "undo"]))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_folding_equals_replaying_by_hand(steps: list[tuple[int, str]]) -> None:
    written: list[people.Annotation] = []
    stacks: dict[int, list[people.Annotation]] = {}
    for number, (sample, action) in enumerate(steps):
        stack = stacks.setdefault(sample, [])
        target = stack.pop().id if action == "undo" and stack else None
        if action == "undo" and target is None:
            continue
        made = people.Annotation(
            str(number),
            "t",
            "a",
            "pick",
            action,
            "q",
            sample,
            None,
            "",
            target,  # type: ignore[arg-type]
        )
        written.append(made)
        if action != "undo":
            stack.append(made)
    held = people.fold(written)
    for sample, stack in stacks.items():
        assert held.pick("q", sample) == (stack[-1] if stack else None)
