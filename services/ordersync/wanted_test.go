package ordersync_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database/databasetest"
	"waybill/services/ordersync"
	"waybill/services/wix/wixsim"
)

func TestWantedIsWhatOpenOrdersHoldAndNobodyMapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	first := w.take(w.sold(wixsim.NewOrder{}))
	w.take(w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{earbudsLine}}))
	cancelled := w.sold(wixsim.NewOrder{Lines: []wixsim.NewLine{earbudsLine, {Name: "Nobody wants it any more", CatalogItemID: "00000000-1111-2222-3333-444444444444", Quantity: 1}}})
	_, err := w.wix.CancelOrder(cancelled.ID)
	w.must(err)
	w.take(cancelled)

	wanted := func(store models.ID) []ordersync.Wanted {
		t.Helper()
		var all []ordersync.Wanted
		for cursor := ""; ; {
			page, next, err := w.sync.Wanted(t.Context(), w.m, store, cursor, 1)
			w.must(err)
			if all = append(all, page...); next == "" {
				return all
			}
			cursor = next
		}
	}
	all := wanted(w.store.ID)
	if len(all) != 2 || all[0].VariantKey != lamp || all[1].VariantKey != earbuds {
		t.Fatalf("wanted: %+v", all)
	}
	if l := w.detail(first).Lines[1]; all[0].Name != l.Name || all[0].SKU != l.SKU || all[0].Options != l.Options || all[0].ImageURL != l.ImageURL || all[0].Orders != 1 {
		t.Errorf("the lamp: %+v", all[0])
	}
	if e := all[1]; e.Orders != 2 || e.StoreID != w.store.ID || !e.OldestPlacedAt.Equal(w.detail(first).Order.PlacedAt) {
		t.Errorf("the earbuds: %+v", e)
	}
	if got := wanted(w.account.ID); len(got) != 0 {
		t.Errorf("of another store: %+v", got)
	}
	w.mapping(earbuds, bottle, bottleBrown, kedi)
	if got := wanted(""); len(got) != 1 || got[0].VariantKey != lamp {
		t.Errorf("after the earbuds are mapped: %+v", got)
	}
	_, err = w.sync.Override(t.Context(), w.m, first, models.Override{Kind: models.OverrideLineRole, Subject: w.detail(first).Lines[1].LineID, Value: "own"}, person)
	w.must(err)
	if got := wanted(""); len(got) != 0 {
		t.Errorf("own stock is wanted: %+v", got)
	}
	if _, _, err := w.sync.Wanted(t.Context(), w.m, "", "x", 1); codeOf(err) != "cursor_invalid" {
		t.Errorf("a made up cursor: %v", err)
	}
	other, _, err := w.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	w.must(err)
	if got, _, err := w.sync.Wanted(t.Context(), other, "", "", 10); err != nil || len(got) != 0 {
		t.Errorf("another merchant sees %v, %v", got, err)
	}
}

func TestSuppliersAreTheStoresOfTheMappings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	w.stock()
	w.mapping("a/b", deskLamp, deskWhite, lumen)
	w.mapping("c/d", "", "", "", func(m *models.ProductMapping) { m.Role = models.RoleOwn })
	list, err := w.sync.SupplierStores(t.Context(), w.m)
	if err != nil || len(list) != 2 || list[0] != (ordersync.SupplierStore{ID: lumen, Name: "Store " + lumen}) || list[1].ID != kedi {
		t.Errorf("%+v, %v", list, err)
	}
	other, _, err := w.accounts.CreateMerchant(t.Context(), "Other", "UTC", "")
	w.must(err)
	if list, err = w.sync.SupplierStores(t.Context(), other); err != nil || len(list) != 0 {
		t.Errorf("another merchant sees %v, %v", list, err)
	}
}

// One page of many variants reads its own rows and no more.
func TestWantedIsReadAlongItsIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idle)
	w.openOrders(w.m, w.store.ID, w.account.ID, 20000, models.StagePaid)
	w.must(databasetest.Owner(t, w.db).Exec("UPDATE order_lines SET mapped = false, variant_key = 'v' || lpad((('x' || right(order_id::text, 6))::bit(24)::int % 2000)::text, 6, '0') WHERE ('x' || right(order_id::text, 6))::bit(24)::int % 2 = 0").Error)
	w.must(databasetest.Owner(t, w.db).Exec("ANALYZE").Error)
	var mu sync.Mutex
	var asked []string
	w.must(w.db.Read(t.Context()).Callback().Row().After("gorm:row").Register("spy", func(q *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, q.Explain(q.Statement.SQL.String(), q.Statement.Vars...))
	}))
	page, next, err := w.sync.Wanted(t.Context(), w.m, "", "", 20)
	w.must(err)
	if len(page) != 20 || page[0].Orders != 10 {
		t.Fatalf("the first of %d: %+v", len(page), page[:1])
	}
	page, _, err = w.sync.Wanted(t.Context(), w.m, "", next, 20)
	w.must(err)
	if len(page) != 20 || page[0].VariantKey != "v000040" {
		t.Fatalf("the next page begins with %+v", page[0])
	}
	_, err = w.sync.SupplierStores(t.Context(), w.m)
	w.must(err)
	mu.Lock()
	queries := asked
	mu.Unlock()
	seen := 0
	for _, query := range queries {
		if !strings.Contains(query, "order_lines") {
			continue
		}
		seen++
		var plan []string
		w.must(w.db.Of(w.m).Read(t.Context(), func(q *gorm.DB) error { return q.Raw("EXPLAIN (ANALYZE, BUFFERS OFF) " + query).Scan(&plan).Error }))
		text := strings.Join(plan, "\n")
		if strings.Contains(text, "Seq Scan on order") || !strings.Contains(text, "order_lines_wanted") {
			t.Errorf("not along the index:\n%s", text)
		}
		for _, n := range regexp.MustCompile(`actual time=\S+ rows=(\d{3,})`).FindAllString(text, -1) {
			t.Errorf("reads %s:\n%s", n, text)
		}
	}
	if seen != 2 {
		t.Errorf("%d queries were seen", seen)
	}
}
