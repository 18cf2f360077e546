package models

import (
	"fmt"
	"slices"
	"time"
)

// StoreFulfillment is what a store shows as shipped, as it was last read.
type StoreFulfillment struct {
	MerchantID    MerchantID `gorm:"primaryKey"`
	OrderID       ID         `gorm:"primaryKey"`
	FulfillmentID string     `gorm:"primaryKey"`
	Number        string
	Carrier       string
	Link          string
	Lines         []FulfillmentLine `gorm:"serializer:json"`
	SeenAt        time.Time         // first
}

// PushShownOtherwise is the code of a push that was refused because the store shows the goods under another number.
const PushShownOtherwise = "store_fulfilled_otherwise"

// shownAgainAfter is how long after a confirmation the store's fulfillments are read once more although nothing has changed.
const shownAgainAfter = 24 * time.Hour

// WantShown says whether the store's fulfillments of an order are to be read: it changed since they last were, or a day has
// gone by since it last confirmed something. A change that was there when they were read, as that of our own write is, needs
// no other reading; while a push is in hand, its own is to come. every scales the day.
func WantShown(f Facts, now time.Time, every func(time.Duration) time.Duration) bool {
	o := f.Order
	told := false
	for _, p := range f.Pushes {
		told = told || p.FulfillmentID != ""
		if p.LeaseUntil != nil && p.LeaseUntil.After(now) {
			return false
		}
	}
	for _, p := range f.Pushes {
		if p.State != PushConfirmed || p.ConfirmedAt == nil {
			continue
		}
		if again := p.ConfirmedAt.Add(every(shownAgainAfter)); !now.Before(again) && (o.ShownAt == nil || o.ShownAt.Before(again)) {
			return true
		}
	}
	if !told && (o.FulfillmentStatus == "NOT_FULFILLED" || o.FulfillmentStatus == "") && len(f.Shown) == 0 {
		return false
	}
	return o.ShownAt == nil || o.SourceUpdatedAt.After(*o.ShownAt) && (o.ShownVersion == nil || !o.ShownVersion.Equal(o.SourceUpdatedAt))
}

// ours says that a fulfillment stands for one of our parcels.
func (f Facts) ours(s StoreFulfillment) bool {
	return slices.ContainsFunc(f.Pushes, func(p Push) bool {
		return p.FulfillmentID == s.FulfillmentID || s.Number != "" && (p.WantedNumber == s.Number || p.SentNumber == s.Number)
	})
}

// byHand lists what was fulfilled in the store by hand, of goods that we send.
func (r *roller) byHand() []StoreFulfillment {
	var out []StoreFulfillment
	for _, s := range r.Shown {
		dropship := slices.ContainsFunc(r.lines, func(p progress) bool {
			return p.line.As() == RoleDropship && QuantityOf(s.Lines, p.line.LineID) > 0
		})
		if dropship && !r.ours(s) {
			out = append(out, s)
		}
	}
	return out
}

// raiseShown compares what the store shows with what it had confirmed. Only a reading that is younger than the confirmation
// counts.
func (r *roller) raiseShown() {
	for _, p := range r.Pushes {
		if p.State != PushConfirmed || p.ConfirmedAt == nil || r.Order.ShownAt == nil || r.Order.ShownAt.Before(*p.ConfirmedAt) || r.Order.Gone() || r.lostParcel(p.ParcelID) {
			continue
		}
		if what := r.differs(p); what != "" {
			r.trouble(Trouble{
				Code: FlagMismatch, Subject: string(p.ID), Owner: OwnerMerchant, Detail: what,
				NextAction: "Have the store told again, or accept what it shows.",
			})
		}
	}
}

func (r *roller) lostParcel(id ID) bool {
	return slices.ContainsFunc(r.Parcels, func(p Parcel) bool { return p.ID == id && p.LostAt != nil })
}

// differs says how the store's fulfillment differs from what was confirmed; empty when it does not.
func (r *roller) differs(p Push) string {
	at := slices.IndexFunc(r.Shown, func(s StoreFulfillment) bool { return s.FulfillmentID == p.FulfillmentID })
	if at < 0 {
		return fmt.Sprintf("The store no longer shows %s as shipped, although it had confirmed it.", numbered(p.SentNumber))
	}
	s := r.Shown[at]
	switch {
	case p.SentNumber != "" && s.Number != p.SentNumber && (!p.NumberTaken || s.Number != ""):
		return fmt.Sprintf("The store shows %s instead of %s.", numbered(s.Number), numbered(p.SentNumber))
	case !CoversLines(s.Lines, p.SentLines) || !p.Adopted && !CoversLines(p.SentLines, s.Lines):
		return fmt.Sprintf("The store shows other goods or quantities under %s than it had confirmed.", numbered(p.SentNumber))
	}
	return ""
}
