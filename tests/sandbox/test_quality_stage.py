"""``quality`` on small questions whose tests are known to be good, blind, useless or flaky."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from codemix_core.errors import SpecError
from codemix_core.progress import Progress
from codemix_core.records import QUALITY, Quality, Question
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.quality.programs import trial
from codemix_core.scoring.quality.stage import QualitySpec, build, run
from codemix_core.scoring.selfcheck import without_run
from codemix_core.store import Store
from codemix_core.workspace import RunDir, Workspace
from tests.sandbox.addition import ADD, FLOORS, question

BIG = "def big(a):\n    return a > 10\n"
GOOD = """
from solution import big

def test_above():
    assert big(11) is True

def test_bound():
    assert big(10) is False

def test_below():
    assert big(-5) is False
"""
BLIND = "from solution import big\n\ndef test_far_above():\n    assert big(10 ** 9) is True\n"
USELESS = "from solution import big\n\ndef test_it_runs():\n    big(3)\n"
FLAKY = """
import os
from solution import big

def test_steady():
    assert big(11) is True

def test_tossed():
    assert big(10 + os.urandom(1)[0] % 2) is False
"""
CASES = json.dumps(
    {"cases": [{"name": f"t{n}", "args": [n], "expected": n > 10} for n in (9, 10, 11)]}
)


def asked(name: str, tests: str, gold: str = BIG) -> Question:
    return replace(question("pytest", tests, gold, "big"), question_id=name)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, dict[str, Quality], str]:
    """One run over all the questions."""
    workspace = Workspace.open(tmp_path_factory.mktemp("quality") / "workspace")
    questions = [
        asked("good", GOOD),
        asked("blind", BLIND),
        asked("useless", USELESS),
        asked("wrong", GOOD, BIG.replace(">", "<")),
        replace(question("cases", CASES, BIG, "big"), question_id="cases"),
        replace(ADD["googletest"], question_id="cpp"),
    ]
    workspace.write_question_set("mixed", questions, {"source": "test", "format": "test"})
    spec = QualitySpec.parse({"questions": "mixed", "repetitions": 2})
    made = workspace.new_run(spec)
    summary = run(spec, made, Progress(lambda _: None))
    rows: list[Quality] = QUALITY.from_rows(made.read(QUALITY).to_pylist())
    return made, {row.question_id: row for row in rows}, summary


Found = tuple[RunDir, dict[str, Quality], str]


@pytest.mark.parametrize("name", ["good", "cases"])
def test_good_tests_kill_every_mutant(found: Found, name: str) -> None:
    quality = found[1][name]
    assert quality.mutants == quality.killed == 5
    assert quality.survivors == []
    assert quality.trivial_passed == []
    assert quality.flaky == []


def test_survivors_show_what_blind_tests_did_not_see(found: Found) -> None:
    quality = found[1]["blind"]
    assert "line 2\n- return a > 10\n+ return a >= 10" in quality.survivors
    assert quality.killed + len(quality.survivors) == quality.mutants
    assert quality.trivial_passed == ["returns True"]


def test_tests_that_check_nothing_pass_every_trivial_solution_but_the_empty_one(
    found: Found,
) -> None:
    quality = found[1]["useless"]
    assert quality.killed == 0
    assert len(quality.trivial_passed) == quality.trivial - 1


def test_nothing_is_tried_where_the_gold_solution_fails(found: Found) -> None:
    assert found[1]["wrong"] == Quality("wrong", False, 0, 0, [], 0, 0, 0, [], 0, [])


def test_cpp_mutants_are_compiled_and_killed(found: Found) -> None:
    quality = found[1]["cpp"]
    assert quality.mutants >= 1
    assert quality.killed == quality.mutants


def test_the_summary_counts(found: Found) -> None:
    summary = found[2]
    assert summary.startswith("5 questions: ")
    assert "2 passed by a trivial solution" in summary
    assert "1 whose gold solution fails" in summary


def test_a_finished_run_has_nothing_left_to_do(found: Found) -> None:
    made, rows, summary = found
    shards = made.shards(QUALITY)
    again = run(QualitySpec.restore(made.load_spec()), made, Progress(lambda _: None))
    assert again == summary
    assert made.shards(QUALITY) == shards
    assert len(rows) == 6


def test_the_newest_finding_about_each_question_is_shown(found: Found) -> None:
    workspace = found[0].workspace
    frame = Store(workspace).set_frame("quality", "mixed")
    assert len(frame) == 6
    page = Store(workspace).frame("quality", found[0].run_id)
    assert sorted(page["question_id"]) == sorted(found[1])


def test_a_test_that_does_not_always_pass_is_found(backend: Backend) -> None:
    question_ = asked("flaky", FLAKY)
    reference = replace(
        without_run(question_, FLOORS), ok=True, declared=["test_steady", "test_tossed"]
    )
    trials = [(trial(question_, 1, 14), reference)]
    (row,) = build(trials, Scorer(backend, FLOORS), 10.0, Progress(lambda _: None))
    assert row.repetitions == 14
    assert row.flaky == ["test_tossed"]


def test_a_question_that_is_not_there_is_refused(found: Found) -> None:
    spec = QualitySpec.parse({"questions": "mixed", "only": ("good", "nobody")})
    (problem,) = spec.check(found[0].workspace)
    assert "nobody" in problem.what
    with pytest.raises(SpecError):
        QualitySpec.parse({"questions": "mixed", "mutants": 0})
