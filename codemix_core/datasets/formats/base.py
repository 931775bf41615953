"""What a dataset format is, and what the formats share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemix_core.errors import Problem

Row = Mapping[str, Any]
Message = dict[str, str]


@dataclass(frozen=True)
class Facts:
    """What a format must know of all rows before it can say whether they fit.

    systems: the different system texts of the prompts, at most three of them; None stands for
    a prompt without one. turns: the different sequences of roles, likewise.
    """

    systems: tuple[str | None, ...]
    turns: tuple[tuple[str, ...], ...]

    @property
    def one_turn(self) -> bool:
        """Every prompt is one user message, with or without a system message before it."""
        return all(turn in (("user",), ("system", "user")) for turn in self.turns)


@dataclass(frozen=True)
class Format:
    """One way to write a dataset.

    name: as in ``--template``. doc: one sentence for a person. kind: of rows it takes.
    ending: of its files. misfit: what keeps rows with such facts out of it; empty when nothing.
    write: writes rows to a new file. torchtune: the ``dataset`` block of a torchtune
    configuration for a file, or None when torchtune does not read it.
    """

    name: str
    doc: str
    kind: str
    ending: str
    misfit: Callable[[Facts], list[Problem]]
    write: Callable[[Iterable[Row], Path], None]
    torchtune: Callable[[str, Facts], dict[str, Any]] | None


def fits_always(facts: Facts) -> list[Problem]:
    """No facts keep rows out."""
    return []


def needs_one_turn(facts: Facts) -> list[Problem]:
    """For formats with one field for the user and one for the answer."""
    if facts.one_turn:
        return []
    shown = " / ".join(", ".join(turn) for turn in facts.turns)
    what = f"has no place for prompts of several turns (found: {shown})."
    return [Problem("template", what, "Use chat, sharegpt or trl_conversational.")]


def array_writer(encode: Callable[[Row], Any]) -> Callable[[Iterable[Row], Path], None]:
    """Writes a JSON array with one row per line; rows are encoded as they come."""

    def write(rows: Iterable[Row], path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            opening = "[\n"
            for row in rows:
                stream.write(opening + json.dumps(encode(row), ensure_ascii=False))
                opening = ",\n"
            stream.write("[]\n" if opening == "[\n" else "\n]\n")

    return write


def prompt_of(row: Row) -> list[Message]:
    """The prompt of a row as chat messages."""
    messages: list[Message] = json.loads(row["messages"])
    return messages


def assistant(text: str) -> Message:
    """An answer as a chat message."""
    return {"role": "assistant", "content": text}


def system_and_user(row: Row) -> tuple[str | None, str]:
    """The texts of a one-turn prompt."""
    by_role = {message["role"]: message["content"] for message in prompt_of(row)}
    return by_role.get("system"), by_role["user"]


def json_source(component: str, path: str, **settings: Any) -> dict[str, Any]:
    """A torchtune ``dataset`` block that reads a JSON file."""
    block = {"_component_": component, "source": "json", "data_files": path, "split": "train"}
    return {**block, **settings}
