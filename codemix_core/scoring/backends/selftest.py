"""The start-up self-test of a backend: it tries to break out, with an ordinary program.

The probe is judged like any candidate, so what it finds is what candidates find. A backend
that fails one check is not used.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codemix_core.scoring.backends.base import Backend, Usability, WallBroken

_PROBE = """
import os

def attempt(action):
    try:
        return action() or "done"
    except MemoryError:
        return "MemoryError"
    except OSError as error:
        return type(error).__name__
    except Exception as error:
        return type(error).__name__

def connect(family, address):
    import socket
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(1)
        s.connect(address)

def write(path):
    with open(path, "w") as f:
        f.write("x")

def fork_many():
    children = 0
    for _ in range(500):
        try:
            pid = os.fork()
        except OSError:
            return f"stopped at {children}"
        if pid == 0:
            import time
            time.sleep(30)
            os._exit(0)
        children += 1

def fill(path):
    for number in range(1024):  # many files: the size of one is limited otherwise
        with open(f"{path}{number}", "wb") as f:
            f.write(bytes(1 << 20))

def probe(what, argument):
    return {
        "ipv4": lambda: attempt(lambda: connect(2, ("192.0.2.1", 80))),
        "ipv6": lambda: attempt(lambda: connect(10, ("2001:db8::1", 80))),
        "write": lambda: attempt(lambda: write(argument)),
        "read": lambda: attempt(lambda: bool(os.listdir(argument)) and "seen"),
        "uid": lambda: os.getuid(),
        "memory": lambda: attempt(lambda: bool(bytearray(1 << 33)) and "got it"),
        "disk": lambda: attempt(lambda: fill("/tmp/full")),
        "signal": lambda: attempt(lambda: os.kill(os.getppid(), 9)),
        "left": lambda: os.listdir("/tmp"),
        "forks": fork_many,
    }[what]()
"""
_REFUSED = {"PermissionError", "OSError", "FileNotFoundError", "FileExistsError"}
_LIMITS = {"seconds": 5.0, "memory_mb": 256}


def _checks() -> list[tuple[str, str, Any, str]]:
    """(name, what, argument, meaning when it fails)"""
    home = str(Path.home())
    return [
        ("ipv4", "ipv4", None, "the network can be reached"),
        ("ipv6", "ipv6", None, "the network can be reached over IPv6"),
        ("root", "write", "/forbidden", "the root is writable"),
        ("tools", "write", "/usr/lib/forbidden", "the tool chain is writable"),
        ("home", "read", home if home != "/" else "/home", "the host's home is visible"),
        ("etc", "read", "/etc/ssl", "the host's /etc is visible"),
        ("proc", "read", "/proc/self", "/proc is visible"),
        ("work", "write", "/tmp/allowed", "the work space cannot be used"),
        ("memory", "memory", None, "memory is not limited"),
        ("disk", "disk", None, "/tmp is not limited"),
        ("signal", "signal", None, "the judge can be signalled"),
        ("forks", "forks", None, "the number of processes is not limited"),
    ]


def self_test(backend: Backend) -> Usability:
    """Try the backend for real: a wall is built, attacked from the inside and taken down."""
    missing = backend.missing()
    if missing is not None:
        return Usability(backend.name, False, missing)
    try:
        wall = backend.open_wall("python")
    except WallBroken as error:
        return Usability(backend.name, False, f"the wall does not come up: {error}")
    try:
        found = [_find(wall, what, argument) for _, what, argument, _ in _checks()]
        uid = _find(wall, "uid", None)
        left = _find(wall, "left", None)
    except WallBroken as error:
        return Usability(backend.name, False, f"the self-test broke the wall: {error}")
    finally:
        wall.close()
    wrong = [
        f"{meaning} ({answer})"
        for (name, _, _, meaning), answer in zip(_checks(), found, strict=True)
        if not _is_safe(name, answer)
    ]
    if uid == 0:
        wrong.append("programs run as root")
    if left != []:
        wrong.append(f"files of an earlier program are visible ({left})")
    if wrong:
        return Usability(backend.name, False, "; ".join(wrong))
    why = "network unreachable, root read-only, no host files, limits bite: tried just now"
    return Usability(backend.name, True, why)


def _is_safe(name: str, answer: Any) -> bool:
    if name == "work":
        return bool(answer == "done")
    if name == "forks":
        return isinstance(answer, str) and answer.startswith("stopped at")
    if name == "memory":
        return bool(answer == "MemoryError")
    if name == "signal":
        return answer in ("PermissionError", "ProcessLookupError", "done")
    return answer in _REFUSED


def _find(wall: Any, what: str, argument: Any) -> Any:
    """What one probe returned, read from the failed comparison with a value nobody returns."""
    case = {"name": what, "args": [what, argument], "expected": "\0never"}
    question = {
        "framework": "cases",
        "tests": json.dumps({"cases": [case]}),
        "function": "probe",
    }
    request = {"op": "judge", "key": f"self-test {what} {argument}", "question": question}
    answer = wall.request(request | {"code": _PROBE, "limits": _LIMITS, "declared": None}, 30.0)
    message = str(answer["tests"][0][2])
    shown = message.partition(", got ")[2]
    try:
        return json.loads(shown)
    except ValueError:
        return message
