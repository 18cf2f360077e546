package models

import (
	"net/url"
	"strings"
	"time"
)

// PlacementState is where the buying of a supplier order stands. It is a real state machine: PlacementNext.
type PlacementState string

// The states of design.md section 7, and closed for a supplier order that ended without goods.
const (
	PlacementPlanned  PlacementState = "planned"  // intent written; preflight is due
	PlacementApproved PlacementState = "approved" // preflight passed, the request is frozen
	PlacementSending  PlacementState = "sending"  // claimed by one epoch; never sent again by anybody else
	PlacementPlaced   PlacementState = "placed"   // AliExpress gave a number
	PlacementRejected PlacementState = "rejected" // refused before anything was created
	PlacementUnknown  PlacementState = "unknown"  // it may exist: resolved by looking, never by sending
	PlacementClosed   PlacementState = "closed"   // AliExpress ended it without goods
	PlacementUnlinked PlacementState = "unlinked" // a person said that its number does not belong here
)

// PlacementNext lists where each state may go. A CHECK on the column knows the same words.
var PlacementNext = map[PlacementState][]PlacementState{
	PlacementPlanned:  {PlacementApproved, PlacementRejected},
	PlacementApproved: {PlacementSending, PlacementRejected, PlacementPlanned}, // planned: what was approved has changed, so it is made anew
	PlacementSending:  {PlacementPlaced, PlacementRejected, PlacementApproved, PlacementUnknown},
	PlacementUnknown:  {PlacementPlaced, PlacementApproved},
	PlacementPlaced:   {PlacementClosed, PlacementUnlinked},
	PlacementRejected: {},
	PlacementClosed:   {PlacementPlaced, PlacementUnlinked}, // placed: AliExpress took it back, a word read too early
	PlacementUnlinked: {},
}

// CanBecome reports whether s may become next.
func (s PlacementState) CanBecome(next PlacementState) bool {
	for _, n := range PlacementNext[s] {
		if n == next {
			return true
		}
	}
	return false
}

// Live reports whether a placement in this state keeps its lines from being bought again. Unknown counts: it may exist.
func (s PlacementState) Live() bool {
	return s != PlacementRejected && s != PlacementClosed && s != PlacementUnlinked
}

// Stage is how far a placed supplier order has come, read from AliExpress' words (product.md 6.2).
type Stage string

// The stages.
const (
	StageUnpaid   Stage = "unpaid"
	StagePaid     Stage = "paid"
	StageShipped  Stage = "shipped"
	StageFinished Stage = "finished" // received, or funds settled
	StageClosed   Stage = "closed"   // ended without goods
)

func (s Stage) rank() int {
	switch s {
	case StagePaid:
		return 1
	case StageShipped:
		return 2
	case StageFinished:
		return 3
	}
	return 0
}

// Paid reports whether the supplier has the money.
func (s Stage) Paid() bool { return s.rank() >= 1 }

// What a status word of AliExpress amounts to (aliexpress.md 5.2, product.md 6.2). Words that decide nothing keep the stage.
var supplierWords = map[string]struct {
	stage   Stage // empty: unchanged
	chip    Chip
	decides bool // FINISH and its kin: decided by end reasons and shipment
}{
	"PLACE_ORDER_SUCCESS":       {stage: StageUnpaid},
	"PAYMENT_PROCESSING":        {stage: StageUnpaid, chip: Chip{"payment_processing", "AliExpress is processing your payment"}},
	"WAIT_SELLER_EXAMINE_MONEY": {stage: StageUnpaid, chip: Chip{"amount_short", "The seller has to confirm the amount"}},
	"RISK_CONTROL":              {stage: StagePaid, chip: Chip{"payment_verified", "Payment is being verified, usually up to 24 h"}},
	"RISK_CONTROL_HOLD":         {stage: StagePaid, chip: Chip{"payment_held", "Payment is held until you confirm it"}},
	"WAIT_SELLER_SEND_GOODS":    {stage: StagePaid},
	"SELLER_PART_SEND_GOODS":    {stage: StagePaid},
	"WAIT_BUYER_ACCEPT_GOODS":   {stage: StageShipped},
	"IN_CANCEL":                 {chip: Chip{"cancel_requested", "Cancel requested"}},
	"IN_ISSUE":                  {chip: Chip{"dispute", "Dispute open"}},
	"IN_FROZEN":                 {chip: Chip{"frozen", "Frozen by AliExpress"}},
	"WAIT_GROUP":                {chip: Chip{"group_buy", "Waiting for a group buy"}},
	"WAIT_COMPLETE_ADDRESS":     {chip: Chip{"address_incomplete", "AliExpress wants the address completed"}},
	"FUND_PROCESSING":           {decides: true},
	"FINISH":                    {decides: true},
	"ARCHIVE":                   {decides: true},
}

// KnownSupplierStatus reports whether word is one that Waybill understands.
func KnownSupplierStatus(word string) bool {
	_, ok := supplierWords[word]
	return ok
}

var badEnds = map[string]bool{
	"buyer_pay_timeout": true, "buyer_cancel_notpay_order": true, "buyer_cancel_order_in_risk": true, "risk_reject_closed": true,
	"cancel_order_close_trade": true, "seller_send_goods_timeout": true, "seller_accept_issue_no_goods_return": true,
	"seller_response_issue_timeout": true, "canceled": true, "cancelled": true,
}

var goodEnds = map[string]bool{"buyer_accept_goods": true, "buyer_accept_goods_timeout": true}

// BadEnd reports whether an end reason says that a line brings no goods (aliexpress.md 5.4).
func BadEnd(reason string) bool { return badEnds[strings.ToLower(reason)] }

// SupplierOrder is one AliExpress order, from the intent to buy it to its end.
type SupplierOrder struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	ID         ID         `gorm:"primaryKey"`
	OrderID    ID
	AccountID  ID
	State      PlacementState
	Origin     Origin

	// Placing.
	Epoch         int // how often it was claimed; only the newest epoch may send
	LeaseUntil    *time.Time
	NotBefore     *time.Time // end of the hold window
	Auto          bool       // planned by the merchant's rule, not by a person
	Replaces      *ID        // the placement whose supplier could not deliver
	ApprovedAt    *time.Time
	AddressSHA256 string `gorm:"column:address_sha256"` // of the address in the frozen request
	OutOrderID    string // our key at AliExpress: digits, one per purchase, never renewed for a retry
	Request       []byte `gorm:"column:sealed_request"` // the frozen PurchaseRequest, as JSON, sealed with the order's key
	RequestSHA256 string `gorm:"column:request_sha256"`
	Note          string
	SentAt        *time.Time
	UnsureSince   *time.Time
	ErrorCode     string
	ErrorDetail   string
	ErrorFields   []FieldError `gorm:"serializer:json"` // the parts of the address that were refused
	StrayNumbers  []string     `gorm:"serializer:json"` // told by a late answer to an earlier try: a second purchase, perhaps

	// What AliExpress says.
	ExternalID        string
	PreviousNumbers   []string `gorm:"serializer:json"` // numbers it had before a person corrected them
	SupplierStoreID   string
	SupplierStoreName string
	Status            string // verbatim
	LogisticsStatus   string // verbatim
	EndReason         string // verbatim
	StageStatus       string // the newest word that decides a stage, and
	StageLogistics    string // what stood beside it, and
	StageSeq          int64  // the call that brought it
	ShippedSeen       bool   // some answer said shipped
	Stage             Stage  // what all this amounts to: see Settle
	PaidAt            *time.Time
	ShippedAt         *time.Time // when an answer first said so
	UsualHours        int        // from payment to shipment at its store, as known when it was paid; 0: not known
	PayBy             *time.Time
	AmountMinor       int64
	AmountCurrency    string
	PlacedAt          *time.Time

	FetchSeq      int64 // taken before each call: AliExpress' answers carry no version of their own
	AppliedSeq    int64
	LastCheckedAt *time.Time
	NextCheckAt   *time.Time
	CheckFailures int
	NoDataSince   *time.Time // AliExpress says it has no such order
	NumberDue     bool       // received, and yet no parcel of it ever had a number: see Settle
	CreatedAt     time.Time  `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	UpdatedAt     time.Time  `gorm:"autoCreateTime:false;autoUpdateTime:false"`

	Lines []SupplierLine `gorm:"-"`
}

// Origin says how a supplier order came to us.
type Origin string

// Origins.
const (
	OriginPlaced Origin = "placed" // bought by Waybill
	OriginLinked Origin = "linked" // bought by hand, its number typed in
)

// SupplierLine is the part of an order line that a supplier order covers.
type SupplierLine struct {
	MerchantID      MerchantID `gorm:"primaryKey"`
	SupplierOrderID ID         `gorm:"primaryKey"`
	LineID          string     `gorm:"primaryKey"`
	Part            int        `gorm:"primaryKey"` // 0 unless a quantity was split on purpose
	OrderID         ID
	ProductID       string
	SKUID           string `gorm:"column:sku_id"`
	SKUAttr         string `gorm:"column:sku_attr"`
	Rank            int    // 0: bought from the supplier; 1: from its fallback
	Quantity        int
	Live            bool // false once the supplier order was refused or ended for this line
	EndReason       string
}

// TableName names the table.
func (SupplierLine) TableName() string { return "supplier_order_lines" }

// Observe takes over AliExpress' answer to call number seq, unless a later call has answered already (I5), and says
// whether it did. Known facts stay, and even a late answer adds to them: a paid time and an end reason are never erased, an
// unknown word changes no stage. Settle follows.
func (s *SupplierOrder) Observe(a SupplierAnswer, seq int64) (applied bool) {
	w := supplierWords[a.Status]
	if (w.stage != "" || w.decides) && seq >= s.StageSeq {
		s.StageStatus, s.StageLogistics, s.StageSeq = a.Status, a.LogisticsStatus, seq
	}
	s.ShippedSeen = s.ShippedSeen || w.stage == StageShipped
	if a.PaidAt != nil && (s.PaidAt == nil || a.PaidAt.Before(*s.PaidAt)) {
		s.PaidAt = a.PaidAt
	}
	for i := range s.Lines {
		if reason, ok := endOf(a, s.Lines[i].ProductID, s.Lines[i].SKUID); ok {
			s.Lines[i].EndReason = weightierEnd(s.Lines[i].EndReason, reason)
			s.EndReason = weightierEnd(s.EndReason, reason)
		}
	}
	if seq < s.AppliedSeq {
		return false
	}
	s.AppliedSeq, s.NoDataSince = seq, nil
	s.Status, s.LogisticsStatus = a.Status, a.LogisticsStatus
	if a.PayBy != nil {
		s.PayBy = a.PayBy
	}
	if a.Amount.Currency != "" {
		s.AmountMinor, s.AmountCurrency = a.Amount.Minor, a.Amount.Currency
	}
	if a.StoreID != "" {
		s.SupplierStoreID, s.SupplierStoreName = a.StoreID, a.StoreName
	}
	if a.CreatedAt != nil && s.PlacedAt == nil {
		s.PlacedAt = a.CreatedAt
	}
	return true
}

// Settle computes what the facts amount to: the stage, which lines live, and whether a placed supplier order has ended.
// tracked says that a parcel with a number is known. Calling it twice changes nothing. One whose lines are not known yet
// ends with its stage only.
func (s *SupplierOrder) Settle(tracked bool) {
	if s.State != PlacementPlaced && s.State != PlacementClosed {
		s.NumberDue = false
		for i := range s.Lines {
			s.Lines[i].Live = s.State.Live()
		}
		return
	}
	s.Stage = s.stage(tracked)
	live := len(s.Lines) == 0 && s.Stage != StageClosed
	for i := range s.Lines {
		l := &s.Lines[i]
		l.Live = s.Stage != StageClosed && !BadEnd(l.EndReason)
		live = live || l.Live
	}
	s.State = PlacementClosed
	if live {
		s.State = PlacementPlaced
	}
	s.NumberDue = s.State == PlacementPlaced && s.Stage == StageFinished && !tracked
}

// stage reads the newest deciding word. FINISH and its kin mean "received" or "closed without goods": end reasons and
// shipment facts decide (aliexpress.md 5.4).
func (s SupplierOrder) stage(tracked bool) Stage {
	w, seen := supplierWords[s.StageStatus]
	switch {
	case !seen && s.PaidAt != nil:
		return StagePaid
	case !seen:
		return StageUnpaid
	case !w.decides:
		return w.stage
	}
	ended, good := 0, false
	for _, l := range s.Lines {
		if BadEnd(l.EndReason) {
			ended++
		}
		good = good || goodEnds[strings.ToLower(l.EndReason)]
	}
	if ended == len(s.Lines) && ended > 0 {
		return StageClosed
	}
	received := s.StageLogistics == "BUYER_ACCEPT_GOODS" || s.StageLogistics == "SELLER_SEND_GOODS"
	if good || received || tracked || s.ShippedSeen {
		return StageFinished
	}
	return StageClosed
}

func endOf(a SupplierAnswer, productID, skuID string) (reason string, ok bool) {
	for _, l := range a.Lines {
		if l.EndReason != "" && l.SKUID != "" && l.SKUID == skuID {
			return l.EndReason, true
		}
	}
	reasons := map[string]bool{}
	for _, l := range a.Lines {
		if l.ProductID == productID && (l.SKUID == "" || skuID == "") {
			reasons[l.EndReason] = true
			reason = l.EndReason
		}
	}
	return reason, len(reasons) == 1 && reason != ""
}

// weightierEnd chooses between two end reasons of one line so that the order in which they came does not matter: no goods
// weighs more than goods, and either more than a reason we do not know.
func weightierEnd(a, b string) string {
	weight := func(reason string) int {
		switch {
		case reason == "":
			return 0
		case BadEnd(reason):
			return 3
		case goodEnds[strings.ToLower(reason)]:
			return 2
		}
		return 1
	}
	if wa, wb := weight(a), weight(b); wa != wb {
		if wa > wb {
			return a
		}
		return b
	}
	return min(a, b)
}

// Open reports whether AliExpress still has news to give about it.
func (s SupplierOrder) Open() bool {
	return s.State == PlacementPlaced && s.Stage != StageFinished && s.Stage != StageClosed
}

// Asked reports whether AliExpress is still asked about it: there is news to come, or a number that is owed.
func (s SupplierOrder) Asked() bool { return s.Open() || s.NumberDue }

// Why a placed supplier order ended without goods.
const (
	EndPaymentTimeout = "payment_timeout"
	EndCancelled      = "supplier_cancelled"
	EndUnshipped      = "closed_unshipped"
)

// WhyEnded sorts the end of a supplier order for people and flags.
func (s SupplierOrder) WhyEnded() string {
	switch {
	case strings.EqualFold(s.EndReason, "buyer_pay_timeout"), s.PaidAt == nil && s.PayBy != nil && s.LastCheckedAt != nil && !s.LastCheckedAt.Before(*s.PayBy):
		return EndPaymentTimeout
	case BadEnd(s.EndReason):
		return EndCancelled
	}
	return EndUnshipped
}

// SupplierPage is the page on AliExpress where a person pays or cancels the order with this number: the platform has no call for either. It is
// empty for one without a number.
func SupplierPage(number string) string {
	if number == "" {
		return ""
	}
	return "https://www.aliexpress.com/p/order/detail.html?orderId=" + url.QueryEscape(number)
}
