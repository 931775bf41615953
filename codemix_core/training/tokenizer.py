"""A torchtune tokenizer that follows a checkpoint's own chat template.

torchtune 0.6.1 writes each model family's chat format by hand; where that differs from the
checkpoint's template by one token, training sees other tokens than sampling gave, without any
error. Here the prompt is rendered by the template itself, exactly as for sampling.

Guarantees:

- the prompt's tokens are those the sampler was given, generation prompt included, and all of
  them are masked;
- the answer's tokens are those of its text alone (never merged with the prompt's last ones),
  followed by the template's end-of-turn token and nothing after it;
- what is cut at ``max_seq_len`` is cut at the end, and no end-of-turn token is put there: the
  answer did not end where it was cut.

Not guaranteed: that a sampled answer is tokenised as it was sampled. Now and then a model
samples tokens that spell their text in another way than the tokenizer does.

Only the last answer of a conversation is trained on; earlier answers belong to its prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codemix_core.errors import ModelError, Problem

_MARK = "codemixanswer"
"""A word that no chat template writes; used to find what follows an answer."""


class ChatTemplateTokenizer:
    """torchtune's ``ModelTokenizer`` over the tokenizer files of a checkpoint.

    Attributes named as torchtune and its recipes expect them: ``special_tokens``,
    ``max_seq_len``, ``pad_id``, ``eos_id``, ``bos_id``, ``stop_tokens``, ``vocab_size``.
    ``end_of_turn`` holds the ids that close an answer.
    """

    def __init__(self, path: str | Path, max_seq_len: int | None = None) -> None:
        """Load the tokenizer of the checkpoint at ``path``.

        Raises:
            ModelError: it has no tokenizer or chat template, or the template does not close
                answers with a special token.
        """
        from transformers import AutoTokenizer

        where = f"model {path}"
        try:
            load: Any = AutoTokenizer.from_pretrained
            self.hf = load(str(path))
        except (OSError, ValueError) as error:
            fix = "Give a checkpoint directory with its tokenizer files."
            raise ModelError(Problem(where, f"its tokenizer cannot be read: {error}.", fix)) from (
                error
            )
        if not self.hf.chat_template:
            fix = "Use an instruct model, or add a chat_template.jinja."
            raise ModelError(Problem(where, "has no chat template.", fix))
        self.max_seq_len = max_seq_len
        self.special_tokens: dict[str, int] = {
            token.content: index for index, token in self.hf.added_tokens_decoder.items()
        }
        self.bos_id: int | None = self.hf.bos_token_id
        self.end_of_turn = self._end_of_turn(where)
        self.eos_id = self.end_of_turn[-1]
        pad = self.hf.pad_token_id
        self.pad_id: int = self.eos_id if pad is None else pad
        self.stop_tokens = sorted({self.eos_id, self.hf.eos_token_id or self.eos_id})
        self.vocab_size = len(self.hf)

    def encode(self, text: str, add_bos: bool = False, add_eos: bool = False) -> list[int]:
        """Token ids of a text, special tokens in it recognised."""
        ids = list(self.hf(text, add_special_tokens=False)["input_ids"])
        begin = [self.bos_id] if add_bos and self.bos_id is not None else []
        return [*begin, *ids, *(self.end_of_turn if add_eos else [])]

    def decode(self, token_ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of token ids, spaces as they are."""
        text = self.hf.decode(
            token_ids,
            skip_special_tokens=skip_special_tokens,
            clean_up_tokenization_spaces=False,
        )
        return str(text)

    def prompt_text(self, messages: Sequence[Mapping[str, str]]) -> str:
        """A prompt after the chat template, generation prompt included."""
        text = self.hf.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=True
        )
        return str(text)

    def prompt_ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a prompt, as the sampler gives them to the model."""
        return self.encode(self.prompt_text(messages))

    def answer_ids(self, text: str) -> list[int]:
        """Token ids of a finished answer, end of turn included.

        The name of a special token within the answer is text: what was sampled as a special
        token is not in the answer's text at all.
        """
        found = self.hf(text, add_special_tokens=False, split_special_tokens=True)
        return [*found["input_ids"], *self.end_of_turn]

    def tokenize_messages(
        self, messages: Sequence[Any], add_eos: bool = True, **_: Any
    ) -> tuple[list[int], list[bool]]:
        """Tokens of a conversation, and for each whether it is masked (not trained on).

        Args:
            messages: torchtune messages; the last one is the answer when its role is
                ``assistant``, else there is a prompt only.
            add_eos: close the answer with the end-of-turn token.

        Raises:
            ValueError: a message before the answer is to be trained on
                (``train_on_input=True``), which this tokenizer does not do.
        """
        plain = [{"role": m.role, "content": m.text_content} for m in messages]
        has_answer = bool(plain) and plain[-1]["role"] == "assistant"
        prompt = plain[:-1] if has_answer else plain
        if has_answer and any(not m.masked for m in messages[:-1] if m.role != "assistant"):
            raise ValueError("train_on_input is not supported: prompts are always masked")
        ids = self.prompt_ids(prompt)
        mask = [True] * len(ids)
        if has_answer:
            answer = self.answer_ids(plain[-1]["content"])
            answer = answer if add_eos else answer[: -len(self.end_of_turn)]
            ids += answer
            mask += [bool(messages[-1].masked)] * len(answer)
        return ids[: self.max_seq_len], mask[: self.max_seq_len]

    def __call__(self, sample: dict[str, Any], inference: bool = False) -> dict[str, Any]:
        """Replace ``messages`` of a sample by ``tokens`` and ``mask``, torchtune's transform."""
        messages = sample.pop("messages")
        if inference and messages and messages[-1].role == "assistant":
            messages = messages[:-1]
        sample["tokens"], sample["mask"] = self.tokenize_messages(messages)
        return sample

    def _end_of_turn(self, where: str) -> list[int]:
        """Ids from the end of an answer up to the first special token the template writes."""
        user = {"role": "user", "content": "x"}
        turn = [user, {"role": "assistant", "content": _MARK}]
        text = str(self.hf.apply_chat_template(turn, tokenize=False))
        special = set(self.special_tokens.values())
        found: list[int] = []
        for token in self.encode(text.rpartition(_MARK)[2]):
            found.append(token)
            if token in special:
                return found
        what = "its chat template writes no special token after an answer."
        raise ModelError(Problem(where, what, "Mend the template: answers must end somewhere."))


def chat_tokenizer(path: str, max_seq_len: int | None = None) -> ChatTemplateTokenizer:
    """The tokenizer of a checkpoint, as a component for torchtune configurations::

    tokenizer:
      _component_: codemix_core.training.tokenizer.chat_tokenizer
      path: /models/my-checkpoint
    """
    return ChatTemplateTokenizer(path, max_seq_len)
