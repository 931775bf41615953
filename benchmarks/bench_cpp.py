"""C++ programs judged per second against the original scripts' way, and the same verdicts.

    python benchmarks/bench_cpp.py [--questions 131] [--data FOLDER] [--samples 100]

The plain way compiles, links and runs one program after another, without a wall:
``g++ -std=c++17 test.cpp -lgtest_main -lgtest -pthread``. Ours has the wall on and every core at
work. Two workloads: *distinct*, each question's gold solution and first answer, each once; and
*repeating*, N answers for each of a few questions drawn from these and from mutants of the gold
solution, the one of rank r with probability ~ 1/r, as sampled answers repeat. The plain way judges
every answer anew: each different program is built and run once and counts as often as it was
drawn. Mutants loop for ever far more often than a model's answers do: of 131 real first answers
2 do, and no larger share of the different programs does here. An endless program costs both ways
the same time, three times the limit of a test.
The self-check (gold solutions, which compiles each question's tests) has run before, as it has in
a workspace; the row *cold* is without anything kept.
Without ``--data`` (a folder with ``questions.json`` of the scripts) the bundled starter questions
are taken, with a mutant as first answer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from codemix_core.questions.starter import starter_questions
from codemix_core.records import Question, Reference, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import Work
from codemix_core.scoring.quality.cpp_mutants import edits
from codemix_core.scoring.quality.mutant import mutants
from codemix_core.scoring.selfcheck import reference_of

FLOORS = Floors(seconds=2.0, memory_mb=512, gold_seconds=10.0, gold_memory_mb=2048)
PLAIN = ("g++", "-std=c++17", "test.cpp", "-lgtest_main", "-lgtest", "-pthread", "-o", "program")
_SECONDS = 3 * FLOORS.seconds
_ENDLESS = 2 / 131


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--repeating", type=int, default=6, help="questions with many answers")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--samples", type=int, default=100)
    options = parser.parse_args()
    pairs = _real(options.data) if options.data else _starter()
    pairs = pairs[: options.questions]
    backend = backends.choose()
    print(f"{backend.name}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    works = [(question, code) for question, first in pairs for code in (question.gold, first)]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        _judged(backend, [Work(q, None, 0, q.gold) for q, _ in pairs[:1]], {})
        _, cold = _judged(backend, _works(works), {})
        gold, _ = _judged(backend, [Work(q, None, 0, q.gold) for q, _ in pairs], {})
        limits = {v.question_id: reference_of(v, FLOORS) for v in gold}
        verdicts, ours = _judged(backend, _works(works), limits)
        plain, expected = _plain(works)
        wrong = [v.question_id for v in verdicts if not _agree(v, expected)]
        count = len(works)
        print(f"distinct: {count} programs; plain {count / plain:.2f}/s, ours {count / ours:.2f}/s,"
              f" ratio {plain / ours:.1f} (wanted: 10); cold {plain / cold:.1f}")  # fmt: skip
        print(f"verdicts that differ from the plain build's: {len(wrong)} {wrong}")
        pool = _pool(pairs[: options.repeating], backend, limits)
        drawn = _drawn(pool, options.samples)
        times = Counter((question.question_id, code) for question, code in drawn)
        different = list({(q.question_id, code): (q, code) for q, code in drawn}.values())
        _, ours = _judged(backend, _works(drawn), limits)
        plain, _ = _plain(different, list(times.values()))
        count = len(drawn)
        print(f"repeating: {count} programs, {len(different)} different; plain"
              f" {count / plain:.2f}/s, ours {count / ours:.1f}/s, ratio {plain / ours:.1f}"
              " (wanted: 30)")  # fmt: skip


def _real(folder: Path) -> list[tuple[Question, str]]:
    raw = json.loads((folder / "questions.json").read_text("utf-8"))
    (like, *_) = (q for q in starter_questions() if q.framework == "googletest")
    return [
        (
            replace(
                like,
                question_id=name,
                function_name=entry["function_name"],
                signature=entry["function_signature"],
                gold=entry["gold_solution"],
                tests=entry["unit_tests"],
            ),
            entry["sample_solution"],
        )
        for name, entry in raw.items()
    ]


def _starter() -> list[tuple[Question, str]]:
    asked = [q for q in starter_questions() if q.framework == "googletest"]
    return [(q, _mutants(q)[0]) for q in asked]


def _mutants(question: Question) -> list[str]:
    return [mutant.code for mutant in mutants(question.gold, edits(question.gold))[:60]]


def _pool(
    pairs: list[tuple[Question, str]], backend: backends.Backend, limits: dict[str, Reference]
) -> list[tuple[Question, list[str]]]:
    """Different answers to each question, the likeliest first."""
    answers = [(q, c) for q, first in pairs for c in dict.fromkeys((q.gold, first, *_mutants(q)))]
    verdicts, _ = _judged(backend, _works(answers), limits)
    endless = sorted(v.sample_index for v in verdicts if v.status == "timeout")
    gone = set(endless[round(_ENDLESS * (len(answers) - len(endless))) :])
    left = [(q.question_id, code) for i, (q, code) in enumerate(answers) if i not in gone]
    return [(q, [code for name, code in left if name == q.question_id]) for q, _ in pairs]


def _drawn(pool: list[tuple[Question, list[str]]], samples: int) -> list[tuple[Question, str]]:
    """Answers with repetition."""
    chance = random.Random(0)
    drawn = []
    for question, codes in pool:
        weights = [1 / rank for rank in range(1, len(codes) + 1)]
        drawn += [(question, code) for code in chance.choices(codes, weights, k=samples)]
    return drawn


def _works(pairs: list[tuple[Question, str]]) -> list[Work]:
    return [Work(question, None, index, code) for index, (question, code) in enumerate(pairs)]


def _judged(
    backend: backends.Backend, works: list[Work], limits: dict[str, Reference]
) -> tuple[list[Verdict], float]:
    works = [replace(w, reference=limits.get(w.question.question_id)) for w in works]
    began = time.perf_counter()
    verdicts = list(Scorer(backend, FLOORS).score(works))
    return verdicts, time.perf_counter() - began


def _plain(
    works: list[tuple[Question, str]], times: list[int] | None = None
) -> tuple[float, dict[int, dict[str, bool] | None]]:
    """Seconds in all, each program counted ``times`` often; results, None if not compiled."""
    results: dict[int, dict[str, bool] | None] = {}
    seconds = 0.0
    for index, (question, code) in enumerate(works):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            results[index] = _build_and_run(Path(folder), question, code)
        seconds += (time.perf_counter() - began) * (times[index] if times else 1)
    return seconds, results


def _build_and_run(folder: Path, question: Question, code: str) -> dict[str, bool] | None:
    tests, solution = folder / "tests", folder / "solution"
    tests.mkdir()
    solution.mkdir()
    (tests / "test.cpp").write_text(question.tests, "utf-8")
    (solution / "solution.cpp").write_text(code, "utf-8")
    if subprocess.run(PLAIN, cwd=tests, capture_output=True, check=False).returncode != 0:
        return None
    argv = [str(tests / "program"), "--gtest_output=json:gtest.json"]
    try:
        subprocess.run(argv, cwd=tests, capture_output=True, check=False, timeout=_SECONDS)
        report = json.loads((tests / "gtest.json").read_text("utf-8"))
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return {}
    return {
        f"{suite['name']}.{test['name']}": not test.get("failures")
        for suite in report["testsuites"]
        for test in suite["testsuite"]
    }


def _agree(verdict: Verdict, expected: dict[int, dict[str, bool] | None]) -> bool:
    """The plain way knows nothing of a program that crashes or hangs but that it did."""
    found = expected[verdict.sample_index]
    if found is None:
        return verdict.status == "compile_error"
    if not found:
        return verdict.status in ("crashed", "timeout", "memory_exceeded")
    return {test.name: test.status == "passed" for test in verdict.tests} == found


if __name__ == "__main__":
    main()
