"""Finds returned values that agree with whatever they are compared with.

A test in the candidate's own process believes ``result == expected``; a class of the
candidate's own can answer that with True for ever. Two looks are therefore taken: at each value
that a function of the program returns to a test, and at each value at hand when an ``assert``
of the tests has held, wherever it came from (a class, a method, a callable object). Such a
value is compared with random values that nothing honest equals, and with plain values of which
an honest object equals at most one. Only classes whose comparison is written in Python are
probed, so builtins and numpy's cost one look. An honest ``__eq__`` of one's own class answers
False, NotImplemented or raises: all are fine.

Not seen: objects of a class, a method or a callable object that are compared by other means
than an ``assert`` of the test module itself.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import random
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from _pytest.assertion import rewrite

_BUILTIN_SLOT = type(object.__eq__)
_MAX_VALUES = 2000
_MAX_DEPTH = 6
_MAX_CLOSE_LOOKS = 50
_MAX_LOOKS, _SHARE_LATER = 100, 0.02  # at one assertion, which may stand in a long loop
_FUNCTIONS = (types.FunctionType, type(functools.lru_cache(maxsize=None)(len)), functools.partial)
_INNOCENT = frozenset({int, float, str, bool, type(None), bytes, complex})
_INTEGERS = range(-64, 65)
_PLAIN = (
    *("a", "b", "ab", "abc", "x", "hello", 0.5, 1.5, 2.5),
    *([1, 2], [1, 2, 3], ["a", "b"], (4, 5), ("a", "c")),
)
_MAX_CALLS = 1000
_LATER = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
Report = Callable[[str], None]


_guards: dict[int, Callable[..., Any]] = {}
"""The function that each guard stands for, by the guard's id."""


class Around(Protocol):
    """What is asked before and after each call of the program by its tests."""

    def begin(self) -> None:
        """The call begins."""

    def end(self) -> str | None:
        """It has ended; what it did that no program may do."""


def guard(
    module: types.ModuleType, solution: types.ModuleType | None, around: Around, report: Report
) -> None:
    """Make every function of ``solution`` that ``module`` calls go through the probe.

    Args:
        module: the test module; its names are rebound, the solution itself is left alone.
        around: called before and after each call; says after it what is wrong.
        report: called with what was found.
    """
    if solution is None:
        return
    own = {id(value): value for value in vars(solution).values() if _can_be_guarded(value)}
    guards = {number: _checked(value, around, report) for number, value in own.items()}
    for name, value in list(vars(module).items()):
        if value is solution:
            vars(module)[name] = _shown(solution, guards)
        elif id(value) in guards:
            vars(module)[name] = guards[id(value)]


def _can_be_guarded(value: object) -> bool:
    """Whether calls of it can be looked at; a generator's or coroutine's body runs later."""
    code = getattr(value, "__code__", None)
    later = isinstance(code, types.CodeType) and code.co_flags & _LATER
    return type(value) in _FUNCTIONS and not later


def _shown(solution: types.ModuleType, guards: dict[int, Any]) -> types.ModuleType:
    """The solution as the tests see it: itself, but with guarded functions."""

    class Shown(types.ModuleType):
        def __getattribute__(self, name: str) -> Any:
            value = getattr(solution, name)
            return guards.get(id(value), value)

        def __setattr__(self, name: str, value: object) -> None:
            setattr(solution, name, _guards.get(id(value), value))

        def __delattr__(self, name: str) -> None:
            delattr(solution, name)

        def __dir__(self) -> list[str]:
            return dir(solution)

    return Shown(solution.__name__)


def watch_assertions(modules: Iterable[types.ModuleType], report: Report) -> Callable[[], bool]:
    """Probe what is at hand whenever an ``assert`` of a test module has held.

    pytest rewrites each ``assert`` so that the parts of the expression are local variables, and
    asks after each that held whether anybody listens: this is where the probe sits. It needs
    the option ``enable_assertion_pass_hook``.

    Returns:
        Whether the probe is still in place; to be asked at the end.
    """
    tests = {id(vars(module)) for module in modules}
    looks: dict[tuple[types.CodeType, int], int] = {}

    def held() -> bool:
        frame = sys._getframe(1)
        if id(frame.f_globals) not in tests or frame.f_locals is frame.f_globals:
            return False
        place = frame.f_code, frame.f_lineno
        looks[place] = looks.get(place, 0) + 1
        if looks[place] > _MAX_LOOKS and random.random() > _SHARE_LATER:
            return False
        for value in list(frame.f_locals.values()):
            found = suspicious(value, lambda kind: _of_the_tests(kind, tests))
            if found:
                report(f"a test was given {found}")
        return False

    rewrite._check_if_assertion_pass_impl = held
    return lambda: rewrite._check_if_assertion_pass_impl is held


def _of_the_tests(kind: type, tests: set[int]) -> bool:
    """Whether a class is the test module's own, or a part of an imported library."""
    own = type.__getattribute__(kind, "__dict__")
    if any(id(getattr(part, "__globals__", None)) in tests for part in own.values()):
        return True
    home = own.get("__module__")
    module = sys.modules.get(home) if type(home) is str and home != "solution" else None
    return module is not None and vars(module).get(kind.__name__) is kind


def _checked(function: Callable[..., Any], around: Around, report: Report) -> Callable[..., Any]:
    name = getattr(function, "__name__", "a function")
    calls = itertools.count()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        looking = next(calls) < _MAX_CALLS or random.random() < _SHARE_LATER
        if looking:
            around.begin()
        try:
            value = function(*args, **kwargs)
        finally:
            wrong = around.end() if looking else None
            if wrong:
                report(wrong)
        found = suspicious(value)
        if found:
            report(f"{name} returned {found}")
        return value

    _guards[id(call)] = function
    for part in dir(function) if type(function) is not types.FunctionType else ():
        if not part.startswith("_"):
            setattr(call, part, getattr(function, part))
    return call


def suspicious(value: Any, innocent: Callable[[type], bool] = lambda kind: False) -> str | None:
    """Why a value cannot be compared in earnest, or None.

    Args:
        innocent: classes to leave alone; only asked about those that would be reported.
    """
    left = [(value, 0)]
    for number in range(_MAX_VALUES):
        if not left:
            return None
        item, depth = left.pop()
        kind = type(item)
        if kind in _INNOCENT:
            continue
        if depth < _MAX_DEPTH and kind in (list, tuple, set, frozenset):
            left.extend((part, depth + 1) for part in item)
        elif depth < _MAX_DEPTH and kind is dict:
            left.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif _agrees_always(item, kind) and not innocent(kind):
            return f"a {kind.__name__} that equals anything"
        elif number < _MAX_CLOSE_LOOKS and _agrees_with_two(item, kind) and not innocent(kind):
            return f"a {kind.__name__} that equals values that differ from each other"
    return None


def _agrees_always(value: Any, kind: type) -> bool:
    if _in_python(kind, "__eq__") or _in_python(kind, "__ne__"):
        number = random.getrandbits(61)
        if any(_equal(value, stranger) for stranger in _strangers(number)):
            return True
        if _equal(value, number) and _equal(value, number + 1):  # modulo m it is at most one
            return True
    first, second = random.random() * 1e9, -1.0 - random.random() * 1e9
    if _in_python(kind, "__lt__") and _below(value, second) and _below(first, value):
        return True
    return _in_python(kind, "__sub__") and _near(value, first) and _near(value, second)


def _agrees_with_two(value: Any, kind: type) -> bool:
    """Whether a value equals two plain ones that an honest class tells apart.

    An integer modulo m equals every m-th integer; a container may equal list and tuple alike,
    and a polynomial its constant: no two of the plain values are such a pair.
    """
    if not (_in_python(kind, "__eq__") or _in_python(kind, "__ne__")):
        return False
    others = sum(_equal(value, plain) for plain in _PLAIN)
    numbers = [n for n in _INTEGERS if _equal(value, n)]
    if others + len(numbers) < 2:
        return False
    if others or numbers[1] - numbers[0] == 1:
        return True
    modulus = numbers[1] - numbers[0]
    return numbers != [n for n in _INTEGERS if (n - numbers[0]) % modulus == 0]


def _equal(value: Any, other: Any) -> bool:
    try:
        return bool(value == other) or not (value != other)  # noqa: SIM202 - two methods
    except Exception:
        return False


def _below(value: Any, other: Any) -> bool:
    try:
        return bool(value < other)
    except Exception:
        return False


def _near(value: Any, other: float) -> bool:
    try:
        return bool(abs(value - other) < 1e-9)
    except Exception:
        return False


def _in_python(kind: type, name: str) -> bool:
    """Whether a special method is anything but one of the interpreter's own."""
    for base in type.__getattribute__(kind, "__mro__"):
        if name in base.__dict__:
            return not isinstance(base.__dict__[name], _BUILTIN_SLOT)
    return False


def _strangers(number: int) -> list[Any]:
    text = f"{number:x}"
    plain = [object(), 1e6 * random.random(), text, text.encode()]
    return [*plain, [number], (text,), {text: number}]
