"""The bubblewrap backend: namespaces without a daemon, for root and for ordinary users.

All namespaces but the user's are always unshared; an ordinary user gets a user namespace of
its own, root gives every program a uid that owns nothing. Inside, the judge adds a private
``/tmp`` with byte and file caps, removes ``/proc``, and runs each program without
capabilities, behind a system-call filter, in an inner pid namespace (:mod:`sandbox`).
Memory of a process tree is capped by sampling, not by a cgroup.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import PurePosixPath

from codemix_core.scoring.backends import flavours, toolchain
from codemix_core.scoring.backends.base import PipeWall, Wall

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_ROOT = {PurePosixPath("/")}
_UIDS = 1 << 20, 1 << 24


class Bubblewrap:
    """Builds walls with ``bwrap``."""

    name = "bubblewrap"

    def missing(self) -> str | None:
        """What is not installed, with instructions."""
        if shutil.which("bwrap") is None:
            return "bwrap is not installed: 'apt-get install bubblewrap' (or your system's way)"
        return None

    def fingerprint(self) -> str:
        """Identity of the host's tool chain."""
        return toolchain.fingerprint()

    def open_wall(self, flavour: str, cpu: int | None = None) -> Wall:
        """A new wall; raises WallBroken."""
        return PipeWall(self.argv(flavour), cpu)

    def argv(self, flavour: str) -> list[str]:
        """The complete command of a wall."""
        root = os.getuid() == 0
        uids = flavours.uids(*_UIDS, 1) if root else []
        settings = flavours.settings(flavour, None, uids, None)
        return [
            shutil.which("bwrap") or "bwrap",
            *("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net"),
            *("--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"),
            *_capabilities(root),
            *_environment(),
            *_file_systems(flavour),
            *flavours.python(toolchain.interpreter()),
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
    values = {**flavours.ENVIRONMENT, "LD_LIBRARY_PATH": f"{toolchain.PYTHON}/lib"}
    return ["--clearenv", *(part for item in values.items() for part in ("--setenv", *item))]


def _file_systems(flavour: str) -> list[str]:
    binds = [
        *toolchain.system_binds(flavour),
        *toolchain.python_binds(),
        *toolchain.package_binds(flavour),
        toolchain.Bind(str(toolchain.SANDBOX), f"{flavours.JUDGE}/sandbox"),
        *toolchain.prebuilt_binds(flavour),
    ]
    wanted = [PurePosixPath(bind.inside).parent for bind in binds]
    wanted += [PurePosixPath(path) for path in ("/dev", "/tmp", flavours.SITE)]
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
