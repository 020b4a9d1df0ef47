# The commands of this repository; CI calls these and nothing else.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
SERVERS := .cache/servers
DEPLOY := .cache/deploy
KUBERNETES := .cache/kubernetes
# Real servers that the tests start are unpacked here, when the machine has none, and
# what looks over the ways of deployment is installed here.
export PATH := $(CURDIR)/$(SERVERS)/usr/bin:$(CURDIR)/$(DEPLOY)/bin:$(PATH)
# No test may look for credentials outside of this machine.
export ALIBABA_CLOUD_ECS_METADATA_DISABLED := true
# Compiled modules are kept, pytest's rewritten ones too: they take a second of `make unit`.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo check test test-deploy test-kubernetes unit format fuzz soak bench scale docs incidents pictures lock sbom image dist clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-15s %s\n", $$1, $$2}'

demo: $(RUNTIME) ## Simulated cloud and exporter together; Ctrl-C ends it
	@exec $(PYTHON) -m exporter demo $(DEMO)

check: $(DEV) ## Format, lint, types, import contracts, documents up to date
	$(VENV)/bin/ruff format --check --quiet
	$(VENV)/bin/ruff check --quiet
	$(VENV)/bin/mypy --no-error-summary
	$(VENV)/bin/lint-imports --no-logo > .cache/imports.log || { cat .cache/imports.log; exit 1; }
	$(PYTHON) docs/generate_configuration.py --check
	$(PYTHON) docs/generate_metrics.py --check
	PYTHONPATH=tests/support $(PYTHON) docs/generate_alerts.py --check
	$(PYTHON) -m grafana.build --check
	$(PYTHON) -m deploy.build --check

test: $(DEV) $(SERVERS)/.ready ## Everything, with real servers and coverage
	rm -f .coverage*
	$(VENV)/bin/pytest -q --cov --cov-report= --durations=5
	$(VENV)/bin/coverage report --fail-under=95 --skip-covered

test-deploy: $(DEV) $(SERVERS)/.ready $(DEPLOY)/.ready ## The image, the release and each way of deployment
	$(VENV)/bin/pytest -q tests/deploy -m "$$([ -x $(DEPLOY)/bin/helm ] || echo 'not go')" --durations=5

# What cannot be had without Go comes first. A kubectl of the server's own version goes
# before the machine's, but not where tools are looked for that others need, too.
test-kubernetes: $(KUBERNETES)/.ready $(DEV) $(SERVERS)/.ready $(DEPLOY)/.ready ## Lease, manifests and chart in a real Kubernetes API
	PATH=$(CURDIR)/$(KUBERNETES)/bin:$$PATH $(VENV)/bin/pytest -q tests/kubernetes --durations=5

unit: $(DEV) ## The tests that run no whole program, in seconds
	$(VENV)/bin/pytest -q tests/unit exporter --hypothesis-profile=unit

format: $(DEV) ## Format the code
	$(VENV)/bin/ruff check --fix --quiet
	$(VENV)/bin/ruff format --quiet

fuzz: $(DEV) ## Feed nonsense to whatever reads, for FUZZ_SECONDS (60)
	$(PYTHON) tests/support/fuzz.py

soak: $(DEV) ## Run it under faults and reloads, for SOAK_SECONDS (600)
	$(PYTHON) tests/support/soak.py

bench: $(DEV) ## Measure it beside its peers, and write docs/benchmarks.md
	$(PYTHON) -m bench $(BENCH)

scale: $(DEV) $(SERVERS)/.ready ## Eight shards, a million checkpoints, and one of them killed
	$(PYTHON) -m bench.scale $(SCALE)

docs: $(DEV) ## Write the generated documents anew
	$(PYTHON) docs/generate_configuration.py
	$(PYTHON) docs/generate_metrics.py
	PYTHONPATH=tests/support $(PYTHON) docs/generate_alerts.py
	$(PYTHON) -m grafana.build
	$(PYTHON) -m deploy.build

incidents: $(DEV) $(SERVERS)/.ready ## Play the incidents, and note how long each alert takes to fire
	PYTHONPATH=tests/support $(PYTHON) docs/generate_alerts.py --measure

pictures: $(DEV) $(SERVERS)/.ready ## Take the pictures in docs/images/ anew, of the demo
	PYTHONPATH=tests/support $(PYTHON) tests/support/landing_picture.py docs/images/landing.png
	$(PYTHON) docs/picture_poll.py

lock: $(DEV) ## Resolve the dependencies anew, with hashes
	scripts/lock.sh

sbom: $(DEV) ## Write what is installed at run time to dist/sbom.json, as CycloneDX
	@$(PYTHON) -m scripts.sbom dist/sbom.json

image: $(DEPLOY)/.ready ## Build the image localhost/rocketmq-dr-exporter, on BASE
	scripts/image.sh localhost/rocketmq-dr-exporter

dist: $(DEV) $(DEPLOY)/.ready ## Build all that a release is into dist, on BASE
	scripts/dist.sh dist

clean: ## Remove what the commands above made
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf $(VENV) .cache dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUNTIME): requirements.lock scripts/venv.sh
	@scripts/venv.sh $(VENV) requirements.lock
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml $(RUNTIME)
	@scripts/venv.sh $(VENV) requirements-dev.lock
	@$(PYTHON) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@mkdir -p .cache
	@touch $@

$(SERVERS)/.ready: scripts/servers.sh
	@scripts/servers.sh $(SERVERS)
	@touch $@

$(DEPLOY)/.ready: scripts/deploy_tools.sh requirements-deploy.lock
	@scripts/deploy_tools.sh $(DEPLOY)
	@touch $@

$(KUBERNETES)/.ready: scripts/kube_apiserver.sh tests/support/client_go/main.go
	@scripts/kube_apiserver.sh $(KUBERNETES)
	@touch $@
