# The two commands of a newcomer are `make demo` and `make test`; each installs what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: help demo test bench lint clean

help: ## lists the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: ## the anycast lab end to end: real packets through a Rust router, on AF_PACKET and on DPDK
	@tools/prepare demo
	@cargo build --release --quiet -p rackless-cli -p rackless-demo
	@target/release/rackless-demo

test: ## lints and all tests; as root also the unprivileged suite as an ordinary user
	@tools/prepare test
	@tools/test

bench: ## every performance claim beside its peer; CASE=name runs one
	@tools/prepare bench
	@cargo build --release --quiet -p rackless-cli -p rackless-demo -p rackless-bench
	@cargo build --release --quiet -p rackless -p rackless-ports --examples
	@target/release/rackless-bench $(CASE)

lint: ## formatting, clippy and documentation, warnings denied
	@tools/lint

clean: ## removes what was built
	@cargo clean
