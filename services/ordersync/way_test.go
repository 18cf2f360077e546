package ordersync_test

import (
	"testing"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

func TestAnOrderGoesTheWholeWayRound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.sold(wixsim.NewOrder{Payment: "authorized"})
	id := w.idOf(o.ID)
	w.inTab(id, models.TabPending)
	_, err := w.wix.PayOrder(o.ID)
	w.must(err)
	w.inTab(id, models.TabAwaitingOrder)
	waitFor(t, "the unmapped lines are flagged", func() bool { return w.flagged(id, models.FlagNoSupplier) })
	w.stock()
	waitFor(t, "the mapping closes the flag", func() bool { return len(w.flags(id)) == 0 })

	so := w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	so = w.supplierOrder(id, so.ID)
	if want := w.numberOf(so.OutOrderID); so.ExternalID != want || want == "" {
		t.Fatalf("number %q, want %q", so.ExternalID, want)
	}
	waitFor(t, "the time to pay is known", func() bool { return w.supplierOrder(id, so.ID).PayBy != nil })

	w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	w.inTab(id, models.TabAwaitingShipment)
	_, err = w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{MailNo: "LP1", Items: []aliexpresssim.Item{{ProductID: bottle, SKUID: bottleBrown, Quantity: 1}}})
	w.must(err)
	waitFor(t, "the first parcel is in the store", func() bool { return numbersIn(w.inStore(o.ID)) == "LP1" })
	waitFor(t, "the chip says so", func() bool {
		for _, c := range w.detail(id).Order.Chips {
			if c.Code == "part_shipped" && c.Text == "1 of 3 shipped" {
				return true
			}
		}
		return false
	})
	_, err = w.ae.Ship(so.ExternalID, aliexpresssim.ShipOptions{MailNo: "LP2"})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "both pushes are confirmed", func() bool {
		confirmed := 0
		for _, p := range w.detail(id).Pushes {
			if p.State == models.PushConfirmed {
				confirmed++
			}
		}
		return confirmed == 2
	})
	if got, _, err := w.wix.Order(o.ID); err != nil || got.FulfillmentStatus != "FULFILLED" {
		t.Errorf("the store says %s, %v", got.FulfillmentStatus, err)
	}

	w.must(w.ae.Renumber(so.ExternalID, aliexpresssim.Renumbering{MailNo: "LP1", NewMailNo: "LP1NEW"}))
	_, err = w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.AllWays, By: person, Force: true})
	w.must(err)
	waitFor(t, "the store shows the new number", func() bool { return numbersIn(w.inStore(o.ID)) == "LP1NEW LP2" })
	if n := w.created(wixsim.KindFulfillmentCreated, o.ID); n != 2 {
		t.Errorf("%d fulfillments were created, want 2", n)
	}
	if n := w.created(wixsim.KindFulfillmentDeleted, o.ID); n != 0 {
		t.Errorf("%d fulfillments were deleted", n)
	}
	w.must(w.ae.Deliver(so.ExternalID))
	waitFor(t, "the order is final", func() bool { d := w.detail(id); return d.Order.Final && d.Order.NextCheckAt == nil })
	for _, kind := range []string{
		models.EventOrderReceived, models.EventOrderChanged, models.EventTabChanged, models.EventFlagOpened, models.EventFlagClosed,
		models.EventMappingChanged, models.EventPlacementPlanned, models.EventPlacementApproved, models.EventPlacementSending, models.EventPlacementPlaced,
		models.EventSupplierStatus, models.EventSupplierPaid, models.EventParcelSeen, models.EventParcelRenumbered, models.EventPushSent, models.EventPushConfirmed,
	} {
		if !w.has(id, kind) {
			t.Errorf("the timeline has no %s", kind)
		}
	}
	if n := w.bought(so.OutOrderID); n != 1 {
		t.Errorf("%d orders at AliExpress, want 1", n)
	}
	w.stop()
	w.counted()
	if t.Failed() {
		w.story(id)
	}
}
