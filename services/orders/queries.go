package orders

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	quick "github.com/goccy/go-json" // a page of a list is fifty of what it reads five times as fast
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// Filter says which orders to list. Zero fields do not filter.
type Filter struct {
	Tab        models.Tab // closed lists the Closed view
	Attention  bool       // only orders with an open flag
	StoreID    models.ID
	Flag       models.FlagCode
	Country    string // ISO 3166-1 alpha-2
	Supplier   string // a store of AliExpress where something living is bought
	Query      string // a number of any kind, an e-mail, the beginning of a name or a last name
	PlacedFrom *time.Time
	PlacedTo   *time.Time // exclusive
	Sort       Sort       // empty: Newest
	Cursor     string
	Limit      int
}

// Sort is the order of a list.
type Sort string

// The orders of a list.
const (
	Newest   Sort = "newest"
	Oldest   Sort = "oldest"
	Deadline Sort = "deadline" // the soonest first, those without one last
)

const orderDeadline = "coalesce(orders.deadline_at, '9999-12-31 00:00:00+00'::timestamptz)"

// sorts says of each order of a list how it is read along an index, and where the rows beyond a cursor are.
var sorts = map[Sort]struct{ order, beyond string }{
	Newest:   {"orders.placed_at DESC, orders.id DESC", "(orders.placed_at, orders.id) < (?, ?)"},
	Oldest:   {"orders.placed_at, orders.id", "(orders.placed_at, orders.id) > (?, ?)"},
	Deadline: {orderDeadline + ", orders.id", "(" + orderDeadline + ", orders.id) > (?, ?)"},
}

func (f Filter) sort() Sort {
	if f.Sort == "" {
		return Newest
	}
	return f.Sort
}

// after is the cursor of the page that follows an order.
func (f Filter) after(o models.Order) string {
	c := cursor{At: o.PlacedAt, ID: o.ID}
	if f.sort() != Newest {
		c.Sort = f.sort()
	}
	if f.Sort == Deadline {
		c.At = never
		if o.DeadlineAt != nil {
			c.At = *o.DeadlineAt
		}
	}
	return c.encode()
}

// Page is one page of a list.
type Page struct {
	Orders []models.Order
	Next   string // cursor of the next page; empty on the last
	From   database.Source
}

type cursor struct {
	At   time.Time `json:"at"`
	ID   models.ID `json:"id"`
	Sort Sort      `json:"sort,omitempty"` // of a list of orders; empty: Newest
}

func (c cursor) encode() string { return base64.RawURLEncoding.EncodeToString([]byte(asJSON(c))) }

func decodeCursor(s string) (c cursor, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || !database.ValidID(string(c.ID)) {
		return c, database.BadCursor()
	}
	return c, nil
}

// List gives one page of a merchant's orders, read along an index whatever the filter and the sort. Of an order it reads what lists show.
func (s *Service) List(ctx context.Context, m models.MerchantID, f Filter) (Page, error) {
	q, err := filtered(s.db.Plain(), m, f)
	if err != nil {
		return Page{}, err
	}
	page := Page{Orders: make([]models.Order, 0, f.Limit+1)}
	ask := database.AskOf(q.Table("orders").Select(listed).Order(fmt.Sprintf("%s LIMIT %d", sorts[f.sort()].order, f.Limit+1)))
	// Where orders of a flag or a supplier are begun with depends on how many there are.
	ask.PlanOnce = f.Flag == "" && f.Supplier == ""
	ask.Row = func(scan func(...any) error) error {
		page.Orders = append(page.Orders, models.Order{MerchantID: m})
		return scanListed(scan, &page.Orders[len(page.Orders)-1])
	}
	page.From, err = s.db.Of(m).AskCopy(ctx, func() database.Ask {
		page.Orders = page.Orders[:0]
		return ask
	})
	if err != nil {
		return Page{}, fmt.Errorf("list orders: %w", err)
	}
	if len(page.Orders) > f.Limit {
		page.Orders = page.Orders[:f.Limit]
		page.Next = f.after(page.Orders[f.Limit-1])
	}
	return page, nil
}

// listed is what lists and exports show of an order, in the order in which scanListed takes it.
const listed = `orders.id, orders.store_id, orders.external_id, orders.number, orders.placed_at, orders.store_status, orders.payment_status, orders.fulfillment_status, orders.currency, orders.total_minor,
	orders.buyer_name, orders.buyer_email, orders.country, orders.tab, orders.why, orders.closed_reason, orders.chips, orders.open_flags, orders.digest, orders.deadline_at, orders.last_checked_at,
	orders.last_checked_source, orders.next_check_at, orders.version`

func scanListed(scan func(...any) error, o *models.Order) error {
	var chips, digest []byte
	err := scan((*string)(&o.ID), (*string)(&o.StoreID), &o.ExternalID, &o.Number, &o.PlacedAt, &o.StoreStatus, &o.PaymentStatus, &o.FulfillmentStatus, &o.Currency, &o.TotalMinor,
		&o.BuyerName, &o.BuyerEmail, &o.Country, (*string)(&o.Tab), &o.Why, &o.ClosedReason, &chips, &o.OpenFlags, &digest, &o.DeadlineAt, &o.LastCheckedAt,
		&o.LastCheckedSource, &o.NextCheckAt, &o.Version)
	if err == nil && len(chips) > len("[]") {
		err = quick.Unmarshal(chips, &o.Chips)
	}
	if err == nil && digest != nil {
		o.Digest = new(models.Digest)
		err = quick.Unmarshal(digest, o.Digest)
	}
	return err
}

// Rows reads orders by their ids, as lists show them. Those that the merchant has not are not among them.
func (s *Service) Rows(ctx context.Context, m models.MerchantID, ids []models.ID) (map[models.ID]models.Order, error) {
	rows := map[models.ID]models.Order{}
	if len(ids) == 0 {
		return rows, nil
	}
	var found []models.Order
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return q.Where("merchant_id = ? AND id IN ?", m, ids).Find(&found).Error }); err != nil {
		return rows, fmt.Errorf("read orders: %w", err)
	}
	for _, o := range found {
		rows[o.ID] = o
	}
	return rows, nil
}

// filtered narrows to the orders that a list holds, beyond its cursor.
func filtered(q *gorm.DB, m models.MerchantID, f Filter) (*gorm.DB, error) {
	q = Narrow(q, m, f)
	if f.Cursor == "" {
		return q, nil
	}
	at, err := decodeCursor(f.Cursor)
	if err != nil {
		return nil, err
	}
	if at.Sort == "" {
		at.Sort = Newest
	}
	if at.Sort != f.sort() {
		e := models.Errorf(models.Invalid, "cursor_invalid", "This cursor is of the list sorted by %s, not by %s.", at.Sort, f.sort())
		e.Fields = []models.FieldError{{Pointer: "cursor", Reason: "take it from next_cursor of the page before, with the same sort"}}
		return nil, e
	}
	return q.Where(sorts[f.sort()].beyond, at.At, at.ID), nil
}

// Narrow narrows a query of a merchant's orders to those of a filter, whatever its sort and its cursor. It is the one place
// that says what a filter means: lists, counts, exports and syncs ask it.
func Narrow(q *gorm.DB, m models.MerchantID, f Filter) *gorm.DB {
	q = q.Where("orders.merchant_id = ?", m)
	if f.Tab != "" {
		q = q.Where("orders.tab = ?", f.Tab)
	}
	if f.Attention {
		q = q.Where("orders.open_flags > 0")
	}
	if f.StoreID != "" {
		q = q.Where("orders.store_id = ?", f.StoreID)
	}
	if f.Country != "" {
		q = q.Where("orders.country = ?", f.Country)
	}
	if f.Flag != "" {
		q = q.Where("orders.open_flags > 0 AND EXISTS (SELECT 1 FROM flags WHERE flags.merchant_id = orders.merchant_id AND flags.order_id = orders.id AND flags.code = ? AND flags.closed_at IS NULL AND flags.snoozed_until IS NULL)", f.Flag)
	}
	if f.Supplier != "" {
		q = q.Where(`EXISTS (SELECT 1 FROM supplier_orders AS s WHERE s.merchant_id = orders.merchant_id AND s.order_id = orders.id AND s.supplier_store_id = ?
			AND s.supplier_store_id <> '' AND s.state NOT IN ('rejected', 'closed', 'unlinked'))`, f.Supplier)
	}
	if f.PlacedFrom != nil {
		q = q.Where("orders.placed_at >= ?", *f.PlacedFrom)
	}
	if f.PlacedTo != nil {
		q = q.Where("orders.placed_at < ?", *f.PlacedTo)
	}
	if text := Searched(f.Query); text != "" {
		q = search(q, m, text)
	}
	return q
}

// Searched is the text that a filter looks for: people write #10002 as well as 10002.
func Searched(text string) string { return strings.TrimPrefix(strings.TrimSpace(text), "#") }

// search narrows to the orders that a text names: exactly by any number or e-mail, else by how a name, a last name or an e-mail begins.
// Each branch reads its own index: what begins with a text lies between it and it with the last of all characters behind. They are read first,
// once, into an array: left to choose, the planner goes through all orders and looks for each where it believes that there are few.
func search(q *gorm.DB, m models.MerchantID, text string) *gorm.DB {
	first := strings.ToLower(text)
	return q.Where(`orders.id = ANY (ARRAY(
		SELECT id FROM orders WHERE merchant_id = @m AND number = @text
		UNION SELECT id FROM orders WHERE merchant_id = @m AND external_id = @text
		UNION SELECT order_id FROM supplier_orders WHERE merchant_id = @m AND external_id = @text AND external_id <> ''
		UNION SELECT order_id FROM parcels WHERE merchant_id = @m AND tracking_number = @text
		UNION SELECT id FROM orders WHERE merchant_id = @m AND email_key ~>=~ @first AND email_key ~<~ @last
		UNION SELECT id FROM orders WHERE merchant_id = @m AND name_key ~>=~ @first AND name_key ~<~ @last
		UNION SELECT id FROM orders WHERE merchant_id = @m AND last_name_key ~>=~ @first AND last_name_key ~<~ @last))`,
		map[string]any{"m": m, "text": text, "first": first, "last": first + string(unicode.MaxRune)})
}

// Counts are how many orders each view holds: the five tabs, closed, and attention.
type Counts map[string]int64

// Counts reads the kept counts of a merchant, of one store if it is given.
func (s *Service) Counts(ctx context.Context, m models.MerchantID, storeID models.ID) (Counts, error) {
	counts := Counts{viewAttention: 0}
	for _, t := range models.Tabs() {
		counts[string(t)] = 0
	}
	err := s.db.Of(m).Ask(ctx, database.Ask{
		PlanOnce: true,
		SQL:      "SELECT view, sum(n)::bigint FROM tab_counts WHERE merchant_id = $1 AND (store_id = $2 OR $2 IS NULL) GROUP BY view",
		Args:     []any{string(m), orNull(storeID)},
		Row: func(scan func(...any) error) error {
			var view string
			var n int64
			err := scan(&view, &n)
			counts[view] = n
			return err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return counts, nil
}

func orNull(id models.ID) *string {
	if id == "" {
		return nil
	}
	return new(string(id))
}

// CountMatches counts the orders of a filter by view, whatever its tab, up to ten thousand of them; capped says that there are
// more. Where nothing but a store is asked for it reads the kept counts, which know no bound.
func (s *Service) CountMatches(ctx context.Context, m models.MerchantID, f Filter) (counts Counts, capped bool, err error) {
	if f.Query = Searched(f.Query); f == (Filter{StoreID: f.StoreID}) {
		counts, err = s.Counts(ctx, m, f.StoreID)
		return counts, false, err
	}
	f.Tab, f.Attention = "", false
	counts = Counts{viewAttention: 0}
	for _, t := range models.Tabs() {
		counts[string(t)] = 0
	}
	var rows []struct {
		Tab          string
		N, Attention int64
		Capped       bool
	}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		matches := Narrow(q.Table("orders").Select("orders.tab, orders.open_flags"), m, f).Limit(countUpTo + 1)
		return q.Raw(`SELECT tab, count(*) FILTER (WHERE nth <= @most) AS n, count(*) FILTER (WHERE nth <= @most AND open_flags > 0) AS attention, bool_or(nth > @most) AS capped
		FROM (SELECT *, row_number() OVER () AS nth FROM (@matches) AS found) AS counted GROUP BY tab`, map[string]any{"most": countUpTo, "matches": matches}).Scan(&rows).Error
	})
	if err != nil {
		return nil, false, fmt.Errorf("count orders: %w", err)
	}
	for _, r := range rows {
		counts[r.Tab] = r.N
		counts[viewAttention] += r.Attention
		capped = capped || r.Capped
	}
	return counts, capped, nil
}

// Detail is everything about one order.
type Detail struct {
	models.Facts
	Recipient models.Address
	// PurchaseAddress is where purchases go instead; nil: to the recipient.
	PurchaseAddress *models.Address
}

// ShipTo is the address that a purchase goes to.
func (d Detail) ShipTo() models.Address {
	if d.PurchaseAddress != nil {
		return *d.PurchaseAddress
	}
	return d.Recipient
}

// OpenFlags are the flags that are open, put off or not.
func (d Detail) OpenFlags() []models.Flag {
	return slices.DeleteFunc(slices.Clone(d.Flags), func(f models.Flag) bool { return f.ClosedAt != nil })
}

// Detail reads one order with everything that hangs on it, all as of one moment. It answers NotFound for an order of another merchant.
func (s *Service) Detail(ctx context.Context, m models.MerchantID, id models.ID) (Detail, error) {
	if !database.ValidID(string(id)) {
		return Detail{}, notFound(gorm.ErrRecordNotFound)
	}
	var g gathered
	var row buyerRow
	if err := s.db.Of(m).AskSnapshot(ctx, append(s.reader.facts(&g, s.reader.order, m, id), row.ask(m, id))...); err != nil {
		return Detail{}, fmt.Errorf("read order %s: %w", id, err)
	}
	f, err := g.whole()
	if err != nil {
		return Detail{}, err
	}
	key, ok, err := s.vault.OrderKeyAtOnce(m, id, row.stored())
	if err == nil && !ok {
		err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
			key, err = s.vault.OrderKey(q, m, id, row.stored())
			return err
		})
	}
	if err != nil {
		return Detail{}, err
	}
	k, err := row.open(key, id)
	if err != nil {
		return Detail{}, err
	}
	k.fill(&f)
	f.Now = k.Now.UTC()
	return Detail{Facts: f, Recipient: k.Recipient, PurchaseAddress: k.PurchaseAddress}, nil
}

// Outline reads what a check of an order decides by: the order, its supplier orders, and what its store is owed. The rest of its facts is empty. It answers NotFound
// like Detail.
func (s *Service) Outline(ctx context.Context, m models.MerchantID, id models.ID) (models.Facts, error) {
	if !database.ValidID(string(id)) {
		return models.Facts{}, notFound(gorm.ErrRecordNotFound)
	}
	var g gathered
	if err := s.db.Of(m).Ask(ctx, s.reader.outline(&g, m, id)...); err != nil {
		return models.Facts{}, fmt.Errorf("read order %s: %w", id, err)
	}
	return g.whole()
}

// TimelinePage is one page of an order's events, oldest first.
type TimelinePage struct {
	Events []models.Event
	Next   string
}

// Timeline gives one page of what happened to an order, oldest first. It answers NotFound like Detail.
func (s *Service) Timeline(ctx context.Context, m models.MerchantID, id models.ID, after string, limit int) (TimelinePage, error) {
	page := TimelinePage{Events: []models.Event{}}
	if !database.ValidID(string(id)) {
		return page, notFound(gorm.ErrRecordNotFound)
	}
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) (err error) {
		var known []models.ID
		if err := q.Raw("SELECT id FROM orders WHERE merchant_id = ? AND id = ?", m, id).Scan(&known).Error; err != nil {
			return err
		}
		if len(known) == 0 {
			return notFound(gorm.ErrRecordNotFound)
		}
		events := q.Where("merchant_id = ? AND order_id = ? AND id >= ?", m, id, database.IDBeforeAll(id))
		page.Events, page.Next, err = database.PageByID(events, "id", database.OldestFirst, after, limit, func(e models.Event) models.ID { return e.ID })
		return err
	})
	return page, err
}

// OrderOf says which order a supplier order or a push belongs to. It answers NotFound when the merchant has no such thing.
func (s *Service) OrderOf(ctx context.Context, m models.MerchantID, table string, id models.ID) (models.ID, error) {
	what := map[string]string{"supplier_orders": "supplier order", "pushes": "push"}[table]
	var found []models.ID
	if database.ValidID(string(id)) {
		if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
			return q.Table(table).Select("order_id").Where("merchant_id = ? AND id = ?", m, id).Scan(&found).Error
		}); err != nil {
			return "", err
		}
	}
	if len(found) == 0 {
		return "", models.Errorf(models.NotFound, strings.ReplaceAll(what, " ", "_")+"_not_found", "There is no such %s.", what)
	}
	return found[0], nil
}

// NextFetch takes the number that fences the answer of the call about to be made: AliExpress' answers carry no version, so
// an answer to an earlier call never overwrites that of a later one. Should the database lose a number that it has given, because its machine
// died, two calls may bear it: the answer that comes second is dropped, and the next check asks anew.
func (s *Service) NextFetch(ctx context.Context, m models.MerchantID, supplierOrderID models.ID) (seq int64, err error) {
	found := false
	err = s.db.Of(m).Tell(ctx, database.Ask{
		SQL: "UPDATE supplier_orders SET fetch_seq = fetch_seq + 1 WHERE merchant_id = $1 AND id = $2 RETURNING fetch_seq", Args: []any{string(m), string(supplierOrderID)},
		Row: func(scan func(...any) error) error {
			found = true
			return scan(&seq)
		},
	})
	if err == nil && !found {
		err = models.Errorf(models.NotFound, "supplier_order_not_found", "There is no such supplier order.")
	}
	if err != nil {
		return 0, fmt.Errorf("number a call about %s: %w", supplierOrderID, err)
	}
	return seq, nil
}
