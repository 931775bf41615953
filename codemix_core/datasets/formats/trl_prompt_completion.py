"""TRL prompt and completion as plain text; a system text stands before the user's.

The trainer adds no chat template to plain text, so this is for base models or for prompts
rendered elsewhere. Chat models want ``trl_conversational``.
"""

from __future__ import annotations

from codemix_core.datasets.formats.base import (
    Format,
    Row,
    array_writer,
    needs_one_turn,
    system_and_user,
)


def _encode(row: Row) -> dict[str, str]:
    system, user = system_and_user(row)
    prompt = user if system is None else f"{system}\n\n{user}"
    return {"prompt": prompt, "completion": row["answer"]}


FORMAT = Format(
    name="trl_prompt_completion",
    doc="TRL SFTTrainer: prompt and completion as plain text",
    kind="examples",
    ending=".json",
    misfit=needs_one_turn,
    write=array_writer(_encode),
    torchtune=None,
)
