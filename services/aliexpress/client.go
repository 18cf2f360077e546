// Package aliexpress speaks to AliExpress' open platform for dropshippers: it reads orders, tracking, products and
// shipping, places orders, keeps tokens fresh and understands push messages. It translates at the door: only models cross
// it, and every error is a models.Error. What it knows of the wire is written down in aliexpress.md.
package aliexpress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/platform"
)

const (
	defaultBase         = "https://api-sg.aliexpress.com"
	defaultPerSecond    = 1.0
	defaultTimeout      = 15 * time.Second
	defaultPlaceTimeout = 30 * time.Second
	burst               = 3

	syncPath = "/sync"
	restPath = "/rest"
	language = "en_US"
)

// Config says how to reach the platform and as which app.
type Config struct {
	BaseURL      string // replaces https://api-sg.aliexpress.com; /sync, /rest and /oauth lie below
	AppKey       string
	AppSecret    models.Secret
	PerSecond    float64          // calls per second for each method; 0 means 1, negative no pace
	Turns        platform.Turns   // shared budget; nil: PerSecond within this process
	Timeout      time.Duration    // of reads and token calls; 0 means 15 s
	PlaceTimeout time.Duration    // of Place, the one dangerous call; 0 means 30 s
	Observe      platform.Observe // may be nil
	Now          func() time.Time // nil means time.Now
}

// Client acts for one app. Its methods may be called from any goroutine.
type Client struct {
	base    string
	appKey  string
	secret  models.Secret
	reads   *platform.Client
	tokens  *platform.Client // never repeats: a code and a refresh token work once
	placing *platform.Client // never repeats: an order costs money
	turns   platform.Turns
	observe platform.Observe
	now     func() time.Time
}

// New makes a client. It fails when the base address is none, or when only one of the app's key and secret is there. With
// neither, Waybill runs without AliExpress: every call and every push message is refused.
func New(c Config) (*Client, error) {
	if (c.AppKey == "") != (c.AppSecret == "") {
		return nil, errors.New("an AliExpress client needs an app key and its secret")
	}
	base, err := baseURL(c.BaseURL)
	if err != nil {
		return nil, err
	}
	if c.Turns == nil {
		c.Turns = platform.NewPacer(Pace(c.PerSecond))
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.PlaceTimeout <= 0 {
		c.PlaceTimeout = defaultPlaceTimeout
	}
	if c.Observe == nil {
		c.Observe = func(string, string, string, time.Duration) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	// The platform's clients are not the ones that observe: AliExpress answers errors with status 200, so that only this
	// package knows how a call ended.
	name := string(models.AliExpress)
	return &Client{
		base:    base,
		appKey:  c.AppKey,
		secret:  c.AppSecret,
		reads:   platform.NewClient(name, c.Timeout, nil),
		tokens:  platform.NewSendOnceClient(name, c.Timeout, nil),
		placing: platform.NewSendOnceClient(name, c.PlaceTimeout, nil),
		turns:   c.Turns,
		observe: c.Observe,
		now:     c.Now,
	}, nil
}

// Pace is how calls of one method by one app are spaced; 0 means 1 a second, a negative number no pace (aliexpress.md 9.1).
func Pace(perSecond float64) (float64, int) {
	if perSecond == 0 {
		perSecond = defaultPerSecond
	}
	return perSecond, burst
}

func baseURL(text string) (string, error) {
	if text == "" {
		return defaultBase, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return "", errors.New("the base address of AliExpress must look like https://host")
	}
	return strings.TrimRight(text, "/"), nil
}

// read performs a business call that changes nothing and returns what its envelope holds. Errors: Throttled,
// Disconnected, NotFound, Rejected and Unavailable, as explain sorts them.
func (c *Client) read(ctx context.Context, a models.Access, method string, params map[string]string) (payload, error) {
	if a.Token == "" {
		return nil, tokenRefused()
	}
	params["method"], params["session"] = method, a.Token.Reveal()
	return c.ask(ctx, a, c.reads, method, params)
}

// system performs a token call, which the transport must not repeat.
func (c *Client) system(ctx context.Context, app models.App, path string, params map[string]string) (payload, error) {
	return c.ask(ctx, models.Access{App: app, Purpose: models.PurposePerson}, c.tokens, path, params)
}

func (c *Client) ask(ctx context.Context, a models.Access, via *platform.Client, api string, params map[string]string) (payload, error) {
	if err := c.turns.Wait(ctx, c.paceKey(a.App, api), a.Purpose); err != nil {
		return nil, err
	}
	req, err := c.request(ctx, a.App, api, params)
	if err != nil {
		return nil, err
	}
	if via != c.reads {
		req.GetBody = nil
	}
	start := time.Now()
	p, err := c.send(ctx, a.App, via, api, req)
	c.observe(string(models.AliExpress), api, result(err), time.Since(start))
	return p, err
}

func (c *Client) send(ctx context.Context, app models.App, via *platform.Client, api string, req *http.Request) (payload, error) {
	answer, err := via.Send(ctx, api, req)
	if err != nil {
		return nil, err
	}
	if answer.Status < 200 || answer.Status > 299 {
		return nil, unavailable(fmt.Errorf("%s: http status %d", api, answer.Status))
	}
	p, refused, err := open(answer.Body)
	if err != nil {
		return nil, unreadable(api, err)
	}
	if refused != nil {
		e := c.explain(api, *refused)
		c.honour(ctx, app, api, e)
		return nil, e
	}
	return p, nil
}

// honour keeps further calls of a method back for as long as AliExpress said.
func (c *Client) honour(ctx context.Context, app models.App, api string, e *models.Error) {
	if e.Kind == models.Throttled {
		c.turns.Ban(ctx, c.paceKey(app, api), e.RetryAfter)
	}
}

func (c *Client) paceKey(app models.App, api string) string { return budgetKey(c.own(app).Key, api) }

// budgetKey names the budget of one method for one app: AliExpress counts by both.
func budgetKey(appKey, method string) string { return appKey + " " + method }

// BudgetKey names the budget that reading orders draws on: of a merchant's own app, or of Waybill's where appKey is empty.
func (c *Client) BudgetKey(appKey string) string {
	return c.paceKey(models.App{Key: appKey}, methodOrder)
}

// own is the app that a call is made as.
func (c *Client) own(app models.App) models.App {
	if app.Key == "" {
		return models.App{Key: c.appKey, Secret: c.secret}
	}
	return app
}

// request makes the signed call: a POST with everything in its body, so that no token or signature is part of an address.
// Parameters without a value are left out, because clients disagree on how to sign them (aliexpress.md 2.2).
func (c *Client) request(ctx context.Context, app models.App, api string, params map[string]string) (*http.Request, error) {
	app = c.own(app)
	if app.Key == "" {
		return nil, notSetUp()
	}
	all := map[string]string{
		"app_key":     app.Key,
		"timestamp":   strconv.FormatInt(c.now().UnixMilli(), 10),
		"sign_method": "sha256",
	}
	for name, value := range params {
		if value != "" {
			all[name] = value
		}
	}
	form := url.Values{"sign": {Sign(app.Secret.Reveal(), api, all)}}
	for name, value := range all {
		form.Set(name, value)
	}
	path := syncPath
	if strings.HasPrefix(api, "/") {
		path = restPath + api
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, models.Errorf(models.Internal, "internal", "Something went wrong on our side.").
			Because(fmt.Errorf("%s: make the request", api))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

func notSetUp() error {
	return models.Errorf(models.Rejected, "aliexpress_not_set_up", "AliExpress is not set up: set WAYBILL_ALIEXPRESS_APP_KEY and WAYBILL_ALIEXPRESS_APP_SECRET.")
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	return string(models.KindOf(err))
}
