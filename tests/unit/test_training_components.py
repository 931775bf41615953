"""Components are looked up without keeping what had to be loaded for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemix_core.training import components
from codemix_core.training.components import Component


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_known", {})


def test_another_process_gives_the_same_answers_whatever_is_printed_there() -> None:
    names = [
        "torch.optim.AdamW",
        "codemix_core.training.metrics.JsonLinesLogger",
        "builtins.dict",
        "torch.optim.NoSuch",
        "nowhere.at.all",
        "this.s",  # importing it prints, and it is a text
    ]
    found = components.apart(names)
    assert found == components.here(names)
    logger = found["codemix_core.training.metrics.JsonLinesLogger"]
    assert logger == Component(("path", "also"), ("path",))
    for name in names[3:]:
        assert found[name].error
    assert "cannot be called" in str(found["this.s"].error)


def test_the_first_question_is_answered_for_all_shipped_recipes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def ask(names: list[str]) -> dict[str, Component]:
        asked.append(names)
        return dict.fromkeys(names, Component())

    monkeypatch.setattr(components, "_ask", ask)
    components.apart(["torch.optim.SGD"])
    components.apart(["torch.optim.AdamW", "codemix_core.training.losses.DPOPositiveLoss"])
    components.apart(["torch.optim.SGD"])
    assert len(asked) == 1
    assert "torchtune.modules.loss.CEWithChunkedOutputLoss" in asked[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(components.time, "monotonic", lambda: now[0])
    return now


def test_only_good_answers_of_known_libraries_stay(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    asked: list[str] = []

    def ask(names: list[str]) -> dict[str, Component]:
        asked.extend(n for n in names if n in ("torch.a", "torch.gone", "mine.b"))
        return {n: Component(error="gone" if n == "torch.gone" else None) for n in names}

    monkeypatch.setattr(components, "_ask", ask)
    for seconds in (0, components.FRESH - 1, components.FRESH + 1):
        clock[0] = 100.0 + seconds
        components.apart(["torch.a", "torch.gone", "mine.b"])
    assert sorted(asked) == ["mine.b", "mine.b", "torch.a", "torch.gone", "torch.gone"]


def test_a_process_that_dies_or_hangs_is_an_answer_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(components, "PATIENCE", 0.01)
    assert components.apart(["torch.optim.AdamW"])["torch.optim.AdamW"].error == (
        "it took longer than 0 s"
    )
    components._known.clear()
    monkeypatch.setattr(components, "PATIENCE", 60.0)
    monkeypatch.setattr(components, "PROJECT", tmp_path)  # where this module cannot be found
    found = components.apart(["torch.optim.AdamW"])["torch.optim.AdamW"]
    assert found.error == "the process that imported it ended with exit code 1"
