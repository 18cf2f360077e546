package outgoing

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"waybill/models"
)

// timeout is how long a receiver may take for the whole of an answer.
const timeout = 15 * time.Second

// guard keeps webhooks from being sent to addresses that only we can reach. The dialer asks it for each address that it is about
// to connect to, so whatever a name was resolved to, and when, it is the address itself that is judged.
type guard struct {
	public   *ssrf.Guardian
	networks []netip.Prefix // of a developer: called all the same
}

var errForbidden = errors.New("webhooks are not sent to this address")

func newGuard(networks []netip.Prefix) guard {
	return guard{public: ssrf.New(ssrf.WithPorts(443)), networks: networks}
}

func (g guard) control(network, address string, c syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err == nil && g.isDevelopers(to.Addr()) {
		return nil
	}
	if err := g.public.Safe(network, address, c); err != nil {
		return fmt.Errorf("%w: %w", errForbidden, err)
	}
	return nil
}

func (g guard) isDevelopers(ip netip.Addr) bool {
	return slices.ContainsFunc(g.networks, func(n netip.Prefix) bool { return n.Contains(ip) || n.Contains(ip.Unmap()) })
}

// newClient follows no redirects: one would lead past what was checked, and a receiver's address is for its owner to change.
// There is no proxy either: it would be the proxy that connects, to wherever it likes.
func newClient(g guard, roots *x509.CertPool, resolver *net.Resolver) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second, Control: g.control, Resolver: resolver}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			MaxIdleConns:           100,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 32 << 10,
			ForceAttemptHTTP2:      true,
		},
	}
}

// checkURL answers Invalid for an address that can never be called. What it lets through is still judged when it is dialed.
func (s *Service) checkURL(raw string) error {
	u, err := url.Parse(raw)
	wrong := func(reason string) error {
		e := models.Errorf(models.Invalid, "webhook_url_invalid", "Webhooks cannot be sent to this address.")
		e.Fields = []models.FieldError{{Pointer: "/url", Reason: reason}}
		return e
	}
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return wrong("must be an address such as https://example.com/waybill")
	case u.User != nil:
		return wrong("must not hold a user name or password: messages are signed")
	case u.Fragment != "":
		return wrong("must not have a part behind #")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.developer):
		return wrong("must begin with https://")
	case u.Port() != "" && u.Port() != "443" && !s.developer:
		return wrong("must use port 443")
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		if !s.guard.isDevelopers(ip) && s.guard.public.SafeAddr(ip) != nil {
			return wrong("must be an address on the public internet")
		}
		return nil
	}
	last := host[strings.LastIndex(host, ".")+1:]
	number := last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(strings.ToLower(last), "0x") // an IPv4 address in disguise
	if number || !strings.Contains(host, ".") && !s.developer {
		return wrong("must name a host on the public internet")
	}
	return nil
}
