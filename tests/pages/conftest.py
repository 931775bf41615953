"""Workspaces as the stages leave them: empty, half-finished and finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from codemix_core.records import REFERENCES, Question, Reference, TestResult
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.ui import on_screen
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import (
    N,
    alive,
    declared,
    ended,
    import_samples,
    made,
    write_samples,
    write_verdicts,
)

PROJECT = Path(__file__).resolve().parents[2]
Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def no_reading_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test needs no time to recognise what is on the screen."""
    monkeypatch.setattr(on_screen, "SETTLING", 0.0)


@pytest.fixture
def open_page(workspace: Workspace) -> Open:
    """Opens a page as its own URL would, on the test's workspace, and checks that it drew."""

    def opened(page: str = "app.py", /, **url: str) -> AppTest:
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
        if page != "app.py":
            app.switch_page(f"pages/{page}")
        for name, value in url.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception[0].value
        return app

    return opened


@pytest.fixture
def checked(workspace: Workspace, nano: list[Question]) -> RunDir:
    """A self-check in which the gold solution of the last question fails."""
    run = made(workspace, SelfcheckSpec.parse({"questions": "nano"}), "gold")
    with run.writer(REFERENCES) as writer:
        for question in nano:
            good = question is not nano[-1]
            names = declared(question)
            results = [TestResult(name, "passed" if good else "failed", "") for name in names]
            status = "passed" if good else "failed"
            why = "" if good else "the gold solution is wrong"
            writer.append(
                Reference(
                    *(question.question_id, good, status, names, results, why, "0" * 64),
                    *(0.01, 11.0, 2.0, 512.0, "A"),
                )
            )
    return ended(run, len(nano), "questions")


@pytest.fixture
def asked(nano: list[Question]) -> list[Question]:
    """The six questions that are sampled: two of each split."""
    return [*nano[:2], *nano[12:14], *nano[24:26]]


@pytest.fixture
def sampled(workspace: Workspace, asked: list[Question], checked: RunDir) -> RunDir:
    """A finished sampling run: ``CORRECT`` right answers, then two wrong programs and no code."""
    return write_samples(workspace, asked, "smpl")


@pytest.fixture
def scored(workspace: Workspace, sampled: RunDir, asked: list[Question]) -> RunDir:
    """A finished scoring run over ``sampled``."""
    run = made(workspace, ScoreSpec.parse({"run": sampled.run_id}), "done")
    write_verdicts(run, asked, N * len(asked))
    return ended(run, N * len(asked), "programs")


@pytest.fixture
def imported(
    workspace: Workspace, asked: list[Question], checked: RunDir, tmp_path: Path
) -> RunDir:
    """A finished scoring run over imported answers, which have neither tokens nor log p."""
    sampling = import_samples(workspace, asked, tmp_path / "answers.json", "impo")
    run = made(workspace, ScoreSpec.parse({"run": sampling.run_id}), "judg")
    write_verdicts(run, asked, N * len(asked))
    return ended(run, N * len(asked), "programs")


@pytest.fixture
def half_scored(workspace: Workspace, sampled: RunDir, asked: list[Question]) -> Iterator[RunDir]:
    """A scoring run that is alive and has judged half of the answers."""
    run = made(workspace, ScoreSpec.parse({"run": sampled.run_id}), "half")
    write_verdicts(run, asked, N * len(asked) // 2)
    run.log_path.write_text("first line of the log\njudging programs\n")
    with alive(run, 12, 24, "programs"):
        yield run
