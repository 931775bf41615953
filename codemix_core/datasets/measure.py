"""A dataset as training sees it: read by torchtune, tokenised, measured.

GRPO groups, which torchtune has no class for, are measured as prompt and longest answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from codemix_core.datasets.checks import RowChecks
from codemix_core.datasets.formats import AUTO, FORMATS, Facts, Format
from codemix_core.datasets.rows import read_rows
from codemix_core.datasets.stage import write_side
from codemix_core.errors import StageError
from codemix_core.progress import Progress
from codemix_core.workspace import RunDir

IGNORED = -100
"""Label of a token that is not trained on."""
SHOWN_TOKENS = 4000
"""Tokens of the first row that are kept to be shown."""


@dataclass
class Measured:
    """What torchtune made of the rows.

    lengths: tokens per row (for pairs, of the longer side) before any cut. trained: tokens per
    row that are trained on. cut, untrained: rows cut at the limit, and rows left without any
    token to train on. first: the first row as ``(text, trained)`` runs, by side of a pair.
    """

    lengths: list[int] = field(default_factory=list)
    trained: list[int] = field(default_factory=list)
    cut: int = 0
    untrained: int = 0
    first: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)


def load_side(
    dataset: RunDir, document: dict[str, Any], side: str, tokenizer: Any, scratch: Path
) -> Any:
    """One side as torchtune's dataset; a format torchtune cannot read is checked as chat."""
    kind = document["kind"]
    if kind == "groups":
        return _Groups(dataset, side, tokenizer)
    entry = FORMATS[document["template"]]
    path = dataset.root / document["files"][side]["file"]
    if entry.torchtune is None:
        entry = FORMATS[AUTO[kind]]
        path = scratch / f"{side}{entry.ending}"
        write_side(dataset, entry, kind, side, path)
    return _torchtune_dataset(entry, path, _facts(dataset, kind, side), tokenizer, scratch)


def _torchtune_dataset(
    entry: Format, path: Path, facts: Facts, tokenizer: Any, scratch: Path
) -> Any:
    from omegaconf import OmegaConf
    from torchtune import config

    assert entry.torchtune is not None
    block = {**entry.torchtune(str(path), facts), "cache_dir": str(scratch / "cache")}
    try:
        return config.instantiate(OmegaConf.create(block), tokenizer)
    except Exception as error:
        raise StageError(f"torchtune cannot load {path.name}: {error}") from error


def _facts(dataset: RunDir, kind: str, side: str) -> Facts:
    """Facts of the first row: a format that fitted all rows needs no more."""
    checks = RowChecks(kind)
    for row in read_rows(dataset, kind, side):
        checks.add(row)
        break
    return checks.facts()


class _Groups:
    """GRPO groups one by one as tokens: prompt, then each member's sampled tokens."""

    def __init__(self, dataset: RunDir, side: str, tokenizer: Any) -> None:
        self._rows = list(_members(dataset, side, tokenizer))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        prompt, answer = self._rows[place]
        return {"tokens": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}


def _members(dataset: RunDir, side: str, tokenizer: Any) -> Iterator[tuple[list[int], list[int]]]:
    """Prompt and longest answer of every group."""
    columns = ["messages", "prompt_token_ids", "answers", "token_ids"]
    for row in read_rows(dataset, "groups", side, columns):
        prompt = row["prompt_token_ids"] or tokenizer.prompt_ids(json.loads(row["messages"]))
        answers = [
            ids if ids is not None else tokenizer.answer_ids(text)
            for ids, text in zip(row["token_ids"], row["answers"], strict=True)
        ]
        yield prompt, max(answers, key=len)


def measure(
    rows: Any, tokenizer: Any, limit: int | None, most: int, progress: Progress
) -> Measured:
    """Tokenise at most ``most`` rows, evenly spread, and count what training would see."""
    found = Measured()
    places = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))
    for place in places.tolist():
        if progress.stopping:
            break
        row = rows[place]
        sides = {
            name: (row[f"{prefix}{tokens}"], row[f"{prefix}labels"])
            for name, prefix, tokens in (
                ("answer", "", "tokens"),
                ("chosen", "chosen_", "input_ids"),
                ("rejected", "rejected_", "input_ids"),
            )
            if f"{prefix}{tokens}" in row
        }
        if not found.first:
            found.first = {n: _runs(*side, tokenizer.decode) for n, side in sides.items()}
        lengths = [len(tokens) for tokens, _ in sides.values()]
        trained = [
            int((np.asarray(labels[:limit]) != IGNORED).sum()) for _, labels in sides.values()
        ]
        found.lengths.append(max(lengths))
        found.trained.append(sum(trained))
        found.cut += limit is not None and max(lengths) > limit
        found.untrained += min(trained) == 0
        progress.advance()
    return found


def _runs(tokens: list[int], labels: Any, decode: Callable[..., str]) -> list[tuple[str, bool]]:
    """Tokens as text in runs that are trained on, or not."""
    runs: list[tuple[str, bool]] = []
    start = 0
    trained = [bool(label != IGNORED) for label in labels[:SHOWN_TOKENS]]
    for end in range(1, len(trained) + 1):
        if end == len(trained) or trained[end] != trained[start]:
            runs.append((decode(tokens[start:end], skip_special_tokens=False), trained[start]))
            start = end
    return runs
