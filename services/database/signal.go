package database

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	signalChannel = "waybill_signal"
	signalPause   = 30 * time.Millisecond
)

// Signal wakes whoever listens for word, in every process, once the transaction has committed. It is a wake-up and may be lost:
// whoever listens also looks by himself from time to time.
//
// It is not given inside the transaction: PostgreSQL takes one lock for all commits that notify.
func (tx Tx) Signal(word string) {
	if !slices.Contains(*tx.after, word) {
		*tx.after = append(*tx.after, word)
	}
}

// signals gathers the words of a moment and sends them together: what is given while some are under way goes with the next.
type signals struct {
	pool    *pgxpool.Pool
	channel string // an SQL expression
	pause   time.Duration
	mu      sync.Mutex
	words   map[string]bool
	sending bool
}

func (s *signals) give(words []string) {
	if len(words) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.words == nil {
		s.words = map[string]bool{}
	}
	for _, w := range words {
		s.words[w] = true
	}
	if !s.sending {
		s.sending = true
		time.AfterFunc(s.pause, s.send)
	}
}

func (s *signals) send() {
	s.mu.Lock()
	words := slices.Collect(maps.Keys(s.words))
	s.words = nil
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// A wake-up may be lost: nobody waits until it is on the disk.
	_, _ = s.pool.Exec(ctx, "SELECT set_config('synchronous_commit', 'off', true), pg_notify("+s.channel+", w) FROM unnest($1::text[]) AS w", words)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sending = s.words != nil; s.sending {
		time.AfterFunc(s.pause, s.send)
	}
}

// Listen calls heard with every word that is signalled until ctx ends. It connects again by itself.
func (db *DB) Listen(ctx context.Context, heard func(word string)) {
	for ctx.Err() == nil {
		if err := db.listenOnce(ctx, heard); err != nil && ctx.Err() == nil {
			db.log.Debug("listening for signals was interrupted", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (db *DB) listenOnce(ctx context.Context, heard func(word string)) error {
	conn, err := pgx.ConnectConfig(ctx, db.session)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+signalChannel); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		heard(n.Payload)
	}
}
