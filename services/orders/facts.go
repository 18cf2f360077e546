package orders

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// StoreSnapshot is an order as its store reports it.
type StoreSnapshot struct {
	Order   models.StoreOrder
	created bool
}

func (f StoreSnapshot) apply(c *change) error {
	before := c.facts.Order
	o := &c.facts.Order
	c.result.Created = f.created
	if o.ErasedAt != nil {
		f.Order = f.Order.WithoutBuyer() // what was erased does not come back
	} else if o.EraseRequestedAt != nil || !f.created && f.Order.Anonymous() {
		var err error
		if f.Order, err = c.keepingBuyer(f.Order); err != nil {
			return err
		}
	}
	applied := o.Observe(f.Order)
	c.checked()
	o.StoreCheckedAt, o.CheckFailures, o.GoneSince = &c.tx.Now, 0, nil
	if !applied {
		return nil
	}
	moved, err := c.addressMoved(f)
	if err != nil {
		return err
	}
	mapping, err := c.mappingOf(variantKeys(f.Order))
	if err != nil {
		return err
	}
	lines := models.ObserveLines(c.facts.Lines, *o, f.Order, mapping)
	c.noteEdits(moved, lines)
	if f.created {
		c.event(models.EventOrderReceived, fmt.Sprintf("Order %s received from the store%s.", o.Number, bySource(c.by.Source)),
			map[string]any{"status": o.StoreStatus, "payment_status": o.PaymentStatus})
	} else if diff := describe(before, *o, c.facts.Lines, lines); len(diff)+len(moved) > 0 {
		if len(moved) > 0 {
			diff = append(diff, "another delivery address") // which one stands in the order, not in what is kept for ever
		}
		c.event(models.EventOrderChanged, "The store changed the order: "+strings.Join(diff, "; ")+".",
			map[string]any{"status": o.StoreStatus, "payment_status": o.PaymentStatus, "fulfillment_status": o.FulfillmentStatus})
	}
	if remapped(c.facts.Lines, lines) {
		c.mappingChanged()
	}
	linesBefore := c.facts.Lines
	c.facts.Lines = lines
	if o.ErasedAt == nil {
		c.payload = &f.Order
	}
	if !f.created {
		c.edited(before, linesBefore)
	}
	return nil
}

// remapped says whether a line that was known before is now bought elsewhere, or no longer.
func remapped(before, after []models.Line) bool {
	for _, b := range before {
		for _, a := range after {
			if a.LineID == b.LineID && a.VariantKey == b.VariantKey && (a.Mapped != b.Mapped || a.Role != b.Role) {
				return true
			}
		}
	}
	return false
}

func (c *change) mappingChanged() {
	c.event(models.EventMappingChanged, "A product mapping changed what is bought for this order.", nil)
}

func bySource(s models.Source) string {
	if s == models.SourceSweep {
		return ", found by a sweep: no webhook had told of it"
	}
	return ""
}

func (c *change) checked() {
	c.facts.Order.LastCheckedAt, c.facts.Order.LastCheckedSource = &c.tx.Now, string(c.by.Source)
}

func variantKeys(s models.StoreOrder) []string {
	keys := make([]string, 0, len(s.Lines))
	for _, l := range s.Lines {
		keys = append(keys, l.VariantKey)
	}
	return keys
}

// mappingOf reads what the merchant's product mappings say about variants of the order's store.
func (c *change) mappingOf(keys []string) (func(string) models.MappingKind, error) {
	if len(keys) == 0 {
		return func(string) models.MappingKind { return models.MappedNot }, nil
	}
	var rows []struct {
		VariantKey string
		Role       models.Role
	}
	err := c.tx.Raw("SELECT variant_key, role FROM product_mappings WHERE merchant_id = ? AND store_id = ? AND rank = 0 AND variant_key IN ?",
		c.result.MerchantID, c.facts.Order.StoreID, keys).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read product mappings: %w", err)
	}
	kinds := map[string]models.MappingKind{}
	for _, r := range rows {
		kinds[r.VariantKey] = models.MappingKind(r.Role)
	}
	return func(key string) models.MappingKind { return kinds[key] }, nil
}

// describe says in words what a newer snapshot changed.
func describe(before, after models.Order, linesBefore, linesAfter []models.Line) []string {
	var diff []string
	word := func(name, a, b string) {
		if a != b {
			diff = append(diff, fmt.Sprintf("%s %s -> %s", name, orNone(a), orNone(b)))
		}
	}
	word("status", before.StoreStatus, after.StoreStatus)
	word("payment", before.PaymentStatus, after.PaymentStatus)
	word("fulfillment", before.FulfillmentStatus, after.FulfillmentStatus)
	word("country", before.Country, after.Country)
	if before.BuyerName != after.BuyerName {
		diff = append(diff, "the buyer's name changed") // events are kept for longer than names
	}
	if before.RecipientSHA256 != "" && before.RecipientSHA256 != after.RecipientSHA256 {
		diff = append(diff, "the address changed")
	}
	if before.TotalMinor != after.TotalMinor || before.Currency != after.Currency {
		word("total", models.Money{Minor: before.TotalMinor, Currency: before.Currency}.String(), models.Money{Minor: after.TotalMinor, Currency: after.Currency}.String())
	}
	if before.Archived != after.Archived {
		diff = append(diff, fmt.Sprintf("archived %t", after.Archived))
	}
	old := map[string]models.Line{}
	for _, l := range linesBefore {
		old[l.LineID] = l
	}
	for _, l := range linesAfter {
		b, known := old[l.LineID]
		switch {
		case !known:
			diff = append(diff, fmt.Sprintf("%d x %s added", l.Quantity, l.Name))
		case l.Removed && !b.Removed:
			diff = append(diff, l.Name+" removed")
		case l.Quantity != b.Quantity:
			diff = append(diff, fmt.Sprintf("%s: quantity %d -> %d", l.Name, b.Quantity, l.Quantity))
		case l.Refunded != b.Refunded:
			diff = append(diff, fmt.Sprintf("%s: %d refunded", l.Name, l.Refunded))
		}
	}
	return diff
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// StoreUnreachable says that the store gave no answer about the order.
type StoreUnreachable struct{}

func (StoreUnreachable) apply(c *change) error {
	c.facts.Order.CheckFailures++
	return nil
}

// Remapped says that product mappings have changed.
type Remapped struct{}

func (Remapped) apply(c *change) error {
	keys := make([]string, len(c.facts.Lines))
	for i, l := range c.facts.Lines {
		keys[i] = l.VariantKey
	}
	mapping, err := c.mappingOf(keys)
	if err != nil {
		return err
	}
	lines := models.Remap(c.facts.Lines, mapping)
	if !slices.Equal(lines, c.facts.Lines) {
		c.mappingChanged()
	}
	c.facts.Lines = lines
	return c.resupplied()
}

// SyncRequested notes in the timeline that somebody asked for a sync.
type SyncRequested struct{ JobID models.ID }

func (f SyncRequested) apply(c *change) error {
	c.event(models.EventSyncRequested, "A sync was asked for.", map[string]any{"sync_job_id": f.JobID})
	return nil
}

// SupplierAnswered is AliExpress' answer to one call about a supplier order: the order and, where asked for, its parcels.
type SupplierAnswered struct {
	SupplierOrderID models.ID
	Seq             int64 // from NextFetch, taken before the call
	Answer          models.SupplierAnswer
	Tracking        []models.TrackedParcel // empty: no news
}

func (f SupplierAnswered) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if s.ExternalID == "" || f.Answer.Number != "" && f.Answer.Number != s.ExternalID {
		return nil // about a number that it no longer has
	}
	before := *s
	applied := s.Observe(f.Answer, f.Seq)
	c.checked()
	s.LastCheckedAt, s.CheckFailures = &c.tx.Now, 0
	if !applied {
		return nil
	}
	c.drawLines(s, f.Answer)
	if s.Status != before.Status || s.LogisticsStatus != before.LogisticsStatus {
		c.event(models.EventSupplierStatus, fmt.Sprintf("AliExpress order %s: %s -> %s.", s.ExternalID, orNone(before.Status), s.Status),
			map[string]any{"supplier_order_id": s.ID, "from": before.Status, "to": s.Status, "logistics_status": s.LogisticsStatus})
	}
	c.mergeParcels(*s, f.Tracking)
	if err := c.noteShared(); err != nil {
		return err
	}
	s.Settle(tracked(*s, c.facts.Parcels))
	if err := c.learn(s, before); err != nil {
		return err
	}
	if s.Stage.Paid() && !before.Stage.Paid() {
		c.event(models.EventSupplierPaid, fmt.Sprintf("AliExpress order %s is paid.", s.ExternalID), map[string]any{"supplier_order_id": s.ID, "paid_at": s.PaidAt})
	}
	return nil
}

// learn keeps how long the supplier's store takes from payment to shipment, and tells an order that was just paid what is
// usual there.
func (c *change) learn(s *models.SupplierOrder, before models.SupplierOrder) error {
	if s.Stage.Paid() && !before.Stage.Paid() {
		var hours []float64
		err := c.tx.Raw("SELECT hours / shipped FROM supplier_handling WHERE merchant_id = ? AND supplier_store_id = ?", s.MerchantID, s.SupplierStoreID).Scan(&hours).Error
		if err != nil {
			return fmt.Errorf("read a supplier's usual time: %w", err)
		}
		if len(hours) == 1 {
			s.UsualHours = max(1, int(hours[0]))
		}
	}
	if s.ShippedAt != nil || !s.ShippedSeen && !tracked(*s, c.facts.Parcels) {
		return nil
	}
	s.ShippedAt = &c.tx.Now
	if s.PaidAt == nil || s.SupplierStoreID == "" || s.LastCheckedAt == nil || before.LastCheckedAt == nil || before.Stage != models.StagePaid {
		return nil // it was shipped before we first looked: that says nothing
	}
	err := c.tx.Exec(`INSERT INTO supplier_handling AS h (merchant_id, supplier_store_id, shipped, hours) VALUES (?, ?, 1, ?)
		ON CONFLICT (merchant_id, supplier_store_id) DO UPDATE SET shipped = h.shipped + 1, hours = h.hours + excluded.hours`,
		s.MerchantID, s.SupplierStoreID, c.tx.Now.Sub(*s.PaidAt).Hours()).Error
	if err != nil {
		return fmt.Errorf("keep a supplier's usual time: %w", err)
	}
	return nil
}

func (c *change) mergeParcels(s models.SupplierOrder, seen []models.TrackedParcel) {
	parcels, changes := models.MergeParcels(c.facts.Parcels, s, seen, c.tx.Now, database.NewID)
	c.facts.Parcels = revived(parcels)
	for _, ch := range changes {
		p := ch.Parcel
		data := map[string]any{"parcel_id": p.ID, "tracking_number": p.TrackingNumber, "carrier": p.Carrier, "supplier_order_id": s.ID}
		switch ch.Kind {
		case models.ParcelNew:
			c.event(models.EventParcelSeen, fmt.Sprintf("Parcel %s with %s is on its way.", p.TrackingNumber, orNone(p.Carrier)), data)
		case models.ParcelRenumbered:
			data["was"] = ch.WasNumb
			was := "Parcel " + ch.WasNumb
			if ch.WasNumb == "" {
				was = "The parcel without a number"
			}
			c.event(models.EventParcelRenumbered, fmt.Sprintf("%s now goes by %s.", was, p.TrackingNumber), data)
		case models.ParcelMissing:
			c.event(models.EventParcelMissing, fmt.Sprintf("AliExpress no longer lists parcel %s; its number is kept.", p.TrackingNumber), data)
		}
	}
}

// drawLines gives a supplier order that came out of a split purchase its lines: AliExpress may make several orders of one
// call and does not say which item went where, so each order's own answer decides, by SKU and quantity.
func (c *change) drawLines(s *models.SupplierOrder, a models.SupplierAnswer) {
	if len(s.Lines) > 0 || s.Origin != models.OriginPlaced || s.RequestSHA256 == "" {
		return
	}
	for _, item := range a.Lines {
		want := item.Quantity
		for i := range c.facts.SupplierOrders {
			from := &c.facts.SupplierOrders[i]
			if from.ID == s.ID || from.RequestSHA256 != s.RequestSHA256 {
				continue
			}
			for j := range from.Lines {
				l := &from.Lines[j]
				n := min(want, l.Quantity)
				if n == 0 || l.ProductID != item.ProductID || item.SKUID != "" && l.SKUID != item.SKUID {
					continue
				}
				moved := *l
				moved.SupplierOrderID, moved.Quantity = s.ID, n
				if n < l.Quantity {
					moved.Part = c.nextPart(l.LineID)
				}
				l.Quantity -= n
				want -= n
				s.Lines = append(s.Lines, moved)
			}
			from.Lines = slices.DeleteFunc(from.Lines, func(l models.SupplierLine) bool { return l.Quantity == 0 })
		}
	}
}

// nextPart is a part number of the line that nothing uses yet.
func (c *change) nextPart(lineID string) int {
	next := 0
	for _, s := range c.facts.SupplierOrders {
		for _, l := range s.Lines {
			if l.LineID == lineID && l.Part >= next {
				next = l.Part + 1
			}
		}
	}
	return next
}

// SupplierSilent says that a call about a supplier order brought no answer. NoData means that AliExpress answered, and knows
// no such order of this account.
type SupplierSilent struct {
	SupplierOrderID models.ID
	NoData          bool
}

// visibleAfter is how long AliExpress may take to show a new order to its buyer (aliexpress.md 9.3).
const visibleAfter = 2 * time.Minute

func (f SupplierSilent) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	s.CheckFailures++
	settling := s.PlacedAt != nil && c.tx.Now.Sub(*s.PlacedAt) < visibleAfter
	if f.NoData && !settling && s.NoDataSince == nil {
		s.NoDataSince = &c.tx.Now
		c.event(models.EventSupplierOrderNoData, fmt.Sprintf("AliExpress says that %s is not an order of this account.", s.ExternalID),
			map[string]any{"supplier_order_id": s.ID})
	}
	return nil
}

// SupplierPostponed says that a call about a supplier order has to wait: no answer, and no failure.
type SupplierPostponed struct {
	SupplierOrderID models.ID
	For             time.Duration
}

func (f SupplierPostponed) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	next := c.tx.Now.Add(f.For)
	s.NextCheckAt = &next
	return nil
}

// Once reports whether a fact is told only once: a person's decision, or a step of Waybill's own. What the platforms answer can be asked again.
func Once(f Fact) bool {
	switch f.(type) {
	case SupplierAnswered, SupplierSilent, SupplierPostponed, StoreUnchanged, StoreUnreachable:
		return false
	}
	return true
}

// StoreUnchanged says that a complete search of the store, begun at At, did not find the order among those that have changed.
type StoreUnchanged struct{ At time.Time }

func (f StoreUnchanged) apply(c *change) error {
	if o := &c.facts.Order; o.StoreCheckedAt == nil || o.StoreCheckedAt.Before(f.At) {
		o.StoreCheckedAt = &f.At
	}
	return nil
}

func (c *change) supplierOrder(id models.ID) (*models.SupplierOrder, error) {
	for i := range c.facts.SupplierOrders {
		if c.facts.SupplierOrders[i].ID == id {
			return &c.facts.SupplierOrders[i], nil
		}
	}
	return nil, models.Errorf(models.NotFound, "supplier_order_not_found", "This order has no such supplier order.")
}

// PushClaimed takes the lease of a push: nobody else tells the store meanwhile. It answers Conflict, code push_settled, when
// the store owes no answer any more.
type PushClaimed struct {
	PushID models.ID
	Until  time.Time
}

func (f PushClaimed) apply(c *change) error {
	p, err := c.push(f.PushID)
	if err != nil {
		return err
	}
	if !p.State.Owed() {
		return models.Errorf(models.Conflict, "push_settled", "This parcel's push is %s: there is nothing to tell.", p.State)
	}
	if c.facts.Order.Gone() {
		return models.Errorf(models.Conflict, "order_gone", "The store has put this order away: it is told nothing until it is back.")
	}
	if p.LeaseUntil != nil && p.LeaseUntil.After(c.tx.Now) {
		e := models.Errorf(models.Unavailable, "push_in_hand", "This parcel is being pushed already.")
		e.RetryAfter = p.LeaseUntil.Sub(c.tx.Now)
		return e
	}
	p.LeaseUntil, p.NextTryAt = &f.Until, &f.Until
	p.Attempts++
	return nil
}

// PushResult is what became of telling the store about a parcel. Number and Lines are what was told, so that a parcel that
// changed meanwhile is told again.
type PushResult struct {
	PushID        models.ID
	State         models.PushState // sent, confirmed, refused, retrying
	FulfillmentID string
	Number        string
	Lines         []models.FulfillmentLine
	Since         time.Time // the push's WantedSince when it was told: a wish that came meanwhile has its own turn
	Adopted       bool
	Told          bool // the store now has Provider and Link
	Provider      string
	Link          string
	NumberTaken   bool          // the store shows the number for another order and takes it only once
	Err           *models.Error // with refused and retrying
}

func (f PushResult) apply(c *change) error {
	p, err := c.push(f.PushID)
	if err != nil {
		return err
	}
	p.LeaseUntil = nil
	if f.FulfillmentID != "" {
		p.FulfillmentID, p.Adopted = f.FulfillmentID, p.Adopted || f.Adopted
	}
	if f.NumberTaken {
		p.NumberTaken, p.WantedLink = true, f.Link
	}
	if f.Told {
		p.SentProvider, p.SentLink = f.Provider, f.Link
	}
	// What is wanted may have changed meanwhile; a link that had to carry the number is no change.
	stale := !f.Since.IsZero() && !f.Since.Equal(p.WantedSince) || f.Number != p.WantedNumber || !slices.Equal(f.Lines, p.WantedLines) || f.Told && f.Provider != p.WantedProvider && p.WantedProvider != ""
	data := map[string]any{"push_id": p.ID, "parcel_id": p.ParcelID, "tracking_number": f.Number, "fulfillment_id": p.FulfillmentID}
	switch f.State {
	case models.PushSent, models.PushConfirmed:
		if p.SentAt == nil || p.SentNumber != f.Number {
			c.event(models.EventPushSent, pushText(f), data)
		}
		p.SentNumber, p.SentLines, p.SentAt = f.Number, f.Lines, &c.tx.Now
	}
	if stale {
		if p.State.Owed() {
			p.NextTryAt = &c.tx.Now
		}
		return nil // what is wanted now has its own turn
	}
	if !p.State.CanBecome(f.State) && p.State != f.State {
		return nil // a late result of an earlier turn
	}
	p.State, p.ErrorCode, p.ErrorDetail, p.NextTryAt = f.State, "", "", nil
	switch f.State {
	case models.PushConfirmed:
		p.ConfirmedAt, p.Overwrite = &c.tx.Now, false
		c.event(models.EventPushConfirmed, fmt.Sprintf("The store shows %s: confirmed by reading back.", numbered(f.Number)), data)
	case models.PushSent:
		soon := c.tx.Now.Add(c.service.pace.PushRetryIn(1))
		p.NextTryAt = &soon
	case models.PushRefused:
		p.ErrorCode, p.ErrorDetail = f.Err.Code, f.Err.Detail
		data["error"] = f.Err.Detail
		c.event(models.EventPushRefused, fmt.Sprintf("The store refused %s: %s", numbered(f.Number), f.Err.Detail), data)
	case models.PushRetrying:
		p.ErrorCode, p.ErrorDetail = f.Err.Code, f.Err.Detail
		next := c.tx.Now.Add(max(c.service.pace.PushRetryIn(p.Attempts), f.Err.RetryAfter))
		p.NextTryAt = &next
		if p.Attempts <= 1 {
			data["error"] = f.Err.Detail
			c.event(models.EventPushRetrying, fmt.Sprintf("The store did not take %s yet: %s", numbered(f.Number), f.Err.Detail), data)
		}
	}
	return nil
}

func pushText(f PushResult) string {
	switch {
	case f.Adopted:
		return fmt.Sprintf("The store had a fulfillment for these goods already; it now carries %s.", numbered(f.Number))
	case f.NumberTaken:
		return fmt.Sprintf("Told the store about parcel %s by its link: it shows this number for another order and takes it only once.", f.Number)
	case f.Number == "":
		return "Told the store that the goods are shipped, without a number."
	}
	return fmt.Sprintf("Told the store about parcel %s.", f.Number)
}

func numbered(number string) string {
	if number == "" {
		return "the parcel without a number"
	}
	return "tracking number " + number
}

// PushRequested is a person's wish to tell the store again, and to replace what it shows otherwise where Overwrite says so.
type PushRequested struct {
	PushID      models.ID
	Overwrite   bool
	OnlyRefused bool // answer Conflict unless the store was found to show another number
}

func (f PushRequested) apply(c *change) error {
	p, err := c.push(f.PushID)
	if err != nil {
		return err
	}
	if c.isVoid(p.ParcelID) {
		return models.Errorf(models.Conflict, "parcel_void", "This parcel's AliExpress order no longer belongs to this order, so the store is not told about it.")
	}
	if f.OnlyRefused && (p.State != models.PushRefused || p.ErrorCode != models.PushShownOtherwise) {
		return models.Errorf(models.Conflict, "nothing_to_overwrite", "The store was not found to show another number for this parcel: there is nothing to overwrite.")
	}
	p.State, p.WantedSince, p.NextTryAt, p.Attempts = models.PushWaiting, c.tx.Now, &c.tx.Now, 0
	p.ErrorCode, p.ErrorDetail, p.ConfirmedAt, p.Overwrite = "", "", nil, f.Overwrite // whoever has it in hand goes first
	text := fmt.Sprintf("The store is told about %s again.", numbered(p.WantedNumber))
	if f.Overwrite {
		text = fmt.Sprintf("The store is told about %s again, whatever it shows instead.", numbered(p.WantedNumber))
	}
	c.event(models.EventPushRequested, text, map[string]any{"push_id": p.ID, "overwrite": f.Overwrite})
	return nil
}

func (c *change) push(id models.ID) (*models.Push, error) {
	for i := range c.facts.Pushes {
		if c.facts.Pushes[i].ID == id {
			return &c.facts.Pushes[i], nil
		}
	}
	return nil, models.Errorf(models.NotFound, "push_not_found", "This order has no such push.")
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own plain structs
	}
	return string(b)
}
