"""The Questions page's pieces: facts, heat map, table, and one question in full."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core import jobs, stages
from codemix_core.records import Question, Status
from codemix_core.store import Store, export_command
from codemix_core.ui import (
    charts,
    code,
    data,
    forms,
    generation,
    live,
    look,
    quality,
    tables,
    url,
    words,
)
from codemix_core.workspace import QuestionSet, RunDir, Workspace

FILTERS = ("text", "skill", "other_skill", "k", "split", "language", "checked")
SORTS = {
    "": "as imported",
    "question_id": "id",
    "k": "k",
    "tests": "tests",
    "quality": "quality",
    "pass_rate": "pass@1",
}
MOST_LINES = 22
"""Longer gold solutions scroll, so that what follows stays in sight."""
CHECKED = {"ok": "gold passes", "failed": "gold fails", "unchecked": "not checked"}
DETAILS = ("Tests", "Gold's results", "Test quality", "Pass rates so far")


def summary(workspace: Workspace, question_set: QuestionSet) -> None:
    """Counts of the set, the result of its self-check, and the button that runs it."""
    totals = data.set_frame(workspace, "set_totals", question_set.name, None)
    checked, ok = int(totals["checked"].sum()), int(totals["gold_ok"].sum())
    state = look.STATUS[Status.PASSED if ok == checked else Status.FAILED]
    result = (
        look.chip(state, f"{ok:,}/{checked:,}") if checked else look.chip(look.UNSCORED, "not run")
    )
    facts, action = st.columns([5, 2], vertical_alignment="center")
    with facts:
        look.facts(
            {
                "questions": f"{int(totals['questions'].sum()):,}",
                "languages": _counts(totals, "language"),
                "tests": _counts(totals, "framework"),
                "k": _counts(totals, "k"),
                "splits": _counts(totals, "split"),
                "self-check": result,
                "source": escape(Path(str(question_set.info()["source"])).name),
            }
        )
    with action, st.container(horizontal=True, horizontal_alignment="right"):
        warnings(question_set)
        _self_check(workspace, question_set.name, again=bool(checked))


def warnings(question_set: QuestionSet) -> None:
    """What the import noticed and did not refuse."""
    info = question_set.info()
    found = info.get("warnings")
    if not found:
        return
    with st.popover(words.count(len(found), "warning"), icon=":material/warning:", type="tertiary"):
        rows = [[escape(w["where"]), escape(w["what"]), escape(w["fix"])] for w in found[:200]]
        generation.table(["where", "what was noticed", "what to do"], rows)


def _counts(totals: pd.DataFrame, column: str) -> str:
    found = totals.groupby(column)["questions"].sum()
    if len(found) == 1:
        return escape(str(found.index[0]))
    return " · ".join(
        f'{escape(str(name))} <span class="cm-muted">{n:,}</span>' for name, n in found.items()
    )


def _self_check(workspace: Workspace, name: str, *, again: bool) -> None:
    if self_check_run(workspace, name) is not None:
        return
    spec = stages.stage("selfcheck").spec().parse({"questions": name})
    label = "Run the self-check again" if again else "Run the self-check"
    kind: forms.Kind = "tertiary" if again else "primary"
    forms.launch_button(workspace, spec, f"selfcheck-{name}", label, kind=kind, shows=None)


def self_check_run(workspace: Workspace, name: str) -> RunDir | None:
    """The self-check of the set that runs now, or ended badly after the last good one."""
    good = workspace.references(name)
    for run in workspace.runs("selfcheck"):
        if good is not None and run.run_id <= good.run_id:
            return None
        if run.load_spec()["questions"] == name:
            return run if jobs.status(run).state != jobs.State.SUCCEEDED else None
    return None


def skill_names(workspace: Workspace, name: str) -> list[str]:
    """Skills of the set, in alphabetical order."""
    pairs = data.set_frame(workspace, "set_skill_pairs", name, None)
    return sorted(set(pairs["skill"]))


def skill_map(workspace: Workspace, name: str) -> None:
    """Skill × skill counts; a clicked cell becomes the table's filter."""
    pairs = data.set_frame(workspace, "set_skill_pairs", name, None)
    counts = {(r["skill"], r["other_skill"]): int(r["questions"]) for r in data.rows(pairs)}

    def cell(skill: str, other: str) -> tuple[float, str, str] | None:
        if (skill, other) not in counts:
            return None
        number = counts[skill, other]
        what = charts.skill(skill) if skill == other else charts.skill(skill, other)
        return number, str(number), f"<b>{what}</b><br>{words.count(number, 'question')}"

    # The diagonal counts whole skills: far more than any pair, so it must not set the scale.
    top = max((n for (a, b), n in counts.items() if a != b), default=1)
    made = charts.skill_map(
        skill_names(workspace, name), cell, bar_title="questions", low=0, high=top
    )

    def clicked() -> None:
        pair = charts.clicked_pair(st.session_state["skill_map"])
        if pair is not None:
            skill, other = pair
            url.put(skill=skill, other_skill=None if skill == other else other, page=None)

    charts.show(
        made,
        "skill_map",
        "Questions per pair of skills",
        on_select=clicked,
        selection_mode="points",
    )


def filters(workspace: Workspace, name: str) -> dict[str, Any]:
    """The filter widgets, which write to the URL; returns :func:`chosen`."""
    totals = data.set_frame(workspace, "set_totals", name, None)
    skills = skill_names(workspace, name)
    first, second = st.columns(3), st.columns(4)
    clears = ("page",)
    with first[0]:
        url.text("Search id and statement", "text", clears=clears, icon=":material/search:")
    with first[1]:
        url.choice("Skill", "skill", skills, empty="any", format_func=words.skill, clears=clears)
    with first[2]:
        url.choice(
            "and skill", "other_skill", skills, empty="any", format_func=words.skill, clears=clears
        )
    with second[0]:
        url.choice("k", "k", [str(k) for k in sorted(set(totals["k"]))], empty="any", clears=clears)
    with second[1]:
        url.choice("Split", "split", sorted(set(totals["split"])), empty="any", clears=clears)
    with second[2]:
        url.choice(
            "Self-check",
            "checked",
            list(CHECKED),
            empty="any",
            format_func=CHECKED.__getitem__,
            clears=clears,
        )
    with second[3]:
        url.choice(
            "Sort by",
            "sort",
            list(SORTS)[1:],
            empty=SORTS[""],
            format_func=SORTS.__getitem__,
            clears=clears,
        )
    return chosen()


def chosen() -> dict[str, Any]:
    """The parameters of query ``set_page`` that the URL asks for."""
    sort = url.get("sort") or ""
    return {
        "text": url.get("text") or "",
        "skill": url.get("skill") or "",
        "other_skill": url.get("other_skill") or "",
        "k": url.get_int("k") or 0,
        "split": url.get("split") or "",
        "language": "",
        "checked": url.get("checked") or "",
        "sort": sort,
        "descending": sort in ("tests", "pass_rate"),
    }


def table(workspace: Workspace, name: str, scored: str | None) -> None:
    """The questions that match, one page of them; a clicked row opens the question."""
    wanted = filters(workspace, name)
    limit, offset = tables.place()
    page = data.set_frame(workspace, "set_page", name, scored, limit=limit, offset=offset, **wanted)
    if not len(page):
        tables.beyond_last()
        st.caption("No question matches these filters.")
        return
    page["skills_shown"] = page["skills"].map(words.skills)
    page["gold"] = [_gold(row) for row in data.rows(page)]
    page["quality"] = quality.cells(page)
    # In a window of 1280 pixels the columns have 486: what is compared stands at the left.
    columns = {
        "question_id": tables.words_column("question", width=114),
        "skills_shown": tables.words_column("skills", width=106),
        "pass_rate": tables.number("pass@1", "in the newest scored run", "%.2f", width=56),
        "k": tables.number("k", width=28),
        "split": tables.words_column("split", width=62),
        "tests": tables.number("tests", width=42),
        "gold": tables.words_column("self-check", width=76),
        "quality": quality.column(),
        "language": tables.words_column("language", width=62),
    }
    for optional in _without_news(workspace, name, page, scored):
        del columns[optional]
    tables.choose(
        page,
        f"questions-{name}-{offset}-{hash(tuple(page['question_id']))}",
        columns,
        lambda row: url.put(question=row["question_id"]),
    )
    everything = {**wanted, "limit": tables.EVERYTHING, "offset": 0}
    tables.footer(
        f"questions-{name}",
        "question",
        int(page["matching"].iloc[0]),
        lambda: Store(workspace).set_frame("set_page", name, scored, **everything),
        command=export_command(name, "set_page", f"questions-{name}.csv", scored, **everything),
    )


def _without_news(
    workspace: Workspace, name: str, page: pd.DataFrame, scored: str | None
) -> list[str]:
    """Columns that would say the same of every question of the set, or nothing at all."""
    totals = data.set_frame(workspace, "set_totals", name, None)
    same = [column for column in ("split", "language") if totals[column].nunique() == 1]
    same += ["quality"] if page["quality"].isna().all() else []
    return same + ([] if scored else ["pass_rate"])


def _gold(row: dict[str, Any]) -> str:
    """The self-check of one question in a table cell."""
    if pd.isna(row["ok"]):
        return words.EN_DASH
    return look.of_status(row["gold_status"]).label


def detail(workspace: Workspace, name: str, question_id: str, scored: str | None) -> None:
    """One question in full: statement and gold, then tests, gold's results or pass rates."""
    found = data.questions(workspace.question_set(name)).get(question_id)
    if found is None:
        st.warning(words.literal(f"There is no question {question_id!r} in {name}."))
        tables.walk([], question_id, ("detail",))
        return
    everything = {**chosen(), "limit": tables.EVERYTHING, "offset": 0}
    every = data.set_frame(workspace, "set_page", name, scored, **everything)
    tables.walk(list(every["question_id"]), question_id, ("detail",))
    look.heading(words.skills(found.skills))
    _whole(workspace, name, found, scored)


def _whole(workspace: Workspace, name: str, question: Question, scored: str | None) -> None:
    found = quality.fact(workspace, name, question.question_id)
    generation.question_facts(question, quality=found)
    left, right = st.columns(2)
    with left:
        generation.statement(question)
    with right:
        st.caption("Gold solution")
        long = question.gold.count("\n") > MOST_LINES
        code.show(question.gold, question.language, height=440 if long else None)
        if question.reasoning:
            with st.popover("Worked reasoning"):
                look.prose(question.reasoning)
    view = url.segments("Detail", "detail", DETAILS)
    if view == "Tests":
        generation.tests_source(question)
    elif view == "Gold's results":
        _gold_results(workspace, name, question)
    elif view == "Test quality":
        quality.detail(workspace, name, question, scored)
    else:
        history(workspace, name, question.question_id)


def _gold_results(workspace: Workspace, name: str, question: Question) -> None:
    run = workspace.references(name)
    if run is None:
        st.caption("The self-check of this set has not been run.")
        return
    results = data.frame(workspace, "selfcheck", run.run_id)
    mine = results[results["question_id"] == question.question_id]
    if not len(mine):
        st.caption("The self-check has no result for this question.")
        return
    row = mine.iloc[0]
    look.facts(
        {
            "gold solution": look.chip(look.of_status(row["status"])),
            "declared tests": f"{row['declared']:,}",
            "ran for": "" if pd.isna(row["seconds"]) else f"{row['seconds']:.3f} s",
            "limit": f"{row['limit_seconds']:.1f} s, {row['limit_memory_mb']:.0f} MiB",
        }
    )
    if row["message"]:
        st.code(row["message"], language=None, wrap_lines=True)
    generation.test_results(row["tests"], question)


def history(workspace: Workspace, name: str, question_id: str) -> None:
    """The question's pass rate in every scoring run of its set, newest first."""
    rows = []
    for run in data.scoring_runs(workspace):
        if data.set_of(workspace, run.run_id).name != name:
            continue
        found = data.frame(workspace, "question_rate", run.run_id, question_id=question_id).iloc[0]
        if found["n"]:
            sampling = workspace.run(data.sampling_id(workspace, run.run_id))
            value = found["correct"] / found["scored"] if found["scored"] else None
            link = f"/Pass_rates?run={run.run_id}&question={question_id}"
            rows.append(
                [
                    f'<a href="{escape(link)}" target="_self">{look.mono(run.run_id)}</a>',
                    escape(live.title(sampling)),
                    f"{int(found['correct'])} of {int(found['scored'])}",
                    words.rate(value),
                    look.when(words.run_time(run.run_id)),
                ]
            )
    if not rows:
        st.caption("No scoring run has verdicts about this question yet.")
        return
    generation.table(["scoring run", "what", "correct", "pass rate", "when"], rows)
