package ordersync

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// A job is an alarm clock. Its arguments carry ids only, its work is one call, and the work is idempotent: load, compare,
// act. What is owed stands in the tables, where the sweeper finds what jobs forgot.

// once keeps an equal job from being added while one is under way.
func once() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}}
}

// ReceiveArgs works one message of the inbox.
type ReceiveArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	Platform   models.Platform   `json:"platform"`
	EventID    string            `json:"event_id"`
}

// Kind names the job.
func (ReceiveArgs) Kind() string { return "receive" }

// InsertOpts lets the sweeper add it again without harm.
func (ReceiveArgs) InsertOpts() river.InsertOpts { return once() }

// CheckArgs checks one order on what is due.
type CheckArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	OrderID    models.ID         `json:"order_id"`
}

// Kind names the job.
func (CheckArgs) Kind() string { return "check" }

// InsertOpts keeps checks, which may wait for the budget, from holding up what people and platforms wait for.
func (CheckArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: QueueBackground} }

// PlaceArgs takes one placement to its next state.
type PlaceArgs struct {
	MerchantID      models.MerchantID `json:"merchant_id"`
	SupplierOrderID models.ID         `json:"supplier_order_id"`
}

// Kind names the job.
func (PlaceArgs) Kind() string { return "place" }

// PushArgs tells a store about one parcel.
type PushArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	PushID     models.ID         `json:"push_id"`
}

// Kind names the job.
func (PushArgs) Kind() string { return "push" }

// SweepArgs searches one store for what no webhook told. The claim of the store's next sweep keeps it to one at a time; a
// unique job would be dropped while River has not yet written down that the one before it is over.
type SweepArgs struct {
	MerchantID   models.MerchantID `json:"merchant_id"`
	ConnectionID models.ID         `json:"connection_id"`
}

// Kind names the job.
func (SweepArgs) Kind() string { return "sweep" }

// InsertOpts puts it with the other long ones.
func (SweepArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: QueueLong} }

// SyncArgs works on one sync job.
type SyncArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	JobID      models.ID         `json:"job_id"`
}

// Kind names the job.
func (SyncArgs) Kind() string { return "sync" }

// InsertOpts keeps one worker on a sync job at a time.
func (SyncArgs) InsertOpts() river.InsertOpts {
	o := once()
	o.Queue = QueueLong
	return o
}

// RemapArgs applies a changed product mapping to the orders that wait for it.
type RemapArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	StoreID    models.ID         `json:"store_id"`
	VariantKey string            `json:"variant_key"`
	Actor      models.Actor      `json:"actor"`
}

// Kind names the job.
func (RemapArgs) Kind() string { return "remap" }

// RerollArgs reads the facts of a merchant's open orders anew under changed decisions, of one store or of all.
type RerollArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	StoreID    models.ID         `json:"store_id,omitempty"`
	Actor      models.Actor      `json:"actor"`
}

// Kind names the job.
func (RerollArgs) Kind() string { return "reroll" }

// DigestArgs computes what lists show of a merchant's orders of which it was never computed: those from before there were digests.
type DigestArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
}

// Kind names the job.
func (DigestArgs) Kind() string { return "digest" }

// InsertOpts keeps it to one at a time, with the other long ones.
func (DigestArgs) InsertOpts() river.InsertOpts {
	o := once()
	o.Queue = QueueLong
	return o
}

// RenewArgs renews the token of a connection ahead of its end.
type RenewArgs struct {
	MerchantID   models.MerchantID `json:"merchant_id"`
	ConnectionID models.ID         `json:"connection_id"`
}

// Kind names the job.
func (RenewArgs) Kind() string { return "renew" }

// WarnArgs warns of the end of a connection's access.
type WarnArgs struct {
	MerchantID   models.MerchantID `json:"merchant_id"`
	ConnectionID models.ID         `json:"connection_id"`
}

// Kind names the job.
func (WarnArgs) Kind() string { return "warn" }

// CatchUpArgs has everything looked at that waited for a connection to be connected again.
type CatchUpArgs struct {
	MerchantID   models.MerchantID `json:"merchant_id"`
	ConnectionID models.ID         `json:"connection_id"`
}

// Kind names the job.
func (CatchUpArgs) Kind() string { return "catch_up" }

// The queues. Each has workers of its own, so that what waits for a platform's budget holds up nothing else.
const (
	QueueDefault    = river.QueueDefault // messages, purchases, pushes: somebody waits
	QueueBackground = "background"       // checks of due orders
	QueueLong       = "long"             // sweeps and sync jobs
)

// Queues says how many jobs of each queue are worked at once where there are so many workers in all.
func Queues(workers int) map[string]int {
	return map[string]int{QueueDefault: max(1, workers/2), QueueBackground: max(1, workers/4), QueueLong: max(1, workers/4)}
}

// Workers registers every kind of job: a process that works any must know all.
func (s *Service) Workers() *river.Workers {
	w := river.NewWorkers()
	river.AddWorker(w, &worker[ReceiveArgs]{do: s.receive, died: s.messageDied})
	river.AddWorker(w, work(func(ctx context.Context, a CheckArgs) error {
		result, err := s.Check(ctx, a.MerchantID, a.OrderID, CheckOptions{Direction: models.AllWays, By: orders.By{Actor: models.ActorSystem, Source: models.SourcePoll}})
		if result.Outcome != models.OutcomeNone {
			return nil // the order says itself when it is due again; a job that came back as well would only add calls
		}
		return err
	}))
	river.AddWorker(w, work(func(ctx context.Context, a PlaceArgs) error { return s.place(ctx, a.MerchantID, a.SupplierOrderID) }))
	river.AddWorker(w, work(func(ctx context.Context, a PushArgs) error { return s.push(ctx, a.MerchantID, a.PushID) }))
	river.AddWorker(w, work(func(ctx context.Context, a SweepArgs) error { return s.sweep(ctx, a.MerchantID, a.ConnectionID) }))
	river.AddWorker(w, work(func(ctx context.Context, a SyncArgs) error { return s.runSync(ctx, a.MerchantID, a.JobID) }))
	river.AddWorker(w, work(s.remap))
	river.AddWorker(w, work(s.reroll))
	river.AddWorker(w, work(s.digest))
	river.AddWorker(w, work(func(ctx context.Context, a RenewArgs) error {
		return s.accounts.RenewDue(ctx, a.MerchantID, a.ConnectionID)
	}))
	river.AddWorker(w, work(func(ctx context.Context, a WarnArgs) error { return s.accounts.Warn(ctx, a.MerchantID, a.ConnectionID) }))
	river.AddWorker(w, work(s.catchUp))
	return w
}

type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	do   func(context.Context, T) error
	died func(context.Context, T) error // the last attempt has failed; may be nil
}

func work[T river.JobArgs](do func(context.Context, T) error) river.Worker[T] {
	return &worker[T]{do: do}
}

// Work is the one call.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	err := w.do(ctx, job.Args)
	if err != nil && w.died != nil && job.Attempt >= job.MaxAttempts && database.Dies(err) {
		return errors.Join(err, w.died(context.WithoutCancel(ctx), job.Args))
	}
	return err
}

// NextRetry backs off from one second to five minutes: River's own first steps are fine, its later ones are days.
func (w *worker[T]) NextRetry(job *river.Job[T]) time.Time {
	return time.Now().Add(min(time.Second<<min(job.Attempt-1, 10), 5*time.Minute))
}
