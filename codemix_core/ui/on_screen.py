"""Only what was on the screen can be decided: which subject is shown, and since when.

A browser shows the old buttons until the new ones arrive, and a finger is faster than both. So
the buttons of a subject carry its name in their keys and are drawn after it, and a press counts
only when

- it came from a button of the subject that was drawn last,
- that subject was on the screen for ``SETTLING`` seconds, and
- nothing was decided about it since it was drawn.

Guarantees: no press decides about a subject that was not sent to the browser before, and a held
key decides once. A press that does not count says so. Not guaranteed: that a person has read it.
"""

from __future__ import annotations

import json
import time

import streamlit as st

from codemix_core.workspace import RunDir

Target = tuple[str | int, ...]
"""The parts of a subject's name."""
SETTLING = 0.3
"""Seconds; nobody recognises two programs in less, but a double press comes in less."""
AGAIN = 1.0
"""Seconds more for a subject that is drawn again right after it was decided about: the page may
have been drawn from before the decision, or there is no next one to go to."""
_SHOWN = "on-screen"
"""Session state: the subject drawn last and when; nothing once it was decided about."""
_TAKEN = "on-screen-taken"
"""Session state: the subject decided about last, until another one is drawn."""

_LAST = "on-screen-last"
"""Session state: the subject decided about last, and where that led."""

_WATCH = """
(() => {
  const here = window.codemix ??= {};
  if (here.name !== NAME) { here.name = NAME; here.since = performance.now(); }
  if (here.watching) return;
  here.watching = true;
  window.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input, textarea");
    const deciding = event.key === "Enter" || /^[asxnu1-9]$/i.test(event.key);
    if (field || !deciding || event.ctrlKey || event.metaKey || event.altKey) return;
    const early = performance.now() - here.since < SETTLING;
    if (!event.repeat && !early) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) document.querySelector(".cm-too-fast")?.removeAttribute("hidden");
  }, true);
})();
"""
"""The same in the browser, which alone knows when it drew and that a key is held.

J and K may repeat, as they only move.
"""
_ICON = ":material/hourglass_empty:"


def subject(run: RunDir, *parts: object) -> str:
    """The name of what is decided about, for the keys of its buttons."""
    return "-".join(str(part) for part in (run.run_id, *parts))


def shown(name: str) -> None:
    """Note that all of a subject was sent to the browser; called after the last of it."""
    held = st.session_state.get(_SHOWN)
    if held is None or held[0] != name:
        again = st.session_state.pop(_TAKEN, None) == name
        st.session_state[_SHOWN] = (name, time.monotonic() + (AGAIN if again else 0.0))


def take(name: str) -> bool:
    """Whether a press on a button of a subject counts; then no second one does."""
    held = st.session_state.get(_SHOWN)
    if held is None or held[0] != name:
        st.toast("Not counted: it was pressed for what was on the screen before.", icon=_ICON)
        return False
    if time.monotonic() - held[1] < SETTLING:
        st.toast("Not counted: too fast to have been read. Press again.", icon=_ICON)
        return False
    del st.session_state[_SHOWN]
    st.session_state[_TAKEN] = name
    st.session_state.pop(_LAST, None)
    return True


def leads(name: str, to: Target) -> None:
    """Note where a press on a subject has led."""
    st.session_state[_LAST] = name, to


def led_to(name: str) -> Target | None:
    """Where the last press on a subject has led, if it is not the one drawn since.

    A press on it that comes now brings the address of the page from before that.
    """
    held = st.session_state.get(_SHOWN)
    last, to = st.session_state.get(_LAST, (None, None))
    return to if last == name and (held is None or held[0] != name) else None


def place(name: str, at: int, total: int) -> None:
    """The place among all, drawn after a subject and before the buttons that decide about it."""
    script = _WATCH.replace("NAME", json.dumps(name).replace("<", "\\u003c"))
    script = script.replace("SETTLING", str(1000 * SETTLING))
    st.html(
        f'<span class="cm-place-in"><b>{at + 1:,}</b> of {total:,}</span>'
        f'<span class="cm-too-fast" hidden> too fast: press again</span><script>{script}</script>',
        unsafe_allow_javascript=True,
        width="content",
    )
