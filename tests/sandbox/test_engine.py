"""The scorer around the sandbox: twins, cache, retries, stopping. The backend is a fake here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from codemix_core.errors import SandboxError
from codemix_core.records import Verdict
from codemix_core.scoring.backends.base import WallBroken
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import Floors, for_candidates
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import ADD, CASES

QUESTION = ADD["cases"]
FLOORS = Floors(seconds=0.5, memory_mb=64, gold_seconds=1.0, gold_memory_mb=128)
Behave = Callable[[str], dict[str, Any]]


def answer(status: str = "passed") -> dict[str, Any]:
    tests = [[case["name"], status, ""] for case in CASES]
    return {"status": status, "tests": tests, "message": "", "seconds": 0.1, "memory_mb": 1.0}


class FakeWall:
    def __init__(self, backend: FakeBackend) -> None:
        self._backend, self._held = backend, set[str]()
        self.closed = threading.Event()

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        if "question" in message:
            self._held.add(message["key"])
        if message["key"] not in self._held:
            return {"need": message["key"]}
        self._backend.judged.append(message["code"])
        return self._backend.behave(message["code"])

    def kill(self) -> None:
        self.closed.set()

    def close(self) -> None:
        self.closed.set()


class FakeBackend:
    name = "fake"

    def __init__(self, behave: Behave = lambda code: answer()) -> None:
        self.behave, self.judged, self.walls = behave, list[str](), list[FakeWall]()

    def missing(self) -> str | None:
        return None

    def fingerprint(self) -> str:
        return "fake"

    def open_wall(self, flavour: str, cpu: int | None = None) -> FakeWall:
        self.walls.append(FakeWall(self))
        return self.walls[-1]


def works(*codes: str | None) -> list[Work]:
    return [Work(QUESTION, None, index, code) for index, code in enumerate(codes)]


def scored(backend: FakeBackend, *codes: str | None, **options: Any) -> list[Verdict]:
    verdicts = Scorer(backend, FLOORS, workers=2, **options).score(works(*codes))
    return sorted(verdicts, key=lambda verdict: verdict.sample_index)


def test_identical_programs_are_judged_once_and_marked() -> None:
    backend = FakeBackend()
    verdicts = scored(backend, *["a", "b", "a", "a"] * 50)
    assert sorted(backend.judged) == ["a", "b"]
    assert len(verdicts) == 200
    assert sum(not verdict.reused for verdict in verdicts) == 2


def test_programs_that_differ_by_one_space_are_judged_both() -> None:
    backend = FakeBackend()
    first, second = scored(backend, "a", "a ")
    assert len(backend.judged) == 2
    assert first.program_hash != second.program_hash


def test_the_same_program_under_other_tests_is_another_program() -> None:
    backend = FakeBackend()
    other = replace(QUESTION, question_id="other", tests=QUESTION.tests.replace("13", "14"))
    items = [Work(QUESTION, None, 0, "a"), Work(other, None, 0, "a")]
    hashes = {verdict.program_hash for verdict in Scorer(backend, FLOORS).score(items)}
    assert len(hashes) == len(backend.judged) == 2


def test_limits_play_no_part_in_the_identity_of_a_program() -> None:
    (first,) = scored(FakeBackend(), "a")
    wide = Floors(seconds=99.0, memory_mb=999, gold_seconds=99.0, gold_memory_mb=999)
    (second,) = Scorer(FakeBackend(), wide).score(works("a"))
    assert first.program_hash == second.program_hash


def test_an_earlier_verdict_is_taken_over_without_a_run() -> None:
    (earlier,) = scored(FakeBackend(), "a")
    backend = FakeBackend()
    (verdict,) = scored(backend, "a", lookup=lambda hashes: {earlier.program_hash: earlier})
    assert verdict.reused
    assert verdict.status == "passed"
    assert backend.judged == []


@pytest.mark.parametrize("status", ["timeout", "infra_error"])
def test_an_earlier_timeout_or_failure_of_ours_is_not_taken_over(status: str) -> None:
    (earlier,) = scored(FakeBackend(), "a")
    backend = FakeBackend()
    old = {earlier.program_hash: replace(earlier, status=status)}
    (verdict,) = scored(backend, "a", lookup=lambda hashes: old)
    assert backend.judged == ["a"]
    assert verdict.status == "passed"


def test_an_answer_without_program_is_no_code_and_never_run() -> None:
    backend = FakeBackend()
    (verdict,) = scored(backend, None)
    assert (verdict.status, verdict.score, verdict.passed) == ("no_code", 0.0, 0)
    assert verdict.declared == len(CASES)
    assert backend.judged == []


def test_forty_megabytes_of_source_are_refused_without_a_run() -> None:
    backend = FakeBackend()
    (verdict,) = scored(backend, "#" * (40 << 20))
    assert verdict.status == "compile_error"
    assert backend.judged == []


def test_a_wall_that_breaks_is_replaced_and_the_program_tried_again() -> None:
    failures: Iterator[bool] = iter([True, True])

    def behave(code: str) -> dict[str, Any]:
        if next(failures, False):
            raise WallBroken("gone")
        return answer()

    backend = FakeBackend(behave)
    (verdict,) = scored(backend, "a")
    assert verdict.status == "passed"
    assert len(backend.walls) == 3
    assert all(wall.closed.is_set() for wall in backend.walls)


def test_what_stays_broken_is_our_error_and_never_a_zero() -> None:
    def behave(code: str) -> dict[str, Any]:
        if code == "bad":
            raise WallBroken("gone")
        return answer("failed")

    backend = FakeBackend(behave)
    good, bad, twin = scored(backend, "good", "bad", "bad")
    assert good.status == "failed"
    for verdict in (bad, twin):
        assert verdict.status == "infra_error"
        assert verdict.score is None
    assert backend.judged.count("bad") == 3, "one attempt and two retries"


def test_a_judge_that_says_it_failed_is_asked_again() -> None:
    answers = iter([{"infra": "disk full"}, answer()])
    (verdict,) = scored(FakeBackend(lambda code: next(answers)), "a")
    assert verdict.status == "passed"


def test_a_sandbox_that_fails_all_the_time_ends_the_run() -> None:
    def behave(code: str) -> dict[str, Any]:
        raise WallBroken("gone")

    with pytest.raises(SandboxError, match="gone"):
        scored(FakeBackend(behave), *[str(i) for i in range(100)])


def test_stopping_drops_what_is_under_way_and_closes_every_wall() -> None:
    def behave(code: str) -> dict[str, Any]:
        time.sleep(0.01)
        return answer()

    backend = FakeBackend(behave)
    found: list[Verdict] = []
    endless = (Work(QUESTION, None, i, str(i)) for i in range(10**9))
    for verdict in Scorer(backend, FLOORS, workers=2).score(endless, lambda: len(found) >= 20):
        found.append(verdict)
    assert 20 <= len(found) < 60
    assert all(wall.closed.is_set() for wall in backend.walls)


def test_a_declared_test_that_did_not_report_has_not_passed() -> None:
    partial = answer() | {"tests": answer()["tests"][:2]}
    reference = reference_of(scored(FakeBackend(), "gold")[0], FLOORS)
    backend = FakeBackend(lambda code: partial)
    (verdict,) = Scorer(backend, FLOORS).score([Work(QUESTION, reference, 0, "a")])
    assert verdict.status == "failed"
    assert (verdict.passed, verdict.declared) == (2, 5)
    assert [test.status for test in verdict.tests][2:] == ["not_run"] * 3


def test_memory_stays_small_over_many_programs() -> None:
    backend = FakeBackend()
    scorer = Scorer(backend, FLOORS)
    items = (Work(QUESTION, None, i, f"{i}" * 100) for i in range(5000))
    assert sum(1 for _ in scorer.score(items)) == 5000
    assert sum(len(packed) for packed in scorer._known.values()) < 5000 * 600


def test_limits_come_from_the_gold_run_and_never_fall_below_the_floors() -> None:
    (gold,) = scored(FakeBackend(), "gold")
    slow = reference_of(replace(gold, seconds=3.0, memory_mb=500.0), FLOORS)
    assert for_candidates(slow) == {"seconds": 12.0, "memory_mb": 1000}
    quick = reference_of(replace(gold, seconds=0.001, memory_mb=1.0), FLOORS)
    assert for_candidates(quick) == {"seconds": 0.5, "memory_mb": 64}


def test_a_gold_solution_that_fails_sets_no_limits() -> None:
    (gold,) = scored(FakeBackend(lambda code: answer("failed")), "gold")
    reference = reference_of(replace(gold, seconds=30.0), FLOORS)
    assert not reference.ok
    assert reference.limit_seconds == FLOORS.seconds
    assert "tests not passed" in reference.message


@pytest.mark.parametrize("status", ["crashed", "timeout", "memory_exceeded", "output_exceeded"])
def test_only_passed_has_score_one(status: str) -> None:
    (verdict,) = scored(FakeBackend(lambda code: {**answer(), "status": status}), "a")
    assert verdict.status == status
    assert verdict.score == 0.8
    assert verdict.tests[-1].status == ("timeout" if status == "timeout" else "crashed")


@pytest.mark.parametrize(
    ("status", "test_status", "taken"),
    [
        ("passed", "passed", True),
        ("failed", "failed", True),
        ("compile_error", "not_run", True),
        ("failed", "crashed", False),
        ("failed", "timeout", False),
        ("crashed", "failed", False),
        ("memory_exceeded", "failed", False),
        ("output_exceeded", "failed", False),
        ("timeout", "failed", False),
    ],
)
def test_a_verdict_that_depends_on_limits_is_found_anew(
    status: str, test_status: str, taken: bool
) -> None:
    (earlier,) = scored(FakeBackend(lambda code: {**answer(test_status), "status": status}), "a")
    backend = FakeBackend()
    (verdict,) = scored(backend, "a", lookup=lambda hashes: {earlier.program_hash: earlier})
    assert verdict.reused is taken
    assert backend.judged == ([] if taken else ["a"])
