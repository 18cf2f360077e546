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
)

// PushNext lists where each state may go. A changed parcel puts any state back to waiting.
var PushNext = map[PushState][]PushState{
	PushWaiting:   {PushWaiting, PushSent, PushConfirmed, PushRefused, PushRetrying},
	PushSent:      {PushWaiting, PushConfirmed, PushRetrying, PushRefused},
	PushRetrying:  {PushWaiting, PushSent, PushConfirmed, PushRefused, PushRetrying},
	PushConfirmed: {PushWaiting},
	PushRefused:   {PushWaiting},
}

// CanBecome reports whether s may become next.
func (s PushState) CanBecome(next PushState) bool { return slices.Contains(PushNext[s], next) }

// Owed reports whether the store still has to be told or asked.
func (s PushState) Owed() bool { return s == PushWaiting || s == PushSent || s == PushRetrying }

// Push is the delivery of one parcel to one store.
type Push struct {
	MerchantID    MerchantID `gorm:"primaryKey"`
	ID            ID         `gorm:"primaryKey"`
	OrderID       ID
	ParcelID      ID
	StoreID       ID
	State         PushState
	WantedLines   []FulfillmentLine `gorm:"serializer:json"`
	WantedNumber  string
	WantedCarrier string // AliExpress' name; the store's provider is chosen when sending
	WantedSince   time.Time
	FulfillmentID string
	SentNumber    string
	SentLines     []FulfillmentLine `gorm:"serializer:json"`
	Adopted       bool              // the fulfillment was there before us
	Attempts      int
	LeaseUntil    *time.Time
	NextTryAt     *time.Time
	SentAt        *time.Time
	ConfirmedAt   *time.Time
	ErrorCode     string
	ErrorDetail   string    // the store's words
	CreatedAt     time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	UpdatedAt     time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}

// TableName names the table: GORM would write "pushes" as well, but this must not depend on its English.
func (Push) TableName() string { return "pushes" }

// WantPush brings the push of a parcel in step with the parcel and says whether the store must be told something new.
// A parcel without a number or without contents is not pushed.
func WantPush(p Push, parcel Parcel, now time.Time) (Push, bool) {
	lines := linesOf(parcel)
	if parcel.TrackingNumber == "" || len(lines) == 0 {
		return p, false
	}
	if p.WantedNumber == parcel.TrackingNumber && slices.Equal(p.WantedLines, lines) {
		return p, false
	}
	p.WantedNumber, p.WantedCarrier, p.WantedLines = parcel.TrackingNumber, parcel.Carrier, lines
	p.WantedSince, p.State, p.NextTryAt, p.Attempts = now, PushWaiting, &now, 0
	p.ErrorCode, p.ErrorDetail, p.ConfirmedAt = "", "", nil
	return p, true
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
