"""Samples/s and tokens/s of the sampling stage, against vLLM itself and against the scripts' way.

    python benchmarks/bench_sampling.py [--questions 100] [-n 32] [--rounds 3] [--cot]

One engine, the same prompts, interleaved rounds; the prefix cache is emptied before each.

- ``stage``: the whole stage, from questions to written shards, engine start excluded; token ids,
  log-probabilities and extracted programs included;
- ``bare``: one ``LLM.generate`` with all prompts, log-probabilities included;
- ``bare, text only``: the same without log-probabilities;
- ``scripts``: one ``LLM.chat`` with n copies of one question, question after question.

Printed are the medians over rounds, and the medians of the ratios stage ÷ other per round: by
the clock, and by CPU time, which holds better on a machine that does other things, too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from codemix_core.progress import Progress
from codemix_core.questions.nano import nano_questions
from codemix_core.records import GENERATIONS, PROMPTS, Prompt
from codemix_core.sampling import engines, models, stage
from codemix_core.sampling.engines import Request
from codemix_core.sampling.engines.vllm import VllmEngine, engine_arguments
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import RunDir, Workspace

TARGETS = {"bare": "≥ 0.95", "bare, text only": "", "scripts": "≥ 1.25"}
"""Fewer answers come with log-probabilities than without; only like is compared with like."""


class Shared(VllmEngine):
    """The product's engine on an ``LLMEngine`` that is already running."""

    def __init__(self, spec: SampleSpec, running: Any) -> None:
        super().__init__(spec, models.find(spec.model))
        self._running = running

    def start(self, requests: Sequence[Request], present: int) -> Any:
        """The running engine."""
        return self._running

    def end(self, engine: Any) -> None:
        """Leave it running."""


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(Path(folder))
        count = options.questions
        workspace.write_question_set("nano", nano_questions(train=count, heldout=0, hard=0), {})
        spec = SampleSpec.parse(
            {
                "questions": "nano",
                "model": options.model,
                "n": options.n,
                "cot": options.cot,
                "max_tokens": options.max_tokens,
            }
        )
        _measure(workspace, spec, options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("-n", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cot", action="store_true")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--max-tokens", type=int, default=256)
    return parser.parse_args()


def _measure(workspace: Workspace, spec: SampleSpec, rounds: int) -> None:
    began = time.perf_counter()
    # Also sets the environment that vLLM reads when it is imported.
    prompts = _stage_prompts(workspace, spec)
    from vllm import LLM, SamplingParams

    requests = [Request(prompt, tuple(range(spec.n))) for prompt in prompts]
    arguments = engine_arguments(spec, models.find(spec.model), requests, 0)
    llm = LLM(**arguments)
    print(f"engine started in {time.perf_counter() - began:.1f} s")
    plain = {"temperature": spec.temperature, "max_tokens": spec.max_tokens}
    ids = [{"prompt_token_ids": prompt.token_ids} for prompt in prompts]
    chats = [json.loads(prompt.messages) for prompt in prompts]

    shared = Shared(spec, llm.llm_engine)

    def bare(**more: Any) -> list[Any]:
        return llm.generate(ids, SamplingParams(n=spec.n, **plain, **more), use_tqdm=False)

    def scripts() -> list[Any]:
        settings = SamplingParams(**plain)
        return [
            output
            for messages in chats
            for output in llm.chat([messages] * spec.n, settings, use_tqdm=False)
        ]

    ways: dict[str, Callable[[], tuple[int, int]]] = {
        "stage": lambda: _run_stage(workspace, spec, shared),
        "bare": lambda: _count(bare(logprobs=0)),
        "bare, text only": lambda: _count(bare()),
        "scripts": lambda: _count(scripts()),
    }
    bare()  # Once unmeasured: first calls set up kernels and caches.
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        for name, way in ways.items():
            llm.reset_prefix_cache()
            start, busy = time.perf_counter(), time.process_time()
            samples, tokens = way()
            seconds = time.perf_counter() - start
            busy = time.process_time() - busy
            found[name].append((samples / seconds, tokens / seconds, tokens / busy))
            print(f"round {number}, {name}: {tokens / seconds:.0f} tokens/s", flush=True)
    _print(found)


def _stage_prompts(workspace: Workspace, spec: SampleSpec) -> list[Prompt]:
    """The prompts of the stage, as it stores them."""
    from codemix_core.sampling.prompts import choose

    engine = engines.create(spec, workspace)
    template = choose(spec.style, spec.template)
    questions = workspace.question_set(spec.questions).questions()
    return [engine.prompt(q.question_id, template.messages(q)) for q in questions]


def _run_stage(workspace: Workspace, spec: SampleSpec, engine: Shared) -> tuple[int, int]:
    run: RunDir = workspace.new_run(spec)
    create, engines.create = engines.create, lambda *_: engine  # type: ignore[assignment]
    try:
        stage.run(spec, run, Progress(lambda _: None))
    finally:
        engines.create = create
    rows = run.read(GENERATIONS, ["completion_tokens", "logprobs"])
    assert len(run.read(PROMPTS)) * spec.n == len(rows)
    return len(rows), sum(rows.column("completion_tokens").to_pylist())


def _count(outputs: list[Any]) -> tuple[int, int]:
    answers = [answer for output in outputs for answer in output.outputs]
    return len(answers), sum(len(answer.token_ids) for answer in answers)


def _print(found: dict[str, list[tuple[float, ...]]]) -> None:
    heads = ("samples/s", "tokens/s", "stage ÷ it", "by CPU time", "target")
    print(f"{'':18}" + "".join(f"{head:>13}" for head in heads))
    for name, rates in found.items():
        samples, tokens, _ = (median(values) for values in zip(*rates, strict=True))
        line = f"{name:18}{samples:13.0f}{tokens:13.0f}"
        if name in TARGETS:
            pairs = list(zip(found["stage"], rates, strict=True))
            for measure in (1, 2):
                ratio = median(ours[measure] / theirs[measure] for ours, theirs in pairs)
                line += f"{ratio:13.2f}"
            line += f"{TARGETS[name]:>13}"
        print(line)


if __name__ == "__main__":
    main()
