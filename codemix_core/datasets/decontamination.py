"""How much a dataset overlaps with a question set it must not have seen.

Two measures, per question of the dataset against all questions of the other set:

- **text**: the share of the statement's word n-grams (lower case, punctuation left out) that
  occur in a statement of the other set; statements shorter than n words count as one n-gram;
- **program**: a trained program equals a gold solution of the other set after the names of its
  own are replaced by their order (:func:`codemix_core.selection.programs.anonymous`).

Limits: a paraphrase or a translation is not found. Equal short programs (``return sorted(xs)``)
may be coincidence: the report says which question they belong to, a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from codemix_core.datasets.registry import find
from codemix_core.datasets.rows import read_rows
from codemix_core.records import Question
from codemix_core.sampling.extraction import extract
from codemix_core.selection.programs import anonymous
from codemix_core.workspace import Workspace

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Trained:
    """What a dataset trains on for one question."""

    question_id: str
    language: str
    statement: str
    programs: tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """One question of the dataset that overlaps.

    share: of its n-grams found in the other set, 0 … 1. nearest: the question of the other
    set that shares most of them, or None. same_program: questions with an equal program.
    """

    question_id: str
    share: float
    nearest: str | None
    same_program: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Overlap of a dataset with another question set.

    overlaps: questions with a share of at least ``threshold`` or an equal program, worst first.
    shares: the share of every question of the dataset, in its order.
    """

    dataset: str
    against: str
    n: int
    threshold: float
    questions: int
    by_text: int
    by_program: int
    overlaps: list[Overlap]
    shares: list[float]


def compare(
    trained: Iterable[Trained], others: Iterable[Question], n: int
) -> Iterator[tuple[Overlap, float]]:
    """The overlap of each trained question with the others, and its n-gram share."""
    owners: dict[int, list[int]] = {}
    programs: dict[tuple[str, str], list[str]] = {}
    names = []
    for place, question in enumerate(others):
        names.append(question.question_id)
        for gram in ngrams(question.statement, n):
            owners.setdefault(gram, []).append(place)
        form = anonymous(question.gold, question.language)
        programs.setdefault((question.language, form), []).append(question.question_id)
    for entry in trained:
        grams = ngrams(entry.statement, n)
        hits: dict[int, int] = {}
        found = 0
        for gram in grams:
            if gram in owners:
                found += 1
                for place in owners[gram]:
                    hits[place] = hits.get(place, 0) + 1
        share = found / len(grams) if grams else 0.0
        nearest = names[max(hits, key=lambda place: (hits[place], -place))] if hits else None
        forms = {(entry.language, anonymous(code, entry.language)) for code in entry.programs}
        same = sorted({name for form in forms if form in programs for name in programs[form]})
        yield Overlap(entry.question_id, share, nearest, tuple(same)), share


def report(
    workspace: Workspace, dataset: str, against: str, n: int = 13, threshold: float = 0.5
) -> Report:
    """Compare a dataset with a question set.

    Args:
        dataset: a built dataset. against: a question set.
        n: words per n-gram; 13 is usual for natural text (Brown et al. 2020, arXiv 2005.14165).
        threshold: least share to be listed, 0 … 1.

    Raises:
        NotFoundError: there is no such dataset or question set.
    """
    others = workspace.question_set(against).questions()
    trained = list(_trained(workspace, dataset))
    pairs = list(compare(trained, others, n))
    listed = [found for found, share in pairs if share >= threshold or found.same_program]
    listed.sort(key=lambda o: (-o.share, -len(o.same_program), o.question_id))
    return Report(
        dataset=dataset,
        against=against,
        n=n,
        threshold=threshold,
        questions=len(trained),
        by_text=sum(share >= threshold for _, share in pairs),
        by_program=sum(bool(found.same_program) for found, _ in pairs),
        overlaps=listed,
        shares=[share for _, share in pairs],
    )


def ngrams(text: str, n: int) -> set[int]:
    """Hashes of the word n-grams of a text; all its words when it has fewer than n."""
    words = _WORD.findall(text.lower())
    count = max(1, len(words) - n + 1) if words else 0
    return {hash(tuple(words[start : start + n])) for start in range(count)}


def _trained(workspace: Workspace, dataset: str) -> Iterator[Trained]:
    run, document = find(workspace, dataset)
    name = document["lineage"]["questions"]["name"]
    questions = {q.question_id: q for q in workspace.question_set(name).questions()}
    answers: dict[str, set[str]] = {}
    columns = {"examples": "answer", "pairs": "chosen", "groups": "answers"}
    column = columns[document["kind"]]
    for row in read_rows(run, document["kind"], "train", ["question_id", column]):
        texts = row[column] if isinstance(row[column], list) else [row[column]]
        answers.setdefault(row["question_id"], set()).update(texts)
    for question_id, texts in answers.items():
        question = questions[question_id]
        found = (extract(text, question.language) for text in sorted(texts))
        programs = tuple(code for code in found if code is not None)
        yield Trained(question_id, question.language, question.statement, programs)
