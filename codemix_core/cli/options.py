"""Turns a spec class into the flags of a command.

Values reach the spec as typed text, so that every problem of every flag is reported at once
and in the same words as for a page or a file.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from codemix_core.specs import Spec, field_extra, long_flag
from codemix_core.workspace import Workspace


def parameters(spec: type[Spec]) -> list[inspect.Parameter]:
    """One keyword parameter per spec field, as Typer wants them; positional arguments first."""
    found = [_parameter(name, info) for name, info in spec.model_fields.items()]
    return sorted(found, key=lambda p: not isinstance(_info(p), typer.models.ArgumentInfo))


def spec_from(spec: type[Spec], values: dict[str, Any], workspace: Workspace | None = None) -> Spec:
    """The spec that the given flags describe; flags not given keep the spec's defaults.

    Args:
        workspace: where to look up what the flags name.

    Raises:
        SpecError: every problem at once.
    """
    given = {
        name: _decode(spec.model_fields[name], value)
        for name, value in values.items()
        if value is not None and value != []
    }
    return spec.parse(given, workspace)


def with_signature(
    function: Callable[..., Any], spec: type[Spec], extra: list[inspect.Parameter]
) -> Callable[..., Any]:
    """``function(**values)`` with the spec's flags and ``extra`` as its visible signature."""

    def command(**values: Any) -> Any:
        return function(**values)

    signature = inspect.Signature([*parameters(spec), *extra])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    command.__doc__ = function.__doc__
    return command


def _info(parameter: inspect.Parameter) -> Any:
    return get_args(parameter.annotation)[1]


def _parameter(name: str, info: FieldInfo) -> inspect.Parameter:
    extra = field_extra(info)
    default = info.get_default(call_default_factory=True)
    text = (info.description or "") + _default_text(default)
    kind: Any
    detail: Any
    if extra["argument"]:
        kind, detail = str, typer.Argument(help=text, metavar=name.upper(), show_default=False)
    elif info.annotation is bool:
        both = f"{long_flag(name)}/--no-{name.replace('_', '-')}"
        kind, detail = bool | None, typer.Option(*extra["flags"], both, help=text)
    elif get_origin(info.annotation) in (tuple, list):
        kind, detail = list[str] | None, typer.Option(*extra["flags"], long_flag(name), help=text)
    else:
        metavar = "|".join(_choices(info)) or _metavar(info)
        kind = str | None
        detail = typer.Option(*extra["flags"], long_flag(name), help=text, metavar=metavar)
    fallback = inspect.Parameter.empty if extra["argument"] else None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=fallback, annotation=Annotated[kind, detail]
    )


def _default_text(default: Any) -> str:
    if default is PydanticUndefined:
        return ""
    if default is None or default in (False, (), []):
        return ""
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
    return f" [default: {shown}]"


def _choices(info: FieldInfo) -> list[str]:
    """The allowed words of a Literal field, also when it may be None."""
    for part in (info.annotation, *get_args(info.annotation)):
        words = get_args(part)
        if words and all(isinstance(word, str) for word in words):
            return list(words)
    return []


def _metavar(info: FieldInfo) -> str:
    kinds = {info.annotation, *get_args(info.annotation)}
    for kind, word in ((int, "INTEGER"), (float, "NUMBER")):
        if kind in kinds:
            return word
    return "TEXT"


def _decode(info: FieldInfo, value: Any) -> Any:
    """A mapping from its JSON text; text that is none is left for the spec to refuse."""
    if isinstance(value, str) and dict in (info.annotation, get_origin(info.annotation)):
        with suppress(json.JSONDecodeError):
            return json.loads(value)
    return value
