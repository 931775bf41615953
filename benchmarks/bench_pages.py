"""How long the pages wait for their data, at 1,000 and 100,000 generations.

The rows are made up (their values do not matter for time) and written by the stages' own
writers. "cold" is the first look at a run; afterwards the result is cached until the run has
new rows. "whole page" runs the page's script with streamlit's own test harness, widgets and
charts included, without a browser.
"""

from __future__ import annotations

import json
import logging
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from codemix_core import jobs
from codemix_core.jobs import State
from codemix_core.questions.nano import nano_questions
from codemix_core.records import (
    GENERATIONS,
    VERDICTS,
    Generation,
    Question,
    Status,
    TestResult,
    Verdict,
)
from codemix_core.sampling.stage import SampleSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.store import Store
from codemix_core.workspace import RunDir, Workspace

PROJECT = Path(__file__).resolve().parents[1]
SIZES = ((250, 4), (2360, 43))
"""Questions and answers per question: about 1,000 and 100,000 generations."""
REPEATS = 5
TOKENS = list(range(48))
LOGPROBS = [-0.25] * 48


def main() -> None:
    """Print a table of milliseconds per step and size."""
    logging.getLogger("streamlit").setLevel(logging.ERROR)
    print(f"{'':34}" + "".join(f"{q * n:>12,}" for q, n in SIZES) + "  generations")
    columns = []
    for questions, n in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["CODEMIX_HOME"] = folder
            columns.append(measure(Workspace.open(), questions, n))
    for step in columns[0]:
        print(f"{step:34}" + "".join(f"{column[step]:>9,.0f} ms" for column in columns))


def measure(workspace: Workspace, questions: int, n: int) -> dict[str, float]:
    """Milliseconds of each step on a workspace with one scored run."""
    from codemix_core.ui import rates

    chosen = nano_questions()[:questions]
    run = write(workspace, chosen, n)
    store = Store(workspace)
    counts = store.question_counts(run.run_id)
    name = chosen[len(chosen) // 2].question_id
    page = {
        "text": "", "skill": "", "other_skill": "", "k": 0, "split": "", "status": "", "low": 0.0,
        "high": 1.0, "sort": "pass_rate", "descending": True, "limit": 25, "offset": 100,
    }  # fmt: skip
    rows = {"question_id": "", "status": "failed", "text": "return", "min_tokens": 0}
    rows |= {"max_tokens": 10**6, "limit": 25, "offset": 100}
    steps: dict[str, Callable[[], object]] = {
        "counts per question": lambda: store.question_counts(run.run_id),
        "figures with intervals": lambda: rates.compute(counts),
        "table of questions, one page": lambda: store.frame("question_page", run.run_id, **page),
        "programs of one question": lambda: store.frame(
            "program_groups", run.run_id, question_id=name
        ),
        "one generation": lambda: store.frame(
            "generation", run.run_id, question_id=name, sample_index=1
        ),
        "search in all answers": lambda: store.frame("generation_page", run.run_id, **rows),
    }
    found = {step: best(call) for step, call in steps.items()}
    found["all data of Pass rates, cold"] = (
        found["counts per question"] + found["figures with intervals"]
    )
    return found | whole_page(run)


def best(call: Callable[[], object]) -> float:
    """The shortest of a few calls, in milliseconds."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def whole_page(run: RunDir) -> dict[str, float]:
    """The Pass rates page at first sight and again."""
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120)
    page.switch_page("pages/3_Pass_rates.py")
    page.query_params["run"] = run.run_id
    began = time.perf_counter()
    page.run()
    first = 1000 * (time.perf_counter() - began)
    if page.exception:
        raise RuntimeError(page.exception[0].value)
    return {"whole page, cold": first, "whole page, again": best(page.run)}


def write(workspace: Workspace, questions: list[Question], n: int) -> RunDir:
    """A sampling run and its scores, with about half of the answers right."""
    workspace.write_question_set("nano", questions, {"source": "bundled", "format": "nano"})
    spec = SampleSpec.parse({"questions": "nano", "model": "nano", "n": n})
    sampling = workspace.new_run(spec)
    scoring = workspace.new_run(ScoreSpec.parse({"run": sampling.run_id}))
    chance = random.Random(0)
    with sampling.writer(GENERATIONS) as answers, scoring.writer(VERDICTS) as verdicts:
        for question in questions:
            names = [case["name"] for case in json.loads(question.tests)["cases"]]
            for index in range(n):
                variant = chance.choice([0, 0, 0, 1, 2, 3])
                answers.append(_answer(question, index, variant))
                verdicts.append(_verdict(question, index, variant, names))
    for run in (sampling, scoring):
        jobs.begin(run)
        jobs.write_exit(run, State.SUCCEEDED, "written by the benchmark", seconds=1.0)
    return scoring


def _answer(question: Question, index: int, variant: int) -> Generation:
    code = question.gold + "    # a wrong turn\n" * variant
    text = f"```python\n{code}```"
    return Generation(question.question_id, index, text, code, "stop", 48, TOKENS, LOGPROBS)


def _verdict(question: Question, index: int, variant: int, names: list[str]) -> Verdict:
    passed = len(names) if variant == 0 else variant
    status = Status.PASSED if variant == 0 else Status.FAILED
    outcomes = ["passed" if place < passed else "failed" for place in range(len(names))]
    tests = [TestResult(name, how, "") for name, how in zip(names, outcomes, strict=True)]
    found = (status.value, passed / len(names), passed, len(names), tests, "")
    rest = (f"{question.question_id} {variant}", "A", "bubblewrap", 0.004, 12.0, False)
    return Verdict(question.question_id, index, *found, *rest)


if __name__ == "__main__":
    main()
