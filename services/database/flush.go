package database

import (
	"context"
	"time"
)

const flushEvery = 5 * time.Second

// FlushUntil has what is counted in memory written down every few seconds until ctx ends, and then once more.
func FlushUntil(ctx context.Context, flush func(context.Context)) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			flush(last)
			return
		case <-tick.C:
			flush(ctx)
		}
	}
}
