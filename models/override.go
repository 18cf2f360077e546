package models

import (
	"fmt"
	"time"
)

// OverrideKind is what a person decides against the machine.
type OverrideKind string

// The kinds. There is none about money: whether something is paid is never decided here.
const (
	OverrideLineRole   OverrideKind = "line_role"   // subject: a line; value: a Role
	OverrideClosed     OverrideKind = "closed"      // the order is done with
	OverrideParcelLost OverrideKind = "parcel_lost" // subject: a parcel, whose contents have to be bought again
)

// ClosedByPerson is the reason of an order that a person closed.
const ClosedByPerson = "closed_by_person"

// Override is a person's decision against what the machine thinks, with its reason. It holds until it is lifted.
type Override struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	ID         ID         `gorm:"primaryKey"`
	OrderID    ID
	Kind       OverrideKind
	Subject    string
	Value      string
	Reason     string
	Actor      Actor
	CreatedAt  time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	ExpiresAt  *time.Time
	LiftedAt   *time.Time
	LiftedBy   Actor
	LiftedWhy  string
}

// Text says in words what was decided.
func (o Override) Text() string {
	switch o.Kind {
	case OverrideLineRole:
		return fmt.Sprintf("Line %s counts as %s for this order.", o.Subject, Role(o.Value).words())
	case OverrideClosed:
		return "The order is closed."
	case OverrideParcelLost:
		return "A parcel is given up as lost; what is in it has to be bought again."
	}
	return string(o.Kind)
}

func (r Role) words() string {
	switch r {
	case RoleOwn:
		return "own stock"
	case RoleNoShipping:
		return "nothing to ship"
	}
	return "bought from a supplier"
}

// Lost is how many living units of a line are in parcels that a person has given up: bought, and owed nevertheless.
func (f Facts) Lost(lineID string) int {
	n := 0
	for _, p := range f.Parcels {
		for _, it := range p.Items {
			if p.LostAt != nil && it.LineID == lineID && f.living(it) {
				n += it.Quantity
			}
		}
	}
	return n
}

func (f Facts) living(it ParcelItem) bool {
	for _, s := range f.SupplierOrders {
		for _, l := range s.Lines {
			if s.ID == it.SupplierOrderID && l.LineID == it.LineID && l.Part == it.Part {
				return l.Live
			}
		}
	}
	return false
}

// ClosedByPerson is the decision by which a person has closed the order; nil when nobody has.
func (f Facts) ClosedByPerson() *Override {
	for i, o := range f.Overrides {
		if o.Kind == OverrideClosed && o.LiftedAt == nil {
			return &f.Overrides[i]
		}
	}
	return nil
}

// raiseConflicts tells where reality goes on against a person's decision.
func (r *roller) raiseConflicts() {
	for _, o := range r.Overrides {
		if why := r.conflict(o); why != "" {
			r.trouble(Trouble{
				Code: FlagOverrideConflict, Subject: string(o.ID), Owner: OwnerMerchant, Detail: why,
				NextAction: "Lift the decision to accept what has happened, or keep it and close this.",
			})
		}
	}
}

func (r *roller) conflict(o Override) string {
	switch o.Kind {
	case OverrideLineRole:
		return r.roleConflict(o)
	case OverrideClosed:
		return r.closedConflict(o)
	case OverrideParcelLost:
		for _, p := range r.Parcels {
			if string(p.ID) == o.Subject && p.LastEventAt != nil && p.LastEventAt.After(o.CreatedAt) {
				return fmt.Sprintf("Parcel %s was given up as lost, but it has moved since: %s", p.TrackingNumber, sentence(p.LastEvent))
			}
		}
	}
	return ""
}

func (r *roller) roleConflict(o Override) string {
	if Role(o.Value) == RoleDropship {
		return ""
	}
	for _, s := range r.SupplierOrders {
		for _, l := range s.Lines {
			if l.LineID == o.Subject && l.Live && s.State.Live() && s.CreatedAt.After(o.CreatedAt) {
				return fmt.Sprintf("A line counts as %s, but AliExpress order %s was bought for it.", Role(o.Value).words(), s.ExternalID)
			}
		}
	}
	return ""
}

func (r *roller) closedConflict(o Override) string {
	if r.Order.Gate.Dead() && r.Order.GateAt.After(o.CreatedAt) {
		return "A person closed this order; the store has cancelled or refunded it since."
	}
	for _, s := range r.SupplierOrders {
		if s.PaidAt != nil && s.PaidAt.After(o.CreatedAt) {
			return fmt.Sprintf("A person closed this order, but AliExpress order %s was paid since.", s.ExternalID)
		}
	}
	for _, p := range r.Parcels {
		if p.FirstSeenAt.After(o.CreatedAt) || p.LastEventAt != nil && p.LastEventAt.After(o.CreatedAt) {
			return fmt.Sprintf("A person closed this order, but parcel %s is on its way.", p.TrackingNumber)
		}
	}
	return ""
}
