package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

// Everything that a person decides about a purchase, through the API; every answer is what the document says.
func TestPlacingThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t))
	w.run()
	w.connect()
	lines := w.goods()
	order := func() (id string) {
		t.Helper()
		return w.awaitOrder(w.buy("paid", lines...), "the order is there", inTab("awaiting_order")).ID
	}
	first, second := order(), order()

	var check struct {
		Ready  bool
		Groups []struct{ Lines []struct{ Rank int } }
		Totals []struct{ Goods, Shipping struct{ Currency string } }
	}
	w.do(http.MethodPost, "/orders/"+first+"/preflight", nil, http.StatusOK, &check)
	if !check.Ready || len(check.Groups) == 0 || len(check.Totals) != 1 || check.Totals[0].Goods.Currency != "USD" {
		t.Errorf("preflight says %+v", check)
	}

	w.do(http.MethodPost, "/orders/"+first+"/hold", map[string]any{"reason": "the buyer asked to wait"}, http.StatusOK, nil)
	if a := w.call(http.MethodPost, "/orders/"+first+"/supplier-orders", nil); a.status != http.StatusConflict || !strings.Contains(string(a.body), "order_held") {
		t.Errorf("a held order is placed: %d %s", a.status, a.body)
	}
	w.do(http.MethodPost, "/orders/"+first+"/release", nil, http.StatusOK, nil)

	address := map[string]any{"first_name": "Jane", "last_name": "Doe", "phone": "+12125550123", "line1": "235 West 23rd Street", "city": "New York", "subdivision": "US-NY", "postal_code": "10011", "country": "US"}
	var detail struct {
		PurchaseAddress *struct{ Reason string } `json:"purchase_address"`
	}
	w.do(http.MethodPut, "/orders/"+first+"/purchase-address", map[string]any{"address": address, "reason": "a neighbour takes it"}, http.StatusOK, &detail)
	if detail.PurchaseAddress == nil || detail.PurchaseAddress.Reason != "a neighbour takes it" {
		t.Errorf("the address is %+v", detail.PurchaseAddress)
	}
	w.do(http.MethodDelete, "/orders/"+first+"/purchase-address", nil, http.StatusOK, nil)

	type result struct {
		Rows []struct {
			OrderID        string `json:"order_id"`
			Outcome        string
			SupplierOrders []struct{ ID string } `json:"supplier_orders"`
		}
		Planned, Refused int
		UnderWay         int `json:"under_way"`
	}
	var bulk, again result
	request := map[string]any{"order_ids": []string{first, second, unknownID}, "hold_until": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	w.do(http.MethodPost, "/supplier-orders/bulk", request, http.StatusAccepted, &bulk)
	w.do(http.MethodPost, "/supplier-orders/bulk", request, http.StatusOK, &again)
	if bulk.Planned != 2 || bulk.Refused != 1 || again.UnderWay != 2 || again.Rows[0].SupplierOrders[0].ID != bulk.Rows[0].SupplierOrders[0].ID {
		t.Errorf("bulk says %+v, then %+v", bulk, again)
	}
	one, other := bulk.Rows[0].SupplierOrders[0].ID, bulk.Rows[1].SupplierOrders[0].ID
	var so struct {
		State      string
		WaitingFor string `json:"waiting_for"`
		ErrorCode  string `json:"error_code"`
		Number     string
	}
	w.do(http.MethodPost, "/supplier-orders/"+one+"/hold", map[string]any{"until": time.Now().Add(2 * time.Hour).UTC()}, http.StatusOK, &so)
	if so.WaitingFor != "hold_window" {
		t.Errorf("held, it waits for %q", so.WaitingFor)
	}
	w.do(http.MethodPost, "/supplier-orders/"+other+"/withdraw", map[string]any{"reason": "too early"}, http.StatusOK, &so)
	if so.State != "rejected" || so.ErrorCode != "withdrawn" {
		t.Errorf("withdrawn, it is %+v", so)
	}
	w.do(http.MethodPost, "/supplier-orders/"+one+"/place-now", nil, http.StatusAccepted, nil)

	var pay struct {
		Items []struct {
			OrderID     string `json:"order_id"`
			PayURL      string `json:"pay_url"`
			SecondsLeft *int64 `json:"seconds_left"`
		}
		Totals []struct{ Orders int }
		Count  int
	}
	w.await("it is to be paid", func() bool {
		w.do(http.MethodGet, "/pay-list?limit=10", nil, http.StatusOK, &pay)
		return len(pay.Items) == 1 && pay.Items[0].SecondsLeft != nil
	})
	if pay.Items[0].OrderID != first || !strings.HasPrefix(pay.Items[0].PayURL, "https://www.aliexpress.com/") || pay.Count != 1 || len(pay.Totals) != 1 {
		t.Errorf("the pay list says %+v", pay)
	}
	if a := w.call(http.MethodPost, "/supplier-orders/"+one+"/unlink", map[string]any{"reason": "a mistake"}); a.status != http.StatusConflict {
		t.Errorf("what Waybill bought is unlinked: %d %s", a.status, a.body)
	}
	w.do(http.MethodPost, "/supplier-orders/"+one+"/unlink", map[string]any{"reason": "a mistake", "force": true}, http.StatusOK, &so)
	if so.State != "unlinked" {
		t.Errorf("unlinked, it is %s", so.State)
	}
	number := w.bought()[0].OrderID
	w.do(http.MethodPost, "/orders/"+second+"/supplier-orders/link", map[string]any{"number": number}, http.StatusCreated, &so)
	if so.Number != number {
		t.Errorf("linked as %q", so.Number)
	}

	var settings map[string]any
	w.do(http.MethodGet, "/settings", nil, http.StatusOK, &settings)
	settings["auto_place"] = map[string]any{"enabled": true, "max_total": map[string]any{"minor": 100000, "currency": "USD"}}
	w.do(http.MethodPut, "/settings", settings, http.StatusOK, &settings)
	auto := w.awaitOrder(w.buy("paid", lines...), "the rule plans it", func(o orderView) bool { return len(o.SupplierOrders) == 1 })
	if auto.SupplierOrders[0].State != "planned" || auto.chip("hold_window") == "" {
		t.Errorf("by the rule it is %+v, chips %+v", auto.SupplierOrders[0], auto.Chips)
	}
	w.terminate()
}

// Sending again what may have been lost is harmless: even when the first purchase has ended meanwhile, its repeat buys nothing.
func TestPlacingTwiceWithOneKeyBuysOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t))
	w.run()
	w.connect()
	id := w.buy("paid", w.goods()...)
	o := w.awaitOrder(id, "the order is there", inTab("awaiting_order"))
	place := func(key string) answer {
		t.Helper()
		a := w.send(http.MethodPost, "/orders/"+o.ID+"/supplier-orders", "Bearer "+w.key, "application/json", nil, "Idempotency-Key", key)
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return a
	}
	first := place("order 1")
	w.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
	if err := w.ali.Cancel(w.bought()[0].OrderID, aliexpresssim.CancelOptions{}); err != nil {
		t.Fatal(err)
	}
	w.awaitOrder(id, "it is to be bought again", inTab("awaiting_order"))
	again := place("order 1")
	if again.header.Get("Idempotency-Replayed") != "true" || !bytes.Equal(again.body, first.body) || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the repeat is answered %s, the first %s", again.body, first.body)
	}
	w.kill() // the answer outlives the process
	w.run()
	if again = place("order 1"); again.header.Get("Idempotency-Replayed") != "true" || !bytes.Equal(again.body, first.body) {
		t.Errorf("after a crash the repeat is answered %s", again.body)
	}
	place("order 2")
	w.awaitOrder(id, "it is bought anew", inTab("awaiting_payment"))
	if made := w.bought(); len(made) != 2 {
		t.Errorf("AliExpress made %d orders: %v", len(made), made)
	}
	w.terminate()
}
