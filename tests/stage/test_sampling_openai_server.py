"""The OpenAI-compatible engine against a real vLLM server of the bundled model."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from codemix_core.errors import EngineError
from codemix_core.progress import Progress
from codemix_core.records import GENERATIONS, PROMPTS, Question
from codemix_core.sampling import stage
from codemix_core.sampling.preview import preview
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import RunDir, Workspace

pytestmark = pytest.mark.slow

KEY = "a-key-of-this-test"


@pytest.fixture(scope="module")
def server(nano_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running vLLM server that wants a key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(nano_model), "--served-model-name", "tiny", "--host", "127.0.0.1"),
        *("--port", str(port), "--api-key", KEY, "--enforce-eager"),
        *("--gpu-memory-utilization", "0.1", "--max-num-seqs", "64"),
    ]
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, log)
        yield address
    finally:
        family = [
            *psutil.Process(process.pid).children(recursive=True),
            psutil.Process(process.pid),
        ]
        process.terminate()
        for member in psutil.wait_procs(family, timeout=15)[1]:
            member.kill()
        process.wait(timeout=15)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 240
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        try:
            urllib.request.urlopen(f"{address}/health", timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)


def sample(workspace: Workspace, server: str, **more: Any) -> RunDir:
    values = {
        "questions": "nano", "model": "tiny", "engine": "openai", "base_url": f"{server}/v1",
        "n": 4, "limit": 10, "max_tokens": 120, "api_key_env": "TINY_KEY",
    }  # fmt: skip
    spec = SampleSpec.parse({**values, **more})
    run = workspace.new_run(spec)
    stage.run(spec, run, Progress(lambda document: None))
    return run


def test_answers_come_with_token_ids_and_logprobs(
    server: str, workspace: Workspace, nano: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_KEY", KEY)
    run = sample(workspace, server)
    rows = run.read(GENERATIONS).to_pylist()
    keys = {(row["question_id"], row["sample_index"]) for row in rows}
    assert keys == {(q.question_id, i) for q in nano[:10] for i in range(4)}
    assert len(rows) == 40
    for row in rows:
        assert len(row["token_ids"]) == len(row["logprobs"]) == row["completion_tokens"]
        assert max(row["logprobs"]) <= 0
        assert row["finish_reason"] in ("stop", "length")
    assert sum(row["code"] is not None for row in rows) > 30
    assert KEY not in (run.spec_path.read_text() + json.dumps(run.read(PROMPTS).to_pylist()))


def test_the_server_sees_the_prompt_that_the_local_engine_would_send(
    server: str, workspace: Workspace, nano: list[Question]
) -> None:
    spec = SampleSpec.parse({"questions": "nano", "model": "nano", "cot": True})
    for question in nano[:3]:
        shown = preview(spec, question)
        body = {"model": "tiny", "messages": shown.messages, "add_generation_prompt": True}
        request = urllib.request.Request(
            f"{server}/tokenize",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            assert json.load(reply)["tokens"] == shown.token_ids


def test_a_question_the_server_refuses_does_not_stop_the_others(
    server: str,
    workspace: Workspace,
    all_nano: list[Question],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataclasses import replace

    monkeypatch.setenv("TINY_KEY", KEY)
    long = replace(all_nano[0], question_id="long", statement="Sort the list. " * 3000)
    workspace.write_question_set("mixed", [long, *all_nano[:3]], {})
    run = sample(workspace, server, questions="mixed", n=2)
    found = {row["question_id"] for row in run.read(GENERATIONS).to_pylist()}
    assert found == {question.question_id for question in all_nano[:3]}


def test_a_missing_key_and_an_unknown_model_are_clear(
    server: str, workspace: Workspace, nano: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINY_KEY", raising=False)
    with pytest.raises(EngineError, match="TINY_KEY"):
        sample(workspace, server)
    monkeypatch.setenv("TINY_KEY", KEY)
    with pytest.raises(EngineError, match=r"does not know the model 'other'. It has: tiny"):
        sample(workspace, server, model="other")
