"""Sampling with the real vLLM and the bundled model, as jobs started from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codemix_core import jobs
from codemix_core.jobs import State
from codemix_core.records import GENERATIONS, PROMPTS, Question
from codemix_core.sampling import chat
from codemix_core.sampling.extraction import extract
from codemix_core.sampling.preview import preview
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import RunDir, Workspace

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
ASKED, N, MAX_TOKENS, MANY = 24, 8, 160, 300
TOO_LONG = "q-too-long"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, all_nano: list[Question]) -> Workspace:
    """A workspace with nano questions, one of them longer than the model's context."""
    workspace = Workspace.open(tmp_path_factory.mktemp("vllm"))
    long = replace(all_nano[0], question_id=TOO_LONG, statement="Sort the list. " * 3000)
    few = [*all_nano[: ASKED // 2], long, *all_nano[ASKED // 2 : ASKED]]
    workspace.write_question_set("few", few, {"source": "nano", "format": "nano"})
    workspace.write_question_set("many", all_nano[:MANY], {"source": "nano", "format": "nano"})
    return workspace


def start(home: Workspace, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "CODEMIX_HOME": str(home.root)}
    return subprocess.Popen(
        [sys.executable, "-m", "codemix_core", *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(home: Workspace, *arguments: str) -> str:
    process = start(home, *arguments)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def first_line(output: str) -> str:
    """The run id, which a command prints first."""
    return output.splitlines()[0].split()[-1]


FLAGS = ("sample", "--questions=few", "--model=nano", "-n", str(N), f"--max-tokens={MAX_TOKENS}")


def rows(run: RunDir) -> dict[tuple[str, int], dict[str, Any]]:
    found = run.read(GENERATIONS).to_pylist()
    by_key = {(row["question_id"], row["sample_index"]): row for row in found}
    assert len(by_key) == len(found), "an answer was sampled twice"
    return by_key


@pytest.fixture(scope="module")
def sampled(home: Workspace) -> RunDir:
    """One finished run of all questions of the set ``few``."""
    return home.run(first_line(finish(home, *FLAGS)))


def test_every_answer_is_there_with_tokens_logprobs_and_program(sampled: RunDir) -> None:
    found = rows(sampled)
    assert len(found) == ASKED * N
    assert {index for _, index in found} == set(range(N))
    for row in found.values():
        assert row["completion_tokens"] == len(row["token_ids"]) == len(row["logprobs"])
        assert max(row["logprobs"]) <= 0
        assert row["finish_reason"] == "stop" or row["completion_tokens"] == MAX_TOKENS
        assert row["code"] == extract(row["raw_output"], "python")
    with_code = sum(row["code"] is not None for row in found.values())
    assert with_code > 0.9 * len(found)


def test_what_was_previewed_is_what_was_sampled_from(sampled: RunDir, home: Workspace) -> None:
    stored = {row["question_id"]: row for row in sampled.read(PROMPTS).to_pylist()}
    spec = SampleSpec.model_validate(sampled.load_spec())
    questions = home.question_set("few").questions()
    assert set(stored) == {question.question_id for question in questions}
    for question in questions:
        shown, row = preview(spec, question, home), stored[question.question_id]
        assert shown.messages == json.loads(row["messages"])
        assert (shown.rendered, shown.token_ids) == (row["rendered"], row["token_ids"])
        assert (shown.n_tokens, shown.problem) == (row["prompt_tokens"], row["problem"])


def test_a_prompt_longer_than_the_context_is_flagged_and_stops_nothing(sampled: RunDir) -> None:
    problems = {
        row["question_id"]: row["problem"]
        for row in sampled.read(PROMPTS).to_pylist()
        if row["problem"]
    }
    assert list(problems) == [TOO_LONG]
    assert "context ends at 2048" in problems[TOO_LONG]
    assert TOO_LONG not in {question_id for question_id, _ in rows(sampled)}


def test_the_text_is_the_tokens_without_special_ones(sampled: RunDir, nano_model: Path) -> None:
    tokenizer = chat.TransformersFormat(str(nano_model), None)
    for row in rows(sampled).values():
        assert row["raw_output"] == tokenizer.decode(row["token_ids"])
        assert "<|im_end|>" not in row["raw_output"]


def test_stored_logprobs_are_those_of_the_untempered_model(
    sampled: RunDir, nano_model: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    load: Any = AutoModelForCausalLM.from_pretrained
    model = load(nano_model, dtype=torch.float32)
    prompts = {row["question_id"]: row["token_ids"] for row in sampled.read(PROMPTS).to_pylist()}
    gaps = []
    for (question_id, _), row in list(rows(sampled).items())[:48]:
        prompt, answer = prompts[question_id], row["token_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits, -1).gather(1, torch.tensor(answer)[:, None])[:, 0]
        gaps.append((expected - torch.tensor(row["logprobs"])).abs().mean().item())
    assert sum(gaps) / len(gaps) < 0.05, gaps


def test_the_same_spec_samples_the_same_answers_again(sampled: RunDir, home: Workspace) -> None:
    again = home.run(first_line(finish(home, *FLAGS)))
    tokens = {key: row["token_ids"] for key, row in rows(sampled).items()}
    assert {key: row["token_ids"] for key, row in rows(again).items()} == tokens


def test_answers_of_one_question_share_no_random_numbers(sampled: RunDir) -> None:
    answers: dict[str, set[str]] = {}
    for (question_id, _), row in rows(sampled).items():
        answers.setdefault(question_id, set()).add(row["raw_output"])
    assert sum(len(distinct) > 1 for distinct in answers.values()) > ASKED / 2


def test_a_broken_model_is_refused_before_any_run_is_made(home: Workspace, tmp_path: Path) -> None:
    before = [run.run_id for run in home.runs("sample")]
    process = start(home, "sample", "--questions=few", f"--model={tmp_path}", "-n", "4", "-t", "0")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    for part in ("temperature", "makes all 4 answers"):
        assert part in output
    process = start(home, "sample", "--questions=few", f"--model={tmp_path}")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    for part in ("no config.json", "no tokenizer", "no chat template", "no weights"):
        assert part in " ".join(output.split())
    assert [run.run_id for run in home.runs("sample")] == before


def wait_for_samples(run: RunDir, more_than: int, seconds: float = 120) -> int:
    deadline = time.monotonic() + seconds
    while (count := len(run.read(GENERATIONS, ["sample_index"]))) <= more_than:
        assert time.monotonic() < deadline, run.log_path.read_text()[-3000:]
        time.sleep(0.1)
    return count


def started(home: Workspace, process: subprocess.Popen[str]) -> RunDir:
    assert process.stdout is not None
    return home.run(process.stdout.readline().split()[-1])


def children(process: subprocess.Popen[str]) -> Iterator[int]:
    import psutil

    for child in psutil.Process(process.pid).children(recursive=True):
        yield child.pid


def test_a_stopped_and_a_killed_run_resume_without_repeating_a_sample(home: Workspace) -> None:
    n = 32
    process = start(home, "sample", "--questions=many", "--model=nano", "-n", str(n))
    run = started(home, process)
    wait_for_samples(run, 0)
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert time.monotonic() - asked_at < 10
    assert jobs.status(run).state is State.STOPPED
    stopped = rows(run)
    assert 0 < len(stopped) < MANY * n

    process = start(home, "resume", run.run_id)
    wait_for_samples(run, len(stopped))
    family = [*children(process), process.pid]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    deadline = time.monotonic() + 10
    while jobs.is_locked(run) and time.monotonic() < deadline:
        time.sleep(0.05)  # A killed process gives its memory back before its locks.
    assert jobs.status(run).state is State.CRASHED
    killed = rows(run)
    assert len(killed) > len(stopped)

    finish(home, "resume", run.run_id)
    everything = rows(run)
    assert len(everything) == MANY * n
    for earlier in (stopped, killed):
        assert all(everything[key] == row for key, row in earlier.items())
    assert jobs.status(run).state is State.SUCCEEDED
