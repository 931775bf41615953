"""Chat messages become the prompt: rendered with the checkpoint's own chat template, tokenised.

Two ways to the same result, behind :class:`ChatFormat`:

- :class:`FileFormat` reads the checkpoint's files with ``tokenizers`` and ``jinja2`` alone, in
  a few milliseconds and without torch, so that a page can preview a prompt;
- :class:`TransformersFormat` asks ``AutoTokenizer``. The sampling job uses it, because it is
  what vLLM and training use, and reports when the files give anything else.

The two agree wherever ``tokenizer.json`` is what the model's tokenizer class would build,
which holds for released checkpoints of the supported families and is tested. Where there is no
``tokenizer.json``, a preview has text and no token ids.

The environment of the templates (flags, filters, functions) follows transformers 5,
``utils/chat_template_utils.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from codemix_core.records import Prompt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Messages = list[dict[str, str]]

_SPECIAL = tuple(f"{kind}_token" for kind in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))


class ChatFormatError(Exception):
    """A tokenizer that cannot be loaded, or a chat template that is none or refuses messages."""


class ChatFormat(Protocol):
    """How one model sees a conversation."""

    def render(self, messages: Messages) -> str:
        """The text after the chat template, generation prompt included.

        Raises:
            ChatFormatError: the template refuses the messages.
        """
        ...

    def encode(self, text: str) -> list[int] | None:
        """Token ids of rendered text, nothing added; None when they cannot be known here."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """One prompt as a model gets it; ``token_ids`` is None when they cannot be known here."""

    messages: Messages
    text: str
    token_ids: list[int] | None


def render(chat: ChatFormat, messages: Messages) -> Rendered:
    """The prompt of a conversation.

    A template that knows no system role (Gemma's) gets the system text at the head of the
    user message instead.

    Raises:
        ChatFormatError: the template refuses both forms.
    """
    try:
        text = chat.render(messages)
    except ChatFormatError:
        if messages[0]["role"] != "system":
            raise
        first, second, *rest = messages
        merged = {"role": "user", "content": f"{first['content']}\n\n{second['content']}"}
        messages = [merged, *rest]
        text = chat.render(messages)
    return Rendered(messages, text, chat.encode(text))


def make_prompt(
    chat: ChatFormat, context: int | None, question_id: str, messages: Messages
) -> Prompt:
    """The prompt record of one question; ``problem`` says why it cannot be sampled.

    Args:
        context: longest prompt and answer together, in tokens; None when unknown.
    """
    try:
        rendered = render(chat, messages)
    except ChatFormatError as error:
        refused = f"the chat template refuses the prompt: {error}"
        return Prompt(question_id, _dumps(messages), None, None, None, refused)
    ids = rendered.token_ids
    problem = None
    if ids is not None and context is not None and len(ids) >= context:
        problem = f"its prompt has {len(ids)} tokens, and the model's context ends at {context}"
    count = None if ids is None else len(ids)
    return Prompt(question_id, _dumps(rendered.messages), rendered.text, ids, count, problem)


def chat_template(directory: Path) -> str | None:
    """The checkpoint's chat template, or None when it has none.

    ``chat_template.jinja`` goes before ``tokenizer_config.json``; of several named templates
    the one called ``default`` is taken.
    """
    path = directory / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    found = _json(directory / "tokenizer_config.json").get("chat_template")
    if isinstance(found, list):
        found = {entry["name"]: entry["template"] for entry in found}
    if isinstance(found, dict):
        found = found.get("default")
    return found if isinstance(found, str) else None


class FileFormat:
    """Renders and tokenises from the files of a checkpoint.

    Raises:
        ChatFormatError: there is no chat template, or the tokenizer cannot be loaded.
    """

    def __init__(self, directory: Path) -> None:
        template = chat_template(directory)
        if template is None:
            raise ChatFormatError("the checkpoint has no chat template")
        self._template = compile_template(template)
        self._config = _json(directory / "tokenizer_config.json")
        self._special = _special_tokens(directory, self._config)
        self._tokenizer = _tokenizer(directory, self._config, self._special)

    def render(self, messages: Messages) -> str:
        try:
            return self._template.render(
                messages=messages,
                tools=None,
                documents=None,
                add_generation_prompt=True,
                **self._special,
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise ChatFormatError(str(error)) from error

    def encode(self, text: str) -> list[int] | None:
        if self._tokenizer is None:
            return None
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


class TransformersFormat:
    """Renders and tokenises with ``AutoTokenizer``; imports transformers when made.

    Raises:
        ChatFormatError: the tokenizer cannot be loaded.
    """

    def __init__(self, name: str, revision: str | None) -> None:
        from transformers import AutoTokenizer

        load: Callable[..., Any] = AutoTokenizer.from_pretrained
        try:
            self._tokenizer = load(name, revision=revision)
        except Exception as error:
            raise ChatFormatError(f"its tokenizer cannot be loaded: {error}") from error

    def render(self, messages: Messages) -> str:
        try:
            text = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise ChatFormatError(str(error)) from error
        return str(text)

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, token_ids: list[int]) -> str:
        """Text of sampled tokens, special tokens left out, spaces as they are."""
        text = self._tokenizer.decode(
            token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)


@lru_cache(maxsize=8)
def compile_template(source: str) -> jinja2.Template:
    """A chat template in the environment that transformers gives it.

    Raises:
        ChatFormatError: it is not valid Jinja.
    """
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_GenerationBlock, jinja2.ext.loopcontrols],
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    try:
        return environment.from_string(source)
    except jinja2.TemplateError as error:
        raise ChatFormatError(f"the chat template is not valid: {error}") from error


class _GenerationBlock(jinja2.ext.Extension):
    """``{% generation %}…{% endgeneration %}`` marks answers for training; here, its text alone."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance variable

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)  # noqa: DTZ005 - templates mean the local date


def _dumps(messages: Messages) -> str:
    return json.dumps(messages, ensure_ascii=False)


def _json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when the file is missing."""
    if not path.is_file():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else {}


def _special_tokens(directory: Path, config: dict[str, Any]) -> dict[str, str]:
    """The named special tokens a template may use, by name."""
    given = dict(config)
    if "added_tokens_decoder" not in config:
        given |= _json(directory / "special_tokens_map.json")
    found = {}
    for name in _SPECIAL:
        value = given.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            found[name] = text
    return found


def _tokenizer(
    directory: Path, config: dict[str, Any], special: dict[str, str]
) -> Tokenizer | None:
    from tokenizers import AddedToken, Tokenizer

    path = directory / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # The library raises nothing more special.
        raise ChatFormatError(f"its tokenizer.json cannot be loaded: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = bool(config.get("split_special_tokens"))
    listed = config.get("added_tokens_decoder") or {}
    for _, entry in sorted(listed.items(), key=lambda item: int(item[0])):
        fields = {k: v for k, v in entry.items() if k != "__type"}
        if tokenizer.token_to_id(fields["content"]) is None:
            tokenizer.add_tokens([AddedToken(**fields)])
    for text in special.values():
        if tokenizer.token_to_id(text) is None:
            tokenizer.add_tokens([AddedToken(text, special=True)])
    return tokenizer
