"""torchtune ``chat_dataset`` in OpenAI style: ``{"messages": [{role, content}, …]}``."""

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
    return {"messages": [*prompt_of(row), assistant(row["answer"])]}


FORMAT = Format(
    name="chat",
    doc="torchtune chat_dataset, OpenAI style: messages with roles",
    kind="examples",
    ending=".json",
    misfit=fits_always,
    write=array_writer(_encode),
    torchtune=lambda path, facts: json_source(
        "torchtune.datasets.chat_dataset",
        path,
        conversation_column="messages",
        conversation_style="openai",
        train_on_input=False,
    ),
)
