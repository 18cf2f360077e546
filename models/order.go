package models

import "time"

// Gate says whether the store's payment lets an order be bought (product.md 6.3).
type Gate string

// The gates. Open and shut may change both ways; the others mean that nothing is owed any more.
const (
	GateOpen      Gate = "open"      // captured: what is live may be bought
	GateShut      Gate = "shut"      // not captured yet
	GateCancelled Gate = "cancelled" // the store cancelled the order
	GateRejected  Gate = "rejected"  // the store rejected it: the payment failed
	GateRefunded  Gate = "refunded"  // everything was refunded
)

// Dead reports whether the store wants nothing shipped any more.
func (g Gate) Dead() bool { return g == GateCancelled || g == GateRejected || g == GateRefunded }

// Wix's words (wix.md 2.5). Anything else is unknown.
var (
	storeStatuses = map[string]bool{"INITIALIZED": true, "APPROVED": true, "CANCELED": true, "PENDING": true, "REJECTED": true}
	storePayments = map[string]bool{
		"UNSPECIFIED": true, "NOT_PAID": true, "PAID": true, "PARTIALLY_REFUNDED": true, "FULLY_REFUNDED": true,
		"PENDING": true, "PARTIALLY_PAID": true, "PENDING_MERCHANT": true, "CANCELED": true, "DECLINED": true,
	}
)

// GateOf reads the store's two words. known is false when either is a word we have never seen: the gate then stays as it was.
func GateOf(status, payment string) (gate Gate, known bool) {
	switch {
	case !storeStatuses[status] || !storePayments[payment]:
		return GateShut, false
	case status == "CANCELED":
		return GateCancelled, true
	case status == "REJECTED":
		return GateRejected, true
	case payment == "FULLY_REFUNDED":
		return GateRefunded, true
	case status == "APPROVED" && (payment == "PAID" || payment == "PARTIALLY_REFUNDED"):
		return GateOpen, true
	}
	return GateShut, true
}

// Order is a store's order. Its words are the store's, verbatim; Gate is what they amount to.
type Order struct {
	MerchantID        MerchantID `gorm:"primaryKey"`
	ID                ID         `gorm:"primaryKey"`
	StoreID           ID
	ExternalID        string
	Number            string
	PlacedAt          time.Time
	SourceUpdatedAt   time.Time // the store's version of the newest snapshot applied
	StoreStatus       string
	PaymentStatus     string
	FulfillmentStatus string
	Gate              Gate
	GateAt            time.Time // the store's version of the newest snapshot whose words we knew
	Currency          string
	TotalMinor        int64
	AuthorizedMinor   int64
	PaidMinor         int64
	PartlyPaid        bool // the gate is shut for no other reason than that a part is missing
	BuyerName         string
	BuyerEmail        string
	BuyerNote         string `gorm:"-"` // sealed; known where the order is read in full
	Country           string
	Archived          bool
	Imported          bool
	Pickup            bool
	Staff             bool // made by somebody of the store, not by a buyer: never bought without a person

	// Where the goods go. The fingerprints are of addresses, which lists do not need: see FingerprintOf.
	RecipientSHA256       string `gorm:"column:recipient_sha256"`        // of what the store says
	PurchaseAddressSHA256 string `gorm:"column:purchase_address_sha256"` // of the address for the purchase only; empty: there is none
	PurchaseAddressFor    string // the store's fingerprint when that address was given
	PurchaseAddressAt     *time.Time
	PurchaseAddressBy     Actor
	PurchaseAddressWhy    string

	// A hold: nothing of it is sent to a supplier.
	HeldAt    *time.Time
	HeldUntil *time.Time // nil: until somebody releases it
	HeldBy    Actor
	HeldWhy   string
	GoneSince *time.Time // the store no longer has it

	// The buyer's data: since when the order needs nothing more, since when somebody wants it erased, and when it was.
	EndedAt          *time.Time
	EraseRequestedAt *time.Time
	ErasedAt         *time.Time

	StoreEdits   []string   `gorm:"serializer:json"` // changed in the store after goods were bought, and not seen by a person yet
	ShownAt      *time.Time // what its fulfillments were at this time is known
	ShownVersion *time.Time // the order's SourceUpdatedAt then
	ShownSeq     int64      // the number of that reading

	// What Rollup made of the facts, stored to be indexed and listed.
	Tab          Tab
	Why          string
	ClosedReason string
	Chips        []Chip `gorm:"serializer:json"`
	OpenFlags    int
	Final        bool
	Digest       *Digest    `gorm:"serializer:json"` // nil: not computed yet
	DeadlineAt   *time.Time // see DigestOf

	LastCheckedAt     *time.Time
	LastCheckedSource string
	StoreCheckedAt    *time.Time
	NextCheckAt       *time.Time // nil only when Final
	CheckFailures     int        // checks in a row that got no answer
	Version           int64
	CreatedAt         time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	UpdatedAt         time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}

// Observe takes over what the store reports, unless something newer is known already (I5), and says whether it did.
// Lines are compared by ObserveLines. A word we do not know leaves the gate where it was.
func (o *Order) Observe(s StoreOrder) (applied bool) {
	if gate, known := GateOf(s.Status, s.PaymentStatus); known && !s.UpdatedAt.Before(o.GateAt) {
		o.Gate, o.GateAt = gate, s.UpdatedAt
		o.PartlyPaid = gate == GateShut && s.Status == "APPROVED" && s.PaymentStatus == "PARTIALLY_PAID"
	}
	if o.Gate == "" {
		o.Gate = GateShut
	}
	if s.UpdatedAt.Before(o.SourceUpdatedAt) {
		return false
	}
	o.SourceUpdatedAt = s.UpdatedAt
	o.ExternalID, o.Number, o.PlacedAt = s.ExternalID, s.Number, s.PlacedAt
	o.StoreStatus, o.PaymentStatus, o.FulfillmentStatus = s.Status, s.PaymentStatus, s.FulfillmentStatus
	o.Currency, o.TotalMinor, o.AuthorizedMinor, o.PaidMinor = s.Currency, s.Total.Minor, s.Authorized.Minor, s.Paid.Minor
	o.BuyerName, o.BuyerEmail, o.BuyerNote, o.Country = s.BuyerName, s.BuyerEmail, s.BuyerNote, s.Recipient.Country
	o.Archived, o.Imported, o.Pickup, o.Staff = s.Archived, s.Imported, s.Pickup, s.Staff
	o.RecipientSHA256 = FingerprintOf(s.Recipient)
	return true
}

// GateUnder is the gate under what the merchant has decided about the store: a part of the money may be enough.
func (o Order) GateUnder(s StoreSettings) Gate {
	if o.Gate == GateShut && o.PartlyPaid && s.PartialPaymentOpens {
		return GateOpen
	}
	return o.Gate
}

// Gone reports whether the store has put the order away, so that it is told nothing more.
func (o Order) Gone() bool { return o.Archived || o.GoneSince != nil }

// Role says whether a line is ours to buy.
type Role string

// The roles. Only dropship lines count for the tab.
const (
	RoleDropship   Role = "dropship"
	RoleOwn        Role = "own"         // the merchant's own stock: mapped as such
	RoleNoShipping Role = "no_shipping" // digital goods, gift cards, services
)

// Line is one line of an Order. Its id is unique within the order only.
type Line struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	OrderID    ID         `gorm:"primaryKey"`
	LineID     string     `gorm:"primaryKey"`
	Position   int
	Name       string
	SKU        string `gorm:"column:sku"`
	VariantKey string
	Options    string
	CustomText string `gorm:"-"` // what the buyer wrote to be put on the goods; sealed like Order.BuyerNote
	Role       Role
	Override   Role `gorm:"column:role_override"` // a person's word for this order; empty: none
	Mapped     bool // a product mapping names its supplier
	Quantity   int
	Refunded   int
	Removed    bool // no longer in the store's order
	PriceMinor int64
	ImageURL   string `gorm:"column:image_url"`
}

// TableName names the table: "lines" alone would say too little.
func (Line) TableName() string { return "order_lines" }

// As is the role that counts: a person's word before the product mapping's.
func (l Line) As() Role {
	if l.Override != "" {
		return l.Override
	}
	return l.Role
}

// Live is the quantity that is still owed to the buyer, whatever became of the order as a whole.
func (l Line) Live() int {
	if l.Removed || l.As() != RoleDropship {
		return 0
	}
	return max(0, l.Quantity-l.Refunded)
}

// MappingKind tells of a product mapping what a line needs to know: nothing, a supplier, or "own stock".
type MappingKind string

// Mapping kinds.
const (
	MappedNot      MappingKind = ""
	MappedDropship MappingKind = "dropship"
	MappedOwn      MappingKind = "own"
)

// ObserveLines brings lines in step with a snapshot that Order.Observe applied. Lines that the store no longer lists are
// kept and marked removed: what was bought for them must not lose its reason. It returns all lines, changed or not.
func ObserveLines(have []Line, order Order, s StoreOrder, mapping func(variantKey string) MappingKind) []Line {
	byID := make(map[string]Line, len(have))
	for _, l := range have {
		byID[l.LineID] = l
	}
	lines := make([]Line, 0, len(s.Lines))
	for i, sl := range s.Lines {
		l := byID[sl.ID]
		delete(byID, sl.ID)
		l.MerchantID, l.OrderID, l.LineID, l.Position, l.Removed = order.MerchantID, order.ID, sl.ID, i, false
		l.Name, l.SKU, l.VariantKey, l.Options, l.CustomText = sl.Name, sl.SKU, sl.VariantKey, sl.Options, sl.CustomText
		l.Quantity, l.Refunded, l.PriceMinor, l.ImageURL = sl.Quantity, sl.Refunded, sl.Price.Minor, sl.ImageURL
		l.Role = RoleDropship
		if !sl.Shippable {
			l.Role = RoleNoShipping
		}
		lines = append(lines, l.withMapping(mapping(sl.VariantKey)))
	}
	for _, l := range have {
		if _, gone := byID[l.LineID]; gone {
			l.Removed, l.Position = true, len(lines)
			lines = append(lines, l)
		}
	}
	return lines
}

// withMapping sets what a product mapping decides. A line that cannot be shipped stays so.
func (l Line) withMapping(kind MappingKind) Line {
	l.Mapped = kind == MappedDropship
	switch {
	case l.Role == RoleNoShipping:
	case kind == MappedOwn:
		l.Role = RoleOwn
	default:
		l.Role = RoleDropship
	}
	return l
}

// Remap applies a changed product mapping to the lines it concerns.
func Remap(lines []Line, mapping func(variantKey string) MappingKind) []Line {
	out := make([]Line, len(lines))
	for i, l := range lines {
		out[i] = l.withMapping(mapping(l.VariantKey))
	}
	return out
}

// ProductMapping says where a store's variant is bought. One row each for the supplier (rank 0) and its fallback (rank 1).
type ProductMapping struct {
	MerchantID        MerchantID `gorm:"primaryKey"`
	ID                ID         `gorm:"primaryKey"`
	StoreID           ID
	VariantKey        string
	Rank              int
	Role              Role   // dropship, or own: "this is my own stock"
	Title             string // what a person calls it
	SupplierProductID string
	SupplierSKUID     string `gorm:"column:supplier_sku_id"`
	SupplierSKUAttr   string `gorm:"column:supplier_sku_attr"`
	SupplierStoreID   string
	SupplierStoreName string
	ShippingService   string // preferred shipping service; empty: chosen when placing
	PriceCapMinor     *int64 // the most one unit may cost; nil: no cap
	PriceCapCurrency  string
	CreatedAt         time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	UpdatedAt         time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}
