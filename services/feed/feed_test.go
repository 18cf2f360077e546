package feed_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/feed"
)

const merchant = models.MerchantID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11")

func tell(t *testing.T, db *database.DB, id models.ID) {
	t.Helper()
	err := db.Of(merchant).InTx(t.Context(), func(tx database.Tx) error {
		return feed.Tell(tx, merchant, feed.Order, id, map[string]any{"n": id})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A transaction that began before others and commits after them must not be passed over by a reader who was there between.
func TestALateCommitIsNotPassedOver(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	s := feed.New(db)
	at, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slow, early := make(chan struct{}), database.NewID()
	begun, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- db.Of(merchant).InTx(context.Background(), func(tx database.Tx) error {
			if err := feed.Tell(tx, merchant, feed.Order, early, nil); err != nil {
				return err
			}
			close(begun)
			<-slow
			return nil
		})
	}()
	<-begun
	late := database.NewID()
	tell(t, db, late)
	read := func() (ids []models.ID) {
		changes, complete, err := s.Since(t.Context(), merchant, at, 100)
		if err != nil || !complete {
			t.Fatalf("complete %t, %v", complete, err)
		}
		for _, c := range changes {
			ids, at = append(ids, c.Subject), c.Cursor
		}
		return ids
	}
	seen := read()
	if slices.Contains(seen, early) || slices.Contains(seen, late) {
		t.Fatalf("read %v while a transaction before them was open", seen)
	}
	close(slow)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// Others on this server may hold the reader back for a moment: it waits for every transaction that is open.
	for deadline := time.Now().Add(20 * time.Second); len(seen) < 2 && time.Now().Before(deadline); {
		seen = append(seen, read()...)
	}
	if len(seen) != 2 || !slices.Contains(seen, early) || !slices.Contains(seen, late) {
		t.Errorf("read %v, want both", seen)
	}
}

// A reader who goes on from his cursor sees everything once, whatever writes meanwhile, and nothing of another merchant.
func TestAReaderMissesNothingAndSeesNothingTwice(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	s := feed.New(db)
	at, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 40
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for range each {
				for _, m := range []models.MerchantID{merchant, "0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f99"} {
					_ = db.Of(m).InTx(context.Background(), func(tx database.Tx) error { return feed.Tell(tx, m, feed.Order, database.NewID(), nil) })
				}
			}
		})
	}
	seen := map[models.ID]int{}
	deadline := time.Now().Add(20 * time.Second)
	for len(seen) < writers*each && time.Now().Before(deadline) {
		parsed, err := feed.ParseCursor(at.String())
		if err != nil {
			t.Fatal(err)
		}
		changes, complete, err := s.Since(t.Context(), merchant, parsed, 7)
		if err != nil || !complete {
			t.Fatalf("complete %t, %v", complete, err)
		}
		for _, c := range changes {
			seen[c.Subject]++
			at = c.Cursor
		}
	}
	done.Wait()
	if len(seen) != writers*each {
		t.Errorf("%d of %d changes were seen", len(seen), writers*each)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", id, n)
		}
	}
}

func TestACursorThatIsTooOldOrOfAnotherDatabaseSaysSo(t *testing.T) {
	t.Parallel()
	s := feed.New(databasetest.New(t))
	for name, text := range map[string]string{
		"too old":          "10.1000000000.00000000-0000-0000-0000-000000000000",
		"another database": "999999999999.4000000000.00000000-0000-0000-0000-000000000000",
	} {
		at, err := feed.ParseCursor(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, complete, err := s.Since(t.Context(), merchant, at, 10); complete || err != nil {
			t.Errorf("%s: complete %t, %v", name, complete, err)
		}
	}
	for _, bad := range []string{"x", "1.2", "1.2.3", "-1.2.00000000-0000-0000-0000-000000000000", "1.x.00000000-0000-0000-0000-000000000000"} {
		if _, err := feed.ParseCursor(bad); !errors.Is(err, models.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A change made by one process wakes those who watch in another.
func TestWatchersAreWokenAcrossProcesses(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	s := feed.New(db)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var run sync.WaitGroup
	run.Go(func() { s.Run(ctx) })
	changed, leave, err := s.Watch(merchant)
	if err != nil {
		t.Fatal(err)
	}
	woken := time.After(20 * time.Second)
	for heard := false; !heard; {
		tell(t, db, database.NewID()) // until the listener is there
		select {
		case <-changed:
			heard = true
		case <-woken:
			t.Fatal("nobody was woken")
		case <-time.After(50 * time.Millisecond):
		}
	}
	leave()
	again, _, err := s.Watch(merchant)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	run.Wait()
	if _, open := <-again; open {
		if _, open = <-again; open {
			t.Error("a watcher is kept although the program stops")
		}
	}
	if _, _, err := s.Watch(merchant); models.KindOf(err) != models.Unavailable {
		t.Errorf("watching a service that has stopped: %v", err)
	}
}

func TestTooManyWatchersAreTurnedAway(t *testing.T) {
	t.Parallel()
	s := feed.New(nil)
	for range 100 {
		if _, _, err := s.Watch(merchant); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Watch(merchant); models.AsError(err).Code != "too_many_streams" {
		t.Errorf("got %v", err)
	}
	if _, _, err := s.Watch("another"); err != nil {
		t.Errorf("another merchant: %v", err)
	}
}
