# The front door: `make help` lists what can be done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DAGSTER_HOME ?= $(CURDIR)/.dagster_home
DEFINITIONS := -m crm_assets.definitions
LARGE := pyspark py4j polars polars-runtime-32
MONTH ?=
ASSETS ?= *

.DEFAULT_GOAL := help
.PHONY: help install install-scale run dev mlflow materialize checks validate test lint types format docs lock clean benchmark benchmark-tables

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

# Only where there is none: a home of yours keeps its own.
$(DAGSTER_HOME)/dagster.yaml:
	@mkdir -p $(DAGSTER_HOME)
	@cp dagster.yaml $@

run: install $(DAGSTER_HOME)/dagster.yaml ## Materialise everything for all months and print the forecast.
	python -m crm_assets

dev: install $(DAGSTER_HOME)/dagster.yaml ## Open the Dagster UI on this machine.
	dagster dev

mlflow: install ## Open the MLflow UI of the embedded registry.
	python -m crm_assets.registry.ui

materialize: install $(DAGSTER_HOME)/dagster.yaml ## Materialise ASSETS (all) for MONTH (needed), as 2017-06 or 2017-06...2017-08.
	dagster asset materialize $(DEFINITIONS) --select '$(ASSETS)' $(if $(findstring ...,$(MONTH)),--partition-range,--partition) '$(MONTH)'

checks: install $(DAGSTER_HOME)/dagster.yaml ## Run all asset checks on what is stored.
	dagster job execute $(DEFINITIONS) --job data_quality_checks

validate: install $(DAGSTER_HOME)/dagster.yaml ## Load the definitions and say whether they are sound.
	dagster definitions validate

test: install ## Run the tests.
	pytest

lint: install ## Check style.
	ruff check .
	ruff format --check .

types: install ## Check types.
	ty check

format: install ## Mend style.
	ruff check --fix .
	ruff format .

docs: install ## Write the settings into README.md and .env.example.
	python -m crm_assets.settings_docs

benchmark-tables: install-scale ## Time snapshots and features against pandas and Polars, up to 8.8 million deals.
	python -m benchmarks.tables

benchmark: install ## Time the graph against a plain script of the same models.
	python -m benchmarks.whole_graph

# The large ones stand in a lock file of their own, with the versions of the first where both have a package.
lock: install ## Resolve the lock files anew from pyproject.toml.
	uv pip compile pyproject.toml --all-extras $(foreach package,$(LARGE),--no-emit-package $(package)) --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file requirements.lock --quiet
	uv pip compile --group pyproject.toml:scale --constraints requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file requirements-scale.lock --quiet

clean: ## Remove what runs left: tables, models, Dagster's history. Not the environment.
	rm -rf data $(CURDIR)/.dagster_home .pytest_cache .ruff_cache .hypothesis
