package orders

import (
	"fmt"
	"slices"

	"waybill/models"
)

// SupplierRenumbered is a person's correction of a supplier order's number. Answer is what AliExpress says about the new one,
// to call Seq. What was known of the old number no longer counts; it stays in the timeline.
type SupplierRenumbered struct {
	SupplierOrderID models.ID
	Number          string
	Seq             int64
	Answer          models.SupplierAnswer
	Forced          bool // it holds something else, and the person knows
}

func (f SupplierRenumbered) apply(c *change) error {
	s, err := c.numbered(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if s.ExternalID == f.Number {
		return models.Errorf(models.Conflict, "number_unchanged", "This is its number already.")
	}
	old := s.ExternalID
	s.PreviousNumbers = append(slices.Clone(s.PreviousNumbers), old)
	s.State, s.ExternalID, s.UpdatedAt, s.PlacedAt = models.PlacementPlaced, f.Number, c.tx.Now, f.Answer.CreatedAt
	s.Status, s.LogisticsStatus, s.EndReason, s.StageStatus, s.StageLogistics, s.StageSeq, s.ShippedSeen = "", "", "", "", "", 0, false
	s.PaidAt, s.PayBy, s.AmountMinor, s.AmountCurrency, s.NoDataSince, s.CheckFailures = nil, nil, 0, "", nil, 0
	s.AppliedSeq = f.Seq // answers about the old number that are still on their way say whose they are
	if s.PlacedAt == nil {
		s.PlacedAt = &c.tx.Now
	}
	for i := range s.Lines {
		s.Lines[i].EndReason = ""
	}
	if len(s.Lines) == 1 && len(f.Answer.Lines) == 1 {
		s.Lines[0].ProductID, s.Lines[0].SKUID = f.Answer.Lines[0].ProductID, f.Answer.Lines[0].SKUID
	}
	s.Observe(f.Answer, f.Seq)
	s.LastCheckedAt = &c.tx.Now
	c.event(models.EventSupplierRenumbered, fmt.Sprintf("AliExpress order %s was a mistake: it is %s.", old, f.Number),
		map[string]any{"supplier_order_id": s.ID, "from": old, "to": f.Number, "status": s.Status, "forced": f.Forced})
	c.voidParcels(s.ID)
	return nil
}

// numbered finds a supplier order whose number is known.
func (c *change) numbered(id models.ID) (*models.SupplierOrder, error) {
	s, err := c.supplierOrder(id)
	if err != nil {
		return nil, err
	}
	if s.State == models.PlacementUnknown {
		return nil, models.Errorf(models.Conflict, "supplier_order_has_no_number", "It is not known whether this purchase exists. Resolve it: enter its number, or say that it is not there.")
	}
	if s.State != models.PlacementPlaced && s.State != models.PlacementClosed {
		return nil, models.Errorf(models.Conflict, "supplier_order_has_no_number", "This supplier order is %s, so it has no number to correct or take away.", s.State)
	}
	return s, nil
}

// SupplierUnlinked is a person's word that a number does not belong to this order: its lines are to be bought again. What
// Waybill bought itself and is not closed would then be bought twice, so that needs Force.
type SupplierUnlinked struct {
	SupplierOrderID models.ID
	Force           bool
}

func (f SupplierUnlinked) apply(c *change) error {
	s, err := c.numbered(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if s.Origin == models.OriginPlaced && s.State != models.PlacementClosed && !f.Force {
		return models.Errorf(models.Conflict, "bought_by_waybill",
			"Waybill bought AliExpress order %s for this order, and it is not closed: its goods may come, and would be bought twice. Cancel it on AliExpress first, or send force if you are sure.", s.ExternalID)
	}
	number := s.ExternalID
	s.PreviousNumbers = append(slices.Clone(s.PreviousNumbers), number)
	s.State, s.ExternalID, s.UpdatedAt = models.PlacementUnlinked, "", c.tx.Now
	c.event(models.EventSupplierUnlinked, fmt.Sprintf("AliExpress order %s no longer belongs to this order; its lines are to be bought again.", number),
		map[string]any{"supplier_order_id": s.ID, "number": number, "forced": f.Force, "origin": s.Origin})
	c.voidParcels(s.ID)
	return nil
}

// voidParcels takes a supplier order's goods out of the parcels. One that held nothing else stays as history. What the store
// has not been told is not told any more; what it has, a person looks at: Waybill takes nothing away from a buyer by itself.
func (c *change) voidParcels(supplierOrder models.ID) {
	for i := range c.facts.Parcels {
		p := &c.facts.Parcels[i]
		rest := slices.DeleteFunc(slices.Clone(p.Items), func(it models.ParcelItem) bool { return it.SupplierOrderID == supplierOrder })
		if len(rest) == len(p.Items) {
			continue
		}
		p.Items = rest
		if len(rest) == 0 {
			p.VoidedAt, p.MissingSince = &c.tx.Now, nil
			c.stopPush(p.ID)
		}
	}
}

func (c *change) stopPush(parcel models.ID) {
	c.facts.Pushes = slices.DeleteFunc(c.facts.Pushes, func(p models.Push) bool {
		inHand := p.LeaseUntil != nil && p.LeaseUntil.After(c.tx.Now)
		return p.ParcelID == parcel && p.State.Owed() && p.SentAt == nil && p.FulfillmentID == "" && !inHand
	})
	for i := range c.facts.Pushes {
		if p := &c.facts.Pushes[i]; p.ParcelID == parcel && p.State.Owed() {
			p.State, p.NextTryAt, p.WantedLines = models.PushRefused, nil, []models.FulfillmentLine{}
			p.ErrorCode, p.ErrorDetail = "parcel_void", "the parcel's AliExpress order no longer belongs to this order"
		}
	}
}

func (c *change) isVoid(parcel models.ID) bool {
	return slices.ContainsFunc(c.facts.Parcels, func(p models.Parcel) bool { return p.ID == parcel && p.VoidedAt != nil })
}

// revived takes parcels back that hold goods again.
func revived(parcels []models.Parcel) []models.Parcel {
	for i := range parcels {
		if len(parcels[i].Items) > 0 {
			parcels[i].VoidedAt = nil
		}
	}
	return parcels
}
