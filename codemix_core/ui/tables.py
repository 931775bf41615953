"""Long tables: paged in SQL, one row to choose, and the whole table for download."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.ui import data, url, words

PAGE = 25
EVERYTHING = 2**31 - 1
"""Row limit of a download."""


def place(name: str = "page") -> tuple[int, int]:
    """``limit`` and ``offset`` of the page of rows that the URL names."""
    number = url.get_int(name) or 1
    return PAGE, (number - 1) * PAGE


def beyond_last(page: str = "page") -> None:
    """Go back to the first page when the URL names one that does not exist (any more)."""
    if (url.get_int(page) or 1) > 1:
        url.put(**{page: None})
        st.rerun()


def choose(
    frame: pd.DataFrame,
    key: str,
    columns: Mapping[str, Any],
    chosen: Callable[[pd.Series], None],
    *,
    selected: Callable[[pd.DataFrame], pd.Series] | None = None,
) -> None:
    """A table whose rows can be clicked; ``chosen`` gets the row at once, before the rerun.

    Args:
        key: changes with the rows shown, because a selection is a position.
        columns: streamlit column settings by column; other columns are hidden.
        selected: tells which row is open, to mark it.
    """
    marked = selected(frame) if selected is not None and len(frame) else pd.Series([], dtype=bool)
    positions = [int(i) for i in marked.to_numpy().nonzero()[0]]

    def picked() -> None:
        selection = st.session_state[key]["selection"]
        rows = selection["rows"] or [row for row, _ in selection["cells"]]
        if rows and rows[0] < len(frame):
            chosen(frame.iloc[rows[0]])

    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        column_order=list(columns),
        column_config=dict(columns),
        on_select=picked,
        selection_mode=["single-row", "single-cell"],
        selection_default={"selection": {"rows": positions[:1]}} if positions else None,
        placeholder=words.EN_DASH,
        height="content",
        row_height=30,
    )


def walk(
    ids: Sequence[str], current: str, clears: Sequence[str], resets: Sequence[str] = ("sample",)
) -> None:
    """Above an opened question: back to all of them, and the ones before and after it.

    Args:
        ids: the questions that match the table's filters, in its order.
        clears: URL values that go when all questions are shown again.
        resets: URL values that go when another question is shown.
    """
    here = ids.index(current) if current in ids else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "All questions",
            key="all-questions",
            icon=":material/list:",
            shortcut="Esc",
            on_click=lambda: url.put(question=None, **dict.fromkeys(clears)),
        )
        for label, icon, key, step in (
            ("Previous", ":material/arrow_back:", "Left", -1),
            ("Next", ":material/arrow_forward:", "Right", 1),
        ):
            there = here is not None and 0 <= here + step < len(ids)
            st.button(
                label,
                key=f"walk-{label.lower()}",
                icon=icon,
                shortcut=key,
                disabled=not there,
                on_click=_open,
                args=(ids[here + step] if there and here is not None else "", resets),
            )
        if here is not None:
            st.caption(f"{here + 1:,} of {words.count(len(ids), 'question')}", width="content")


def _open(question_id: str, resets: Sequence[str]) -> None:
    """Show another question, in the same view."""
    url.put(question=question_id, **dict.fromkeys(resets))


def footer(
    name: str,
    noun: str,
    matching: int,
    everything: Callable[[], pd.DataFrame],
    *,
    command: str | None = None,
    page: str = "page",
) -> None:
    """Below a table: how many rows match, the pages, and the whole table as CSV or Parquet.

    Args:
        command: what a person would type for the same rows.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(words.count(matching, noun), width="content")
        if matching > PAGE:
            pages = ceil(matching / PAGE)
            _pages(name, page, pages)
        downloads(name, everything, command)


def _pages(name: str, page: str, pages: int) -> None:
    """The page numbers; the key follows the URL, so that the URL always wins."""
    number = max(1, min(url.get_int(page) or 1, pages))
    key = f"{name}-{page}-{number}"
    st.pagination(
        pages,
        default=number,
        max_visible_pages=7,
        key=key,
        on_change=lambda: url.put(**{page: st.session_state[key]}),
    )


def downloads(
    name: str, everything: Callable[[], pd.DataFrame], command: str | None = None
) -> None:
    """The two download buttons of a table, made when clicked, with the equivalent command."""
    for ending, make, kind in (
        ("csv", data.csv, "text/csv"),
        ("parquet", data.parquet, "application/vnd.apache.parquet"),
    ):
        st.download_button(
            "CSV" if ending == "csv" else "Parquet",
            data=make(everything),
            file_name=f"{name}.{ending}",
            mime=kind,
            key=f"download-{name}.{ending}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
    if command is not None:
        with st.popover("Command", icon=":material/terminal:", type="tertiary"):
            st.code(command, language="bash", wrap_lines=True)


def number(label: str, help: str = "", form: str = "%d", **more: Any) -> Any:
    """Settings of a right-aligned number column."""
    return st.column_config.NumberColumn(label, help=help or None, format=form, **more)


def words_column(label: str, help: str = "", **more: Any) -> Any:
    """Settings of a text column."""
    return st.column_config.TextColumn(label, help=help or None, **more)


def share_bar(label: str, help: str = "") -> Any:
    """Settings of a column of rates in [0, 1], with a bar."""
    return st.column_config.ProgressColumn(
        label, help=help or None, format="%.2f", min_value=0.0, max_value=1.0, width=120
    )
