"""Calls between a program and its tests, in either direction: arguments, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox import raised
from sandbox.plain import Decoder, Encoder

Arguments = tuple[list[Any], dict[str, Any]]


def write_arguments(encoder: Encoder, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """The form of arguments."""
    return [encoder.items(args), {name: encoder.encode(item) for name, item in kwargs.items()}]


def read_arguments(decoder: Decoder, form: Any) -> Arguments:
    """The arguments of a form."""
    args, kwargs = form
    return decoder.items(args), {str(name): decoder.decode(item) for name, item in kwargs.items()}


def answered(
    act: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], exports: Mapping[str, Any]
) -> tuple[str, Callable[[Encoder], Any]]:
    """Whether a call returned (``v``) or raised (``e``), and what writes down what."""
    try:
        value = act(*args, **kwargs)
    except BaseException as error:
        raised_error = error
    else:
        return "v", lambda encoder: encoder.attempt(value)
    return "e", lambda encoder: raised.form_of(raised_error, exports, encoder)


def reader(kind: str, exports: Mapping[str, Any]) -> Callable[[Decoder, Any], Any]:
    """What reads a call's result or exception.

    Raises:
        ValueError: it is neither.
    """
    if kind == "v":
        return Decoder.decode
    if kind == "e":
        return lambda decoder, form: raised.build(form, exports, decoder)
    raise ValueError("neither a value nor an exception")
