// Package desk is what support looks with: over all merchants for one order, and at how a merchant is. It reads, and shows nothing of
// a buyer but the name.
package desk

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// Service looks over all merchants.
type Service struct{ db *database.DB }

// New makes the service.
func New(db *database.DB) *Service { return &Service{db} }

const (
	// found bounds a search: who sees that many has to say more.
	found = 50
	// shortest is the least that a search is made for: less would be a list of everybody.
	shortest = 3
)

// Hit is an order that was looked for.
type Hit struct {
	MerchantID   models.MerchantID
	MerchantName string
	OrderID      models.ID
	Number       string
	Store        string
	Tab          models.Tab
	OpenFlags    int
	PlacedAt     time.Time
	BuyerName    string
	BuyerEmail   string
	Matched      string // what the text matched: number, supplier_number, tracking_number, email, name
}

// Each way to find an order, merchant by merchant along its index: every index of a tenant's table begins with the merchant.
var ways = []struct{ matched, sql string }{
	{"number", "SELECT id AS order_id FROM orders WHERE merchant_id = m.id AND number = @text"},
	{"number", "SELECT id AS order_id FROM orders WHERE merchant_id = m.id AND external_id = @text"},
	{"supplier_number", "SELECT order_id FROM supplier_orders WHERE merchant_id = m.id AND external_id = @text AND external_id <> ''"},
	{"tracking_number", "SELECT order_id FROM parcels WHERE merchant_id = m.id AND tracking_number = @text"},
	{"email", "SELECT id AS order_id FROM orders WHERE merchant_id = m.id AND email_key = @first"},
	{"name", "SELECT id AS order_id FROM orders WHERE merchant_id = m.id AND name_key ~>=~ @first AND name_key ~<~ @last"},
	{"name", "SELECT id AS order_id FROM orders WHERE merchant_id = m.id AND last_name_key ~>=~ @first AND last_name_key ~<~ @last"},
}

// Search finds orders of all merchants by a number, an e-mail address, or how a buyer's name begins; the newest first, 50 at most.
// It answers Invalid for less than 3 characters.
func (s *Service) Search(ctx context.Context, text string) ([]Hit, error) {
	text = orders.Searched(text)
	if utf8.RuneCountInString(text) < shortest {
		e := models.Errorf(models.Invalid, "query_invalid", "Say more of what you look for.")
		e.Fields = []models.FieldError{{Pointer: "q", Reason: "must have at least 3 characters"}}
		return nil, e
	}
	first := strings.ToLower(text)
	args := map[string]any{"text": text, "first": first, "last": first + string(unicode.MaxRune), "found": found}
	parts := make([]string, len(ways))
	for i, way := range ways {
		parts[i] = "SELECT m.id AS merchant_id, f.order_id, '" + way.matched + "' AS matched, " + string(rune('0'+i)) + " AS rank FROM merchants m CROSS JOIN LATERAL (" + way.sql + " LIMIT @found) f"
	}
	hits := []Hit{}
	_, err := s.db.AcrossCopy(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT o.merchant_id, m.name AS merchant_name, o.id AS order_id, o.number, c.name AS store, o.tab, o.open_flags, o.placed_at, o.buyer_name, o.buyer_email, f.matched
			FROM (SELECT DISTINCT ON (merchant_id, order_id) merchant_id, order_id, matched FROM (`+strings.Join(parts, " UNION ALL ")+`) every ORDER BY merchant_id, order_id, rank) f
			JOIN orders o ON o.merchant_id = f.merchant_id AND o.id = f.order_id
			JOIN merchants m ON m.id = f.merchant_id
			JOIN connections c ON c.merchant_id = o.merchant_id AND c.id = o.store_id
			ORDER BY o.placed_at DESC, o.id DESC LIMIT @found`, args).Scan(&hits).Error
	})
	return hits, err
}

// Overview is how a merchant is.
type Overview struct {
	ID          models.MerchantID
	Name        string
	CreatedAt   time.Time
	Stores      int // connected
	Accounts    int
	Broken      int // connections that have to be made again
	OpenFlags   int64
	OpenOrders  int64      // that can still change
	OldestDue   *time.Time // since when the order waits that has waited longest for its check
	LastSuccess *time.Time // when a connection last answered
}

// OverviewPage is one page of merchants.
type OverviewPage struct {
	Merchants []Overview
	Next      string
}

// Merchants lists merchants by name, each with how it is; text narrows to names that hold it.
func (s *Service) Merchants(ctx context.Context, text, cursor string, limit int) (OverviewPage, error) {
	page := OverviewPage{Merchants: []Overview{}}
	text = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(strings.TrimSpace(text)))
	if cursor != "" && !database.ValidID(cursor) {
		e := models.Errorf(models.Invalid, "query_invalid", "The cursor cannot be used.")
		e.Fields = []models.FieldError{{Pointer: "cursor", Reason: "must be next_cursor of the page before"}}
		return page, e
	}
	err := s.db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT m.id, m.name, m.created_at, c.*, f.*, t.*, d.*
			FROM (SELECT id, name, created_at FROM merchants WHERE (@text = '' OR lower(name) LIKE '%' || @text || '%') AND (@after = '' OR (name, id) > (SELECT name, id FROM merchants WHERE id = nullif(@after, '')::uuid))
				ORDER BY name, id LIMIT @limit) m
			CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE platform = 'wix' AND state <> 'removed') AS stores, count(*) FILTER (WHERE platform = 'aliexpress' AND state <> 'removed') AS accounts,
				count(*) FILTER (WHERE state = 'needs_reauth') AS broken, max(last_success_at) AS last_success FROM connections WHERE merchant_id = m.id) c
			CROSS JOIN LATERAL (SELECT count(*) AS open_flags FROM flags WHERE merchant_id = m.id AND closed_at IS NULL) f
			CROSS JOIN LATERAL (SELECT coalesce(sum(n) FILTER (WHERE view NOT IN ('fulfilled', 'closed', 'attention')), 0)::bigint AS open_orders FROM tab_counts WHERE merchant_id = m.id) t
			CROSS JOIN LATERAL (SELECT min(due_at) FILTER (WHERE due_at < now()) AS oldest_due FROM (SELECT due_at FROM order_checks WHERE merchant_id = m.id ORDER BY due_at LIMIT 1) o) d
			ORDER BY m.name, m.id`, map[string]any{"text": text, "after": cursor, "limit": limit + 1}).Scan(&page.Merchants).Error
	})
	if err == nil && len(page.Merchants) > limit {
		page.Merchants = page.Merchants[:limit]
		page.Next = string(page.Merchants[limit-1].ID)
	}
	return page, err
}
