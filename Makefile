# Every target builds its own environment first; nothing needs to be activated.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UNFINISHED := $(VENV)/.unfinished

# Tests run in a shuffled order, the same one every time: a failure then comes from a change, and others can repeat it.
SEED ?= 1

# The first Python that is new enough; python3 itself where it is.
PYTHON ?= $(shell for candidate in python3 python3.11 python3.12 python3.13 python3.14; do \
	if $$candidate -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	echo $$candidate; break; fi; done)

.PHONY: help up down reset test check bench

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-7s %s\n' "$$name" "$$text"; done

up: $(STAMP)  ## start everything on one address and audit the sample; Ctrl-C stops it. PORT=N for another port
	@exec $(BIN)/prisma-assets up $(if $(PORT),--port $(PORT))

down:  ## stop what `make up` started
	@if [ -x $(BIN)/prisma-assets ]; then $(BIN)/prisma-assets down; else echo "Nothing is installed here, so nothing runs."; fi

reset:  ## stop, and delete everything the product keeps (asks first)
	@home="$${PRISMA_HOME:-.prisma}"; \
	if [ ! -d "$$home" ]; then echo "There is nothing at $$home."; exit 0; fi; \
	if [ ! -t 0 ]; then echo "make reset asks before it deletes $$home; run it in a terminal." >&2; exit 2; fi; \
	if [ ! -e "$$home/up.lock" ] && [ ! -e "$$home/postgres" ]; then \
	echo "$$home does not look like a data folder of Prisma Assets; delete it yourself if you mean it." >&2; exit 2; fi; \
	printf 'Delete %s with its database, engagements and logs? Type yes: ' "$$home"; read -r answer; \
	if [ "$$answer" != yes ]; then echo "Nothing was deleted."; exit 0; fi; \
	$(MAKE) --no-print-directory down && rm -rf -- "$$home" && echo "Deleted $$home."

test: $(STAMP)  ## run every test. SEED=N for another order
	@$(BIN)/python -m pytest --randomly-seed=$(SEED)

check: $(STAMP)  ## format, lint, types, import contracts and unit tests, in about a minute
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest tests/unit --quiet -m "not slow"

bench: $(STAMP)  ## run every benchmark and print its figures
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python -P "$$script" || exit 1; done

# The stamp is written last. What this rule began and did not finish is built again from nothing; an environment that is
# merely older than the lock file, or that somebody else made, is brought up to date in place and never cleared.
$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
	echo "Prisma Assets needs Python 3.11 or newer and found $$(python3 --version 2>/dev/null || echo none); install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@echo "Building $(VENV) from requirements.lock ..."
	@if [ ! -d $(VENV) ] || [ -e $(UNFINISHED) ]; then \
	rm -rf $(VENV) && mkdir -p $(VENV) && touch $(UNFINISHED) && $(PYTHON) -m venv $(VENV) || { \
	echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu install the package python3-venv." >&2; exit 1; }; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP) && rm -f $(UNFINISHED)
