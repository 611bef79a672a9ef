# Run `make demo` on a fresh machine, `make test` to test it. docs/settings.md lists the environment variables.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
TESTS ?= tests
BENCH ?=

.PHONY: demo serve test check clients screenshots bench bench-history bench-uplift soak setup setup-dev browser lock

demo: setup
	$(BIN)/python -m config.serve --demo

serve: setup
	$(BIN)/python -m config.serve

test: setup-dev browser
	$(BIN)/python -m pytest -n 2 --dist worksteal $(TESTS)

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') DEBUG=false \
		ALLOWED_HOSTS=promotions.example $(BIN)/python manage.py check --deploy --fail-level WARNING

# Lint the OpenAPI document, and try the TypeScript client that is generated from it. It needs Node and npm.
clients: setup-dev
	npm ci --silent --prefix tests/clients/typescript
	$(BIN)/python -m pytest tests/clients/typescript_client.py

bench: setup-dev
	$(BIN)/python -m benchmarks $(BENCH)

# Two thousand promotions without effect, looked at every day: two minutes.
bench-uplift: setup-dev
	$(BIN)/python -m benchmarks.uplift $(BENCH)

# Ten million past transactions: takes 28 GB of disk while it runs, and ten minutes.
bench-history: setup-dev
	$(BIN)/python -m benchmarks history $(BENCH)

soak: setup-dev
	SOAK=full $(BIN)/python -m pytest --timeout 0 tests/soak tests/outages tests/loyalty/till/test_races.py

# Take the pictures of the documentation, from a separate demo.
screenshots: setup-dev browser
	$(BIN)/python -m tests.screenshots

setup: .venv/runtime

setup-dev: .venv/development

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/runtime: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/development: requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ .venv/runtime

# The browser tests use the system's Chromium.
browser:
	@if command -v chromium chromium-browser google-chrome >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else \
		echo "The browser tests need Chromium: install the package chromium, then run this again."; exit 1; \
	fi

# Pin every dependency with the hashes of its files, without download addresses.
LOCK = $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" pyproject.toml

lock: | .venv/bin/python
	$(BIN)/python -m pip install --quiet uv
	env -u UV_FIND_LINKS $(LOCK) --output-file requirements.txt
	env -u UV_FIND_LINKS $(LOCK) --extra dev --output-file requirements-dev.txt
