"""The next round has the settings of the one before, or says why it cannot be known."""

from __future__ import annotations

import pytest

from codemix_core import files
from codemix_core.errors import InputError
from codemix_core.loop.again import next_round
from codemix_core.records import Question
from codemix_core.workspace import Workspace
from tests.lineage_data import play, play_gold

MEASURED = {"settings": {"n": 7, "temperature": 0.6}, "parts": [{"split": "heldout"}]}


@pytest.fixture
def asked(nano: list[Question]) -> list[Question]:
    return [*nano[:2], *nano[12:14], *nano[24:26]]


def test_the_next_round_goes_on_from_the_tuned_model_with_the_settings_of_its_round(
    workspace: Workspace, asked: list[Question]
) -> None:
    played = play(workspace, asked, "a", cot=True, temperature=0.9)
    spec = next_round(workspace, played.model, MEASURED)
    assert (spec.model, spec.questions, spec.method) == (played.model, "nano", "dpo")
    assert (spec.cot, spec.n, spec.temperature, spec.limit) == (True, 4, 0.9, 6)
    assert (spec.strategy, spec.pairs) == ("nearest", 1)
    assert spec.set == ("optimizer.lr=1e-4",), "the seed is the loop's own"
    assert (spec.evaluate_n, spec.evaluate_temperature) == (7, 0.6)
    assert not spec.hard, "measured on the same splits"
    assert spec.rounds == 1


def test_a_round_of_gold_solutions_goes_on_as_sft(
    workspace: Workspace, asked: list[Question]
) -> None:
    played = play_gold(workspace, asked, "g")
    spec = next_round(workspace, played.model)
    assert (spec.method, spec.cot, spec.n) == ("sft", False, type(spec).model_fields["n"].default)


def test_what_cannot_be_known_is_said(workspace: Workspace, asked: list[Question]) -> None:
    with pytest.raises(InputError, match="'nano' was not trained in this workspace"):
        next_round(workspace, "nano")
    played = play(workspace, asked, "a")
    document = files.read_json(played.build.dataset_path)
    imported = {"path": "answers.json", "questions": "nano", "model": "gpt-x"}
    document["lineage"]["sampling"]["spec"] = imported
    files.write_json(played.build.dataset_path, document)
    with pytest.raises(InputError, match="were imported"):
        next_round(workspace, played.model)
    played.build.delete()
    with pytest.raises(InputError, match="is not all here"):
        next_round(workspace, played.model)


def test_a_round_that_cannot_be_done_again_says_what_is_missing(
    workspace: Workspace, asked: list[Question]
) -> None:
    played = play(workspace, asked, "a")
    (workspace.questions_root / "nano" / "set.json").unlink()
    with pytest.raises(InputError, match="there is no question set 'nano'"):
        next_round(workspace, played.model)
