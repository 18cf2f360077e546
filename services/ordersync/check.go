package ordersync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waybill/models"
	"waybill/services/orders"
)

// CheckOptions say what of an order is looked at.
type CheckOptions struct {
	Direction models.Direction
	By        orders.By
	Purpose   models.Purpose
	Force     bool           // look even where nothing is due: somebody asked
	StoreRead bool           // the store has just been read, by page, and
	Read      orders.Changes // this is what that did
}

// CheckResult is what a check did to an order.
type CheckResult struct {
	Outcome models.Outcome
	Before  models.Tab
	After   models.Tab
	Why     string
	Changes []string // what changed, one sentence each
}

// Check brings one order up to date: reads its store, asks AliExpress about its open supplier orders, looks after its
// placements, and tells the store about its parcels. A platform that gives no answer changes no state: the outcome says so
// and the next check is set. The error is for what a job should do about it; the result holds even with one.
func (s *Service) Check(ctx context.Context, m models.MerchantID, orderID models.ID, o CheckOptions) (CheckResult, error) {
	before, err := s.orders.Outline(ctx, m, orderID)
	if err != nil {
		return CheckResult{}, err
	}
	c := &check{s: s, m: m, o: o, before: before, orderID: orderID, now: time.Now()}
	steps := []struct {
		hop models.Direction
		do  func(context.Context) error
	}{{models.FromStore, c.fromStore}, {models.FromSupplier, c.fromSupplier}, {models.ToStore, c.toStore}}
	for _, step := range steps {
		if !o.Direction.Covers(step.hop) {
			continue
		}
		if err := step.do(ctx); err != nil {
			c.failed(err)
		}
	}
	if c.last.OrderID == "" { // even a check that had nothing to do sets the next one
		changes, err := s.apply(context.WithoutCancel(ctx), m, orderID, o.By)
		if err != nil {
			return CheckResult{}, err
		}
		c.note(changes)
	}
	return c.result(), c.err
}

type check struct {
	s       *Service
	m       models.MerchantID
	o       CheckOptions
	before  models.Facts // only what orders.Outline reads
	orderID models.ID
	now     time.Time
	asked   int
	changed bool
	said    []string       // what changed
	last    orders.Changes // the newest that was let in
	err     error          // the first failure
}

func (c *check) note(changes orders.Changes) {
	if changes.OrderID != "" {
		c.last = changes
	}
	c.changed = c.changed || changes.Changed
	for _, e := range changes.Events {
		if e.Kind != models.EventFlagOpened && e.Kind != models.EventFlagClosed && e.Kind != models.EventSyncRequested {
			c.said = append(c.said, e.Text)
		}
	}
}

func (c *check) failed(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *check) result() CheckResult {
	r := CheckResult{Outcome: models.OutcomeUnchanged, Before: c.before.Order.Tab, After: c.last.After, Changes: c.said}
	if c.o.Read.OrderID != "" {
		r.Before = c.o.Read.Before
	}
	switch {
	case c.err != nil:
		e := models.AsError(c.err)
		r.Outcome, r.Why = models.OutcomeUnreachable, e.Detail
		switch e.Kind {
		case models.Rejected, models.Disconnected, models.NotFound, models.Conflict, models.Forbidden:
			r.Outcome = models.OutcomeRefused
		}
	case c.changed:
		r.Outcome = models.OutcomeChanged
		if len(c.said) > 0 {
			r.Why = c.said[len(c.said)-1]
		}
	case c.asked == 0:
		r.Why = "There was nothing to ask: no open supplier order and no parcel to tell the store about."
	default:
		r.Why = c.unchangedSince()
	}
	return r
}

// unchangedSince says since when nothing has changed.
func (c *check) unchangedSince() string {
	since := ""
	for _, so := range c.before.SupplierOrders {
		if so.Open() && so.Status != "" {
			since = fmt.Sprintf(" AliExpress still says %s.", so.Status)
		}
	}
	if at := c.before.Order.LastCheckedAt; at != nil {
		return fmt.Sprintf("Checked; nothing has changed since the check of %s.%s", at.UTC().Format("2006-01-02 15:04 UTC"), since)
	}
	return "Checked; nothing has changed." + since
}

// fromStore reads the order from its store, when that is due and no complete search of the store has just shown that it did
// not change.
func (c *check) fromStore(ctx context.Context) error {
	at := c.before.Order.StoreCheckedAt
	if c.o.StoreRead {
		c.asked++
		c.note(c.o.Read)
		changes, err := c.s.lookAtShown(ctx, c.m, c.orderID, c.o.By, c.o.Purpose)
		c.note(changes)
		return err
	}
	if !c.o.Force && at != nil && c.now.Sub(*at) < c.s.pace.StoreCheckEvery() {
		return nil
	}
	if !c.o.Force && at != nil {
		store, err := c.s.accounts.Connection(ctx, c.m, c.before.Order.StoreID)
		if err != nil {
			return err
		}
		if swept := store.SweptAt; swept != nil && c.now.Sub(*swept) < c.s.pace.Every(time.Hour) && swept.Sub(*at) > sweepOverlap {
			changes, err := c.s.apply(ctx, c.m, c.orderID, c.o.By, orders.StoreUnchanged{At: swept.Add(-sweepOverlap)})
			c.note(changes)
			return err
		}
	}
	c.asked++
	changes, err := c.s.readStore(ctx, c.m, c.before.Order.StoreID, c.before.Order.ExternalID, c.o.By, c.o.Purpose)
	if err != nil {
		if _, noted := c.s.apply(context.WithoutCancel(ctx), c.m, c.orderID, c.o.By, orders.StoreUnreachable{}); noted != nil {
			return noted
		}
		return err
	}
	c.note(changes)
	return nil
}

// fromSupplier looks after every supplier order in the state it is in.
func (c *check) fromSupplier(ctx context.Context) error {
	var first error
	for _, so := range c.before.SupplierOrders {
		changes, asked, err := c.lookAfter(ctx, so)
		if asked {
			c.asked++
		}
		if err != nil && first == nil {
			first = err
		}
		c.note(changes)
	}
	return first
}

func (c *check) lookAfter(ctx context.Context, so models.SupplierOrder) (changes orders.Changes, asked bool, err error) {
	switch {
	case so.Asked():
		if !c.o.Force && so.NextCheckAt != nil && so.NextCheckAt.After(c.now) {
			return changes, false, nil
		}
		changes, err = c.s.askSupplier(ctx, c.m, so, c.o.By, c.o.Purpose)
		return changes, true, err
	case so.State == models.PlacementSending:
		changes, err = c.s.apply(ctx, c.m, c.orderID, orders.By{Actor: models.ActorSystem, Source: models.SourceEngine}, orders.PlacementExpired{SupplierOrderID: so.ID})
		return changes, false, err
	case so.State == models.PlacementUnknown:
		changes, err = c.s.lookFor(ctx, c.m, so)
		return changes, true, err
	case so.State == models.PlacementPlanned || so.State == models.PlacementApproved:
		return changes, true, c.s.place(ctx, c.m, so.ID)
	}
	return changes, false, nil
}

// readSupplier asks AliExpress about one supplier order, and about its parcels when it may have shipped.
func (s *Service) readSupplier(ctx context.Context, m models.MerchantID, orderID, supplierOrderID models.ID, by orders.By, why models.Purpose) (changes orders.Changes, err error) {
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return changes, err
	}
	so, ok := supplierOrderIn(d, supplierOrderID)
	if !ok || so.ExternalID == "" {
		return changes, nil
	}
	return s.askSupplier(ctx, m, so, by, why)
}

// askSupplier asks about a supplier order that has just been read here.
func (s *Service) askSupplier(ctx context.Context, m models.MerchantID, so models.SupplierOrder, by orders.By, why models.Purpose) (changes orders.Changes, err error) {
	seq, err := s.orders.NextFetch(ctx, m, so.ID)
	if err != nil {
		return changes, err
	}
	answer, err := call(ctx, s, m, so.AccountID, why, func(a models.Access) (models.SupplierAnswer, error) { return s.supplier.Order(ctx, a, so.ExternalID) })
	var parcels []models.TrackedParcel
	var trackErr error
	if err == nil && mayHaveParcels(answer, so) {
		parcels, trackErr = call(ctx, s, m, so.AccountID, why, func(a models.Access) ([]models.TrackedParcel, error) {
			return s.supplier.Tracking(ctx, a, so.ExternalID)
		})
	}
	facts := []orders.Fact{orders.SupplierAnswered{SupplierOrderID: so.ID, Seq: seq, Answer: answer, Tracking: parcels}}
	switch {
	case errors.Is(err, models.Throttled):
		facts = []orders.Fact{orders.SupplierPostponed{SupplierOrderID: so.ID, For: models.AsError(err).RetryAfter}}
	case err != nil:
		facts = []orders.Fact{orders.SupplierSilent{SupplierOrderID: so.ID, NoData: errors.Is(err, models.NotFound)}}
	case errors.Is(trackErr, models.Throttled):
		facts, err = append(facts, orders.SupplierPostponed{SupplierOrderID: so.ID, For: models.AsError(trackErr).RetryAfter}), trackErr
	case trackErr != nil:
		facts, err = append(facts, orders.SupplierSilent{SupplierOrderID: so.ID}), trackErr
	}
	changes, noted := s.apply(context.WithoutCancel(ctx), m, so.OrderID, by, facts...)
	if noted != nil {
		return changes, noted
	}
	return changes, err
}

func supplierOrderIn(d orders.Detail, id models.ID) (models.SupplierOrder, bool) {
	for _, so := range d.SupplierOrders {
		if so.ID == id {
			return so, true
		}
	}
	return models.SupplierOrder{}, false
}

// mayHaveParcels saves the second call while nothing has shipped. A word we do not know is no reason to save it.
func mayHaveParcels(a models.SupplierAnswer, so models.SupplierOrder) bool {
	switch a.LogisticsStatus {
	case "SELLER_SEND_PART_GOODS", "SELLER_SEND_GOODS", "BUYER_ACCEPT_GOODS":
		return true
	}
	switch a.Status {
	case "PLACE_ORDER_SUCCESS", "PAYMENT_PROCESSING", "WAIT_SELLER_EXAMINE_MONEY", "RISK_CONTROL", "RISK_CONTROL_HOLD", "WAIT_SELLER_SEND_GOODS",
		"WAIT_GROUP", "WAIT_COMPLETE_ADDRESS":
		return false
	}
	return so.PaidAt != nil || so.ShippedSeen || so.Stage.Paid() || !models.KnownSupplierStatus(a.Status)
}

// toStore tells the store about every parcel that it has not confirmed.
func (c *check) toStore(ctx context.Context) error {
	d := c.before
	if c.last.OrderID != "" { // the hops before may have found parcels
		d = c.last.Facts
	}
	var first error
	for _, p := range d.Pushes {
		inHand := p.LeaseUntil != nil && p.LeaseUntil.After(c.now)
		if !p.State.Owed() || d.Order.Gone() || inHand || !c.o.Force && p.NextTryAt != nil && p.NextTryAt.After(c.now) {
			continue
		}
		c.asked++
		changes, err := c.s.tell(ctx, c.m, d.Order.ID, p.ID)
		if models.AsError(err).Code == "push_in_hand" {
			continue // another process tells the store right now
		}
		c.note(changes)
		if err != nil && first == nil {
			first = fmt.Errorf("push %s: %w", p.ID, err)
		}
	}
	return first
}
