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
func (p *Pacer) Wait(ctx context.Context, key string) error {
	p.mu.Lock()
	b := p.bucket(key)
	banned := time.Until(b.bannedUntil)
	p.mu.Unlock()
	if banned > 0 {
		return throttled(banned)
	}
	if p.perSecond <= 0 {
		return nil
	}
	turn := b.limit.Reserve()
	delay := turn.Delay()
	if delay > patience {
		turn.Cancel()
		return throttled(delay)
	}
	if delay == 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.Cancel()
		return models.Errorf(models.Unavailable, "gave_up_waiting", "The call was given up while it waited for its turn.").Because(ctx.Err())
	}
}

// Ban stops calls under key for d: the platform said so.
func (p *Pacer) Ban(key string, d time.Duration) {
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

func throttled(d time.Duration) error {
	e := models.Errorf(models.Throttled, "platform_limit", "The platform's call limit is used up; it is tried again in %s.", d.Round(time.Second))
	e.RetryAfter = d
	return e
}
