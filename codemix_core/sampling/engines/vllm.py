"""Sampling with vLLM: one engine per run, continuous batching, answers handed on one by one.

How it works:

- Prompts are rendered and tokenised here, once, with ``AutoTokenizer`` and given to vLLM as
  token ids, so what is stored is what was sampled from.
- A question is one vLLM request with ``n`` answers. Requests are fed so that the waiting queue
  never runs dry, with no barrier between questions; each answer comes out when it finishes.
- vLLM streams deltas at an interval longer than any answer, which gives exactly two pieces per
  answer, first token and rest, without paying for a Python object per token.
- Log-probabilities are vLLM's ``raw_logprobs``: of the model before temperature, top-p and top-k.

Reproducible: the same spec, versions and machine give the same samples in a run that was not
interrupted (the engine is seeded, never the single request, which kills the CPU engine). An
attempt that resumes a run draws other random numbers, so it cannot repeat earlier answers.

On a CPU the engine lives in this process, so that a killed job leaves nothing; on GPUs vLLM's
engine process overlaps scheduling with computing, and ends when this one does.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from codemix_core import devices
from codemix_core.errors import EngineError
from codemix_core.records import Prompt
from codemix_core.sampling import chat, models
from codemix_core.sampling.engines import Failure, Request, Sample, memory
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace

log = logging.getLogger(__name__)

NO_INTERVAL = 10**9
"""Tokens between two streamed pieces: more than any answer has."""
CPU_SEQUENCES = 256
"""Answers in flight at once on a CPU."""
CPU_BLOCK = 32
"""Tokens per block of the KV cache on a CPU. Whole blocks of a prompt are computed once for all
its answers; with vLLM's 128 a short prompt has none (measured: half as many samples/s)."""


def create(spec: SampleSpec, workspace: Workspace) -> VllmEngine:
    """An engine for the spec's model, checked but not started.

    Raises:
        ModelError: the model cannot be used; every problem named.
    """
    return VllmEngine(spec, models.find(spec.model, spec.revision, workspace))


class VllmEngine:
    """One vLLM engine; starts at the first :meth:`sample`."""

    def __init__(self, spec: SampleSpec, model: models.Model) -> None:
        self._spec = spec
        self._model = model
        _set_environment(spec)
        try:
            self._chat = chat.TransformersFormat(model.location, model.revision)
            self._files = chat.FileFormat(model.directory)
        except chat.ChatFormatError as error:
            raise models.unusable(model, error) from error
        self._warned = False

    def prompt(self, question_id: str, messages: list[dict[str, str]]) -> Prompt:
        """The rendered and tokenised prompt."""
        context = self._model.context
        prompt = chat.make_prompt(self._chat, context, question_id, messages)
        shown = chat.make_prompt(self._files, context, question_id, messages)
        if shown != prompt and shown.token_ids is not None and not self._warned:
            self._warned = True
            log.warning(
                "%s: tokenizer.json encodes %s in another way than the tokenizer class of"
                " config.json; the class is used, previews differ",
                self._model.name,
                question_id,
            )
        return prompt

    def sample(
        self, requests: Sequence[Request], present: int, stopping: Callable[[], bool]
    ) -> Iterator[Sample | Failure]:
        """Start the engine and give samples as they finish."""
        if stopping():
            return
        engine = self.start(requests, present)
        try:
            yield from feed(engine, self._parameters, requests, stopping, self._chat.decode)
        finally:
            self.end(engine)

    def start(self, requests: Sequence[Request], present: int) -> Any:
        """A running ``LLMEngine`` for these requests.

        Raises:
            EngineError: vLLM refuses the model or the device.
        """
        from vllm import EngineArgs
        from vllm.v1.engine.llm_engine import LLMEngine

        arguments = engine_arguments(self._spec, self._model, requests, present)
        log.info("starting vLLM: %s", arguments)
        try:
            return LLMEngine.from_engine_args(EngineArgs(**arguments))
        except Exception as error:
            raise EngineError(f"vLLM did not start: {_root(error)}") from error

    def end(self, engine: Any) -> None:
        """Stop an engine that :meth:`start` gave."""
        engine.engine_core.shutdown()

    def _parameters(self, n: int) -> Any:
        """What vLLM is asked for with a request of ``n`` answers."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            n=n,
            temperature=self._spec.temperature,
            top_p=self._spec.top_p,
            top_k=self._spec.top_k,
            max_tokens=self._spec.max_tokens,
            logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            stream_interval=NO_INTERVAL,
        )


def engine_arguments(
    spec: SampleSpec, model: models.Model, requests: Sequence[Request], present: int
) -> dict[str, Any]:
    """Arguments of vLLM's engine: context as long as this run can need, memory as is free."""
    longest = max(len(request.prompt.token_ids or ()) for request in requests)
    needed = longest + spec.max_tokens
    length = needed if model.context is None else min(needed, model.context)
    arguments: dict[str, Any] = {
        "model": model.location,
        "revision": model.revision,
        "tokenizer_revision": model.revision,
        "dtype": memory.number_format(model.directory, spec.dtype),
        "tensor_parallel_size": spec.tensor_parallel,
        "max_model_len": length,
        "seed": engine_seed(spec.seed, present),
        "disable_log_stats": True,
    }
    if spec.gpu_memory_utilization is not None:
        arguments["gpu_memory_utilization"] = spec.gpu_memory_utilization
    if devices.gpus():
        share = memory.gpu_share(spec.tensor_parallel)
        if share is not None:
            arguments.setdefault("gpu_memory_utilization", share)
        return arguments
    sequences = min(CPU_SEQUENCES, sum(len(request.indices) for request in requests))
    arguments |= {
        "enforce_eager": True,
        "max_num_seqs": sequences,
        "block_size": CPU_BLOCK,
    }
    if spec.gpu_memory_utilization is None:
        size = memory.cpu_cache_bytes(model.directory, spec.dtype, sequences * length)
        arguments["kv_cache_memory_bytes"] = size
    return arguments


def engine_seed(seed: int, present: int) -> int:
    """The spec's seed for a run's first attempt, another one for each that resumes it."""
    if present == 0:
        return seed
    digest = hashlib.sha256(f"{seed} after {present}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def feed(
    engine: Any,
    parameters: Callable[[int], Any],
    requests: Sequence[Request],
    stopping: Callable[[], bool],
    decode: Callable[[list[int]], str],
) -> Iterator[Sample | Failure]:
    """The step loop: keep the engine's queue filled, step, hand on every answer that finished.

    Args:
        engine: a running ``LLMEngine``.
        parameters: gives the sampling parameters of a request for so many answers.
        decode: text of sampled tokens.

    Raises:
        EngineError: the engine refused a request or broke down.
    """
    waiting = iter(requests)
    window = 2 * int(engine.vllm_config.scheduler_config.max_num_seqs)
    wanted: dict[str, Request] = {}
    pieces: dict[tuple[str, int], tuple[list[int], list[float]]] = {}
    unfinished = 0
    more = True
    try:
        while not stopping():
            while more and unfinished < window:
                request = next(waiting, None)
                more = request is not None
                if request is not None:
                    wanted[request.prompt.question_id] = request
                    unfinished += len(request.indices)
                    _add(engine, parameters, request)
            if not unfinished:
                return
            for output in _step(engine):
                for piece in output.outputs:
                    key = (output.request_id, piece.index)
                    tokens, logprobs = pieces.setdefault(key, ([], []))
                    tokens.extend(piece.token_ids)
                    logprobs.extend(_sampled(piece.logprobs))
                    if piece.finish_reason is not None:
                        unfinished -= 1
                        del pieces[key]
                        request = wanted[output.request_id]
                        yield _finished(request, piece, tokens, logprobs, decode)
                if output.finished:
                    del wanted[output.request_id]
    finally:
        if wanted:
            engine.abort_request(list(wanted))


def _add(engine: Any, parameters: Callable[[int], Any], request: Request) -> None:
    prompt = {"prompt_token_ids": request.prompt.token_ids}
    rendered = engine.renderer.render_cmpl([prompt])[0]
    settings = parameters(len(request.indices))
    try:
        engine.add_request(request.prompt.question_id, rendered, settings)
    except ValueError as error:
        raise EngineError(f"vLLM refused {request.prompt.question_id}: {error}") from error


def _step(engine: Any) -> list[Any]:
    try:
        outputs: list[Any] = engine.step()
    except Exception as error:
        raise EngineError(f"vLLM stopped working: {_root(error)}") from error
    return outputs


def _sampled(logprobs: Any) -> list[float]:
    """The sampled token's log-probability at each position; vLLM puts it first."""
    return [logprobs.logprobs[start] for start in logprobs.start_indices]


def _finished(
    request: Request,
    piece: Any,
    tokens: list[int],
    logprobs: list[float],
    decode: Callable[[list[int]], str],
) -> Sample | Failure:
    question_id = request.prompt.question_id
    if piece.finish_reason not in ("stop", "length"):
        return Failure(question_id, 1, f"vLLM ended it: {piece.finish_reason}")
    shown = tokens[:-1] if piece.finish_reason == "stop" else tokens
    return Sample(
        question_id=question_id,
        sample_index=request.indices[piece.index],
        text=decode(shown),
        finish_reason=piece.finish_reason,
        token_ids=tokens,
        logprobs=logprobs,
        completion_tokens=len(tokens),
    )


def _set_environment(spec: SampleSpec) -> None:
    """Settings that vLLM and torch read when they are imported; a person's own settings win."""
    settings = {
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if not devices.gpus():
        settings["OMP_NUM_THREADS"] = str(memory.cpu_threads())
        # The engine computes eagerly on a CPU; what is left compiles one tiny kernel for seconds.
        settings["TORCH_COMPILE_DISABLE"] = "1"
        if spec.tensor_parallel == 1:
            settings["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def _root(error: BaseException) -> str:
    """The first cause, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
