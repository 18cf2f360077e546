package handlers

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"waybill/models"
)

// paces are how fast each caller asks, in this process: an API key, a session, or, of whoever is not known yet, a network address.
type paces struct {
	perMinute int // 0: as fast as he likes
	mu        sync.Mutex
	seen      map[string]*rate.Limiter
	swept     time.Time
}

// take counts a request and answers how long the caller should wait when there were too many.
func (p *paces) take(who string, now time.Time) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]*rate.Limiter{}
	}
	if now.Sub(p.swept) >= time.Minute { // who has not asked for a while may ask as if he never had
		for name, l := range p.seen {
			if l.TokensAt(now) >= float64(p.perMinute) {
				delete(p.seen, name)
			}
		}
		p.swept = now
	}
	l := p.seen[who]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(float64(p.perMinute)/60), p.perMinute)
		p.seen[who] = l
	}
	turn := l.ReserveN(now, 1)
	if wait = turn.DelayFrom(now); wait > 0 {
		turn.CancelAt(now)
	}
	return wait
}

func (p *paces) knows(who string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[who] != nil
}

// inPace answers 429 to who asks more often in a minute than the operator lets him. What is asked with a key or session that was good is counted
// for it, everything else for the address that it comes from: so nobody gets further by making keys up, and people behind one address do not
// use up each other's. The platforms' messages are not counted: what is lost of them is late.
func (s *server) inPace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.RequestsPerMinute == 0 || strings.HasPrefix(r.URL.Path, apiRoot+"/webhooks/") {
			next.ServeHTTP(w, r)
			return
		}
		who := s.credential(r)
		if who == "" || !s.paces.knows(who) {
			who = network(client(r))
		}
		if wait := s.paces.take(who, time.Now()); wait > 0 {
			e := models.Errorf(models.Throttled, "too_many_requests", "More than %d requests a minute came from you. Wait a moment and go on more slowly.", s.RequestsPerMinute)
			e.RetryAfter = wait
			s.problem(w, r, e)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wasGood counts from now on for its own what is asked with this request's key or session.
func (s *server) wasGood(r *http.Request) {
	if who := s.credential(r); s.RequestsPerMinute > 0 && who != "" && !s.paces.knows(who) {
		s.paces.take(who, time.Now())
	}
}

// credential is what a request shows of its caller, in a form that gives none of it away; empty for nothing.
func (s *server) credential(r *http.Request) string {
	shown := r.Header.Get("Authorization")
	if cookie, err := r.Cookie(s.cookie(sessionCookie)); shown == "" && err == nil {
		shown = cookie.Value
	}
	if shown == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(shown))
	return string(sum[:])
}

// network is the address that counts for whoever is not known: of IPv6 the half that names a line, of which one machine has the other half to itself.
func network(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() && !ip.Is4In6() {
		if prefix, err := ip.WithZone("").Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return address
}

const (
	// bodiesAtOnce is how many bytes of bodies a process holds at once.
	bodiesAtOnce = 64 << 20
	bodiesAgain  = 2 * time.Second
)

// bodies is how much of bodies is held now. Each has a limit of its own; together they would fill the memory all the same.
type bodies struct {
	most int64
	held atomic.Int64
}

// hold counts what is read of a request's body until the request has ended. A body that does not fit any more is answered 503: platforms send theirs
// again.
func (b *bodies) hold(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &heldBody{ReadCloser: r.Body, of: b}
		defer func() { b.held.Add(-body.held) }()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

type heldBody struct {
	io.ReadCloser
	of   *bodies
	held int64
}

// Read reads what there is room for.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.held += int64(n)
	if b.of.held.Add(int64(n)) > b.of.most {
		e := models.Errorf(models.Unavailable, "too_much_at_once", "Too much is being sent at this moment. Send it again in a few seconds.")
		e.RetryAfter = bodiesAgain
		return 0, e
	}
	return n, err
}
