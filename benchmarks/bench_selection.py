"""Selection at size: build time and memory, slider steps, and what each strategy yields.

    python -m benchmarks.bench_selection                          a made-up run of 1,000,000 answers
    python -m benchmarks.bench_selection --generations 100000
    python -m benchmarks.bench_selection --run score-…            yields of a run of the workspace

The made-up run has real questions and programs of the bundled set, about ten different
programs per question, token ids and log-probabilities. Every build runs in a process of its
own, whose peak memory is reported.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from codemix_core import files
from codemix_core.datasets.spec import BuildSpec
from codemix_core.progress import Progress
from codemix_core.questions.generations import ImportGenerationsSpec
from codemix_core.questions.nano import nano_questions
from codemix_core.records import GENERATIONS, VERDICTS, Question
from codemix_core.sampling.languages import fenced
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.selection.best_of_n import TIE_BREAKS, choose, pick_yield
from codemix_core.selection.groups import group_yield, groups
from codemix_core.selection.pairs import STRATEGIES, possible_pairs
from codemix_core.selection.reading import load_run
from codemix_core.selection.yields import compare, pair_yield
from codemix_core.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]
N = 32
SHARD_ROWS = 8192
TOKENS = 60
BUILDS: tuple[tuple[str, ...], ...] = (
    ("best_of_n",),
    ("dpo", "original"),
    ("dpo", "nearest"),
    ("dpo", "all"),
    ("grpo",),
)


def make_run(home: Path, generations: int, seed: int = 0) -> str:
    """Write a complete scored run of about this many answers; returns the scoring run's id."""
    workspace = Workspace.open(home)
    nano = nano_questions()
    count = max(1, generations // N)
    questions = [
        replace(nano[place % len(nano)], question_id=f"q{place:06}", function_name=f"f{place}")
        for place in range(count)
    ]
    workspace.write_question_set("big", questions, {"source": "benchmark", "format": "nano"})
    sampling = workspace.new_run(ImportGenerationsSpec(path=str(home), questions="big"))
    scoring = workspace.new_run(ScoreSpec(run=sampling.run_id))
    rng = np.random.default_rng(seed)
    step = SHARD_ROWS // N
    for start in range(0, count, step):
        chunk = questions[start : start + step]
        name = f"{start:08}.parquet"
        answers, verdicts = _chunk(chunk, rng)
        files.write_parquet(sampling.parts_root / f"generations-{name}", answers)
        files.write_parquet(scoring.parts_root / f"verdicts-{name}", verdicts)
    for run in (sampling, scoring):
        files.write_json(run.exit_path, {"state": "succeeded", "message": "", "seconds": 0.0})
    return scoring.run_id


def _chunk(questions: list[Question], rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """Answers and verdicts of some questions; variant 0 is the gold solution."""
    rows = len(questions) * N
    variant = np.minimum(rng.geometric(0.25, rows) - 1, 11)
    ids = [q.question_id for q in questions for _ in range(N)]
    codes = [
        questions[row // N].gold + (f"VARIANT = {v}\n" if v else "")
        for row, v in enumerate(variant.tolist())
    ]
    passed = np.where(variant == 0, 14, (variant * 5) % 14).astype(np.int32)
    offsets = pa.array(np.arange(0, rows * TOKENS + 1, TOKENS, dtype=np.int32))
    tokens = pa.ListArray.from_arrays(
        offsets, pa.array(rng.integers(0, 999, rows * TOKENS, np.int32))
    )
    values = pa.array(-rng.exponential(0.1, rows * TOKENS).astype(np.float32))
    index = pa.array(np.tile(np.arange(N, dtype=np.int32), len(questions)))
    answers = {
        "question_id": ids,
        "sample_index": index,
        "raw_output": [fenced(code, "python") for code in codes],
        "code": codes,
        "finish_reason": ["stop"] * rows,
        "completion_tokens": pa.array(np.full(rows, TOKENS, np.int32)),
        "token_ids": tokens,
        "logprobs": pa.ListArray.from_arrays(offsets, values),
    }
    verdicts = {
        "question_id": ids,
        "sample_index": index,
        "status": ["passed" if count == 14 else "failed" for count in passed.tolist()],
        "score": passed / 14,
        "passed": passed,
        "declared": pa.array(np.full(rows, 14, np.int32)),
        "tests": [[]] * rows,
        "message": [""] * rows,
        "program_hash": ids,
        "tier": ["A"] * rows,
        "backend": ["benchmark"] * rows,
        "seconds": [0.01] * rows,
        "memory_mb": [10.0] * rows,
        "reused": [False] * rows,
    }
    return (
        pa.table(answers, schema=GENERATIONS.schema),
        pa.table(verdicts, schema=VERDICTS.schema),
    )


def build_once(home: str, run: str, method: str, strategy: str | None) -> None:
    """In a process of its own: build a dataset, print seconds, peak memory and its counts."""
    from codemix_core.datasets.stage import run as build

    workspace = Workspace.open(Path(home))
    settings = {} if strategy is None else {"strategy": strategy}
    spec = BuildSpec.parse({"run": run, "method": method, **settings})
    made = workspace.new_run(spec)
    began = time.perf_counter()
    summary = build(spec, made, Progress(lambda snapshot: None))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(path.stat().st_size for path in made.dataset_root.iterdir()) / 1e6
    made.delete()
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "size_mb": size, "summary": summary}))


def bench_builds(generations: int) -> None:
    """Print build time and memory of every method on a made-up run."""
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        run = make_run(Path(home), generations)
        print(f"{generations:,} generations made up in {time.perf_counter() - began:.0f} s")
        for names in BUILDS:
            argv = [sys.executable, "-m", "benchmarks.bench_selection", "--one", home, run, *names]
            done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{' '.join(names)}: failed\n{done.stderr[-2000:]}")
                continue
            found = json.loads(done.stdout.strip().splitlines()[-1])
            print(
                f"{' '.join(names):14} {found['seconds']:7.1f} s  peak {found['peak_mb']:6,.0f} MiB"
                f"  files {found['size_mb']:7,.1f} MB  {found['summary']}"
            )
        if generations <= 200_000:
            bench_yields(Path(home), run)


def bench_yields(home: Path | None, run_id: str) -> None:
    """Print what every rule yields on a scoring run, and how long a slider step takes."""
    workspace = Workspace.open(home)
    scoring = workspace.run(run_id)
    began = time.perf_counter()
    scored = load_run(scoring)
    c = scored.candidates
    read = time.perf_counter()
    table = possible_pairs(c, "raw_output", lambda rows: scored.reader.answers(rows, "code"))
    made = time.perf_counter()
    questions = len(np.unique(c.question))
    print(
        f"{run_id}: {len(c):,} scored generations of {questions:,} questions read in"
        f" {read - began:.2f} s; {len(table):,} possible pairs in {made - read:.2f} s"
    )
    spec = BuildSpec(run=run_id, method="dpo")
    compare(table, spec.pair_rule())
    print("strategy         pairs  questions  mean gap  chosen longer  slider step")
    for name in STRATEGIES:
        rule = replace(spec.pair_rule(), strategy=name)
        began = time.perf_counter()
        found = pair_yield(table, rule)
        step = 1000 * (time.perf_counter() - began)
        gap = "-" if found.mean_gap is None else f"{found.mean_gap:.3f}"
        longer = "-" if found.longer_share is None else f"{found.longer_share:.1%}"
        print(f"{name:15}{found.pairs:7,}{found.questions:11,}{gap:>10}{longer:>15}{step:10.1f} ms")
    for tie_break in TIE_BREAKS:
        pick_rule = replace(spec.pick_rule(), tie_break=tie_break)
        began = time.perf_counter()
        picked = pick_yield(c, pick_rule, choose(c, pick_rule))
        step = 1000 * (time.perf_counter() - began)
        print(
            f"best_of_n {tie_break:16} {picked.rows:,} rows of {picked.questions:,} questions,"
            f" {picked.length:,} {picked.unit}, {step:.1f} ms"
        )
    print(f"grpo {group_yield(groups(c, spec.group_rule()))}")


def main() -> None:
    """Run what the flags ask for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--generations", type=int, default=1_000_000)
    parser.add_argument("--run", help="a scoring run of the workspace")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        home, run, method, *strategy = given.one
        build_once(home, run, method, strategy[0] if strategy else None)
    elif given.run:
        bench_yields(None, given.run)
    else:
        bench_builds(given.generations)


if __name__ == "__main__":
    main()
