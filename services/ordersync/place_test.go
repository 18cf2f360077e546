package ordersync_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

func TestCase28_PlacingUnderFaultsBuysAtMostOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how     aliexpresssim.How
		state   models.PlacementState // where it ends while AliExpress' pushes are off
		created int
	}{
		{"throttle_api", models.PlacementPlaced, 1},
		{"expired_token", models.PlacementPlaced, 1},
		{"reset_before", models.PlacementUnknown, 0},
		{"reset_after", models.PlacementUnknown, 1},
		{"http502_after", models.PlacementUnknown, 1},
		{"html", models.PlacementUnknown, 0},
		{"hang_after", models.PlacementUnknown, 1},
		{"code15_before", models.PlacementUnknown, 0},
		{"code15_after", models.PlacementUnknown, 1},
		{"success_without_ids", models.PlacementUnknown, 1},
		{"truncated", models.PlacementUnknown, 1},
		{"internal_error", models.PlacementUnknown, 0},
		{"business:REPEATED_ORDER_ERROR", models.PlacementUnknown, 0},
		{"business:INVENTORY_HOLD_ERROR", models.PlacementRejected, 0},
		{"business:A003_SUSPICIOUS_BUYER", models.PlacementRejected, 0},
		{"business:SOMETHING_NEW", models.PlacementUnknown, 0},
	} {
		t.Run(string(c.how), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mute, hasty)
			w.stock()
			_, id := w.ready()
			w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: c.how}))
			so := w.plan(id, ordersync.PlanRequest{})
			so = w.placementIs(id, so.ID, c.state)
			w.stop()
			if n := w.bought(so.OutOrderID); n != c.created {
				t.Errorf("%d orders exist, want %d", n, c.created)
			}
			d := w.detail(id)
			switch c.state {
			case models.PlacementUnknown:
				if !w.flagged(id, models.FlagPlaceUnknown) || d.Order.Tab != models.TabAwaitingOrder {
					t.Errorf("flags %v in %s", w.flags(id), d.Order.Tab)
				}
				if _, err := w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{Lines: []ordersync.LineQuantity{{LineID: d.Lines[0].LineID, Quantity: 1}}}, person); codeOf(err) != "already_being_placed" {
					t.Errorf("an unknown placement does not keep its lines: %v", err)
				}
			case models.PlacementRejected:
				if !w.flagged(id, models.FlagPlaceFailed) || d.Order.Tab != models.TabAwaitingOrder {
					t.Errorf("flags %v in %s", w.flags(id), d.Order.Tab)
				}
			case models.PlacementPlaced:
				if d.Order.Tab != models.TabAwaitingPayment || len(d.Flags) != 0 {
					t.Errorf("flags %v in %s", w.flags(id), d.Order.Tab)
				}
			}
			if n := one[int](w, "SELECT count(*) FROM placement_attempts WHERE supplier_order_id = ?", so.ID); n != so.Epoch || n < 1 {
				t.Errorf("%d attempts are kept of %d", n, so.Epoch)
			}
			w.counted()
		})
	}
}

func TestABanOfTheWholeAppDelaysThePurchase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mute)
	w.stock()
	_, id := w.ready()
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: aliexpresssim.ThrottleApp, Seconds: 1}))
	so := w.plan(id, ordersync.PlanRequest{})
	so = w.placementIs(id, so.ID, models.PlacementPlaced)
	if n := w.bought(so.OutOrderID); n != 1 {
		t.Errorf("%d orders exist", n)
	}
}

func TestAnUnknownPurchaseIsFoundByItsPushMessage(t *testing.T) {
	t.Parallel()
	for _, how := range []aliexpresssim.How{aliexpresssim.ResetAfter, aliexpresssim.SuccessWithoutIDs, aliexpresssim.Truncated} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.stock()
			_, id := w.ready()
			w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: how}))
			so := w.plan(id, ordersync.PlanRequest{})
			w.inTab(id, models.TabAwaitingPayment)
			so = w.supplierOrder(id, so.ID)
			if so.ExternalID != w.numberOf(so.OutOrderID) || w.bought(so.OutOrderID) != 1 || w.sent() != 1 {
				t.Errorf("number %s; %d orders, %d calls", so.ExternalID, w.bought(so.OutOrderID), w.sent())
			}
			if w.flagged(id, models.FlagPlaceUnknown) || !w.has(id, models.EventPlacementUnknown) {
				t.Error("the doubt is not in the timeline only")
			}
		})
	}
}

func TestAnUnknownPurchaseIsResolvedByAPerson(t *testing.T) {
	t.Parallel()
	unknown := func(t *testing.T, how aliexpresssim.How) (*world, models.ID, models.SupplierOrder) {
		w := newWorld(t, mute)
		w.stock()
		_, id := w.ready()
		w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: how}))
		so := w.plan(id, ordersync.PlanRequest{})
		return w, id, w.placementIs(id, so.ID, models.PlacementUnknown)
	}
	t.Run("it is there", func(t *testing.T) {
		t.Parallel()
		w, id, so := unknown(t, aliexpresssim.ResetAfter)
		if _, err := w.sync.Resolve(t.Context(), w.m, so.ID, w.ae.Info().OrderID, person); codeOf(err) != "number_does_not_match" {
			t.Errorf("another order: %v", err)
		}
		if _, err := w.sync.Resolve(t.Context(), w.m, so.ID, "8190000000000001", person); codeOf(err) != "number_not_of_this_account" {
			t.Errorf("an order of nobody: %v", err)
		}
		got, err := w.sync.Resolve(t.Context(), w.m, so.ID, w.numberOf(so.OutOrderID), person)
		w.must(err)
		if got.State != models.PlacementPlaced || got.Status != "PLACE_ORDER_SUCCESS" || w.detail(id).Order.Tab != models.TabAwaitingPayment {
			t.Errorf("%s %s in %s", got.State, got.Status, w.detail(id).Order.Tab)
		}
		if _, err := w.sync.Resolve(t.Context(), w.m, so.ID, "", person); codeOf(err) != "placement_not_unknown" {
			t.Errorf("resolved twice: %v", err)
		}
	})
	for name, how := range map[string]aliexpresssim.How{"it is not there": aliexpresssim.ResetBefore, "it is there after all": aliexpresssim.ResetAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id, so := unknown(t, how)
			waitFor(t, "the settle time is over", func() bool {
				_, err := w.sync.Resolve(context.Background(), w.m, so.ID, "", person)
				return err == nil || codeOf(err) != "placement_settling"
			})
			so = w.placementIs(id, so.ID, models.PlacementPlaced)
			if n := w.bought(so.OutOrderID); n != 1 || so.Epoch != 2 || so.ExternalID != w.numberOf(so.OutOrderID) {
				t.Errorf("%d orders, epoch %d, number %s", n, so.Epoch, so.ExternalID)
			}
		})
	}
}

func TestAbsenceIsNotBelievedBeforeAliExpressHasHadTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mute, func(s *settings) { s.pace.Settle = time.Hour })
	w.stock()
	_, id := w.ready()
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: aliexpresssim.ResetBefore}))
	so := w.plan(id, ordersync.PlanRequest{})
	w.placementIs(id, so.ID, models.PlacementUnknown)
	_, err := w.sync.Resolve(t.Context(), w.m, so.ID, "", person)
	if codeOf(err) != "placement_settling" || models.AsError(err).RetryAfter <= 0 {
		t.Errorf("got %v", err)
	}
}

func TestTwoUnknownPurchasesOfTheSameThingAreLeftToAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, first := w.ready()
	_, second := w.ready()
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: aliexpresssim.ResetAfter, Times: 2}))
	w.must(w.ae.SetPushSwitches(aliexpresssim.PushSwitches{Hold: true})) // until both are unknown
	a, b := w.plan(first, ordersync.PlanRequest{}), w.plan(second, ordersync.PlanRequest{})
	a, b = w.placementIs(first, a.ID, models.PlacementUnknown), w.placementIs(second, b.ID, models.PlacementUnknown)
	w.must(w.ae.SetPushSwitches(aliexpresssim.PushSwitches{}))
	w.must(w.ae.ReleasePushes(aliexpresssim.ReleaseSent))
	checks := func() int {
		return one[int](w, "SELECT count(*) FROM river_job WHERE kind = 'check' AND state = 'completed' AND args->>'order_id' IN (?, ?)", first, second)
	}
	before := checks()
	waitFor(t, "both were looked after some more", func() bool { return checks() > before+12 })
	w.placementIs(first, a.ID, models.PlacementUnknown)
	w.placementIs(second, b.ID, models.PlacementUnknown)
	_, err := w.sync.Resolve(t.Context(), w.m, a.ID, w.numberOf(a.OutOrderID), person)
	w.must(err)
	w.placementIs(second, b.ID, models.PlacementPlaced) // now only one can be meant
	if w.supplierOrder(second, b.ID).ExternalID != w.numberOf(b.OutOrderID) || w.sent() != 2 {
		t.Errorf("%d calls", w.sent())
	}
}

func TestCase33_ASplitPurchaseIsFollowedInAllItsParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o, id := w.ready()
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: aliexpresssim.Split}))
	so := w.plan(id, ordersync.PlanRequest{})
	waitFor(t, "each part has its lines", func() bool {
		d := w.detail(id)
		return len(d.SupplierOrders) == 2 && len(d.SupplierOrders[0].Lines) == 1 && len(d.SupplierOrders[1].Lines) == 1
	})
	if n := w.bought(so.OutOrderID); n != 2 || w.sent() != 1 {
		t.Errorf("%d orders, %d calls", n, w.sent())
	}
	for i, s := range w.detail(id).SupplierOrders {
		w.must(w.ae.Pay(s.ExternalID, aliexpresssim.PayOptions{}))
		_, err := w.ae.Ship(s.ExternalID, aliexpresssim.ShipOptions{MailNo: []string{"LP1", "LP2"}[i]})
		w.must(err)
	}
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "the store has both", func() bool { l := w.inStore(o.ID); return len(l) == 2 })
	if got, _, err := w.wix.Order(o.ID); err != nil || got.FulfillmentStatus != "FULFILLED" {
		t.Errorf("the store says %s", got.FulfillmentStatus)
	}
}

func TestTwoAliExpressStoresAreTwoPurchases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mapping(earbuds, bottle, bottleBrown, kedi)
	w.mapping(lamp, deskLamp, deskWhite, lumen)
	_, id := w.ready()
	placed, err := w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{Note: "no invoice please"}, person)
	w.must(err)
	if len(placed) != 2 {
		t.Fatalf("%d placements", len(placed))
	}
	w.inTab(id, models.TabAwaitingPayment)
	for _, so := range placed {
		if n := w.bought(so.OutOrderID); n != 1 {
			t.Errorf("%d orders under %s", n, so.OutOrderID)
		}
	}
}

func TestCase27_TwoPlansAtOnceAreOnePurchase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	var all sync.WaitGroup
	results := make([][]models.SupplierOrder, 6)
	for i := range results {
		all.Go(func() {
			var err error
			if results[i], err = w.sync.Plan(context.Background(), w.m, id, ordersync.PlanRequest{}, person); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, r := range results {
		if len(r) != 1 || r[0].ID != results[0][0].ID {
			t.Fatalf("different placements: %v", r)
		}
	}
	w.inTab(id, models.TabAwaitingPayment)
	if n := w.sent(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestPlanRefusesWhatMustNotBeBought(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	refuse := func(name, want string, id models.ID, r ordersync.PlanRequest) {
		t.Helper()
		if _, err := w.sync.Plan(t.Context(), w.m, id, r, person); codeOf(err) != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	paid := w.take(w.sold(wixsim.NewOrder{}))
	refuse("unmapped", "no_supplier", paid, ordersync.PlanRequest{})
	w.stock()
	refuse("unpaid", "order_not_paid", w.take(w.sold(wixsim.NewOrder{Payment: "authorized"})), ordersync.PlanRequest{})
	gone := w.sold(wixsim.NewOrder{})
	_, err := w.wix.CancelOrder(gone.ID)
	w.must(err)
	refuse("cancelled", "order_not_wanted", w.take(gone), ordersync.PlanRequest{})
	pickup := w.sold(wixsim.NewOrder{})
	id := w.take(pickup)
	snapshot, err := w.storefront().Order(t.Context(), models.Access{ExternalID: w.store.ExternalID}, pickup.ID)
	w.must(err)
	snapshot.Pickup, snapshot.UpdatedAt = true, snapshot.UpdatedAt.Add(time.Second)
	w.must(w.db.Of(w.m).InTx(t.Context(), func(tx database.Tx) error {
		_, err := w.orders.Receive(tx, w.m, w.store.ID, person, snapshot)
		return err
	}))
	refuse("pickup", "order_is_pickup", id, ordersync.PlanRequest{})
	line := w.detail(paid).Lines[0]
	refuse("more than is owed", "already_being_placed", paid, ordersync.PlanRequest{Lines: []ordersync.LineQuantity{{LineID: line.LineID, Quantity: line.Quantity}, {LineID: line.LineID, Quantity: 1}}})
	refuse("nothing of a line", "quantity_invalid", paid, ordersync.PlanRequest{Lines: []ordersync.LineQuantity{{LineID: line.LineID}}})
	refuse("an unknown line", "line_not_found", paid, ordersync.PlanRequest{Lines: []ordersync.LineQuantity{{LineID: "x", Quantity: 1}}})
	refuse("an unknown account", "account_not_found", paid, ordersync.PlanRequest{AccountID: w.store.ID})
	refuse("an unknown order", "order_not_found", database.NewID(), ordersync.PlanRequest{})
	second := w.ae.AddAccount()
	_, err = w.accounts.ConnectSupplier(t.Context(), w.m, second.AuthCode, models.App{}, "api:test")
	w.must(err)
	refuse("two accounts", "account_needed", paid, ordersync.PlanRequest{})
	if n := one[int](w, "SELECT count(*) FROM supplier_orders"); n != 0 || w.sent() != 0 {
		t.Errorf("%d placements, %d calls", n, w.sent())
	}
}

func TestCase31_WhatPreflightFindsEndsBeforeMoney(t *testing.T) {
	t.Parallel()
	price, gone, none := "99.00", "offline", 0
	for name, c := range map[string]struct {
		product aliexpresssim.ProductChange
		mapping func(*models.ProductMapping)
		code    string
	}{
		"price above cap":   {aliexpresssim.ProductChange{SKUID: bottleBrown, Price: &price}, func(m *models.ProductMapping) { c := int64(1000); m.PriceCapMinor, m.PriceCapCurrency = &c, "USD" }, "price_above_cap"},
		"cap in other coin": {aliexpresssim.ProductChange{}, func(m *models.ProductMapping) { c := int64(1000000); m.PriceCapMinor, m.PriceCapCurrency = &c, "EUR" }, "price_above_cap"},
		"out of stock":      {aliexpresssim.ProductChange{SKUID: bottleBrown, Stock: &none}, nil, "out_of_stock"},
		"sku gone":          {aliexpresssim.ProductChange{}, func(m *models.ProductMapping) { m.SupplierSKUID = "12000041122399999" }, "sku_gone"},
		"product gone":      {aliexpresssim.ProductChange{Status: &gone}, nil, "product_gone"},
		"not sold there":    {aliexpresssim.ProductChange{ShipTo: []string{"DE"}}, nil, "not_sold_there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.ae.ChangeProduct(bottle, c.product))
			if c.mapping == nil {
				c.mapping = func(*models.ProductMapping) {}
			}
			w.mapping(earbuds, bottle, bottleBrown, kedi, c.mapping)
			_, id := w.ready(earbudsLine)
			so := w.plan(id, ordersync.PlanRequest{})
			so = w.placementIs(id, so.ID, models.PlacementRejected)
			if so.ErrorCode != c.code && (c.code != "not_sold_there" || so.ErrorCode != "no_shipping") {
				t.Errorf("rejected for %s: %s", so.ErrorCode, so.ErrorDetail)
			}
			if w.sent() != 0 || !w.flagged(id, models.FlagPlaceFailed) {
				t.Errorf("%d calls, flags %v", w.sent(), w.flags(id))
			}
		})
	}
}

func TestTheHoldWindowIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	until := time.Now().Add(1500 * time.Millisecond)
	so := w.plan(id, ordersync.PlanRequest{NotBefore: &until})
	w.inTab(id, models.TabAwaitingPayment)
	if sent := w.supplierOrder(id, so.ID).SentAt; sent == nil || sent.Before(until) {
		t.Errorf("sent at %v, held until %v", sent, until)
	}
}

func TestACancellationInTheHoldWindowStopsThePurchase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o, id := w.ready()
	until := time.Now().Add(time.Second)
	so := w.plan(id, ordersync.PlanRequest{NotBefore: &until})
	_, err := w.wix.CancelOrder(o.ID)
	w.must(err)
	so = w.placementIs(id, so.ID, models.PlacementRejected)
	if so.ErrorCode != "order_not_wanted" || w.sent() != 0 || w.detail(id).Order.Tab != models.TabClosed {
		t.Errorf("%s, %d calls, %s", so.ErrorCode, w.sent(), w.detail(id).Order.Tab)
	}
}

// claimed takes a placement to sending by its facts alone, with a lease that ends at once.
func claimed(t *testing.T) (*world, models.ID, models.SupplierOrder) {
	t.Helper()
	w := newWorld(t, idle)
	w.stock()
	o := w.sold(wixsim.NewOrder{})
	id := w.take(o)
	so := w.plan(id, ordersync.PlanRequest{})
	w.apply(id, orders.PlacementApproved{SupplierOrderID: so.ID, Request: []byte(`{"key":"` + so.OutOrderID + `"}`), SHA256: "aa"})
	claim := &orders.Claim{}
	w.apply(id, orders.PlacementClaimed{SupplierOrderID: so.ID, SHA256: "aa", Until: time.Now().Add(-time.Second), Claim: claim})
	if !claim.Granted || claim.Epoch != 1 {
		t.Fatalf("claim is %+v", claim)
	}
	return w, id, so
}

func (w *world) apply(id models.ID, facts ...orders.Fact) orders.Changes {
	w.t.Helper()
	c, err := w.tryApply(id, facts...)
	w.must(err)
	return c
}

func (w *world) tryApply(id models.ID, facts ...orders.Fact) (c orders.Changes, err error) {
	err = w.db.Of(w.m).InTx(context.Background(), func(tx database.Tx) error {
		c, err = w.orders.Apply(tx, w.m, id, orders.By{Actor: models.ActorSystem, Source: models.SourceEngine}, facts...)
		return err
	})
	return c, err
}

func TestAClaimWhoseLeaseEndedBecomesUnknownAndIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	w, id, so := claimed(t)
	if _, err := w.tryApply(id, orders.PlacementClaimed{SupplierOrderID: so.ID, SHA256: "aa", Until: time.Now(), Claim: &orders.Claim{}}); codeOf(err) != "placement_moved_on" {
		t.Errorf("claimed twice: %v", err)
	}
	w.open(false)
	w.work()
	w.placementIs(id, so.ID, models.PlacementUnknown)
	checked := func() int {
		return one[int](w, "SELECT count(*) FROM river_job WHERE kind = 'check' AND state = 'completed'")
	}
	before := checked()
	waitFor(t, "it is looked after", func() bool { return checked() > before+4 })
	if w.sent() != 0 || w.supplierOrder(id, so.ID).State != models.PlacementUnknown {
		t.Errorf("%d calls, %s", w.sent(), w.supplierOrder(id, so.ID).State)
	}
}

func TestAPreflightThatComesLateTakesNoPurchaseBack(t *testing.T) {
	t.Parallel()
	w, id, so := claimed(t)
	refused := orders.PlacementRefused{SupplierOrderID: so.ID, Err: models.Errorf(models.Rejected, "out_of_stock", "None left.")}
	approved := orders.PlacementApproved{SupplierOrderID: so.ID, Request: []byte("{}"), SHA256: "bb"}
	for _, state := range []models.PlacementState{models.PlacementSending, models.PlacementUnknown} {
		for _, late := range []orders.Fact{refused, approved} {
			if _, err := w.tryApply(id, late); codeOf(err) != "placement_moved_on" || w.supplierOrder(id, so.ID).State != state {
				t.Errorf("%s became %s: %v", state, w.supplierOrder(id, so.ID).State, err)
			}
		}
		w.apply(id, orders.PlacementExpired{SupplierOrderID: so.ID})
	}
}

func TestALateAnswerIsRecorded(t *testing.T) {
	t.Parallel()
	answer := func(so models.SupplierOrder, epoch int, r models.PlaceResult) orders.PlacementSent {
		return orders.PlacementSent{SupplierOrderID: so.ID, Epoch: epoch, Result: r}
	}
	placed := models.PlaceResult{Class: models.ClassPlaced, Numbers: []string{"8190000000000077"}}
	t.Run("while it is unknown", func(t *testing.T) {
		t.Parallel()
		w, id, so := claimed(t)
		w.apply(id, orders.PlacementExpired{SupplierOrderID: so.ID})
		w.apply(id, answer(so, 1, placed))
		if got := w.supplierOrder(id, so.ID); got.State != models.PlacementPlaced || got.ExternalID != "8190000000000077" {
			t.Errorf("%s %s", got.State, got.ExternalID)
		}
	})
	t.Run("after a person said it is not there", func(t *testing.T) {
		t.Parallel()
		w, id, so := claimed(t)
		w.apply(id, orders.PlacementExpired{SupplierOrderID: so.ID})
		w.apply(id, orders.PlacementAbsent{SupplierOrderID: so.ID})
		w.apply(id, answer(so, 1, placed))
		if got := w.supplierOrder(id, so.ID); got.State != models.PlacementPlaced {
			t.Errorf("%s: it would be bought twice", got.State)
		}
	})
	t.Run("after the next try has begun", func(t *testing.T) {
		t.Parallel()
		w, id, so := claimed(t)
		w.apply(id, orders.PlacementExpired{SupplierOrderID: so.ID})
		w.apply(id, orders.PlacementAbsent{SupplierOrderID: so.ID})
		w.apply(id, orders.PlacementClaimed{SupplierOrderID: so.ID, SHA256: "aa", Until: time.Now().Add(time.Hour), Claim: &orders.Claim{}})
		flagged := func() bool {
			return one[int](w, "SELECT count(*) FROM flags WHERE order_id = ? AND code = 'maybe_bought_twice' AND closed_at IS NULL", id) == 1
		}
		w.apply(id, answer(so, 1, placed))
		if !flagged() || w.supplierOrder(id, so.ID).State != models.PlacementSending {
			t.Errorf("flagged %t, %s", flagged(), w.supplierOrder(id, so.ID).State)
		}
		w.apply(id, answer(so, 2, placed)) // the same number: AliExpress knew the key
		if flagged() {
			t.Error("one number is called two purchases")
		}
		if n := one[int](w, "SELECT count(*) FROM placement_attempts WHERE numbers @> '[\"8190000000000077\"]'"); n != 2 {
			t.Errorf("%d attempts are kept", n)
		}
	})
	t.Run("after the next try has brought another number", func(t *testing.T) {
		t.Parallel()
		w, id, so := claimed(t)
		w.apply(id, orders.PlacementExpired{SupplierOrderID: so.ID})
		w.apply(id, orders.PlacementAbsent{SupplierOrderID: so.ID})
		w.apply(id, orders.PlacementClaimed{SupplierOrderID: so.ID, SHA256: "aa", Until: time.Now().Add(time.Hour), Claim: &orders.Claim{}})
		w.apply(id, answer(so, 2, models.PlaceResult{Class: models.ClassPlaced, Numbers: []string{"8190000000000078"}}))
		w.apply(id, answer(so, 1, placed))
		if n := one[int](w, "SELECT count(*) FROM flags WHERE order_id = ? AND code = 'maybe_bought_twice' AND closed_at IS NULL AND detail LIKE '%8190000000000077%'", id); n != 1 {
			t.Error("nobody is told of the second purchase")
		}
	})
	t.Run("a refusal", func(t *testing.T) {
		t.Parallel()
		w, id, so := claimed(t)
		w.apply(id, orders.PlacementExpired{SupplierOrderID: so.ID})
		w.apply(id, answer(so, 1, models.PlaceResult{Class: models.ClassRejected, Err: models.Errorf(models.Rejected, "out_of_stock", "None left.")}))
		if got := w.supplierOrder(id, so.ID); got.State != models.PlacementRejected {
			t.Errorf("%s", got.State)
		}
	})
}

func TestCase35And36_LinkingANumberThatWasBoughtByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	buy := func(items ...aliexpresssim.Item) string {
		t.Helper()
		number, err := w.ae.BuyByHand(aliexpresssim.Purchase{Items: items})
		w.must(err)
		return number
	}
	both := []aliexpresssim.Item{{ProductID: bottle, SKUID: bottleBrown, Quantity: 2}, {ProductID: solarLamp, SKUID: solarSKU, Quantity: 1}}
	refuse := func(name, want string, id models.ID, r ordersync.LinkRequest) {
		t.Helper()
		if _, _, err := w.sync.Link(t.Context(), w.m, id, r, person); codeOf(err) != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	_, first := w.ready()
	_, second := w.ready()
	number := buy(both...)
	so, _, err := w.sync.Link(t.Context(), w.m, first, ordersync.LinkRequest{Number: number}, person)
	w.must(err)
	if so.Origin != models.OriginLinked || len(so.Lines) != 2 || w.detail(first).Order.Tab != models.TabAwaitingPayment {
		t.Errorf("%+v in %s", so, w.detail(first).Order.Tab)
	}
	refuse("already linked", "number_already_linked", second, ordersync.LinkRequest{Number: number})
	refuse("unknown number", "number_not_of_this_account", second, ordersync.LinkRequest{Number: "8190000000000001"})
	other := w.ae.AddAccount()
	foreign, err := w.ae.BuyByHand(aliexpresssim.Purchase{UserID: other.UserID, Items: both})
	w.must(err)
	refuse("number of another account", "number_not_of_this_account", second, ordersync.LinkRequest{Number: foreign})
	wrong := buy(aliexpresssim.Item{ProductID: deskLamp, SKUID: deskWhite, Quantity: 1})
	refuse("wrong contents", "lines_not_matched", second, ordersync.LinkRequest{Number: wrong})
	lines := w.detail(second).Lines
	refuse("more than it holds", "lines_not_matched", second, ordersync.LinkRequest{Number: wrong, Lines: []ordersync.LineQuantity{{LineID: lines[0].LineID, Quantity: 2}}})
	refuse("an unknown line", "line_not_found", second, ordersync.LinkRequest{Number: wrong, Lines: []ordersync.LineQuantity{{LineID: "x", Quantity: 1}}})
	so, warnings, err := w.sync.Link(t.Context(), w.m, second, ordersync.LinkRequest{Number: wrong, Lines: []ordersync.LineQuantity{{LineID: lines[1].LineID, Quantity: 1}}}, person)
	w.must(err)
	if len(so.Lines) != 1 || so.Lines[0].LineID != lines[1].LineID || so.Lines[0].SKUID != deskWhite {
		t.Errorf("%+v", so.Lines)
	}
	if len(warnings) != 2 || warnings[0].Code != "items_differ" || warnings[1].Code != "destination_unknown" {
		t.Errorf("warned of %+v", warnings)
	}
	// A parcel of what was linked reaches the store like any other.
	w.must(w.ae.Pay(number, aliexpresssim.PayOptions{}))
	_, err = w.ae.Ship(number, aliexpresssim.ShipOptions{MailNo: "LPHAND"})
	w.must(err)
	w.inTab(first, models.TabFulfilled)
	shipped := buy(both...)
	w.must(w.ae.Pay(shipped, aliexpresssim.PayOptions{}))
	_, err = w.ae.Ship(shipped, aliexpresssim.ShipOptions{MailNo: "LPDONE"})
	w.must(err)
	_, third := w.ready()
	_, _, err = w.sync.Link(t.Context(), w.m, third, ordersync.LinkRequest{Number: shipped}, person)
	w.must(err)
	if d := w.detail(third); d.Order.Tab != models.TabFulfilled || len(d.Parcels) != 1 {
		t.Errorf("one that has shipped already is in %s with %d parcels", d.Order.Tab, len(d.Parcels))
	}
	if slices.Contains(w.flags(third), models.FlagSupplierOrderNoData) {
		t.Error("flagged")
	}
}
