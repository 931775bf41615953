"""One batch of programs per table and sandbox: every row is judged once, beside the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

from codemix_core.records import Question, Reference, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.backends.docker import Docker
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.conftest import GIVEN_DOCKER_HOST
from tests.sandbox.addition import ADD, BUSY, FLOORS
from tests.sandbox.daemon import daemon_with_image

Judge = Callable[[Question, Iterable[str]], list[Verdict]]


_IMAGE_SECONDS = 2400
"""What a test may take in whose set-up the image may have to be built, on a busy machine too."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that need the docker sandbox time to build its image, once."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        needed = getattr(item, "fixturenames", ())
        if parameters.get("backend") == "docker" or "docker_host" in needed:
            item.add_marker(pytest.mark.timeout(_IMAGE_SECONDS))


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """The URL of a Docker daemon that has the sandbox's image."""
    with daemon_with_image(GIVEN_DOCKER_HOST) as host:
        yield host


@pytest.fixture(scope="session")
def bubblewrap() -> Backend:
    """The sandbox that needs no daemon; without it nothing here can be tested."""
    return backends.choose("bubblewrap")


@pytest.fixture(scope="session", params=["bubblewrap", "docker"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each sandbox in turn: both pass the same tests."""
    if request.param == "docker":
        return Docker(request.getfixturevalue("docker_host"))
    return request.getfixturevalue("bubblewrap")


@pytest.fixture(scope="session")
def judge(backend: Backend) -> Judge:
    """Judges programs under a question, in order, with limits from its gold solution."""
    return _judge_with(backend, None)


def _judge_with(backend: Backend, workers: int | None) -> Judge:
    known: dict[tuple[str, str, str], Reference] = {}

    def run(asked: Question, codes: Iterable[str]) -> list[Verdict]:
        scorer = Scorer(backend, FLOORS, workers=workers)
        key = asked.framework, asked.tests, asked.gold
        if key not in known:
            known[key] = references(scorer, asked)
        reference = known[key]
        works = [Work(asked, reference, index, code) for index, code in enumerate(codes)]
        return sorted(scorer.score(works), key=lambda verdict: verdict.sample_index)

    return run


def references(scorer: Scorer, asked: Question) -> Reference:
    """The reference run of a question, which has to pass."""
    (gold,) = scorer.score([Work(asked, None, 0, asked.gold)])
    assert gold.status == "passed", gold
    return reference_of(gold, FLOORS)


@pytest.fixture(scope="session", params=["alone", "crowded"])
def judge_table(
    request: pytest.FixtureRequest, backend: Backend
) -> Callable[[str, Mapping[str, str]], dict[str, Verdict]]:
    """Judges a named table of programs against the ``add`` question of a framework.

    Alone: one program at a time. Crowded: with twice as many workers as there are cores, all of
    them busy, and with an honest program after each of the table, which has to pass.
    """
    crowded = request.param == "crowded"
    judge = _judge_with(backend, 2 * (os.cpu_count() or 1) if crowded else 1)

    def run(framework: str, programs: Mapping[str, str]) -> dict[str, Verdict]:
        asked = ADD[framework]
        busy = BUSY[asked.language]
        codes = list(programs.values())
        if crowded:
            codes = [c for i, code in enumerate(codes) for c in (code, busy.format(number=i))]
        verdicts = judge(asked, codes)
        if crowded:
            assert [v for v in verdicts[1::2] if v.status != "passed"] == []
            verdicts = verdicts[::2]
        return dict(zip(programs, verdicts, strict=True))

    return run
