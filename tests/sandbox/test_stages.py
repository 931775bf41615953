"""``selfcheck`` and ``score`` as runs in a workspace."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from codemix_core import worker
from codemix_core.cli.app import main
from codemix_core.errors import SpecError, Stopped
from codemix_core.jobs import State, begin, status, write_exit
from codemix_core.progress import Progress
from codemix_core.records import (
    GENERATIONS,
    REFERENCES,
    VERDICTS,
    Generation,
    Question,
    Reference,
    Verdict,
)
from codemix_core.sampling.spec import SampleSpec
from codemix_core.scoring import selfcheck, stage
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import alive
from tests.sandbox.addition import ADD

_PR_GET_CHILD_SUBREAPER = 37
GOOD, BAD = ADD["cases"].gold, "def add(a, b):\n    return a - b\n"


def quiet() -> Progress:
    return Progress(lambda document: None)


@pytest.fixture
def sampling(workspace: Workspace) -> RunDir:
    """A set of three questions, the last with a wrong gold solution, and three answers to each."""
    questions = [replace(ADD["cases"], question_id=name) for name in ("q1", "q2")]
    questions.append(replace(ADD["cases"], question_id="q3", gold=BAD))
    workspace.write_question_set("adding", questions, {"source": "test", "format": "test"})
    run = workspace.new_run(SampleSpec.parse({"questions": "adding", "model": "nano"}))
    with run.writer(GENERATIONS) as writer:
        for question in questions:
            for index, code in enumerate((GOOD, BAD, None)):
                writer.append(_generation(question, index, code))
    return run


def _generation(question: Question, index: int, code: str | None) -> Generation:
    return Generation(question.question_id, index, code or "", code, "stop", 1, [0], [0.0])


def found(run: RunDir) -> dict[tuple[str, int], str]:
    rows = run.read(VERDICTS).to_pylist()
    assert len(rows) == len({(row["question_id"], row["sample_index"]) for row in rows})
    return {(row["question_id"], row["sample_index"]): row["status"] for row in rows}


def test_selfcheck_flags_the_gold_solution_that_fails(
    workspace: Workspace, sampling: RunDir
) -> None:
    spec = SelfcheckSpec.parse({"questions": "adding"})
    run = workspace.new_run(spec)
    assert selfcheck.run(spec, run, quiet()) == "2 of 3 gold solutions pass their tests"
    rows = {row["question_id"]: row for row in run.read(REFERENCES).to_pylist()}
    assert [rows[name]["ok"] for name in ("q1", "q2", "q3")] == [True, True, False]
    assert rows["q3"]["declared"] == ["small", "negative", "five", "text", "last"]
    assert "tests not passed" in rows["q3"]["message"]
    assert all(row["limit_seconds"] == spec.time_floor for row in rows.values())


def test_score_runs_missing_references_first_and_keeps_them(
    workspace: Workspace, sampling: RunDir
) -> None:
    spec = ScoreSpec.parse({"run": sampling.run_id})
    run = workspace.new_run(spec)
    assert stage.run(spec, run, quiet()) == "9 generations scored, 33.3% correct"
    expected = ["passed", "failed", "no_code"]
    for name in ("q1", "q2", "q3"):
        assert [found(run)[name, index] for index in range(3)] == expected
    (checked,) = workspace.runs("selfcheck")
    assert status(checked).state == State.SUCCEEDED
    assert workspace.references("adding") == checked
    again = workspace.new_run(spec)
    stage.run(spec, again, quiet())
    assert workspace.runs("selfcheck") == [checked]


def stop_after(golds: int, monkeypatch: pytest.MonkeyPatch) -> Progress:
    """A progress that is asked to stop when so many gold solutions have been run."""
    progress, seen, plain = quiet(), list[Verdict](), selfcheck.reference_of

    def counted(verdict: Verdict, floors: Floors) -> Reference:
        seen.append(verdict)
        if len(seen) == golds:
            progress.stop()
        return plain(verdict, floors)

    monkeypatch.setattr(selfcheck, "reference_of", counted)
    return progress


def test_stop_while_gold_solutions_run_leaves_both_runs_to_be_resumed(
    workspace: Workspace, sampling: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.new_run(spec := ScoreSpec.parse({"run": sampling.run_id, "workers": 1}))
    with pytest.raises(Stopped):
        stage.run(spec, run, stop_after(1, monkeypatch))
    assert found(run) == {}
    (checked,) = workspace.runs("selfcheck")
    stopped = status(checked)
    assert stopped.state == State.STOPPED
    assert stopped.done == checked.read(REFERENCES).num_rows < stopped.total == 3
    stage.run(spec, run, quiet())
    assert len(found(run)) == 9
    assert workspace.runs("selfcheck") == [checked], "gone on with, not begun anew"
    resumed = status(checked)
    assert (resumed.state, resumed.done, resumed.attempt) == (State.SUCCEEDED, 3, 2)


def test_stop_at_the_last_gold_solution_is_not_taken_for_the_end_of_scoring(
    workspace: Workspace, sampling: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.new_run(spec := ScoreSpec.parse({"run": sampling.run_id, "workers": 1}))
    progress = stop_after(3, monkeypatch)
    with pytest.raises(Stopped):
        stage.run(spec, run, progress)
    assert not progress.complete
    assert found(run) == {}
    (checked,) = workspace.runs("selfcheck")
    assert status(checked).state == State.SUCCEEDED


def test_worker_ends_a_stage_that_was_stopped_with_its_own_exit_code(
    workspace: Workspace, sampling: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.new_run(ScoreSpec.parse({"run": sampling.run_id}))
    begin(run)

    def stopped(spec: ScoreSpec, run: RunDir, progress: Progress) -> str:
        progress.start(1, done=1)
        raise Stopped("stopped while running gold solutions")

    monkeypatch.setattr(stage, "run", stopped)
    monkeypatch.setattr(worker.procs, "die_with_parent", lambda pid: None)
    monkeypatch.setattr(worker.signal, "signal", lambda number, handler: None)
    monkeypatch.setenv(worker.SUPERVISOR_PID, "1")
    monkeypatch.setenv("CODEMIX_HOME", str(workspace.root))
    assert worker.main(run.run_id) == worker.STOPPED


def test_a_second_run_takes_verdicts_over_unless_told_not_to(
    workspace: Workspace, sampling: RunDir
) -> None:
    first = workspace.new_run(spec := ScoreSpec.parse({"run": sampling.run_id}))
    stage.run(spec, first, quiet())
    second = workspace.new_run(spec)
    stage.run(spec, second, quiet())
    judged = [row for row in second.read(VERDICTS).to_pylist() if row["status"] != "no_code"]
    assert [row["reused"] for row in judged] == [True] * 6
    assert found(second) == found(first)
    alone = ScoreSpec.parse({"run": sampling.run_id, "use_cache": False})
    third = workspace.new_run(alone)
    stage.run(alone, third, quiet())
    fresh = [row for row in third.read(VERDICTS).to_pylist() if not row["reused"]]
    assert len(fresh) >= 2 + 3, "each distinct program is run again"


def test_a_stopped_run_resumes_with_what_is_missing(workspace: Workspace, sampling: RunDir) -> None:
    spec = ScoreSpec.parse({"run": sampling.run_id, "use_cache": False})
    run = workspace.new_run(spec)
    progress = quiet()
    seen: list[object] = []
    progress.advance = lambda n=1: (seen.append(n), len(seen) == 4 and progress.stop())  # type: ignore[method-assign]
    stage.run(spec, run, progress)
    partial = found(run)
    assert 0 < len(partial) < 9
    stage.run(spec, run, quiet())
    assert len(found(run)) == 9
    assert partial.items() <= found(run).items()


def test_specs_that_do_not_fit_the_workspace_are_refused(
    workspace: Workspace, sampling: RunDir
) -> None:
    assert SelfcheckSpec.parse({"questions": "nowhere"}).check(workspace)
    assert ScoreSpec.parse({"run": "sample-20260101T000000-abcd"}).check(workspace)
    assert ScoreSpec.parse({"run": sampling.run_id}).check(workspace) == []
    scoring = workspace.new_run(ScoreSpec.parse({"run": sampling.run_id}))
    (problem,) = ScoreSpec.parse({"run": scoring.run_id}).check(workspace)
    assert "holds no generations" in problem.what
    with pytest.raises(SpecError, match="sandbox"):
        ScoreSpec.parse({"run": sampling.run_id, "sandbox": "none"})
    wrong = [replace(ADD["cases"], framework="pytest", language="cpp")]
    workspace.write_question_set("wrong", wrong, {"source": "test", "format": "test"})
    assert SelfcheckSpec.parse({"questions": "wrong"}).check(workspace)


def test_following_scores_what_is_sampled_meanwhile_and_ends_with_the_sampling(
    workspace: Workspace, sampling: RunDir
) -> None:
    run = workspace.new_run(spec := ScoreSpec.parse({"run": sampling.run_id, "follow": True}))
    seen: list[dict[str, Any]] = []
    question = replace(ADD["cases"], question_id="q1")
    with ThreadPoolExecutor(1) as pool:
        with alive(sampling, 9, 12, "samples"):
            progress = Progress(seen.append)
            scoring = pool.submit(stage.run, spec, run, progress)
            for index in (3, 4):
                _wait_until(lambda so_far=index + 6: seen and seen[-1]["done"] == so_far)
                assert seen[-1]["total"] == 12
                with sampling.writer(GENERATIONS) as writer:
                    writer.append(_generation(question, index, GOOD))
            _wait_until(lambda: seen[-1]["done"] == 11)
            assert not scoring.done()
        assert scoring.result(30) == "11 generations scored, 45.5% correct"
    assert len(found(run)) == 11
    progress.finish()
    assert seen[-1]["total"] == 11, "what was never sampled is not waited for"


def test_following_needs_no_answers_to_begin_and_leaves_the_processor_to_the_sampling(
    workspace: Workspace, sampling: RunDir
) -> None:
    for path in sampling.shards(GENERATIONS):
        path.unlink()
    begin(sampling)
    write_exit(sampling, State.STOPPED, "stopped")
    spec = ScoreSpec.parse({"run": sampling.run_id, "follow": True})
    assert spec.device() is None
    assert ScoreSpec.parse({"run": sampling.run_id}).device() == "cpu"
    assert "--follow" in spec.argv()
    assert [p.field for p in spec.check(workspace)] == ["run"], "nothing is writing"
    with alive(sampling, 0, 12, "samples"):
        assert spec.check(workspace) == []


def _wait_until(holds: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def test_a_command_adopts_orphans_no_longer_than_its_run_lasts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEMIX_HOME", str(workspace.root))
    questions = [replace(ADD["cases"], question_id="q1")]
    workspace.write_question_set("adding", questions, {"source": "test", "format": "test"})
    assert main(["selfcheck", "adding", "--sandbox", "bubblewrap"]) == 0
    adopting = ctypes.c_int(-1)
    assert ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(adopting), 0, 0, 0) == 0
    assert adopting.value == 0
