"""The system-call filter of every candidate, as a BPF program.

Refused is what an unprivileged process could use against the judge, the kernel or the next
program: new namespaces, tracing, kernel key rings, System V and POSIX message objects (they
outlive a process), memory that no limit counts, any socket but a Unix one, changing the
limits or the scheduling of another process. All else is left to the namespaces, to the lack
of capabilities and to rlimits.

Numbers are from Linux's ``arch/x86/entry/syscalls/syscall_64.tbl`` and
``include/uapi/asm-generic/unistd.h``.
"""

from __future__ import annotations

import errno
import os
import struct

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32_BIT = 0x40000000
_NEW_NAMESPACES = 0x7E020080

_REFUSED = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "sched_setaffinity": (203, 122),
}
_ABSENT = {"clone3": (435, 435)}
_SELF_ONLY = {  # call: (numbers, index of the argument that must be 0, meaning "myself")
    "prlimit64": ((302, 261), 0),
    "sched_setscheduler": ((144, 119), 0),
    "sched_setparam": ((142, 118), 0),
    "sched_setattr": ((314, 274), 0),
    "setpriority": ((141, 140), 1),
    "ioprio_set": ((251, 30), 1),
}
_CLONE = (56, 220)
_SOCKET = (41, 198)
_AF_UNIX = 1

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _fail(error: int) -> bytes:
    return _op(_RETURN, _ERRNO | error)


def _argument(index: int) -> bytes:
    """Load the low word of one argument (both architectures are little-endian)."""
    return _op(_LOAD, 16 + 8 * index)


def build(machine: str | None = None) -> bytes:
    """The filter for this machine's architecture.

    Raises:
        NotImplementedError: the architecture has no table here.
    """
    name = machine or os.uname().machine
    if name not in _ARCHITECTURES:
        raise NotImplementedError(f"no system-call table for {name}")
    audit, column = _ARCHITECTURES[name]
    program = [_op(_LOAD, 4), _op(_JUMP_EQUAL, audit, 1, 0), _op(_RETURN, _KILL), _op(_LOAD, 0)]
    if name == "x86_64":
        program += [_op(_JUMP_AT_LEAST, _X32_BIT, 0, 1), _fail(errno.ENOSYS)]
    for numbers in _REFUSED.values():
        program += [_op(_JUMP_EQUAL, numbers[column], 0, 1), _fail(errno.EPERM)]
    for numbers in _ABSENT.values():
        program += [_op(_JUMP_EQUAL, numbers[column], 0, 1), _fail(errno.ENOSYS)]
    for numbers, argument in _SELF_ONLY.values():
        program += _when(numbers[column], argument, _op(_JUMP_EQUAL, 0, 1, 0))
    program += _when(_CLONE[column], 0, _op(_JUMP_SET, _NEW_NAMESPACES, 0, 1))
    program += _when(_SOCKET[column], 0, _op(_JUMP_EQUAL, _AF_UNIX, 1, 0))
    return b"".join([*program, _op(_RETURN, _ALLOW)])


def _when(number: int, argument: int, test: bytes) -> list[bytes]:
    """Refuse call ``number`` where ``test`` on the argument falls to the next instruction."""
    body = [_argument(argument), test, _fail(errno.EPERM), _op(_RETURN, _ALLOW)]
    return [_op(_JUMP_EQUAL, number, 0, len(body)), *body]
