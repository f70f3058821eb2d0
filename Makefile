# Everything a developer or CI runs. `make help` lists it.

PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .tools/bin/uv
BIN := .venv/bin
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
EVERYTHING := --extra local --extra faster-whisper --group dev --group oracle

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Dalston needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .tools || \
		{ echo "Python cannot make environments: install venv (Debian: apt-get install python3-venv)"; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.local: $(UV) pyproject.toml uv.lock
	@$(UV) sync --quiet --locked --inexact --python $(PYTHON) --extra local
	@touch $@

.venv/.dev: $(UV) pyproject.toml uv.lock
	@$(UV) sync --quiet --locked --python $(PYTHON) $(EVERYTHING)
	@touch $@ .venv/.local

.PHONY: setup
setup: .venv/.local ## Set up .venv with the dalston command and its default engines

.PHONY: demo
demo: .venv/.local ## Transcribe config/samples/*.wav through the whole pipeline
	@$(BIN)/dalston transcribe config/samples/*.wav
	@echo
	@echo "One speaker per channel:"
	@$(BIN)/dalston transcribe --speakers per-channel config/samples/two-speakers.wav
	@echo
	@echo "Now your own files: .venv/bin/dalston transcribe FILE..."

.PHONY: test
test: .venv/.dev ## Run all tests
	@$(BIN)/python -m pytest

.PHONY: format
format: .venv/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lint
lint: .venv/.dev ## Check style, house limits and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports

.PHONY: typecheck
typecheck: .venv/.dev ## Check types
	@$(BIN)/mypy

.PHONY: generate
generate: .venv/.dev ## Make every generated file anew
	@$(UV) lock --quiet --check || { echo "uv.lock is stale: run make lock"; exit 1; }

.PHONY: lock
lock: $(UV) ## Resolve dependencies anew into uv.lock
	@$(UV) lock

.PHONY: verify
verify: generate lint typecheck ## Regenerate, lint, check types and layers, and see that nothing changed
	@git diff --exit-code --stat || { echo "the tree differs from what is committed"; exit 1; }

.PHONY: bench
bench: .venv/.dev ## Measure speed, memory and accuracy (BENCH="planner parts" for some)
	@PYTHONPATH=bench $(BIN)/python -m dalston_bench.main $(BENCH)

.PHONY: samples
samples: .venv/.dev ## Make config/samples anew (needs flite)
	@$(BIN)/python hack/make_samples.py

.PHONY: clean
clean: ## Remove environments and caches
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis
