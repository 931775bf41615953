"""The nodes of a lineage in a few words each, and the graph as a text tree or a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codemix_core import files, jobs, parts
from codemix_core.evaluation import headline
from codemix_core.lineage import EARLIER, KINDS, Graph, Links, Ref
from codemix_core.records import GENERATIONS, VERDICTS
from codemix_core.sampling import models
from codemix_core.workspace import RunDir, Workspace

METHODS = {"gold_solution": "gold", "best_of_n": "best of N", "dpo": "DPO", "grpo": "GRPO"}


@dataclass(frozen=True)
class Node:
    """One node as it is shown.

    label: what it is, in a few words; number: its headline number, '' where there is none.
    state: of the run; '' for question sets, models and what is gone.
    gone: it was deleted, and is known only from what refers to it.
    """

    kind: str
    id: str
    label: str
    number: str
    state: str
    gone: bool

    @property
    def word(self) -> str:
        """Its kind in words."""
        return KINDS[self.kind]


def describe(workspace: Workspace, graph: Graph) -> dict[Ref, Node]:
    """The nodes of a graph."""
    return {ref: node(workspace, ref, trained=bool(graph.parents[ref])) for ref in graph.parents}


def node(workspace: Workspace, ref: Ref, *, trained: bool) -> Node:
    """One node.

    Args:
        trained: whether a model is known to have been made here.
    """
    if ref.kind == "questions":
        found = [s for s in workspace.question_sets() if s.name == ref.id]
        number = f"{found[0].info()['questions']:,} questions" if found else ""
        return Node(*ref, ref.id, number, "", not found)
    if ref.kind == "model":
        return _model(workspace, ref, trained=trained)
    run = RunDir(workspace, ref.id)
    if not run.exists():
        return Node(*ref, f"…-{ref.id[-4:]}", "", "", gone=True)
    label, number = _ABOUT[ref.kind](run, run.load_spec())
    return Node(*ref, label, number, str(jobs.status(run).state), gone=False)


def _model(workspace: Workspace, ref: Ref, *, trained: bool) -> Node:
    label = ref.id.rstrip("/").rsplit("/", 1)[-1] if ref.id.startswith("/") else ref.id
    entry = workspace.models().get(ref.id)
    directory = None if ref.id.endswith(EARLIER) else models.locate(ref.id, workspace)
    there = directory is not None and directory.exists()
    # A name that nothing here has ever made means a model of the hub or of a server.
    gone = not there and (trained or entry is not None or ref.id.startswith("/"))
    epoch = entry.get("epoch") if entry else None
    return Node(*ref, label, f"epoch {epoch}" if epoch is not None else "", "", gone)


def _sample(run: RunDir, spec: dict[str, Any]) -> tuple[str, str]:
    answers = f"{parts.count(run.shards(GENERATIONS)):,} answers"
    if run.stage == "import_generations":
        return "imported", answers
    return f"n {spec['n']}, T {spec['temperature']:g}{', CoT' if spec['cot'] else ''}", answers


def _score(run: RunDir, spec: dict[str, Any]) -> tuple[str, str]:
    found = _pass_at_1(tuple(run.shards(VERDICTS)))
    return "by unit tests", "" if found is None else f"pass@1 {found:.2f}"


def _build(run: RunDir, spec: dict[str, Any]) -> tuple[str, str]:
    label = METHODS[spec["method"]]
    if spec["method"] == "dpo":
        label += f", {spec['strategy']}"
    if not run.dataset_path.exists():
        return label, ""
    found = files.read_json(run.dataset_path)["files"]
    return label, f"{sum(side['rows'] for side in found.values()):,} rows"


def _train(run: RunDir, spec: dict[str, Any]) -> tuple[str, str]:
    recipe = spec["recipe"]
    if run.result_path.exists():
        recipe = files.read_json(run.result_path)["recipe"]
    status = jobs.status(run)
    done = f"{status.done:,} of {status.total:,}" if status.done < status.total else status.done
    return str(recipe).rsplit("/", 1)[-1], f"{done} steps" if status.total else ""


def _evaluate(run: RunDir, spec: dict[str, Any]) -> tuple[str, str]:
    label = f"vs {str(spec['baseline']).rstrip('/').rsplit('/', 1)[-1]}"
    if not run.evaluation_path.exists():
        return label, ""
    part = files.read_json(run.evaluation_path)["parts"][0]
    found = headline.first(part)
    if found is None:
        return label, ""
    split = headline.TITLES[part["split"]] if part["split"] == "heldout" else part["split"]
    values = f"{found['baseline']:.2f} {headline.ARROW} {found['run']:.2f}"
    return f"{split} {label}", values


_ABOUT = {
    "sample": _sample,
    "score": _score,
    "build": _build,
    "train": _train,
    "evaluate": _evaluate,
}
"""Label and headline number of a run that is there, by kind."""


@lru_cache(maxsize=256)
def _pass_at_1(shards: tuple[Path, ...]) -> float | None:
    """Mean over questions of the share of correct answers; None when nothing is scored.

    Shards never change once written, so their names say what is in them.
    """
    if not shards:
        return None
    columns = ["question_id", "score"]
    rows = pa.concat_tables([pq.read_table(path, columns=columns) for path in shards]).to_pandas()
    rows = rows.dropna(subset=["score"])
    return float((rows["score"] == 1).groupby(rows["question_id"]).mean().mean())


def document(workspace: Workspace, graph: Graph) -> dict[str, Any]:
    """The graph as JSON: nodes with their parents, and how each is related to what was asked."""
    nodes = describe(workspace, graph)
    rounds = graph.rounds()
    return {
        "nodes": [
            {
                **asdict(nodes[ref]),
                "round": rounds[ref],
                "relation": _relation(graph, ref),
                "parents": [{"kind": parent.kind, "id": parent.id} for parent in parents],
            }
            for ref, parents in graph.parents.items()
        ]
    }


def _relation(graph: Graph, ref: Ref) -> str:
    if ref in graph.focus:
        return "asked for"
    return "ancestor" if ref in graph.ancestors else "descendant"


def tree(workspace: Workspace, graph: Graph) -> list[str]:
    """The graph as lines of text, each node once, below what it was last made from.

    What else it was made from is named behind it.
    """
    nodes, ranks, reduced = describe(workspace, graph), graph.ranks(), graph.reduced()
    above: dict[Ref, Ref] = {}
    for ref, parents in reduced.items():
        known = [parent for parent in parents if ranks[parent] < ranks[ref]]
        if known:
            above[ref] = max(known, key=lambda parent: ranks[parent])
    below: dict[Ref | None, list[Ref]] = {}
    for ref in sorted(graph.parents, key=lambda ref: (ranks[ref], _age(ref))):
        below.setdefault(above.get(ref), []).append(ref)

    def lines(parent: Ref | None, indent: str) -> Iterator[str]:
        children = below.get(parent, [])
        for place, ref in enumerate(children):
            last = place == len(children) - 1
            branch = "" if parent is None else "└─ " if last else "├─ "
            yield f"{indent}{branch}{_line(graph, nodes, reduced, above.get(ref), ref)}"
            deeper = "" if parent is None else "   " if last else "│  "
            yield from lines(ref, indent + deeper)

    return list(lines(None, ""))


def _age(ref: Ref) -> str:
    return ref.id.split("-")[1] if ref.id.count("-") >= 2 and ref.kind in _ABOUT else ""


def _line(graph: Graph, nodes: dict[Ref, Node], reduced: Links, above: Ref | None, ref: Ref) -> str:
    found = nodes[ref]
    others = [p for p in reduced[ref] if p != above]
    more = [found.label if found.label != found.id and not found.gone else "", found.number]
    more += [found.state if found.state not in ("", "succeeded") else ""]
    more += ["gone" if found.gone else ""]
    more += [f"with {nodes[p].word} {p.id}" for p in others]
    text = ", ".join(part for part in more if part)
    mark = "  ←" if ref in graph.focus else ""
    return f"{found.word} {ref.id}{f'  {text}' if text else ''}{mark}"
