"""The seam between the sampling stage and whatever samples: engines by name.

An engine is one module with ``create(spec, workspace) -> Engine``. A new engine is a new
module, one line in :data:`ENGINES` and its name in ``SampleSpec.engine``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from codemix_core.records import Prompt
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace

ENGINES = {
    "openai": "codemix_core.sampling.engines.openai",
    "vllm": "codemix_core.sampling.engines.vllm",
}


@dataclass(frozen=True, slots=True)
class Request:
    """Answers wanted for one prompt: one for each of ``indices``, the missing sample indices."""

    prompt: Prompt
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished answer.

    text: the answer, special tokens left out.
    finish_reason: ``stop`` or ``length``.
    token_ids: sampled tokens, the end-of-turn token included; None when not known.
    logprobs: natural log-probability of each of them before temperature, top-p and top-k.
    """

    question_id: str
    sample_index: int
    text: str
    finish_reason: str | None
    token_ids: list[int] | None
    logprobs: list[float] | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Answers of one question that could not be had; never a wrong answer.

    samples: how many.
    refused: the question itself was refused, so that trying again will not help.
    """

    question_id: str
    samples: int
    reason: str
    refused: bool = False


class Engine(Protocol):
    """Something that samples. Used by one thread."""

    def prompt(self, question_id: str, messages: list[dict[str, str]]) -> Prompt:
        """What the engine will be asked, with ``problem`` set when it cannot answer that."""
        ...

    def sample(
        self, requests: Sequence[Request], present: int, stopping: Callable[[], bool]
    ) -> Iterator[Sample | Failure]:
        """Samples in the order in which they finish; returns early once ``stopping()``.

        Args:
            requests: all that is wanted.
            present: answers that earlier attempts of the run finished; random numbers go on
                from there instead of repeating.
            stopping: asked often.

        Raises:
            EngineError: nothing can be sampled (any more).
        """
        ...


def names() -> list[str]:
    """Names of the engines."""
    return sorted(ENGINES)


def create(spec: SampleSpec, workspace: Workspace) -> Engine:
    """The engine a spec asks for, its model checked; nothing heavy has started yet.

    Raises:
        ModelError: the model cannot be used; every problem named.
        EngineError: a remote server cannot be used.
    """
    module = import_module(ENGINES[spec.engine])
    engine: Engine = module.create(spec, workspace)
    return engine
