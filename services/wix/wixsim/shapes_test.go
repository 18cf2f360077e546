package wixsim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"waybill/services/wix/wixsim"
)

// missing lists what a fixture has and an answer lacks: members by name, and values of another JSON type. Every element
// of the answer's lists is compared with the fixture's element of the same place, or with its last one.
func missing(path string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: an object became %T", path, got)}
		}
		var list []string
		for name, inner := range w {
			if _, ok := g[name]; !ok {
				list = append(list, path+"."+name+" is missing")
				continue
			}
			list = append(list, missing(path+"."+name, inner, g[name])...)
		}
		return list
	case []any:
		g, ok := got.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s: a list became %T", path, got)}
		}
		if len(w) > 0 && len(g) == 0 {
			return []string{path + " is empty"}
		}
		var list []string
		for i := range g {
			if len(w) > 0 {
				list = append(list, missing(fmt.Sprintf("%s[%d]", path, i), w[min(i, len(w)-1)], g[i])...)
			}
		}
		return list
	}
	if want != nil && fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
		return []string{fmt.Sprintf("%s: %T became %T", path, want, got)}
	}
	return nil
}

func tree(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// likePaid places an order with everything that the fixtures' orders have.
func (w *world) likePaid(payment string) wixsim.Order {
	return w.order(wixsim.NewOrder{Payment: payment, TaxRate: "0.08", CouponPercent: 10, BuyerNote: "Please leave at the door"})
}

func TestAnswersHaveTheShapeOfTheFixtures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	authorized, pending := w.likePaid("authorized"), w.likePaid("pending")
	other := w.likePaid("paid")
	orders, ships := "/ecom/v1/orders/", "/ecom/v1/fulfillments/"
	partial := json.RawMessage(fixture(t, "create-fulfillment-partial-request"))
	steps := []struct {
		fixture, method, path string
		body                  any
		status                int
	}{
		{"token-response", "POST", "/oauth2/token", w.credentials(w.info.InstanceID), 200},
		{"token-info-response", "POST", "/oauth2/token-info", map[string]string{"token": w.token}, 200},
		{"get-order-response", "GET", orders + w.info.OrderID, nil, 200},
		{"search-orders-response", "POST", orders + "search", `{"search":{"cursorPaging":{"limit":2}}}`, 200},
		{"list-transactions-paid", "GET", "/ecom/v1/payments/orders/" + w.info.OrderID, nil, 200},
		{"list-transactions-authorized", "GET", "/ecom/v1/payments/orders/" + authorized.ID, nil, 200},
		{"create-fulfillment-response", "POST", ships + "orders/" + w.info.OrderID + "/create-fulfillment", json.RawMessage(fixture(t, "create-fulfillment-request")), 200},
		{"create-fulfillment-partial-response", "POST", ships + "orders/" + other.ID + "/create-fulfillment", partial, 200},
		{"error-tracking-number-exists-409", "POST", ships + "orders/" + other.ID + "/create-fulfillment", partial, 409},
		{"list-fulfillments-response", "GET", ships + "orders/" + w.info.OrderID, nil, 200},
		{"error-order-not-found-404", "GET", orders + "58c9a790-27b7-463f-a865-c7cb494f7c29", nil, 404},
		{"error-validation-400", "POST", ships + "orders/" + other.ID + "/create-fulfillment", `{"fulfillment":{"lineItems":[{"id":"00000000-0000-0000-0000-000000000001","quantity":0}]}}`, 400},
	}
	for _, step := range steps {
		res, raw, err := w.do(w.token, step.method, step.path, step.body)
		if err != nil || res.StatusCode != step.status {
			t.Fatalf("%s: %v %v %s", step.fixture, err, res, raw)
		}
		for _, m := range missing("$", tree(t, fixture(t, step.fixture)), tree(t, raw)) {
			t.Errorf("%s: %s", step.fixture, m)
		}
	}
	for name, id := range map[string]string{
		"order-paid": w.info.OrderID, "order-authorized-not-captured": authorized.ID, "order-payment-pending": pending.ID,
	} {
		raw, _ := json.Marshal(w.get(id))
		for _, m := range missing("$", tree(t, fixture(t, name)), tree(t, raw)) {
			t.Errorf("%s: %s", name, m)
		}
	}
}

func TestTheSampleOrderCostsWhatTheFixtureCosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	var want wixsim.Order
	if err := json.Unmarshal(fixture(t, "order-paid"), &want); err != nil {
		t.Fatal(err)
	}
	got := w.get(w.info.OrderID)
	if got.PriceSummary != want.PriceSummary || got.BalanceSummary != want.BalanceSummary {
		t.Errorf("got %+v %+v", got.PriceSummary, got.BalanceSummary)
	}
	for i := range want.LineItems {
		if got.LineItems[i].TotalPriceAfterTax != want.LineItems[i].TotalPriceAfterTax {
			t.Errorf("line %d costs %+v", i, got.LineItems[i].TotalPriceAfterTax)
		}
	}
	if got.Number != want.Number || got.Status != want.Status || got.PaymentStatus != want.PaymentStatus {
		t.Errorf("got %s %s %s", got.Number, got.Status, got.PaymentStatus)
	}
}

func TestListsByIDsAndBulkHaveTheShapeOfTheFixtures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	bulk := `{"ordersWithFulfillments":[{"orderId":"` + w.info.OrderID + `","fulfillments":[` + strings.TrimSuffix(strings.TrimPrefix(
		strings.TrimSpace(string(fixture(t, "create-fulfillment-request"))), `{`), `}`)[len("\n  \"fulfillment\": "):] +
		`]},{"orderId":"58c9a790-27b7-463f-a865-c7cb494f7c29","fulfillments":[{"lineItems":[{"id":"x"}]}]}]}`
	var answer struct {
		Results []map[string]any `json:"results"`
		Meta    map[string]int   `json:"bulkActionMetadata"`
	}
	w.api(200, "POST", "/ecom/v1/fulfillments/orders/bulk/create-fulfillments", bulk, &answer)
	raw, _ := json.Marshal(map[string]any{"results": answer.Results, "bulkActionMetadata": answer.Meta})
	for _, m := range missing("$", tree(t, fixture(t, "bulk-create-fulfillments-response")), tree(t, raw)) {
		t.Error(m)
	}
	empty := w.order(wixsim.NewOrder{})
	var list struct {
		Orders []wixsim.OrderFulfillments `json:"ordersWithFulfillments"`
	}
	w.api(200, "POST", "/ecom/v1/fulfillments/list-by-ids", map[string]any{"orderIds": []string{w.info.OrderID, empty.ID, "unknown"}}, &list)
	if len(list.Orders) != 2 || len(list.Orders[0].Fulfillments) != 1 || list.Orders[1].Fulfillments == nil {
		t.Errorf("got %+v", list)
	}
	var money struct {
		Orders []wixsim.OrderTransactions `json:"orderTransactions"`
	}
	w.api(200, "POST", "/ecom/v1/payments/list-by-ids", map[string]any{"orderIds": []string{w.info.OrderID}}, &money)
	if len(money.Orders) != 1 || len(money.Orders[0].Payments) != 1 {
		t.Errorf("got %+v", money)
	}
}

func TestFaultAnswersHaveTheShapeOfTheFixtures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	for how, want := range map[string]struct {
		fixture string
		status  int
	}{
		"status_429": {"error-rate-limited-429", http.StatusTooManyRequests},
		"status_403": {"error-permission-denied-403", http.StatusForbidden},
	} {
		w.ctl("POST", "faults", wixsim.Fault{Op: "get_order", How: how}, nil)
		var got any
		w.api(want.status, "GET", "/ecom/v1/orders/"+w.info.OrderID, nil, &got)
		for _, m := range missing("$", tree(t, fixture(t, want.fixture)), got) {
			t.Errorf("%s: %s", how, m)
		}
	}
}
