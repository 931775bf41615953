"""Find a suitable Python and hand over to environment.py.

Kept to syntax that any Python 3 (and 2.7) can parse, so that a machine whose Python is too old
gets one clear line instead of a syntax error.
"""

import os
import subprocess
import sys

OLDEST = (3, 11)
NEWEST = (3, 13)
HERE = os.path.dirname(os.path.abspath(__file__))


def supported(version):
    """Whether the locks hold for this (major, minor)."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def version_of(command):
    """(major, minor) of a Python command, or None when it does not run."""
    code = "import sys; print('%d %d' % sys.version_info[:2])"
    try:
        process = subprocess.Popen(
            [command, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        answer = process.communicate()[0].decode().split()
    except OSError:
        return None
    return tuple(int(part) for part in answer) if len(answer) == 2 else None


def find_python():
    """The Python to build on: CODEMIX_PYTHON if set, else this one, else one from PATH."""
    chosen = os.environ.get("CODEMIX_PYTHON")
    if not chosen and supported(sys.version_info):
        return sys.executable
    for command in [chosen] if chosen else ["python3.13", "python3.12", "python3.11"]:
        version = version_of(command)
        if version and supported(version):
            return command
    return None


def main():
    """Run environment.py, with the same arguments, under a Python that can."""
    python = find_python()
    if python is None:
        found = version_of(os.environ.get("CODEMIX_PYTHON") or sys.executable)
        sys.stderr.write(
            "%s cannot run the workbench: Python 3.11, 3.12 or 3.13 is needed. Install one of "
            "them (with its venv module) or set CODEMIX_PYTHON to it, then run this again.\n"
            % ("Python %d.%d" % found if found else os.environ["CODEMIX_PYTHON"])
        )
        return 1
    os.execvp(python, [python, os.path.join(HERE, "environment.py")] + sys.argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
