# The commands of this project; `make help` lists them. Each one sets up what it needs.
SHELL := /bin/bash -o pipefail
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
KERNEL_SOURCES := $(shell find crates -name '*.rs' -not -path '*/fuzz/*') Cargo.toml Cargo.lock $(wildcard crates/*/Cargo.toml)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.kernel bytecode ## build the kernel and install everything into .venv (no root needed; quick the second time)

# pip compiles what it installs, but not what it only points to; without this, a user for whom Python may write no
# bytecode pays 50 ms at each start.
.PHONY: bytecode
bytecode: $(VENV)/.kernel
	@$(BIN)/python -m compileall -q src/strongroom

$(VENV)/.dependencies: requirements.lock
	@bash scripts/toolchain $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	touch $@

# A target directory that several worktrees share tells their sources apart by time alone, hence the touch.
$(VENV)/.kernel: $(VENV)/.dependencies pyproject.toml $(KERNEL_SOURCES)
	touch crates/*/src/lib.rs
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install -q --no-build-isolation --no-deps -e .
	touch $@

.PHONY: quickstart
quickstart: setup ## SOURCE=folder [TARGET=folder]: join a fleet, back SOURCE up to two repositories in one pass, restore it, compare, and more
	@SOURCE="$(SOURCE)" TARGET="$(TARGET)" $(BIN)/python -m scripts.quickstart

# pytest comes last, so that the run closes with its summary: what failed, and which peers were missing.
.PHONY: test
test: setup ## run all tests: the kernel's, then pytest on four processes, since many tests wait (ARGS= for pytest)
	cargo test --quiet --release --locked -p strongroom-kernel -p strongroom-salsa-mix -p strongroom-sha256-pair --no-run
	timeout --verbose 1800 cargo test --quiet --release --locked -p strongroom-kernel -p strongroom-salsa-mix -p strongroom-sha256-pair
	PYTHONUTF8=1 $(BIN)/python -m scripts.suite -n 4 --dist worksteal $(ARGS)

.PHONY: peers
peers: ## obtain the programs that tests and benches stand beside, into a cache outside the tree
	@bash scripts/peers

.PHONY: bench
bench: setup ## ROWS= ROUNDS= DATA=: compare speed, memory and size with restic, rustic and cp (benchmarks/README.md)
	@$(BIN)/python -m benchmarks $(if $(ROWS),--rows "$(ROWS)") $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(DATA),--data "$(DATA)")

.PHONY: soak
soak: setup ## SECONDS_TO_RUN=: back up, restore, kill and check at random until the time is over; then the gateway, half as long over each kind of store, and months of the custodian
	@$(BIN)/python scripts/soak.py $(or $(SECONDS_TO_RUN),600)
	@$(BIN)/python scripts/soak_gateway.py $$(( $(or $(SECONDS_TO_RUN),600) / 2 ))
	@$(BIN)/python scripts/soak_custody.py $$(( $(or $(SECONDS_TO_RUN),600) / 2 ))

.PHONY: fuzz
fuzz: setup ## SECONDS_TO_RUN=: run every fuzz target of the kernel for that long (ten minutes each)
	@bash scripts/fuzz $(or $(SECONDS_TO_RUN),600)

.PHONY: changelog
changelog: setup ## write CHANGELOG.md from the fragments in changelog/
	@$(BIN)/python scripts/changelog.py

.PHONY: lint style types stubs contracts rust-style clippy
lint: style types stubs contracts rust-style clippy ## style, types, stubs, import contracts, clippy (make -k lint shows all faults at once)

style: setup
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check . 2>&1 | grep '^ *-->\|would'; exit 1; }

types: setup
	$(BIN)/mypy

stubs: setup
	$(BIN)/python scripts/stubs.py

contracts: setup
	$(BIN)/lint-imports --no-cache | sed -n '/^Contracts/,$$p'

rust-style:
	cargo fmt --all --check

clippy:
	cargo clippy --quiet --release --locked --workspace --all-targets -- -D warnings

.PHONY: format
format: setup ## put Python and Rust into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cargo fmt --all
