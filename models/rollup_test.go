package models_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *time.Time { return in(-d) }

func in(d time.Duration) *time.Time {
	t := noon.Add(d)
	return &t
}

func order(status, payment string) models.Order {
	o := models.Order{MerchantID: "m", ID: "o"}
	o.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: noon.Add(-time.Hour), Status: status, PaymentStatus: payment, Currency: "USD"})
	return o
}

func paid() models.Order { return order("APPROVED", "PAID") }

func line(id string, quantity int) models.Line {
	return models.Line{MerchantID: "m", OrderID: "o", LineID: id, Name: "Mug " + id, Role: models.RoleDropship, Mapped: true, Quantity: quantity}
}

func refunded(l models.Line, n int) models.Line { l.Refunded = n; return l }

func removed(l models.Line) models.Line { l.Removed = true; return l }

func unmapped(l models.Line) models.Line { l.Mapped = false; return l }

func role(l models.Line, r models.Role) models.Line { l.Role = r; return l }

// units is the part of a line that a supplier order covers. The product and the SKU are named after the line.
func units(lineID string, n int) models.SupplierLine {
	return models.SupplierLine{LineID: lineID, OrderID: "o", ProductID: "product-" + lineID, SKUID: "sku-" + lineID, Quantity: n}
}

func attempt(id string, state models.PlacementState, lines ...models.SupplierLine) models.SupplierOrder {
	s := models.SupplierOrder{MerchantID: "m", ID: models.ID(id), OrderID: "o", State: state, CreatedAt: noon.Add(-time.Hour), Lines: lines}
	for i := range s.Lines {
		s.Lines[i].SupplierOrderID = s.ID
	}
	s.Settle(false)
	return s
}

// bought is a placed supplier order of which AliExpress has reported each of the status words in turn.
func bought(id, words string, lines ...models.SupplierLine) models.SupplierOrder {
	s := attempt(id, models.PlacementPlaced, lines...)
	s.ExternalID = "80" + id
	for i, word := range strings.Fields(words) {
		s.Observe(models.SupplierAnswer{Status: word}, int64(i+1))
	}
	s.Settle(false)
	return s
}

// ends reports the end reason of some of its lines, FINISH with it when it is the end of all.
func ends(s models.SupplierOrder, status, reason string, lineIDs ...string) models.SupplierOrder {
	a := models.SupplierAnswer{Status: status}
	for _, l := range lineIDs {
		a.Lines = append(a.Lines, models.SupplierAnswerLine{ProductID: "product-" + l, SKUID: "sku-" + l, EndReason: reason})
	}
	s.Observe(a, s.AppliedSeq+1)
	s.Settle(false)
	return s
}

func refusedWith(s models.SupplierOrder, code, detail string) models.SupplierOrder {
	s.ErrorCode, s.ErrorDetail = code, detail
	return s
}

func payBy(s models.SupplierOrder, t *time.Time) models.SupplierOrder { s.PayBy = t; return s }

func parcel(id, number string, items ...models.ParcelItem) models.Parcel {
	return models.Parcel{MerchantID: "m", ID: models.ID(id), OrderID: "o", TrackingNumber: number, Items: items}
}

func holds(supplier, lineID string, n int) models.ParcelItem {
	return models.ParcelItem{SupplierOrderID: models.ID(supplier), OrderID: "o", LineID: lineID, SKUID: "sku-" + lineID, Quantity: n}
}

func push(id string, state models.PushState, since time.Duration) models.Push {
	return models.Push{ID: models.ID(id), OrderID: "o", State: state, WantedNumber: "N-" + id, WantedSince: noon.Add(-since), ErrorDetail: "already fulfilled"}
}

type rollupCase struct {
	order    models.Order
	lines    []models.Line
	supplier []models.SupplierOrder
	parcels  []models.Parcel
	pushes   []models.Push

	tab      models.Tab
	why      string // words that Why has, separated by |
	closed   string
	chips    string // code=text, separated by |
	troubles string // code@subject, separated by blanks
	final    bool
}

func (c rollupCase) check(t *testing.T) {
	t.Helper()
	f := models.Facts{Order: c.order, Lines: c.lines, SupplierOrders: slices.Clone(c.supplier), Parcels: c.parcels, Pushes: c.pushes}
	for i := range f.SupplierOrders {
		s := &f.SupplierOrders[i]
		s.Lines = slices.Clone(s.Lines)
		s.Settle(slices.ContainsFunc(c.parcels, func(p models.Parcel) bool {
			return p.TrackingNumber != "" && slices.ContainsFunc(p.Items, func(it models.ParcelItem) bool { return it.SupplierOrderID == s.ID })
		}))
	}
	for _, now := range []time.Time{{}, noon.AddDate(-1, 0, 0), noon.AddDate(20, 0, 0)} {
		f.Now = now
		if got := models.Rollup(f); got.Tab != c.tab || got.Final != c.final {
			t.Errorf("at %s tab %s, want %s", now, got.Tab, c.tab)
		}
	}
	f.Now = noon
	got := models.Rollup(f)
	if got.Tab != c.tab {
		t.Errorf("tab %s, want %s", got.Tab, c.tab)
	}
	if got.ClosedReason != c.closed {
		t.Errorf("closed for %q, want %q", got.ClosedReason, c.closed)
	}
	if got.Final != c.final {
		t.Errorf("final %t, want %t", got.Final, c.final)
	}
	for _, words := range strings.Split(c.why, "|") {
		if words == "" || !strings.Contains(got.Why, words) {
			t.Errorf("why %q does not say %q", got.Why, words)
		}
	}
	var chips, troubles []string
	for _, chip := range got.Chips {
		chips = append(chips, chip.Code+"="+chip.Text)
	}
	for _, trouble := range got.Troubles {
		troubles = append(troubles, fmt.Sprintf("%s@%s", trouble.Code, trouble.Subject))
		if trouble.Owner == "" || trouble.Detail == "" || trouble.NextAction == "" {
			t.Errorf("trouble %s does not say who does what: %+v", trouble.Code, trouble)
		}
	}
	if diff := cmp.Diff(c.chips, strings.Join(chips, "|")); diff != "" {
		t.Errorf("chips (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.troubles, strings.Join(troubles, " ")); diff != "" {
		t.Errorf("troubles (-want +got):\n%s", diff)
	}
}

type (
	lines    = []models.Line
	supplier = []models.SupplierOrder
	parcels  = []models.Parcel
	pushes   = []models.Push
)

func runRollup(t *testing.T, cases map[string]rollupCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func authorized(o models.Order) models.Order { o.AuthorizedMinor = 7739; return o }

func TestRule1PaymentNotCapturedIsPending(t *testing.T) {
	t.Parallel()
	pending := func(o models.Order, why string) rollupCase {
		return rollupCase{order: o, lines: lines{line("A", 1)}, tab: models.TabPending, why: why}
	}
	held := pending(authorized(order("INITIALIZED", "NOT_PAID")), "authorised but not captured|NOT_PAID|77.39 USD")
	held.chips = "authorized=Authorised, not captured"
	odd := pending(order("ON_HOLD", "PAID"), "not captured|ON_HOLD|PAID")
	odd.troubles = "unknown_status@store"
	bare := pending(models.Order{}, "the store says nothing, payment nothing")
	runRollup(t, map[string]rollupCase{
		"an unpaid online order":                pending(order("INITIALIZED", "NOT_PAID"), "not captured|INITIALIZED|NOT_PAID"),
		"an offline payment":                    pending(order("APPROVED", "NOT_PAID"), "offline|not marked it as paid"),
		"authorised, not captured":              held,
		"the provider is confirming":            pending(order("APPROVED", "PENDING"), "provider has not confirmed|PENDING"),
		"the merchant is confirming":            pending(order("APPROVED", "PENDING_MERCHANT"), "provider has not confirmed|PENDING_MERCHANT"),
		"a part is paid":                        pending(order("APPROVED", "PARTIALLY_PAID"), "Only a part has been paid"),
		"paid but not approved":                 pending(order("INITIALIZED", "PAID"), "not captured|INITIALIZED|PAID"),
		"a declined payment":                    pending(order("APPROVED", "DECLINED"), "not captured|DECLINED"),
		"a word we do not know never opens":     odd,
		"nothing is known of the store's order": bare,
		"the payment was reversed when goods were bought": {
			order: order("APPROVED", "NOT_PAID"), lines: lines{line("A", 1)},
			supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1))},
			tab:      models.TabPending, why: "not marked it as paid", troubles: "payment_reversed@order",
		},
		"the payment was reversed when a purchase may exist": {
			order: order("APPROVED", "DECLINED"), lines: lines{line("A", 1)},
			supplier: supplier{attempt("1", models.PlacementUnknown, units("A", 1))},
			tab:      models.TabPending, why: "DECLINED", chips: "maybe_placed=Maybe placed", troubles: "payment_reversed@order place_unknown@1",
		},
		"the payment was reversed after the goods were received": {
			order: order("APPROVED", "NOT_PAID"), lines: lines{line("A", 1)},
			supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS FINISH", units("A", 1))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab:      models.TabPending, why: "not marked it as paid",
		},
		"a planned placement has cost nothing yet": {
			order: order("APPROVED", "NOT_PAID"), lines: lines{line("A", 1)},
			supplier: supplier{attempt("1", models.PlacementPlanned, units("A", 1))},
			tab:      models.TabPending, why: "not marked it as paid", chips: "placing=Being placed",
		},
	})
}

func TestRule2QuantityWithoutLivingSupplierOrderIsAwaitingOrder(t *testing.T) {
	t.Parallel()
	one := func(s models.SupplierOrder, why, chips, troubles string) rollupCase {
		return rollupCase{order: paid(), lines: lines{line("A", 1)}, supplier: supplier{s}, tab: models.TabAwaitingOrder, why: why, chips: chips, troubles: troubles}
	}
	a := units("A", 1)
	placing := "placing=Being placed"
	runRollup(t, map[string]rollupCase{
		"nothing bought": {order: paid(), lines: lines{line("A", 2)}, tab: models.TabAwaitingOrder, why: "2 of 2 units have not been bought yet."},
		"no supplier": {
			order: paid(), lines: lines{unmapped(line("A", 1)), line("B", 2)}, tab: models.TabAwaitingOrder,
			why: "3 of 3 units have not been bought yet; 1 has no supplier.", troubles: "no_supplier@A",
		},
		"no supplier any more, but bought": {
			order: paid(), lines: lines{unmapped(line("A", 1)), line("B", 1)},
			supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", a)}, tab: models.TabAwaitingOrder, why: "1 of 2 units has not been bought yet.",
		},
		"planned":  one(attempt("1", models.PlacementPlanned, a), "Its only unit has not been bought yet; 1 is being placed.", placing, ""),
		"approved": one(attempt("1", models.PlacementApproved, a), "1 is being placed", placing, ""),
		"sending":  one(attempt("1", models.PlacementSending, a), "1 is being placed", placing, ""),
		"unknown":  one(attempt("1", models.PlacementUnknown, a), "has not been bought yet|may exist|not sent again", "maybe_placed=Maybe placed", "place_unknown@1"),
		"refused": one(refusedWith(attempt("1", models.PlacementRejected, a), "out_of_stock", "Sold out"),
			"the last attempt was refused. Sold out.", "", "place_failed@1"),
		"not paid in time": one(ends(bought("1", "PLACE_ORDER_SUCCESS", a), "FINISH", "buyer_pay_timeout", "A"),
			"AliExpress order 801 was closed because it was not paid in time.", "", "payment_timeout@1"),
		"not paid in time, says only the clock": one(func() models.SupplierOrder {
			s := bought("1", "PLACE_ORDER_SUCCESS FINISH", a)
			s.PayBy, s.LastCheckedAt = ago(time.Hour), ago(time.Minute)
			return s
		}(), "not paid in time", "", "payment_timeout@1"),
		"cancelled by the supplier": one(ends(bought("1", "WAIT_SELLER_SEND_GOODS", a), "FINISH", "CANCELED", "A"),
			"AliExpress order 801 was cancelled (CANCELED).", "", "supplier_cancelled@1"),
		"not shipped in time": one(ends(bought("1", "WAIT_SELLER_SEND_GOODS", a), "FINISH", "seller_send_goods_timeout", "A"),
			"was cancelled (seller_send_goods_timeout)", "", "supplier_cancelled@1"),
		"finished without goods or reason": one(bought("1", "WAIT_SELLER_SEND_GOODS FINISH", a), "AliExpress order 801 ended without being shipped.", "", "closed_unshipped@1"),
		"one line covered and another not": {
			order: paid(), lines: lines{line("A", 1), line("B", 2)},
			supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", a)}, parcels: parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab: models.TabAwaitingOrder, why: "2 of 3 units have not been bought yet.",
		},
		"more of one line is not progress of another": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 2))}, tab: models.TabAwaitingOrder, why: "1 of 2 units has not been bought yet.",
		},
		"a part of a quantity is covered": {
			order: paid(), lines: lines{line("A", 3)},
			supplier: supplier{bought("1", "PLACE_ORDER_SUCCESS", units("A", 2))}, tab: models.TabAwaitingOrder, why: "1 of 3 units has not been bought yet.",
		},
		"a part is placed, a part failed": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{refusedWith(attempt("1", models.PlacementRejected, units("B", 1)), "address_rejected", "House number missing"), bought("2", "WAIT_SELLER_SEND_GOODS", a)},
			tab:      models.TabAwaitingOrder, why: "1 of 2 units has not been bought yet|House number missing.", troubles: "place_failed@1",
		},
		"a failure that a later attempt made good": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{attempt("1", models.PlacementRejected, a), bought("2", "WAIT_SELLER_SEND_GOODS", a)},
			tab:      models.TabAwaitingOrder, why: "1 of 2 units has not been bought yet.",
		},
		"a failure that is being made good": {
			order: paid(), lines: lines{line("A", 1)},
			supplier: supplier{attempt("1", models.PlacementRejected, a), attempt("2", models.PlacementApproved, a)},
			tab:      models.TabAwaitingOrder, why: "1 is being placed", chips: placing,
		},
		"two lines failed in two ways": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{
				refusedWith(attempt("1", models.PlacementRejected, a), "no_shipping", "Cannot ship"),
				ends(bought("2", "PLACE_ORDER_SUCCESS", units("B", 1)), "FINISH", "buyer_pay_timeout", "B"),
			},
			tab: models.TabAwaitingOrder, why: "not paid in time", troubles: "payment_timeout@2 place_failed@1",
		},
		"another line's placing does not hide a failure": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{refusedWith(attempt("1", models.PlacementRejected, a), "", "Sold out"), attempt("2", models.PlacementPlanned, units("B", 1))},
			tab:      models.TabAwaitingOrder, why: "Sold out.", chips: placing, troubles: "place_failed@1",
		},
		"one line of a living supplier order was cancelled": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{ends(bought("1", "WAIT_SELLER_SEND_GOODS", a, units("B", 1)), "WAIT_SELLER_SEND_GOODS", "CANCELED", "B")},
			tab:      models.TabAwaitingOrder, why: "1 of 2 units has not been bought yet|AliExpress order 801 was cancelled in part (CANCELED).", troubles: "supplier_cancelled@1",
		},
		"own stock and digital goods do not count": {
			order: paid(),
			lines: lines{line("A", 2), role(line("B", 5), models.RoleOwn), role(unmapped(line("C", 7)), models.RoleNoShipping)},
			tab:   models.TabAwaitingOrder, why: "2 of 2 units have not been bought yet.",
		},
		"a partial refund lowers the quantity and keeps the tab": {
			order: order("APPROVED", "PARTIALLY_REFUNDED"), lines: lines{refunded(line("A", 3), 1)},
			tab: models.TabAwaitingOrder, why: "2 of 2 units have not been bought yet.",
		},
		"archived in the store": {
			order: func() models.Order { o := paid(); o.Archived = true; return o }(), lines: lines{line("A", 1)},
			tab: models.TabAwaitingOrder, why: "Its only unit has", chips: "archived=Archived in the store", troubles: "gone_from_store@order",
		},
	})
}

func TestRule3UnpaidSupplierOrderIsAwaitingPayment(t *testing.T) {
	t.Parallel()
	a := units("A", 1)
	runRollup(t, map[string]rollupCase{
		"placed, unpaid": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{payBy(bought("1", "PLACE_ORDER_SUCCESS", a), in(26*time.Hour))},
			tab: models.TabAwaitingPayment, why: "AliExpress order 801 is not paid yet; pay before 2026-11-24 14:00 UTC.",
		},
		"placed, never answered about": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "", a)},
			tab: models.TabAwaitingPayment, why: "AliExpress order 801 is not paid yet.",
		},
		"two unpaid: the earlier deadline": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{payBy(bought("1", "PLACE_ORDER_SUCCESS", a), in(48*time.Hour)), payBy(bought("2", "PLACE_ORDER_SUCCESS", units("B", 1)), in(time.Hour))},
			tab:      models.TabAwaitingPayment, why: "AliExpress orders 801, 802 are not paid yet; pay before 2026-11-23 13:00 UTC.", troubles: "pay_soon@2",
		},
		"one shipped, another unpaid": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", a), bought("2", "PLACE_ORDER_SUCCESS", units("B", 1))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab:      models.TabAwaitingPayment, why: "AliExpress order 802 is not paid yet.",
		},
		"a quantity split over two supplier orders": {
			order: paid(), lines: lines{line("A", 3)},
			supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1)), bought("2", "PLACE_ORDER_SUCCESS", units("A", 2))},
			tab:      models.TabAwaitingPayment, why: "AliExpress order 802 is not paid yet.",
		},
		"an unpaid supplier order of a refunded line does not count": {
			order:    order("APPROVED", "PARTIALLY_REFUNDED"),
			lines:    lines{line("A", 1), refunded(line("B", 1), 1)},
			supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", a), bought("2", "PLACE_ORDER_SUCCESS", units("B", 1))},
			tab:      models.TabAwaitingShipment, why: "Paid",
		},
		"an unpaid supplier order that ended does not count": {
			order: paid(), lines: lines{line("A", 1)},
			supplier: supplier{ends(bought("1", "PLACE_ORDER_SUCCESS", a), "FINISH", "buyer_pay_timeout", "A"), bought("2", "WAIT_SELLER_SEND_GOODS", a)},
			tab:      models.TabAwaitingShipment, why: "Paid",
		},
		"a partial refund keeps the tab": {
			order: order("APPROVED", "PARTIALLY_REFUNDED"), lines: lines{refunded(line("A", 3), 2)},
			supplier: supplier{bought("1", "PLACE_ORDER_SUCCESS", units("A", 3))}, tab: models.TabAwaitingPayment, why: "801 is not paid",
		},
		"a payment that failed goes back": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "PAYMENT_PROCESSING PLACE_ORDER_SUCCESS", a)},
			tab: models.TabAwaitingPayment, why: "801 is not paid",
		},
		"AliExpress knows no such order": {
			order: paid(), lines: lines{line("A", 1)},
			supplier: supplier{func() models.SupplierOrder { s := bought("1", "", a); s.NoDataSince = ago(time.Hour); return s }()},
			tab:      models.TabAwaitingPayment, why: "801 is not paid", troubles: "supplier_order_no_data@1",
		},
	})
}

func TestRule4PaidButNotShippedWithNumberIsAwaitingShipment(t *testing.T) {
	t.Parallel()
	three := units("A", 3)
	runRollup(t, map[string]rollupCase{
		"paid": {
			order: paid(), lines: lines{line("A", 3)}, supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", three)},
			tab: models.TabAwaitingShipment, why: "Paid; the supplier has not shipped it with a tracking number yet.",
		},
		"two of three shipped": {
			order: paid(), lines: lines{line("A", 3)}, supplier: supplier{bought("1", "SELLER_PART_SEND_GOODS", three)},
			parcels: parcels{parcel("p", "N1", holds("1", "A", 2))},
			tab:     models.TabAwaitingShipment, why: "Paid; 2 of 3 units are shipped with a tracking number.", chips: "part_shipped=2 of 3 shipped",
		},
		"shipped, and the parcel has no number": {
			order: paid(), lines: lines{line("A", 3)}, supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", three)},
			parcels: parcels{parcel("p", "", holds("1", "A", 3))},
			tab:     models.TabAwaitingShipment, why: "not shipped it with a tracking number", troubles: "shipped_without_number@1",
		},
		"shipped, and one of two parcels has no number": {
			order: paid(), lines: lines{line("A", 3)}, supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", three)},
			parcels: parcels{parcel("p", "N1", holds("1", "A", 2)), parcel("q", "", holds("1", "A", 1))},
			tab:     models.TabAwaitingShipment, why: "2 of 3 units", chips: "part_shipped=2 of 3 shipped", troubles: "shipped_without_number@1",
		},
		"one line shipped and another not": {
			order: paid(), lines: lines{line("A", 1), line("B", 2)},
			supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1)), bought("2", "WAIT_SELLER_SEND_GOODS", units("B", 2))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab:      models.TabAwaitingShipment, why: "1 of 3 units are shipped", chips: "part_shipped=1 of 3 shipped",
		},
		"a parcel that says more than was bought ships no other line": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{bought("1", "SELLER_PART_SEND_GOODS", units("A", 1), units("B", 1))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 2))},
			tab:      models.TabAwaitingShipment, why: "1 of 2 units", chips: "part_shipped=1 of 2 shipped",
		},
		"a parcel that says more than one supplier order has ships nothing of another": {
			order: paid(), lines: lines{line("A", 3)},
			supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1)), bought("2", "WAIT_SELLER_SEND_GOODS", units("A", 2))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 3))},
			tab:      models.TabAwaitingShipment, why: "1 of 3 units", chips: "part_shipped=1 of 3 shipped",
		},
		"a refunded unit that is shipped all the same ships no other line": {
			order: order("APPROVED", "PARTIALLY_REFUNDED"), lines: lines{refunded(line("A", 2), 1), line("B", 1)},
			supplier: supplier{bought("1", "SELLER_PART_SEND_GOODS", units("A", 2), units("B", 1))}, parcels: parcels{parcel("p", "N1", holds("1", "A", 2))},
			tab: models.TabAwaitingShipment, why: "1 of 2 units", chips: "part_shipped=1 of 2 shipped",
		},
		"a parcel of another supplier order does not count": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1))},
			parcels: parcels{parcel("p", "N1", holds("gone", "A", 1))},
			tab:     models.TabAwaitingShipment, why: "not shipped it",
		},
		"a push is owed for what is shipped": {
			order: paid(), lines: lines{line("A", 3)}, supplier: supplier{bought("1", "SELLER_PART_SEND_GOODS", three)},
			parcels: parcels{parcel("p", "N1", holds("1", "A", 2))}, pushes: pushes{push("1", models.PushWaiting, time.Minute)},
			tab: models.TabAwaitingShipment, why: "2 of 3", chips: "part_shipped=2 of 3 shipped|push_waiting=1 of 1 parcels not yet confirmed by the store",
		},
		"a partial refund keeps the tab": {
			order: order("APPROVED", "PARTIALLY_REFUNDED"), lines: lines{refunded(line("A", 3), 1)},
			supplier: supplier{bought("1", "SELLER_PART_SEND_GOODS", three)}, parcels: parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab: models.TabAwaitingShipment, why: "1 of 2 units", chips: "part_shipped=1 of 2 shipped",
		},
		"mixed with own stock and digital goods": {
			order:    paid(),
			lines:    lines{line("A", 1), role(line("B", 1), models.RoleOwn), role(line("C", 1), models.RoleNoShipping)},
			supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1))},
			tab:      models.TabAwaitingShipment, why: "Paid",
		},
	})
}

func TestRule5EverythingShippedWithNumbersIsFulfilled(t *testing.T) {
	t.Parallel()
	shipped := func(words string, tabs rollupCase) rollupCase {
		tabs.order, tabs.lines, tabs.tab = paid(), lines{line("A", 2)}, models.TabFulfilled
		tabs.supplier = supplier{bought("1", words, units("A", 2))}
		if tabs.parcels == nil {
			tabs.parcels = parcels{parcel("p", "N1", holds("1", "A", 2))}
		}
		return tabs
	}
	const onTheWay, received = "WAIT_BUYER_ACCEPT_GOODS", "WAIT_BUYER_ACCEPT_GOODS FINISH"
	runRollup(t, map[string]rollupCase{
		"on its way, confirmed": shipped(onTheWay, rollupCase{
			pushes: pushes{push("1", models.PushConfirmed, time.Hour)},
			why:    "Everything is shipped with tracking numbers; the store has confirmed 1 of 1 parcel.",
		}),
		"received, confirmed":   shipped(received, rollupCase{pushes: pushes{push("1", models.PushConfirmed, time.Hour)}, why: "confirmed 1 of 1", final: true}),
		"received, no push yet": shipped(received, rollupCase{why: "confirmed 0 of 0 parcels", final: true}),
		"received, push waiting": shipped(received, rollupCase{
			pushes: pushes{push("1", models.PushWaiting, time.Minute)}, why: "confirmed 0 of 1 parcel.",
			chips: "push_waiting=1 of 1 parcels not yet confirmed by the store",
		}),
		"received, push sent": shipped(received, rollupCase{
			pushes: pushes{push("1", models.PushSent, 9*time.Minute+59*time.Second)}, why: "confirmed 0 of 1",
			chips: "push_waiting=1 of 1 parcels not yet confirmed by the store",
		}),
		"received, push unconfirmed for 10 minutes": shipped(received, rollupCase{
			pushes: pushes{push("1", models.PushSent, 10*time.Minute)}, why: "confirmed 0 of 1",
			chips: "push_waiting=1 of 1 parcels not yet confirmed by the store", troubles: "push_unconfirmed@1",
		}),
		"received, push retrying for an hour": shipped(received, rollupCase{
			pushes: pushes{push("1", models.PushRetrying, time.Hour)}, why: "confirmed 0 of 1",
			chips: "push_waiting=1 of 1 parcels not yet confirmed by the store", troubles: "push_unconfirmed@1",
		}),
		"received, push confirmed long ago": shipped(received, rollupCase{pushes: pushes{push("1", models.PushConfirmed, 1000*time.Hour)}, why: "confirmed 1 of 1", final: true}),
		"received, push refused": shipped(received, rollupCase{
			pushes: pushes{push("1", models.PushRefused, time.Minute)}, why: "confirmed 0 of 1",
			troubles: "push_refused@1", final: true,
		}),
		"two parcels, one push confirmed": shipped(onTheWay, rollupCase{
			parcels: parcels{parcel("p", "N1", holds("1", "A", 1)), parcel("q", "N2", holds("1", "A", 1))},
			pushes:  pushes{push("1", models.PushConfirmed, time.Hour), push("2", models.PushRetrying, time.Hour)},
			why:     "confirmed 1 of 2 parcels.", chips: "push_waiting=1 of 2 parcels not yet confirmed by the store", troubles: "push_unconfirmed@2",
		}),
		"a number that AliExpress withdrew is kept": shipped(onTheWay, rollupCase{
			parcels: parcels{func() models.Parcel {
				p := parcel("p", "N1", holds("1", "A", 2))
				p.MissingSince, p.MissingChecks = ago(time.Hour), 3
				return p
			}()},
			why: "Everything is shipped", troubles: "parcel_missing@p",
		}),
		"a dispute changes nothing":                  shipped(onTheWay+" IN_ISSUE", rollupCase{why: "Everything is shipped", chips: "dispute=Dispute open", troubles: "dispute@1"}),
		"numbers are known although the status lags": shipped("WAIT_SELLER_SEND_GOODS", rollupCase{why: "Everything is shipped"}),
		"split over two supplier orders": {
			order: paid(), lines: lines{line("A", 3)},
			supplier: supplier{bought("1", onTheWay, units("A", 1)), bought("2", received, units("A", 2))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 1)), parcel("q", "N2", holds("2", "A", 2))},
			tab:      models.TabFulfilled, why: "Everything is shipped",
		},
		"a combined parcel of two supplier orders": {
			order: paid(), lines: lines{line("A", 1), line("B", 1)},
			supplier: supplier{bought("1", received, units("A", 1)), bought("2", received, units("B", 1))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 1), holds("2", "B", 1))}, pushes: pushes{push("1", models.PushConfirmed, time.Hour)},
			tab: models.TabFulfilled, why: "confirmed 1 of 1", final: true,
		},
		"a part refunded, the rest shipped": {
			order: order("APPROVED", "PARTIALLY_REFUNDED"), lines: lines{refunded(line("A", 3), 1)},
			supplier: supplier{bought("1", "SELLER_PART_SEND_GOODS", units("A", 3))}, parcels: parcels{parcel("p", "N1", holds("1", "A", 2))},
			tab: models.TabFulfilled, why: "Everything is shipped",
		},
		"a purchase too many may still exist": {
			order: paid(), lines: lines{line("A", 1)},
			supplier: supplier{bought("1", received, units("A", 1)), attempt("2", models.PlacementUnknown, units("A", 1))},
			parcels:  parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab:      models.TabFulfilled, why: "Everything is shipped", chips: "maybe_placed=Maybe placed", troubles: "place_unknown@2",
		},
		"an old failure is no trouble any more": {
			order: paid(), lines: lines{line("A", 1)},
			supplier: supplier{attempt("1", models.PlacementRejected, units("A", 1)), bought("2", received, units("A", 1))},
			parcels:  parcels{parcel("p", "N1", holds("2", "A", 1))},
			tab:      models.TabFulfilled, why: "Everything is shipped", final: true,
		},
		"mixed with own stock": {
			order: paid(), lines: lines{line("A", 1), role(line("B", 9), models.RoleOwn)},
			supplier: supplier{bought("1", received, units("A", 1))}, parcels: parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab: models.TabFulfilled, why: "Everything is shipped", final: true,
		},
	})
}

func TestRule6NoLiveLineLeftIsClosed(t *testing.T) {
	t.Parallel()
	a := units("A", 1)
	closed := func(o models.Order, l lines, reason, why string) rollupCase {
		return rollupCase{order: o, lines: l, tab: models.TabClosed, closed: reason, why: why, final: true}
	}
	imported := paid()
	imported.Imported = true
	stopped := closed(order("CANCELED", "PAID"), lines{line("A", 1)}, "cancelled", "The store cancelled")
	stopped.supplier = supplier{bought("1", "WAIT_SELLER_SEND_GOODS", a), bought("2", "PLACE_ORDER_SUCCESS", a)}
	stopped.troubles, stopped.final = "stop_request@1 stop_request@2", false
	maybe := closed(order("APPROVED", "FULLY_REFUNDED"), lines{line("A", 1)}, "refunded", "in full")
	maybe.supplier = supplier{attempt("1", models.PlacementUnknown, a), attempt("2", models.PlacementSending, a)}
	maybe.chips, maybe.troubles, maybe.final = "maybe_placed=Maybe placed|placing=Being placed", "place_unknown@1 stop_request@1 stop_request@2", false
	late := closed(order("CANCELED", "FULLY_REFUNDED"), lines{line("A", 1)}, "cancelled", "The store cancelled")
	late.supplier = supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS FINISH", a)}
	late.parcels = parcels{parcel("p", "N1", holds("1", "A", 1))}
	over := closed(order("CANCELED", "PAID"), lines{line("A", 1)}, "cancelled", "The store cancelled")
	over.supplier = supplier{ends(bought("1", "WAIT_SELLER_SEND_GOODS", a), "FINISH", "CANCELED", "A"), attempt("2", models.PlacementRejected, a)}
	planned := closed(order("CANCELED", "PAID"), lines{line("A", 1)}, "cancelled", "The store cancelled")
	planned.supplier = supplier{attempt("1", models.PlacementPlanned, a)}
	planned.chips, planned.final = "placing=Being placed", false
	piecemeal := closed(order("APPROVED", "PARTIALLY_REFUNDED"), lines{refunded(line("A", 1), 1), removed(line("B", 1))}, "removed", "refunded or removed")
	piecemeal.supplier = supplier{bought("1", "WAIT_SELLER_SEND_GOODS", a)}
	piecemeal.troubles, piecemeal.final = "stop_request@1", false
	owed := closed(order("APPROVED", "FULLY_REFUNDED"), lines{line("A", 1)}, "refunded", "in full")
	owed.supplier, owed.parcels, owed.pushes = late.supplier, late.parcels, pushes{push("1", models.PushSent, time.Minute)}
	owed.chips, owed.final = "push_waiting=1 of 1 parcels not yet confirmed by the store", false
	importedAndLinked := closed(imported, lines{line("A", 1)}, "imported", "imported")
	importedAndLinked.supplier, importedAndLinked.final = supplier{bought("1", "WAIT_SELLER_SEND_GOODS", a)}, false
	runRollup(t, map[string]rollupCase{
		"cancelled":                           closed(order("CANCELED", "PAID"), lines{line("A", 1)}, "cancelled", "The store cancelled this order."),
		"rejected":                            closed(order("REJECTED", "DECLINED"), lines{line("A", 1)}, "rejected", "its payment failed"),
		"refunded in full":                    closed(order("APPROVED", "FULLY_REFUNDED"), lines{line("A", 1)}, "refunded", "refunded this order in full"),
		"every line refunded or removed":      closed(order("APPROVED", "PARTIALLY_REFUNDED"), lines{refunded(line("A", 2), 2), removed(line("B", 1))}, "removed", "refunded or removed"),
		"refunded more than there was":        closed(order("APPROVED", "PARTIALLY_REFUNDED"), lines{refunded(line("A", 2), 5)}, "removed", "refunded or removed"),
		"imported":                            closed(imported, lines{line("A", 1)}, "imported", "imported this order from elsewhere"),
		"imported, and linked by hand":        importedAndLinked,
		"digital only":                        closed(paid(), lines{role(line("A", 1), models.RoleNoShipping)}, "nothing_to_ship", "Nothing in this order is shipped by a supplier."),
		"digital only, unpaid":                closed(order("APPROVED", "NOT_PAID"), lines{role(line("A", 1), models.RoleNoShipping)}, "nothing_to_ship", "Nothing"),
		"own stock only":                      closed(paid(), lines{role(line("A", 1), models.RoleOwn)}, "nothing_to_ship", "Nothing"),
		"no lines at all":                     closed(paid(), nil, "nothing_to_ship", "Nothing"),
		"cancelled while under way":           stopped,
		"refunded while it may exist":         maybe,
		"every line refunded while under way": piecemeal,
		"cancelled after it was received":     late,
		"cancelled after it ended":            over,
		"cancelled while planned":             planned,
		"refunded while a push is owed":       owed,
	})
}

func TestNextActionNamesWhatARefusedPlacementNeeds(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"address_rejected": "Correct the address in the store", "out_of_stock": "another supplier", "sku_gone": "another supplier", "product_gone": "another supplier",
		"no_shipping": "another shipping service", "price_above_cap": "price cap", "account_blocked": "AliExpress account", "": "Correct what AliExpress complains about",
	} {
		got := models.Rollup(models.Facts{
			Now: noon, Order: paid(), Lines: lines{line("A", 1)},
			SupplierOrders: supplier{refusedWith(attempt("1", models.PlacementRejected, units("A", 1)), code, "No")},
		})
		if len(got.Troubles) != 1 || !strings.Contains(got.Troubles[0].NextAction, want) || got.Troubles[0].Detail != "The last attempt was refused. No." {
			t.Errorf("%q: %+v, want %q", code, got.Troubles, want)
		}
	}
}

func TestStopRequestAndPushTroublesCarryTheirDeadlines(t *testing.T) {
	t.Parallel()
	until := in(5 * time.Hour)
	got := models.Rollup(models.Facts{
		Now: noon, Order: order("CANCELED", "PAID"), Lines: lines{line("A", 1)},
		SupplierOrders: supplier{payBy(bought("1", "PLACE_ORDER_SUCCESS", units("A", 1)), until)}, Pushes: pushes{push("1", models.PushSent, time.Hour)},
	})
	want := map[models.FlagCode]time.Time{models.FlagStopRequest: *until, models.FlagPushUnconfirmed: noon.Add(71 * time.Hour)}
	for _, trouble := range got.Troubles {
		if trouble.Deadline == nil || !trouble.Deadline.Equal(want[trouble.Code]) {
			t.Errorf("%s is due %v, want %v", trouble.Code, trouble.Deadline, want[trouble.Code])
		}
		delete(want, trouble.Code)
	}
	if len(want) > 0 {
		t.Errorf("not raised: %v", want)
	}
}
