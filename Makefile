PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-slow test-cluster test-all lint fix docs bench simulate torture clean

# The first look: a small decoder under mpirun, live on the dashboard (or as a table without a terminal).
run: .venv/run
	@$(BIN)/trtbench-tui run quickstart

# Everything that must hold: lint, types, imports, tests.
test: lint
	$(BIN)/python -m pytest -n 3 --dist loadgroup

# The same with the tests that take long and vary others.
test-slow: lint
	TRTBENCH_SLOW_TESTS=1 $(BIN)/python -m pytest -n 3 --dist loadgroup

# Runs on several hosts (namespaces with sshd) and under a real Slurm: installs what that needs from Debian, as root.
test-cluster: .venv/test
	$(BIN)/python -m tests.support.cluster.install
	TRTBENCH_SLOW_TESTS=1 $(BIN)/python -m pytest -m cluster tests/integration/cluster

# Style, types, imports between packages, words to avoid.
lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.language

# The tests without mpirun and torch, on every Python from 3.10 to 3.13 that is found and with the lowest versions.
test-all: .venv/test
	$(BIN)/python -m tests.support.all_pythons

fix: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pages that are generated from the code.
docs: .venv/run
	$(BIN)/python -m runner.events.reference > docs/event-log.md
	$(BIN)/python -m runner.metrics.explain > runner/metrics/METRICS.md

# False calls, power and coverage of the statistics, by simulation, with their targets.
simulate: .venv/test
	$(BIN)/python -m tests.simulations

# An attack of an hour: `make torture MINUTES=5 SEED=1 MPIRUN=/opt/mpich/bin/mpirun` is shorter, repeated, and with one more MPI.
MINUTES ?= 60
torture: .venv/test
	$(BIN)/python -m tests.torture --minutes $(MINUTES) $(addprefix --seed ,$(SEED)) $(addprefix --mpirun ,$(MPIRUN)) \
		$(addprefix --workers ,$(WORKERS)) $(addprefix --user ,$(AS_USER))

# Performance claims, as ratios against a baseline measured in the same minute.
bench: .venv/test
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv .venvs

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e '.[torch]'
	@touch $@

.venv/test: .venv/run
	$(BIN)/pip install --quiet -c constraints.txt -e '.[torch,dev]'
	@touch $@
