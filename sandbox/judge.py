"""The judge: takes questions and programs from the host, runs candidates, answers verdicts.

Frames in: ``{"op": "judge", "key", "question"?, "code", "limits", "declared"}``. A question is
sent once per key; when the judge does not hold it (any more) it answers ``{"need": key}``.
``declared`` lists the tests that count, or is null when the program is to declare them
(reference runs). Frames out: one per frame in; ``{"infra": text}`` when we failed.
"""

from __future__ import annotations

import _socket
import contextlib
import json
import os
import sys
from collections import OrderedDict
from importlib import import_module
from typing import Any, NoReturn, Protocol

from sandbox import channel, zygote
from sandbox.space import Space
from sandbox.watch import Limits, Nursery

_FRAMEWORKS = {
    "cases": "sandbox.cases",
    "lifted": "sandbox.lifted",
    "pytest": "sandbox.pytests",
    "googletest": "sandbox.gtests",
}
_HELD = 64


class Prepared(Protocol):
    """One question, ready to judge programs."""

    def judge(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        """The verdict on one program."""
        ...


def main() -> NoReturn:
    """Set the wall up from the inside, then serve frames on standard input and output."""
    settings = json.loads(sys.argv[1])
    os.environ.pop("LD_LIBRARY_PATH", None)  # it was for this interpreter alone
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nursery = _build(settings)
    channel.write_frame(answers, {"ready": True, "python": sys.version.split()[0]})
    held: OrderedDict[str, Prepared] = OrderedDict()
    while (message := channel.read_frame(requests)) is not None:
        try:
            answer = _answer(message, held, nursery)
        except Exception as error:
            answer = {"infra": f"{type(error).__name__}: {error}"}
        channel.write_frame(answers, answer)
    os._exit(0)


def _build(settings: dict[str, Any]) -> Nursery:
    """Private /tmp, no /proc for anybody but us, and the zygote."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    space = Space(settings)
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    own = {int(name) for name in os.listdir(proc) if name.isdigit()}
    space.enter()
    pid = os.fork()
    if pid == 0:
        _first_to_go(proc)
        os.dup2(os.open("/dev/null", os.O_RDWR), 0)
        os.dup2(0, 1)
        link = os.dup2(theirs.fileno(), 3)
        os.closerange(4, 1024)
        zygote.run(_socket.socket(fileno=link), settings)
    theirs.close()
    nursery = Nursery(ours, proc, frozenset(own | {pid}), space)
    nursery.reap()  # answered once the zygote is warm
    nursery.measure_zygote(pid)
    return nursery


def _first_to_go(proc: int) -> None:
    """When the machine runs out of memory, programs are killed and not their judge."""
    with contextlib.suppress(OSError):
        descriptor = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=proc)
        os.write(descriptor, b"1000")
        os.close(descriptor)


def _answer(
    message: dict[str, Any], held: OrderedDict[str, Prepared], nursery: Nursery
) -> dict[str, Any]:
    key = message["key"]
    if "question" in message:
        question = message["question"]
        module = import_module(_FRAMEWORKS[question["framework"]])
        held[key] = module.prepare(question, nursery)
        if len(held) > _HELD:
            held.popitem(last=False)
    if key not in held:
        return {"need": key}
    held.move_to_end(key)
    limits = Limits(**message["limits"])
    return held[key].judge(message["code"], limits, message["declared"], nursery)
