// Package orders is what is true: the only writer of the order tables and the reader that lists, counts and explains them.
// All facts, whoever brings them, enter through Apply.
package orders

import (
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/feed"
	"waybill/services/vault"
)

// Service keeps the orders of all merchants.
type Service struct {
	db      *database.DB
	vault   *vault.Vault
	pace    models.Pace
	stretch atomic.Pointer[Stretch]
	reader  reader
}

// New makes the service. The vault seals what orders hold of their buyers; pace decides when an order is due again.
func New(db *database.DB, v *vault.Vault, pace models.Pace) *Service {
	s := &Service{db: db, vault: v, pace: pace, reader: newReader(db)}
	s.stretch.Store(&Stretch{})
	return s
}

// Stretch is by how much the budgets make background checks slower than wished.
type Stretch struct {
	Shared    float64               // of the accounts that use Waybill's app
	ByAccount map[models.ID]float64 // of those with an app of their own
}

// SetStretch says how much slower than wished supplier orders are checked from now on.
func (s *Service) SetStretch(to Stretch) { s.stretch.Store(&to) }

func (s *Service) paceFor(account models.ID) models.Pace {
	pace, stretch := s.pace, s.stretch.Load()
	pace.Stretch = stretch.Shared
	if own, ok := stretch.ByAccount[account]; ok {
		pace.Stretch = own
	}
	return pace
}

// By says who brings a fact, from where and why. It goes into the timeline.
type By struct {
	Actor  models.Actor
	Source models.Source
	Reason string
}

// Fact is something learned or decided about one order. The set is closed: the types of this package.
type Fact interface {
	// apply changes what is known, and records what a person should read about it. It does no queries but reads.
	apply(c *change) error
}

// Changes tells what an Apply did.
type Changes struct {
	MerchantID models.MerchantID
	OrderID    models.ID
	Created    bool
	Changed    bool // anything a person would notice
	Before     models.Tab
	After      models.Tab
	Events     []models.Event
	Pushes     []models.ID   // pushes that the store must be told now
	Placements []models.ID   // placements whose next step is due now
	Facts      models.Facts  // as they are now
	AutoPlace  *models.Facts // set when the merchant's rule is to buy what these facts owe
	Unsure     bool          // a purchase has become unknown
}

// change is one Apply at work.
type change struct {
	tx      database.Tx
	service *Service
	by      By
	facts   models.Facts
	result  Changes
	writes  []database.Ask     // what is to be written, and was not sent yet
	key     vault.OrderKey     // of the order, once it was needed
	payload *models.StoreOrder // newly observed
	attempt *attempt           // newly made
	wake    []models.ID        // placements that a decision has made due
	erasure *models.Erasure    // newly wanted
	forced  bool               // to be erased although the order goes on
	address *models.Address    // for the purchase only, newly given; empty when the store's counts again
}

// Apply lets facts into an order: it locks the order, compares with what is known, writes what is new, rolls up the tab,
// opens and closes flags, appends events, keeps the counts, sets the next check, and tells what changed. The caller turns
// changes into jobs on the same transaction. A person's decisions are entered into the audit. It answers NotFound when the merchant
// has no such order.
func (s *Service) Apply(tx database.Tx, m models.MerchantID, orderID models.ID, by By, facts ...Fact) (Changes, error) {
	before, err := s.load(tx, m, orderID)
	if err != nil {
		return Changes{}, err
	}
	return s.applyTo(tx, m, orderID, before, by, facts...)
}

// Loading is an order on its way to an Apply: its reads go to the server with what begins the transaction (database.Tenant.InTxAfter).
type Loading struct {
	service  *Service
	merchant models.MerchantID
	order    models.ID
	gathered
}

// Load begins to read an order for an Apply. It answers NotFound for what is no id.
func (s *Service) Load(m models.MerchantID, orderID models.ID) (*Loading, error) {
	if !database.ValidID(string(orderID)) {
		return nil, notFound(gorm.ErrRecordNotFound)
	}
	return &Loading{service: s, merchant: m, order: orderID}, nil
}

// Asks are its reads. The first locks the order.
func (l *Loading) Asks() []database.Ask {
	return l.service.reader.facts(&l.gathered, l.service.reader.locked, l.merchant, l.order)
}

// Apply is Service.Apply of the order that was loaded.
func (l *Loading) Apply(tx database.Tx, by By, facts ...Fact) (Changes, error) {
	before, err := l.whole()
	if err != nil {
		return Changes{}, err
	}
	return l.service.applyTo(tx, l.merchant, l.order, before, by, facts...)
}

func (s *Service) applyTo(tx database.Tx, m models.MerchantID, orderID models.ID, before models.Facts, by By, facts ...Fact) (Changes, error) {
	c := &change{
		tx: tx, service: s, by: by, facts: clone(before),
		result: Changes{MerchantID: m, OrderID: orderID, Before: before.Order.Tab},
	}
	c.facts.Now = tx.Now
	for _, f := range facts {
		if err := f.apply(c); err != nil {
			return Changes{}, err
		}
	}
	changes, err := c.finish(before)
	if err != nil {
		return Changes{}, err
	}
	return changes, c.enter(facts)
}

// Receive is Apply for a store's snapshot, whose order may be new to us. It makes the order if it must.
func (s *Service) Receive(tx database.Tx, m models.MerchantID, storeID models.ID, by By, snapshot models.StoreOrder) (Changes, error) {
	id, created, err := s.findOrMake(tx, m, storeID, snapshot)
	if err != nil {
		return Changes{}, err
	}
	return s.Apply(tx, m, id, by, StoreSnapshot{Order: snapshot, created: created})
}

func (s *Service) findOrMake(tx database.Tx, m models.MerchantID, storeID models.ID, snapshot models.StoreOrder) (id models.ID, created bool, err error) {
	id = database.NewID()
	o := models.Order{
		MerchantID: m, ID: id, StoreID: storeID, ExternalID: snapshot.ExternalID, Gate: models.GateShut,
		Tab: models.TabPending, Chips: []models.Chip{}, StoreEdits: []string{}, NextCheckAt: &tx.Now, CreatedAt: tx.Now, UpdatedAt: tx.Now, PlacedAt: snapshot.PlacedAt,
	}
	var known []models.ID
	find := func() error {
		return tx.Raw("SELECT id FROM orders WHERE merchant_id = ? AND store_id = ? AND external_id = ?", m, storeID, snapshot.ExternalID).Scan(&known).Error
	}
	if err := find(); err != nil || len(known) == 1 {
		return first(known), false, err
	}
	res := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&o)
	if res.Error != nil {
		return "", false, fmt.Errorf("add order %s: %w", snapshot.ExternalID, res.Error)
	}
	if res.RowsAffected == 1 {
		return id, true, nil // counted by Apply
	}
	err = find() // another transaction made it meanwhile
	return first(known), false, err
}

func first(ids []models.ID) models.ID {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// event appends a line to the timeline.
func (c *change) event(kind, text string, data map[string]any) {
	if data == nil {
		data = map[string]any{}
	}
	c.result.Events = append(c.result.Events, models.Event{
		MerchantID: c.result.MerchantID, ID: database.NewID(), OrderID: c.result.OrderID,
		At: c.tx.Now, Kind: kind, Text: text, Source: c.by.Source, Actor: c.by.Actor, Reason: c.by.Reason, Data: data,
	})
}

// finish computes what the facts amount to and writes everything that differs from before.
func (c *change) finish(before models.Facts) (Changes, error) {
	f := &c.facts
	f.Now = c.tx.Now
	c.endOverrides()
	for i := range f.SupplierOrders {
		f.SupplierOrders[i].Settle(tracked(f.SupplierOrders[i], f.Parcels))
		c.noteEnd(before, f.SupplierOrders[i])
	}
	c.wantPushes()
	erased, err := c.eraseBuyer()
	if err != nil {
		return Changes{}, err
	}
	r := models.Rollup(*f)
	c.takeRollup(before.Order, r)
	c.reconcileFlags(r.Troubles)
	r.Final = models.Rollup(*f).Final // a flag that was put off and is back no longer keeps the order open
	f.Order.Final = r.Final
	c.noteEnded()
	for i := range f.SupplierOrders {
		s := &f.SupplierOrders[i]
		if s.Asked() && (s.NextCheckAt == nil || c.justChecked(before, *s)) {
			s.NextCheckAt = c.service.paceFor(s.AccountID).NextSupplierCheck(*s, c.tx.Now)
		} else if !s.Asked() {
			s.NextCheckAt = nil
		}
	}
	f.Order.NextCheckAt = c.service.pace.NextCheck(*f, r)
	c.digest()
	c.result.After = f.Order.Tab
	c.result.Changed = len(c.result.Events) > 0
	c.due(before)
	if len(models.WhyNotAutoPlaced(*f)) == 0 {
		owed := clone(*f)
		c.result.AutoPlace = &owed
	}
	if err := c.save(before); err != nil {
		return Changes{}, err
	}
	if erased != nil { // it empties what was just written
		if err := c.flush(); err != nil {
			return Changes{}, err
		}
		if err := erased.finish(); err != nil {
			return Changes{}, err
		}
	}
	c.result.Facts = *f
	if err := c.tell(before); err != nil {
		return Changes{}, err
	}
	return c.result, c.flush()
}

// digest computes what lists show. The deadline is left as it was read where it is the same time.
func (c *change) digest() {
	o := &c.facts.Order
	d, deadline := models.DigestOf(c.facts)
	o.Digest = &d
	if deadline == nil || o.DeadlineAt == nil || !deadline.Equal(*o.DeadlineAt) {
		o.DeadlineAt = deadline
	}
}

// tell lets whoever watches the merchant know what changed.
func (c *change) tell(before models.Facts) error {
	if !c.result.Changed {
		return nil
	}
	if err := c.tellOutside(before); err != nil {
		return err
	}
	o, kinds := c.facts.Order, make([]string, len(c.result.Events))
	for i, e := range c.result.Events {
		kinds[i] = e.Kind
	}
	told, err := feed.Telling(c.tx, o.MerchantID, feed.Order, o.ID, map[string]any{
		"store_id": o.StoreID, "number": o.Number, "tab": o.Tab, "before": c.result.Before, "created": c.result.Created,
		"open_flags": o.OpenFlags, "version": o.Version, "events": kinds,
	})
	c.write(told)
	return err
}

func (c *change) justChecked(before models.Facts, s models.SupplierOrder) bool {
	for _, b := range before.SupplierOrders {
		if b.ID == s.ID {
			return !reflect.DeepEqual(b.LastCheckedAt, s.LastCheckedAt) || b.CheckFailures != s.CheckFailures || b.Stage != s.Stage
		}
	}
	return true
}

func tracked(s models.SupplierOrder, parcels []models.Parcel) bool {
	for _, p := range parcels {
		for _, it := range p.Items {
			if it.SupplierOrderID == s.ID && p.TrackingNumber != "" {
				return true
			}
		}
	}
	return false
}

func (c *change) noteEnd(before models.Facts, s models.SupplierOrder) {
	if s.State != models.PlacementClosed {
		return
	}
	for _, b := range before.SupplierOrders {
		if b.ID == s.ID && b.State != models.PlacementClosed {
			c.event(models.EventSupplierEnded, fmt.Sprintf("AliExpress order %s ended without goods (%s).", s.ExternalID, s.WhyEnded()),
				map[string]any{"supplier_order_id": s.ID, "status": s.Status, "end_reason": s.EndReason})
		}
	}
}

// wantPushes brings the pushes in step with the parcels. A store that wants nothing more, or has put the order away, is told
// nothing more; what it never heard of and no longer owes is dropped.
func (c *change) wantPushes() {
	f := &c.facts
	if f.Order.Gate.Dead() || f.Order.Gone() {
		return
	}
	for _, parcel := range f.Parcels {
		at := slices.IndexFunc(f.Pushes, func(p models.Push) bool { return p.ParcelID == parcel.ID })
		p := models.Push{
			MerchantID: c.result.MerchantID, ID: database.NewID(), OrderID: c.result.OrderID, ParcelID: parcel.ID,
			StoreID: f.Order.StoreID, State: models.PushWaiting, SentLines: []models.FulfillmentLine{}, CreatedAt: c.tx.Now, UpdatedAt: c.tx.Now,
		}
		if at >= 0 {
			p = f.Pushes[at]
		}
		wish := f.WishFor(parcel, p)
		p, wanted := models.WantPush(p, wish, c.tx.Now)
		switch {
		case at >= 0 && len(wish.Lines) == 0 && p.State == models.PushWaiting && p.FulfillmentID == "" && p.Attempts == 0:
			f.Pushes = slices.Delete(slices.Clone(f.Pushes), at, at+1)
		case at >= 0:
			f.Pushes[at] = p
		case wanted:
			f.Pushes = append(f.Pushes, p)
		}
	}
}

func (c *change) takeRollup(before models.Order, r models.Rolled) {
	o := &c.facts.Order
	o.Tab, o.Why, o.ClosedReason, o.Chips, o.Final = r.Tab, r.Why, r.ClosedReason, r.Chips, r.Final
	if o.Chips == nil {
		o.Chips = []models.Chip{}
	}
	if before.Tab != o.Tab && !c.result.Created {
		c.event(models.EventTabChanged, fmt.Sprintf("Moved from %s to %s. %s", before.Tab.Title(), o.Tab.Title(), o.Why),
			map[string]any{"from": before.Tab, "to": o.Tab})
	}
}

// due lists what wants a job at once.
func (c *change) due(before models.Facts) {
	for _, p := range c.facts.Pushes {
		was := models.Push{}
		for _, b := range before.Pushes {
			if b.ID == p.ID {
				was = b
			}
		}
		if p.State == models.PushWaiting && !p.WantedSince.Equal(was.WantedSince) {
			c.result.Pushes = append(c.result.Pushes, p.ID)
		}
	}
	for _, s := range c.facts.SupplierOrders {
		was := models.PlacementState("")
		for _, b := range before.SupplierOrders {
			if b.ID == s.ID {
				was = b.State
			}
		}
		fresh := s.State == models.PlacementPlanned && was == "" || s.State == models.PlacementApproved && was == models.PlacementUnknown
		if (fresh || slices.Contains(c.wake, s.ID)) && c.facts.WaitOf(s) == models.WaitNone {
			c.result.Placements = append(c.result.Placements, s.ID)
		}
	}
}
