"""Where a program works: ``/tmp``, empty for each one.

There are two ways to have it. A judge that may mount (bubblewrap) mounts ``/tmp`` anew after
every program that left something. In a container it may not: there it is a file
system of the container's and is emptied instead, and the judge moves into a directory
tree, the jail, that holds the tool chain and nothing else, above all no ``/proc``.

Guaranteed after :meth:`Space.clear`: ``/tmp`` is empty.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

from sandbox import kernel

TMP = "/tmp"
_PROGRAM = {"solution.py", "program.so", "tests.so", "serve.so"}


class Space:
    """The work space of one wall."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Args: settings of the wall.

        ``jail``: its path, or None where we may mount; ``size_mb``, ``inodes``: caps of a
        mounted ``/tmp``; ``spare``: a uid that no program is given, in a jail.
        """
        self.jail: str | None = settings["jail"]
        self._spare: int | None = settings["spare"]
        self._caps = settings["size_mb"], settings["inodes"]

    def enter(self) -> None:
        """A private ``/tmp``, no ``/proc``; the next fork is process 1 where we may mount."""
        if self.jail is not None:
            os.chroot(self.jail)
            os.chdir("/")
            return
        kernel.unmount("/proc")
        self._mount()
        kernel.unshare(kernel.CLONE_NEWPID)

    def _mount(self) -> None:
        kernel.mount_tmpfs(TMP, *self._caps)
        self._fresh = _state()

    def renew(self) -> None:
        """Have another ``/tmp``, so that nothing that is kept of this one keeps what comes."""
        if self.jail is None:
            kernel.unmount(TMP)
            self._mount()

    def clear(self, user: int | None) -> None:
        """Empty ``/tmp``; no process of the program lives any more.

        Args:
            user: who the program was; None when it was who we are.

        Raises:
            OSError: something cannot be deleted.
        """
        names = os.listdir(TMP)
        if self.jail is None:
            ours = bool(names) and user is not None and _PROGRAM.issuperset(names)
            if ours and all(_removed(f"{TMP}/{name}") for name in names):
                self._fresh = _state()
            elif names or _state() != self._fresh:
                self.renew()
            return
        if not names:
            return
        assert user is not None
        assert self._spare is not None
        as_user(user, self._spare, lambda: _empty(TMP))
        _empty(TMP)
        if os.listdir(TMP):
            raise OSError(f"{TMP} cannot be emptied")


def _state() -> tuple[int, int, int]:
    """What shows that a program changed the directory itself: its mode, times, attributes."""
    found = os.stat(TMP)
    return found.st_mode, found.st_mtime_ns, found.st_ctime_ns


def _removed(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def kill_user(user: int, spare: int) -> None:
    """Kill every process of a uid at once: what the kernel does in one go, none can outrun."""
    as_user(user, spare, lambda: os.kill(-1, signal.SIGKILL))


def as_user(user: int, spare: int, action: Callable[[], None]) -> None:
    """Do something with a program's rights.

    The process that does it keeps the spare uid as its real one, so no program may signal it.
    """
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    try:
        with contextlib.suppress(OSError):
            os.setresuid(spare, user, spare)
            action()
    finally:
        os._exit(0)


def _empty(top: str) -> None:
    """Delete what this user may delete.

    Directories are moved to the top before they are read, so that no path gets too long.
    """
    left = [top]
    while left:
        folder = left.pop()
        if folder != top:
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                _remove(os.path.join(folder, name), top, left)
            if folder != top:
                os.rmdir(folder)


def _remove(path: str, top: str, left: list[str]) -> None:
    with contextlib.suppress(OSError):
        if os.path.islink(path) or not os.path.isdir(path):
            os.unlink(path)
            return
        os.chmod(path, 0o700)
        moved = os.path.join(top, os.urandom(16).hex())
        os.rename(path, moved)
        left.append(moved)
