# `make help` lists what there is to make.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# No cgo and no PIE: both slow the start of the client (docs/architecture.md, "Speed").
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
# The race detector needs a C compiler.
RACE    := $(shell command -v $(or $(CC),cc) >/dev/null 2>&1 && echo -race)
PREFIX  ?= $(HOME)/.local

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/cogtok and bin/cogtokd
	$(BUILD) -o bin/ ./cmd/cogtok ./cmd/cogtokd

.PHONY: demo
demo: build ## Sign in to a local user pool and call an API with the token; Ctrl-C ends it
	@bin/cogtok demo $(DEMO_FLAGS)

.PHONY: install
install: build ## Install both programs to PREFIX/bin (~/.local/bin)
	mkdir -p '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 bin/cogtok bin/cogtokd '$(DESTDIR)$(PREFIX)/bin/'

.PHONY: test
test: lint npm ## Run every check and test
	$(GO) test $(RACE) -timeout 15m ./...

.PHONY: lint
lint: ## gofmt, go vet for Linux, macOS and Windows, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "gofmt these: $$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	CGO_ENABLED=0 GOOS=darwin $(GO) vet ./...
	CGO_ENABLED=0 GOOS=windows $(GO) vet ./...
	$(GO) tool staticcheck ./...

# The servers and clients that others wrote. Without npm their tests say that they were skipped,
# and fail where CI is set.
MODULES := compat/node_modules/.package-lock.json
.PHONY: npm
npm: $(MODULES)
$(MODULES): compat/package-lock.json
	@if command -v npm >/dev/null; then \
	  echo 'npm ci in compat/'; \
	  cd compat && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json; fi

.PHONY: compat
compat: npm ## Run cogtok with what others wrote and rewrite docs/compatibility.md
	$(GO) test -run TestCombinations ./compat
	$(GO) test -run TestDocument ./compat -update

FUZZTIME ?= 30s

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s) each
	@set -e; for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
	  done; done

.PHONY: bench
bench: ## Time `cogtok token` and the start of cogtokd beside other programs
	$(GO) run ./internal/bench

.PHONY: torture
torture: ## Do to the agent what goes wrong in life, and print the table of docs/reliability.md (15 minutes)
	@$(GO) run ./internal/torture/cmd $(TORTURE_FLAGS)

.PHONY: clean
clean: ## Remove what make built
	rm -rf bin compat/node_modules
