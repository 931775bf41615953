"""Makes scored generations for selection tests: records, candidates, whole runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st

from codemix_core import files
from codemix_core.questions.generations import ImportGenerationsSpec
from codemix_core.records import (
    GENERATIONS,
    PROMPTS,
    VERDICTS,
    Generation,
    Prompt,
    Question,
    Status,
    TestResult,
    Verdict,
)
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages
from codemix_core.selection.candidates import Candidates
from codemix_core.selection.reading import assemble
from codemix_core.workspace import RunDir, Workspace

# A shared machine may pause for longer than an example takes; what is tested here is not speed.
settings.register_profile("selection", deadline=None)
settings.load_profile("selection")

TESTS = 4
PROGRAMS = [
    "def f(x):\n    return x\n",
    "def f(x):\n    return x + 1\n",
    "def f(x):\n    y = [x]\n    return y[0]\n",
    "def f(x):\n    return None  # ünïcode 🐍\n",
    "def f(x)\n    return x\n",
    "def f( x ):  # the first one again\n\n    return (x)\n",
]


def generation(
    question_id: str,
    index: int,
    code: str | None,
    *,
    finish: str | None = "stop",
    logprobs: list[float] | None = None,
    text: str | None = None,
) -> Generation:
    raw = text if text is not None else (fenced(code, "python") if code else "I do not know")
    count = None if logprobs is None else len(logprobs)
    ids = None if logprobs is None else list(range(len(logprobs)))
    return Generation(question_id, index, raw, code, finish, count, ids, logprobs)


def verdict(question_id: str, index: int, passed: int | None, declared: int = TESTS) -> Verdict:
    """``passed`` None is an infrastructure error."""
    infra = passed is None
    status = Status.INFRA_ERROR if infra else Status.FAILED
    status = Status.PASSED if passed == declared else status
    tests = [
        TestResult(f"t{n}", "passed" if n < (passed or 0) else "failed") for n in range(declared)
    ]
    score = None if passed is None else passed / declared
    return Verdict(
        question_id,
        index,
        status,
        score,
        passed or 0,
        declared,
        tests,
        "",
        f"{question_id}/{index}",
        "A",
        "bubblewrap",
        0.01,
        10.0,
        False,
    )


def sampled(questions: Sequence[Question]) -> tuple[list[Generation], list[Verdict]]:
    """Per question five answers that pass 4, 2, none, all by infrastructure error, and 3 tests."""
    made, verdicts = [], []
    for question in questions:
        for index, passed in enumerate((4, 2, 0, None, 3)):
            code = PROGRAMS[index]
            made.append(
                generation(question.question_id, index, code, logprobs=[-1.0] * (index + 1))
            )
            verdicts.append(verdict(question.question_id, index, passed))
    return made, verdicts


@st.composite
def scored(draw: st.DrawFn) -> tuple[list[str], list[Generation], list[Verdict]]:
    """A small scoring run with everything that can be odd about one."""
    names = [f"q{n} é" for n in range(draw(st.integers(1, 4)))]
    made: list[Generation] = []
    verdicts: list[Verdict] = []
    for name in names:
        for index in range(draw(st.integers(0, 7))):
            code = draw(st.sampled_from([*PROGRAMS, None]))
            logprobs = draw(st.none() | st.lists(st.floats(-5, 0, width=32), min_size=1))
            finish = draw(st.sampled_from(["stop", "length", None]))
            made.append(generation(name, index, code, finish=finish, logprobs=logprobs))
            passed = draw(st.none() | st.integers(0, TESTS))
            if draw(st.integers(0, 9)):
                verdicts.append(verdict(name, index, passed))
    order = draw(st.permutations(range(len(made))))
    return names, [made[i] for i in order], verdicts


def candidates(
    names: Sequence[str],
    generations: Sequence[Generation],
    verdicts: Sequence[Verdict],
    shard_rows: int = 5,
) -> Candidates:
    shards = [
        GENERATIONS.to_arrow(generations[start : start + shard_rows])
        for start in range(0, len(generations), shard_rows)
    ]
    table = VERDICTS.to_arrow(verdicts)
    return assemble(
        list(names), ["python"] * len(names), [lambda s=s: s for s in shards], _narrow(table)
    )


def _narrow(table: pa.Table) -> pa.Table:
    return table.select(["question_id", "sample_index", "status", "score"])


def random_run(questions: int, n: int, seed: int = 0, programs: int = 6) -> Candidates:
    """Many candidates without texts, made by numbers alone."""
    rng = np.random.default_rng(seed)
    rows = questions * n
    program = rng.integers(0, programs, rows)
    tokens = rng.integers(20, 200, rows).astype(np.int32)
    return Candidates(
        [f"q{i:06}" for i in range(questions)],
        ["python"] * questions,
        question=np.repeat(np.arange(questions, dtype=np.int32), n),
        sample=np.tile(np.arange(n, dtype=np.int32), questions),
        score=(program % 5) / 4,
        status=np.zeros(rows, np.int8),
        tokens=tokens,
        characters=tokens * 3,
        code_characters=tokens * 2,
        logprob=rng.normal(-20, 5, rows),
        finished=np.ones(rows, bool),
        program=program,
        shard=np.zeros(rows, np.int32),
        offset=np.arange(rows, dtype=np.int32),
    )


def write_runs(
    workspace: Workspace,
    set_name: str,
    questions: Sequence[Question],
    generations: Sequence[Generation],
    verdicts: Sequence[Verdict],
    *,
    cot: bool = False,
    prompts: bool = True,
) -> tuple[RunDir, RunDir]:
    """A complete imported sampling run and its scoring run."""
    from codemix_core.scoring.stage import ScoreSpec

    spec = ImportGenerationsSpec(path=str(workspace.root), questions=set_name, cot=cot)
    sampling = workspace.new_run(spec)
    with sampling.writer(GENERATIONS) as writer:
        writer.extend(generations)
    if prompts:
        with sampling.writer(PROMPTS) as writer:
            for question in questions:
                text = files_json(build_messages(question, "cot" if cot else "direct"))
                writer.append(Prompt(question.question_id, text, None, None, None, None))
    scoring = workspace.new_run(ScoreSpec(run=sampling.run_id))
    with scoring.writer(VERDICTS) as writer:
        writer.extend(verdicts)
    for run in (sampling, scoring):
        files.write_json(run.exit_path, {"state": "succeeded", "message": "", "seconds": 1.0})
    return sampling, scoring


def files_json(document: object) -> str:
    import json

    return json.dumps(document, ensure_ascii=False)
