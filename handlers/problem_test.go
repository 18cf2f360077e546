package handlers

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// A browser that leaves in the middle of a request is no trouble of ours: the log does not call it an error.
func TestAClientThatLeavesIsNoError(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := &server{Deps: Deps{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	for name, c := range map[string]struct {
		leaves bool
		status int
		level  string
	}{
		"left":   {true, statusClientLeft, "INFO"},
		"stayed": {false, http.StatusInternalServerError, "ERROR"},
	} {
		log.Reset()
		ctx, leave := context.WithCancel(t.Context())
		failing := s.wrap(func(http.ResponseWriter, *http.Request) error {
			if c.leaves {
				leave()
			}
			return context.Canceled // what the database says, too, when it is stopped for another reason
		})
		w, router := httptest.NewRecorder(), chi.NewRouter()
		router.Use(s.named, s.accessLog)
		router.Get("/", failing)
		router.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		leave()
		if w.Code != c.status || !strings.Contains(log.String(), "level="+c.level) {
			t.Errorf("%s: %d, %s", name, w.Code, log.String())
		}
	}
}
