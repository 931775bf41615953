"""How long a step of the DPO review takes at 10,000 pairs: server time, and in a browser.

The questions are the bundled ones; their answers are gold solutions with planted slips and made-up
scores, since only their number matters here.

    python -m benchmarks review
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from codemix_core import jobs
from codemix_core.questions.nano import nano_questions
from codemix_core.records import GENERATIONS, VERDICTS, Generation, TestResult, Verdict
from codemix_core.sampling.stage import SampleSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]
N, PROGRAMS, TESTS, PER_QUESTION = 16, 8, 14, 5
STEPS = 40
LIMIT_MS = 300.0


def fill(workspace: Workspace) -> str:
    """Write a sampling and a scoring run; returns the id of the scoring run."""
    questions = nano_questions()
    workspace.write_question_set("nano", questions, {"source": "nano", "format": "nano"})
    sampling = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano", "n": N}))
    scoring = workspace.new_run(ScoreSpec.parse({"run": sampling.run_id}))
    with sampling.writer(GENERATIONS) as generations, scoring.writer(VERDICTS) as verdicts:
        for place, question in enumerate(questions):
            for index in range(N):
                slip = (index * 7 + place) % PROGRAMS
                code = question.gold + "\n" * (slip > 0) + f"x = {slip}\n"
                raw = f"```python\n{code}```"
                ids, logprobs = list(range(40 + slip)), [-0.05] * (40 + slip)
                generations.append(
                    Generation(
                        question.question_id, index, raw, code, "stop", len(ids), ids, logprobs
                    )
                )
                verdicts.append(_verdict(question.question_id, index, TESTS - 2 * slip))
    for run in (sampling, scoring):
        jobs.begin(run)
        jobs.write_exit(run, jobs.State.SUCCEEDED, "made", seconds=1.0)
    return scoring.run_id


def _verdict(question_id: str, index: int, passed: int) -> Verdict:
    tests = [
        TestResult(f"t{n:02}", "passed" if n < passed else "failed", "" if n < passed else "wrong")
        for n in range(TESTS)
    ]
    status = "passed" if passed == TESTS else "failed"
    return Verdict(
        *(question_id, index, status, passed / TESTS, passed, TESTS, tests, ""),
        *(f"{question_id}{passed}", "A", "bubblewrap", 0.01, 10.0, False),
    )


def server_steps(home: str) -> tuple[int, list[float], list[float], float]:
    """Number of pairs; milliseconds of moves, of decisions, and of a slider, on the server."""
    from streamlit.testing.v1 import AppTest

    from codemix_core.ui import on_screen

    os.environ["CODEMIX_HOME"] = home
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=300)
    app.switch_page("pages/5_DPO_pairs.py")
    app.query_params["view"] = "Review"
    app.query_params["num_preference_pairs_per_question"] = str(PER_QUESTION)
    app.run()
    text = next(e.value for e in app.html if "cm-review" in e.value)
    found = re.search(r"of ([\d,]+) reviewed", text)
    assert found, text
    moves = [_timed(_button(app, "pair-j")) for _ in range(STEPS)]
    on_screen.SETTLING = 0.0  # nobody has to recognise what is drawn here
    decisions = [_timed(_button(app, "pair-a-")) for _ in range(STEPS)]
    began = time.perf_counter()
    app.slider(key="maximum_dispreferred_score").set_value(0.5).run()
    return int(found[1].replace(",", "")), moves, decisions, 1000 * (time.perf_counter() - began)


def _button(app: Any, key: str) -> Any:
    """The button whose key begins so; what it decides about stands behind."""
    return next(button for button in app.button if str(button.key).startswith(key))


def _timed(button: Any) -> float:
    began = time.perf_counter()
    button.click().run()
    return 1000 * (time.perf_counter() - began)


def browser_steps(home: str) -> list[float]:
    """Milliseconds from pressing ``j`` to the next pair on the screen."""
    from playwright.sync_api import sync_playwright

    port = _free_port()
    address = f"http://localhost:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "codemix_core", "serve", "--port", str(port)],
        cwd=PROJECT,
        env={**os.environ, "CODEMIX_HOME": home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"{address}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            rule = f"num_preference_pairs_per_question={PER_QUESTION}"
            page.goto(f"{address}/DPO_pairs?view=Review&{rule}")
            page.wait_for_selector(".cm-matrix", timeout=300_000)
            page.wait_for_timeout(3000)
            times = []
            for step in range(2, STEPS + 2):
                began = time.perf_counter()
                page.keyboard.press("j")
                page.wait_for_function(
                    "w => document.querySelector('.cm-place-in')?.innerText.startsWith(w)",
                    arg=f"{step} of",
                    polling=10,
                )
                times.append(1000 * (time.perf_counter() - began))
            browser.close()
            return times
    finally:
        server.terminate()
        server.wait(20)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def _wait(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.1)
    raise TimeoutError(address)


def _line(name: str, times: list[float]) -> str:
    worst = sorted(times)[max(0, round(0.95 * len(times)) - 1)]
    return f"{name:<34} median {statistics.median(times):6.0f} ms   95% {worst:6.0f} ms"


def main() -> None:
    """Print the times; wanted is a median and a 95th percentile below the limit."""
    with tempfile.TemporaryDirectory() as home:
        fill(Workspace.open(Path(home)))
        pairs, moves, decisions, slider = server_steps(home)
        print(f"{pairs:,} pairs; load of this machine {os.getloadavg()[0]:.1f}")
        print(_line("server, next pair", moves))
        print(_line("server, accept and next", decisions))
        print(f"{'server, slider to new yield':<34} {slider:13.0f} ms")
        print(_line("browser, key to next pair", browser_steps(home)))
    print(f"wanted: at most {LIMIT_MS:.0f} ms a step")


if __name__ == "__main__":
    main()
