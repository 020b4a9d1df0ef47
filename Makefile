# The commands of this repository; CI calls these and nothing else.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# Another interpreter has an environment of its own: make test PYTHON=python3.13
PYTHON ?= python3
VENV := .venv$(patsubst %,-%,$(filter-out python3,$(notdir $(PYTHON))))
RUN := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
SERVERS := .cache/servers
DEPLOY := .cache/deploy
KUBERNETES := .cache/kubernetes
# Most tests wait more than they compute, so each core takes two at a time.
WORKERS ?= $(shell echo $$(( 2 * $$(nproc) )))
PYTEST := $(VENV)/bin/pytest -q --durations=5
SIDE_BY_SIDE := -n $(WORKERS) --dist worksteal
MEASURED := tests/integration/measured
# Real servers that the tests start are unpacked here, when the machine has none, and
# linters and renderers of the deployments are installed here.
export PATH := $(CURDIR)/$(SERVERS)/usr/bin:$(CURDIR)/$(DEPLOY)/bin:$(PATH)
# No test may look for credentials outside of this machine.
export ALIBABA_CLOUD_ECS_METADATA_DISABLED := true
# Compiled modules are kept, pytest's rewritten ones too: they take a second of `make unit`.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo check test nightly test-deploy test-kubernetes unit format fuzz soak alerts rules bench scale docs pictures lock sbom image dist reproducible clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-15s %s\n", $$1, $$2}'

demo: $(RUNTIME) ## Simulated cloud and exporter together; Ctrl-C ends it
	@exec $(RUN) -m exporter demo $(DEMO)

check: $(DEV) ## Format, lint, types, import contracts, documents up to date
	$(VENV)/bin/ruff format --check --quiet
	$(VENV)/bin/ruff check --quiet
	$(VENV)/bin/mypy --no-error-summary
	$(VENV)/bin/lint-imports --no-logo > .cache/imports.log || { cat .cache/imports.log; exit 1; }
	$(RUN) docs/generate_configuration.py --check
	$(RUN) docs/generate_metrics.py --check
	$(RUN) -m grafana.build --check
	$(RUN) -m deploy.build --check

test: $(DEV) $(SERVERS)/.ready ## Unit and integration tests, with real servers and coverage
	rm -f .coverage*
	$(PYTEST) $(SIDE_BY_SIDE) --ignore=$(MEASURED) --cov --cov-report=
	$(PYTEST) $(MEASURED)
	$(VENV)/bin/coverage report --fail-under=95 --skip-covered

test-deploy: $(DEV) $(SERVERS)/.ready $(DEPLOY)/.ready ## The image, the release and each way of deployment
	$(PYTEST) -n $(WORKERS) --dist loadfile tests/deploy -m "$$([ -x $(DEPLOY)/bin/helm ] || echo 'not go')"

# What needs Go comes first. The kubectl of the server's version comes before the machine's,
# for these tests only.
test-kubernetes: $(KUBERNETES)/.ready $(DEV) $(SERVERS)/.ready $(DEPLOY)/.ready ## Lease, manifests and chart in a real Kubernetes API
	PATH=$(CURDIR)/$(KUBERNETES)/bin:$$PATH $(PYTEST) tests/kubernetes

unit: $(DEV) ## The tests that run no whole program, in seconds
	$(VENV)/bin/pytest -q -n 2 tests/unit exporter --hypothesis-profile=unit

nightly: fuzz soak alerts rules scale reproducible ## What takes too long for every change

format: $(DEV) ## Format the code
	$(VENV)/bin/ruff check --fix --quiet
	$(VENV)/bin/ruff format --quiet

fuzz: $(DEV) ## Feed nonsense to all readers: FUZZ_EXAMPLES (1000) for each
	$(PYTEST) --timeout=0 --hypothesis-profile=fuzz tests/integration/test_fuzz.py

soak: $(DEV) ## Run it under faults and reloads, for SOAK_SECONDS (600)
	$(RUN) tests/support/soak.py

alerts: $(DEV) $(SERVERS)/.ready ## Sparse traffic under the rules, 60 times as fast, in real Prometheus and Alertmanager
	PYTHONPATH=tests/support $(RUN) -m bench.alerts $(ALERTS)

rules: ## Have Prometheus 3 and vmalert read the rules; needs Go
	scripts/rule_readers.sh

bench: $(DEV) ## Measure it beside its peers, and write docs/benchmarks.md
	PYTHONPATH=tests/support $(RUN) -m bench $(BENCH)

scale: $(DEV) $(SERVERS)/.ready ## Eight shards, a million checkpoints, and one of them killed
	$(RUN) -m bench.scale $(SCALE)

docs: $(DEV) ## Write the generated documents
	$(RUN) docs/generate_configuration.py
	$(RUN) docs/generate_metrics.py
	$(RUN) -m grafana.build
	$(RUN) -m deploy.build

pictures: $(DEV) $(SERVERS)/.ready ## Take the pictures in docs/images/ again, of the demo
	PYTHONPATH=tests/support $(RUN) tests/support/pictures.py

lock: $(DEV) ## Resolve the dependencies again, with hashes
	scripts/lock.sh

sbom: $(DEV) ## Write what is installed at run time to dist/sbom.json, as CycloneDX
	@$(RUN) -m scripts.sbom dist/sbom.json

image: $(DEPLOY)/.ready ## Build the image localhost/rocketmq-dr-exporter, on BASE
	scripts/image.sh localhost/rocketmq-dr-exporter

dist: $(DEV) $(DEPLOY)/.ready ## Build all that a release is into dist, on BASE
	PYTHON=$(RUN) scripts/dist.sh dist

reproducible: $(DEV) $(DEPLOY)/.ready ## Build the release twice, and compare
	PYTHON=$(RUN) scripts/reproducible.sh

clean: ## Remove what the commands above made
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf .venv* .cache dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUNTIME): requirements.txt scripts/venv.sh
	@PYTHON3=$(PYTHON) scripts/venv.sh $(VENV) requirements.txt
	@touch $@

$(DEV): requirements-dev.txt pyproject.toml $(RUNTIME)
	@PYTHON3=$(PYTHON) scripts/venv.sh $(VENV) requirements-dev.txt
	@$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@mkdir -p .cache
	@touch $@

$(SERVERS)/.ready: scripts/servers.sh scripts/cache.sh
	@scripts/servers.sh $(SERVERS)
	@touch $@

$(DEPLOY)/.ready: scripts/deploy_tools.sh scripts/cache.sh requirements-deploy.txt
	@scripts/deploy_tools.sh $(DEPLOY)
	@touch $@

$(KUBERNETES)/.ready: scripts/kube_apiserver.sh scripts/cache.sh
	@scripts/kube_apiserver.sh $(KUBERNETES)
	@touch $@
