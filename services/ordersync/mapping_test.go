package ordersync_test

import (
	"testing"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/wix/wixsim"
)

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
