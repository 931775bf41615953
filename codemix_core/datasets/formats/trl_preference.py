"""TRL preference data with an explicit prompt, as chat messages."""

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
    answers = {side: [assistant(row[side])] for side in ("chosen", "rejected")}
    return {"prompt": prompt_of(row), **answers}


FORMAT = Format(
    name="trl_preference",
    doc="TRL DPOTrainer: prompt, chosen and rejected as chat messages",
    kind="pairs",
    ending=".json",
    misfit=fits_always,
    write=array_writer(_encode),
    torchtune=None,
)
