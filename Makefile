# One command a need; the environment makes itself. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.anbu-installed
TESTS ?=
DATA ?=
# Three processes on two cores: much of the time a test waits, for a broker or for a session to end.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help install demo up test integration bench-detection bench bench-jvm bench-engine bench-recovery native native-remove check docs clean
.SILENT:

help: ## list these commands
	awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(STAMP) ## make the environment in .venv (the others do it by themselves)

demo: $(STAMP) ## watch a simulated neighbourhood; DATA=path.csv.gz: recorded households
	$(BIN)/anbu demo $(if $(DATA),--data '$(DATA)')

up: $(STAMP) ## the same parts, running until Ctrl-C
	$(BIN)/anbu up

test: $(STAMP) ## all tests that need no Java; TESTS='-k replay' goes to pytest
	$(PYTEST) -m 'not integration' $(TESTS)

integration: $(STAMP) ## the end-to-end tests on Apache Kafka (needs Java 17 and Maven)
	ANBU_INTEGRATION=1 ANBU_TEST_BROKER=kafka $(PYTEST) -m integration $(TESTS)

bench-detection: $(STAMP) ## who would notice a collapse, and when, on recorded homes; DATA=folder: other homes
	$(BIN)/python -m load_tests.bench_detection $(if $(DATA),'$(DATA)',--docs)
	$(if $(DATA),,$(BIN)/python -m load_tests.bench_city $(or $(CITY),--docs))

bench: $(STAMP) ## Anbu beside other stream processors on one broker, CPU time an event (Java 17 for the broker)
	$(BIN)/python -m load_tests.bench $(BENCH)

bench-jvm: $(STAMP) ## the same with Kafka Streams, Flink and a plain Java consumer (needs Maven too)
	$(BIN)/python -m load_tests.bench --jvm $(BENCH)

bench-engine: $(STAMP) ## what the pure engine costs, step by step; no broker
	$(BIN)/python -m load_tests.bench_engine $(BENCH)

bench-recovery: $(STAMP) ## a hundred restarts of workers on Apache Kafka, by every fault; about half an hour
	$(BIN)/python tests/recovery_run.py $(BENCH)

native: $(STAMP) ## compile the engine with mypyc and the C compiler: the same word for word, faster (a minute or two)
	$(BIN)/python -m infra.native

native-remove: $(STAMP) ## plain Python again
	$(BIN)/python -m infra.native --remove

check: $(STAMP) ## format, lint, types, layers
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	mkdir -p build
	$(BIN)/lint-imports --no-cache > build/layers.txt 2>&1 || { cat build/layers.txt; exit 1; }
	echo "format, lint, types and layers hold"

docs: $(STAMP) ## write the generated files again
	$(BIN)/python -m schemas.generate
	$(BIN)/python -m streams.generate
	$(BIN)/python -m infra.viewers.generate

clean: ## remove what was built and cached, but not .venv
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Anbu needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	echo "preparing .venv (once; a minute or two)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "Python cannot make an environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev]'
	touch $@
