"""Home: what is in the workspace, what is running, what to do next."""

from __future__ import annotations

from codemix_core.ui import frame, home, look, loops

workspace = frame.begin("Home", "sample, score, train and measure: the loop so far")
loops.line(workspace)
loops.start(workspace)
alive = loops.running(workspace, loops.opened(workspace))

look.heading("What to do next")
home.draw_steps(workspace, alive=alive)

home.best_models(workspace)
if workspace.runs():
    look.heading("Recent runs")
    home.recent_runs(workspace)
