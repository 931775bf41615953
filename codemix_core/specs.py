"""Typed settings of a stage: one frozen model per stage, checked before any work.

A spec is the single source of a stage's options. Its fields, with their descriptions, limits
and defaults, become the command line's flags (:mod:`codemix_core.cli.options`), the page's
form and ``spec.json``; :meth:`Spec.argv` turns it back into the command a person would type.

Unknown keys, impossible values and contradictions are reported together, each with the
value, what is allowed and what to do next.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from codemix_core.errors import Problem, SpecError

if TYPE_CHECKING:
    from codemix_core.workspace import Workspace


def option(
    default: Any = ...,
    doc: str = "",
    *,
    flags: tuple[str, ...] = (),
    argument: bool = False,
    **limits: Any,
) -> Any:
    """A spec field.

    Args:
        default: the default; required when left out.
        doc: one line, shown by ``--help``, by the form and in error messages.
        flags: short flags besides ``--field-name``, e.g. ``("-n",)``.
        argument: a positional argument on the command line instead of a flag.
        limits: pydantic constraints (``ge``, ``le``, ``min_length``, …).
    """
    extra: dict[str, Any] = {"flags": list(flags), "argument": argument}
    return Field(default, description=doc, json_schema_extra=extra, **limits)


def same_as(spec: type[Spec], name: str) -> Any:
    """A spec field exactly like another spec's: default, limits, flags and description.

    The annotation has to be repeated, for the type checker.
    """
    return copy(spec.model_fields[name])


class Spec(BaseModel):
    """Base of all stage settings. Subclasses set ``stage`` and ``command``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stage: ClassVar[str]
    """Name of the stage; run ids begin with it."""
    command: ClassVar[str]
    """The subcommand of ``python -m codemix_core`` that runs it."""

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """A valid spec, or every problem at once.

        Raises:
            SpecError: with one :class:`Problem` per wrong field.
        """
        spec = cls.restore(values)
        problems = spec.contradictions()
        if problems:
            raise SpecError(problems)
        return spec

    @classmethod
    def restore(cls, values: Mapping[str, Any]) -> Self:
        """The spec of an existing run: each field is checked, but not again against the world.

        Raises:
            SpecError: with one :class:`Problem` per wrong field.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise SpecError([_problem(cls, detail) for detail in error.errors()]) from None

    def contradictions(self) -> list[Problem]:
        """Problems between fields that are each valid alone."""
        return []

    def check(self, workspace: Workspace) -> list[Problem]:
        """Problems that only show in the workspace: a set, run or model that is not there.

        Called before a run is created, so that nothing is written for bad input. Quick: reads
        files, imports no model library.
        """
        return []

    def device(self) -> str | None:
        """The device slot the stage needs: ``"accelerator"``, ``"cpu"`` or None for none."""
        return "cpu"

    def secrets(self) -> tuple[str, ...]:
        """Names of the environment variables with secrets that the stage's job needs."""
        return ()

    def argv(self) -> list[str]:
        """Arguments after ``python -m codemix_core`` that give exactly this spec."""
        positional: list[str] = []
        options: list[str] = []
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if field_extra(info)["argument"]:
                positional += [str(value)]
            elif value != info.get_default(call_default_factory=True):
                options += _flag(name, info, value)
        return [self.command, *positional, *options]

    def command_line(self) -> str:
        """The command a person would type, quoted for a POSIX shell."""
        return shlex.join(["python", "-m", "codemix_core", *self.argv()])


def field_extra(info: FieldInfo) -> dict[str, Any]:
    """The command-line side of a field declared with :func:`option`."""
    extra = info.json_schema_extra
    if not isinstance(extra, dict):
        raise TypeError("spec fields are declared with option()")
    return dict(extra)


def long_flag(name: str) -> str:
    """``max_tokens`` -> ``--max-tokens``."""
    return "--" + name.replace("_", "-")


def _flag(name: str, info: FieldInfo, value: Any) -> list[str]:
    flag = (field_extra(info)["flags"] or [long_flag(name)])[0]
    if value is True:
        return [long_flag(name)]
    if value is False:
        return ["--no-" + name.replace("_", "-")]
    if isinstance(value, tuple | list):
        return [part for item in value for part in (flag, str(item))]
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return [f"{long_flag(name)}={text}"] if text.startswith("-") else [flag, text]


def _problem(cls: type[Spec], detail: Any) -> Problem:
    where = ".".join(str(part) for part in detail["loc"]) or cls.stage
    kind, given = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        known = ", ".join(cls.model_fields)
        return Problem(where, "is not a setting of this stage.", f"Settings: {known}.")
    if kind == "missing":
        info = cls.model_fields.get(where)
        doc = f" ({info.description})" if info and info.description else ""
        return Problem(where, f"is required{doc}.", f"Give {long_flag(where)} VALUE.")
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return Problem(where, f"got {given!r};", f"allowed: {message}.")
