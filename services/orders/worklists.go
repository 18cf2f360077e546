package orders

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// FlagFilter says which open flags to list. Zero fields do not filter.
type FlagFilter struct {
	Code    models.FlagCode
	Owner   string
	StoreID models.ID
	Snoozed string // FlagsAwake, FlagsSnoozed, FlagsAll
	Soonest bool   // soonest deadline first, those without one last; otherwise newest first
	Cursor  string
	Limit   int
}

// Which flags are listed with regard to those that were put off. The zero value leaves them out.
const (
	FlagsAwake   = ""
	FlagsSnoozed = "only"
	FlagsAll     = "include"
)

// FlagRow is a flag with what it is about.
type FlagRow struct {
	models.Flag
	OrderNumber    string
	StoreID        models.ID // of its order, or the connection itself
	SupplierNumber string    // when it is about one supplier order that has a number
}

// FlagPage is one page of flags.
type FlagPage struct {
	Flags []FlagRow
	Next  string
}

// A flag without a deadline comes after all that have one.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

const deadlineKey = "coalesce(flags.deadline, '9999-12-31 00:00:00+00'::timestamptz)"

// Flags lists a merchant's open flags, of orders and of connections, along an index.
func (s *Service) Flags(ctx context.Context, m models.MerchantID, f FlagFilter) (FlagPage, error) {
	var page FlagPage
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		flags, next, err := pageOfFlags(narrowFlags(q, m, f), f.Soonest, f.Cursor, f.Limit)
		if err != nil {
			return err
		}
		page = FlagPage{Flags: make([]FlagRow, len(flags)), Next: next}
		for i, flag := range flags {
			page.Flags[i].Flag = flag
		}
		return nameSubjects(q, m, page.Flags)
	})
	return page, err
}

func narrowFlags(q *gorm.DB, m models.MerchantID, f FlagFilter) *gorm.DB {
	q = q.Where("flags.merchant_id = ? AND flags.closed_at IS NULL", m)
	if f.Code != "" {
		q = q.Where("flags.code = ?", f.Code)
	}
	if f.Owner != "" {
		q = q.Where("flags.owner = ?", f.Owner)
	}
	if f.StoreID != "" {
		q = q.Where("coalesce(flags.connection_id, (SELECT store_id FROM orders WHERE orders.merchant_id = flags.merchant_id AND orders.id = flags.order_id)) = ?", f.StoreID)
	}
	const asleep = "(flags.snoozed_until IS NOT NULL AND (flags.order_id IS NOT NULL OR flags.snoozed_until > now()))"
	switch f.Snoozed {
	case FlagsAwake:
		q = q.Where("NOT " + asleep)
	case FlagsSnoozed:
		q = q.Where(asleep)
	}
	return q
}

func pageOfFlags(q *gorm.DB, soonest bool, after string, limit int) (flags []models.Flag, next string, err error) {
	order, beyond := "flags.opened_at DESC, flags.id DESC", "(flags.opened_at, flags.id) < (?, ?)"
	if soonest {
		order, beyond = deadlineKey+", flags.id", "("+deadlineKey+", flags.id) > (?, ?)"
	}
	if after != "" {
		at, err := decodeCursor(after)
		if err != nil {
			return nil, "", err
		}
		q = q.Where(beyond, at.At, at.ID)
	}
	flags = []models.Flag{}
	if err := q.Order(order).Limit(limit + 1).Find(&flags).Error; err != nil {
		return nil, "", fmt.Errorf("list flags: %w", database.Err(err))
	}
	if len(flags) <= limit {
		return flags, "", nil
	}
	flags = flags[:limit]
	last := cursor{At: flags[limit-1].OpenedAt, ID: flags[limit-1].ID}
	if soonest {
		last.At = never
		if at := flags[limit-1].Deadline; at != nil {
			last.At = *at
		}
	}
	return flags, last.encode(), nil
}

// nameSubjects adds the numbers by which people know what flags are about.
func nameSubjects(q *gorm.DB, m models.MerchantID, rows []FlagRow) error {
	numbers, err := orderNumbers(q, m, rows)
	if err != nil {
		return err
	}
	var subjects []string
	for _, r := range rows {
		if database.ValidID(r.Subject) {
			subjects = append(subjects, r.Subject)
		}
	}
	supplier := map[string]string{}
	if len(subjects) > 0 {
		var found []struct{ ID, ExternalID string }
		err := q.Raw("SELECT id, external_id FROM supplier_orders WHERE merchant_id = ? AND id IN ?", m, subjects).Scan(&found).Error
		if err != nil {
			return fmt.Errorf("name flags: %w", database.Err(err))
		}
		for _, f := range found {
			supplier[f.ID] = f.ExternalID
		}
	}
	for i := range rows {
		r := &rows[i]
		r.SupplierNumber = supplier[r.Subject]
		if r.OrderID != nil {
			r.OrderNumber, r.StoreID = numbers[*r.OrderID].Number, numbers[*r.OrderID].StoreID
		}
	}
	return nil
}

type orderName struct {
	ID, StoreID models.ID
	Number      string
}

func orderNumbers(q *gorm.DB, m models.MerchantID, rows []FlagRow) (map[models.ID]orderName, error) {
	var ids []models.ID
	for _, r := range rows {
		if r.OrderID != nil {
			ids = append(ids, *r.OrderID)
		}
	}
	names := map[models.ID]orderName{}
	if len(ids) == 0 {
		return names, nil
	}
	var found []orderName
	if err := q.Raw("SELECT id, store_id, number FROM orders WHERE merchant_id = ? AND id IN ?", m, ids).Scan(&found).Error; err != nil {
		return nil, fmt.Errorf("name flags: %w", database.Err(err))
	}
	for _, f := range found {
		names[f.ID] = f
	}
	return names, nil
}

// Flag reads one flag of a merchant, open or not.
func (s *Service) Flag(ctx context.Context, m models.MerchantID, id models.ID) (FlagRow, error) {
	rows := []FlagRow{{}}
	if !database.ValidID(string(id)) {
		return FlagRow{}, noFlag()
	}
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		if err := q.Where("merchant_id = ? AND id = ?", m, id).Limit(1).Find(&rows[0].Flag).Error; err != nil {
			return fmt.Errorf("read flag: %w", database.Err(err))
		}
		if rows[0].ID == "" {
			return noFlag()
		}
		return nameSubjects(q, m, rows)
	})
	return rows[0], err
}

func noFlag() error {
	return models.Errorf(models.NotFound, "flag_not_found", "There is no such flag.")
}

// Mismatch is a parcel about which its store does not show what it should: it shows something else than it had confirmed, it
// refused, or it has not confirmed in time.
type Mismatch struct {
	Flag  FlagRow
	Push  models.Push
	Shown *models.StoreFulfillment // what it shows of the same goods, as last read; nil: nothing
	Since time.Time
}

// Mismatches lists a merchant's mismatches, newest first, along an index.
func (s *Service) Mismatches(ctx context.Context, m models.MerchantID, after string, limit int) (list []Mismatch, next string, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) (err error) {
		list, next, err = mismatches(q, m, after, limit)
		return err
	})
	return list, next, err
}

func mismatches(db *gorm.DB, m models.MerchantID, after string, limit int) (list []Mismatch, next string, err error) {
	q := db.Where("flags.merchant_id = ? AND flags.closed_at IS NULL AND flags.code IN ('mismatch', 'push_refused', 'push_unconfirmed')", m)
	flags, next, err := pageOfFlags(q, false, after, limit)
	if err != nil {
		return nil, "", err
	}
	rows := make([]FlagRow, len(flags))
	var pushIDs, orderIDs []models.ID
	for i, f := range flags {
		rows[i].Flag = f
		if database.ValidID(f.Subject) {
			pushIDs, orderIDs = append(pushIDs, models.ID(f.Subject)), append(orderIDs, *f.OrderID)
		}
	}
	if err := nameSubjects(db, m, rows); err != nil || len(pushIDs) == 0 {
		return []Mismatch{}, next, err
	}
	var pushes []models.Push
	var shown []models.StoreFulfillment
	if err := db.Where("merchant_id = ? AND id IN ?", m, pushIDs).Find(&pushes).Error; err != nil {
		return nil, "", fmt.Errorf("read pushes: %w", database.Err(err))
	}
	if err := db.Where("merchant_id = ? AND order_id IN ?", m, orderIDs).Order("seen_at, fulfillment_id").Find(&shown).Error; err != nil {
		return nil, "", fmt.Errorf("read what stores show: %w", database.Err(err))
	}
	for _, r := range rows {
		for _, p := range pushes {
			if string(p.ID) == r.Subject {
				list = append(list, mismatchOf(r, p, shown))
			}
		}
	}
	return list, next, nil
}

func mismatchOf(flag FlagRow, p models.Push, shown []models.StoreFulfillment) Mismatch {
	out := Mismatch{Flag: flag, Push: p, Since: p.WantedSince}
	if flag.Code == models.FlagMismatch {
		out.Since = flag.OpenedAt
	}
	for i, s := range shown {
		if s.OrderID != p.OrderID {
			continue
		}
		if s.FulfillmentID == p.FulfillmentID {
			out.Shown = &shown[i]
			return out
		}
		if p.FulfillmentID == "" && out.Shown == nil && sharesLine(s.Lines, p.WantedLines) {
			out.Shown = &shown[i]
		}
	}
	return out
}

func sharesLine(a, b []models.FulfillmentLine) bool {
	for _, l := range b {
		if models.QuantityOf(a, l.LineID) > 0 {
			return true
		}
	}
	return false
}
