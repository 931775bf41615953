"""What a person looks at lives in the URL; what they type lives in session state.

A widget bound here takes its value from the URL on every run and writes it back when the person
changes it, so a reload, a second tab and a link someone sent all show the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

LARGEST = 2**31 - 1


def get(name: str) -> str | None:
    """The URL's value of ``name``; None when it is missing or empty."""
    value = st.query_params.get(name)
    return value if value else None


def get_int(name: str) -> int | None:
    """The URL's value of ``name`` as a number, 0 to ``LARGEST``; None when it is not one."""
    value = get(name)
    number = int(value) if value is not None and value.isdecimal() and len(value) < 20 else None
    return number if number is not None and number <= LARGEST else None


def put(**values: object) -> None:
    """Set URL values; None, an empty text and an empty choice take the name out."""
    for name, value in values.items():
        if value is None or value == "":
            if name in st.query_params:
                del st.query_params[name]
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def link(**values: object) -> str:
    """The address of this page with the given values and nothing else."""
    return f"{_page()}?{urlencode(values)}"


def bound(
    name: str, value: Any, *, clears: Sequence[str] = (), allowed: Sequence[Any] | None = None
) -> dict[str, Any]:
    """``key`` and ``on_change`` of a widget whose value is the URL's ``name``.

    Args:
        value: what the URL says now, in the widget's own type.
        clears: names that lose their meaning when this one changes.
        allowed: all that a person can choose. A browser may send something else: a choice by a
            text that it is no longer shown with, when another page has come meanwhile.
    """
    key = f"url_{name}"
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    drawn_on = _page()

    def changed() -> None:
        chosen = st.session_state[key]
        if _page() == drawn_on and (allowed is None or chosen in allowed):
            put(**{name: chosen}, **dict.fromkeys(clears))

    return {"key": key, "on_change": changed}


def _page() -> str:
    """The address of the page, without its values."""
    return (st.context.url or "").split("?", 1)[0]


def choice(
    label: str,
    name: str,
    options: Sequence[str],
    *,
    format_func: Callable[[str], str] = str,
    clears: Sequence[str] = (),
    empty: str | None = None,
    **widget: Any,
) -> str | None:
    """A select box bound to the URL.

    Args:
        empty: shown when nothing is chosen, which is then allowed; without it the first option
            is chosen. A value of the URL that is no option is shown by the caller as an error.
    """
    given = get(name)
    if empty is None:
        value = given if given in options else (options[0] if options else None)
    else:
        value = given if given in options else ""
        options = ["", *options]
    chosen: str | None = st.selectbox(
        label,
        options,
        format_func=lambda option: format_func(option) if option else str(empty),
        **bound(name, value, clears=clears, allowed=options),
        **widget,
    )
    return chosen or None


def segments(
    label: str,
    name: str,
    options: Sequence[str],
    *,
    format_func: Callable[[str], str] = str,
    clears: Sequence[str] = (),
) -> str:
    """A row of exclusive choices bound to the URL; the first one is the default."""
    given = get(name)
    value = given if given in options else options[0]
    chosen = st.segmented_control(
        label,
        options,
        format_func=format_func,
        label_visibility="collapsed",
        required=True,
        **bound(name, value, clears=clears, allowed=options),
    )
    return chosen or options[0]


def text(label: str, name: str, *, clears: Sequence[str] = (), **widget: Any) -> str:
    """A text filter bound to the URL."""
    value = get(name) or ""
    return str(st.text_input(label, **bound(name, value, clears=clears), **widget) or "")
