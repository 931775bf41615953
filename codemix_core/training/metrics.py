"""Metrics of a training as JSON lines: one object per line, written while training runs.

A line is ``{"step": whole number, "time": Unix seconds, name: number, …}``. Guarantees: every
line is handed to the system when the call returns, so a reader in another process sees it; a value
that is not finite is null; when training is resumed into the same file, a line that was torn by
a kill is cut off, and :func:`read` leaves out what the resumed training did again.

Only rank 0 of a distributed training writes; torchtune's recipes see to that.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codemix_core.errors import Problem, SpecError


class JsonLinesLogger:
    """torchtune's metric logger, writing JSON lines::

    metric_logger:
      _component_: codemix_core.training.metrics.JsonLinesLogger
      path: /runs/train-1/metrics.jsonl
      also:
        - _component_: torchtune.training.metric_logging.TensorBoardLogger
          log_dir: /runs/train-1/tensorboard
    """

    def __init__(self, path: str | Path, also: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Open ``path`` for appending.

        Args:
            also: further loggers as torchtune components; each gets everything.

        Raises:
            SpecError: a further logger cannot be made; every one that cannot is named.
        """
        self._others = _components(also or ())
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(self.path)
        self._file = self.path.open("a", encoding="utf-8")

    def log(self, name: str, data: Any, step: int) -> None:
        """Write a line with one value."""
        self.log_dict({name: data}, step)

    def log_dict(self, payload: Mapping[str, Any], step: int) -> None:
        """Write a line with several values."""
        line: dict[str, Any] = {"step": int(step), "time": round(time.time(), 3)}
        line |= {name: _number(value) for name, value in payload.items()}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()
        for other in self._others:
            other.log_dict(payload, step)

    def log_config(self, config: Any) -> None:
        """Keep the resolved configuration beside the checkpoints, as torchtune's loggers do."""
        from torchtune.training.metric_logging import save_config

        save_config(config)
        for other in self._others:
            other.log_config(config)

    def close(self) -> None:
        """Close the file and the further loggers."""
        self._file.close()
        for other in self._others:
            other.close()


def read(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a metrics file, steps in order; none when there is no file yet.

    A torn last line is left out. Where the step falls back, training was resumed from an earlier
    checkpoint: lines of the steps that were done again are left out.
    """
    lines: list[dict[str, Any]] = []
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        return lines
    for raw in text.split(b"\n"):
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if not isinstance(line, dict) or not isinstance(line.get("step"), int):
            continue
        while lines and _undone(lines[-1], line):
            lines.pop()
        lines.append(line)
    return lines


class Tail:
    """The lines of a metrics file as they come, each once."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._read = 0

    def new(self) -> list[dict[str, Any]]:
        """Whole lines written since the last call."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._read)
                data = stream.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._read += whole
        return [json.loads(line) for line in data[:whole].splitlines()]


def _undone(earlier: dict[str, Any], later: dict[str, Any]) -> bool:
    """Whether a later line does again what an earlier one tells of."""
    names = (earlier.keys() & later.keys()) - {"step", "time"}
    return bool(earlier["step"] > later["step"] or (earlier["step"] == later["step"] and names))


def _components(blocks: Sequence[Any]) -> list[Any]:
    """Loggers made from their blocks; what is a logger already stays as it is."""
    found, problems = [], []
    for place, block in enumerate(blocks):
        if not isinstance(block, Mapping):
            found.append(block)
            continue
        from omegaconf import OmegaConf
        from torchtune import config

        try:
            found.append(config.instantiate(OmegaConf.create(dict(block))))
        except Exception as error:  # noqa: BLE001 - a foreign class; whatever it raises is shown
            where = f"metric_logger.also[{place}]"
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            fix = "Install its package, mend its arguments, or leave it out."
            problems.append(Problem(where, f"cannot be made: {reason}.", fix))
    if problems:
        raise SpecError(problems)
    return found


def _cut_torn_line(path: Path) -> None:
    """Remove what follows the last end of line."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    whole = data.rfind(b"\n") + 1
    if whole != len(data):
        os.truncate(path, whole)


def _number(value: Any) -> int | float | None:
    """A scalar of any library as a JSON number; null when it is not finite."""
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, bool | int):
        return int(number)
    return float(number) if math.isfinite(number) else None
