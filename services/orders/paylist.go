package orders

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// PayFilter says which unpaid supplier orders to list. Zero fields do not filter.
type PayFilter struct {
	AccountID models.ID
	StoreID   models.ID
	Cursor    string
	Limit     int
}

// PayItem is one supplier order that waits for its payment.
type PayItem struct {
	SupplierOrderID models.ID
	OrderID         models.ID
	OrderNumber     string
	StoreID         models.ID
	AccountID       models.ID
	Number          string // AliExpress'
	Status          string // verbatim
	AmountMinor     int64
	AmountCurrency  string // empty until AliExpress has said what it costs
	PayBy           *time.Time
	PlacedAt        *time.Time
	Sort            time.Time
}

// PayTotal is what is to be paid in one currency. Currencies are never added.
type PayTotal struct {
	Currency string // empty: orders whose amount is not known yet
	Minor    int64
	Orders   int
}

// PayList is one page of what is to be paid, soonest first, and the totals of all of it.
type PayList struct {
	Now    time.Time
	Items  []PayItem
	Totals []PayTotal
	Next   string
}

type payCursor struct {
	At time.Time `json:"at"`
	ID models.ID `json:"id"`
}

// forever stands for "AliExpress says no time" in the order of the list, and in its index.
var forever = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// PayList lists the unpaid supplier orders that are to be paid: not those of orders that the store no longer wants. It reads
// along supplier_orders_pay_list; the totals are one grouped read of the same index.
func (s *Service) PayList(ctx context.Context, m models.MerchantID, f PayFilter) (PayList, error) {
	var list PayList
	err := s.db.Of(m).Read(ctx, func(db *gorm.DB) (err error) {
		list, err = payList(db, m, f)
		return err
	})
	return list, err
}

func payList(db *gorm.DB, m models.MerchantID, f PayFilter) (list PayList, err error) {
	due := func() *gorm.DB {
		q := db.Table("supplier_orders AS s").Joins("JOIN orders o ON o.merchant_id = s.merchant_id AND o.id = s.order_id").
			Where("s.merchant_id = ? AND s.stage = 'unpaid' AND s.state = 'placed' AND o.gate = 'open' AND o.tab <> 'closed'", m)
		if f.AccountID != "" {
			q = q.Where("s.account_id = ?", f.AccountID)
		}
		if f.StoreID != "" {
			q = q.Where("o.store_id = ?", f.StoreID)
		}
		return q
	}
	page := due()
	if f.Cursor != "" {
		c, err := decodePayCursor(f.Cursor)
		if err != nil {
			return list, err
		}
		page = page.Where("(coalesce(s.pay_by, '9999-12-31 00:00:00+00'::timestamptz), s.id) > (?, ?)", c.At, c.ID)
	}
	err = page.Select(`s.id AS supplier_order_id, s.order_id, o.number AS order_number, o.store_id, s.account_id, s.external_id AS number, s.status,
		s.amount_minor, s.amount_currency, s.pay_by, s.placed_at, coalesce(s.pay_by, '9999-12-31 00:00:00+00'::timestamptz) AS sort`).
		Order("coalesce(s.pay_by, '9999-12-31 00:00:00+00'::timestamptz), s.id").Limit(f.Limit + 1).Scan(&list.Items).Error
	if err != nil {
		return list, fmt.Errorf("list what is to be paid: %w", database.Err(err))
	}
	if len(list.Items) > f.Limit {
		list.Items = list.Items[:f.Limit]
		last := list.Items[f.Limit-1]
		list.Next = base64.RawURLEncoding.EncodeToString([]byte(asJSON(payCursor{last.Sort, last.SupplierOrderID})))
	}
	err = due().Select("s.amount_currency AS currency, coalesce(sum(s.amount_minor), 0)::bigint AS minor, count(*) AS orders").Group("s.amount_currency").Order("s.amount_currency").Scan(&list.Totals).Error
	if err != nil {
		return list, fmt.Errorf("add up what is to be paid: %w", database.Err(err))
	}
	if err := db.Raw("SELECT clock_timestamp()").Row().Scan(&list.Now); err != nil {
		return list, database.Err(err)
	}
	return list, nil
}

func decodePayCursor(s string) (c payCursor, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || !database.ValidID(string(c.ID)) || c.At.Year() < 2000 || c.At.After(forever) {
		return c, database.BadCursor()
	}
	return c, nil
}

// countUpTo is how far CountBeyond and CountMatches count.
const countUpTo = 10_000

// CountBeyond counts the orders of a list that follow its cursor, along the list's own index, up to ten thousand.
func (s *Service) CountBeyond(ctx context.Context, m models.MerchantID, f Filter) (n int, err error) {
	err = s.db.Of(m).Read(ctx, func(db *gorm.DB) error {
		q, err := filtered(db, m, f)
		if err != nil {
			return err
		}
		return db.Raw("SELECT count(*) FROM (?) beyond", q.Model(&models.Order{}).Select("1").Order(sorts[f.sort()].order).Limit(countUpTo)).Row().Scan(&n)
	})
	return n, err
}
