# make run    a working system with a sample shop on http://localhost:8080
# make test   every test
.PHONY: run test lint generate build postgres go

# One set of flags everywhere: another set is another cold build of everything.
GO      ?= go
FLAGS   := -buildvcs=false
LINT    := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

run: build postgres
	@echo "Starting Waybill with both platforms simulated and a sample shop ..."
	./bin/waybill demo

test: go postgres
	@echo "Running all tests with the race detector ..."
	$(GO) test $(FLAGS) -race -timeout 15m ./...

build: go
	@echo "Building bin/waybill ..."
	$(GO) build $(FLAGS) -o bin/waybill ./api

lint: go
	$(LINT) fmt --diff
	$(LINT) run ./...

generate: go
	$(GO) tool swag init --quiet --dir handlers,models --generalInfo routes.go --output docs --outputTypes json
	$(GO) run $(FLAGS) ./docs/convert docs/swagger.json docs/openapi.json

# The private PostgreSQL needs the server's binaries; Waybill itself finds them.
postgres:
	@sh .ci/postgres

go:
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 or later (https://go.dev/dl)." >&2; exit 1; }
