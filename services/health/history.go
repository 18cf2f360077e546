package health

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// Span is what was measured between two points in time.
type Span struct {
	Hops   []HopLag
	Errors int64
}

// History gives what was measured of a merchant's connections, or of one of them, in each of the spans that begin at starts, which ascend;
// the last one is still going on. What is measured is counted by the hour.
func (r *Recorder) History(ctx context.Context, m models.MerchantID, connection models.ID, starts []time.Time) ([]Span, error) {
	spans := make([]Span, len(starts))
	of := map[string]any{"m": m, "connection": connection, "starts": database.Times(starts), "first": starts[0]}
	var lags []struct {
		Span   int
		Hop    models.Hop
		Counts string
	}
	err := r.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT span, hop, array_agg(n ORDER BY i)::text AS counts FROM (
		SELECT width_bucket(hour, CAST(@starts AS timestamptz[])) AS span, hop, i, sum(n) AS n FROM hop_lags, unnest(counts) WITH ORDINALITY AS u(n, i)
		WHERE merchant_id = @m AND hour >= @first AND (@connection = '' OR connection_id::text = @connection) GROUP BY 1, 2, 3) t GROUP BY 1, 2 ORDER BY 1, 2`, of).Scan(&lags).Error
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of lags: %w", err)
	}
	for _, row := range lags {
		l, err := hopLag(row.Hop, row.Counts)
		if err != nil {
			return nil, err
		}
		spans[row.Span-1].Hops = append(spans[row.Span-1].Hops, l)
	}
	var failed []struct {
		Span int
		N    int64
	}
	err = r.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT width_bucket(hour, CAST(@starts AS timestamptz[])) AS span, sum(n)::bigint AS n FROM connection_errors
		WHERE merchant_id = @m AND hour >= @first AND (@connection = '' OR connection_id::text = @connection) GROUP BY 1`, of).Scan(&failed).Error
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of errors: %w", err)
	}
	for _, row := range failed {
		spans[row.Span-1].Errors = row.N
	}
	return spans, nil
}
