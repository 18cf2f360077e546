// Package web serves the dashboard that the folder's npm project builds into dist. Without a build the pages say how to make
// one: building Waybill needs no Node.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var built embed.FS

//go:embed unbuilt.html
var unbuilt []byte

// file is what is answered under one path. Everything is compressed once, at the start.
type file struct {
	kind     string
	etag     string
	body, gz []byte
	// Its name changes with its content, so that it never has to be asked for again.
	hashed bool
}

// Dashboard answers for the dashboard's files and pages.
type Dashboard struct {
	files map[string]file
	page  file
}

// New reads the built dashboard.
func New() (*Dashboard, error) {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the dashboard: %w", err)
	}
	return open(dist)
}

func open(dist fs.FS) (*Dashboard, error) {
	d := &Dashboard{files: map[string]file{}}
	err := fs.WalkDir(dist, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		body, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		d.files["/"+name], err = newFile(name, body)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	page, ok := d.files["/index.html"]
	if !ok {
		if page, err = newFile("index.html", unbuilt); err != nil {
			return nil, err
		}
	}
	delete(d.files, "/index.html") // it is the page, whatever the address
	d.page = page
	return d, nil
}

func newFile(name string, body []byte) (file, error) {
	sum := sha256.Sum256(body)
	f := file{kind: mime.TypeByExtension(path.Ext(name)), etag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body, hashed: strings.HasPrefix(name, "assets/")}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return f, err
	}
	if _, err := z.Write(body); err != nil {
		return f, err
	}
	if err := z.Close(); err != nil {
		return f, err
	}
	if out.Len() < len(body) {
		f.gz = out.Bytes()
	}
	return f, nil
}

// Serve answers a GET or HEAD for a file of the dashboard, or for one of its pages: any address of which a browser wants a
// page. It reports false, and answers nothing, for everything else.
func (d *Dashboard) Serve(w http.ResponseWriter, r *http.Request) bool {
	f, ok := d.files[r.URL.Path]
	if !ok {
		if !strings.Contains(r.Header.Get("Accept"), "text/html") || path.Ext(r.URL.Path) != "" {
			return false
		}
		f = d.page
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if f.hashed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	body := f.body
	if f.gz != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.gz
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a browser that has left is not our trouble
	}
	return true
}
