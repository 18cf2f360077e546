package orders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// NextShown begins a reading of an order's fulfillments in its store and takes the number that fences it: they carry no
// version, so an earlier reading never overwrites a later one.
func (s *Service) NextShown(ctx context.Context, m models.MerchantID, orderID models.ID) (next StoreShows, err error) {
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		return tx.Raw("UPDATE orders SET shown_fetch_seq = shown_fetch_seq + 1 WHERE merchant_id = ? AND id = ? RETURNING shown_fetch_seq, clock_timestamp()", m, orderID).Row().Scan(&next.Seq, &next.At)
	})
	if err != nil {
		return next, fmt.Errorf("number a reading of order %s: %w", orderID, err)
	}
	return next, nil
}

// StoreShows is what the store shows as shipped.
type StoreShows struct {
	Seq          int64 // from NextShown, taken before the call
	At           time.Time
	Fulfillments []models.Fulfillment
}

func (f StoreShows) apply(c *change) error {
	o := &c.facts.Order
	if f.Seq < o.ShownSeq {
		return nil
	}
	version := o.SourceUpdatedAt
	at := f.At.UTC()
	o.ShownSeq, o.ShownAt, o.ShownVersion = f.Seq, &at, &version
	var shown []models.StoreFulfillment
	for _, s := range f.Fulfillments {
		row := models.StoreFulfillment{
			MerchantID: c.result.MerchantID, OrderID: c.result.OrderID, FulfillmentID: s.ID, Number: s.Number, Carrier: s.Carrier, Link: s.Link, Lines: s.Lines, SeenAt: c.tx.Now,
		}
		at := slices.IndexFunc(c.facts.Shown, func(known models.StoreFulfillment) bool { return known.FulfillmentID == s.ID })
		if at >= 0 {
			row.SeenAt = c.facts.Shown[at].SeenAt
		} else if !c.ownFulfillment(s) {
			c.event(models.EventStoreFulfilled, "The store shows goods as shipped that Waybill did not tell it of"+withNumber(s.Number)+".",
				map[string]any{"fulfillment_id": s.ID, "tracking_number": s.Number, "lines": s.Lines})
		}
		if row.Lines == nil {
			row.Lines = []models.FulfillmentLine{}
		}
		shown = append(shown, row)
	}
	c.facts.Shown = shown
	return nil
}

func (c *change) ownFulfillment(s models.Fulfillment) bool {
	return slices.ContainsFunc(c.facts.Pushes, func(p models.Push) bool {
		return p.FulfillmentID == s.ID || p.WantedNumber == s.Number || p.LeaseUntil != nil
	})
}

func withNumber(number string) string {
	if number == "" {
		return ", without a number"
	}
	return ", under number " + number
}

// StoreGone says that the store no longer has the order. It is kept, and nothing more is told to the store.
type StoreGone struct{}

func (StoreGone) apply(c *change) error {
	o := &c.facts.Order
	o.StoreCheckedAt = &c.tx.Now
	c.checked()
	if o.GoneSince == nil {
		o.GoneSince = &c.tx.Now
		c.event(models.EventGoneFromStore, "The store no longer has this order. It is kept here, and the store is told nothing more.", nil)
	}
	return nil
}

// PushAccepted is a person's decision to let stand what the store shows instead of what it was or should have been told.
type PushAccepted struct{ PushID models.ID }

func (f PushAccepted) apply(c *change) error {
	p, err := c.push(f.PushID)
	if err != nil {
		return err
	}
	if !p.State.CanBecome(models.PushAccepted) {
		return models.Errorf(models.Conflict, "push_not_settled", "This parcel's push is %s: there is nothing to accept yet.", p.State)
	}
	p.State, p.NextTryAt, p.ErrorCode, p.ErrorDetail, p.Overwrite = models.PushAccepted, nil, "", "", false
	c.event(models.EventPushAccepted, fmt.Sprintf("A person lets stand what the store shows instead of %s.", numbered(p.WantedNumber)), map[string]any{"push_id": p.ID})
	return nil
}

// WithoutNumber is a person's decision to have the store show as shipped what AliExpress has shipped without a number. A number
// that comes later is attached to it.
type WithoutNumber struct{}

func (WithoutNumber) apply(c *change) error {
	if c.facts.Order.Gate.Dead() || c.facts.Order.Gone() {
		return models.Errorf(models.Conflict, "order_not_wanted", "The store no longer wants this order, so nothing is fulfilled.")
	}
	found := false
	for _, s := range c.facts.SupplierOrders {
		if s.State != models.PlacementPlaced || s.Stage != models.StageShipped && s.Stage != models.StageFinished {
			continue
		}
		id := database.NewID()
		by := s.ID
		p := models.Parcel{
			MerchantID: c.result.MerchantID, ID: id, OrderID: c.result.OrderID, PreviousNumbers: []string{}, WithoutNumber: true, ListedBy: &by, FirstSeenAt: c.tx.Now,
		}
		for _, l := range s.Lines {
			if n := l.Quantity - c.packed(s.ID, l); l.Live && n > 0 {
				p.Items = append(p.Items, models.ParcelItem{
					MerchantID: p.MerchantID, ParcelID: id, SupplierOrderID: s.ID, LineID: l.LineID, Part: l.Part, OrderID: p.OrderID, SKUID: l.SKUID, Quantity: n,
				})
			}
		}
		if len(p.Items) == 0 {
			continue
		}
		found = true
		c.facts.Parcels = append(c.facts.Parcels, p)
		c.event(models.EventWithoutNumber, fmt.Sprintf("AliExpress order %s is fulfilled without a number; one that comes later is added.", s.ExternalID),
			map[string]any{"supplier_order_id": s.ID, "parcel_id": id})
	}
	if !found {
		return models.Errorf(models.Conflict, "nothing_without_number", "AliExpress has shipped nothing of this order without a number.")
	}
	return nil
}

func (c *change) packed(supplierOrder models.ID, l models.SupplierLine) int {
	n := 0
	for _, p := range c.facts.Parcels {
		for _, it := range p.Items {
			if it.SupplierOrderID == supplierOrder && it.LineID == l.LineID && it.Part == l.Part {
				n += it.Quantity
			}
		}
	}
	return n
}

// addressMoved says whether a newer snapshot sends the goods elsewhere, and in what. It reads what is known of the buyer for what follows.
func (c *change) addressMoved(f StoreSnapshot) ([]string, error) {
	if f.created || c.facts.Order.ErasedAt != nil {
		return nil, nil
	}
	k, err := c.service.readBuyer(c.tx, c.result.MerchantID, c.result.OrderID)
	if err != nil {
		return nil, err
	}
	k.fill(&c.facts)
	if c.key = k.key; k.Plain {
		var requests map[models.ID][]byte
		if c.key, requests, err = c.service.sealPlain(c.tx, c.result.MerchantID, c.result.OrderID, k); err != nil {
			return nil, err
		}
		for i := range c.facts.SupplierOrders {
			if s := &c.facts.SupplierOrders[i]; s.Request == nil {
				s.Request = requests[s.ID]
			}
		}
	}
	differs := models.Differs(k.Recipient, f.Order.Recipient)
	if !k.Any || len(differs) == 0 {
		return nil, nil
	}
	return []string{movedAddress + ": another " + strings.Join(differs, ", ")}, nil
}

// movedAddress is how a note of another delivery address begins. Which it is stands in the order alone.
const movedAddress = "the delivery address"

// noteEdits keeps what the store changed after goods were bought, until a person has seen it: AliExpress cannot follow.
func (c *change) noteEdits(moved []string, lines []models.Line) {
	bought := map[string]bool{}
	for _, s := range c.facts.SupplierOrders {
		sent := s.Open() || s.State == models.PlacementSending || s.State == models.PlacementUnknown
		for _, l := range s.Lines {
			bought[l.LineID] = bought[l.LineID] || sent && l.Live
		}
	}
	if !slices.ContainsFunc(c.facts.Lines, func(l models.Line) bool { return bought[l.LineID] }) {
		return
	}
	edits := moved
	was := map[string]models.Line{}
	for _, l := range c.facts.Lines {
		was[l.LineID] = l
	}
	for _, l := range lines {
		b, known := was[l.LineID]
		switch {
		case !known && l.As() == models.RoleDropship:
			edits = append(edits, fmt.Sprintf("%d x %s added", l.Quantity, l.Name))
		case bought[l.LineID] && l.Removed && !b.Removed:
			edits = append(edits, l.Name+" removed")
		case bought[l.LineID] && l.Quantity != b.Quantity:
			edits = append(edits, fmt.Sprintf("%s: quantity %d -> %d", l.Name, b.Quantity, l.Quantity))
		case bought[l.LineID] && l.Refunded > b.Refunded && !c.allShipped(l.LineID):
			edits = append(edits, fmt.Sprintf("%s: %d refunded", l.Name, l.Refunded))
		}
	}
	if len(edits) > 0 {
		c.facts.Order.StoreEdits = append(slices.Clone(c.facts.Order.StoreEdits), edits...)
	}
}

// allShipped says that everything bought for a line is on its way already: a refund is then an agreement with the buyer.
func (c *change) allShipped(lineID string) bool {
	for _, s := range c.facts.SupplierOrders {
		for _, l := range s.Lines {
			if l.LineID == lineID && l.Live && c.packed(s.ID, l) < l.Quantity {
				return false
			}
		}
	}
	return true
}

// noteShared looks for other orders that go by the numbers of this one. That is one parcel for one buyer with two orders, and
// a mistake of the seller when the buyers differ.
func (c *change) noteShared() error {
	var numbers []string
	for _, p := range c.facts.Parcels {
		if p.TrackingNumber != "" {
			numbers = append(numbers, p.TrackingNumber)
		}
	}
	o := c.facts.Order
	if len(numbers) == 0 || o.ErasedAt != nil { // whose it was is no longer known
		return nil
	}
	var rows []struct{ TrackingNumber, Number string }
	err := c.tx.Raw(`SELECT DISTINCT p.tracking_number, o.number FROM parcels p JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
		WHERE p.merchant_id = @m AND p.tracking_number IN @numbers AND p.order_id <> @order AND o.erased_at IS NULL
			AND CASE WHEN o.buyer_email <> '' AND @email <> '' THEN lower(o.buyer_email) <> lower(@email) ELSE o.buyer_name <> @name END ORDER BY 1, 2`,
		map[string]any{"m": c.result.MerchantID, "numbers": numbers, "order": c.result.OrderID, "email": o.BuyerEmail, "name": o.BuyerName}).Scan(&rows).Error
	if err != nil {
		return fmt.Errorf("look for orders that share a parcel: %w", err)
	}
	for i := range c.facts.Parcels {
		p := &c.facts.Parcels[i]
		var with []string
		for _, r := range rows {
			if r.TrackingNumber == p.TrackingNumber {
				with = append(with, r.Number)
			}
		}
		if !slices.Equal(with, p.SharedWith) {
			p.SharedWith = with
		}
	}
	return nil
}

// OverrideSet is a person's decision against what the machine thinks.
type OverrideSet struct {
	Override models.Override // Kind, Subject, Value, ExpiresAt
	ID       *models.ID      // filled in
}

func (f OverrideSet) apply(c *change) error {
	o := f.Override
	if o.ExpiresAt != nil && !o.ExpiresAt.After(c.tx.Now) {
		return past("expiry_in_the_past", "/expires_at", "A decision can only end at a time that is to come.")
	}
	if err := c.mayOverride(o); err != nil {
		return err
	}
	for i := range c.facts.Overrides {
		if old := &c.facts.Overrides[i]; old.LiftedAt == nil && old.Kind == o.Kind && old.Subject == o.Subject {
			c.lift(old, c.by.Actor, "replaced by another decision")
		}
	}
	o.MerchantID, o.ID, o.OrderID, o.Reason, o.Actor, o.CreatedAt = c.result.MerchantID, database.NewID(), c.result.OrderID, c.by.Reason, c.by.Actor, c.tx.Now
	*f.ID = o.ID
	c.facts.Overrides = append(c.facts.Overrides, o)
	c.obey(o, true)
	c.event(models.EventOverrideSet, "Decided by a person: "+o.Text(), map[string]any{"override_id": o.ID, "kind": o.Kind, "subject": o.Subject, "value": o.Value})
	return nil
}

func (c *change) mayOverride(o models.Override) error {
	switch o.Kind {
	case models.OverrideLineRole:
		if _, ok := c.line(o.Subject); !ok {
			return models.Errorf(models.NotFound, "line_not_found", "This order has no line %q.", o.Subject)
		}
	case models.OverrideParcelLost:
		at := c.parcel(o.Subject)
		if at < 0 {
			return models.Errorf(models.NotFound, "parcel_not_found", "This order has no such parcel.")
		}
		if len(c.facts.Parcels[at].Items) == 0 {
			return models.Errorf(models.Conflict, "parcel_empty", "Nothing is known to be in this parcel, so nothing can be lost with it.")
		}
	}
	return nil
}

// parcel finds a parcel of the order; -1 when there is none.
func (c *change) parcel(id string) int {
	return slices.IndexFunc(c.facts.Parcels, func(p models.Parcel) bool { return string(p.ID) == id })
}

// obey writes what a decision says where the machine reads it, or takes it back.
func (c *change) obey(o models.Override, on bool) {
	switch o.Kind {
	case models.OverrideLineRole:
		for i := range c.facts.Lines {
			if l := &c.facts.Lines[i]; l.LineID == o.Subject {
				l.Override = ""
				if on {
					l.Override = models.Role(o.Value)
				}
			}
		}
	case models.OverrideParcelLost:
		if at := c.parcel(o.Subject); at >= 0 {
			c.facts.Parcels[at].LostAt = nil
			if on {
				c.facts.Parcels[at].LostAt = &c.tx.Now
			}
		}
	}
}

// OverrideLifted takes a person's decision back: what has truly happened counts again.
type OverrideLifted struct{ ID models.ID }

func (f OverrideLifted) apply(c *change) error {
	for i := range c.facts.Overrides {
		if o := &c.facts.Overrides[i]; o.ID == f.ID && o.LiftedAt == nil {
			if err := c.mayLift(*o); err != nil {
				return err
			}
			c.lift(o, c.by.Actor, c.by.Reason)
			return nil
		}
	}
	return models.Errorf(models.NotFound, "override_not_found", "This order has no such decision in force.")
}

// mayLift keeps a lost parcel lost once its contents have been bought again: both would count otherwise.
func (c *change) mayLift(o models.Override) error {
	if o.Kind != models.OverrideParcelLost || c.parcel(o.Subject) < 0 {
		return nil
	}
	for _, it := range c.facts.Parcels[c.parcel(o.Subject)].Items {
		if line, ok := c.line(it.LineID); ok && c.taken(it.LineID)+it.Quantity > line.Live() {
			return models.Errorf(models.Conflict, "bought_again", "What is in this parcel has been bought again meanwhile. Cancel that purchase first, or keep the parcel as lost.")
		}
	}
	return nil
}

func (c *change) lift(o *models.Override, by models.Actor, why string) {
	o.LiftedAt, o.LiftedBy, o.LiftedWhy = &c.tx.Now, by, why
	c.obey(*o, false)
	c.event(models.EventOverrideLifted, "A person's decision no longer holds: "+o.Text(), map[string]any{"override_id": o.ID, "kind": o.Kind, "subject": o.Subject, "why": why})
}

// endOverrides lifts the decisions whose time is up, unless that would count goods twice.
func (c *change) endOverrides() {
	for i := range c.facts.Overrides {
		o := &c.facts.Overrides[i]
		if o.LiftedAt != nil || o.ExpiresAt == nil || o.ExpiresAt.After(c.tx.Now) {
			continue
		}
		if err := c.mayLift(*o); errors.Is(err, models.Conflict) {
			o.ExpiresAt = nil
			continue
		}
		c.lift(o, models.ActorSystem, "its time is up")
	}
	// Rollup reads those in force; the others are only saved.
}
