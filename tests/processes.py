"""The processes of a run, for tests that kill them and look for what is left."""

from __future__ import annotations

import psutil

from codemix_core import jobs, procs
from codemix_core.workspace import RunDir


def processes_of(run: RunDir) -> list[psutil.Process]:
    """Supervisor, worker and sandboxes of a run, told by environment or command line."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            ours = run.run_id in (
                environment.get(procs.RUN_MARK),
                environment.get(jobs.LAUNCH, "").split(":")[0],
            )
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
