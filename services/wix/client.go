// Package wix is Waybill's side of the Wix eCommerce REST API: reading orders, telling the store about parcels, and
// understanding what Wix sends (webhooks, signed instances). The wire is described in wix.md; its types stay inside, every
// answer is translated into models at the door, and every error is a *models.Error whose Kind says what to do:
//
//	Rejected      400 and other refusals: repeating the same call cannot help. Detail is in Wix's words.
//	Disconnected  the token is refused even after renewal, or a permission is missing: a person has to connect again.
//	NotFound      no such order or fulfillment on this site.
//	Conflict      the present state does not allow it, e.g. wix_tracking_number_already_exists: read again, then decide.
//	Throttled     the call budget is used up; RetryAfter says for how long.
//	Unavailable   network, 5xx, or an answer that is not the documented one: try later. A write may have happened.
//	Invalid       the arguments cannot be sent at all.
//
// No error holds a token, a secret, a body or a URL. Its cause names the operation, the status and Wix's request id.
package wix

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"waybill/models"
	"waybill/services/platform"
)

const (
	defaultBaseURL   = "https://www.wixapis.com"
	defaultPerMinute = 200 // requests per minute and instance, wix.md 6
	defaultTimeout   = 15 * time.Second
)

// Config says which Wix app this is. AppID and AppSecret are the app's own, PublicKeyPEM is its webhook key.
type Config struct {
	BaseURL      string // replaces https://www.wixapis.com
	SiteURL      string // replaces https://www.wix.com, where people install the app
	AppID        string
	AppSecret    models.Secret
	PublicKeyPEM string           // webhook key; empty: every webhook is refused
	PerMinute    int              // call budget per instance; 0 means 200; negative: no pace
	Turns        platform.Turns   // shared budget; nil: PerMinute within this process
	Timeout      time.Duration    // per call; 0 means 15 s
	Observe      platform.Observe // may be nil
	Now          func() time.Time // nil means time.Now; used for exp checks and token life
}

// Client speaks to Wix for every connected site. All methods may be called at the same time.
type Client struct {
	base   string
	site   string
	appID  string
	secret models.Secret
	key    *rsa.PublicKey // nil: no webhook is trusted
	now    func() time.Time
	http   *platform.Client
	once   *platform.Client // for what must not be repeated by the transport
	turns  platform.Turns
	tokens *tokenCache
}

// New makes a client. A base URL that is not http(s) with a host, or a key that is not an RSA public key in PEM, is an error.
func New(cfg Config) (*Client, error) {
	base, err := baseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base:   base,
		site:   cmp.Or(cfg.SiteURL, "https://www.wix.com"),
		appID:  cfg.AppID,
		secret: cfg.AppSecret,
		now:    cfg.Now,
		turns:  cfg.Turns,
	}
	if c.turns == nil {
		c.turns = platform.NewPacer(Pace(cfg.PerMinute))
	}
	if strings.TrimSpace(cfg.PublicKeyPEM) != "" {
		if c.key, err = jwt.ParseRSAPublicKeyFromPEM([]byte(cfg.PublicKeyPEM)); err != nil {
			return nil, fmt.Errorf("wix: webhook public key: %w", err)
		}
	}
	if c.now == nil {
		c.now = time.Now
	}
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	c.http = platform.NewClient(string(models.Wix), timeout, cfg.Observe)
	c.once = platform.NewSendOnceClient(string(models.Wix), timeout, cfg.Observe)
	c.tokens = newTokenCache(c.now, c.requestToken)
	return c, nil
}

func baseURL(text string) (string, error) {
	if text == "" {
		return defaultBaseURL, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("wix: the base URL must be http or https with a host, without user, query and fragment")
	}
	return strings.TrimRight(text, "/"), nil
}

// Pace keeps any minute, wherever it begins, within the budget: a tenth of it may go out at once and the rest is spread
// over the minute. 200 a minute are 3 per second with a burst of 20 (wix.md 6 leaves open which kind of window Wix uses).
// 0 means 200; a negative number no pace.
func Pace(perMinute int) (perSecond float64, burst int) {
	if perMinute < 0 {
		return 0, 1
	}
	if perMinute == 0 {
		perMinute = defaultPerMinute
	}
	burst = max(perMinute/10, 1)
	return float64(max(perMinute-burst, 1)) / 60, burst
}

// operation is one call of the REST API.
type operation struct {
	name   string // for metrics and the log
	method string
	path   string
	body   any // nil: none
	once   bool
}

// call performs op for the site of a and decodes a 200 answer into out. A refused token is renewed once: Wix refuses before
// it does anything, so even a write may be sent again.
func (c *Client) call(ctx context.Context, a models.Access, op operation, out any) (platform.Answer, error) {
	if a.ExternalID == "" {
		return platform.Answer{}, models.Errorf(models.Invalid, "wix_instance_missing", "The store has no Wix instance id. Connect it again.")
	}
	answer, err := c.authorized(ctx, a, op)
	if err != nil {
		return answer, err
	}
	if answer.Status != http.StatusOK {
		return answer, c.refusal(ctx, a.ExternalID, op.name, answer)
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return answer, undecodable(op.name, answer, jsonFault(err))
	}
	return answer, nil
}

// authorized sends op with the site's token, and again with a new one when Wix refuses that.
func (c *Client) authorized(ctx context.Context, a models.Access, op operation) (platform.Answer, error) {
	instance := a.ExternalID
	token, err := c.tokens.get(ctx, instance, "")
	if err != nil {
		return platform.Answer{}, err
	}
	answer, err := c.send(ctx, a, op, token)
	if err != nil || !tokenRefused(answer) {
		return answer, err
	}
	if token, err = c.tokens.get(ctx, instance, token); err != nil {
		return platform.Answer{}, err
	}
	answer, err = c.send(ctx, a, op, token)
	if err == nil && tokenRefused(answer) {
		c.tokens.drop(instance, token)
	}
	return answer, err
}

func tokenRefused(a platform.Answer) bool { return a.Status == http.StatusUnauthorized && !isHTML(a) }

// send waits for the site's turn and sends op with the bare token, wix.md 1.2. An empty token sends none.
func (c *Client) send(ctx context.Context, a models.Access, op operation, token models.Secret) (platform.Answer, error) {
	if err := c.turns.Wait(ctx, a.ExternalID, a.Purpose); err != nil {
		return platform.Answer{}, err
	}
	var body io.Reader
	if op.body != nil {
		data, err := json.Marshal(op.body)
		if err != nil {
			return platform.Answer{}, notSendable(op.name)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, op.method, c.base+op.path, body)
	if err != nil {
		return platform.Answer{}, notSendable(op.name)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Waybill")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", token.Reveal())
	}
	client := c.http
	if op.once {
		client = c.once
	}
	return client.Send(ctx, op.name, req)
}

// notSendable leaves the cause out on purpose: it may quote the URL or the body.
func notSendable(operation string) error {
	return models.Errorf(models.Internal, "wix_request", "The request to Wix could not be made.").
		Because(fmt.Errorf("wix %s: building the request", operation))
}

// pathID checks an id before it becomes part of a path: Wix's ids are GUIDs, so nothing else than letters, digits, dashes
// and underscores is sent.
func pathID(what, id string) (string, error) {
	bad := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	}
	if id == "" || len(id) > 100 || strings.ContainsFunc(id, bad) {
		return "", models.Errorf(models.Invalid, "wix_bad_id", "This is no Wix %s id.", what)
	}
	return id, nil
}
