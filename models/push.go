package models

import (
	"slices"
	"sort"
	"time"
)

// PushState is where the delivery of a parcel to its store stands.
type PushState string

// The states: confirmed only after reading back.
const (
	PushWaiting   PushState = "waiting"
	PushSent      PushState = "sent" // the store took it; not yet seen by reading back
	PushConfirmed PushState = "confirmed"
	PushRefused   PushState = "refused" // the store said no: a person decides
	PushRetrying  PushState = "retrying"
	PushAccepted  PushState = "accepted" // a person lets stand what the store shows instead
)

// PushNext lists where each state may go. A changed parcel puts any state back to waiting.
var PushNext = map[PushState][]PushState{
	PushWaiting:   {PushWaiting, PushSent, PushConfirmed, PushRefused, PushRetrying},
	PushSent:      {PushWaiting, PushConfirmed, PushRetrying, PushRefused},
	PushRetrying:  {PushWaiting, PushSent, PushConfirmed, PushRefused, PushRetrying},
	PushConfirmed: {PushWaiting, PushAccepted},
	PushRefused:   {PushWaiting, PushAccepted},
	PushAccepted:  {PushWaiting},
}

// CanBecome reports whether s may become next.
func (s PushState) CanBecome(next PushState) bool { return slices.Contains(PushNext[s], next) }

// Owed reports whether the store still has to be told or asked.
func (s PushState) Owed() bool { return s == PushWaiting || s == PushSent || s == PushRetrying }

// Push is the delivery of one parcel to one store.
type Push struct {
	MerchantID     MerchantID `gorm:"primaryKey"`
	ID             ID         `gorm:"primaryKey"`
	OrderID        ID
	ParcelID       ID
	StoreID        ID
	State          PushState
	WantedLines    []FulfillmentLine `gorm:"serializer:json"`
	WantedNumber   string
	WantedCarrier  string // AliExpress' name
	WantedProvider string // what the store is told of it
	WantedLink     string // empty: the store builds it
	WantedSince    time.Time
	FulfillmentID  string
	SentNumber     string
	SentProvider   string // empty: the store was told nothing of the carrier
	SentLink       string
	SentLines      []FulfillmentLine `gorm:"serializer:json"`
	Adopted        bool              // the fulfillment was there before us
	Overwrite      bool              // a person has said that another number in the store may be replaced
	NumberTaken    bool              // the store shows this number for another order and takes it once: the link carries it
	Attempts       int
	LeaseUntil     *time.Time
	NextTryAt      *time.Time
	SentAt         *time.Time
	ConfirmedAt    *time.Time
	ErrorCode      string
	ErrorDetail    string    // the store's words
	CreatedAt      time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	UpdatedAt      time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}

// TableName names the table: GORM would write "pushes" as well, but this must not depend on its English.
func (Push) TableName() string { return "pushes" }

// told reports whether the store may know of the parcel.
func (p Push) told() bool { return p.FulfillmentID != "" || p.SentAt != nil }

// Wish is what a store should be told of a parcel. One without lines is none.
type Wish struct {
	Number   string
	Carrier  string
	Provider string
	Link     string
	Lines    []FulfillmentLine
}

// WantPush brings a push in step with what its store should be told, and says whether that is something new.
func WantPush(p Push, w Wish, now time.Time) (Push, bool) {
	if len(w.Lines) == 0 {
		return p, false
	}
	sameGoods := p.WantedNumber == w.Number && slices.Equal(p.WantedLines, w.Lines)
	sameWords := p.WantedProvider == w.Provider && p.WantedLink == w.Link
	p.WantedCarrier, p.WantedProvider, p.WantedLink = w.Carrier, w.Provider, w.Link
	switch {
	case sameGoods && sameWords:
		return p, false
	case sameGoods && (p.State != PushConfirmed || p.SentProvider == ""):
		// What is owed will be told with the new words; what a person decided, and what was never told them, stays.
		return p, false
	}
	p.NumberTaken = p.NumberTaken && p.WantedNumber == w.Number
	p.WantedNumber, p.WantedLines = w.Number, w.Lines
	p.WantedSince, p.State, p.NextTryAt, p.Attempts = now, PushWaiting, &now, 0
	p.ErrorCode, p.ErrorDetail, p.ConfirmedAt = "", "", nil
	return p, true
}

// WishFor says what the store should be told of a parcel whose push is p. There is no wish without a number, unless a person
// wants the goods fulfilled without one, none for a lost parcel, and none before the carrier has seen the parcel where the
// merchant wants that. What the store no longer owes is not told anew.
func (f Facts) WishFor(parcel Parcel, p Push) Wish {
	if !parcel.counts() || f.waitsForScan(parcel, p) {
		return Wish{}
	}
	lines := linesOf(parcel)
	if !p.told() {
		lines = f.stillOwed(lines)
	}
	w := Wish{Number: parcel.TrackingNumber, Carrier: parcel.Carrier, Lines: lines}
	if parcel.TrackingNumber == "" {
		return w
	}
	words := TellCarrier(f.Rules.Carriers, parcel.Carrier, parcel.TrackingNumber, f.furtherNumbers(parcel))
	w.Provider, w.Link = words.Provider, words.Link
	if p.NumberTaken && p.WantedNumber == parcel.TrackingNumber {
		w.Link = words.FullLink
	}
	return w
}

func (f Facts) waitsForScan(parcel Parcel, p Push) bool {
	return f.Rules.Store.PushWhen == PushAtFirstScan && parcel.LastEventAt == nil && parcel.TrackingNumber != "" && p.WantedSince.IsZero()
}

// stillOwed leaves out what the store has taken back. Lines that nobody knows stay: the store will say so itself.
func (f Facts) stillOwed(lines []FulfillmentLine) []FulfillmentLine {
	var out []FulfillmentLine
	for _, w := range lines {
		for _, l := range f.Lines {
			if l.LineID != w.LineID {
				continue
			}
			w.Quantity = min(w.Quantity, max(0, l.Quantity-l.Refunded))
			if l.Removed {
				w.Quantity = 0
			}
		}
		if w.Quantity > 0 {
			out = append(out, w)
		}
	}
	return out
}

// furtherNumbers are those of parcels that hold nothing of their own: AliExpress gives a unit two numbers when it changes
// hands. They go with the first parcel of the same supplier order.
func (f Facts) furtherNumbers(parcel Parcel) []string {
	if parcel.ListedBy == nil {
		return nil
	}
	var also []string
	for _, other := range f.Parcels {
		if other.ListedBy == nil || *other.ListedBy != *parcel.ListedBy {
			continue
		}
		if len(other.Items) > 0 && other.ID < parcel.ID {
			return nil // the first one tells of them
		}
		if len(other.Items) == 0 && other.TrackingNumber != "" && other.MissingSince == nil {
			also = append(also, other.TrackingNumber)
		}
	}
	return also
}

// linesOf sums a parcel's items by order line, in line order.
func linesOf(parcel Parcel) []FulfillmentLine {
	sums := map[string]int{}
	for _, it := range parcel.Items {
		sums[it.LineID] += it.Quantity
	}
	lines := make([]FulfillmentLine, 0, len(sums))
	for id, n := range sums {
		lines = append(lines, FulfillmentLine{LineID: id, Quantity: n})
	}
	sort.Slice(lines, func(i, j int) bool { return lines[i].LineID < lines[j].LineID })
	return lines
}

// CoversLines says whether a holds everything that b holds.
func CoversLines(a, b []FulfillmentLine) bool {
	for _, l := range b {
		if QuantityOf(a, l.LineID) < QuantityOf(b, l.LineID) {
			return false
		}
	}
	return true
}

// SameLines says whether a and b hold the same.
func SameLines(a, b []FulfillmentLine) bool { return CoversLines(a, b) && CoversLines(b, a) }

// QuantityOf sums what lines hold of one order line.
func QuantityOf(lines []FulfillmentLine, lineID string) int {
	n := 0
	for _, l := range lines {
		if l.LineID == lineID {
			n += l.Quantity
		}
	}
	return n
}
