package main

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

// replica is another process of the same installation: the same database, key and platforms, another address.
func (w *world) replica() *world {
	w.t.Helper()
	other := *w
	address := freeAddress(w.t)
	other.url, other.process = "http://"+address, nil
	other.env = append(slices.Clone(w.env), "WAYBILL_LISTEN="+address)
	return &other
}

// callsOf gives when AliExpress served each call of a method.
func (w *world) callsOf(method string) (times []time.Time) {
	for _, e := range w.ali.Journal() {
		if e.Kind == aliexpresssim.KindCall && e.Method == method {
			times = append(times, e.At)
		}
	}
	return times
}

// Two processes on one database do no work twice, keep to one budget together, tell each other's changes, and when one is
// killed the other goes on with its work.
func TestTwoReplicasAreOneWaybill(t *testing.T) {
	t.Parallel()
	const perSecond = 6
	a := newWorld(t, databasetest.URL(t), "WAYBILL_SECRET_KEY=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "WAYBILL_ALIEXPRESS_PER_SECOND=6", "WAYBILL_CHECK_SPEED=120")
	b := a.replica()
	a.run()
	b.run()
	a.connect() // the platforms call a
	b.storeID = a.storeID
	goods := a.goods()
	watched := b.stream("")
	a.await("the stream is ready", func() bool { return watched.has("ready") })

	const n = 12
	var stores []string
	for range n {
		stores = append(stores, a.buy("paid", goods[0]))
	}
	var ids []string
	for _, id := range stores {
		o := b.awaitOrder(id, "the order is here", inTab("awaiting_order"))
		ids = append(ids, o.ID)
		a.await("what one process learns the other tells", func() bool { return watched.has("order", o.ID, `"awaiting_order"`) })
	}

	// Everybody presses everything, on both.
	var clicks sync.WaitGroup
	for _, id := range ids {
		for _, w := range []*world{a, b, a} {
			clicks.Go(func() {
				if got := w.call(http.MethodPost, "/orders/"+id+"/supplier-orders", nil); got.status != http.StatusAccepted {
					t.Errorf("placing: %d %s", got.status, got.body)
				}
			})
		}
	}
	clicks.Wait()
	a.await("some are bought", func() bool { return len(a.bought()) >= n/4 })
	a.kill() // in the middle of it
	killed := time.Now()
	a.wix.SetWebhookURL(b.url + "/api/v1/webhooks/wix") // as a load balancer would
	a.ali.SetPushURL(b.url + "/api/v1/webhooks/aliexpress")

	numbers := map[string]string{}
	for _, id := range stores {
		o := b.awaitOrder(id, "it is bought although a process was killed", func(o orderView) bool {
			for _, so := range o.SupplierOrders {
				if so.State == "unknown" { // sent in the moment of the kill: a person, or a push message, says what became of it
					b.resolve(so.ID)
				}
			}
			if o.chip("placing_stopped") != "" { // too many were in hand in that moment: a person, who knows why, lets it go on
				b.call(http.MethodPost, "/settings/resume-placing", nil)
			}
			return o.Tab == "awaiting_payment"
		})
		for _, so := range o.SupplierOrders {
			if so.Number != "" {
				numbers[so.Number] = id
			}
		}
	}
	if took := time.Since(killed); took > 3*time.Minute {
		t.Errorf("the work of the killed process went on after %s", took)
	}
	if made := a.bought(); len(made) != n || len(numbers) != n {
		t.Errorf("%d orders at AliExpress and %d numbers here for %d orders", len(made), len(numbers), n)
	}
	for _, e := range a.bought() {
		if numbers[e.OrderID] == "" {
			t.Errorf("AliExpress order %s is nobody's", e.OrderID)
		}
	}

	a.run() // it comes back
	for number := range numbers {
		if err := a.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.ali.Ship(number, aliexpresssim.ShipOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range stores {
		a.awaitOrder(id, "it is fulfilled", func(o orderView) bool {
			return o.Tab == "fulfilled" && len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed"
		})
		if _, fulfillments, err := a.wix.Order(id); err != nil || len(fulfillments) != 1 {
			t.Errorf("%d fulfillments in the store, %v", len(fulfillments), err)
		}
	}
	a.await("the last move is told by the process that was there all the time", func() bool { return watched.has("order", ids[n-1], `"fulfilled"`) })

	// In any stretch of time there are no more calls than the pace and its burst allow, and a little for turns that were woken late.
	const burst, late = 3, 3
	for _, method := range []string{"aliexpress.trade.ds.order.get", "aliexpress.ds.order.tracking.get", "aliexpress.ds.order.create"} {
		times := a.callsOf(method)
		for i := range times {
			for j := i; j < len(times); j++ {
				if allowed := perSecond*times[j].Sub(times[i]).Seconds() + burst + late; float64(j-i+1) > allowed {
					t.Fatalf("%d calls of %s within %s", j-i+1, method, times[j].Sub(times[i]))
				}
			}
		}
	}
	b.terminate()
	a.terminate()
}

// resolve says of an unknown purchase what AliExpress truly has.
func (w *world) resolve(id string) {
	w.t.Helper()
	body := map[string]any{"outcome": "absent"}
	var known struct{ Orders []orderView }
	w.do(http.MethodGet, "/orders?flag=place_unknown", nil, http.StatusOK, &known)
	taken := map[string]bool{}
	var page struct{ Orders []orderView }
	w.do(http.MethodGet, "/orders", nil, http.StatusOK, &page)
	for _, o := range page.Orders {
		var d orderView
		w.do(http.MethodGet, "/orders/"+o.ID, nil, http.StatusOK, &d)
		for _, so := range d.SupplierOrders {
			taken[so.Number] = true
		}
	}
	for _, e := range w.bought() {
		if !taken[e.OrderID] {
			body = map[string]any{"outcome": "found", "number": e.OrderID}
		}
	}
	w.call(http.MethodPost, "/supplier-orders/"+id+"/resolve", body)
}
