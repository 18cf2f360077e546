package wix_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/wix"
)

func tokenReply(token, rest string) reply {
	return reply{body: `{"access_token":"` + token + `","token_type":"Bearer"` + rest + `}`}
}

func listReply(t *testing.T) reply {
	return reply{body: string(fixture(t, "list-fulfillments-response.json"))}
}

func sendsTokenRequest(t *testing.T, _ string, data []byte) {
	s := newStub(t, listReply(t))
	if _, err := newClient(t, s.URL).Fulfillments(t.Context(), access, orderID); err != nil {
		t.Fatal(err)
	}
	tokens, _ := s.requests()
	if len(tokens) != 1 || tokens[0].method != http.MethodPost || tokens[0].token != "" {
		t.Fatalf("token requests: %+v", tokens)
	}
	if diff := cmp.Diff(tree(t, string(data)), tree(t, tokens[0].body)); diff != "" {
		t.Error(diff)
	}
}

func usesToken(t *testing.T, _ string, data []byte) {
	var want struct {
		Token string `json:"access_token"`
	}
	decode(t, data, &want)
	s := newStub(t, listReply(t))
	s.tokens = []reply{{body: string(data)}}
	if _, err := newClient(t, s.URL).Fulfillments(t.Context(), access, orderID); err != nil {
		t.Fatal(err)
	}
	if _, calls := s.requests(); calls[0].token != want.Token {
		t.Error("the token is not sent bare")
	}
}

func TestTokenIsRenewedOnceAfterA401(t *testing.T) {
	t.Parallel()
	s := newStub(t, reply{status: 401, body: `{}`}, reply{body: string(fixture(t, "create-fulfillment-response.json"))})
	s.tokens = []reply{tokenReply("first", ""), tokenReply("second", "")}
	c := newClient(t, s.URL)
	for range 2 {
		if id, err := c.Fulfill(t.Context(), access, orderID, parcel); err != nil || id != parcelID {
			t.Fatalf("got %q, %v", id, err)
		}
	}
	tokens, calls := s.requests()
	if len(tokens) != 2 || len(calls) != 3 || calls[0].token != "first" || calls[1].token != "second" || calls[2].token != "second" {
		t.Errorf("tokens %+v, calls %+v", tokens, calls)
	}
}

func TestSecond401DisconnectsAndTheNextCallAsksAnew(t *testing.T) {
	t.Parallel()
	s := newStub(t, reply{status: 401}, reply{status: 401}, listReply(t))
	s.tokens = []reply{tokenReply("first", ""), tokenReply("second", ""), tokenReply("third", "")}
	c := newClient(t, s.URL)
	_, err := c.Fulfillments(t.Context(), access, orderID)
	wantError(t, err, models.Disconnected, "wix_token_refused")
	if _, err := c.Fulfillments(t.Context(), access, orderID); err != nil {
		t.Fatal(err)
	}
	if tokens, calls := s.requests(); len(tokens) != 3 || calls[2].token != "third" {
		t.Errorf("tokens %+v, calls %+v", tokens, calls)
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	oauth := func(code string) string { return `{"error":"` + code + `","error_description":"x"}` }
	for name, tt := range map[string]struct {
		reply
		kind models.Kind
		code string
	}{
		"401 invalid_client":  {reply{status: 401, body: oauth("invalid_client")}, models.Disconnected, "wix_token_refused"},
		"400 invalid_client":  {reply{status: 400, body: oauth("invalid_client")}, models.Disconnected, "wix_token_refused"},
		"400 invalid_grant":   {reply{status: 400, body: oauth("invalid_grant")}, models.Disconnected, "wix_token_refused"},
		"403":                 {reply{status: 403}, models.Disconnected, "wix_token_refused"},
		"401 of a proxy":      {reply{status: 401, body: "<html>"}, models.Unavailable, "wix_unavailable"},
		"400 invalid_request": {reply{status: 400, body: oauth("invalid_request")}, models.Unavailable, "wix_unavailable"},
		"404":                 {reply{status: 404, body: `{}`}, models.Unavailable, "wix_unavailable"},
		"429":                 {reply{status: 429}, models.Throttled, "wix_rate_limited"},
		"500":                 {reply{status: 500}, models.Unavailable, "wix_unavailable"},
		"no token":            {reply{body: `{"token_type":"Bearer"}`}, models.Unavailable, "wix_undecodable"},
		"not JSON":            {reply{body: `access_token=1`}, models.Unavailable, "wix_undecodable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.tokens = []reply{tt.reply}
			_, err := newClient(t, s.URL).Order(t.Context(), access, orderID)
			wantError(t, err, tt.kind, tt.code)
			if _, calls := s.requests(); len(calls) != 0 {
				t.Error("a call was made without a token")
			}
		})
	}
}

func TestTokenLife(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rest string
		good time.Duration // how long the token is used
	}{
		"documented": {`,"expires_in":14400`, 4*time.Hour - 5*time.Minute},
		"missing":    {``, 4*time.Hour - 5*time.Minute},
		"zero":       {`,"expires_in":0`, 4*time.Hour - 5*time.Minute},
		"null":       {`,"expires_in":null`, 4*time.Hour - 5*time.Minute},
		"as text":    {`,"expires_in":"3600"`, 55 * time.Minute},
		"nonsense":   {`,"expires_in":{}`, 4*time.Hour - 5*time.Minute},
		"very short": {`,"expires_in":300`, 150 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, listReply(t))
			s.tokens = []reply{tokenReply("t", tt.rest)}
			var mu sync.Mutex
			now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
			c := newClient(t, s.URL, func(cfg *wix.Config) {
				cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
			})
			for i, step := range []time.Duration{0, tt.good - time.Second, time.Second} {
				mu.Lock()
				now = now.Add(step)
				mu.Unlock()
				if _, err := c.Fulfillments(t.Context(), access, orderID); err != nil {
					t.Fatal(err)
				}
				want := 1
				if i == 2 {
					want = 2
				}
				if tokens, _ := s.requests(); len(tokens) != want {
					t.Fatalf("step %d: %d token requests, want %d", i, len(tokens), want)
				}
			}
		})
	}
}

func TestConcurrentCallsShareOneTokenRequest(t *testing.T) {
	t.Parallel()
	s := newStub(t, listReply(t))
	c := newClient(t, s.URL)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := c.Fulfillments(t.Context(), access, orderID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if tokens, calls := s.requests(); len(tokens) != 1 || len(calls) != 20 {
		t.Errorf("%d token requests, %d calls", len(tokens), len(calls))
	}
	if _, err := c.Fulfillments(t.Context(), models.Access{ExternalID: "another"}, orderID); err != nil {
		t.Fatal(err)
	}
	if tokens, _ := s.requests(); len(tokens) != 2 {
		t.Error("two stores share a token")
	}
}

func TestCallerWhoLeavesDoesNotSpoilTheTokenForOthers(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 2), make(chan struct{})
	list := fixture(t, "list-fulfillments-response.json")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oauth2/token" {
			_, _ = w.Write(list)
			return
		}
		asked <- struct{}{}
		<-release
		_, _ = w.Write([]byte(`{"access_token":"t"}`))
	}))
	t.Cleanup(s.Close)
	c := newClient(t, s.URL)

	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.Fulfillments(ctx, access, orderID); first <- err }()
	<-asked
	go func() { _, err := c.Fulfillments(t.Context(), access, orderID); second <- err }()
	cancel()
	wantError(t, <-first, models.Unavailable, "wix_token_wait")
	close(release)
	if err := <-second; err != nil {
		t.Error(err)
	}
	if len(asked) != 0 {
		t.Error("the token was asked for twice")
	}
}
