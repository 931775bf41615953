"""The arguments of a configuration's components: ``torchtune.models.qwen2.qwen2`` and the like.

A component's arguments are known for certain only when it is imported, and that loads torch:
4 s of processor time and 300 MB. :func:`here` does so; :func:`apart` has a short-lived process
do it, for whoever must stay small (a page, the supervisor of a run), and remembers the answers.

Not guaranteed: that an answer of :func:`apart` is newer than :data:`FRESH`; a component that is
being written may have changed since. The training itself asks anew, with :func:`here`.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from codemix_core import procs
from codemix_core.training.recipe_source import PROJECT

FRESH = 60.0
"""Seconds for which an answer of :func:`apart` holds; good ones of known libraries stay."""
PATIENCE = 120.0
"""Seconds that importing all components of a configuration may take."""
_LASTING = ("torch.", "torchtune.", "torchao.", "codemix_core.")
_NAMED = re.compile(r"_component_: ([\w.]+)")


@dataclass(frozen=True)
class Component:
    """What a component can be given.

    arguments: names in order. required: those without a default. anything: it takes other names
    too. error: why it cannot be imported, and then the rest is empty.
    """

    arguments: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    anything: bool = False
    error: str | None = None


Look = Callable[[Iterable[str]], Mapping[str, Component]]
"""Looks up components by their dotted names; every name gets an answer."""


def here(names: Iterable[str]) -> dict[str, Component]:
    """Components, imported in this process."""
    return {name: _component(name) for name in names}


def apart(names: Iterable[str]) -> dict[str, Component]:
    """Components, imported in a process that ends at once.

    The first time it is asked for those of all shipped recipes too, so that choosing another
    recipe costs nothing.
    """
    wanted = list(names)
    with _lock:
        unknown = {name for name in wanted if not _holds(name)}
        if unknown:
            unknown |= _shipped() if not _known else set()
            now = time.monotonic()
            _known.update({name: (found, now) for name, found in _ask(sorted(unknown)).items()})
        return {name: _known[name][0] for name in wanted}


_known: dict[str, tuple[Component, float]] = {}
"""Answers with the time they were given."""
_lock = threading.Lock()


def _holds(name: str) -> bool:
    if name not in _known:
        return False
    found, since = _known[name]
    lasting = found.error is None and name.startswith(_LASTING)
    return lasting or time.monotonic() - since < FRESH


def _shipped() -> set[str]:
    recipes = (PROJECT / "recipes").rglob("*.yaml")
    return {name for path in recipes for name in _NAMED.findall(path.read_text("utf-8"))}


def _ask(names: list[str]) -> dict[str, Component]:
    """The answers of a process of its own; that it failed is an answer too."""
    environment = procs.scrubbed_environment(os.environ) | {"PYTHONPATH": str(PROJECT)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(names),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=PROJECT,
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return dict.fromkeys(names, Component(error=f"it took longer than {PATIENCE:.0f} s"))
    except subprocess.CalledProcessError as error:
        why = f"the process that imported it ended with exit code {error.returncode}"
        return dict.fromkeys(names, Component(error=why))
    answers: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return {
        name: Component(
            arguments=tuple(found["arguments"]),
            required=tuple(found["required"]),
            anything=found["anything"],
            error=found["error"],
        )
        for name, found in answers.items()
    }


def _component(name: str) -> Component:
    try:
        parameters = inspect.signature(_imported(name)).parameters
    except Exception as error:  # noqa: BLE001 - importing somebody's module may raise anything
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Component(error=lines[-1].rstrip("."))
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    required = tuple(
        key
        for key, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in variadic
    )
    kinds = {parameter.kind for parameter in parameters.values()}
    return Component(tuple(parameters), required, inspect.Parameter.VAR_KEYWORD in kinds)


def _imported(name: str) -> Any:
    from torchtune.config._utils import _get_component_from_path

    found = _get_component_from_path(name)
    if not callable(found):
        raise TypeError(f"{name} cannot be called")
    return found


def main() -> None:
    """Answer for the names on standard input; what libraries print goes elsewhere."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    found = here(json.load(sys.stdin))
    json.dump({name: asdict(component) for name, component in found.items()}, answer)
    answer.close()


if __name__ == "__main__":
    main()
