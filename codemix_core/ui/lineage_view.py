"""The lineage drawn left to right, a row for each round, and as a list of links.

Boxes are laid out by :mod:`.lineage_layout`; a click opens the page of what was clicked. The list
below says the same in words, for the keyboard and for screen readers.
"""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from codemix_core import lineage, lineage_nodes
from codemix_core.errors import NotFoundError
from codemix_core.jobs import State
from codemix_core.lineage import Graph, Ref
from codemix_core.lineage_nodes import Node
from codemix_core.ui import charts, forms, home, lineage_layout, look, words
from codemix_core.ui.home import Place
from codemix_core.ui.lineage_layout import HALF_HEIGHT, HALF_WIDTH, Layout
from codemix_core.workspace import RUN_ID, RunDir, Workspace

COLUMNS = {
    "questions": "begins with",
    "sample": "samples",
    "score": "scores",
    "build": "dataset",
    "train": "training",
    "model": "model",
    "evaluate": "evaluation",
}
"""Heading of the column that a kind stands in."""
KIND_WORDS = {"questions": "question set", "model": "base model"}
"""Second line of boxes with neither number nor state."""
GONE = look.Look("gone", "∅", *look.GREY)
THING = look.Look("", "", *look.GREY)
"""Question sets and models have no state."""
LANE, HEAD = 62, 30
"""Pixels per lane and for the headings."""
SURFACE = {"light": "#ffffff", "dark": "#14181f"}
INK = {"light": "#1d2430", "dark": "#e4e8ee"}
"""Colours of the page and its text: boxes are filled, so that no line shines through them."""
LONGEST = 126
"""Characters that fit beside each other into the boxes of all columns."""
Text = dict[str, Any]
"""A Plotly annotation."""
CLICKABLE = 34
"""Pixels of the invisible squares that catch the clicks of a box."""


def draw(workspace: Workspace, name: str) -> None:
    """The lineage of a run or model as a figure, a list and the command that prints it."""
    look.heading("Lineage", "what came from what; click a box to open it")
    try:
        graph = lineage.of(workspace, name)
    except NotFoundError as error:
        st.caption(words.literal(str(error)))
        return
    nodes = lineage_nodes.describe(workspace, graph)
    layout = lineage_layout.arrange(graph)
    drawn = st.session_state.setdefault("lineage.drawn", 0)
    event = charts.show(
        figure(graph, nodes, layout),
        f"lineage-{name}-{drawn}",
        f"Lineage of {name}: {', '.join(f'{n.word} {n.id}' for n in nodes.values())}",
        on_select="rerun",
        selection_mode="points",
    )
    _open(workspace, graph, layout, event)
    listing = st.expander("As a list", key=f"lineage-list-{name}", on_change="rerun")
    if listing.open:
        with listing:
            _list(workspace, graph, nodes)
            forms.command(f"python -m codemix_core lineage {name}")


def place(workspace: Workspace, graph: Graph, ref: Ref) -> Place | None:
    """The page of a node; of a model that of the run that trained it. None when there is none."""
    if ref.kind == "questions":
        known = ref.id in [found.name for found in workspace.question_sets()]
        return ("pages/1_Questions.py", (("set", ref.id),)) if known else None
    if ref.kind == "model":
        above = graph.parents[ref]
        return place(workspace, graph, above[0]) if above else None
    run = RunDir(workspace, ref.id)
    return home.where(run) if run.exists() else None


def _open(workspace: Workspace, graph: Graph, layout: Layout, event: object) -> None:
    """Go to the page of the clicked box.

    The figure gets a new key then: what was clicked must not be clicked again on the way back.
    """
    points = event["selection"]["points"] if event else []  # type: ignore[index]
    if not points:
        return
    st.session_state["lineage.drawn"] += 1
    ref = list(layout.boxes)[int(points[0]["customdata"][0])]
    found = place(workspace, graph, ref)
    if found is not None:
        page, query = found
        st.switch_page(page, query_params=dict(query))


def figure(graph: Graph, nodes: dict[Ref, Node], layout: Layout) -> go.Figure:
    """Boxes, their texts, and the lines between them."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    shapes = [_line(path) for path in layout.lines]
    shapes += [_box(graph, nodes[ref], ref, layout, SURFACE[theme]) for ref in layout.boxes]
    targets = _targets(nodes, layout)
    height = HEAD + round(LANE * layout.height)
    made = charts.figure([targets], height=height, shapes=shapes)
    made.update_layout(
        hoverdistance=CLICKABLE // 2,
        annotations=[
            text | {"font": text["font"] | {"color": INK[theme]}}
            for text in (*_texts(nodes, layout), *_headings(layout))
        ],
    )
    hidden = {"visible": False, "showgrid": False, "automargin": False}
    made.update_xaxes(range=[-0.5, len(layout.columns) - 0.5], **hidden)
    # One lane is exactly LANE pixels: the margins of the house style are 8 and 4.
    made.update_yaxes(range=[layout.height - 0.5 + 0.08, -0.5 - (HEAD - 16) / LANE], **hidden)
    return made


def _look(node: Node) -> look.Look:
    if node.gone:
        return GONE
    return look.STATE[State(node.state)] if node.state else THING


def _line(path: str) -> dict[str, object]:
    return {
        "type": "path",
        "path": path,
        "line": {"color": look.GREY[2], "width": 1.3},
        "layer": "below",
    }


def _box(graph: Graph, node: Node, ref: Ref, layout: Layout, surface: str) -> dict[str, object]:
    x, y = layout.boxes[ref]
    asked = ref in graph.focus
    line = {"color": look.ACCENT_FILL if asked else _look(node).fill, "width": 2.6 if asked else 1}
    return {
        "type": "rect",
        "x0": x - HALF_WIDTH,
        "x1": x + HALF_WIDTH,
        "y0": y - HALF_HEIGHT,
        "y1": y + HALF_HEIGHT,
        "fillcolor": surface,
        "line": {**line, "dash": "dot" if node.gone else "solid"},
        "layer": "below",
    }


def _texts(nodes: dict[Ref, Node], layout: Layout) -> list[Text]:
    """Two lines in each box: what it is, then its state and headline number."""
    found = []
    for ref, (x, y) in layout.boxes.items():
        node = nodes[ref]
        shown = _look(node)
        second = escape(node.number or shown.word)
        # A sign only: the word of the state stands in the hover and in the list.
        sign = f'<span style="color:{shown.fill}"><b>{shown.sign}</b></span> ' if shown.sign else ""
        lines = [f"<b>{escape(_short(node.label, LONGEST // len(layout.columns)))}</b>"]
        lines += [f"{sign}{second}"] if second or sign else [KIND_WORDS[node.kind]]
        found.append(_text(x, y, "<br>".join(lines), 11.5))
    return found


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"


def _headings(layout: Layout) -> list[Text]:
    top = -0.5 - (HEAD - 16) / LANE / 2
    names = [
        _text(x, top, COLUMNS[kind], 11, opacity=0.75) for x, kind in enumerate(layout.columns)
    ]
    rounds = [
        _text(-HALF_WIDTH, y, f"round {number}", 11, opacity=0.75, xanchor="left")
        for number, y in layout.rounds.items()
    ]
    return [*names, *rounds]


def _text(x: float, y: float, text: str, size: float, **more: object) -> Text:
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"size": size}, **more}


def _targets(nodes: dict[Ref, Node], layout: Layout) -> go.Scatter:
    """Invisible squares over each box: Plotly selects points, never shapes."""
    xs, ys, hovers, numbers = [], [], [], []
    for number, (ref, (x, y)) in enumerate(layout.boxes.items()):
        for shift in (-0.66, -0.33, 0.0, 0.33, 0.66):
            xs.append(x + shift * HALF_WIDTH)
            ys.append(y)
            hovers.append(_hover(nodes[ref]))
            numbers.append([number])
    nothing = {"marker": {"color": "rgba(0, 0, 0, 0)"}}
    return go.Scatter(
        x=xs,
        y=ys,
        mode="markers",
        customdata=numbers,
        hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>",
        marker={"symbol": "square", "size": CLICKABLE, "color": "rgba(0, 0, 0, 0)"},
        selected=nothing,
        unselected=nothing,
    )


def _hover(node: Node) -> str:
    state = "gone: deleted since" if node.gone else node.state
    lines = [f"<b>{node.word}</b> {escape(node.id)}", escape(node.label if node.state else "")]
    lines += [escape(node.number), state]
    return "<br>".join(line for line in lines if line)


def _list(workspace: Workspace, graph: Graph, nodes: dict[Ref, Node]) -> None:
    """Every node with a link, in the order of the figure."""
    rounds = graph.rounds()
    order = lineage_layout.ORDER
    place_of = {ref: order.index(lineage_layout.column(graph, ref)) for ref in nodes}
    refs = sorted(nodes, key=lambda ref: (rounds[ref], place_of[ref], ref.kind == "model", ref.id))
    widths = [1, 1.6, 3.2, 1.6, 4]
    with st.container(gap="xxsmall"):
        for ref in refs:
            number, kind, link, state, text = st.columns(widths, vertical_alignment="center")
            node = nodes[ref]
            number.html(f'<span class="cm-muted">round {rounds[ref]}</span>')
            kind.html(escape(node.word))
            found = place(workspace, graph, ref)
            label = words.short_run(ref.id) if RUN_ID.fullmatch(ref.id) else node.label
            if found is None:
                link.html(look.mono(label))
            else:
                page, query = found
                link.page_link(page, label=f"`{label}`", query_params=dict(query), help=ref.id)
            if node.gone or node.state:
                state.html(look.chip(_look(node)))
            more = (node.label if node.label != label else "", node.number)
            said = ", ".join(part for part in more if part)
            if said:
                text.html(f'<span class="cm-one cm-muted">{escape(said)}</span>')
