package health_test

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"waybill/models"
	"waybill/services/database/databasetest"
	"waybill/services/health"
)

func TestPercentiles(t *testing.T) {
	t.Parallel()
	counts := func(at map[int]int64) []int64 {
		c := make([]int64, len(health.Buckets)+1)
		for i, n := range at {
			c[i] = n
		}
		return c
	}
	for name, c := range map[string]struct {
		counts []int64
		p      float64
		want   float64
	}{
		"nothing":         {counts(nil), 0.5, 0},
		"one bucket":      {counts(map[int]int64{4: 10}), 0.5, 0.75},
		"first bucket":    {counts(map[int]int64{0: 4}), 0.5, 0.025},
		"two buckets":     {counts(map[int]int64{4: 90, 6: 10}), 0.95, 3.75},
		"beyond the last": {counts(map[int]int64{len(health.Buckets): 3}), 0.5, 14400},
	} {
		if got := health.Percentile(c.counts, c.p); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %g, want %g", name, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SliceOfN(rapid.Int64Range(0, 50), len(health.Buckets)+1, len(health.Buckets)+1).Draw(t, "counts")
		low, high := health.Percentile(c, 0.5), health.Percentile(c, 0.95)
		if low > high || high > health.Buckets[len(health.Buckets)-1] {
			t.Fatalf("p50 %g, p95 %g", low, high)
		}
	})
}

// Two processes count into the same hours.
func TestMeasurementsAreAddedUp(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	m, c := models.MerchantID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"), models.ID("0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f12")
	for _, statement := range []string{
		"INSERT INTO merchants (id, name, created_at) VALUES ('" + string(m) + "', 'm', now())",
		"INSERT INTO connections (merchant_id, id, platform, external_id, name, state, created_at, updated_at) VALUES ('" + string(m) + "', '" + string(c) + "', 'wix', 'e', 'n', 'active', now(), now())",
	} {
		if err := databasetest.Owner(t, db).Exec(statement).Error; err != nil {
			t.Fatal(err)
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	a, b := health.NewRecorder(db, quiet), health.NewRecorder(db, quiet)
	for range 3 {
		for _, r := range []*health.Recorder{a, b} {
			r.Lag(m, c, models.StoreToWaybill, 300*time.Millisecond)
			r.Failed(m, c, models.Errorf(models.Unavailable, "wix_unavailable", "x"))
			r.Flush(t.Context())
		}
	}
	lags, err := a.Lags(t.Context(), m)
	if err != nil || len(lags[c]) != 1 || lags[c][0].Count != 6 || lags[c][0].P50 < 0.25 || lags[c][0].P95 > 0.5 {
		t.Errorf("%+v, %v", lags, err)
	}
	errors, err := b.Errors(t.Context(), m)
	if err != nil || len(errors[c]) != 1 || errors[c][0] != (health.ErrorCount{Kind: models.Unavailable, Code: "wix_unavailable", N: 6}) {
		t.Errorf("%+v, %v", errors, err)
	}
}
