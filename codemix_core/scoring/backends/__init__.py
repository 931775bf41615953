"""Sandbox backends by name, best first, and the choice between them.

There is no fall-back to plain processes: when no backend passes its self-test, scoring is
refused with instructions.
"""

from __future__ import annotations

import threading
import time

from codemix_core.errors import Problem, SandboxUnavailable, SpecError
from codemix_core.scoring.backends.base import Backend, Usability, Wall, WallBroken
from codemix_core.scoring.backends.bubblewrap import Bubblewrap
from codemix_core.scoring.backends.docker import Docker
from codemix_core.scoring.backends.selftest import self_test

__all__ = ["AUTO", "Backend", "Usability", "Wall", "WallBroken", "choose", "describe", "names"]

AUTO = "auto"
_BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (Docker(), Bubblewrap())}
_RETRY_SECONDS = 30.0
_tested: dict[str, tuple[float, Usability]] = {}
_lock = threading.Lock()


def names() -> list[str]:
    """What ``--sandbox`` takes."""
    return [AUTO, *_BACKENDS]


def usability(name: str) -> Usability:
    """The self-test's result, really tried (0.3 s, docker 0.7 s).

    Kept for the life of the process when it succeeds, for half a minute when it fails: somebody
    may be installing what is missing.
    """
    with _lock:
        now = time.monotonic()
        if name in _tested:
            tried, found = _tested[name]
            if found.usable or now - tried < _RETRY_SECONDS:
                return found
        found = self_test(_BACKENDS[name])
        _tested[name] = now, found
        return found


def describe() -> list[Usability]:
    """Every backend, best first: whether it can be used here, and why."""
    return [usability(name) for name in names() if name != AUTO]


def choose(name: str = AUTO) -> Backend:
    """The backend to use.

    Raises:
        SpecError: there is no backend of that name.
        SandboxUnavailable: it (or, for ``auto``, any) cannot be used here; says why and what to do.
    """
    if name not in names():
        raise SpecError(Problem("sandbox", f"got {name!r};", f"allowed: {', '.join(names())}."))
    candidates = describe() if name == AUTO else [usability(name)]
    for candidate in candidates:
        if candidate.usable:
            return _BACKENDS[candidate.name]
    reasons = "\n".join(f"  {c.name}: {c.why}" for c in candidates)
    raise SandboxUnavailable(
        "Programs are only run behind a wall, and none can be built on this machine:\n"
        f"{reasons}\n"
        "Install bubblewrap ('apt-get install bubblewrap'), allow unprivileged user namespaces"
        " ('sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000', or a"
        " userns rule for bwrap in AppArmor), or run as root. Or start a Docker daemon and type"
        " 'python -m codemix_core sandbox build'. Nothing was run."
    )
