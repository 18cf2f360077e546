package outgoing_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/mail"
	"waybill/services/mail/mailtest"
	"waybill/services/orders"
	"waybill/services/outgoing"
	"waybill/services/vault"
)

var quiet = slog.New(slog.DiscardHandler)

// desk is a merchant with a store, and the services that tell him of his orders.
type desk struct {
	*outgoing.Service
	t        *testing.T
	db       *database.DB
	accounts *accounts.Service
	orders   *orders.Service
	options  outgoing.Options
	box      *mailtest.Server
	m        models.MerchantID
	store    models.ID
}

// loopback is the developer's network of tests.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newDesk(t *testing.T, how ...func(*outgoing.Options)) *desk {
	t.Helper()
	d := &desk{t: t, db: databasetest.New(t), box: mailtest.New(t, mailtest.Plain)}
	sealer, err := vault.NewSealer(models.Secret(base64.StdEncoding.EncodeToString([]byte("a key of 32 bytes for tests only"))))
	d.must(err)
	keys := vault.New(d.db, sealer)
	d.accounts = accounts.New(d.db, keys, nil, nil)
	d.orders = orders.New(d.db, keys, models.Pace{Lease: time.Minute, Settle: time.Second})
	sender, err := mail.New(mail.Options{URL: d.box.URL(), From: "Waybill <waybill@example.com>"})
	d.must(err)
	d.options = outgoing.Options{
		DB: d.db, Vault: keys, Mail: sender, PublicURL: "https://waybill.example.com", Networks: loopback, Roots: x509.NewCertPool(), Speed: 100_000, Log: quiet,
	}
	for _, set := range how {
		set(&d.options)
	}
	d.Service = outgoing.New(d.options)
	d.m, d.store = d.merchant()
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) merchant() (models.MerchantID, models.ID) {
	d.t.Helper()
	m, _, err := d.accounts.CreateMerchant(d.t.Context(), "Shop", "Europe/Berlin", "")
	d.must(err)
	store := database.NewID()
	d.must(d.db.Of(m).InTx(d.t.Context(), func(tx database.Tx) error {
		return tx.Exec("INSERT INTO connections (merchant_id, id, platform, external_id, name, state, created_at, updated_at) VALUES (?, ?, 'wix', ?, 'Cups', 'active', now(), now())", m, store, string(store)).Error
	}))
	return m, store
}

func (d *desk) exec(sql string, args ...any) {
	d.t.Helper()
	d.must(d.db.Of(d.m).InTx(context.Background(), func(tx database.Tx) error { return tx.Exec(sql, args...).Error }))
}

// one reads a single row.
func (d *desk) one(sql string, into ...any) {
	d.t.Helper()
	d.must(d.db.Of(d.m).Read(context.Background(), func(q *gorm.DB) error { return q.Raw(sql).Row().Scan(into...) }))
}

// work starts the workers and the sweeper; they stop with the test, or when stop is called.
func (d *desk) work() (stop func()) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	workers := river.NewWorkers()
	service := outgoing.New(d.options) // a process of its own
	service.AddWorkers(workers)
	queue, err := d.db.Work(ctx, database.WorkOptions{Workers: workers, Queues: service.Queues(), Log: quiet})
	if err != nil {
		cancel()
		d.t.Fatal(err)
	}
	var swept sync.WaitGroup
	swept.Go(func() { service.Sweeper(ctx) })
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			swept.Wait()
			_ = queue.Stop(10 * time.Second)
		})
	}
	d.t.Cleanup(stop)
	return stop
}

func (d *desk) endpoint(url string, types ...models.WebhookType) (models.WebhookEndpoint, models.Secret) {
	d.t.Helper()
	if len(types) == 0 {
		types = models.WebhookTypes()
	}
	e, secret, err := d.AddEndpoint(d.t.Context(), d.m, outgoing.Wanted{URL: url, Types: types}, "api:test")
	d.must(err)
	return e, secret
}

var by = orders.By{Actor: "api:test", Source: models.SourceManual}

// order lets a paid order in, which nobody has mapped to a supplier: its flag is opened.
func (d *desk) order(number string) models.ID {
	d.t.Helper()
	placed := time.Now().Add(-time.Hour)
	var id models.ID
	d.must(d.db.Of(d.m).InTx(d.t.Context(), func(tx database.Tx) error {
		c, err := d.orders.Receive(tx, d.m, d.store, by, models.StoreOrder{
			ExternalID: "x-" + number, Number: number, PlacedAt: placed, UpdatedAt: placed, Status: "APPROVED", PaymentStatus: "PAID", Currency: "USD", Total: models.Money{Minor: 1999, Currency: "USD"},
			BuyerName: "Canary Buyer", BuyerEmail: "canary@buyer.example", BuyerNote: "canary note", Recipient: models.Address{FirstName: "Canary", LastName: "Buyer", Line1: "Canary Street 1", City: "Canary", Country: "US", Phone: "+1555canary"},
			Payload: []byte("{}"), Lines: []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup-" + number, Quantity: 2, Shippable: true}},
		})
		id = c.OrderID
		return err
	}))
	return id
}

func (d *desk) cancelled(number string) {
	d.t.Helper()
	d.must(d.db.Of(d.m).InTx(d.t.Context(), func(tx database.Tx) error {
		_, err := d.orders.Receive(tx, d.m, d.store, by, models.StoreOrder{
			ExternalID: "x-" + number, Number: number, PlacedAt: time.Now().Add(-time.Hour), UpdatedAt: time.Now(), Status: "CANCELED", PaymentStatus: "PAID", Currency: "USD", Total: models.Money{Minor: 1999, Currency: "USD"},
			Recipient: models.Address{Country: "US"}, Payload: []byte("{}"), Lines: []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup-" + number, Quantity: 2, Shippable: true}},
		})
		return err
	}))
}

// waitFor polls until a fact holds.
func (d *desk) waitFor(what string, holds func() bool) {
	d.t.Helper()
	tick, deadline := time.NewTicker(15*time.Millisecond), time.NewTimer(20*time.Second)
	defer tick.Stop()
	defer deadline.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			d.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (d *desk) deliveries(e models.WebhookEndpoint, state models.WebhookDeliveryState) []outgoing.Delivery {
	d.t.Helper()
	list, _, err := d.Deliveries(d.t.Context(), d.m, e.ID, outgoing.DeliveryFilter{State: state, Limit: 200})
	d.must(err)
	return list
}

func (d *desk) seen(e models.WebhookEndpoint) models.WebhookEndpoint {
	d.t.Helper()
	e, err := d.Endpoint(d.t.Context(), d.m, e.ID)
	d.must(err)
	return e
}

// receiver is a merchant's own server.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request)
	calls  []call
}

type call struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.calls = append(r.calls, call{req.Header.Clone(), body})
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call{}, r.calls...)
}

func (r *receiver) answers(status int, headers ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "canary body of an answer")
	}
}

// names answers a resolver's questions as it is told: addresses by name.
type names struct {
	mu sync.Mutex
	to netip.Addr
}

func (n *names) point(ip string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.to = netip.MustParseAddr(ip)
}

func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			size, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(n.reply(buffer[:size]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// reply answers a question for an A record with the address, and any other with nothing (RFC 1035, section 4).
func (n *names) reply(question []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5
	out := append([]byte{}, question[:end]...)
	out[2], out[3] = 0x81, 0x80                                         // an answer, without an error
	out[6], out[7], out[8], out[9], out[10], out[11] = 0, 0, 0, 0, 0, 0 // no records
	if question[end-3] == 1 {                                           // A
		out[7] = 1
		ip := n.to.As4()
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, ip[:]...)
	}
	return out
}
