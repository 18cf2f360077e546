package aliexpress_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"waybill/models"
	"waybill/services/aliexpress"
	"waybill/services/aliexpress/aliexpresssim"
)

// shop is a simulated AliExpress and a client of it.
type shop struct {
	sim    *aliexpresssim.Server
	url    string
	client *aliexpress.Client
	access models.Access
}

func newShop(t *testing.T) *shop {
	t.Helper()
	sim := aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1})
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Close()
		server.Close()
	})
	info := sim.Info()
	client, err := aliexpress.New(aliexpress.Config{
		BaseURL: server.URL, AppKey: info.AppKey, AppSecret: models.Secret(info.AppSecret), PerSecond: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &shop{sim, server.URL, client, models.Access{ExternalID: info.UserID, Token: models.Secret(info.Session)}}
}

func (s *shop) control(t *testing.T, path, body string) {
	t.Helper()
	res, err := http.Post(s.url+"/_sim/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", path, res.Status)
	}
}

// created counts the orders that truly came into being by a placement.
func (s *shop) created(t *testing.T) int {
	t.Helper()
	res, err := http.Get(s.url + "/_sim/journal?kind=order_created")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var journal struct {
		Entries []json.RawMessage `json:"entries"`
	}
	if err := json.NewDecoder(res.Body).Decode(&journal); err != nil {
		t.Fatal(err)
	}
	return len(journal.Entries)
}

func (s *shop) basket() models.PurchaseRequest {
	req := purchase()
	req.Items = req.Items[:1]
	return req
}

func TestFromConsentToTracking(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx := t.Context()
	grant, err := s.client.Exchange(ctx, models.App{}, s.sim.Info().AuthCode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Exchange(ctx, models.App{}, s.sim.Info().AuthCode); models.AsError(err).Code != "auth_code_invalid" {
		t.Errorf("a code worked twice: %v", err)
	}
	renewed, err := s.client.Refresh(ctx, models.App{}, grant.RefreshToken)
	if err != nil || renewed.AccessToken == grant.AccessToken || renewed.UserID != grant.UserID {
		t.Fatalf("refresh: %v", err)
	}
	access := models.Access{ExternalID: renewed.UserID, Token: renewed.AccessToken}

	item := s.basket().Items[0]
	onSale, err := s.client.Product(ctx, access, item.ProductID, "US")
	if err != nil || !onSale.OnSale || onSale.SKUs[0].Attr != item.SKUAttr || onSale.SKUs[0].ID != item.SKUID {
		t.Fatalf("product %+v: %v", onSale, err)
	}
	services, err := s.client.Freight(ctx, access, models.FreightQuery{ProductID: item.ProductID, SKUID: item.SKUID, Quantity: 1, Country: "US", Region: "New Jersey"})
	if err != nil || len(services) == 0 || services[0].Code != item.Service {
		t.Fatalf("freight %+v: %v", services, err)
	}

	placed := s.client.Place(ctx, access, s.basket(), nil)
	if placed.Class != models.ClassPlaced || len(placed.Numbers) != 1 {
		t.Fatalf("place: %+v", placed)
	}
	number := placed.Numbers[0]
	answer, err := s.client.Order(ctx, access, number)
	if err != nil || answer.Status != "PLACE_ORDER_SUCCESS" || answer.PayBy == nil || answer.Lines[0].SKUID != item.SKUID {
		t.Fatalf("order %+v: %v", answer, err)
	}
	if parcels, err := s.client.Tracking(ctx, access, number); err != nil || len(parcels) != 0 {
		t.Fatalf("tracking %+v: %v", parcels, err)
	}
	s.control(t, "orders/"+number+"/pay", `{}`)
	s.control(t, "orders/"+number+"/ship", `{"mail_no":"LP0001","carrier":"Cainiao"}`)
	parcels, err := s.client.Tracking(ctx, access, number)
	if err != nil || len(parcels) != 1 || parcels[0].Number != "LP0001" || parcels[0].Carrier != "Cainiao" || parcels[0].Items[0].SKUID != item.SKUID {
		t.Fatalf("tracking %+v: %v", parcels, err)
	}
	if answer, err = s.client.Order(ctx, access, number); err != nil || answer.PaidAt == nil || answer.Status != "WAIT_BUYER_ACCEPT_GOODS" {
		t.Fatalf("order %+v: %v", answer, err)
	}
	if _, err := s.client.Order(ctx, access, "8190000000000001"); models.AsError(err).Code != "supplier_order_not_visible" {
		t.Errorf("an order of nobody: %v", err)
	}
}

func TestPlacingUnderFaultsNeverCallsAnOrderRefusedThatExists(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]struct {
		class   models.PlaceClass
		created int
	}{
		"throttle_api":                  {models.ClassNotExecuted, 0},
		"throttle_app":                  {models.ClassNotExecuted, 0},
		"throttle_rest":                 {models.ClassNotExecuted, 0},
		"expired_token":                 {models.ClassNotExecuted, 0},
		"code15_before":                 {models.ClassUnknown, 0},
		"code15_after":                  {models.ClassUnknown, 1},
		"internal_error":                {models.ClassUnknown, 0},
		"reset_before":                  {models.ClassUnknown, 0},
		"reset_after":                   {models.ClassUnknown, 1},
		"http502_after":                 {models.ClassUnknown, 1},
		"html":                          {models.ClassUnknown, 0},
		"success_without_ids":           {models.ClassUnknown, 1},
		"truncated":                     {models.ClassUnknown, 1},
		"business:REPEATED_ORDER_ERROR": {models.ClassUnknown, 0},
		"business:INVENTORY_HOLD_ERROR": {models.ClassRejected, 0},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			before := s.created(t)
			s.control(t, "faults", `{"method":"aliexpress.ds.order.create","how":"`+how+`"}`)
			got := s.client.Place(t.Context(), s.access, s.basket(), nil)
			if got.Class != want.class {
				t.Errorf("%s (%v), want %s", got.Class, got.Err, want.class)
			}
			if n := s.created(t) - before; n != want.created {
				t.Errorf("%d orders exist, want %d", n, want.created)
			}
		})
	}
}

func TestEveryShapeOfTheSimulatorIsRead(t *testing.T) {
	t.Parallel()
	for _, variation := range []string{
		"single_as_object", "numbers_as_strings", "bools_as_strings", "bare_lists", "no_root", "code_beside_root", "resp_result",
		"extra_fields", "drop_optional", "drop_package_sku",
	} {
		t.Run(variation, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.control(t, "variation", `{"`+variation+`":true}`)
			info := s.sim.Info()
			answer, err := s.client.Order(t.Context(), s.access, info.OrderID)
			if err != nil || len(answer.Lines) != 2 || answer.Amount.Minor == 0 {
				t.Errorf("order %+v: %v", answer, err)
			}
			parcels, err := s.client.Tracking(t.Context(), s.access, info.OrderID)
			if err != nil || len(parcels) != 2 || len(parcels[0].Items) != 1 || parcels[0].LastEventAt == nil {
				t.Errorf("tracking %+v: %v", parcels, err)
			}
			if p, err := s.client.Product(t.Context(), s.access, info.ProductID, "US"); err != nil || len(p.SKUs) != 1 || !p.OnSale {
				t.Errorf("product %+v: %v", p, err)
			}
			if placed := s.client.Place(t.Context(), s.access, s.basket(), nil); placed.Class != models.ClassPlaced {
				t.Errorf("place: %+v", placed)
			}
			if _, err := s.client.Exchange(t.Context(), models.App{}, info.AuthCode); err != nil {
				t.Errorf("exchange: %v", err)
			}
		})
	}
}
