package ordersync_test

import (
	"errors"
	"testing"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database"
	"waybill/services/wix/wixsim"
)

func TestAProductIsReadForAPersonWhoMapsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	ctx := t.Context()
	p, err := w.sync.SupplierProduct(ctx, w.m, "", bottle, "US")
	w.must(err)
	if p.ProductID != bottle || p.Title == "" || p.StoreID != kedi || p.StoreName == "" || p.ImageURL == "" || len(p.SKUs) != 3 {
		t.Fatalf("%+v", p)
	}
	if k := p.SKUs[0]; k.ID != bottleBrown || k.Attr == "" || k.Name == "" || k.Price.Minor <= 0 || k.Price.Currency != "USD" || k.Stock <= 0 {
		t.Errorf("%+v", k)
	}
	refused := func(name, code, product, country string, account models.ID) {
		t.Helper()
		if _, err := w.sync.SupplierProduct(ctx, w.m, account, product, country); codeOf(err) != code {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("one that never was", "product_gone", "1005000000000000", "US", w.account.ID)
	refused("no number", "invalid_product_id", "x", "US", "")
	refused("a store's id", "account_not_found", bottle, "US", w.store.ID)
	offline := "offline"
	w.must(w.ae.ChangeProduct(bottle, aliexpresssim.ProductChange{Status: &offline, ShipTo: []string{"US"}}))
	refused("no longer sold", "product_gone", bottle, "US", "")
	refused("not sold there", "not_sold_there", bottle, "DE", "")
	w.must(w.ae.Fail(aliexpresssim.Fault{Method: "aliexpress.ds.product.get", How: aliexpresssim.ThrottleApp, Seconds: 60}))
	if _, err := w.sync.SupplierProduct(ctx, w.m, "", solarLamp, "US"); !errors.Is(err, models.Throttled) {
		t.Errorf("under a ban: %v", err)
	}
	other, _, err := w.accounts.CreateMerchant(ctx, "Other", "UTC", "")
	w.must(err)
	if _, err := w.sync.SupplierProduct(ctx, other, "", solarLamp, "US"); codeOf(err) != "account_needed" {
		t.Errorf("without an account: %v", err)
	}
}

func TestAMappingReachesTheOrdersThatWaitForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, slow)
	o := w.sold(wixsim.NewOrder{})
	id := w.idOf(o.ID)
	waitFor(t, "both lines are flagged", func() bool { return len(w.flags(id)) == 2 })
	first := w.mapping(earbuds, bottle, bottleBrown, kedi)
	waitFor(t, "one flag closes", func() bool { return len(w.flags(id)) == 1 })
	if _, err := w.sync.Map(t.Context(), w.m, models.ProductMapping{StoreID: w.store.ID, VariantKey: earbuds, Role: models.RoleOwn}, "api:test"); codeOf(err) != "mapping_exists" {
		t.Errorf("mapped twice: %v", err)
	}
	own := w.mapping(lamp, "", "", "", func(m *models.ProductMapping) { m.Role = models.RoleOwn })
	waitFor(t, "own stock needs no supplier", func() bool { return len(w.flags(id)) == 0 })
	first.Role = models.RoleOwn
	_, err := w.sync.Map(t.Context(), w.m, first, "api:test")
	w.must(err)
	w.inTab(id, models.TabClosed)
	w.must(w.sync.Unmap(t.Context(), w.m, own.ID, "api:test"))
	w.inTab(id, models.TabAwaitingOrder)
	first.ID = database.NewID()
	if _, err := w.sync.Map(t.Context(), w.m, first, "api:test"); codeOf(err) != "mapping_not_found" {
		t.Errorf("got %v", err)
	}
	w.stop()
	w.counted()
}
