"""ShareGPT: ``{"conversations": [{from, value}, …]}``, which torchtune's chat_dataset reads too."""

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

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def _encode(row: Row) -> dict[str, object]:
    messages = [*prompt_of(row), assistant(row["answer"])]
    turns = [{"from": _SPEAKERS[m["role"]], "value": m["content"]} for m in messages]
    return {"conversations": turns}


FORMAT = Format(
    name="sharegpt",
    doc="ShareGPT conversations, also read by torchtune chat_dataset",
    kind="examples",
    ending=".json",
    misfit=fits_always,
    write=array_writer(_encode),
    torchtune=lambda path, facts: json_source(
        "torchtune.datasets.chat_dataset",
        path,
        conversation_column="conversations",
        conversation_style="sharegpt",
        train_on_input=False,
    ),
)
