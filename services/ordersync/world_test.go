package ordersync_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/aliexpress"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/budgets"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/health"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/vault"
	"waybill/services/wix"
	"waybill/services/wix/wixsim"
)

// world is a merchant with a store and a supplier account, both simulated, and the services between them at work.
type world struct {
	t        *testing.T
	db       *database.DB
	wix      *wixsim.Server
	ae       *aliexpresssim.Server
	accounts *accounts.Service
	orders   *orders.Service
	sync     *ordersync.Service
	budgets  *budgets.Service
	health   *health.Recorder
	m        models.MerchantID
	store    models.Connection
	account  models.Connection
	stop     func() // lets the workers finish and stops them and the sweeper
	stopNow  func() // cuts the workers off
	doorShut func(bool)
	vault    *vault.Vault
}

// setting changes how a world is made.
type setting func(*settings)

type settings struct {
	pace         models.Pace
	timeout      time.Duration
	placeTimeout time.Duration
	idle         bool // no workers, no sweeper, no webhooks, no pushes
	mute         bool // no pushes
	rates        ordersync.Rates
}

// Everything happens 1200 times as often as published: an unpaid order is polled twice a second.
var quick = models.Pace{Speed: 1200, Lease: 20 * time.Second, Settle: 200 * time.Millisecond}

func slow(s *settings)  { s.pace.Speed = 1 }
func idle(s *settings)  { s.idle = true }
func mute(s *settings)  { s.mute = true }
func hasty(s *settings) { s.timeout, s.placeTimeout = time.Second, 400*time.Millisecond }

var storeKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var quiet = slog.New(slog.DiscardHandler)

func newWorld(t *testing.T, how ...setting) *world {
	t.Helper()
	o := settings{pace: quick, timeout: 10 * time.Second, placeTimeout: 10 * time.Second}
	for _, set := range how {
		set(&o)
	}
	w := &world{t: t, db: databasetest.New(t)}
	w.wix = wixsim.New(wixsim.Options{Key: storeKey(), RateLimit: -1, RetryScale: 600})
	w.ae = aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1, PushRetryScale: 18000})
	shop, market := httptest.NewServer(w.wix), httptest.NewServer(w.ae)
	t.Cleanup(func() {
		w.wix.Close()
		w.ae.Close()
		shop.Close()
		market.Close()
	})
	t.Cleanup(func() {
		if t.Failed() {
			w.tell()
		}
	})
	si, ai := w.wix.Info(), w.ae.Info()
	w.budgets = budgets.New(w.db, quiet)
	store, err := wix.New(wix.Config{BaseURL: shop.URL, AppID: si.AppID, AppSecret: models.Secret(si.AppSecret), PublicKeyPEM: si.WebhookPublicKey, Turns: w.budgets.Turns(o.rates.StorePerSecond, 1), Timeout: o.timeout})
	w.must(err)
	supplier, err := aliexpress.New(aliexpress.Config{
		BaseURL: market.URL, AppKey: ai.AppKey, AppSecret: models.Secret(ai.AppSecret), Turns: w.budgets.Turns(o.rates.SupplierPerSecond, 1),
		Timeout: o.timeout, PlaceTimeout: o.placeTimeout,
	})
	w.must(err)
	sealer, err := vault.NewSealer(models.Secret(base64.StdEncoding.EncodeToString([]byte("a key of 32 bytes for tests only"))))
	w.must(err)
	w.vault = vault.New(w.db, sealer)
	w.accounts = accounts.New(w.db, w.vault, supplier, store)
	w.health = health.NewRecorder(w.db, quiet)
	w.orders = orders.New(w.db, w.vault, o.pace)
	w.sync = ordersync.New(ordersync.Options{
		DB: w.db, Vault: w.vault, Orders: w.orders, Accounts: w.accounts, Store: store, Supplier: supplier, Pace: o.pace,
		BackFill: 30 * 24 * time.Hour, Log: quiet, Budgets: w.budgets, Health: w.health, Rates: o.rates,
	})
	w.m, _, err = w.accounts.CreateMerchant(t.Context(), "Shop", "UTC", "")
	w.must(err)
	w.connect()
	if o.idle {
		return w
	}
	w.open(o.mute)
	w.work()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) connect() {
	w.t.Helper()
	w.store = w.connectStore(w.m, w.wix.Info().InstanceID)
	code, err := w.ae.NewAuthCode("")
	w.must(err)
	w.account, err = w.accounts.ConnectSupplier(w.t.Context(), w.m, code, models.App{}, "api:test")
	w.must(err)
}

func (w *world) connectStore(m models.MerchantID, instance string) models.Connection {
	w.t.Helper()
	signed, err := w.wix.SignedInstance(instance)
	w.must(err)
	c, err := w.accounts.ConnectStore(w.t.Context(), m, signed, false, "api:test")
	w.must(err)
	return c
}

// open lets webhooks and pushes in, answering like the program's own doors do.
func (w *world) open(mute bool) {
	var mu sync.Mutex
	shut := false
	w.doorShut = func(s bool) { mu.Lock(); shut = s; mu.Unlock() }
	door := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		closed := shut
		mu.Unlock()
		body, err := io.ReadAll(r.Body)
		switch {
		case closed:
			err = models.Unavailable
		case err == nil && r.URL.Path == "/wix":
			err = w.sync.ReceiveStoreEvent(r.Context(), body)
		case err == nil:
			err = w.sync.ReceiveSupplierEvent(r.Context(), r.Header.Get("Authorization"), body)
		}
		switch {
		case err == nil:
		case errors.Is(err, models.Unauthenticated):
			rw.WriteHeader(http.StatusUnauthorized)
		default:
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	w.t.Cleanup(door.Close)
	w.wix.SetWebhookURL(door.URL + "/wix")
	if !mute {
		w.ae.SetPushURL(door.URL + "/aliexpress")
	}
}

// work starts the workers and the sweeper; both stop with the test at the latest.
func (w *world) work() {
	ctx, cancel := context.WithCancel(context.Background())
	queue, err := w.db.Work(ctx, database.WorkOptions{Workers: w.sync.Workers(), Queues: map[string]int{ordersync.QueueDefault: 4, ordersync.QueueBackground: 3, ordersync.QueueLong: 2}, Log: quiet})
	if err != nil {
		cancel()
		w.t.Fatal(err)
	}
	var swept sync.WaitGroup
	swept.Go(func() { w.sync.Sweeper(ctx) })
	end := func(grace time.Duration) func() {
		return func() {
			cancel()
			swept.Wait()
			_ = queue.Stop(grace) // it says so when it had to cut a job off
		}
	}
	var once sync.Once
	w.stop = func() { once.Do(end(10 * time.Second)) }
	w.stopNow = func() { once.Do(end(time.Millisecond)) }
	w.t.Cleanup(w.stop)
}

// waitFor polls until a fact holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(15*time.Millisecond), time.NewTimer(20*time.Second)
	defer tick.Stop()
	defer deadline.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// one reads a single value.
func one[T any](w *world, query string, args ...any) (v T) {
	w.t.Helper()
	if err := databasetest.Owner(w.t, w.db).Raw(query, args...).Row().Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return v
}

// The sample lines of the simulated store, and where they are bought: both in one AliExpress store.
const (
	earbuds     = "5376f9ec-b92e-efa9-e4a1-f4f480aa0d3a/00000000-0000-0020-0005-ad9cdc10d3b8"
	lamp        = "0614129c-8777-9f3b-4dfe-b80a54df10d5/00000000-0000-0040-0005-a316f7c67df7"
	bottle      = "1005004638293060"
	bottleBrown = "12000041122334455"
	bottleBlue  = "12000041122334456"
	solarLamp   = "1005006454451334"
	solarSKU    = "12000037255569170"
	deskLamp    = "1005005820011223"
	deskWhite   = "12000034500110221"
	kedi        = "1103800006"
	lumen       = "1102345678"
)

func (w *world) mapping(variant, product, sku, store string, with ...func(*models.ProductMapping)) models.ProductMapping {
	w.t.Helper()
	mp := models.ProductMapping{
		StoreID: w.store.ID, VariantKey: variant, Role: models.RoleDropship, Title: variant,
		SupplierProductID: product, SupplierSKUID: sku, SupplierStoreID: store, SupplierStoreName: "Store " + store,
	}
	for _, f := range with {
		f(&mp)
	}
	mp, err := w.sync.Map(context.Background(), w.m, mp, "api:test")
	w.must(err)
	return mp
}

// stock maps both sample variants.
func (w *world) stock() {
	w.mapping(earbuds, bottle, bottleBrown, kedi)
	w.mapping(lamp, solarLamp, solarSKU, kedi)
}

var earbudsLine = wixsim.NewLine{CatalogItemID: "5376f9ec-b92e-efa9-e4a1-f4f480aa0d3a", VariantID: "00000000-0000-0020-0005-ad9cdc10d3b8", Name: "Wireless Earbuds", Quantity: 1, Price: "19.99"}

func (w *world) sold(n wixsim.NewOrder) wixsim.Order {
	w.t.Helper()
	o, err := w.wix.CreateOrder(n)
	w.must(err)
	return o
}

// idOf waits for a store's order to be here.
func (w *world) idOf(externalID string) (id models.ID) {
	w.t.Helper()
	waitFor(w.t, "order "+externalID+" is here", func() bool {
		id = models.ID(one[string](w, "SELECT coalesce(max(id::text), '') FROM orders WHERE merchant_id = ? AND external_id = ?", w.m, externalID))
		return id != ""
	})
	return id
}

// take reads an order from its store at once, for worlds without workers.
func (w *world) take(o wixsim.Order) models.ID {
	w.t.Helper()
	access := models.Access{ExternalID: w.store.ExternalID}
	snapshot, err := w.storefront().Order(w.t.Context(), access, o.ID)
	w.must(err)
	var c orders.Changes
	w.must(w.db.Of(w.m).InTx(w.t.Context(), func(tx database.Tx) error {
		c, err = w.orders.Receive(tx, w.m, w.store.ID, orders.By{Actor: models.ActorSystem, Source: models.SourceSweep}, snapshot)
		return err
	}))
	return c.OrderID
}

func (w *world) storefront() *wix.Client {
	w.t.Helper()
	shop := httptest.NewServer(w.wix)
	w.t.Cleanup(shop.Close)
	info := w.wix.Info()
	c, err := wix.New(wix.Config{BaseURL: shop.URL, AppID: info.AppID, AppSecret: models.Secret(info.AppSecret), PublicKeyPEM: info.WebhookPublicKey, PerMinute: -1})
	w.must(err)
	return c
}

func (w *world) detail(id models.ID) orders.Detail {
	w.t.Helper()
	d, err := w.orders.Detail(context.Background(), w.m, id)
	w.must(err)
	return d
}

func (w *world) inTab(id models.ID, tab models.Tab) {
	w.t.Helper()
	var d orders.Detail
	defer func() {
		if w.t.Failed() {
			w.t.Logf("order is in %s: %s", d.Order.Tab, d.Order.Why)
			w.story(id)
		}
	}()
	waitFor(w.t, "order in "+string(tab), func() bool { d = w.detail(id); return d.Order.Tab == tab })
}

// tell logs what a person would want to know about a failed test.
func (w *world) tell() {
	var rows []struct{ ID, Tab, Why string }
	_ = databasetest.Owner(w.t, w.db).Raw("SELECT id, tab, why FROM orders WHERE merchant_id = ? ORDER BY created_at DESC LIMIT 3", w.m).Scan(&rows)
	for _, r := range rows {
		w.t.Logf("%s %s: %s", r.ID, r.Tab, r.Why)
		w.story(models.ID(r.ID))
		for _, p := range w.detail(models.ID(r.ID)).Pushes {
			w.t.Logf("  push %s %s, %d attempts: %s %s", p.WantedNumber, p.State, p.Attempts, p.ErrorCode, p.ErrorDetail)
		}
	}
	var cs []models.Connection
	_ = databasetest.Owner(w.t, w.db).Find(&cs)
	for _, c := range cs {
		w.t.Logf("  %s %s, %s, sweep at %v, watermark %v: %s %s", c.Platform, c.ExternalID, c.State, c.NextSweepAt, c.Watermark, c.LastErrorCode, c.LastErrorDetail)
	}
	var jobs []struct{ Kind, State, Errors string }
	_ = databasetest.Owner(w.t, w.db).Raw("SELECT kind, state, coalesce(errors[array_upper(errors, 1)]->>'error', '') AS errors FROM river_job WHERE errors IS NOT NULL ORDER BY id DESC LIMIT 12").Scan(&jobs)
	for _, j := range jobs {
		w.t.Logf("  job %s %s: %s", j.Kind, j.State, j.Errors)
	}
}

// story logs the timeline of an order.
func (w *world) story(id models.ID) {
	w.t.Helper()
	for _, e := range w.events(id) {
		w.t.Logf("  %s %s/%s %s", e.At.Format("05.000"), e.Source, e.Kind, e.Text)
	}
}

func (w *world) events(id models.ID) []models.Event {
	w.t.Helper()
	page, err := w.orders.Timeline(context.Background(), w.m, id, "", 1000)
	w.must(err)
	return page.Events
}

func (w *world) has(id models.ID, kind string) bool {
	for _, e := range w.events(id) {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

func (w *world) flags(id models.ID) []models.FlagCode {
	codes := []models.FlagCode{}
	for _, f := range w.detail(id).OpenFlags() {
		codes = append(codes, f.Code)
	}
	return codes
}

func (w *world) flagged(id models.ID, code models.FlagCode) bool {
	for _, c := range w.flags(id) {
		if c == code {
			return true
		}
	}
	return false
}

// person is who decides in tests.
var person = orders.By{Actor: "api:test", Source: models.SourcePerson, Reason: "a test"}

func (w *world) plan(id models.ID, r ordersync.PlanRequest) models.SupplierOrder {
	w.t.Helper()
	placed, err := w.sync.Plan(context.Background(), w.m, id, r, person)
	w.must(err)
	if len(placed) != 1 {
		w.t.Fatalf("%d placements instead of one", len(placed))
	}
	return placed[0]
}

func (w *world) supplierOrder(id, so models.ID) models.SupplierOrder {
	w.t.Helper()
	for _, s := range w.detail(id).SupplierOrders {
		if s.ID == so {
			return s
		}
	}
	w.t.Fatalf("no supplier order %s", so)
	return models.SupplierOrder{}
}

func (w *world) placementIs(id, so models.ID, state models.PlacementState) models.SupplierOrder {
	w.t.Helper()
	var got models.SupplierOrder
	defer func() {
		if w.t.Failed() {
			w.t.Logf("placement is %s: %s %s", got.State, got.ErrorCode, got.ErrorDetail)
			w.story(id)
		}
	}()
	waitFor(w.t, "placement "+string(state), func() bool { got = w.supplierOrder(id, so); return got.State == state })
	return got
}

// bought counts the orders that truly came into being at AliExpress under one key.
func (w *world) bought(key string) (n int) {
	for _, e := range w.ae.Journal() {
		if e.Kind == aliexpresssim.KindOrderCreated && e.OutOrderID == key {
			n++
		}
	}
	return n
}

const create = "aliexpress.ds.order.create"

// sent counts the calls that asked AliExpress to create an order.
func (w *world) sent() (n int) {
	for _, e := range w.ae.Journal() {
		if e.Kind == aliexpresssim.KindCall && e.Method == create {
			n++
		}
	}
	return n
}

func (w *world) numberOf(key string) string {
	w.t.Helper()
	for _, e := range w.ae.Journal() {
		if e.Kind == aliexpresssim.KindOrderCreated && e.OutOrderID == key {
			return e.OrderID
		}
	}
	w.t.Fatalf("no order under %s", key)
	return ""
}

// inStore lists an order's fulfillments as the store truly has them.
func (w *world) inStore(externalID string) []wixsim.Fulfillment {
	w.t.Helper()
	_, list, err := w.wix.Order(externalID)
	w.must(err)
	return list
}

func (w *world) created(kind, externalID string) (n int) {
	for _, e := range w.wix.Journal() {
		if e.Kind == kind && e.OrderID == externalID {
			n++
		}
	}
	return n
}

func trackingOf(f wixsim.Fulfillment) string {
	if f.TrackingInfo == nil {
		return ""
	}
	return f.TrackingInfo.TrackingNumber
}

// ready is a paid, mapped order that awaits its purchase.
func (w *world) ready(lines ...wixsim.NewLine) (wixsim.Order, models.ID) {
	w.t.Helper()
	o := w.sold(wixsim.NewOrder{Lines: lines})
	id := w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	return o, id
}

// counted fails unless the kept counts equal a recount of the rows.
func (w *world) counted() {
	w.t.Helper()
	wrong := one[string](w, `WITH kept AS (SELECT store_id, view, sum(n) AS n FROM tab_counts WHERE merchant_id = @m GROUP BY 1, 2),
		rows AS (SELECT store_id, tab AS view, count(*) AS n FROM orders WHERE merchant_id = @m GROUP BY 1, 2
			UNION ALL SELECT store_id, 'attention', count(*) FROM orders WHERE merchant_id = @m AND open_flags > 0 GROUP BY 1)
		SELECT coalesce(string_agg(format('%s: kept %s, rows %s', view, kept.n, rows.n), '; '), '')
		FROM kept FULL JOIN rows USING (store_id, view) WHERE coalesce(kept.n, 0) <> coalesce(rows.n, 0)`, map[string]any{"m": w.m})
	if wrong != "" {
		w.t.Error(wrong)
	}
	flags := one[int](w, `SELECT count(*) FROM orders o WHERE merchant_id = ? AND open_flags <>
		(SELECT count(*) FROM flags f WHERE f.merchant_id = o.merchant_id AND f.order_id = o.id AND closed_at IS NULL AND snoozed_until IS NULL)`, w.m)
	if flags != 0 {
		w.t.Errorf("%d orders count their open flags wrongly", flags)
	}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return models.AsError(err).Code
}

func numbersIn(list []wixsim.Fulfillment) string {
	var all []string
	for _, f := range list {
		all = append(all, trackingOf(f))
	}
	return strings.Join(all, " ")
}
