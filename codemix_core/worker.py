"""The working half of a job: ``python -m codemix_core.worker RUN_ID``, started by the supervisor.

Exit codes: 0 done, 1 failed, 2 bad input, 3 stopped before the end. What went wrong stands in
``status.json`` as one message and, when unexpected, as a traceback in the log.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any

from codemix_core import files, procs, stages
from codemix_core.errors import CodemixError, InputError, Stopped
from codemix_core.jobs import State
from codemix_core.progress import Progress
from codemix_core.supervisor import SUPERVISOR_PID
from codemix_core.workspace import Workspace

STOPPED = 3


def main(run_id: str) -> int:
    """Do the work of one run and return the exit code."""
    procs.die_with_parent(int(os.environ[SUPERVISOR_PID]))
    run = Workspace.open().run(run_id)
    begun = files.read_json(run.status_path)
    kept = {name: begun[name] for name in ("started_at", "attempt")}

    def publish(snapshot: dict[str, Any]) -> None:
        document = {"state": State.RUNNING, **kept, **snapshot}
        files.write_json(run.status_path, document, durable=False)

    progress = Progress(publish)

    def on_stop(number: int, frame: FrameType | None) -> None:
        progress.stop()

    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    progress.message("starting")
    try:
        spec = stages.load(run)
        summary = stages.stage(run.stage).run()(spec, run, progress)
    except Stopped as stop:
        progress.message(str(stop))
        return STOPPED
    except CodemixError as error:
        logging.error("%s", error)
        progress.message(str(error))
        return 2 if isinstance(error, InputError) else 1
    except Exception as error:  # noqa: BLE001 - a job's last line of defence: reported, exit 1
        traceback.print_exc()
        progress.message(f"unexpected {type(error).__name__}: {error} (traceback in the log)")
        return 1
    if progress.stopping and not progress.complete:
        progress.finish()
        return STOPPED
    progress.message(summary)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # Engines leave threads behind that can hang the interpreter's own exit.
