"""Importing a question set from a page: a path, an upload, or the bundled set."""

from __future__ import annotations

import hashlib
import re
from html import escape
from pathlib import Path

import streamlit as st

from codemix_core import files
from codemix_core.errors import InputError, Problem
from codemix_core.questions import formats
from codemix_core.questions.importer import BUNDLED, NANO, ImportSpec, import_questions
from codemix_core.ui import forms, generation, url, words
from codemix_core.workspace import Workspace


def form(workspace: Workspace) -> None:
    """Import a file, a folder or the bundled set; every problem of a bad source is shown."""
    _bundled(workspace)
    path = st.text_input("Path of a file or folder on this machine", key="import.path")
    upload = st.file_uploader("or upload a file", type=["json", "jsonl"], key="import.upload")
    left, right = st.columns(2)
    name = left.text_input("Name of the new set", key="import.name")
    format_name = right.selectbox("Format", ["auto", *formats.FORMATS], key="import.format")
    source = path
    if upload is not None and not path:
        source = str(kept(workspace, upload.name, upload.getvalue()))
    values = {"path": source, "name": name or None, "format": format_name}
    if source and name:
        forms.command(ImportSpec.restore(values).command_line())
    if not st.button("Import", key="import.go", type="primary", disabled=not (source and name)):
        return
    try:
        with st.spinner("Reading and checking …"):
            outcome = import_questions(source, name, format_name, workspace)
    except InputError as error:
        _problems(error.problems)
        return
    st.toast(words.literal(outcome.summary()), icon=":material/check:")
    url.put(set=outcome.question_set.name)
    st.rerun()


def kept(workspace: Workspace, name: str, content: bytes) -> Path:
    """Where an uploaded file lies from now on, so that its import can be typed as a command.

    The same file under the same name is kept once.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).name)[-80:]
    path = workspace.uploads_root / f"{hashlib.sha256(content).hexdigest()[:12]}-{safe}"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        files.write_bytes(path, content)
    return path


def _problems(problems: list[Problem]) -> None:
    st.error(f"Nothing was imported: {words.count(len(problems), 'problem')}.")
    rows = [[escape(p.where), escape(p.what), escape(p.fix)] for p in problems]
    with st.container(height=min(420, 120 + 60 * len(rows))):
        generation.table(["where", "what is wrong", "what to do"], rows)


def _bundled(workspace: Workspace) -> None:
    """A button for every bundled set that is not in the workspace; nano has one on the page."""
    there = [NANO, *(question_set.name for question_set in workspace.question_sets())]
    for name in BUNDLED:
        if name not in there:
            st.button(
                f"Import the bundled {name} questions",
                key=f"import-{name}",
                icon=":material/egg:",
                help=f"python -m codemix_core import {name}",
                on_click=import_bundled,
                args=(workspace, name),
            )


def import_nano(workspace: Workspace) -> None:
    """Put the bundled nano questions into the workspace; for a button."""
    import_bundled(workspace, NANO)


def import_bundled(workspace: Workspace, name: str) -> None:
    """Put a bundled set into the workspace; for a button."""
    try:
        import_questions(name, None, "auto", workspace)
    except InputError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
        return
    url.put(set=name)
