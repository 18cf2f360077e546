package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/orders"
	"waybill/services/ordersync"
)

// money is an amount in minor units of its currency.
type money struct {
	Minor    int64  `json:"minor" validate:"required" example:"7739"`
	Currency string `json:"currency" validate:"required" example:"USD"`
} //	@name	Money

type chip struct {
	Code string `json:"code" validate:"required" example:"part_shipped"`
	Text string `json:"text" validate:"required" example:"2 of 3 shipped"`
} //	@name	Chip

// orderSummary is an order as lists show it.
type orderSummary struct {
	ID         models.ID `json:"id" validate:"required" example:"0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f11"`
	StoreID    models.ID `json:"store_id" validate:"required" example:"0198a7f2-7c1e-7b5e-9d53-0b8f0f3c2f12"`
	Number     string    `json:"number" validate:"required" example:"10002"`
	ExternalID string    `json:"external_id" validate:"required" example:"e994ac9d-26b0-4f81-8047-00a2e964d6bf"`
	PlacedAt   time.Time `json:"placed_at" validate:"required" example:"2026-03-14T09:20:41Z"`
	// Where the order stands. Closed is a view, not a tab.
	Tab models.Tab `json:"tab" validate:"required"`
	// Why it is there, in one sentence.
	Why          string `json:"why" validate:"required" example:"AliExpress order 8198352049851315 is not paid yet."`
	ClosedReason string `json:"closed_reason,omitempty" example:"cancelled"`
	Chips        []chip `json:"chips" validate:"required"`
	// The store's own words, verbatim.
	StoreStatus       string `json:"store_status" validate:"required" example:"APPROVED"`
	PaymentStatus     string `json:"payment_status" validate:"required" example:"PAID"`
	FulfillmentStatus string `json:"fulfillment_status" validate:"required" example:"NOT_FULFILLED"`
	Total             money  `json:"total" validate:"required"`
	BuyerName         string `json:"buyer_name" validate:"required" example:"Jane Doe"`
	Country           string `json:"country" validate:"required" example:"US"`
	// How many things about this order need a person.
	OpenFlags int `json:"open_flags" validate:"required" example:"0"`
	// The codes of its open flags that were not put off.
	FlagCodes []models.FlagCode `json:"flag_codes" validate:"required"`
	// How fresh all this is: when it was last checked, from what source, and when it is checked next.
	LastCheckedAt     *time.Time `json:"last_checked_at,omitempty" example:"2026-03-14T09:25:00Z"`
	LastCheckedSource string     `json:"last_checked_source,omitempty" example:"webhook"`
	NextCheckAt       *time.Time `json:"next_check_at,omitempty" example:"2026-03-14T09:35:00Z"`
	Version           int64      `json:"version" validate:"required" example:"4"`
	// What it is about: the name and the picture of its first line, and how many lines it has.
	Title     string `json:"title" validate:"required" example:"Wireless Earbuds"`
	ImageURL  string `json:"image_url,omitempty"`
	LineCount int    `json:"line_count" validate:"required" example:"2"`
	// How many units are owed to the buyer; of all lines when none is owed.
	Items int `json:"items" validate:"required" example:"3"`
	// How many units are owed, and how many of them are shipped: 2 of 3 shipped.
	ToShip  int `json:"to_ship" validate:"required" example:"3"`
	Shipped int `json:"shipped" validate:"required" example:"2"`
	// The AliExpress numbers of its supplier orders that have not ended, and the AliExpress stores where they are bought.
	SupplierNumbers []string          `json:"supplier_numbers" validate:"required" example:"8198352049851315"`
	Suppliers       []summarySupplier `json:"suppliers" validate:"required"`
	// What those supplier orders cost; absent while it is not known, and when it is in several currencies.
	Cost *money `json:"cost,omitempty"`
	// The parcels that count and have a number.
	Tracking []summaryParcel `json:"tracking" validate:"required"`
	// When AliExpress closes the first of what is not paid.
	PayBy *time.Time `json:"pay_by,omitempty" example:"2026-03-15T09:25:00Z"`
	// The soonest of pay_by and the deadlines of its open flags that were not put off.
	Deadline *time.Time `json:"deadline,omitempty" example:"2026-03-15T09:25:00Z"`
	// How far the store has been told of its parcels: the worst of them; absent when there are none.
	PushState models.PushState `json:"push_state,omitempty"`
} //	@name	OrderSummary

type summarySupplier struct {
	StoreID string `json:"store_id" validate:"required" example:"1103800006"`
	Name    string `json:"name" validate:"required" example:"Kedi Bottles Store"`
} //	@name	OrderSupplier

type summaryParcel struct {
	Number  string `json:"number" validate:"required" example:"LP00612345678901"`
	Carrier string `json:"carrier" validate:"required" example:"AliExpress standard shipping"`
	// Where a person follows it.
	Link string `json:"link,omitempty" example:"https://global.cainiao.com/detail.htm?mailNoList=LP00612345678901"`
} //	@name	OrderTracking

type orderPage struct {
	Orders []orderSummary `json:"orders" validate:"required"`
	// Send it as cursor to get the next page; absent on the last.
	NextCursor string `json:"next_cursor,omitempty"`
} //	@name	OrderPage

func toSummary(o models.Order) orderSummary {
	s := orderSummary{
		ID: o.ID, StoreID: o.StoreID, Number: o.Number, ExternalID: o.ExternalID, PlacedAt: o.PlacedAt.UTC(), Tab: o.Tab, Why: o.Why,
		ClosedReason: o.ClosedReason, Chips: make([]chip, len(o.Chips)), StoreStatus: o.StoreStatus, PaymentStatus: o.PaymentStatus,
		FulfillmentStatus: o.FulfillmentStatus, Total: money{o.TotalMinor, o.Currency}, BuyerName: o.BuyerName, Country: o.Country, OpenFlags: o.OpenFlags,
		LastCheckedAt: utc(o.LastCheckedAt), LastCheckedSource: o.LastCheckedSource, NextCheckAt: utc(o.NextCheckAt), Version: o.Version,
	}
	for i, c := range o.Chips {
		s.Chips[i] = chip{c.Code, c.Text}
	}
	s.digested(o)
	return s
}

// digested adds what is computed with the tab. An order of which it was never computed has none of it yet.
func (s *orderSummary) digested(o models.Order) {
	var d models.Digest
	if o.Digest != nil {
		d = *o.Digest
	}
	s.Title, s.ImageURL, s.LineCount, s.Items, s.ToShip, s.Shipped = d.Title, d.ImageURL, d.Lines, d.Items, d.ToShip, d.Shipped
	s.PayBy, s.Deadline, s.PushState = utc(d.PayBy), utc(o.DeadlineAt), d.PushState
	s.FlagCodes = append([]models.FlagCode{}, d.Flags...)
	s.SupplierNumbers, s.Suppliers, s.Tracking = append([]string{}, d.SupplierNumbers...), make([]summarySupplier, len(d.Suppliers)), make([]summaryParcel, len(d.Tracking))
	for i, supplier := range d.Suppliers {
		s.Suppliers[i] = summarySupplier(supplier)
	}
	for i, p := range d.Tracking {
		s.Tracking[i] = summaryParcel(p)
	}
	if d.Cost != nil {
		s.Cost = &money{d.Cost.Minor, d.Cost.Currency}
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// listOrders gives one page of orders.
//
//	@Summary		List orders
//	@Description	One page of orders. Filters narrow together. The text q matches an order number, an AliExpress number, a tracking number or an e-mail exactly, and names, last names and e-mails by how they begin. An order is of a supplier when one of its supplier orders that have not ended is bought in that store of AliExpress; what is only mapped to it is not.
//	@Tags			orders
//	@ID				listOrders
//	@Produce		json
//	@Param			tab			query		string	false	"Only this tab"	Enums(pending, awaiting_order, awaiting_payment, awaiting_shipment, fulfilled, closed)
//	@Param			view		query		string	false	"Only orders that need attention"	Enums(attention)
//	@Param			store_id	query		string	false	"Only this store"
//	@Param			flag		query		string	false	"Only orders with an open flag of this code"
//	@Param			country		query		string	false	"Only orders to this country (ISO 3166-1 alpha-2)"
//	@Param			supplier	query		string	false	"Only orders of which something is bought in this AliExpress store (its id)"
//	@Param			q			query		string	false	"A number, an e-mail, or how a name or a last name begins"
//	@Param			placed_from	query		string	false	"Placed at or after this time (RFC 3339)"
//	@Param			placed_to	query		string	false	"Placed before this time (RFC 3339)"
//	@Param			sort		query		string	false	"Newest first, oldest first, or soonest deadline first with those without one last"	Enums(newest, oldest, deadline)	default(newest)
//	@Param			cursor		query		string	false	"next_cursor of the page before, with the same filters and sort"
//	@Param			limit		query		int		false	"Orders on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200			{object}	orderPage
//	@Header			200			{string}	Waybill-Replica-Lag	"There when a replica of the database answered: by how many seconds it was behind the request. It had caught up when it answered, so nothing that was changed before is missing."
//	@Failure		401			{object}	problem
//	@Failure		422			{object}	problem
//	@Failure		default		{object}	problem
//	@Security		BearerAuth
//	@Router			/orders [get]
func (s *server) listOrders(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	f := listFilter(q)
	f.Cursor, f.Limit = q.text("cursor", 500), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	page, err := s.Orders.List(r.Context(), caller.MerchantID, f)
	if err != nil {
		return err
	}
	out := orderPage{Orders: make([]orderSummary, len(page.Orders)), NextCursor: page.Next}
	for i, o := range page.Orders {
		out.Orders[i] = toSummary(o)
	}
	if page.From.Replica {
		w.Header().Set(replicaHeader, strconv.FormatFloat(page.From.Lag.Seconds(), 'f', 3, 64))
	}
	return respond(w, http.StatusOK, out)
}

// replicaHeader is in an answer that a replica of the database gave: by how many seconds it was behind the request. It had caught up when it
// answered.
const replicaHeader = "Waybill-Replica-Lag"

// listFilter reads what narrows and sorts a list of orders.
func listFilter(q *query) orders.Filter {
	f := narrowing(q)
	f.Tab, f.Attention = models.Tab(q.oneOf("tab", tabWords()...)), q.oneOf("view", "attention") != ""
	f.Sort = orders.Sort(q.oneOf("sort", string(orders.Newest), string(orders.Oldest), string(orders.Deadline)))
	return f
}

// narrowing reads the filters that say nothing of tabs.
func narrowing(q *query) orders.Filter {
	return orders.Filter{
		StoreID: q.id("store_id"), Flag: models.FlagCode(q.text("flag", 60)), Country: q.country("country"), Supplier: q.text("supplier", 40),
		Query: q.text("q", 200), PlacedFrom: q.time("placed_from"), PlacedTo: q.time("placed_to"),
	}
}

func tabWords() []string {
	tabs := models.Tabs()
	words := make([]string, len(tabs))
	for i, t := range tabs {
		words[i] = string(t)
	}
	return words
}

// orderCounts says how many orders each view holds.
type orderCounts struct {
	Pending          int64 `json:"pending" validate:"required" example:"3"`
	AwaitingOrder    int64 `json:"awaiting_order" validate:"required" example:"12"`
	AwaitingPayment  int64 `json:"awaiting_payment" validate:"required" example:"4"`
	AwaitingShipment int64 `json:"awaiting_shipment" validate:"required" example:"31"`
	Fulfilled        int64 `json:"fulfilled" validate:"required" example:"870"`
	Closed           int64 `json:"closed" validate:"required" example:"17"`
	// Orders with any open flag, whatever their tab.
	Attention int64 `json:"attention" validate:"required" example:"2"`
	// More orders match than were counted: 10,000 of them are.
	Capped bool `json:"capped" validate:"required"`
} //	@name	OrderCounts

// countOrders says how many orders each tab holds.
//
//	@Summary		Count orders by tab
//	@Description	Takes the filters of the list, and counts what matches in every tab. Without any, or with a store alone, the counts are exact; with others they end at 10,000 orders, and capped says so.
//	@Tags			orders
//	@ID				countOrders
//	@Produce		json
//	@Param			store_id	query		string	false	"Only this store"
//	@Param			flag		query		string	false	"Only orders with an open flag of this code"
//	@Param			country		query		string	false	"Only orders to this country (ISO 3166-1 alpha-2)"
//	@Param			supplier	query		string	false	"Only orders of which something is bought in this AliExpress store (its id)"
//	@Param			q			query		string	false	"A number, an e-mail, or how a name or a last name begins"
//	@Param			placed_from	query		string	false	"Placed at or after this time (RFC 3339)"
//	@Param			placed_to	query		string	false	"Placed before this time (RFC 3339)"
//	@Success		200			{object}	orderCounts
//	@Failure		401			{object}	problem
//	@Failure		422			{object}	problem
//	@Failure		default		{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/counts [get]
func (s *server) countOrders(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	f := narrowing(q)
	if err := q.done(); err != nil {
		return err
	}
	c, capped, err := s.Orders.CountMatches(r.Context(), caller.MerchantID, f)
	if err != nil {
		return err
	}
	out := toCounts(c)
	out.Capped = capped
	return respond(w, http.StatusOK, out)
}

func toCounts(c orders.Counts) orderCounts {
	return orderCounts{
		Pending: c["pending"], AwaitingOrder: c["awaiting_order"], AwaitingPayment: c["awaiting_payment"],
		AwaitingShipment: c["awaiting_shipment"], Fulfilled: c["fulfilled"], Closed: c["closed"], Attention: c["attention"],
	}
}

type address struct {
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name"`
	Company     string `json:"company,omitempty"`
	Phone       string `json:"phone"`
	Line1       string `json:"line1"`
	Line2       string `json:"line2,omitempty"`
	City        string `json:"city"`
	Subdivision string `json:"subdivision,omitempty"`
	Region      string `json:"region,omitempty"`
	PostalCode  string `json:"postal_code,omitempty"`
	Country     string `json:"country"`
	TaxID       string `json:"tax_id,omitempty"`
} //	@name	Address

type orderLine struct {
	ID   string `json:"id" validate:"required" example:"00000000-0000-0000-0000-000000000001"`
	Name string `json:"name" validate:"required" example:"Wireless Earbuds"`
	SKU  string `json:"sku" validate:"required" example:"AE-1005003-BLK"`
	// What a product mapping is found by.
	VariantKey string `json:"variant_key" validate:"required"`
	Options    string `json:"options" validate:"required" example:"Color: Black"`
	// What the buyer wrote to be put on the goods.
	CustomText string `json:"custom_text,omitempty" example:"Engraving: For Tom"`
	// The role that counts: a person's word before the mapping's.
	Role     models.Role `json:"role" validate:"required"`
	Mapped   bool        `json:"mapped" validate:"required"`
	Quantity int         `json:"quantity" validate:"required" example:"2"`
	Refunded int         `json:"refunded" validate:"required" example:"0"`
	// What is still owed to the buyer.
	Live     int    `json:"live" validate:"required" example:"2"`
	Removed  bool   `json:"removed" validate:"required"`
	Price    money  `json:"price" validate:"required"`
	ImageURL string `json:"image_url,omitempty"`
} //	@name	OrderLine

type lineQuantity struct {
	LineID   string `json:"line_id" validate:"required" example:"00000000-0000-0000-0000-000000000001"`
	Quantity int    `json:"quantity" validate:"required" example:"1"`
} //	@name	LineQuantity

type parcelItem struct {
	SupplierOrderID models.ID `json:"supplier_order_id" validate:"required"`
	LineID          string    `json:"line_id" validate:"required"`
	Quantity        int       `json:"quantity" validate:"required" example:"1"`
} //	@name	ParcelItem

type parcel struct {
	ID             models.ID `json:"id" validate:"required"`
	TrackingNumber string    `json:"tracking_number" validate:"required" example:"LP00612345678901"`
	// Numbers it had before, oldest first.
	PreviousNumbers []string     `json:"previous_numbers" validate:"required"`
	Carrier         string       `json:"carrier" validate:"required" example:"AliExpress standard shipping"`
	Items           []parcelItem `json:"items" validate:"required"`
	LastEvent       string       `json:"last_event,omitempty" example:"Package left the warehouse."`
	LastEventAt     *time.Time   `json:"last_event_at,omitempty"`
	// AliExpress no longer lists it since then; the number is kept.
	MissingSince *time.Time `json:"missing_since,omitempty"`
	// History since then: its supplier order has gone by another number.
	VoidedAt *time.Time `json:"voided_at,omitempty"`
	// A person has given it up: what is in it has to be bought again.
	LostAt *time.Time `json:"lost_at,omitempty"`
	// Fulfilled in the store although it has no number yet.
	WithoutNumber bool `json:"without_number" validate:"required"`
	// Orders of other buyers that go by the same number.
	SharedWith  []string  `json:"shared_with" validate:"required"`
	FirstSeenAt time.Time `json:"first_seen_at" validate:"required"`
} //	@name	Parcel

type push struct {
	ID             models.ID        `json:"id" validate:"required"`
	ParcelID       models.ID        `json:"parcel_id" validate:"required"`
	State          models.PushState `json:"state" validate:"required"`
	TrackingNumber string           `json:"tracking_number" validate:"required" example:"LP00612345678901"`
	// What the store is told of the carrier; without a link it builds one.
	Carrier       string         `json:"carrier,omitempty" example:"usps"`
	Link          string         `json:"link,omitempty" example:"https://global.cainiao.com/detail.htm?mailNoList=LP00612345678901"`
	Lines         []lineQuantity `json:"lines" validate:"required"`
	FulfillmentID string         `json:"fulfillment_id,omitempty"`
	// The fulfillment was there before Waybill and has been taken over.
	Adopted     bool       `json:"adopted" validate:"required"`
	Attempts    int        `json:"attempts" validate:"required" example:"1"`
	WantedSince time.Time  `json:"wanted_since" validate:"required"`
	SentAt      *time.Time `json:"sent_at,omitempty"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty"`
	NextTryAt   *time.Time `json:"next_try_at,omitempty"`
	ErrorCode   string     `json:"error_code,omitempty"`
	ErrorDetail string     `json:"error_detail,omitempty"`
} //	@name	Push

// orderDetail is one order with everything that hangs on it.
type orderDetail struct {
	orderSummary
	// What the store has captured so far.
	Paid money `json:"paid" validate:"required"`
	// The buyer is masked, because support looks: showAddress shows it.
	Masked     bool    `json:"masked" validate:"required"`
	BuyerEmail string  `json:"buyer_email" validate:"required" example:"janedoe@example.com"`
	BuyerNote  string  `json:"buyer_note" validate:"required"`
	Recipient  address `json:"recipient" validate:"required"`
	// Since when the buyer's data is erased.
	BuyerErasedAt *time.Time `json:"buyer_erased_at,omitempty"`
	// Since when it is to be erased; it waits until the order has ended.
	EraseRequestedAt *time.Time `json:"erase_requested_at,omitempty"`
	// Where purchases go instead.
	PurchaseAddress *purchaseAddress `json:"purchase_address,omitempty"`
	// Nothing of it is bought while it is held.
	Hold *orderHold `json:"hold,omitempty"`
	// Made by somebody of the store, not by a buyer: never bought by the merchant's rule.
	Staff bool `json:"staff" validate:"required"`
	// What keeps the merchant's rule from buying it; absent while automatic placing is off.
	NotAutoPlaced  []chip          `json:"not_auto_placed,omitempty"`
	Lines          []orderLine     `json:"lines" validate:"required"`
	SupplierOrders []supplierOrder `json:"supplier_orders" validate:"required"`
	Parcels        []parcel        `json:"parcels" validate:"required"`
	Pushes         []push          `json:"pushes" validate:"required"`
	Flags          []flag          `json:"flags" validate:"required"`
	// Decisions of people that are in force.
	Overrides []override `json:"overrides" validate:"required"`
	// What the store itself shows as shipped, as it was last read.
	StoreFulfillments []storeFulfillment `json:"store_fulfillments" validate:"required"`
	StoreShownAt      *time.Time         `json:"store_shown_at,omitempty"`
} //	@name	Order

// purchaseAddress is an address for the purchase only.
type purchaseAddress struct {
	Address address   `json:"address" validate:"required"`
	GivenAt time.Time `json:"given_at" validate:"required"`
	GivenBy string    `json:"given_by" validate:"required" example:"api:first"`
	Reason  string    `json:"reason" validate:"required"`
	// The store's own address has changed since.
	Conflict bool `json:"conflict" validate:"required"`
} //	@name	PurchaseAddress

type orderHold struct {
	Since  time.Time  `json:"since" validate:"required"`
	Until  *time.Time `json:"until,omitempty"`
	By     string     `json:"by" validate:"required" example:"api:first"`
	Reason string     `json:"reason" validate:"required"`
} //	@name	OrderHold

// decided adds what people and the merchant's rule have decided about buying the order.
func (out *orderDetail) decided(d orders.Detail) {
	o := d.Order
	if d.PurchaseAddress != nil && o.PurchaseAddressAt != nil {
		out.PurchaseAddress = &purchaseAddress{
			Address: address(*d.PurchaseAddress), GivenAt: o.PurchaseAddressAt.UTC(), GivenBy: string(o.PurchaseAddressBy), Reason: o.PurchaseAddressWhy,
			Conflict: o.AddressConflict(),
		}
	}
	if o.Held(d.Now) {
		out.Hold = &orderHold{Since: o.HeldAt.UTC(), Until: utc(o.HeldUntil), By: string(o.HeldBy), Reason: o.HeldWhy}
	}
	if d.Rules.Merchant.AutoPlace.Enabled {
		for _, why := range models.WhyNotAutoPlaced(d.Facts) {
			out.NotAutoPlaced = append(out.NotAutoPlaced, chip(why))
		}
	}
}

// toDetail is an order as the caller may see it.
func toDetail(d orders.Detail, caller accounts.Caller) orderDetail {
	out := orderDetail{
		orderSummary: toSummary(d.Order), Paid: money{d.Order.PaidMinor, d.Order.Currency}, BuyerEmail: d.Order.BuyerEmail, BuyerNote: d.Order.BuyerNote, Recipient: address(d.Recipient),
		Lines: make([]orderLine, len(d.Lines)), SupplierOrders: make([]supplierOrder, len(d.SupplierOrders)), Parcels: make([]parcel, len(d.Parcels)),
		Pushes: make([]push, len(d.Pushes)), Flags: []flag{}, Staff: d.Order.Staff,
	}
	out.decided(d)
	for i, l := range d.Lines {
		out.Lines[i] = orderLine{
			ID: l.LineID, Name: l.Name, SKU: l.SKU, VariantKey: l.VariantKey, Options: l.Options, CustomText: l.CustomText, Role: l.As(), Mapped: l.Mapped,
			Quantity: l.Quantity, Refunded: l.Refunded, Live: l.Live(), Removed: l.Removed, Price: money{l.PriceMinor, d.Order.Currency}, ImageURL: l.ImageURL,
		}
		if d.Order.Gate.Dead() {
			out.Lines[i].Live = 0
		}
	}
	for i, so := range d.SupplierOrders {
		out.SupplierOrders[i] = waiting(so, d.WaitOf(so))
	}
	for i, p := range d.Parcels {
		out.Parcels[i] = toParcel(p)
	}
	for i, p := range d.Pushes {
		out.Pushes[i] = toPush(p)
	}
	for _, f := range d.OpenFlags() {
		out.Flags = append(out.Flags, toFlag(f))
	}
	out.Overrides, out.StoreFulfillments = toOverrides(d.Overrides), toStoreFulfillments(d.Shown)
	out.StoreShownAt, out.BuyerErasedAt = utc(d.Order.ShownAt), utc(d.Order.ErasedAt)
	if out.BuyerErasedAt == nil {
		out.EraseRequestedAt = utc(d.Order.EraseRequestedAt)
	}
	out.maskedFor(caller)
	return out
}

func toParcel(p models.Parcel) parcel {
	out := parcel{
		ID: p.ID, TrackingNumber: p.TrackingNumber, PreviousNumbers: append([]string{}, p.PreviousNumbers...), Carrier: p.Carrier,
		Items: make([]parcelItem, len(p.Items)), LastEvent: p.LastEvent, LastEventAt: utc(p.LastEventAt), MissingSince: utc(p.MissingSince), VoidedAt: utc(p.VoidedAt), FirstSeenAt: p.FirstSeenAt.UTC(),
		LostAt: utc(p.LostAt), WithoutNumber: p.WithoutNumber, SharedWith: append([]string{}, p.SharedWith...),
	}
	for i, it := range p.Items {
		out.Items[i] = parcelItem{it.SupplierOrderID, it.LineID, it.Quantity}
	}
	return out
}

func toPush(p models.Push) push {
	out := push{
		ID: p.ID, ParcelID: p.ParcelID, State: p.State, TrackingNumber: p.WantedNumber, Carrier: p.WantedProvider, Link: p.WantedLink, Lines: make([]lineQuantity, len(p.WantedLines)),
		FulfillmentID: p.FulfillmentID, Adopted: p.Adopted, Attempts: p.Attempts, WantedSince: p.WantedSince.UTC(), SentAt: utc(p.SentAt),
		ConfirmedAt: utc(p.ConfirmedAt), NextTryAt: utc(p.NextTryAt), ErrorCode: p.ErrorCode, ErrorDetail: p.ErrorDetail,
	}
	for i, l := range p.WantedLines {
		out.Lines[i] = lineQuantity{l.LineID, l.Quantity}
	}
	return out
}

// getOrder gives one order.
//
//	@Summary	Get one order
//	@Tags		orders
//	@ID			getOrder
//	@Produce	json
//	@Param		id		path		string	true	"Order id"
//	@Success	200		{object}	orderDetail
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/orders/{id} [get]
func (s *server) getOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	d, err := s.Orders.Detail(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toDetail(d, caller))
}

func pathID(r *http.Request) models.ID { return models.ID(chi.URLParam(r, "id")) }

type event struct {
	ID models.ID `json:"id" validate:"required"`
	At time.Time `json:"at" validate:"required"`
	// What happened, for software; more kinds may come.
	Kind string `json:"kind" validate:"required" example:"tab_changed"`
	// What happened, for people.
	Text   string        `json:"text" validate:"required"`
	Source models.Source `json:"source" validate:"required"`
	// Who: system, or api:<name of the key>.
	Actor  string         `json:"actor" validate:"required" example:"system"`
	Reason string         `json:"reason,omitempty"`
	Data   map[string]any `json:"data" validate:"required"`
} //	@name	Event

type eventPage struct {
	Events     []event `json:"events" validate:"required"`
	NextCursor string  `json:"next_cursor,omitempty"`
} //	@name	EventPage

// getTimeline gives one page of what happened to an order.
//
//	@Summary		Get an order's timeline
//	@Description	What happened to the order, oldest first: what, who, why and from where.
//	@Tags			orders
//	@ID				getTimeline
//	@Produce		json
//	@Param			id		path		string	true	"Order id"
//	@Param			cursor	query		string	false	"next_cursor of the page before"
//	@Param			limit	query		int		false	"Events on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200		{object}	eventPage
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/timeline [get]
func (s *server) getTimeline(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	cursor, limit := q.text("cursor", 36), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	page, err := s.Orders.Timeline(r.Context(), caller.MerchantID, pathID(r), cursor, limit)
	if err != nil {
		return err
	}
	out := eventPage{Events: make([]event, len(page.Events)), NextCursor: page.Next}
	for i, e := range page.Events {
		out.Events[i] = event{ID: e.ID, At: e.At.UTC(), Kind: e.Kind, Text: e.Text, Source: e.Source, Actor: string(e.Actor), Reason: e.Reason, Data: e.Data}
		if e.Data == nil {
			out.Events[i].Data = map[string]any{}
		}
	}
	return respond(w, http.StatusOK, out)
}

type syncOrderRequest struct {
	// Which hops; all when left out.
	Direction string `json:"direction" validate:"omitempty,oneof=from_store from_supplier to_store all" enums:"from_store,from_supplier,to_store,all"`
	// Shown in the timeline.
	Reason string `json:"reason" validate:"max=500" example:"The buyer asks where it is."`
} //	@name	SyncOrderRequest

// syncOrder syncs one order now.
//
//	@Summary		Sync one order now
//	@Description	Answers with a sync job at once; an equal request joins the one that is running. The body may be left out.
//	@Tags			sync
//	@ID				syncOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string				true	"Order id"
//	@Param			request	body		syncOrderRequest	false	"Direction and reason"
//	@Success		202		{object}	syncJob
//	@Header			202		{string}	Location	"Where to follow the job"
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/sync [post]
func (s *server) syncOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[syncOrderRequest](s, w, r, true)
	if err != nil {
		return err
	}
	if in.Reason, err = reasonOf(caller, in.Reason); err != nil {
		return err
	}
	return s.startSync(w, r, caller, ordersync.SyncRequest{
		Scope:     models.SyncScope{Kind: models.ScopeOrders, IDs: []models.ID{pathID(r)}},
		Direction: direction(in.Direction), Actor: caller.Actor, Reason: in.Reason,
	})
}

func direction(word string) models.Direction {
	if word == "" {
		return models.AllWays
	}
	return models.Direction(word)
}
