package ordersync_test

import (
	"context"
	"slices"
	"testing"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

// unpaid is an order that waits for its payment at AliExpress, whose pushes do not come: only polling brings news.
func unpaid(t *testing.T, how ...setting) (w *world, o wixsim.Order, id models.ID, so models.SupplierOrder) {
	t.Helper()
	w = newWorld(t, append([]setting{mute}, how...)...)
	w.stock()
	o, id = w.ready()
	so = w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	waitFor(t, "it was polled once", func() bool { return w.supplierOrder(id, so.ID).Status != "" })
	return w, o, id, w.supplierOrder(id, so.ID)
}

func (w *world) check(id models.ID) ordersync.CheckResult {
	w.t.Helper()
	result, err := w.sync.Check(context.Background(), w.m, id, ordersync.CheckOptions{Direction: models.AllWays, By: person, Force: true})
	w.must(err)
	return result
}

func TestPollingSeesHowAPurchaseEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*aliexpresssim.Server, string) error
		flag models.FlagCode
	}{
		"not paid in time": {func(s *aliexpresssim.Server, n string) error { return s.Timeout(n) }, models.FlagPaymentTimeout},
		"cancelled":        {func(s *aliexpresssim.Server, n string) error { return s.Cancel(n, aliexpresssim.CancelOptions{}) }, models.FlagSupplierCancelled},
		"paid, then cancelled": {func(s *aliexpresssim.Server, n string) error {
			if err := s.Pay(n, aliexpresssim.PayOptions{}); err != nil {
				return err
			}
			return s.Cancel(n, aliexpresssim.CancelOptions{})
		}, models.FlagSupplierCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, id, so := unpaid(t)
			w.must(c.end(w.ae, so.ExternalID))
			w.inTab(id, models.TabAwaitingOrder)
			if flags := w.flags(id); !slices.Equal(flags, []models.FlagCode{c.flag}) {
				t.Errorf("flags are %v", flags)
			}
			if !w.has(id, models.EventSupplierEnded) {
				t.Error("its end is not in the timeline")
			}
			again := w.plan(id, ordersync.PlanRequest{})
			w.inTab(id, models.TabAwaitingPayment)
			if flags := w.flags(id); len(flags) != 0 {
				t.Errorf("flags are %v after it was bought again", flags)
			}
			if again.OutOrderID == so.OutOrderID || w.bought(again.OutOrderID) != 1 {
				t.Errorf("keys %s and %s", so.OutOrderID, again.OutOrderID)
			}
			w.stop()
			w.counted()
		})
	}
}

func TestAnUnknownWordIsShownAndChangesNothing(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	w.must(w.ae.SetStatus(so.ExternalID, aliexpresssim.Status{OrderStatus: "HALF_BAKED"}))
	waitFor(t, "it is flagged", func() bool { return w.flagged(id, models.FlagUnknownStatus) })
	if d := w.detail(id); d.Order.Tab != models.TabAwaitingPayment || d.SupplierOrders[0].Status != "HALF_BAKED" || d.SupplierOrders[0].Stage != models.StageUnpaid {
		t.Errorf("%s, %s", d.Order.Tab, d.SupplierOrders[0].Status)
	}
	w.must(w.ae.SetStatus(so.ExternalID, aliexpresssim.Status{OrderStatus: "PLACE_ORDER_SUCCESS"}))
	waitFor(t, "the flag closes", func() bool { return len(w.flags(id)) == 0 })
}

func TestAStaleAnswerNeverOverwrites(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	w.stop()
	early, err := w.orders.NextFetch(t.Context(), w.m, so.ID)
	w.must(err)
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	if r := w.check(id); r.Outcome != models.OutcomeChanged || r.After != models.TabAwaitingShipment {
		t.Errorf("%+v", r)
	}
	w.apply(id, orders.SupplierAnswered{SupplierOrderID: so.ID, Seq: early, Answer: models.SupplierAnswer{Number: so.ExternalID, Status: "PLACE_ORDER_SUCCESS"}})
	if d := w.detail(id); d.Order.Tab != models.TabAwaitingShipment || d.SupplierOrders[0].Status != "WAIT_SELLER_SEND_GOODS" {
		t.Errorf("%s, %s", d.Order.Tab, d.SupplierOrders[0].Status)
	}
}

func TestCase62_AnUnreachableAliExpressChangesNothing(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t, hasty)
	w.stop()
	before, events := w.detail(id), len(w.events(id))
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: "*", How: aliexpresssim.ResetBefore, Times: 1000}))
	result, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromSupplier, By: person, Force: true})
	if result.Outcome != models.OutcomeUnreachable || result.Why == "" || models.KindOf(err) != models.Unavailable {
		t.Errorf("%+v, %v", result, err)
	}
	after := w.detail(id)
	s := w.supplierOrder(id, so.ID)
	if after.Order.Tab != before.Order.Tab || s.Status != so.Status || s.CheckFailures == 0 || len(after.Flags) != 0 {
		t.Errorf("%s, %s, %d failures, flags %v", after.Order.Tab, s.Status, s.CheckFailures, after.Flags)
	}
	if s.NextCheckAt == nil || after.Order.NextCheckAt == nil || len(w.events(id)) != events {
		t.Errorf("next check %v, %v", s.NextCheckAt, after.Order.NextCheckAt)
	}
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	w.ae.ClearFaults()
	w.work()
	w.inTab(id, models.TabAwaitingShipment)
	if s := w.supplierOrder(id, so.ID); s.CheckFailures != 0 {
		t.Errorf("%d failures", s.CheckFailures)
	}
}

func TestAnUnreachableStoreChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	id := w.take(w.sold(wixsim.NewOrder{}))
	w.must(w.wix.Fail(wixsim.Fault{Op: "get_order", How: "status_503", Times: 100}))
	before := w.detail(id)
	result, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromStore, By: person, Force: true})
	if result.Outcome != models.OutcomeUnreachable || models.KindOf(err) != models.Unavailable {
		t.Errorf("%+v, %v", result, err)
	}
	if d := w.detail(id); d.Order.Tab != before.Order.Tab || d.Order.CheckFailures != 1 || d.Order.NextCheckAt == nil {
		t.Errorf("%s, %d failures", d.Order.Tab, d.Order.CheckFailures)
	}
	w.wix.ClearFaults()
	if r := w.check(id); r.Outcome != models.OutcomeUnchanged || w.detail(id).Order.CheckFailures != 0 {
		t.Errorf("%+v", r)
	}
}

func TestCase49_ANumberThatDisappearsIsKeptAndFlaggedAfterThreeChecks(t *testing.T) {
	t.Parallel()
	w, o, id, so := unpaid(t)
	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	_, err := w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{MailNo: "LP1", Items: []aliexpresssim.Item{{ProductID: bottle, SKUID: bottleBrown, Quantity: 2}}})
	w.must(err)
	_, err = w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{MailNo: "LP2"})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "the store has both", func() bool { return len(w.inStore(o.ID)) == 2 })
	w.stop()
	w.must(w.ae.Vanish(so.ExternalID, "LP1"))
	for n := 1; n < 3; n++ {
		w.check(id)
		if w.flagged(id, models.FlagParcelMissing) || w.has(id, models.EventParcelMissing) {
			t.Errorf("flagged after %d checks", n)
		}
	}
	w.check(id)
	d := w.detail(id)
	if d.Order.Tab != models.TabFulfilled || !w.flagged(id, models.FlagParcelMissing) || len(w.inStore(o.ID)) != 2 {
		t.Errorf("%s, flags %v, store %s", d.Order.Tab, w.flags(id), numbersIn(w.inStore(o.ID)))
	}
	w.must(w.ae.Vanish(so.ExternalID, "LP2"))
	w.check(id)
	if d := w.detail(id); len(d.Parcels) != 2 || d.Order.Tab != models.TabFulfilled {
		t.Errorf("%d parcels in %s", len(d.Parcels), d.Order.Tab)
	}
}

func TestCase46_AnOrderOfAnotherAccountIsFlaggedAndHealsByItself(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	w.stop()
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: "*", How: aliexpresssim.HTML, Times: 1}))
	if r, _ := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromSupplier, By: person, Force: true}); r.Outcome != models.OutcomeUnreachable {
		t.Errorf("%+v", r)
	}
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE supplier_orders SET placed_at = placed_at - interval '1 hour', external_id = '8190000000000001' WHERE id = ?", so.ID).Error)
	r, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromSupplier, By: person, Force: true})
	if r.Outcome != models.OutcomeRefused || models.KindOf(err) != models.NotFound || !w.flagged(id, models.FlagSupplierOrderNoData) {
		t.Errorf("%+v, %v, flags %v", r, err, w.flags(id))
	}
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE supplier_orders SET external_id = ? WHERE id = ?", so.ExternalID, so.ID).Error)
	w.check(id)
	if flags := w.flags(id); len(flags) != 0 {
		t.Errorf("flags are %v", flags)
	}
}
