// Package docs serves the API's OpenAPI document and a page to read it. swagger.json and openapi.json are generated:
// make generate.
package docs

import (
	_ "embed"
	"net/http"
	"strings"

	swaggerui "github.com/swaggo/files/v2"
)

//go:embed openapi.json
var openAPI []byte

//go:embed index.html
var page []byte

// start fills the page. It is a file of its own, so that no script stands inside HTML.
const start = `window.ui = SwaggerUIBundle({url: "/api/v1/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  docExpansion: "list", defaultModelsExpandDepth: 0, tryItOutEnabled: true, persistAuthorization: false});
`

// OpenAPI is the document, as JSON.
func OpenAPI() []byte { return openAPI }

// Handler serves the document at /api/v1/openapi.json and the page below /docs.
func Handler() http.Handler {
	files := http.StripPrefix("/docs/", http.FileServerFS(swaggerui.FS))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/openapi.json"):
			serve(w, "application/json", openAPI)
		case r.URL.Path == "/docs" || r.URL.Path == "/docs/":
			serve(w, "text/html; charset=utf-8", page)
		case r.URL.Path == "/docs/start.js":
			serve(w, "text/javascript; charset=utf-8", []byte(start))
		default:
			files.ServeHTTP(w, r)
		}
	})
}

func serve(w http.ResponseWriter, media string, body []byte) {
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(body)
}
