# Every target works on a fresh clone: it makes what it needs, once. `make` alone tells what there is.

VENV ?= .venv
PYTEST_ARGS ?=
HISTORIES ?= 100000
ROUNDS ?= 1000
SEED ?= 0
NAMES ?=
NAME ?=
TESTS ?=
N ?= 20000
RELEASE ?=
REPOSITORY ?=
PY := $(VENV)/bin/python
TIMED := scripts/timed.sh
WWW := airflow_spark_pipeline/plugins/www

# Spark needs Java; the script finds one, or installs one, and prints where it is.
WITH_JAVA := JAVA_HOME=$$(scripts/java.sh) && export JAVA_HOME

.DEFAULT_GOAL := help
.PHONY: help setup java test slow nightly unit acceptance kill-matrix stateful chaos hocon-fuzz e2e www www-check engines platforms topology check format demo airflow bench docs docs-versions dist constraints matrix prerelease clean

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## The development environment in .venv (VENV=... for another place, PYTHON=... for another Python)
	@scripts/setup.sh "$(VENV)"

java: ## Find Java 17 or newer, or install it
	@$(WITH_JAVA) && echo "Java: $$JAVA_HOME"

test: setup ## The tests: unit, integration, acceptance (PYTEST_ARGS=... for pytest)
	@scripts/install.sh redis-server
	@$(WITH_JAVA) && $(TIMED) test scripts/suite.sh $(PY) "not slow and not nightly and not e2e" --durations=15 $(PYTEST_ARGS)

slow: setup ## The tests that take up to minutes each: kills under a real Airflow, 60 rounds of chaos (15 minutes)
	@$(WITH_JAVA) && $(TIMED) "slow tests" scripts/suite.sh $(PY) "slow and not nightly and not e2e" --durations=0 $(PYTEST_ARGS)

nightly: setup ## More of the slow tests, once a night: all kills, also on a standalone cluster, 200 rounds of chaos, more looks of the page (40 minutes)
	@$(WITH_JAVA) && $(TIMED) "nightly tests" scripts/suite.sh $(PY) "nightly and not e2e" --durations=0 $(PYTEST_ARGS)
	$(if $(PYTEST_ARGS),,@$(MAKE) --no-print-directory e2e PYTEST_ARGS='-m "e2e and nightly"')

unit: setup ## The tests that start neither Spark nor Airflow: seconds
	@$(TIMED) unit $(PY) -m pytest -m "not spark and not airflow" $(PYTEST_ARGS) tests/unit

acceptance: setup ## The promises, proven with a real Airflow and a real Spark
	@$(WITH_JAVA) && $(TIMED) acceptance $(PY) -m pytest $(PYTEST_ARGS) tests/acceptance

kill-matrix: setup ## Kill everything that can die, on local Spark and a standalone cluster, under a real Airflow
	@$(WITH_JAVA) && $(TIMED) "kill matrix" $(PY) -m pytest -m kill_matrix -v $(PYTEST_ARGS) tests/acceptance

stateful: setup ## Random histories of the checkpoint protocol, on all cores (HISTORIES=100000)
	@HISTORIES=$(HISTORIES) $(TIMED) stateful $(PY) -m pytest -q -n auto --timeout=0 -k "seeded or Protocol" tests/unit/protocol/test_histories.py

chaos: setup ## Real drivers, killed and stopped at random (ROUNDS=1000 SEED=0)
	@$(TIMED) chaos $(PY) -m tests.chaos --rounds $(ROUNDS) --seed $(SEED)

hocon-fuzz: setup ## Generated HOCON, read here and by its reference implementation (N=20000 SEED=0; needs Maven)
	@$(WITH_JAVA) && $(TIMED) "HOCON" $(PY) -m tests.hocon_reference --files $(N) --seed $(SEED)

e2e: setup ## The page, in a real Chromium against a real Airflow (CHROMIUM=/usr/bin/chromium; 15 minutes)
	@scripts/install.sh chromium
	@[ -d $(WWW)/node_modules/axe-core ] || ! command -v npm >/dev/null || (cd $(WWW) && npm ci)
	@$(WITH_JAVA) && $(TIMED) e2e scripts/pytest.sh $(PY) -m "e2e and not nightly" --durations=0 $(PYTEST_ARGS) tests/e2e

www: ## Build the page's front end (needs Node 20 and npm); commit what it makes
	@cd $(WWW) && npm ci && npm run build

www-check: ## Types, lint and tests of the front end, and whether the committed bundle is what the sources give
	@scripts/www_check.sh "$(WWW)"

engines: setup ## Real engines under a real Airflow: YARN, HDFS, standalone, Spark Connect, S3A, the topology (needs Maven; fetches 800 MB once; an hour and a quarter)
	@$(WITH_JAVA) && $(TIMED) engines $(PY) -m pytest --durations=0 $(PYTEST_ARGS) tests/engines
	$(if $(PYTEST_ARGS),,@$(MAKE) --no-print-directory topology)

platforms: setup ## Real drivers on mocks of platforms and on Apache Livy, under a real Airflow (needs Maven; providers with other pins: 900 MB once; an hour)
	@EXTRAS=dataproc,kubernetes,test CONSTRAINTS=constraints-platforms.txt scripts/setup.sh .venv-platforms
	@$(TIMED) platforms .venv-platforms/bin/python -m pytest -q -W default $(PYTEST_ARGS) \
		tests/unit/operators/test_dataproc.py tests/unit/operators/test_spark_application.py tests/unit/operators/test_platform_examples.py
	@$(WITH_JAVA) && $(TIMED) "real drivers" $(PY) -m pytest --durations=0 $(PYTEST_ARGS) tests/platforms

topology: setup ## The services of docker-compose.yaml as processes, and one of their machines lost (Postgres, Redis, MinIO; 9 minutes)
	@$(WITH_JAVA) && minio=$$(scripts/topology.sh) && PATH="$${minio:+$$minio:}$$PATH" && export PATH && \
		$(TIMED) topology scripts/pytest.sh $(PY) --durations=0 $(PYTEST_ARGS) tests/topology

check: setup ## Lint, format, types, who may import whom, and the workflows
	@$(TIMED) "ruff check" $(PY) -m ruff check
	@$(TIMED) "ruff format" $(PY) -m ruff format --check
	@$(TIMED) mypy $(PY) -m mypy
	@$(TIMED) imports $(VENV)/bin/lint-imports --no-cache
	@$(TIMED) workflows $(VENV)/bin/zizmor --offline --quiet --persona auditor .github

format: setup ## Let ruff mend what it can
	@$(PY) -m ruff check --fix-only
	@$(PY) -m ruff format

demo: setup ## 336,776 real flights, an outage in the middle, and the retry that resumes (about two minutes)
	@$(WITH_JAVA) && $(TIMED) demo $(PY) scripts/demo.py

airflow: setup ## A whole Airflow with the example DAGs on http://localhost:8080
	@$(WITH_JAVA) && scripts/airflow_standalone.sh "$(VENV)"

bench: setup ## What checkpoints cost and what a resume saves (NAMES="loop tpch" for some; engines needs Maven)
	@$(WITH_JAVA) && $(TIMED) bench $(PY) -m benchmarks $(NAMES)

docs: setup ## The documentation as a site in site/, built strictly (130 MB of tools in .venv-docs, once)
	@$(TIMED) docs scripts/docs.sh $(PY)

docs-versions: setup ## The documentation of the newest releases as a site in site/, as a release publishes it
	@$(TIMED) docs-versions scripts/docs_versions.sh "$(abspath $(PY))"

dist: setup ## Build the wheel and the sdist into dist/, and check what an index would make of them (RELEASE=1.2.3 REPOSITORY=https://…)
	@$(TIMED) dist scripts/dist.sh $(PY) "$(RELEASE)" "$(REPOSITORY)"

constraints: setup ## Renew constraints-dev.txt: the newest of everything, for every supported Python
	@scripts/constraints.sh "$(VENV)"

matrix: ## Tests, a running Airflow and the page on the oldest and the newest Airflow (NAME=airflow-3.2 for one set; TESTS=... for other tests)
	@$(WITH_JAVA) && PYTEST_ARGS="$(PYTEST_ARGS)" TESTS="$(TESTS)" scripts/matrix.sh "$(NAME)"

prerelease: ## The same on the pre-release of Airflow that comes next
	@$(MAKE) --no-print-directory matrix NAME=airflow-3.4

clean: ## Remove everything that the targets made
	rm -rf "$(VENV)" .venv-* .demo .airflow build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf spark-warehouse metastore_db derby.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
