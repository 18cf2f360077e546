// Package aliexpresssim imitates AliExpress' open platform for dropshippers: the business gateway /sync, the system
// gateway /rest, the consent page, push messages, and a buyer's account behind them. It checks signatures, tokens and
// limits as aliexpress.md documents, fails on request, and keeps a journal of everything that truly happened, which is
// what tests measure a client against. What it knows of the wire is written here a second time on purpose: it shares
// no code with the client that it checks.
//
// What it does not imitate:
//
//   - Time: answers come at once, and all state is in memory and gone with the process.
//   - Money: nothing is charged; API pay is a switch. Prices are US dollars whatever currency is asked for, taxes are
//     zero, shipping is charged once for each order, and coupons and wholesale prices do not exist.
//   - aliexpress.ds.order.afterpay: it answers true and does nothing, because nobody knows what it does.
//   - The address book: provinces are checked for the United States and Brazil only, cities nowhere; the Brazilian
//     tax register is a check sum plus equal names.
//   - Quotas by day, format=xml, gzip, file uploads, feeds, images, categories, disputes, and the seller's side.
//   - Consent: every redirect address is taken as registered, and one click consents.
//   - The console's probe of a push address, and the certificate that the platform asks of it.
package aliexpresssim

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Options configure a Server. The zero value is a usable simulator.
type Options struct {
	AppKey, AppSecret string
	// PushURL is where push messages go. When empty they are only journaled.
	PushURL string
	// Now is the clock below Advance; nil means time.Now.
	Now func() time.Time
	// ReadableAfter is how long a new order stays unreadable (aliexpress.md 5.1): 0 means 10 s, negative none.
	ReadableAfter time.Duration
	// TokenLife and RefreshLife default to 30 and 60 days (aliexpress.md 3.3).
	TokenLife, RefreshLife time.Duration
	// PushRetryScale divides the 30 minutes between two attempts of a push; 0 means 1.
	PushRetryScale float64
	// QPS limits the calls per second for each API; 0 means no limit.
	QPS float64
}

const (
	defaultAppKey    = "33505222"
	defaultAppSecret = "sampleSecretOfTheSimulator000001"

	defaultReadableAfter = 10 * time.Second
	defaultTokenLife     = 30 * 24 * time.Hour
	defaultRefreshLife   = 60 * 24 * time.Hour
	defaultPayTimeout    = 24 * time.Hour
)

func (o Options) withDefaults() Options {
	if o.AppKey == "" {
		o.AppKey = defaultAppKey
	}
	if o.AppSecret == "" {
		o.AppSecret = defaultAppSecret
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ReadableAfter == 0 {
		o.ReadableAfter = defaultReadableAfter
	}
	o.ReadableAfter = max(o.ReadableAfter, 0)
	if o.TokenLife == 0 {
		o.TokenLife = defaultTokenLife
	}
	if o.RefreshLife == 0 {
		o.RefreshLife = defaultRefreshLife
	}
	if o.PushRetryScale <= 0 {
		o.PushRetryScale = 1
	}
	return o
}

// Server is the simulated platform. All its methods may be called from any goroutine.
type Server struct {
	opts Options
	mux  *http.ServeMux

	life      context.Context // ends with Close
	end       context.CancelFunc
	running   sync.WaitGroup
	pushSlots chan struct{} // bounds the deliveries under way
	client    *http.Client

	// mu guards everything below; functions whose comment says "locked" expect it held.
	mu         sync.Mutex
	advanced   time.Duration
	clockMoved chan struct{} // closed and replaced by Advance
	requests   int64
	journal    []Entry

	accounts     map[string]*account
	accountOrder []string
	codes        map[string]*authCode
	access       map[string]*grant
	refresh      map[string]*grant
	spent        map[string]string // refresh tokens that were used: whose they were
	seed         Info

	products   []*product
	orders     map[int64]*order
	orderIDs   []int64
	nextSlot   int64
	placed     map[placementKey]placement
	dedupe     Dedupe
	payTimeout time.Duration
	nextDue    time.Time // when the first unpaid order closes; zero: none is waiting
	apiPay     APIPay

	buckets   map[string]*bucket
	faults    []*Fault
	barriers  []*barrier
	variation Variation

	pushURL  string
	switches PushSwitches
	pushes   PushStats
	held     []pushMessage
}

// Info is what a client needs to start: the app, one buyer account and what that account has bought.
type Info struct {
	AppKey    string `json:"app_key"`
	AppSecret string `json:"app_secret"`
	UserID    string `json:"user_id"`
	// AuthCode can be exchanged once, at any time.
	AuthCode     string `json:"auth_code"`
	Session      string `json:"session"`
	RefreshToken string `json:"refresh_token"`
	// OrderID is an order that has shipped in two parcels.
	OrderID   string `json:"order_id"`
	ProductID string `json:"product_id"`
	SKUID     string `json:"sku_id"`
}

// New starts a simulator with a seeded catalogue, one buyer account and one shipped order.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{
		opts:       o,
		mux:        http.NewServeMux(),
		pushSlots:  make(chan struct{}, maxPushesUnderWay),
		client:     newPushClient(),
		clockMoved: make(chan struct{}),
		accounts:   map[string]*account{},
		codes:      map[string]*authCode{},
		access:     map[string]*grant{},
		refresh:    map[string]*grant{},
		spent:      map[string]string{},
		orders:     map[int64]*order{},
		placed:     map[placementKey]placement{},
		dedupe:     Dedupe{Mode: DedupeSame},
		payTimeout: defaultPayTimeout,
		buckets:    map[string]*bucket{},
		products:   seedProducts(),
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.nextSlot = firstSlot(o.Now())
	s.plantSeed()
	s.pushURL = o.PushURL
	s.routes()
	s.running.Add(1)
	go s.watchClock()
	return s
}

// Close stops pushes, lets go of every call that a fault holds, and waits for the simulator's goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.running.Wait()
	s.client.CloseIdleConnections()
}

// Info says how to reach the seeded account.
func (s *Server) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seed
}

// SetPushURL says where push messages go from now on.
func (s *Server) SetPushURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushURL = url
}

// Advance moves the simulator's clock forward and does what has become due.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanced += max(d, 0)
	close(s.clockMoved)
	s.clockMoved = make(chan struct{})
	s.closeOverdue()
}

// ServeHTTP answers the gateways, the consent page and the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}

func (s *Server) routes() {
	s.mux.HandleFunc("/oauth/authorize", s.serveConsent)
	s.mux.HandleFunc("/", s.serveGateway)
	s.controlRoutes()
}

// now is the simulated time; locked.
func (s *Server) now() time.Time {
	return s.opts.Now().Add(s.advanced)
}

// watchClock closes overdue orders while nobody calls.
func (s *Server) watchClock() {
	defer s.running.Done()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-tick.C:
			s.mu.Lock()
			s.closeOverdue()
			s.mu.Unlock()
		}
	}
}
