# make run    start Temps on this machine        make test      run the suite on every database that is here
# make check  lint, types, contracts, settings   make promises  promises that no test names
# make bench  ratios, side by side               make lock      resolve the dependencies anew
# make pictures  the screenshots of docs/images
# make ldap   add LDAP, which is compiled
.PHONY: run venv ldap test check promises pictures bench lock format clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet --quiet

run: $(VENV)/.base
	@$(BIN)/temps up

venv: $(VENV)/.base

$(VENV)/.base: requirements/base.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Temps needs Python 3.11 or newer; try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@echo "building the environment in $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	@$(PIP) install --require-hashes -r requirements/base.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base requirements/dev.txt
	@echo "adding what the tests need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

ldap: $(VENV)/.ldap

$(VENV)/.ldap: $(VENV)/.base requirements/ldap.txt
	@$(PIP) install --require-hashes --no-build-isolation -r requirements/ldap.txt || { echo "python-ldap is compiled; on Debian: apt-get install gcc python3-dev libldap2-dev libsasl2-dev"; exit 1; }
	@touch $@

test: $(VENV)/.dev
	@$(BIN)/python -m tests.run $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	TEMPS_DATA_DIR=$(VENV)/check-data $(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.deploy_check

promises: $(VENV)/.dev
	@$(BIN)/python -m tests.promises

pictures: $(VENV)/.dev
	@TEMPS_PICTURES=1 $(BIN)/pytest -q tests/browser

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Index addresses stay out of the lock: it must install from any mirror.
lock: $(VENV)/.dev
	for part in base dev ldap; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --upgrade \
	  --output-file requirements/$$part.txt requirements/$$part.in; done

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
