package health

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// HopLag is how long a hop took, in seconds.
type HopLag struct {
	Hop      models.Hop
	P50, P95 float64
	Count    int64
}

// ErrorCount is how often calls over a connection failed in one way in the last 24 hours.
type ErrorCount struct {
	Kind models.Kind
	Code string
	N    int64
}

// Lags gives the measured lags of a merchant's connections.
func (r *Recorder) Lags(ctx context.Context, m models.MerchantID) (map[models.ID][]HopLag, error) {
	var rows []struct {
		ConnectionID models.ID
		Hop          models.Hop
		Counts       string
	}
	err := r.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT connection_id, hop, array_agg(n ORDER BY i)::text AS counts FROM (
		SELECT connection_id, hop, i, sum(n) AS n FROM hop_lags, unnest(counts) WITH ORDINALITY AS u(n, i)
		WHERE merchant_id = ? AND hour > now() - interval '24 hours' GROUP BY 1, 2, 3) t GROUP BY 1, 2 ORDER BY 1, 2`, m).Scan(&rows).Error
	})
	if err != nil {
		return nil, fmt.Errorf("read lags: %w", err)
	}
	lags := map[models.ID][]HopLag{}
	for _, row := range rows {
		l, err := hopLag(row.Hop, row.Counts)
		if err != nil {
			return nil, err
		}
		lags[row.ConnectionID] = append(lags[row.ConnectionID], l)
	}
	return lags, nil
}

func hopLag(hop models.Hop, array string) (HopLag, error) {
	counts, err := numbers(array)
	l := HopLag{Hop: hop, P50: Percentile(counts, 0.5), P95: Percentile(counts, 0.95)}
	for _, n := range counts {
		l.Count += n
	}
	return l, err
}

// numbers reads a list as PostgreSQL writes it.
func numbers(array string) ([]int64, error) {
	var list []int64
	for text := range strings.SplitSeq(strings.Trim(array, "{}"), ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read lags: %w", err)
		}
		list = append(list, n)
	}
	return list, nil
}

// Errors gives how often calls over a merchant's connections failed, most often first.
func (r *Recorder) Errors(ctx context.Context, m models.MerchantID) (map[models.ID][]ErrorCount, error) {
	var rows []struct {
		ConnectionID models.ID
		Kind         models.Kind
		Code         string
		N            int64
	}
	err := r.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT connection_id, kind, code, sum(n)::bigint AS n FROM connection_errors WHERE merchant_id = ? AND hour > now() - interval '24 hours'
		GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 3`, m).Scan(&rows).Error
	})
	if err != nil {
		return nil, fmt.Errorf("read errors: %w", err)
	}
	errors := map[models.ID][]ErrorCount{}
	for _, row := range rows {
		errors[row.ConnectionID] = append(errors[row.ConnectionID], ErrorCount{row.Kind, row.Code, row.N})
	}
	return errors, nil
}

// Forget removes a merchant's measurements that are older than a month.
func (r *Recorder) Forget(ctx context.Context, m models.MerchantID) error {
	return r.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		for _, table := range []string{"hop_lags", "connection_errors"} {
			if err := tx.Exec("DELETE FROM "+table+" WHERE merchant_id = ? AND hour < now() - interval '31 days'", m).Error; err != nil {
				return err
			}
		}
		return nil
	})
}
