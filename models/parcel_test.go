package models_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
)

// listed reads "N1 A:2 B:1" as the package N1 with two of A and one of B; - is a package without a number.
func listed(text ...string) []models.TrackedParcel {
	var out []models.TrackedParcel
	for _, entry := range text {
		words := strings.Fields(entry)
		p := models.TrackedParcel{Number: strings.TrimPrefix(words[0], "-")}
		for _, item := range words[1:] {
			var n int
			id, count, _ := strings.Cut(item, ":")
			if _, err := fmt.Sscan(count, &n); err != nil {
				panic(err)
			}
			p.Items = append(p.Items, models.TrackedItem{ProductID: "product-" + id, SKUID: "sku-" + id, Quantity: n})
		}
		out = append(out, p)
	}
	return out
}

// shown writes a parcel as "N2<N1 A:2 missing".
func shown(parcels []models.Parcel) []string {
	out := []string{}
	for _, p := range parcels {
		text := p.TrackingNumber
		for _, n := range p.PreviousNumbers {
			text += "<" + n
		}
		for _, it := range p.Items {
			text += fmt.Sprintf(" %s:%d", it.LineID, it.Quantity)
			if it.SupplierOrderID != "1" {
				text += "@" + string(it.SupplierOrderID)
			}
		}
		if p.MissingSince != nil {
			text += " missing"
		}
		out = append(out, text)
	}
	return out
}

func kindsOf(changes []models.ParcelChange) string {
	var out []string
	for _, c := range changes {
		out = append(out, string(c.Kind))
	}
	return strings.Join(out, " ")
}

func TestMergeParcels(t *testing.T) {
	t.Parallel()
	type list = []string
	for name, c := range map[string]struct {
		lists   []list // what AliExpress lists, time after time
		want    list
		changes string // of the last time
	}{
		"one package says nothing of its contents": {[]list{{"N1"}}, list{"N1 A:2 B:1"}, "new"},
		"one package":         {[]list{{"N1 A:2 B:1"}}, list{"N1 A:2 B:1"}, "new"},
		"two packages":        {[]list{{"N1 A:2", "N2 B:1"}}, list{"N1 A:2", "N2 B:1"}, "new new"},
		"one after the other": {[]list{{"N1 A:1"}, {"N1 A:1", "N2 A:1 B:1"}}, list{"N1 A:1", "N2 A:1 B:1"}, "new"},
		"the rest goes to the one that does not say": {[]list{{"N1", "N2 A:1"}}, list{"N1 A:1 B:1", "N2 A:1"}, "new new"},
		"more than was bought":                       {[]list{{"N1 A:9", "N2 A:9 B:9"}}, list{"N1 A:2", "N2 B:1"}, "new new"},
		"nothing that was bought":                    {[]list{{"N1 X:1"}}, list{"N1"}, "new"},
		"no number":                                  {[]list{{"- A:2"}}, list{}, ""},
		"one number twice":                           {[]list{{"N1 A:1", "N1 A:1 B:1"}}, list{"N1 A:2 B:1"}, "new"},
		"an empty list is no news":                   {[]list{{"N1 A:2"}, {}}, list{"N1 A:2"}, ""},
		"entries without numbers are no news":        {[]list{{"N1 A:2"}, {"- A:2"}}, list{"N1 A:2"}, ""},
		"the number is replaced":                     {[]list{{"N1 A:2 B:1"}, {"N2 A:2 B:1"}}, list{"N2<N1 A:2 B:1"}, "renumbered"},
		"replaced, contents not said":                {[]list{{"N1"}, {"N2"}}, list{"N2<N1 A:2 B:1"}, "renumbered"},
		"replaced twice":                             {[]list{{"N1"}, {"N2"}, {"N3"}}, list{"N3<N1<N2 A:2 B:1"}, "renumbered"},
		"replaced and back":                          {[]list{{"N1"}, {"N2"}, {"N1"}}, list{"N1<N2 A:2 B:1"}, "renumbered"},
		"one of two replaced":                        {[]list{{"N1 A:2", "N2 B:1"}, {"N3 B:1", "N1 A:2"}}, list{"N1 A:2", "N3<N2 B:1"}, "renumbered"},
		"both replaced":                              {[]list{{"N1 A:2", "N2 B:1"}, {"N3 B:1", "N4 A:2"}}, list{"N4<N1 A:2", "N3<N2 B:1"}, "renumbered renumbered"},
		"one of two equal ones replaced":             {[]list{{"N1 A:1", "N2 A:1"}, {"N2 A:1", "N3 A:1"}}, list{"N3<N1 A:1", "N2 A:1"}, "renumbered"},
		"it vanishes beside another, once":           {[]list{{"N1 A:2", "N2 B:1"}, {"N1 A:2"}}, list{"N1 A:2", "N2 B:1 missing"}, ""},
		"it vanishes beside another, three times":    {[]list{{"N1 A:2", "N2 B:1"}, {"N1 A:2"}, {"N1 A:2"}, {"N1 A:2"}}, list{"N1 A:2", "N2 B:1 missing"}, "missing"},
		"it vanishes beside another, with a pause":   {[]list{{"N1 A:2", "N2 B:1"}, {"N1 A:2"}, {"N1 A:2"}, {"N1 A:2", "N2 B:1"}, {"N1 A:2"}}, list{"N1 A:2", "N2 B:1 missing"}, ""},
		"it comes back":                              {[]list{{"N1 A:2", "N2 B:1"}, {"N1 A:2"}, {"N1 A:2", "N2 B:1"}}, list{"N1 A:2", "N2 B:1"}, "updated"},
		"a missing one comes back renumbered":        {[]list{{"N1 A:2", "N2 B:1"}, {"N1 A:2"}, {"N1 A:2", "N3 B:1"}}, list{"N1 A:2", "N3<N2 B:1"}, "renumbered"},
		"contents no longer said":                    {[]list{{"N1 A:1"}, {"N1"}}, list{"N1 A:1"}, ""},
		"contents said later":                        {[]list{{"N1"}, {"N1 A:2"}}, list{"N1 A:2"}, "updated"},
		"contents said for both later":               {[]list{{"N1"}, {"N1 A:2", "N2 B:1"}}, list{"N1 A:2", "N2 B:1"}, "updated new"},
		"contents exchanged":                         {[]list{{"N1 A:2", "N2 B:1"}, {"N1 B:1", "N2 A:2"}}, list{"N1 B:1", "N2 A:2"}, "updated updated"},
		"a unit moved":                               {[]list{{"N1 A:2", "N2 B:1"}, {"N1 A:1", "N2 A:1 B:1"}}, list{"N1 A:1", "N2 A:1 B:1"}, "updated updated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 2), units("B", 1))
			newID := counter()
			var have []models.Parcel
			var changes []models.ParcelChange
			for _, l := range c.lists {
				have, changes = models.MergeParcels(have, s, listed(l...), noon, newID)
			}
			if diff := cmp.Diff(c.want, shown(have)); diff != "" {
				t.Errorf("parcels (-want +got):\n%s", diff)
			}
			if kindsOf(changes) != c.changes {
				t.Errorf("changes %q, want %q", kindsOf(changes), c.changes)
			}
		})
	}
}

func TestPackageNamesAnotherSKUOfTheProduct(t *testing.T) {
	t.Parallel()
	a, b := units("A", 1), units("B", 1)
	a.ProductID, b.ProductID = "p", "p"
	s := bought("1", "WAIT_BUYER_ACCEPT_GOODS", a, b)
	seen := []models.TrackedParcel{{Number: "N1", Items: []models.TrackedItem{{ProductID: "p", SKUID: "other", Quantity: 1}, {ProductID: "p", SKUID: "sku-A", Quantity: 1}}}}
	got, _ := models.MergeParcels(nil, s, seen, noon, counter())
	if diff := cmp.Diff([]string{"N1 A:1 B:1"}, shown(got)); diff != "" {
		t.Error(diff)
	}
}

func TestCombinedParcelKeepsWhatOthersPutIn(t *testing.T) {
	t.Parallel()
	first, second := bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 2)), bought("2", "WAIT_BUYER_ACCEPT_GOODS", units("B", 1))
	newID := counter()
	have, _ := models.MergeParcels(nil, first, listed("N1 A:2"), noon, newID)
	have, changes := models.MergeParcels(have, second, listed("N1 B:1"), noon, newID)
	if diff := cmp.Diff([]string{"N1 A:2 B:1@2"}, shown(have)); diff != "" || kindsOf(changes) != "updated" {
		t.Errorf("changes %q\n%s", kindsOf(changes), diff)
	}
	have, changes = models.MergeParcels(have, first, listed("N2 X:1"), noon, newID)
	if diff := cmp.Diff([]string{"N1 A:2 B:1@2", "N2"}, shown(have)); diff != "" || kindsOf(changes) != "new" {
		t.Errorf("a parcel that another supplier order shares is not missing: %q\n%s", kindsOf(changes), diff)
	}
	if second.ID == have[0].Items[0].SupplierOrderID || have[0].Items[1].ParcelID != have[0].ID {
		t.Errorf("%+v", have[0])
	}
}

func TestACombinedParcelThatIsRenumberedStaysOneParcel(t *testing.T) {
	t.Parallel()
	first, second := bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 2)), bought("2", "WAIT_BUYER_ACCEPT_GOODS", units("B", 1))
	for name, contents := range map[string]bool{"contents named": true, "contents not said": false} {
		newID := counter()
		var have []models.Parcel
		say := func(s models.SupplierOrder, number string) string {
			item := map[models.ID]string{"1": " A:2", "2": " B:1"}[s.ID]
			if !contents {
				item = ""
			}
			var changes []models.ParcelChange
			have, changes = models.MergeParcels(have, s, listed(number+item), noon, newID)
			return strings.Join(shown(have), ", ") + "; " + kindsOf(changes)
		}
		for _, step := range []struct {
			s      models.SupplierOrder
			number string
			want   string
		}{
			{first, "N1", "N1 A:2; new"},
			{second, "N1", "N1 A:2 B:1@2; updated"},
			{first, "N2", "N2<N1 A:2 B:1@2; renumbered"},
			{second, "N1", "N2<N1 A:2 B:1@2; "}, // it has not heard of it yet
			{first, "N2", "N2<N1 A:2 B:1@2; "},
			{second, "N2", "N2<N1 A:2 B:1@2; "},
			{second, "N3", "N3<N1<N2 A:2 B:1@2; renumbered"},
			{first, "N2", "N3<N1<N2 A:2 B:1@2; "},
			{first, "N3", "N3<N1<N2 A:2 B:1@2; "},
		} {
			// The items stand in the order in which they came.
			got := strings.NewReplacer("B:1@2 A:2", "A:2 B:1@2").Replace(say(step.s, step.number))
			if got != step.want {
				t.Errorf("%s, %s of %s: %s, want %s", name, step.number, step.s.ID, got, step.want)
			}
		}
	}
}

func TestParcelKeepsItsNewestMovementAndItsCarrier(t *testing.T) {
	t.Parallel()
	s := bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1))
	says := func(carrier, event string, at *time.Time) []models.TrackedParcel {
		return []models.TrackedParcel{{Number: "N1", Carrier: carrier, LastEvent: event, LastEventAt: at}}
	}
	newID := counter()
	have, _ := models.MergeParcels(nil, s, says("Cainiao", "arrived", ago(time.Hour)), noon, newID)
	for name, c := range map[string]struct {
		seen            []models.TrackedParcel
		carrier, event  string
		changes         string
		stayedUntouched bool
	}{
		"an older movement":  {says("", "sent", ago(2*time.Hour)), "Cainiao", "arrived", "", true},
		"no movement at all": {says("", "", nil), "Cainiao", "arrived", "", true},
		"a newer movement":   {says("", "delivered", ago(time.Minute)), "Cainiao", "delivered", "updated", false},
		"another carrier":    {says("USPS", "", nil), "USPS", "arrived", "updated", false},
	} {
		got, changes := models.MergeParcels(slices.Clone(have), s, c.seen, noon, newID)
		if got[0].Carrier != c.carrier || got[0].LastEvent != c.event || kindsOf(changes) != c.changes || cmp.Equal(have, got) != c.stayedUntouched {
			t.Errorf("%s: %+v, changes %q", name, got[0], kindsOf(changes))
		}
	}
}

func TestMissingParcelIsToldOnceAndKeepsItsTime(t *testing.T) {
	t.Parallel()
	s := bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", 1), units("B", 1))
	newID := counter()
	have, _ := models.MergeParcels(nil, s, listed("N1 A:1", "N2 B:1"), noon, newID)
	have, _ = models.MergeParcels(have, s, listed("N1 A:1"), noon, newID)
	have, changes := models.MergeParcels(have, s, listed("N1 A:1"), noon.Add(time.Hour), newID)
	if len(changes) != 0 || !have[1].MissingSince.Equal(noon) || have[1].TrackingNumber != "N2" {
		t.Errorf("%+v, changes %q", have[1], kindsOf(changes))
	}
	have, changes = models.MergeParcels(have, s, listed("N1 A:1"), noon.Add(2*time.Hour), newID)
	if kindsOf(changes) != "missing" || !have[1].MissingSince.Equal(noon) {
		t.Errorf("%+v, changes %q", have[1], kindsOf(changes))
	}
	if _, changes = models.MergeParcels(have, s, listed("N1 A:1"), noon.Add(3*time.Hour), newID); len(changes) != 0 {
		t.Errorf("told again: %q", kindsOf(changes))
	}
}

// A purchase that AliExpress split gives a supplier order whose lines only its first answer names: it must stay open until then.
func TestSupplierOrderWithoutLinesStaysOpen(t *testing.T) {
	t.Parallel()
	for words, open := range map[string]bool{"": true, "PLACE_ORDER_SUCCESS": true, "WAIT_SELLER_SEND_GOODS": true, "WAIT_BUYER_ACCEPT_GOODS": true, "FINISH": false} {
		s := bought("1", words)
		state := models.PlacementPlaced
		if !open {
			state = models.PlacementClosed
		}
		if s.Open() != open || s.State != state {
			t.Errorf("%q: open %t, state %s, stage %s", words, s.Open(), s.State, s.Stage)
		}
	}
}
