"""What a program and its tests share is in two processes what it is in one."""

from __future__ import annotations

import collections
import contextlib
import random
import socket
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import serve_functions
from sandbox.remote import Program, Unanswered

CODE = """import collections
KEPT = {"list": [1], "dict": {"a": [2]}, "deque": collections.deque([3]), "set": {4}}
def get(name): return KEPT[name]
def keep(name, value): KEPT[name] = value
def same(value): return value
def add(xs, x): xs.append(x); return xs
def put(xs, k, x): xs[k] = x
def nest(a, b): return [a, {"b": b}, (a, b)]
def swap(a, b): a[:], b[:] = list(b), list(a)
def clear(xs): xs.clear()
def drop(): KEPT["list"] = [len(KEPT["list"])]
def each(f, xs): return [f(x) for x in list(xs)]
def walk(xs):
    for x in xs:
        yield x
def error(xs): raise ValueError(xs)
def later(xs): return lambda x: (xs.append(x), xs)[1]
"""
NAMES = "get keep same add put nest swap clear drop each walk error later".split()  # noqa: SIM905


def play(program: Any, seed: int) -> list[str]:
    """Do something at random sixty times; what was seen of all that is shared, each time."""
    rng = random.Random(seed)
    lists: list[list[Any]] = [[1], [[2]]]
    dicts: list[dict[str, Any]] = [{"a": 5}]
    calls: list[Callable[[Any], Any]] = [len]
    iterators: list[Iterator[Any]] = [iter(lists[0])]
    log = []

    def act() -> Any:
        xs, ys, mapping = rng.choice(lists), rng.choice(lists), rng.choice(dicts)
        item = rng.choice([rng.randrange(9), xs, mapping, "s", (1, ys)])
        acts: list[Callable[[], Any]] = [
            lambda: program.get(rng.choice(["list", "dict", "deque", "set"])),
            lambda: program.keep(rng.choice(["list", "dict"]), rng.choice([xs, mapping])),
            lambda: program.same(item),
            lambda: program.add(xs, item),
            lambda: program.put(mapping, "k", item),
            lambda: program.nest(xs, mapping),
            lambda: program.swap(xs, ys),
            lambda: program.clear(xs),
            lambda: program.drop(),
            lambda: program.each(lambda x: (ys.append(0), x)[1], xs),
            lambda: program.each(lambda x: program.add(ys, 1), [1, 2]),
            lambda: program.each(rng.choice(calls), xs),
            lambda: iterators.append(program.walk(xs)),
            lambda: iterators.append(program.walk(iter(ys))),
            lambda: next(rng.choice(iterators), None),
            lambda: program.error(xs),
            lambda: calls.append(program.later(xs)),
            lambda: rng.choice(calls)(ys),
            lambda: xs.append(item),
            lambda: xs.pop(),
            lambda: mapping.update(k=item),
            lambda: lists.append([xs]),
        ]
        return rng.choice(acts)()

    for _ in range(60):
        try:
            got = act()
        except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
            got = [type(error).__name__, *error.args] if type(error) is ValueError else type(error)
        if type(got) is list:
            lists.append(got)
        elif type(got) is dict:
            dicts.append(got)
        log.append(shown([lists, dicts, got], {}))
    return log


def shown(value: Any, seen: dict[int, int]) -> str:
    """A value as text, with the containers that are one object marked as such."""
    if isinstance(value, list | dict | set | collections.deque):
        if id(value) in seen:
            return f"#{seen[id(value)]}"
        seen[id(value)] = len(seen)
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple | set | collections.deque):
        return f"{type(value).__name__}({', '.join(shown(item, seen) for item in value)})"
    return repr(value) if isinstance(value, int | str | type(None) | type) else "…"


@pytest.mark.parametrize("first", range(0, 200, 25))
def test_one_process_and_two_see_the_same(first: int) -> None:
    for seed in range(first, first + 25):
        alone = types.ModuleType("solution")
        exec(CODE, alone.__dict__)
        there = types.ModuleType("solution")
        exec(CODE, there.__dict__)
        with beside({name: vars(there)[name] for name in NAMES}) as (program, _):
            found, wanted = play(program.module, seed), play(alone, seed)
        assert found == wanted, f"seed {seed}"
        assert program.take_problem() is None


def _serve(server: serve_functions._Server) -> None:
    while line := server.read():
        server.answer(line)


@contextlib.contextmanager
def beside(exports: dict[str, Any]) -> Iterator[tuple[Program, serve_functions._Server]]:
    """A program of these functions, answering in a thread, and what its tests have of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(serve_functions._line("r", {name: {"function": True} for name in exports}))
        server = serve_functions._Server(theirs, exports)
        thread = threading.Thread(target=_serve, args=(server,), daemon=True)
        thread.start()
        program = Program(ours)
        assert program.load() is None
        yield program, server
        ours.shutdown(socket.SHUT_RDWR)
        thread.join()


def count(n: int) -> Iterator[int]:
    yield from range(n)
    raise KeyError(n)


@pytest.mark.parametrize("shared", [False, True])
def test_a_long_iterator_is_read_ahead_if_nobody_can_tell(shared: bool) -> None:
    kept: list[Any] = []
    with beside({"count": count, "keep": kept.append, "same": iter}) as (program, server):
        module, asked = program.module.__dict__, []
        usual = server._next
        server._next = lambda it, most: (asked.append(most), usual(it, most))[1]  # type: ignore[method-assign]
        held = [1]
        if shared:
            module["keep"](held)
        found = []
        with pytest.raises(KeyError):
            for item in module["count"](3000):
                found.append(item)
        assert found == list(range(3000))
        assert len(asked) == 3001 if shared else 64 < len(asked) < 80
        ahead = module["count"](500)
        assert [next(ahead) for _ in range(70)] == list(range(70))
        if not shared:
            with pytest.raises(Unanswered, match="read ahead"):
                module["same"](ahead)
            with pytest.raises(Unanswered):
                ahead.send(1)
            ahead.close()
            assert list(ahead) == []


def test_what_nobody_holds_is_forgotten_by_both() -> None:
    exports = {"same": lambda xs: [*xs, 1], "keep": [].append}
    with beside(exports) as (program, server):
        for _ in range(50):
            program.module.__dict__["same"](list(range(9)))
        known = program._session._known.objects, server._session._known.objects
        assert max(map(len, known)) <= 1, "the last result"
        held = [[number] for number in range(5)]
        for item in held:
            program.module.__dict__["keep"](item)
        program.module.__dict__["same"]([])
        assert len(known[0]) == len(known[1]) == 5 + 1
