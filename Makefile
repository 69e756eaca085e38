# What a developer and the CI run. `make` alone lists the targets.
# ARGS reaches the command of the target: `make up ARGS='--addr 127.0.0.1:0'`,
# `make test ARGS='-run TestScope -v'`, `make bench ARGS='--json bench.json'`.

SHELL       := /bin/bash -euo pipefail
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help up test check generate bench peers benchmarks clean build format gofmt vet lint generated tidy contracts race need-go need-postgres need-cc

ARGS    ?=
BASE    ?= $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null)
BUF     := go tool -modfile=tools/buf/go.mod buf
LINT    := go tool -modfile=$(CURDIR)/tools/lint/go.mod golangci-lint
TEMPL   := go tool -modfile=tools/go.mod templ
# Go modules of this repository that hold code (those of tools/ only pin versions).
MODULES := $(shell find . -name go.mod -not -path './tools/*' -not -path '*/node_modules/*' -exec dirname {} \; | sort)
# One package may wait for the download of PostgreSQL; none may hang for ever.
TIMEOUT := 15m

help: ## list the targets
	@echo "OVASABI: make TARGET [ARGS='…']"
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

up: build need-postgres ## build, then run everything on this machine with the demo campaigns
	@echo "==> bin/ovasabi up --demo $(ARGS)"
	@exec ./bin/ovasabi up --demo $(ARGS)

build: need-go ## build ./bin/ovasabi
	@echo "==> building bin/ovasabi"
	@vcs=auto; git status >/dev/null 2>&1 || vcs=false; go build -buildvcs=$$vcs -o bin/ovasabi ./cmd/ovasabi

peers: build ## build ./bin/ovasabi-bench-peers, which `ovasabi bench --peers` starts
	@echo "==> building bin/ovasabi-bench-peers"
	@vcs=auto; git status >/dev/null 2>&1 || vcs=false; cd bench/peers && go build -buildvcs=$$vcs -o ../../bin/ovasabi-bench-peers ./cmd/ovasabi-bench-peers

test: need-go need-postgres ## run every test
	@for module in $(MODULES); do \
	  echo "==> go test ./... in $$module"; \
	  (cd $$module && go test -timeout $(TIMEOUT) $(ARGS) ./...); \
	done

check: gofmt vet lint generated tidy contracts race ## everything a change must pass: the seven targets from gofmt to race
	@echo "==> all checks passed"

format: need-go ## format the Go code and order its imports
	@echo "==> golangci-lint fmt"
	@$(LINT) fmt

gofmt: need-go ## list files that are not formatted
	@echo "==> gofmt"
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "$$files"; echo "Run: make format" >&2; exit 1; }

vet: need-go ## go vet, in every module
	@for module in $(MODULES); do echo "==> go vet ./... in $$module"; (cd $$module && go vet ./...); done

# bench/peers is left out: it writes as its peers do.
lint: need-go ## golangci-lint (.golangci.yml says what and why)
	@echo "==> golangci-lint"
	@$(LINT) run ./...

generated: need-go ## compare the committed generated code with a fresh generation
	@echo "==> generated code is up to date"
	@.ci/generated

# Those of tools/ only pin versions: `go tool` itself refuses a sum that is missing.
tidy: need-go ## go.mod and go.sum hold what the code needs, no more
	@for module in $(MODULES); do \
	  echo "==> go mod tidy -diff in $$module"; \
	  (cd $$module && go mod tidy -diff) || { echo "Run: (cd $$module && go mod tidy)" >&2; exit 1; }; \
	done

contracts: need-go ## buf lint, and buf breaking against the last release (or BASE=ref)
	@echo "==> buf lint"
	@$(BUF) lint
	@if [ -n "$(BASE)" ]; then echo "==> buf breaking against $(BASE)"; $(BUF) breaking --against '.git#ref=$(BASE)'; \
	  else echo "==> buf breaking: no release tag v* yet, nothing to compare with (BASE=ref names another)"; fi

race: need-go need-postgres need-cc ## run every test under the race detector
	@for module in $(MODULES); do \
	  echo "==> go test -race ./... in $$module"; \
	  (cd $$module && CGO_ENABLED=1 go test -race -timeout $(TIMEOUT) $(ARGS) ./...); \
	done

generate: need-go ## write the Go and OpenAPI of api/, the Go of *.templ, the Grafana dashboards (all of it is committed)
	@echo "==> buf generate"
	@$(BUF) generate
	@if [ -n "$$(find . -name '*.templ' -print -quit)" ]; then echo "==> templ generate"; $(TEMPL) generate; fi
	@echo "==> deploy/grafana/dashboards"
	@rm -rf deploy/grafana/dashboards && cd deploy/grafana/generate && go run . ../dashboards

bench: need-go need-postgres ## run the benchmarks
	@echo "==> go test -bench"
	@go test -run '^$$' -bench . -benchmem $(ARGS) ./...

benchmarks: build ## write docs/benchmarks.md and the README's table from docs/benchmarks.json
	@echo "==> docs/benchmarks.md, README.md"
	@./bin/ovasabi bench report docs/benchmarks.json >docs/benchmarks.md
	@./bin/ovasabi bench report --into README.md docs/benchmarks.json

clean: ## remove what make built (bin/); data folders and caches stay
	@echo "==> removing bin/"
	@rm -rf bin

need-go:
	@command -v go >/dev/null || { echo "Go is not on the PATH: install the version that go.mod names ($$(sed -n 's/^go //p' go.mod)) or newer, https://go.dev/dl/, then run make again." >&2; exit 1; }
	@go list -m >/dev/null 2>&1 || { echo "$$(go version) cannot build this module, which needs Go $$(sed -n 's/^go //p' go.mod): install it from https://go.dev/dl/, or unset GOTOOLCHAIN so that Go fetches it. Go said:" >&2; go list -m >&2; exit 1; }

# internal/embedded looks closer and has the last word: its own cache may hold a server.
need-postgres:
	@command -v npm >/dev/null || [ -n "$${DATABASE_URL:-}$${OVASABI_PG_BIN:-}$${OVASABI_TEST_DATABASE_URL:-}" ] || [ -x /usr/lib/postgresql/18/bin/postgres ] || pg_config --version 2>/dev/null | grep -q ' 18' || \
	  echo "note: neither npm nor a PostgreSQL 18 was found. Install Node.js with npm, or PostgreSQL 18 (OVASABI_PG_BIN may name its bin folder), or name a server: DATABASE_URL for up, OVASABI_TEST_DATABASE_URL for tests." >&2

need-cc:
	@command -v "$$(go env CC)" >/dev/null || { echo "The race detector needs a C compiler, and $$(go env CC) is not there: apt-get install gcc libc6-dev (macOS: xcode-select --install)." >&2; exit 1; }
