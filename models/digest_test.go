package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
)

func costs(s models.SupplierOrder, minor int64, currency string) models.SupplierOrder {
	s.AmountMinor, s.AmountCurrency = minor, currency
	return s
}

func from(s models.SupplierOrder, storeID, name string) models.SupplierOrder {
	s.SupplierStoreID, s.SupplierStoreName = storeID, name
	return s
}

func TestADigestSaysWhatAListShows(t *testing.T) {
	t.Parallel()
	unpaid := func(id string, l string) models.SupplierOrder { return bought(id, "PLACE_ORDER_SUCCESS", units(l, 2)) }
	snoozed := models.Flag{Code: models.FlagHeld, Deadline: in(time.Hour), SnoozedUntil: in(time.Hour)}
	closed := models.Flag{Code: models.FlagFrozen, Deadline: in(time.Hour), ClosedAt: ago(time.Hour)}
	for name, c := range map[string]struct {
		facts    models.Facts
		want     models.Digest
		deadline *time.Time
	}{
		"an order without lines": {models.Facts{Order: paid()}, models.Digest{}, nil},
		"its first line, its live units": {
			models.Facts{Order: paid(), Lines: []models.Line{removed(line("z", 9)), refunded(line("a", 3), 1), role(line("b", 5), models.RoleOwn)}},
			models.Digest{Title: "Mug a", Lines: 2, Items: 2, ToShip: 2},
			nil,
		},
		"all units when none is owed": {
			models.Facts{Order: order("CANCELED", "PAID"), Lines: []models.Line{line("a", 3), role(line("b", 5), models.RoleOwn)}},
			models.Digest{Title: "Mug a", Lines: 2, Items: 8},
			nil,
		},
		"all lines when none is left": {
			models.Facts{Order: paid(), Lines: []models.Line{removed(line("a", 3))}},
			models.Digest{Title: "Mug a", Lines: 1, Items: 3},
			nil,
		},
		"two to pay": {
			models.Facts{Order: paid(), Lines: []models.Line{line("a", 2), line("b", 2)}, SupplierOrders: []models.SupplierOrder{
				from(costs(payBy(unpaid("1", "a"), in(5*time.Hour)), 500, "USD"), "77", "Kedi"), from(costs(payBy(unpaid("2", "b"), in(3*time.Hour)), 250, "USD"), "77", "Kedi"),
			}},
			models.Digest{
				Title: "Mug a", Lines: 2, Items: 4, ToShip: 4, SupplierNumbers: []string{"801", "802"}, Suppliers: []models.DigestSupplier{{"77", "Kedi"}},
				Cost: &models.DigestCost{Minor: 750, Currency: "USD"}, PayBy: in(3 * time.Hour),
			},
			in(3 * time.Hour),
		},
		"nothing to pay of what the store has cancelled": {
			models.Facts{Order: order("CANCELED", "PAID"), Lines: []models.Line{line("a", 2)}, SupplierOrders: []models.SupplierOrder{costs(payBy(unpaid("1", "a"), in(5*time.Hour)), 5, "USD")}},
			models.Digest{Title: "Mug a", Lines: 1, Items: 2, SupplierNumbers: []string{"801"}, Cost: &models.DigestCost{Minor: 5, Currency: "USD"}},
			nil,
		},
		"two currencies are never added": {
			models.Facts{Order: paid(), Lines: []models.Line{line("a", 2), line("b", 2)}, SupplierOrders: []models.SupplierOrder{costs(unpaid("1", "a"), 5, "USD"), costs(unpaid("2", "b"), 5, "EUR")}},
			models.Digest{Title: "Mug a", Lines: 2, Items: 4, ToShip: 4, SupplierNumbers: []string{"801", "802"}},
			nil,
		},
		"a cost that is not known yet": {
			models.Facts{Order: paid(), Lines: []models.Line{line("a", 2), line("b", 2)}, SupplierOrders: []models.SupplierOrder{costs(unpaid("1", "a"), 5, "USD"), attempt("2", models.PlacementPlanned, units("b", 2))}},
			models.Digest{Title: "Mug a", Lines: 2, Items: 4, ToShip: 4, SupplierNumbers: []string{"801"}},
			nil,
		},
		"what has ended counts for nothing": {
			models.Facts{Order: paid(), Lines: []models.Line{line("a", 2)}, SupplierOrders: []models.SupplierOrder{
				costs(ends(unpaid("1", "a"), "FINISH", "buyer_pay_timeout", "a"), 5, "EUR"), costs(bought("2", "WAIT_SELLER_SEND_GOODS", units("a", 2)), 7, "USD"),
			}},
			models.Digest{Title: "Mug a", Lines: 1, Items: 2, ToShip: 2, SupplierNumbers: []string{"802"}, Cost: &models.DigestCost{Minor: 7, Currency: "USD"}},
			nil,
		},
		"one of two shipped": {
			models.Facts{
				Order: paid(), Lines: []models.Line{line("a", 2)},
				SupplierOrders: []models.SupplierOrder{bought("1", "SELLER_PART_SEND_GOODS", units("a", 2))},
				Parcels: []models.Parcel{
					parcel("p", "LP1", models.ParcelItem{SupplierOrderID: "1", LineID: "a", Quantity: 1}),
					{ID: "q", TrackingNumber: "LP2", VoidedAt: ago(time.Hour)},
					{ID: "r"},
				},
				Pushes: []models.Push{{ParcelID: "p", State: models.PushConfirmed}, {ParcelID: "x", State: models.PushRefused}, {ParcelID: "y", State: models.PushSent}},
			},
			models.Digest{
				Title: "Mug a", Lines: 1, Items: 2, ToShip: 2, Shipped: 1, SupplierNumbers: []string{"801"}, PushState: models.PushRefused,
				Tracking: []models.DigestParcel{{"LP1", "", "https://global.cainiao.com/detail.htm?mailNoList=LP1"}},
			},
			nil,
		},
		"deadlines of flags that are open and awake": {
			models.Facts{Order: paid(), Flags: []models.Flag{
				snoozed, closed, {Code: models.FlagSellerLate, Deadline: in(9 * time.Hour)}, {Code: models.FlagNoSupplier}, {Code: models.FlagSellerLate, Deadline: in(8 * time.Hour)},
			}},
			models.Digest{Flags: []models.FlagCode{models.FlagNoSupplier, models.FlagSellerLate}},
			in(8 * time.Hour),
		},
	} {
		c.facts.Now = noon
		got, deadline := models.DigestOf(c.facts)
		for _, empty := range []func(){
			func() { c.want.SupplierNumbers = append([]string{}, c.want.SupplierNumbers...) },
			func() { c.want.Suppliers = append([]models.DigestSupplier{}, c.want.Suppliers...) },
			func() { c.want.Tracking = append([]models.DigestParcel{}, c.want.Tracking...) },
			func() { c.want.Flags = append([]models.FlagCode{}, c.want.Flags...) },
		} {
			empty() // lists are never null
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(c.deadline, deadline); diff != "" {
			t.Errorf("%s, deadline: %s", name, diff)
		}
	}
}
