"""Whether training would see the tokens that sampling gave.

The prompts of a sampling run are stored with their token ids, and so are the answers. Where the
model to be trained has the vocabulary of the model that was sampled, rendering a prompt for
training must give the stored ids; where it does not, log-probabilities are about another text
(in one run sampled answers at −0.03 nats per token read −5.2 under the trainer) and the run is
destroyed without an error.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from codemix_core.datasets.rows import read_rows
from codemix_core.errors import Problem
from codemix_core.records import GENERATIONS, PROMPTS
from codemix_core.workspace import RunDir, Workspace

LOOKED_AT = 256
"""Prompts and answers compared."""
LEAST_SAME_ANSWERS = 0.9
"""A smaller share of answers with the sampled tokens blocks the export."""


@dataclass(frozen=True)
class Comparison:
    """Prompts and answers compared with what was sampled.

    same_vocabulary: the tokenizer reads the stored prompts as they were rendered; None when
    nothing is stored to compare with. same_model: the model to be trained has the name of the
    one that was sampled. example: the first prompt that differs, as text.
    """

    prompts: int = 0
    same_prompts: int = 0
    answers: int = 0
    same_answers: int = 0
    same_vocabulary: bool | None = None
    same_model: bool = False
    example: str | None = None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def problems(self) -> list[Problem]:
        """Same vocabulary, other prompt or answer tokens; or a model that changed."""
        if self.same_vocabulary is False and self.same_model:
            what = "the answers were sampled from this model with another tokenizer."
            return [Problem("model", what, "It has changed since: sample again.")]
        if not self.same_vocabulary:
            return []
        return [*self._other_prompts(), *self._other_answers()]

    def _other_prompts(self) -> list[Problem]:
        if self.same_prompts == self.prompts:
            return []
        different = self.prompts - self.same_prompts
        what = (
            f"{different} of {self.prompts} prompts are not tokenised as they were sampled,"
            f" first {self.example!r}."
        )
        fix = "Train the model with the chat template it was sampled with."
        return [Problem("chat template", what, fix)]

    def _other_answers(self) -> list[Problem]:
        """Mostly another end of the turn: a model trained on it does not learn when to stop."""
        if self.same_answers >= LEAST_SAME_ANSWERS * self.answers:
            return []
        share = self.same_answers / self.answers
        what = f"only {share:.0%} of {self.answers} answers have the tokens that were sampled."
        fix = "Train with the end of turn and the tokenizer it was sampled with."
        return [Problem("answers", what, fix)]

    def warnings(self) -> list[str]:
        """What does not block but should be known."""
        if self.same_vocabulary is None:
            return ["no sampled tokens are stored: tokens cannot be compared with sampling"]
        if not self.same_vocabulary:
            return (
                []
                if self.same_model
                else ["the answers were sampled by a model with another vocabulary (off-policy)"]
            )
        return []


def compare_with_sampled(
    workspace: Workspace, dataset: RunDir, document: dict[str, Any], tokenizer: Any, model: str
) -> Comparison:
    """Compare some prompts and answers of a dataset with its sampling run.

    Args:
        model: name of the model to be trained.
        tokenizer: a :class:`codemix_core.training.tokenizer.ChatTemplateTokenizer`.
    """
    if "sampling" not in document["lineage"]:
        return Comparison()
    sampling = workspace.run(document["lineage"]["sampling"]["run_id"])
    used = {
        row["question_id"] for row in read_rows(dataset, document["kind"], None, ["question_id"])
    }
    stored = [
        row
        for row in sampling.read(
            PROMPTS, ["question_id", "messages", "rendered", "token_ids"]
        ).to_pylist()
        if row["token_ids"] is not None and row["question_id"] in used
    ][:LOOKED_AT]
    if not stored:
        return Comparison()
    vocabulary = all(
        tokenizer.decode(row["token_ids"], skip_special_tokens=False) == row["rendered"]
        for row in stored[:16]
    )
    other = [
        row
        for row in stored
        if tokenizer.prompt_ids(json.loads(row["messages"])) != row["token_ids"]
    ]
    answers, same = (0, 0) if not vocabulary else _answers(sampling, tokenizer)
    example = tokenizer.prompt_text(json.loads(other[0]["messages"]))[:200] if other else None
    return Comparison(
        prompts=len(stored),
        same_prompts=len(stored) - len(other),
        answers=answers,
        same_answers=same,
        same_vocabulary=vocabulary,
        same_model=sampling.load_spec()["model"] == model,
        example=example,
    )


def _answers(sampling: RunDir, tokenizer: Any) -> tuple[int, int]:
    """Finished answers looked at, and those whose text gives the sampled tokens again."""
    import pyarrow.parquet as pq

    columns = ["raw_output", "token_ids", "finish_reason"]
    rows = (
        row
        for path in sampling.shards(GENERATIONS)
        for batch in pq.ParquetFile(path).iter_batches(LOOKED_AT, columns=columns)
        for row in batch.to_pylist()
        if row["token_ids"] is not None and row["finish_reason"] == "stop"
    )
    looked = list(islice(rows, LOOKED_AT))
    same = sum(tokenizer.answer_ids(row["raw_output"]) == row["token_ids"] for row in looked)
    return len(looked), same
