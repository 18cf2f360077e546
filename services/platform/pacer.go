package platform

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"waybill/models"
)

// patience is how long a call may wait for its turn before it is better told to come back.
const patience = 20 * time.Second

// Turns gives every call its turn under a platform's limits. Pacer is those of one process alone; package budgets has those
// that all processes share.
type Turns interface {
	// Wait returns when the next call under key may go out. It answers Throttled with RetryAfter instead of waiting long.
	Wait(ctx context.Context, key string, purpose models.Purpose) error
	// Ban stops calls under key for d: the platform said so.
	Ban(ctx context.Context, key string, d time.Duration)
}

// Pacer spaces the calls under one key (a site; an app key and method) and honours bans.
type Pacer struct {
	perSecond float64
	burst     int

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	limit       *rate.Limiter
	bannedUntil time.Time
}

// NewPacer allows perSecond calls on average and burst at once under each key. perSecond 0 or less means no pace.
func NewPacer(perSecond float64, burst int) *Pacer {
	return &Pacer{perSecond: perSecond, burst: burst, buckets: map[string]*bucket{}}
}

// Wait returns when the next call under key may go out. It answers Throttled with RetryAfter instead of waiting long.
func (p *Pacer) Wait(ctx context.Context, key string, _ models.Purpose) error {
	p.mu.Lock()
	b := p.bucket(key)
	banned := time.Until(b.bannedUntil)
	p.mu.Unlock()
	if banned > 0 {
		return Throttled(banned)
	}
	if p.perSecond <= 0 {
		return nil
	}
	turn := b.limit.Reserve()
	delay := turn.Delay()
	if delay > patience {
		turn.Cancel()
		return Throttled(delay)
	}
	if err := Sleep(ctx, delay); err != nil {
		turn.Cancel()
		return err
	}
	return nil
}

// Sleep waits for a turn that comes in d. A caller who goes meanwhile gets Unavailable.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return models.Errorf(models.Unavailable, "gave_up_waiting", "The call was given up while it waited for its turn.").Because(ctx.Err())
	}
}

// Ban stops calls under key for d: the platform said so.
func (p *Pacer) Ban(_ context.Context, key string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.bucket(key).bannedUntil) {
		p.bucket(key).bannedUntil = until
	}
}

func (p *Pacer) bucket(key string) *bucket {
	b, ok := p.buckets[key]
	if !ok {
		b = &bucket{limit: rate.NewLimiter(rate.Limit(p.perSecond), max(p.burst, 1))}
		p.buckets[key] = b
	}
	return b
}

// Throttled says that the platform's limit is used up for d.
func Throttled(d time.Duration) error {
	e := models.Errorf(models.Throttled, "platform_limit", "The platform's call limit is used up; it is tried again in %s.", d.Round(time.Second))
	e.RetryAfter = d
	return e
}
