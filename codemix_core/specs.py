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
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

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
    def parse(cls, values: Mapping[str, Any], workspace: Workspace | None = None) -> Self:
        """A valid spec, or every problem at once.

        Args:
            workspace: what the settings name is looked up here, too, see :meth:`check`.

        Raises:
            SpecError: with the problems of all fields, valid and wrong ones.
        """
        try:
            spec = cls.restore(values)
        except SpecError as error:
            beyond = _beyond(cls, values, {problem.field for problem in error.problems}, workspace)
            raise SpecError([*error.problems, *beyond]) from None
        problems = _further(spec, workspace)
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
            details = error.errors()
            # A list whose items are wrong is also called too short, as if they had not been given.
            inner = {detail["loc"][:-1] for detail in details if len(detail["loc"]) > 1}
            raise SpecError([_problem(cls, d) for d in details if d["loc"] not in inner]) from None

    def contradictions(self) -> list[Problem]:
        """Problems between fields that are each valid alone."""
        return []

    def check(self, workspace: Workspace) -> list[Problem]:
        """Problems that only show in the workspace: a set, run or model that is not there.

        Called before a run is created, so that nothing is written for bad input, and also for
        settings that contradict each other. Quick: reads files, imports no model library.
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


def _further(spec: Spec, workspace: Workspace | None) -> list[Problem]:
    """What is wrong although each field is valid alone.

    A field whose contradiction is told says no more: what the workspace lacks because of it
    would go with it.
    """
    problems = spec.contradictions()
    if workspace is not None:
        told = {problem.field for problem in problems}
        problems += [p for p in spec.check(workspace) if p.field not in told]
    return problems


def _beyond(
    cls: type[Spec], values: Mapping[str, Any], wrong: set[str], workspace: Workspace | None
) -> list[Problem]:
    """What is wrong with the other fields, whatever the ``wrong`` ones were meant to be.

    Several allowed values stand in for each wrong one in turn. A problem found with all of them
    does not come from them.
    """
    kept = {n: v for n, v in values.items() if n in cls.model_fields and n not in wrong}
    allowed = {n: _allowed(cls.model_fields[n]) for n in wrong if n in cls.model_fields}
    found: list[Problem] | None = None
    for turn in range(max(map(len, allowed.values()), default=1)):
        stand_ins = {name: some[turn % len(some)] for name, some in allowed.items()}
        try:
            spec = cls.restore({**kept, **stand_ins})
        except SpecError:
            return []  # Only the field's own validator knows what it allows.
        problems = _further(spec, workspace)
        seen = {(problem.where, problem.what) for problem in problems}
        found = problems if found is None else [p for p in found if (p.where, p.what) in seen]
    return [problem for problem in found or [] if problem.field not in wrong]


def _allowed(info: FieldInfo) -> list[Any]:
    """Values of a field that differ as much as they may: its words, or its default and limits."""
    kinds = (info.annotation, *get_args(info.annotation))
    found = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    found = [(word,) for word in found] if get_origin(info.annotation) is tuple else found
    found += [None] if type(None) in kinds else []
    found += [False, True] if bool in kinds else []
    default = info.get_default(call_default_factory=True)
    found += [] if default is PydanticUndefined else [default]
    for limit in info.metadata:
        found += [getattr(limit, name) for name in ("ge", "le") if hasattr(limit, name)]
    if not found:
        found = ["-"] if str in kinds else [0]
    return found
