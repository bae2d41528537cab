# Lamplighter's tasks. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.txt
SOURCES := functions proxy cli tests

# The engine of the demo's instance: the built-in stub, or a real vLLM on CPU (ENGINE=vllm).
ENGINE ?= stub

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv comes from the Python index into the project's own .venv; the interpreter is the one that is here.
$(BIN)/uv: requirements/uv.txt
	@echo "setting up $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment here: install python3-venv (apt-get install python3-venv) and run make again" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	@touch $@

$(VENV)/.installed: $(BIN)/uv $(LOCK) functions/pyproject.toml proxy/pyproject.toml cli/pyproject.toml
	@echo "installing the pinned tools and the three packages"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes $(LOCK) requirements/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable functions --editable proxy --editable cli
	@touch $@

.PHONY: setup
setup: $(VENV)/.installed ## install everything into .venv (a minute, once)
