package handlers

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"waybill/models"
)

// secureHeaders tells browsers what pages and answers of ours may do, and, where Waybill is reached by https, to use nothing
// else.
func (s *server) secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		frames := "'none'"
		if s.Embedded {
			frames = "https://manage.wix.com"
		}
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors "+frames)
		h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if s.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// ownSite refuses what another site made a browser send. What no browser sent passes, as do the platforms' webhooks: neither
// brings anything that a browser would add by itself. Reading is not asked here, so no GET may change anything; a session reads for its own
// site only (caller).
func (s *server) ownSite(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.AddInsecureBypassPattern("POST /api/v1/webhooks/wix")
	guard.AddInsecureBypassPattern("POST /api/v1/webhooks/aliexpress")
	if u, err := url.Parse(s.PublicURL); err == nil && u.Host != "" { // a proxy may have changed the host
		if err := guard.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			panic("handlers: the public URL is no origin: " + err.Error())
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard.Check(r); err != nil {
			s.problem(w, r, crossOrigin().Because(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func crossOrigin() *models.Error {
	return models.Errorf(models.Forbidden, "cross_origin", "Another site made the browser send this. Nothing was done.")
}

// clientAddress finds whom a request comes from: the connection's other end or, behind trusted proxies, the last address
// before them that they tell of.
func (s *server) clientAddress(next http.Handler) http.Handler {
	if len(s.TrustedProxies) == 0 {
		return middleware.ClientIPFromRemoteAddr(next)
	}
	trusted := make([]string, len(s.TrustedProxies))
	for i, p := range s.TrustedProxies {
		trusted[i] = p.String()
	}
	return middleware.ClientIPFromXFF(trusted...)(next)
}

// client is the address that clientAddress found; the proxy's own where it told of none.
func client(r *http.Request) string {
	if found := middleware.GetClientIP(r.Context()); found != "" {
		return found
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if _, parsed := netip.ParseAddr(host); err != nil || parsed != nil {
		return ""
	}
	return host
}

// A merchant may have so many of each kind of costly request under way, in each process.
const (
	costlyAtOnce = 4
	costlyAgain  = 2 * time.Second
)

// costly counts the costly requests that are under way.
type costly struct {
	mu       sync.Mutex
	underWay map[costlyKind]int
}

type costlyKind struct {
	merchant models.MerchantID
	what     string
}

// begin takes one of a merchant's places, to be given back with end; it answers Throttled when none is free.
func (c *costly) begin(m models.MerchantID, what string) (end func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := costlyKind{m, what}
	if c.underWay[kind] >= costlyAtOnce {
		e := models.Errorf(models.Throttled, "too_many_at_once", "%d of these are under way already. Wait until one of them has ended.", costlyAtOnce)
		e.RetryAfter = costlyAgain
		return nil, e
	}
	if c.underWay == nil {
		c.underWay = map[costlyKind]int{}
	}
	c.underWay[kind]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.underWay[kind]--; c.underWay[kind] == 0 {
			delete(c.underWay, kind)
		}
	}, nil
}
