"""Programs per second, by framework, with isolation on, beside the plain way without any.

All programs of a row are distinct, so nothing is reused. The first row is warm-up free: walls
are built inside the measured time. "plain" runs one program after another without a wall: for
``pytest`` one pytest process per program, for ``googletest`` compile, link and run as the
original scripts do. ``overhead`` is the wall time per program and worker that is not the
program's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from codemix_core.questions.nano import nano_questions
from codemix_core.records import Question, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import Work

FLOORS = Floors(seconds=5.0, memory_mb=512, gold_seconds=10.0, gold_memory_mb=2048)
COUNTS = {"cases": 4000, "pytest": 300, "googletest": 24}
PLAIN_COUNTS = {"pytest": 6, "googletest": 4}

_PYTEST = """from solution import transform

def test_empty():
    assert transform([]) == []

def test_some():
    assert transform([3, 1, 2]) == [1, 2, 3]

def test_equal():
    assert transform([2, 2]) == [2, 2]

def test_negative():
    assert transform([-1, -5]) == [-5, -1]

def test_long():
    assert transform(list(range(50, 0, -1))) == list(range(1, 51))
"""
_GOOGLE = """#include <gtest/gtest.h>
#include <vector>
#include "../solution/solution.cpp"

TEST(Transform, Empty) { EXPECT_TRUE(transform({}).empty()); }
TEST(Transform, Some) { EXPECT_EQ(transform({3, 1, 2}), (std::vector<int>{1, 2, 3})); }
TEST(Transform, Equal) { EXPECT_EQ(transform({2, 2}), (std::vector<int>{2, 2})); }
TEST(Transform, Negative) { EXPECT_EQ(transform({-1, -5}), (std::vector<int>{-5, -1})); }
TEST(Transform, Two) { EXPECT_EQ(transform({9, 8}), (std::vector<int>{8, 9})); }
"""
_PYTHON_GOLD = "def transform(xs):\n    return sorted(xs)\n"
_CPP_GOLD = """#include <algorithm>
#include <vector>
std::vector<int> transform(std::vector<int> xs) { std::sort(xs.begin(), xs.end()); return xs; }
"""


def main() -> None:
    """Print the table."""
    backend = backends.choose()
    cores = len(os.sched_getaffinity(0))
    print(f"backend {backend.name}, {cores} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'framework':12}{'programs':>9}{'workers':>9}{'per second':>12}{'overhead ms':>13}")
    for name, count in COUNTS.items():
        for workers in sorted({1, cores}):
            _row(name, workers, works_of(name, count), backend)
    for name, run in (("pytest", _plain_pytest), ("googletest", _plain_googletest)):
        rate = _plain(run, PLAIN_COUNTS[name])
        print(f"{name:12}{PLAIN_COUNTS[name]:>9}{'plain':>9}{rate:>12.2f}")


def _row(name: str, workers: int, works: list[Work], backend: backends.Backend) -> None:
    began = time.perf_counter()
    verdicts: list[Verdict] = list(Scorer(backend, FLOORS, workers=workers).score(works))
    elapsed = time.perf_counter() - began
    wrong = [verdict for verdict in verdicts if verdict.status != "passed"]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(works)} did not pass: {wrong[0]}")
    own = sum(verdict.seconds or 0.0 for verdict in verdicts)
    overhead = 1000 * (elapsed * workers - own) / len(works)
    rate = len(works) / elapsed
    print(f"{name:12}{len(works):>9}{workers:>9}{rate:>12.1f}{overhead:>13.2f}", flush=True)


def works_of(name: str, count: int) -> list[Work]:
    """Distinct programs that pass."""
    if name == "cases":
        questions = nano_questions()
        picked = [questions[i * len(questions) // count % len(questions)] for i in range(count)]
        return [Work(q, None, i, f"{q.gold}# {i}\n") for i, q in enumerate(picked)]
    question = _question(name)
    mark = "//" if name == "googletest" else "#"
    return [Work(question, None, i, f"{question.gold}{mark} {i}\n") for i in range(count)]


def _question(name: str) -> Question:
    base = replace(nano_questions()[0], question_id=f"bench-{name}", framework=name)
    if name == "googletest":
        return replace(base, language="cpp", tests=_GOOGLE, gold=_CPP_GOLD)
    return replace(base, tests=_PYTEST, gold=_PYTHON_GOLD)


def _plain(run: Callable[[Path], None], count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        for _ in range(count):
            run(Path(folder))
        return count / (time.perf_counter() - began)


def _plain_pytest(folder: Path) -> None:
    (folder / "solution.py").write_text(_PYTHON_GOLD)
    (folder / "test_solution.py").write_text(_PYTEST)
    command = [sys.executable, "-m", "pytest", "-q", "--junitxml=report.xml", "test_solution.py"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _plain_googletest(folder: Path) -> None:
    for name, text in (("tests/test.cpp", _GOOGLE), ("solution/solution.cpp", _CPP_GOLD)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    program = str(folder / "program")
    source = str(folder / "tests/test.cpp")
    compiler = ["g++", "-std=c++17", "-o", program, source, "-lgtest_main", "-lgtest", "-pthread"]
    subprocess.run(compiler, check=True, capture_output=True)
    subprocess.run([program], check=True, capture_output=True)


if __name__ == "__main__":
    main()
