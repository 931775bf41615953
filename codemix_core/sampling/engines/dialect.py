"""What one OpenAI-compatible server understands, found by asking it before the run.

Servers agree on little beyond ``messages``: some answer ``n`` choices, some one; some refuse
``logprobs``; vLLM returns token ids when asked. A one-token request is tried with everything;
what the server refuses is dropped, one thing after another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codemix_core.errors import EngineError
from codemix_core.sampling.spec import SampleSpec

if TYPE_CHECKING:
    from openai import AsyncOpenAI

PROBE: Any = [{"role": "user", "content": "Hi"}]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parts of the protocol a server understands.

    many: several choices per request (``n``).
    token_ids: sampled token ids (``return_token_ids``, vLLM).
    logprobs: log-probabilities of the sampled tokens.
    limit: the name it has for the longest answer.
    """

    many: bool = True
    token_ids: bool = True
    logprobs: bool = True
    limit: str = "max_tokens"

    def parameters(self, spec: SampleSpec, n: int) -> dict[str, Any]:
        """Arguments of one request for ``n`` answers, messages aside."""
        extra: dict[str, Any] = {"top_k": spec.top_k} if spec.top_k else {}
        if self.token_ids:
            extra["return_token_ids"] = True
        arguments: dict[str, Any] = {
            "model": spec.model,
            "temperature": spec.temperature,
            self.limit: spec.max_tokens,
        }
        if spec.top_p < 1:
            arguments["top_p"] = spec.top_p
        if self.many and n > 1:
            arguments["n"] = n
        if self.logprobs:
            arguments["logprobs"] = True
        return arguments | ({"extra_body": extra} if extra else {})


def simpler(dialect: Dialect, refusal: str) -> Dialect | None:
    """The next thing to drop after a refusal; None when nothing is left to drop."""
    if "max_completion_tokens" in refusal and dialect.limit == "max_tokens":
        return replace(dialect, limit="max_completion_tokens")
    if dialect.token_ids:
        return replace(dialect, token_ids=False)
    if dialect.logprobs:
        return replace(dialect, logprobs=False)
    if dialect.many:
        return replace(dialect, many=False)
    return None


async def probe(client: AsyncOpenAI, spec: SampleSpec) -> Dialect:
    """The dialect of a server that knows the model and answers.

    Raises:
        EngineError: it cannot be reached, refuses the key, or does not know the model.
    """
    import openai

    dialect: Dialect | None = Dialect(many=spec.n > 1)
    refusal = ""
    while dialect is not None:
        arguments = dialect.parameters(spec.model_copy(update={"max_tokens": 1}), 2)
        try:
            response = await client.chat.completions.create(messages=PROBE, **arguments)
        except openai.NotFoundError as error:
            raise EngineError(await _unknown_model(client, spec, error)) from error
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            refusal = message(error)
            dialect = simpler(dialect, refusal)
        except openai.OpenAIError as error:
            raise EngineError(explain(spec, error)) from error
        else:
            choices = getattr(response, "choices", None)
            if not choices:
                what = "answers with something that is not a chat completion"
                raise EngineError(f"{spec.base_url} {what}. Does its address end in /v1?")
            return replace(dialect, many=dialect.many and len(choices) == 2)
    raise EngineError(f"{spec.base_url} refuses every request: {refusal}")


def explain(spec: SampleSpec, error: Exception) -> str:
    """A failed request in the words of the person who has to mend it."""
    import openai

    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        if spec.api_key_env in os.environ:
            return f"{spec.base_url} refuses the key in ${spec.api_key_env}: {message(error)}"
        return f"{spec.base_url} wants a key: put it into the variable {spec.api_key_env}."
    if isinstance(error, openai.APITimeoutError):
        return f"{spec.base_url} did not answer in time"
    if isinstance(error, openai.APIConnectionError):
        cause = str(error.__cause__ or error)
        return f"{spec.base_url} cannot be reached ({cause}). Is the server running?"
    if isinstance(error, openai.APIStatusError):
        return f"{spec.base_url} answered {error.status_code}: {message(error)}"
    return f"{spec.base_url} gave an answer that makes no sense ({message(error)})"


def message(error: Exception) -> str:
    """The server's own words, in one line."""
    body = getattr(error, "body", None)
    words = body.get("message") if isinstance(body, dict) else None
    lines = str(words or error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


async def _unknown_model(client: AsyncOpenAI, spec: SampleSpec, error: Exception) -> str:
    """Which models the server has, where it says so."""
    import openai

    try:
        known = ", ".join([model.id async for model in client.models.list()])
    except (openai.OpenAIError, AttributeError):
        return (
            f"{spec.base_url} has no chat completions or no model {spec.model!r}: {message(error)}"
        )
    return f"{spec.base_url} does not know the model {spec.model!r}. It has: {known}."
