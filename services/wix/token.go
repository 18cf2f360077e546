package wix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"waybill/models"
	"waybill/services/platform"
)

const (
	defaultTokenLife = 14400 * time.Second // wix.md 1.1: four hours, also when expires_in is missing or 0
	maxTokenLife     = 24 * time.Hour      // nobody promises more; a larger number is a mistake
	tokenMargin      = 5 * time.Minute     // renewed this long before it ends
)

// tokenCache keeps one access token per instance, in memory. One request per instance is under way at most; everybody who
// wants that instance's token meanwhile waits for its outcome, good or bad.
type tokenCache struct {
	now     func() time.Time
	request func(ctx context.Context, instance string) (models.Secret, time.Duration, error)

	mu      sync.Mutex
	entries map[string]*tokenEntry
}

type tokenEntry struct {
	token   models.Secret
	renewAt time.Time
	flight  *tokenFlight // nil when no request is under way
}

type tokenFlight struct {
	done  chan struct{} // closed when the other fields are set
	token models.Secret
	err   error
}

func newTokenCache(now func() time.Time, request func(context.Context, string) (models.Secret, time.Duration, error)) *tokenCache {
	return &tokenCache{now: now, request: request, entries: map[string]*tokenEntry{}}
}

// get returns the token of an instance, asking for one when there is none, when it is about to end, or when it is refused,
// the token that Wix has just turned down (empty: none).
func (t *tokenCache) get(ctx context.Context, instance string, refused models.Secret) (models.Secret, error) {
	t.mu.Lock()
	e, ok := t.entries[instance]
	if !ok {
		e = &tokenEntry{}
		t.entries[instance] = e
	}
	if e.token != "" && e.token != refused && t.now().Before(e.renewAt) {
		defer t.mu.Unlock()
		return e.token, nil
	}
	if e.flight == nil {
		e.flight = &tokenFlight{done: make(chan struct{})}
		// The request serves everybody who waits, so it must not die with the caller who happened to come first. The
		// client's time limit ends it.
		go t.renew(context.WithoutCancel(ctx), instance, e, e.flight)
	}
	f := e.flight
	t.mu.Unlock()

	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", models.Errorf(models.Unavailable, "wix_token_wait", "The call was given up while it waited for access to the store.").
			Because(fmt.Errorf("wix token: %w", ctx.Err()))
	}
}

func (t *tokenCache) renew(ctx context.Context, instance string, e *tokenEntry, f *tokenFlight) {
	asked := t.now()
	token, life, err := t.request(ctx, instance)
	t.mu.Lock()
	defer t.mu.Unlock()
	f.token, f.err = token, err
	e.token, e.flight = token, nil
	e.renewAt = asked.Add(life - min(tokenMargin, life/2))
	close(f.done)
}

// drop forgets a token that Wix refused although it was new.
func (t *tokenCache) drop(instance string, token models.Secret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[instance]; ok && e.token == token {
		e.token = ""
	}
}

// Refusals that mean "this app may not act on this site" and not "this request is malformed" (RFC 6749 5.2; wix.md 1.1
// leaves open which one Wix uses).
var lostAccess = []string{"invalid_client", "invalid_grant", "unauthorized_client", "access_denied"}

// requestToken asks for an access token by client credentials, wix.md 1.1. A refusal is Disconnected or Throttled; anything
// else is Unavailable, never NotFound or Rejected: those would be taken for answers about an order.
func (c *Client) requestToken(ctx context.Context, instance string) (models.Secret, time.Duration, error) {
	const name = "token"
	answer, err := c.send(ctx, models.Access{ExternalID: instance, Purpose: models.PurposePerson}, operation{
		name: name, method: http.MethodPost, path: "/oauth2/token",
		body: wireTokenRequest{
			GrantType: "client_credentials", ClientID: c.appID, ClientSecret: c.secret.Reveal(), InstanceID: instance,
		},
	}, "")
	if err != nil {
		return "", 0, err
	}
	if answer.Status != http.StatusOK {
		return "", 0, c.tokenRefusal(ctx, instance, answer)
	}
	var got wireToken
	if err := json.Unmarshal(answer.Body, &got); err != nil {
		return "", 0, undecodable(name, answer, jsonFault(err))
	}
	if got.AccessToken == "" {
		return "", 0, undecodable(name, answer, "no access_token")
	}
	return models.Secret(got.AccessToken), got.life(), nil
}

func (c *Client) tokenRefusal(ctx context.Context, instance string, answer platform.Answer) error {
	body := errorOf(answer)
	refused := answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden ||
		answer.Status == http.StatusBadRequest && slices.Contains(lostAccess, body.Error.value)
	switch {
	case answer.Status == http.StatusTooManyRequests:
		return c.throttled(ctx, instance, "token", answer, body)
	case refused && !isHTML(answer):
		return disconnected("token", answer, body)
	}
	return c.unavailable("token", answer, body)
}
