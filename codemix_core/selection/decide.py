"""A decision about an answer or a pair, checked against the scoring run it is about.

Guarantees: every fault of it is named and nothing is written for a bad one, so a decision from
the command line is one that a page could have made. Not guaranteed: that a rule makes this pair
or picks this answer; a decision holds for every rule that does.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from codemix_core.errors import InputError, Problem
from codemix_core.records import GENERATIONS, VERDICTS, Status
from codemix_core.selection import annotations as people
from codemix_core.selection.annotations import Action, Annotation, Kind
from codemix_core.workspace import RunDir, Workspace


@dataclass(frozen=True)
class Decision:
    """What is decided: about a pair when ``rejected`` is given, else about a pick."""

    action: Action
    question_id: str
    chosen: int
    rejected: int | None = None
    reason: str = ""

    @property
    def kind(self) -> Kind:
        """``pair`` or ``pick``."""
        return "pick" if self.rejected is None else "pair"

    def command_line(self, run_id: str) -> str:
        """The command that makes this decision, quoted for a POSIX shell."""
        argv = ["python", "-m", "codemix_core", "annotate", run_id, self.action]
        argv += ["--question", self.question_id, "--chosen", str(self.chosen)]
        argv += [] if self.rejected is None else ["--rejected", str(self.rejected)]
        argv += ["--reason", self.reason] if self.reason else []
        return shlex.join(argv)


def scoring_run(workspace: Workspace, run_id: str) -> RunDir:
    """The scoring run of that id.

    Raises:
        InputError: there is none, or it is a run of another stage.
    """
    run = workspace.run(run_id)
    if run.stage != "score":
        what = f"{run_id!r} is a {run.stage} run."
        raise InputError(Problem("run", what, "Give a scoring run, see 'runs --stage score'."))
    return run


def decide(run: RunDir, decision: Decision, *, author: str) -> Annotation:
    """Check a decision about a scoring run and write it.

    Raises:
        InputError: with every problem of it; nothing was written.
    """
    found = problems(run, decision, author=author)
    if found:
        raise InputError(found)
    return people.write(
        run,
        decision.kind,
        decision.action,
        decision.question_id,
        decision.chosen,
        decision.rejected,
        author=author,
        reason=decision.reason,
    )


def problems(run: RunDir, decision: Decision, *, author: str) -> list[Problem]:
    """Everything that is wrong with a decision; empty when it can be written."""
    found = people.problems(
        decision.kind,
        decision.action,
        decision.chosen,
        decision.rejected,
        author,
        decision.reason,
    )
    sampling = run.workspace.run(run.load_spec()["run"])
    known = run.workspace.question_set(sampling.load_spec()["questions"])
    if decision.question_id not in {question.question_id for question in known.questions()}:
        what = f"{known.name!r} has no question {decision.question_id!r}."
        return [*found, Problem("question", what, "Its ids are on the page Questions.")]
    samples = _answers(run, sampling, decision.question_id)
    scores: dict[str, float] = {}
    for name, index in (("chosen", decision.chosen), ("rejected", decision.rejected)):
        if index is None:
            continue
        if index not in samples:
            found.append(_no_sample(name, index, decision.question_id, samples))
        elif decision.action != "note":
            wrong = _unusable(name, index, samples[index])
            found += wrong
            scores |= {} if wrong else {name: float(samples[index]["score"])}
    both = len(scores) == 2 and decision.chosen != decision.rejected
    if both and scores["chosen"] <= scores["rejected"]:
        found.append(_no_gap(decision, scores))
    return found


def _answers(run: RunDir, sampling: RunDir, question_id: str) -> dict[int, dict[str, Any]]:
    """Status, score and whether there is a text, by sample index; both None before a verdict."""
    found: dict[int, dict[str, Any]] = {}
    for directory, table, columns in (
        (sampling, GENERATIONS, ["sample_index", "raw_output"]),
        (run, VERDICTS, ["sample_index", "status", "score"]),
    ):
        for path in directory.shards(table):
            rows = pq.read_table(
                path, columns=columns, filters=[("question_id", "==", question_id)]
            )
            for row in rows.to_pylist():
                mine = found.setdefault(row["sample_index"], {"status": None, "score": None})
                mine |= row
    return found


def _no_sample(
    name: str, index: int, question_id: str, samples: Mapping[int, Mapping[str, Any]]
) -> Problem:
    known = f"{min(samples)} to {max(samples)}" if samples else "none yet"
    what = f"{question_id!r} has no sample {index}."
    return Problem(name, what, f"Its samples: {known}.")


def _unusable(name: str, index: int, answer: Mapping[str, Any]) -> list[Problem]:
    """Why an answer takes no part in any selection."""
    if answer["status"] is None:
        what = f"sample {index} is not scored yet."
        return [Problem(name, what, "Resume the scoring run first.")]
    if answer["status"] == Status.INFRA_ERROR or answer["score"] is None:
        what = f"sample {index} has no score: its scoring ended in {answer['status']}."
        return [Problem(name, what, "Such an answer takes no part; score the run again.")]
    if not str(answer["raw_output"] or "").strip():
        return [Problem(name, f"sample {index} is blank.", "Take an answer with a text.")]
    return []


def _no_gap(decision: Decision, scores: Mapping[str, float]) -> Problem:
    chosen, rejected = scores["chosen"], scores["rejected"]
    what = f"sample {decision.chosen} scores {chosen:.2f}, sample {decision.rejected}"
    what += f" {rejected:.2f}: no rule makes such a pair."
    fix = "Name the pair as a rule makes it, the higher score chosen; 'swap' turns it round."
    return Problem("rejected", what, fix if chosen < rejected else "Take answers of unequal score.")
