PYTHON ?= python3
BIN := .venv/bin

.PHONY: run stop test test-all lint lint-format lint-code lint-types lint-imports format lock bench clean install

## install the locked packages, start everything with the demo, say where to click
run: install
	@$(BIN)/python -m warehouse.processes

## stop what `make run` started
stop: install
	@$(BIN)/python -m warehouse.processes stop
	@$(BIN)/python -m warehouse.embedded stop

## the quick tests
test: install
	@$(BIN)/pytest -m "not slow" -n 2

## every test
test-all: install
	@$(BIN)/pytest -n 2 --dist worksteal

## formatting, lint, types, import rules; each also alone
lint: lint-format lint-code lint-types lint-imports

lint-format: install
	@$(BIN)/ruff format --quiet --check .

lint-code: install
	@$(BIN)/ruff check --output-format concise .

# The plugin reads the settings, which would start the embedded servers.
lint-types: install
	@DATABASE_URL=postgres://unused REDIS_URL=redis://unused $(BIN)/mypy

lint-imports: install
	@$(BIN)/lint-imports --no-cache

## put the code in form
format: install
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

## how fast it is, beside what the database can do
bench: install
	@$(BIN)/python manage.py bench

LOCK = $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header $(UPGRADE) pyproject.toml

## lock the dependencies of pyproject.toml: what a server runs, and that with the tools; the newest ones with UPGRADE=--upgrade
lock: install
	@$(LOCK) --output-file requirements.lock
	@$(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock

## delete the environment, the embedded servers and their data
clean:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m warehouse.processes stop && $(BIN)/python -m warehouse.embedded clean; fi
	@rm -rf .venv staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results

# Only when the lock has changed. One environment for running and for the tools; a server installs requirements.lock. A Python without ensurepip makes the environment without pip and lends its own.
install:
	@cmp -s requirements-dev.lock .venv/installed.lock || { \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")' && \
	  { $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv .venv >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip .venv; } && \
	  echo "Installing the packages of requirements-dev.lock…" && \
	  { $(BIN)/python -m pip --version >/dev/null 2>&1 && pip="$(BIN)/python -m pip" || pip="$(PYTHON) -m pip --python $(BIN)/python"; \
	    $$pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock; } && \
	  cp requirements-dev.lock .venv/installed.lock; }
