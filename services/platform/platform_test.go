package platform_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/platform"
)

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// Platform URLs may carry tokens and signatures: no error shows one.
func TestNoErrorShowsAnAddress(t *testing.T) {
	t.Parallel()
	dropped := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer dropped.Close()
	for name, base := range map[string]string{"nobody listens": "http://127.0.0.1:1", "dropped": dropped.URL, "no such host": "http://host.invalid"} {
		_, err := platform.NewClient("wix", 5*time.Second, nil).Send(t.Context(), "get_order", get(t, base+"/path?session=canary"))
		if !errors.Is(err, models.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s shows the address: %v", name, err)
		}
		if !strings.Contains(models.AsError(err).Detail, "Wix") {
			t.Errorf("%s does not say who: %q", name, models.AsError(err).Detail)
		}
	}
}

// A redirect would carry the token elsewhere: it is an answer like any other.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer server.Close()
	answer, err := platform.NewSendOnceClient("wix", 5*time.Second, nil).Send(t.Context(), "x", get(t, server.URL))
	if err != nil || answer.Status != http.StatusFound || elsewhere.Load() != 0 {
		t.Errorf("status %d, error %v, followed %d times", answer.Status, err, elsewhere.Load())
	}
}

// The send-once client opens a connection for each call, so that the transport never has a reason to send again.
func TestSendOnceUsesEachConnectionOnce(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := platform.NewSendOnceClient("aliexpress", 5*time.Second, nil)
	for range 3 {
		if _, err := client.Send(t.Context(), "x", get(t, server.URL)); err != nil {
			t.Fatal(err)
		}
	}
	if connections.Load() != 3 {
		t.Errorf("%d connections for 3 calls", connections.Load())
	}
}

func TestPacerHonoursBansPerKey(t *testing.T) {
	t.Parallel()
	p := platform.NewPacer(-1, 1)
	p.Ban(t.Context(), "a", time.Hour)
	p.Ban(t.Context(), "a", time.Minute) // a shorter ban does not shorten a longer one
	err := p.Wait(t.Context(), "a", models.PurposeBackground)
	if e := models.AsError(err); e.Kind != models.Throttled || e.RetryAfter < 59*time.Minute {
		t.Errorf("banned: %v", err)
	}
	if err := p.Wait(t.Context(), "b", models.PurposeBackground); err != nil {
		t.Errorf("another key: %v", err)
	}
}

func TestPacerTellsToComeBackInsteadOfWaitingLong(t *testing.T) {
	t.Parallel()
	p := platform.NewPacer(0.001, 1)
	if err := p.Wait(t.Context(), "a", models.PurposeBackground); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context(), "a", models.PurposeBackground); !errors.Is(err, models.Throttled) {
		t.Errorf("a turn in a quarter of an hour: %v", err)
	}
	slow := platform.NewPacer(0.1, 1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := slow.Wait(gone, "a", models.PurposeBackground); err != nil {
		t.Errorf("the first turn is free: %v", err)
	}
	if err := slow.Wait(gone, "a", models.PurposeBackground); !errors.Is(err, models.Unavailable) {
		t.Errorf("a caller who has gone: %v", err)
	}
}
