"""The bubblewrap backend: namespaces without a daemon, for root and for ordinary users.

All namespaces but the user's are always unshared; an ordinary user gets a user namespace of
its own, root gives every program a uid that owns nothing. Inside, the judge adds a private
``/tmp`` with byte and file caps, removes ``/proc``, and runs each program without
capabilities, behind a system-call filter, in an inner pid namespace (:mod:`sandbox`).
Memory of a process tree is capped by sampling, not by a cgroup.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import PurePosixPath

from codemix_core.scoring.backends import toolchain
from codemix_core.scoring.backends.base import PipeWall, Wall

_WARM = (  # each module costs every fork a little; rarer ones are imported when asked for
    *("sandbox.serve_cases", "bisect", "collections.abc", "functools", "heapq", "itertools"),
    *("math", "operator", "random", "re", "string", "typing"),
)
_FLAVOURS = {
    # flavour: (size of /tmp in MiB, files in /tmp, modules imported before the first program)
    "python": (64, 4096, _WARM),
    "pytest": (64, 4096, (*_WARM, "sandbox.serve_pytest", "sandbox.serve_functions")),
    "cpp": (256, 4096, ()),
}
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_START = "import sys; sys.path[:0] = ['{judge}']; sys.path.append('{site}'); {run}"
_RUN = "from sandbox.judge import main; main()"
_ROOT = {PurePosixPath("/")}
_FIRST_UID = 1 << 20
_uids = itertools.count(_FIRST_UID + (os.getpid() % (1 << 14)) * 1024)


class Bubblewrap:
    """Builds walls with ``bwrap``."""

    name = "bubblewrap"

    def missing(self) -> str | None:
        """What is not installed, with instructions."""
        if shutil.which("bwrap") is None:
            return "bwrap is not installed: 'apt-get install bubblewrap' (or your system's way)"
        return None

    def open_wall(self, flavour: str, cpu: int | None = None) -> Wall:
        """A new wall; raises WallBroken."""
        return PipeWall(self.argv(flavour), cpu)

    def argv(self, flavour: str) -> list[str]:
        """The complete command of a wall."""
        root = os.getuid() == 0
        size_mb, inodes, warm = _FLAVOURS[flavour]
        uid = next(_uids) if root else None
        settings = {"size_mb": size_mb, "inodes": inodes, "uid": uid, "warm": warm}
        start = _START.format(judge=toolchain.JUDGE, site=toolchain.SITE, run=_RUN)
        python = [toolchain.interpreter(), "-s", "-S", "-P", "-B", "-c", start]
        return [
            shutil.which("bwrap") or "bwrap",
            *("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net"),
            *("--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"),
            *_capabilities(root),
            *_environment(),
            *_file_systems(flavour),
            *python,
            json.dumps(settings),
        ]


def _capabilities(root: bool) -> list[str]:
    """What the judge needs: to mount its /tmp and make the inner pid namespace, and as root
    to give programs another uid and kill them. Programs themselves keep none.
    """
    if not root:
        return ["--unshare-user", "--cap-add", "CAP_SYS_ADMIN"]
    needed = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_KILL")
    return ["--cap-drop", "ALL", *(part for name in needed for part in ("--cap-add", name))]


def _environment() -> list[str]:
    values = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": f"{toolchain.PYTHON}/lib",
        "PYTHONHASHSEED": "0",  # the same program gives the same verdict
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return ["--clearenv", *(part for item in values.items() for part in ("--setenv", *item))]


def _file_systems(flavour: str) -> list[str]:
    binds = [
        *toolchain.system_binds(flavour),
        *toolchain.python_binds(),
        *toolchain.package_binds(flavour),
        toolchain.Bind(str(toolchain.SANDBOX), f"{toolchain.JUDGE}/sandbox"),
    ]
    wanted = [PurePosixPath(bind.inside).parent for bind in binds]
    wanted += [PurePosixPath(path) for path in ("/dev", "/tmp", "/build", toolchain.SITE)]
    # Made one by one: directories that bwrap makes on the way may be closed to other uids.
    directories = {path for leaf in wanted for path in (leaf, *leaf.parents)} - _ROOT
    parts = [p for path in sorted(directories) for p in ("--perms", "0755", "--dir", str(path))]
    parts += ["--proc", "/proc", "--symlink", "/tmp", "/dev/shm"]
    for device in _DEVICES:
        parts += ["--dev-bind", device, device]
    for bind in binds:
        parts += ["--ro-bind", bind.host, bind.inside]
    for target, path in toolchain.system_links(flavour):
        parts += ["--symlink", target, path]
    return [*parts, "--remount-ro", "/"]
