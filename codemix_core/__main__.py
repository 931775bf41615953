"""``python -m codemix_core``: the whole workbench from the command line."""

from __future__ import annotations

import sys

try:
    from codemix_core.cli.app import main
except KeyboardInterrupt:  # Ctrl-C while the libraries load
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
