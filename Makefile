# The commands of this repository. Each sets up what it needs; nothing has to be typed before or between.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
PEERS_STAMP := tests/peers/node_modules/.installed

# pip compiles what it installs but not a checkout, and where PYTHONDONTWRITEBYTECODE is set nobody else does: every
# program would then compile all of its modules anew, which takes as long again as starting it.
COMPILE := $(BIN)/python -m compileall -q collector policybuilder tests

.DEFAULT_GOAL := help
.PHONY: help run setup lint format test soak bench bench-ingest pictures mutants compare browser-oracle demo lock clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Two stamps, because a collector needs a third of what its tests need.
$(VENV)/pyvenv.cfg:
	@sh tests/setup/venv.sh "$(PYTHON)" "$(VENV)"

$(RUN_STAMP): $(VENV)/pyvenv.cfg requirements.lock pyproject.toml
	@test -e $(DEV_STAMP) || { echo "installing the collector's packages into $(VENV) …"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

$(DEV_STAMP): $(VENV)/pyvenv.cfg requirements-dev.lock pyproject.toml
	@echo "installing the development packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(RUN_STAMP)

# Their scripts would fetch lists from other hosts, which the tests do without.
$(PEERS_STAMP): tests/peers/package-lock.json tests/setup/system.sh
	@sh tests/setup/system.sh
	@echo "installing the evaluators of others into tests/peers/node_modules …"
	@cd tests/peers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

setup: $(DEV_STAMP)  ## create .venv from the lock files

run: $(RUN_STAMP)  ## start the collector on http://127.0.0.1:8000
	@exec $(BIN)/csp-collector serve

lint: $(DEV_STAMP)  ## ruff and mypy, over source and tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(DEV_STAMP)  ## let ruff format and fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# One more than there are cores: many tests wait for browsers and servers. With two more it took longer.
TESTS_AT_ONCE ?= $(shell expr $$(nproc) + 1)

test: $(DEV_STAMP) $(PEERS_STAMP)  ## the whole suite; installs browsers and servers it misses when run as root
	@sh tests/setup/system.sh
	@$(COMPILE)
	@$(BIN)/pytest -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(DEV_STAMP) $(PEERS_STAMP)  ## the tests that take minutes: floods and long campaigns at their full size, pages on PostgreSQL
	@sh tests/setup/system.sh
	@$(COMPILE)
	@$(BIN)/pytest -m soak $(ARGS)

bench: bench-ingest $(DEV_STAMP) $(PEERS_STAMP)  ## how fast things are, in times of a baseline measured beside them
	@$(COMPILE)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

INGEST ?=
bench-ingest: $(DEV_STAMP)  ## how fast reports are taken, beside other servers; INGEST=--update writes it into the README
	@$(COMPILE)
	-@$(BIN)/python -m tests.benchmarks.ingest $(INGEST)

pictures: $(DEV_STAMP)  ## the README's pictures of the review pages, taken anew in Chromium
	@sh tests/setup/system.sh
	@$(BIN)/python -m tests.showcase

mutants: $(DEV_STAMP)  ## whether the tests notice one small mistake at a time in matching; about a quarter of an hour
	@nice $(BIN)/python -m tests.mutation $(ARGS)

compare: $(DEV_STAMP)  ## what this and csp-toolkit make of the same reports; ARGS=--update writes it into the README
	@nice $(BIN)/python -m tests.comparison $(ARGS)

SEED ?= 1
CASES ?= 500
browser-oracle: $(DEV_STAMP)  ## compare the engine with Chromium on CASES=500 fresh cases from SEED=1
	@$(BIN)/python -m tests.oracle --seed $(SEED) --cases $(CASES)

demo: $(RUN_STAMP)  ## recorded reports of a real browser, from import to replay, in a scratch database
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT INT TERM && \
	  export CSP_DATABASE_URL="sqlite:///$$scratch/demo.db" && set -e && \
	  echo "$$ csp-collector import --trusted tests/data/reports/demo.jsonl" && \
	  $(BIN)/csp-collector import --trusted tests/data/reports/demo.jsonl && \
	  echo && echo "$$ cspbuild summary --by directive" && $(BIN)/cspbuild summary --by directive && \
	  echo && echo "$$ cspbuild suggest" && $(BIN)/cspbuild suggest && \
	  $(BIN)/cspbuild suggest --format json > "$$scratch/suggestion.json" && \
	  $(BIN)/python -c 'import json, sys; print(json.load(sys.stdin)["policy"], end="")' \
	    < "$$scratch/suggestion.json" > "$$scratch/policy.txt" && \
	  echo && echo "$$ cspbuild replay --policy @policy.txt" && \
	  { $(BIN)/cspbuild replay --policy @"$$scratch/policy.txt" || \
	    echo "(exit 1: genuine evidence is held, so this policy would still block it)"; }

lock: $(DEV_STAMP)  ## make the lock files anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  pyproject.toml --group build -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

clean:  ## remove the environment and caches, never the data
	@rm -rf $(VENV) tests/peers/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
