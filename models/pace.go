package models

import "time"

// PushGiveUpAfter is how long an unreachable store is told about a parcel before a person has to decide.
const PushGiveUpAfter = 72 * time.Hour

// Pace says how eagerly things are checked. The zero value means the published freshness (product.md 6.5).
type Pace struct {
	Speed float64       // 1: as published; 60: sixty times as often
	Lease time.Duration // a claimed placement that says nothing for so long is unknown
	// Settle is how long an unknown placement is left alone before it is looked for: AliExpress may still be executing.
	Settle time.Duration
}

// Every shortens an interval by the pace's speed.
func (p Pace) Every(d time.Duration) time.Duration {
	if p.Speed <= 0 {
		return d
	}
	return max(time.Duration(float64(d)/p.Speed), 50*time.Millisecond)
}

// NextSupplierCheck says when AliExpress is asked about s again; nil when it has no more news to give.
func (p Pace) NextSupplierCheck(s SupplierOrder, now time.Time) *time.Time {
	if !s.Asked() {
		return nil
	}
	every := 60 * time.Minute
	since := s.CreatedAt
	if s.PlacedAt != nil {
		since = *s.PlacedAt
	}
	age := now.Sub(since)
	switch {
	case s.LastCheckedAt == nil:
		every = 15 * time.Second // a new order can be read after about ten (aliexpress.md 5.1)
	case s.Stage == StageUnpaid && age < 2*time.Hour:
		every = 10 * time.Minute
	case s.Stage == StageUnpaid:
		every = 30 * time.Minute
	case s.Stage == StagePaid && age < 10*24*time.Hour:
		every = 30 * time.Minute
	case s.Stage == StageShipped && age < 20*24*time.Hour:
		every = 6 * time.Hour
	case s.Stage == StageShipped:
		every = 12 * time.Hour
	case s.NumberDue:
		every = 24 * time.Hour
	case age > 60*24*time.Hour:
		every = 24 * time.Hour
	}
	if s.CheckFailures > 0 {
		every = min(every, backoff(s.CheckFailures))
	}
	next := now.Add(p.Every(every))
	if s.Stage == StageUnpaid && s.PayBy != nil && s.PayBy.After(now) && s.PayBy.Before(next) {
		next = s.PayBy.Add(time.Second)
	}
	return &next
}

// backoff doubles from 30 s to 30 min.
func backoff(failures int) time.Duration {
	return min(30*time.Second<<min(failures-1, 10), 30*time.Minute)
}

// PushRetryIn is how long to wait before telling the store again after so many attempts.
func (p Pace) PushRetryIn(attempts int) time.Duration {
	return p.Every(min(10*time.Second<<min(max(attempts-1, 0), 12), time.Hour))
}

// StoreCheckEvery is how often an open order is read from its store although no webhook told of a change.
func (p Pace) StoreCheckEvery() time.Duration { return p.Every(6 * time.Hour) }

// NextCheck says when an order is due: the earliest of what its store, its supplier orders, its placements and its pushes
// need. It is nil when r is final and never otherwise (I10).
func (p Pace) NextCheck(f Facts, r Rolled) *time.Time {
	if r.Final {
		return nil
	}
	next := f.Now.Add(p.StoreCheckEvery())
	if f.Order.StoreCheckedAt != nil {
		next = f.Order.StoreCheckedAt.Add(p.StoreCheckEvery())
	}
	sooner := func(t *time.Time) {
		if t != nil && t.Before(next) {
			next = *t
		}
	}
	for _, s := range f.SupplierOrders {
		switch {
		case s.Asked():
			sooner(s.NextCheckAt)
		case s.State.Live() && s.State != PlacementPlaced:
			sooner(p.nextPlacementStep(s, f.Now))
		}
	}
	sooner(NextFlagAt(f))
	for _, push := range f.Pushes {
		if f.Order.Gone() {
			break // it is told nothing until it is back
		}
		if push.State.Owed() {
			sooner(push.NextTryAt)
			sooner(later(push.LeaseUntil, f.Now))
		}
		if overdue := push.WantedSince.Add(pushPatience); push.State.Owed() && overdue.After(f.Now) {
			sooner(&overdue)
		}
	}
	if f.Order.CheckFailures > 0 {
		if retry := f.Now.Add(p.Every(backoff(f.Order.CheckFailures))); next.Before(retry) {
			next = retry
		}
	}
	return &next
}

func later(t *time.Time, now time.Time) *time.Time {
	if t == nil || !t.After(now) {
		return nil
	}
	return t
}

// nextPlacementStep is when the sweeper looks after a placement whose own job may have been lost.
func (p Pace) nextPlacementStep(s SupplierOrder, now time.Time) *time.Time {
	at := now.Add(p.Every(30 * time.Second))
	switch {
	case s.State == PlacementSending && s.LeaseUntil != nil:
		at = *s.LeaseUntil
	case s.State == PlacementUnknown && s.UnsureSince != nil:
		at = s.UnsureSince.Add(p.Settle)
		if !at.After(now) {
			at = now.Add(p.Every(min(max(now.Sub(*s.UnsureSince), time.Minute), time.Hour)))
		}
	case s.NotBefore != nil && s.NotBefore.After(now):
		at = *s.NotBefore
	}
	return &at
}
