"""The Pass rates page's table of questions, and down from there to one generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.records import Question, Status
from codemix_core.store import Store, export_command
from codemix_core.ui import code, data, generation, look, quality, rates, tables, url, words
from codemix_core.workspace import RunDir, Workspace

SORTS = {
    "": "id",
    "pass_rate": "pass rate, low first",
    "-pass_rate": "pass rate, high first",
    "mean_score": "mean score, low first",
    "-programs": "most different programs",
    "k": "k",
}
COMPARE_SORTS = {"-difference": "largest gain", "difference": "largest loss"}
OTHER = "other"
"""URL value of ``of`` while a generation of the run to compare with is shown."""
THIS, THAT = "this run", "other run"
"""What the two sides of a comparison are called."""
CLEARS = ("sample", "of", "view", "about")
"""URL values that belong to one question."""
RAN = (Status.PASSED, Status.FAILED, Status.TIMEOUT, Status.CRASHED, Status.MEMORY_EXCEEDED)
"""Verdicts of programs whose tests began, so that a number of passed tests says something."""
BANDS = {
    "never": (0.0, 0.0),
    "sometimes": (1e-9, 1 - 1e-9),
    "always": (1.0, 1.0),
    "0-0.25": (0.0, 0.25),
    "0.25-0.5": (0.25, 0.5),
    "0.5-0.75": (0.5, 0.75),
    "0.75-1": (0.75, 1.0),
}
"""Bands of pass rate to filter by, both ends included."""


def filters(workspace: Workspace, run: RunDir, other: RunDir | None) -> dict[str, Any]:
    """The filter widgets, which write to the URL; returns :func:`chosen`."""
    shown = rates.overview(workspace, run.run_id)
    skills = [str(name) for name in shown.skills["skill"]]
    columns = st.columns([3.4, 3, 3, 2, 2.4, 3, 2.6, 3])
    clears = ("page",)
    with columns[0]:
        url.text("Search", "text", clears=clears, placeholder="id or statement")
    with columns[1]:
        url.choice("Skill", "skill", skills, empty="any", format_func=words.skill, clears=clears)
    with columns[2]:
        url.choice(
            "and skill", "other_skill", skills, empty="any", format_func=words.skill, clears=clears
        )
    with columns[3]:
        ks = [str(k) for k in shown.ks["k"]]
        url.choice("k", "k", ks, empty="any", clears=clears)
    with columns[4]:
        splits = [str(split) for split in shown.splits["split"]]
        url.choice("Split", "split", splits, empty="any", clears=clears)
    with columns[5]:
        found = [s.value for s in Status if shown.verdicts[s.value]]
        url.choice(
            "Some verdict",
            "status",
            found,
            empty="any",
            clears=clears,
            format_func=lambda name: look.of_status(name).label,
        )
    with columns[6]:
        url.choice(
            "Pass rate",
            "band",
            list(BANDS),
            empty="any",
            clears=clears,
            format_func=lambda name: name.replace("-", words.EN_DASH),
        )
    with columns[7]:
        sorts = {**SORTS, **(COMPARE_SORTS if other else {})}
        url.choice(
            "Sort by",
            "sort",
            [s for s in sorts if s],
            empty=sorts[""],
            clears=clears,
            format_func=sorts.__getitem__,
        )
    return chosen()


def chosen() -> dict[str, Any]:
    """The parameters of query ``question_page`` that the URL asks for."""
    low, high = BANDS.get(url.get("band") or "", (0.0, 1.0))
    sort = url.get("sort") or "question_id"
    return {
        "text": url.get("text") or "",
        "skill": url.get("skill") or "",
        "other_skill": url.get("other_skill") or "",
        "k": url.get_int("k") or 0,
        "split": url.get("split") or "",
        "status": url.get("status") or "",
        "low": low,
        "high": high,
        "sort": sort.removeprefix("-"),
        "descending": sort.startswith("-"),
    }


def table(workspace: Workspace, run: RunDir, other: RunDir | None) -> None:
    """The questions that match, one page of them; a clicked row opens the question."""
    wanted = filters(workspace, run, other)
    baseline = other.run_id if other else None
    limit, offset = tables.place()
    page = data.frame(
        workspace,
        "question_page",
        run.run_id,
        baseline=baseline,
        limit=limit,
        offset=offset,
        **wanted,
    )
    if not len(page):
        tables.beyond_last()
        st.caption("No question matches these filters.")
        return
    page["skills_shown"] = page["skills"].map(words.skills)
    page["correct_of"] = [
        words.tests_passed(*pair) for pair in zip(page["correct"], page["scored"], strict=True)
    ]
    page["quality"] = quality.cells(page)
    columns: dict[str, Any] = {
        "question_id": tables.words_column("question", width=208),
        "skills_shown": tables.words_column("skills", width=188),
        "k": tables.number("k", width=36),
        "split": tables.words_column("split", width=68),
        "correct_of": tables.words_column(
            "correct",
            "answers with score 1, of those with a verdict that counts",
            width=68,
            alignment="right",
        ),
        "pass_rate": tables.share_bar("pass rate", "correct ÷ scored"),
    }
    if baseline is not None:
        # Before what is not compared, so that a window of 1280 pixels shows it.
        columns["baseline_rate"] = tables.number(
            "other", "pass rate in the other run", "%.2f", width=56
        )
        columns["difference"] = tables.number("difference", "this − other", "%+.2f", width=80)
    columns |= {
        "mean_score": tables.number("mean score", "mean share of tests passed", "%.2f", width=86),
        "programs": tables.number("programs", "different programs", width=76),
        "quality": quality.column(),
    }
    for optional in ("split", "quality"):
        if page[optional].isna().all():
            del columns[optional]
    tables.choose(
        page,
        f"rates-{run.run_id}-{offset}-{hash(tuple(page['question_id']))}",
        columns,
        lambda row: url.put(question=row["question_id"], sample=None, of=None),
    )
    everything = {**wanted, "limit": tables.EVERYTHING, "offset": 0}
    tables.footer(
        f"questions-{run.run_id}",
        "question",
        int(page["matching"].iloc[0]),
        lambda: Store(workspace).frame("question_page", run.run_id, baseline, **everything),
        command=export_command(
            run.run_id, "question_page", f"questions-{run.run_id}.csv", baseline, **everything
        ),
    )


def question(workspace: Workspace, run: RunDir, other: RunDir | None, question_id: str) -> None:
    """One question: statement, tests, gold, and its generations grouped by identical program."""
    found = data.questions(data.set_of(workspace, run.run_id)).get(question_id)
    if found is None:
        st.warning(
            words.literal(f"There is no question {question_id!r} in this run's question set.")
        )
        tables.walk([], question_id, CLEARS)
        return
    every = data.frame(
        workspace,
        "question_page",
        run.run_id,
        baseline=other.run_id if other else None,
        **{**chosen(), "limit": tables.EVERYTHING, "offset": 0},
    )
    tables.walk(list(every["question_id"]), question_id, CLEARS, resets=("sample", "of"))
    sides = [Side(run, _programs(workspace, run, question_id), None)]
    if other is not None:
        sides.append(Side(other, _programs(workspace, other, question_id), OTHER))
    look.heading(words.skills(found.skills))
    name = data.set_of(workspace, run.run_id).name
    quality_fact = quality.fact(workspace, name, question_id)
    generation.question_facts(found, **_rates(sides), quality=quality_fact)
    _about(found)
    _groups(workspace, sides, found)


@dataclass(frozen=True)
class Side:
    """What one of the runs looked at has for the question.

    groups: query ``program_groups``.
    key: the URL value of ``of`` while a generation of this side is shown.
    """

    run: RunDir
    groups: pd.DataFrame
    key: str | None

    @property
    def counted(self) -> tuple[int, int]:
        """Correct and scored answers."""
        counts = self.groups[self.groups["score"].notna()]
        correct = int(counts.loc[counts["score"] == 1, "count"].sum())
        return correct, int(counts["count"].sum())

    @property
    def rate(self) -> float | None:
        """The pass rate; None while nothing is scored."""
        correct, scored = self.counted
        return correct / scored if scored else None


def _programs(workspace: Workspace, run: RunDir, question_id: str) -> pd.DataFrame:
    return data.frame(workspace, "program_groups", run.run_id, question_id=question_id)


def _rates(sides: Sequence[Side]) -> dict[str, str]:
    """Correct answers of each side; with two of them both pass rates and the difference."""
    texts = ["{} of {} scored".format(*side.counted) for side in sides]
    if len(sides) == 1:
        return {"correct": texts[0]}
    facts = {
        label: f"<b>{words.rate(side.rate)}</b> · {text}"
        for label, side, text in zip((THIS, THAT), sides, texts, strict=True)
    }
    mine, theirs = (side.rate for side in sides)
    if mine is not None and theirs is not None:
        facts["difference"] = words.signed(mine - theirs)
    return facts


def _about(found: Question) -> None:
    about = url.segments("About the question", "about", ("Statement", "Gold", "Unit tests"))
    if about == "Statement":
        generation.statement(found)
    elif about == "Gold":
        code.show(found.gold, found.language)
    else:
        generation.tests_source(found)


def _groups(workspace: Workspace, sides: Sequence[Side], found: Question) -> None:
    """The groups of identical programs of each side at the left, one generation at the right."""
    asked = sides[-1] if url.get("of") == OTHER else sides[0]
    sample = url.get_int("sample")
    if sample is None:
        asked = next((side for side in (asked, *sides) if len(side.groups)), asked)
        sample = int(asked.groups["sample_index"].iloc[0]) if len(asked.groups) else 0
    mine = [sample in set(indexes) for indexes in asked.groups["sample_indexes"]]
    *lists, right = st.columns([2, 7] if len(sides) == 1 else [2, 2, 6], gap="medium")
    for side, column in zip(sides, lists, strict=True):
        with column:
            _group_list(side, mine if side is asked else [False] * len(side.groups), sides)
    with right:
        if not any(mine):
            told = f"{asked.run.run_id} has no generation {found.question_id} #{sample}."
            st.warning(words.literal(told))
            return
        _same(list(asked.groups["sample_indexes"].iloc[mine.index(True)]), sample)
        _generation(workspace, asked, found, sample)


def _group_list(side: Side, chosen: Sequence[bool], sides: Sequence[Side]) -> None:
    """The programs of one side, as tall as the longer list."""
    if len(sides) > 1:
        name = THIS if side.key is None else THAT
        look.heading(name.capitalize(), words.count(len(side.groups), "program"))
    else:
        look.heading("Programs", f"{len(side.groups)} different")
    tall = max((len(each.groups) for each in sides), default=1)
    with st.container(gap="xxsmall", height=min(620, 48 * tall + 24), border=False):
        for row, on in zip(data.rows(side.groups), chosen, strict=True):
            _group_button(row, on, side.key)


def _generation(workspace: Workspace, side: Side, found: Question, sample: int) -> None:
    run_id, asked = side.run.run_id, {"question_id": found.question_id}
    row = data.frame(workspace, "generation", run_id, sample_index=sample, **asked).iloc[0]
    prompts = data.frame(workspace, "prompt", run_id, **asked)
    generation.show(run_id, row, found, dict(prompts.iloc[0]) if len(prompts) else None)


def group_label(row: dict[str, Any]) -> str:
    """``✓ passed 6/6``: the verdict of a group of identical programs."""
    shown = look.of_status(None if pd.isna(row["status"]) else row["status"])
    if row["status"] not in RAN:
        return shown.label
    return f"{shown.label} {words.tests_passed(row['passed'], row['declared'])}"


def _group_button(row: dict[str, Any], chosen: bool, key: str | None) -> None:
    """``×17 ✓ passed 6/6`` as a button that shows the group's first generation."""
    st.button(
        f"**{words.TIMES}{row['count']}**  {group_label(row)}",
        key=f"group-{key or ''}{row['sample_index']}",
        type="primary" if chosen else "secondary",
        width="stretch",
        on_click=_open,
        args=(int(row["sample_index"]), key),
    )


def _open(sample: int, key: str | None) -> None:
    url.put(sample=sample, of=key)


def _same(indexes: Sequence[int], sample: int) -> None:
    """All generations with this program; each has a link of its own."""
    numbers = [int(index) for index in indexes]
    if len(numbers) == 1:
        return
    shown = sample if sample in numbers else numbers[0]
    label = f"{words.count(len(numbers), 'generation')} with exactly this program"
    chosen = st.selectbox(
        label,
        numbers,
        index=numbers.index(shown),
        format_func=lambda n: f"sample {n}",
        key=f"same-{escape(str(numbers[0]))}-{shown}",
    )
    if chosen != shown:
        url.put(sample=chosen)
        st.rerun()
