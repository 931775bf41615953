"""``build``: a training dataset from scored generations or gold solutions.

Guarantees: the same spec over the same runs and the same decisions of people gives the same
bytes in the dataset's files; where everything came from is written beside them
(``dataset.json``, last, so a dataset is whole or absent). Memory grows by some 80 bytes per
generation; texts are held for some thousands of generations at once, and the tokens of GRPO
groups for 2048 generations, or for one group that is larger. Problems of the rows do not stop
the build: they are recorded, and block the export.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from codemix_core import files
from codemix_core.datasets.checks import RowChecks, looked_at, problem_documents, side_problems
from codemix_core.datasets.context import Context, resolve
from codemix_core.datasets.examples import gold_examples, pick_examples
from codemix_core.datasets.formats import Format, format_for, torchtune_yaml
from codemix_core.datasets.preferences import pairs
from codemix_core.datasets.reward_groups import reward_groups
from codemix_core.datasets.rows import KINDS, SIDES, read_rows
from codemix_core.datasets.spec import NO_SELFCHECK, BuildSpec
from codemix_core.progress import Progress
from codemix_core.selection.annotations import content
from codemix_core.workspace import RunDir

__all__ = ["BuildSpec", "build", "run"]

_BUILDERS: dict[str, Callable[[Context], Iterator[list[Any]]]] = {
    "gold_solution": gold_examples,
    "best_of_n": pick_examples,
    "dpo": pairs,
    "grpo": reward_groups,
}


def build(context: Context) -> Iterator[list[Any]]:
    """The rows of a dataset, some at a time, in the order of the question set."""
    return _BUILDERS[context.spec.method](context)


def run(spec: BuildSpec, run_dir: RunDir, progress: Progress) -> str:
    """Select, write and describe a dataset; see the module for what is guaranteed."""
    _clear(run_dir, spec.kind)
    progress.message("reading the generations")
    context = resolve(spec, run_dir.workspace)
    progress.start(len(context.questions), unit="questions")
    progress.message(f"selecting by {spec.method}")
    entry = format_for(spec.template, spec.kind)
    checks = RowChecks(spec.kind)
    seen: set[str] = set()
    with run_dir.writer(KINDS[spec.kind]) as writer:
        for records in build(context):
            if progress.stopping:
                return "stopped"
            writer.extend(records)
            writer.flush()
            fresh = {record.question_id for record in records} - seen
            seen |= fresh
            progress.advance(len(fresh))
    progress.message(f"writing {entry.name}")
    sides = set()
    for row in read_rows(run_dir, spec.kind, columns=looked_at(spec.kind)):
        checks.add(row)
        sides.add(row["side"])
    problems = checks.problems(entry) + side_problems(sides)
    context.warnings += _split_warnings(context, seen, sides)
    written = _write_files(run_dir, entry, spec.kind, checks, sides)
    document = _document(context, entry, checks, written)
    document["problems"] = problem_documents(problems)
    files.write_json(run_dir.dataset_path, document)
    progress.advance(len(context.questions) - len(seen))
    return _summary(document)


def write_side(run_dir: RunDir, entry: Format, kind: str, side: str, path: Path) -> int:
    """Write one side of a dataset's rows in a format, atomically; returns the number of rows."""
    count = 0

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal count
        for row in read_rows(run_dir, kind, side):
            count += 1
            yield row

    files.write_atomic(path, lambda temporary: entry.write(counted(), temporary))
    return count


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _clear(run_dir: RunDir, kind: str) -> None:
    """Remove what an interrupted attempt wrote: a build starts over, it is quick."""
    run_dir.dataset_path.unlink(missing_ok=True)
    for path in run_dir.shards(KINDS[kind]):
        path.unlink()
    run_dir.dataset_root.mkdir(exist_ok=True)
    for path in run_dir.dataset_root.iterdir():
        path.unlink()


def _write_files(
    run_dir: RunDir, entry: Format, kind: str, checks: RowChecks, sides: set[str]
) -> dict[str, dict[str, Any]]:
    """The files by side; rows that do not fit the format get none."""
    if entry.misfit(checks.facts()):
        return {}
    written = {}
    for side in (name for name in SIDES if name in sides):
        path = run_dir.dataset_file(side, entry.ending)
        rows = write_side(run_dir, entry, kind, side, path)
        written[side] = {
            "file": str(path.relative_to(run_dir.root)),
            "rows": rows,
            "bytes": path.stat().st_size,
            "sha256": file_hash(path),
            "torchtune": torchtune_yaml(entry, str(path), checks.facts()),
        }
    return written


def _document(
    context: Context, entry: Format, checks: RowChecks, written: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    spec = context.spec
    counted = sorted(context.applied, key=lambda annotation: (annotation.time, annotation.id))
    pinned = context.decisions.count if "annotations" in spec.rule() else None
    update: dict[str, Any] = {"annotations": pinned}
    if spec.takes_gold:
        found = context.selfcheck
        update["selfcheck"] = NO_SELFCHECK if found is None else found.run_id
    rebuilt = spec.model_copy(update=update)
    return {
        "method": spec.method,
        "kind": spec.kind,
        "template": entry.name,
        "style": context.style,
        "rule": spec.rule(),
        "lineage": _lineage(context),
        "annotations": {
            "considered": context.decisions.count,
            "applied": content(counted),
        },
        "rebuild": rebuilt.command_line(),
        "split": {
            "way": spec.split_by,
            "questions": context.split.counts(),
            "skill_pairs": context.split.pairs,
            "left_out": context.split.left_out,
        },
        "counts": {**checks.document(), **_left_out(context), **context.counts},
        "uncovered": context.uncovered,
        "warnings": context.warnings + _column_warning(context),
        "files": written,
    }


def _lineage(context: Context) -> dict[str, Any]:
    info = context.workspace.question_set(context.set_name).info()
    lineage: dict[str, Any] = {
        "questions": {"name": context.set_name, "content_hash": info["content_hash"]}
    }
    for name, found in (("sampling", context.sampling), ("scoring", context.scoring)):
        if found is not None:
            lineage[name] = {"run_id": found.run_id, "spec": found.load_spec()}
    if context.selfcheck is not None:
        lineage["selfcheck"] = {"run_id": context.selfcheck.run_id}
    return lineage


def _left_out(context: Context) -> dict[str, int]:
    if context.scored is None:
        return {}
    c = context.scored.candidates
    return {"scored": len(c), **c.left_out}


def _column_warning(context: Context) -> list[str]:
    if context.style == "cot" and context.spec.method != "grpo" and context.spec.column == "code":
        return ["column code leaves out the reasoning that these CoT prompts ask for"]
    return []


def _split_warnings(context: Context, used: set[str], sides: set[str]) -> list[str]:
    """Questions kept for evaluation that would be trained on; a held-out side without rows.

    Args:
        used: ids of the questions that have rows.
        sides: those that have rows.
    """
    way = context.spec.split_by
    kept = Counter(
        context.questions[name].split
        for name in used
        if context.side(name) == "train" and context.questions[name].split in ("heldout", "hard")
    )
    found = []
    if kept:
        counts = " and ".join(f"{count:,} {name}" for name, count in sorted(kept.items(), key=str))
        found.append(
            f"{counts} questions of {context.set_name!r} are on the train side, though the set"
            " keeps them for evaluation: a model trained on them scores too high there; take"
            " only its training questions with --split train, or --split-by source"
        )
    if way != "none" and "train" in sides and "heldout" not in sides:
        found.append(f"split_by {way} holds out no row: there is nothing to evaluate on")
    return found


def _summary(document: dict[str, Any]) -> str:
    sides = ", ".join(f"{found['rows']:,} {side}" for side, found in document["files"].items())
    text = f"{document['counts']['rows']:,} rows ({sides or 'no file'})"
    text += f" of {document['method']} in format {document['template']}"
    uncovered = len(document["uncovered"])
    text += f"; {uncovered:,} questions gave none" if uncovered else ""
    text += "".join(f"; warning: {warning}" for warning in document["warnings"])
    problems = document["problems"]
    shown = "; ".join(f"{p['where']} {p['what']}" for p in problems)
    return f"{text}; its export is blocked: {shown}" if problems else text


def lineage_of(document: dict[str, Any]) -> list[str]:
    """The lineage of a dataset as lines for a person."""
    lineage = document["lineage"]
    lines = [f"questions {lineage['questions']['name']}"]
    if "sampling" in lineage:
        spec = lineage["sampling"]["spec"]
        lines.append(f"sampling {lineage['sampling']['run_id']} of model {spec['model']}")
        lines.append(f"scoring {lineage['scoring']['run_id']}")
    if "selfcheck" in lineage:
        lines.append(f"gold solutions checked by {lineage['selfcheck']['run_id']}")
    applied = len(document["annotations"]["applied"])
    return [*lines, *([f"{applied} decisions of people"] if applied else [])]
