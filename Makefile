# The commands people and CI run. `make` alone lists them.

PYTHON ?= python3
HOST ?= localhost
PORT ?= 8501
VENV_PYTHON := .venv/bin/python
TESTS ?= tests
# Test files side by side; the sandbox tests use a core more on their own.
TEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check format bench lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## Install what the workbench needs, once; instant afterwards
	@$(PYTHON) scripts/setup.py

setup-dev: ## The same, and what tests and checks need
	@$(PYTHON) scripts/setup.py --dev

run: setup ## Serve the workbench on http://localhost:8501 (HOST=, PORT=)
	@exec $(VENV_PYTHON) -m codemix_core serve --nano --host $(HOST) --port $(PORT)

test: setup-dev ## Run every test (TESTS=tests/unit for some)
	$(VENV_PYTHON) -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

check: setup-dev ## Lint, format and types, as CI does
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy

format: setup-dev ## Format the code and mend what ruff can
	$(VENV_PYTHON) -m ruff check --fix .
	$(VENV_PYTHON) -m ruff format .

bench: setup-dev ## Measure speed against the plain way of doing it
	$(VENV_PYTHON) -m benchmarks

lock: setup-dev ## Resolve pyproject.toml into requirements*.txt (needs uv)
	$(VENV_PYTHON) scripts/lock.py $(LOCK)

clean: ## Remove what the commands above made, but not the workspace
	rm -rf .venv .setup .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
