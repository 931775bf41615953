"""How much a dataset overlaps with a question set it must not have seen.

Measures, per question of the dataset against all questions of the other set:

- **share**: of the trained statement's word n-grams (lower case, punctuation left out), how many
  occur in a statement of the other set;
- **contained**: of the n-grams of one question of the other set, how many occur in the trained
  statement; the highest of all questions counts. A benchmark's question inside a longer text
  gives a low share and is contained whole;
- **program**: a trained program equals a gold solution of the other set after the names of its
  own are replaced by their order (:func:`codemix_core.selection.programs.anonymous`).

A statement of fewer than n words is one n-gram of its own length, wherever it is looked for.

Limits: a paraphrase or a translation is not found. A statement of two or three words is
contained in many others, and equal short programs (``return sorted(xs)``) may be coincidence:
the report says which question they belong to, a person decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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

    share: of its n-grams found in the other set, 0 … 1. contained: of the n-grams of a question
    of the other set found in it, 0 … 1, the highest. nearest: the question of the other set
    with the most in common by either measure, or None. same_program: questions with an equal
    program.
    """

    question_id: str
    share: float
    contained: float
    nearest: str | None
    same_program: tuple[str, ...]

    @property
    def worst(self) -> float:
        """The higher one of both shares, which decides whether it is listed."""
        return max(self.share, self.contained)


@dataclass(frozen=True)
class Report:
    """Overlap of a dataset with another question set.

    by_text: questions of which either share is at least ``threshold``.
    overlaps: those, and the questions with an equal program, worst first.
    shares, contained: both shares of every question of the dataset, in its order.
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
    contained: list[float]


class _Grams:
    """The n-grams of the other set's statements, and which of them hold each.

    sizes: number of words of each statement, at most n. counts: number of its n-grams of that
    size.
    """

    def __init__(self, statements: Sequence[str], n: int) -> None:
        self._words = [_words(text) for text in statements]
        self._owners: dict[int, dict[int, list[int]]] = {}
        self.sizes = [min(n, len(words)) for words in self._words]
        self.counts = [
            len(_grams(words, size)) for words, size in zip(self._words, self.sizes, strict=True)
        ]

    def owners(self, size: int) -> dict[int, list[int]]:
        """Every n-gram of a size with the statements that hold it."""
        if size not in self._owners:
            found: dict[int, list[int]] = {}
            for place, words in enumerate(self._words):
                for gram in _grams(words, size):
                    found.setdefault(gram, []).append(place)
            self._owners[size] = found
        return self._owners[size]


def compare(trained: Iterable[Trained], others: Iterable[Question], n: int) -> Iterator[Overlap]:
    """The overlap of each trained question with the others."""
    others = list(others)
    known = _Grams([question.statement for question in others], n)
    programs: dict[tuple[str, str], list[str]] = {}
    for question in others:
        form = anonymous(question.gold, question.language)
        programs.setdefault((question.language, form), []).append(question.question_id)
    for entry in trained:
        share, contained, nearest = _text(entry.statement, known, n)
        forms = {(entry.language, anonymous(code, entry.language)) for code in entry.programs}
        same = sorted({name for form in forms if form in programs for name in programs[form]})
        name = None if nearest is None else others[nearest].question_id
        yield Overlap(entry.question_id, share, contained, name, tuple(same))


def _text(statement: str, known: _Grams, n: int) -> tuple[float, float, int | None]:
    """Both shares of a statement, and the place of the other one that is most like it."""
    words = _words(statement)
    own = min(n, len(words))
    in_common: dict[int, float] = {}
    share = contained = 0.0
    for size in sorted({own, *known.sizes} - {0}):
        owners = known.owners(size)
        found = [owners[gram] for gram in _grams(words, size) if gram in owners]
        hits = Counter(place for places in found for place in places)
        total = len(_grams(words, size))
        if size == own:
            share = len(found) / total
        for place, count in hits.items():
            of_own = count / total if size == own else 0.0
            of_other = count / known.counts[place] if size == known.sizes[place] else 0.0
            contained = max(contained, of_other)
            in_common[place] = max(in_common.get(place, 0.0), of_own, of_other)
    nearest = max(in_common, key=lambda place: (in_common[place], -place)) if in_common else None
    return share, contained, nearest


def report(
    workspace: Workspace, dataset: str, against: str, n: int = 13, threshold: float = 0.5
) -> Report:
    """Compare a dataset with a question set.

    Args:
        dataset: a built dataset. against: a question set.
        n: words per n-gram; 13 is usual for natural text (Brown et al. 2020, arXiv 2005.14165).
        threshold: least share to be listed, of either kind, 0 … 1.

    Raises:
        NotFoundError: there is no such dataset or question set.
    """
    others = workspace.question_set(against).questions()
    trained = list(_trained(workspace, dataset))
    found = list(compare(trained, others, n))
    listed = [o for o in found if o.worst >= threshold or o.same_program]
    listed.sort(key=lambda o: (-o.worst, -len(o.same_program), o.question_id))
    return Report(
        dataset=dataset,
        against=against,
        n=n,
        threshold=threshold,
        questions=len(trained),
        by_text=sum(o.worst >= threshold for o in found),
        by_program=sum(bool(o.same_program) for o in found),
        overlaps=listed,
        shares=[o.share for o in found],
        contained=[o.contained for o in found],
    )


def ngrams(text: str, n: int) -> set[int]:
    """Hashes of the word n-grams of a text; all its words when it has fewer than n."""
    words = _words(text)
    return _grams(words, min(n, len(words)))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _grams(words: Sequence[str], size: int) -> set[int]:
    """Hashes of all runs of ``size`` words; none of a shorter text."""
    count = len(words) - size + 1 if size else 0
    return {hash(tuple(words[start : start + size])) for start in range(count)}


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
