# Everything happens in .venv; only Kafka's jars are kept outside (~/.cache/fault316).
# The first of these that is new enough; pyenv's too, where it is not in PATH.
PYTHON ?= $(or $(shell for each in python3 python3.13 python3.12 python3.11 $$HOME/.pyenv/versions/*/bin/python3; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11, 7))' 2>/dev/null && echo "$$each" && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := schemas clients streams tests examples
PIP := $(BIN)/pip --disable-pip-version-check --quiet
ARGS ?=
# The tests mostly wait: for sessions to time out, for servers to start. So more of them at a time than there are cores.
JOBS ?= 4
ROUNDS ?= 20
PYTEST := $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test chaos bench-peers lint fmt lock clean servers
.DELETE_ON_ERROR:

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## Make .venv with everything in it

demo: servers $(STAMP) ## Kafka, Redis, a worker and a storm, in about a minute
	$(BIN)/fault316 demo $(ARGS)

test: servers $(STAMP) lint ## Lint, then all tests, on a real Kafka and Redis
	$(PYTEST) $(ARGS)

chaos: servers $(STAMP) ## The tests that break things, ROUNDS times each (20), with a report
	$(PYTEST) tests/chaos --rounds=$(ROUNDS) --timeout=3600 $(ARGS)

bench-peers: servers $(STAMP) ## The same job by Faust, Quix, Bytewax, Kafka Streams and Flink, side by side
	$(BIN)/fault316 bench peers $(ARGS)

lint: $(STAMP) ## Style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(CODE)

fmt: $(STAMP) ## Put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock' --quiet

lock: ## Refresh both lock files (needs uv)
	$(LOCK) --all-extras -o requirements.lock
	$(LOCK) --extra streams --constraint requirements.lock -o requirements.worker.lock

clean: ## Stop the servers of this folder; remove .venv, data and caches
	if [ -x $(BIN)/fault316 ]; then $(BIN)/fault316 down --wipe; fi
	rm -rf $(VENV) .fault316 bench/peers/.work .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 7))' || { \
		echo "fault316 needs Python 3.11.7 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "fault316 needs Python's venv module, e.g. apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --editable .
	@touch $@

# Asked before the installation, which takes a while. Maven is needed only until Kafka's jars are in the cache.
servers:
	@{ command -v "$${JAVA_HOME:+$$JAVA_HOME/bin/}java" && \
		{ command -v mvn || ls -d "$${XDG_CACHE_HOME:-$$HOME/.cache}"/fault316/kafka-*; }; } >/dev/null 2>&1 || \
		[ -n "$$FAULT316_BOOTSTRAP_SERVERS" ] || docker info >/dev/null 2>&1 || { \
		echo "fault316 needs Java 17+ and Maven (e.g. apt-get install openjdk-17-jre-headless maven), or a running docker engine" >&2; exit 1; }
