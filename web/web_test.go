package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFilesAndPages(t *testing.T) {
	t.Parallel()
	script := "export const waybill = 1;" + strings.Repeat(" ", 500)
	d, err := open(fstest.MapFS{
		"index.html":          {Data: []byte("<!doctype html><title>dashboard</title>")},
		"assets/main-a1.js":   {Data: []byte(script)},
		"theme.js":            {Data: []byte("// theme")},
		".gitkeep":            {Data: nil},
		"assets/style-b2.css": {Data: []byte("a{}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	const html, any = "text/html,application/xhtml+xml,*/*;q=0.8", "*/*"
	for name, c := range map[string]struct {
		path, accept string
		served       bool
		cache, kind  string
	}{
		"the start":                 {"/", html, true, "no-cache", "text/html; charset=utf-8"},
		"a page":                    {"/orders/0198", html, true, "no-cache", "text/html; charset=utf-8"},
		"a program asks for a page": {"/orders", any, false, "", ""},
		"a hashed file":             {"/assets/main-a1.js", any, true, "public, max-age=31536000, immutable", "text/javascript; charset=utf-8"},
		"another file":              {"/theme.js", any, true, "no-cache", "text/javascript; charset=utf-8"},
		"a file that is no more":    {"/assets/main-old.js", html, false, "", ""},
		"a hidden file":             {"/.gitkeep", any, false, "", ""},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header.Set("Accept", c.accept)
		if served := d.Serve(w, r); served != c.served {
			t.Errorf("%s: served %t", name, served)
		}
		if got := w.Header().Get("Cache-Control"); got != c.cache {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if got := w.Header().Get("Content-Type"); got != c.kind {
			t.Errorf("%s: Content-Type %q", name, got)
		}
	}

	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/assets/main-a1.js", nil)
	r.Header.Set("Accept-Encoding", "gzip, br")
	d.Serve(w, r)
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || string(body) != script {
		t.Errorf("compressed: %q, %v", body, err)
	}
	again := httptest.NewRecorder()
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	if d.Serve(again, r); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("unchanged: %d with %d bytes", again.Code, again.Body.Len())
	}
}

// Waybill is built without Node; the page then says what to do.
func TestWithoutABuild(t *testing.T) {
	t.Parallel()
	d, err := open(fstest.MapFS{".gitkeep": {}})
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header.Set("Accept", "text/html")
	if !d.Serve(w, r) || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("%s", w.Body)
	}
}
