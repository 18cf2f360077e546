package orders

import (
	"slices"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// The decisions that people make about a purchase before it is sent, and what becomes of it when the store changes the order
// meanwhile. From the claim on none of them has a say.

// planned finds a placement that nobody has claimed yet.
func (c *change) planned(id models.ID) (*models.SupplierOrder, error) {
	s, err := c.supplierOrder(id)
	if err != nil {
		return nil, err
	}
	if s.State != models.PlacementPlanned && s.State != models.PlacementApproved {
		return nil, models.Errorf(models.Conflict, "placement_moved_on", "This placement is %s: it is too late for that.", s.State)
	}
	return s, nil
}

// PlacementHurried ends the hold window of a placement.
type PlacementHurried struct{ SupplierOrderID models.ID }

func (f PlacementHurried) apply(c *change) error {
	s, err := c.planned(f.SupplierOrderID)
	if err != nil {
		return err
	}
	c.wake = append(c.wake, s.ID)
	if s.NotBefore == nil {
		return nil
	}
	s.NotBefore, s.UpdatedAt = nil, c.tx.Now
	c.event(models.EventPlacementHold, "The purchase is to be sent now: its hold has ended.", map[string]any{"supplier_order_id": s.ID})
	return nil
}

// PlacementHeld keeps a placement from being sent before a time.
type PlacementHeld struct {
	SupplierOrderID models.ID
	Until           time.Time
}

func (f PlacementHeld) apply(c *change) error {
	s, err := c.planned(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if !f.Until.After(c.tx.Now) {
		e := models.Errorf(models.Invalid, "validation_failed", "The hold ends in the past.")
		e.Fields = []models.FieldError{{Pointer: "/until", Reason: "must be a time to come"}}
		return e
	}
	s.NotBefore, s.UpdatedAt = &f.Until, c.tx.Now
	c.event(models.EventPlacementHold, "The purchase is held until "+f.Until.UTC().Format("2006-01-02 15:04")+" UTC.", map[string]any{"supplier_order_id": s.ID, "until": f.Until.UTC()})
	return nil
}

// PlacementWithdrawn takes a placement back that was not claimed yet. Nothing was bought.
type PlacementWithdrawn struct{ SupplierOrderID models.ID }

func (f PlacementWithdrawn) apply(c *change) error {
	s, err := c.planned(f.SupplierOrderID)
	if err != nil {
		return err
	}
	s.UpdatedAt = c.tx.Now
	c.reject(s, models.Errorf(models.Conflict, models.CodeWithdrawn, "It was withdrawn before it was sent."))
	return nil
}

// PlacementRemade takes an approval back that has become old: prices and stock are checked again before it is sent.
type PlacementRemade struct{ SupplierOrderID models.ID }

func (f PlacementRemade) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if s.State == models.PlacementApproved {
		c.remake(s, "It was checked some time ago")
	}
	return nil
}

// remake takes an approved placement back to planned. It keeps its key: whatever was sent under it before is still known by it.
func (c *change) remake(s *models.SupplierOrder, why string) {
	s.State, s.UpdatedAt = models.PlacementPlanned, c.tx.Now
	s.Request, s.RequestSHA256, s.AddressSHA256, s.ApprovedAt, s.ErrorCode, s.ErrorDetail = nil, "", "", nil, "", ""
	c.wake = append(c.wake, s.ID)
	c.event(models.EventPlacementRemade, why+", so the purchase is checked anew before it is sent.", map[string]any{"supplier_order_id": s.ID})
}

// edited brings the placements that nobody has claimed yet in step with a changed order (product.md, case 19). Less is bought
// of what the store owes less of, what was checked is checked anew, and the hold window of what the rule planned restarts.
func (c *change) edited(before models.Order, linesBefore []models.Line) {
	moved := before.DeliverTo() != "" && before.DeliverTo() != c.facts.Order.DeliverTo()
	grown := len(c.facts.Lines) > len(linesBefore)
	for i := range c.facts.SupplierOrders {
		s := &c.facts.SupplierOrders[i]
		if s.State != models.PlacementPlanned && s.State != models.PlacementApproved {
			continue
		}
		changed, err := c.refit(s, linesBefore)
		switch {
		case err != nil:
			c.reject(s, err)
		case changed || moved:
			c.restart(s, "The store changed the order")
		case grown && s.Auto:
			c.restartWindow(s, "The store changed the order")
		}
	}
}

func (c *change) restart(s *models.SupplierOrder, why string) {
	if s.State == models.PlacementApproved {
		c.remake(s, why)
	}
	c.restartWindow(s, why)
}

// restartWindow gives a purchase that no person decided on its whole hold window again.
func (c *change) restartWindow(s *models.SupplierOrder, why string) {
	if !s.Auto {
		return
	}
	minutes := *c.facts.Rules.Merchant.HoldMinutes
	if minutes == 0 {
		return
	}
	until := c.tx.Now.Add(time.Duration(minutes) * time.Minute)
	s.NotBefore, s.UpdatedAt = &until, c.tx.Now
	c.event(models.EventPlacementHold, why+": the hold window begins again and ends at "+until.UTC().Format("2006-01-02 15:04")+" UTC.", map[string]any{"supplier_order_id": s.ID, "until": until.UTC()})
}

// refit takes out of a placement what the store no longer owes. What the rule planned also follows a larger quantity; what a
// person approved does not.
func (c *change) refit(s *models.SupplierOrder, linesBefore []models.Line) (changed bool, refused *models.Error) {
	var kept []models.SupplierLine
	for _, sl := range s.Lines {
		line, _ := c.line(sl.LineID)
		was := lineOf(linesBefore, sl.LineID)
		if line.VariantKey != was.VariantKey {
			return false, models.Errorf(models.Conflict, "order_changed", "The store changed what %q is. Nothing was bought.", line.Name)
		}
		owed := line.Live() - (c.taken(sl.LineID) - sl.Quantity)
		switch {
		case owed < sl.Quantity, s.Auto && line.Live() > was.Live() && owed > sl.Quantity:
			sl.Quantity, changed = owed, true
		}
		if sl.Quantity > 0 {
			kept = append(kept, sl)
		}
	}
	if len(kept) == 0 {
		return false, models.Errorf(models.Conflict, "order_changed", "The store no longer owes what was to be bought. Nothing was bought.")
	}
	if changed {
		s.Lines = kept
	}
	return changed, nil
}

func lineOf(lines []models.Line, id string) models.Line {
	at := slices.IndexFunc(lines, func(l models.Line) bool { return l.LineID == id })
	if at < 0 {
		return models.Line{}
	}
	return lines[at]
}

// resupplied ends the placements that nobody has claimed yet and whose mapping now says something else (I8).
func (c *change) resupplied() error {
	for i := range c.facts.SupplierOrders {
		s := &c.facts.SupplierOrders[i]
		if s.State != models.PlacementPlanned && s.State != models.PlacementApproved {
			continue
		}
		suppliers, err := c.suppliersOf(s.Lines)
		if err != nil {
			return err
		}
		for _, sl := range s.Lines {
			line, _ := c.line(sl.LineID)
			mp, known := suppliers[supplierKey{line.VariantKey, sl.Rank}]
			if !known || mp.Role != models.RoleDropship || mp.SupplierProductID != sl.ProductID || mp.SupplierSKUID != sl.SKUID {
				c.reject(s, models.Errorf(models.Conflict, "mapping_changed", "The mapping of %q no longer says what was to be bought. Nothing was bought.", line.Name))
				break
			}
		}
	}
	return nil
}

// OrderHeld keeps everything of the order from being placed or sent, until a time or until it is released.
type OrderHeld struct{ Until *time.Time }

func (f OrderHeld) apply(c *change) error {
	if f.Until != nil && !f.Until.After(c.tx.Now) {
		e := models.Errorf(models.Invalid, "validation_failed", "The hold ends in the past.")
		e.Fields = []models.FieldError{{Pointer: "/until", Reason: "must be a time to come"}}
		return e
	}
	o := &c.facts.Order
	o.HeldAt, o.HeldUntil, o.HeldBy, o.HeldWhy = &c.tx.Now, f.Until, c.by.Actor, c.by.Reason
	text := "Held: nothing of it is bought"
	if f.Until != nil {
		text += " before " + f.Until.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	c.event(models.EventOrderHeld, text+".", map[string]any{"until": f.Until})
	return nil
}

// OrderReleased ends a hold. What waited goes on.
type OrderReleased struct{}

func (OrderReleased) apply(c *change) error {
	o := &c.facts.Order
	if o.HeldAt == nil {
		return models.Errorf(models.Conflict, "order_not_held", "This order is not held.")
	}
	o.HeldAt, o.HeldUntil, o.HeldBy, o.HeldWhy = nil, nil, "", ""
	for _, s := range c.facts.SupplierOrders {
		c.wake = append(c.wake, s.ID)
	}
	c.event(models.EventOrderReleased, "Released: it may be bought.", nil)
	return nil
}

// PurchaseAddressGiven is an address for the purchase only (product.md, case 30). The store's own stays untouched.
type PurchaseAddressGiven struct {
	Address   models.Address
	InsteadOf string   // the fingerprint of the store's address that it was compared with
	Differs   []string // in what it differs from the store's, for the timeline, which holds no address
}

func (f PurchaseAddressGiven) apply(c *change) error {
	o := &c.facts.Order
	if o.ErasedAt != nil {
		return buyerErased()
	}
	before := o.DeliverTo()
	o.PurchaseAddressSHA256, o.PurchaseAddressFor = models.FingerprintOf(f.Address), f.InsteadOf
	o.PurchaseAddressAt, o.PurchaseAddressBy, o.PurchaseAddressWhy = &c.tx.Now, c.by.Actor, c.by.Reason
	c.address = &f.Address
	c.event(models.EventPurchaseAddress, "Another address is used for the purchase only; it differs in "+orNone(strings.Join(f.Differs, ", "))+".", map[string]any{"differs": f.Differs})
	c.redirected(before)
	return nil
}

// PurchaseAddressDropped goes back to the store's address.
type PurchaseAddressDropped struct{}

func (PurchaseAddressDropped) apply(c *change) error {
	o := &c.facts.Order
	if o.PurchaseAddressSHA256 == "" {
		return models.Errorf(models.NotFound, "purchase_address_not_found", "This order has no address for the purchase only.")
	}
	before := o.DeliverTo()
	o.PurchaseAddressSHA256, o.PurchaseAddressFor, o.PurchaseAddressAt, o.PurchaseAddressBy, o.PurchaseAddressWhy = "", "", nil, "", ""
	c.address = &models.Address{}
	c.event(models.EventPurchaseAddress, "The store's address is used for the purchase again.", nil)
	c.redirected(before)
	return nil
}

func (c *change) redirected(before string) {
	for i := range c.facts.SupplierOrders {
		if s := &c.facts.SupplierOrders[i]; s.State == models.PlacementApproved && before != c.facts.Order.DeliverTo() {
			c.remake(s, "Its address has changed since it was checked")
		}
	}
}

// AutoPlaceSkipped notes once that the rule would buy the order but cannot.
type AutoPlaceSkipped struct{ Why *models.Error }

func (f AutoPlaceSkipped) apply(c *change) error {
	var noted bool
	err := c.tx.Raw("SELECT EXISTS (SELECT 1 FROM events WHERE merchant_id = ? AND order_id = ? AND id >= ? AND kind = ?)",
		c.result.MerchantID, c.result.OrderID, database.IDBeforeAll(c.result.OrderID), models.EventAutoPlaceSkipped).Row().Scan(&noted)
	if err != nil || noted {
		return err
	}
	c.event(models.EventAutoPlaceSkipped, "Not placed by the merchant's rule: "+f.Why.Detail, map[string]any{"code": f.Why.Code})
	return nil
}

// PlacingTripped notes in the order whose purchase was the last straw that placing has stopped by itself.
type PlacingTripped struct{ Why string }

func (f PlacingTripped) apply(c *change) error {
	c.event(models.EventPlacingStopped, f.Why, nil)
	return nil
}
