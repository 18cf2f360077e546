package wixsim

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// The fixed sample values of the fixtures.
const (
	sampleAppID      = "7f3c1b52-2a4e-4d0f-9b61-5c0d7a9e1f20"
	sampleAppSecret  = "test-app-secret-0123456789"
	sampleInstanceID = "3bbcabc7-ebb7-4fc8-8829-13ea0e142123"
	sampleSiteID     = "65c5e710-5e64-4b54-a807-237a554d28a7"
	sampleOwnerID    = "08265fed-0820-45d3-8a57-0e637d74f189"
	sampleOrderID    = "e994ac9d-26b0-4f81-8047-00a2e964d6bf"
)

const (
	defaultRateLimit = 200
	bodyLimit        = 10 << 20
)

// Options configure a Server. The zero value is a usable simulator.
type Options struct {
	AppID, AppSecret string           // defaults: the sample values of the fixtures
	Key              *rsa.PrivateKey  // signs webhooks; generated when nil
	WebhookURL       string           // where events go; empty: they are journaled, not sent
	Now              func() time.Time // default time.Now; Advance adds to it
	RetryScale       float64          // divides Wix's delays (retries, captures); default 1
	RateLimit        int              // requests per minute and instance; default 200, negative: none
}

// Info is what an app needs to know to talk to the simulator.
type Info struct {
	AppID            string `json:"app_id"`
	AppSecret        string `json:"app_secret"`
	InstanceID       string `json:"instance_id"`
	OrderID          string `json:"order_id"`
	WebhookPublicKey string `json:"webhook_public_key"`
}

// Server is a Wix of its own. All methods may be called at the same time.
type Server struct {
	appID, appSecret string
	key, wrongKey    *rsa.PrivateKey
	publicPEM        string
	keyID            string
	clock            func() time.Time
	retryScale       float64
	rateLimit        int
	mux              *http.ServeMux
	client           *http.Client

	ctx    context.Context // ends when the server closes
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	offset     time.Duration
	clockMoved chan struct{} // closed and replaced by every Advance
	indexLag   time.Duration
	// A tracking number may stand once on a site, not once in an order.
	numbersPerSite bool
	instances      map[string]*instance
	instanceIDs    []string
	tokens         map[string]token
	refresh        map[string]string // refresh token -> instance
	codes          map[string]authCode
	orders         map[string]*record
	orderIDs       []string
	faults         []armedFault
	barriers       []*barrier
	journal        []Entry
	webhooks       webhookState
}

// New starts a simulator with one site and one paid order, for which no webhook is sent. Close it after use.
func New(opts Options) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		appID:      orDefault(opts.AppID, sampleAppID),
		appSecret:  orDefault(opts.AppSecret, sampleAppSecret),
		key:        opts.Key,
		clock:      opts.Now,
		retryScale: opts.RetryScale,
		rateLimit:  opts.RateLimit,
		client:     newWebhookClient(),
		ctx:        ctx,
		cancel:     cancel,
		clockMoved: make(chan struct{}),
		instances:  map[string]*instance{},
		tokens:     map[string]token{},
		refresh:    map[string]string{},
		codes:      map[string]authCode{},
		orders:     map[string]*record{},
		webhooks:   newWebhookState(opts.WebhookURL),
	}
	if s.key == nil {
		s.key = generateKey()
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.retryScale <= 0 {
		s.retryScale = 1
	}
	if s.rateLimit == 0 {
		s.rateLimit = defaultRateLimit
	}
	s.publicPEM, s.keyID = publicKeyPEM(&s.key.PublicKey)
	s.seed()
	s.mux = s.routes()
	return s
}

// Close stops pending webhook deliveries and hanging answers and waits for the server's goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	s.client.CloseIdleConnections()
}

// Info returns the app's credentials, the first site and the sample order.
func (s *Server) Info() Info {
	return Info{
		AppID: s.appID, AppSecret: s.appSecret,
		InstanceID: sampleInstanceID, OrderID: sampleOrderID,
		WebhookPublicKey: s.publicPEM,
	}
}

// Advance moves the simulator's clock forward: tokens age, rate windows pass, retries and captures fall due.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
	close(s.clockMoved)
	s.clockMoved = make(chan struct{})
}

// now is the simulator's time. The caller holds the lock.
func (s *Server) now() time.Time { return s.clock().Add(s.offset).UTC() }

// pause waits for d of real time, less what Advance adds meanwhile. It reports false when the server closes.
func (s *Server) pause(d time.Duration) bool {
	start := time.Now()
	s.mu.Lock()
	before := s.offset
	s.mu.Unlock()
	for {
		s.mu.Lock()
		moved, advanced := s.clockMoved, s.offset-before
		s.mu.Unlock()
		left := d - time.Since(start) - advanced
		if left <= 0 {
			return s.ctx.Err() == nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-moved:
		case <-s.ctx.Done():
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// after runs work once d has passed, unless the server closes first. The caller holds the lock, work must take it.
func (s *Server) after(d time.Duration, work func()) {
	s.spawn(func() {
		if s.pause(d) {
			work()
		}
	})
}

// spawn starts a goroutine that Close waits for. The caller holds the lock.
func (s *Server) spawn(work func()) {
	if s.closed {
		return
	}
	s.wg.Go(work)
}

// ServeHTTP answers the platform's API and, below /_sim/, the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Wix-Request-Id", newRequestID(time.Now()))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		writeFailure(w, invalid("body", "the request body could not be read"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mux.ServeHTTP(w, r)
}

// call is one authenticated request to the platform's API.
type call struct {
	r       *http.Request
	body    []byte
	site    *instance // nil on the endpoints without a token
	orderID string    // for the journal
}

// decode reads the body; members that the simulator does not know are ignored, as by Wix.
func (c *call) decode(into any) error {
	if err := json.Unmarshal(c.body, into); err != nil {
		return invalid("body", "the body is not the JSON that is expected here: "+err.Error())
	}
	return nil
}

// handler does the work of one operation under the server's lock.
type handler func(*call) (any, error)

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	open := func(pattern, op string, h handler) { mux.Handle(pattern, s.platform(op, false, h)) }
	walled := func(pattern, op string, h handler) { mux.Handle(pattern, s.platform(op, true, h)) }

	open("POST /oauth2/token", opToken, s.issueToken)
	open("POST /oauth/access", opToken, s.issueLegacyToken)
	open("POST /oauth2/token-info", opTokenInfo, s.tokenInfo)
	walled("GET /apps/v1/instance", opInstance, s.getInstance)
	walled("POST /apps/v1/bi-event", opInstance, func(*call) (any, error) { return struct{}{}, nil })
	mux.HandleFunc("GET /installer/install", s.browserInstall)
	mux.HandleFunc("GET /app-installer", s.browserAppInstaller)

	walled("GET /ecom/v1/orders/{id}", opGetOrder, s.getOrder)
	walled("POST /ecom/v1/orders/search", opSearch, s.searchOrders)
	walled("POST /ecom/v1/orders", opCreateOrder, s.createPlatformOrder)
	walled("PATCH /ecom/v1/orders/{id}", opUpdateOrder, s.updateOrder)
	walled("POST /ecom/v1/orders/{id}/cancel", opCancelOrder, s.cancelOrder)
	walled("POST /ecom/v1/orders/{id}/update-status", opUpdateStatus, s.updateStatus)

	walled("GET /ecom/v1/payments/orders/{id}", opTransactions, s.listTransactions)
	walled("POST /ecom/v1/payments/list-by-ids", opTransactions, s.listManyTransactions)
	walled("POST /ecom/v1/order-billing/capture-authorized-payments", opCapture, s.capturePayments)
	walled("POST /ecom/v1/payments-collector/orders/{id}/capture-authorized-payments", opCapture, s.capturePayments)
	walled("POST /ecom/v1/order-billing/void-authorized-payments", opVoid, s.voidPayments)
	walled("POST /ecom/v1/payments-collector/orders/{id}/void-authorized-payments", opVoid, s.voidPayments)

	walled("POST /ecom/v1/fulfillments/orders/{id}/create-fulfillment", opCreateFulfillment, s.createFulfillment)
	walled("POST /ecom/v1/fulfillments/orders/bulk/create-fulfillments", opCreateFulfillment, s.bulkCreateFulfillments)
	walled("PATCH /ecom/v1/fulfillments/{fulfillment}/orders/{id}", opUpdateFulfillment, s.updateFulfillment)
	walled("DELETE /ecom/v1/fulfillments/{fulfillment}/orders/{id}", opDeleteFulfillment, s.deleteFulfillment)
	walled("GET /ecom/v1/fulfillments/orders/{id}", opListFulfillments, s.listFulfillments)
	walled("POST /ecom/v1/fulfillments/list-by-ids", opListFulfillments, s.listManyFulfillments)

	s.controlRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeFailure(w, applicationError(http.StatusNotFound, "NOT_FOUND", "no such endpoint", r.Method+" "+r.URL.Path, nil))
	})
	return mux
}

// platform wraps an operation with faults, the token wall, the rate limit and the journal.
func (s *Server) platform(op string, walled bool, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := s.takeFault(op, r.PathValue("id"))
		if s.failBefore(w, r, fault) {
			return
		}
		status, body := s.perform(w.Header().Get("X-Wix-Request-Id"), op, walled, h, r)
		if s.failAfter(w, r, fault, status, body) {
			return
		}
		writeJSON(w, status, body)
	})
}

func (s *Server) perform(requestID, op string, walled bool, h handler, r *http.Request) (int, []byte) {
	body, _ := io.ReadAll(r.Body) // held in memory by ServeHTTP, reading it cannot fail
	c := &call{r: r, body: body, orderID: r.PathValue("id")}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := s.answer(c, walled, h)
	e := Entry{Kind: KindRequest, Op: op, OrderID: c.orderID, Detail: map[string]any{
		"method": r.Method, "path": r.URL.Path, "request_id": requestID, "status": http.StatusOK,
	}}
	if c.site != nil {
		e.InstanceID = c.site.id
	}
	if err == nil {
		s.note(e)
		return http.StatusOK, encode(answer)
	}
	f := asFailure(err)
	e.Kind = KindRefused
	e.Detail["status"], e.Detail["code"] = f.status, f.code
	s.note(e)
	return f.status, encode(f.body)
}

func (s *Server) answer(c *call, walled bool, h handler) (any, error) {
	if walled {
		site, err := s.authenticate(c.r)
		if err != nil {
			return nil, err
		}
		c.site = site
		if !site.admit(s.now(), s.rateLimit) {
			return nil, errRateLimited()
		}
	}
	return h(c)
}

// orderOf finds an order of the caller's site; another site's order does not exist for it.
func (s *Server) orderOf(c *call, id string) (*record, error) {
	c.orderID = id
	rec, ok := s.orders[id]
	if !ok || rec.site != c.site.id {
		return nil, errOrderNotFound(id)
	}
	return rec, nil
}

func generateKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return key
}

func publicKeyPEM(key *rsa.PublicKey) (text, id string) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err) // an RSA key always has this form
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return string(block), hex.EncodeToString(der[len(der)-12 : len(der)-8])
}

// newGUID makes a random version 4 id.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func newRequestID(now time.Time) string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%d.%x", now.UnixMilli(), b)
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
