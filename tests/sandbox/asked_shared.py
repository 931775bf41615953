"""Lists, dictionaries, errors and handles that a program and its tests both have."""

from __future__ import annotations

from tests.sandbox.asked import Asked

SHARED = Asked(
    """import pytest
from solution import Wrong, configure, defaults, depth, grow, history, leaf, link, total, check

def test_each_gets_its_own():
    a = defaults()
    a["x"] = 1
    a["y"].append(3)
    assert defaults() == {"y": [2]}

def test_what_is_given_may_change_later():
    rows = [1, 2]
    configure(rows)
    rows.append(3)
    assert total() == 3
    rows.clear()
    assert total() == 3

def test_what_is_got_is_of_its_time():
    before = history("a")
    history("b")
    assert before[-1:] == ["a"]
    before.append("z")
    assert "z" not in history("c")

def test_grown():
    xs = [1]
    ys = grow(xs, 2)
    assert ys == [1, 2] and xs == [1]
    zs = grow(ys, 3)
    ys.append(9)
    assert zs == [1, 2, 3]

def test_deep():
    grid = [[0] * 2 for _ in range(2)]
    made = grow(grid, [5])
    made[0][0] = 7
    assert grid[0][0] == 7 and grid == [[7, 0], [0, 0]]

def test_going_through_while_asking():
    counts = {"a": 0, "b": 0}
    for key in counts:
        check(counts, key)
    assert counts == {"a": 1, "b": 1}

def test_errors_of_their_own():
    with pytest.raises(Wrong) as first:
        check({}, None)
    first.value.notes.append("mine")
    with pytest.raises(Wrong) as second:
        check({}, None)
    assert second.value.notes == ["no key"] and second.value.code == 7
    assert second.value.text() == "wrong: no key"

def test_links():
    a, b = leaf(1), leaf(2)
    assert depth(link(a, b)) == 2 and depth(a) == 1
    assert link(a, b) != a and a in [b, a] and a is not None and a

def test_many_calls():
    xs = list(range(50))
    assert [len(grow(xs, n)) for n in range(300)] == [51] * 300
""",
    """class Wrong(ValueError):
    code = 7
    def __init__(self, note):
        self.notes = [note]
    def text(self):
        return "wrong: " + self.notes[0]
class Node:
    def __init__(self, *parts):
        self.parts = parts
KEPT, SAID = [], []
def configure(rows):
    KEPT[:] = rows
def total():
    return sum(KEPT)
def defaults():
    return {"y": [2]}
def history(word):
    SAID.append(word)
    return list(SAID)
def grow(xs, x):
    return [*xs, x]
def check(counts, key):
    if key is None:
        raise Wrong("no key")
    counts[key] += 1
def leaf(value):
    return Node()
def link(a, b):
    return Node(a, b)
def depth(node):
    return 1 + max(map(depth, node.parts), default=0)
""",
    {
        "one for all": [("def defaults():\n", "D = {'y': [2]}\ndef defaults():\n    return D\n")],
        "copies of one": [("def defaults():\n", "D = {'y': [2]}\ndef defaults():\n    return dict(D)\n")],
        "cached": [("def defaults", "import functools\n@functools.lru_cache\ndef defaults")],
        "keeps what it gets": [("KEPT[:] = rows", "global KEPT; KEPT = rows")],
        "gives what it keeps": [("return list(SAID)", "return SAID")],
        "grows in place": [("return [*xs, x]", "xs.append(x); return xs")],
        "copies too deep": [("return [*xs, x]", "import copy; return [*copy.deepcopy(xs), x]")],
        "a tuple": [("return [*xs, x]", "return (*xs, x)")],
        "another dictionary": [("    counts[key] += 1", "    counts[key] = counts.pop(key) + 1")],
        "counts nothing": [("    counts[key] += 1", "    counts = dict(counts); counts[key] += 1")],
        "one note for all": [("self.notes = [note]", "self.notes = N"), ("class Wrong", "N = ['no key']\nclass Wrong")],
        "one error for all": [("class Node", "W = Wrong('no key')\nclass Node"), ("raise Wrong(\"no key\")", "raise W")],
        "notes by a property": [("        self.notes = [note]", "        self._n = [note]\n    notes = property(lambda self: self._n)")],
        "no code": [("    code = 7\n", "")],
        "another parent": [("(ValueError)", "(KeyError)")],
        "nodes as tuples": [("return Node()", "return ()"), ("return Node(a, b)", "return (a, b)"), ("node.parts", "node")],
        "nodes as lists": [("return Node()", "return [value]"), ("return Node(a, b)", "return [a, b]"), ("node.parts", "[n for n in node if type(n) is list]")],
        "one node for all": [("return Node()", "return L"), ("def leaf", "L = Node()\ndef leaf")],
        "links into the first": [("return Node(a, b)", "a.parts = (b,); return a")],
    },
)  # fmt: skip
