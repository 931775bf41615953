"""Numbers, times and sizes as a person reads them. Pure functions, no streamlit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
EN_DASH, MINUS, TIMES, APPROXIMATELY = "–", "−", "×", "≈"


_MARKUP = re.compile(
    r"[\\`*{}\[\]<>$~|]|&(?=[#\w]+;)|:(?=\w)|(?<!\w)_|_(?!\w)|^[-+=#]|^\d+[.)](?= |$)",
    re.MULTILINE,
)
"""What Markdown, or streamlit's own shorthands such as ``:red[…]``, would read as markup."""


def literal(text: str) -> str:
    """Markdown that shows a text as it stands: paths, ids and messages hold ``*``, ``_``, ``$``."""
    return _MARKUP.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text).replace("\n", "  \n")


def count(number: float, noun: str = "", plural: str | None = None) -> str:
    """``1,234 generations``; the noun takes its plural unless the number is 1."""
    shown = f"{int(number):,}"
    if not noun:
        return shown
    return f"{shown} {noun if int(number) == 1 else plural or noun + 's'}"


def share(value: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage; ``–`` when unknown."""
    if value is None or value != value:
        return EN_DASH
    least = 10.0**-digits
    return f"<{least:g}%" if 0 < 100 * value < least / 2 else f"{100 * value:.{digits}f}%"


def rate(value: float | None, digits: int = 2) -> str:
    """A rate in [0, 1] with fixed digits; ``–`` when unknown."""
    return EN_DASH if value is None or value != value else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 2) -> str:
    """A difference with its sign, with a real minus."""
    if value is None or value != value:
        return EN_DASH
    text = f"{value:+.{digits}f}"
    return text.replace("-", MINUS)


def interval(low: float, high: float, digits: int = 2) -> str:
    """``[0.57, 0.63]``."""
    return f"[{low:.{digits}f}, {high:.{digits}f}]".replace("-", MINUS)


def per_second(value: float | None, unit: str) -> str:
    """``312 samples/s``; empty when unknown."""
    if value is None:
        return ""
    digits = 0 if value >= 10 else 1
    return f"{value:,.{digits}f} {unit}/s"


def duration(seconds: float) -> str:
    """``0:41`` below an hour, ``2:05:09`` above, ``1 d 3 h`` from a day on."""
    whole = round(max(0.0, seconds))
    if whole >= DAY:
        return f"{int(whole // DAY)} d {int(whole % DAY // HOUR)} h"
    hours, rest = divmod(whole, int(HOUR))
    minutes, left = divmod(rest, int(MINUTE))
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def about(seconds: float) -> str:
    """A rough time in words, for estimates: ``20 s``, ``3 min``, ``2 h``."""
    if seconds < 0.9 * MINUTE:
        step = 5 if seconds >= 10 else 1
        return f"{max(step, step * round(seconds / step))} s"
    if seconds < HOUR:
        return f"{round(seconds / MINUTE)} min"
    return f"{seconds / HOUR:.1f} h" if seconds < DAY else f"{seconds / DAY:.1f} d"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """``just now``, ``3 min ago``, ``5 h ago``, ``2 d ago``; the date after a month."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds < HOUR:
        return f"{max(1, round(seconds / MINUTE))} min ago"
    if seconds < DAY:
        return f"{round(seconds / HOUR)} h ago"
    return f"{round(seconds / DAY)} d ago" if seconds < 30 * DAY else f"{moment:%Y-%m-%d}"


def exact(moment: datetime) -> str:
    """The moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def size(number: float) -> str:
    """Bytes in the largest fitting unit: ``3.4 MB``."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def run_time(run_id: str) -> datetime:
    """The moment a run id was made, from the id itself."""
    return datetime.strptime(run_id.split("-")[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def short_run(run_id: str) -> str:
    """``score-…-kqza``: the stage and the letters that tell runs apart."""
    stage, _, letters = run_id.split("-")
    return f"{stage}-…-{letters}"


def model(name: str) -> str:
    """A model's name; of a path the last part, with the run when it is a run's checkpoint."""
    *folders, last = [part for part in name.split("/") if part] or [name]
    if len(folders) >= 2 and folders[-1] == "checkpoints" and folders[-2].count("-") == 2:
        return f"{short_run(folders[-2])}/{last}"
    return last


def skill(name: str) -> str:
    """A skill's name for people: underscores and hyphens as spaces."""
    return name.replace("_", " ").replace("-", " ")


def skills(names: Sequence[str]) -> str:
    """The skills of a question: ``keep even × square each``."""
    return f" {TIMES} ".join(skill(name) for name in names)


def tests_passed(passed: int, declared: int) -> str:
    """``4/6``."""
    return f"{int(passed)}/{int(declared)}"
