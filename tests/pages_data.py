"""Rows for the page tests, written as the stages write them, and the text of a page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from streamlit.testing.v1 import AppTest

from codemix_core import files, jobs
from codemix_core.jobs import State
from codemix_core.progress import Progress
from codemix_core.questions import generations
from codemix_core.questions.generations import ImportGenerationsSpec
from codemix_core.records import (
    GENERATIONS,
    PROMPTS,
    VERDICTS,
    Generation,
    Prompt,
    Question,
    TestResult,
    Verdict,
)
from codemix_core.sampling.stage import SampleSpec
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir, Workspace, new_run_id

N = 4
CORRECT = (4, 3, 2, 1, 0, 0)
"""Correct answers of the six sampled questions: pass@1 = 10/24, pass@4 = 4/6."""


def code_blocks(app: AppTest) -> list[str]:
    """All code on the page; streamlit strips blank ends."""
    return [str(block.value) for block in app.code]


def wrong(app: AppTest) -> str:
    """The problems shown beside fields."""
    return "\n".join(e.value for e in app.html if "cm-wrong" in e.value)


def shown(app: AppTest) -> str:
    """All text on the page that is not inside a table."""
    parts: list[str] = []
    for kind in ("html", "markdown", "caption", "code", "warning", "error", "button", "toggle"):
        for element in getattr(app, kind):
            parts.append(str(getattr(element, "value", "")))
            parts.append(str(getattr(element, "label", "")))
    for link in app.get("page_link"):
        parts.append(link.proto.label)
    return "\n".join(parts)


def press(app: AppTest, key: str) -> None:
    """Press the button whose key begins so; the keys of deciding buttons name what is shown."""
    (button,) = (b for b in app.button if str(b.key) == key or str(b.key).startswith(f"{key}-"))
    button.click().run()


def made(workspace: Workspace, spec: Spec, letters: str) -> RunDir:
    """A run with a known id, so that tests can name it."""
    return workspace.new_run(spec, new_run_id(spec.stage)[:-4] + letters)


def ended(run: RunDir, total: int, unit: str, state: State = State.SUCCEEDED) -> RunDir:
    """Leave the traces that a supervisor leaves at the end."""
    jobs.begin(run)
    document = files.read_json(run.status_path)
    document |= {"state": state, "done": total, "total": total, "unit": unit, "message": ""}
    files.write_json(run.status_path, document)
    jobs.write_exit(run, state, f"{total} {unit}", seconds=12.0)
    return run


@contextmanager
def alive(run: RunDir, done: int, total: int, unit: str) -> Iterator[None]:
    """While inside, the run looks as if a process works on it."""
    live = {"state": "running", "done": done, "total": total, "unit": unit, "rate": 6.0}
    live |= {"eta_seconds": 2.0, "message": "at work", "measures": {}, "attempt": 1}
    live |= {"started_at": datetime.now(UTC).isoformat()}
    run.exit_path.unlink(missing_ok=True)
    files.write_json(run.status_path, live)
    lock = jobs.take_lock(run)
    try:
        yield
    finally:
        os.close(lock)


def declared(question: Question) -> list[str]:
    return [case["name"] for case in json.loads(question.tests)["cases"]]


def write_samples(
    workspace: Workspace,
    asked: list[Question],
    letters: str,
    *,
    spec: SampleSpec | None = None,
    correct_of: Sequence[int] = CORRECT,
) -> RunDir:
    spec = spec or SampleSpec.parse({"questions": "nano", "model": "nano", "n": N})
    run = made(workspace, spec, letters)
    with run.writer(PROMPTS) as prompts, run.writer(GENERATIONS) as writer:
        for question, correct in zip(asked, correct_of, strict=True):
            text = f"<|im_start|>user\n{question.statement}<|im_end|>"
            prompts.append(Prompt(question.question_id, "[]", text, [1, 2], 2, None))
            for index in range(N):
                code, raw = _program(question, index, correct), _raw(question, index, correct)
                writer.append(
                    Generation(
                        question.question_id, index, raw, code, "stop", 7 + index, None, None
                    )
                )
    return ended(run, N * len(asked), "samples")


def import_samples(workspace: Workspace, asked: list[Question], path: Path, letters: str) -> RunDir:
    """The same answers, imported from a file of the original scripts."""
    document = {
        question.question_id: {
            "user": question.statement,
            "responses": [{"raw_output": _raw(question, index, correct)} for index in range(N)],
        }
        for question, correct in zip(asked, CORRECT, strict=True)
    }
    path.write_text(json.dumps(document))
    spec = ImportGenerationsSpec.parse({"path": str(path), "questions": "nano"})
    run = made(workspace, spec, letters)
    generations.run(spec, run, Progress(lambda snapshot: None))
    return ended(run, N * len(asked), "answers")


def _raw(question: Question, index: int, correct: int) -> str:
    code = _program(question, index, correct)
    return f"Certainly.\n```python\n{code}\n```" if code else "I cannot."


def _program(question: Question, index: int, correct: int) -> str | None:
    """Right, then one that does not compile, one that fails, the rest without a program."""
    if index < correct:
        return question.gold
    wrong = ["def broken(:", "def wrong(xs):\n    return 'wrong answer'", None, None]
    return wrong[index - correct]


def write_verdicts(
    run: RunDir, asked: list[Question], first: int, correct_of: Sequence[int] = CORRECT
) -> None:
    with run.writer(VERDICTS) as writer:
        for place in range(first):
            question, index = asked[place // N], place % N
            writer.append(_verdict(question, index, correct_of[place // N]))


def _verdict(question: Question, index: int, correct: int) -> Verdict:
    names = declared(question)
    status, passed, message, outcome = "passed", len(names), "", "passed"
    if index == correct:
        status, passed, message, outcome = "compile_error", 0, "SyntaxError: line 1", "not_run"
    elif index == correct + 1:
        status, passed, message, outcome = "failed", 0, "", "failed"
    elif index > correct + 1:
        status, passed, message, outcome = "no_code", 0, "", "not_run"
    why = "expected [2, 3], got 'wrong answer'" if outcome == "failed" else ""
    tests = [TestResult(name, outcome, why) for name in names] if status != "no_code" else []
    return Verdict(
        *(question.question_id, index, status, passed / len(names), passed, len(names), tests),
        *(message, f"{question.question_id} {status}", "A", "bubblewrap", 0.01, 11.0, False),
    )
