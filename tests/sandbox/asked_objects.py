"""Classes: what is stored in them, what is linked, and what extends plain data."""

from __future__ import annotations

from tests.sandbox.asked import Asked

STORE = Asked(
    """import pytest
from solution import Store, Full, merged

def test_add_and_total():
    made = Store(3)
    assert made.add(2) is True and made.add(3) is True
    assert made.total() == 5 and made.limit == 3 and len(made) == 2

def test_full():
    made = Store(1)
    made.add(1)
    with pytest.raises(Full, match="no room") as caught:
        made.add(2)
    assert caught.value.item == 2

def test_what_is_given_is_not_kept():
    rows = [1, 2]
    made = Store(9, rows)
    rows.append(3)
    assert made.items() == [1, 2] and made.total() == 3

def test_what_is_got_is_a_copy():
    made = Store(9, [1])
    got = made.items()
    got.append(5)
    assert made.items() == [1]
    made.add(7)
    assert got == [1, 5]

def test_the_shelf_is_the_very_list():
    made = Store(9, [1])
    shelf = made.shelf
    made.add(2)
    assert shelf == [1, 2]
    shelf.append(3)
    assert made.total() == 6
    made.shelf = [4]
    assert made.total() == 4

def test_items_and_text():
    made = Store(9, [1, 2, 3])
    assert made[0] == 1 and made[-1] == 3 and list(made) == [1, 2, 3]
    made[0] = 9
    assert made.items() == [9, 2, 3] and 9 in made
    assert str(made) == "3 of 9" and f"{made}" == "3 of 9" and repr(made) == "Store(9)"
    with pytest.raises(IndexError):
        made[7]

def test_truth():
    assert not Store(1)
    assert Store(1, [1])

def test_two_of_them():
    one, other = Store(9, [1]), Store(9, [2])
    both = merged(one, other)
    assert both.items() == [1, 2] and both != one
    one.add(5)
    assert both.items() == [1, 2] and other.items() == [2]
    assert [made.total() for made in sorted([other, one], key=lambda made: -made.total())] == [6, 2]

def test_no_such_thing():
    with pytest.raises(AttributeError):
        Store(1).nothing

def test_as_a_context():
    with Store(2) as made:
        made.add(1)
    assert made.closed is True
""",
    """class Full(Exception):
    def __init__(self, item):
        super().__init__("no room")
        self.item = item

class Store:
    def __init__(self, limit, items=()):
        self.limit = limit
        self.shelf = list(items)
        self.closed = False
    def add(self, item):
        if len(self.shelf) >= self.limit:
            raise Full(item)
        self.shelf.append(item)
        return True
    def total(self):
        return sum(self.shelf)
    def items(self):
        return list(self.shelf)
    def __len__(self):
        return len(self.shelf)
    def __getitem__(self, index):
        return self.shelf[index]
    def __setitem__(self, index, item):
        self.shelf[index] = item
    def __iter__(self):
        return iter(self.shelf)
    def __str__(self):
        return f"{len(self.shelf)} of {self.limit}"
    def __repr__(self):
        return f"Store({self.limit})"
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.closed = True

def merged(one, other):
    return Store(one.limit, [*one, *other])
""",
    {
        "keeps what it is given": [("list(items)\n", "items if items else []\n")],
        "gives its own list": [("return list(self.shelf)", "return self.shelf")],
        "hides its list": [
            ("        self.shelf = list(items)", "        self._s = list(items)"),
            ("    def add", "    @property\n    def shelf(self):\n        return self._s\n    def add"),
        ],
        "gives a copy of its list": [
            ("        self.shelf = list(items)", "        self._s = list(items)"),
            ("self.shelf.append", "self._s.append"),
            ("    def add", "    @property\n    def shelf(self):\n        return list(self._s)\n    def add"),
        ],
        "a tuple": [("return list(self.shelf)", "return tuple(self.shelf)")],
        "no length": [("__len__", "length")],
        "has anything": [
            ("    def total", "    def __getattr__(self, name): return 0\n    def total"),
        ],
        "merges into one": [("return Store(one.limit, [*one, *other])", "one.shelf += other.shelf; return one")],
        "another exception": [("raise Full(item)", "raise ValueError('no room')")],
        "adds nothing": [("        self.shelf.append(item)\n", "")],
        "says one": [("return True", "return 1")],
        "slots": [("class Store:", "class Store:\n    __slots__ = 'limit', 'shelf', 'closed'")],
        "is a list": [
            ("class Store:", "class Store(list):"),
            ("        self.shelf = list(items)", "        super().__init__(items)\n        self.shelf = self"),
        ],
        "a class method as an attribute": [("    def total(self):\n        return sum(self.shelf)",
                                            "    total = lambda self: sum(self.shelf)")],
        "exits": [("return sum(self.shelf)", "raise SystemExit")],
        "leaves": [("return sum(self.shelf)", "import os; os._exit(0)")],
        "is its own context": [("        return self\n", "        return Store(self.limit)\n")],
    },
)  # fmt: skip
TREE = Asked(
    """from solution import Node, build, depth, insert

def test_links():
    root = build([2, 1, 3])
    assert root.value == 2 and root.left.value == 1 and root.right.value == 3
    assert root.left.left is None
    root.left.value = 7
    assert [node.value for node in root.walk()] == [7, 2, 3]

def test_nodes_of_our_own():
    root = Node(1, Node(0), Node(5))
    assert depth(root) == 2
    insert(root, 9)
    assert root.right.right.value == 9 and depth(root) == 3

def test_relinked():
    a, b = Node(1), Node(2)
    a.left = b
    assert depth(a) == 2 and a.left == b and a.left != a
    b.right = Node(3)
    assert depth(a) == 3

def test_in_containers():
    nodes = [Node(n) for n in range(3)]
    assert {node: node.value for node in nodes}[nodes[1]] == 1
    assert nodes[2] in nodes and Node(2) not in nodes
    assert len({nodes[0], nodes[0], nodes[1]}) == 2
""",
    """class Node:
    def __init__(self, value, left=None, right=None):
        self.value, self.left, self.right = value, left, right
    def walk(self):
        if self.left: yield from self.left.walk()
        yield self
        if self.right: yield from self.right.walk()

def insert(node, value):
    if node is None:
        return Node(value)
    if value < node.value:
        node.left = insert(node.left, value)
    else:
        node.right = insert(node.right, value)
    return node

def build(values):
    root = None
    for value in values:
        root = insert(root, value)
    return root

def depth(node):
    return 0 if node is None else 1 + max(depth(node.left), depth(node.right))
""",
    {
        "inserts into a copy": [("    if node is None:", "    if node is not None: node = Node(node.value, node.left, node.right)\n    if node is None:")],
        "a named tuple": [("class Node:\n    def __init__(self, value, left=None, right=None):\n        self.value, self.left, self.right = value, left, right",
                           "from collections import namedtuple\nclass Node(namedtuple('Node', 'value left right', defaults=(None, None))):")],
        "walks values": [("        yield self\n", "        yield self.value\n")],
        "a list of nodes": [("        yield self\n", "        yield self\n"), ("    def walk(self):\n", "    def walk(self):\n        return list(self._walk())\n    def _walk(self):\n")],
        "values are texts": [("self.value, self.left, self.right = value,", "self.value, self.left, self.right = str(value),")],
        "left and right mixed up": [("value < node.value", "value > node.value")],
    },
)  # fmt: skip
DATA = Asked(
    """from solution import Point, Stack, Level, far, path

def test_a_point():
    p = Point(1, 2)
    assert (p.x, p.y) == (1, 2) and p.norm() == 5
    q = p.moved(3, 0)
    assert q.x == 4 and p.x == 1

def test_a_stack():
    made = Stack()
    made.push(1)
    made.push(2)
    assert made.peek() == 2 and made.pop() == 2 and made.pop() == 1
    assert made.empty() is True and len(made) == 0

def test_a_level():
    assert far(Point(0, 0), 3).name == "LOW" and far(Point(9, 0), 3).name == "HIGH"
    assert far(Point(9, 0), 3).value == 2

def test_many():
    points = path([(0, 0), (1, 5)])
    assert [p.x for p in points] == [0, 1] and points[1].y == 5
    assert max(points, key=lambda p: p.norm()).y == 5
    points.append(Point(7, 7))
    assert sum(p.x for p in points) == 8
""",
    """from enum import Enum
class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y
    def norm(self):
        return self.x ** 2 + self.y ** 2
    def moved(self, dx, dy):
        return Point(self.x + dx, self.y + dy)

class Stack:
    def __init__(self):
        self._items = []
    def push(self, item):
        self._items.append(item)
    def pop(self):
        return self._items.pop()
    def peek(self):
        return self._items[-1]
    def empty(self):
        return not self._items
    def __len__(self):
        return len(self._items)

class Level(Enum):
    LOW = 1
    HIGH = 2

def far(point, limit):
    return Level.HIGH if point.norm() > limit else Level.LOW

def path(pairs):
    return [Point(x, y) for x, y in pairs]
""",
    {
        "a named tuple": [("class Point:\n    def __init__(self, x, y):\n        self.x, self.y = x, y",
                           "from typing import NamedTuple\nclass Point(NamedTuple):\n    x: int\n    y: int")],
        "a dataclass": [("class Point:\n    def __init__(self, x, y):\n        self.x, self.y = x, y",
                         "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass Point:\n    x: int\n    y: int")],
        "a complex number": [("class Point:\n    def __init__(self, x, y):\n        self.x, self.y = x, y",
                              "class Point(tuple):\n    def __new__(cls, x, y):\n        return tuple.__new__(cls, (x, y))\n    x = property(lambda self: self[0])\n    y = property(lambda self: self[1])")],
        "a stack that is a list": [("class Stack:\n    def __init__(self):\n        self._items = []",
                                    "class Stack(list):\n    @property\n    def _items(self):\n        return self"),
                                   ("        return self._items.pop()", "        return super().pop()"),
                                   ("        return len(self._items)", "        return list.__len__(self)"),
                                   ("        return not self._items", "        return len(self) == 0")],
        "a stack that pops the first": [("self._items.pop()", "self._items.pop(0)")],
        "a level that is a number": [("from enum import Enum", "from enum import IntEnum as Enum")],
        "a level that is a text": [("class Level(Enum)", "class Level(str, Enum)"), ("LOW = 1", "LOW = 'a'"), ("HIGH = 2", "HIGH = 'b'")],
        "points that move": [("return Point(self.x + dx, self.y + dy)", "self.x += dx; self.y += dy; return self")],
        "a path that is a dictionary": [("[Point(x, y) for x, y in pairs]", "{i: Point(x, y) for i, (x, y) in enumerate(pairs)}")],
        "a path that is a tuple": [("[Point(x, y) for x, y in pairs]", "tuple(Point(x, y) for x, y in pairs)")],
        "a path of its own": [("[Point(x, y) for x, y in pairs]", "P(Point(x, y) for x, y in pairs)"),
                              ("def path", "class P(list):\n    def __getitem__(self, i): return list.__getitem__(self, i)\n    def length(self): return len(self)\ndef path")],
    },
)  # fmt: skip
CACHE = Asked(
    """import pytest
from solution import Cache, Gone, tally, window

def test_the_oldest_goes():
    made = Cache(2)
    made.put("a", 1)
    made.put("b", 2)
    assert made.get("a") == 1
    made.put("c", 3)
    assert made.get("a") == 1 and made.get("c") == 3 and len(made) == 2

def test_what_is_gone():
    made = Cache(1)
    made.put("a", 1)
    made.put("b", [2])
    with pytest.raises(Gone) as caught:
        made.get("a")
    assert caught.value.key == "a" and caught.value.code == 404
    assert caught.value.text() == "a is gone"
    made.get("b").append(3)
    assert made.get("b") == [2, 3]

def test_counts():
    counts = tally("abca")
    assert counts["a"] == 2 and counts == {"a": 2, "b": 1, "c": 1}
    assert dict(counts) == {"a": 2, "b": 1, "c": 1} and sorted(counts) == ["a", "b", "c"]
    assert list(counts.items())[0] == ("a", 2) and "z" not in counts

def test_a_window():
    made = window([1, 2, 3, 4], 2)
    assert list(made) == [3, 4] and len(made) == 2 and made[0] == 3
    made.append(5)
    assert 5 in made
""",
    """class Gone(KeyError):
    code = 404
    def __init__(self, key):
        super().__init__(key)
        self.key = key
    def text(self):
        return f"{self.key} is gone"

class Cache:
    def __init__(self, size):
        self.size, self.kept = size, {}
    def get(self, key):
        if key not in self.kept:
            raise Gone(key)
        self.kept[key] = self.kept.pop(key)
        return self.kept[key]
    def put(self, key, value):
        self.kept.pop(key, None)
        self.kept[key] = value
        if len(self.kept) > self.size:
            del self.kept[next(iter(self.kept))]
    def __len__(self):
        return len(self.kept)

def tally(text):
    made = {}
    for letter in text:
        made[letter] = made.get(letter, 0) + 1
    return made

def window(items, size):
    return list(items)[-size:]
""",
    {
        "an ordered dictionary": [
            ("class Cache:\n    def __init__(self, size):\n        self.size, self.kept = size, {}",
             "from collections import OrderedDict\nclass Cache(OrderedDict):\n    def __init__(self, size):\n"
             "        super().__init__()\n        self.size = size\n    kept = property(lambda self: self)"),
            ("    def get(self, key):\n        if key not in self.kept:\n            raise Gone(key)\n        self.kept[key] = self.kept.pop(key)\n        return self.kept[key]",
             "    def get(self, key):\n        if key not in self:\n            raise Gone(key)\n        self.move_to_end(key)\n        return self[key]"),
            ("        return len(self.kept)", "        return OrderedDict.__len__(self)"),
        ],
        "a dictionary": [
            ("class Cache:\n    def __init__(self, size):\n        self.size, self.kept = size, {}",
             "class Cache(dict):\n    def __init__(self, size):\n        self.size, self.kept = size, {}"),
        ],
        "the newest goes": [("next(iter(self.kept))", "list(self.kept)[-1]")],
        "copies": [("        return self.kept[key]\n    def put", "        return list(self.kept[key]) if type(self.kept[key]) is list else self.kept[key]\n    def put")],
        "a property": [("        self.key = key\n", "        self._key = key\n    @property\n    def key(self):\n        return self._key\n")],
        "a code of its own": [("    code = 404\n", ""), ("        self.key = key\n", "        self.key, self.code = key, 404\n")],
        "no code": [("    code = 404\n", "")],
        "a static text": [("    def text(self):\n        return f\"{self.key} is gone\"", "    @staticmethod\n    def text():\n        return 'a is gone'")],
        "a Counter": [("    made = {}\n", "    import collections\n    made = collections.Counter()\n")],
        "a defaultdict": [("    made = {}\n", "    import collections\n    made = collections.defaultdict(int)\n")],
        "a dictionary with more": [("    made = {}\n", "    class D(dict):\n        def most(self): return max(self)\n    made = D()\n")],
        "a dictionary that counts twice": [("    made = {}\n", "    class D(dict):\n        def __getitem__(self, key): return 2 * dict.__getitem__(self, key)\n    made = D()\n")],
        "a Counter with more": [("    made = {}\n", "    import collections\n    class C(collections.Counter):\n        def top(self): return self.most_common(1)\n    made = C()\n")],
        "a deque": [("    return list(items)[-size:]", "    import collections\n    return collections.deque(items, size)")],
        "a deque with more": [("    return list(items)[-size:]", "    import collections\n    class D(collections.deque):\n        def last(self): return self[-1]\n    return D(items, size)")],
        "a tuple": [("    return list(items)[-size:]", "    return tuple(items)[-size:]")],
    },
)  # fmt: skip
