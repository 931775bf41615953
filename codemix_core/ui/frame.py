"""The frame of every page: page settings, style, own navigation, where and on what it runs."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st

from codemix_core import devices
from codemix_core.errors import InputError
from codemix_core.scoring import backends
from codemix_core.ui import data, live, look, words
from codemix_core.workspace import RunDir, Workspace

ROOT = Path(__file__).resolve().parents[2]
NAME = "Code Skill-Mix Workbench"


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of the navigation; ``stages`` are counted and light its dot."""

    path: str
    label: str
    icon: str
    stages: tuple[str, ...] = ()


PAGES = (
    Page("app.py", "Home", ":material/home:"),
    Page("pages/1_Questions.py", "Questions", ":material/quiz:", ("selfcheck",)),
    Page("pages/2_Sampling.py", "Sampling", ":material/casino:", data.SAMPLING),
    Page("pages/3_Pass_rates.py", "Pass rates", ":material/query_stats:", ("score",)),
    Page("pages/4_Best_of_N.py", "Best of N", ":material/trophy:"),
    Page("pages/5_DPO_pairs.py", "DPO pairs", ":material/compare:"),
    Page("pages/5_GRPO_groups.py", "GRPO groups", ":material/workspaces:"),
    Page("pages/5_Datasets.py", "Datasets", ":material/dataset:", ("build",)),
    Page("pages/6_Training.py", "Training", ":material/model_training:", ("train",)),
    Page("pages/7_Evaluation.py", "Evaluation", ":material/leaderboard:", ("evaluate",)),
)


def begin(label: str, purpose: str) -> Workspace:
    """Draw the frame of the page called ``label`` and return the workspace.

    Stops the script with an explanation when the workspace cannot be used.
    """
    st.set_page_config(
        page_title=f"{label} · Code Skill-Mix",
        page_icon=str(Path(__file__).with_name("icon.svg")),
        layout="wide",
        initial_sidebar_state=240,
    )
    try:
        workspace = Workspace.open()
    except InputError as error:
        st.html(look.sheet())
        st.error(words.literal(str(error)))
        st.stop()
    with st.sidebar:
        _sidebar(workspace)
    st.html(f'<div class="cm-title"><h1>{escape(label)}</h1><span>{escape(purpose)}</span></div>')
    return workspace


def _sidebar(workspace: Workspace) -> None:
    place = escape(str(workspace.root))
    brand = f'<div class="cm-brand">{NAME}<small title="The workspace">{place}</small></div>'
    # With the one thing that no page and no fragment ever changes.
    st.html(brand + look.sheet())
    running = data.live_runs(workspace)
    with st.container(gap=None):
        for page in PAGES:
            if (ROOT / page.path).exists():
                st.page_link(
                    page.path,
                    label=_label(workspace, page, running),
                    icon=page.icon,
                    width="stretch",
                )
    st.html(f'<div class="cm-place">{escape(devices.describe())}<br>{_sandbox()}</div>')
    live.sidebar(workspace, running)


def _label(workspace: Workspace, page: Page, running: list[RunDir]) -> str:
    """The page's name with a quiet count, and a dot while one of its stages runs."""
    if page.label == "Questions":
        number = len(workspace.question_sets())
    else:
        number = sum(run.stage in page.stages for run in workspace.runs()) if page.stages else 0
    dot = " :primary[●]" if any(run.stage in page.stages for run in running) else ""
    return f"{page.label}{f'  :gray[{number}]' if number else ''}{dot}"


@st.cache_data(ttl=60, show_spinner=False)
def sandbox() -> tuple[str, str]:
    """The sandbox of this machine in a few words, and why; looked up once a minute."""
    found = backends.describe()
    usable = [backend.name for backend in found if backend.usable]
    words = f"sandbox {usable[0]} ✓" if usable else "no sandbox ✗: scoring is refused"
    return words, "\n".join(f"{backend.name}: {backend.why}" for backend in found)


def _sandbox() -> str:
    words, reasons = sandbox()
    return f'<span title="{escape(reasons, quote=True)}">{escape(words)}</span>'
