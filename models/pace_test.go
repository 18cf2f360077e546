package models_test

import (
	"testing"
	"time"

	"waybill/models"
)

const day = 24 * time.Hour

func check(t *testing.T, name string, got *time.Time, want time.Duration) {
	t.Helper()
	if got == nil || got.Sub(noon) != want {
		t.Errorf("%s: next check %v, want in %s", name, got, want)
	}
}

func TestSupplierOrdersAreCheckedAsPublished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		order    models.SupplierOrder
		age      time.Duration
		failures int
		want     time.Duration
		exact    bool
	}{
		{name: "just placed", order: models.SupplierOrder{Stage: models.StageUnpaid}, want: 10 * time.Minute},
		{name: "nearly two hours unpaid", order: models.SupplierOrder{Stage: models.StageUnpaid}, age: 2*time.Hour - 1, want: 10 * time.Minute},
		{name: "two hours unpaid", order: models.SupplierOrder{Stage: models.StageUnpaid}, age: 2 * time.Hour, want: 30 * time.Minute},
		{name: "pay-by near", order: models.SupplierOrder{Stage: models.StageUnpaid, PayBy: in(5 * time.Hour)}, age: 3 * day, want: 10 * time.Minute},
		{name: "pay-by far", order: models.SupplierOrder{Stage: models.StageUnpaid, PayBy: in(7 * time.Hour)}, age: 3 * day, want: 30 * time.Minute},
		{name: "pay-by comes first", order: models.SupplierOrder{Stage: models.StageUnpaid, PayBy: in(5 * time.Minute)}, age: time.Hour, want: 5*time.Minute + time.Second, exact: true},
		{name: "pay-by is over", order: models.SupplierOrder{Stage: models.StageUnpaid, PayBy: ago(time.Minute)}, age: time.Hour, want: 10 * time.Minute},
		{name: "pay-by says nothing when paid", order: models.SupplierOrder{Stage: models.StagePaid, PayBy: in(5 * time.Minute)}, want: time.Hour},
		{name: "paid, the seller packs", order: models.SupplierOrder{Stage: models.StagePaid}, age: day, want: time.Hour},
		{name: "paid, the usual time has come", order: models.SupplierOrder{Stage: models.StagePaid}, age: 36 * time.Hour, want: 30 * time.Minute},
		{name: "paid today of an old order", order: models.SupplierOrder{Stage: models.StagePaid, PaidAt: ago(time.Hour)}, age: 9 * day, want: time.Hour},
		{name: "a quick seller", order: models.SupplierOrder{Stage: models.StagePaid, UsualHours: 12}, age: 6 * time.Hour, want: 30 * time.Minute},
		{name: "a slow seller", order: models.SupplierOrder{Stage: models.StagePaid, UsualHours: 20 * 24}, age: 9 * day, want: time.Hour},
		{name: "paid and long silent", order: models.SupplierOrder{Stage: models.StagePaid}, age: 12 * day, want: 2 * time.Hour},
		{name: "never dropped", order: models.SupplierOrder{Stage: models.StagePaid}, age: 61 * day, want: day},
		{name: "the number may still change", order: models.SupplierOrder{Stage: models.StageShipped, ShippedAt: ago(2 * day)}, age: 5 * day, want: 2 * time.Hour},
		{name: "on its way", order: models.SupplierOrder{Stage: models.StageShipped, ShippedAt: ago(4 * day)}, age: 5 * day, want: 6 * time.Hour},
		{name: "long on its way", order: models.SupplierOrder{Stage: models.StageShipped}, age: 30 * day, want: 12 * time.Hour},
		{name: "one failure", order: models.SupplierOrder{Stage: models.StagePaid}, failures: 1, want: 30 * time.Second, exact: true},
		{name: "three failures", order: models.SupplierOrder{Stage: models.StagePaid}, failures: 3, want: 2 * time.Minute, exact: true},
		{name: "many failures", order: models.SupplierOrder{Stage: models.StageShipped}, failures: 1000, want: 30 * time.Minute, exact: true},
	} {
		s := c.order
		s.ID, s.State, s.CreatedAt, s.PlacedAt, s.CheckFailures, s.LastCheckedAt = models.ID(c.name), models.PlacementPlaced, *ago(400 * day), ago(c.age), c.failures, ago(time.Minute)
		for _, stretch := range []float64{0, 1, 3} {
			pace := models.Pace{Stretch: stretch}
			low, high := float64(c.want)*0.9*max(stretch, 1), float64(c.want)*1.1*max(stretch, 1)
			if c.exact {
				low, high = float64(c.want), float64(c.want)
			}
			got := pace.NextSupplierCheck(s, noon)
			if got == nil || float64(got.Sub(noon)) < low || float64(got.Sub(noon)) > high {
				t.Errorf("%s, stretched by %g: %v, want about %s", c.name, stretch, got, c.want)
			}
		}
		s.PlacedAt, s.CreatedAt = nil, *ago(c.age)
		if got := models.WishedCheckEvery(s, noon); !c.exact && got != c.want {
			t.Errorf("%s, by our own time: %s, want %s", c.name, got, c.want)
		}
	}
}

// Orders that became due together do not stay together.
func TestChecksAreSpread(t *testing.T) {
	t.Parallel()
	seen := map[time.Time]bool{}
	for i := range 50 {
		s := models.SupplierOrder{ID: models.ID(string(rune('a'+i)) + "x"), State: models.PlacementPlaced, Stage: models.StagePaid, CreatedAt: noon, LastCheckedAt: ago(time.Minute)}
		seen[*(models.Pace{}).NextSupplierCheck(s, noon)] = true
	}
	if len(seen) < 30 {
		t.Errorf("50 orders are due at %d times", len(seen))
	}
}

func TestANewSupplierOrderIsReadSoon(t *testing.T) {
	t.Parallel()
	s := models.SupplierOrder{State: models.PlacementPlaced, Stage: models.StageUnpaid, CreatedAt: noon}
	if got := (models.Pace{}).NextSupplierCheck(s, noon); got == nil || got.Sub(noon) != 15*time.Second {
		t.Errorf("first read at %v", got)
	}
}

func TestSupplierOrdersWithoutNewsAreNotChecked(t *testing.T) {
	t.Parallel()
	for _, state := range placements {
		for _, stage := range []models.Stage{models.StageUnpaid, models.StagePaid, models.StageShipped, models.StageFinished, models.StageClosed, ""} {
			s := models.SupplierOrder{State: state, Stage: stage}
			want := state == models.PlacementPlaced && stage != models.StageFinished && stage != models.StageClosed
			if got := (models.Pace{}).NextSupplierCheck(s, noon); (got != nil) != want || s.Open() != want {
				t.Errorf("%s, %s: %v, open %t", state, stage, got, s.Open())
			}
		}
	}
}

func TestPushRetriesBackOff(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]time.Duration{
		-5: 10 * time.Second, 0: 10 * time.Second, 1: 10 * time.Second, 2: 20 * time.Second, 3: 40 * time.Second, 7: 640 * time.Second, 9: 2560 * time.Second, 10: time.Hour, 1 << 40: time.Hour,
	} {
		if got := (models.Pace{}).PushRetryIn(attempts); got != want {
			t.Errorf("after %d attempts: %s, want %s", attempts, got, want)
		}
	}
	if (models.Pace{}).StoreCheckEvery() != 24*time.Hour || models.PushGiveUpAfter != 72*time.Hour {
		t.Error("not as published")
	}
}

func TestPaceIsSpedUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		speed     float64
		d, wanted time.Duration
	}{
		{0, time.Hour, time.Hour},
		{-3, time.Hour, time.Hour},
		{1, time.Hour, time.Hour},
		{60, time.Hour, time.Minute},
		{0.5, time.Hour, 2 * time.Hour},
		{1e9, time.Hour, 50 * time.Millisecond},
	} {
		if got := (models.Pace{Speed: c.speed}).Every(c.d); got != c.wanted {
			t.Errorf("%s at speed %g: %s, want %s", c.d, c.speed, got, c.wanted)
		}
	}
}

func TestOrderIsDueWithWhatIsDueFirst(t *testing.T) {
	t.Parallel()
	dueSupplier := func(d time.Duration) models.SupplierOrder {
		return models.SupplierOrder{State: models.PlacementPlaced, Stage: models.StagePaid, NextCheckAt: in(d)}
	}
	placing := func(state models.PlacementState, change func(*models.SupplierOrder)) models.SupplierOrder {
		s := models.SupplierOrder{State: state}
		change(&s)
		return s
	}
	nothing := func(*models.SupplierOrder) {}
	pace := models.Pace{Settle: time.Minute}
	for name, c := range map[string]struct {
		facts models.Facts
		want  time.Duration
	}{
		"nothing else: the store":               {models.Facts{}, 24 * time.Hour},
		"the store was just read":               {models.Facts{Order: models.Order{StoreCheckedAt: ago(time.Hour)}}, 23 * time.Hour},
		"the store is overdue":                  {models.Facts{Order: models.Order{StoreCheckedAt: ago(25 * time.Hour)}}, -time.Hour},
		"the store gives no answer":             {models.Facts{Order: models.Order{StoreCheckedAt: ago(25 * time.Hour), CheckFailures: 2}}, time.Minute},
		"a supplier order":                      {models.Facts{SupplierOrders: supplier{dueSupplier(2 * time.Hour), dueSupplier(time.Hour)}}, time.Hour},
		"a supplier order, overdue":             {models.Facts{SupplierOrders: supplier{dueSupplier(-time.Minute)}}, -time.Minute},
		"a finished supplier order has no news": {models.Facts{SupplierOrders: supplier{{State: models.PlacementPlaced, Stage: models.StageFinished, NextCheckAt: in(time.Minute)}}}, 24 * time.Hour},
		"an ended supplier order":               {models.Facts{SupplierOrders: supplier{{State: models.PlacementClosed, NextCheckAt: in(time.Minute)}}}, 24 * time.Hour},
		"planned, due":                          {models.Facts{SupplierOrders: supplier{placing(models.PlacementPlanned, nothing)}}, 30 * time.Second},
		"approved, held":                        {models.Facts{SupplierOrders: supplier{placing(models.PlacementApproved, func(s *models.SupplierOrder) { s.NotBefore = in(20 * time.Minute) })}}, 20 * time.Minute},
		"approved, hold over":                   {models.Facts{SupplierOrders: supplier{placing(models.PlacementApproved, func(s *models.SupplierOrder) { s.NotBefore = ago(time.Minute) })}}, 30 * time.Second},
		"sending: its lease":                    {models.Facts{SupplierOrders: supplier{placing(models.PlacementSending, func(s *models.SupplierOrder) { s.LeaseUntil = in(90 * time.Second) })}}, 90 * time.Second},
		"sending: lease over":                   {models.Facts{SupplierOrders: supplier{placing(models.PlacementSending, func(s *models.SupplierOrder) { s.LeaseUntil = ago(time.Second) })}}, -time.Second},
		"unknown: settling":                     {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(20 * time.Second) })}}, 40 * time.Second},
		"unknown: settled":                      {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(time.Minute) })}}, time.Minute},
		"unknown for 20 minutes":                {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(20 * time.Minute) })}}, 20 * time.Minute},
		"unknown for days":                      {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(9 * day) })}}, time.Hour},
		"rejected":                              {models.Facts{SupplierOrders: supplier{placing(models.PlacementRejected, nothing)}}, 24 * time.Hour},
		"a push: its next try":                  {models.Facts{Pushes: pushes{{State: models.PushRetrying, WantedSince: *ago(time.Hour), NextTryAt: in(3 * time.Minute)}}}, 3 * time.Minute},
		"a push: its lease":                     {models.Facts{Pushes: pushes{{State: models.PushSent, WantedSince: *ago(time.Hour), LeaseUntil: in(time.Minute)}}}, time.Minute},
		"a push: a lease that is over":          {models.Facts{Pushes: pushes{{State: models.PushSent, WantedSince: *ago(time.Hour), LeaseUntil: ago(time.Minute)}}}, 24 * time.Hour},
		"a push: its flag":                      {models.Facts{Pushes: pushes{{State: models.PushSent, WantedSince: *ago(4 * time.Minute)}}}, 6 * time.Minute},
		"a confirmed push":                      {models.Facts{Pushes: pushes{{State: models.PushConfirmed, WantedSince: noon, NextTryAt: in(time.Minute), LeaseUntil: in(time.Minute)}}}, 24 * time.Hour},
	} {
		c.facts.Now = noon
		if got := pace.NextCheck(c.facts, models.Rolled{Final: true}); got != nil {
			t.Errorf("%s, final: %v", name, got)
		}
		check(t, name, pace.NextCheck(c.facts, models.Rolled{}), c.want)
	}
}
