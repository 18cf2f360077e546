package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"waybill/services/database/databasetest"
	"waybill/services/wix/wixsim"
)

// Webhooks come twice, in the wrong order, not at all and from others than Wix. At the end every order is what Wix says.
func TestDisorderlyWebhooks(t *testing.T) {
	t.Parallel()
	database := databasetest.URL(t)
	w := newWorld(t, database)
	w.run()
	w.connect()
	lines := w.goods()
	lines[0].Quantity = 3
	d := &disorder{world: w, database: database}

	d.switches(wixsim.WebhookSwitches{Duplicate: 3})
	for _, payment := range []string{"authorized", "offline", "pending", "paid", "paid", "paid", "authorized", "paid"} {
		d.orders = append(d.orders, w.buy(payment, lines...))
	}
	d.agree("orders told of four times")
	if n := countOf(t, database, "SELECT count(*) FROM inbox WHERE deliveries > 1"); n == 0 {
		t.Error("no message came twice")
	}

	d.switches(wixsim.WebhookSwitches{Hold: true, Duplicate: 1})
	d.pay(0)
	d.pay(1)
	d.edit(0, 2)
	d.edit(3, 1)
	d.refund(3, 1)
	d.edit(4, 0)
	d.refund(5)
	d.pay(2)
	d.cancel(6)
	if w.wix.ReleaseWebhooks(true) < 20 {
		t.Error("too few webhooks were held to be out of order")
	}
	d.agree("webhooks in reverse")

	d.forged(wixsim.WebhookSwitches{WrongSignature: true}, func() { d.edit(7, 1) })
	d.forged(wixsim.WebhookSwitches{WrongAlgorithm: true, Duplicate: 1}, func() { d.refund(7, 1) })
	d.agree("what forged webhooks told of is found all the same")

	d.switches(wixsim.WebhookSwitches{Hold: true})
	d.edit(1, 2)
	d.switches(wixsim.WebhookSwitches{Drop: true})
	d.refund(0, 1)
	d.cancel(1)
	d.orders = append(d.orders, w.buy("authorized", lines...), w.buy("paid", lines...))
	d.agree("dropped webhooks")
	for _, id := range d.orders[len(d.orders)-2:] {
		if o := d.order(id); o.LastCheckedSource != "sweep" {
			t.Errorf("an order that no webhook told of was found by %q", o.LastCheckedSource)
		}
	}
	d.pay(8)
	w.wix.ReleaseWebhooks(true) // what they tell of is long over
	d.switches(wixsim.WebhookSwitches{})
	d.cancel(9)
	d.agree("the last changes")

	w.await("every message is worked", func() bool {
		return w.wix.WebhookStats().InFlight == 0 && countOf(t, database, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0
	})
	d.agree("the end")
	w.terminate()
}

type disorder struct {
	*world
	database string
	orders   []string
}

func (d *disorder) switches(s wixsim.WebhookSwitches) {
	d.t.Helper()
	if err := d.wix.SetWebhooks(s); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disorder) check(_ wixsim.Order, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *disorder) inStore(id string) wixsim.Order {
	d.t.Helper()
	o, _, err := d.wix.Order(id)
	d.check(o, err)
	return o
}

func (d *disorder) pay(i int) { d.t.Helper(); d.check(d.wix.PayOrder(d.orders[i])) }

func (d *disorder) cancel(i int) { d.t.Helper(); d.check(d.wix.CancelOrder(d.orders[i])) }

// edit gives the first line another quantity; 0 takes it out.
func (d *disorder) edit(i, quantity int) {
	d.t.Helper()
	line := d.inStore(d.orders[i]).LineItems[0].ID
	d.check(d.wix.EditOrder(d.orders[i], wixsim.Edit{Lines: []wixsim.Quantity{{ID: line, Quantity: quantity}}}))
}

// refund gives back so many units of the last line, or everything.
func (d *disorder) refund(i int, units ...int) {
	d.t.Helper()
	var lines []wixsim.Quantity
	for _, n := range units {
		items := d.inStore(d.orders[i]).LineItems
		lines = append(lines, wixsim.Quantity{ID: items[len(items)-1].ID, Quantity: n})
	}
	d.check(d.wix.RefundOrder(d.orders[i], lines))
}

// forged lets something happen that only forged webhooks tell of, and wants each of them refused and nothing kept.
func (d *disorder) forged(s wixsim.WebhookSwitches, happen func()) {
	d.t.Helper()
	d.await("what came before is over", func() bool { return d.wix.WebhookStats().InFlight == 0 })
	kept, from := countOf(d.t, d.database, "SELECT count(*) + sum(deliveries) FROM inbox"), len(d.wix.Journal())
	d.switches(s)
	happen()
	copies := 0
	d.await("the forged webhooks are answered", func() bool {
		events, tries := 0, 0
		for _, e := range d.wix.Journal()[from:] {
			switch {
			case e.Kind == wixsim.KindEvent:
				events += 1 + s.Duplicate
			case e.Kind == wixsim.KindWebhookDelivered:
				d.t.Fatalf("a forged webhook was accepted: %+v", e)
			case e.Kind == wixsim.KindWebhookFailed && e.Detail["attempt"] == 1:
				tries++
				if e.Detail["problem"] != "answered 401" {
					d.t.Errorf("a forged webhook: %v", e.Detail)
				}
			}
		}
		copies = events
		return events > 0 && tries == events
	})
	if now := countOf(d.t, d.database, "SELECT count(*) + sum(deliveries) FROM inbox"); now != kept || copies == 0 {
		d.t.Errorf("of %d forged webhooks something was kept: %d messages became %d", copies, kept, now)
	}
}

type disorderlyOrder struct {
	Tab               string
	StoreStatus       string `json:"store_status"`
	PaymentStatus     string `json:"payment_status"`
	FulfillmentStatus string `json:"fulfillment_status"`
	LastCheckedSource string `json:"last_checked_source"`
	Lines             []struct {
		ID                       string
		Quantity, Refunded, Live int
		Removed                  bool
	}
}

func (d *disorder) order(externalID string) disorderlyOrder {
	d.t.Helper()
	var page struct{ Orders []struct{ ID string } }
	d.do(http.MethodGet, "/orders?q="+externalID, nil, http.StatusOK, &page)
	var o disorderlyOrder
	if len(page.Orders) == 1 {
		d.do(http.MethodGet, "/orders/"+page.Orders[0].ID, nil, http.StatusOK, &o)
	}
	return o
}

// agree waits until every order in Waybill equals Wix's.
func (d *disorder) agree(what string) {
	d.t.Helper()
	var differ []string
	defer func() {
		if len(differ) > 0 {
			d.t.Logf("%s: %s", what, strings.Join(differ, "\n"))
		}
	}()
	d.await(what, func() bool {
		differ = nil
		for i, id := range d.orders {
			if here, there := tellHere(d.order(id)), tellThere(d.inStore(id)); here != there {
				differ = append(differ, fmt.Sprintf("order %d is\n\t%s here and\n\t%s at Wix", i, here, there))
			}
		}
		return len(differ) == 0
	})
}

func tellHere(o disorderlyOrder) string {
	var lines []string
	for _, l := range o.Lines {
		if !l.Removed {
			lines = append(lines, fmt.Sprintf("%s:%d-%d", l.ID, l.Quantity, l.Refunded))
		}
	}
	slices.Sort(lines)
	return fmt.Sprint(o.Tab, o.StoreStatus, o.PaymentStatus, o.FulfillmentStatus, lines)
}

func tellThere(o wixsim.Order) string {
	var lines []string
	left := 0
	for _, l := range o.LineItems {
		lines = append(lines, fmt.Sprintf("%s:%d-%d", l.ID, l.Quantity, l.RefundQuantity))
		left += l.Quantity - l.RefundQuantity
	}
	slices.Sort(lines)
	// Nothing is bought in this test, so the tab is a small matter.
	tab := "pending"
	switch {
	case o.Status == "CANCELED" || o.PaymentStatus == "FULLY_REFUNDED" || left == 0:
		tab = "closed"
	case o.Status == "APPROVED" && (o.PaymentStatus == "PAID" || o.PaymentStatus == "PARTIALLY_REFUNDED"):
		tab = "awaiting_order"
	}
	return fmt.Sprint(tab, o.Status, o.PaymentStatus, o.FulfillmentStatus, lines)
}
