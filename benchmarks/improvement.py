"""How much better nano becomes: every way to train, measured on questions it never saw.

    python benchmarks/improvement.py [--rows sft,dpo-cot,…] [--seeds 0,1,2] [--table]

A row and a seed are one loop in the workspace of ``CODEMIX_HOME``::

    python -m codemix_core loop --questions nano --method METHOD [--cot]
        --evaluate-n 8 --set seed=SEED

The steps have the settings that the loop gives them. Beyond it, runs of exactly the same settings
are shared: what is learned from is sampled, scored and built once, and so is the baseline. The
seed is the training's. What is complete is not done again, so an interrupted measurement goes on.
A recipe or code that has changed since does not count as another setting: then take a fresh
workspace.

Every measured row is a line of ``improvement.jsonl`` in the workspace; ``--table`` prints what is
there. Several workspaces can be measured side by side, and their files put together. It takes
hours on two cores, so ``make bench`` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codemix_core import chain, files, jobs
from codemix_core.evaluation import headline
from codemix_core.loop.spec import LoopSpec
from codemix_core.questions.importer import import_questions
from codemix_core.sampling.spec import NANO
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir, Workspace

ROWS = {
    "sft": ("sft", False),
    "best-of-n": ("best_of_n", False),
    "best-of-n-cot": ("best_of_n", True),
    "dpo": ("dpo", False),
    "dpo-cot": ("dpo", True),
    "grpo": ("grpo", False),
    "grpo-cot": ("grpo", True),
}
"""Method of the loop and whether answers are CoT, by name of the row."""
TITLES = {"sft": "SFT", "best_of_n": "Best of N", "dpo": "DPO", "grpo": "GRPO"}
SPLITS = ("heldout", "hard")
ANSWERS = 8
"""Answers to each question that is measured on."""


def main() -> None:
    """Measure what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--table", action="store_true", help="print what was measured, no more")
    options = parser.parse_args()
    rows = options.rows.split(",")
    unknown = [row for row in rows if row not in ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are: {', '.join(ROWS)}")
    workspace = Workspace.open()
    kept = workspace.root / "improvement.jsonl"
    if not options.table:
        if NANO not in [found.name for found in workspace.question_sets()]:
            import_questions(NANO, NANO, "auto", workspace)
        for seed in map(int, options.seeds.split(",")):
            for row in rows:
                line = measured(workspace, row, seed)
                with kept.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(line) + "\n")
    if not kept.exists():
        parser.error(f"nothing was measured yet in {workspace.root}")
    print(table([json.loads(text) for text in kept.read_text(encoding="utf-8").splitlines()]))


def measured(workspace: Workspace, row: str, seed: int) -> dict[str, Any]:
    """One loop, step by step; what came out of it."""
    method, cot = ROWS[row]
    values = {"questions": NANO, "method": method, "cot": cot, "evaluate_n": ANSWERS}
    values["set"] = (f"seed={seed}",)
    spec = LoopSpec.model_validate(values)
    source = NANO
    if method != "sft":
        sampled = done(workspace, spec.sampling(NANO, 1))
        source = done(workspace, spec.scoring(sampled.run_id)).run_id
    dataset = done(workspace, spec.building(source))
    trained = done(workspace, spec.training(dataset.run_id, NANO, 1))
    model = files.read_json(trained.result_path)["name"]
    evaluated = done(workspace, spec.evaluation(model, SPLITS))
    parts = files.read_json(evaluated.evaluation_path)["parts"]
    status = jobs.status(trained)
    return {
        "row": row,
        "seed": seed,
        "command": spec.command_line(),
        "steps": status.total,
        "seconds": round(status.seconds),
        **{part["split"]: headline.first(part) for part in parts},
    }


def done(workspace: Workspace, spec: Spec) -> RunDir:
    """A complete run of the spec: an earlier one, or a new one, waited for."""
    run = chain.earlier(workspace, spec) or jobs.launch(workspace, spec)
    while (status := jobs.status(run)).state.alive:
        time.sleep(0.5)
    print(f"{run.run_id}: {status.message}", file=sys.stderr, flush=True)
    if status.state != jobs.State.SUCCEEDED:
        raise RuntimeError(f"{run.run_id}: {status.message}")
    return run


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row for each way to train, its seeds together."""
    found = [
        "| trained by | steps | held-out pass@1 | difference, by seed | k = 3 |",
        "|---|---|---|---|---|",
    ]
    for row, (method, cot) in ROWS.items():
        mine = {line["seed"]: line for line in lines if line["row"] == row}
        seeds = [mine[seed] for seed in sorted(mine)]
        if seeds:
            gaps = [headline.change(line["heldout"]["difference"]) for line in seeds]
            steps = "/".join(sorted({f"{line['steps']:,}" for line in seeds}))
            cells = [
                TITLES[method] + (" + CoT" if cot else ""),
                steps,
                rates([line["heldout"] for line in seeds]),
                "<br>".join(gaps),
                rates([line["hard"] for line in seeds]),
            ]
            found.append(f"| {' | '.join(cells)} |")
    return "\n".join(found)


def rates(found: Sequence[dict[str, Any]]) -> str:
    """Mean pass@1 of baseline and model over the seeds."""
    before, after = (sum(f[name] for f in found) / len(found) for name in ("baseline", "run"))
    return f"{before:.3f} {headline.ARROW} {after:.3f}"


if __name__ == "__main__":
    main()
