"""Where the boxes of a lineage stand and how the lines between them run. Pure, no streamlit.

A column holds one kind; a row of lanes holds one round, so that a lineage of many rounds grows
downwards and stays readable at any width. Lines run from left to right within a round, and from
a model back to the left, between the rows, into the round that it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codemix_core.lineage import Graph, Ref

ORDER = ("questions", "sample", "score", "build", "train", "model", "evaluate")
"""Kinds by column; base models, made nowhere here, stand with the question sets."""
HALF_WIDTH, HALF_HEIGHT = 0.41, 0.37
"""Of a box; a column and a lane are 1."""
BETWEEN = 0.55
"""Lanes between two rounds."""
BEND = 0.07
"""Width of a rounded corner, in columns, and its height, in lanes."""


@dataclass
class Layout:
    """Positions in columns and lanes, from the upper left.

    boxes: centre of each node. lines: SVG paths of the links. columns: kinds that occur.
    rounds: height of the caption of each round from the second on. height: in lanes.
    """

    columns: list[str] = field(default_factory=list)
    boxes: dict[Ref, tuple[float, float]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    rounds: dict[int, float] = field(default_factory=dict)
    height: float = 0.0


def arrange(graph: Graph) -> Layout:
    """Place every node and route every link that no longer way says already."""
    links = graph.reduced()
    rounds = graph.rounds()
    kinds = {ref: column(graph, ref) for ref in graph.parents}
    made = Layout([kind for kind in ORDER if kind in kinds.values()])
    tops: dict[int, float] = {}
    for number in sorted(set(rounds.values())):
        mine = [ref for ref in graph.parents if rounds[ref] == number]
        if tops:
            made.height += BETWEEN
            made.rounds[number] = made.height - 0.5 - BETWEEN / 2
        tops[number] = made.height
        made.height += _place(made, links, kinds, mine, tops[number])
    for ref, parents in links.items():
        gap = tops[rounds[ref]] - 0.5 - BETWEEN / 2
        made.lines += [_route(made.boxes[parent], made.boxes[ref], gap) for parent in parents]
    return made


def column(graph: Graph, ref: Ref) -> str:
    """The column a node stands in, by its kind."""
    base = ref.kind == "model" and not graph.parents[ref]
    return "questions" if base else ref.kind


def _place(
    made: Layout,
    links: dict[Ref, tuple[Ref, ...]],
    kinds: dict[Ref, str],
    refs: Sequence[Ref],
    top: float,
) -> int:
    """Place the nodes of one round, children beside their parents; the lanes it takes."""
    taken: dict[str, int] = {}
    for x, kind in enumerate(made.columns):
        mine = [ref for ref in refs if kinds[ref] == kind]

        def wanted(ref: Ref) -> float:
            lanes = [made.boxes[p][1] - top for p in links[ref] if p in made.boxes]
            return max(min(lanes, default=0.0), 0.0)

        for ref in sorted(mine, key=lambda ref: (wanted(ref), ref.kind != "questions", ref.id)):
            lane = max(taken.get(kind, 0), round(wanted(ref)))
            made.boxes[ref] = (float(x), top + lane)
            taken[kind] = lane + 1
    return max(taken.values())


def _route(begin: tuple[float, float], end: tuple[float, float], gap: float) -> str:
    """From the right side of one box to the left side of another, along lanes and gaps."""
    x0, y0 = begin[0] + HALF_WIDTH, begin[1]
    x1, y1 = end[0] - HALF_WIDTH, end[1]
    if x0 < x1:
        if y0 == y1:
            return f"M {x0},{y0} L {x1},{y1}"
        turn = x1 - (0.5 - HALF_WIDTH)
        return _rounded([(x0, y0), (turn, y0), (turn, y1), (x1, y1)])
    out, back = x0 + (0.5 - HALF_WIDTH), x1 - (0.5 - HALF_WIDTH)
    return _rounded([(x0, y0), (out, y0), (out, gap), (back, gap), (back, y1), (x1, y1)])


def _rounded(points: Sequence[tuple[float, float]]) -> str:
    """A path through right angles with rounded corners."""
    path = [f"M {points[0][0]:.3f},{points[0][1]:.3f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path.append("L {:.3f},{:.3f}".format(*_towards(corner, before)))
        path.append("Q {:.3f},{:.3f} {:.3f},{:.3f}".format(*corner, *_towards(corner, after)))
    path.append(f"L {points[-1][0]:.3f},{points[-1][1]:.3f}")
    return " ".join(path)


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """A point on the way from a corner to the next one, at most half of the way."""
    x, y = other[0] - corner[0], other[1] - corner[1]
    far = max(abs(x), abs(y), 1e-9)
    share = min(BEND, far / 2) / far
    return corner[0] + share * x, corner[1] + share * y
