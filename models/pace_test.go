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
		stage    models.Stage
		age      time.Duration
		payBy    time.Duration
		failures int
		want     time.Duration
	}{
		{stage: models.StageUnpaid, age: 0, want: 10 * time.Minute},
		{stage: models.StageUnpaid, age: 2*time.Hour - 1, want: 10 * time.Minute},
		{stage: models.StageUnpaid, age: 2 * time.Hour, want: 30 * time.Minute},
		{stage: models.StageUnpaid, age: 90 * day, want: 30 * time.Minute},
		{stage: models.StageUnpaid, age: time.Hour, payBy: 5 * time.Minute, want: 5*time.Minute + time.Second},
		{stage: models.StageUnpaid, age: time.Hour, payBy: 11 * time.Minute, want: 10 * time.Minute},
		{stage: models.StageUnpaid, age: time.Hour, payBy: -time.Minute, want: 10 * time.Minute},
		{stage: models.StagePaid, age: 0, payBy: 5 * time.Minute, want: 30 * time.Minute},
		{stage: models.StagePaid, age: 10*day - 1, want: 30 * time.Minute},
		{stage: models.StagePaid, age: 10 * day, want: time.Hour},
		{stage: models.StagePaid, age: 60 * day, want: time.Hour},
		{stage: models.StagePaid, age: 61 * day, want: day},
		{stage: models.StageShipped, age: 0, want: 6 * time.Hour},
		{stage: models.StageShipped, age: 20 * day, want: 12 * time.Hour},
		{stage: models.StagePaid, failures: 1, want: 30 * time.Second},
		{stage: models.StagePaid, failures: 3, want: 2 * time.Minute},
		{stage: models.StagePaid, failures: 1000, want: 30 * time.Minute},
		{stage: models.StageShipped, failures: 1000, want: 30 * time.Minute},
		{stage: models.StageUnpaid, failures: 1000, want: 10 * time.Minute},
	} {
		s := models.SupplierOrder{State: models.PlacementPlaced, Stage: c.stage, CreatedAt: *ago(400 * day), PlacedAt: ago(c.age), CheckFailures: c.failures}
		s.LastCheckedAt = ago(time.Minute)
		if c.payBy != 0 {
			s.PayBy = in(c.payBy)
		}
		if got := (models.Pace{}).NextSupplierCheck(s, noon); got == nil || got.Sub(noon) != c.want {
			t.Errorf("%+v: %v", c, got)
		}
		s.PlacedAt, s.CreatedAt = nil, *ago(c.age)
		if got := (models.Pace{}).NextSupplierCheck(s, noon); got == nil || got.Sub(noon) != c.want {
			t.Errorf("%+v, by our own time: %v", c, got)
		}
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
	if (models.Pace{}).StoreCheckEvery() != 6*time.Hour || models.PushGiveUpAfter != 72*time.Hour {
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
		"nothing else: the store":               {models.Facts{}, 6 * time.Hour},
		"the store was just read":               {models.Facts{Order: models.Order{StoreCheckedAt: ago(time.Hour)}}, 5 * time.Hour},
		"the store is overdue":                  {models.Facts{Order: models.Order{StoreCheckedAt: ago(7 * time.Hour)}}, -time.Hour},
		"the store gives no answer":             {models.Facts{Order: models.Order{StoreCheckedAt: ago(7 * time.Hour), CheckFailures: 2}}, time.Minute},
		"a supplier order":                      {models.Facts{SupplierOrders: supplier{dueSupplier(2 * time.Hour), dueSupplier(time.Hour)}}, time.Hour},
		"a supplier order, overdue":             {models.Facts{SupplierOrders: supplier{dueSupplier(-time.Minute)}}, -time.Minute},
		"a finished supplier order has no news": {models.Facts{SupplierOrders: supplier{{State: models.PlacementPlaced, Stage: models.StageFinished, NextCheckAt: in(time.Minute)}}}, 6 * time.Hour},
		"an ended supplier order":               {models.Facts{SupplierOrders: supplier{{State: models.PlacementClosed, NextCheckAt: in(time.Minute)}}}, 6 * time.Hour},
		"planned, due":                          {models.Facts{SupplierOrders: supplier{placing(models.PlacementPlanned, nothing)}}, 30 * time.Second},
		"approved, held":                        {models.Facts{SupplierOrders: supplier{placing(models.PlacementApproved, func(s *models.SupplierOrder) { s.NotBefore = in(20 * time.Minute) })}}, 20 * time.Minute},
		"approved, hold over":                   {models.Facts{SupplierOrders: supplier{placing(models.PlacementApproved, func(s *models.SupplierOrder) { s.NotBefore = ago(time.Minute) })}}, 30 * time.Second},
		"sending: its lease":                    {models.Facts{SupplierOrders: supplier{placing(models.PlacementSending, func(s *models.SupplierOrder) { s.LeaseUntil = in(90 * time.Second) })}}, 90 * time.Second},
		"sending: lease over":                   {models.Facts{SupplierOrders: supplier{placing(models.PlacementSending, func(s *models.SupplierOrder) { s.LeaseUntil = ago(time.Second) })}}, -time.Second},
		"unknown: settling":                     {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(20 * time.Second) })}}, 40 * time.Second},
		"unknown: settled":                      {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(time.Minute) })}}, time.Minute},
		"unknown for 20 minutes":                {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(20 * time.Minute) })}}, 20 * time.Minute},
		"unknown for days":                      {models.Facts{SupplierOrders: supplier{placing(models.PlacementUnknown, func(s *models.SupplierOrder) { s.UnsureSince = ago(9 * day) })}}, time.Hour},
		"rejected":                              {models.Facts{SupplierOrders: supplier{placing(models.PlacementRejected, nothing)}}, 6 * time.Hour},
		"a push: its next try":                  {models.Facts{Pushes: pushes{{State: models.PushRetrying, WantedSince: *ago(time.Hour), NextTryAt: in(3 * time.Minute)}}}, 3 * time.Minute},
		"a push: its lease":                     {models.Facts{Pushes: pushes{{State: models.PushSent, WantedSince: *ago(time.Hour), LeaseUntil: in(time.Minute)}}}, time.Minute},
		"a push: a lease that is over":          {models.Facts{Pushes: pushes{{State: models.PushSent, WantedSince: *ago(time.Hour), LeaseUntil: ago(time.Minute)}}}, 6 * time.Hour},
		"a push: its flag":                      {models.Facts{Pushes: pushes{{State: models.PushSent, WantedSince: *ago(4 * time.Minute)}}}, 6 * time.Minute},
		"a confirmed push":                      {models.Facts{Pushes: pushes{{State: models.PushConfirmed, WantedSince: noon, NextTryAt: in(time.Minute), LeaseUntil: in(time.Minute)}}}, 6 * time.Hour},
	} {
		c.facts.Now = noon
		if got := pace.NextCheck(c.facts, models.Rolled{Final: true}); got != nil {
			t.Errorf("%s, final: %v", name, got)
		}
		check(t, name, pace.NextCheck(c.facts, models.Rolled{}), c.want)
	}
}
