package ordersync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

// mails counts the shipping e-mails that the buyer of a store's order truly got.
func (w *world) mails(externalID string) int { return w.created(wixsim.KindMail, externalID) }

// calls counts the requests that the store got for an operation.
func (w *world) calls(op string) (n int) {
	for _, e := range w.wix.Journal() {
		if e.Kind == wixsim.KindRequest && e.Op == op {
			n++
		}
	}
	return n
}

// quietly waits until nothing is on its way.
func (w *world) quietly() {
	w.t.Helper()
	waitFor(w.t, "every webhook is worked", func() bool {
		s := w.wix.WebhookStats()
		return s.InFlight == 0 && s.PendingRetries == 0 && one[int](w, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0
	})
}

// pushOf waits until the push of a number is in a state.
func (w *world) pushOf(id models.ID, number string, state models.PushState) (p models.Push) {
	w.t.Helper()
	waitFor(w.t, "the push of "+number+" is "+string(state), func() bool {
		d := w.detail(id)
		at := slices.IndexFunc(d.Pushes, func(p models.Push) bool { return p.WantedNumber == number })
		if at >= 0 {
			p = d.Pushes[at]
		}
		return p.State == state
	})
	return p
}

func (w *world) flagOf(id models.ID, code models.FlagCode) (f models.Flag) {
	w.t.Helper()
	waitFor(w.t, "the flag "+string(code), func() bool {
		for _, f = range w.detail(id).OpenFlags() {
			if f.Code == code {
				return true
			}
		}
		return false
	})
	return f
}

func (w *world) unflagged(id models.ID, code models.FlagCode) {
	w.t.Helper()
	waitFor(w.t, string(code)+" closes", func() bool { return !w.flagged(id, code) })
}

func (w *world) by(id models.ID, err error) models.ID {
	w.t.Helper()
	w.must(err)
	return id
}

func TestCase06_OurOwnWriteComesBackAsAWebhookAndChangesNothing(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t, slow)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushConfirmed)
	w.quietly()
	if w.calls("list_fulfillments") != 2 || w.calls("create_fulfillment") != 1 || w.calls("update_fulfillment") != 0 {
		t.Errorf("%d lists, %d creations, %d changes", w.calls("list_fulfillments"), w.calls("create_fulfillment"), w.calls("update_fulfillment"))
	}
	d := w.detail(id)
	if w.mails(o.ID) != 1 || !d.Pushes[0].ConfirmedAt.Equal(*p.ConfirmedAt) || d.Order.FulfillmentStatus != "FULFILLED" || w.has(id, models.EventStoreFulfilled) {
		t.Errorf("%d mails, confirmed %v, the store says %s", w.mails(o.ID), d.Pushes[0].ConfirmedAt, d.Order.FulfillmentStatus)
	}
	if len(d.Shown) != 1 || d.Shown[0].Number != "LP1" || len(d.OpenFlags()) != 0 {
		t.Errorf("shown %+v, flags %v", d.Shown, w.flags(id))
	}
}

func TestCase44_AliExpressSplitsAnOrderIntoParcels(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{MailNo: "LP1", Items: []aliexpresssim.Item{{ProductID: bottle, SKUID: bottleBrown, Quantity: 1}}})
	w.must(err)
	w.pushOf(id, "LP1", models.PushConfirmed)
	if d := w.detail(id); d.Order.Tab != models.TabAwaitingShipment || d.Order.Chips[0].Text != "1 of 3 shipped" {
		t.Errorf("%s, %v", d.Order.Tab, d.Order.Chips)
	}
	if got, _, err := w.wix.Order(o.ID); err != nil || got.FulfillmentStatus != "PARTIALLY_FULFILLED" {
		t.Errorf("the store says %s", got.FulfillmentStatus)
	}
	w.ship(number, "LP2")
	w.pushOf(id, "LP2", models.PushConfirmed)
	w.inTab(id, models.TabFulfilled)
	if got, list, err := w.wix.Order(o.ID); err != nil || got.FulfillmentStatus != "FULFILLED" || len(list) != 2 || w.mails(o.ID) != 2 {
		t.Errorf("the store says %s with %s, %d mails", got.FulfillmentStatus, numbersIn(list), w.mails(o.ID))
	}
}

// shipped is an order of one earbuds with its parcel confirmed.
func (w *world) shipped(buyer wixsim.NewBuyer, mail string) (o wixsim.Order, id models.ID, number string) {
	w.t.Helper()
	o = w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{earbudsLine}, Buyer: buyer})
	id = w.idOf(o.ID)
	w.inTab(id, models.TabAwaitingOrder)
	w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
	number = w.detail(id).SupplierOrders[0].ExternalID
	w.must(w.ae.Pay(number, aliexpresssim.PayOptions{}))
	w.inTab(id, models.TabAwaitingShipment)
	w.ship(number, mail)
	return o, id, number
}

func TestCase45_OneParcelForSeveralOrdersIsToldToEach(t *testing.T) {
	t.Parallel()
	for name, perSite := range map[string]bool{"the store takes a number once an order": false, "the store takes a number once": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.stock()
			w.wix.SetNumbersUniquePerSite(perSite)
			jane := wixsim.NewBuyer{FirstName: "Jane", LastName: "Doe", Email: "jane@example.com"}
			_, first, _ := w.shipped(jane, "LP1")
			w.pushIs(first, models.PushConfirmed)
			o, second, _ := w.shipped(jane, "LP1")
			p := w.pushIs(second, models.PushConfirmed)
			shown := w.inStore(o.ID)
			if perSite != p.NumberTaken || len(shown) != 1 || w.mails(o.ID) != 1 || perSite != (trackingOf(shown[0]) == "") {
				t.Errorf("taken %t, the store has %+v, %d mails", p.NumberTaken, shown, w.mails(o.ID))
			}
			if perSite && !strings.Contains(shown[0].TrackingInfo.TrackingLink, "LP1") {
				t.Errorf("the link does not lead to the parcel: %+v", shown[0].TrackingInfo)
			}
			if w.flagged(first, models.FlagParcelShared) || w.flagged(second, models.FlagParcelShared) {
				t.Error("flagged although it is one buyer's")
			}
			_, third, _ := w.shipped(wixsim.NewBuyer{FirstName: "Joe", LastName: "Roe", Email: "joe@example.com"}, "LP1")
			w.flagOf(third, models.FlagParcelShared)
			w.check(first)
			w.flagOf(first, models.FlagParcelShared)
			w.check(second)
			if list, _, err := w.orders.Mismatches(t.Context(), w.m, "", 10); err != nil || len(list) != 0 {
				t.Errorf("mismatches %+v, %v", list, err)
			}
		})
	}
}

func TestCase45_ACombinedParcelOfTwoPurchasesIsOneFulfillment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mapping(earbuds, bottle, bottleBrown, kedi)
	w.mapping(lamp, deskLamp, deskWhite, lumen)
	o, id := w.ready()
	_, err := w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{}, person)
	w.must(err)
	w.inTab(id, models.TabAwaitingPayment)
	waitFor(t, "both are placed", func() bool {
		return len(w.detail(id).SupplierOrders) == 2 && w.detail(id).SupplierOrders[1].ExternalID != ""
	})
	var numbers []string
	for _, so := range w.detail(id).SupplierOrders {
		numbers = append(numbers, so.ExternalID)
		w.must(w.ae.Pay(so.ExternalID, aliexpresssim.PayOptions{}))
	}
	w.inTab(id, models.TabAwaitingShipment)
	w.ship(numbers[0], "LP1")
	w.pushOf(id, "LP1", models.PushConfirmed)
	w.ship(numbers[1], "LP1")
	w.inTab(id, models.TabFulfilled)
	waitFor(t, "the store shows all in one", func() bool {
		list := w.inStore(o.ID)
		return len(list) == 1 && len(list[0].LineItems) == 2 && w.detail(id).Pushes[0].State == models.PushConfirmed
	})
	mails := w.mails(o.ID) // Wix cannot add lines to a fulfillment: it was made anew
	for i, number := range numbers {
		w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{MailNo: "LP1", NewMailNo: "LP2"}))
		w.check(id)
		w.pushOf(id, "LP2", models.PushConfirmed)
		if d := w.detail(id); len(d.Parcels) != 1 || len(w.inStore(o.ID)) != 1 || numbersIn(w.inStore(o.ID)) != "LP2" {
			t.Errorf("after %d of 2: %d parcels, the store has %s", i+1, len(d.Parcels), numbersIn(w.inStore(o.ID)))
		}
	}
	if w.mails(o.ID) != mails {
		t.Errorf("%d mails more", w.mails(o.ID)-mails)
	}
}

func TestCase48_AReplacedNumberOrCarrierNeverMailsTwice(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.ship(number, "LP1")
	first := w.pushIs(id, models.PushConfirmed)
	w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{MailNo: "LP1", NewMailNo: "LP2"}))
	w.pushOf(id, "LP2", models.PushConfirmed)
	w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{MailNo: "LP2", NewMailNo: "LP2", Carrier: "USPS Ground"}))
	w.check(id)
	waitFor(t, "the carrier alone is told", func() bool {
		f := w.inStore(o.ID)[0].TrackingInfo
		return f.ShippingProvider == "usps" && strings.Contains(f.TrackingLink, "usps.com") && w.detail(id).Pushes[0].State == models.PushConfirmed
	})
	_, err := w.sync.PutCarrier(t.Context(), w.m, models.Carrier{Name: "usps  GROUND", Provider: "Post", Link: "https://post.example.com/{number}"}, "api:test")
	w.must(err)
	waitFor(t, "the template alone is told", func() bool {
		f := w.inStore(o.ID)[0].TrackingInfo
		return f.ShippingProvider == "Post" && f.TrackingLink == "https://post.example.com/LP2" && w.detail(id).Pushes[0].State == models.PushConfirmed
	})
	w.must(w.sync.DeleteCarrier(t.Context(), w.m, "USPS ground", "api:test"))
	waitFor(t, "the default is told", func() bool { return w.inStore(o.ID)[0].TrackingInfo.ShippingProvider == "usps" })
	for range 3 {
		w.by(w.sync.RetryPush(t.Context(), w.m, first.ID, person))
		w.pushIs(id, models.PushConfirmed)
	}
	w.quietly()
	if n := w.mails(o.ID); n != 1 || w.inStore(o.ID)[0].ID != first.FulfillmentID || len(w.detail(id).Parcels) != 1 {
		t.Errorf("%d mails; fulfillment %s was %s", n, w.inStore(o.ID)[0].ID, first.FulfillmentID)
	}
	if p := w.detail(id).Parcels[0]; !slices.Equal(p.PreviousNumbers, []string{"LP1"}) {
		t.Errorf("numbers before: %v", p.PreviousNumbers)
	}
}

func TestAPersonWhoAsksWhileTheStoreIsBeingToldMailsNobodyTwice(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.must(w.wix.Fail(wixsim.Fault{Op: "create_fulfillment", How: "slow", DelayMS: 600, Times: 1}))
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{WithoutNumber: true})
	w.must(err)
	w.flagOf(id, models.FlagShippedWithoutNumber)
	w.must(w.sync.WithoutNumber(t.Context(), w.m, id, person))
	var push models.Push
	waitFor(t, "it is in hand", func() bool {
		push = w.detail(id).Pushes[0]
		return push.LeaseUntil != nil || push.State == models.PushConfirmed
	})
	for range 3 {
		w.by(w.sync.FixPush(t.Context(), w.m, push.ID, person))
	}
	w.pushIs(id, models.PushConfirmed)
	w.quietly()
	if w.mails(o.ID) != 1 || len(w.inStore(o.ID)) != 1 {
		t.Errorf("%d mails, %d fulfillments", w.mails(o.ID), len(w.inStore(o.ID)))
	}
}

func TestANumberThatIsReplacedWhileTheAnswerIsLostMailsOnce(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t, hasty)
	w.must(w.wix.Fail(wixsim.Fault{Op: "create_fulfillment", How: "reset_after", Times: 1}))
	w.must(w.wix.Fail(wixsim.Fault{Op: "list_fulfillments", How: "status_503", Times: 2}))
	w.ship(number, "LP1")
	waitFor(t, "it is known", func() bool { return len(w.detail(id).Pushes) == 1 })
	w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{MailNo: "LP1", NewMailNo: "LP2"}))
	w.pushOf(id, "LP2", models.PushConfirmed)
	if w.mails(o.ID) != 1 || numbersIn(w.inStore(o.ID)) != "LP2" {
		t.Errorf("%d mails, the store has %s", w.mails(o.ID), numbersIn(w.inStore(o.ID)))
	}
}

func TestCase50_OneUnitWithTwoNumbersShowsBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o, id, number := w.shipped(wixsim.NewBuyer{}, "LP1")
	w.pushIs(id, models.PushConfirmed)
	w.must(w.ae.Hand(number, aliexpresssim.Renumbering{MailNo: "LP1", NewMailNo: "LP2"}))
	w.check(id)
	waitFor(t, "the buyer sees both", func() bool {
		f := w.inStore(o.ID)[0].TrackingInfo
		return f.TrackingNumber == "LP1" && strings.Contains(f.ShippingProvider, "LP2") && w.detail(id).Pushes[0].State == models.PushConfirmed
	})
	d := w.detail(id)
	chip := slices.IndexFunc(d.Order.Chips, func(c models.Chip) bool { return c.Code == "further_number" })
	if len(d.Pushes) != 1 || len(d.OpenFlags()) != 0 || chip < 0 || w.mails(o.ID) != 1 || d.Order.Tab != models.TabFulfilled {
		t.Errorf("%d pushes, flags %v, chips %v, %d mails", len(d.Pushes), w.flags(id), d.Order.Chips, w.mails(o.ID))
	}
}

func TestCase51_AFulfillmentWithTheWrongQuantityIsMadeAnew(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.ship(number, "LP1")
	w.pushIs(id, models.PushConfirmed)
	access := models.Access{ExternalID: w.store.ExternalID}
	line := w.inStore(o.ID)[0].LineItems[0].ID
	w.must(w.storefront().Unfulfill(t.Context(), access, o.ID, w.inStore(o.ID)[0].ID))
	_, err := w.wix.FulfillByHand(o.ID, []wixsim.Quantity{{ID: line, Quantity: 1}}, &wixsim.TrackingInfo{TrackingNumber: "LP1"})
	w.must(err)
	f := w.flagOf(id, models.FlagMismatch)
	w.by(w.sync.FixPush(t.Context(), w.m, models.ID(f.Subject), person))
	w.unflagged(id, models.FlagMismatch)
	w.pushIs(id, models.PushConfirmed)
	if list := w.inStore(o.ID); len(list) != 1 || len(list[0].LineItems) != 2 {
		t.Errorf("%+v", list)
	}
}

func TestCase52_GoodsWithoutANumberAreFulfilledOnAPersonsWord(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	if err := w.sync.WithoutNumber(t.Context(), w.m, id, person); codeOf(err) != "nothing_without_number" {
		t.Errorf("before it is shipped: %v", err)
	}
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{WithoutNumber: true})
	w.must(err)
	w.flagOf(id, models.FlagShippedWithoutNumber)
	w.must(w.sync.WithoutNumber(t.Context(), w.m, id, person))
	w.pushIs(id, models.PushConfirmed)
	w.inTab(id, models.TabFulfilled)
	w.unflagged(id, models.FlagShippedWithoutNumber)
	if list := w.inStore(o.ID); len(list) != 1 || trackingOf(list[0]) != "" {
		t.Errorf("%+v", list)
	}
	made := w.inStore(o.ID)[0].ID
	if err := w.sync.WithoutNumber(t.Context(), w.m, id, person); codeOf(err) != "nothing_without_number" {
		t.Errorf("a second time: %v", err)
	}
	w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{NewMailNo: "LP1"}))
	w.check(id)
	w.pushOf(id, "LP1", models.PushConfirmed)
	if list := w.inStore(o.ID); len(list) != 1 || list[0].ID != made || numbersIn(list) != "LP1" || w.mails(o.ID) != 1 || len(w.detail(id).Parcels) != 1 {
		t.Errorf("%+v, %d mails, %d parcels", list, w.mails(o.ID), len(w.detail(id).Parcels))
	}
	w.stop()
	w.counted()
}

func TestCase52_ALostAnswerFulfilsWithoutANumberOnce(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t, hasty)
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{WithoutNumber: true})
	w.must(err)
	w.flagOf(id, models.FlagShippedWithoutNumber)
	w.must(w.wix.Fail(wixsim.Fault{Op: "create_fulfillment", How: "reset_after", Times: 1}))
	w.must(w.sync.WithoutNumber(t.Context(), w.m, id, person))
	p := w.pushIs(id, models.PushConfirmed)
	if w.mails(o.ID) != 1 || p.FulfillmentID != w.inStore(o.ID)[0].ID {
		t.Errorf("%d mails, %+v", w.mails(o.ID), p)
	}
}

func TestAReceivedOrderWithoutANumberIsAskedUntilThereIsOne(t *testing.T) {
	t.Parallel()
	w, _, id, number := paid(t)
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{WithoutNumber: true})
	w.must(err)
	w.flagOf(id, models.FlagShippedWithoutNumber)
	w.must(w.ae.Deliver(number))
	waitFor(t, "it is received", func() bool { return w.detail(id).SupplierOrders[0].Stage == models.StageFinished })
	d := w.detail(id)
	if d.Order.Tab != models.TabAwaitingShipment || d.Order.Final || d.Order.NextCheckAt == nil || d.SupplierOrders[0].NextCheckAt == nil {
		t.Errorf("%s, final %t, next %v", d.Order.Tab, d.Order.Final, d.SupplierOrders[0].NextCheckAt)
	}
	w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{NewMailNo: "LP1"}))
	w.check(id)
	w.inTab(id, models.TabFulfilled)
	w.pushOf(id, "LP1", models.PushConfirmed)
	waitFor(t, "nothing more is asked", func() bool { return w.detail(id).Order.Final })
}

func TestCase54_WhatWasFulfilledByHandBeforeThereIsANumberIsShown(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.FulfillByHand(o.ID, nil, nil)
	w.must(err)
	waitFor(t, "it is shown", func() bool { return len(w.detail(id).Shown) == 1 })
	d := w.detail(id)
	if !slices.ContainsFunc(d.Order.Chips, func(c models.Chip) bool { return c.Code == "fulfilled_by_hand" }) || !w.has(id, models.EventStoreFulfilled) || d.Order.Tab != models.TabAwaitingShipment {
		t.Errorf("%s, chips %v", d.Order.Tab, d.Order.Chips)
	}
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushConfirmed)
	if !p.Adopted || w.mails(o.ID) != 1 || numbersIn(w.inStore(o.ID)) != "LP1" {
		t.Errorf("adopted %t, %d mails, the store has %s", p.Adopted, w.mails(o.ID), numbersIn(w.inStore(o.ID)))
	}
	waitFor(t, "the chip goes", func() bool { return len(w.detail(id).Order.Chips) == 0 })
}

func TestCase54_AnotherNumberIsOverwrittenOnlyOnAPersonsWord(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.FulfillByHand(o.ID, nil, &wixsim.TrackingInfo{TrackingNumber: "MINE", ShippingProvider: "DHL"})
	w.must(err)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushRefused)
	w.flagOf(id, models.FlagPushRefused)
	list, _, err := w.orders.Mismatches(t.Context(), w.m, "", 10)
	w.must(err)
	if len(list) != 1 || list[0].Push.ID != p.ID || list[0].Shown == nil || list[0].Shown.Number != "MINE" || list[0].Flag.OrderNumber == "" || list[0].Since.IsZero() {
		t.Fatalf("%+v", list)
	}
	w.by(w.sync.OverwritePush(t.Context(), w.m, p.ID, person))
	w.pushIs(id, models.PushConfirmed)
	if numbersIn(w.inStore(o.ID)) != "LP1" || w.mails(o.ID) != 1 {
		t.Errorf("the store has %s, %d mails", numbersIn(w.inStore(o.ID)), w.mails(o.ID))
	}
	w.unflagged(id, models.FlagPushRefused)
	if _, err := w.sync.OverwritePush(t.Context(), w.m, p.ID, person); codeOf(err) != "nothing_to_overwrite" {
		t.Errorf("nothing is refused any more: %v", err)
	}
}

func TestANumberThatAPersonPutIntoOurFulfillmentIsNotOverwrittenByANewOne(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushConfirmed)
	_, err := w.wix.AmendByHand(o.ID, p.FulfillmentID, wixsim.TrackingInfo{TrackingNumber: "MINE"})
	w.must(err)
	w.flagOf(id, models.FlagMismatch)
	w.by(w.sync.AcceptPush(t.Context(), w.m, p.ID, person))
	w.unflagged(id, models.FlagMismatch)
	w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{MailNo: "LP1", NewMailNo: "LP2"}))
	w.check(id)
	w.pushOf(id, "LP2", models.PushRefused)
	if numbersIn(w.inStore(o.ID)) != "MINE" {
		t.Errorf("the store has %s", numbersIn(w.inStore(o.ID)))
	}
	w.by(w.sync.AcceptPush(t.Context(), w.m, p.ID, person))
	w.pushOf(id, "LP2", models.PushAccepted)
	waitFor(t, "no flag stays", func() bool { return len(w.flags(id)) == 0 })
}

func TestCase55_WhatWixRefusesIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.doorShut(true) // the store's change is not heard of
	_, err := w.wix.SetStatus(o.ID, "PENDING", "")
	w.must(err)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushRefused)
	f := w.flagOf(id, models.FlagPushRefused)
	if !strings.Contains(f.Detail, p.ErrorDetail) || !strings.Contains(p.ErrorDetail, "approved") {
		t.Errorf("not Wix's words: %s; %s", f.Detail, p.ErrorDetail)
	}
	tries := w.calls("create_fulfillment")
	w.check(id)
	w.check(id)
	if w.calls("create_fulfillment") != tries || tries > 4 {
		t.Errorf("tried %d times, then %d", tries, w.calls("create_fulfillment"))
	}
	_, err = w.wix.SetStatus(o.ID, "APPROVED", "")
	w.must(err)
	w.doorShut(false)
	w.by(w.sync.RetryPush(t.Context(), w.m, p.ID, person))
	w.pushIs(id, models.PushConfirmed)
	w.unflagged(id, models.FlagPushRefused)
}

func TestAnUnreachableStoreIsToldFor72HoursAndThenAPersonDecides(t *testing.T) {
	t.Parallel()
	w, _, id, number := paid(t, hasty)
	w.must(w.wix.Fail(wixsim.Fault{Op: "create_fulfillment", How: "status_503", Times: 10000}))
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushRetrying)
	at := func(ago string) { // under the order's lock, or a try that is under way would write the old time again
		w.must(w.db.Of(w.m).InTx(t.Context(), func(tx database.Tx) error {
			return errors.Join(tx.Exec("SELECT 1 FROM orders WHERE id = ? FOR UPDATE", id).Error,
				tx.Exec("UPDATE pushes SET wanted_since = now() - ?::interval WHERE id = ?", ago, p.ID).Error)
		}))
	}
	at("11 minutes")
	f := w.flagOf(id, models.FlagPushUnconfirmed)
	list, _, err := w.orders.Mismatches(t.Context(), w.m, "", 10)
	w.must(err)
	if len(list) != 1 || list[0].Flag.Code != models.FlagPushUnconfirmed || list[0].Shown != nil || f.Deadline == nil {
		t.Errorf("%+v", list)
	}
	at("71 hours")
	attempts := w.detail(id).Pushes[0].Attempts
	waitFor(t, "it is still tried", func() bool { return w.detail(id).Pushes[0].Attempts > attempts })
	at("73 hours")
	w.pushIs(id, models.PushRefused)
	if p := w.detail(id).Pushes[0]; p.ErrorCode != "store_unreachable_too_long" {
		t.Errorf("%s", p.ErrorCode)
	}
	w.wix.ClearFaults()
	w.by(w.sync.RetryPush(t.Context(), w.m, p.ID, person))
	w.pushIs(id, models.PushConfirmed)
}

func TestCase56_ACancelledOrderAsksToStopAndTheOutcomeIsFollowed(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.CancelOrder(o.ID)
	w.must(err)
	w.flagOf(id, models.FlagStopRequest)
	page, err := w.orders.Flags(t.Context(), w.m, orders.FlagFilter{Code: models.FlagStopRequest, Limit: 10})
	w.must(err)
	if len(page.Flags) != 1 || page.Flags[0].SupplierNumber != number || page.Flags[0].OrderNumber == "" {
		t.Fatalf("%+v", page.Flags)
	}
	w.must(w.ae.Cancel(number, aliexpresssim.CancelOptions{Pending: true}))
	waitFor(t, "the request is seen", func() bool { return w.detail(id).SupplierOrders[0].Status == "IN_CANCEL" })
	if !w.flagged(id, models.FlagStopRequest) {
		t.Error("closed before it is decided")
	}
	w.must(w.ae.Cancel(number, aliexpresssim.CancelOptions{}))
	w.unflagged(id, models.FlagStopRequest)
	row, err := w.orders.Flag(t.Context(), w.m, page.Flags[0].ID)
	w.must(err)
	if !strings.Contains(row.ClosedWhy, "was stopped") || len(w.inStore(o.ID)) != 0 {
		t.Errorf("closed because %q", row.ClosedWhy)
	}
}

func TestCase57_AnOrderOf300LinesIsToldInOneCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	list := make([]wixsim.NewLine, 300)
	for i := range list {
		list[i] = earbudsLine
	}
	o, id := w.ready(list...)
	parcel := models.Parcel{TrackingNumber: "LP1", Carrier: "Cainiao"}
	w.stop()
	var linked models.ID
	var lines []orders.PlannedLine
	for _, l := range w.detail(id).Lines {
		lines = append(lines, orders.PlannedLine{LineID: l.LineID, Quantity: 1, ProductID: bottle, SKUID: bottleBrown})
	}
	w.apply(id, orders.Linked{AccountID: w.account.ID, Number: "8190000000000009", Lines: lines, ID: &linked, Answer: models.SupplierAnswer{Status: "WAIT_BUYER_ACCEPT_GOODS"}})
	w.apply(id, orders.SupplierAnswered{
		SupplierOrderID: linked, Seq: 1, Answer: models.SupplierAnswer{Status: "WAIT_BUYER_ACCEPT_GOODS"},
		Tracking: []models.TrackedParcel{{Number: parcel.TrackingNumber, Carrier: parcel.Carrier}},
	})
	_, err := w.sync.Check(t.Context(), w.m, id, ordersync.CheckOptions{Direction: models.ToStore, By: person, Force: true})
	w.must(err)
	if got, made, err := w.wix.Order(o.ID); err != nil || len(made) != 1 || len(made[0].LineItems) != 300 || got.FulfillmentStatus != "FULFILLED" || w.calls("create_fulfillment") != 1 {
		t.Errorf("%d fulfillments, %s, %d calls", len(made), got.FulfillmentStatus, w.calls("create_fulfillment"))
	}
}

func TestCase69_AnArchivedOrDeletedOrderIsKeptAndToldNothing(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	_, err := w.wix.ArchiveOrder(o.ID)
	w.must(err)
	w.flagOf(id, models.FlagGoneFromStore)
	w.ship(number, "LP1")
	w.inTab(id, models.TabFulfilled)
	w.check(id)
	if len(w.inStore(o.ID)) != 0 || len(w.detail(id).Pushes) != 0 {
		t.Errorf("told nevertheless: %s", numbersIn(w.inStore(o.ID)))
	}
	_, err = w.wix.UnarchiveOrder(o.ID)
	w.must(err)
	w.pushIs(id, models.PushConfirmed)
	w.unflagged(id, models.FlagGoneFromStore)

	w.must(w.wix.DeleteOrder(o.ID))
	w.must(w.ae.Renumber(number, aliexpresssim.Renumbering{MailNo: "LP1", NewMailNo: "LP2"}))
	var d orders.Detail
	waitFor(t, "it is seen that the order is gone", func() bool { // a reading that began before may end after, and say once more that it is there
		w.check(id)
		d = w.detail(id)
		return d.Order.GoneSince != nil
	})
	if d.Order.StoreCheckedAt == nil || !w.has(id, models.EventGoneFromStore) || d.Order.Tab != models.TabFulfilled {
		t.Errorf("gone since %v in %s", d.Order.GoneSince, d.Order.Tab)
	}
	w.stop()
	w.counted()
}

func TestTheFirstScanLetsTheStoreBeTold(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.must(w.sync.DecideStore(t.Context(), w.m, w.store.ID, models.StoreSettings{PushWhen: models.PushAtFirstScan}, "api:test"))
	_, err := w.ae.Ship(number, aliexpresssim.ShipOptions{MailNo: "LP1", Unseen: true})
	w.must(err)
	w.inTab(id, models.TabFulfilled)
	w.check(id)
	d := w.detail(id)
	if len(d.Pushes) != 0 || len(w.inStore(o.ID)) != 0 || !slices.ContainsFunc(d.Order.Chips, func(c models.Chip) bool { return c.Code == "waits_for_scan" }) {
		t.Errorf("%d pushes, chips %v", len(d.Pushes), d.Order.Chips)
	}
	w.must(w.ae.AddEvent(number, aliexpresssim.ParcelEvent{MailNo: "LP1", Name: "Accepted", Description: "Accepted by the carrier."}))
	w.check(id)
	w.pushIs(id, models.PushConfirmed)
}

func TestWhatTheStoreShowsIsComparedWithWhatItConfirmed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world, o wixsim.Order, fulfillment string) error
		says   string
	}{
		"deleted by hand": {func(w *world, o wixsim.Order, f string) error { _, err := w.wix.UnfulfillByHand(o.ID, f); return err }, "no longer shows"},
		"number changed by hand": {func(w *world, o wixsim.Order, f string) error {
			_, err := w.wix.AmendByHand(o.ID, f, wixsim.TrackingInfo{TrackingNumber: "TYPO"})
			return err
		}, "shows tracking number TYPO"},
	} {
		for _, decision := range []string{"fix", "accept"} {
			t.Run(name+", "+decision, func(t *testing.T) {
				t.Parallel()
				w, o, id, number := paid(t)
				w.ship(number, "LP1")
				p := w.pushIs(id, models.PushConfirmed)
				w.quietly()
				w.must(c.change(w, o, p.FulfillmentID))
				f := w.flagOf(id, models.FlagMismatch)
				list, _, err := w.orders.Mismatches(t.Context(), w.m, "", 10)
				w.must(err)
				if len(list) != 1 || list[0].Push.ID != p.ID || !list[0].Since.Equal(f.OpenedAt) || !strings.Contains(f.Detail, c.says) || f.NextAction == "" {
					t.Fatalf("%+v: %s", list, f.Detail)
				}
				if decision == "accept" {
					w.by(w.sync.AcceptPush(t.Context(), w.m, p.ID, person))
					w.unflagged(id, models.FlagMismatch)
					shown := numbersIn(w.inStore(o.ID))
					w.check(id)
					if numbersIn(w.inStore(o.ID)) != shown || w.flagged(id, models.FlagMismatch) || !w.has(id, models.EventPushAccepted) {
						t.Errorf("the store has %s, flags %v", numbersIn(w.inStore(o.ID)), w.flags(id))
					}
					return
				}
				w.by(w.sync.FixPush(t.Context(), w.m, p.ID, person))
				w.unflagged(id, models.FlagMismatch)
				w.pushIs(id, models.PushConfirmed)
				if numbersIn(w.inStore(o.ID)) != "LP1" {
					t.Errorf("the store has %s", numbersIn(w.inStore(o.ID)))
				}
				w.stop()
				w.counted()
			})
		}
	}
}

func TestAnEarlierReadingOfTheStoreNeverOverwritesALaterOne(t *testing.T) {
	t.Parallel()
	w, _, id, number := paid(t)
	early, err := w.orders.NextShown(t.Context(), w.m, id)
	w.must(err)
	w.ship(number, "LP1")
	w.pushIs(id, models.PushConfirmed)
	w.stop()
	w.apply(id, early)
	if len(w.detail(id).Shown) != 1 || w.flagged(id, models.FlagMismatch) {
		t.Errorf("shown %+v, flags %v", w.detail(id).Shown, w.flags(id))
	}
}

func TestCase14_APartialPaymentOpensTheGateOfItsStoreOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o, id := w.ready(earbudsLine)
	_, err := w.wix.EditOrder(o.ID, wixsim.Edit{Lines: []wixsim.Quantity{{ID: o.LineItems[0].ID, Quantity: 2}}})
	w.must(err)
	w.inTab(id, models.TabPending)
	if d := w.detail(id); d.Order.PaymentStatus != "PARTIALLY_PAID" || d.Order.PaidMinor == 0 || !strings.Contains(d.Order.Why, "is missing") {
		t.Errorf("%s, paid %d: %s", d.Order.PaymentStatus, d.Order.PaidMinor, d.Order.Why)
	}
	if _, err := w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{}, person); codeOf(err) != "order_not_paid" {
		t.Errorf("bought: %v", err)
	}
	w.must(w.sync.DecideStore(t.Context(), w.m, w.store.ID, models.StoreSettings{PartialPaymentOpens: true}, "api:test"))
	w.inTab(id, models.TabAwaitingOrder)
	w.plan(id, ordersync.PlanRequest{})
	w.inTab(id, models.TabAwaitingPayment)
}

func TestCase20_AnOrderThatIsEditedAfterBuyingShowsWhatChanged(t *testing.T) {
	t.Parallel()
	w, o, id, _ := paid(t)
	_, err := w.wix.EditOrder(o.ID, wixsim.Edit{Address: &wixsim.NewAddress{City: "Elsewhere", AddressLine: "1 Other Street"}})
	w.must(err)
	f := w.flagOf(id, models.FlagOrderEdited)
	if !strings.Contains(f.Detail, "another line 1, city") || strings.Contains(f.Detail, "Elsewhere") || !strings.Contains(f.NextAction, "buy again") {
		t.Errorf("%s; %s", f.Detail, f.NextAction)
	}
	_, err = w.wix.EditOrder(o.ID, wixsim.Edit{Lines: []wixsim.Quantity{{ID: o.LineItems[0].ID, Quantity: 1}}})
	w.must(err)
	waitFor(t, "the quantity is told too", func() bool { return strings.Contains(w.flagOf(id, models.FlagOrderEdited).Detail, "quantity 2 -> 1") })
	_, err = w.sync.CloseFlag(t.Context(), w.m, f.ID, person)
	w.must(err)
	w.check(id)
	if w.flagged(id, models.FlagOrderEdited) {
		t.Error("seen, and yet flagged")
	}
	_, err = w.wix.EditOrder(o.ID, wixsim.Edit{Address: &wixsim.NewAddress{City: "Nowhere"}})
	w.must(err)
	if again := w.flagOf(id, models.FlagOrderEdited); again.ID == f.ID || strings.Contains(again.Detail, "quantity") {
		t.Errorf("%s", again.Detail)
	}
	w.stop()
	w.counted()
}

func TestAnEditBeforeBuyingIsNoTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	o, id := w.ready()
	_, err := w.wix.EditOrder(o.ID, wixsim.Edit{Lines: []wixsim.Quantity{{ID: o.LineItems[0].ID, Quantity: 1}}, Address: &wixsim.NewAddress{City: "Elsewhere"}})
	w.must(err)
	waitFor(t, "it is taken over", func() bool { return w.detail(id).Recipient.City == "Elsewhere" })
	if d := w.detail(id); len(d.OpenFlags()) != 0 || d.Lines[0].Quantity != 1 {
		t.Errorf("flags %v", w.flags(id))
	}
}

func TestCase66_ALostParcelIsBoughtAgainAndTakesItsFulfillmentOver(t *testing.T) {
	t.Parallel()
	w, o, id, number := paid(t)
	w.ship(number, "LP1")
	p := w.pushIs(id, models.PushConfirmed)
	if placed, err := w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{}, person); err == nil && len(w.detail(id).SupplierOrders) != 1 {
		t.Fatalf("bought twice without a word: %+v", placed)
	}
	lost, err := w.sync.Override(t.Context(), w.m, id, models.Override{Kind: models.OverrideParcelLost, Subject: string(p.ParcelID)}, person)
	w.must(err)
	w.inTab(id, models.TabAwaitingOrder)
	again := w.plan(id, ordersync.PlanRequest{})
	for range 3 {
		_, _ = w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{}, person) // it is told what there is, or that there is nothing to buy
	}
	if n := len(w.detail(id).SupplierOrders); n != 2 {
		t.Fatalf("%d purchases", n)
	}
	if err := w.sync.LiftOverride(t.Context(), w.m, id, lost.ID, person); codeOf(err) != "bought_again" {
		t.Errorf("lifted: %v", err)
	}
	w.inTab(id, models.TabAwaitingPayment)
	next := w.supplierOrder(id, again.ID).ExternalID
	w.must(w.ae.Pay(next, aliexpresssim.PayOptions{}))
	w.inTab(id, models.TabAwaitingShipment)
	w.ship(next, "LP2")
	w.pushOf(id, "LP2", models.PushConfirmed)
	w.inTab(id, models.TabFulfilled)
	w.check(id)
	if numbersIn(w.inStore(o.ID)) != "LP2" || w.flagged(id, models.FlagMismatch) {
		t.Errorf("the store has %s, flags %v", numbersIn(w.inStore(o.ID)), w.flags(id))
	}
	w.must(w.ae.AddEvent(number, aliexpresssim.ParcelEvent{MailNo: "LP1", Name: "Found", Description: "Found in a corner."}))
	w.check(id)
	w.flagOf(id, models.FlagOverrideConflict)
	w.stop()
	w.counted()
}

func TestCase66_AClosedOrderIsReopenedByAPersonOrByItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	end := time.Now().Add(1500 * time.Millisecond)
	_, err := w.sync.Override(t.Context(), w.m, id, models.Override{Kind: models.OverrideClosed, ExpiresAt: &end}, person)
	w.must(err)
	w.inTab(id, models.TabClosed)
	if _, err := w.sync.Plan(t.Context(), w.m, id, ordersync.PlanRequest{}, person); codeOf(err) != "order_closed" {
		t.Errorf("bought although closed: %v", err)
	}
	w.inTab(id, models.TabAwaitingOrder) // its time is up
	closed, err := w.sync.Override(t.Context(), w.m, id, models.Override{Kind: models.OverrideClosed}, person)
	w.must(err)
	if d := w.detail(id); d.Order.ClosedReason != models.ClosedByPerson || !d.Order.Final || len(d.Overrides) != 1 || d.Overrides[0].Actor != person.Actor || d.Overrides[0].Reason != person.Reason {
		t.Errorf("%s, final %t, %+v", d.Order.ClosedReason, d.Order.Final, d.Overrides)
	}
	w.must(w.sync.LiftOverride(t.Context(), w.m, id, closed.ID, person))
	w.inTab(id, models.TabAwaitingOrder)
	if err := w.sync.LiftOverride(t.Context(), w.m, id, closed.ID, person); codeOf(err) != "override_not_found" {
		t.Errorf("lifted twice: %v", err)
	}
	w.stop()
	w.counted()
}

func TestCase66_ALineIsSentFromTheOwnShelfForOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock()
	_, id := w.ready()
	d := w.detail(id)
	_, err := w.sync.Override(t.Context(), w.m, id, models.Override{Kind: models.OverrideLineRole, Subject: d.Lines[0].LineID, Value: "own"}, person)
	w.must(err)
	w.check(id) // what the store says leaves it alone
	so := w.plan(id, ordersync.PlanRequest{})
	if len(so.Lines) != 1 || so.Lines[0].LineID != d.Lines[1].LineID {
		t.Errorf("bought %+v", so.Lines)
	}
	if _, err := w.sync.Override(t.Context(), w.m, id, models.Override{Kind: models.OverrideLineRole, Subject: "nothing", Value: "own"}, person); codeOf(err) != "line_not_found" {
		t.Errorf("%v", err)
	}
}

func TestAFlagThatWasPutOffComesBackAtItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, id := w.ready()
	f := w.flagOf(id, models.FlagNoSupplier)
	before := w.detail(id).Order.OpenFlags
	row, err := w.sync.SnoozeFlag(t.Context(), w.m, f.ID, time.Now().Add(1500*time.Millisecond), person)
	w.must(err)
	if row.SnoozedUntil == nil || row.SnoozedBy != string(person.Actor) || row.SnoozedWhy != person.Reason || w.detail(id).Order.OpenFlags != before-1 || !w.has(id, models.EventFlagSnoozed) {
		t.Errorf("%+v, %d open", row, w.detail(id).Order.OpenFlags)
	}
	listed := func(how string) int {
		page, err := w.orders.Flags(context.Background(), w.m, orders.FlagFilter{Code: models.FlagNoSupplier, Snoozed: how, Limit: 50})
		w.must(err)
		n := 0
		for _, r := range page.Flags {
			if r.ID == f.ID {
				n++
			}
		}
		return n
	}
	if listed(orders.FlagsAwake) != 0 || listed(orders.FlagsSnoozed) != 1 || listed(orders.FlagsAll) != 1 {
		t.Error("listed as if it were not put off")
	}
	waitFor(t, "it is back", func() bool { return w.detail(id).Order.OpenFlags == before && listed(orders.FlagsAwake) == 1 })
	if _, err := w.sync.SnoozeFlag(t.Context(), w.m, f.ID, time.Now().Add(-time.Minute), person); codeOf(err) != "snooze_in_the_past" {
		t.Errorf("%v", err)
	}
	w.stop()
	w.counted()
}

func TestAFlagThatWasClosedStaysClosedUntilItsFactHasGoneOnce(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t)
	odd := func(word string) {
		w.must(w.ae.SetStatus(so.ExternalID, aliexpresssim.Status{OrderStatus: word}))
		w.check(id)
	}
	odd("HALF_BAKED")
	f := w.flagOf(id, models.FlagUnknownStatus)
	row, err := w.sync.CloseFlag(t.Context(), w.m, f.ID, person)
	w.must(err)
	w.check(id)
	if row.ClosedBy != string(person.Actor) || row.ClosedWhy != person.Reason || w.flagged(id, models.FlagUnknownStatus) || w.detail(id).Order.OpenFlags != 0 {
		t.Errorf("%+v, flags %v", row, w.flags(id))
	}
	if _, err := w.sync.CloseFlag(t.Context(), w.m, f.ID, person); codeOf(err) != "flag_over" {
		t.Errorf("closed twice: %v", err)
	}
	_, err = w.sync.ReopenFlag(t.Context(), w.m, f.ID, person)
	w.must(err)
	if !w.flagged(id, models.FlagUnknownStatus) || !w.has(id, models.EventFlagReopened) {
		t.Error("not open again")
	}
	_, err = w.sync.CloseFlag(t.Context(), w.m, f.ID, person)
	w.must(err)
	odd("PLACE_ORDER_SUCCESS")
	odd("HALF_BAKED")
	if again := w.flagOf(id, models.FlagUnknownStatus); again.ID == f.ID {
		t.Error("the old flag is open again")
	}
	if _, err := w.sync.ReopenFlag(t.Context(), w.m, f.ID, person); codeOf(err) != "flag_over" {
		t.Errorf("reopened although it is over: %v", err)
	}
	w.stop()
	w.counted()
}

func TestAFlagOfTimeOpensWithoutOtherNews(t *testing.T) {
	t.Parallel()
	w, _, id, so := unpaid(t, slow)
	soon := time.Now().Add(24*time.Hour + 2*time.Second)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE supplier_orders SET pay_by = ?, placed_at = now() - interval '20 days', next_check_at = now() + interval '1 day' WHERE id = ?", soon, so.ID).Error)
	w.apply(id)
	if w.flagged(id, models.FlagPaySoon) {
		t.Fatal("flagged too soon")
	}
	if next := w.detail(id).Order.NextCheckAt; next == nil || time.Until(*next) > 5*time.Second {
		t.Errorf("checked next at %v", next)
	}
	f := w.flagOf(id, models.FlagPaySoon)
	if f.Deadline == nil || f.Deadline.Sub(soon).Abs() > time.Millisecond || f.Owner != models.OwnerMerchant {
		t.Errorf("%+v", f)
	}
	later := soon.Add(-time.Hour)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE supplier_orders SET pay_by = ? WHERE id = ?", later, so.ID).Error)
	w.apply(id)
	if f := w.flagOf(id, models.FlagPaySoon); f.Deadline.Sub(later).Abs() > time.Millisecond {
		t.Errorf("an old deadline: %v", f.Deadline)
	}
}

func TestFlagsOfAConnectionAreHandledAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	w.must(w.accounts.Failed(t.Context(), w.m, w.account.ID, time.Now().Add(time.Minute), models.Errorf(models.Disconnected, "x", "It refuses us.")))
	list := func(f orders.FlagFilter) []orders.FlagRow {
		f.Limit = 10
		page, err := w.orders.Flags(t.Context(), w.m, f)
		w.must(err)
		return page.Flags
	}
	all := list(orders.FlagFilter{StoreID: w.account.ID})
	if len(all) != 1 || all[0].Code != models.FlagNeedsReauth || all[0].ConnectionID == nil {
		t.Fatalf("%+v", all)
	}
	id := all[0].ID
	_, err := w.sync.SnoozeFlag(t.Context(), w.m, id, time.Now().Add(time.Hour), person)
	w.must(err)
	if len(list(orders.FlagFilter{})) != 0 || len(list(orders.FlagFilter{Snoozed: orders.FlagsSnoozed})) != 1 {
		t.Error("not put off")
	}
	_, err = w.sync.CloseFlag(t.Context(), w.m, id, person)
	w.must(err)
	if len(list(orders.FlagFilter{Snoozed: orders.FlagsAll})) != 0 {
		t.Error("not closed")
	}
	row, err := w.sync.ReopenFlag(t.Context(), w.m, id, person)
	w.must(err)
	if row.ClosedAt != nil || row.SnoozedUntil != nil || len(list(orders.FlagFilter{})) != 1 {
		t.Errorf("%+v", row)
	}
	if _, err := w.sync.SnoozeFlag(t.Context(), w.m, id, time.Now().Add(-time.Hour), person); codeOf(err) != "flag_over" {
		t.Errorf("%v", err)
	}
	code, err := w.ae.NewAuthCode("")
	w.must(err)
	_, err = w.accounts.ConnectSupplier(t.Context(), w.m, code, models.App{}, "api:test")
	w.must(err)
	if _, err := w.sync.CloseFlag(t.Context(), w.m, id, person); codeOf(err) != "flag_over" {
		t.Errorf("closed by itself, and then: %v", err)
	}
}

func TestCarriersAreKeptPerMerchant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	put := func(c models.Carrier) error { _, err := w.sync.PutCarrier(t.Context(), w.m, c, "api:test"); return err }
	w.must(put(models.Carrier{Name: "Some Post", Link: "https://some.example.com/{number}"}))
	w.must(put(models.Carrier{Name: "SOME  post", Provider: "usps"}))
	list, err := w.sync.Carriers(t.Context(), w.m)
	w.must(err)
	if len(list) != 1 || list[0].Provider != "usps" || list[0].Link != "" {
		t.Errorf("%+v", list)
	}
	for _, bad := range []models.Carrier{{Name: "x"}, {Name: "x", Provider: "Mine"}, {Name: "x", Link: "http://a.example.com/{number}"}, {Name: "x", Link: "https://a.example.com/"}} {
		if err := put(bad); models.KindOf(err) != models.Invalid || models.AsError(err).Fields[0].Pointer != "/link" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := w.sync.DeleteCarrier(t.Context(), w.m, "other", "api:test"); codeOf(err) != "carrier_not_found" {
		t.Errorf("%v", err)
	}
	for i := range 299 {
		w.must(put(models.Carrier{Name: fmt.Sprint("c", i), Provider: "dhl"}))
	}
	if err := put(models.Carrier{Name: "one more", Provider: "dhl"}); codeOf(err) != "too_many_carriers" {
		t.Errorf("%v", err)
	}
}
