"""Values that cross between a program and its tests arrive as what they were, or not at all."""

from __future__ import annotations

import collections
import datetime
import enum
import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import raised
from sandbox.plain import Decoder, Encoder, Known, NotPlain, deeply

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
KEYS = st.integers() | st.text() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    SCALARS | st.complex_numbers() | st.fractions() | st.dates() | st.timedeltas(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
        | st.builds(collections.deque, st.lists(inner), st.none() | st.integers(0, 9))
        | st.builds(collections.OrderedDict, st.lists(st.tuples(KEYS, inner)))
    ),
    max_leaves=20,
)


def crossed(value: Any) -> Any:
    with deeply():
        return Decoder().decode(json.loads(json.dumps(Encoder().encode(value))))


def same(a: Any, b: Any) -> bool:
    """Equal, of the same types, NaN included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float | complex):
        return repr(a) == repr(b)
    if isinstance(a, list | tuple | collections.deque):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


@given(VALUES)
def test_plain_data_arrives_as_what_it_was(value: Any) -> None:
    assert same(crossed(value), value)


ODD = [
    range(2, 9, 3), 1 << 70, -0.0, math.inf, math.nan, "\ud800", bytearray(b"\xff"),
    Decimal("1.50"), Fraction(1, 3), datetime.datetime(2020, 1, 2, 3),  # noqa: DTZ001 - naive
    datetime.time(1), collections.Counter("aab"),
    {1: "a", (2, 3): None}, {True, 2}, ..., NotImplemented, slice(1, None, -1),
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_what_json_cannot_say_arrives_too(value: Any) -> None:
    assert same(crossed(value), value)


class Pair(NamedTuple):
    left: int
    right: int


class Level(enum.IntEnum):
    HIGH = 3


class Loud(str):
    __slots__ = ()


def test_subclasses_that_compare_as_what_they_extend_arrive_as_that() -> None:
    for value, expected in ((Pair(1, 2), (1, 2)), (Level.HIGH, 3), (Loud("a"), "a")):
        assert same(crossed(value), expected)


class Agrees(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize("value", [Agrees(1), object(), len, [1, lambda: 1], int, {1: object()}])
def test_nothing_else_crosses(value: Any) -> None:
    with pytest.raises(NotPlain):
        Encoder().encode(value)


def test_views_arrive_as_views_and_iterators_do_not() -> None:
    assert crossed({1: 2}.keys()) == {1}
    assert list(crossed({1: 2}.values())) == [2]
    assert crossed({1: 2}.items()) == {(1, 2)}
    with pytest.raises(NotPlain):
        crossed(iter([1]))


def test_one_object_stays_one_object() -> None:
    row = [0]
    made = crossed([row, row, {"again": row}])
    assert made[0] is made[1] is made[2]["again"]
    loop: list[Any] = []
    loop.append(loop)
    made = crossed(loop)
    assert made[0] is made


def test_data_may_be_nested_deeper_than_calls() -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    made = crossed(deep)
    for _ in range(900):
        (made,) = made
    assert made == []


def test_what_could_not_cross_leaves_no_numbers_behind() -> None:
    known = Known()
    encoder = Encoder(known)
    shared = [1]
    with pytest.raises(NotPlain):
        encoder.attempt([shared, object()])
    assert known.objects == {}
    assert Decoder().decode(encoder.attempt([shared, shared])) == [[1], [1]]


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["ref", "tuple"]), inner)
        | st.dictionaries(st.sampled_from(["dict", "set", "numpy", "range", "view 0"]), inner),
    )
)  # fmt: skip
def test_what_is_no_form_is_refused_and_nothing_else_happens(form: Any) -> None:
    try:
        json.dumps(form)
        Decoder().decode(form)
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, MemoryError):
        return


class Refused(ValueError):
    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Worse(Refused, KeyError):
    pass


def raised_again(error: BaseException, exports: dict[str, Any]) -> BaseException:
    form = json.loads(json.dumps(raised.form_of(error, exports, Encoder())))
    built = {
        name: raised.build_class(raised.class_form(kind, exports, itself=True), {})
        for name, kind in exports.items()
    }
    error = raised.build(form, built, Decoder())
    assert all(type(error) is kind for name, kind in built.items() if kind.__name__ == "Refused")
    return error


def test_pythons_own_exceptions_arrive_with_their_arguments() -> None:
    for error in (KeyError("a"), ValueError("x", 2), OSError(2, "gone"), SystemExit(3)):
        made = raised_again(error, {})
        assert type(made) is type(error)
        assert (made.args, str(made)) == (error.args, str(error))


def test_an_exception_of_the_program_is_caught_as_what_it_extends() -> None:
    made = raised_again(Worse(7), {})
    assert isinstance(made, ValueError)
    assert isinstance(made, KeyError)
    assert type(made).__name__ == "Worse"
    assert vars(made)["code"] == 7


def test_an_exception_that_the_tests_import_is_that_very_class() -> None:
    made = raised_again(Refused(3), {"Refused": Refused})
    assert type(made).__bases__ == (ValueError,)
    assert str(made) == "code 3"
