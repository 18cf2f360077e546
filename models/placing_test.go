package models_test

import (
	"strings"
	"testing"
	"time"

	"waybill/models"
)

// plain is an order that the rule buys.
func plain() models.Facts {
	minutes := 30
	f := models.Facts{Now: noon, Order: paid(), Lines: lines{line("A", 2), line("B", 1)}}
	f.Order.CreatedAt, f.Order.PlacedAt = noon, noon
	f.Order.StoreID, f.Order.Country, f.Order.TotalMinor = "s", "DE", 5000
	f.Rules.Merchant = models.Settings{HoldMinutes: &minutes, AutoPlace: models.AutoPlace{Enabled: true}}
	f.Rules.Placing.AutoPlaceSince = ago(time.Hour)
	return f
}

func TestTheRuleBuysOnlyWhatIsPlain(t *testing.T) {
	t.Parallel()
	limit := int64(5000)
	for name, c := range map[string]struct {
		change func(*models.Facts)
		want   string // codes
	}{
		"plain":                    {func(*models.Facts) {}, ""},
		"off":                      {func(f *models.Facts) { f.Rules.Merchant.AutoPlace.Enabled = false }, "rule_off"},
		"never begun":              {func(f *models.Facts) { f.Rules.Placing.AutoPlaceSince = nil }, "before_rule"},
		"here before the rule":     {func(f *models.Facts) { f.Order.CreatedAt = *ago(2 * time.Hour) }, "before_rule"},
		"an old order, read later": {func(f *models.Facts) { f.Order.PlacedAt = *ago(48 * time.Hour) }, "before_rule"},
		"a store of the rule":      {func(f *models.Facts) { f.Rules.Merchant.AutoPlace.StoreIDs = []models.ID{"r", "s"} }, ""},
		"another store":            {func(f *models.Facts) { f.Rules.Merchant.AutoPlace.StoreIDs = []models.ID{"r"} }, "other_store"},
		"a country of the rule":    {func(f *models.Facts) { f.Rules.Merchant.AutoPlace.Countries = []string{"DE"} }, ""},
		"another country":          {func(f *models.Facts) { f.Rules.Merchant.AutoPlace.Countries = []string{"FR"} }, "other_country"},
		"at the limit": {func(f *models.Facts) {
			f.Rules.Merchant.AutoPlace.MaxTotalMinor, f.Rules.Merchant.AutoPlace.MaxTotalCurrency = &limit, "USD"
		}, ""},
		"above the limit": {func(f *models.Facts) {
			f.Rules.Merchant.AutoPlace.MaxTotalMinor, f.Rules.Merchant.AutoPlace.MaxTotalCurrency = &limit, "USD"
			f.Order.TotalMinor++
		}, "above_total"},
		"a limit in another currency": {func(f *models.Facts) {
			f.Rules.Merchant.AutoPlace.MaxTotalMinor, f.Rules.Merchant.AutoPlace.MaxTotalCurrency = &limit, "EUR"
		}, "above_total"},
		"not paid":                     {func(f *models.Facts) { f.Order.Gate = models.GateShut }, "order_not_paid"},
		"cancelled":                    {func(f *models.Facts) { f.Order.Gate = models.GateCancelled }, "order_not_wanted"},
		"imported":                     {func(f *models.Facts) { f.Order.Imported = true }, "order_imported"},
		"pickup":                       {func(f *models.Facts) { f.Order.Pickup = true }, "order_is_pickup"},
		"staff":                        {func(f *models.Facts) { f.Order.Staff = true }, "made_by_staff"},
		"archived":                     {func(f *models.Facts) { f.Order.Archived = true }, "archived"},
		"held":                         {func(f *models.Facts) { f.Order.HeldAt = ago(time.Minute) }, "order_held"},
		"held, but no longer":          {func(f *models.Facts) { f.Order.HeldAt, f.Order.HeldUntil = ago(time.Hour), ago(time.Minute) }, ""},
		"no supplier":                  {func(f *models.Facts) { f.Lines[1] = unmapped(f.Lines[1]) }, "no_supplier"},
		"no supplier for what is gone": {func(f *models.Facts) { f.Lines[1] = removed(unmapped(f.Lines[1])) }, ""},
		"being placed": {func(f *models.Facts) {
			f.SupplierOrders = supplier{attempt("1", models.PlacementPlanned, units("A", 2), units("B", 1))}
		}, "nothing_to_buy"},
		"one line bought, one new": {func(f *models.Facts) { f.SupplierOrders = supplier{bought("1", "PLACE_ORDER_SUCCESS", units("A", 2))} }, ""},
		"refused before": {func(f *models.Facts) {
			f.SupplierOrders = supplier{attempt("1", models.PlacementRejected, units("A", 2))}
		}, "tried_before"},
		"unknown": {func(f *models.Facts) {
			f.SupplierOrders = supplier{attempt("1", models.PlacementUnknown, units("A", 1))}
		}, "tried_before"},
		"unlinked by a person": {func(f *models.Facts) {
			f.SupplierOrders = supplier{attempt("1", models.PlacementUnlinked, units("A", 2))}
		}, "tried_before"},
		"more of what is bought":       {func(f *models.Facts) { f.SupplierOrders = supplier{bought("1", "PLACE_ORDER_SUCCESS", units("A", 1))} }, "tried_before"},
		"nothing to ship":              {func(f *models.Facts) { f.Lines = nil }, "nothing_to_buy"},
		"several reasons, all of them": {func(f *models.Facts) { f.Order.Staff, f.Order.Archived = true, true }, "made_by_staff archived"},
		"placing stopped: it may wait": {func(f *models.Facts) { f.Rules.Merchant.PlacingStopped = true }, ""},
	} {
		f := plain()
		c.change(&f)
		var codes []string
		for _, why := range models.WhyNotAutoPlaced(f) {
			codes = append(codes, why.Code)
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatKeepsAPurchaseWaiting(t *testing.T) {
	t.Parallel()
	window := attempt("1", models.PlacementPlanned, units("A", 1))
	window.NotBefore = in(time.Minute)
	for name, c := range map[string]struct {
		s      models.SupplierOrder
		change func(*models.Facts)
		want   models.Wait
	}{
		"nothing":             {attempt("1", models.PlacementPlanned, units("A", 1)), func(*models.Facts) {}, models.WaitNone},
		"its window":          {window, func(*models.Facts) {}, models.WaitWindow},
		"the order is held":   {window, func(f *models.Facts) { f.Order.HeldAt = ago(1) }, models.WaitHeld},
		"a hold that is over": {attempt("1", models.PlacementApproved, units("A", 1)), func(f *models.Facts) { f.Order.HeldAt, f.Order.HeldUntil = ago(2), ago(1) }, models.WaitNone},
		"settings":            {attempt("1", models.PlacementApproved, units("A", 1)), func(f *models.Facts) { f.Rules.Merchant.PlacingStopped = true }, models.WaitStopped},
		"stopped by itself": {attempt("1", models.PlacementApproved, units("A", 1)), func(f *models.Facts) {
			f.Rules.Placing.PlacingTrippedAt, f.Rules.Placing.PlacingTrippedWhy = ago(1), "x"
		}, models.WaitStopped},
		"too late to wait": {attempt("1", models.PlacementSending, units("A", 1)), func(f *models.Facts) { f.Order.HeldAt = ago(1) }, models.WaitNone},
	} {
		f := plain()
		c.change(&f)
		if got := f.WaitOf(c.s); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSellerNotes(t *testing.T) {
	t.Parallel()
	o := models.Order{Number: "10042"}
	bare, chosen, written := line("A", 1), line("B", 1), line("C", 1)
	chosen.Options = "Color: Black"
	written.Options, written.CustomText = "Color: Blue", "Engraving: For Tom"
	for _, c := range []struct {
		text string
		of   lines
		want string
	}{
		{"", lines{bare, chosen}, ""},
		{"Order {order}", lines{bare, chosen}, "Order 10042"},
		{"{options}", lines{bare, chosen}, "Mug B: Color: Black"},
		{"{order}: {options}", lines{chosen, written}, "10042: Mug B: Color: Black; Mug C: Color: Blue, Engraving: For Tom"},
		{"", lines{written}, "Mug C: Engraving: For Tom"},
		{"No invoice", lines{chosen, written}, "No invoice\nMug C: Engraving: For Tom"},
		{"{order} {unknown}", nil, "10042 {unknown}"},
	} {
		if got := models.SellerNoteFor(c.text, o, c.of); got != c.want {
			t.Errorf("%q gives %q, want %q", c.text, got, c.want)
		}
	}
	if got := models.SellerNoteFor("{order}", models.Order{Number: "{options}"}, lines{chosen}); got != "{options}" {
		t.Errorf("what is put in is read again: %q", got)
	}
}

// Every refusal that there is says what to do about it.
func TestEveryRefusalHasANextAction(t *testing.T) {
	t.Parallel()
	other := models.NextActionFor("something new")
	for _, code := range strings.Fields(`address_rejected out_of_stock sku_gone product_gone not_sold_there no_shipping price_above_cap currency_mismatch account_blocked refused
		note_too_long order_changed mapping_changed order_not_paid order_not_wanted order_imported order_is_pickup no_supplier purchase_invalid invalid_product_id
		aliexpress_app_misconfigured aliexpress_not_permitted aliexpress_not_set_up request_unreadable`) {
		if got := models.NextActionFor(code); got == other || !strings.HasSuffix(got, ".") {
			t.Errorf("%s: %q", code, got)
		}
		if models.MayFallBack(code) && strings.HasPrefix(code, "order_") {
			t.Errorf("%s leads to the fallback", code)
		}
	}
}

func TestAVoidParcelIsHistory(t *testing.T) {
	t.Parallel()
	void := parcel("p", "LP1")
	void.VoidedAt = ago(time.Minute)
	told, untold := push("u", models.PushConfirmed, time.Hour), push("v", models.PushRefused, time.Hour)
	told.ParcelID, told.FulfillmentID = "p", "f"
	untold.ParcelID = "p"
	for name, c := range map[string]struct {
		push models.Push
		want int
	}{"the store has its number": {told, 1}, "the store was never told": {untold, 0}} {
		r := models.Rollup(models.Facts{Now: noon, Order: paid(), Lines: lines{line("A", 1)}, Parcels: []models.Parcel{void}, Pushes: []models.Push{c.push}})
		if len(r.Troubles) != c.want || c.want == 1 && r.Troubles[0].Code != models.FlagMismatch {
			t.Errorf("%s: %+v", name, r.Troubles)
		}
	}
}

func TestTheSupplierPageOfANumber(t *testing.T) {
	t.Parallel()
	if got, want := models.SupplierPage("8198352049851315"), "https://www.aliexpress.com/p/order/detail.html?orderId=8198352049851315"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := models.SupplierPage(""); got != "" {
		t.Errorf("without a number: %s", got)
	}
}
