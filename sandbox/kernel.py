"""The few Linux calls that Python 3.11 has no function for.

Every function raises OSError with the kernel's errno; none of them is used on the host.
"""

from __future__ import annotations

import ctypes
import os

CLONE_NEWPID = 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 32
MNT_DETACH = 2

_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_GET_SECUREBITS = 27
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITIES_STAY = 1 << 2 | 1 << 4  # NO_SETUID_FIXUP, KEEP_CAPS
_CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()
_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _check(result: int, call: str) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags``."""
    _check(_libc.unshare(flags), "unshare")


def enter(descriptor: int, kind: int) -> None:
    """Have children born in the namespace that ``descriptor`` stands for."""
    _check(_libc.setns(descriptor, kind), "setns")


def mount_tmpfs(path: str, size_mb: int, inodes: int) -> None:
    """A fresh, world-writable tmpfs on ``path``, capped in bytes and in files."""
    options = f"size={size_mb}m,nr_inodes={inodes},mode=1777".encode()
    flags = MS_NOSUID | MS_NODEV
    _check(_libc.mount(b"tmpfs", path.encode(), b"tmpfs", flags, options), f"mount {path}")


def make_read_only(path: str) -> None:
    """Remount the file system on ``path`` read-only."""
    flags = MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
    _check(_libc.mount(b"tmpfs", path.encode(), b"tmpfs", flags, None), f"remount {path}")


def unmount(path: str) -> None:
    """Detach the file system on ``path``, even while descriptors into it are open."""
    _check(_libc.umount2(path.encode(), MNT_DETACH), f"unmount {path}")


def hide_memory() -> None:
    """Keep processes of the same uid from tracing or reading this one."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl dumpable")


def trim_memory() -> None:
    """Give freed memory back, so that no fork has to copy the tables of its pages."""
    _libc.malloc_trim(0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl subreaper")


def forbid_new_privileges() -> None:
    """Keep this process and all its children from gaining a privilege by exec."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs")


def drop_capabilities() -> None:
    """Give up every capability; for good once new privileges are forbidden."""
    _check(_libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES), "capset")


def capabilities_end_with_root() -> bool:
    """Whether the kernel takes every capability from a child that stops being root.

    What children could inherit in another way is given up here and now.
    """
    held = (ctypes.c_uint32 * 6)()
    _check(_libc.capget(_CAPABILITY_HEADER, held), "capget")
    held[2] = held[5] = 0  # the inheritable ones, and with them the ambient ones
    _check(_libc.capset(_CAPABILITY_HEADER, held), "capset")
    kept = _libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0) & _CAPABILITIES_STAY
    return os.getresuid() == (0, 0, 0) and not kept


def install_filter(program: bytes) -> None:
    """Install a system-call filter of 8-byte BPF instructions. Children inherit it.

    Needs :func:`forbid_new_privileges`.
    """
    filter_program = _FilterProgram(len(program) // 8, program)
    result = _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_program))
    _check(result, "prctl seccomp")
