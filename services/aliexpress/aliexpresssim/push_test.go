package aliexpresssim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
)

// receiver keeps the pushes that it got and answers as the test wants.
type receiver struct {
	mu       sync.Mutex
	bodies   []string
	auth     []string
	statuses []string
	answer   func(n int, w http.ResponseWriter, r *http.Request)
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	rc.mu.Lock()
	rc.bodies = append(rc.bodies, string(raw))
	rc.auth = append(rc.auth, r.Header.Get("Authorization"))
	_, status, _ := strings.Cut(string(raw), `"orderStatus":"`)
	status, _, _ = strings.Cut(status, `"`)
	rc.statuses = append(rc.statuses, status)
	n := len(rc.bodies)
	rc.mu.Unlock()
	if rc.answer != nil {
		rc.answer(n, w, r)
	}
}

func (rc *receiver) got() []string {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.statuses)
}

func newReceiver(t *testing.T, s *sim) *receiver {
	t.Helper()
	rc := &receiver{}
	server := httptest.NewServer(rc)
	t.Cleanup(server.Close)
	s.post("/push-url", object{"url": server.URL})
	return rc
}

func pushSign(key, secret, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	io.WriteString(m, key+body)
	return hex.EncodeToString(m.Sum(nil))
}

// The other tests hold the simulator against pushSign, and this one pushSign against the documented message.
func TestPushSignVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../testdata/sign_vectors.json")
	must(t, err)
	var file struct {
		Messages []struct {
			AppKey        string `json:"app_key"`
			AppSecret     string `json:"app_secret"`
			RawBody       string `json:"raw_body"`
			Authorization string `json:"authorization"`
		} `json:"push_messages"`
	}
	must(t, json.Unmarshal(raw, &file))
	equal(t, "vectors", len(file.Messages), 1)
	for _, m := range file.Messages {
		equal(t, "signature", pushSign(m.AppKey, m.AppSecret, m.RawBody), m.Authorization)
	}
}

func TestPushesTellAnOrdersLife(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	rc := newReceiver(t, s)
	id := s.create("push", lamp())[0]
	steps := []func() error{
		func() error { return nil },
		func() error { return s.Pay(id, aliexpresssim.PayOptions{Fail: true}) },
		func() error { return s.Pay(id, aliexpresssim.PayOptions{}) },
		func() error { _, err := s.Ship(id, aliexpresssim.ShipOptions{}); return err },
		func() error { return s.Deliver(id) },
		func() error {
			other, err := s.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: s.info.ProductID, SKUID: s.info.SKUID, Quantity: 1}}})
			must(t, err)
			eventually(t, "OrderCreated", func() bool { return len(rc.got()) == 6 })
			return s.Cancel(other, aliexpresssim.CancelOptions{})
		},
	}
	for i, step := range steps {
		must(t, step())
		eventually(t, fmt.Sprint("push ", i), func() bool { return len(rc.got()) > i })
	}
	eventually(t, "the last push", func() bool { return s.count(aliexpresssim.KindPushDelivered) == 7 })
	want := []string{
		"OrderCreated", "paymentFailedEvent", "PaymentAuthorized", "OrderShipped", "OrderConfirmed", "OrderCreated", "OrderClosed",
	}
	if !slices.Equal(rc.got(), want) {
		t.Errorf("got %q, want %q", rc.got(), want)
	}
	for i, body := range rc.bodies {
		equal(t, "signature", rc.auth[i], pushSign(s.info.AppKey, s.info.AppSecret, body))
	}
	equal(t, "body", rc.bodies[0], fmt.Sprintf(
		`{"data":{"buyerId":%s,"orderId":%s,"orderStatus":"OrderCreated"},"message_type":53,"seller_id":"%[1]s","site":"ae_global","timestamp":%[3]d}`,
		s.info.UserID, id, start.Unix()))
}

func TestFailedPushesAreTriedAgain(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	rc := newReceiver(t, s)
	rc.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 1:
			w.WriteHeader(http.StatusAccepted) // only 200 counts
		case 2:
			<-r.Context().Done() // longer than 500 ms
		}
	}
	s.create("retry", lamp())
	for attempt := 1; attempt <= 2; attempt++ {
		eventually(t, "a failed attempt", func() bool { return s.count(aliexpresssim.KindPushFailed) == attempt })
		s.advanceUntil(30*time.Minute, func() bool { return len(rc.got()) > attempt })
	}
	eventually(t, "the delivery", func() bool { return s.count(aliexpresssim.KindPushDelivered) == 1 })
	equal(t, "stats", s.PushStats(), aliexpresssim.PushStats{Sent: 1, Delivered: 1, Failed: 2})
}

// advanceUntil moves the clock in steps until the fact holds: the simulator may begin to wait after a step.
func (s *sim) advanceUntil(step time.Duration, holds func() bool) {
	s.t.Helper()
	eventually(s.t, "the clock brings it", func() bool {
		s.advance(step)
		return holds()
	})
}

func TestPushesEndAfterTwelveRetries(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{PushRetryScale: 1e9})
	rc := newReceiver(t, s)
	rc.answer = func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	s.create("never", lamp())
	eventually(t, "thirteen attempts", func() bool { return s.count(aliexpresssim.KindPushFailed) == 13 })
	s.Close()
	equal(t, "attempts", len(rc.got()), 13)
}

func TestPushSwitches(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	rc := newReceiver(t, s)

	s.post("/pushes", object{"duplicate": 2})
	id := s.create("a", lamp())[0]
	eventually(t, "three copies", func() bool { return len(rc.got()) == 3 })

	s.post("/pushes", object{"drop": true})
	must(t, s.Pay(id, aliexpresssim.PayOptions{}))
	equal(t, "dropped", s.PushStats().Dropped, 1)

	s.post("/pushes", object{"hold": true})
	_, err := s.Ship(id, aliexpresssim.ShipOptions{})
	must(t, err)
	must(t, s.Deliver(id))
	equal(t, "held", s.PushStats().Held, 2)
	s.post("/pushes/release", object{"order": "reverse"})
	eventually(t, "the held ones", func() bool { return len(rc.got()) == 5 })
	want := []string{"OrderCreated", "OrderCreated", "OrderCreated", "OrderConfirmed", "OrderShipped"}
	if got := rc.got(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	s.post("/pushes", object{"wrong_signature": true})
	s.create("b", lamp())
	eventually(t, "the forged one", func() bool { return len(rc.got()) == 6 })
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if rc.auth[5] == pushSign(s.info.AppKey, s.info.AppSecret, rc.bodies[5]) {
		t.Error("the signature is right")
	}
}
