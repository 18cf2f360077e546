package handlers

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"waybill/docs"
)

// Every route of the API is in the document, and the document promises no other.
func TestRoutesAreTheDocument(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var promised, served []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			promised = append(promised, method+" "+path)
		}
	}
	nothing := http.NotFoundHandler()
	router := (&server{Deps: Deps{Docs: nothing}}).routes()
	err = chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if path, ours := strings.CutPrefix(route, "/api/v1"); ours && path != "/openapi.json" {
			served = append(served, method+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(promised)
	slices.Sort(served)
	if !slices.Equal(promised, served) {
		t.Errorf("document and routes differ:\n document %v\n routes   %v", promised, served)
	}
}

// No route is open: each wants a key or a session, but for what the platforms sign, what Waybill tells of itself, and what leads to a
// session.
func TestEveryRouteWantsAKey(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			open := path == "/about" || anyPrefix(path, "/session", "/password-resets", "/sign-ups", "/invitations") || strings.HasPrefix(path, "/webhooks/") || strings.HasSuffix(path, "/callback")
			keyed := op.Security != nil && len(*op.Security) > 0
			if open == keyed {
				t.Errorf("%s %s: keyed %t", method, path, keyed)
			}
		}
	}
}

func anyPrefix(path string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
}
