"""``make bench``: run every benchmark of this folder, or those named.

    python -m benchmarks              all
    python -m benchmarks start        only benchmarks/bench_start.py

A benchmark is a file ``bench_<name>.py`` with ``main()``, which prints a table and the commands
it compared. Figures mean something only on a machine that does nothing else.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(chosen: list[str]) -> int:
    """Run the benchmarks; returns the exit code."""
    known = sorted(path.stem.removeprefix("bench_") for path in _folder().glob("bench_*.py"))
    unknown = [name for name in chosen if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in chosen or known:
        print(f"\n== {name}", flush=True)
        sys.argv = [f"bench_{name}.py"]  # Each also takes flags when started by itself.
        importlib.import_module(f"benchmarks.bench_{name}").main()
    return 0


def _folder() -> Path:
    return Path(__file__).parent


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
