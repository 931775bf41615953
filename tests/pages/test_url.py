"""Choices that live in the URL."""

from __future__ import annotations

from codemix_core.workspace import RunDir
from tests.pages.conftest import Open


def test_a_text_that_is_no_longer_shown_is_no_choice(open_page: Open, scored: RunDir) -> None:
    """A browser names what was chosen by what was written there, which may have changed."""
    app = open_page("3_Pass_rates.py", run=scored.run_id)
    (box,) = (each for each in app.selectbox if each.key == "url_run")
    sent = app._tree.get_widget_states()
    (state,) = (each for each in sent.widgets if each.id == box.id)
    state.string_value = "score nano · running"
    app._run(sent)
    assert not app.exception
    assert app.query_params["run"] == scored.run_id
