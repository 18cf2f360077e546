package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
)

func TestPlacementTransitions(t *testing.T) {
	t.Parallel()
	// From -> to, one column each; + where it may go.
	columns := []models.PlacementState{
		models.PlacementPlanned, models.PlacementApproved, models.PlacementSending, models.PlacementPlaced, models.PlacementRejected, models.PlacementUnknown, models.PlacementClosed, models.PlacementUnlinked, "", "odd",
	}
	for from, row := range map[models.PlacementState]string{
		models.PlacementPlanned:  ". + . . + . . . . .",
		models.PlacementApproved: "+ . + . + . . . . .",
		models.PlacementSending:  ". + . + + + . . . .",
		models.PlacementPlaced:   ". . . . . . + + . .",
		models.PlacementRejected: ". . . . . . . . . .",
		models.PlacementUnknown:  ". + . + . . . . . .",
		models.PlacementClosed:   ". . . + . . . + . .",
		models.PlacementUnlinked: ". . . . . . . . . .",
		"":                       ". . . . . . . . . .",
		"odd":                    ". . . . . . . . . .",
	} {
		for i, cell := range strings.Fields(row) {
			if from.CanBecome(columns[i]) != (cell == "+") {
				t.Errorf("%q may become %q: %t", from, columns[i], cell != "+")
			}
		}
	}
	if len(models.PlacementNext) != len(placements) {
		t.Errorf("%d states have a row, there are %d", len(models.PlacementNext), len(placements))
	}
}

// What may have been sent is never sent again: the only ways back to approved are proofs that nothing was created.
func TestOnlySendingAndUnknownLeadBackToApproved(t *testing.T) {
	t.Parallel()
	for _, from := range placements {
		want := from == models.PlacementPlanned || from == models.PlacementSending || from == models.PlacementUnknown
		if from.CanBecome(models.PlacementApproved) != want {
			t.Errorf("%s may become approved: %t", from, !want)
		}
		if from.CanBecome(models.PlacementSending) != (from == models.PlacementApproved) {
			t.Errorf("%s and sending", from)
		}
	}
}

func TestLivePlacements(t *testing.T) {
	t.Parallel()
	for _, s := range placements {
		if want := s != models.PlacementRejected && s != models.PlacementClosed && s != models.PlacementUnlinked; s.Live() != want {
			t.Errorf("%s is live: %t", s, s.Live())
		}
		lines := attempt("1", s, units("A", 1)).Lines // settled
		if lines[0].Live != s.Live() && s != models.PlacementClosed {
			t.Errorf("the line of a %s placement is live: %t", s, lines[0].Live)
		}
	}
}

func TestPushTransitions(t *testing.T) {
	t.Parallel()
	columns := []models.PushState{models.PushWaiting, models.PushSent, models.PushConfirmed, models.PushRefused, models.PushRetrying, models.PushAccepted, "", "odd"}
	for from, row := range map[models.PushState]string{
		models.PushWaiting:   "+ + + + + . . .",
		models.PushSent:      "+ . + + + . . .",
		models.PushRetrying:  "+ + + + + . . .",
		models.PushConfirmed: "+ . . . . + . .",
		models.PushRefused:   "+ . . . . + . .",
		models.PushAccepted:  "+ . . . . . . .",
		"":                   ". . . . . . . .",
		"odd":                ". . . . . . . .",
	} {
		for i, cell := range strings.Fields(row) {
			if from.CanBecome(columns[i]) != (cell == "+") {
				t.Errorf("%q may become %q: %t", from, columns[i], cell != "+")
			}
		}
		owed := from == models.PushWaiting || from == models.PushSent || from == models.PushRetrying
		if from.Owed() != owed {
			t.Errorf("%q is owed: %t", from, !owed)
		}
	}
	if len(models.PushNext) != len(pushStates) {
		t.Errorf("%d states have a row, there are %d", len(models.PushNext), len(pushStates))
	}
}

func TestWantPush(t *testing.T) {
	t.Parallel()
	type wanted = []models.FulfillmentLine
	for name, c := range map[string]struct {
		before models.Push
		parcel models.Parcel
		told   bool
		lines  wanted
		number string
	}{
		"a new parcel":            {models.Push{State: models.PushWaiting}, parcel("p", "N1", holds("1", "B", 2), holds("1", "A", 1)), true, wanted{{LineID: "A", Quantity: 1}, {LineID: "B", Quantity: 2}}, "N1"},
		"parts of one line add":   {models.Push{State: models.PushWaiting}, parcel("p", "N1", holds("1", "A", 2), holds("2", "A", 1)), true, wanted{{LineID: "A", Quantity: 3}}, "N1"},
		"no number":               {models.Push{State: models.PushWaiting}, parcel("p", "", holds("1", "A", 1)), false, nil, ""},
		"no contents":             {models.Push{State: models.PushWaiting}, parcel("p", "N1"), false, nil, ""},
		"nothing new":             {pushOf("N1", models.PushConfirmed), parcel("p", "N1", holds("1", "A", 1)), false, wanted{{LineID: "A", Quantity: 1}}, "N1"},
		"nothing new, refused":    {pushOf("N1", models.PushRefused), parcel("p", "N1", holds("1", "A", 1)), false, wanted{{LineID: "A", Quantity: 1}}, "N1"},
		"a replaced number":       {pushOf("N1", models.PushConfirmed), parcel("p", "N2", holds("1", "A", 1)), true, wanted{{LineID: "A", Quantity: 1}}, "N2"},
		"a replaced number again": {pushOf("N1", models.PushRetrying), parcel("p", "N2", holds("1", "A", 1)), true, wanted{{LineID: "A", Quantity: 1}}, "N2"},
		"a larger quantity":       {pushOf("N1", models.PushConfirmed), parcel("p", "N1", holds("1", "A", 2)), true, wanted{{LineID: "A", Quantity: 2}}, "N1"},
		"another line":            {pushOf("N1", models.PushRefused), parcel("p", "N1", holds("1", "A", 1), holds("1", "B", 1)), true, wanted{{LineID: "A", Quantity: 1}, {LineID: "B", Quantity: 1}}, "N1"},
		"the number is gone":      {pushOf("N1", models.PushConfirmed), parcel("p", "", holds("1", "A", 1)), false, wanted{{LineID: "A", Quantity: 1}}, "N1"},
		"the contents are gone":   {pushOf("N1", models.PushConfirmed), parcel("p", "N1"), false, wanted{{LineID: "A", Quantity: 1}}, "N1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wish := models.Facts{}.WishFor(c.parcel, c.before)
			got, told := models.WantPush(c.before, wish, noon)
			if told != c.told || got.WantedNumber != c.number {
				t.Errorf("told %t, number %q", told, got.WantedNumber)
			}
			if diff := cmp.Diff(c.lines, got.WantedLines); diff != "" {
				t.Errorf("lines:\n%s", diff)
			}
			if !c.told {
				if diff := cmp.Diff(c.before, got); diff != "" {
					t.Errorf("nothing to tell, yet changed:\n%s", diff)
				}
				return
			}
			if got.State != models.PushWaiting || !got.WantedSince.Equal(noon) || got.NextTryAt == nil || !got.NextTryAt.Equal(noon) || got.Attempts != 0 || got.ErrorCode != "" || got.ErrorDetail != "" || got.ConfirmedAt != nil {
				t.Errorf("not started afresh: %+v", got)
			}
			if got.FulfillmentID != c.before.FulfillmentID || got.SentNumber != c.before.SentNumber || got.ID != c.before.ID {
				t.Errorf("forgot what the store was told: %+v", got)
			}
			if !c.before.State.CanBecome(got.State) {
				t.Errorf("%s may not become %s", c.before.State, got.State)
			}
			if _, again := models.WantPush(got, models.Facts{}.WishFor(c.parcel, got), noon.Add(time.Hour)); again {
				t.Error("wants the same twice")
			}
		})
	}
}

func pushOf(number string, state models.PushState) models.Push {
	return models.Push{
		ID: "u", State: state, WantedNumber: number, WantedProvider: "AliExpress", WantedLink: "https://global.cainiao.com/detail.htm?mailNoList=" + number,
		SentProvider: "AliExpress", SentLink: "https://global.cainiao.com/detail.htm?mailNoList=" + number, WantedLines: []models.FulfillmentLine{{LineID: "A", Quantity: 1}}, WantedSince: *ago(time.Hour),
		FulfillmentID: "f", SentNumber: number, Attempts: 3, ErrorCode: "x", ErrorDetail: "y", ConfirmedAt: ago(time.Minute),
	}
}

func TestTabs(t *testing.T) {
	t.Parallel()
	titles := []string{"Pending", "Awaiting Order", "Awaiting Payment", "Awaiting Shipment", "Fulfilled", "Closed"}
	var got []string
	for _, tab := range models.Tabs() {
		got = append(got, tab.Title())
		if !tab.Valid() {
			t.Errorf("%s is not valid", tab)
		}
	}
	if diff := cmp.Diff(titles, got); diff != "" {
		t.Error(diff)
	}
	if odd := models.Tab("odd"); odd.Valid() || models.Tab("").Valid() || odd.Title() != "odd" {
		t.Error("an unknown tab is not valid and is its own title")
	}
}

func TestSyncJobSums(t *testing.T) {
	t.Parallel()
	if n := (models.SyncJob{Changed: 1, Unchanged: 2, Refused: 4, Unreachable: 8, Total: 99}).Done(); n != 15 {
		t.Errorf("done %d", n)
	}
	hops := []models.Direction{models.FromStore, models.FromSupplier, models.ToStore}
	for _, d := range hops {
		for _, hop := range hops {
			if d.Covers(hop) != (d == hop) || !models.AllWays.Covers(hop) {
				t.Errorf("%s covers %s: %t", d, hop, d.Covers(hop))
			}
		}
	}
}
