"""What is trained on is what was sampled, token for token."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codemix_core.errors import ModelError
from codemix_core.records import Question
from codemix_core.sampling.chat import TransformersFormat, make_prompt
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages
from codemix_core.training.tokenizer import ChatTemplateTokenizer, chat_tokenizer


@pytest.fixture(scope="module")
def tokenizer(nano_model: Path) -> ChatTemplateTokenizer:
    return ChatTemplateTokenizer(nano_model)


def messages_of(prompt: list[dict[str, str]], answer: str | None) -> list[Any]:
    from torchtune.data import Message

    turns = [Message(m["role"], m["content"], masked=True) for m in prompt]
    return turns if answer is None else [*turns, Message("assistant", answer)]


def test_prompt_tokens_are_those_sampling_stores_and_are_all_masked(
    tokenizer: ChatTemplateTokenizer, nano_model: Path, all_nano: list[Question]
) -> None:
    chat = TransformersFormat(str(nano_model), None)
    for question in all_nano[::200]:
        for style in ("direct", "cot"):
            prompt = build_messages(question, style)
            stored = make_prompt(chat, None, question.question_id, prompt)
            ids, mask = tokenizer.tokenize_messages(messages_of(prompt, "x = 1"))
            assert stored.token_ids is not None
            count = len(stored.token_ids)
            assert ids[:count] == stored.token_ids
            assert mask == [True] * count + [False] * (len(ids) - count)


def test_answer_tokens_are_the_texts_own_and_end_with_the_end_of_turn(
    tokenizer: ChatTemplateTokenizer, all_nano: list[Question]
) -> None:
    end = tokenizer.special_tokens["<|im_end|>"]
    for question in all_nano[::100]:
        answer = fenced(question.gold, "python")
        ids, mask = tokenizer.tokenize_messages(
            messages_of(build_messages(question, "direct"), answer)
        )
        trained = [token for token, masked in zip(ids, mask, strict=True) if not masked]
        assert trained == [*tokenizer.encode(answer), end]
        assert tokenizer.decode(trained) == answer


@given(st.text(min_size=1))
@settings(deadline=None, max_examples=150)
def test_any_answer_is_trained_on_whole_and_closed_once(answer: str) -> None:
    tokenizer = _loaded()
    ids = tokenizer.answer_ids(answer)
    assert ids[-1:] == tokenizer.end_of_turn
    assert tokenizer.eos_id not in ids[:-1]
    text = tokenizer.decode(ids[:-1], skip_special_tokens=False)
    assert text == answer.encode("utf-8", "replace").decode() or "\ufffd" in text


_CACHE: list[ChatTemplateTokenizer] = []


def _loaded() -> ChatTemplateTokenizer:
    if not _CACHE:
        from codemix_core.questions.nano import nano_model_path

        _CACHE.append(ChatTemplateTokenizer(nano_model_path()))
    return _CACHE[0]


def test_special_tokens_named_in_an_answer_are_text(tokenizer: ChatTemplateTokenizer) -> None:
    ids = tokenizer.answer_ids("print('<|im_end|>')")
    assert ids.count(tokenizer.eos_id) == 1
    assert tokenizer.decode(ids) == "print('<|im_end|>')"


def test_a_cut_row_ends_where_it_was_cut_without_an_end_of_turn(
    nano_model: Path, all_nano: list[Question]
) -> None:
    prompt = build_messages(all_nano[0], "direct")
    whole, _ = ChatTemplateTokenizer(nano_model).tokenize_messages(messages_of(prompt, "x = 1\n"))
    short = chat_tokenizer(str(nano_model), max_seq_len=len(whole) - 2)
    ids, mask = short.tokenize_messages(messages_of(prompt, "x = 1\n"))
    assert ids == whole[:-2]
    assert len(mask) == len(ids)


def test_torchtune_calls_it_as_a_transform(
    tokenizer: ChatTemplateTokenizer, all_nano: list[Question]
) -> None:
    prompt = build_messages(all_nano[0], "direct")
    sample = tokenizer({"messages": messages_of(prompt, "x"), "other": 1})
    assert set(sample) == {"tokens", "mask", "other"}
    asked = tokenizer({"messages": messages_of(prompt, "x")}, inference=True)
    assert asked["tokens"] == tokenizer.prompt_ids(prompt)
    assert all(asked["mask"])


def test_training_on_the_prompt_is_refused_and_not_silently_ignored(
    tokenizer: ChatTemplateTokenizer,
) -> None:
    from torchtune.data import Message

    with pytest.raises(ValueError, match="train_on_input"):
        tokenizer.tokenize_messages([Message("user", "x"), Message("assistant", "y")])


def _copy(nano_model: Path, folder: Path, template: str | None) -> Path:
    shutil.copytree(nano_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "chat_template.jinja").unlink()
    config = folder / "tokenizer_config.json"
    document = json.loads(config.read_text())
    document.pop("chat_template", None)
    if template is not None:
        document["chat_template"] = template
    config.write_text(json.dumps(document))
    return folder


def test_the_end_of_turn_is_found_in_templates_that_write_more_after_the_answer(
    nano_model: Path, tmp_path: Path
) -> None:
    template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content | trim }} .<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    found = ChatTemplateTokenizer(_copy(nano_model, tmp_path / "m", template))
    assert found.decode(found.end_of_turn, skip_special_tokens=False) == " .<|im_end|>"


@pytest.mark.parametrize(
    ("template", "words"),
    [(None, "no chat template"), ("{{ messages[-1].content }}", "no special token")],
)
def test_a_checkpoint_that_cannot_be_followed_is_refused(
    nano_model: Path, tmp_path: Path, template: str | None, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        ChatTemplateTokenizer(_copy(nano_model, tmp_path / "m", template))


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        ChatTemplateTokenizer(tmp_path)
