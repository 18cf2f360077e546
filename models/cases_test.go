package models_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/models"
)

// These tests prove the edge cases of product.md section 5 by their numbers, as far as pure rules decide them.

func TestCase12_AnOfflinePaymentIsPendingUntilItIsMarkedAsPaid(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{
		"not paid": {order: order("APPROVED", "NOT_PAID"), lines: lines{line("A", 1)}, tab: models.TabPending, why: "takes this payment offline and has not marked it as paid"},
		"paid":     {order: paid(), lines: lines{line("A", 1)}, tab: models.TabAwaitingOrder, why: "Its only unit"},
	})
}

func TestCase13_APaymentThatItsProviderHasNotConfirmedIsPending(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{
		"pending":             {order: order("APPROVED", "PENDING"), lines: lines{line("A", 1)}, tab: models.TabPending, why: "provider has not confirmed|PENDING"},
		"pending at merchant": {order: order("APPROVED", "PENDING_MERCHANT"), lines: lines{line("A", 1)}, tab: models.TabPending, why: "provider has not confirmed|PENDING_MERCHANT"},
	})
}

func TestCase14_APartialPaymentOpensTheGateOnlyWhereTheMerchantSaysSo(t *testing.T) {
	t.Parallel()
	o := order("APPROVED", "PARTIALLY_PAID")
	o.TotalMinor, o.PaidMinor = 2000, 500
	f := models.Facts{Now: noon, Order: o, Lines: lines{line("A", 1)}}
	got := models.Rollup(f)
	if got.Tab != models.TabPending || !strings.Contains(got.Why, models.Money{Minor: 1500, Currency: "USD"}.String()+" is missing") {
		t.Errorf("%s: %s", got.Tab, got.Why)
	}
	f.Rules.Store.PartialPaymentOpens = true
	if got := models.Rollup(f); got.Tab != models.TabAwaitingOrder {
		t.Errorf("%s: %s", got.Tab, got.Why)
	}
	for _, words := range [][2]string{{"APPROVED", "NOT_PAID"}, {"APPROVED", "PENDING"}, {"INITIALIZED", "PARTIALLY_PAID"}, {"CANCELED", "PARTIALLY_PAID"}, {"PENDING", "PARTIALLY_PAID"}} {
		f.Order = order(words[0], words[1])
		if got := models.Rollup(f); got.Tab == models.TabAwaitingOrder {
			t.Errorf("%v opens the gate", words)
		}
	}
	// A word that nobody knows leaves the gate as it was; a payment that is taken back shuts it.
	o.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: noon, Status: "ODD", PaymentStatus: "PARTIALLY_PAID"})
	f.Order = o
	if got := models.Rollup(f); got.Tab != models.TabAwaitingOrder {
		t.Errorf("an unknown word moves it to %s", got.Tab)
	}
	o.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: noon.Add(time.Second), Status: "APPROVED", PaymentStatus: "NOT_PAID"})
	f.Order = o
	if got := models.Rollup(f); got.Tab != models.TabPending {
		t.Errorf("taken back, and yet %s", got.Tab)
	}
}

// raised says when a flag of an order is there, looking at it every hour; ends are exclusive.
func raised(f models.Facts, code models.FlagCode, from, to time.Time) (opens, closes *time.Time, trouble models.Trouble) {
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		f.Now = at
		i := slices.IndexFunc(models.Rollup(f).Troubles, func(t models.Trouble) bool { return t.Code == code })
		switch {
		case i >= 0 && opens == nil:
			opens, trouble = &at, models.Rollup(f).Troubles[i]
		case i < 0 && opens != nil && closes == nil:
			closes = &at
		}
	}
	return opens, closes, trouble
}

// wakes follows NextFlagAt from one moment to the next.
func wakes(f models.Facts, from time.Time) (all []time.Time) {
	f.Now = from
	for next := models.NextFlagAt(f); next != nil && len(all) < 20; next = models.NextFlagAt(f) {
		all = append(all, *next)
		f.Now = *next
	}
	return all
}

func TestEveryFlagOfTimeOpensAtItsMomentAndWakesItsOrderThen(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	placed := noon.Add(-20 * day)
	at := func(d time.Duration) *time.Time { v := placed.Add(d); return &v }
	with := func(o models.Order) models.Order { o.PlacedAt = placed; return o }
	held := with(order("APPROVED", "NOT_PAID"))
	held.AuthorizedMinor = 7739
	since := func(words string) models.SupplierOrder {
		s := bought("1", words, units("A", 1))
		s.PlacedAt, s.PaidAt = at(0), at(day)
		return s
	}
	unpaid := since("PLACE_ORDER_SUCCESS")
	unpaid.PaidAt, unpaid.PayBy = nil, at(10*day)
	hasty := unpaid
	hasty.PayBy = at(day)
	moving := parcel("p", "N1", holds("1", "A", 1))
	moving.FirstSeenAt, moving.LastEventAt, moving.LastEvent = *at(3 * day), at(5*day), "Arrived at the sorting centre."
	there := moving
	there.LastEvent = "Your parcel has been delivered."
	failed := moving
	failed.LastEvent = "It could not be delivered."
	for name, c := range map[string]struct {
		facts    models.Facts
		code     models.FlagCode
		opens    *time.Time
		closes   *time.Time
		deadline *time.Time
	}{
		"pay soon":                            {models.Facts{Order: with(paid()), SupplierOrders: supplier{unpaid}}, models.FlagPaySoon, at(9 * day), nil, at(10 * day)},
		"pay soon, of a single day":           {models.Facts{Order: with(paid()), SupplierOrders: supplier{hasty}}, models.FlagPaySoon, at(12 * time.Hour), nil, at(day)},
		"Case39 payment under review":         {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("RISK_CONTROL")}}, models.FlagPaymentReview, at(0), nil, at(2 * day)},
		"seller late":                         {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("WAIT_SELLER_SEND_GOODS")}}, models.FlagSellerLate, at(8 * day), nil, at(8 * day)},
		"seller late, but about to cancel":    {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("WAIT_SELLER_SEND_GOODS IN_CANCEL")}}, models.FlagSellerLate, nil, nil, nil},
		"seller not late: there is a number":  {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("WAIT_SELLER_SEND_GOODS")}, Parcels: parcels{moving}}, models.FlagSellerLate, nil, nil, nil},
		"tracking silent":                     {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("WAIT_BUYER_ACCEPT_GOODS")}, Parcels: parcels{moving}}, models.FlagTrackingSilent, at(15 * day), nil, nil},
		"tracking silent, delivery failed":    {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("WAIT_BUYER_ACCEPT_GOODS")}, Parcels: parcels{failed}}, models.FlagTrackingSilent, at(15 * day), nil, nil},
		"tracking not silent: it is there":    {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("WAIT_BUYER_ACCEPT_GOODS")}, Parcels: parcels{there}}, models.FlagTrackingSilent, nil, nil, nil},
		"tracking not silent: it is received": {models.Facts{Order: with(paid()), SupplierOrders: supplier{since("WAIT_BUYER_ACCEPT_GOODS FINISH")}, Parcels: parcels{moving}}, models.FlagTrackingSilent, nil, nil, nil},
		"Case15 authorisation ending":         {models.Facts{Order: held}, models.FlagAuthorizationEnding, at(5 * day), nil, at(7 * day)},
		"Case68 stale":                        {models.Facts{Order: with(paid())}, models.FlagStaleOrder, at(60 * day), nil, nil},
		"Case68 stale, but closed":            {models.Facts{Order: with(order("CANCELED", "PAID"))}, models.FlagStaleOrder, nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.facts.Lines = lines{line("A", 1)}
			opens, closes, trouble := raised(c.facts, c.code, placed, placed.Add(70*day))
			same := func(a, b *time.Time) bool { return a == nil && b == nil || a != nil && b != nil && a.Equal(*b) }
			if !same(opens, c.opens) || !same(closes, c.closes) || c.opens != nil && !same(trouble.Deadline, c.deadline) {
				t.Errorf("opens %v, closes %v, deadline %v", opens, closes, trouble.Deadline)
			}
			if c.opens != nil && c.opens.After(placed) && !slices.ContainsFunc(wakes(c.facts, placed), c.opens.Equal) {
				t.Errorf("nothing wakes the order at %v but %v", c.opens, wakes(c.facts, placed))
			}
		})
	}
}

func TestCase15_AnAuthorisationThatIsNotCapturedIsFlaggedBeforeItLapses(t *testing.T) {
	t.Parallel()
	o := order("APPROVED", "NOT_PAID")
	o.AuthorizedMinor, o.PlacedAt = 7739, noon
	f := models.Facts{Now: noon, Order: o, Lines: lines{line("A", 1)}}
	if got := models.Rollup(f); got.Tab != models.TabPending || len(got.Troubles) != 0 || got.Chips[0].Code != "authorized" {
		t.Errorf("%+v", got)
	}
	next := models.NextFlagAt(f)
	if next == nil || !next.Equal(noon.Add(5*24*time.Hour)) {
		t.Fatalf("looked at again at %v", next)
	}
	f.Now = *next
	if got := models.Rollup(f); len(got.Troubles) != 1 || got.Troubles[0].Code != models.FlagAuthorizationEnding || got.Troubles[0].Deadline == nil {
		t.Errorf("%+v", got.Troubles)
	}
	f.Order.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: noon, PlacedAt: noon, Status: "APPROVED", PaymentStatus: "PAID"})
	if got := models.Rollup(f); len(got.Troubles) != 0 {
		t.Errorf("captured, and yet %+v", got.Troubles)
	}
}

func TestCase68_AVeryOldOpenOrderIsCheckedDailyAndAsksToBeClosed(t *testing.T) {
	t.Parallel()
	s := bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1))
	s.PlacedAt, s.PaidAt, s.LastCheckedAt = ago(61*24*time.Hour), ago(61*24*time.Hour), ago(time.Hour)
	o := paid()
	o.PlacedAt = *ago(61 * 24 * time.Hour)
	f := models.Facts{Now: noon, Order: o, Lines: lines{line("A", 1)}, SupplierOrders: supplier{s}}
	got := models.Rollup(f)
	if got.Tab != models.TabAwaitingShipment || got.Final || !slices.ContainsFunc(got.Troubles, func(t models.Trouble) bool { return t.Code == models.FlagStaleOrder }) {
		t.Errorf("%+v", got)
	}
	if next := (models.Pace{}).NextSupplierCheck(s, noon); next == nil || next.Sub(noon) < 21*time.Hour || next.Sub(noon) > 27*time.Hour {
		t.Errorf("asked next at %v", next)
	}
	f.Overrides = []models.Override{{ID: "d", Kind: models.OverrideClosed, Reason: "given up", CreatedAt: noon}}
	if got := models.Rollup(f); got.Tab != models.TabClosed || len(got.Troubles) != 0 {
		t.Errorf("closed: %+v", got)
	}
}

func TestCase39_APaymentUnderReviewSaysMoreAfterADay(t *testing.T) {
	t.Parallel()
	s := bought("1", "RISK_CONTROL", units("A", 1))
	s.PaidAt = ago(23 * time.Hour)
	f := models.Facts{Now: noon, Order: paid(), Lines: lines{line("A", 1)}, SupplierOrders: supplier{s}}
	early := models.Rollup(f)
	f.Now = noon.Add(2 * time.Hour)
	late := models.Rollup(f)
	if len(early.Troubles) != 1 || len(late.Troubles) != 1 || early.Tab != models.TabAwaitingShipment || early.Chips[0].Code != "payment_verified" {
		t.Fatalf("%+v, %+v", early, late)
	}
	if !strings.Contains(early.Troubles[0].Detail, "up to 24 hours") || !strings.Contains(late.Troubles[0].Detail, "more than 24 hours") || late.Troubles[0].Owner != models.OwnerMerchant {
		t.Errorf("%+v, %+v", early.Troubles, late.Troubles)
	}
}

func TestCase16_MoneyThatIsGoneAfterBuyingIsFlaggedAndNothingElse(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{"charged back": {
		order: order("APPROVED", "NOT_PAID"), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1))},
		tab: models.TabPending, why: "offline", troubles: "payment_reversed@order",
	}})
}

func TestCase17_AnOrderForNothingCountsAsPaid(t *testing.T) {
	t.Parallel()
	o := paid()
	o.TotalMinor = 0
	runRollup(t, map[string]rollupCase{"a gift": {order: o, lines: lines{line("A", 1)}, tab: models.TabAwaitingOrder, why: "Its only unit"}})
}

func TestCase21_ALineThatIsRemovedOrRefundedBeforeBuyingIsNotOwed(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{
		"one of two refunded": {order: order("APPROVED", "PARTIALLY_REFUNDED"), lines: lines{refunded(line("A", 2), 1)}, tab: models.TabAwaitingOrder, why: "Its only unit"},
		"a line removed":      {order: paid(), lines: lines{line("A", 2), removed(line("B", 1))}, tab: models.TabAwaitingOrder, why: "2 of 2 units"},
		"the rest is shipped": {
			order: order("APPROVED", "PARTIALLY_REFUNDED"), lines: lines{refunded(line("A", 2), 1)}, supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1))},
			parcels: parcels{parcel("p", "N1", holds("1", "A", 1))}, tab: models.TabFulfilled, why: "Everything is shipped",
		},
	})
}

func TestCase22_DigitalGoodsAloneAreNothingToShip(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{"digital": {order: paid(), lines: lines{role(line("A", 1), models.RoleNoShipping)}, tab: models.TabClosed, closed: "nothing_to_ship", why: "Nothing in this order", final: true}})
}

func TestCase23_OnlyOurLinesCountInAMixedOrder(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{"mixed": {
		order: paid(), lines: lines{line("A", 1), role(line("B", 5), models.RoleOwn), role(line("C", 1), models.RoleNoShipping)},
		supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1))}, parcels: parcels{parcel("p", "N1", holds("1", "A", 1))},
		tab: models.TabFulfilled, why: "Everything is shipped",
	}})
}

func TestCase40_WhatTheSellerCancelsHasToBeBoughtAgain(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{
		"not sent in time": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{ends(bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1)), "FINISH", "seller_send_goods_timeout", "A")},
			tab: models.TabAwaitingOrder, why: "was cancelled (seller_send_goods_timeout)", troubles: "supplier_cancelled@1",
		},
	})
}

func TestCase41_ACancelRequestChangesNothingUntilItIsDecided(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{"requested": {
		order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS IN_CANCEL", units("A", 1))},
		tab: models.TabAwaitingShipment, why: "Paid", chips: "cancel_requested=Cancel requested",
	}})
}

func TestCase42_AnOrderThatEndedWithoutShippingIsNeverFulfilled(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{
		"closed without goods": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS FINISH", units("A", 1))},
			tab: models.TabAwaitingOrder, why: "ended without being shipped", troubles: "closed_unshipped@1",
		},
		"received": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS FINISH", units("A", 1))}, parcels: parcels{parcel("p", "N1", holds("1", "A", 1))},
			tab: models.TabFulfilled, why: "Everything is shipped", final: true,
		},
	})
}

func TestCase43_ADisputeAfterShippingLeavesTheOrderFulfilled(t *testing.T) {
	t.Parallel()
	runRollup(t, map[string]rollupCase{"dispute": {
		order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS IN_ISSUE", units("A", 1))}, parcels: parcels{parcel("p", "N1", holds("1", "A", 1))},
		tab: models.TabFulfilled, why: "Everything is shipped", chips: "dispute=Dispute open", troubles: "dispute@1",
	}})
}

func TestCase70_AWordThatNobodyKnowsIsShownAndChangesNothing(t *testing.T) {
	t.Parallel()
	o := paid()
	o.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: noon, Status: "APPROVED", PaymentStatus: "CHARGED_BACK"})
	runRollup(t, map[string]rollupCase{
		"of AliExpress": {
			order: paid(), lines: lines{line("A", 1)}, supplier: supplier{bought("1", "WAIT_SELLER_SEND_GOODS HALF_BAKED", units("A", 1))},
			tab: models.TabAwaitingShipment, why: "Paid", chips: "unknown_status=Unknown (HALF_BAKED)", troubles: "unknown_status@1",
		},
		"of the store": {order: o, lines: lines{line("A", 1)}, tab: models.TabAwaitingOrder, why: "Its only unit", troubles: "unknown_status@store"},
	})
}

func TestASupplierOrderThatIsReceivedWithoutANumberIsStillAsked(t *testing.T) {
	t.Parallel()
	s := bought("1", "WAIT_BUYER_ACCEPT_GOODS FINISH", units("A", 1))
	s.LastCheckedAt = ago(time.Hour)
	if s.Open() || !s.Asked() {
		t.Fatalf("open %t, asked %t", s.Open(), s.Asked())
	}
	next := models.Pace{}.NextSupplierCheck(s, noon)
	if next == nil || next.Sub(noon) < 21*time.Hour || next.Sub(noon) > 27*time.Hour {
		t.Errorf("asked next at %v", next)
	}
	f := models.Facts{Now: noon, Order: paid(), Lines: lines{line("A", 1)}, SupplierOrders: supplier{s}}
	if got := models.Rollup(f); got.Tab != models.TabAwaitingShipment || got.Final || got.Troubles[0].Code != models.FlagShippedWithoutNumber {
		t.Errorf("%+v", got)
	}
	p := parcel("p", "", holds("1", "A", 1))
	p.WithoutNumber = true
	f.Parcels = parcels{p}
	if got := models.Rollup(f); got.Tab != models.TabFulfilled || got.Final || len(got.Troubles) != 0 || !strings.Contains(got.Why, "as far as is known") {
		t.Errorf("fulfilled without a number: %+v", got)
	}
	s.Settle(true)
	if s.Asked() || (models.Pace{}).NextSupplierCheck(s, noon) != nil {
		t.Error("asked although its number is known")
	}
}

func TestCase53_AnUnknownCarrierIsToldWithALink(t *testing.T) {
	t.Parallel()
	own := []models.Carrier{
		{MerchantID: "m", Key: "speedy parcel", Name: "Speedy Parcel", Provider: "Speedy", Link: "https://speedy.example/t/{number}?lang=en"},
		{MerchantID: "m", Key: "post office", Name: "Post Office", Provider: "usps"},
	}
	for _, c := range []struct{ name, number, provider, link, full string }{
		{"FedEx International", "N 1", "fedex", "", "https://www.fedex.com/apps/fedextrack/?action=track&trackingnumber=N%201"},
		{"usps", "N1", "usps", "", "https://tools.usps.com/go/TrackConfirmAction.action?tLabels=N1"},
		{"Groups", "N1", "Groups", "https://global.cainiao.com/detail.htm?mailNoList=N1", "https://global.cainiao.com/detail.htm?mailNoList=N1"},
		{"Canada Post Expedited", "N1", "canadaPost", "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor=N1", "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor=N1"},
		{"", "N1", "AliExpress", "https://global.cainiao.com/detail.htm?mailNoList=N1", "https://global.cainiao.com/detail.htm?mailNoList=N1"},
		{" SPEEDY   parcel ", "A/B&C", "Speedy", "https://speedy.example/t/A%2FB%26C?lang=en", "https://speedy.example/t/A%2FB%26C?lang=en"},
		{"Post Office", "N1", "usps", "", "https://tools.usps.com/go/TrackConfirmAction.action?tLabels=N1"},
	} {
		got := models.TellCarrier(own, c.name, c.number, nil)
		if got != (models.CarrierWords{Provider: c.provider, Link: c.link, FullLink: c.full}) {
			t.Errorf("%q: %+v", c.name, got)
		}
	}
	if got := models.TellCarrier(append(own, models.Carrier{MerchantID: "m", Key: "*", Name: "*", Link: "https://any.example/{number}"}), "Nobody", "N1", []string{"N2"}); got.Provider != "Nobody (also N2)" || got.Link != "https://any.example/N1" {
		t.Errorf("%+v", got)
	}
	if got := models.TellCarrier(nil, "usps", "N1", []string{"N2"}); got.Provider != "usps (also N2)" || got.Link == "" {
		t.Errorf("in words that the store does not know it needs a link: %+v", got)
	}
	if got := models.TellCarrier(nil, strings.Repeat("é", 200), "N1", nil); len([]rune(got.Provider)) != 100 {
		t.Errorf("%d characters", len([]rune(got.Provider)))
	}
}

func TestACarriersLinkMustBeOneThatBuyersMayFollow(t *testing.T) {
	t.Parallel()
	for link, ok := range map[string]bool{
		"": true, "https://track.example.com/{number}": true, "https://example.com/?n={number}#x": true, "https://EXAMPLE.com/a/{number}/b": true,
		"http://track.example.com/{number}": false, "javascript:alert({number})": false, "https://track.example.com/": false, "https://{number}.example.com/": false,
		"https://127.0.0.1/{number}": false, "https://[::1]/{number}": false, "https://localhost/{number}": false, "https://shop.internal/{number}": false,
		"https://user:pw@example.com/{number}": false, "https://example.com:8443/{number}": false, "https://exa mple.com/{number}": false, "//example.com/{number}": false,
		"https:///{number}": false, "https://example.com/" + strings.Repeat("x", 2000) + "{number}": false, "https://1.2/{number}": false, "https://exämple.com/{number}": false,
	} {
		if reason := models.CheckCarrierLink(link); (reason == "") != ok {
			t.Errorf("%q: %q", link, reason)
		}
	}
	for _, c := range models.DefaultCarriers() {
		if reason := models.CheckCarrierLink(c.Link); reason != "" || c.Key != models.CarrierKey(c.Key) {
			t.Errorf("%q: %s", c.Key, reason)
		}
	}
}

func TestAPushWaitsForTheFirstScanWhereTheMerchantWantsThat(t *testing.T) {
	t.Parallel()
	p := parcel("p", "N1", holds("1", "A", 1))
	f := models.Facts{Now: noon, Order: paid(), Lines: lines{line("A", 1)}, SupplierOrders: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1))}, Parcels: parcels{p}}
	f.Rules.Store.PushWhen = models.PushAtFirstScan
	if w := f.WishFor(p, models.Push{}); len(w.Lines) != 0 {
		t.Errorf("wanted at once: %+v", w)
	}
	if got := models.Rollup(f); len(got.Chips) != 1 || got.Chips[0].Code != "waits_for_scan" || got.Tab != models.TabFulfilled {
		t.Errorf("%+v", got)
	}
	if w := f.WishFor(p, models.Push{WantedSince: noon}); len(w.Lines) != 1 {
		t.Error("what was told once waits no more")
	}
	p.LastEventAt = ago(time.Minute)
	if w := f.WishFor(p, models.Push{}); len(w.Lines) != 1 || w.Number != "N1" {
		t.Errorf("scanned, and not wanted: %+v", w)
	}
}

func TestOnlyWhatIsOwedIsToldAndWhatWasToldStays(t *testing.T) {
	t.Parallel()
	p := parcel("p", "N1", holds("1", "A", 2), holds("1", "B", 1))
	f := models.Facts{Now: noon, Order: paid(), Lines: lines{refunded(line("A", 2), 1), removed(line("B", 1))}}
	if w := f.WishFor(p, models.Push{}); len(w.Lines) != 1 || w.Lines[0] != (models.FulfillmentLine{LineID: "A", Quantity: 1}) {
		t.Errorf("%+v", w.Lines)
	}
	if w := f.WishFor(p, models.Push{FulfillmentID: "f"}); len(w.Lines) != 2 {
		t.Errorf("a refund after the store was told makes it told anew: %+v", w.Lines)
	}
}

func TestCase66_APersonsDecisionHoldsAndRealityIsShown(t *testing.T) {
	t.Parallel()
	decided := func(kind models.OverrideKind, subject, value string) []models.Override {
		return []models.Override{{ID: "d", Kind: kind, Subject: subject, Value: value, Reason: "So it is", CreatedAt: noon.Add(-time.Hour)}}
	}
	check := func(name string, f models.Facts, tab models.Tab, codes string) {
		t.Helper()
		f.Now = noon
		got := models.Rollup(f)
		var raised []string
		for _, tr := range got.Troubles {
			raised = append(raised, string(tr.Code))
		}
		if got.Tab != tab || strings.Join(raised, " ") != codes {
			t.Errorf("%s: %s with %v, want %s with %s (%s)", name, got.Tab, raised, tab, codes, got.Why)
		}
	}
	own := line("A", 1)
	own.Override = models.RoleOwn
	late := bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1))
	late.CreatedAt = noon.Add(-time.Minute)
	check("a line of our own", models.Facts{Order: paid(), Lines: lines{own, line("B", 1)}, Overrides: decided(models.OverrideLineRole, "A", "own")}, models.TabAwaitingOrder, "")
	check("a line of our own that is bought", models.Facts{Order: paid(), Lines: lines{own, line("B", 1)}, SupplierOrders: supplier{late}, Overrides: decided(models.OverrideLineRole, "A", "own")}, models.TabAwaitingOrder, "override_conflict")
	digital := role(line("A", 1), models.RoleNoShipping)
	digital.Override = models.RoleDropship
	check("a line to be bought after all", models.Facts{Order: paid(), Lines: lines{digital}}, models.TabAwaitingOrder, "")

	closed := models.Facts{Order: paid(), Lines: lines{line("A", 1)}, SupplierOrders: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 1))}, Overrides: decided(models.OverrideClosed, "", "")}
	check("closed", closed, models.TabClosed, "")
	if got := models.Rollup(closed); got.ClosedReason != models.ClosedByPerson || got.Final || !strings.Contains(got.Why, "So it is.") {
		t.Errorf("%+v", got)
	}
	moving := parcel("p", "N1", holds("1", "A", 1))
	moving.LastEventAt = ago(time.Minute)
	closed.Parcels = parcels{moving}
	check("closed, but it moves", closed, models.TabClosed, "override_conflict")
	closed.Parcels, closed.Order = nil, order("CANCELED", "PAID")
	closed.Order.GateAt = noon
	check("closed, and the store cancels", closed, models.TabClosed, "override_conflict stop_request")

	lost := parcel("p", "N1", holds("1", "A", 1))
	lost.LostAt = ago(time.Hour)
	gone := models.Facts{
		Order: paid(), Lines: lines{line("A", 1)}, SupplierOrders: supplier{bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1))}, Parcels: parcels{lost},
		Pushes: pushes{func() models.Push {
			p := push("u", models.PushConfirmed, time.Hour)
			p.ParcelID, p.FulfillmentID, p.ConfirmedAt = "p", "f", ago(time.Hour)
			return p
		}()},
		Overrides: decided(models.OverrideParcelLost, "p", ""),
	}
	gone.Order.ShownAt = ago(time.Minute) // the replacement took its fulfillment over: no mismatch
	check("a lost parcel", gone, models.TabAwaitingOrder, "")
	gone.SupplierOrders = append(gone.SupplierOrders, bought("2", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1)))
	gone.Parcels = append(gone.Parcels, parcel("q", "N2", holds("2", "A", 1)))
	check("a lost parcel, bought again", gone, models.TabFulfilled, "")
	gone.Parcels[0].LastEventAt = ago(time.Minute)
	check("a lost parcel that moves", gone, models.TabFulfilled, "override_conflict")
}

func TestTheStoreIsReadAgainOnlyWhereItMayHaveChanged(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) *time.Time { return in(d) }
	told := models.Push{State: models.PushConfirmed, FulfillmentID: "f", SentAt: at(0), ConfirmedAt: at(0)}
	fresh := func(changed time.Duration, shown *time.Time) models.Facts {
		o := paid()
		o.SourceUpdatedAt, o.ShownAt, o.FulfillmentStatus = noon.Add(changed), shown, "FULFILLED"
		return models.Facts{Order: o, Pushes: pushes{told}}
	}
	once := func(d time.Duration) time.Duration { return d }
	version := fresh(time.Hour, at(2*time.Hour))
	version.Order.ShownVersion = at(time.Hour)
	never := fresh(time.Hour, nil)
	never.Pushes, never.Order.FulfillmentStatus = nil, "NOT_FULFILLED"
	byHand := fresh(time.Hour, nil)
	byHand.Pushes = nil
	inHand := fresh(time.Hour, at(0))
	inHand.Pushes = pushes{told, {LeaseUntil: at(3 * time.Hour)}}
	for name, c := range map[string]struct {
		f    models.Facts
		now  *time.Time
		want bool
	}{
		"changed since":                          {fresh(time.Hour, at(0)), at(2 * time.Hour), true},
		"a push is in hand":                      {inHand, at(2 * time.Hour), false},
		"Case06 changed by our own write":        {fresh(-time.Second, at(0)), at(2 * time.Second), false},
		"read at this version":                   {version, at(3 * time.Hour), false},
		"read at this version, a day later":      {version, at(25 * time.Hour), true},
		"nothing told, nothing fulfilled":        {never, at(2 * time.Hour), false},
		"Case54 nothing told, fulfilled by hand": {byHand, at(2 * time.Hour), true},
	} {
		if got := models.WantShown(c.f, *c.now, once); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
