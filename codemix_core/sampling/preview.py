"""The exact prompt of one question before anything runs, quickly and without torch.

What is shown here is what the job sends: both use the same template, the same messages and
the same chat template, and the stage tests compare them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from codemix_core.records import Question
from codemix_core.sampling import chat, models, prompts
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Preview:
    """One prompt as it will be sent.

    messages: chat messages, ``[{role, content}, …]``.
    rendered: text after the chat template; None for a remote server, which renders itself.
    token_ids, n_tokens: None where they cannot be known without the model.
    problem: why this question will not be sampled; None when it will be.
    """

    messages: list[dict[str, str]]
    rendered: str | None
    token_ids: list[int] | None
    n_tokens: int | None
    problem: str | None


def preview(spec: SampleSpec, question: Question, workspace: Workspace | None = None) -> Preview:
    """The prompt of one question under a spec.

    Raises:
        SpecError: the template cannot be used.
        ModelError: the model cannot be used; every problem named.
    """
    messages = prompts.choose(spec.style, spec.template).messages(question)
    if spec.engine == "openai":
        return Preview(messages, None, None, None, None)
    model = models.find(spec.model, spec.revision, workspace)
    changed = tuple(path.stat().st_mtime_ns for path in sorted(model.directory.glob("*.json")))
    try:
        form = _format(model.directory, changed)
    except chat.ChatFormatError as error:
        raise models.unusable(model, error) from error
    prompt = chat.make_prompt(form, model.context, question.question_id, messages)
    return Preview(
        json.loads(prompt.messages),
        prompt.rendered,
        prompt.token_ids,
        prompt.prompt_tokens,
        prompt.problem,
    )


@lru_cache(maxsize=4)
def _format(directory: Path, changed: tuple[int, ...]) -> chat.FileFormat:
    """A checkpoint's format, read again when its files change."""
    return chat.FileFormat(directory)
