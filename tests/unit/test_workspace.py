"""The workspace: names from people never become paths unchecked."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemix_core.errors import InputError, NotFoundError
from codemix_core.records import Question
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace, new_run_id

HOSTILE = ["../x", "a/b", "", ".hidden", "a" * 65, "x\n", "ü", "a b", "/etc"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_before_it_becomes_a_path(
    workspace: Workspace, name: str, nano: list[Question]
) -> None:
    with pytest.raises(InputError):
        workspace.question_set(name)
    with pytest.raises(InputError):
        workspace.write_question_set(name, nano, {})
    with pytest.raises(InputError):
        workspace.write_model(name, {})
    with pytest.raises(InputError):
        workspace.run(name)
    assert [s.name for s in workspace.question_sets()] == ["nano"]


def test_a_missing_set_names_those_there_are(workspace: Workspace, nano: list[Question]) -> None:
    with pytest.raises(NotFoundError, match="no question set 'other'.*nano"):
        workspace.question_set("other")


def test_a_set_comes_back_in_source_order_and_is_immutable(
    workspace: Workspace, nano: list[Question]
) -> None:
    assert workspace.question_set("nano").questions() == nano
    with pytest.raises(FileExistsError):
        workspace.write_question_set("nano", nano[:1], {})
    assert workspace.question_set("nano").questions() == nano
    assert [p.name for p in workspace.questions_root.iterdir()] == ["nano"]


def test_run_ids_sort_by_time() -> None:
    ids = [new_run_id("sample") for _ in range(200)]
    assert ids == sorted(ids, key=lambda run_id: run_id.rsplit("-", 1)[0])


def test_an_id_that_was_drawn_before_is_drawn_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"sample-20260101T000000-{letters}" for letters in ("aaaa", "aaaa", "bbbb")]
    drawn = iter(ids)
    monkeypatch.setattr("codemix_core.workspace.new_run_id", lambda stage: next(drawn))
    spec = SampleSpec.parse({"questions": "nano", "model": "nano"})
    assert [workspace.new_run(spec).run_id for _ in range(2)] == [ids[0], ids[2]]
    with pytest.raises(FileExistsError):
        workspace.new_run(spec, ids[0])


def test_an_unwritable_workspace_is_a_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    with pytest.raises(InputError, match="CODEMIX_HOME"):
        Workspace.open(blocked)
