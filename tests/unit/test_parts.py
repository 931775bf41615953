"""Shards: whole or absent, whatever happens to the writer."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from codemix_core import files, parts
from codemix_core.records import GENERATIONS, Generation
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.workspace import Workspace


def row(index: int, text: str = "x") -> Generation:
    return Generation("q", index, text, None, None, None, None, None)


def test_rows_are_readable_after_the_writer_closes(tmp_path: Path) -> None:
    with parts.ShardWriter(tmp_path, GENERATIONS) as writer:
        writer.append(row(0))
        assert parts.read(tmp_path, GENERATIONS).num_rows == 0
    assert parts.read(tmp_path, GENERATIONS, ["sample_index"]).to_pylist() == [{"sample_index": 0}]


def test_rows_become_visible_while_the_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "FIRST_INTERVAL", 0.0)
    monkeypatch.setattr(parts, "INTERVAL_SHARE", 0.0)
    with parts.ShardWriter(tmp_path, GENERATIONS) as writer:
        writer.append(row(0))
        assert parts.read(tmp_path, GENERATIONS).num_rows == 1


def test_finished_rows_are_kept_when_the_stage_raises(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="boom"),
        parts.ShardWriter(tmp_path, GENERATIONS) as writer,
    ):
        writer.append(row(0))
        raise RuntimeError("boom")
    assert parts.read(tmp_path, GENERATIONS).num_rows == 1


def test_shards_keep_the_order_of_writing(tmp_path: Path) -> None:
    writer = parts.ShardWriter(tmp_path, GENERATIONS)
    for index in range(20):
        writer.append(row(index))
        writer.flush()
    indexes = parts.read(tmp_path, GENERATIONS)["sample_index"].to_pylist()
    assert indexes == list(range(20))


def test_a_column_that_is_newer_than_a_shard_is_null_in_it(tmp_path: Path) -> None:
    with parts.ShardWriter(tmp_path, GENERATIONS) as writer:
        writer.append(row(0))
    (old,) = parts.shards(tmp_path, GENERATIONS)
    pq.write_table(pq.read_table(old).drop_columns(["code", "token_ids"]), old)
    with parts.ShardWriter(tmp_path, GENERATIONS) as writer:
        writer.append(row(1))
    (first, second) = parts.read(tmp_path, GENERATIONS).sort_by("sample_index").to_pylist()
    assert (first["code"], first["token_ids"], first["raw_output"]) == (None, None, "x")
    assert second["sample_index"] == 1


WRITER = """
import sys
from pathlib import Path
from codemix_core import parts
from codemix_core.records import GENERATIONS, Generation
writer = parts.ShardWriter(Path(sys.argv[1]), GENERATIONS)
print("ready", flush=True)
index = 0
while True:
    rows = [Generation("q", index + i, "x" * 2000, None, None, None, None, None) for i in range(50)]
    index += 50
    writer.extend(rows)
    writer.flush()
"""


def test_no_torn_row_is_read_from_a_writer_killed_at_random_moments(tmp_path: Path) -> None:
    rng = random.Random(7)
    counted = 0
    for attempt in range(8):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        while not parts.shards(folder, GENERATIONS):
            time.sleep(0.001)
        deadline = time.monotonic() + rng.uniform(0.0, 0.2)
        while time.monotonic() < deadline:
            parts.read(folder, GENERATIONS)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        indexes = parts.read(folder, GENERATIONS)["sample_index"].to_pylist()
        assert indexes == list(range(len(indexes)))
        assert len(indexes) % 50 == 0
        counted += len(indexes)
        files.remove_temporaries(folder)
        assert not list(folder.glob(".tmp-*"))
    assert counted > 0


def test_a_json_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    files.write_json(path, {"done": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"done": object()})
    assert files.read_json(path) == {"done": 1}
    assert not list(tmp_path.glob(".tmp-*"))


def test_lines_appended_by_many_processes_never_interleave(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    script = (
        "import sys; from pathlib import Path; from codemix_core import files\n"
        "for i in range(100):\n"
        "    files.append_line(Path(sys.argv[1]), {'who': sys.argv[2] * 500, 'i': i})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), who], env=environment)
        for who in "ab"
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    import json

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 200
    assert {len(set(line["who"])) for line in lines} == {1}


def test_a_second_run_with_the_same_id_is_refused(workspace: Workspace) -> None:
    spec = SelfcheckSpec.parse({"questions": "nano"})
    run = workspace.new_run(spec)
    with pytest.raises(FileExistsError):
        workspace.new_run(spec, run.run_id)
