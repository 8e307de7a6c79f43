# The commands of a day. Each installs what it needs; `make` lists them.

CARGO ?= cargo
# What `make bench` runs: names of benchmarks; all when empty.
BENCH ?=
# More arguments for `tenon dev`, `tenon demo` and `tenon bench`.
ARGS ?=
# Where cargo puts what it builds; cargo reads the same variable.
TARGET := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help dev demo demo-app test lint bench

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `exec` leaves no shell between make and tenon: Ctrl-C reaches tenon, make waits for it.
dev: ## Start the whole product on this machine; Ctrl-C stops it
	@scripts/ensure-postgres.sh
	@scripts/ensure-portal.sh
	@$(CARGO) build -p tenon
	@exec $(TARGET)/debug/tenon dev $(ARGS)

demo: ## Run the example workflows once and show their runs
	@scripts/ensure-postgres.sh
	@$(CARGO) build -p tenon
	@exec $(TARGET)/debug/tenon demo $(ARGS)

demo-app: ## Start an app that embeds Tenon, with a provider; Ctrl-C stops all of it
	@scripts/ensure-postgres.sh
	@scripts/ensure-portal.sh
	@scripts/ensure-demo-app.sh
	@$(CARGO) build -p tenon
	@exec node examples/connect-app/start.mjs $(TARGET)/debug/tenon

test: ## Run every test, on a real PostgreSQL and a real Redis
	@scripts/ensure-test-tools.sh
	@scripts/ensure-portal.sh
	@scripts/test-web.sh
	$(CARGO) test --workspace --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  set -x; $(CARGO) nextest run --workspace; \
	else \
	  echo "cargo-nextest is not installed; cargo test does the same, only slower"; \
	  set -x; $(CARGO) test --workspace --lib --bins --tests --no-fail-fast; \
	fi

lint: ## Check format, lints, layers, links, licences
	@$(CARGO) xtask ci

bench: ## Measure the product (BENCH="accept.rate run3.rate" picks some)
	@scripts/ensure-postgres.sh
	@$(CARGO) build --release -p tenon
	@exec $(TARGET)/release/tenon bench $(BENCH) $(ARGS)
