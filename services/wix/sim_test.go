package wix_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/wix"
	"waybill/services/wix/wixsim"
)

// sim is a simulator behind HTTP and a client that is connected to its first site.
type sim struct {
	url    string
	info   wixsim.Info
	access models.Access
	*wix.Client
}

func newSim(t *testing.T) sim {
	t.Helper()
	server := wixsim.New(wixsim.Options{RateLimit: -1})
	web := httptest.NewServer(server)
	t.Cleanup(func() { web.Close(); server.Close() })
	info := server.Info()
	return sim{
		url: web.URL, info: info, access: models.Access{ExternalID: info.InstanceID},
		Client: newClient(t, web.URL, func(cfg *wix.Config) {
			cfg.AppID, cfg.AppSecret, cfg.PublicKeyPEM = info.AppID, models.Secret(info.AppSecret), info.WebhookPublicKey
		}),
	}
}

// control speaks to the simulator's control API and decodes its answer into out unless that is nil.
func (s sim) control(t *testing.T, method, path, body string, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, data, err)
	}
	if out != nil {
		decode(t, data, out)
	}
}

func TestFulfillmentRoundTrip(t *testing.T) {
	t.Parallel()
	s, ctx := newSim(t), t.Context()
	order, err := s.Order(ctx, s.access, s.info.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	if order.Status != "APPROVED" || order.PaymentStatus != "PAID" || len(order.Lines) != 2 {
		t.Fatalf("order is %+v", order)
	}
	list := func(want ...models.Fulfillment) {
		t.Helper()
		got, err := s.Fulfillments(ctx, s.access, order.ExternalID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append([]models.Fulfillment{}, want...), got); diff != "" {
			t.Fatal(diff)
		}
	}
	list()

	f := models.Fulfillment{
		Number: "LP1", Carrier: "Cainiao", Link: "https://global.cainiao.com/detail.htm?mailNoList=LP1",
		Lines: []models.FulfillmentLine{{LineID: order.Lines[0].ID, Quantity: 1}},
	}
	if f.ID, err = s.Fulfill(ctx, s.access, order.ExternalID, f); err != nil {
		t.Fatal(err)
	}
	list(f)
	_, err = s.Fulfill(ctx, s.access, order.ExternalID, f)
	wantError(t, err, models.Conflict, "wix_tracking_number_already_exists")

	f.Number, f.Carrier, f.Link = "1Z999AA10123456784", "ups", ""
	if err := s.Amend(ctx, s.access, order.ExternalID, f); err != nil {
		t.Fatal(err)
	}
	f.Link = "https://wwwapps.ups.com/WebTracking/track?track=yes&trackNums=1Z999AA10123456784"
	list(f)
	f.Number, f.Carrier, f.Link = "YT2", "YunExpress", ""
	if err := s.Amend(ctx, s.access, order.ExternalID, f); err != nil {
		t.Fatal(err)
	}
	list(f)

	if after, err := s.Order(ctx, s.access, order.ExternalID); err != nil || after.FulfillmentStatus != "PARTIALLY_FULFILLED" || !after.UpdatedAt.After(order.UpdatedAt) {
		t.Errorf("order is %+v, %v", after, err)
	}
	if err := s.Unfulfill(ctx, s.access, order.ExternalID, f.ID); err != nil {
		t.Fatal(err)
	}
	list()
	if e := models.AsError(s.Unfulfill(ctx, s.access, order.ExternalID, f.ID)); e.Kind != models.NotFound {
		t.Errorf("got %v", e)
	}
}

func TestRefusalsOfTheStore(t *testing.T) {
	t.Parallel()
	s, ctx := newSim(t), t.Context()
	_, err := s.Order(ctx, s.access, "00000000-0000-4000-8000-000000000000")
	wantError(t, err, models.NotFound, "wix_order_not_found")
	_, err = s.Order(ctx, models.Access{ExternalID: "00000000-0000-4000-8000-000000000000"}, s.info.OrderID)
	wantError(t, err, models.Disconnected, "wix_token_refused")
	f := parcel
	f.Lines = []models.FulfillmentLine{{LineID: line1, Quantity: 99}}
	_, err = s.Fulfill(ctx, s.access, s.info.OrderID, f)
	if k := models.KindOf(err); k != models.Conflict && k != models.Rejected {
		t.Errorf("got %v", err)
	}
	for how, kind := range map[string]models.Kind{
		"status_500": models.Unavailable, "status_503": models.Unavailable, "html_502": models.Unavailable,
		"truncated": models.Unavailable, "status_403": models.Disconnected,
	} {
		s.control(t, "POST", "/_sim/faults", `{"op":"get_order","how":"`+how+`","times":1}`, nil)
		if _, err := s.Order(ctx, s.access, s.info.OrderID); models.KindOf(err) != kind {
			t.Errorf("%s: got %v", how, err)
		}
	}
	s.control(t, "POST", "/_sim/faults", `{"op":"get_order","how":"status_401","times":1}`, nil)
	if _, err := s.Order(ctx, s.access, s.info.OrderID); err != nil {
		t.Errorf("one 401 is not survived: %v", err)
	}
}

func TestLostAnswerToFulfillIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s, ctx := newSim(t), t.Context()
	if _, err := s.Fulfillments(ctx, s.access, s.info.OrderID); err != nil { // there is an idle connection now
		t.Fatal(err)
	}
	s.control(t, "POST", "/_sim/faults", `{"op":"create_fulfillment","how":"reset_after","times":1}`, nil)
	f := models.Fulfillment{Number: "LP1", Carrier: "Cainiao", Lines: []models.FulfillmentLine{{LineID: line1, Quantity: 1}}}
	_, err := s.Fulfill(ctx, s.access, s.info.OrderID, f)
	wantError(t, err, models.Unavailable, "wix_unreachable")
	got, err := s.Fulfillments(ctx, s.access, s.info.OrderID)
	if err != nil || len(got) != 1 || got[0].Number != "LP1" {
		t.Errorf("the store has %+v, %v", got, err)
	}
}

func TestSearchPagesThroughEverything(t *testing.T) {
	t.Parallel()
	s, ctx := newSim(t), t.Context()
	want := []string{s.info.OrderID}
	for range 120 {
		var made struct {
			ID    string
			Order struct{ ID string }
		}
		s.control(t, "POST", "/_sim/orders", `{"lines":[{"name":"Cup","sku":"C-1","quantity":1,"price":4.5}]}`, &made)
		want = append(want, made.ID+made.Order.ID)
	}
	var got []string
	var last time.Time
	pages, cursor := 0, ""
	for {
		page, err := s.Search(ctx, s.access, models.StoreQuery{UpdatedSince: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}, cursor)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, o := range page.Orders {
			if o.UpdatedAt.Before(last) {
				t.Error("orders are not in the order of their changes")
			}
			last = o.UpdatedAt
			got = append(got, o.ExternalID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
		t.Errorf("%d pages: %s", pages, diff)
	}
	page, err := s.Search(ctx, s.access, models.StoreQuery{UpdatedSince: last.Add(time.Hour)}, "")
	if err != nil || len(page.Orders) != 0 || page.Next != "" {
		t.Errorf("got %d orders, %v", len(page.Orders), err)
	}
}

func TestConnectingToTheSimulator(t *testing.T) {
	t.Parallel()
	s, ctx := newSim(t), t.Context()
	info, err := s.Store(ctx, s.access)
	if err != nil || info.InstanceID != s.info.InstanceID || info.Name == "" || info.Currency != "USD" || info.URL == "" {
		t.Errorf("store is %+v, %v", info, err)
	}
	payments, err := s.Payments(ctx, s.access, s.info.OrderID)
	if err != nil || len(payments) == 0 || !payments[0].Captured {
		t.Errorf("payments are %+v, %v", payments, err)
	}
	var signed json.RawMessage
	s.control(t, "GET", "/_sim/instances/"+s.info.InstanceID+"/signed-instance", "", &signed)
	if got, err := s.VerifyInstance(textIn(t, signed)); err != nil || got != s.info.InstanceID {
		t.Errorf("got %q, %v", got, err)
	}
	claims := claimsOf(t, "wix.ecom.v1.order_approved", `{"id":"ev-1","entityFqdn":"wix.ecom.v1.order","entityId":"`+orderID+`"}`)
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Hour).Unix()
	body, err := json.Marshal(map[string]any{"claims": claims})
	if err != nil {
		t.Fatal(err)
	}
	var jws struct{ JWT string }
	s.control(t, "POST", "/_sim/webhooks/sign", string(body), &jws)
	if event, err := s.ParseWebhook([]byte(jws.JWT)); err != nil || event.OrderID != orderID || event.EventID != "ev-1" {
		t.Errorf("got %+v, %v", event, err)
	}
}

// textIn finds the only text of an answer, whatever its member is called.
func textIn(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var members map[string]string
	decode(t, raw, &members)
	for _, text := range members {
		return text
	}
	t.Fatalf("no text in %s", raw)
	return ""
}
