package ordersync_test

import (
	"slices"
	"testing"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

// paid is an order whose goods are about to be shipped.
func paid(t *testing.T, how ...setting) (w *world, o wixsim.Order, id models.ID, number string) {
	t.Helper()
	w = newWorld(t, how...)
	w.stock()
	o, id = w.ready()
	w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	number = w.detail(id).SupplierOrders[0].ExternalID
	w.must(w.ae.Pay(number, aliexpresssim.PayOptions{}))
	w.inTab(id, models.TabAwaitingShipment)
	return w, o, id, number
}

func (w *world) ship(number, mail string) {
	w.t.Helper()
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{MailNo: mail})
	w.must(err)
}

// pushIs waits for an order's only push to be in a state.
func (w *world) pushIs(id models.ID, state models.PushState) (p models.Push) {
	w.t.Helper()
	waitFor(w.t, "the push is "+string(state), func() bool {
		d := w.detail(id)
		if len(d.Pushes) == 1 {
			p = d.Pushes[0]
		}
		return p.State == state
	})
	return p
}

func TestOneFulfillmentWhateverHappensToTheCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op, how string
		times   int
	}{
		{"create_fulfillment", "reset_before", 2},
		{"create_fulfillment", "reset_after", 1},
		{"create_fulfillment", "truncated", 1},
		{"create_fulfillment", "status_500", 3},
		{"create_fulfillment", "status_429", 1},
		{"create_fulfillment", "html_502", 2},
		{"create_fulfillment", "hang_after", 1},
		{"list_fulfillments", "status_503", 2},
		{"list_fulfillments", "reset_after", 2},
	} {
		t.Run(c.op+" "+c.how, func(t *testing.T) {
			t.Parallel()
			w, o, id, number := paid(t, hasty)
			w.must(w.wix.Fail(wixsim.Fault{Op: c.op, How: c.how, Times: c.times}))
			w.ship(number, "LP1")
			p := w.pushIs(id, models.PushConfirmed)
			if n := w.created(wixsim.KindFulfillmentCreated, o.ID); n != 1 || numbersIn(w.inStore(o.ID)) != "LP1" {
				t.Errorf("%d fulfillments were created; the store has %s", n, numbersIn(w.inStore(o.ID)))
			}
			if p.Adopted || p.FulfillmentID != w.inStore(o.ID)[0].ID {
				t.Errorf("%+v", p)
			}
			if got, _, err := w.wix.Order(o.ID); err != nil || got.FulfillmentStatus != "FULFILLED" {
				t.Errorf("the store says %s", got.FulfillmentStatus)
			}
			waitFor(t, "no flag stays", func() bool { return len(w.flags(id)) == 0 })
			w.stop()
			w.counted()
		})
	}
}

func TestWhatWasFulfilledByHandIsAdopted(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.FulfillByHand(o.ID, nil, nil)
	w.must(err)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushConfirmed)
	if n := w.created(wixsim.KindFulfillmentCreated, o.ID); n != 1 || numbersIn(w.inStore(o.ID)) != "LP1" || !p.Adopted {
		t.Errorf("%d fulfillments, the store has %s, adopted %t", n, numbersIn(w.inStore(o.ID)), p.Adopted)
	}
}

func TestANumberTypedInByHandIsRecognised(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.FulfillByHand(o.ID, nil, &wixsim.TrackingInfo{TrackingNumber: "LP1", ShippingProvider: "Cainiao"})
	w.must(err)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushConfirmed)
	if n := w.created(wixsim.KindFulfillmentCreated, o.ID); n != 1 || p.FulfillmentID != w.inStore(o.ID)[0].ID {
		t.Errorf("%d fulfillments, %+v", n, p)
	}
}

func TestAnotherNumberTypedInByHandIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.FulfillByHand(o.ID, nil, &wixsim.TrackingInfo{TrackingNumber: "MINE", ShippingProvider: "DHL"})
	w.must(err)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushRefused)
	if numbersIn(w.inStore(o.ID)) != "MINE" || p.ErrorCode != "store_fulfilled_otherwise" || !slices.Contains(w.flags(id), models.FlagPushRefused) {
		t.Errorf("the store has %s; %s, flags %v", numbersIn(w.inStore(o.ID)), p.ErrorCode, w.flags(id))
	}
	if d := w.detail(id); d.Order.Tab != models.TabFulfilled {
		t.Errorf("in %s", d.Order.Tab)
	}
	// The merchant takes the other one away and asks for a retry.
	access := models.Access{ExternalID: w.store.ExternalID}
	w.must(w.storefront().Unfulfill(t.Context(), access, o.ID, w.inStore(o.ID)[0].ID))
	order, err := w.sync.RetryPush(t.Context(), w.m, p.ID, person)
	w.must(err)
	if order != id {
		t.Errorf("order %s", order)
	}
	w.pushIs(id, models.PushConfirmed)
	waitFor(t, "the flag closes", func() bool { return len(w.flags(id)) == 0 })
	if numbersIn(w.inStore(o.ID)) != "LP1" {
		t.Errorf("the store has %s", numbersIn(w.inStore(o.ID)))
	}
}

func TestACancelledStoreOrderIsNotTold(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.CancelOrder(o.ID)
	w.must(err)
	w.inTab(id, models.TabClosed)
	if !w.flagged(id, models.FlagStopRequest) {
		t.Errorf("flags %v", w.flags(id))
	}
	w.ship(number, "LP1")
	waitFor(t, "the parcel is known", func() bool { return len(w.detail(id).Parcels) == 1 })
	w.check(id)
	if d := w.detail(id); len(d.Pushes) != 0 || len(w.inStore(o.ID)) != 0 || d.Order.Tab != models.TabClosed {
		t.Errorf("%d pushes, the store has %s", len(d.Pushes), numbersIn(w.inStore(o.ID)))
	}
}

func TestAFulfillmentThatWasTakenAwayIsMadeAgainOnRequest(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushConfirmed)
	w.must(w.storefront().Unfulfill(t.Context(), models.Access{ExternalID: w.store.ExternalID}, o.ID, p.FulfillmentID))
	_, err := w.sync.RetryPush(t.Context(), w.m, p.ID, person)
	w.must(err)
	waitFor(t, "it is there again", func() bool { return numbersIn(w.inStore(o.ID)) == "LP1" })
	w.pushIs(id, models.PushConfirmed)
}
