"""Metric lines can be read while they are written, after a kill, and after a resume."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from codemix_core.errors import SpecError
from codemix_core.training.metrics import JsonLinesLogger, read


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, Any], int]] = []
        self.closed = False

    def log_dict(self, payload: dict[str, Any], step: int) -> None:
        self.heard.append((payload, step))

    def close(self) -> None:
        self.closed = True


def test_a_line_is_there_as_soon_as_it_is_logged(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "metrics.jsonl"
    logger = JsonLinesLogger(path)
    logger.log_dict({"loss": torch.tensor(0.5), "lr": 1e-4, "epoch": 1}, step=3)
    logger.log("loss", 0.25, step=4)
    lines = read(path)
    assert [(line["step"], line["loss"]) for line in lines] == [(3, 0.5), (4, 0.25)]
    assert lines[0]["epoch"] == 1
    assert abs(lines[0]["time"] - lines[1]["time"]) < 5
    logger.close()


def test_values_that_are_not_finite_are_null_and_the_file_stays_json(tmp_path: Path) -> None:
    logger = JsonLinesLogger(tmp_path / "m.jsonl")
    logger.log_dict({"loss": math.nan, "grad_norm": torch.tensor(math.inf)}, step=1)
    logger.close()

    def refuse(name: str) -> None:
        raise AssertionError(name)

    raw = (tmp_path / "m.jsonl").read_text()
    assert json.loads(raw, parse_constant=refuse)["loss"] is None
    assert read(tmp_path / "m.jsonl")[0]["grad_norm"] is None


def test_a_torn_line_is_left_out_and_cut_off_when_training_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1, "time": 0, "loss": 1.0}\n{"step": 2, "ti')
    assert [line["step"] for line in read(path)] == [1]
    logger = JsonLinesLogger(path)
    logger.log("loss", 2.0, step=2)
    logger.close()
    assert [line["step"] for line in read(path)] == [1, 2]
    assert path.read_text().count("\n") == 2


def test_steps_done_again_after_a_resume_are_told_once(tmp_path: Path) -> None:
    logger = JsonLinesLogger(tmp_path / "m.jsonl")
    for step in (1, 2):
        logger.log("loss", float(step), step)
    logger.log_dict({"epoch": 0, "validation/loss": 0.1}, step=2)
    for step in (3, 4):
        logger.log("loss", float(step), step)
    for step in (3, 4, 5):  # resumed from the end of epoch 0
        logger.log("loss", float(-step), step)
    logger.close()
    lines = read(tmp_path / "m.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 2, 3, 4, 5]
    assert [line.get("loss") for line in lines] == [1.0, 2.0, None, -3.0, -4.0, -5.0]


def test_a_run_killed_right_after_logging_a_step_does_not_tell_it_twice(tmp_path: Path) -> None:
    logger = JsonLinesLogger(tmp_path / "m.jsonl")
    logger.log("loss", 1.0, 1)
    logger.log("loss", 2.0, 1)
    assert [line["loss"] for line in read(tmp_path / "m.jsonl")] == [2.0]


def test_no_file_yet_is_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path / "none.jsonl") == []


def test_further_loggers_hear_everything(tmp_path: Path) -> None:
    listener = Listener()
    logger = JsonLinesLogger(tmp_path / "m.jsonl", also=[listener])  # type: ignore[list-item]
    logger.log_dict({"loss": 1.0}, step=7)
    logger.close()
    assert listener.heard == [({"loss": 1.0}, 7)]
    assert listener.closed


def test_a_further_logger_is_made_from_its_torchtune_block(tmp_path: Path) -> None:
    block = {
        "_component_": "torchtune.training.metric_logging.DiskLogger",
        "log_dir": str(tmp_path),
        "filename": "disk.txt",
    }
    logger = JsonLinesLogger(tmp_path / "m.jsonl", also=[block])
    logger.log("loss", 0.5, step=9)
    logger.close()
    assert "loss:0.5" in (tmp_path / "disk.txt").read_text()


def test_every_logger_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    blocks = [{"_component_": "nowhere.Logger"}, {"log_dir": "x"}]
    with pytest.raises(SpecError, match=r"also\[0\](.|\n)*also\[1\]"):
        JsonLinesLogger(tmp_path / "m.jsonl", also=blocks)


def test_the_configuration_is_kept_beside_the_checkpoints(tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    logger = JsonLinesLogger(tmp_path / "m.jsonl")
    logger.log_config(OmegaConf.create({"output_dir": str(tmp_path / "out"), "lr": 0.1}))
    assert "lr: 0.1" in (tmp_path / "out" / "torchtune_config.yaml").read_text()
