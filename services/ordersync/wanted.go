package ordersync

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// Wanted is a variant that open orders hold and no product mapping names.
type Wanted struct {
	StoreID    models.ID
	VariantKey string
	// As the newest of the orders has it.
	Name, SKU, Options, ImageURL string
	Orders                       int // open orders that wait for it
	OldestPlacedAt               time.Time
}

type wantedCursor struct {
	Variant string    `json:"v"`
	Store   models.ID `json:"s"`
}

// It goes from one variant to the next along order_lines_wanted and adds up each on its own, so that a page reads its own lines and no others.
const wantedSQL = `WITH RECURSIVE variants AS (
	(SELECT variant_key FROM order_lines WHERE merchant_id = @m AND NOT mapped AND NOT removed AND variant_key <> '' AND variant_key >= @variant ORDER BY variant_key LIMIT 1)
	UNION ALL
	SELECT (SELECT l.variant_key FROM order_lines l WHERE l.merchant_id = @m AND NOT l.mapped AND NOT l.removed AND l.variant_key <> '' AND l.variant_key > v.variant_key ORDER BY l.variant_key LIMIT 1)
	FROM variants v WHERE v.variant_key IS NOT NULL)
SELECT * FROM (SELECT w.* FROM variants v CROSS JOIN LATERAL (
	SELECT o.store_id, l.variant_key, count(DISTINCT o.id) AS orders, min(o.placed_at) AS oldest_placed_at, (array_agg(l.name ORDER BY o.placed_at DESC))[1] AS name,
		(array_agg(l.sku ORDER BY o.placed_at DESC))[1] AS sku, (array_agg(l.options ORDER BY o.placed_at DESC))[1] AS options, (array_agg(l.image_url ORDER BY o.placed_at DESC))[1] AS image_url
	FROM order_lines l JOIN orders o ON o.merchant_id = l.merchant_id AND o.id = l.order_id
	WHERE l.merchant_id = @m AND l.variant_key = v.variant_key AND NOT l.mapped AND NOT l.removed AND l.variant_key <> '' AND l.quantity > l.refunded
		AND coalesce(nullif(l.role_override, ''), l.role) = @dropship AND o.tab NOT IN @ended AND (@store = '' OR o.store_id::text = @store)
		AND NOT EXISTS (SELECT 1 FROM product_mappings p WHERE p.merchant_id = l.merchant_id AND p.store_id = o.store_id AND p.variant_key = l.variant_key AND p.rank = 0)
		AND (l.variant_key <> @variant OR o.store_id::text > @after)
	GROUP BY o.store_id, l.variant_key ORDER BY o.store_id) w LIMIT @limit) page ORDER BY variant_key, store_id`

// Wanted lists variants of open orders that have no mapping, by their keys, of one store if given. It reads along order_lines_wanted. A variant whose
// mapping has just been made is gone at once, although its orders take it over a moment later.
func (s *Service) Wanted(ctx context.Context, m models.MerchantID, store models.ID, cursor string, limit int) (list []Wanted, next string, err error) {
	var after wantedCursor
	if cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || json.Unmarshal(raw, &after) != nil || !database.ValidID(string(after.Store)) || strings.ContainsRune(after.Variant, 0) {
			return nil, "", database.BadCursor()
		}
	}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(wantedSQL, map[string]any{
			"m": m, "store": store, "variant": after.Variant, "after": after.Store, "limit": limit + 1, "dropship": models.RoleDropship, "ended": []models.Tab{models.TabFulfilled, models.TabClosed},
		}).Scan(&list).Error
	})
	if err != nil {
		return nil, "", fmt.Errorf("list what is not mapped: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		text, err := json.Marshal(wantedCursor{list[limit-1].VariantKey, list[limit-1].StoreID})
		if err != nil {
			return nil, "", err
		}
		next = base64.RawURLEncoding.EncodeToString(text)
	}
	return list, next, nil
}

// SupplierStore is an AliExpress store.
type SupplierStore struct{ ID, Name string }

// mostSuppliers is how many stores are listed at most.
const mostSuppliers = 1000

// SupplierStores lists the AliExpress stores that a merchant's product mappings name.
func (s *Service) SupplierStores(ctx context.Context, m models.MerchantID) (list []SupplierStore, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT supplier_store_id AS id, max(supplier_store_name) AS name FROM product_mappings WHERE merchant_id = ? AND supplier_store_id <> ''
		GROUP BY 1 ORDER BY lower(max(supplier_store_name)), 1 LIMIT ?`, m, mostSuppliers).Scan(&list).Error
	})
	return list, err
}
