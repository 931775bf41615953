"""``sample``: n answers per question, written as they finish.

Guarantees:

- an answer is written as soon as it is finished, with its extracted program, sampled token ids
  and log-probabilities where the engine gives them;
- a resumed run asks the questions it began with and samples exactly the ``(question,
  sample_index)`` that are missing; nothing is sampled twice, and a prompt that would differ from
  the one stored stops the run;
- a question that cannot be asked (prompt longer than the context) is kept with its reason in
  ``prompts`` and does not stop the others; neither does one whose requests a server failed:
  the run then ends as failed after all others, and resuming tries again.

Not guaranteed: the order in which answers are written.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from codemix_core.errors import EngineError, Problem, SpecError
from codemix_core.progress import Progress
from codemix_core.records import GENERATIONS, PROMPTS, Generation, Prompt, Question
from codemix_core.sampling import engines, prompts
from codemix_core.sampling.choice import questions_of
from codemix_core.sampling.engines import Engine, Failure, Request, Sample
from codemix_core.sampling.extraction import extract
from codemix_core.sampling.spec import SampleSpec
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir

__all__ = ["SampleSpec", "missing", "run"]

log = logging.getLogger(__name__)

MEASURE_INTERVAL = 0.5
"""Seconds between two published token rates."""


def missing(prompted: Iterable[Prompt], n: int, present: Mapping[str, set[int]]) -> list[Request]:
    """What is still to be sampled; questions with a problem are left out.

    Args:
        present: sample indices already written, by question.
    """
    requests = []
    for prompt in prompted:
        if prompt.problem is None:
            done = present.get(prompt.question_id) or set()
            indices = tuple(index for index in range(n) if index not in done)
            if indices:
                requests.append(Request(prompt, indices))
    return requests


def run(spec: Spec, run: RunDir, progress: Progress) -> str:
    """Sample what is missing and return one summary line.

    Raises:
        InputError: the set, the filter, the template or the model cannot be used.
        EngineError: the engine failed, or some questions could not be sampled.
    """
    if not isinstance(spec, SampleSpec):
        raise TypeError(f"not a sampling spec: {type(spec).__name__}")
    questions = {q.question_id: q for q in questions_of(spec, run)}
    progress.message("checking the model")
    engine = engines.create(spec, run.workspace)
    prompted = _prompts(spec, run, engine, list(questions.values()))
    requests = missing(prompted, spec.n, _present(run))
    problems = sum(prompt.problem is not None for prompt in prompted)
    total = spec.n * (len(prompted) - problems)
    tally = _Tally(total, total - sum(len(request.indices) for request in requests))
    progress.start(total, done=tally.samples)
    if requests:
        progress.message("starting the engine")
        _sample(engine, requests, questions, run, progress, tally)
    failures = [failure for failure in tally.failures if not failure.refused]
    if failures and not progress.stopping:
        raise EngineError(_failed(failures))
    left_out = f", {problems} left out (see prompts)" if problems else ""
    refused = {failure.question_id for failure in tally.failures} if not failures else set()
    left_out += f", {len(refused)} refused by the server (see log)" if refused else ""
    without_code = run.read(GENERATIONS, ["code"]).column("code").null_count
    return (
        f"{tally.samples} samples of {len(prompted) - problems} questions{left_out},"
        f" {without_code} without code"
    )


@dataclass
class _Tally:
    """What one attempt has done so far; ``samples`` counts earlier attempts, too."""

    total: int
    samples: int
    tokens: int = 0
    failures: list[Failure] = field(default_factory=list)


def _prompts(
    spec: SampleSpec, run: RunDir, engine: Engine, questions: Sequence[Question]
) -> list[Prompt]:
    """The prompt of each question; new ones are written, stored ones must be the same.

    Raises:
        SpecError: the template or the model's chat template changed since the run began.
    """
    template = prompts.choose(spec.style, spec.template)
    made = [engine.prompt(q.question_id, template.messages(q)) for q in questions]
    rows = run.read(PROMPTS, ["question_id", "messages", "token_ids"]).to_pylist()
    stored = {row["question_id"]: (row["messages"], row["token_ids"]) for row in rows}
    changed = [
        prompt.question_id
        for prompt in made
        if prompt.question_id in stored
        and stored[prompt.question_id] != (prompt.messages, prompt.token_ids)
    ]
    if changed:
        what = f"gives other prompts than this run began with ({len(changed)} questions)."
        fix = "Start a new run, or bring the template and the model's tokenizer back."
        raise SpecError(Problem("template", what, fix))
    with run.writer(PROMPTS) as writer:
        writer.extend(prompt for prompt in made if prompt.question_id not in stored)
    return made


def _present(run: RunDir) -> dict[str, set[int]]:
    """Sample indices already written, by question."""
    table = run.read(GENERATIONS, ["question_id", "sample_index"])
    present: dict[str, set[int]] = {}
    columns = (table.column("question_id").to_pylist(), table.column("sample_index").to_pylist())
    for question_id, index in zip(*columns, strict=True):
        present.setdefault(question_id, set()).add(index)
    return present


def _sample(
    engine: Engine,
    requests: Sequence[Request],
    questions: Mapping[str, Question],
    run: RunDir,
    progress: Progress,
    tally: _Tally,
) -> None:
    """Write samples as the engine finishes them, until all are there or the run is stopped."""
    outcomes = engine.sample(requests, tally.samples, lambda: progress.stopping)
    began: float | None = None
    published = 0.0
    with run.writer(GENERATIONS) as writer:
        for outcome in outcomes:
            now = time.monotonic()
            if began is None:
                began = now
                # Again, so that the engine's start does not count into rate and ETA.
                progress.start(tally.total, done=tally.samples)
                progress.message("sampling")
            if isinstance(outcome, Failure):
                tally.failures.append(outcome)
                log.warning("%s: %s", outcome.question_id, outcome.reason)
                continue
            writer.append(_generation(outcome, questions[outcome.question_id].language))
            tally.samples += 1
            tally.tokens += outcome.completion_tokens or 0
            progress.advance()
            if now - max(began, published) > MEASURE_INTERVAL:
                published = now
                progress.measure(tokens_per_second=round(tally.tokens / (now - began), 1))


def _generation(sample: Sample, language: str) -> Generation:
    return Generation(
        question_id=sample.question_id,
        sample_index=sample.sample_index,
        raw_output=sample.text,
        code=extract(sample.text, language),
        finish_reason=sample.finish_reason,
        completion_tokens=sample.completion_tokens,
        token_ids=sample.token_ids,
        logprobs=sample.logprobs,
    )


def _failed(failures: Sequence[Failure]) -> str:
    """One message for what could not be sampled, with the commonest reason."""
    samples = sum(failure.samples for failure in failures)
    questions = len({failure.question_id for failure in failures})
    (reason, count), *_ = Counter(failure.reason for failure in failures).most_common(1)
    share = "" if count == len(failures) else f" (and {len(failures) - count} other reasons)"
    return (
        f"{samples} samples of {questions} questions could not be had: {reason}{share}."
        " What was sampled is kept; resume the run to try the rest again."
    )
