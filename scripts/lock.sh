#!/usr/bin/env bash
# Write the lock files: exact versions with hashes, for every supported Python.
# Needs uv (`pip install uv`); the files name no registry.
set -euo pipefail
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url
    --no-annotate --no-header --quiet "$@")

uv pip compile pyproject.toml "${options[@]}" --output-file requirements.lock
uv pip compile pyproject.toml --extra kubernetes "${options[@]}" \
    --constraint requirements.lock --output-file requirements-kubernetes.lock
uv pip compile pyproject.toml --extra kubernetes --group dev "${options[@]}" \
    --constraint requirements-kubernetes.lock --output-file requirements-dev.lock
# Only groups, without the project and its dependencies.
uv pip compile --group build "${options[@]}" --output-file requirements-build.lock \
    --constraint requirements-dev.lock
uv pip compile --group deploy "${options[@]}" --output-file requirements-deploy.lock
