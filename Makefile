PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test fix bench clean

# The first look: a small decoder under mpirun, live on the dashboard (or as a table without a terminal).
run: .venv/run
	@$(BIN)/trtbench-tui run quickstart

# Everything that must hold: lint, types, imports, tests.
test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadgroup

fix: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Performance claims, as ratios against a baseline measured in the same minute.
bench: .venv/test
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e '.[torch]'
	@touch $@

.venv/test: .venv/run
	$(BIN)/pip install --quiet -c constraints.txt -e '.[torch,dev]'
	@touch $@
