package models

import "time"

// This file holds what the platforms tell us, translated by their adapters. Platform words (statuses, reasons) stay verbatim.

// StoreOrder is an order as its store reports it now.
type StoreOrder struct {
	ExternalID        string
	Number            string
	PlacedAt          time.Time
	UpdatedAt         time.Time // the store's own version of this snapshot
	Status            string
	PaymentStatus     string
	FulfillmentStatus string
	Currency          string
	Total             Money
	Authorized        Money // held on the card, not captured
	Paid              Money // captured so far
	BuyerName         string
	BuyerEmail        string
	BuyerNote         string
	Archived          bool
	Imported          bool // an old order brought into the store; it must never be bought
	Pickup            bool // the destination is a pickup place, not the buyer's home
	Staff             bool // made by somebody of the store, not by a buyer
	Recipient         Address
	Lines             []StoreLine
	Payload           []byte // what the store said, in full, as JSON
}

// StoreLine is one line of a StoreOrder.
type StoreLine struct {
	ID         string // unique within its order only
	Name       string
	SKU        string
	VariantKey string // what a product mapping is found by
	Options    string // "Color: Black", as a person reads it
	CustomText string // "Engraving: For Tom": what the buyer wrote to be put on the goods
	Quantity   int
	Refunded   int
	Shippable  bool // false for digital goods, gift cards and services
	Price      Money
	ImageURL   string
}

// Address is where a parcel goes. Country is ISO 3166-1 alpha-2; Subdivision is ISO 3166-2 or the store's own text.
type Address struct {
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name"`
	Company     string `json:"company,omitempty"`
	Phone       string `json:"phone"`
	Line1       string `json:"line1"`
	Line2       string `json:"line2,omitempty"`
	City        string `json:"city"`
	Subdivision string `json:"subdivision,omitempty"`
	Region      string `json:"region,omitempty"` // the subdivision's full name
	PostalCode  string `json:"postal_code,omitempty"`
	Country     string `json:"country"`
	TaxID       string `json:"tax_id,omitempty"`
}

// Differs names the parts in which two addresses differ.
func Differs(a, b Address) []string {
	names := []string{}
	for _, f := range []struct{ name, a, b string }{
		{"first name", a.FirstName, b.FirstName},
		{"last name", a.LastName, b.LastName},
		{"company", a.Company, b.Company},
		{"phone", a.Phone, b.Phone},
		{"line 1", a.Line1, b.Line1},
		{"line 2", a.Line2, b.Line2},
		{"city", a.City, b.City},
		{"subdivision", a.Subdivision, b.Subdivision},
		{"region", a.Region, b.Region},
		{"postal code", a.PostalCode, b.PostalCode},
		{"country", a.Country, b.Country},
		{"tax id", a.TaxID, b.TaxID},
	} {
		if f.a != f.b {
			names = append(names, f.name)
		}
	}
	return names
}

// StoreQuery says which orders of a store to search for. Zero fields do not narrow.
type StoreQuery struct {
	UpdatedSince time.Time // at or after; the page is sorted by time of change
	CreatedFrom  time.Time // at or after
	CreatedTo    time.Time // before
	IDs          []string  // at most 100
}

// StorePage is one page of a store's orders, oldest change first.
type StorePage struct {
	Orders []StoreOrder
	Next   string // cursor of the next page; empty on the last
	// Unreadable says of each order that could not be understood which it is and why. It must not keep the others back.
	Unreadable []string
}

// Fulfillment is what a store knows about one parcel of an order.
type Fulfillment struct {
	ID     string
	Lines  []FulfillmentLine
	Number string
	// Carrier is the store's provider id or free text; Link is the tracking page.
	Carrier string
	Link    string
}

// FulfillmentLine is a quantity of one order line.
type FulfillmentLine struct {
	LineID   string `json:"line_id"`
	Quantity int    `json:"quantity"`
}

// StoreInfo describes a connected store.
type StoreInfo struct {
	InstanceID string
	Name       string
	Currency   string
	URL        string
	// OriginInstanceID is the instance of the site that this one is a copy of; empty for most.
	OriginInstanceID string
}

// StoreEvent is a verified webhook of a store.
type StoreEvent struct {
	EventID    string // the sender's idempotency key
	Kind       string // verbatim
	InstanceID string
	OrderID    string // empty for events that are not about an order
	At         time.Time
	Version    time.Time // the store's version of the order as the event tells of it; zero where it does not say
	Installed  bool      // the app was installed on this instance
	Removed    bool      // the app was removed from this instance
	Anonymize  bool      // the store has erased the buyer of the order, because somebody asked it to
}

// SupplierEvent is a verified push message of the supplier platform. It is a hint to read the order, never a fact.
type SupplierEvent struct {
	EventID string
	Kind    string // verbatim
	UserID  string // the buyer account
	Number  string // the supplier order's number
	At      time.Time
}

// SupplierAnswer is a supplier order as AliExpress reports it now.
type SupplierAnswer struct {
	Number          string
	Status          string
	LogisticsStatus string
	CreatedAt       *time.Time
	PaidAt          *time.Time
	PayBy           *time.Time // when AliExpress closes it unpaid
	Amount          Money
	StoreID         string
	StoreName       string
	Lines           []SupplierAnswerLine
}

// SupplierAnswerLine is one line of a SupplierAnswer. AliExpress gives lines no id of their own.
type SupplierAnswerLine struct {
	ProductID string
	SKUID     string
	Quantity  int
	EndReason string
}

// TrackedParcel is one package of a supplier order.
type TrackedParcel struct {
	Number      string
	Carrier     string
	Items       []TrackedItem // empty when AliExpress does not say what is inside
	LastEvent   string
	LastEventAt *time.Time
}

// TrackedItem is a quantity of one SKU inside a parcel.
type TrackedItem struct {
	ProductID string
	SKUID     string // empty in older answers
	Quantity  int
}

// SupplierProduct is what preflight needs to know of a product.
type SupplierProduct struct {
	ProductID string
	Title     string
	ImageURL  string // empty: none is known
	OnSale    bool
	StoreID   string
	StoreName string
	SKUs      []SupplierSKU
}

// SupplierSKU is one buyable variant.
type SupplierSKU struct {
	ID    string
	Attr  string // verbatim; the key that placing wants
	Name  string
	Price Money
	Stock int
}

// FreightQuery asks which shipping services reach a destination.
type FreightQuery struct {
	ProductID string
	SKUID     string
	Quantity  int
	Country   string
	Region    string
	City      string
	Currency  string
}

// FreightOption is one shipping service.
type FreightOption struct {
	Code    string
	Name    string
	Fee     Money
	Free    bool
	Tracked bool
	MinDays int
	MaxDays int
}

// PurchaseRequest is what will be bought, frozen before it is sent. Key deduplicates it at the supplier for 24 hours.
type PurchaseRequest struct {
	Key     string         `json:"key"`
	Address Address        `json:"address"`
	Items   []PurchaseItem `json:"items"`
	Note    string         `json:"note,omitempty"`
}

// PurchaseItem is one product of a PurchaseRequest.
type PurchaseItem struct {
	ProductID string `json:"product_id"`
	SKUID     string `json:"sku_id"`
	SKUAttr   string `json:"sku_attr"`
	Quantity  int    `json:"quantity"`
	Service   string `json:"service,omitempty"` // shipping service code
	// What one unit cost when the request was frozen, for the price cap.
	PriceMinor    int64  `json:"price_minor"`
	PriceCurrency string `json:"price_currency"`
}

// PlaceClass sorts the outcome of the one dangerous call.
type PlaceClass string

// The classes. Only what is known to be a success or a refusal is called so; everything else is unknown.
const (
	ClassPlaced      PlaceClass = "placed"       // parsed, success, with at least one number
	ClassRejected    PlaceClass = "rejected"     // a documented refusal: nothing was created
	ClassNotExecuted PlaceClass = "not_executed" // no byte was sent, or the gateway refused before execution
	ClassUnknown     PlaceClass = "unknown"      // the order may exist
)

// PlaceResult is the classified outcome of placing. Err explains everything but ClassPlaced.
type PlaceResult struct {
	Class   PlaceClass
	Numbers []string
	Answer  []byte // what came back, as far as it was read
	Err     *Error
}

// Grant is a pair of platform tokens.
type Grant struct {
	UserID           string
	Account          string // what a person recognises the account by
	AccessToken      Secret
	RefreshToken     Secret // empty when the answer brought none: keep the old one
	ExpiresAt        time.Time
	RefreshExpiresAt time.Time // zero when it cannot be refreshed
}

// Access is what an adapter needs to act for one connection.
type Access struct {
	MerchantID MerchantID
	Purpose    Purpose // whose share of the platform's budget the call is taken from
	App        App
	ExternalID string    // Wix instance id, AliExpress user id
	Token      Secret    // AliExpress session; empty for Wix, whose adapter gets its own per instance
	WorkedAt   time.Time // when the connection was last noted to work, unless something has failed since: then zero
}

// App is a merchant's own app at AliExpress, with a budget of its own. The zero value is Waybill's.
type App struct {
	Key    string
	Secret Secret
}

// Purpose says what a call is for: a share of every budget is kept for people and for money.
type Purpose string

// The purposes. The zero value is the background's.
const (
	PurposeBackground Purpose = ""       // checks and sweeps: they have all day
	PurposePerson     Purpose = "person" // somebody waits for it
	PurposePlacing    Purpose = "placing"
)
