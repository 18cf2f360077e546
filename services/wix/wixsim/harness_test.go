package wixsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"waybill/services/wix/wixsim"
)

// world is a running simulator with a token for its first site.
type world struct {
	t     *testing.T
	sim   *wixsim.Server
	url   string
	info  wixsim.Info
	token string
}

func newWorld(t *testing.T, opts wixsim.Options) *world {
	t.Helper()
	sim := wixsim.New(opts)
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Close()
		server.Close()
	})
	w := &world{t: t, sim: sim, url: server.URL, info: sim.Info()}
	w.token = w.newToken(w.info.InstanceID)
	return w
}

func (w *world) newToken(instance string) string {
	w.t.Helper()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	w.must(http.StatusOK, "", "POST", "/oauth2/token", w.credentials(instance), &answer)
	return answer.AccessToken
}

func (w *world) credentials(instance string) map[string]string {
	return map[string]string{
		"grant_type": "client_credentials", "client_id": w.info.AppID, "client_secret": w.info.AppSecret, "instance_id": instance,
	}
}

// do sends one request on a connection of its own; body may be a string of JSON or anything to be encoded.
func (w *world) do(token, method, path string, body any) (*http.Response, []byte, error) {
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = bytes.NewBufferString(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return nil, nil, err
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, w.url+path, in)
	if err != nil {
		return nil, nil, err
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res, raw, err
}

func (w *world) must(status int, token, method, path string, body, into any) {
	w.t.Helper()
	res, raw, err := w.do(token, method, path, body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	if res.StatusCode != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s", method, path, res.StatusCode, status, raw)
	}
	if res.Header.Get("Content-Type") != "application/json" || res.Header.Get("X-Wix-Request-Id") == "" {
		w.t.Fatalf("%s %s: headers %v", method, path, res.Header)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
}

// api calls the platform with the first site's token.
func (w *world) api(status int, method, path string, body, into any) {
	w.t.Helper()
	w.must(status, w.token, method, path, body, into)
}

// ctl calls the control API.
func (w *world) ctl(method, path string, body, into any) {
	w.t.Helper()
	w.must(http.StatusOK, "", method, "/_sim/"+path, body, into)
}

func (w *world) order(n wixsim.NewOrder) wixsim.Order {
	w.t.Helper()
	o, err := w.sim.CreateOrder(n)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) get(id string) wixsim.Order {
	w.t.Helper()
	var answer struct{ Order wixsim.Order }
	w.api(http.StatusOK, "GET", "/ecom/v1/orders/"+id, nil, &answer)
	return answer.Order
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("../testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// eventually waits until a fact holds.
func eventually(t *testing.T, fact string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", fact)
		}
	}
}

// sink receives webhooks and answers with the statuses given, then with 200.
type sink struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	got      []received
}

type received struct {
	body, contentType, agent string
}

func newSink(t *testing.T, statuses ...int) *sink {
	k := &sink{statuses: statuses}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.got = append(k.got, received{string(body), r.Header.Get("Content-Type"), r.Header.Get("User-Agent")})
		if len(k.statuses) > 0 {
			w.WriteHeader(k.statuses[0])
			k.statuses = k.statuses[1:]
		}
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *sink) all() []received {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]received(nil), k.got...)
}

func (k *sink) wait(t *testing.T, n int) []received {
	t.Helper()
	eventually(t, fmt.Sprintf("%d webhooks", n), func() bool { return len(k.all()) >= n })
	return k.all()
}

func count(entries []wixsim.Entry, kind, order string) int {
	n := 0
	for _, e := range entries {
		if e.Kind == kind && (order == "" || e.OrderID == order) {
			n++
		}
	}
	return n
}
