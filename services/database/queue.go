package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"waybill/models"
)

// WorkOptions say how this process works jobs.
type WorkOptions struct {
	Workers    *river.Workers                                // every job kind: the rescuer discards jobs whose kind the leader does not know
	Observe    func(kind, result string, took time.Duration) // may be nil
	MaxWorkers int
	Log        *slog.Logger
}

// Queue works jobs until stopped.
type Queue struct {
	client *river.Client[pgx.Tx]
	reaper *reaper
}

// Work starts working jobs. Stop ends it; cancelling ctx does not, because that would cut running jobs off.
func (db *DB) Work(ctx context.Context, o WorkOptions) (*Queue, error) {
	client, err := river.NewClient(riverpgxv5.New(db.pool), &river.Config{
		Workers:              o.Workers,
		Middleware:           []rivertype.Middleware{&outcomes{log: o.Log, observe: o.Observe}},
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.MaxWorkers}},
		FetchCooldown:        10 * time.Millisecond,
		FetchPollInterval:    time.Second,
		JobTimeout:           2 * time.Minute,
		RescueStuckJobsAfter: 5 * time.Minute, // the reaper is faster; this is the floor
		MaxAttempts:          8,
		Logger:               o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("make the job client: %w", err)
	}
	r, err := db.startReaper(ctx, client.ID(), o.Log)
	if err != nil {
		return nil, err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		r.stop()
		return nil, fmt.Errorf("start working jobs: %w", Err(err))
	}
	return &Queue{client: client, reaper: r}, nil
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
	return outcome(err)
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
// and flags of the domain, so a job that cannot help by being repeated is ended.
func outcome(err error) error {
	if err == nil {
		return nil
	}
	e := models.AsError(err)
	switch e.Kind {
	case models.Throttled:
		return river.JobSnooze(max(e.RetryAfter, time.Second))
	case models.Unavailable, models.Internal:
		if e.RetryAfter > 0 {
			return river.JobSnooze(e.RetryAfter)
		}
		return err // retried with back-off
	}
	return river.JobCancel(err)
}
