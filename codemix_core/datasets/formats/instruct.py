"""torchtune ``instruct_dataset``: ``{"input": …, "output": …}``.

The system text is not in the file: it is the same for all rows and goes into the configuration
as ``new_system_prompt``. Rows with different system texts do not fit.
"""

from __future__ import annotations

from typing import Any

from codemix_core.datasets.formats.base import (
    Facts,
    Format,
    Row,
    array_writer,
    json_source,
    needs_one_turn,
    system_and_user,
)
from codemix_core.errors import Problem


def _encode(row: Row) -> dict[str, str]:
    return {"input": system_and_user(row)[1], "output": row["answer"]}


def _misfit(facts: Facts) -> list[Problem]:
    problems = needs_one_turn(facts)
    if len(facts.systems) > 1:
        what = "has no place for the system text, and the rows have different ones."
        problems.append(Problem("template", what, "Use chat."))
    return problems


def _torchtune(path: str, facts: Facts) -> dict[str, Any]:
    block = json_source("torchtune.datasets.instruct_dataset", path, train_on_input=False)
    system = facts.systems[0] if facts.systems else None
    return block if system is None else {**block, "new_system_prompt": system}


FORMAT = Format(
    name="instruct",
    doc="torchtune instruct_dataset: input and output",
    kind="examples",
    ending=".json",
    misfit=_misfit,
    write=array_writer(_encode),
    torchtune=_torchtune,
)
