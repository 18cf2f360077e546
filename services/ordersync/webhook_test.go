package ordersync_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/aliexpress"
	"waybill/services/database"
	"waybill/services/ordersync"
	"waybill/services/wix"
	"waybill/services/wix/wixsim"
)

func TestCase01_DuplicatedWebhooksChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Duplicate: 2}))
	o := w.sold(wixsim.NewOrder{})
	id := w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	waitFor(t, "all copies are in", func() bool { s := w.wix.WebhookStats(); return s.InFlight == 0 && s.Delivered >= 9 })
	waitFor(t, "the inbox is worked", func() bool { return one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0 })
	if n := one[int](w, "SELECT count(*) FROM inbox WHERE entity_id = ? AND deliveries <> 3", o.ID); n != 0 {
		t.Errorf("%d messages were not counted three times", n)
	}
	if n := one[int](w, "SELECT count(*) FROM events WHERE order_id = ? AND kind = 'order_received'", id); n != 1 {
		t.Errorf("received %d times", n)
	}
	w.counted()
}

func TestCase02_WebhooksInReverseOrderEndInTheNewestState(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Hold: true}))
	o := w.sold(wixsim.NewOrder{Payment: "authorized"})
	_, err := w.wix.PayOrder(o.ID)
	w.must(err)
	_, err = w.wix.CancelOrder(o.ID)
	w.must(err)
	if n := w.wix.ReleaseWebhooks(true); n < 4 {
		t.Fatalf("%d webhooks held", n)
	}
	id := w.idOf(o.ID)
	w.inTab(id, models.TabClosed)
	waitFor(t, "all are worked", func() bool {
		return w.wix.WebhookStats().InFlight == 0 && one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0
	})
	if d := w.detail(id); d.Order.ClosedReason != "cancelled" {
		t.Errorf("closed because %q", d.Order.ClosedReason)
	}
}

func TestAnOlderSnapshotNeverOverwritesANewerOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	o := w.sold(wixsim.NewOrder{Payment: "authorized"})
	id := w.take(o)
	old, err := w.storefront().Order(t.Context(), models.Access{ExternalID: w.store.ExternalID}, o.ID)
	w.must(err)
	_, err = w.wix.PayOrder(o.ID)
	w.must(err)
	w.take(o)
	w.must(w.db.Of(w.m).InTx(t.Context(), func(tx database.Tx) error {
		_, err := w.orders.Receive(tx, w.m, w.store.ID, person, old)
		return err
	}))
	if d := w.detail(id); d.Order.Tab != models.TabAwaitingOrder || d.Order.PaymentStatus != "PAID" {
		t.Errorf("%s, %s", d.Order.Tab, d.Order.PaymentStatus)
	}
	w.counted()
}

func TestCase03_ADroppedWebhookIsFoundByASweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM connections WHERE watermark IS NOT NULL") == 1 })
	o := w.sold(wixsim.NewOrder{})
	id := w.idOf(o.ID)
	e := w.events(id)[0]
	if e.Source != models.SourceSweep || e.Text != "Order "+o.Number+" received from the store, found by a sweep: no webhook had told of it." {
		t.Errorf("%s: %s", e.Source, e.Text)
	}
	_, err := w.wix.CancelOrder(o.ID)
	w.must(err)
	w.inTab(id, models.TabClosed)
}

func TestCase05_AForgedWebhookWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM orders") == 1 })
	for _, forged := range []wixsim.WebhookSwitches{{WrongSignature: true}, {WrongAlgorithm: true}} {
		w.must(w.wix.SetWebhooks(forged))
		w.sold(wixsim.NewOrder{})
	}
	waitFor(t, "they are refused", func() bool { return w.wix.WebhookStats().Failed >= 6 })
	if n := one[int](w, "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM orphan_inbox) + (SELECT count(*) - 1 FROM orders)"); n != 0 {
		t.Errorf("%d rows were written", n)
	}
	if err := w.sync.ReceiveStoreEvent(t.Context(), []byte("no token")); models.KindOf(err) != models.Unauthenticated {
		t.Errorf("got %v", err)
	}
	if err := w.sync.ReceiveSupplierEvent(t.Context(), "00", []byte("{}")); models.KindOf(err) != models.Unauthenticated {
		t.Errorf("got %v", err)
	}
}

// A merchant who brought an app of his own knows its secret and could sign what he likes with it: it speaks for his account alone.
func TestAMerchantsAppSpeaksForHisAccountAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	ai := w.ae.Info()
	brought := models.App{Key: ai.AppKey, Secret: models.Secret(ai.AppSecret)}
	supplier, err := aliexpress.New(aliexpress.Config{BaseURL: "http://127.0.0.1:9", AppKey: "777000", AppSecret: "of Waybill itself"})
	w.must(err)
	store, err := wix.New(wix.Config{})
	w.must(err)
	door := ordersync.New(ordersync.Options{DB: w.db, Vault: w.vault, Orders: w.orders, Accounts: w.accounts, Store: store, Supplier: supplier, Budgets: w.budgets, Health: w.health, Log: quiet})
	other, _, err := w.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	w.must(err)
	theirs := w.ae.AddAccount()
	account, err := w.accounts.ConnectSupplier(t.Context(), other, theirs.AuthCode, brought, "api:test")
	w.must(err)

	receive := func(user string) error {
		body := []byte(`{"data":{"buyerId":` + user + `,"orderId":8198352049851315,"orderStatus":"OrderCreated"},"message_type":53,"seller_id":"` + user + `","timestamp":1740101380}`)
		mac := hmac.New(sha256.New, []byte(brought.Secret.Reveal()))
		mac.Write(append([]byte(brought.Key), body...))
		return door.ReceiveSupplierEvent(t.Context(), hex.EncodeToString(mac.Sum(nil)), body)
	}
	for whose, user := range map[string]string{"another merchant's": w.account.ExternalID, "nobody's": "999"} {
		if err := receive(user); models.KindOf(err) != models.Unauthenticated {
			t.Errorf("a message about %s account: %v", whose, err)
		}
	}
	if n := one[int](w, "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM orphan_inbox)"); n != 0 {
		t.Errorf("%d messages were written", n)
	}
	w.must(receive(theirs.UserID))
	if n := one[int](w, "SELECT count(*) FROM inbox WHERE merchant_id = ? AND connection_id = ?", other, account.ID); n != 1 {
		t.Errorf("%d messages of the account itself", n)
	}
}

// A message that was caught on its way and is sent again, or sent again under the name of another of his stores, says nothing new.
func TestAMessageIsReplayedInVain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	var caught [][]byte
	var mu sync.Mutex
	tap := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		caught = append(caught, body)
		mu.Unlock()
		if err != nil || w.sync.ReceiveStoreEvent(r.Context(), body) != nil {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(tap.Close)
	w.wix.SetWebhookURL(tap.URL)
	o := w.sold(wixsim.NewOrder{})
	id := w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	waitFor(t, "the messages are worked", func() bool {
		return w.wix.WebhookStats().InFlight == 0 && one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0
	})
	_, err := w.wix.CancelOrder(o.ID)
	w.must(err)
	w.inTab(id, models.TabClosed)
	waitFor(t, "the cancellation is worked", func() bool {
		return w.wix.WebhookStats().InFlight == 0 && one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0
	})
	mu.Lock()
	defer mu.Unlock()
	messages, version := one[int](w, "SELECT count(*) FROM inbox"), w.detail(id).Order.Version
	for _, body := range caught {
		w.must(w.sync.ReceiveStoreEvent(t.Context(), body))
		head, rest, _ := strings.Cut(string(body), ".")
		payload, signature, _ := strings.Cut(rest, ".")
		plain, err := base64.RawURLEncoding.DecodeString(payload)
		w.must(err)
		moved := strings.ReplaceAll(string(plain), w.store.ExternalID, "0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11")
		if moved == string(plain) {
			t.Fatal("the message names no store")
		}
		renamed := head + "." + base64.RawURLEncoding.EncodeToString([]byte(moved)) + "." + signature
		if err := w.sync.ReceiveStoreEvent(t.Context(), []byte(renamed)); models.KindOf(err) != models.Unauthenticated {
			t.Errorf("a message moved to another store: %v", err)
		}
	}
	if n := one[int](w, "SELECT count(*) FROM inbox"); len(caught) < 3 || n != messages || one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") != 0 {
		t.Errorf("%d caught; %d messages became %d", len(caught), messages, n)
	}
	if d := w.detail(id).Order; d.Version != version || d.Tab != models.TabClosed {
		t.Errorf("the order is at %d in %s", d.Version, d.Tab)
	}
}

func TestMessagesOfAnUnknownStoreWaitUntilItIsConnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	instance := w.wix.CreateInstance()
	o := w.sold(wixsim.NewOrder{InstanceID: instance})
	waitFor(t, "the orphans are kept", func() bool { return one[int](w, "SELECT count(*) FROM orphan_inbox WHERE entity_id = ?", o.ID) == 3 })
	w.connectStore(w.m, instance)
	id := w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	waitFor(t, "they are adopted and worked", func() bool {
		return one[int](w, "SELECT count(*) FROM orphan_inbox") == 0 && one[int](w, "SELECT count(*) FROM inbox WHERE entity_id = ? AND done_at IS NOT NULL", o.ID) == 3
	})
}

// Wix repeats a message for two days: a removal that was sent before the store was connected anew stops nothing.
func TestAnOldRemovalDoesNotStopAStoreThatIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	state := func() models.ConnectionState {
		c, err := w.accounts.Connection(t.Context(), w.m, w.store.ID)
		w.must(err)
		return c.State
	}
	remove := func(sent time.Duration) {
		w.must(w.db.Of(w.m).InTx(t.Context(), func(tx database.Tx) error { return w.accounts.Removed(tx, w.m, w.store.ID, tx.Now.Add(sent)) }))
	}
	if remove(-time.Hour); state() != models.ConnectionActive {
		t.Errorf("an old removal: %s", state())
	}
	if remove(0); state() != models.ConnectionRemoved {
		t.Errorf("a removal: %s", state())
	}
}

func TestCase58_RemovingTheAppStopsTheStoreAndInstallingItResumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	state := func() models.Connection {
		c, err := w.accounts.Connection(context.Background(), w.m, w.store.ID)
		w.must(err)
		return c
	}
	waitFor(t, "the back-fill is through", func() bool { return state().Watermark != nil })
	w.must(w.wix.Remove(w.store.ExternalID))
	waitFor(t, "the store is stopped", func() bool { c := state(); return c.State == models.ConnectionRemoved && c.NextSweepAt == nil })
	if n := one[int](w, "SELECT count(*) FROM flags WHERE connection_id = ? AND code = 'app_removed' AND closed_at IS NULL", w.store.ID); n != 1 {
		t.Errorf("%d flags", n)
	}
	if _, err := w.accounts.Access(t.Context(), w.m, w.store.ID); codeOf(err) != "app_removed" {
		t.Errorf("got %v", err)
	}
	o := w.sold(wixsim.NewOrder{}) // nobody is told of it
	w.must(w.wix.Install(w.store.ExternalID))
	waitFor(t, "the store works again", func() bool { return state().State == models.ConnectionActive })
	w.inTab(w.idOf(o.ID), models.TabAwaitingOrder)
	if n := one[int](w, "SELECT count(*) FROM flags WHERE connection_id = ? AND closed_at IS NULL", w.store.ID); n != 0 {
		t.Errorf("%d flags are still open", n)
	}
}

func TestAMessageThatCannotBeReadAnyMoreIsDoneWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.wix.Fail(wixsim.Fault{Op: "get_order", How: "status_403", Times: 100}))
	o := w.sold(wixsim.NewOrder{})
	waitFor(t, "the store needs a person", func() bool {
		return one[string](w, "SELECT state FROM connections WHERE id = ?", w.store.ID) == string(models.ConnectionNeedsReauth)
	})
	waitFor(t, "its messages do not stay open", func() bool {
		return one[int](w, "SELECT count(*) FROM inbox WHERE entity_id = ? AND done_at IS NOT NULL", o.ID) == 3
	})
	w.wix.ClearFaults()
	w.connectStore(w.m, w.store.ExternalID)
	w.inTab(w.idOf(o.ID), models.TabAwaitingOrder)
}

func TestAClosedDoorLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	waitFor(t, "the back-fill is through", func() bool { return one[int](w, "SELECT count(*) FROM orders") == 1 })
	w.doorShut(true)
	o := w.sold(wixsim.NewOrder{})
	waitFor(t, "webhooks fail", func() bool { return w.wix.WebhookStats().Failed >= 3 })
	w.doorShut(false)
	w.inTab(w.idOf(o.ID), models.TabAwaitingOrder)
}

func TestManyOrdersAtOnceAreAllTakenAndCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	for i := range 30 {
		payment := []string{"paid", "authorized", "offline"}[i%3]
		o := w.sold(wixsim.NewOrder{Payment: payment})
		if i%2 == 0 {
			_, err := w.wix.CancelOrder(o.ID)
			w.must(err)
		}
	}
	waitFor(t, "all are in and worked", func() bool {
		return w.wix.WebhookStats().InFlight == 0 && one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0 &&
			one[int](w, "SELECT count(*) FROM orders WHERE tab = 'closed'") == 15 && one[int](w, "SELECT count(*) FROM orders") == 31
	})
	w.stop()
	counts, err := w.orders.Counts(t.Context(), w.m, "")
	w.must(err)
	if counts["closed"] != 15 || counts["pending"] != 10 || counts["awaiting_order"] != 6 || counts["attention"] != 6 {
		t.Errorf("counts are %v", counts)
	}
	w.counted()
}
