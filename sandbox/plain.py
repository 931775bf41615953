"""Plain data between a program and its tests when they live in different processes.

A value crosses as a JSON form and is built anew on the other side, of exactly the same type:
numbers, strings, bytes, lists, tuples, dictionaries, sets and a few types of the standard
library, numpy's scalars and arrays. What arrives can only be compared, never act; anything else is
left to ``far``. Subclasses of these types cross as the type they extend where they compare as it
does.

Containers that can change are numbered in the order in which they are met, on both sides alike
(:class:`Known`). A second meeting crosses as the number: what was one object is one object on the
other side.
Strings, numbers, None and lists stand for themselves in JSON; everything else is an object with
one key, the tag of :data:`_TAGS`.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import fractions
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

SCALARS = frozenset({int, float, str, bool, type(None)})
_DEEP = 10_000
_CROSSING = 12  # calls on the stack for one crossing
_BASES: tuple[Any, ...] = (int, float, str, bytes, tuple, list, set, frozenset, collections.deque)
_BASES += (collections.OrderedDict, collections.Counter, dict)
_FAR = frozenset({"mine", "yours", "named"})  # tags of forms that are made and read elsewhere
_ORDERED: Any = collections.OrderedDict()
_VIEWS: tuple[tuple[type, type], ...] = (
    (type({}.keys()), type(_ORDERED.keys())),
    (type({}.values()), type(_ORDERED.values())),
    (type({}.items()), type(_ORDERED.items())),
)


class NotPlain(Exception):
    """A value that is no plain data."""


class Known:
    """The changeable containers that both sides know, by number. ``next``: the next number."""

    def __init__(self) -> None:
        self.objects: dict[int, Any] = {}
        self.next = 0
        self._numbers: dict[int, int] = {}

    def number(self, container: Any) -> int | None:
        """Its number, if it is known."""
        return self._numbers.get(id(container))

    def add(self, container: Any) -> None:
        """Number one."""
        self.objects[self.next] = container
        self._numbers[id(container)] = self.next
        self.next += 1

    def forget(self, number: int) -> None:
        """Know it no more."""
        del self._numbers[id(self.objects.pop(number))]

    def back_to(self, number: int) -> None:
        """Undo all numbers from this one on."""
        for later in range(number, self.next):
            self.forget(later)
        self.next = number


class Encoder:
    """Turns values into JSON forms."""

    def __init__(self, known: Known | None = None, far: Callable[[Any], Any] | None = None) -> None:
        """Args: containers known to both sides; what makes a form of what is no plain data."""
        self._known = Known() if known is None else known
        self._far = far

    def encode(self, value: Any) -> Any:
        """The form of a value.

        Raises:
            NotPlain: it, or a part of it, is no plain data.
        """
        kind = type(value)
        if kind in SCALARS:
            return value
        if kind not in _ENCODERS:
            return self._rare(value, kind)
        tag, changeable, body = _ENCODERS[kind]
        if changeable:
            number = self._known.number(value)
            if number is not None:
                return {"ref": number}
            self._known.add(value)
        form = body(self, value)
        return form if kind is list else {tag: form}

    def attempt(self, value: Any) -> Any:
        """The form of a value; after an exception nothing of it has been numbered.

        Raises:
            Exception: it is no plain data, or looking at it raised.
        """
        before = self._known.next
        try:
            return self.encode(value)
        except BaseException:
            self._known.back_to(before)
            raise

    def contents(self, value: Any) -> Any:
        """The form of what is in a container that was met before."""
        return _ENCODERS[type(value)][2](self, value)

    def items(self, values: Iterable[Any]) -> list[Any]:
        """The forms of all values."""
        found = list(values)
        if set(map(type, found)) <= SCALARS:
            return found
        return [self.encode(item) for item in found]

    def _rare(self, value: Any, kind: type) -> Any:
        if kind.__module__ == "numpy" and hasattr(value, "tolist"):
            return {"numpy": [value.dtype.str, self.items([value.tolist()])]}
        for base in _BASES:
            if isinstance(value, base) and kind.__eq__ is base.__eq__:
                return self.encode(_as_base(base, value))
        if self._far is not None:
            return self._far(value)
        raise NotPlain(f"{kind.__name__} is no plain data")


class Decoder:
    """Builds values from JSON forms."""

    def __init__(
        self, known: Known | None = None, far: Callable[[str, Any], Any] | None = None
    ) -> None:
        """Args: containers known to both sides; what reads forms of what is no plain data."""
        self.known = Known() if known is None else known
        self._far = far

    def decode(self, form: Any) -> Any:
        """The value of a form.

        Raises:
            ValueError, TypeError, KeyError, IndexError, ArithmeticError: it is no form.
        """
        if type(form) is list:
            made: list[Any] = []
            self.known.add(made)
            made.extend(self.items(form))
            return made
        if type(form) is not dict:
            return form
        ((tag, body),) = form.items()
        if self._far is not None and tag in _FAR:
            return self._far(tag, body)
        return _DECODERS[tag](self, body)

    def items(self, forms: list[Any]) -> list[Any]:
        """The values of all forms."""
        if set(map(type, forms)) <= SCALARS:
            return forms
        return [self.decode(form) for form in forms]

    def made(self, container: Any) -> Any:
        """Number a container that is about to be filled."""
        self.known.add(container)
        return container

    def refill(self, container: Any, form: Any) -> None:
        """Give a container that is known to both sides new contents."""
        if isinstance(container, dict):
            keys, values = self.items(form[0]), self.items(form[1])
            if list(container) != keys:  # else whoever is going through it may go on
                container.clear()
            for key, item in zip(keys, values, strict=True):
                container[key] = item
        elif isinstance(container, set):
            items = self.items(form)
            container.clear()
            container.update(items)
        elif isinstance(container, bytearray):
            container[:] = bytes.fromhex(form)
        elif isinstance(container, collections.deque):
            items = self.items(form[0])
            container.clear()
            container.extend(items)
        else:
            container[:] = self.items(form)


def _as_base(base: Any, value: Any) -> Any:
    if issubclass(base, dict):
        return base({key: dict.__getitem__(value, key) for key in base.__iter__(value)})
    if base is collections.deque:
        return collections.deque(collections.deque.__iter__(value), value.maxlen)
    if base in (tuple, list, set, frozenset):
        return base(base.__iter__(value))
    converters: dict[Any, Callable[[Any], Any]] = {
        int: int.__int__,
        float: float.__float__,
        str: str.__str__,
        bytes: bytes.__bytes__,
    }
    return converters[base](value)


@contextlib.contextmanager
def deeply() -> Iterator[None]:
    """While values are encoded or decoded: data may be nested deeper than calls are."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)


@contextlib.contextmanager
def between() -> Iterator[None]:
    """While one side calls the other in between: what that takes is no recursion of theirs."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(usual + _CROSSING)
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)


def _pairs(encoder: Encoder, value: Any) -> list[Any]:
    return [encoder.items(value.keys()), encoder.items(value.values())]


def _with_default(encoder: Encoder, value: Any) -> list[Any]:
    try:
        default = encoder.encode(value.default_factory)
    except NotPlain:
        default = None
    return [*_pairs(encoder, value), default]


def _view(tag: int) -> Callable[[Decoder, Any], Any]:
    def build(decoder: Decoder, body: Any) -> Any:
        items = decoder.items(body)
        if tag == 1:
            return dict(enumerate(items)).values()
        return dict.fromkeys(items).keys() if tag == 0 else dict(items).items()

    return build


def _numpy(decoder: Decoder, body: Any) -> Any:
    numpy = sys.modules.get("numpy") or __import__("numpy")
    (value,) = decoder.items(body[1])
    array = numpy.array(value, dtype=numpy.dtype(str(body[0])))
    if array.dtype.kind not in "biufcU":
        raise ValueError("a kind of number that does not cross")
    return array if type(value) is list else array[()]


def _list_like(encoder: Encoder, value: Any) -> list[Any]:
    return encoder.items(value)


_Body = Callable[[Encoder, Any], Any]
_ENCODERS: dict[type, tuple[str, bool, _Body]] = {
    # type: (tag, whether it can change, its contents)
    list: ("list", True, _list_like),
    tuple: ("tuple", False, _list_like),
    dict: ("dict", True, _pairs),
    set: ("set", True, _list_like),
    frozenset: ("frozenset", False, _list_like),
    collections.OrderedDict: ("ordered", True, _pairs),
    collections.Counter: ("counter", True, _pairs),
    collections.defaultdict: ("default", True, _with_default),
    collections.deque: ("deque", True, lambda e, v: [e.items(v), v.maxlen]),
    bytes: ("bytes", False, lambda e, v: v.hex()),
    bytearray: ("bytearray", True, lambda e, v: v.hex()),
    complex: ("complex", False, lambda e, v: [v.real, v.imag]),
    range: ("range", False, lambda e, v: [v.start, v.stop, v.step]),
    type(...): ("ellipsis", False, lambda e, v: None),
    type(NotImplemented): ("not implemented", False, lambda e, v: None),
    decimal.Decimal: ("decimal", False, lambda e, v: str(v)),
    fractions.Fraction: ("fraction", False, lambda e, v: [v.numerator, v.denominator]),
    datetime.date: ("date", False, lambda e, v: v.isoformat()),
    datetime.time: ("time", False, lambda e, v: v.isoformat()),
    datetime.datetime: ("datetime", False, lambda e, v: v.isoformat()),
    datetime.timedelta: ("timedelta", False, lambda e, v: [v.days, v.seconds, v.microseconds]),
    slice: ("slice", False, lambda e, v: e.items([v.start, v.stop, v.step])),
    **{
        kind: (f"view {number}", False, _list_like)
        for number, kinds in enumerate(_VIEWS)
        for kind in kinds
    },
}
_DECODERS: dict[str, Callable[[Decoder, Any], Any]] = {
    "ref": lambda d, b: d.known.objects[b],
    "tuple": lambda d, b: tuple(d.items(b)),
    "frozenset": lambda d, b: frozenset(d.items(b)),
    "bytes": lambda d, b: bytes.fromhex(b),
    "complex": lambda d, b: complex(*b),
    "range": lambda d, b: range(*b),
    "ellipsis": lambda d, b: ...,
    "not implemented": lambda d, b: NotImplemented,
    "decimal": lambda d, b: decimal.Decimal(b),
    "fraction": lambda d, b: fractions.Fraction(*b),
    "date": lambda d, b: datetime.date.fromisoformat(b),
    "time": lambda d, b: datetime.time.fromisoformat(b),
    "datetime": lambda d, b: datetime.datetime.fromisoformat(b),
    "timedelta": lambda d, b: datetime.timedelta(*b),
    "numpy": _numpy,
    "slice": lambda d, b: slice(*d.items(b)),
    **{f"view {number}": _view(number) for number in range(3)},
}


def _filled(kind: Callable[[], Any]) -> Callable[[Decoder, Any], Any]:
    def build(decoder: Decoder, body: Any) -> Any:
        container = decoder.made(kind())
        decoder.refill(container, body)
        return container

    return build


def _deque(decoder: Decoder, body: Any) -> Any:
    container: Any = decoder.made(collections.deque(maxlen=body[1]))
    decoder.refill(container, body)
    return container


def _defaults(decoder: Decoder, body: Any) -> Any:
    container = decoder.made(collections.defaultdict(decoder.decode(body[2])))
    decoder.refill(container, body)
    return container


_DECODERS |= {
    "default": _defaults,
    "dict": _filled(dict),
    "ordered": _filled(collections.OrderedDict),
    "counter": _filled(collections.Counter),
    "set": _filled(set),
    "bytearray": _filled(bytearray),
    "deque": _deque,
}
