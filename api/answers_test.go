package main

import (
	"net/http"
	"testing"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

const create = "aliexpress.ds.order.create"

// AliExpress takes the order and then its answer is lost, mangled or late.
func TestAnswersThatNeverArrive(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"reset_after", "http502_after", "hang_after", "success_without_ids", "truncated", "code15_after"} {
		for _, pushes := range []bool{true, false} {
			name := how
			if !pushes {
				name += ", no push message"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, databasetest.URL(t))
				if !pushes {
					w.silencePushes()
				}
				w.run()
				w.connect()
				lines := w.goods()
				id := w.buy("paid", lines...)
				o := w.awaitOrder(id, "the order is there to be bought", inTab("awaiting_order"))
				w.fault(create, how)
				w.place(o.ID)
				if !pushes {
					o = w.awaitOrder(id, "a person is asked", func(o orderView) bool { return o.flagged("place_unknown") })
					if o.Tab != "awaiting_order" {
						t.Errorf("a purchase that may exist shows as %s", o.Tab)
					}
					w.answer(o.SupplierOrders[0], map[string]any{"outcome": "found", "number": w.bought()[0].OrderID})
				}
				w.checkBoughtOnce(id)
			})
		}
	}
}

// answer gives a person's answer. "It is not there" is refused until AliExpress has had time to finish.
func (w *world) answer(so supplierView, says map[string]any) {
	w.t.Helper()
	w.await("the answer is taken", func() bool {
		a := w.call(http.MethodPost, "/supplier-orders/"+so.ID+"/resolve", says)
		var p struct{ Code string }
		a.into(w.t, &p)
		if a.status != http.StatusOK && p.Code != "placement_settling" {
			w.t.Fatalf("resolve: %d %s", a.status, a.body)
		}
		return a.status == http.StatusOK
	})
}

func (w *world) checkBoughtOnce(id string) {
	w.t.Helper()
	o := w.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
	w.await("AliExpress and Waybill agree", func() bool {
		o, _ = w.order(id)
		return len(o.SupplierOrders) == 1 && o.SupplierOrders[0].Status != ""
	})
	made := w.bought()
	if len(made) != 1 {
		w.t.Fatalf("AliExpress made %d orders: %v", len(made), made)
	}
	if o.SupplierOrders[0].Number != made[0].OrderID || o.SupplierOrders[0].State != "placed" {
		w.t.Errorf("AliExpress made %s, Waybill has %+v", made[0].OrderID, o.SupplierOrders[0])
	}
	if o.OpenFlags != 0 {
		w.t.Errorf("flags are left: %+v", o.Flags)
	}
	// Asking again buys nothing: it gives what is under way.
	w.place(o.ID)
	if made = w.bought(); len(made) != 1 {
		w.t.Errorf("asking again bought again: %v", made)
	}
}

func (w *world) place(orderID string) {
	w.t.Helper()
	w.do(http.MethodPost, "/orders/"+orderID+"/supplier-orders", nil, http.StatusAccepted, nil)
}

func (w *world) fault(method, how string) {
	w.t.Helper()
	if err := w.ali.Fail(aliexpresssim.Fault{Method: method, How: aliexpresssim.How(how), Times: 1}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) silencePushes() {
	w.t.Helper()
	if err := w.ali.SetPushSwitches(aliexpresssim.PushSwitches{Drop: true}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) awaitBarrier() {
	w.t.Helper()
	w.await("the call has reached AliExpress", func() bool { return len(w.ali.Barriers()) == 1 })
}
