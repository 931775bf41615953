"""What decides about results is compared with what it was, by whatever way it is changed."""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Callable

import pytest
from _pytest import runner
from _pytest.python import Function

import sandbox.rewritten
import sandbox.serve_pytest  # noqa: F401 - it is compared too
from sandbox import snapshot as module


class Another(json.JSONEncoder):
    """In place of the class of an object."""


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a function": lambda patch: patch.setattr(runner, "call_and_report", print),
    "a method": lambda patch: patch.setattr(Function, "runtest", print),
    "a builtin": lambda patch: patch.setattr(builtins, "all", print),
    "a call of the system": lambda patch: patch.setitem(vars(os), "write", print),
    "a method of one object": lambda patch: patch.setattr(json._default_encoder, "encode", print),
    "all attributes of one object": lambda patch: patch.setattr(
        json._default_encoder, "__dict__", {**vars(json._default_encoder), "encode": print}
    ),
    "the class of one object": lambda patch: patch.setattr(
        json._default_encoder, "__class__", Another
    ),
    "something taken away": lambda patch: patch.delattr(runner, "call_and_report"),
}


@pytest.fixture(params=[True, False], ids=["with versions", "without"])
def snapshot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> module.Snapshot:
    """A snapshot, also as an interpreter takes it whose dictionaries have no versions."""
    if not request.param:
        monkeypatch.setattr(module, "_versions_tell", lambda: False)
    return module.Snapshot(module._entries(lambda name: True))


def test_nothing_has_changed(snapshot: module.Snapshot) -> None:
    assert [snapshot.changed(), snapshot.changed()] == [None, None]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(change: str, snapshot: module.Snapshot) -> None:
    with pytest.MonkeyPatch.context() as patch:
        CHANGES[change](patch)
        found = [snapshot.changed(), snapshot.changed()]
    assert None not in found
    assert snapshot.changed() is None  # it was put back


def test_an_innocent_change_hides_no_other(snapshot: module.Snapshot) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "something_new", 1, raising=False)
        assert snapshot.changed() is None
        patch.setattr(runner, "call_and_report", print)
        assert snapshot.changed() == "call_and_report"


def test_versions_are_read_where_they_are_kept() -> None:
    assert module._versions_tell()


def test_what_was_rebased_is_taken_for_what_it_has_to_be(snapshot: module.Snapshot) -> None:
    part = module.Snapshot(snapshot.of(["os"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getcwd", print)
        part.rebase()
        assert (part.changed(), snapshot.changed()) == (None, "getcwd")
    assert part.changed() == "getcwd"
