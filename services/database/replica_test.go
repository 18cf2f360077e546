package database_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"waybill/services/database"
	"waybill/services/database/databasetest"
)

// A replica answers when it has everything that was committed before it was asked, and the primary otherwise: whoever has written reads what
// he wrote, with the replica behind, paused or gone.
func TestAReplicaAnswersWhenItHasCaughtUp(t *testing.T) {
	t.Parallel()
	servers := databasetest.NewReplicated(t)
	open := func(replica string) *database.DB {
		db, err := database.Open(t.Context(), database.Options{URL: servers.Primary, Replica: replica, MaxConns: 4, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			db.WatchReplica(ctx)
		}()
		t.Cleanup(func() {
			cancel()
			<-done
		})
		return db
	}
	db := open(servers.Replica)
	written := 0
	// readOwn writes a row of alice's and reads it back, and says where.
	readOwn := func(db *database.DB) database.Source {
		t.Helper()
		err := db.Of(alice).InTx(t.Context(), func(tx database.Tx) error {
			return tx.Exec("INSERT INTO feed (merchant_id, id, xid, at, kind, subject_id, data) VALUES (?, ?, '1', now(), 'order', ?, '{}')", alice, database.NewID(), alice).Error
		})
		if err != nil {
			t.Fatal(err)
		}
		written++
		var seen, others int
		from, err := db.Of(alice).AskCopy(t.Context(), counting(&seen))
		if err != nil || seen != written {
			t.Errorf("%d of %d rows are read back from %+v, %v", seen, written, from, err)
		}
		if _, err := db.Of(bob).AskCopy(t.Context(), counting(&others)); err != nil || others != 0 {
			t.Errorf("another merchant sees %d rows, %v", others, err)
		}
		if _, err := db.AcrossCopy(t.Context(), func(q *gorm.DB) error { return q.Raw("SELECT count(*) FROM feed").Row().Scan(&others) }); err != nil || others != written {
			t.Errorf("support sees %d rows, %v", others, err)
		}
		return from
	}
	// until reads and writes until it is as wanted.
	until := func(what string, fact func() bool) {
		t.Helper()
		deadline, tick := time.NewTimer(time.Minute), time.NewTicker(10*time.Millisecond)
		defer deadline.Stop()
		defer tick.Stop()
		for !fact() {
			select {
			case <-deadline.C:
				t.Fatalf("waited in vain: %s", what)
			case <-tick.C:
			}
		}
	}

	until("the replica answers", func() bool { return readOwn(db).Replica })
	fromReplica := 0
	for range 100 {
		if readOwn(db).Replica {
			fromReplica++
		}
	}
	if fromReplica == 0 {
		t.Error("of 100 reads the replica answered none")
	}

	servers.Pause()
	for range 3 {
		if from := readOwn(db); from.Replica {
			t.Errorf("a paused replica answered: %+v", from)
		}
	}
	until("it is known to be behind", func() bool { return db.ReplicaLag() > time.Second })
	began := time.Now()
	if from := readOwn(db); from.Replica || time.Since(began) > 5*time.Second {
		t.Errorf("a replica that is known to be behind was asked: %+v", from)
	}
	servers.Resume()
	until("it answers again", func() bool { return readOwn(db).Replica && db.ReplicaLag() >= 0 })

	// What is no replica is never asked.
	stray := open(servers.Primary)
	if from := readOwn(stray); from.Replica || stray.ReplicaLag() >= 0 {
		t.Errorf("the primary passes for a replica: %+v, %s", from, stray.ReplicaLag())
	}

	servers.Stop()
	if from := readOwn(db); from.Replica {
		t.Errorf("a replica that is gone answered: %+v", from)
	}
	until("it is known to be gone", func() bool { return db.ReplicaLag() < 0 })
	readOwn(db)
}

func counting(n *int) func() database.Ask {
	return func() database.Ask {
		return database.Ask{SQL: "SELECT count(*) FROM feed", Row: func(scan func(...any) error) error { return scan(n) }}
	}
}
