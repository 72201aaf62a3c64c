# Each target works in a fresh clone with only python3 and a package index; it installs into .venv.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2
# uv does not read pip's configuration, and reads the system's certificates only if told to.
CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem)
export UV_SYSTEM_CERTS ?= $(if $(CERTIFICATES),true,false)
# Some container images set this; then every process compiles its imports again, and tests start many processes.
unexport PYTHONDONTWRITEBYTECODE
OF_PIP = $$($(BIN)/pip config get global.$(1) 2>/dev/null)
UV = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$(call OF_PIP,index-url)}}" \
	SSL_CERT_FILE="$${SSL_CERT_FILE:-$${PIP_CERT:-$(call OF_PIP,cert)}}" $(BIN)/uv
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: install  ## stylise six pairs into demo/ (a few minutes on two cores)
	$(BIN)/python manifests/make_images.py
	$(BIN)/stylize run manifests/demo.csv --store demo --weights builtin
	@echo "results: demo/runs/*/contact-sheets and demo/runs/*/report.html"

test: install  ## quick tests; JOBS=8 runs eight at a time
	$(PYTEST) -m "not slow"

test-slow: install  ## slow tests: real servers, browsers and kills
	$(PYTEST) -m slow

test-gpu: install  ## tests that need a GPU; skipped without one
	$(BIN)/python -m pytest tests/gpu

test-all: test test-slow  ## all tests

lint: install  ## check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

install: .venv/installed  ## install the pinned packages and this one into .venv

.venv/installed: requirements.txt pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.txt
	$(UV) pip uninstall --quiet --python $(BIN)/python stylize  # the package's name before release 0.2
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --build-constraints requirements.txt --editable .
	touch $@

pins:  ## update the pins (with uv)
	$(UV) pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
		--no-annotate --upgrade pyproject.toml --output-file requirements.txt

.PHONY: help demo test test-slow test-gpu test-all lint install pins
.DEFAULT_GOAL := help
