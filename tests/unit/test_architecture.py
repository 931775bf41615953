"""The rules of the architecture, held by reading every import in the project.

Imports are read from the syntax tree, so nothing has to be imported to be checked. "Reachable"
means: executed when a page is opened, that is imports at module level (conditional ones too),
followed through the project's own modules. Imports inside functions run only where the function
is called; that pages call none that loads a model library is checked by running the pages.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("app.py", "pages", "codemix_core", "sandbox", "recipes", "benchmarks", "scripts")
MODEL_LIBRARIES = {"torch", "vllm", "torchtune", "torchao", "ray", "transformers"}

OWNERS = {
    "duckdb": ["codemix_core/store.py"],
    "streamlit": ["app.py", "pages/*.py", "codemix_core/ui/*.py", "benchmarks/*.py"],
}
"""Who may import a library. Benchmarks open pages with Streamlit's test harness, as tests do."""

PROCESS_OWNERS = {
    "codemix_core/jobs.py": "starts the supervisor of a run",
    "codemix_core/procs.py": "process groups and their ends",
    "codemix_core/supervisor.py": "starts the worker of a run",
    "codemix_core/cli/run_commands.py": "`serve` becomes the Streamlit server",
    "codemix_core/scoring/backends/*.py": "start and probe sandboxes",
    "sandbox/*.py": "runs candidates inside the wall",
    "codemix_core/training/launch.py": "torchtune, as a child of the worker",
    "codemix_core/training/components.py": "imports components where they cannot stay",
    "recipes/*.py": "scripts a person starts",
    "benchmarks/*.py": "scripts a person starts",
    "scripts/*.py": "scripts a person starts",
}
"""Who may start a process, and why."""

PROCESS_MODULES = {"subprocess", "multiprocessing", "pty"}
PROCESS_CALLS = ("exec", "fork", "spawn", "posix_spawn", "system", "popen")

STAGE_ORDER = [
    "questions",
    "sampling",
    "scoring",
    "selection",
    "datasets",
    "training",
    "evaluation",
    "loop",
]
"""Packages in pipeline order; one may use those before it, never those after it."""

LATER_ALLOWED = {
    # Imported answers become a sampling run, with code extracted as from sampled ones.
    ("codemix_core/questions/generations.py", "codemix_core.sampling.extraction"),
    # A dataset is checked with the very tokenizer that training will use.
    ("codemix_core/datasets/preflight.py", "codemix_core.training.tokenizer"),
}

WORKSPACE_FILES = {
    *("spec.json", "status.json", "exit.json", "log.txt", "set.json", "questions.parquet"),
    *("config.yaml", "parity.json", "metrics.jsonl", "result.json", "evaluation.json"),
}


@dataclass(frozen=True)
class Import:
    """One imported module, absolute, and whether importing the file executes it."""

    module: str
    at_import: bool
    line: int


def source_files() -> list[Path]:
    """Every Python file of the project, tests aside, relative to it."""
    found = []
    for name in SOURCES:
        path = PROJECT / name
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [path.relative_to(PROJECT) for path in found if "__pycache__" not in path.parts]


def page_files() -> list[Path]:
    """What a browser can open."""
    return [path for path in source_files() if path.parts[0] in ("app.py", "pages")]


@cache
def syntax_tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse((PROJECT / path).read_text(encoding="utf-8"), filename=str(path))


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    """All imports of a file."""
    return tuple(_imports(syntax_tree(path), path, at_import=True))


def _imports(node: ast.AST, path: Path, *, at_import: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, at_import, child.lineno)
        elif isinstance(child, ast.ImportFrom):
            base = _absolute(child, path)
            yield Import(base, at_import, child.lineno)
            for alias in child.names:
                yield Import(f"{base}.{alias.name}", at_import, child.lineno)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports(ast.Module(child.body, []), path, at_import=False)
            yield from _imports(ast.Module(child.orelse, []), path, at_import=at_import)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, path, at_import=at_import and not inside)


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if node.level == 0:
        return node.module or ""
    package = path.parent.parts[: len(path.parent.parts) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def project_file(module: str) -> list[Path]:
    """The project's files that importing ``module`` executes, parent packages included."""
    parts = module.split(".")
    found = []
    for count in range(1, len(parts) + 1):
        base = Path(*parts[:count])
        for candidate in (base / "__init__.py", base.with_suffix(".py")):
            if (PROJECT / candidate).is_file():
                found.append(candidate)
    return found


def reachable(start: Path) -> dict[Path, list[str]]:
    """Project files executed when ``start`` is imported, each with the way there."""
    ways: dict[Path, list[str]] = {start: [str(start)]}
    pending = [start]
    while pending:
        path = pending.pop()
        for found in imports_of(path):
            for target in project_file(found.module) if found.at_import else []:
                if target not in ways:
                    ways[target] = [*ways[path], str(target)]
                    pending.append(target)
    return ways


def matches(path: Path, patterns: list[str]) -> bool:
    return any(fnmatch(path.as_posix(), pattern) for pattern in patterns)


def test_the_project_is_found() -> None:
    files = [path.as_posix() for path in source_files()]
    assert len(files) > 30
    assert "codemix_core/store.py" in files
    assert len(imports_of(Path("codemix_core/store.py"))) > 3


def test_the_walk_follows_imports_through_packages_and_sees_where_they_stand() -> None:
    ways = reachable(Path("codemix_core/__main__.py"))
    assert Path("codemix_core/cli/app.py") in ways
    assert Path("codemix_core/workspace.py") in ways
    tree = ast.parse(
        "import a\nif TYPE_CHECKING:\n    import b\ntry:\n    import c\nexcept E:\n    pass\n"
        "def f():\n    import d\nclass K:\n    from ..e import g\n"
    )
    found = {i.module: i.at_import for i in _imports(tree, Path("x/y/z.py"), at_import=True)}
    expected = {"a": True, "b": False, "c": True, "d": False, "x.e": True, "x.e.g": True}
    assert found == expected


def test_no_page_reaches_a_model_library_when_it_is_opened() -> None:
    pages = page_files()
    assert pages, "no app.py and no pages found"
    offences = []
    for page in pages:
        for path, way in reachable(page).items():
            for found in imports_of(path):
                if found.at_import and found.module.split(".")[0] in MODEL_LIBRARIES:
                    offences.append(f"{' -> '.join(way)} imports {found.module}:{found.line}")
    assert not offences, "\n".join(offences)


def test_importing_all_that_pages_import_loads_no_model_library() -> None:
    modules = sorted(
        {
            found.module
            for page in page_files()
            for found in imports_of(page)
            if found.at_import and project_file(found.module)
        }
    )
    assert modules
    script = (
        "import importlib, contextlib, sys\n"
        f"for name in {modules!r}:\n"
        "    with contextlib.suppress(ModuleNotFoundError):\n"  # names that are not modules
        "        importlib.import_module(name)\n"
        "assert 'codemix_core' in sys.modules\n"
        f"print(*sorted({MODEL_LIBRARIES!r} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_imported_only_by_its_owner(library: str) -> None:
    users = {
        path
        for path in source_files()
        for found in imports_of(path)
        if found.module.split(".")[0] == library
    }
    assert users, f"nobody imports {library}: is the walk right?"
    assert not [str(path) for path in users if not matches(path, OWNERS[library])]


def test_only_their_owners_start_processes() -> None:
    offences = []
    for path in source_files():
        if matches(path, list(PROCESS_OWNERS)):
            continue
        for found in imports_of(path):
            if found.module.split(".")[0] in PROCESS_MODULES:
                offences.append(f"{path}:{found.line} imports {found.module}")
        for node in ast.walk(syntax_tree(path)):
            if isinstance(node, ast.Attribute) and _starts_a_process(node):
                offences.append(f"{path}:{node.lineno} uses {ast.unparse(node)}")
    assert not offences, "\n".join(offences)


def _starts_a_process(node: ast.Attribute) -> bool:
    owner = ast.unparse(node.value)
    if owner == "os":
        return node.attr.startswith(PROCESS_CALLS)
    return node.attr == "ProcessPoolExecutor" or (
        owner == "asyncio" and node.attr.startswith("create_subprocess")
    )


def test_every_process_owner_is_needed() -> None:
    for pattern in PROCESS_OWNERS:
        folder = pattern.partition("/")[0]
        if folder == "codemix_core":
            assert any(matches(path, [pattern]) for path in source_files()), pattern


def test_only_the_workspace_knows_its_file_names() -> None:
    offences, known = [], set()
    for path in source_files():
        for node in ast.walk(syntax_tree(path)):
            if isinstance(node, ast.Constant) and node.value in WORKSPACE_FILES:
                if path in (Path("codemix_core/workspace.py"), Path("codemix_core/run_dir.py")):
                    known.add(node.value)
                else:
                    offences.append(f"{path}:{node.lineno} names {node.value!r}")
    assert known == WORKSPACE_FILES
    assert not offences, "\n".join(offences)


def test_stages_use_earlier_stages_only() -> None:
    offences, checked = [], 0
    for position, stage in enumerate(STAGE_ORDER):
        for path in source_files():
            if path.parts[:2] != ("codemix_core", stage):
                continue
            checked += 1
            for found in imports_of(path):
                other = found.module.removeprefix("codemix_core.").partition(".")[0]
                if (
                    other in STAGE_ORDER[position + 1 :]
                    and (str(path), found.module.rpartition(".")[0]) not in LATER_ALLOWED
                    and (str(path), found.module) not in LATER_ALLOWED
                ):
                    offences.append(f"{path}:{found.line} imports {found.module}")
    assert checked > 10
    assert not offences, "\n".join(offences)


MARKDOWN = {
    f"st.{name}"
    for name in ("markdown", "caption", "write", "error", "warning", "info", "success", "toast")
}
FOREIGN = {"statement", "docstring", "reasoning", "gold", "raw_output", "what", "fix", "problem"}
"""Fields whose text comes from a file, a model or a person."""


def test_no_foreign_text_is_read_as_markdown() -> None:
    calls = 0
    offences = []
    for path in source_files():
        for node in ast.walk(ast.parse((PROJECT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in MARKDOWN:
                calls += 1
                parts = [name for argument in node.args for name in foreign(argument)]
                offences += [f"{path}:{node.lineno} {name}" for name in parts]
    assert calls > 50
    assert not offences, "\n".join(offences)


def foreign(node: ast.AST) -> Iterator[str]:
    """Names of foreign texts in an expression that ``words.literal`` does not wrap."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "words.literal":
        return
    if isinstance(node, ast.Attribute) and node.attr in FOREIGN:
        yield ast.unparse(node)
    if isinstance(node, ast.Name) and node.id in ("error", "problem", "question_id", "wanted"):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from foreign(child)


def test_files_are_short_enough_to_read() -> None:
    sizes = {
        path: len((PROJECT / path).read_text(encoding="utf-8").splitlines())
        for path in [
            *source_files(),
            *(t.relative_to(PROJECT) for t in PROJECT.glob("tests/**/*.py")),
        ]
    }
    assert sizes
    long = {
        str(path): lines
        for path, lines in sizes.items()
        if lines > (150 if path.parts[0] in ("pages", "app.py") else 400)
    }
    assert not long


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in source_files()
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 80
    ]
    assert not long, "\n".join(long)
