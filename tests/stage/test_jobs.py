"""Jobs under fire: real scoring jobs whose processes are killed at random moments."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from codemix_core import jobs, stages
from codemix_core.errors import JobError, SpecError
from codemix_core.jobs import State
from codemix_core.records import GENERATIONS, REFERENCES, VERDICTS, Generation, Question
from codemix_core.sampling.stage import SampleSpec
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.workspace import RunDir, Workspace
from tests.processes import processes_of

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = 80


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, all_nano: list[Question]
) -> Iterator[Workspace]:
    """A workspace with a finished sampling run whose every program is different."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("prepared") / "workspace"
        patch.setenv("CODEMIX_HOME", str(home))
        workspace = Workspace.open()
        questions = [q for q in all_nano if q.k == 2][::60]
        workspace.write_question_set("nano", questions, {})
        run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
        with run.writer(GENERATIONS) as writer:
            for question in questions:
                for index in range(SAMPLES):
                    code = f"{question.gold}\n# answer {index}\n"
                    writer.append(
                        Generation(question.question_id, index, code, code, "stop", 9, None, None)
                    )
        jobs.write_exit(run, State.SUCCEEDED, "sampled", seconds=1.0)
        selfcheck = jobs.launch(workspace, SelfcheckSpec.parse({"questions": "nano"}))
        assert wait(selfcheck).state == State.SUCCEEDED, jobs.tail(selfcheck)
        yield workspace


@pytest.fixture
def answered(workspace: Workspace, prepared: Workspace) -> RunDir:
    """That sampling run, in a fresh copy of that workspace."""
    shutil.copytree(prepared.root, workspace.root, dirs_exist_ok=True)
    return workspace.runs("sample")[0]


def wait(
    run: RunDir, until: Callable[[jobs.Status], bool] | None = None, patience: float = 120.0
) -> jobs.Status:
    """The run's status once it has ended, or once ``until`` holds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        status = jobs.status(run)
        if not status.state.alive or (until is not None and until(status)):
            return status
        time.sleep(0.02)
    raise AssertionError(f"still {jobs.status(run)} after {patience} s:\n{jobs.tail(run)}")


def supervisor_and_worker(run: RunDir) -> tuple[psutil.Process, psutil.Process]:
    owner = json.loads(run.lock_path.read_text())
    supervisor = psutil.Process(owner["pid"])
    return supervisor, next(
        child for child in supervisor.children() if "codemix_core.worker" in child.cmdline()
    )


def descendants(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def keys(run: RunDir) -> list[tuple[str, int]]:
    rows = run.read(VERDICTS, ["question_id", "sample_index"]).to_pylist()
    return [(row["question_id"], row["sample_index"]) for row in rows]


def assert_gone(processes: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(processes, timeout=5.0)
    alive = [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not alive, f"left behind: {alive}"


@pytest.mark.parametrize("victims", ["supervisor", "worker", "both"])
def test_a_run_killed_at_random_moments_loses_nothing_and_repeats_nothing(
    workspace: Workspace, answered: RunDir, victims: str
) -> None:
    rng = random.Random(victims)
    run = jobs.launch(workspace, ScoreSpec.parse({"run": answered.run_id, "use_cache": False}))
    kept: list[tuple[str, int]] = []
    kills = 0
    while kills < 3:
        enough = len(kept)
        status = wait(run, lambda s, e=enough: s.state == State.RUNNING and s.done > e)  # type: ignore[misc]
        assert status.state == State.RUNNING, f"ended before the kill: {status}"
        time.sleep(rng.uniform(0.0, 0.4))
        supervisor, worker = supervisor_and_worker(run)
        everything = descendants(supervisor)
        for victim in {"supervisor": [supervisor], "worker": [worker]}.get(
            victims, [supervisor, worker]
        ):
            victim.send_signal(signal.SIGKILL)
        kills += 1
        status = wait(run)
        assert status.state == State.CRASHED
        assert_gone(everything)
        now = keys(run)
        assert now[: len(kept)] == kept, "a finished verdict was lost or moved"
        assert len(set(now)) == len(now), "a generation was judged twice"
        kept = now
        jobs.resume(run, stages.load(run))
    assert wait(run).state == State.SUCCEEDED, jobs.tail(run)
    final = keys(run)
    assert final[: len(kept)] == kept
    assert sorted(final) == sorted(
        (row["question_id"], row["sample_index"])
        for row in answered.read(GENERATIONS, ["question_id", "sample_index"]).to_pylist()
    )
    assert jobs.status(run).attempt == kills + 1
    assert_gone(processes_of(run))


def test_readers_never_see_a_torn_row_while_a_run_writes(
    workspace: Workspace, answered: RunDir
) -> None:
    run = jobs.launch(workspace, ScoreSpec.parse({"run": answered.run_id, "use_cache": False}))
    seen = 0
    while jobs.status(run).state.alive:
        rows = keys(run)
        assert len(set(rows)) == len(rows) >= seen
        seen = len(rows)
    assert seen > 0
    assert jobs.status(run).state == State.SUCCEEDED


def test_stop_keeps_what_is_finished_and_leaves_no_process(
    workspace: Workspace, answered: RunDir
) -> None:
    run = jobs.launch(workspace, ScoreSpec.parse({"run": answered.run_id, "use_cache": False}))
    wait(run, lambda s: s.done > 50)
    everything = descendants(supervisor_and_worker(run)[0])
    before = time.monotonic()
    status = jobs.stop(run)
    assert time.monotonic() - before < jobs.STOP_GRACE
    assert status.state == State.STOPPED
    assert_gone(everything)
    assert 50 <= len(keys(run)) < len(answered.read(GENERATIONS, ["sample_index"]))
    with pytest.raises(JobError, match="not running"):
        jobs.stop(run)
    jobs.resume(run, stages.load(run))
    assert wait(run).state == State.SUCCEEDED
    assert (
        len(set(keys(run))) == len(keys(run)) == len(answered.read(GENERATIONS, ["sample_index"]))
    )


def test_a_stop_before_the_command_is_up_counts(workspace: Workspace, answered: RunDir) -> None:
    spec = ScoreSpec.parse({"run": answered.run_id})
    run = jobs.create(workspace, spec)
    jobs.request_stop(run)  # nobody works on it yet
    lock = jobs.take_lock(run)
    jobs.begin(run)
    home = {jobs.LAUNCH: f"{run.run_id}:{lock}", "CODEMIX_HOME": str(workspace.root)}
    command = [sys.executable, "-m", "codemix_core", *spec.argv()]
    subprocess.run(command, env=os.environ | home, cwd=PROJECT, pass_fds=(lock,), check=False)
    os.close(lock)
    assert jobs.status(run).state == State.STOPPED
    assert not list(run.shards(VERDICTS))
    jobs.resume(run, stages.load(run))
    assert wait(run).state == State.SUCCEEDED, "an earlier request is not for the new attempt"


def test_a_stop_counts_where_nothing_can_be_written(
    workspace: Workspace, answered: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    run = jobs.launch(workspace, ScoreSpec.parse({"run": answered.run_id, "use_cache": False}))
    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(JobError, match="No space left"):
        jobs.request_stop(run)
    wait(run, lambda s: s.state == State.RUNNING)
    jobs.request_stop(run)
    assert wait(run).state == State.STOPPED


def test_jobs_wait_in_line_for_their_device(workspace: Workspace, answered: RunDir) -> None:
    spec = ScoreSpec.parse({"run": answered.run_id, "use_cache": False})
    first = jobs.launch(workspace, spec)
    wait(first, lambda s: s.state == State.RUNNING)
    second = jobs.launch(workspace, spec)
    wait(second, lambda s: s.message.startswith("waiting for cpu"))
    third = jobs.launch(workspace, spec)
    assert first.run_id in wait(second, lambda s: first.run_id in s.message).message
    wait(third, lambda s: s.message.startswith("waiting for cpu"))
    assert jobs.stop(second).state == State.STOPPED
    assert jobs.status(first).state == State.RUNNING
    assert jobs.stop(first).state == State.STOPPED
    assert wait(third, lambda s: s.state == State.RUNNING).state == State.RUNNING
    assert jobs.stop(third).state == State.STOPPED
    assert not list(workspace.queue_root.iterdir())


def test_a_run_survives_the_death_of_the_process_that_launched_it(
    workspace: Workspace, answered: RunDir
) -> None:
    script = (
        "import sys, time\n"
        "from codemix_core import jobs\n"
        "from codemix_core.scoring.stage import ScoreSpec\n"
        "from codemix_core.workspace import Workspace\n"
        "spec = ScoreSpec.parse({'run': sys.argv[1], 'use_cache': False})\n"
        "print(jobs.launch(Workspace.open(), spec).run_id, flush=True)\n"
        "time.sleep(600)\n"
    )
    launcher = subprocess.Popen(
        [sys.executable, "-c", script, answered.run_id],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert launcher.stdout is not None
    run = workspace.run(launcher.stdout.readline().strip())
    wait(run, lambda s: s.state == State.RUNNING)
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    launcher.stdout.close()
    assert wait(run).state == State.SUCCEEDED


def test_the_same_form_sent_twice_starts_one_run(workspace: Workspace, answered: RunDir) -> None:
    spec = ScoreSpec.parse({"run": answered.run_id})
    run = jobs.launch(workspace, spec)
    with pytest.raises(FileExistsError):
        jobs.launch(workspace, spec, run.run_id)
    with pytest.raises(JobError, match="cannot be started twice"):
        jobs.resume(run, spec)
    assert wait(run).state == State.SUCCEEDED
    with pytest.raises(JobError, match="nothing to resume"):
        jobs.resume(run, spec)


def test_bad_input_creates_no_run(workspace: Workspace, nano: list[Question]) -> None:
    with pytest.raises(SpecError, match="score-20200101T000000-abcd"):
        jobs.launch(workspace, ScoreSpec.parse({"run": "score-20200101T000000-abcd"}))
    with pytest.raises(SpecError, match="elsewhere"):
        jobs.launch(workspace, SelfcheckSpec.parse({"questions": "elsewhere"}))
    assert workspace.runs() == []


@pytest.fixture
def secretive(monkeypatch: pytest.MonkeyPatch) -> str:
    secret = "sesame-17"
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_VAR"):
        monkeypatch.setenv(name, secret)
    return secret


def test_no_secret_reaches_a_job_that_does_not_need_it(
    workspace: Workspace, answered: RunDir, secretive: str
) -> None:
    run = jobs.launch(workspace, ScoreSpec.parse({"run": answered.run_id, "use_cache": False}))
    wait(run, lambda s: s.done > 0)
    watched = descendants(supervisor_and_worker(run)[0])
    environments = []
    for process in watched:
        with contextlib.suppress(psutil.Error):
            environments.append(json.dumps(process.environ()))
    jobs.stop(run)
    assert len(environments) >= 2
    assert not [text for text in environments if secretive in text]
    assert secretive not in run.spec_path.read_text() + run.log_path.read_text()


def test_a_failed_run_says_why_in_one_message(workspace: Workspace, answered: RunDir) -> None:
    run = workspace.new_run(ScoreSpec.parse({"run": answered.run_id}))
    document = json.loads(run.spec_path.read_text())
    run.spec_path.write_text(json.dumps({**document, "sandbox": "paper"}))
    environment = {**os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "codemix_core", "resume", run.run_id],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "paper" in done.stderr


def test_a_self_check_of_the_bundled_set_finds_every_gold_right(
    workspace: Workspace, answered: RunDir
) -> None:
    references = workspace.references("nano")
    assert references is not None
    rows = references.read(REFERENCES).to_pylist()
    assert len(rows) == len(workspace.question_set("nano").questions()) > 20
    assert all(row["ok"] and row["declared"] for row in rows)


def test_a_reused_process_id_is_not_taken_for_the_supervisor(
    workspace: Workspace, answered: RunDir
) -> None:
    run = workspace.new_run(ScoreSpec.parse({"run": answered.run_id}))
    lock = jobs.take_lock(run)
    jobs.begin(run)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    claim = {"pid": bystander.pid, "create_time": time.time() - 5000}
    run.lock_path.write_text(json.dumps(claim))
    jobs.request_stop(run)
    os.close(lock)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_generation_without_code_is_never_run(workspace: Workspace, answered: RunDir) -> None:
    nano = workspace.question_set("nano").questions()
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    row = Generation(nano[0].question_id, 0, "I do not know.", None, "stop", 5, None, None)
    with run.writer(GENERATIONS) as writer:
        writer.append(row)
        writer.append(dataclasses.replace(row, sample_index=1, code=nano[0].gold))
    score = jobs.launch(workspace, ScoreSpec.parse({"run": run.run_id}))
    assert wait(score).state == State.SUCCEEDED, jobs.tail(score)
    found = {row["sample_index"]: row for row in score.read(VERDICTS).to_pylist()}
    assert (found[0]["status"], found[0]["score"]) == ("no_code", 0.0)
    assert (found[1]["status"], found[1]["score"]) == ("passed", 1.0)
