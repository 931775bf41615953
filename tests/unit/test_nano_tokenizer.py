"""The bundled model's tokenizer, as trained and as ``AutoTokenizer`` loads it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codemix_core.questions.nano import nano_model_path
from codemix_core.records import Question
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages

LIMIT_BYTES = 5_000_000
TEXTS = st.text() | st.text(alphabet=" \n\r\t'`#<|>_=[](){}:%*-+.,0123456789abxsdefreturnSstép")


def _load() -> tuple[Any, Any]:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    folder = nano_model_path()
    raw = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return AutoTokenizer.from_pretrained(folder), raw


LOADED, TRAINED = _load()


def ids(text: str) -> list[int]:
    found: list[int] = LOADED.encode(text, add_special_tokens=False)
    return found


def answers(question: Question) -> list[str]:
    block = fenced(question.gold, "python")
    return [block, f"{question.reasoning}\n\n{block}"]


def rendered(question: Question, style: str) -> str:
    text: str = LOADED.apply_chat_template(
        build_messages(question, style), tokenize=False, add_generation_prompt=True
    )
    return text


def test_the_bundled_model_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in nano_model_path().iterdir()}
    assert sum(files.values()) <= LIMIT_BYTES
    assert files.keys() >= {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    }


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_any_text_is_encoded_after_loading_as_it_was_in_training(text: str) -> None:
    assert ids(text) == TRAINED.encode(text, add_special_tokens=False).ids


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    assert LOADED.decode(ids(text), skip_special_tokens=False) == text


def test_prompts_and_answers_are_encoded_after_loading_as_in_training(
    all_nano: list[Question],
) -> None:
    for question in all_nano[::3]:
        for style, answer in zip(("direct", "cot"), answers(question), strict=True):
            text = rendered(question, style) + answer + "<|im_end|>"
            assert ids(text) == TRAINED.encode(text, add_special_tokens=False).ids


def test_every_answer_comes_back_from_its_tokens_and_is_short(all_nano: list[Question]) -> None:
    for question in all_nano:
        for answer in answers(question):
            tokens = ids(answer)
            assert LOADED.decode(tokens) == answer
            assert len(tokens) < 160


def test_an_answer_has_the_same_tokens_alone_and_after_its_prompt(
    all_nano: list[Question],
) -> None:
    for question in all_nano[::20]:
        for style, answer in zip(("direct", "cot"), answers(question), strict=True):
            prompt = rendered(question, style)
            assert ids(prompt + answer + "<|im_end|>") == ids(prompt) + ids(answer + "<|im_end|>")


def test_the_words_of_questions_are_whole_tokens(all_nano: list[Question]) -> None:
    statements = " ".join(q.statement for q in all_nano)
    assert len(ids(statements)) < 1.25 * len(statements.split())


def test_the_generation_prompt_opens_the_assistants_turn_and_nothing_else() -> None:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    bare = LOADED.apply_chat_template(messages, tokenize=False)
    ready = LOADED.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert bare == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
    assert ready == bare + "<|im_start|>assistant\n"
    opening = LOADED.convert_ids_to_tokens(ids("<|im_start|>assistant\n"))
    assert opening == ["<|im_start|>", "assistant", "Ċ"]


def test_a_finished_turn_ends_with_the_token_that_stops_generation() -> None:
    config = json.loads((nano_model_path() / "config.json").read_text())
    generation = json.loads((nano_model_path() / "generation_config.json").read_text())
    end = LOADED.convert_tokens_to_ids("<|im_end|>")
    assert config["eos_token_id"] == generation["eos_token_id"] == LOADED.eos_token_id == end
    assert config["vocab_size"] == len(LOADED)
    text = LOADED.apply_chat_template([{"role": "assistant", "content": "A"}], tokenize=False)
    assert text.removesuffix("\n").endswith("A<|im_end|>")


def test_special_tokens_are_single_tokens_and_left_out_of_answers() -> None:
    for token in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"):
        assert len(ids(token)) == 1
        assert LOADED.decode(ids(f"a{token}"), skip_special_tokens=True) == "a"


def test_every_prompt_with_the_longest_answer_fits_the_context(all_nano: list[Question]) -> None:
    config = json.loads((nano_model_path() / "config.json").read_text())
    longest = max(len(ids(rendered(q, "cot"))) for q in all_nano)
    assert config["max_position_embeddings"] >= 1024
    assert longest + 512 <= config["max_position_embeddings"]
