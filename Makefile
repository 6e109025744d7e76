# The front door: `make help` lists what can be done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DAGSTER_HOME ?= $(CURDIR)/.dagster_home
DEFINITIONS := -m crm_assets.definitions
COMPOSE = python -m dev.stack.docker
LARGE := pyspark py4j polars polars-runtime-32
PYTEST := pytest
ON_BOTH_CORES := --numprocesses 2 --dist loadfile
MONTH ?=
VERSION ?=
ASSETS ?= *

.DEFAULT_GOAL := help
.PHONY: help install install-scale run dev replay mlflow promote rollback materialize checks validate storage-check up down status logs buckets ui stack stack-down stack-status stack-logs test-unit test test-deployed test-all coverage lint types format docs benchmark-tables benchmark lock clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## Create the environment from the lock file.

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements.lock)"
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

install-scale: $(VENV)/scale ## Add what only large data needs: Spark and the alternatives of the benchmarks (400 MB).

$(VENV)/scale: requirements-scale.lock $(VENV)/installed
	$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-scale.lock
	@touch $@

# Only where there is none: a home of yours keeps its own. No file target: make cannot name a path with blanks.
.PHONY: dagster-home
dagster-home:
	@mkdir -p "$$DAGSTER_HOME"
	@test -e "$$DAGSTER_HOME/dagster.yaml" || cp dagster.yaml "$$DAGSTER_HOME/dagster.yaml"

run: install dagster-home ## Materialize everything for all months and print the forecast.
	python -m crm_assets

dev: install dagster-home ## Open the Dagster UI on this machine.
	python -m crm_assets.console.start dagster dev

replay: install ## Live through the data month by month as if it came in live, and hold the forecasts to their backtest.
	python -m crm_assets.console.replay

mlflow: install ## Open the MLflow UI of the embedded registry.
	python -m crm_assets.console.mlflow_ui

promote: install ## Make model version VERSION the champion; predictions follow.
	@python -m crm_assets.console.registry promote '$(VERSION)'

rollback: install ## Make the former champion champion again; predictions follow.
	@python -m crm_assets.console.registry rollback

materialize: install dagster-home ## Materialize ASSETS (all) for MONTH (needed), as 2017-06 or 2017-06...2017-08.
	python -m crm_assets.console.start dagster asset materialize $(DEFINITIONS) --select '$(ASSETS)' $(if $(findstring ...,$(MONTH)),--partition-range,--partition) '$(MONTH)'

checks: install dagster-home ## Run all asset checks on what is stored.
	dagster job execute $(DEFINITIONS) --job data_quality_checks

validate: install dagster-home ## Load the definitions and say whether they are sound.
	dagster definitions validate

storage-check: install ## Tell where tables are kept, and whether they can be.
	python -m crm_assets.console.storage_check

up: install ## Start the deployed stack in Docker (docker/env.example says how).
	$(COMPOSE) up --build --detach --wait

down: install ## Stop the stack in Docker; volumes stay.
	$(COMPOSE) down

status: install ## Show the services of the stack in Docker.
	$(COMPOSE) ps --all

logs: install ## Follow the logs of the stack in Docker.
	$(COMPOSE) logs --follow --tail 50

buckets: install ## Make the buckets and users of the stack's MinIO anew.
	$(COMPOSE) run --rm buckets

ui: install ## Say where the stack in Docker shows its UIs.
	$(COMPOSE) ui

stack: install ## Start the same stack without Docker, as processes of this machine.
	python -m dev.stack up

stack-down: install ## Stop the stack without Docker; what it stored stays.
	python -m dev.stack down

stack-status: install ## Show the services of the stack without Docker.
	python -m dev.stack status

stack-logs: install ## Follow the logs of the stack without Docker.
	python -m dev.stack logs

test-unit: install ## Run the unit tests: seconds.
	$(PYTEST) -m unit

test: install ## Run the unit and integration tests: minutes.
	$(PYTEST) -m 'unit or integration' $(ON_BOTH_CORES)

test-deployed: install install-scale ## Run the tests of the deployed stack, of Spark and of executors.
	$(PYTEST) -m 'stack or scale' $(ON_BOTH_CORES)

test-all: test test-deployed ## Run all tests.

coverage: install ## Run all tests and show which lines they leave out.
	coverage erase
	$(MAKE) --no-print-directory test-all PYTEST='coverage run -m pytest'
	coverage combine --quiet
	coverage report

lint: install ## Check style.
	ruff check .
	ruff format --check .

types: install ## Check types.
	ty check

format: install ## Mend style.
	ruff check --fix .
	ruff format .

docs: install ## Write settings and files into README.md, and settings into .env.example.
	python -m dev.settings_docs
	python -m dev.tables_docs

benchmark-tables: install-scale ## Time snapshots and features against pandas and Polars, up to 8.8 million deals.
	python -m benchmarks.tables

benchmark: install ## Time the graph against a plain script of the same models.
	python -m benchmarks.whole_graph

# The large packages stand in a lock file of their own; versions are the same in all three.
lock: install ## Resolve the lock files anew from pyproject.toml.
	uv pip compile pyproject.toml --all-extras $(foreach package,$(LARGE),--no-emit-package $(package)) --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file requirements.lock --quiet
	uv pip compile --group pyproject.toml:scale --constraints requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file requirements-scale.lock --quiet
	uv pip compile pyproject.toml --extra deployed --constraints requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file docker/requirements.lock --quiet

clean: ## Remove what runs left: tables, models, Dagster's history. Not the environment.
	rm -rf data .dagster_home .pytest_cache .ruff_cache .hypothesis
