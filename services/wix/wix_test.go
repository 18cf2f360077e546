package wix_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/wix"
)

// The sample values of the fixtures.
const (
	appID      = "7f3c1b52-2a4e-4d0f-9b61-5c0d7a9e1f20"
	appSecret  = "test-app-secret-0123456789"
	instanceID = "3bbcabc7-ebb7-4fc8-8829-13ea0e142123"
	orderID    = "e994ac9d-26b0-4f81-8047-00a2e964d6bf"
	parcelID   = "0d824fc7-2621-4e97-a5c8-489ec1b43377"
	line1      = "00000000-0000-0000-0000-000000000001"
	line2      = "00000000-0000-0000-0000-000000000002"
)

var access = models.Access{ExternalID: instanceID}

// reply is a canned answer.
type reply struct {
	status int // 0 means 200
	body   string
	header map[string]string
}

// seen is a request that reached the stub.
type seen struct {
	method, path, token, body string
}

// stub is a server that answers as told: tokens[i] to the i-th token request (the last one for all further), calls likewise.
type stub struct {
	*httptest.Server
	mu       sync.Mutex
	tokens   []reply
	calls    []reply
	tokenLog []seen
	callLog  []seen
}

func newStub(t *testing.T, calls ...reply) *stub {
	t.Helper()
	s := &stub{tokens: []reply{{body: string(fixture(t, "token-response.json"))}}, calls: calls}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := seen{r.Method, r.URL.Path, r.Header.Get("Authorization"), string(body)}
	s.mu.Lock()
	script, log := &s.calls, &s.callLog
	if r.URL.Path == "/oauth2/token" {
		script, log = &s.tokens, &s.tokenLog
	}
	a := reply{status: http.StatusTeapot}
	if n := len(*script); n > 0 {
		a = (*script)[min(len(*log), n-1)]
	}
	*log = append(*log, got)
	s.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Wix-Request-Id", "1773480081.4711")
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = io.WriteString(w, a.body)
}

func (s *stub) requests() (tokens, calls []seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.tokenLog...), append([]seen(nil), s.callLog...)
}

// newClient makes a client for the sample app, without a pace.
func newClient(t testing.TB, baseURL string, change ...func(*wix.Config)) *wix.Client {
	t.Helper()
	cfg := wix.Config{BaseURL: baseURL, AppID: appID, AppSecret: appSecret, PerMinute: -1}
	for _, c := range change {
		c(&cfg)
	}
	client, err := wix.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func at(text string) func(*wix.Config) {
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return func(cfg *wix.Config) { cfg.Now = func() time.Time { return when } }
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// tree decodes JSON to compare it by meaning.
func tree(t *testing.T, data string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

// wantError checks kind and code and that nothing secret is in any text of err.
func wantError(t *testing.T, err error, kind models.Kind, code string) *models.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s %s", kind, code)
	}
	e := models.AsError(err)
	if e.Kind != kind || e.Code != code {
		t.Fatalf("got %s %s (%v), want %s %s", e.Kind, e.Code, err, kind, code)
	}
	if !strings.HasSuffix(e.Detail, ".") {
		t.Errorf("detail %q is no sentence", e.Detail)
	}
	for _, secret := range []string{appSecret, "OauthNG", "http://", "https://", "127.0.0.1"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error shows %q: %v", secret, err)
		}
	}
	return e
}

func compact(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
