"""An evaluation as one HTML file: no script, no network, readable for as long as browsers are.

Guarantees: every text from the workspace is escaped; the same evaluation gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from codemix_core.evaluation import headline, svg
from codemix_core.evaluation.compare import ALONE
from codemix_core.evaluation.summary import GROUPINGS

Document = dict[str, Any]
DASH = "–"
KINDS = {"better": "up", "worse": "down"}
GROUP_TITLES = {"skill": "Skills", "k": "Number of skills", "split": "Splits"}

STYLE = """
:root { color-scheme: light dark; --muted: light-dark(#5d6776, #9aa4b2);
  --border: light-dark(#d9dee6, #36404d); --soft: light-dark(#f4f6f9, #1e242d);
  --up: light-dark(#1a7f4b, #5fc992); --down: light-dark(#c1272d, #f07f7f);
  --one: #d08700; --two: #4f7fe0; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto;
  padding: 0 1.2rem; color: light-dark(#1d2430, #e4e8ee); background: light-dark(#fff, #14181f); }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
.muted { color: var(--muted); } .up { color: var(--up); } .down { color: var(--down); }
.headline { font-size: 1.15rem; font-weight: 600; } code { overflow-wrap: anywhere; }
.warning { border-left: 3px solid #cf7f24; padding: .2rem .7rem; background: var(--soft); }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th { text-align: right; font-weight: 550; color: var(--muted); }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--border); }
td { text-align: right; } th:first-child, td:first-child, td.text { text-align: left; }
.scroll { overflow-x: auto; } summary { cursor: pointer; }
svg text { font: 11px system-ui, sans-serif; fill: var(--muted); }
svg text.in { fill: light-dark(#1d2430, #e4e8ee); font-size: 9.5px; }
.grid, .zero { stroke: var(--border); } .curve { fill: none; stroke-width: 2; }
.curve.one { stroke: var(--one); } .curve.two { stroke: var(--two); } .band { opacity: .18; }
.band.one, .dot.one { fill: var(--one); } .band.two, .dot.two { fill: var(--two); }
.range { stroke-width: 2; stroke: var(--muted); } .range.up { stroke: var(--up); }
.range.down { stroke: var(--down); } .dot.none { fill: var(--muted); } .dot.up { fill: var(--up); }
.dot.down { fill: var(--down); } .cell { fill: light-dark(#e6e9ee, #2a313c); }
.cell.up { fill: light-dark(#9bd6b6, #24603f); } .cell.down { fill: light-dark(#f2b4b4, #7c3a41); }
.key::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .35em;
  border-radius: 2px; background: var(--one); } .key.two::before { background: var(--two); }
"""


def page(document: Document) -> str:
    """The whole file of an evaluation's document."""
    names = {role: escape(document[role]) for role in ("model", "baseline")}
    title = f"{names['model']} against {names['baseline']} on {escape(document['question_set'])}"
    settings = document["settings"]
    how = (
        f"{document['style']} prompts, {settings['n']} answers per question, temperature"
        f" {settings['temperature']:g}, top-p {settings['top_p']:g}, at most"
        f" {settings['max_tokens']:,} tokens, seed {settings['seed']}"
    )
    body = [
        f"<h1>{title}</h1>",
        (
            f'<p class="muted">{escape(how)}<br>{escape(document["run"])}<br>'
            f"<code>{escape(document['command'])}</code></p>"
        ),
        *(f'<p class="warning">{escape(text)}</p>' for text in document["warnings"]),
        *(_part(part, names) for part in document["parts"]),
        (
            f'<p class="muted">[…]: {escape(document["interval_method"])}; differences are paired'
            " by question. A difference whose interval holds zero is no difference.</p>"
        ),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _part(part: headline.Part, names: dict[str, str]) -> str:
    comparison = part["comparison"]
    found = headline.first(part)
    kind = KINDS.get(found["finding"], "") if found else ""
    pieces = [
        f"<h2>{escape(part['title'])}</h2>",
        f'<p class="headline {kind}">{escape(part["headline"])}</p>',
        (
            f'<p class="muted">{comparison["common_questions"]:,} questions:'
            f" {comparison['won']:,} won, {comparison['lost']:,} lost,"
            f" {comparison['same']:,} the same.</p>"
        ),
        svg.ladder([("one", part["baseline"]["pass_at_k"]), ("two", part["model"]["pass_at_k"])]),
        (
            f'<p><span class="key">{names["baseline"]}</span>'
            f' &emsp; <span class="key two">{names["model"]}</span></p>'
        ),
        _figures(comparison),
        "<h3>Verdicts, share of the answers</h3>",
        _shares(comparison["verdict_shift"]),
        *(_groups(comparison, by) for by in GROUP_TITLES if len(comparison[f"by_{by}"]) > 1),
        "<h3>Pairs of skills, difference in pass@1 in percentage points</h3>",
        f'<div class="scroll">{svg.pair_map(comparison["by_skill_pair"])}</div>',
        f'<p class="muted">Coloured where a difference can be told. {ALONE}</p>',
        *(_questions(part, outcome) for outcome in ("won", "lost")),
    ]
    return "\n".join(pieces)


def _figures(comparison: Document) -> str:
    rows = [_figure(row, 3) for row in comparison["differences"]]
    return _table(
        ["", "baseline", "model", "difference", "finding"],
        [*rows, _figure(comparison["tokens_per_answer"], 1)],
    )


def _figure(row: Document, digits: int) -> list[str]:
    kind = KINDS.get(row["finding"], "")
    return [
        escape(row["name"]),
        _number(row["baseline"], digits),
        _number(row["run"], digits),
        escape(headline.change(row["difference"], digits)),
        f'<span class="{kind}">{escape(row["finding"])}</span>',
    ]


def _shares(rows: Iterable[Document]) -> str:
    shown = [
        _figure({**row, "name": row["name"].replace("_", " ")}, 3)
        for row in rows
        if row["run"] or row["baseline"]
    ]
    return _table(["verdict", "baseline", "model", "difference", "finding"], shown)


def _groups(comparison: Document, by: str) -> str:
    rows = comparison[f"by_{by}"]
    ends = [abs(row[end]) for row in rows for end in ("low", "high") if row[end] is not None]
    ends += [abs(row["difference"]) for row in rows if row["difference"] is not None]
    reach = max(ends, default=0.0) or 1.0
    ordered = sorted(rows, key=lambda row: -(row["difference"] or 0.0)) if by == "skill" else rows
    shown = [
        [
            *(escape(str(row[name]).replace("_", " ")) for name in GROUPINGS[by]),
            f"{row['questions']:,}",
            _number(row["baseline"], 3),
            _number(row["run"], 3),
            escape(headline.change({**row, "value": row["difference"]})),
            svg.whisker(row, reach),
            f'<span class="{KINDS.get(row["finding"], "")}">{escape(row["finding"])}</span>',
        ]
        for row in ordered
    ]
    heads = [*GROUPINGS[by], "questions", "baseline", "model", "difference", "", "finding"]
    return f"<h3>{GROUP_TITLES[by]}, pass@1</h3>{_table(heads, shown)}"


def _questions(part: headline.Part, outcome: str) -> str:
    rows = [row for row in part["comparison"]["outcomes"] if row["outcome"] == outcome]
    if outcome == "lost":
        rows.reverse()
    skills = {row["question_id"]: row["skills"] for row in part["model"]["by_question"]}
    shown = [
        [
            f"<code>{escape(row['question_id'])}</code>",
            escape(" × ".join(name.replace("_", " ") for name in skills[row["question_id"]])),
            _number(row["baseline"], 2),
            _number(row["run"], 2),
            escape(headline.signed(row["difference"], 2)),
        ]
        for row in rows
    ]
    table = _table(["question", "skills", "baseline", "model", "difference"], shown, text=(1,))
    return f"<details><summary>{len(rows):,} questions {outcome}</summary>{table}</details>"


def _number(value: float | None, digits: int) -> str:
    return DASH if value is None else f"{value:,.{digits}f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], text: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; columns in ``text`` are set left."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=text' if place in text else ''}>{cell}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
