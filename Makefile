# The front door. Every target first installs what it needs on Debian, says what
# it installs, and does nothing when it is there.

SHELL := /bin/bash
CARGO := cargo
GALEN := target/release/galen

.PHONY: demo stop test fuzz lint audit bench proto help

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## build Galen, import synthetic patients, play a day, verify, leave it running
	@scripts/install.sh build postgresql
	$(CARGO) build --release --locked --package galen
	$(GALEN) demo

stop: ## stop the hospital that `make demo` left running
	$(GALEN) demo --stop

test: ## every test: units, properties, journeys, races, faults, fuzzed API, a browser
	@scripts/install.sh build postgresql python browser
	$(CARGO) build --locked --package galen
	$(CARGO) test --locked --workspace
	scripts/fuzz-api.sh
	scripts/browser-tests.sh

fuzz: ## fuzz every parser that faces the outside, ten seconds each
	@scripts/install.sh build c++
	scripts/fuzz.sh

lint: ## formatting, clippy, dependency policy, breaking changes of the contracts
	@scripts/install.sh build cargo-deny buf
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --workspace --no-deps --quiet
	$(CARGO) deny --log-level error check bans licenses sources
	scripts/buf.sh lint proto
	scripts/buf.sh breaking proto --against proto/released.binpb

audit: ## known vulnerabilities (needs the advisory database)
	@scripts/install.sh cargo-deny
	$(CARGO) deny check advisories

bench: ## measure; reports go to bench/reports
	@scripts/install.sh build postgresql
	$(CARGO) build --release --locked --package galen --package galen-eventing --bin galen --example throughput
	bench/run.sh

proto: ## regenerate the contracts after a change under proto/
	GALEN_REGENERATE=1 $(CARGO) test --package galen-contracts generated
