package models_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
)

func mappings(byKey map[string]models.MappingKind) func(string) models.MappingKind {
	return func(key string) models.MappingKind { return byKey[key] }
}

func TestObserveLinesTakesOverTheSnapshot(t *testing.T) {
	t.Parallel()
	o := models.Order{MerchantID: "m", ID: "o"}
	have := lines{
		{MerchantID: "m", OrderID: "o", LineID: "A", Position: 0, Name: "Old name", Role: models.RoleDropship, Quantity: 1},
		{MerchantID: "m", OrderID: "o", LineID: "B", Position: 1, Name: "Hat", VariantKey: "hat", Role: models.RoleDropship, Mapped: true, Quantity: 2},
		{MerchantID: "m", OrderID: "o", LineID: "C", Position: 2, Name: "Back again", Role: models.RoleDropship, Quantity: 3, Removed: true},
	}
	got := models.ObserveLines(have, o, models.StoreOrder{Lines: []models.StoreLine{
		{ID: "D", Name: "New", VariantKey: "new", Quantity: 4, Shippable: true, Price: models.Money{Minor: 7, Currency: "USD"}, ImageURL: "u"},
		{ID: "A", Name: "Mug", SKU: "m-1", VariantKey: "mug", Options: "Color: Black", Quantity: 5, Refunded: 2, Shippable: true},
		{ID: "C", Name: "Back again", VariantKey: "own", Quantity: 3, Shippable: true},
	}}, mappings(map[string]models.MappingKind{"mug": models.MappedDropship, "own": models.MappedOwn}))
	want := lines{
		{MerchantID: "m", OrderID: "o", LineID: "D", Position: 0, Name: "New", VariantKey: "new", Role: models.RoleDropship, Quantity: 4, PriceMinor: 7, ImageURL: "u"},
		{MerchantID: "m", OrderID: "o", LineID: "A", Position: 1, Name: "Mug", SKU: "m-1", VariantKey: "mug", Options: "Color: Black", Role: models.RoleDropship, Mapped: true, Quantity: 5, Refunded: 2},
		{MerchantID: "m", OrderID: "o", LineID: "C", Position: 2, Name: "Back again", VariantKey: "own", Role: models.RoleOwn, Quantity: 3},
		{MerchantID: "m", OrderID: "o", LineID: "B", Position: 3, Name: "Hat", VariantKey: "hat", Role: models.RoleDropship, Mapped: true, Quantity: 2, Removed: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if have[1].Removed || have[0].Name != "Old name" {
		t.Error("changed what it was given")
	}
}

func TestObserveLinesWithoutLinesRemovesAll(t *testing.T) {
	t.Parallel()
	got := models.ObserveLines(lines{line("A", 1), line("B", 2)}, models.Order{}, models.StoreOrder{}, mappings(nil))
	if len(got) != 2 || !got[0].Removed || !got[1].Removed || got[0].Live()+got[1].Live() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRolesFollowShippingAndMapping(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shippable bool
		mapping   models.MappingKind
		role      models.Role
		mapped    bool
		live      int
	}{
		{true, models.MappedNot, models.RoleDropship, false, 2},
		{true, models.MappedDropship, models.RoleDropship, true, 2},
		{true, models.MappedOwn, models.RoleOwn, false, 0},
		{false, models.MappedNot, models.RoleNoShipping, false, 0},
		{false, models.MappedDropship, models.RoleNoShipping, true, 0},
		{false, models.MappedOwn, models.RoleNoShipping, false, 0},
	} {
		kinds := mappings(map[string]models.MappingKind{"k": c.mapping})
		snapshot := models.StoreOrder{Lines: []models.StoreLine{{ID: "A", VariantKey: "k", Quantity: 3, Refunded: 1, Shippable: c.shippable}}}
		fresh := models.ObserveLines(nil, models.Order{}, snapshot, kinds)
		for _, before := range []models.MappingKind{models.MappedNot, models.MappedDropship, models.MappedOwn} {
			known := models.ObserveLines(nil, models.Order{}, snapshot, mappings(map[string]models.MappingKind{"k": before}))
			remapped := models.Remap(known, kinds)
			if diff := cmp.Diff(fresh, remapped); diff != "" {
				t.Errorf("%+v after %q: a remapped line differs from a fresh one:\n%s", c, before, diff)
			}
			if diff := cmp.Diff(fresh, models.ObserveLines(known, models.Order{}, snapshot, kinds)); diff != "" {
				t.Errorf("%+v after %q: a known line differs from a fresh one:\n%s", c, before, diff)
			}
		}
		if l := fresh[0]; l.Role != c.role || l.Mapped != c.mapped || l.Live() != c.live {
			t.Errorf("%+v: %+v, live %d", c, l, l.Live())
		}
	}
}

func TestRemapLeavesWhatItWasGiven(t *testing.T) {
	t.Parallel()
	have := lines{line("A", 1), removed(line("B", 1))}
	got := models.Remap(have, mappings(map[string]models.MappingKind{"": models.MappedOwn}))
	if have[0].Role != models.RoleDropship || got[0].Role != models.RoleOwn || !got[1].Removed || len(got) != 2 {
		t.Errorf("%+v -> %+v", have, got)
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line models.Line
		want int
	}{
		"all":             {line("A", 3), 3},
		"partly refunded": {refunded(line("A", 3), 1), 2},
		"refunded":        {refunded(line("A", 3), 3), 0},
		"refunded twice":  {refunded(line("A", 3), 6), 0},
		"removed":         {removed(line("A", 3)), 0},
		"own stock":       {role(line("A", 3), models.RoleOwn), 0},
		"digital":         {role(line("A", 3), models.RoleNoShipping), 0},
		"no role":         {role(line("A", 3), ""), 0},
		"none":            {line("A", 0), 0},
		"absurd":          {line("A", -3), 0},
	} {
		if got := c.line.Live(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestObserveTakesOverEveryField(t *testing.T) {
	t.Parallel()
	s := models.StoreOrder{
		ExternalID: "x", Number: "10042", PlacedAt: *ago(5), UpdatedAt: noon, Status: "APPROVED", PaymentStatus: "PAID", FulfillmentStatus: "NOT_FULFILLED", Currency: "USD",
		Total: models.Money{Minor: 7739, Currency: "USD"}, Authorized: models.Money{Minor: 5, Currency: "USD"}, BuyerName: "Ada", BuyerEmail: "a@example.com", BuyerNote: "Ring twice",
		Archived: true, Imported: true, Pickup: true, Staff: true, Recipient: models.Address{Country: "US"},
	}
	var got models.Order
	got.Observe(s)
	want := models.Order{
		ExternalID: "x", Number: "10042", PlacedAt: *ago(5), SourceUpdatedAt: noon, StoreStatus: "APPROVED", PaymentStatus: "PAID", FulfillmentStatus: "NOT_FULFILLED", Currency: "USD",
		Gate: models.GateOpen, GateAt: noon, TotalMinor: 7739, AuthorizedMinor: 5, BuyerName: "Ada", BuyerEmail: "a@example.com", BuyerNote: "Ring twice", Country: "US",
		Archived: true, Imported: true, Pickup: true, Staff: true, RecipientSHA256: models.FingerprintOf(models.Address{Country: "US"}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
