# Everything happens in .venv; nothing outside the repository is touched. `make` shows the targets.

PYTHON ?= python3
VENV   := .venv
# Servers and workers start thousands of times in the suite: none is to compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE
BIN    := $(VENV)/bin
SETUP_INPUTS := pyproject.toml constraints.txt native/Cargo.toml \
	$(shell find native/core native/python -name Cargo.toml -o -name '*.rs')

# The stubs are generated in an environment of their own: protos/requirements.txt says why.
GENERATOR := $(VENV)/generator
PROTOC = $(GENERATOR)/bin/python -m grpc_tools.protoc -Iprotos \
	--plugin=protoc-gen-mypy_grpc=$(GENERATOR)/bin/protoc-gen-mypy_grpc \
	--python_out=$(1) --pyi_out=$(1) --grpc_python_out=$(1) --mypy_grpc_out=quiet,generate_concrete_servicer_stubs:$(1) \
	protos/myd/analysis/v1/analysis.proto

# Setting up builds the native engine where there is cargo; this says so where it was not built.
NATIVE_OR_NOT = @$(BIN)/python -c 'import myd_grpc._native' 2>/dev/null \
	|| echo "left out: the native engine, as it takes Rust (cargo); the Python engine does all the work"

GATEWAY_OR_NOT = @if command -v go >/dev/null; then $(MAKE) --no-print-directory gateway; \
	else echo "left out: REST, as its gateway takes Go"; fi

RAY_OR_NOT = @$(BIN)/python -c 'import ray' 2>/dev/null \
	|| echo "left out: workers on a cluster, as there is no Ray: $(BIN)/pip install -c constraints.txt -e '.[ray]'"

PARQUET_OR_NOT = @$(BIN)/python -c 'import pyarrow' 2>/dev/null \
	|| echo "left out: Parquet, as there is no pyarrow: $(BIN)/pip install -c constraints.txt -e '.[parquet]'"

NFS_OR_NOT = @$(BIN)/python -c 'import sys; from tests.support.nfs_machine import missing; sys.exit(bool(missing()))' \
	|| echo "left out: NFS, as there is no User Mode Linux (on Debian: apt-get install user-mode-linux nfs-kernel-server iproute2 kmod)"

OFFICE_OR_NOT = @command -v soffice >/dev/null \
	|| echo "left out: workbooks and guarded cells in LibreOffice, as there is none (on Debian: apt-get install libreoffice-calc)"

# What tests take for object storage, built once: it speaks as S3 does, and keeps objects as files.
VERSITYGW := v1.8.0
STORE_OR_NOT = @if ! $(BIN)/python -c 'import obstore' 2>/dev/null; then \
		echo "left out: object storage, as there is no obstore: $(BIN)/pip install -c constraints.txt -e '.[object-storage]'"; \
	elif [ ! -x $(BIN)/versitygw ]; then \
		echo "left out: object storage, as there is no store to test with: make store"; fi

.DEFAULT_GOAL := help
.PHONY: help demo test soak setup serve gateway store bench sbom audit crash fuzz check fmt gen

help: ## show these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 10

demo: $(VENV)/runtime.stamp ## convert encrypted sample data with live progress
	$(NATIVE_OR_NOT)
	$(GATEWAY_OR_NOT)
	@$(BIN)/python scripts/demo.py

# Tests wait much of their time: six at once keep two processors busy.
test: check ## set up, check everything and run the suite but for its long part
	$(NATIVE_OR_NOT)
	$(GATEWAY_OR_NOT)
	$(RAY_OR_NOT)
	$(STORE_OR_NOT)
	$(PARQUET_OR_NOT)
	$(NFS_OR_NOT)
	$(BIN)/python -m pytest -n 6 --dist worksteal -m 'not soak'
	@echo "all of the suite but its long part, which \`make soak\` runs"

# Those of clusters wait for what is lost to be missed, and others compute.
soak: $(VENV)/dev.stamp ## run the long part of the suite: large files, many documents, crashes
	$(NATIVE_OR_NOT)
	$(GATEWAY_OR_NOT)
	$(OFFICE_OR_NOT)
	$(BIN)/python -m pytest -n 4 --dist worksteal -m 'soak or hypothesis' --hypothesis-profile long

setup: $(VENV)/dev.stamp ## make .venv with all that development needs

serve: $(VENV)/runtime.stamp ## run the server on ./data (settings: see README.md)
	@mkdir -p data
	@exec $(BIN)/python server.py $(if $(wildcard gateway/bin/myd-gateway),--rest)

gateway: ## build the REST gateway, which make serve then runs too (needs Go)
	cd gateway && CGO_ENABLED=0 go build -trimpath -ldflags=-s -o bin/myd-gateway .

store: $(VENV)/python.stamp ## build the object store that tests are run with (needs Go)
	GOBIN=$(abspath $(BIN)) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW)

bench: $(VENV)/bench.stamp ## measure speed and memory on generated data
	$(NATIVE_OR_NOT)
	$(GATEWAY_OR_NOT)
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/dev.stamp ## compare the two engines on a million random documents
	$(BIN)/python -m tests.robustness.fuzz

sbom: $(VENV)/dev.stamp ## write the bill of materials (CycloneDX) to build/sbom.cdx.json
	$(NATIVE_OR_NOT)
	$(GATEWAY_OR_NOT)
	@mkdir -p build && set -- --out build/sbom.cdx.json; \
	if command -v cargo >/dev/null; then \
		cargo metadata --format-version 1 --manifest-path native/Cargo.toml >build/crates.json; \
		set -- "$$@" --crates build/crates.json; fi; \
	if command -v go >/dev/null; then \
		go version -m -json gateway/bin/myd-gateway >build/gateway.json; \
		set -- "$$@" --gateway build/gateway.json; fi; \
	$(BIN)/python scripts/sbom.py "$$@"

audit: sbom ## look for known weaknesses in what is used
	$(BIN)/python scripts/audit.py build/sbom.cdx.json

crash: $(VENV)/dev.stamp ## kill servers and workers 200 times, and compare what comes of it
	$(BIN)/python -m tests.robustness.crashing --kills 200

check: $(VENV)/dev.stamp $(VENV)/generator.stamp ## check format, lint, types, the image, the proto and its stubs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if $(BIN)/python -c 'import myd_grpc._native' 2>/dev/null; then $(BIN)/stubtest --mypy-config-file pyproject.toml myd_grpc._native; \
		else echo "left out: the stub of the native engine, as that was not built"; fi
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against protos/released.binpb
	$(BIN)/hadolint Dockerfile
	@echo "the committed stubs are those of the proto:"
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && $(call PROTOC,"$$new") \
		&& diff -r -x __pycache__ -x py.typed "$$new/myd" myd && echo "yes"
	@if command -v go >/dev/null; then gateway/check; \
		else echo "left out: the checks of the gateway, as there is no Go"; fi
	@if command -v cargo >/dev/null; then native/check; \
		else echo "left out: the checks of the native engine, as there is no Rust"; fi

fmt: $(VENV)/dev.stamp ## format the code and the proto
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/buf format --write
	@if command -v cargo >/dev/null; then cd native && cargo fmt; fi

gen: $(VENV)/generator.stamp ## generate the stubs in myd/ and gateway/gen/ from the proto
	$(call PROTOC,.)
	@if command -v go >/dev/null; then gateway/generate; \
		else echo "left out: gateway/gen, as there is no Go"; fi

# A stamp is older than its inputs exactly when something has to be installed again.

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "myd needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module is missing (on Debian: apt-get install python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/python.stamp $(SETUP_INPUTS)
	@if command -v cargo >/dev/null; then \
		echo "building the native engine, which takes minutes when it is done for the first time"; fi
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/generator.stamp: $(VENV)/python.stamp protos/requirements.txt
	$(BIN)/python -m venv --clear $(GENERATOR)
	$(GENERATOR)/bin/pip install --quiet --disable-pip-version-check -r protos/requirements.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/bench.stamp: $(VENV)/runtime.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@
