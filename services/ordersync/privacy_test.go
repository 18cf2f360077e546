package ordersync_test

import (
	"strings"
	"testing"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

// over says whether an order's buyer is erased.
func (w *world) over(id models.ID) bool { return w.detail(id).Order.ErasedAt != nil }

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	w.must(databasetest.Owner(w.t, w.db).Exec(sql, args...).Error)
}

// erasure is the proof of an order; none is zero.
func (w *world) erasure(id models.ID) (e models.Erasure) {
	w.t.Helper()
	page, err := w.orders.Erasures(w.t.Context(), w.m, "", 100)
	w.must(err)
	for _, p := range page.Erasures {
		if p.OrderID == id {
			e = p
		}
	}
	return e
}

func TestABuyerWhomTheStoreHasErasedIsErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	w.stock()
	ended := w.sold(wixsim.NewOrder{})
	_, err := w.wix.CancelOrder(ended.ID)
	w.must(err)
	id := w.idOf(ended.ID)
	w.inTab(id, models.TabClosed)
	waitFor(t, "messages hold what the store said", func() bool {
		return one[int](w, "SELECT count(*) FROM inbox WHERE sealed_body IS NOT NULL AND body IS NULL AND entity_id = ?", ended.ID) > 1
	})
	if w.detail(id).Recipient.Line1 == "" || w.detail(id).Order.BuyerEmail == "" {
		t.Fatal("there is nobody to erase")
	}
	_, err = w.wix.AnonymizeOrder(ended.ID)
	w.must(err)
	waitFor(t, "the buyer is erased", func() bool { return w.over(id) })
	if e := w.erasure(id); e.Cause != models.EraseForStore || e.RequestedBy != models.ActorSystem || e.DoneAt == nil {
		t.Errorf("%+v", e)
	}
	waitFor(t, "it is read again", func() bool { return one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0 })
	d := w.detail(id)
	if d.Order.BuyerName != "" || d.Order.BuyerEmail != "" || d.Recipient != (models.Address{}) || d.Order.Country == "" || d.Order.Number != ended.Number {
		t.Errorf("%+v, %+v", d.Order, d.Recipient)
	}
	if n := one[int](w, "SELECT count(*) FROM audit_entries WHERE act = 'erased' AND subject_id = ?", string(id)); n != 1 {
		t.Errorf("%d entries", n)
	}
}

// The erased order may be read before the word that it was erased has come, which may even be lost: what an open order needs stays.
func TestAnErasedBuyerWhomNobodyHasToldOfIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow, mute)
	o, id := w.ready()
	before := w.detail(id)
	w.must(w.wix.SetWebhooks(wixsim.WebhookSwitches{Drop: true}))
	_, err := w.wix.AnonymizeOrder(o.ID)
	w.must(err)
	w.take(o)
	after := w.detail(id)
	if after.Recipient != before.Recipient || after.Recipient.Line1 == "" || after.Order.BuyerName != before.Order.BuyerName || after.Order.BuyerEmail == "" {
		t.Errorf("%+v became %+v", before.Recipient, after.Recipient)
	}
	if !after.Order.SourceUpdatedAt.After(before.Order.SourceUpdatedAt) || after.Order.EraseRequestedAt != nil {
		t.Errorf("read as of %s, asked to be erased at %v", after.Order.SourceUpdatedAt, after.Order.EraseRequestedAt)
	}
}

func TestAnOpenOrderOfAnErasedBuyerIsStillDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o, id := w.ready()
	_, err := w.wix.AnonymizeOrder(o.ID)
	w.must(err)
	waitFor(t, "the request waits", func() bool { return w.erasure(id).ID != "" })
	waitFor(t, "the store's order is read again", func() bool { return one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0 })
	if d := w.detail(id); d.Order.ErasedAt != nil || d.Recipient.Line1 == "" || d.Order.BuyerName == "" {
		t.Fatalf("what the open order needs is gone: %+v", d.Recipient)
	}
	w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	number := w.detail(id).SupplierOrders[0].ExternalID
	w.must(w.ae.Pay(number, aliexpresssim.PayOptions{}))
	w.ship(number, "LP1")
	w.inTab(id, models.TabFulfilled)
	w.must(w.ae.Deliver(number))
	waitFor(t, "the end of the order erases its buyer", func() bool { return w.over(id) })
	if e := w.erasure(id); e.DoneAt == nil || e.Cause != models.EraseForStore {
		t.Errorf("%+v", e)
	}
}

func TestWhatIsKeptForLongEnoughIsErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	ended := func() models.ID {
		o := w.sold(wixsim.NewOrder{})
		_, err := w.wix.CancelOrder(o.ID)
		w.must(err)
		return w.take(o)
	}
	recent, old, open := ended(), ended(), w.take(w.sold(wixsim.NewOrder{}))
	w.exec("UPDATE orders SET ended_at = now() - interval '100 days' WHERE id = ? AND ended_at IS NOT NULL", recent)
	w.exec("UPDATE orders SET ended_at = now() - interval '181 days' WHERE id = ? AND ended_at IS NOT NULL", old)
	days := func(n int) {
		t.Helper()
		w.must(w.sync.Decide(t.Context(), w.m, "UTC", models.Settings{BuyerDataDays: &n}, "api:test"))
		w.must(w.sync.KeepPrivacy(t.Context()))
	}
	days(180)
	if w.over(recent) || !w.over(old) || w.over(open) {
		t.Errorf("recent %t, old %t, open %t", w.over(recent), w.over(old), w.over(open))
	}
	days(90)
	if !w.over(recent) || w.over(open) {
		t.Errorf("recent %t, open %t", w.over(recent), w.over(open))
	}
	if e := w.erasure(old); e.Cause != models.EraseForRetention || e.DoneAt == nil || !strings.Contains(strings.Join(e.Erased, " "), "address") {
		t.Errorf("%+v", e)
	}
	// A store that has been gone for a month takes its buyers with it, whatever their orders are.
	_, err := w.accounts.Disconnect(t.Context(), w.m, w.store.ID, "api:test")
	w.must(err)
	w.must(w.sync.KeepPrivacy(t.Context()))
	if w.over(open) {
		t.Error("erased at once")
	}
	w.exec("UPDATE connections SET removed_at = now() - interval '31 days' WHERE id = ?", w.store.ID)
	w.must(w.sync.KeepPrivacy(t.Context()))
	if e := w.erasure(open); !w.over(open) || e.Cause != models.EraseForGoneStore {
		t.Errorf("%+v", e)
	}
}

func TestMessagesAreEmptiedADayAfterTheyAreDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	for event, ages := range map[string][2]string{"fresh": {"1 hour", "1 hour"}, "done": {"25 hours", "25 hours"}, "late": {"31 days", ""}, "waiting": {"29 days", ""}, "known": {"89 days", "89 days"}, "over": {"91 days", "91 days"}, "stuck": {"91 days", ""}} {
		done := "NULL"
		if ages[1] != "" {
			done = "now() - interval '" + ages[1] + "'"
		}
		w.exec(`INSERT INTO inbox (merchant_id, platform, event_id, connection_id, kind, entity_id, sealed_body, sent_at, received_at, deliveries, outcome, done_at)
			VALUES (?, 'wix', ?, ?, 'k', 'o', 'sealed', now(), now() - CAST(? AS interval), 1, '', `+done+`)`, w.m, event, w.store.ID, ages[0])
	}
	w.must(w.sync.KeepPrivacy(t.Context()))
	if got := one[string](w, "SELECT string_agg(event_id, ' ' ORDER BY event_id) FROM inbox WHERE sealed_body IS NOT NULL"); got != "fresh waiting" {
		t.Errorf("kept: %s", got)
	}
	w.exec("INSERT INTO orphan_inbox (platform, event_id, external_id, kind, entity_id, sent_at, received_at) SELECT 'wix', e, 'x', 'k', '', now(), now() - CAST(e AS interval) FROM unnest(ARRAY['31 days', '1 day']) e")
	w.must(w.sync.KeepPrivacy(t.Context()))
	if got := one[string](w, "SELECT string_agg(event_id, ' ') FROM orphan_inbox"); got != "1 day" {
		t.Errorf("kept: %s", got)
	}
	// A message that was worked is known again for 90 days. One that never was stays until somebody has looked at it.
	if got := one[string](w, "SELECT string_agg(event_id, ' ' ORDER BY event_id) FROM inbox"); got != "done fresh known late stuck waiting" {
		t.Errorf("left are %s", got)
	}
}
