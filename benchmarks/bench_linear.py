"""How the cost of ``score`` grows with the number of generations, and the memory it takes.

    python -m benchmarks linear

A sampling run of nano generations is scored by the command a person types; every program occurs
eight times, over the questions of the set (sampled answers repeat), and in the last row not at
all. Memory is the peak of the supervising process; what is behind the walls is not of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from codemix_core import jobs
from codemix_core.questions.nano import nano_questions
from codemix_core.records import GENERATIONS, Generation
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]
ROWS = ((10_000, 8), (100_000, 8), (10_000, 1))
_MIB = 1 << 20


def main() -> None:
    """Print the table."""
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'generations':>12}{'distinct':>10}{'seconds':>9}{'per second':>12}{'peak MiB':>10}")
    seconds: dict[tuple[int, int], float] = {}
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace.open(Path(home))
        workspace.write_question_set("nano", nano_questions(), {"source": "nano", "format": "nano"})
        _run(home, ["selfcheck", "nano"])
        for generations, repeated in ROWS:
            run_id = _sampled(workspace, generations, repeated)
            seconds[generations, repeated], peak = _run(home, ["score", run_id, "--no-use-cache"])
            took = seconds[generations, repeated]
            shown = f"{took:>9.1f}{generations / took:>12.0f}{peak:>10.0f}"
            print(f"{generations:>12}{generations // repeated:>10}{shown}", flush=True)
    first, second = (seconds[row] for row in ROWS[:2])
    print(f"ten times the generations take {second / first:.1f} times as long")


def _sampled(workspace: Workspace, generations: int, repeated: int) -> str:
    """A finished sampling run."""
    questions = nano_questions()
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano", "n": 1}))
    with run.writer(GENERATIONS) as writer:
        for number in range(generations):
            question = questions[number // repeated % len(questions)]
            code = f"{question.gold}# {run.run_id} {number // repeated}\n"
            if number // repeated % 3 == 0:
                code = code.replace("return xs", "return xs and 0")
            raw = f"```python\n{code}```"
            ids, logprobs = list(range(60)), [-0.05] * 60
            name = question.question_id
            writer.append(Generation(name, number, raw, code, "stop", 60, ids, logprobs))
    jobs.begin(run)
    jobs.write_exit(run, jobs.State.SUCCEEDED, "made", seconds=1.0)
    return run.run_id


def _run(home: str, arguments: list[str]) -> tuple[float, float]:
    """Seconds a command took, and the peak of its own resident memory in MiB."""
    command = [sys.executable, "-m", "codemix_core", *arguments]
    began = time.perf_counter()
    process = psutil.Popen(
        command,
        cwd=PROJECT,
        env=os.environ | {"CODEMIX_HOME": home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak: list[float] = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watcher.start()
    _, said = process.communicate()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {said}")
    return time.perf_counter() - began, peak[0]


def _watch(process: psutil.Popen, peak: list[float]) -> None:
    """Follow the highest resident memory of a process and of its Python children, one by one."""
    while process.poll() is None:
        try:
            for one in (process, *process.children()):
                text = Path(f"/proc/{one.pid}/status").read_text()
                highest = re.search(r"VmHWM:\s+(\d+) kB", text)
                if highest and one.name() != "bwrap":
                    peak[0] = max(peak[0], int(highest[1]) * 1024 / _MIB)
        except (psutil.Error, OSError):
            pass
        time.sleep(0.1)


if __name__ == "__main__":
    main()
