# Start with `make help`: it lists all targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DAGSTER_HOME ?= $(CURDIR)/.dagster_home
COMPOSE = python -m dev.stack.docker
LARGE := pyspark py4j polars polars-runtime-32
PYTEST := pytest
# One more process than cores, since tests with servers wait for them.
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
MONTH ?=
VERSION ?=
PORT ?=
ASSETS ?= *
MAPPING ?= crm.yaml
CRM ?=
NAME ?=
SEES ?= all
ALGORITHM ?=
WORKERS ?=
JOIN ?=
SEND ?=
MANAGER ?=

.DEFAULT_GOAL := help
.PHONY: help install install-scale run check-data mapping pull dev replay mlflow notebooks promote rollback materialize tune checks validate storage-check up down status logs buckets ui kubernetes stack stack-down stack-status stack-logs test-unit test test-system test-deployed test-all coverage lint types format docs docs-site architecture benchmark-tables benchmark lock clean serve api-key write-back dashboard screenshots dashboard-user export digest-preview digest model-card metrics secrets fill stack-fill monitor

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## Create the environment from the lock file.

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed: make PYTHON=python3.11 ...")'
	@echo "Bringing the environment in $(VENV) up to date: 3 GB, some minutes the first time."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements.lock)"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

install-scale: $(VENV)/scale ## Add Spark, Helm, and the libraries that the benchmarks compare with (500 MB).

$(VENV)/scale: requirements-scale.lock $(VENV)/installed
	$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-scale.lock
	@touch $@

# Keep a dagster.yaml that is already there. This is not a file target, because make cannot name a path with spaces.
.PHONY: dagster-home
dagster-home:
	@mkdir -p "$$DAGSTER_HOME"
	@test -e "$$DAGSTER_HOME/dagster.yaml" || cp dagster.yaml "$$DAGSTER_HOME/dagster.yaml"

run: install dagster-home ## Materialize everything for all months and print the forecast.
	python -m crm_assets

check-data: install ## Say whether the data is enough for a forecast, and what comes out of it.
	@python -m crm_assets.console.check_data

mapping: install ## Draft MAPPING (default: crm.yaml) from the files in CRM_DATA_DIR: how their CRM calls things.
	@python -m crm_assets.console.mapping '$(MAPPING)'

pull: install ## Pull the deals of CRM (hubspot, pipedrive or salesforce) into CSV files in CRM_DATA_DIR.
	@python -m crm_assets.console.pull '$(CRM)'

dev: install dagster-home ## Open the Dagster UI on this machine.
	python -m crm_assets.console.start dagster dev

serve: install ## Serve predictions and forecast as a REST API on this machine.
	python -m crm_assets.serving

api-key: install ## Make a key of the REST API for NAME that sees SEES (default: all).
	@python -m crm_assets.console.api_key '$(NAME)' --sees '$(SEES)'

write-back: install ## Write scores of changed deals for CRM: a file to import; SEND=yes sends them.
	@python -m crm_assets.console.write_back '$(CRM)' $(if $(SEND),--send)

replay: install ## Replay the data month by month as if it were live, and compare the forecasts with a backtest.
	python -m crm_assets.console.replay

dashboard: install ## Open the sales dashboard on this machine.
	@python -m crm_assets.dashboard

screenshots: install ## Take pictures of the running dashboard for the documentation.
	@python -m dev.screenshots docs/guides/images --pages forecast,deals --only light

dashboard-user: install ## Let NAME see the deals of SEES in the dashboard, for example SEES='office:West'.
	@python -m crm_assets.dashboard.users '$(NAME)' '$(SEES)'

export: install ## Write MONTH (default: the newest), of all deals or of MANAGER, as Excel and CSV files to exports/.
	@python -m crm_assets.console.export --month '$(MONTH)' --manager '$(MANAGER)'

digest-preview: install ## Write the digest of each manager as a page to exports/.
	@python -m crm_assets.console.digest

digest: install ## Send the digests now.
	@python -m crm_assets.console.digest --send

mlflow: install ## Open the MLflow UI of the embedded registry (PORT: 5000).
	@python -m crm_assets.console.mlflow_ui $(if $(PORT),--port '$(PORT)')

notebooks: install ## Run the notebooks on the stored tables, and keep the results in CRM_HOME/notebooks.
	@python -m dev.notebooks

promote: install ## Make model version VERSION the champion.
	@python -m crm_assets.console.registry promote '$(VERSION)'

rollback: install ## Make the previous champion the champion again.
	@python -m crm_assets.console.registry rollback

model-card: install ## Print the model card of the champion, or of VERSION.
	@python -m crm_assets.console.model_card $(if $(VERSION),'$(VERSION)')

materialize: install dagster-home ## Materialize ASSETS (default: all) for MONTH, for example 2017-06 or 2017-06...2017-08.
	@python -m crm_assets.console.materialize --select '$(ASSETS)' --month '$(MONTH)'

monitor: install dagster-home ## Hold the forecasts of MONTH (default: all) against what came, and print them by month.
	@python -m crm_assets.console.monitor --month '$(MONTH)'

tune: install dagster-home ## Search better parameters of ALGORITHM (default: all) with WORKERS processes; JOIN=yes helps another machine.
	@$(if $(WORKERS),CRM_TUNE_WORKERS='$(WORKERS)') python -m crm_assets.console.tune --algorithm '$(ALGORITHM)' $(if $(JOIN),--join)

metrics: install dagster-home ## Serve the metrics of the pipeline for Prometheus (CRM_METRICS_PORT: 9109).
	@python -m crm_assets.console.exporter

checks: install dagster-home ## Run all asset checks on the stored tables.
	@python -m crm_assets.console.checks

validate: install dagster-home ## Check that Dagster can load the definitions.
	dagster definitions validate

storage-check: install ## Show where tables are stored, and test writing there.
	python -m crm_assets.console.storage_check

secrets: install ## Write docker/.env with a new value for each secret that is empty.
	@python -m dev.stack.secret_values

up: install ## Start the deployed stack in Docker (set it up as docker/env.example explains).
	$(COMPOSE) up --build --detach --wait

down: install ## Stop the stack in Docker and keep its volumes.
	$(COMPOSE) down

fill: install ## Fill the stack in Docker: run the whole graph for all months, and follow it.
	@$(COMPOSE) fill

status: install ## Show the services of the stack in Docker.
	$(COMPOSE) ps --all

logs: install ## Follow the logs of the stack in Docker.
	$(COMPOSE) logs --follow --tail 50

buckets: install ## Create the buckets and users of the stack's MinIO again.
	$(COMPOSE) run --rm buckets

ui: install ## Print the addresses of the UIs of the stack in Docker.
	$(COMPOSE) ui

kubernetes: install-scale ## Render the charts of docker/kubernetes and validate their manifests.
	@python -m dev.kubernetes

stack: install ## Start the same stack without Docker, as processes on this machine.
	python -m dev.stack up

stack-fill: install ## Fill the stack without Docker: run the whole graph for all months, and follow it.
	@python -m dev.stack fill

stack-down: install ## Stop the stack without Docker and keep its data.
	python -m dev.stack down

stack-status: install ## Show the services of the stack without Docker.
	python -m dev.stack status

stack-logs: install ## Follow the logs of the stack without Docker.
	python -m dev.stack logs

# Tests start hundreds of processes: let Python keep what it has compiled.
test test-%: export PYTHONDONTWRITEBYTECODE =

test-unit: install ## Run the unit tests (seconds).
	$(PYTEST) -m unit

test: install ## Run the unit and integration tests (minutes).
	$(PYTEST) -m 'unit or integration' $(SIDE_BY_SIDE)

test-system: install ## Run the tests that run the whole graph again and again (minutes).
	$(PYTEST) -m system $(SIDE_BY_SIDE)

test-deployed: install install-scale ## Run the tests of the deployed stack, of Spark and of executors.
	$(PYTEST) -m 'stack or scale' $(SIDE_BY_SIDE)

test-all: install install-scale ## Run the tests of all levels.
	$(PYTEST) $(SIDE_BY_SIDE)

coverage: ## Run the unit and integration tests, and show which lines they miss.
	$(MAKE) --no-print-directory test PYTEST='pytest --cov'

lint: install ## Check style, spelling and prose.
	ruff check .
	ruff format --check .
	codespell
	proselint check --config .proselint.json *.md docs benchmarks/README.md

types: install ## Check types.
	ty check

format: install ## Fix style.
	ruff check --fix .
	ruff format .

docs: install ## Update what docs/, .env.example, crm.schema.json and Grafana's dashboard take from the code.
	python -m dev.settings_docs
	python -m dev.mapping_docs
	python -m dev.reference_docs
	python -m dev.graph_docs
	python -m dev.grafana.dashboard

docs-site: install ## Build docs/ as a site in site/, and fail on a broken link.
	@NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --quiet
	@echo "Open $(CURDIR)/site/index.html"

architecture: docs-site ## Build docs/ as a site, and print where its page with the diagrams is.
	@echo "Open $(CURDIR)/site/architecture.html"

benchmark-tables: install-scale ## Time snapshots and features against pandas and Polars, up to 8.8 million deals.
	python -m benchmarks.tables

benchmark: install ## Time the graph against a plain script of the same models.
	python -m benchmarks.whole_graph

# The large packages have their own lock file. All three files lock the same versions.
lock: install ## Resolve the lock files again from pyproject.toml.
	uv pip compile pyproject.toml --all-extras $(foreach package,$(LARGE),--no-emit-package $(package)) --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file requirements.lock --quiet
	uv pip compile --group pyproject.toml:scale --constraints requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file requirements-scale.lock --quiet
	uv pip compile pyproject.toml --extra deployed --extra serving --extra dashboard --extra monitoring --extra tuning --constraints requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --output-file docker/requirements.lock --quiet

clean: ## Remove tables, models and Dagster's history, and keep the environment.
	rm -rf data .dagster_home .pytest_cache .ruff_cache .hypothesis
