"""Every format is read back by the library it is for, with the same texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from codemix_core.datasets.checks import RowChecks
from codemix_core.datasets.formats import AUTO, FORMATS, format_for, torchtune_yaml
from codemix_core.errors import SpecError
from codemix_core.records import Question
from codemix_core.sampling.prompts import build_messages

ODD = [
    "plain",
    "ünï 🐍 \u2028 \u00a0",
    "quotes \" \\ ' ```",
    "tabs\tand\r\nlines\n\n",
    "null",
    "123",
    "<|im_end|>{% raw %}",
]


def _rows(nano: list[Question], kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for question, text in zip(nano, ODD, strict=False):
        messages = build_messages(question, "direct")
        messages[1] = {"role": "user", "content": f"{messages[1]['content']} {text}"}
        row: dict[str, Any] = {
            "question_id": question.question_id,
            "side": "train",
            "messages": json.dumps(messages, ensure_ascii=False),
        }
        row |= (
            {"answer": f"answer {text}"}
            if kind == "examples"
            else {"chosen": f"good {text}", "rejected": f"bad {text}"}
        )
        rows.append(row)
    return rows


def _facts(rows: list[dict[str, Any]], kind: str) -> Any:
    checks = RowChecks(kind)
    for row in rows:
        checks.add(row)
    return checks.facts()


class PlainTokenizer:
    """Stands in for a model's: keeps the messages torchtune made of a row."""

    max_seq_len = None

    def tokenize_messages(self, messages: list[Any], **_: Any) -> tuple[list[int], list[bool]]:
        text = json.dumps([[m.role, m.text_content, m.masked] for m in messages])
        return [ord(c) for c in text], [False] * len(text)

    def __call__(self, sample: dict[str, Any], inference: bool = False) -> dict[str, Any]:
        tokens, mask = self.tokenize_messages(sample.pop("messages"))
        return {**sample, "tokens": tokens, "mask": mask}


def _turns(tokens: list[int]) -> list[list[Any]]:
    turns: list[list[Any]] = json.loads("".join(chr(token) for token in tokens))
    return turns


JSON_FORMATS = sorted(name for name, entry in FORMATS.items() if entry.ending == ".json")


@pytest.mark.parametrize("name", [n for n in JSON_FORMATS if FORMATS[n].torchtune])
def test_torchtune_reads_its_formats_by_their_own_configuration_block(
    name: str, nano: list[Question], tmp_path: Path
) -> None:
    from omegaconf import OmegaConf
    from torchtune import config

    entry = FORMATS[name]
    rows = _rows(nano, entry.kind)
    path = tmp_path / f"train{entry.ending}"
    entry.write(rows, path)
    block = yaml.safe_load(torchtune_yaml(entry, str(path), _facts(rows, entry.kind)) or "")
    settings = OmegaConf.create({**block["dataset"], "cache_dir": str(tmp_path / "cache")})
    dataset = config.instantiate(settings, PlainTokenizer())
    assert len(dataset) == len(rows)
    for place, row in enumerate(rows):
        prompt = [[m["role"], m["content"], True] for m in json.loads(row["messages"])]
        loaded = dataset[place]
        if entry.kind == "examples":
            assert _turns(loaded["tokens"]) == [*prompt, ["assistant", row["answer"], False]]
        else:
            for side in ("chosen", "rejected"):
                turns = _turns(loaded[f"{side}_input_ids"])
                assert turns == [*prompt, ["assistant", row[side], False]]


@pytest.mark.parametrize("name", JSON_FORMATS)
def test_datasets_and_json_read_every_json_format_with_the_same_texts(
    name: str, nano: list[Question], tmp_path: Path
) -> None:
    import datasets

    entry = FORMATS[name]
    rows = _rows(nano, entry.kind)
    path = tmp_path / "train.json"
    entry.write(rows, path)
    plain = json.loads(path.read_text(encoding="utf-8"))
    loaded = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert list(loaded) == plain
    text = json.dumps(plain, ensure_ascii=False)
    for row in rows:
        for side in ("answer", "chosen", "rejected"):
            if side in row:
                assert json.dumps(row[side], ensure_ascii=False) in text


def test_trl_fields_are_those_its_trainers_name(nano: list[Question], tmp_path: Path) -> None:
    wanted = {
        "trl_prompt_completion": {"prompt", "completion"},
        "trl_conversational": {"prompt", "completion"},
        "trl_preference": {"prompt", "chosen", "rejected"},
    }
    for name, fields in wanted.items():
        entry = FORMATS[name]
        entry.write(_rows(nano, entry.kind), tmp_path / "x.json")
        rows = json.loads((tmp_path / "x.json").read_text("utf-8"))
        assert all(set(row) == fields for row in rows)


def test_groups_come_back_with_their_lists(tmp_path: Path) -> None:
    import datasets

    row = {
        "question_id": "q é",
        "side": "train",
        "messages": "[]",
        "prompt_token_ids": None,
        "sample_indexes": [0, 2],
        "answers": ["🐍", ""],
        "token_ids": [[1, 2], None],
        "logprobs": [[-0.5, -1.5], None],
        "rewards": [1.0, 0.0],
        "advantages": [1.0, -1.0],
        "unscaled_advantages": [0.5, -0.5],
        "mean_reward": 0.5,
        "std_reward": 0.5,
        "pass_rate": 0.5,
    }
    path = tmp_path / "train.parquet"
    FORMATS["groups"].write([row] * 600, path)
    loaded = datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == 600
    assert loaded[599] == row


def test_no_rows_are_an_empty_array(tmp_path: Path) -> None:
    FORMATS["chat"].write([], tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text()) == []


def test_instruct_refuses_rows_with_different_system_texts(nano: list[Question]) -> None:
    rows = _rows(nano, "examples")
    other = build_messages(nano[0], "direct")
    other[0] = {"role": "system", "content": "another"}
    rows.append({**rows[0], "messages": json.dumps(other)})
    problems = FORMATS["instruct"].misfit(_facts(rows, "examples"))
    assert "different ones" in problems[0].what
    assert FORMATS["chat"].misfit(_facts(rows, "examples")) == []


def test_one_turn_formats_refuse_prompts_of_several_turns() -> None:
    messages = [{"role": r, "content": "x"} for r in ("user", "assistant", "user")]
    rows = [{"question_id": "q", "messages": json.dumps(messages), "answer": "a"}]
    for name in ("instruct", "trl_prompt_completion"):
        assert FORMATS[name].misfit(_facts(rows, "examples"))


def test_auto_and_every_name_lead_to_a_format_of_the_right_rows() -> None:
    for kind in AUTO:
        assert format_for("auto", kind).kind == kind
    for name, entry in FORMATS.items():
        assert format_for(name, entry.kind) is entry
    with pytest.raises(SpecError, match="'chat'; allowed for pairs: auto, preference"):
        format_for("chat", "pairs")


def test_blank_repeated_and_equal_answers_are_found(nano: list[Question]) -> None:
    rows = _rows(nano, "pairs")[:3]
    rows += [rows[0], {**rows[1], "chosen": " \n"}, {**rows[2], "rejected": rows[2]["chosen"]}]
    checks = RowChecks("pairs")
    for row in rows:
        checks.add(row)
    assert checks.document() == {"rows": 6, "blank": 1, "repeated": 1, "same_text": 1}
    whats = [problem.what for problem in checks.problems(FORMATS["preference"])]
    assert len(whats) == 3
