"""Sampling from an OpenAI-compatible server: a remote vLLM, or any other.

- ``concurrency`` requests are in flight, across questions; each asks for up to :data:`CHUNK`
  answers where the server can give several, else for one.
- The ``openai`` client retries what may pass (no connection, 408, 409, 429, 5xx) up to
  ``max_retries`` times, waiting as ``Retry-After`` says or exponentially with jitter. An answer
  that makes no sense is asked for again as often.
- A question that still fails is reported and the others go on; when nothing but failures come
  back any more, the run ends.
- Token ids and log-probabilities are kept when the server gives both and they fit together
  (vLLM does); without ids, log-probabilities cannot be used later and are dropped.

The key is read from the environment and is written nowhere. Sampling here is not reproducible:
the server batches as it likes, and its seed is its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codemix_core.errors import EngineError
from codemix_core.records import Prompt
from codemix_core.sampling.engines import Failure, Request, Sample
from codemix_core.sampling.engines.dialect import Dialect, explain, message, probe
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CHUNK = 32
"""Answers per request: results come in steps of this, and a lost request loses no more."""
POLL = 0.2
"""Seconds between two looks at whether the run was stopped."""
NO_KEY = "none"
"""Sent when the variable is not set: local servers take any key."""


def create(spec: SampleSpec, workspace: Workspace) -> OpenAIEngine:
    """An engine for the spec's server; it is asked for the first time when sampling starts."""
    return OpenAIEngine(spec)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The part of a request that goes to the server at once."""

    prompt: Prompt
    indices: tuple[int, ...]


class OpenAIEngine:
    """One OpenAI-compatible server."""

    def __init__(self, spec: SampleSpec) -> None:
        self._spec = spec

    def prompt(self, question_id: str, messages: list[dict[str, str]]) -> Prompt:
        """The messages alone: the server renders and counts."""
        return Prompt(question_id, json.dumps(messages, ensure_ascii=False), None, None, None, None)

    def sample(
        self, requests: Sequence[Request], present: int, stopping: Callable[[], bool]
    ) -> Iterator[Sample | Failure]:
        """Ask the server and give answers as they come."""
        with asyncio.Runner() as runner:
            client = _client(self._spec)
            try:
                dialect = runner.run(probe(client, self._spec))
                chunk = CHUNK if dialect.many else 1
                pieces = deque(_cut(requests, chunk))
                yield from self._pump(runner, client, dialect, pieces, stopping)
            finally:
                runner.run(client.close())

    def _pump(
        self,
        runner: asyncio.Runner,
        client: AsyncOpenAI,
        dialect: Dialect,
        pieces: deque[_Piece],
        stopping: Callable[[], bool],
    ) -> Iterator[Sample | Failure]:
        """Keep ``concurrency`` requests in flight until all are answered or the run is stopped."""
        loop = runner.get_loop()
        flying: set[asyncio.Task[list[Sample | Failure]]] = set()
        failures = 0
        try:
            while (pieces or flying) and not stopping():
                while pieces and len(flying) < self._spec.concurrency:
                    flying.add(loop.create_task(self._ask(client, dialect, pieces.popleft())))
                done, flying = runner.run(_first(flying))
                for task in done:
                    outcomes = task.result()
                    yield from outcomes
                    down = all(isinstance(o, Failure) and not o.refused for o in outcomes)
                    failures = failures + 1 if down else 0
                if failures > max(3, self._spec.concurrency):
                    reason = next(o.reason for o in outcomes if isinstance(o, Failure))
                    raise EngineError(f"{reason}. What was sampled is kept; resume the run later.")
        finally:
            for task in flying:
                task.cancel()
            runner.run(_settle(flying))

    async def _ask(
        self, client: AsyncOpenAI, dialect: Dialect, piece: _Piece
    ) -> list[Sample | Failure]:
        """The answers to one request; a failure for those that could not be had."""
        import openai

        arguments = dialect.parameters(self._spec, len(piece.indices))
        messages = json.loads(piece.prompt.messages)
        samples: list[Sample | Failure] = []
        reason = ""
        for _ in range(self._spec.max_retries + 1):
            wanted = piece.indices[len(samples) :]
            if not wanted:
                break
            if "n" in arguments:
                arguments["n"] = len(wanted)
            try:
                response = await client.chat.completions.create(messages=messages, **arguments)
                samples += _samples(piece.prompt.question_id, wanted, response)
                reason = f"{self._spec.base_url} gives fewer answers than asked for"
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                why = f"the server refuses it: {message(error)}"
                failure = Failure(piece.prompt.question_id, len(wanted), why, refused=True)
                return [*samples, failure]
            except (openai.APIConnectionError, openai.APIStatusError) as error:
                reason = explain(self._spec, error)
                break
            except (openai.OpenAIError, _Malformed, ValueError) as error:
                reason = explain(self._spec, error)
        left = len(piece.indices) - len(samples)
        return [*samples, Failure(piece.prompt.question_id, left, reason)] if left else samples


class _Malformed(Exception):
    """A reply that is JSON and not a chat completion."""


def _client(spec: SampleSpec) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    for name in ("httpx", "httpx2", "openai"):
        # These tell of every request; a run has thousands.
        logging.getLogger(name).setLevel(logging.WARNING)
    return AsyncOpenAI(
        base_url=spec.base_url,
        api_key=os.environ.get(spec.api_key_env) or NO_KEY,
        max_retries=spec.max_retries,
    )


def _cut(requests: Sequence[Request], chunk: int) -> Iterator[_Piece]:
    for request in requests:
        for start in range(0, len(request.indices), chunk):
            yield _Piece(request.prompt, request.indices[start : start + chunk])


async def _first(
    flying: set[asyncio.Task[list[Sample | Failure]]],
) -> tuple[set[asyncio.Task[list[Sample | Failure]]], set[asyncio.Task[list[Sample | Failure]]]]:
    return await asyncio.wait(flying, timeout=POLL, return_when=asyncio.FIRST_COMPLETED)


async def _settle(tasks: set[asyncio.Task[list[Sample | Failure]]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _samples(question_id: str, indices: Sequence[int], response: Any) -> list[Sample]:
    """The choices of one reply as samples; more choices than asked for are left out."""
    choices = getattr(response, "choices", None)
    if not choices:
        raise _Malformed("no choices")
    single = len(choices) == 1 and getattr(response, "usage", None) is not None
    tokens = getattr(response.usage, "completion_tokens", None) if single else None
    pairs = zip(indices, choices, strict=False)
    try:
        return [_sample(question_id, index, choice, tokens) for index, choice in pairs]
    except (AttributeError, TypeError, ValueError) as error:
        raise _Malformed(f"a choice without what it must have: {error}") from error


def _sample(question_id: str, index: int, choice: Any, tokens: int | None) -> Sample:
    extra = choice.model_extra or {}
    token_ids = extra.get("token_ids")
    detail = getattr(choice.logprobs, "content", None)
    logprobs = [float(entry.logprob) for entry in detail] if detail else None
    if token_ids is None or logprobs is None or len(token_ids) != len(logprobs):
        token_ids = logprobs = None
    return Sample(
        question_id=question_id,
        sample_index=index,
        text=_printable(str(choice.message.content or "")),
        finish_reason=choice.finish_reason,
        token_ids=token_ids,
        logprobs=logprobs,
        completion_tokens=tokens if token_ids is None else len(token_ids),
    )


def _printable(text: str) -> str:
    """Text without lone surrogates, which JSON may carry and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
