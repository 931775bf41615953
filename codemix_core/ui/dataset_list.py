"""The registry of datasets: what there is, of what, how large, checked or not."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from codemix_core.datasets import registry
from codemix_core.datasets.registry import DatasetInfo
from codemix_core.datasets.rows import SIDES
from codemix_core.ui import look, tables, url, words
from codemix_core.workspace import Workspace

METHODS = {
    "gold_solution": "gold solutions",
    "best_of_n": "best of N",
    "dpo": "DPO pairs",
    "grpo": "GRPO groups",
}


def table(workspace: Workspace, found: list[DatasetInfo]) -> str | None:
    """All datasets as a table; returns the id of the one that is open."""
    known = [info.run_id for info in found]
    wanted = url.get("dataset")
    opened = wanted if wanted in known else known[0]
    if wanted is not None and wanted not in known:
        st.warning(
            words.literal(f"There is no dataset {wanted!r} in this workspace; the newest is shown.")
        )
    frame = pd.DataFrame([_row(workspace, info) for info in found])
    limit, offset = tables.place()
    page = frame.iloc[offset : offset + limit].reset_index(drop=True)
    if not len(page):
        tables.beyond_last()
    columns = {
        "run_id": tables.words_column("dataset", width=230),
        "method": tables.words_column("method", width=110),
        "questions": tables.words_column("questions", width=110),
        "format": tables.words_column("format", width=100),
        "train": tables.number("train", "rows to train on", "localized", width=70),
        "heldout": tables.number("held out", "rows held out", "localized", width=76),
        "size": tables.words_column("size", width=76, alignment="right"),
        "decisions": tables.number("decisions", "of people, applied", width=80),
        "preflight": tables.words_column("preflight", width=130),
        "made": tables.words_column("made", width=96),
    }
    tables.choose(
        page,
        f"datasets-{offset}-{len(frame)}-{hash(tuple(page['preflight']))}",
        columns,
        lambda row: url.put(dataset=row["run_id"], rows=None),
        selected=lambda rows: rows["run_id"] == opened,
    )
    command = "python -m codemix_core datasets --json"
    tables.footer("datasets", "dataset", len(frame), lambda: frame, command=command)
    return opened


def _row(workspace: Workspace, info: DatasetInfo) -> dict[str, object]:
    document = info.document
    row: dict[str, object] = {
        "run_id": info.run_id,
        "size": words.size(info.size_bytes),
        "made": words.ago(info.created_at),
        "preflight": info.state,
    }
    if document is None:
        spec = workspace.run(info.run_id).load_spec()
        return row | {"method": METHODS[spec["method"]]}
    return row | {
        "method": METHODS[document["method"]],
        "questions": document["lineage"]["questions"]["name"],
        "format": document["template"],
        **{side: sum(count for name, count in info.rows.items() if name == side) for side in SIDES},
        "decisions": len(document["annotations"]["applied"]),
        "preflight": _checked(workspace, info.run_id, document),
    }


def _checked(workspace: Workspace, run_id: str, document: dict[str, object]) -> str:
    """The state of the preflight in a word with its sign."""
    checks = registry.preflights(workspace, run_id)
    problems = len(document["problems"])  # type: ignore[arg-type]
    problems += sum(len(checked.report["problems"]) for checked in checks)
    if problems:
        return f"✗ {words.count(problems, 'problem')}"
    return "✓ no problem" if checks else "· not checked"


def lineage(workspace: Workspace, info: DatasetInfo) -> None:
    """Where a dataset comes from, step by step, each a link to its page."""
    document = info.document
    assert document is not None
    source = document["lineage"]
    steps = [
        ("pages/1_Questions.py", f"questions **{source['questions']['name']}**",
         {"set": source["questions"]["name"]}),
    ]  # fmt: skip
    if "sampling" in source:
        model = str(source["sampling"]["spec"]["model"]).rstrip("/").rsplit("/", 1)[-1]
        steps += [
            ("pages/2_Sampling.py", f"sampled from **{model}**",
             {"run": source["sampling"]["run_id"]}),
            ("pages/3_Pass_rates.py", "scored", {"run": source["scoring"]["run_id"]}),
        ]  # fmt: skip
    page, query = _rule_page(document)
    steps.append((page, f"selected by **{METHODS[document['method']]}**", query))
    with st.container(key="loop", horizontal=True, vertical_alignment="center", gap="xsmall"):
        for place, (path, label, query) in enumerate(steps):
            if place:
                st.markdown(":gray[─]", width="content")
            st.page_link(path, label=label, query_params=query)
        st.markdown(":gray[─]", width="content")
        st.html(look.mono(info.run_id), width="content")


def _rule_page(document: dict[str, object]) -> tuple[str, dict[str, str]]:
    """The page with the sliders as this dataset had them."""
    method, rule = str(document["method"]), document["rule"]
    source = document["lineage"]
    assert isinstance(rule, dict)
    assert isinstance(source, dict)
    if method == "gold_solution":
        name = source["questions"]["name"]
        return "pages/4_Best_of_N.py", {"from": "Gold solutions", "set": name}
    query = {"run": source["scoring"]["run_id"]}
    plain = ("strategy", "column", "tie_break")
    numbers = (
        *("minimum_preferred_score", "maximum_dispreferred_score", "margin", "min_score"),
        *("num_preference_pairs_per_question", "picks_per_question", "seed"),
    )
    query |= {name: str(rule[name]) for name in (*plain, *numbers) if name in rule}
    if rule["split"]:
        query["split"] = rule["split"]
    pages = {"dpo": "5_DPO_pairs", "grpo": "5_GRPO_groups", "best_of_n": "4_Best_of_N"}
    return f"pages/{pages[method]}.py", query


def facts(info: DatasetInfo) -> None:
    """Rows, format, split and what people decided, in one row."""
    document = info.document
    assert document is not None
    split = document["split"]
    rows = ", ".join(f"{count:,} {side}" for side, count in info.rows.items())
    left = len(split["left_out"])
    look.facts(
        {
            "rows": f"<b>{escape(rows) or 'none'}</b>",
            "method": escape(METHODS[document["method"]]),
            "format": escape(document["template"]),
            "prompts": escape(document["style"]),
            "held out by": escape(split["way"].replace("_", " ")),
            "questions": _sides(split["questions"]),
            "skill pairs": _sides(split["skill_pairs"]),
            "left out by the split": f"{left:,}" if left else "",
            "without a row": f"{len(document['uncovered']):,} questions",
            "decisions applied": f"{len(document['annotations']['applied']):,}",
            "size": words.size(info.size_bytes),
        }
    )


def _sides(counts: dict[str, int]) -> str:
    held = counts["heldout"]
    return f"{counts['train']:,} train" + (f", {held:,} held out" if held else "")


def known_wrong(workspace: Workspace, info: DatasetInfo) -> None:
    """Problems that block the export, and warnings of the build."""
    document = info.document
    assert document is not None
    run = workspace.run(info.run_id)
    for problem in registry.problems(workspace, run, document):
        st.error(
            f"**{words.literal(problem.where)}** {words.literal(f'{problem.what} {problem.fix}')}",
            icon=":material/block:",
        )
    for text in document["warnings"]:
        st.warning(words.literal(f"{text[:1].upper()}{text[1:]}."), icon=":material/info:")
