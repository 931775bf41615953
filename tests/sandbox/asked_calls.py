"""Generators, and functions given and returned."""

from __future__ import annotations

from tests.sandbox.asked import Asked

LAZY = Asked(
    """from itertools import islice
import pytest
from solution import batches, naturals, running

def numbers():
    yield from range(1, 20)
    raise RuntimeError("too far")

def test_endless():
    assert list(islice(batches(numbers(), 6), 3)) == [[1, 2, 3], [4], [5]]
    assert list(islice(naturals(), 300)) == list(range(300))

def test_no_more_is_read_than_needed():
    read = []
    def source():
        for number in (3, 3, 3, 3):
            read.append(number)
            yield number
    made = batches(source(), 6)
    assert read == []
    assert next(made) == [3, 3]
    assert read == [3, 3, 3]

def test_what_was_given_does_not_change():
    made = batches([1, 1, 1, 1], 2)
    first = next(made)
    assert list(made) == [[1, 1]] and first == [1, 1]
    with pytest.raises(StopIteration):
        next(made)

def test_one_after_the_other():
    for number, seen in enumerate(running([1, 1, 1]), 1):
        assert len(seen) == number

def test_a_generator_that_is_told():
    made = naturals()
    assert next(made) == 0
    assert made.send(5) == 5 and next(made) == 6
    made.close()
    assert list(made) == []

def test_an_error_comes_when_it_is_reached():
    made = batches([1, "x"], 1)
    with pytest.raises(TypeError):
        list(made)

def test_what_is_left_of_an_iterator():
    numbers = iter([5, 5, 5, 5])
    next(batches(numbers, 5))
    assert list(numbers) == [5, 5]
""",
    """def batches(items, limit):
    batch = []
    for item in items:
        if batch and sum(batch) + item > limit:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch

def naturals():
    n = 0
    while True:
        told = yield n
        n = n + 1 if told is None else told

def running(items):
    seen = []
    for item in items:
        seen.append(item)
        yield list(seen)
""",
    {
        "reads everything first": [("for item in items:\n        if", "for item in list(items):\n        if")],
        "a list": [("            yield batch\n            batch = []", "            out.append(batch)\n            batch = []"),
                   ("        yield batch\n\ndef nat", "        out.append(batch)\n    return out\n\ndef nat"),
                   ("    batch = []\n    for", "    batch, out = [], []\n    for")],
        "the same list again": [("            batch = []", "            batch.clear()")],
        "one list for all": [("yield list(seen)", "yield seen")],
        "an iterator of a list": [("yield list(seen)", "pass\n    return iter([[1], [1, 1], [1, 1, 1]])")],
        "is not told": [("n + 1 if told is None else told", "n + 1")],
        "ends": [("while True", "while n < 200")],
        "raises at once": [("def batches(items, limit):\n", "def batches(items, limit):\n    [0 + item for item in items]\n")],
        "stops by StopIteration": [("    if batch:\n", "    if not batch: raise StopIteration\n    if batch:\n")],
    },
)  # fmt: skip
CALLS = Asked(
    """import operator
import pytest
from functools import partial
from solution import apply, compose, convert, counter, find, groups, once, retry, twice

def test_a_function():
    assert apply(lambda x: x + 1, [1, 2]) == [2, 3]
    assert apply(str, [1]) == ["1"] and apply(operator.neg, [1]) == [-1]
    assert apply(partial(pow, 2), [3]) == [8] and apply(len, ["abc", []]) == [3, 0]

def test_it_is_called_in_order_and_once():
    seen = []
    assert apply(seen.append, [3, 1]) == [None, None]
    assert seen == [3, 1]

def test_it_changes_what_it_gets():
    rows = [[1], [2]]
    apply(lambda row: row.append(9), rows)
    assert rows == [[1, 9], [2, 9]]

def test_what_it_raises():
    def fails(x):
        raise KeyError(x)
    with pytest.raises(KeyError) as caught:
        apply(fails, [7])
    assert caught.value.args == (7,)

def test_retry():
    left = [2]
    def flaky():
        left[0] -= 1
        if left[0] >= 0:
            raise ValueError("not yet")
        return "done"
    assert retry(flaky, 3) == "done"
    assert left == [-1]

def test_what_is_returned_is_called():
    up = counter(5)
    assert (up(), up(), up(by=3)) == (6, 7, 10)
    assert counter(1)() == 2

def test_there_and_back():
    assert compose(lambda x: x * 2, lambda x: x + 1)(5) == 12
    assert apply(compose(twice, twice), [1]) == [4]
    assert apply(lambda x: twice(x) + 1, [3]) == [7]
    assert apply(twice, [3]) == [6]

def test_once():
    calls = []
    f = once(lambda: calls.append(1) or len(calls))
    assert f() == 1 and f() == 1 and calls == [1]

def test_keys():
    made = groups(["a", "bb", "c"], key=len)
    assert made == {1: ["a", "c"], 2: ["bb"]}
    made[1].append("d")
    assert sorted(made) == [1, 2]

def test_types():
    assert convert("3", int) == 3 and convert("3", str) == "3" and convert("3", float) == 3.0

def test_a_match():
    assert find("b+", "abbc") and not find("x", "abbc")
    assert find("b+", "abbc").group() == "bb" and find("b(b)", "abbc")[1] == "b"
    assert find("x", "abbc") is None
""",
    """import re
def apply(f, xs):
    return [f(x) for x in xs]
def compose(f, g):
    return lambda x: f(g(x))
def convert(text, kind):
    return kind(text)
def counter(n):
    def up(by=1):
        nonlocal n
        n += by
        return n
    return up
def find(pattern, text):
    return re.search(pattern, text)
def groups(xs, key):
    made = {}
    for x in xs:
        made.setdefault(key(x), []).append(x)
    return made
def once(f):
    kept = []
    def call():
        if not kept:
            kept.append(f())
        return kept[0]
    return call
def retry(f, times):
    for left in range(times - 1, -1, -1):
        try:
            return f()
        except ValueError:
            if not left:
                raise
def twice(x):
    return x * 2
""",
    {
        "in another order": [("[f(x) for x in xs]", "[f(x) for x in reversed(xs)][::-1]")],
        "twice": [("[f(x) for x in xs]", "[f(x) for x in xs if (f(x), 1)]")],
        "a map": [("[f(x) for x in xs]", "map(f, xs)")],
        "on copies": [("[f(x) for x in xs]", "[f(list(x) if isinstance(x, list) else x) for x in xs]")],
        "swallows": [("[f(x) for x in xs]", "[f(x) for x in xs] if 1 else 0"),
                     ("def apply(f, xs):", "def apply(f, xs):\n    try: f(xs[0])\n    except Exception: return []")],
        "the wrong way round": [("f(g(x))", "g(f(x))")],
        "by identity": [("return kind(text)", "return {int: 3, str: '3', float: 3.0}[kind]")],
        "by names": [("return kind(text)", "return {'int': 3, 'str': '3', 'float': 3.0}[kind.__name__]")],
        "shares a counter": [("def counter(n):\n", "N = []\ndef counter(n):\n    N[:] = N or [n]; n = N[0]\n")],
        "an object that counts": [("    return up\n", "    class C:\n        def __call__(self, by=1): return up(by)\n    return C()\n")],
        "a bound method": [("    return up\n", "    class C:\n        def up(self, by=1): return up(by)\n    return C().up\n")],
        "groups by a Counter": [("made = {}", "import collections; made = collections.defaultdict(list)")],
        "a generator of groups": [("    return made", "    yield from made.items()")],
        "forgets": [("if not kept:", "if True:")],
        "never gives up": [("            if not left:\n                raise\n", "            continue\n    return 'done'\n")],
        "gives up": [("except ValueError", "except KeyError")],
        "a text": [("return re.search(pattern, text)", "m = re.search(pattern, text)\n    return m and m.group()")],
        "always true": [("return re.search(pattern, text)", "return re.search(pattern, text) or type('M', (), {'group': lambda s: 'bb', '__getitem__': lambda s, i: 'b'})()")],
        "a truth of its own": [("return re.search(pattern, text)", "return type('M', (), {'group': lambda s: 'bb', '__getitem__': lambda s, i: 'b', '__bool__': lambda s: bool(re.search(pattern, text))})()")],
        "in a thread": [("    return [f(x) for x in xs]", "    import threading\n    out = []\n    t = threading.Thread(target=lambda: out.extend(x for x in xs))\n    t.start(); t.join()\n    return [f(x) for x in out]")],
    },
)  # fmt: skip
