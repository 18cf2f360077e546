package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waybill/models"
)

// Kept says for how long what is cut by months is kept; 0 is for good. The database keeps everything for 90 days.
type Kept struct{ Events, SyncJobItems time.Duration }

// KeepMonths makes the parts of the coming months and drops those that are no longer kept, in all processes by one at a time. What it cannot
// lock at once it leaves to the next time.
func (db *DB) KeepMonths(ctx context.Context, kept Kept) error {
	var all error
	for _, t := range []struct {
		name string
		kept time.Duration
	}{{"events", kept.Events}, {"sync_job_items", kept.SyncJobItems}} {
		var interval any
		if t.kept > 0 {
			interval = t.kept
		}
		var done []string
		if err := db.pool.QueryRow(ctx, "SELECT keep_months($1::text::regclass, $2::interval)", t.name, interval).Scan(&done); err != nil {
			all = errors.Join(all, fmt.Errorf("keep the months of %s: %w", t.name, Err(err)))
		}
		for _, part := range done {
			db.log.Info("a month was made (+) or dropped (-)", "part", part)
		}
	}
	return all
}

// IDBeforeAll is an id below those of everything that was made after a thing with this id was: the clocks of processes differ by less than an hour.
// It lets a query of what belongs to the thing leave out the months before it.
func IDBeforeAll(id models.ID) models.ID {
	var high, low int64                                                           // of the time in milliseconds
	if _, err := fmt.Sscanf(string(id), "%08x-%04x-7", &high, &low); err != nil { // an id that tells no time
		return "00000000-0000-0000-0000-000000000000"
	}
	return IDBefore(time.UnixMilli(high<<16 | low).Add(-time.Hour))
}
