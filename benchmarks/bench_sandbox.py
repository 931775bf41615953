"""What each sandbox costs: start of a wall, and time per program that is not the program's own.

One worker, distinct programs that pass, walls built beforehand. "overhead" is the time per
program, in milliseconds, minus the time between the program's start and its last record; for
``googletest`` it holds the compilation. The programs are candidates, whose question had its
reference run; "pytest" is tier B, program and tests in one process.
"""

from __future__ import annotations

import time
from dataclasses import replace

from benchmarks.bench_scoring import FLOORS, works_of
from codemix_core.scoring import backends
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of

COUNTS = {"cases": 1000, "pytest": 150, "googletest": 12}
STARTS = 5
FLAVOURS = {"cases": "python", "pytest": "pytest", "googletest": "cpp"}


def main() -> None:
    """Print the table."""
    print(
        f"{'sandbox':12}{'framework':12}{'start s':>9}{'programs':>9}{'ms each':>9}{'overhead':>10}"
    )
    for usability in backends.describe():
        if not usability.usable:
            print(f"{usability.name:12}{usability.why}")
            continue
        backend = backends.choose(usability.name)
        for framework, count in COUNTS.items():
            _row(backend, framework, _candidates(backend, works_of(framework, count)))


def _candidates(backend: Backend, works: list[Work]) -> list[Work]:
    """The same programs, once the reference run of each of their questions is known."""
    golds = {work.question.question_id: replace(work, code=work.question.gold) for work in works}
    references = {
        verdict.question_id: replace(reference_of(verdict, FLOORS), tier="B")
        for verdict in Scorer(backend, FLOORS).score(golds.values())
    }
    return [replace(work, reference=references[work.question.question_id]) for work in works]


def _row(backend: Backend, framework: str, works: list[Work]) -> None:
    start = _start(backend, FLAVOURS[framework])
    scorer = Scorer(backend, FLOORS, workers=1)
    verdicts, moments = [], []
    for verdict in scorer.score(works):
        verdicts.append(verdict)
        moments.append(time.perf_counter())
    if any(verdict.status != "passed" for verdict in verdicts):
        raise RuntimeError(f"a program did not pass: {verdicts}")
    count = len(works) - 1  # the first waits for the wall
    elapsed = moments[-1] - moments[0]
    own = sum(verdict.seconds or 0.0 for verdict in verdicts[1:])
    each, over = 1000 * elapsed / count, 1000 * (elapsed - own) / count
    name = backend.name
    print(f"{name:12}{framework:12}{start:>9.2f}{count:>9}{each:>9.2f}{over:>9.2f}", flush=True)


def _start(backend: Backend, flavour: str) -> float:
    """Seconds until a wall answers, the best of a few."""
    found = []
    for _ in range(STARTS):
        began = time.perf_counter()
        wall = backend.open_wall(flavour)
        found.append(time.perf_counter() - began)
        wall.close()
    return min(found)


if __name__ == "__main__":
    main()
