# Every target does its own set-up in .venv; a fresh machine needs Python 3.10 to 3.13, pip and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint docker-test bench soak mutation clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; (3, 10) <= sys.version_info < (3, 14) or sys.exit( \
		"This is Python %d.%d, and 3.10 to 3.13 will do: make PYTHON=python3.13" % sys.version_info[:2])'
	$(BIN)/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: setup
	$(BIN)/liquid-drive carracing --video build/demo.gif

test: lint
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile \
		--cov --cov-report=term:skip-covered $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docker-test: setup
	$(BIN)/python -m tests.docker.drive $(TARGETS)

bench: setup
	$(BIN)/python -m benchmarks $(NAME)

soak: setup
	$(BIN)/python -m tests.sim_bridges.udacity.soak 10

mutation: setup
	$(BIN)/mutmut run
	$(BIN)/mutmut results

# Trainings and results in build/ stay.
clean:
	rm -rf .venv build/lib build/bdist.* dist mutants *.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
