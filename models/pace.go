package models

import "time"

// PushGiveUpAfter is how long an unreachable store is told about a parcel before a person has to decide.
const PushGiveUpAfter = 72 * time.Hour

// Pace says how eagerly things are checked. The zero value means the published freshness (product.md 6.5).
type Pace struct {
	Speed float64 // 1: as published; 60: sixty times as often
	// Stretch is by how much the budget makes the background's checks slower than wished; below 1 counts as 1.
	Stretch float64
	Lease   time.Duration // a claimed placement that says nothing for so long is unknown
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

// NextSupplierCheck says when AliExpress is asked about s again; nil when it has no more news to give. The budget may stretch
// the wished interval, but neither the first look at a new order nor the end of its time to pay.
func (p Pace) NextSupplierCheck(s SupplierOrder, now time.Time) *time.Time {
	if !s.Asked() {
		return nil
	}
	every := p.Every(WishedCheckEvery(s, now))
	if s.LastCheckedAt == nil {
		every = p.Every(15 * time.Second) // a new order can be read after about ten (aliexpress.md 5.1)
	} else {
		every = time.Duration(float64(every) * max(p.Stretch, 1) * jitter(s.ID, now))
	}
	if s.CheckFailures > 0 {
		every = min(every, p.Every(backoff(s.CheckFailures)))
	}
	next := now.Add(every)
	if s.Stage == StageUnpaid && s.PayBy != nil && s.PayBy.After(now) && s.PayBy.Before(next) {
		next = s.PayBy.Add(time.Second)
	}
	return &next
}

// WishedCheckEvery is how often an open supplier order should be asked about if calls cost nothing (product.md 6.5): often when
// it is likely to change soon, seldom when it has been silent for long, never not at all.
func WishedCheckEvery(s SupplierOrder, now time.Time) time.Duration {
	since := s.CreatedAt
	if s.PlacedAt != nil {
		since = *s.PlacedAt
	}
	age := now.Sub(since)
	if age > 60*24*time.Hour || s.NumberDue {
		return 24 * time.Hour
	}
	switch s.Stage {
	case StageUnpaid:
		if age < 2*time.Hour || s.PayBy != nil && s.PayBy.Sub(now) < 6*time.Hour {
			return 10 * time.Minute
		}
		return 30 * time.Minute
	case StagePaid:
		if s.PaidAt != nil {
			since = *s.PaidAt
		}
		return paidEvery(s, now.Sub(since))
	case StageShipped:
		return shippedEvery(s, now, age)
	}
	return time.Hour
}

// paidEvery asks more often when the seller's usual time to ship has come, and less when it is long over.
func paidEvery(s SupplierOrder, age time.Duration) time.Duration {
	usual := 3 * 24 * time.Hour
	if s.UsualHours > 0 {
		usual = time.Duration(s.UsualHours) * time.Hour
	}
	switch {
	case age < usual/2:
		return time.Hour
	case age < 4*usual || age < 10*24*time.Hour:
		return 30 * time.Minute
	}
	return 2 * time.Hour
}

// shippedEvery follows a number that may still change in its first days (aliexpress.md 6.2), and a parcel on its way.
func shippedEvery(s SupplierOrder, now time.Time, age time.Duration) time.Duration {
	switch {
	case s.ShippedAt != nil && now.Sub(*s.ShippedAt) < 3*24*time.Hour:
		return 2 * time.Hour
	case age < 30*24*time.Hour:
		return 6 * time.Hour
	}
	return 12 * time.Hour
}

// jitter keeps orders that became due together from being due together for ever: between 0.9 and 1.1, from the order's id and
// the hour.
func jitter(id ID, now time.Time) float64 {
	h := uint32(2166136261)
	for _, b := range []byte(string(id)) {
		h = (h ^ uint32(b)) * 16777619
	}
	h = (h ^ uint32(now.Unix()/3600)) * 16777619
	return 0.9 + 0.2*float64(h%1000)/1000
}

// backoff doubles from 30 s to 30 min.
func backoff(failures int) time.Duration {
	return min(30*time.Second<<min(failures-1, 10), 30*time.Minute)
}

// PushRetryIn is how long to wait before telling the store again after so many attempts.
func (p Pace) PushRetryIn(attempts int) time.Duration {
	return p.Every(min(10*time.Second<<min(max(attempts-1, 0), 12), time.Hour))
}

// StoreCheckEvery is how often an open order is read from its store although neither a webhook nor a search by time of change
// told of it. Both do every few minutes, so this only guards against their mistakes.
func (p Pace) StoreCheckEvery() time.Duration { return p.Every(24 * time.Hour) }

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
	sooner(later(f.Order.HeldUntil, f.Now))
	for _, s := range f.SupplierOrders {
		switch {
		case s.Asked():
			sooner(s.NextCheckAt)
		case s.State.Live() && s.State != PlacementPlaced:
			sooner(p.placementDue(f, s))
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
