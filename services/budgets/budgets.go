// Package budgets keeps the calls that the platforms allow, in PostgreSQL, so that all processes together stay within them: a
// share is kept for people and for buying, and a ban that a platform has spoken is honoured by all and survives a restart.
package budgets

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/platform"
)

// Reserved is the share of every budget that the background leaves to people and to buying (reliability.md I15).
const Reserved = 0.2

// How long a call may wait for its turn before it is better told to come back. The background has other work to do meanwhile.
var patience = map[models.Purpose]time.Duration{
	models.PurposeBackground: 3 * time.Second, models.PurposePerson: 15 * time.Second, models.PurposePlacing: 15 * time.Second,
}

// Service keeps the budgets of both platforms.
type Service struct {
	db  *database.DB
	log *slog.Logger

	mu     sync.Mutex
	use    map[useKey]*use
	bans   map[string]time.Time // as read at bansAt: for keys without a pace, which ask the database only for these
	bansAt time.Time
}

type useKey struct {
	key     string
	purpose models.Purpose
}

type use struct {
	calls, refused int64
	waited         time.Duration
}

// New makes the service. Run writes down how much is used.
func New(db *database.DB, log *slog.Logger) *Service {
	return &Service{db: db, log: log, use: map[useKey]*use{}, bans: map[string]time.Time{}}
}

// Turns is one platform's budget: perSecond calls on average and burst at once under each key; perSecond 0 or less for no
// limit of ours. It is the generic cell rate algorithm with one statement for each call.
func (s *Service) Turns(perSecond float64, burst int) *Turns {
	return &Turns{s: s, perSecond: perSecond, burst: max(burst, 1)}
}

// Turns gives calls their turn. It is a platform.Turns.
type Turns struct {
	s         *Service
	perSecond float64
	burst     int
}

// In the statement T is the time between two calls, tau how much of it a burst may run ahead. A call of the background also
// takes its turn in what is left to the background, whose turns are further apart.
const turnSQL = `INSERT INTO platform_budgets AS b (key, tat, background_tat) VALUES (@key, now() + make_interval(secs => @t), now() + make_interval(secs => @tb))
ON CONFLICT (key) DO UPDATE SET tat = greatest(b.tat, now()) + make_interval(secs => @t),
	background_tat = CASE WHEN @background THEN greatest(b.background_tat, now()) + make_interval(secs => @tb) ELSE b.background_tat END
WHERE (b.banned_until IS NULL OR b.banned_until <= now()) AND b.tat - make_interval(secs => @tau) - now() <= make_interval(secs => @patience)
	AND (NOT @background OR b.background_tat - make_interval(secs => @taub) - now() <= make_interval(secs => @patience))
RETURNING greatest(extract(epoch FROM b.tat - make_interval(secs => @t) - make_interval(secs => @tau) - now()), CASE WHEN @background THEN extract(epoch FROM b.background_tat - make_interval(secs => @tb) - make_interval(secs => @taub) - now()) ELSE 0 END, 0)::float8`

// Wait implements platform.Turns.
func (t *Turns) Wait(ctx context.Context, key string, purpose models.Purpose) error {
	if t.perSecond <= 0 {
		until, err := t.s.bannedUntil(ctx, key)
		if err != nil {
			return err
		}
		return t.s.took(key, purpose, 0, throttledUntil(until))
	}
	every := seconds(1 / t.perSecond)
	background := seconds(1 / (t.perSecond * (1 - Reserved)))
	ahead := time.Duration(t.burst-1) * every
	aheadBackground := time.Duration(float64(ahead) * (1 - Reserved))
	var delays []float64
	err := t.s.db.Read(ctx).Raw(turnSQL, map[string]any{
		"key": key, "t": every.Seconds(), "tb": background.Seconds(), "tau": ahead.Seconds(), "taub": aheadBackground.Seconds(),
		"patience": patience[purpose].Seconds(), "background": purpose == models.PurposeBackground,
	}).Scan(&delays).Error
	if err != nil {
		return database.Err(err)
	}
	if len(delays) == 0 {
		return t.s.took(key, purpose, 0, t.s.refusal(ctx, key, ahead, aheadBackground, purpose))
	}
	delay := seconds(delays[0])
	return t.s.took(key, purpose, delay, platform.Sleep(ctx, delay))
}

// refusal says for how long a budget is used up.
func (s *Service) refusal(ctx context.Context, key string, ahead, aheadBackground time.Duration, purpose models.Purpose) error {
	var wait float64
	err := s.db.Read(ctx).Raw(`SELECT greatest(extract(epoch FROM coalesce(banned_until, now()) - now()), extract(epoch FROM tat - make_interval(secs => @tau) - now()),
		CASE WHEN @background THEN extract(epoch FROM background_tat - make_interval(secs => @taub) - now()) ELSE 0 END, 0)::float8 FROM platform_budgets WHERE key = @key`,
		map[string]any{"key": key, "tau": ahead.Seconds(), "taub": aheadBackground.Seconds(), "background": purpose == models.PurposeBackground}).Row().Scan(&wait)
	if err != nil {
		return database.Err(err)
	}
	return platform.Throttled(max(seconds(wait), 100*time.Millisecond))
}

func throttledUntil(until time.Time) error {
	if left := time.Until(until); left > 0 {
		return platform.Throttled(left)
	}
	return nil
}

// Ban implements platform.Turns. A shorter ban does not shorten a longer one.
func (t *Turns) Ban(ctx context.Context, key string, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := t.s.db.Read(ctx).Exec(`INSERT INTO platform_budgets AS b (key, tat, background_tat, banned_until) VALUES (@key, now(), now(), now() + make_interval(secs => @d))
		ON CONFLICT (key) DO UPDATE SET banned_until = greatest(b.banned_until, excluded.banned_until)`, map[string]any{"key": key, "d": d.Seconds()}).Error
	if err != nil {
		t.s.log.Error("a platform's ban could not be kept", "key", key, "for", d, "error", database.Err(err))
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if until := time.Now().Add(d); until.After(t.s.bans[key]) {
		t.s.bans[key] = until
	}
}

const bansEvery = time.Second

// bannedUntil reads the bans at most once a second: a key without a pace must not cost a statement for each call.
func (s *Service) bannedUntil(ctx context.Context, key string) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.bansAt) < bansEvery {
		return s.bans[key], nil
	}
	var rows []struct {
		Key  string
		Left float64
	}
	err := s.db.Read(ctx).Raw("SELECT key, extract(epoch FROM banned_until - now())::float8 AS left FROM platform_budgets WHERE banned_until > now()").Scan(&rows).Error
	if err != nil {
		return time.Time{}, database.Err(err)
	}
	s.bans, s.bansAt = map[string]time.Time{}, time.Now()
	for _, r := range rows {
		s.bans[r.Key] = time.Now().Add(seconds(r.Left))
	}
	return s.bans[key], nil
}

// BannedUntil is until when a platform takes no calls under a key; nil when it does.
func (s *Service) BannedUntil(ctx context.Context, key string) (*time.Time, error) {
	var until []time.Time
	err := s.db.Read(ctx).Raw("SELECT banned_until FROM platform_budgets WHERE key = ? AND banned_until > now()", key).Scan(&until).Error
	if err != nil || len(until) == 0 {
		return nil, database.Err(err)
	}
	return &until[0], nil
}

// took counts what became of a wish to call, and passes its error on.
func (s *Service) took(key string, purpose models.Purpose, waited time.Duration, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := useKey{key, purpose}
	u := s.use[k]
	if u == nil {
		u = &use{}
		s.use[k] = u
	}
	if err != nil {
		u.refused++
	} else {
		u.calls++
	}
	u.waited += waited
	return err
}

// Run writes down how much is used every few seconds until ctx ends.
func (s *Service) Run(ctx context.Context) { database.FlushUntil(ctx, s.flush) }

func (s *Service) flush(ctx context.Context) {
	s.mu.Lock()
	used := s.use
	s.use = map[useKey]*use{}
	s.mu.Unlock()
	for k, u := range used {
		err := s.db.Read(ctx).Exec(`INSERT INTO budget_use AS b (key, hour, purpose, calls, refused, waited) VALUES (?, date_trunc('hour', now()), ?, ?, ?, ?)
			ON CONFLICT (key, hour, purpose) DO UPDATE SET calls = b.calls + excluded.calls, refused = b.refused + excluded.refused, waited = b.waited + excluded.waited`,
			k.key, k.purpose, u.calls, u.refused, u.waited.Seconds()).Error
		if err != nil {
			s.log.Warn("the use of a budget was not written down", "key", k.key, "error", database.Err(err))
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Use is how much of the budget under one key was used in the last hour.
type Use struct {
	Calls, Refused int64
	WaitedSeconds  float64
	BannedUntil    *time.Time
}

// Used reads the use of some budgets. It is counted by the clock's hours, so the hour before counts by the part of it that the last sixty minutes hold.
func (s *Service) Used(ctx context.Context, keys []string) (map[string]Use, error) {
	var rows []struct {
		Key            string
		Calls, Refused int64
		Waited         float64
		BannedUntil    *time.Time
	}
	err := s.db.Read(ctx).Raw(`SELECT k.key, coalesce(round(sum(u.calls * u.part)), 0)::bigint AS calls, coalesce(round(sum(u.refused * u.part)), 0)::bigint AS refused, coalesce(sum(u.waited * u.part), 0) AS waited,
		max(b.banned_until) FILTER (WHERE b.banned_until > now()) AS banned_until FROM unnest(string_to_array(?, E'\n')) AS k(key)
		LEFT JOIN LATERAL (SELECT *, least(1, extract(epoch FROM hour + interval '2 hours' - now()) / 3600) AS part FROM budget_use WHERE key = k.key AND hour > now() - interval '2 hours') u ON true
		LEFT JOIN platform_budgets b ON b.key = k.key GROUP BY 1`, strings.Join(keys, "\n")).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the use of budgets: %w", database.Err(err))
	}
	used := map[string]Use{}
	for _, r := range rows {
		used[r.Key] = Use{r.Calls, r.Refused, r.Waited, r.BannedUntil}
	}
	return used, nil
}

// Calls counts the calls under some budgets in each of the spans that begin at starts, which ascend; the last one is still going on. They are
// counted by the hour and kept for a week.
func (s *Service) Calls(ctx context.Context, keys []string, starts []time.Time) ([]int64, error) {
	var rows []struct {
		Span int
		N    int64
	}
	err := s.db.Read(ctx).Raw(`SELECT width_bucket(hour, CAST(@starts AS timestamptz[])) AS span, sum(calls)::bigint AS n FROM budget_use
		WHERE key = ANY(string_to_array(@keys, E'\n')) AND hour >= @first GROUP BY 1`,
		map[string]any{"starts": database.Times(starts), "keys": strings.Join(keys, "\n"), "first": starts[0]}).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the history of calls: %w", database.Err(err))
	}
	calls := make([]int64, len(starts))
	for _, r := range rows {
		calls[r.Span-1] = r.N
	}
	return calls, nil
}

// Forget removes what is older than a week.
func (s *Service) Forget(ctx context.Context) error {
	return database.Err(s.db.Read(ctx).Exec("DELETE FROM budget_use WHERE hour < now() - interval '7 days'").Error)
}
