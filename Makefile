# Everything a person or CI runs. `make demo` and `make test` need only Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-slow check format bench clean

demo: $(VENV)/.demo
	$(BIN)/paramgroups demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.planning
	$(BIN)/python -m benchmarks.scheduling
	$(BIN)/python -m benchmarks.optimizer_step
	$(BIN)/python -m benchmarks.freezing
	$(BIN)/python -m benchmarks.guards
	$(BIN)/python -m benchmarks.checkpoints
	$(BIN)/python -m benchmarks.sharded_step
	$(BIN)/python -m benchmarks.many_ranks
	$(BIN)/python -m benchmarks.auditing
	$(BIN)/python -m benchmarks.watching
	$(BIN)/python -m benchmarks.hosting
	$(BIN)/python -m benchmarks.corpus
	$(BIN)/python -m benchmarks.survey
	$(BIN)/python -m benchmarks.pages

clean:
	rm -rf $(VENV) runs

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp for each extra: what is installed is installed again when its list changes.
$(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[$*]'
	touch $@
