"""Decisions by command: what a review page can decide, and every fault of it named."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from codemix_core.cli.app import main
from codemix_core.records import Question, Status
from codemix_core.selection import annotations
from codemix_core.selection.decide import Decision
from codemix_core.workspace import RunDir, Workspace
from tests.selection_data import generation, sampled, verdict, write_runs


@pytest.fixture
def scoring(workspace: Workspace, nano: list[Question]) -> RunDir:
    """Scores 1, ½, 0, none (infrastructure), ¾; of one question also a blank, an unscored, a 0."""
    few = nano[:2]
    made, verdicts = sampled(few)
    name = few[0].question_id
    made += [generation(name, 5, None, text="  ")]
    made += [generation(name, index, "x = 1") for index in (6, 7)]
    verdicts += [verdict(name, index, 0) for index in (5, 7)]
    return write_runs(workspace, "nano", nano, made, verdicts)[1]


@pytest.fixture
def name(nano: list[Question]) -> str:
    return nano[0].question_id


def decided(run: RunDir) -> list[tuple[Any, ...]]:
    found = annotations.read(run)
    return [(a.kind, a.action, a.question_id, a.chosen, a.rejected, a.reason) for a in found]


def annotate(run: RunDir, action: str, name: str, *more: str) -> int:
    return main(["annotate", run.run_id, action, "--question", name, *more])


def test_every_action_of_the_pages_is_written(scoring: RunDir, name: str) -> None:
    for action in ("accept", "reject", "swap"):
        assert annotate(scoring, action, name, "--chosen", "0", "--rejected", "2") == 0
    for action in ("accept", "reject", "pick"):
        assert annotate(scoring, action, name, "--chosen", "4", "--reason", "why not") == 0
    assert annotate(scoring, "note", name, "--chosen", "3", "--reason", "[/b] ends early") == 0
    assert decided(scoring) == [
        *(("pair", action, name, 0, 2, "") for action in ("accept", "reject", "swap")),
        *(("pick", action, name, 4, None, "why not") for action in ("accept", "reject", "pick")),
        ("pick", "note", name, 3, None, "[/b] ends early"),
    ]


def test_what_holds_is_listed_and_can_be_taken_back(
    scoring: RunDir, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    annotate(scoring, "accept", name, "--chosen", "0", "--rejected", "2")
    annotate(scoring, "reject", name, "--chosen", "0", "--rejected", "2", "--author", "Zoë")
    annotate(scoring, "note", name, "--chosen", "0", "--reason", "[/b] ends early")
    capsys.readouterr()
    assert main(["annotations", scoring.run_id]) == 0
    assert "[/b] ends early" in capsys.readouterr().out
    main(["annotations", scoring.run_id, "--json"])
    held = json.loads(capsys.readouterr().out)
    assert [(a["action"], a["author"] == "Zoë") for a in held] == [
        ("reject", True),
        ("note", False),
    ]

    assert main(["undo-annotation", scoring.run_id, held[0]["id"]]) == 0
    main(["annotations", scoring.run_id, "--json"])
    assert [a["action"] for a in json.loads(capsys.readouterr().out.split("\n", 1)[1])] == [
        "accept",
        "note",
    ]
    assert main(["undo-annotation", scoring.run_id, held[0]["id"]]) == 2
    main(["annotations", scoring.run_id, "--all", "--json"])
    assert len(json.loads(capsys.readouterr().out)) == 4


@pytest.mark.parametrize(
    ("action", "flags", "problem"),
    [
        ("burn", ["--chosen", "0"], "action: got 'burn'; allowed: accept, reject"),
        ("swap", ["--chosen", "0"], "action: got 'swap'; allowed: accept, reject, pick, note"),
        ("pick", ["--chosen", "0", "--rejected", "2"], "action: got 'pick';"),
        ("accept", ["--chosen", "9"], "chosen: "),
        ("accept", ["--chosen", "0", "--rejected", "8"], "has no sample 8. Its samples: 0 to 7"),
        ("accept", ["--chosen", "0", "--rejected", "0"], "rejected: got 0;"),
        ("accept", ["--chosen", "0", "--rejected", "3"], f"ended in {Status.INFRA_ERROR}"),
        ("pick", ["--chosen", "6"], "chosen: sample 6 is not scored yet."),
        ("pick", ["--chosen", "5"], "chosen: sample 5 is blank."),
        ("accept", ["--chosen", "1", "--rejected", "0"], "the higher score chosen"),
        ("reject", ["--chosen", "2", "--rejected", "7"], "Take answers of unequal score."),
        ("note", ["--chosen", "0"], "reason: is blank."),
        ("accept", ["--chosen", "0", "--author", " "], "author: is blank."),
        ("accept", ["--chosen", "0", "--reason", "x" * 2001], "reason: has 2001 characters."),
    ],
)
def test_bad_decisions_are_named_and_not_written(
    scoring: RunDir,
    name: str,
    action: str,
    flags: list[str],
    problem: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert annotate(scoring, action, name, *flags) == 2
    assert problem in capsys.readouterr().err
    assert decided(scoring) == []


def test_all_problems_come_at_once(
    scoring: RunDir, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(scoring, "swap", name, "--chosen", "3", "--rejected", "8", "--author", "") == 2
    shown = capsys.readouterr().err
    assert all(f"error: {field}" in shown for field in ("author", "chosen", "rejected"))


def test_an_unknown_question_and_a_wrong_run_are_named(
    scoring: RunDir, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(scoring, "accept", "no such", "--chosen", "0") == 2
    assert "question: 'nano' has no question 'no such'." in capsys.readouterr().err
    sampling = scoring.workspace.run(scoring.load_spec()["run"])
    for command in (["annotations"], ["undo-annotation"], ["annotate"]):
        rest = {"annotate": ["accept", "--question", name, "--chosen", "0"], "annotations": []}
        argv = [*command, sampling.run_id, *rest.get(command[0], ["x"])]
        assert main(argv) == 2
        assert "Give a scoring run" in capsys.readouterr().err


def test_a_decision_knows_its_command(scoring: RunDir, name: str) -> None:
    decision = Decision("reject", name, 0, 2, 'the "same" bug')
    argv = shlex.split(decision.command_line(scoring.run_id))
    assert argv[:3] == ["python", "-m", "codemix_core"]
    assert main(argv[3:]) == 0
    assert decided(scoring) == [("pair", "reject", name, 0, 2, 'the "same" bug')]
