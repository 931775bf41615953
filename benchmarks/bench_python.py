"""Python programs per second, side by side with the usual ways, which have no wall.

    python -m benchmarks python

``cases``: distinct nano programs with 20 inputs each against ``evalplus.eval.untrusted_check`` of
evalplus 0.3.1, in a pool of as many processes as we have workers. ``pytest``: distinct programs,
right and wrong (mutants of the bundled gold solutions), against one pytest process with a JUnit
report per program, as many at a time as we have workers; every test must have the same result.
That process loads no plugin but pytest's own: those that happen to be installed would slow it.
Ours are timed with eight copies of each, told apart by a comment, question by question: a scoring
run is that long and comes in that order.
Rounds alternate, so that a busy machine slows both; the ratio is of the medians. Walls are built
within the measured time; the others' imports are not counted.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from codemix_core.questions.nano import nano_questions
from codemix_core.questions.starter import starter_questions
from codemix_core.records import Question, Reference, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import Work
from codemix_core.scoring.quality.programs import trial
from codemix_core.scoring.selfcheck import reference_of

COPIES = 8
FLOORS = Floors(seconds=5.0, memory_mb=512, gold_seconds=10.0, gold_memory_mb=2048)
EVALPLUS = "evalplus==0.3.1"
PROGRAMS, INPUTS, ROUNDS = 1500, 20, 3
MUTANTS_PER_QUESTION, PLAIN_PROGRAMS = 24, 60
_PLAIN_SECONDS = 20.0
_EVALPLUS = """import json, sys, time
from concurrent.futures import ProcessPoolExecutor
from evalplus.eval import untrusted_check

def one(row):
    code, name, inputs, expected = row
    times = [0.001] * len(inputs)
    return untrusted_check("humaneval", code, inputs, name, expected, 0, times, True)[0]

rows = json.load(open(sys.argv[1]))
with ProcessPoolExecutor(int(sys.argv[2])) as pool:
    list(pool.map(one, rows[:8]))
    began = time.perf_counter()
    found = list(pool.map(one, rows))
print(json.dumps([time.perf_counter() - began, found.count("pass")]))
"""


def main() -> None:
    """Print the tables."""
    backend = backends.choose()
    cores = len(os.sched_getaffinity(0))
    print(f"backend {backend.name}, {cores} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':34}{'workers':>9}{'per second':>12}{'ratio':>8}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        _cases(backend, cores, Path(folder))
        _pytest(backend, cores)


def _side_by_side(
    names: tuple[str, str], workers: int, ours: Callable[[], float], plain: Callable[[], float]
) -> None:
    """Alternate rounds of two ways (each gives programs per second) and print both."""
    pairs = [(ours(), plain()) for _ in range(ROUNDS)]
    first, second = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    print(f"{names[0]:34}{workers:>9}{first:>12.1f}{first / second:>8.1f}")
    print(f"{names[1]:34}{workers:>9}{second:>12.1f}", flush=True)


def _score(
    backend: backends.Backend, works: list[Work], workers: int
) -> tuple[float, list[Verdict]]:
    """Seconds and verdicts, in order."""
    began = time.perf_counter()
    verdicts = list(Scorer(backend, FLOORS, workers=workers).score(works))
    elapsed = time.perf_counter() - began
    return elapsed, sorted(verdicts, key=lambda verdict: verdict.sample_index)


def _cases(backend: backends.Backend, cores: int, folder: Path) -> None:
    questions = nano_questions()
    works = [_nano_work(number, questions) for number in range(PROGRAMS)]
    rows = []
    for work in works:
        cases = json.loads(work.question.tests)["cases"]
        inputs, expected = ([case[key] for case in cases] for key in ("args", "expected"))
        rows.append([work.code, work.question.function_name, inputs, expected])
    data = folder / "rows.json"
    data.write_text(json.dumps(rows))
    path = _evalplus(folder)
    for workers in sorted({1, cores}):

        def ours(workers: int = workers) -> float:
            elapsed, verdicts = _score(backend, works, workers)
            _all_passed(sum(verdict.status == "passed" for verdict in verdicts), len(works))
            return len(works) / elapsed

        def plain(workers: int = workers) -> float:
            command = [sys.executable, "-c", _EVALPLUS, str(data), str(workers)]
            environment = os.environ | {"PYTHONPATH": str(path)}
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(done.stderr)
            elapsed, passed = json.loads(done.stdout)
            _all_passed(passed, len(works))
            return len(works) / float(elapsed)

        if path is None:
            print(f"{'cases, walled':34}{workers:>9}{ours():>12.1f}")
        else:
            _side_by_side(("cases, walled", "evalplus, no wall"), workers, ours, plain)


def _all_passed(passed: int, programs: int) -> None:
    if passed != programs:
        raise RuntimeError(f"only {passed} of {programs} right programs passed")


def _evalplus(folder: Path) -> Path | None:
    """Where evalplus can be imported from, installed for this run alone when it has to be."""
    target = folder / "evalplus"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    done = subprocess.run(
        [*command, str(target), EVALPLUS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{EVALPLUS} cannot be installed, so there is nothing to compare with:")
        print(done.stderr.strip().splitlines()[-1])
        return None
    return target


def _nano_work(number: int, questions: list[Question]) -> Work:
    """A distinct right program for a nano question with 20 inputs."""
    asked = questions[number * len(questions) // PROGRAMS]
    document = json.loads(asked.tests)
    space: dict[str, Callable[[list[int]], object]] = {}
    exec(asked.gold, space)
    rng = random.Random(number)
    while len(document["cases"]) < INPUTS:
        numbers = [rng.randrange(-20, 50) for _ in range(rng.randrange(3, 9))]
        expected = space[asked.function_name](list(numbers))
        name = f"t{len(document['cases']) + 1:02}"
        document["cases"].append({"name": name, "args": [numbers], "expected": expected})
    document["cases"] = document["cases"][:INPUTS]
    asked = replace(asked, tests=json.dumps(document))
    return Work(asked, None, number, f"{asked.gold}# {number}\n")


def _pytest(backend: backends.Backend, cores: int) -> None:
    asked = [question for question in starter_questions() if question.language == "python"]
    works = [Work(question, None, number, question.gold) for number, question in enumerate(asked)]
    _, golds = _score(backend, works, cores)
    references = [reference_of(verdict, FLOORS) for verdict in golds]
    known = list(zip(asked, references, strict=True))
    outside = sum(reference.tier == "A" for reference in references)
    print(f"{outside} of {len(asked)} bundled pytest questions run outside the program (tier A)")
    works = _mutants(known)
    lifted = {index for index, work in enumerate(works) if _known(work).tier == "A"}
    kept = [replace(work, reference=replace(_known(work), tier="B")) for work in works]
    found = {name: _score(backend, some, cores)[1] for name, some in (("all", works), ("B", kept))}
    sound = [i for i, v in enumerate(found["all"]) if v.status in ("passed", "failed")]
    _same([_results(v) for v in found["all"]], [_results(v) for v in found["B"]], sound, "tier B")
    chosen = random.Random(1).sample(sound, min(PLAIN_PROGRAMS, len(sound)))
    plain_found: dict[int, dict[str, bool]] = {}

    def plain(some: list[int], plugins: bool = False) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(cores) as pool:
            results = list(pool.map(lambda index: _plain(works[index], plugins), some))
        plain_found.update(zip(some, results, strict=True))
        return len(some) / (time.perf_counter() - began)

    ways = {
        "all": [works[index] for index in sound],
        "A": [works[index] for index in sound if index in lifted],
        "B": [kept[index] for index in sound],
    }
    rates: dict[str, list[float]] = {"plain": [], **{name: [] for name in ways}}
    for turn in range(ROUNDS):
        rates["plain"].append(plain(chosen[turn::ROUNDS]))
        for name, some in ways.items():
            more = [
                replace(work, sample_index=number, code=f"{work.code}# {number}\n")
                for number, work in enumerate(work for work in some for _ in range(COPIES))
            ]
            rates[name].append(len(more) / _score(backend, more, cores)[0])
    results = [plain_found.get(index, {}) for index in range(len(works))]
    _same([_results(v) for v in found["all"]], results, chosen, "plain pytest")
    middle = {name: statistics.median(values) for name, values in rates.items()}
    labels = {"all": "as it is judged", "A": "tier A alone", "B": "all in tier B"}
    for name, label in labels.items():
        ratio = middle[name] / middle["plain"]
        print(f"{f'pytest, walled, {label}':34}{cores:>9}{middle[name]:>12.1f}{ratio:>8.1f}")
    print(f"{'pytest per program, no wall':34}{cores:>9}{middle['plain']:>12.2f}", flush=True)
    usual = plain(chosen[::ROUNDS], plugins=True)
    ratios = ", ".join(f"{middle[name] / usual:.1f}" for name in labels)
    print(f"{'the same, plugins as installed':34}{cores:>9}{usual:>12.2f}: {ratios}")
    print(f"tests compared: {len(sound)} programs with tier B, {len(chosen)} with plain pytest")


def _mutants(questions: list[tuple[Question, Reference]]) -> list[Work]:
    """Distinct programs, right and wrong."""
    programs = [
        (question, reference, code)
        for question, reference in questions
        for code in trial(question, MUTANTS_PER_QUESTION, 1).programs()
    ]
    return [Work(q, r, number, code) for number, (q, r, code) in enumerate(programs)]


def _known(work: Work) -> Reference:
    assert work.reference is not None
    return work.reference


def _results(verdict: Verdict) -> dict[str, bool]:
    return {test.name: test.status == "passed" for test in verdict.tests}


def _same(
    ours: list[dict[str, bool]], others: list[dict[str, bool]], which: list[int], what: str
) -> None:
    """Stop when a test has another result elsewhere. A test that did not run has failed."""
    for index in which:
        names = ours[index].keys() | others[index].keys()
        if any(ours[index].get(name, False) != others[index].get(name, False) for name in names):
            raise RuntimeError(f"{what} differs: {ours[index]} and {others[index]}")


def _plain(work: Work, plugins: bool) -> dict[str, bool]:
    """One pytest process with a JUnit report, with or without the plugins that are installed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "solution.py").write_text(work.code or "")
        (folder / "test_solution.py").write_text(work.question.tests)
        command = [sys.executable, "-m", "pytest", "-q", "--junitxml=report.xml"]
        subprocess.run(
            [*command, "test_solution.py"],
            cwd=folder,
            env=os.environ | ({} if plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
            capture_output=True,
            timeout=_PLAIN_SECONDS,
            check=False,
        )
        root = ElementTree.parse(folder / "report.xml").getroot()
        return {case.attrib["name"]: len(case) == 0 for case in root.iter("testcase")}


if __name__ == "__main__":
    main()
