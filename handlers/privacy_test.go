package handlers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"waybill/models"
)

func TestABuyerIsErasedWhenTheOrderHasEnded(t *testing.T) {
	t.Parallel()
	d := newShop(t)
	placed := time.Now().Add(-time.Hour)
	id := string(d.receive(models.StoreOrder{
		ExternalID: "o1", Number: "10001", PlacedAt: placed, UpdatedAt: placed, Status: "APPROVED", PaymentStatus: "PAID", Currency: "USD", Total: models.Money{Minor: 1999, Currency: "USD"},
		BuyerName: "Jane Doe", BuyerEmail: "jane@example.com", BuyerNote: "Ring twice", Recipient: models.Address{FirstName: "Jane", LastName: "Doe", Line1: "1 Main Street", Country: "US"}, Payload: []byte("{}"),
		Lines: []models.StoreLine{{ID: "a", Name: "Cup", VariantKey: "cup", Quantity: 2, Shippable: true}},
	}))
	var e struct {
		ID, State, Cause, Reason string
		OrderNumber              string     `json:"order_number"`
		DoneAt                   *time.Time `json:"done_at"`
		Erased                   []string
	}
	d.read(http.MethodPost, "/orders/"+id+"/erase", `{"reason":"Jane Doe asked for it."}`, http.StatusAccepted, &e)
	if e.State != "waiting" || e.Cause != "person" || e.OrderNumber != "10001" || e.DoneAt != nil || e.Reason != "[erased] asked for it." {
		t.Errorf("%+v", e)
	}
	first := e.ID
	_, _, order := d.call(http.MethodGet, "/orders/"+id, "")
	if !strings.Contains(order, "1 Main Street") || !strings.Contains(order, "erase_requested_at") {
		t.Errorf("an open order does not wait: %s", order)
	}
	d.read(http.MethodPost, "/orders/"+id+"/overrides", `{"kind":"closed","reason":"x"}`, http.StatusCreated, nil)
	d.read(http.MethodPost, "/orders/"+id+"/erase", "", http.StatusOK, &e)
	if e.ID != first || e.State != "done" || e.DoneAt == nil || len(e.Erased) < 4 {
		t.Errorf("%+v", e)
	}
	_, _, order = d.call(http.MethodGet, "/orders/"+id, "")
	for _, gone := range []string{"Jane", "jane@", "Main Street", "Ring twice", "erase_requested_at"} {
		if strings.Contains(order, gone) {
			t.Errorf("%q is still there: %s", gone, order)
		}
	}
	if !strings.Contains(order, "buyer_erased_at") || !strings.Contains(order, "10001") {
		t.Errorf("what stays is gone: %s", order)
	}
	var list struct{ Erasures []struct{ ID string } }
	d.read(http.MethodGet, "/erasures", "", http.StatusOK, &list)
	if len(list.Erasures) != 1 || list.Erasures[0].ID != first {
		t.Errorf("%+v", list)
	}
	for _, path := range []string{"/orders/00000000-0000-7000-8000-000000000000/erase", "/orders/nothing/erase"} {
		d.read(http.MethodPost, path, "", http.StatusNotFound, nil)
	}
	if status, _, answer := d.call(http.MethodGet, "/orders?q=jane@example.com", ""); status != http.StatusOK || strings.Contains(answer, id) {
		t.Errorf("a search still finds it: %s", answer)
	}
}
