"""Export and delete: preflight first, problems block, an override needs a reason."""

from __future__ import annotations

import shlex
from datetime import datetime
from html import escape
from pathlib import Path

import streamlit as st

from codemix_core.datasets import registry
from codemix_core.datasets.formats import FORMATS
from codemix_core.datasets.registry import DatasetInfo
from codemix_core.errors import CodemixError, InputError
from codemix_core.ui import forms, look, preflight_views, selection_data, url, words
from codemix_core.workspace import Workspace


def export(workspace: Workspace, info: DatasetInfo) -> None:
    """What preflight found, the form, the files for the browser, and earlier exports."""
    document = info.document
    assert document is not None
    checks = registry.preflights(workspace, info.run_id)
    if not checks:
        st.warning(
            "Preflight has not looked at this dataset: nobody knows yet whether training would see"
            " the tokens that were sampled.",
            icon=":material/rule:",
        )
        st.button("Go to preflight", key="to-preflight", on_click=lambda: url.put(rows="Preflight"))
    for checked in checks:
        look.line(preflight_views.verdict(checked.report), f"with {escape(checked.model)}")
    _form(workspace, info)
    _downloads(workspace, info)
    _earlier(workspace, info)


def _form(workspace: Workspace, info: DatasetInfo) -> None:
    document = info.document
    assert document is not None
    run = workspace.run(info.run_id)
    known = registry.problems(workspace, run, document)
    first, second = st.columns([5, 2])
    directory = first.text_input(
        "Directory on this machine",
        str(workspace.exports_root / info.run_id),
        key=f"export-to-{info.run_id}",
    )
    kinds = [entry.name for entry in FORMATS.values() if entry.kind == document["kind"]]
    template = second.selectbox(
        "Format",
        kinds,
        kinds.index(document["template"]),
        key=f"export-as-{info.run_id}",
        help="  \n".join(f"**{name}**: {FORMATS[name].doc}" for name in kinds),
    )
    override = ""
    if known:
        st.error(
            words.literal("\n".join(str(problem) for problem in known)), icon=":material/block:"
        )
        override = st.text_input(
            "Why export all the same",
            key=f"override-{info.run_id}",
            placeholder="kept with the dataset, under your name",
        )
    argv = ["python", "-m", "codemix_core", "export-dataset", info.run_id, "-o", directory]
    argv += ["--template", template] if template != document["template"] else []
    argv += ["--override", override] if override else []
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.button(
            "Export",
            key="export",
            type="primary",
            icon=":material/save_alt:",
            disabled=bool(known) and not override.strip(),
            on_click=_export,
            args=(workspace, info.run_id, directory, template, override),
        )
        forms.command(shlex.join(argv))


def _export(
    workspace: Workspace, run_id: str, directory: str, template: str, override: str
) -> None:
    try:
        done = registry.export(
            workspace,
            run_id,
            Path(directory).expanduser(),
            template,
            override=override or None,
            author=selection_data.author(),
        )
    except InputError as error:
        st.toast(words.literal("\n".join(str(p) for p in error.problems)), icon=":material/error:")
        return
    rows = ", ".join(f"{count:,} {side}" for side, count in done.rows.items())
    st.toast(words.literal(f"{rows} rows written to {done.directory}"), icon=":material/check:")


def _downloads(workspace: Workspace, info: DatasetInfo) -> None:
    """The built files for the browser, unless problems block them."""
    document = info.document
    assert document is not None
    run = workspace.run(info.run_id)
    if registry.problems(workspace, run, document):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption("or download", width="content")
        for found in document["files"].values():
            path = run.root / found["file"]
            st.download_button(
                f"{path.name} · {words.size(found['bytes'])}",
                data=path.read_bytes,
                file_name=f"{info.run_id}-{path.name}",
                key=f"download-{path.name}",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
            )


def _earlier(workspace: Workspace, info: DatasetInfo) -> None:
    lines = list(registry.exports(workspace.run(info.run_id)))
    if not lines:
        return
    look.heading("Exported before")
    for line in reversed(lines[-10:]):
        override = f"in spite of problems: “{escape(line['override'])}”" if line["override"] else ""
        look.line(
            look.when(datetime.fromisoformat(line["time"])),
            look.mono(line["directory"]),
            escape(line["template"]),
            f"by {escape(line['author'])}" if line["author"] else "",
            override,
        )


def delete(workspace: Workspace, info: DatasetInfo) -> None:
    """The button that deletes, behind a question; what refers to the dataset is named."""
    with st.popover("Delete…", icon=":material/delete:", type="tertiary"):
        used = registry.users(workspace, info.run_id)
        st.markdown(f"Delete `{info.run_id}`, {words.size(info.size_bytes)}?")
        force = False
        if used:
            st.caption(f"Used by {', '.join(used)}.")
            force = st.checkbox("Delete it all the same", key=f"force-{info.run_id}")
        flag = " --force" if used else ""
        forms.command(f"python -m codemix_core delete-dataset {info.run_id}{flag}")
        st.button(
            "Delete",
            key="delete",
            type="primary",
            disabled=bool(used) and not force,
            on_click=_delete,
            args=(workspace, info.run_id, force),
        )


def _delete(workspace: Workspace, run_id: str, force: bool) -> None:
    try:
        registry.delete(workspace, run_id, force=force)
    except CodemixError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
        return
    url.put(dataset=None, rows=None, row=None)
    st.toast(words.literal(f"{run_id} deleted"), icon=":material/check:")
