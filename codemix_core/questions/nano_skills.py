"""The skills nano questions are made of: small operations on a list of integers.

Every skill is total: it is defined for every list of integers, the empty one included, and
never raises. A skill either gives a list again or reduces the list to one integer; reducing
skills can only come last in a composition.

The Python expression is the only definition of what a skill does: gold solutions, expected
outputs and rejected compositions all come from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

Value = list[int] | int


@dataclass(frozen=True, slots=True)
class Skill:
    """One small operation.

    name: identifier, shown as the question's skill.
    expression: Python expression over ``xs``, a list of integers.
    phrases: imperative English phrasings; the first one is the plain one, used in reasoning.
    reduces: the expression gives one integer instead of a list.
    """

    name: str
    expression: str
    phrases: tuple[str, ...]
    reduces: bool = False

    def apply(self, xs: list[int]) -> Value:
        """The skill's output for ``xs``, which stays as it was."""
        return _compiled(self.expression)(xs)


@cache
def _compiled(expression: str) -> Callable[[list[int]], Value]:
    function: Callable[[list[int]], Value] = eval(f"lambda xs: {expression}")
    return function


def _skill(name: str, expression: str, *phrases: str) -> Skill:
    return Skill(name, expression, phrases)


def _reduce(name: str, expression: str, *phrases: str) -> Skill:
    return Skill(name, expression, phrases, reduces=True)


SKILLS: tuple[Skill, ...] = (
    _skill(
        "keep_even",
        "[x for x in xs if x % 2 == 0]",
        "keep the even numbers",
        "remove all odd numbers",
        "filter out everything that is odd",
        "select only the numbers divisible by two",
        "throw away the odd values",
        "leave just the even values",
    ),
    _skill(
        "keep_odd",
        "[x for x in xs if x % 2 == 1]",
        "keep the odd numbers",
        "remove all even numbers",
        "filter out everything that is even",
        "select only the numbers not divisible by two",
        "throw away the even values",
        "leave just the odd values",
    ),
    _skill(
        "keep_positive",
        "[x for x in xs if x > 0]",
        "keep the positive numbers",
        "remove all numbers that are zero or below",
        "select only the numbers greater than zero",
        "throw away zeros and negative values",
        "leave just the positive values",
        "filter for values above zero",
    ),
    _skill(
        "keep_negative",
        "[x for x in xs if x < 0]",
        "keep the negative numbers",
        "remove all numbers that are zero or above",
        "select only the numbers less than zero",
        "throw away zeros and positive values",
        "leave just the negative values",
        "filter for values below zero",
    ),
    _skill(
        "drop_zeros",
        "[x for x in xs if x != 0]",
        "drop the zeros",
        "remove every zero",
        "filter out all zeros",
        "select only the nonzero numbers",
        "throw away values equal to zero",
        "leave just the values that are not zero",
    ),
    _skill(
        "keep_threes",
        "[x for x in xs if x % 3 == 0]",
        "keep the multiples of three",
        "remove numbers that three does not divide",
        "select only the numbers divisible by three",
        "throw away everything but multiples of three",
        "leave just the values that three divides",
        "filter for multiples of three",
    ),
    _skill(
        "square",
        "[x * x for x in xs]",
        "square each number",
        "replace every number by its square",
        "multiply each value by itself",
        "raise every value to the power of two",
        "take the square of all numbers",
        "map each number to its second power",
    ),
    _skill(
        "double",
        "[x * 2 for x in xs]",
        "double each number",
        "multiply every number by two",
        "replace each value by twice that value",
        "make every value two times as large",
        "scale all numbers by two",
        "map each number to its double",
    ),
    _skill(
        "halve",
        "[x // 2 for x in xs]",
        "halve each number, rounding down",
        "floor divide every number by two",
        "replace each value by half of it, rounded down",
        "divide all numbers by two and round down",
        "cut every value in half and take the floor",
        "map each number to its half, rounded down",
    ),
    _skill(
        "negate",
        "[-x for x in xs]",
        "negate each number",
        "flip the sign of every number",
        "replace each value by its opposite",
        "multiply all numbers by minus one",
        "switch the sign of each value",
        "map every number to its negation",
    ),
    _skill(
        "increment",
        "[x + 1 for x in xs]",
        "add one to each number",
        "increase every number by one",
        "increment all values",
        "replace each value by the next integer",
        "make every value one larger",
        "map each number to itself plus one",
    ),
    _skill(
        "decrement",
        "[x - 1 for x in xs]",
        "subtract one from each number",
        "decrease every number by one",
        "decrement all values",
        "replace each value by the previous integer",
        "make every value one smaller",
        "map each number to itself minus one",
    ),
    _skill(
        "absolute",
        "[abs(x) for x in xs]",
        "take the absolute value of each number",
        "remove the sign of every number",
        "replace each value by its magnitude",
        "make every value nonnegative by dropping its sign",
        "turn all numbers into their absolute values",
        "map each number to its distance from zero",
    ),
    _skill(
        "cap_ten",
        "[min(x, 10) for x in xs]",
        "cap each number at ten",
        "replace every number above ten by ten",
        "limit all values to at most ten",
        "lower anything larger than ten to ten",
        "clip each value at an upper bound of ten",
        "let no value exceed ten, using ten instead",
    ),
    _skill(
        "floor_zero",
        "[max(x, 0) for x in xs]",
        "raise negative numbers to zero",
        "replace every negative number by zero",
        "limit all values to at least zero",
        "set anything below zero to zero",
        "clip each value at a lower bound of zero",
        "let no value be under zero, using zero instead",
    ),
    _skill(
        "sort_ascending",
        "sorted(xs)",
        "sort in ascending order",
        "order the numbers from smallest to largest",
        "arrange the values in increasing order",
        "sort from low to high",
        "put the smallest numbers first by sorting",
        "rank the values upward",
    ),
    _skill(
        "sort_descending",
        "sorted(xs, reverse=True)",
        "sort in descending order",
        "order the numbers from largest to smallest",
        "arrange the values in decreasing order",
        "sort from high to low",
        "put the largest numbers first by sorting",
        "rank the values downward",
    ),
    _skill(
        "reverse",
        "xs[::-1]",
        "reverse the list",
        "turn the list around",
        "put the elements in backward order",
        "flip the order of the elements",
        "read the list from back to front",
        "write the elements from end to start",
    ),
    _skill(
        "unique",
        "list(dict.fromkeys(xs))",
        "drop duplicates, keeping first occurrences",
        "remove repeated values",
        "keep only the first copy of each value",
        "deduplicate the list in order",
        "throw away later repetitions of a number",
        "make all elements distinct, preserving order",
    ),
    _skill(
        "running_total",
        "[sum(xs[: i + 1]) for i in range(len(xs))]",
        "compute the running total",
        "replace each element by the sum up to it",
        "build the list of prefix sums",
        "accumulate the sums from left to right",
        "take cumulative sums",
        "turn the list into partial sums",
    ),
    _skill(
        "differences",
        "[b - a for a, b in zip(xs, xs[1:])]",
        "take the differences of neighbours",
        "subtract each element from the one after it",
        "build the list of consecutive differences",
        "compute how much each step changes",
        "list the changes between adjacent elements",
        "turn the list into differences of adjacent values",
    ),
    _skill(
        "drop_first",
        "xs[1:]",
        "drop the first element",
        "remove the element at the front",
        "skip the leading element",
        "take everything after the first element",
        "cut off the head of the list",
        "discard the element at index zero",
    ),
    _skill(
        "drop_last",
        "xs[:-1]",
        "drop the last element",
        "remove the element at the back",
        "leave out the trailing element",
        "take everything before the last element",
        "cut off the tail element of the list",
        "discard the final element",
    ),
    _skill(
        "first_three",
        "xs[:3]",
        "keep the first three elements",
        "take the leading three elements",
        "truncate the list to three elements",
        "cut the list after three elements",
        "use only the three elements at the front",
        "discard everything beyond the third element",
    ),
    _skill(
        "every_second",
        "xs[::2]",
        "keep every second element, starting with the first",
        "take the elements at even positions counting from zero",
        "select the elements with even index",
        "remove the elements at odd index",
        "skip every other element, beginning after the first",
        "walk through the list in strides of two",
    ),
    _reduce(
        "total",
        "sum(xs)",
        "return the sum",
        "return the total of all numbers",
        "add everything up",
        "give the sum of the elements",
        "report the total",
        "sum the values",
    ),
    _reduce(
        "largest",
        "max(xs, default=0)",
        "return the largest number",
        "return the maximum",
        "give the greatest element",
        "report the highest value",
        "find the biggest number",
        "pick out the maximum value",
    ),
    _reduce(
        "smallest",
        "min(xs, default=0)",
        "return the smallest number",
        "return the minimum",
        "give the least element",
        "report the lowest value",
        "find the tiniest number",
        "pick out the minimum value",
    ),
    _reduce(
        "count",
        "len(xs)",
        "return how many numbers there are",
        "return the length",
        "count the elements",
        "give the number of elements",
        "report the size of the list",
        "tell how many values remain",
    ),
    _reduce(
        "first",
        "xs[0] if xs else 0",
        "return the first element",
        "return the element at the front",
        "give the leading value",
        "report the value at index zero",
        "pick out the very first value",
        "fetch the head of the list",
    ),
    _reduce(
        "last",
        "xs[-1] if xs else 0",
        "return the last element",
        "return the element at the back",
        "give the trailing value",
        "report the final value",
        "pick out the very last value",
        "fetch the end of the list",
    ),
)

BY_NAME: dict[str, Skill] = {skill.name: skill for skill in SKILLS}
