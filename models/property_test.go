package models_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"waybill/models"
)

var (
	storeWords    = []string{"INITIALIZED", "APPROVED", "CANCELED", "PENDING", "REJECTED", "", "ON_HOLD"}
	paymentWords  = []string{"NOT_PAID", "PAID", "PARTIALLY_REFUNDED", "FULLY_REFUNDED", "PENDING", "PARTIALLY_PAID", "DECLINED", "", "CHARGED_BACK"}
	supplierWords = []string{
		"PLACE_ORDER_SUCCESS", "PAYMENT_PROCESSING", "WAIT_SELLER_EXAMINE_MONEY", "RISK_CONTROL", "RISK_CONTROL_HOLD", "WAIT_SELLER_SEND_GOODS",
		"SELLER_PART_SEND_GOODS", "WAIT_BUYER_ACCEPT_GOODS", "IN_CANCEL", "IN_ISSUE", "IN_FROZEN", "WAIT_GROUP", "WAIT_COMPLETE_ADDRESS",
		"FUND_PROCESSING", "FINISH", "ARCHIVE", "", "A_NEW_WORD",
	}
	endReasons     = []string{"", "", "CANCELED", "buyer_pay_timeout", "buyer_accept_goods", "moon_phase"}
	logisticsWords = []string{"", "NO_LOGISTICS", "SELLER_SEND_GOODS", "BUYER_ACCEPT_GOODS"}
	placements     = []models.PlacementState{
		models.PlacementPlanned, models.PlacementApproved, models.PlacementSending, models.PlacementPlaced, models.PlacementRejected,
		models.PlacementUnknown, models.PlacementClosed, models.PlacementUnlinked,
	}
	gates      = []models.Gate{models.GateOpen, models.GateShut, models.GateCancelled, models.GateRejected, models.GateRefunded, ""}
	pushStates = []models.PushState{models.PushWaiting, models.PushSent, models.PushConfirmed, models.PushRefused, models.PushRetrying, models.PushAccepted}
)

// anyOrder draws what of 0..n-1 arrives when: everything at least once, in any order, some of it again.
func anyOrder(t *rapid.T, n int, label string) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return append(rapid.Permutation(all).Draw(t, label), rapid.SliceOfN(rapid.IntRange(0, n-1), 0, n).Draw(t, label+" again")...)
}

func TestStoreSnapshotsInAnyOrderGiveTheSameTab(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := []string{"A", "B", "C"}
		snapshots := make([]models.StoreOrder, rapid.IntRange(1, 6).Draw(t, "snapshots"))
		for i := range snapshots {
			s := models.StoreOrder{
				ExternalID: "wix-1", UpdatedAt: noon.Add(time.Duration(i) * time.Second), Imported: rapid.IntRange(0, 9).Draw(t, "imported") == 0,
				Status: rapid.SampledFrom(storeWords).Draw(t, "status"), PaymentStatus: rapid.SampledFrom(paymentWords).Draw(t, "payment"),
			}
			for _, id := range ids[:rapid.IntRange(0, 3).Draw(t, "lines")] {
				s.Lines = append(s.Lines, models.StoreLine{
					ID: id, VariantKey: id, Quantity: rapid.IntRange(0, 3).Draw(t, "quantity"),
					Refunded: rapid.IntRange(0, 3).Draw(t, "refunded"), Shippable: rapid.Bool().Draw(t, "shippable"),
				})
			}
			snapshots[i] = s
		}
		play := func(arrivals []int) (models.Order, models.Tab) {
			o, have := models.Order{ID: "o"}, lines{}
			for _, i := range arrivals {
				if o.Observe(snapshots[i]) {
					have = models.ObserveLines(have, o, snapshots[i], func(string) models.MappingKind { return models.MappedDropship })
				}
			}
			return o, models.Rollup(models.Facts{Now: noon, Order: o, Lines: have, SupplierOrders: supplier{bought("1", "WAIT_SELLER_SEND_GOODS", units("A", 2))}}).Tab
		}
		inOrder := make([]int, len(snapshots))
		for i := range inOrder {
			inOrder[i] = i
		}
		want, wantTab := play(inOrder)
		got, gotTab := play(anyOrder(t, len(snapshots), "arrivals"))
		if gotTab != wantTab {
			t.Fatalf("tab %s, in order %s", gotTab, wantTab)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("order (-in order +as it came):\n%s", diff)
		}
	})
}

func TestSupplierAnswersInAnyOrderGiveTheSameStage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		answers := make([]models.SupplierAnswer, rapid.IntRange(1, 7).Draw(t, "answers"))
		for i := range answers {
			a := models.SupplierAnswer{Status: rapid.SampledFrom(supplierWords).Draw(t, "status"), LogisticsStatus: rapid.SampledFrom(logisticsWords).Draw(t, "logistics")}
			if rapid.Bool().Draw(t, "paid") {
				a.PaidAt = in(time.Duration(i) * time.Minute)
			}
			for _, id := range []string{"A", "B"} {
				a.Lines = append(a.Lines, models.SupplierAnswerLine{ProductID: "product-" + id, SKUID: "sku-" + id, EndReason: rapid.SampledFrom(endReasons).Draw(t, "end reason")})
			}
			answers[i] = a
		}
		tracked := rapid.Bool().Draw(t, "tracked")
		settleEachTime := rapid.Bool().Draw(t, "settle each time")
		play := func(arrivals []int) (models.SupplierOrder, models.Rolled) {
			s := attempt("1", models.PlacementPlaced, units("A", 1), units("B", 1))
			for _, i := range arrivals {
				s.Observe(answers[i], int64(i+1))
				if settleEachTime {
					s.Settle(tracked)
				}
			}
			s.Settle(tracked)
			f := models.Facts{Now: noon, Order: paid(), Lines: lines{line("A", 1), line("B", 1)}, SupplierOrders: supplier{s}}
			if tracked {
				f.Parcels = parcels{parcel("p", "N1", holds("1", "A", 1))}
			}
			return s, models.Rollup(f)
		}
		inOrder := make([]int, len(answers))
		for i := range inOrder {
			inOrder[i] = i
		}
		want, wantRolled := play(inOrder)
		got, gotRolled := play(anyOrder(t, len(answers), "arrivals"))
		if got.Stage != want.Stage || got.State != want.State || got.Status != want.Status || got.EndReason != want.EndReason {
			t.Fatalf("stage %s, state %s, status %s, ended %q; in order %s, %s, %s, %q", got.Stage, got.State, got.Status, got.EndReason, want.Stage, want.State, want.Status, want.EndReason)
		}
		if diff := cmp.Diff(want.Lines, got.Lines); diff != "" {
			t.Fatalf("lines (-in order +as they came):\n%s", diff)
		}
		if diff := cmp.Diff(wantRolled, gotRolled); diff != "" {
			t.Fatalf("rollup (-in order +as they came):\n%s", diff)
		}
	})
}

// odd is true now and then: most facts are sane, so that every tab comes up, and any one of them may be absurd. It looks
// for 11 because rapid likes small numbers.
func odd(t *rapid.T, label string) bool { return rapid.IntRange(0, 15).Draw(t, label+" odd") == 11 }

func some(t *rapid.T, label string) int {
	return rapid.SampledFrom([]int{1, 2, 1, 2, 3, 0}).Draw(t, label)
}

// Few ids, so that they meet.
func drawID(t *rapid.T, label string) models.ID {
	if odd(t, label) {
		return models.ID(rapid.SampledFrom([]string{"", "gone"}).Draw(t, label))
	}
	return models.ID(rapid.SampledFrom([]string{"1", "2"}).Draw(t, label))
}

func drawLineID(t *rapid.T) string {
	if odd(t, "line id") {
		return rapid.SampledFrom([]string{"", "gone"}).Draw(t, "line id")
	}
	return rapid.SampledFrom([]string{"A", "B"}).Draw(t, "line id")
}

func drawPart(t *rapid.T) int {
	if odd(t, "part") {
		return rapid.IntRange(-1, 1).Draw(t, "part")
	}
	return 0
}

func drawQuantity(t *rapid.T) int {
	if odd(t, "quantity") {
		return rapid.SampledFrom([]int{math.MinInt, -2, -1, 0, 100000, math.MaxInt}).Draw(t, "quantity")
	}
	return rapid.IntRange(1, 3).Draw(t, "quantity")
}

func drawTime(t *rapid.T, label string) *time.Time {
	switch rapid.IntRange(0, 3).Draw(t, label+" known") {
	case 0:
		return nil
	case 1:
		return &time.Time{}
	}
	return in(time.Duration(rapid.Int64().Draw(t, label)))
}

func drawMoment(t *rapid.T, label string) time.Time {
	if at := drawTime(t, label); at != nil {
		return *at
	}
	return time.Time{}
}

// word draws a known word or, at times, anything.
func word[S ~string](t *rapid.T, label string, known []S) S {
	if odd(t, label) {
		return S(rapid.String().Draw(t, label))
	}
	return rapid.SampledFrom(known).Draw(t, label)
}

func drawOrder(t *rapid.T) models.Order {
	return models.Order{
		ExternalID: rapid.SampledFrom([]string{"", "wix-1"}).Draw(t, "external id"), StoreStatus: word(t, "status", storeWords), PaymentStatus: word(t, "payment", paymentWords),
		Gate:            word(t, "gate", slices.Concat(slices.Repeat([]models.Gate{models.GateOpen}, 20), gates)),
		AuthorizedMinor: rapid.Int64().Draw(t, "authorized"), Currency: rapid.SampledFrom([]string{"", "USD", "JPY"}).Draw(t, "currency"),
		Imported: odd(t, "imported"), Archived: rapid.Bool().Draw(t, "archived"),
		StoreCheckedAt: drawTime(t, "store checked"), CheckFailures: drawQuantity(t),
	}
}

func drawSupplierOrder(t *rapid.T) models.SupplierOrder {
	s := models.SupplierOrder{
		ID: drawID(t, "supplier order"), State: word(t, "state", slices.Concat(slices.Repeat([]models.PlacementState{models.PlacementPlaced}, 10), placements)), ErrorDetail: rapid.String().Draw(t, "error"), ExternalID: "8",
		Stage:       word(t, "stage", []models.Stage{models.StageUnpaid, models.StagePaid, models.StageShipped, models.StageFinished, models.StageClosed, ""}),
		Status:      word(t, "status", supplierWords),
		StageStatus: word(t, "stage status", supplierWords), StageLogistics: word(t, "logistics", logisticsWords), EndReason: word(t, "end reason", endReasons),
		ShippedSeen: rapid.Bool().Draw(t, "shipped"), PaidAt: drawTime(t, "paid"), PayBy: drawTime(t, "pay by"), PlacedAt: drawTime(t, "placed"),
		LeaseUntil: drawTime(t, "lease"), NotBefore: drawTime(t, "not before"), UnsureSince: drawTime(t, "unsure"), LastCheckedAt: drawTime(t, "checked"),
		NextCheckAt: drawTime(t, "next check"), NoDataSince: drawTime(t, "no data"), CreatedAt: drawMoment(t, "created"), CheckFailures: drawQuantity(t),
	}
	for range some(t, "supplier lines") {
		s.Lines = append(s.Lines, models.SupplierLine{
			SupplierOrderID: s.ID, LineID: drawLineID(t), Part: drawPart(t),
			ProductID: drawLineID(t), SKUID: drawLineID(t), Quantity: drawQuantity(t), Live: !odd(t, "live"), EndReason: word(t, "end reason", endReasons),
		})
	}
	return s
}

func drawParcel(t *rapid.T) models.Parcel {
	p := models.Parcel{ID: drawID(t, "parcel"), TrackingNumber: rapid.SampledFrom([]string{"", "N1", "N2", "N3"}).Draw(t, "number"), MissingSince: drawTime(t, "missing"), LastEventAt: drawTime(t, "event")}
	for range some(t, "items") {
		p.Items = append(p.Items, models.ParcelItem{SupplierOrderID: drawID(t, "supplier order"), LineID: drawLineID(t), Part: drawPart(t), Quantity: drawQuantity(t)})
	}
	return p
}

func drawPush(t *rapid.T) models.Push {
	return models.Push{
		ID: drawID(t, "push"), ParcelID: drawID(t, "parcel"), State: word(t, "push state", pushStates), WantedSince: drawMoment(t, "wanted since"),
		NextTryAt: drawTime(t, "next try"), LeaseUntil: drawTime(t, "lease"), Attempts: drawQuantity(t), WantedNumber: rapid.SampledFrom([]string{"", "N1"}).Draw(t, "wanted"),
	}
}

func drawFacts(t *rapid.T) models.Facts {
	f := models.Facts{Now: drawMoment(t, "now"), Order: drawOrder(t)}
	for range some(t, "lines") {
		f.Lines = append(f.Lines, models.Line{
			LineID: drawLineID(t), Name: rapid.String().Draw(t, "name"), Mapped: rapid.Bool().Draw(t, "mapped"),
			Role:     word(t, "role", []models.Role{models.RoleDropship, models.RoleDropship, models.RoleDropship, models.RoleOwn, models.RoleNoShipping}),
			Quantity: drawQuantity(t), Refunded: drawQuantity(t) - rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "kept"), Removed: odd(t, "removed"),
		})
	}
	for range some(t, "supplier orders") {
		f.SupplierOrders = append(f.SupplierOrders, drawSupplierOrder(t))
	}
	for range some(t, "parcels") {
		f.Parcels = append(f.Parcels, drawParcel(t))
	}
	for range some(t, "pushes") {
		f.Pushes = append(f.Pushes, drawPush(t))
	}
	return f
}

func drawPace(t *rapid.T) models.Pace {
	return models.Pace{
		Speed:  rapid.SampledFrom([]float64{0, -1, 1, 60, 1e-300, 1e300, math.Inf(1), math.NaN()}).Draw(t, "speed"),
		Settle: time.Duration(rapid.Int64().Draw(t, "settle")),
	}
}

func TestAnyFactsGiveExactlyOneTab(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		got := models.Rollup(f)
		if !got.Tab.Valid() || !slices.Contains(models.Tabs(), got.Tab) {
			t.Fatalf("tab %q", got.Tab)
		}
		if got.Why == "" {
			t.Fatal("no why")
		}
		if (got.ClosedReason != "") != (got.Tab == models.TabClosed) {
			t.Fatalf("tab %s, closed for %q", got.Tab, got.ClosedReason)
		}
		if got.Final && got.Tab != models.TabClosed && got.Tab != models.TabFulfilled {
			t.Fatalf("final in %s", got.Tab)
		}
		codes := map[string]bool{}
		for _, c := range got.Chips {
			if c.Code == "" || c.Text == "" || codes[c.Code] {
				t.Fatalf("chips %v", got.Chips)
			}
			codes[c.Code] = true
		}
		pace := drawPace(t)
		if next := pace.NextCheck(f, got); (next == nil) != got.Final {
			t.Fatalf("final %t, next check %v", got.Final, next)
		}
		again := f
		again.Now = drawMoment(t, "another now")
		if later := models.Rollup(again); later.Tab != got.Tab || later.Why != got.Why || later.Final != got.Final || later.ClosedReason != got.ClosedReason {
			t.Fatalf("at %s %s, at %s %s", f.Now, got.Tab, again.Now, later.Tab)
		}
		if diff := cmp.Diff(got, models.Rollup(f)); diff != "" {
			t.Fatalf("two answers to the same facts:\n%s", diff)
		}
	})
}

func TestAnyFactsPanicNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, now := drawSupplierOrder(t), drawMoment(t, "now")
		pace := drawPace(t)
		if next := pace.NextSupplierCheck(s, now); (next != nil) != s.Open() {
			t.Fatalf("open %t, next check %v", s.Open(), next)
		}
		pace.PushRetryIn(drawQuantity(t))
		_ = s.WhyEnded()
		have := []models.Parcel{drawParcel(t), drawParcel(t), drawParcel(t)}
		merged, _ := models.MergeParcels(have, s, drawTracked(t, drawLineID, drawQuantity), now, counter())
		for _, p := range merged {
			push := drawPush(t)
			models.WantPush(push, models.Facts{Parcels: merged}.WishFor(p, push), now)
		}
		s.Settle(rapid.Bool().Draw(t, "tracked"))
	})
}

func TestSettleTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, tracked := drawSupplierOrder(t), rapid.Bool().Draw(t, "tracked")
		s.Settle(tracked)
		once := s
		once.Lines = slices.Clone(s.Lines)
		s.Settle(tracked)
		if diff := cmp.Diff(once, s); diff != "" {
			t.Fatal(diff)
		}
		if s.State == models.PlacementClosed {
			for _, l := range s.Lines {
				if l.Live {
					t.Fatalf("closed with a living line: %+v", s)
				}
			}
		}
	})
}

func counter() func() models.ID {
	n := 0
	return func() models.ID { n++; return models.ID(fmt.Sprintf("new-%d", n)) }
}

var trackingNumbers = []string{"", "N1", "N2", "N3", "N4"}

func drawTracked(t *rapid.T, id func(*rapid.T) string, quantity func(*rapid.T) int) []models.TrackedParcel {
	seen := make([]models.TrackedParcel, rapid.IntRange(0, 4).Draw(t, "listed"))
	for i := range seen {
		seen[i] = models.TrackedParcel{
			Number: rapid.SampledFrom(trackingNumbers).Draw(t, "number"), Carrier: rapid.SampledFrom([]string{"", "Cainiao"}).Draw(t, "carrier"),
			LastEvent: rapid.SampledFrom([]string{"sent", "arrived"}).Draw(t, "event"), LastEventAt: rapid.SampledFrom([]*time.Time{nil, ago(time.Hour), ago(time.Minute)}).Draw(t, "at"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			l := id(t)
			sku := "sku-" + l
			if rapid.IntRange(0, 3).Draw(t, "sku") == 0 {
				sku = ""
			}
			seen[i].Items = append(seen[i].Items, models.TrackedItem{ProductID: "product-" + l, SKUID: sku, Quantity: quantity(t)})
		}
	}
	return seen
}

func ofOrder(t *rapid.T) string { return rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "item of") }

func few(t *rapid.T) int { return rapid.IntRange(0, 3).Draw(t, "units") }

// Two supplier orders of one order are asked about again and again; they may share parcels.
func TestMergedParcelsConserveUnitsAndNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		orders := supplier{
			bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", few(t)), units("B", few(t))),
			bought("2", "WAIT_BUYER_ACCEPT_GOODS", units("A", few(t)), units("C", few(t))),
		}
		for i := range orders {
			orders[i].Lines[0].Part = i
			orders[i].Lines[0].ProductID = rapid.SampledFrom([]string{"product-A", "product-B"}).Draw(t, "product")
		}
		newID := counter()
		var have []models.Parcel
		known := map[models.ID]map[string]bool{}
		for range rapid.IntRange(1, 6).Draw(t, "merges") {
			s := orders[rapid.IntRange(0, 1).Draw(t, "supplier order")]
			seen := drawTracked(t, ofOrder, few)
			before := clone(have)
			merged, changes := models.MergeParcels(have, s, seen, noon, newID)
			if diff := cmp.Diff(before, have); diff != "" {
				t.Fatalf("changed what it was given:\n%s", diff)
			}
			if len(seen) == 0 && (len(changes) > 0 || !cmp.Equal(have, merged)) {
				t.Fatalf("an empty list changed something: %+v", changes)
			}
			checkChanges(t, before, merged, changes)
			checkUnits(t, orders, merged)
			checkNumbers(t, known, merged)
			copied := clone(merged)
			again, more := models.MergeParcels(merged, s, seen, noon.Add(time.Hour), newID)
			more = slices.DeleteFunc(more, func(c models.ParcelChange) bool { return c.Kind == models.ParcelMissing }) // counted, not changed
			if len(more) > 0 {
				t.Fatalf("the same list changed something the second time: %+v", more)
			}
			if diff := cmp.Diff(copied, again, cmpopts.IgnoreFields(models.Parcel{}, "MissingChecks")); diff != "" {
				t.Fatalf("the same list changed something the second time:\n%s", diff)
			}
			have = merged
		}
	})
}

func clone(parcels []models.Parcel) []models.Parcel {
	out := slices.Clone(parcels)
	for i := range out {
		out[i].Items, out[i].PreviousNumbers = slices.Clone(out[i].Items), slices.Clone(out[i].PreviousNumbers)
	}
	return out
}

// Every difference is told, and nothing is told that is none.
func checkChanges(t *rapid.T, before, after []models.Parcel, changes []models.ParcelChange) {
	told := map[models.ID]models.ParcelChangeKind{}
	for _, c := range changes {
		if _, twice := told[c.Parcel.ID]; twice {
			t.Fatalf("told twice: %+v", changes)
		}
		told[c.Parcel.ID] = c.Kind
	}
	if len(after) < len(before) {
		t.Fatalf("%d parcels became %d", len(before), len(after))
	}
	for i, p := range after {
		want := models.ParcelChangeKind("")
		switch {
		case i >= len(before):
			want = models.ParcelNew
		case p.TrackingNumber != before[i].TrackingNumber:
			want = models.ParcelRenumbered
		case p.MissingChecks == 3 && before[i].MissingChecks < 3:
			want = models.ParcelMissing
		case p.Carrier != before[i].Carrier || p.LastEvent != before[i].LastEvent || p.MissingSince == nil && before[i].MissingSince != nil || !sameUnits(p, before[i]):
			want = models.ParcelUpdated
		}
		if told[p.ID] != want {
			t.Fatalf("parcel %s was told as %q, is %q: %+v -> %+v", p.ID, told[p.ID], want, before[min(i, max(len(before)-1, 0)):], p)
		}
	}
}

type unitRef struct {
	supplier models.ID
	line     string
	part     int
}

func unitsIn(parcels ...models.Parcel) map[unitRef]int {
	n := map[unitRef]int{}
	for _, p := range parcels {
		for _, it := range p.Items {
			n[unitRef{it.SupplierOrderID, it.LineID, it.Part}] += it.Quantity
		}
	}
	return n
}

func sameUnits(a, b models.Parcel) bool { return cmp.Equal(unitsIn(a), unitsIn(b)) }

func checkUnits(t *rapid.T, orders []models.SupplierOrder, parcels []models.Parcel) {
	left := unitsIn(parcels...)
	for _, s := range orders {
		for _, l := range s.Lines {
			ref := unitRef{s.ID, l.LineID, l.Part}
			if left[ref] > l.Quantity {
				t.Fatalf("%d units of %+v are in parcels, %d were bought", left[ref], ref, l.Quantity)
			}
			delete(left, ref)
		}
	}
	if len(left) > 0 {
		t.Fatalf("units of nothing that was bought: %v", left)
	}
	ids := map[models.ID]bool{}
	for _, p := range parcels {
		if ids[p.ID] {
			t.Fatalf("two parcels %s", p.ID)
		}
		ids[p.ID] = true
		for _, it := range p.Items {
			if it.Quantity <= 0 || it.ParcelID != p.ID {
				t.Fatalf("item %+v of parcel %s", it, p.ID)
			}
		}
	}
}

// checkNumbers holds that a parcel still has, now or before, every number it was ever known by.
func checkNumbers(t *rapid.T, known map[models.ID]map[string]bool, parcels []models.Parcel) {
	current := map[string]bool{}
	for _, p := range parcels {
		if p.TrackingNumber == "" || current[p.TrackingNumber] {
			t.Fatalf("parcel %s goes by %q", p.ID, p.TrackingNumber)
		}
		current[p.TrackingNumber] = true
		if slices.Contains(p.PreviousNumbers, p.TrackingNumber) {
			t.Fatalf("parcel %s has %s now and before", p.ID, p.TrackingNumber)
		}
		if known[p.ID] == nil {
			known[p.ID] = map[string]bool{}
		}
		known[p.ID][p.TrackingNumber] = true
		for number := range known[p.ID] {
			if p.TrackingNumber != number && !slices.Contains(p.PreviousNumbers, number) {
				t.Fatalf("parcel %s lost number %s: %+v", p.ID, number, p)
			}
		}
	}
}

// What was fulfilled without a number is in no two parcels when numbers come, however they come.
func TestNumbersThatComeLaterConserveUnits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", rapid.IntRange(1, 3).Draw(t, "A")), units("B", rapid.IntRange(1, 3).Draw(t, "B")))
		newID := counter()
		bare := parcel(string(newID()), "")
		bare.WithoutNumber = true
		for _, l := range s.Lines {
			bare.Items = append(bare.Items, models.ParcelItem{ParcelID: bare.ID, SupplierOrderID: s.ID, LineID: l.LineID, Quantity: l.Quantity})
		}
		have := []models.Parcel{bare}
		for range rapid.IntRange(1, 5).Draw(t, "merges") {
			seen := drawTracked(t, func(t *rapid.T) string { return rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "item of") }, few)
			any := slices.ContainsFunc(seen, func(p models.TrackedParcel) bool { return p.Number != "" })
			before := len(have)
			have, _ = models.MergeParcels(have, s, seen, noon, newID)
			checkUnits(t, supplier{s}, have)
			if any && have[0].TrackingNumber == "" {
				t.Fatalf("a number came and was not the one that was waited for: %+v", have)
			}
			if !any && (len(have) != before) {
				t.Fatalf("no number came: %+v", have)
			}
			if slices.Contains(have[0].PreviousNumbers, "") {
				t.Fatalf("no number is no number: %+v", have[0])
			}
		}
	})
}

func TestRenumberedParcelMakesNoSecondOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := bought("1", "WAIT_BUYER_ACCEPT_GOODS", units("A", rapid.IntRange(1, 3).Draw(t, "A")), units("B", rapid.IntRange(1, 3).Draw(t, "B")))
		named := rapid.Bool().Draw(t, "contents named")
		seen := []models.TrackedParcel{{Number: "N1"}, {Number: "N2"}}
		for i := range seen {
			seen[i].Items = []models.TrackedItem{{ProductID: s.Lines[i].ProductID, SKUID: s.Lines[i].SKUID, Quantity: s.Lines[i].Quantity}}
		}
		newID := counter()
		have, _ := models.MergeParcels(nil, s, seen, noon, newID)
		if len(have) != 2 {
			t.Fatalf("%d parcels", len(have))
		}
		want := []models.ID{have[0].ID, have[1].ID}
		for n := range rapid.IntRange(1, 4).Draw(t, "renumberings") {
			i := rapid.IntRange(0, 1).Draw(t, "which")
			seen[i].Number = fmt.Sprintf("N%d", n+3)
			listed := slices.Clone(seen)
			if !named {
				listed[0].Items, listed[1].Items = nil, nil
			}
			if rapid.Bool().Draw(t, "listed the other way round") {
				slices.Reverse(listed)
			}
			var changes []models.ParcelChange
			have, changes = models.MergeParcels(have, s, listed, noon, newID)
			if len(have) != 2 || have[0].ID != want[0] || have[1].ID != want[1] || have[i].TrackingNumber != seen[i].Number {
				t.Fatalf("%+v", have)
			}
			if len(changes) != 1 || changes[0].Kind != models.ParcelRenumbered || changes[0].WasNumb == seen[i].Number {
				t.Fatalf("%+v", changes)
			}
		}
	})
}

func TestMoneyRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := models.Money{Minor: rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "minor"), Currency: rapid.SampledFrom([]string{"USD", "EUR", "JPY", "KWD", "TND", "KRW"}).Draw(t, "currency")}
		text := m.String()
		got, err := models.ParseMoney(text[:len(text)-len(" USD")], m.Currency)
		if err != nil || got != m {
			t.Fatalf("%d -> %s -> %v, %v", m.Minor, text, got, err)
		}
	})
}

func TestParseMoneyNeverPanicsNorGuesses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-+]{0,2}[0-9]{0,18}[.,]?[0-9]{0,5}[eE]?`)).Draw(t, "text")
		currency := rapid.SampledFrom([]string{"", "USD", "JPY", "KWD"}).Draw(t, "currency")
		if m, err := models.ParseMoney(text, currency); err != nil && m != (models.Money{}) {
			t.Fatalf("%q: %v and %v", text, m, err)
		}
	})
}
