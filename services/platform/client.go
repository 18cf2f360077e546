// Package platform is the outbound HTTP of both adapters: one place that sends, reads with a limit, sorts transport failures
// into kinds, keeps URLs (they carry tokens and signatures) out of every error, and paces calls.
package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"waybill/models"
)

// maxAnswer bounds how much of an answer is read: 100 orders of 300 lines stay below it.
const maxAnswer = 32 << 20

// Observe is told of every call: which operation, how it ended ("ok" or a models.Kind) and how long it took.
type Observe func(platform, operation, result string, took time.Duration)

// Client sends requests to one platform.
type Client struct {
	name    string
	http    *http.Client
	observe Observe
}

// NewClient makes a client whose calls end within timeout. It follows no redirects: no platform API needs one, and a
// redirect would carry the token elsewhere. observe may be nil.
func NewClient(name string, timeout time.Duration, observe Observe) *Client {
	return newClient(name, &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: timeout,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       60 * time.Second,
		ForceAttemptHTTP2:     true,
	}, timeout, observe)
}

// NewSendOnceClient makes a client for calls that must never be repeated by the transport: every call opens a connection
// of its own, so Go has no idle connection to find dead and no reason to send again (reliability.md E1).
func NewSendOnceClient(name string, timeout time.Duration, observe Observe) *Client {
	return newClient(name, &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: timeout,
		DisableKeepAlives:     true,
	}, timeout, observe)
}

func newClient(name string, transport *http.Transport, timeout time.Duration, observe Observe) *Client {
	if observe == nil {
		observe = func(string, string, string, time.Duration) {}
	}
	return &Client{name: name, observe: observe, http: &http.Client{
		Transport:     transport,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Answer is what came back, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Send performs one request. Any failure to get a whole answer is models.Unavailable, with the URL stripped; what a status
// or a body means is the adapter's to say. A body cut short is returned with its error.
func (c *Client) Send(ctx context.Context, operation string, req *http.Request) (Answer, error) {
	start := time.Now()
	// Whoever calls has a span, or one that does nothing; its provider is the program's.
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("waybill").Start(ctx, c.name+" "+operation, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	answer, err := c.send(req.WithContext(ctx))
	result := "ok"
	if err != nil {
		result = string(models.Unavailable)
		err = models.Errorf(models.Unavailable, c.name+"_unreachable", "%s could not be reached. It will be tried again.", title(c.name)).
			Because(fmt.Errorf("%s %s: %w", c.name, operation, stripped(err)))
	} else if answer.Status >= 400 {
		result = fmt.Sprintf("http_%d", answer.Status)
	}
	span.SetAttributes(attribute.String("waybill.platform", c.name), attribute.String("waybill.operation", operation), attribute.Int("http.response.status_code", answer.Status))
	if result != "ok" {
		span.SetStatus(codes.Error, result)
	}
	c.observe(c.name, operation, result, time.Since(start))
	return answer, err
}

func (c *Client) send(req *http.Request) (Answer, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("answer is too long")
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: body}, err
}

// stripped takes the URL out of net/http's errors.
func stripped(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func title(name string) string {
	switch name {
	case string(models.Wix):
		return "Wix"
	case string(models.AliExpress):
		return "AliExpress"
	}
	return name
}
