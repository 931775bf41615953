"""torchtune ``preference_dataset``: two whole conversations, ``chosen`` and ``rejected``."""

from __future__ import annotations

from codemix_core.datasets.formats.base import (
    Format,
    Row,
    array_writer,
    assistant,
    fits_always,
    json_source,
    prompt_of,
)


def _encode(row: Row) -> dict[str, object]:
    prompt = prompt_of(row)
    return {side: [*prompt, assistant(row[side])] for side in ("chosen", "rejected")}


FORMAT = Format(
    name="preference",
    doc="torchtune preference_dataset: chosen and rejected conversations",
    kind="pairs",
    ending=".json",
    misfit=fits_always,
    write=array_writer(_encode),
    torchtune=lambda path, facts: json_source(
        "torchtune.datasets.preference_dataset", path, train_on_input=False
    ),
)
