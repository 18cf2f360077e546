// Package health is what was measured and what is owed: how long each hop takes, how often calls fail and why, how much of
// the platforms' budgets is used, what waits and what runs next.
package health

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// Buckets are the upper ends, in seconds, by which lags are counted; one more bucket holds what took longer.
var Buckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400}

type lagKey struct {
	merchant   models.MerchantID
	connection models.ID
	hop        models.Hop
}

type errorKey struct {
	merchant   models.MerchantID
	connection models.ID
	kind       models.Kind
	code       string
}

// Recorder counts in memory and writes down what it has counted every few seconds: a few seconds are lost with a process.
type Recorder struct {
	db  *database.DB
	log *slog.Logger

	mu     sync.Mutex
	lags   map[lagKey][]int64
	errors map[errorKey]int64
}

// NewRecorder makes a recorder. Run writes down what it counts.
func NewRecorder(db *database.DB, log *slog.Logger) *Recorder {
	return &Recorder{db: db, log: log, lags: map[lagKey][]int64{}, errors: map[errorKey]int64{}}
}

// Lag counts how long a hop took over a connection, from the news to the fact.
func (r *Recorder) Lag(m models.MerchantID, connection models.ID, hop models.Hop, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := lagKey{m, connection, hop}
	if r.lags[k] == nil {
		r.lags[k] = make([]int64, len(Buckets)+1)
	}
	at, _ := slices.BinarySearch(Buckets, d.Seconds())
	r.lags[k][at]++
}

// Failed counts a call over a connection that failed.
func (r *Recorder) Failed(m models.MerchantID, connection models.ID, err error) {
	e := models.AsError(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors[errorKey{m, connection, e.Kind, e.Code}]++
}

// Run writes down what is counted every few seconds until ctx ends.
func (r *Recorder) Run(ctx context.Context) { database.FlushUntil(ctx, r.Flush) }

// Flush writes down what has been counted since the last time.
func (r *Recorder) Flush(ctx context.Context) {
	r.mu.Lock()
	lags, errors := r.lags, r.errors
	r.lags, r.errors = map[lagKey][]int64{}, map[errorKey]int64{}
	r.mu.Unlock()
	note := func(err error) {
		if err != nil {
			r.log.Warn("a measurement was not written down", "error", database.Err(err))
		}
	}
	for k, counts := range lags {
		note(r.db.Of(k.merchant).InTx(ctx, func(tx database.Tx) error {
			return tx.Exec(`INSERT INTO hop_lags AS h (merchant_id, connection_id, hop, hour, counts) VALUES (?, ?, ?, date_trunc('hour', now()), ?::bigint[])
			ON CONFLICT (merchant_id, connection_id, hop, hour) DO UPDATE SET counts = ARRAY(SELECT a + b FROM unnest(h.counts, excluded.counts) AS u(a, b))`,
				k.merchant, k.connection, k.hop, array(counts)).Error
		}))
	}
	for k, n := range errors {
		note(r.db.Of(k.merchant).InTx(ctx, func(tx database.Tx) error {
			return tx.Exec(`INSERT INTO connection_errors AS e (merchant_id, connection_id, kind, code, hour, n) VALUES (?, ?, ?, ?, date_trunc('hour', now()), ?)
			ON CONFLICT (merchant_id, connection_id, hour, kind, code) DO UPDATE SET n = e.n + excluded.n`, k.merchant, k.connection, k.kind, k.code, n).Error
		}))
	}
}

// array is a list as PostgreSQL reads it.
func array(counts []int64) string {
	texts := make([]string, len(counts))
	for i, n := range counts {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// Percentile reads a percentile (0 to 1) out of counted buckets, in seconds, straight within its bucket; 0 when nothing was counted. What is
// beyond the last bucket counts as its upper end.
func Percentile(counts []int64, p float64) float64 {
	var total int64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank, below := p*float64(total), 0.0
	for i, n := range counts {
		if i == len(Buckets) {
			break
		}
		if below+float64(n) >= rank && n > 0 {
			low := 0.0
			if i > 0 {
				low = Buckets[i-1]
			}
			return low + (Buckets[i]-low)*(rank-below)/float64(n)
		}
		below += float64(n)
	}
	return Buckets[len(Buckets)-1]
}
