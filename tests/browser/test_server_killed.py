"""A server that dies takes no job along."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Page, expect

from codemix_core import jobs
from codemix_core.jobs import State
from codemix_core.records import GENERATIONS, VERDICTS, Generation, Question
from codemix_core.sampling.stage import SampleSpec
from codemix_core.workspace import RunDir, Workspace
from tests.browser.conftest import serving

SAMPLES = 100


def answered(workspace: Workspace, nano: list[Question]) -> RunDir:
    """A finished sampling run whose every program is different, so scoring it takes a while."""
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    with run.writer(GENERATIONS) as writer:
        for question in nano:
            for index in range(SAMPLES):
                code = f"{question.gold}\n# answer {index}\n"
                writer.append(
                    Generation(question.question_id, index, code, code, "stop", 9, None, None)
                )
    jobs.write_exit(run, State.SUCCEEDED, "sampled", seconds=1.0)
    return run


def scoring_run(workspace: Workspace) -> RunDir:
    """The run the page started, once it is at work."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for run in workspace.runs("score"):
            if jobs.status(run).done > 0:
                return run
        time.sleep(0.05)
    raise AssertionError("no scoring run began")


def test_a_job_goes_on_when_the_server_is_killed_and_the_next_server_shows_it(
    workspace: Workspace, nano: list[Question], page: Page, tmp_path: Path
) -> None:
    sampling = answered(workspace, nano)
    log = tmp_path / "server.log"
    with serving(workspace, log) as (address, process):
        page.goto(address)
        page.get_by_role("button", name="Score them").click()
        run = scoring_run(workspace)
        process.kill()
        process.wait()
    assert jobs.status(run).state == State.RUNNING, "the job ended before the server was killed"
    deadline = time.monotonic() + 120
    while jobs.status(run).state.alive and time.monotonic() < deadline:
        time.sleep(0.1)
    assert jobs.status(run).state == State.SUCCEEDED, jobs.tail(run)
    assert run.read(VERDICTS, ["status"]).num_rows == len(nano) * SAMPLES
    assert [score.load_spec()["run"] for score in workspace.runs("score")] == [sampling.run_id]
    with serving(workspace, log) as (address, _):
        page.goto(f"{address}/Pass_rates?run={run.run_id}")
        expect(page.locator(".cm-card", has_text="pass@1")).to_contain_text("1.000")
