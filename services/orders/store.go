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

// reader holds the queries of an order and of what hangs on it, written once.
type reader struct {
	order, locked  database.Rows[models.Order]
	lines          database.Rows[models.Line]
	supplierOrders database.Rows[models.SupplierOrder]
	supplierLines  database.Rows[models.SupplierLine]
	parcels        database.Rows[models.Parcel]
	items          database.Rows[models.ParcelItem]
	pushes         database.Rows[models.Push]
	shown          database.Rows[models.StoreFulfillment]
	overrides      database.Rows[models.Override]
	flags          database.Rows[models.Flag]
}

func newReader(db *database.DB) reader {
	of := func(only, order string) func(*gorm.DB) *gorm.DB {
		return func(q *gorm.DB) *gorm.DB {
			return q.Where("merchant_id = ? AND order_id = ?"+only, "", "").Order(order)
		}
	}
	itself := func(q *gorm.DB) *gorm.DB { return q.Where("merchant_id = ? AND id = ?", "", "") }
	return reader{
		order:          database.RowsOf[models.Order](db, itself),
		locked:         database.RowsOf[models.Order](db, func(q *gorm.DB) *gorm.DB { return itself(q).Clauses(clause.Locking{Strength: "UPDATE"}) }),
		lines:          database.RowsOf[models.Line](db, of("", "position, line_id")),
		supplierOrders: database.RowsOf[models.SupplierOrder](db, of("", "id")),
		supplierLines:  database.RowsOf[models.SupplierLine](db, of("", "line_id, part")),
		parcels:        database.RowsOf[models.Parcel](db, of("", "id")),
		items:          database.RowsOf[models.ParcelItem](db, of("", "line_id, part")),
		pushes:         database.RowsOf[models.Push](db, of("", "id")),
		shown:          database.RowsOf[models.StoreFulfillment](db, of("", "fulfillment_id")),
		overrides:      database.RowsOf[models.Override](db, of(" AND lifted_at IS NULL", "id")),
		flags:          database.RowsOf[models.Flag](db, of(" AND (closed_at IS NULL OR dismissed)", "opened_at, id")),
	}
}

// gathered is what the reads of one order bring.
type gathered struct {
	models.Facts
	orders        []models.Order
	supplierLines []models.SupplierLine
	items         []models.ParcelItem
}

// facts are the reads of an order, by one of its two queries, and of what hangs on it. It is the one reader of facts: Apply and the detail
// page use it alike.
func (r *reader) facts(g *gathered, order database.Rows[models.Order], m models.MerchantID, id models.ID) []database.Ask {
	mid, oid := string(m), string(id)
	return []database.Ask{
		order.Ask(&g.orders, mid, oid), rules(&g.Rules, mid, oid), r.lines.Ask(&g.Lines, mid, oid), r.supplierOrders.Ask(&g.SupplierOrders, mid, oid),
		r.overrides.Ask(&g.Overrides, mid, oid), r.flags.Ask(&g.Flags, mid, oid), r.supplierLines.Ask(&g.supplierLines, mid, oid), r.parcels.Ask(&g.Parcels, mid, oid),
		r.items.Ask(&g.items, mid, oid), r.pushes.Ask(&g.Pushes, mid, oid), r.shown.Ask(&g.Shown, mid, oid),
	}
}

// outline is the part of facts that Outline reads.
func (r *reader) outline(g *gathered, m models.MerchantID, id models.ID) []database.Ask {
	mid, oid := string(m), string(id)
	return []database.Ask{
		r.order.Ask(&g.orders, mid, oid), r.supplierOrders.Ask(&g.SupplierOrders, mid, oid), r.supplierLines.Ask(&g.supplierLines, mid, oid), r.pushes.Ask(&g.Pushes, mid, oid),
	}
}

// whole hangs what was read on its order. It answers NotFound where there was none.
func (g *gathered) whole() (models.Facts, error) {
	f := g.Facts
	if len(g.orders) == 0 {
		return f, notFound(gorm.ErrRecordNotFound)
	}
	f.Order = g.orders[0]
	for i := range f.SupplierOrders {
		for _, l := range g.supplierLines {
			if l.SupplierOrderID == f.SupplierOrders[i].ID {
				f.SupplierOrders[i].Lines = append(f.SupplierOrders[i].Lines, l)
			}
		}
	}
	for i := range f.Parcels {
		for _, it := range g.items {
			if it.ParcelID == f.Parcels[i].ID {
				f.Parcels[i].Items = append(f.Parcels[i].Items, it)
			}
		}
	}
	return f, nil
}

// load locks an order and reads everything that Rollup needs. The lock is the first of its statements, and each sees what was there when its
// turn came: so all see what the last one who held the lock has left.
func (s *Service) load(tx database.Tx, m models.MerchantID, orderID models.ID) (models.Facts, error) {
	if !database.ValidID(string(orderID)) {
		return models.Facts{}, notFound(gorm.ErrRecordNotFound)
	}
	var g gathered
	if err := tx.Ask(s.reader.facts(&g, s.reader.locked, m, orderID)...); err != nil {
		return models.Facts{}, fmt.Errorf("read order %s: %w", orderID, database.Err(err))
	}
	return g.whole()
}

func notFound(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.Errorf(models.NotFound, "order_not_found", "There is no such order.")
	}
	return database.Err(err)
}

// rules reads what the merchant has decided in general, about the order's store and about carriers.
func rules(r *models.Rules, merchant, order string) database.Ask {
	return database.Ask{
		SQL: `SELECT m.settings::text, c.settings::text, m.auto_place_since, m.placing_tripped_at, m.placing_tripped_why, m.placing_resumed_at,
				coalesce((SELECT json_agg(json_build_object('MerchantID', k.merchant_id, 'Key', k.key, 'Name', k.name, 'Provider', k.provider, 'Link', k.link)) FROM carriers k WHERE k.merchant_id = m.id)::text, 'null'),
				coalesce((SELECT json_agg(g.id) FROM connections g WHERE g.merchant_id = m.id AND g.platform = 'aliexpress' AND g.state = 'removed')::text, 'null')
			FROM orders o JOIN merchants m ON m.id = o.merchant_id JOIN connections c ON c.merchant_id = o.merchant_id AND c.id = o.store_id WHERE o.merchant_id = $1 AND o.id = $2`,
		Args: []any{merchant, order},
		Row: func(scan func(...any) error) error {
			var merchant, store, carriers, gone string
			p := &r.Placing
			if err := scan(&merchant, &store, &p.AutoPlaceSince, &p.PlacingTrippedAt, &p.PlacingTrippedWhy, &p.PlacingResumedAt, &carriers, &gone); err != nil {
				return err
			}
			err := errors.Join(json.Unmarshal([]byte(merchant), &r.Merchant), json.Unmarshal([]byte(store), &r.Store), json.Unmarshal([]byte(carriers), &r.Carriers), json.Unmarshal([]byte(gone), &r.GoneAccounts))
			r.Merchant = r.Merchant.OrDefaults()
			return err
		},
	}
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

// save writes the rows that differ, in an order that every foreign key and unique index allows, and in one round trip with what else there is to
// be written.
func (c *change) save(before models.Facts) error {
	after := &c.facts
	if err := c.saveOrder(before.Order); err != nil {
		return err
	}
	saveRows(c, bareLines(before), bareLines(*after))
	saveRows(c, bareOrders(before), bareOrders(*after), "fetch_seq")
	saveRows(c, supplierLines(before), supplierLines(*after))
	saveRows(c, bareParcels(before), bareParcels(*after))
	saveRows(c, parcelItems(before), parcelItems(*after))
	saveRows(c, before.Pushes, after.Pushes)
	saveRows(c, before.Shown, after.Shown)
	saveRows(c, before.Overrides, after.Overrides)
	saveRows(c, before.Flags, after.Flags)
	if err := c.saveRecords(); err != nil {
		return err
	}
	if len(c.result.Events) > 0 {
		c.write(c.tx.Written(func(q *gorm.DB) *gorm.DB { return q.Create(&c.result.Events) }))
	}
	return nil
}

// write has a statement sent with the others of this change.
func (c *change) write(a database.Ask) { c.writes = append(c.writes, a) }

// flush sends what was written.
func (c *change) flush() error {
	writes := c.writes
	c.writes = nil
	if len(writes) == 0 {
		return nil
	}
	if err := c.tx.Ask(writes...); err != nil {
		return fmt.Errorf("write order %s: %w", c.result.OrderID, err)
	}
	return nil
}

func (c *change) saveOrder(before models.Order) error {
	o := &c.facts.Order
	if c.result.Changed {
		o.Version++
		o.UpdatedAt = c.tx.Now
	}
	if !reflect.DeepEqual(before, *o) {
		updateRow(c, &before, o, "store_id")
		c.countViews(before)
	}
	c.saveCheck(before)
	return nil
}

// saveCheck says when the order is checked next where the scheduler looks. It is said whether or not that has changed: whoever claimed the order for a check
// has moved it on.
func (c *change) saveCheck(before models.Order) {
	o, key := c.facts.Order, []any{string(c.facts.Order.MerchantID), string(c.facts.Order.ID)}
	switch {
	case o.NextCheckAt == nil && before.NextCheckAt == nil:
	case o.NextCheckAt == nil:
		c.write(database.Ask{SQL: "DELETE FROM order_checks WHERE merchant_id = $1 AND order_id = $2", Args: key})
	case before.NextCheckAt == nil || c.result.Created:
		c.write(database.Ask{SQL: "INSERT INTO order_checks (merchant_id, order_id, due_at) VALUES ($1, $2, $3) ON CONFLICT (merchant_id, order_id) DO UPDATE SET due_at = excluded.due_at", Args: append(key, *o.NextCheckAt)})
	default:
		c.write(database.Ask{SQL: "UPDATE order_checks SET due_at = $3 WHERE merchant_id = $1 AND order_id = $2 AND due_at <> $3", Args: append(key, *o.NextCheckAt)})
	}
}

// countViews moves the kept counts. The views are taken in one order, whatever moves where, so that no two orders wait for
// each other's rows.
func (c *change) countViews(before models.Order) {
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
		c.write(countView(after, view, by[view]))
	}
}

// saveRecords writes what belongs to rows that have to be there before it.
func (c *change) saveRecords() error {
	if c.payload == nil && c.address == nil && c.attempt == nil {
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
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
func saveRows[T any](c *change, before, after []T, untouched ...string) {
	was, kept := map[string]T{}, map[string]bool{}
	for _, b := range before {
		was[keyOf(c.tx, &b)] = b
	}
	for _, a := range after {
		kept[keyOf(c.tx, &a)] = true
	}
	for _, b := range before {
		if !kept[keyOf(c.tx, &b)] {
			c.write(c.tx.Written(func(q *gorm.DB) *gorm.DB { return q.Where(clause.And(primaryKey(c.tx, &b)...)).Delete(new(T)) }))
		}
	}
	var fresh []T
	for _, a := range after {
		b, known := was[keyOf(c.tx, &a)]
		switch {
		case !known:
			fresh = append(fresh, a)
		case !reflect.DeepEqual(a, b):
			updateRow(c, &b, &a, untouched...)
		}
	}
	if len(fresh) > 0 {
		c.write(c.tx.Written(func(q *gorm.DB) *gorm.DB { return q.Create(&fresh) }))
	}
}

// updateRow writes what differs of a row that was read under the order's lock, but the parts of its key and those named.
func updateRow[T any](c *change, before, after *T, untouched ...string) {
	stmt := &gorm.Statement{DB: c.tx.DB}
	if err := stmt.Parse(after); err != nil {
		panic(err) // one of our own structs
	}
	was, is := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	changed := map[string]any{}
	for _, f := range stmt.Schema.Fields {
		if f.DBName == "" || f.PrimaryKey || slices.Contains(untouched, f.DBName) || f.DBName == "created_at" {
			continue
		}
		if !reflect.DeepEqual(f.ReflectValueOf(c.tx.Statement.Context, was).Interface(), f.ReflectValueOf(c.tx.Statement.Context, is).Interface()) {
			changed[f.DBName], _ = f.ValueOf(c.tx.Statement.Context, is)
		}
	}
	if len(changed) == 0 {
		return
	}
	c.write(c.tx.Written(func(q *gorm.DB) *gorm.DB {
		return q.Table(stmt.Schema.Table).Where(clause.And(primaryKey(c.tx, after)...)).Updates(changed)
	}))
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
func countView(o models.Order, view string, n int) database.Ask {
	slot := 0
	for _, b := range []byte(o.ID) {
		slot = (slot*31 + int(b)) % slots
	}
	return database.Ask{
		SQL: `INSERT INTO tab_counts (merchant_id, store_id, view, slot, n) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (merchant_id, store_id, view, slot) DO UPDATE SET n = tab_counts.n + excluded.n`,
		Args: []any{string(o.MerchantID), string(o.StoreID), view, slot, n},
	}
}
