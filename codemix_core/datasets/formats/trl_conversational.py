"""TRL prompt and completion as chat messages; loss on the completion alone."""

from __future__ import annotations

from codemix_core.datasets.formats.base import (
    Format,
    Row,
    array_writer,
    assistant,
    fits_always,
    prompt_of,
)


def _encode(row: Row) -> dict[str, object]:
    return {"prompt": prompt_of(row), "completion": [assistant(row["answer"])]}


FORMAT = Format(
    name="trl_conversational",
    doc="TRL SFTTrainer: prompt and completion as chat messages",
    kind="examples",
    ending=".json",
    misfit=fits_always,
    write=array_writer(_encode),
    torchtune=None,
)
