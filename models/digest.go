package models

import (
	"slices"
	"time"
)

// Digest is what a list says of an order beyond its row, so that a list is one read.
type Digest struct {
	Title    string `json:"title"` // the name of the first line, and its picture
	ImageURL string `json:"image_url"`
	Lines    int    `json:"lines"`
	Items    int    `json:"items"`   // units owed; of all lines when none is owed
	ToShip   int    `json:"to_ship"` // units owed to the buyer, and how many of them are shipped
	Shipped  int    `json:"shipped"`

	// Of supplier orders that live.
	SupplierNumbers []string         `json:"supplier_numbers"`
	Suppliers       []DigestSupplier `json:"suppliers"`
	Cost            *DigestCost      `json:"cost,omitempty"` // nil: not known, or in several currencies
	PayBy           *time.Time       `json:"pay_by,omitempty"`

	Tracking  []DigestParcel `json:"tracking"`
	PushState PushState      `json:"push_state"` // the worst; empty: there is none
	Flags     []FlagCode     `json:"flags"`      // open and awake, each code once
}

// DigestSupplier is a store of AliExpress.
type DigestSupplier struct {
	StoreID string `json:"store_id"`
	Name    string `json:"name"`
}

// DigestCost is what supplier orders cost in all.
type DigestCost struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// DigestParcel is a parcel that counts and has a number.
type DigestParcel struct {
	Number  string `json:"number"`
	Carrier string `json:"carrier"`
	Link    string `json:"link"`
}

// DigestOf computes what lists say of an order, and the soonest deadline of what has one: a payment that is due, or a flag
// that is open and awake. It is pure, and nothing in it depends on Now. What the store no longer wants is not to be paid.
func DigestOf(f Facts) (d Digest, deadline *time.Time) {
	r := newRoller(f)
	d = Digest{ToShip: r.live, Shipped: r.shipped, Items: r.live, PushState: worstPush(f.Pushes)}
	d.ofLines(f.Lines)
	d.ofSuppliers(f.SupplierOrders)
	if r.out.Tab != TabClosed && r.Order.Gate == GateOpen {
		d.PayBy = plainTime(earliestPayBy(unpaidOf(f.SupplierOrders)))
	}
	d.Tracking = []DigestParcel{}
	for _, p := range f.Parcels {
		if p.counts() && p.TrackingNumber != "" {
			d.Tracking = append(d.Tracking, DigestParcel{p.TrackingNumber, p.Carrier, TellCarrier(f.Rules.Carriers, p.Carrier, p.TrackingNumber, nil).FullLink})
		}
	}
	d.Flags, deadline = []FlagCode{}, d.PayBy
	for _, flag := range f.Flags {
		if flag.ClosedAt != nil || flag.SnoozedUntil != nil {
			continue
		}
		if !slices.Contains(d.Flags, flag.Code) {
			d.Flags = append(d.Flags, flag.Code)
		}
		if flag.Deadline != nil && (deadline == nil || flag.Deadline.Before(*deadline)) {
			deadline = plainTime(flag.Deadline)
		}
	}
	slices.Sort(d.Flags)
	return d, deadline
}

// ofLines tells of what the store still lists; of all lines when it lists none of them any more.
func (d *Digest) ofLines(all []Line) {
	lines := slices.DeleteFunc(slices.Clone(all), func(l Line) bool { return l.Removed })
	if len(lines) == 0 {
		lines = all
	}
	if d.Lines = len(lines); d.Lines == 0 {
		return
	}
	d.Title, d.ImageURL = lines[0].Name, lines[0].ImageURL
	if d.Items > 0 {
		return
	}
	for _, l := range lines {
		d.Items += l.Quantity
	}
}

func (d *Digest) ofSuppliers(all []SupplierOrder) {
	d.SupplierNumbers, d.Suppliers = []string{}, []DigestSupplier{}
	cost, known := DigestCost{}, true
	for _, s := range all {
		if !s.State.Live() {
			continue
		}
		if s.ExternalID != "" {
			d.SupplierNumbers = append(d.SupplierNumbers, s.ExternalID)
		}
		at := slices.IndexFunc(d.Suppliers, func(have DigestSupplier) bool { return have.StoreID == s.SupplierStoreID })
		if s.SupplierStoreID != "" && at < 0 {
			d.Suppliers = append(d.Suppliers, DigestSupplier{s.SupplierStoreID, s.SupplierStoreName})
		}
		known = known && s.AmountCurrency != "" && (cost.Currency == "" || cost.Currency == s.AmountCurrency)
		cost.Minor, cost.Currency = cost.Minor+s.AmountMinor, s.AmountCurrency
	}
	if known && cost.Currency != "" {
		d.Cost = &cost
	}
}

func unpaidOf(all []SupplierOrder) []SupplierOrder {
	return slices.DeleteFunc(slices.Clone(all), func(s SupplierOrder) bool { return s.State != PlacementPlaced || s.Stage != StageUnpaid })
}

// worstPush is the state of pushes that most wants to be seen.
func worstPush(pushes []Push) PushState {
	worst := []PushState{PushRefused, PushRetrying, PushWaiting, PushSent, PushAccepted, PushConfirmed}
	for _, state := range worst {
		if slices.ContainsFunc(pushes, func(p Push) bool { return p.State == state }) {
			return state
		}
	}
	return ""
}

// plainTime is a time in the form in which it comes back from where it is kept.
func plainTime(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	plain := t.UTC().Truncate(time.Microsecond)
	return &plain
}
