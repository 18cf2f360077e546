# make run          a working system with a sample shop on http://localhost:8080
# make test         every test: Go with the race detector, the dashboard's own, and a browser's
# make lighthouse   what Lighthouse says of the list of orders (part of make test)
# make test-previous  the previous release beside this one on one database, as while machines are replaced one by one
# make test-18      the Go tests on PostgreSQL 18, from npm
# make bench        how fast it is beside what the engines under it can do, BENCH_SCALE=small, default or full
# make fuzz         looks for inputs that break something, FUZZTIME (60s) for each target
# make audit        what Waybill is built from: is it unchanged, are holes in it known; make sbom lists it in bin/
# make screenshots  pictures of every page, in both themes and widths, in web/screenshots
.PHONY: run test test-go test-18 test-previous test-web test-browser lighthouse bench fuzz audit sbom screenshots lint generate build web postgres pgbouncer chromium go node

# One set of flags everywhere: another set is another cold build of everything.
GO      ?= go
FLAGS   := -buildvcs=false
LINT    := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
NPM     := npm --prefix web --silent
SBOM    := $(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

run: build postgres
	@echo "Starting Waybill with both platforms simulated and a sample shop ..."
	./bin/waybill demo

test: test-go test-web test-browser lighthouse

test-go: go postgres pgbouncer
	@echo "Running the Go tests with the race detector ..."
	$(GO) test $(FLAGS) -race -timeout 15m ./...

# Which release that is stands in .ci/previous; it moves when a release is made.
test-previous: go postgres
	@GO="$(GO)" sh .ci/build-previous
	@echo "Running the previous release beside this one ..."
	WAYBILL_PREVIOUS="$(CURDIR)/bin/waybill-$$(cat .ci/previous)" $(GO) test $(FLAGS) -tags previous -timeout 10m -run '^TestPreviousRelease' ./api

# npm has the server alone: what needs PostgreSQL's own programs beside it (a backup, a replica) is left to test-go.
test-18: go node pgbouncer
	@echo "Running the Go tests on PostgreSQL 18 ..."
	PATH="$$(sh .ci/postgres18):$$PATH" $(GO) test $(FLAGS) -timeout 15m -skip 'TestAReplicaAnswersWhenItHasCaughtUp|TestListsComeFromAReplicaThatHasCaughtUp|TestADumpIsRestoredAndItsOrdersGoOn' ./...

test-web: web/node_modules/.installed
	@echo "Running the dashboard's tests ..."
	$(NPM) run typecheck
	$(NPM) test

test-browser: build postgres chromium
	@echo "Running the browser tests against bin/waybill ..."
	$(NPM) run e2e

bench: build postgres
	$(GO) build $(FLAGS) -o bin/bench ./api/bench
	./bin/bench

# What it finds is kept in the package's testdata/fuzz and is a test from then on.
FUZZTIME ?= 60s
fuzz: go postgres
	@grep -rho --include=fuzz_test.go '^func Fuzz[A-Za-z]*' handlers services | sed 's/^func //' | while read -r target; do \
		folder=$$(dirname $$(grep -rl --include=fuzz_test.go "^func $$target(" handlers services)); \
		echo "Fuzzing $$target in $$folder for $(FUZZTIME) ..."; \
		$(GO) test $(FLAGS) ./$$folder -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) || exit 1; \
	done

audit: go node
	@GO="$(GO)" sh .ci/audit

# What the program and the dashboard are made of, in CycloneDX.
sbom: go node
	@mkdir -p bin
	$(GO) build $(FLAGS) -o bin/listed ./api
	$(SBOM) bin -json -output bin/waybill.cdx.json bin/listed
	@rm bin/listed
	node .ci/sbom.mjs > bin/dashboard.cdx.json

lighthouse: build postgres chromium
	@echo "Asking Lighthouse about the list of orders ..."
	$(NPM) run lighthouse

screenshots: build postgres chromium
	@echo "Taking screenshots of every page ..."
	$(NPM) run screenshots

# The dashboard is built into the program. Without Node, "go build ./api" makes a Waybill without it.
build: go web
	@echo "Building bin/waybill ..."
	$(GO) build $(FLAGS) -o bin/waybill ./api

web: web/dist/index.html

web/dist/index.html: web/node_modules/.installed web/index.html web/vite.config.ts $(shell find web/src web/public -type f)
	@echo "Building the dashboard ..."
	$(NPM) run build
	@touch $@

# Playwright brings no browser of its own: Debian's Chromium is used.
web/node_modules/.installed: web/package.json web/package-lock.json | node
	@echo "Installing the dashboard's npm packages ..."
	@PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm --prefix web ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

lint: go web/node_modules/.installed
	$(LINT) fmt --diff
	$(LINT) run ./...
	$(NPM) run lint

generate: go web/node_modules/.installed
	$(GO) tool swag init --quiet --dir handlers,models --generalInfo routes.go --output docs --outputTypes json
	$(GO) run $(FLAGS) ./docs/convert docs/swagger.json docs/openapi.json
	$(NPM) run gen

# The private PostgreSQL needs the server's binaries; Waybill itself finds them.
postgres:
	@sh .ci/postgres

pgbouncer:
	@sh .ci/pgbouncer

chromium:
	@sh .ci/chromium

go:
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 or later (https://go.dev/dl)." >&2; exit 1; }

node:
	@command -v npm >/dev/null || { echo "Node is missing: install Node 20 or later with npm (https://nodejs.org). The dashboard is built with it." >&2; exit 1; }
