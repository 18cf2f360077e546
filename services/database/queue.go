package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/trace"

	"waybill/models"
)

// WorkOptions say how this process works jobs.
type WorkOptions struct {
	Workers *river.Workers                                // every job kind: the rescuer discards jobs whose kind the leader does not know
	Observe func(kind, result string, took time.Duration) // may be nil
	Tracer  trace.Tracer                                  // may be nil
	Queues  map[string]int                                // how many jobs of each queue are worked at once
	Log     *slog.Logger
}

// Queue works jobs until stopped.
type Queue struct {
	client *river.Client[pgx.Tx]
	reaper *reaper
}

// Work starts working jobs. Stop ends it; cancelling ctx does not, because that would cut running jobs off.
func (db *DB) Work(ctx context.Context, o WorkOptions) (*Queue, error) {
	queues := make(map[string]river.QueueConfig, len(o.Queues))
	for name, workers := range o.Queues {
		queues[name] = river.QueueConfig{MaxWorkers: workers}
	}
	middleware := []rivertype.Middleware{&outcomes{log: o.Log, observe: o.Observe}}
	if o.Tracer != nil {
		middleware = append(middleware, &spans{tracer: o.Tracer}) // within outcomes, which may end a job well that failed
	}
	client, err := river.NewClient[pgx.Tx](listensBy{riverpgxv5.New(db.pool), riverpgxv5.New(db.ears)}, &river.Config{
		Workers:              o.Workers,
		Middleware:           middleware,
		Queues:               queues,
		FetchCooldown:        2 * time.Millisecond, // at most so many jobs as there are workers are taken in it
		FetchPollInterval:    time.Second,
		JobTimeout:           2 * time.Minute,
		RescueStuckJobsAfter: 5 * time.Minute, // the reaper is faster; this is the floor
		MaxAttempts:          8,
		ReindexerIndexNames:  []string{}, // only its owner may rebuild an index
		// A job that was given up is a dead letter until a person has looked at it.
		DiscardedJobRetentionPeriod: 60 * 24 * time.Hour,
		Logger:                      o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("make the job client: %w", err)
	}
	r, err := db.startReaper(ctx, client.ID(), slices.Sorted(maps.Keys(o.Queues)), o.Log)
	if err != nil {
		return nil, err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		r.stop()
		return nil, fmt.Errorf("start working jobs: %w", Err(err))
	}
	return &Queue{client: client, reaper: r}, nil
}

// listensBy is River's driver, but that it listens over connections of their own: through a pooler nothing is heard.
type listensBy struct {
	riverdriver.Driver[pgx.Tx]
	ears *riverpgxv5.Driver
}

// GetListener implements riverdriver.Driver.
func (d listensBy) GetListener(p *riverdriver.GetListenenerParams) riverdriver.Listener {
	return d.ears.GetListener(p)
}

// Stop lets running jobs finish within grace and gives the rest back to be worked elsewhere.
func (q *Queue) Stop(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := q.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		hard, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		err = q.client.StopAndCancel(hard)
	}
	q.reaper.stop()
	return err
}

// Waiting counts jobs that are ready to be worked and says how long the oldest of them has waited.
func (db *DB) Waiting(ctx context.Context) (n int64, oldest time.Duration, err error) {
	var seconds float64
	row := db.pool.QueryRow(ctx, `SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - scheduled_at)), 0)::float8
		FROM river_job WHERE state = 'available'`)
	if err := row.Scan(&n, &seconds); err != nil {
		return 0, 0, Err(err)
	}
	return n, time.Duration(seconds * float64(time.Second)), nil
}

// WaitingIn counts the jobs of a queue that are ready to be worked.
func (db *DB) WaitingIn(ctx context.Context, queue string) (n int, err error) {
	err = db.pool.QueryRow(ctx, "SELECT count(*) FROM river_job WHERE state = 'available' AND queue = $1", queue).Scan(&n)
	return n, Err(err)
}

// outcomes decides what becomes of a job from the kind of its error, and logs once.
type outcomes struct {
	river.MiddlewareDefaults
	log     *slog.Logger
	observe func(kind, result string, took time.Duration)
}

// Work runs one job. A panic is a failed attempt, which River handles.
func (o *outcomes) Work(ctx context.Context, job *rivertype.JobRow, inner func(context.Context) error) error {
	start := time.Now()
	err := inner(ctx)
	result := "ok"
	if err != nil {
		result = string(models.KindOf(err))
		o.log.LogAttrs(ctx, levelOf(err), "job ended early", slog.String("job", job.Kind), slog.Int64("job_id", job.ID),
			slog.Int("attempt", job.Attempt), slog.String("args", string(job.EncodedArgs)), slog.String("kind", result), slog.Any("error", err))
	}
	if o.observe != nil {
		o.observe(job.Kind, result, time.Since(start))
	}
	return outcome(err, job.Attempt >= job.MaxAttempts)
}

func levelOf(err error) slog.Level {
	switch models.KindOf(err) {
	case models.Internal:
		return slog.LevelError
	case models.Unavailable, models.Disconnected:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// outcome is one of the two tables that read kinds; the other one writes HTTP problems. What is owed stays in the tables
// and flags of the domain, so a job that cannot help by being repeated is ended:
//
//	Throttled    snoozed until the limit lets it
//	Unavailable  repeated with back-off, for as long as the outage lasts
//	Internal     repeated with back-off; after the last attempt it is a dead letter
//	all others   cancelled: the fact, the flag and the timeline say what became of it
func outcome(err error, last bool) error {
	if err == nil {
		return nil
	}
	e := models.AsError(err)
	switch e.Kind {
	case models.Throttled:
		return river.JobSnooze(max(e.RetryAfter, time.Second))
	case models.Unavailable:
		switch {
		case e.RetryAfter > 0:
			return river.JobSnooze(e.RetryAfter)
		case last:
			return river.JobSnooze(outageRetry)
		}
		return err
	case models.Internal:
		return err
	}
	return river.JobCancel(err)
}

// outageRetry is how often a job is tried in an outage that has outlasted the back-off.
const outageRetry = 5 * time.Minute

// Dies reports whether a job whose last attempt ends with err is given up.
func Dies(err error) bool { return models.KindOf(err) == models.Internal }
