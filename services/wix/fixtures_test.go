package wix_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/wix"
)

// fixtureTests says, by the beginning of a fixture's name, how it goes through the client. The first match counts.
var fixtureTests = []struct {
	prefix string
	check  func(t *testing.T, name string, data []byte)
}{
	{"order-", func(t *testing.T, _ string, data []byte) { readsOrder(t, data, `{"order":`+string(data)+`}`) }},
	{"get-order-response", func(t *testing.T, _ string, data []byte) {
		var answer struct{ Order json.RawMessage }
		decode(t, data, &answer)
		readsOrder(t, answer.Order, string(data))
	}},
	{"search-orders-request-first", sendsFirstSearch},
	{"search-orders-request-next", sendsNextSearch},
	{"search-orders-response", readsPage},
	{"create-fulfillment-partial-request", sendsFulfillment},
	{"create-fulfillment-request", sendsFulfillment},
	{"create-fulfillment", readsNewFulfillment},
	{"list-fulfillments-by-ids", func(t *testing.T, _ string, data []byte) {
		var answer struct{ OrdersWithFulfillments []json.RawMessage }
		decode(t, data, &answer)
		for _, raw := range answer.OrdersWithFulfillments {
			readsFulfillments(t, raw)
		}
	}},
	{"bulk-create-fulfillments", func(t *testing.T, _ string, data []byte) {
		var answer struct {
			Results []struct{ OrdersWithFulfillments json.RawMessage }
		}
		decode(t, data, &answer)
		readsFulfillments(t, answer.Results[0].OrdersWithFulfillments)
	}},
	{"list-fulfillments", func(t *testing.T, _ string, data []byte) {
		var answer struct{ OrderWithFulfillments json.RawMessage }
		decode(t, data, &answer)
		readsFulfillments(t, answer.OrderWithFulfillments)
	}},
	{"list-transactions", readsPayments},
	{"error-", readsError},
	{"token-request", sendsTokenRequest},
	{"token-response", usesToken},
	{"token-info", func(t *testing.T, _ string, data []byte) { tree(t, string(data)) }}, // a call that the client does not make
	{"signed-instance", verifiesInstance},
	{"webhook-claims-", readsWebhook},
}

func TestEveryFixtureGoesThroughTheClient(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, path := range names {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range fixtureTests {
				if strings.HasPrefix(name, f.prefix) {
					f.check(t, name, fixture(t, name))
					return
				}
			}
			t.Fatal("no test knows this fixture")
		})
	}
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func readsOrder(t *testing.T, raw []byte, answer string) {
	t.Helper()
	var want struct{ ID, Number, Status, PaymentStatus, UpdatedDate string }
	decode(t, raw, &want)
	s := newStub(t, reply{body: answer})
	got, err := newClient(t, s.URL).Order(t.Context(), access, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ExternalID != want.ID || got.Number != want.Number || got.Status != want.Status || got.PaymentStatus != want.PaymentStatus {
		t.Errorf("got %+v", got)
	}
	if got.UpdatedAt.Format("2006-01-02T15:04:05.000Z07:00") != want.UpdatedDate || got.UpdatedAt.Location() != time.UTC {
		t.Errorf("updated at %v, want %s", got.UpdatedAt, want.UpdatedDate)
	}
	if compact(t, got.Payload) != compact(t, raw) || len(got.Lines) == 0 || got.Recipient.Line1 == "" {
		t.Errorf("payload, lines or recipient are missing: %+v", got)
	}
}

func sendsFirstSearch(t *testing.T, _ string, data []byte) {
	want := tree(t, string(data)).(map[string]any)
	filter := want["search"].(map[string]any)["filter"].(map[string]any)
	for field := range filter { // the client wants every order that changed, whatever its status
		if field != "updatedDate" {
			delete(filter, field)
		}
	}
	s := newStub(t, reply{body: `{"orders":[],"metadata":{"count":0,"cursors":{},"hasNext":false}}`})
	since := time.Date(2026, 3, 14, 1, 0, 0, 0, time.FixedZone("", 3600))
	if _, err := newClient(t, s.URL).Search(t.Context(), access, models.StoreQuery{UpdatedSince: since}, ""); err != nil {
		t.Fatal(err)
	}
	_, calls := s.requests()
	if diff := cmp.Diff(any(want), tree(t, calls[0].body)); diff != "" {
		t.Error(diff)
	}
}

func sendsNextSearch(t *testing.T, _ string, data []byte) {
	s := newStub(t, reply{body: `{"orders":[],"metadata":{"count":0,"cursors":{"next":""},"hasNext":false}}`})
	if _, err := newClient(t, s.URL).Search(t.Context(), access, models.StoreQuery{UpdatedSince: time.Now()}, "c2ltdWxhdGVkLWN1cnNvcg"); err != nil {
		t.Fatal(err)
	}
	_, calls := s.requests()
	if diff := cmp.Diff(tree(t, string(data)), tree(t, calls[0].body)); diff != "" {
		t.Error(diff)
	}
}

func readsPage(t *testing.T, name string, data []byte) {
	var want struct {
		Orders   []struct{ ID string }
		Metadata struct {
			Cursors struct{ Next string }
			HasNext bool
		}
	}
	decode(t, data, &want)
	s := newStub(t, reply{body: string(data)})
	page, err := newClient(t, s.URL).Search(t.Context(), access, models.StoreQuery{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Orders) != len(want.Orders) || len(page.Orders) == 0 {
		t.Fatalf("%d orders, want %d", len(page.Orders), len(want.Orders))
	}
	for i, o := range page.Orders {
		if o.ExternalID != want.Orders[i].ID || len(o.Lines) == 0 || len(o.Payload) == 0 {
			t.Errorf("order %d is %+v", i, o)
		}
	}
	if (page.Next != "") != want.Metadata.HasNext || want.Metadata.HasNext && page.Next != want.Metadata.Cursors.Next {
		t.Errorf("%s: next is %q", name, page.Next)
	}
	_, calls := s.requests()
	if strings.Contains(calls[0].body, "filter") {
		t.Errorf("the zero time sends a filter: %s", calls[0].body)
	}
}

func sendsFulfillment(t *testing.T, _ string, data []byte) {
	var want struct {
		Fulfillment struct {
			LineItems []struct {
				ID       string
				Quantity int
			}
			TrackingInfo struct{ TrackingNumber, ShippingProvider, TrackingLink string }
		}
	}
	decode(t, data, &want)
	f := models.Fulfillment{
		ID:      "must-not-be-sent",
		Number:  want.Fulfillment.TrackingInfo.TrackingNumber,
		Carrier: want.Fulfillment.TrackingInfo.ShippingProvider,
		Link:    want.Fulfillment.TrackingInfo.TrackingLink,
	}
	for _, l := range want.Fulfillment.LineItems {
		f.Lines = append(f.Lines, models.FulfillmentLine{LineID: l.ID, Quantity: l.Quantity})
	}
	s := newStub(t, reply{body: string(fixture(t, "create-fulfillment-response.json"))})
	if _, err := newClient(t, s.URL).Fulfill(t.Context(), access, orderID, f); err != nil {
		t.Fatal(err)
	}
	_, calls := s.requests()
	if calls[0].method != "POST" || calls[0].path != "/ecom/v1/fulfillments/orders/"+orderID+"/create-fulfillment" {
		t.Errorf("sent %s %s", calls[0].method, calls[0].path)
	}
	if diff := cmp.Diff(tree(t, string(data)), tree(t, calls[0].body)); diff != "" {
		t.Error(diff)
	}
}

func readsNewFulfillment(t *testing.T, _ string, data []byte) {
	s := newStub(t, reply{body: string(data)})
	id, err := newClient(t, s.URL).Fulfill(t.Context(), access, orderID, parcel)
	if err != nil || id != parcelID {
		t.Errorf("got %q, %v", id, err)
	}
}

func readsFulfillments(t *testing.T, raw json.RawMessage) {
	t.Helper()
	var want struct {
		OrderID      string
		Fulfillments []struct{ ID string }
	}
	decode(t, raw, &want)
	s := newStub(t, reply{body: `{"orderWithFulfillments":` + string(raw) + `}`})
	got, err := newClient(t, s.URL).Fulfillments(t.Context(), access, want.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	if got == nil || len(got) != len(want.Fulfillments) {
		t.Fatalf("got %+v", got)
	}
	for _, f := range got {
		want := models.Fulfillment{
			ID: parcelID, Number: "LP00612345678901", Carrier: "Cainiao",
			Link:  "https://global.cainiao.com/detail.htm?mailNoList=LP00612345678901",
			Lines: []models.FulfillmentLine{{LineID: line1, Quantity: 2}, {LineID: line2, Quantity: 1}},
		}
		if diff := cmp.Diff(want, f); diff != "" {
			t.Error(diff)
		}
	}
}

func readsPayments(t *testing.T, name string, data []byte) {
	want := []wix.Payment{{ID: "23af2de7-b24d-41d5-8d27-cf925d378d32", Status: "APPROVED", Amount: "77.39", Captured: true}}
	order := orderID
	if strings.Contains(name, "authorized") {
		order = "58c9a790-27b7-463f-a865-c7cb494f7c29"
		want = []wix.Payment{{ID: "496aaea1-4e2f-4cb1-9522-6b85f49b91e2", Status: "AUTHORIZED", Amount: "77.39"}}
	}
	s := newStub(t, reply{body: string(data)})
	got, err := newClient(t, s.URL).Payments(t.Context(), access, order)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if m, err := got[0].Money("USD"); err != nil || m != (models.Money{Minor: 7739, Currency: "USD"}) {
		t.Errorf("amount is %v, %v", m, err)
	}
}

func TestPaidOrderInFull(t *testing.T) {
	t.Parallel()
	raw := fixture(t, "order-paid.json")
	s := newStub(t, reply{body: `{"order":` + string(raw) + `}`})
	got, err := newClient(t, s.URL).Order(t.Context(), access, orderID)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Payload) != strings.TrimSpace(string(raw)) {
		t.Error("the payload is not what was received")
	}
	got.Payload = nil
	usd := func(minor int64) models.Money { return models.Money{Minor: minor, Currency: "USD"} }
	want := models.StoreOrder{
		ExternalID: orderID, Number: "10002",
		PlacedAt:  time.Date(2026, 3, 14, 9, 20, 41, 0, time.UTC),
		UpdatedAt: time.Date(2026, 3, 14, 9, 21, 3, 0, time.UTC),
		Status:    "APPROVED", PaymentStatus: "PAID", FulfillmentStatus: "NOT_FULFILLED",
		Currency: "USD", Total: usd(7739), Authorized: usd(0), Paid: usd(7739),
		BuyerName: "Jane Doe", BuyerEmail: "janedoe@example.com", BuyerNote: "Please leave at the door",
		Recipient: models.Address{
			FirstName: "Jane", LastName: "Doe", Company: "Doe Studio", Phone: "+12125550123",
			Line1: "235 West 23rd Street", Line2: "Apt 3B", City: "New York",
			Subdivision: "US-NY", Region: "New York", PostalCode: "10011", Country: "US",
		},
		Lines: []models.StoreLine{
			{
				ID: line1, Name: "Wireless Earbuds", SKU: "AE-1005003-BLK",
				VariantKey: "5376f9ec-b92e-efa9-e4a1-f4f480aa0d3a/00000000-0000-0020-0005-ad9cdc10d3b8",
				Options:    "Color: Black", Quantity: 2, Shippable: true, Price: usd(1999),
				ImageURL: "https://static.wixstatic.com/media/a409be_82ef75d567d645d6adc4df0a8f415cff~mv2.png",
			},
			{
				ID: line2, Name: "Desk Lamp", SKU: "AE-2007711-US",
				VariantKey: "0614129c-8777-9f3b-4dfe-b80a54df10d5/00000000-0000-0040-0005-a316f7c67df7",
				Options:    "Plug: US", Quantity: 1, Shippable: true, Price: usd(3450),
				ImageURL: "https://static.wixstatic.com/media/a409be_17aa75d567d645d6adc4df0a8f415cff~mv2.png",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
