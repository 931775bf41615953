"""GRPO groups as Parquet: one row per question, lists over its generations.

Columns and units are those of :data:`codemix_core.datasets.rows.GROUPS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from codemix_core.datasets.formats.base import Format, Row, fits_always
from codemix_core.datasets.rows import GROUPS

ROWS_AT_ONCE = 256


def _write(rows: Iterable[Row], path: Path) -> None:
    left = iter(rows)
    with pq.ParquetWriter(path, GROUPS.schema, compression="zstd") as writer:
        while chunk := list(islice(left, ROWS_AT_ONCE)):
            writer.write_table(GROUPS.to_arrow(GROUPS.from_rows(chunk)))


FORMAT = Format(
    name="groups",
    doc="GRPO groups as Parquet, for this project's own recipe",
    kind="groups",
    ending=".parquet",
    misfit=fits_always,
    write=_write,
    torchtune=None,
)
