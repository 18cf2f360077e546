package orders

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"waybill/models"
	"waybill/services/database"
)

// slots is over how many rows a view's count is spread.
const slots = 8

// load locks an order and reads everything that Rollup needs.
func load(tx database.Tx, m models.MerchantID, orderID models.ID) (models.Facts, error) {
	var f models.Facts
	err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("merchant_id = ? AND id = ?", m, orderID).Take(&f.Order).Error
	if err != nil {
		return f, notFound(err)
	}
	return f, readFacts(tx.DB, m, orderID, &f)
}

func notFound(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.Errorf(models.NotFound, "order_not_found", "There is no such order.")
	}
	return database.Err(err)
}

// readFacts reads what hangs on an order, and asks for nothing that cannot be there. It is the one reader of facts: Apply and the detail page use it alike.
func readFacts(db *gorm.DB, m models.MerchantID, orderID models.ID, f *models.Facts) error {
	if err := readRules(db, m, f.Order.StoreID, &f.Rules); err != nil {
		return err
	}
	var supplierLines []models.SupplierLine
	var items []models.ParcelItem
	read := func(only, order string, dest any) error {
		if err := db.Where("merchant_id = ? AND order_id = ?"+only, m, orderID).Order(order).Find(dest).Error; err != nil {
			return fmt.Errorf("read order %s: %w", orderID, database.Err(err))
		}
		return nil
	}
	err := errors.Join(
		read("", "position, line_id", &f.Lines), read("", "id", &f.SupplierOrders),
		read(" AND lifted_at IS NULL", "id", &f.Overrides), read(" AND (closed_at IS NULL OR dismissed)", "opened_at, id", &f.Flags),
	)
	if len(f.SupplierOrders) > 0 && err == nil {
		err = errors.Join(read("", "line_id, part", &supplierLines), read("", "id", &f.Parcels))
	}
	if len(f.Parcels) > 0 && err == nil {
		err = errors.Join(read("", "line_id, part", &items), read("", "id", &f.Pushes))
	}
	if f.Order.ShownAt != nil && err == nil {
		err = read("", "fulfillment_id", &f.Shown)
	}
	if err != nil {
		return err
	}
	for i := range f.SupplierOrders {
		for _, l := range supplierLines {
			if l.SupplierOrderID == f.SupplierOrders[i].ID {
				f.SupplierOrders[i].Lines = append(f.SupplierOrders[i].Lines, l)
			}
		}
	}
	for i := range f.Parcels {
		for _, it := range items {
			if it.ParcelID == f.Parcels[i].ID {
				f.Parcels[i].Items = append(f.Parcels[i].Items, it)
			}
		}
	}
	return nil
}

// readRules reads what the merchant has decided in general, about the order's store and about carriers.
func readRules(db *gorm.DB, m models.MerchantID, storeID models.ID, r *models.Rules) error {
	var merchant, store, carriers, gone string
	row := db.Raw(`SELECT m.settings::text, c.settings::text, m.auto_place_since, m.placing_tripped_at, m.placing_tripped_why, m.placing_resumed_at,
			coalesce((SELECT json_agg(json_build_object('MerchantID', k.merchant_id, 'Key', k.key, 'Name', k.name, 'Provider', k.provider, 'Link', k.link)) FROM carriers k WHERE k.merchant_id = m.id)::text, 'null'),
			coalesce((SELECT json_agg(g.id) FROM connections g WHERE g.merchant_id = m.id AND g.platform = 'aliexpress' AND g.state = 'removed')::text, 'null')
		FROM merchants m JOIN connections c ON c.merchant_id = m.id WHERE m.id = ? AND c.id = ?`, m, storeID).Row()
	p := &r.Placing
	if err := row.Scan(&merchant, &store, &p.AutoPlaceSince, &p.PlacingTrippedAt, &p.PlacingTrippedWhy, &p.PlacingResumedAt, &carriers, &gone); err != nil {
		return fmt.Errorf("read the settings: %w", database.Err(err))
	}
	err := errors.Join(json.Unmarshal([]byte(merchant), &r.Merchant), json.Unmarshal([]byte(store), &r.Store), json.Unmarshal([]byte(carriers), &r.Carriers), json.Unmarshal([]byte(gone), &r.GoneAccounts))
	if err != nil {
		return fmt.Errorf("read the settings: %w", err)
	}
	r.Merchant = r.Merchant.OrDefaults()
	return nil
}

// clone copies the slices, so that what is changed can be compared with what was read.
func clone(f models.Facts) models.Facts {
	c := f
	c.Lines, c.SupplierOrders, c.Parcels, c.Pushes = slices.Clone(f.Lines), slices.Clone(f.SupplierOrders), slices.Clone(f.Parcels), slices.Clone(f.Pushes)
	c.Shown, c.Overrides, c.Flags = slices.Clone(f.Shown), slices.Clone(f.Overrides), slices.Clone(f.Flags)
	for i := range c.SupplierOrders {
		c.SupplierOrders[i].Lines = slices.Clone(c.SupplierOrders[i].Lines)
	}
	for i := range c.Parcels {
		c.Parcels[i].Items = slices.Clone(c.Parcels[i].Items)
	}
	return c
}

// save writes the rows that differ, in an order that every foreign key and unique index allows.
func (c *change) save(before models.Facts) error {
	after := &c.facts
	if err := c.saveOrder(before.Order); err != nil {
		return err
	}
	for _, save := range []func() error{
		func() error { return saveRows(c.tx, bareLines(before), bareLines(*after)) },
		func() error { return saveRows(c.tx, bareOrders(before), bareOrders(*after), "fetch_seq") },
		func() error { return saveRows(c.tx, supplierLines(before), supplierLines(*after)) },
		func() error { return saveRows(c.tx, bareParcels(before), bareParcels(*after)) },
		func() error { return saveRows(c.tx, parcelItems(before), parcelItems(*after)) },
		func() error { return saveRows(c.tx, before.Pushes, after.Pushes) },
		func() error { return saveRows(c.tx, before.Shown, after.Shown) },
		func() error { return saveRows(c.tx, before.Overrides, after.Overrides) },
		func() error { return saveRows(c.tx, before.Flags, after.Flags) },
	} {
		if err := save(); err != nil {
			return err
		}
	}
	return c.saveRecords()
}

func (c *change) saveOrder(before models.Order) error {
	o := &c.facts.Order
	if c.result.Changed {
		o.Version++
		o.UpdatedAt = c.tx.Now
	}
	if reflect.DeepEqual(before, *o) {
		return nil
	}
	if err := updateRow(c.tx, o, "store_id"); err != nil {
		return err
	}
	return c.countViews(before)
}

// countViews moves the kept counts. The views are taken in one order, whatever moves where, so that no two orders wait for
// each other's rows.
func (c *change) countViews(before models.Order) error {
	after, by := c.facts.Order, map[string]int{}
	if !c.result.Created {
		by[string(before.Tab)]--
	}
	by[string(after.Tab)]++
	switch {
	case before.OpenFlags == 0 && after.OpenFlags > 0:
		by[viewAttention]++
	case before.OpenFlags > 0 && after.OpenFlags == 0:
		by[viewAttention]--
	}
	for _, view := range slices.Sorted(maps.Keys(by)) {
		if by[view] == 0 {
			continue
		}
		if err := countView(c.tx, after, view, by[view]); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) saveRecords() error {
	if c.payload != nil {
		if err := c.keepBuyer(); err != nil {
			return err
		}
	}
	if c.address != nil {
		if err := c.keepPurchaseAddress(); err != nil {
			return err
		}
	}
	if c.attempt != nil {
		if err := c.keepAttempt(); err != nil {
			return err
		}
	}
	if len(c.result.Events) == 0 {
		return nil
	}
	if err := c.tx.Create(&c.result.Events).Error; err != nil {
		return fmt.Errorf("append events of order %s: %w", c.result.OrderID, err)
	}
	return nil
}

// bareLines are the lines without what is sealed.
func bareLines(f models.Facts) []models.Line {
	out := slices.Clone(f.Lines)
	for i := range out {
		out[i].CustomText = ""
	}
	return out
}

// bareOrders are the supplier orders without their lines, and without the counter that NextFetch moves outside the lock.
func bareOrders(f models.Facts) []models.SupplierOrder {
	out := slices.Clone(f.SupplierOrders)
	for i := range out {
		out[i].Lines, out[i].FetchSeq = nil, 0
	}
	return out
}

func bareParcels(f models.Facts) []models.Parcel {
	out := slices.Clone(f.Parcels)
	for i := range out {
		out[i].Items = nil
		if out[i].PreviousNumbers == nil {
			out[i].PreviousNumbers = []string{}
		}
		if out[i].SharedWith == nil {
			out[i].SharedWith = []string{}
		}
	}
	return out
}

func supplierLines(f models.Facts) []models.SupplierLine {
	var out []models.SupplierLine
	for _, s := range f.SupplierOrders {
		out = append(out, s.Lines...)
	}
	return out
}

func parcelItems(f models.Facts) []models.ParcelItem {
	var out []models.ParcelItem
	for _, p := range f.Parcels {
		out = append(out, p.Items...)
	}
	return out
}

// saveRows deletes, updates and inserts so that the table holds after where it held before. Deletes and updates come first:
// a unique index must not see a row move as two rows.
func saveRows[T any](tx database.Tx, before, after []T, untouched ...string) error {
	was, kept := map[string]T{}, map[string]bool{}
	for _, b := range before {
		was[keyOf(tx, &b)] = b
	}
	for _, a := range after {
		kept[keyOf(tx, &a)] = true
	}
	for _, b := range before {
		if kept[keyOf(tx, &b)] {
			continue
		}
		if err := tx.Where(clause.And(primaryKey(tx, &b)...)).Delete(new(T)).Error; err != nil {
			return fmt.Errorf("delete %T: %w", b, err)
		}
	}
	var fresh []T
	for _, a := range after {
		b, known := was[keyOf(tx, &a)]
		switch {
		case !known:
			fresh = append(fresh, a)
		case !reflect.DeepEqual(a, b):
			if err := updateRow(tx, &a, untouched...); err != nil {
				return err
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := tx.Create(&fresh).Error; err != nil {
		return fmt.Errorf("add %T: %w", fresh, err)
	}
	return nil
}

// updateRow writes every column of a row that was read under the order's lock, but those of its key and those named.
func updateRow[T any](tx database.Tx, row *T, untouched ...string) error {
	res := tx.Model(new(T)).Where(clause.And(primaryKey(tx, row)...)).Select("*").Omit(append(untouched, "merchant_id", "id", "created_at")...).Updates(row)
	if res.Error != nil {
		return fmt.Errorf("update %T: %w", *row, res.Error)
	}
	if res.RowsAffected != 1 {
		return fmt.Errorf("update %T: %d rows instead of one", *row, res.RowsAffected)
	}
	return nil
}

// primaryKey names a row by its whole key. GORM on its own leaves out parts that are zero, and part 0 of a line is one.
func primaryKey(tx database.Tx, row any) []clause.Expression {
	stmt := &gorm.Statement{DB: tx.DB}
	if err := stmt.Parse(row); err != nil {
		panic(err) // one of our own structs
	}
	key := make([]clause.Expression, len(stmt.Schema.PrimaryFields))
	for i, f := range stmt.Schema.PrimaryFields {
		value, _ := f.ValueOf(tx.Statement.Context, reflect.ValueOf(row).Elem())
		key[i] = clause.Eq{Column: clause.Column{Name: f.DBName}, Value: value}
	}
	return key
}

func keyOf(tx database.Tx, row any) string {
	key := ""
	for _, e := range primaryKey(tx, row) {
		key += fmt.Sprint(e.(clause.Eq).Value, "\x00")
	}
	return key
}

// viewAttention counts the orders with any open flag.
const viewAttention = "attention"

// countView moves a kept count by n. The order's own slot is used, so one order always locks the same row.
func countView(tx database.Tx, o models.Order, view string, n int) error {
	slot := 0
	for _, b := range []byte(o.ID) {
		slot = (slot*31 + int(b)) % slots
	}
	err := tx.Exec(`INSERT INTO tab_counts (merchant_id, store_id, view, slot, n) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (merchant_id, store_id, view, slot) DO UPDATE SET n = tab_counts.n + excluded.n`, o.MerchantID, o.StoreID, view, slot, n).Error
	if err != nil {
		return fmt.Errorf("count %s: %w", view, err)
	}
	return nil
}
