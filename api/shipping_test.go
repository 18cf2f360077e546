package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
	"waybill/services/wix/wixsim"
)

// Every answer of the routes about shipping, flags and decisions is as the document says, and does what it says.
func TestShippingFlagsAndDecisionsThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databasetest.URL(t))
	w.run()
	w.connect()

	id := w.buy("paid", w.goods()...)
	o := w.awaitOrder(id, "the order is there", inTab("awaiting_order"))
	w.decisions(o)
	w.place(o.ID)
	o = w.awaitOrder(id, "it is bought", inTab("awaiting_payment"))
	number := o.SupplierOrders[0].Number
	if err := w.ali.Pay(number, aliexpresssim.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	w.awaitOrder(id, "it is paid", inTab("awaiting_shipment"))
	if _, err := w.ali.Ship(number, aliexpresssim.ShipOptions{WithoutNumber: true}); err != nil {
		t.Fatal(err)
	}
	w.flagged("shipped_without_number")
	w.do(http.MethodPost, "/orders/"+o.ID+"/fulfil-without-number", map[string]any{"reason": "The buyer asks."}, http.StatusAccepted, nil)
	w.awaitOrder(id, "it is fulfilled without a number", func(o orderView) bool { return len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed" })
	if err := w.ali.Renumber(number, aliexpresssim.Renumbering{NewMailNo: "LP1"}); err != nil {
		t.Fatal(err)
	}
	shows := func(number string) func() bool {
		return func() bool {
			_, list, err := w.wix.Order(id)
			return err == nil && len(list) == 1 && list[0].TrackingInfo != nil && list[0].TrackingInfo.TrackingNumber == number
		}
	}
	w.await("the number is added", shows("LP1"))
	o = w.awaitOrder(id, "it is confirmed", func(o orderView) bool { return o.Pushes[0].State == "confirmed" })
	w.mismatches(id, o, shows)
	w.carriers()
	w.terminate()
}

func (w *world) flagged(code string) (id string) {
	w.t.Helper()
	w.await(code+" is flagged", func() bool {
		var page struct{ Flags []struct{ ID string } }
		w.do(http.MethodGet, "/flags?snoozed=include&sort=deadline&code="+code, nil, http.StatusOK, &page)
		if len(page.Flags) > 0 {
			id = page.Flags[0].ID
		}
		return id != ""
	})
	return id
}

func (w *world) decisions(o orderView) {
	w.t.Helper()
	var closed struct{ ID, Text string }
	w.do(http.MethodPost, "/orders/"+o.ID+"/overrides", map[string]any{"kind": "closed", "reason": "A mistake", "expires_at": time.Now().Add(time.Hour)}, http.StatusCreated, &closed)
	var detail struct {
		Tab          string
		ClosedReason string `json:"closed_reason"`
		Overrides    []struct{ ID, Reason string }
		Lines        []struct{ ID, Role string }
	}
	w.do(http.MethodGet, "/orders/"+o.ID, nil, http.StatusOK, &detail)
	if detail.Tab != "closed" || detail.ClosedReason != "closed_by_person" || len(detail.Overrides) != 1 || detail.Overrides[0].Reason != "A mistake" {
		w.t.Errorf("%+v", detail)
	}
	if a := w.call(http.MethodPost, "/orders/"+o.ID+"/supplier-orders", nil); a.status != http.StatusConflict {
		w.t.Errorf("a closed order is bought: %d %s", a.status, a.body)
	}
	w.do(http.MethodDelete, "/orders/"+o.ID+"/overrides/"+closed.ID+"?reason=no", nil, http.StatusNoContent, nil)
	var role struct{ ID string }
	w.do(http.MethodPost, "/orders/"+o.ID+"/overrides", map[string]any{"kind": "line_role", "line_id": detail.Lines[0].ID, "role": "ignore", "reason": "A gift"}, http.StatusCreated, &role)
	w.do(http.MethodGet, "/orders/"+o.ID, nil, http.StatusOK, &detail)
	if detail.Tab == "awaiting_order" && len(detail.Lines) == 1 || detail.Lines[0].Role != "no_shipping" {
		w.t.Errorf("%+v", detail)
	}
	w.do(http.MethodDelete, "/orders/"+o.ID+"/overrides/"+role.ID, nil, http.StatusNoContent, nil)

	flag := w.flagged("no_supplier") // of the order that the store had before
	w.do(http.MethodPost, "/flags/"+flag+"/snooze", map[string]any{"until": time.Now().Add(time.Hour), "reason": "Later"}, http.StatusOK, nil)
	w.do(http.MethodPost, "/flags/"+flag+"/reopen", nil, http.StatusOK, nil)
	w.do(http.MethodPost, "/flags/"+flag+"/close", map[string]any{"reason": "Never"}, http.StatusOK, nil)
	if a := w.call(http.MethodPost, "/flags/"+flag+"/close", map[string]any{"reason": "Never"}); a.status != http.StatusConflict {
		w.t.Errorf("closed twice: %d %s", a.status, a.body)
	}
}

func (w *world) mismatches(id string, o orderView, shows func(string) func() bool) {
	w.t.Helper()
	_, list, err := w.wix.Order(id)
	if err != nil {
		w.t.Fatal(err)
	}
	push := "/pushes/" + o.Pushes[0].ID
	typo := func() {
		if _, err := w.wix.AmendByHand(id, list[0].ID, wixsim.TrackingInfo{TrackingNumber: "TYPO"}); err != nil {
			w.t.Fatal(err)
		}
		w.await("it is listed", func() bool {
			var page struct {
				Mismatches []struct {
					Kind  string
					Shown struct {
						TrackingNumber string `json:"tracking_number"`
					}
				}
			}
			w.do(http.MethodGet, "/mismatches", nil, http.StatusOK, &page)
			return len(page.Mismatches) == 1 && page.Mismatches[0].Kind == "mismatch" && page.Mismatches[0].Shown.TrackingNumber == "TYPO"
		})
	}
	typo()
	w.do(http.MethodPost, push+"/fix", nil, http.StatusAccepted, nil)
	w.await("the store is right again", shows("LP1"))
	w.awaitOrder(id, "it is confirmed", func(o orderView) bool { return o.Pushes[0].State == "confirmed" })
	typo()
	w.do(http.MethodPost, push+"/accept", map[string]any{"reason": "The carrier's own"}, http.StatusOK, nil)
	w.awaitOrder(id, "it is accepted", func(o orderView) bool { return o.Pushes[0].State == "accepted" })
}

func (w *world) carriers() {
	w.t.Helper()
	try := func(name string) (answer struct{ Provider, Link, Rule, Source string }) {
		w.do(http.MethodPost, "/carriers/test", map[string]any{"name": name, "number": "N1"}, http.StatusOK, &answer)
		return answer
	}
	if a := try("Nobody knows"); a.Provider != "Nobody knows" || a.Rule != "*" || a.Source != "default" || !strings.HasSuffix(a.Link, "N1") {
		w.t.Errorf("%+v", a)
	}
	w.do(http.MethodPut, "/carriers", map[string]any{"name": "Nobody Knows", "provider": "Somebody", "link": "https://track.example.com/{number}"}, http.StatusOK, nil)
	if a := try("nobody knows"); a.Provider != "Somebody" || a.Rule != "Nobody Knows" || a.Source != "own" || a.Link != "https://track.example.com/N1" {
		w.t.Errorf("%+v", a)
	}
	w.do(http.MethodPut, "/carriers", map[string]any{"name": "*", "link": "https://any.example.com/{number}"}, http.StatusOK, nil)
	var list struct {
		Carriers []struct {
			Name, Source string
			Wins         bool
		}
	}
	w.do(http.MethodGet, "/carriers", nil, http.StatusOK, &list)
	for _, c := range list.Carriers {
		if c.Wins != (c.Source == "own" || c.Name != "*") {
			w.t.Errorf("%+v", c)
		}
	}
	w.do(http.MethodDelete, "/carriers?name=NOBODY+knows", nil, http.StatusNoContent, nil)
	if a := try("Nobody knows"); a.Source != "own" || a.Rule != "*" {
		w.t.Errorf("%+v", a)
	}
}
