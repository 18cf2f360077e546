package ordersync_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

var lampLine = wixsim.NewLine{CatalogItemID: "0614129c-8777-9f3b-4dfe-b80a54df10d5", VariantID: "00000000-0000-0040-0005-a316f7c67df7", Name: "Desk Lamp", Quantity: 1, Price: "34.50"}

func fallback(mp *models.ProductMapping) { mp.Rank = 1 }

// rule switches automatic placing on, with a hold window of so many minutes.
func (w *world) rule(hold int, change ...func(*models.Settings)) {
	w.t.Helper()
	s := models.Settings{HoldMinutes: &hold, AutoPlace: models.AutoPlace{Enabled: true}}
	for _, f := range change {
		f(&s)
	}
	w.must(w.sync.Decide(context.Background(), w.m, "UTC", s, "api:test"))
}

// look reads an order from its store as a check does, with what follows from it.
func (w *world) look(id models.ID) {
	w.t.Helper()
	_, err := w.sync.Check(context.Background(), w.m, id, ordersync.CheckOptions{Direction: models.FromStore, Force: true, By: person})
	w.must(err)
}

// placements lists an order's supplier orders as "state code@store".
func (w *world) placements(id models.ID) []string {
	var out []string
	for _, so := range w.detail(id).SupplierOrders {
		out = append(out, strings.TrimSpace(string(so.State)+" "+so.ErrorCode)+"@"+so.SupplierStoreID)
	}
	return out
}

func (w *world) text(id models.ID, kind string) string {
	for _, e := range w.events(id) {
		if e.Kind == kind {
			return e.Text
		}
	}
	return ""
}

// inMarket finds an order as AliExpress truly has it.
func (w *world) inMarket(number string) aliexpresssim.Order {
	w.t.Helper()
	o, err := w.ae.Order(number)
	w.must(err)
	return o
}

func TestCase31_TheFallbackSupplierIsUsedOnceAndOnlyWhenTheFirstHasEnded(t *testing.T) {
	t.Parallel()
	none, gone, dear := 0, "offline", "99.00"
	for name, c := range map[string]struct {
		change aliexpresssim.ProductChange
		code   string
	}{
		"out of stock":    {aliexpresssim.ProductChange{SKUID: bottleBrown, Stock: &none}, "out_of_stock"},
		"product gone":    {aliexpresssim.ProductChange{Status: &gone}, "product_gone"},
		"price above cap": {aliexpresssim.ProductChange{SKUID: bottleBrown, Price: &dear}, "price_above_cap"},
		"not sold there":  {aliexpresssim.ProductChange{ShipTo: []string{"DE"}}, "not_sold_there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.ae.ChangeProduct(bottle, c.change))
			w.mapping(earbuds, bottle, bottleBrown, kedi, func(mp *models.ProductMapping) {
				limit := int64(1000)
				mp.PriceCapMinor, mp.PriceCapCurrency = &limit, "USD"
			})
			w.mapping(earbuds, deskLamp, deskWhite, lumen, fallback)
			w.mapping(lamp, solarLamp, solarSKU, kedi)
			_, id := w.ready(earbudsLine, lampLine)
			p, err := w.sync.Preflight(t.Context(), w.m, id, ordersync.PlanRequest{})
			w.must(err)
			if !p.Ready || len(p.Groups) != 2 || p.Groups[0].SupplierStoreID != lumen || p.Groups[0].Lines[0].Rank != 1 || p.Groups[0].Lines[0].Problems[0].Code != "fallback_used" {
				t.Errorf("the dry run says %+v", p)
			}
			w.plan(id, ordersync.PlanRequest{})
			w.inTab(id, models.TabAwaitingPayment)
			want := []string{"rejected " + c.code + "@" + kedi, "placed@" + lumen, "placed@" + kedi}
			if diff := cmp.Diff(want, w.placements(id)); diff != "" {
				t.Error(diff)
			}
			d := w.detail(id)
			first := d.SupplierOrders[0].ID
			for _, so := range d.SupplierOrders[1:] {
				if so.Replaces == nil || *so.Replaces != first || w.bought(so.OutOrderID) != 1 {
					t.Errorf("%s replaces %v, bought %d times", so.ID, so.Replaces, w.bought(so.OutOrderID))
				}
			}
			if w.sent() != 2 || len(d.Flags) != 0 || w.text(id, models.EventPlacementFallback) == "" {
				t.Errorf("%d calls, flags %v", w.sent(), w.flags(id))
			}
		})
	}
	t.Run("the fallback has none either", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.must(w.ae.ChangeProduct(bottle, aliexpresssim.ProductChange{Status: &gone}))
		w.must(w.ae.ChangeProduct(deskLamp, aliexpresssim.ProductChange{Status: &gone}))
		w.mapping(earbuds, bottle, bottleBrown, kedi)
		w.mapping(earbuds, deskLamp, deskWhite, lumen, fallback)
		_, id := w.ready(earbudsLine)
		w.plan(id, ordersync.PlanRequest{})
		waitFor(t, "both were refused", func() bool {
			return slices.Equal(w.placements(id), []string{"rejected product_gone@" + kedi, "rejected product_gone@" + lumen})
		})
		if w.sent() != 0 || !w.flagged(id, models.FlagPlaceFailed) {
			t.Errorf("%d calls, flags %v", w.sent(), w.flags(id))
		}
	})
	t.Run("one of two failed lines has no fallback", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.must(w.ae.ChangeProduct(bottle, aliexpresssim.ProductChange{Status: &gone}))
		w.must(w.ae.ChangeProduct(solarLamp, aliexpresssim.ProductChange{Status: &gone}))
		w.mapping(earbuds, bottle, bottleBrown, kedi)
		w.mapping(earbuds, deskLamp, deskWhite, lumen, fallback)
		w.mapping(lamp, solarLamp, solarSKU, kedi)
		_, id := w.ready(earbudsLine, lampLine)
		so := w.plan(id, ordersync.PlanRequest{})
		w.placementIs(id, so.ID, models.PlacementRejected)
		if diff := cmp.Diff([]string{"rejected product_gone@" + kedi}, w.placements(id)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("AliExpress itself says so", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.mapping(earbuds, bottle, bottleBrown, kedi)
		w.mapping(earbuds, deskLamp, deskWhite, lumen, fallback)
		_, id := w.ready(earbudsLine)
		w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: "business:INVENTORY_HOLD_ERROR", Times: 1}))
		w.plan(id, ordersync.PlanRequest{})
		w.inTab(id, models.TabAwaitingPayment)
		if diff := cmp.Diff([]string{"rejected out_of_stock@" + kedi, "placed@" + lumen}, w.placements(id)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the first may exist", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, mute, hasty)
		w.mapping(earbuds, bottle, bottleBrown, kedi)
		w.mapping(earbuds, deskLamp, deskWhite, lumen, fallback)
		_, id := w.ready(earbudsLine)
		w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: "business:REPEATED_ORDER_ERROR"}))
		so := w.plan(id, ordersync.PlanRequest{})
		w.placementIs(id, so.ID, models.PlacementUnknown)
		if len(w.placements(id)) != 1 {
			t.Errorf("%v", w.placements(id))
		}
	})
}

func TestPreflightWritesNothingAndNamesEveryProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	w.mapping(earbuds, bottle, bottleBrown, kedi, func(mp *models.ProductMapping) { mp.ShippingService = "PIGEON" })
	o := w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{
		{CatalogItemID: earbudsLine.CatalogItemID, VariantID: earbudsLine.VariantID, Name: "Wireless Earbuds", Quantity: 2, Price: "19.99", CustomText: map[string]string{"Engraving": "For Tom"}},
		lampLine,
	}, Buyer: wixsim.NewBuyer{FirstName: "J", LastName: "Doe", Phone: "+12125550123"}})
	id := w.take(o)
	before := w.detail(id)
	p, err := w.sync.Preflight(t.Context(), w.m, id, ordersync.PlanRequest{})
	w.must(err)
	var found []string
	for _, x := range p.Problems {
		found = append(found, x.Code+x.Pointer)
	}
	if diff := cmp.Diff([]string{"address_rejected/recipient/first_name", "no_supplier"}, found); diff != "" || p.Ready {
		t.Errorf("ready %t, problems: %s", p.Ready, diff)
	}
	if len(p.Groups) != 1 || len(p.Groups[0].Lines) != 1 {
		t.Fatalf("%+v", p.Groups)
	}
	line := p.Groups[0].Lines[0]
	if line.Price.String() != "8.00 USD" || line.Stock != 64 || line.Service == nil || len(line.Services) < 2 || line.SKUName != "Color: Brown" {
		t.Errorf("%+v", line)
	}
	if len(line.Problems) != 2 || line.Problems[0].Code != "service_not_offered" || line.Problems[1].Code != "custom_text" || line.Problems[1].Blocks {
		t.Errorf("%+v", line.Problems)
	}
	if len(p.Totals) != 1 || p.Totals[0].Goods.String() != "16.00 USD" {
		t.Errorf("%+v", p.Totals)
	}
	if !strings.Contains(p.Groups[0].Note, "Engraving: For Tom") {
		t.Errorf("note %q", p.Groups[0].Note)
	}
	if after := w.detail(id); after.Order.Version != before.Order.Version || w.sent() != 0 || one[int](w, "SELECT count(*) FROM supplier_orders") != 0 {
		t.Error("it wrote something")
	}
	if _, err := w.sync.Preflight(t.Context(), w.m, id, ordersync.PlanRequest{Lines: []ordersync.LineQuantity{{LineID: "x", Quantity: 1}}}); codeOf(err) != "line_not_found" {
		t.Errorf("an unknown line: %v", err)
	}
}

func TestCase32_WhatIsNotShippedThereEndsBeforeMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready(earbudsLine)
	w.must(w.ae.ChangeProduct(bottle, aliexpresssim.ProductChange{ShipTo: []string{"DE"}}))
	p, err := w.sync.Preflight(t.Context(), w.m, id, ordersync.PlanRequest{})
	w.must(err)
	if p.Ready || p.Groups[0].Lines[0].Problems[0].Code != "not_sold_there" {
		t.Errorf("%+v", p)
	}
	so := w.plan(id, ordersync.PlanRequest{})
	so = w.placementIs(id, so.ID, models.PlacementRejected)
	if so.ErrorCode != "not_sold_there" || w.sent() != 0 {
		t.Errorf("%s, %d calls", so.ErrorCode, w.sent())
	}
}

func TestCase30_AnAddressThatIsRefusedIsMendedForThePurchaseOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o := w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{earbudsLine}, Address: &wixsim.NewAddress{
		Country: "US", Subdivision: "US-NY", City: "New York", PostalCode: "10011", AddressLine: "235 West Twenty-third Street, the red door, second floor",
	}})
	id := w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	so := w.plan(id, ordersync.PlanRequest{})
	so = w.placementIs(id, so.ID, models.PlacementRejected)
	if so.ErrorCode != "address_rejected" || len(so.ErrorFields) != 1 || so.ErrorFields[0].Pointer != "/line1" || w.sent() != 0 {
		t.Errorf("%s %+v, %d calls", so.ErrorCode, so.ErrorFields, w.sent())
	}
	if !w.flagged(id, models.FlagPlaceFailed) || !strings.Contains(so.ErrorDetail, "line1 must have 5 to 35 characters") {
		t.Errorf("flags %v: %s", w.flags(id), so.ErrorDetail)
	}
	to := w.detail(id).Recipient
	to.Phone = "none"
	if err := w.sync.SetPurchaseAddress(t.Context(), w.m, id, to, person); codeOf(err) != "address_rejected" || models.AsError(err).Fields[0].Pointer != "/address/phone" {
		t.Errorf("an address as bad: %v", err)
	}
	to = w.detail(id).Recipient
	to.Line1, to.Line2 = "235 West 23rd Street", "red door, second floor"
	w.must(w.sync.SetPurchaseAddress(t.Context(), w.m, id, to, person))
	w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	d := w.detail(id)
	number := d.SupplierOrders[1].ExternalID
	if got := w.inMarket(number).Address["address"]; got != "235 West 23rd Street" {
		t.Errorf("sent to %q", got)
	}
	if d.Recipient.Line1 == to.Line1 || d.PurchaseAddress == nil || *d.PurchaseAddress != to || d.Order.PurchaseAddressBy != person.Actor {
		t.Errorf("the store's address is %q, the other %v", d.Recipient.Line1, d.PurchaseAddress)
	}
	if text := w.text(id, models.EventPurchaseAddress); !strings.Contains(text, "line 1, line 2") || strings.Contains(text, "23rd") {
		t.Errorf("the timeline says %q", text)
	}
}

func TestTheAddressForThePurchaseIsKeptWhenTheStoreChangesItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o, id := w.ready(earbudsLine)
	to := w.detail(id).Recipient
	to.Line2 = "back door"
	w.must(w.sync.SetPurchaseAddress(t.Context(), w.m, id, to, person))
	if w.flagged(id, models.FlagOverrideConflict) {
		t.Error("flagged before anything changed")
	}
	_, err := w.wix.EditOrder(o.ID, wixsim.Edit{Address: &wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "Albany", PostalCode: "12207", AddressLine: "1 State Street"}})
	w.must(err)
	waitFor(t, "the conflict is flagged", func() bool { return w.flagged(id, models.FlagOverrideConflict) })
	if d := w.detail(id); d.Recipient.City != "Albany" || d.ShipTo() != to {
		t.Errorf("recipient in %s, shipped to %+v", d.Recipient.City, d.ShipTo())
	}
	w.must(w.sync.DropPurchaseAddress(t.Context(), w.m, id, person))
	if d := w.detail(id); w.flagged(id, models.FlagOverrideConflict) || d.ShipTo().City != "Albany" || d.PurchaseAddress != nil {
		t.Error("going back leaves something behind")
	}
	if err := w.sync.DropPurchaseAddress(t.Context(), w.m, id, person); codeOf(err) != "purchase_address_not_found" {
		t.Errorf("dropped twice: %v", err)
	}
}

func TestCase19_AnOrderEditedBeforePlacingIsCheckedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	w.stock()
	w.rule(30)
	o := w.sold(wixsim.NewOrder{})
	id := w.take(o)
	w.look(id)
	so := w.detail(id).SupplierOrders[0]
	if !so.Auto || so.NotBefore == nil || len(so.Lines) != 2 {
		t.Fatalf("planned %+v", so)
	}
	approve := func() {
		t.Helper()
		w.apply(id, orders.PlacementApproved{SupplierOrderID: so.ID, Request: []byte("{}"), SHA256: "aa", DeliverTo: w.detail(id).Order.DeliverTo(), Lines: w.supplierOrder(id, so.ID).Lines})
	}
	approve()
	early := time.Now().Add(5 * time.Minute)
	w.apply(id, orders.PlacementHeld{SupplierOrderID: so.ID, Until: early})
	edit := func(e wixsim.Edit) models.SupplierOrder {
		t.Helper()
		_, err := w.wix.EditOrder(o.ID, e)
		w.must(err)
		w.look(id)
		return w.supplierOrder(id, so.ID)
	}
	again := func(what string, got models.SupplierOrder) {
		t.Helper()
		if got.State != models.PlacementPlanned || got.Request != nil || got.OutOrderID != so.OutOrderID || got.NotBefore == nil || time.Until(*got.NotBefore) < 25*time.Minute {
			t.Errorf("after %s: %s, until %v, key %s", what, got.State, got.NotBefore, got.OutOrderID)
		}
	}
	again("another address", edit(wixsim.Edit{Address: &wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "Albany", PostalCode: "12207", AddressLine: "1 State Street"}}))
	approve()
	lines := w.detail(id).Lines
	got := edit(wixsim.Edit{Lines: []wixsim.Quantity{{ID: lines[0].LineID, Quantity: 1}}})
	again("a smaller quantity", got)
	if got.Lines[0].Quantity != 1 {
		t.Errorf("still %d are to be bought", got.Lines[0].Quantity)
	}
	approve()
	got = edit(wixsim.Edit{Lines: []wixsim.Quantity{{ID: lines[0].LineID, Quantity: 3}}})
	again("a larger quantity", got)
	if got.Lines[0].Quantity != 3 {
		t.Errorf("the rule buys %d of 3", got.Lines[0].Quantity)
	}
	got = edit(wixsim.Edit{Lines: []wixsim.Quantity{{ID: lines[1].LineID}}})
	if len(got.Lines) != 1 || got.State != models.PlacementPlanned {
		t.Errorf("a removed line is still to be bought: %+v", got.Lines)
	}
	_, err := w.wix.RefundOrder(o.ID, []wixsim.Quantity{{ID: lines[0].LineID, Quantity: 3}})
	w.must(err)
	w.look(id)
	got = w.supplierOrder(id, so.ID)
	if got.State != models.PlacementRejected || got.ErrorCode != "order_changed" {
		t.Errorf("nothing is owed, yet it is %s %s", got.State, got.ErrorCode)
	}
	if w.text(id, models.EventPlacementRemade) == "" || w.sent() != 0 {
		t.Error("the timeline does not tell")
	}
}

func TestAnApprovalForWhatTheOrderWasIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	w.stock()
	o := w.sold(wixsim.NewOrder{})
	id := w.take(o)
	so := w.plan(id, ordersync.PlanRequest{})
	was := w.detail(id)
	_, err := w.wix.EditOrder(o.ID, wixsim.Edit{Address: &wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "Albany", PostalCode: "12207", AddressLine: "1 State Street"}})
	w.must(err)
	w.take(o)
	approval := orders.PlacementApproved{SupplierOrderID: so.ID, Request: []byte("{}"), SHA256: "aa", DeliverTo: was.Order.DeliverTo()}
	if _, err := w.tryApply(id, approval); codeOf(err) != "order_changed" {
		t.Errorf("approved for the old address: %v", err)
	}
	approval.DeliverTo = w.detail(id).Order.DeliverTo()
	approval.Lines = slices.Clone(so.Lines)
	approval.Lines[0].Quantity++
	if _, err := w.tryApply(id, approval); codeOf(err) != "order_changed" {
		t.Errorf("approved for another quantity: %v", err)
	}
	approval.Lines = nil
	w.apply(id, approval)
	if _, err := w.tryApply(id, orders.PlacementClaimed{SupplierOrderID: so.ID, SHA256: "bb", Until: time.Now(), Claim: &orders.Claim{}}); codeOf(err) != "placement_moved_on" {
		t.Errorf("claimed for another request: %v", err)
	}
	if w.supplierOrder(id, so.ID).State != models.PlacementApproved {
		t.Error("a claim for another request ends the placement")
	}
}

func TestCase25_WhatTheBuyerWroteReachesTheSeller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	w.must(w.sync.Decide(t.Context(), w.m, "UTC", models.Settings{SellerNote: "Order {order}, no invoice please. {options}"}, "api:test"))
	line := earbudsLine
	line.Options, line.CustomText = map[string]string{"Color": "Black"}, map[string]string{"Engraving": "For Tom"}
	memo := func(r ordersync.PlanRequest) string {
		t.Helper()
		o := w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{line}})
		id := w.idOf(o.ID)
		w.inTab(id, models.TabAwaitingOrder)
		so := w.plan(id, r)
		so = w.placementIs(id, so.ID, models.PlacementPlaced)
		if got := w.detail(id).Lines[0].CustomText; got != "Engraving: For Tom" {
			t.Errorf("the order shows %q", got)
		}
		return strings.ReplaceAll(w.inMarket(so.ExternalID).Items[0].Memo, w.detail(id).Order.Number, "N")
	}
	if got := memo(ordersync.PlanRequest{}); got != "Order N, no invoice please. Wireless Earbuds: Color: Black, Engraving: For Tom" {
		t.Errorf("by the template: %q", got)
	}
	if got := memo(ordersync.PlanRequest{Note: "Gift, no prices"}); got != "Gift, no prices\nWireless Earbuds: Engraving: For Tom" {
		t.Errorf("with a note of its own: %q", got)
	}
	line.CustomText["Engraving"] = strings.Repeat("very ", 250) + "long"
	o := w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{line}})
	id := w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	so := w.plan(id, ordersync.PlanRequest{})
	if so = w.placementIs(id, so.ID, models.PlacementRejected); so.ErrorCode != "note_too_long" {
		t.Errorf("%s: %s", so.ErrorCode, so.ErrorDetail)
	}
}

func TestCase24_BulkPlacingSkipsWhatHasNoSupplierAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mapping(earbuds, bottle, bottleBrown, kedi)
	var ids []models.ID
	for range 3 {
		_, id := w.ready(earbudsLine)
		ids = append(ids, id)
	}
	_, unmapped := w.ready(lampLine)
	shut := w.idOf(w.sold(wixsim.NewOrder{Payment: "authorized", Lines: []wixsim.NewLine{earbudsLine}}).ID)
	const nobody = "0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"
	request := ordersync.BulkRequest{IDs: append(slices.Clone(ids), unmapped, shut, nobody)}
	var both sync.WaitGroup
	results := make([]ordersync.BulkResult, 2)
	for i := range results {
		both.Go(func() {
			var err error
			if results[i], err = w.sync.PlanMany(context.Background(), w.m, request, person); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	for i := range ids {
		a, b := results[0].Rows[i], results[1].Rows[i]
		if len(a.Supplier) != 1 || len(b.Supplier) != 1 || a.Supplier[0].ID != b.Supplier[0].ID || a.Outcome == b.Outcome {
			t.Errorf("row %d: %s %v and %s %v", i, a.Outcome, a.Err, b.Outcome, b.Err)
		}
	}
	for i, code := range []string{"no_supplier", "order_not_paid", "order_not_found"} {
		row := results[0].Rows[3+i]
		if row.Outcome != models.BulkRefused || row.Err.Code != code {
			t.Errorf("row %d: %s %v", 3+i, row.Outcome, row.Err)
		}
	}
	for _, id := range ids {
		w.inTab(id, models.TabAwaitingPayment)
	}
	if n := w.sent(); n != 3 {
		t.Errorf("%d calls", n)
	}
	w.mapping(lamp, solarLamp, solarSKU, kedi)
	waitFor(t, "the waiting order has its supplier", func() bool { return w.detail(unmapped).Lines[0].Mapped })
	result, err := w.sync.PlanMany(t.Context(), w.m, ordersync.BulkRequest{Filter: &orders.Filter{Tab: models.TabAwaitingOrder, StoreID: w.store.ID}}, person)
	w.must(err)
	at := slices.IndexFunc(result.Rows, func(r ordersync.BulkRow) bool { return r.OrderID == unmapped })
	if at < 0 || result.Rows[at].Outcome != models.BulkPlanned || result.Left != 0 {
		t.Errorf("%d rows, %d left", len(result.Rows), result.Left)
	}
}

func TestTheHoldOfAPlacementIsChangedUntilItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	until := time.Now().Add(time.Hour)
	so := w.plan(id, ordersync.PlanRequest{NotBefore: &until})
	_, wait, err := w.sync.HoldPlacement(t.Context(), w.m, so.ID, until.Add(time.Hour), person)
	w.must(err)
	if wait != models.WaitWindow || !slices.ContainsFunc(w.detail(id).Order.Chips, func(c models.Chip) bool { return c.Code == "hold_window" }) {
		t.Errorf("waits for %q, chips %v", wait, w.detail(id).Order.Chips)
	}
	if _, _, err := w.sync.HoldPlacement(t.Context(), w.m, so.ID, time.Now().Add(-time.Hour), person); codeOf(err) != "validation_failed" {
		t.Errorf("held until yesterday: %v", err)
	}
	so, _, err = w.sync.Withdraw(t.Context(), w.m, so.ID, person)
	w.must(err)
	if so.State != models.PlacementRejected || so.ErrorCode != models.CodeWithdrawn || len(w.flags(id)) != 0 || w.detail(id).Order.Tab != models.TabAwaitingOrder {
		t.Errorf("%s %s, flags %v", so.State, so.ErrorCode, w.flags(id))
	}
	so = w.plan(id, ordersync.PlanRequest{NotBefore: &until})
	_, _, err = w.sync.PlaceNow(t.Context(), w.m, so.ID, person)
	w.must(err)
	w.inTab(id, models.TabAwaitingPayment)
	for name, try := range map[string]func() error{
		"place now": func() error { _, _, err := w.sync.PlaceNow(t.Context(), w.m, so.ID, person); return err },
		"hold":      func() error { _, _, err := w.sync.HoldPlacement(t.Context(), w.m, so.ID, until, person); return err },
		"withdraw":  func() error { _, _, err := w.sync.Withdraw(t.Context(), w.m, so.ID, person); return err },
	} {
		if err := try(); codeOf(err) != "placement_moved_on" {
			t.Errorf("%s once it is bought: %v", name, err)
		}
	}
	if w.sent() != 1 {
		t.Errorf("%d calls", w.sent())
	}
}

func TestAHeldOrderIsNeitherPlacedNorSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	until := time.Now().Add(300 * time.Millisecond)
	so := w.plan(id, ordersync.PlanRequest{NotBefore: &until})
	w.must(w.sync.HoldOrder(t.Context(), w.m, id, nil, person))
	waitFor(t, "its window is over", func() bool { return time.Now().After(until.Add(200 * time.Millisecond)) })
	if _, wait, err := w.sync.PlaceNow(t.Context(), w.m, so.ID, person); err != nil || wait != models.WaitHeld {
		t.Errorf("pressed on, it waits for %q: %v", wait, err)
	}
	w.apply(id, orders.PlacementApproved{SupplierOrderID: so.ID, Request: []byte("{}"), SHA256: "aa"})
	if _, err := w.tryApply(id, orders.PlacementClaimed{SupplierOrderID: so.ID, SHA256: "aa", Until: time.Now(), Claim: &orders.Claim{}}); codeOf(err) != "placement_waits" {
		t.Errorf("claimed while held: %v", err)
	}
	w.apply(id, orders.PlacementRemade{SupplierOrderID: so.ID})
	if !w.flagged(id, models.FlagHeld) || w.sent() != 0 {
		t.Errorf("flags %v, %d calls", w.flags(id), w.sent())
	}
	_, other := w.ready()
	w.must(w.sync.HoldOrder(t.Context(), w.m, other, nil, person))
	if _, err := w.sync.Plan(t.Context(), w.m, other, ordersync.PlanRequest{}, person); codeOf(err) != "order_held" {
		t.Errorf("placed while held: %v", err)
	}
	w.must(w.sync.ReleaseOrder(t.Context(), w.m, id, person))
	w.inTab(id, models.TabAwaitingPayment)
	if w.flagged(id, models.FlagHeld) || w.sent() != 1 {
		t.Errorf("flags %v, %d calls", w.flags(id), w.sent())
	}
	if err := w.sync.ReleaseOrder(t.Context(), w.m, id, person); codeOf(err) != "order_not_held" {
		t.Errorf("released twice: %v", err)
	}
	soon := time.Now().Add(500 * time.Millisecond)
	w.must(w.sync.HoldOrder(t.Context(), w.m, other, &soon, person))
	waitFor(t, "the hold ends by itself", func() bool { return !w.flagged(other, models.FlagHeld) })
}

func TestTheRuleBuysWhatComesAfterIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, before := w.ready()
	w.rule(0)
	bought := w.idOf(w.sold(wixsim.NewOrder{}).ID)
	w.inTab(bought, models.TabAwaitingPayment)
	if so := w.detail(bought).SupplierOrders[0]; !so.Auto {
		t.Error("a person is said to have bought it")
	}
	unpaid := w.sold(wixsim.NewOrder{Payment: "authorized"})
	id := w.idOf(unpaid.ID)
	w.inTab(id, models.TabPending)
	_, err := w.wix.PayOrder(unpaid.ID)
	w.must(err)
	w.inTab(id, models.TabAwaitingPayment) // the fact that made it placeable planned it
	if d := w.detail(before); len(d.SupplierOrders) != 0 {
		t.Error("it bought what was there before")
	}
	w.rule(30)
	held := w.idOf(w.sold(wixsim.NewOrder{}).ID)
	waitFor(t, "it is planned with its window", func() bool {
		d := w.detail(held)
		return len(d.SupplierOrders) == 1 && d.WaitOf(d.SupplierOrders[0]) == models.WaitWindow
	})
	_, _, err = w.sync.Withdraw(t.Context(), w.m, w.detail(held).SupplierOrders[0].ID, person)
	w.must(err)
	w.look(held) // looked at again, it stays as the person wants it
	if len(w.detail(held).SupplierOrders) != 1 {
		t.Error("what a person withdrew is planned again")
	}
}

func TestCase18_TheRuleNeverBuysWhatIsNotPlain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	w.stock()
	limit := int64(100)
	for name, c := range map[string]struct {
		order wixsim.NewOrder
		rule  func(*models.Settings)
		code  string
	}{
		"made by staff":   {wixsim.NewOrder{Staff: true}, func(*models.Settings) {}, "made_by_staff"},
		"not paid":        {wixsim.NewOrder{Payment: "authorized"}, func(*models.Settings) {}, "order_not_paid"},
		"another country": {wixsim.NewOrder{}, func(s *models.Settings) { s.AutoPlace.Countries = []string{"DE"} }, "other_country"},
		"too dear":        {wixsim.NewOrder{}, func(s *models.Settings) { s.AutoPlace.MaxTotalMinor, s.AutoPlace.MaxTotalCurrency = &limit, "USD" }, "above_total"},
		"no supplier":     {wixsim.NewOrder{Lines: []wixsim.NewLine{earbudsLine, {CatalogItemID: "c", Name: "Thing", Quantity: 1, Price: "1"}}}, func(*models.Settings) {}, "no_supplier"},
		"rule off":        {wixsim.NewOrder{}, func(s *models.Settings) { s.AutoPlace.Enabled = false }, "rule_off"},
	} {
		w.rule(0, c.rule)
		id := w.take(w.sold(c.order))
		w.look(id)
		d := w.detail(id)
		why := models.WhyNotAutoPlaced(d.Facts)
		if len(d.SupplierOrders) != 0 || len(why) != 1 || why[0].Code != c.code {
			t.Errorf("%s: %d planned, %v", name, len(d.SupplierOrders), why)
		}
	}
	w.rule(0)
	id := w.take(w.sold(wixsim.NewOrder{}))
	if w.look(id); len(w.detail(id).SupplierOrders) != 1 {
		t.Error("a plain order is not bought")
	}
	second := w.ae.AddAccount()
	_, err := w.accounts.ConnectSupplier(t.Context(), w.m, second.AuthCode, models.App{}, "api:test")
	w.must(err)
	id = w.take(w.sold(wixsim.NewOrder{}))
	w.look(id)
	w.look(id)
	skipped := 0
	for _, e := range w.events(id) {
		if e.Kind == models.EventAutoPlaceSkipped {
			skipped++
		}
	}
	if len(w.detail(id).SupplierOrders) != 0 || skipped != 1 {
		t.Errorf("with two accounts %d are planned, and it is told %d times", len(w.detail(id).SupplierOrders), skipped)
	}
	err = w.sync.Decide(t.Context(), w.m, "UTC", models.Settings{AutoPlace: models.AutoPlace{Enabled: true}}, "api:test")
	if codeOf(err) != "validation_failed" || models.AsError(err).Fields[0].Pointer != "/auto_place/account_id" {
		t.Errorf("a rule that leaves the account open: %v", err)
	}
}

func TestARefusedAutomaticPurchaseIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	w.rule(0)
	none := 0
	w.must(w.ae.ChangeProduct(bottle, aliexpresssim.ProductChange{SKUID: bottleBrown, Stock: &none}))
	id := w.idOf(w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{earbudsLine}}).ID)
	waitFor(t, "it is refused", func() bool { return w.flagged(id, models.FlagPlaceFailed) })
	w.look(id)
	if len(w.detail(id).SupplierOrders) != 1 || w.sent() != 0 {
		t.Errorf("%v", w.placements(id))
	}
}

func TestStoppedPlacingWaitsAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	w.must(w.sync.Decide(t.Context(), w.m, "UTC", models.Settings{PlacingStopped: true}, "api:test"))
	so := w.plan(id, ordersync.PlanRequest{})
	waitFor(t, "it is flagged", func() bool { return w.flagged(id, models.FlagHeld) })
	d := w.detail(id)
	if d.WaitOf(w.supplierOrder(id, so.ID)) != models.WaitStopped || w.sent() != 0 {
		t.Errorf("waits for %q, %d calls", d.WaitOf(w.supplierOrder(id, so.ID)), w.sent())
	}
	w.must(w.sync.Decide(t.Context(), w.m, "UTC", models.Settings{}, "api:test"))
	w.inTab(id, models.TabAwaitingPayment)
	if w.flagged(id, models.FlagHeld) || w.sent() != 1 {
		t.Errorf("flags %v, %d calls", w.flags(id), w.sent())
	}
}

func TestTooManyUnknownPurchasesStopPlacing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mute, hasty)
	w.stock()
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: "business:REPEATED_ORDER_ERROR", Times: 6}))
	var last models.ID
	for range 6 {
		_, id := w.ready(earbudsLine)
		so := w.plan(id, ordersync.PlanRequest{})
		w.placementIs(id, so.ID, models.PlacementUnknown)
		last = id
	}
	m, err := w.accounts.Merchant(t.Context(), w.m)
	w.must(err)
	if m.Placing.PlacingTrippedAt == nil || !strings.Contains(m.Placing.PlacingTrippedWhy, "last 6 purchases") || w.text(last, models.EventPlacingStopped) == "" {
		t.Fatalf("%+v", m.Placing)
	}
	_, id := w.ready(earbudsLine)
	so := w.plan(id, ordersync.PlanRequest{})
	waitFor(t, "it waits", func() bool { return w.flagged(id, models.FlagHeld) })
	hold := 30
	w.must(w.sync.Decide(t.Context(), w.m, "UTC", models.Settings{HoldMinutes: &hold}, "api:test")) // settings that are saved do not let it go on
	if w.sent() != 6 || w.supplierOrder(id, so.ID).State != models.PlacementPlanned {
		t.Errorf("%d calls, %s", w.sent(), w.supplierOrder(id, so.ID).State)
	}
	w.must(w.sync.ResumePlacing(t.Context(), w.m, "api:test"))
	w.placementIs(id, so.ID, models.PlacementPlaced)
	if err := w.sync.ResumePlacing(t.Context(), w.m, "api:test"); codeOf(err) != "placing_not_stopped" {
		t.Errorf("resumed twice: %v", err)
	}
}

func TestCase33_TwoVariantsOfOneProductAreMatchedBySKUAndQuantity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mapping(earbuds, bottle, bottleBrown, kedi)
	w.mapping(lamp, bottle, bottleBlue, kedi)
	two := earbudsLine
	two.Quantity = 2
	_, id := w.ready(two, lampLine)
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: aliexpresssim.Split}))
	w.plan(id, ordersync.PlanRequest{})
	waitFor(t, "each part has its line", func() bool {
		d := w.detail(id)
		return len(d.SupplierOrders) == 2 && len(d.SupplierOrders[0].Lines) == 1 && len(d.SupplierOrders[1].Lines) == 1
	})
	for _, so := range w.detail(id).SupplierOrders {
		truth := w.inMarket(so.ExternalID).Items[0]
		if l := so.Lines[0]; l.SKUID != truth.SKUID || l.Quantity != truth.Quantity {
			t.Errorf("%s holds %d of %s, Waybill thinks %d of %s", so.ExternalID, truth.Quantity, truth.SKUID, l.Quantity, l.SKUID)
		}
	}
}

func TestCase34_PartPlacedAndPartFailedShowBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mapping(earbuds, bottle, bottleBrown, kedi)
	w.mapping(lamp, deskLamp, deskWhite, lumen)
	gone := "offline"
	w.must(w.ae.ChangeProduct(deskLamp, aliexpresssim.ProductChange{Status: &gone}))
	_, id := w.ready(earbudsLine, lampLine)
	_, err := w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{}, person)
	w.must(err)
	waitFor(t, "one is placed and one refused", func() bool {
		p := w.placements(id)
		slices.Sort(p)
		return slices.Equal(p, []string{"placed@" + kedi, "rejected product_gone@" + lumen})
	})
	if d := w.detail(id); d.Order.Tab != models.TabAwaitingOrder || !w.flagged(id, models.FlagPlaceFailed) {
		t.Errorf("in %s, flags %v", d.Order.Tab, w.flags(id))
	}
	for _, so := range w.detail(id).SupplierOrders {
		if so.State == models.PlacementPlaced {
			w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
			waitFor(t, "what was placed goes on", func() bool { return w.supplierOrder(id, so.ID).Stage == models.StagePaid })
		}
	}
	if d := w.detail(id); d.Order.Tab != models.TabAwaitingOrder {
		t.Errorf("in %s", d.Order.Tab)
	}
}

func TestCase35_LinkingTakesNoOtherGoodsUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready(earbudsLine)
	number, err := w.ae.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: deskLamp, SKUID: deskWhite, Quantity: 2}}})
	w.must(err)
	if _, _, err := w.sync.Link(t.Context(), w.m, id, ordersync.LinkRequest{Number: number}, person); codeOf(err) != "lines_not_matched" {
		t.Errorf("one line and one item are taken for each other: %v", err)
	}
	so, warnings, err := w.sync.Link(t.Context(), w.m, id, ordersync.LinkRequest{Number: number, Force: true}, person)
	w.must(err)
	var codes []string
	for _, x := range warnings {
		codes = append(codes, x.Code)
	}
	if diff := cmp.Diff([]string{"items_differ", "holds_more", "destination_unknown"}, codes); diff != "" || so.Lines[0].SKUID != deskWhite || so.Lines[0].Quantity != 1 {
		t.Errorf("%+v: %s", so.Lines, diff)
	}
}

func TestCase36_ACorrectedNumberIsVerifiedAndTheOldOneIsHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	buy := func(sku string) string {
		t.Helper()
		number, err := w.ae.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: bottle, SKUID: sku, Quantity: 1}}})
		w.must(err)
		return number
	}
	o, id := w.ready(earbudsLine)
	wrong, right, blue := buy(bottleBrown), buy(bottleBrown), buy(bottleBlue)
	so, _, err := w.sync.Link(t.Context(), w.m, id, ordersync.LinkRequest{Number: wrong}, person)
	w.must(err)
	w.must(w.ae.Pay(wrong, aliexpresssim.PayOptions{}))
	_, err = w.ae.Ship(wrong, aliexpresssim.ShipOptions{MailNo: "LPWRONG"})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "the store has the number", func() bool {
		d := w.detail(id)
		return len(d.Pushes) == 1 && d.Pushes[0].State == models.PushConfirmed
	})
	other := w.ae.AddAccount()
	foreign, err := w.ae.BuyByHand(aliexpresssim.Purchase{UserID: other.UserID, Items: []aliexpresssim.Item{{ProductID: bottle, SKUID: bottleBrown, Quantity: 1}}})
	w.must(err)
	for name, c := range map[string]struct{ number, code string }{
		"another account's": {foreign, "number_not_of_this_account"}, "nobody's": {"8190000000000001", "number_not_of_this_account"},
		"another product's": {blue, "number_does_not_match"}, "its own": {wrong, "number_unchanged"},
	} {
		if _, err := w.sync.Renumber(t.Context(), w.m, so.ID, c.number, false, person); codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	so, err = w.sync.Renumber(t.Context(), w.m, so.ID, right, false, person)
	w.must(err)
	d := w.detail(id)
	if so.ExternalID != right || so.Stage != models.StageUnpaid || d.Order.Tab != models.TabAwaitingPayment || !slices.Equal(so.PreviousNumbers, []string{wrong}) {
		t.Errorf("%s %s in %s, before %v", so.ExternalID, so.Stage, d.Order.Tab, so.PreviousNumbers)
	}
	if len(d.Parcels) != 1 || d.Parcels[0].VoidedAt == nil || len(d.Parcels[0].Items) != 0 || d.Pushes[0].State != models.PushConfirmed || !w.flagged(id, models.FlagMismatch) {
		t.Errorf("parcels %+v, push %s, flags %v", d.Parcels, d.Pushes[0].State, w.flags(id))
	}
	if got := w.inStore(o.ID); len(got) != 1 || trackingOf(got[0]) != "LPWRONG" {
		t.Errorf("the store's fulfillment was touched: %+v", got)
	}
	if text := w.text(id, models.EventSupplierRenumbered); !strings.Contains(text, wrong) || !strings.Contains(text, right) {
		t.Errorf("the timeline says %q", text)
	}
	if _, err := w.sync.RetryPush(t.Context(), w.m, d.Pushes[0].ID, person); codeOf(err) != "parcel_void" {
		t.Errorf("the old number is told again: %v", err)
	}
	waitFor(t, "nothing brings the old facts back", func() bool { return w.supplierOrder(id, so.ID).Stage == models.StageUnpaid })
}

func TestUnlinkingReturnsTheLinesAndFreesTheNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, first := w.ready(earbudsLine)
	_, second := w.ready(earbudsLine)
	number, err := w.ae.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: bottle, SKUID: bottleBrown, Quantity: 1}}})
	w.must(err)
	so, _, err := w.sync.Link(t.Context(), w.m, first, ordersync.LinkRequest{Number: number}, person)
	w.must(err)
	so, err = w.sync.Unlink(t.Context(), w.m, so.ID, false, person)
	w.must(err)
	if so.State != models.PlacementUnlinked || w.detail(first).Order.Tab != models.TabAwaitingOrder || len(w.flags(first)) != 0 {
		t.Errorf("%s in %s, flags %v", so.State, w.detail(first).Order.Tab, w.flags(first))
	}
	if _, err := w.sync.Unlink(t.Context(), w.m, so.ID, false, person); codeOf(err) != "supplier_order_has_no_number" {
		t.Errorf("unlinked twice: %v", err)
	}
	_, _, err = w.sync.Link(t.Context(), w.m, second, ordersync.LinkRequest{Number: number}, person)
	w.must(err)
	bought := w.plan(first, ordersync.PlanRequest{})
	w.inTab(first, models.TabAwaitingPayment)
	if _, err := w.sync.Unlink(t.Context(), w.m, bought.ID, false, person); codeOf(err) != "bought_by_waybill" {
		t.Errorf("what Waybill bought is unlinked: %v", err)
	}
	w.must(w.ae.Timeout(w.supplierOrder(first, bought.ID).ExternalID))
	w.inTab(first, models.TabAwaitingOrder)
	_, err = w.sync.Unlink(t.Context(), w.m, bought.ID, false, person)
	w.must(err)
	again := w.plan(first, ordersync.PlanRequest{})
	w.inTab(first, models.TabAwaitingPayment)
	so, err = w.sync.Unlink(t.Context(), w.m, again.ID, true, person)
	w.must(err)
	if so.State != models.PlacementUnlinked || w.detail(first).Order.Tab != models.TabAwaitingOrder {
		t.Errorf("forced, it is %s", so.State)
	}
	w.counted()
}

func TestCase37_AmountsStayInTheirOwnCurrencies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o := w.sold(wixsim.NewOrder{Currency: "EUR", Lines: []wixsim.NewLine{earbudsLine}})
	id := w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	so := w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	waitFor(t, "the amount is known", func() bool { return w.supplierOrder(id, so.ID).AmountCurrency != "" })
	w.must(databasetest.Owner(t, w.db).Exec(`INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail,
		external_id, supplier_store_id, supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, amount_minor, amount_currency,
		fetch_seq, applied_seq, check_failures, created_at, updated_at)
		SELECT merchant_id, gen_random_uuid(), order_id, account_id, 'placed', 'linked', 0, '', '', '', '', '', '8190000000000099', '', '', '', '', '', '', '', 0, false, 'unpaid', 700, 'CNY', 0, 0, 0, now(), now()
		FROM supplier_orders WHERE id = ?`, so.ID).Error)
	d := w.detail(id)
	if d.Order.Currency != "EUR" || w.supplierOrder(id, so.ID).AmountCurrency != "USD" {
		t.Errorf("the buyer pays %s, AliExpress wants %s", d.Order.Currency, w.supplierOrder(id, so.ID).AmountCurrency)
	}
	list, err := w.orders.PayList(t.Context(), w.m, orders.PayFilter{Limit: 50})
	w.must(err)
	if len(list.Totals) != 2 || list.Totals[0] != (orders.PayTotal{Currency: "CNY", Minor: 700, Orders: 1}) || list.Totals[1].Currency != "USD" || list.Totals[1].Orders != 1 {
		t.Errorf("%+v", list.Totals)
	}
}

func TestCase38_AnUnpaidOrderReturnsWithItsReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	so := w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	waitFor(t, "its deadline is known", func() bool { return w.supplierOrder(id, so.ID).PayBy != nil })
	list, err := w.orders.PayList(t.Context(), w.m, orders.PayFilter{Limit: 50})
	w.must(err)
	if len(list.Items) != 1 || list.Items[0].PayBy == nil || list.Items[0].OrderID != id || list.Items[0].Number != w.supplierOrder(id, so.ID).ExternalID {
		t.Errorf("%+v", list.Items)
	}
	w.must(w.ae.Timeout(w.supplierOrder(id, so.ID).ExternalID))
	w.inTab(id, models.TabAwaitingOrder)
	if got := w.supplierOrder(id, so.ID); got.WhyEnded() != models.EndPaymentTimeout || !w.flagged(id, models.FlagPaymentTimeout) {
		t.Errorf("ended %s, flags %v", got.WhyEnded(), w.flags(id))
	}
	if list, err = w.orders.PayList(t.Context(), w.m, orders.PayFilter{Limit: 50}); err != nil || len(list.Items) != 0 {
		t.Errorf("still to be paid: %+v %v", list.Items, err)
	}
	w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
}

func TestThreeUnknownOfAHundredAreTooMany(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempts, unknown int // before one more
		stopped           bool
	}{"four of a hundred": {99, 3, true}, "three of a hundred": {99, 2, false}, "four of fewer": {60, 3, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mute, hasty)
			w.stock()
			_, id := w.ready(earbudsLine)
			until := time.Now().Add(time.Hour)
			so := w.plan(id, ordersync.PlanRequest{NotBefore: &until})
			w.must(databasetest.Owner(t, w.db).Exec(`INSERT INTO placement_attempts SELECT merchant_id, id, 100 + i, '', CASE WHEN i % 20 = 0 AND i <= 20 * @unknown THEN 'unknown' ELSE 'placed' END, '[]', NULL, '', now() - i * interval '1 minute'
				FROM supplier_orders, generate_series(1, @attempts) i WHERE id = @id`, map[string]any{"id": so.ID, "attempts": c.attempts, "unknown": c.unknown}).Error)
			w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: "business:REPEATED_ORDER_ERROR"}))
			_, _, err := w.sync.PlaceNow(t.Context(), w.m, so.ID, person)
			w.must(err)
			w.placementIs(id, so.ID, models.PlacementUnknown)
			m, err := w.accounts.Merchant(t.Context(), w.m)
			w.must(err)
			if stopped := m.Placing.PlacingTrippedAt != nil; stopped != c.stopped {
				t.Errorf("stopped %t: %s", stopped, m.Placing.PlacingTrippedWhy)
			}
		})
	}
}

func TestACrashedPurchaseCountsAsUnknownUntilItsAnswerIsKnown(t *testing.T) {
	t.Parallel()
	w, id, so := claimed(t)
	w.apply(id, orders.PlacementExpired{SupplierOrderID: so.ID})
	class := func() string {
		return one[string](w, "SELECT class FROM placement_attempts WHERE supplier_order_id = ?", so.ID)
	}
	if class() != "unknown" {
		t.Errorf("kept as %s", class())
	}
	w.apply(id, orders.PlacementSent{SupplierOrderID: so.ID, Epoch: 1, Result: models.PlaceResult{Class: models.ClassPlaced, Numbers: []string{"8190000000000077"}, Answer: []byte("{}")}})
	if class() != "placed" {
		t.Errorf("its late answer is kept as %s", class())
	}
}

func TestAChangedMappingEndsWhatWasNotSentYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready(earbudsLine)
	until := time.Now().Add(time.Hour)
	so := w.plan(id, ordersync.PlanRequest{NotBefore: &until})
	list, _, err := w.sync.Mappings(t.Context(), w.m, w.store.ID, earbuds, "", 10)
	w.must(err)
	mp := list[0]
	mp.Title = "Bottle" // a mapping that still names the same goods ends nothing
	_, err = w.sync.Map(t.Context(), w.m, mp, "api:test")
	w.must(err)
	mp.SupplierSKUID = bottleBlue
	_, err = w.sync.Map(t.Context(), w.m, mp, "api:test")
	w.must(err)
	so = w.placementIs(id, so.ID, models.PlacementRejected)
	if so.ErrorCode != "mapping_changed" || !w.flagged(id, models.FlagPlaceFailed) {
		t.Errorf("%s, flags %v", so.ErrorCode, w.flags(id))
	}
}

func TestAnOldApprovalIsCheckedAnewBeforeItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready(earbudsLine)
	until := time.Now().Add(time.Hour)
	so := w.plan(id, ordersync.PlanRequest{NotBefore: &until})
	w.apply(id, orders.PlacementApproved{SupplierOrderID: so.ID, Request: []byte("{}"), SHA256: "aa"})
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE supplier_orders SET approved_at = now() - interval '1 hour' WHERE id = ?", so.ID).Error)
	_, _, err := w.sync.PlaceNow(t.Context(), w.m, so.ID, person)
	w.must(err)
	so = w.placementIs(id, so.ID, models.PlacementPlaced)
	if so.RequestSHA256 == "aa" || w.text(id, models.EventPlacementRemade) == "" {
		t.Error("the old approval was sent")
	}
}

func TestAfterAnOutagePriceAndStockAreCheckedAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how    aliexpresssim.How
		remade bool
	}{"nothing was executed": {"throttle_api", true}, "a try may have been": {"reset_before", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, idle, hasty)
			w.stock()
			id := w.take(w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{earbudsLine}}))
			so := w.plan(id, ordersync.PlanRequest{})
			w.must(w.ae.Fail(aliexpresssim.Fault{Method: create, How: c.how}))
			check := func() {
				_, _ = w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.FromSupplier, Force: true, By: person})
			}
			check()
			if c.how == "reset_before" {
				w.apply(id, orders.PlacementAbsent{SupplierOrderID: so.ID})
			}
			before := w.supplierOrder(id, so.ID)
			if before.State != models.PlacementApproved || before.Epoch != 1 {
				t.Fatalf("%s, epoch %d", before.State, before.Epoch)
			}
			w.must(databasetest.Owner(t, w.db).Exec("UPDATE supplier_orders SET approved_at = now() - interval '1 hour' WHERE id = ?", so.ID).Error)
			check()
			if got := w.has(id, models.EventPlacementRemade); got != c.remade {
				t.Errorf("made anew: %t", got)
			}
		})
	}
}
