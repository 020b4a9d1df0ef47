#!/usr/bin/env bash
# Write the lock files: exact versions with hashes, for every supported Python.
# Needs uv (`pip install uv`); the files name no registry.
set -euo pipefail
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url
    --no-annotate --no-header --quiet "$@")

uv pip compile pyproject.toml "${options[@]}" --output-file requirements.txt
uv pip compile pyproject.toml --extra kubernetes "${options[@]}" \
    --constraint requirements.txt --output-file requirements-kubernetes.txt
uv pip compile pyproject.toml --extra kubernetes --group dev "${options[@]}" \
    --constraint requirements-kubernetes.txt --output-file requirements-dev.txt
# Only groups, without the project and its dependencies.
uv pip compile --group build "${options[@]}" --output-file requirements-build.txt \
    --constraint requirements-dev.txt
uv pip compile --group deploy "${options[@]}" --output-file requirements-deploy.txt
