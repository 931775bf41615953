"""Fixtures shared by all tests. No test ever sees a person's workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codemix_core.questions.nano import nano_model_path, nano_questions
from codemix_core.records import Question
from codemix_core.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]
GIVEN_DOCKER_HOST = os.environ.get("DOCKER_HOST")
"""The person's own; tests of the docker sandbox take it, all others see no daemon at all."""


HERE = Path.cwd()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A test that leaves the process in another folder breaks others, far from itself."""
    yield
    now = Path.cwd()
    os.chdir(HERE)
    assert now == HERE, f"{item.nodeid} left the process in {now}"


@pytest.fixture(scope="session", autouse=True)
def no_daemon() -> Iterator[None]:
    """What `auto` takes must not depend on the machine the tests run on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        yield


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A fresh, empty workspace of its own for every test."""
    home = tmp_path / "workspace"
    monkeypatch.setenv("CODEMIX_HOME", str(home))
    return Workspace.open()


@pytest.fixture(scope="session")
def all_nano() -> list[Question]:
    """The bundled question set, generated once."""
    return nano_questions()


@pytest.fixture
def nano(workspace: Workspace, all_nano: list[Question]) -> list[Question]:
    """Twelve questions of each split, written to the workspace as the set ``nano``."""
    few = [q for split in ("train", "heldout", "hard") for q in _first(all_nano, split, 12)]
    workspace.write_question_set("nano", few, {"source": "nano", "format": "nano"})
    return few


def _first(questions: list[Question], split: str, count: int) -> list[Question]:
    return [q for q in questions if q.split == split][:count]


@pytest.fixture(scope="session")
def nano_model() -> Path:
    """The bundled checkpoint."""
    return nano_model_path()


@pytest.fixture(scope="session")
def real_questions() -> Path:
    """The folder with real C++ questions and measured results, when this machine has it."""
    given = os.environ.get("CODEMIX_TEST_DATA")
    folder = Path(given) if given else PROJECT.parent / "shared" / "data"
    if not (folder / "skillmix_cpp" / "questions.json").is_file():
        pytest.skip(f"no real questions in {folder}; set CODEMIX_TEST_DATA to a folder with them")
    return folder / "skillmix_cpp"
