"""What every wall has whatever builds it: its work space, warm modules, environment and uids."""

from __future__ import annotations

import itertools
import os
from typing import Any

_WARM = (  # each module costs every fork a little; rarer ones are imported when asked for
    *("sandbox.serve_cases", "bisect", "collections.abc", "functools", "heapq", "itertools"),
    *("math", "operator", "random", "re", "string", "typing"),
)
_FLAVOURS = {
    # flavour: (size of /tmp in MiB, files in /tmp, modules imported before the first program)
    "python": (64, 4096, _WARM),
    "pytest": (64, 4096, (*_WARM, "sandbox.serve_functions")),  # pytest itself when it is needed
    "cpp": (256, 4096, ()),
}
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the same program gives the same verdict
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""All that a program finds in its environment."""
JUDGE = "/opt/judge"
SITE = "/opt/site"
_START = "import sys; sys.path[:0] = ['{judge}']; sys.path.append('{site}'); {run}"
_RUN = "from sandbox.judge import main; main()"
_turns = itertools.count(os.getpid() * 1024)


def python(interpreter: str) -> list[str]:
    """The command of a judge, without its settings."""
    start = _START.format(judge=JUDGE, site=SITE, run=_RUN)
    return [interpreter, "-s", "-S", "-P", "-B", "-c", start]


def settings(flavour: str, jail: str | None, uids: list[int], spare: int | None) -> dict[str, Any]:
    """What the judge of a wall is told; see :mod:`sandbox.space` and :mod:`sandbox.zygote`."""
    size_mb, inodes, warm = _FLAVOURS[flavour]
    work_space = {"jail": jail, "size_mb": size_mb, "inodes": inodes}
    return {**work_space, "uids": uids, "spare": spare, "warm": warm}


def uids(first: int, last: int, count: int) -> list[int]:
    """The next ``count`` uids of a range, so that walls do not share the kernel's limits.

    Walls far apart in time, or of other processes, may get the same.
    """
    turn = next(_turns) % ((last - first) // count)
    return list(range(first + turn * count, first + (turn + 1) * count))
