"""GRPO trains on the tokens that were sampled; what has none is tokenised, and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codemix_core.errors import FormatError
from codemix_core.records import Question
from codemix_core.training.group_data import GroupsDataset, groups_dataset
from codemix_core.training.tokenizer import ChatTemplateTokenizer
from tests.training_data import group_row, right_and_wrong, write_groups


@pytest.fixture
def tokenizer(nano_model: Path) -> ChatTemplateTokenizer:
    return ChatTemplateTokenizer(nano_model, 1024)


@pytest.fixture
def sampled(all_nano: list[Question], tokenizer: ChatTemplateTokenizer) -> dict[str, Any]:
    """Three generations, the first two of which are the same tokens."""
    right, wrong = right_and_wrong(all_nano[0])
    answers = [right, right, wrong]
    numbers = [[-0.5 - i] * len(tokenizer.answer_ids(a)) for i, a in enumerate(answers)]
    return group_row(all_nano[0], tokenizer, answers, [1.0, 1.0, 0.0], numbers)


def test_sampled_tokens_are_taken_as_they_are_even_where_the_text_spells_otherwise(
    sampled: Any, tokenizer: ChatTemplateTokenizer, tmp_path: Path
) -> None:
    sampled["token_ids"][2] = [77, 78, 79]  # cut by the sampler: no end of turn, other tokens
    sampled["logprobs"][2] = [-1.0, -2.0, -3.0]
    data = groups_dataset(tokenizer, str(write_groups([sampled], tmp_path / "g.parquet")))
    (group,) = data.groups
    assert group.prompt.tolist() == sampled["prompt_token_ids"]
    assert [group.answers[i].tolist() for i in group.member] == sampled["token_ids"]
    assert [old.tolist() for old in group.old if old is not None] == sampled["logprobs"]
    assert (data.cut, data.left_out, data.tokenised) == (0, 0, 0)
    assert group.advantages.tolist() == sampled["advantages"]


def test_equal_answers_are_one_with_several_members(
    sampled: Any, tokenizer: ChatTemplateTokenizer, tmp_path: Path
) -> None:
    data = GroupsDataset(tokenizer, write_groups([sampled], tmp_path / "g.parquet"))
    assert len(data[0].answers) == 2
    assert data[0].member == (0, 0, 1)
    first, second = data[0].old[:2]
    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == (-0.5, -1.5)


def test_answers_without_tokens_are_tokenised_as_training_does_and_lack_old_values(
    all_nano: list[Question], tokenizer: ChatTemplateTokenizer, sampled: Any, tmp_path: Path
) -> None:
    texts = right_and_wrong(all_nano[0])
    bare = group_row(all_nano[0], tokenizer, texts, [1.0, 0.0], None)
    sampled["token_ids"][0] = None
    sampled["logprobs"][1] = None
    data = GroupsDataset(tokenizer, write_groups([bare, sampled], tmp_path / "g.parquet"))
    assert data[0].prompt.tolist() == sampled["prompt_token_ids"]
    assert [a.tolist() for a in data[0].answers] == [tokenizer.answer_ids(t) for t in texts]
    assert [old is None for old in data[0].old] == [True, True]
    assert [old is None for old in data[1].old] == [True, True, False]
    assert data.tokenised == 3


def test_long_answers_are_cut_and_groups_without_room_left_out(
    sampled: Any, nano_model: Path, tmp_path: Path
) -> None:
    path = write_groups([sampled], tmp_path / "g.parquet")
    prompt = len(sampled["prompt_token_ids"])
    data = GroupsDataset(ChatTemplateTokenizer(nano_model, prompt + 5), path)
    assert [len(a) for a in data[0].answers] == [5] * len(data[0].answers)
    assert [len(old) for old in data[0].old if old is not None] == [5, 5, 5]
    assert data.cut == 3
    with pytest.raises(FormatError, match=r"1 are too long(.|\n)*max_seq_len"):
        GroupsDataset(ChatTemplateTokenizer(nano_model, prompt), path)


def test_a_side_can_be_chosen_and_a_directory_read(
    sampled: Any, tokenizer: ChatTemplateTokenizer, tmp_path: Path
) -> None:
    write_groups([sampled, sampled | {"side": "heldout"}], tmp_path / "a.parquet")
    write_groups([sampled], tmp_path / "b.parquet")
    assert len(GroupsDataset(tokenizer, tmp_path)) == 3
    assert len(GroupsDataset(tokenizer, tmp_path, side="train")) == 2


def test_a_file_of_another_layout_is_refused(
    sampled: Any, tokenizer: ChatTemplateTokenizer, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"messages": ["x"]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    short = sampled | {"rewards": [1.0]}
    torn = sampled | {"logprobs": [[-1.0], *sampled["logprobs"][1:]]}
    for name, words in (
        ("other.parquet", "lacks the columns question_id"),
        ("text.parquet", "cannot be read"),
        ("none.parquet", "cannot be read"),
        (write_groups([short], tmp_path / "short.parquet").name, "lists of lengths"),
        (write_groups([torn], tmp_path / "torn.parquet").name, "1 log-probabilities"),
    ):
        with pytest.raises(FormatError, match=words):
            GroupsDataset(tokenizer, tmp_path / name)
