package wixsim

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// record is what the simulator holds about one order.
type record struct {
	site         string
	order        Order
	terms        terms
	fulfillments []Fulfillment
	payments     []Payment
	refunds      []Refund
	orderSeq     int // entityEventSequence per entity, wix.md 5.3
	fulfillSeq   int
	moneySeq     int
	raw          json.RawMessage // the order as of the last commit
	versions     []version       // what search may see, oldest first
}

// terms are what an order's totals are computed from besides its lines.
type terms struct {
	shipping money
	taxRate  *big.Rat
	rateText string
	coupon   *big.Rat
}

// version is the order as search sees it from a time on.
type version struct {
	visible time.Time
	raw     json.RawMessage
	doc     map[string]any
}

func (rec *record) id() string       { return rec.order.ID }
func (rec *record) currency() string { return rec.order.Currency }

func (rec *record) price(m money) Price { return m.price(rec.order.Currency) }

func (rec *record) total() money { return amountOf(rec.order.PriceSummary.Total, rec.order.Currency) }

// snapshot is a copy of the order that shares nothing with the simulator.
func (rec *record) snapshot() Order {
	var o Order
	if err := json.Unmarshal(rec.raw, &o); err != nil {
		panic(err) // written by encode from the same type
	}
	return o
}

func (rec *record) act(at time.Time, kind string) *Activity {
	rec.order.Activities = append(rec.order.Activities, Activity{CreatedDate: stamp(at), Type: kind, ActivityType: kind})
	return &rec.order.Activities[len(rec.order.Activities)-1]
}

// line finds a line of the order.
func (rec *record) line(id string) *LineItem {
	for i := range rec.order.LineItems {
		if rec.order.LineItems[i].ID == id {
			return &rec.order.LineItems[i]
		}
	}
	return nil
}

// commit makes a change visible: updatedDate grows strictly, derived members are computed anew, search gets a version.
func (s *Server) commit(rec *record, kind string, detail map[string]any) {
	now := s.now().Truncate(time.Millisecond)
	if last, err := time.Parse(time.RFC3339Nano, rec.order.UpdatedDate); err == nil && !now.After(last) {
		now = last.Add(time.Millisecond)
	}
	rec.order.UpdatedDate = stamp(now)
	rec.order.FulfillmentStatus = rec.deriveFulfillment()
	rec.order.BalanceSummary = rec.balance()
	rec.raw = encode(rec.order)
	tree, err := decodeTree(rec.raw)
	if err != nil {
		panic(err) // written by encode just now
	}
	s.publish(rec, version{s.now().Add(s.indexLag), rec.raw, tree.(map[string]any)})
	s.note(Entry{Kind: kind, InstanceID: rec.site, OrderID: rec.id(), Detail: detail})
}

// publish adds a version for search and forgets those that nobody can see any more.
func (s *Server) publish(rec *record, v version) {
	now := s.now()
	newest := 0
	for i := range rec.versions {
		if !rec.versions[i].visible.After(now) {
			newest = i
		}
	}
	rec.versions = append(slices.Clone(rec.versions[min(newest, len(rec.versions)):]), v)
}

// NewLine is one line of a NewOrder. Members left out get a sample value.
type NewLine struct {
	CatalogItemID string            `json:"catalog_item_id"`
	VariantID     string            `json:"variant_id"`
	SKU           string            `json:"sku"`
	Name          string            `json:"name"`
	Quantity      int               `json:"quantity"`
	Price         json.Number       `json:"price"`
	Digital       bool              `json:"digital"`
	Options       map[string]string `json:"options"`
	CustomText    map[string]string `json:"custom_text"` // what the buyer wrote into the product's text fields
}

// NewBuyer is the buyer of a NewOrder.
type NewBuyer struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
	Company   string `json:"company"`
}

// NewAddress is where a NewOrder goes.
type NewAddress struct {
	Country      string `json:"country"`
	Subdivision  string `json:"subdivision"`
	City         string `json:"city"`
	PostalCode   string `json:"postal_code"`
	AddressLine  string `json:"address_line"`
	AddressLine2 string `json:"address_line2"`
}

// NewOrder describes an order that a buyer places. Everything may be left out. Payment is paid (the default), authorized,
// pending or offline.
type NewOrder struct {
	InstanceID    string      `json:"instance_id"`
	PlacedAt      *time.Time  `json:"placed_at"` // now by default; an earlier order becomes known only now
	Payment       string      `json:"payment"`
	Currency      string      `json:"currency"`
	Lines         []NewLine   `json:"lines"`
	Buyer         NewBuyer    `json:"buyer"`
	Address       *NewAddress `json:"address"`
	BuyerNote     string      `json:"buyer_note"`
	Staff         bool        `json:"staff"` // made in the dashboard by somebody of the store
	Shipping      json.Number `json:"shipping"`
	TaxRate       json.Number `json:"tax_rate"`       // 0.08 adds 8 % to every line; none by default
	CouponPercent int         `json:"coupon_percent"` // taken off every line; none by default
}

const (
	firstNumber    = 10001
	catalogAppID   = "215238eb-22a5-4c36-9e7b-e7c08025e04e" // Wix Stores, wix.md 2.6
	maxUnitPrice   = 100_000_000_000
	maxQuantity    = 100_000
	maxLines       = 300
	mediaURL       = "https://static.wixstatic.com/media/"
	defaultPayment = "paid"
)

var sampleImages = []string{
	"a409be_82ef75d567d645d6adc4df0a8f415cff~mv2.png",
	"a409be_17aa75d567d645d6adc4df0a8f415cff~mv2.png",
}

func sampleLines(currency string) []NewLine {
	first, second := json.Number("19.99"), json.Number("34.50")
	if digitsOf(currency) == 0 {
		first, second = "1999", "3450"
	}
	return []NewLine{
		{
			CatalogItemID: "5376f9ec-b92e-efa9-e4a1-f4f480aa0d3a", VariantID: "00000000-0000-0020-0005-ad9cdc10d3b8",
			SKU: "AE-1005003-BLK", Name: "Wireless Earbuds", Quantity: 2, Price: first, Options: map[string]string{"Color": "Black"},
		},
		{
			CatalogItemID: "0614129c-8777-9f3b-4dfe-b80a54df10d5", VariantID: "00000000-0000-0040-0005-a316f7c67df7",
			SKU: "AE-2007711-US", Name: "Desk Lamp", Quantity: 1, Price: second, Options: map[string]string{"Plug": "US"},
		},
	}
}

// seed makes the site and the paid order that a new server starts with, like the fixture order-paid, without webhooks.
func (s *Server) seed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	site := &instance{id: sampleInstanceID, siteID: sampleSiteID, ownerID: sampleOwnerID, installed: true, lastNumber: firstNumber}
	s.addInstance(site)
	rec, err := s.draft(site, NewOrder{TaxRate: "0.08", CouponPercent: 10, BuyerNote: "Please leave at the door"})
	if err != nil {
		panic(err) // constant input
	}
	rec.order.ID = sampleOrderID
	s.webhooks.quiet = true
	s.place(rec, defaultPayment)
	s.webhooks.quiet = false
}

// CreateOrder places an order as a buyer does and sends the events of its making.
func (s *Server) CreateOrder(n NewOrder) (Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	site, ok := s.instances[orDefault(n.InstanceID, sampleInstanceID)]
	if !ok {
		return Order{}, fmt.Errorf("no instance %q", n.InstanceID)
	}
	payment := orDefault(n.Payment, defaultPayment)
	if !slices.Contains([]string{"paid", "authorized", "pending", "offline"}, payment) {
		return Order{}, fmt.Errorf("payment %q is none of paid, authorized, pending, offline", n.Payment)
	}
	rec, err := s.draft(site, n)
	if err != nil {
		return Order{}, err
	}
	s.place(rec, payment)
	return rec.snapshot(), nil
}

// place registers an order and plays what its kind of payment brings, wix.md 3.1 and 5.4.
func (s *Server) place(rec *record, payment string) {
	now := s.now()
	o := &rec.order
	o.Status, o.PaymentStatus = statusInitialized, payNotPaid
	switch payment {
	case "pending":
		o.Status, o.PaymentStatus = statusPending, payPending
		rec.act(now, "ORDER_PENDING")
		rec.pay(now, paymentPending)
	case "offline":
		o.Status = statusApproved
		rec.act(now, "ORDER_PLACED")
		rec.payOffline(now, paymentPending)
	default:
		rec.act(now, "ORDER_PLACED")
	}
	s.register(rec)
	s.emitCreated(rec)
	switch payment {
	case "paid":
		rec.pay(now, paymentApproved)
		rec.act(now, "ORDER_PAID")
		o.Status, o.PaymentStatus = statusApproved, payPaid
		s.commit(rec, KindOrderChanged, map[string]any{"change": "paid"})
		s.emitAction(rec, "approved", nil)
		s.emitAction(rec, "payment_status_updated", map[string]any{"previousPaymentStatus": payNotPaid})
	case "authorized":
		rec.authorize(now)
		o.Status = statusApproved
		s.commit(rec, KindOrderChanged, map[string]any{"change": "authorized"})
		s.emitAction(rec, "approved", nil)
	case "offline":
		s.emitAction(rec, "approved", nil)
	}
}

func (s *Server) register(rec *record) {
	s.orders[rec.id()] = rec
	s.orderIDs = append(s.orderIDs, rec.id())
	s.commit(rec, KindOrderCreated, map[string]any{"number": rec.order.Number})
}

// draft builds an order from its description, with all totals.
func (s *Server) draft(site *instance, n NewOrder) (*record, error) {
	currency := orDefault(n.Currency, "USD")
	if !currencyForm.MatchString(currency) {
		return nil, fmt.Errorf("currency %q is not an ISO 4217 code", n.Currency)
	}
	lines := n.Lines
	if len(lines) == 0 {
		lines = sampleLines(currency)
	}
	if len(lines) > maxLines {
		return nil, fmt.Errorf("an order has at most %d lines", maxLines)
	}
	rec := &record{site: site.id, order: s.blankOrder(site, currency)}
	o := &rec.order
	physical := false
	for i, line := range lines {
		item, err := newLineItem(i, line, currency)
		if err != nil {
			return nil, fmt.Errorf("lines[%d]: %w", i, err)
		}
		o.LineItems = append(o.LineItems, item)
		physical = physical || !line.Digital
	}
	var err error
	if rec.terms, err = n.terms(currency, physical); err != nil {
		return nil, err
	}
	contact := n.Buyer.contact()
	address := n.address()
	o.BuyerInfo = BuyerInfo{VisitorID: newGUID(), ContactID: newGUID(), Email: orDefault(n.Buyer.Email, "janedoe@example.com")}
	o.CreatedBy = CreatedBy{VisitorID: o.BuyerInfo.VisitorID}
	if n.Staff {
		o.CreatedBy, o.ChannelInfo.Type = CreatedBy{UserID: newGUID()}, "BACKOFFICE_MERCHANT"
	}
	o.BuyerNote = n.BuyerNote
	if n.PlacedAt != nil {
		if n.PlacedAt.After(s.now()) {
			return nil, fmt.Errorf("placed_at is in the future")
		}
		o.CreatedDate = stamp(*n.PlacedAt)
		o.PurchasedDate = o.CreatedDate
	}
	o.BillingInfo = party(address, contact)
	o.RecipientInfo = party(address, contact)
	if physical {
		o.ShippingInfo = standardShipping(party(address, contact))
	}
	site.lastNumber++
	o.Number = strconv.Itoa(site.lastNumber)
	rec.reckon()
	return rec, nil
}

// blankOrder has everything that does not depend on what is bought.
func (s *Server) blankOrder(site *instance, currency string) Order {
	now := stamp(s.now())
	return Order{
		ID: newGUID(), CreatedDate: now, PurchasedDate: now,
		BuyerLanguage: "en", SiteLanguage: "en", WeightUnit: "KG", Currency: currency,
		CurrencyConversionDetails: CurrencyConversion{OriginalCurrency: currency, ConversionRate: "1"},
		AppliedDiscounts:          []AppliedDiscount{}, Activities: []Activity{}, AttributionSource: "UNSPECIFIED",
		ChannelInfo: ChannelInfo{Type: "WEB"}, CheckoutID: newGUID(), PurchaseFlowID: newGUID(),
		CustomFields: []json.RawMessage{}, AdditionalFees: []json.RawMessage{},
	}
}

func (n NewOrder) terms(currency string, physical bool) (terms, error) {
	t := terms{taxRate: new(big.Rat), rateText: "0", coupon: big.NewRat(int64(n.CouponPercent), 100)}
	if n.CouponPercent < 0 || n.CouponPercent > 100 {
		return t, fmt.Errorf("coupon_percent must be 0 to 100")
	}
	if n.TaxRate != "" {
		if !amountForm.MatchString(n.TaxRate.String()) {
			return t, fmt.Errorf("tax_rate %q is not a decimal", n.TaxRate)
		}
		t.taxRate.SetString(n.TaxRate.String())
		t.rateText = n.TaxRate.String()
	}
	if t.taxRate.Cmp(big.NewRat(1, 1)) > 0 {
		return t, fmt.Errorf("tax_rate must be 0 to 1")
	}
	shipping := n.Shipping.String()
	if shipping == "" {
		shipping = "0"
		if physical {
			shipping = "5"
		}
	}
	var err error
	if t.shipping, err = parseMoney(shipping, currency); err != nil {
		return t, fmt.Errorf("shipping: %w", err)
	}
	if t.shipping > maxUnitPrice {
		return t, fmt.Errorf("shipping is too large")
	}
	return t, nil
}

func newLineItem(index int, n NewLine, currency string) (LineItem, error) {
	sample := sampleLines(currency)[index%2]
	quantity := n.Quantity
	if quantity == 0 {
		quantity = 1
	}
	if quantity < 1 || quantity > maxQuantity {
		return LineItem{}, fmt.Errorf("quantity must be 1 to %d", maxQuantity)
	}
	text := orDefault(n.Price.String(), sample.Price.String())
	unit, err := parseMoney(text, currency)
	if err != nil {
		return LineItem{}, err
	}
	if unit > maxUnitPrice {
		return LineItem{}, fmt.Errorf("price is too large")
	}
	name := orDefault(n.Name, sample.Name)
	image := sampleImages[index%2]
	item := LineItem{
		ID:          fmt.Sprintf("00000000-0000-0000-0000-%012d", index+1),
		ProductName: Translated{name, name},
		CatalogReference: &CatalogReference{
			CatalogItemID: orDefault(n.CatalogItemID, sample.CatalogItemID), AppID: catalogAppID,
			Options: &CatalogOptions{Options: n.Options, CustomTextFields: n.CustomText, VariantID: orDefault(n.VariantID, sample.VariantID)},
		},
		Quantity:         quantity,
		DescriptionLines: describe(n.Options),
		Image:            &Image{ID: image, URL: mediaURL + image, Height: 1000, Width: 1000},
		PhysicalProperties: &PhysicalProperties{
			Weight: "0.35", SKU: orDefault(n.SKU, sample.SKU), Shippable: true,
		},
		ItemType:      ItemType{Preset: "PHYSICAL"},
		Price:         unit.price(currency),
		PaymentOption: "FULL_PAYMENT_ONLINE",
		Locations:     []json.RawMessage{}, ModifierGroups: []json.RawMessage{},
	}
	if n.Digital {
		item.ItemType.Preset = "DIGITAL"
		item.PhysicalProperties = &PhysicalProperties{SKU: n.SKU}
	}
	return item, nil
}

func describe(options map[string]string) []DescriptionLine {
	lines := []DescriptionLine{}
	for name, value := range options {
		text := Translated{value, value}
		lines = append(lines, DescriptionLine{
			Name: Translated{name, name}, PlainText: &text, LineType: "PLAIN_TEXT", PlainTextValue: &text,
		})
	}
	slices.SortFunc(lines, func(a, b DescriptionLine) int { return strings.Compare(a.Name.Original, b.Name.Original) })
	return lines
}

func (b NewBuyer) contact() ContactDetails {
	if b == (NewBuyer{}) {
		return ContactDetails{FirstName: "Jane", LastName: "Doe", Phone: "+12125550123", Company: "Doe Studio"}
	}
	return ContactDetails{
		FirstName: orDefault(b.FirstName, "Jane"), LastName: orDefault(b.LastName, "Doe"),
		Phone: orDefault(b.Phone, "+12125550123"), Company: b.Company,
	}
}

func (n NewOrder) address() Address {
	if n.Address == nil {
		return NewAddress{
			Country: "US", Subdivision: "US-NY", City: "New York", PostalCode: "10011",
			AddressLine: "235 West 23rd Street", AddressLine2: "Apt 3B",
		}.over(Address{})
	}
	return n.Address.over(Address{Country: "US"})
}

// over lays the given members over an address and fills in what Wix derives from them.
func (n NewAddress) over(a Address) Address {
	a.Country = orDefault(n.Country, a.Country)
	a.Subdivision = orDefault(n.Subdivision, a.Subdivision)
	a.City = orDefault(n.City, a.City)
	a.PostalCode = orDefault(n.PostalCode, a.PostalCode)
	a.AddressLine = orDefault(n.AddressLine, a.AddressLine)
	a.AddressLine2 = orDefault(n.AddressLine2, a.AddressLine2)
	a.CountryFullname = orDefault(countryNames[a.Country], a.Country)
	_, part, _ := strings.Cut(a.Subdivision, "-")
	a.SubdivisionFullname = orDefault(subdivisionNames[a.Subdivision], part)
	a.StreetAddress = nil
	number, name, found := strings.Cut(a.AddressLine, " ")
	if _, err := strconv.Atoi(number); err == nil && found {
		a.StreetAddress = &StreetAddress{Number: number, Name: name}
	}
	return a
}

var countryNames = map[string]string{
	"US": "United States", "CA": "Canada", "GB": "United Kingdom", "DE": "Germany", "FR": "France", "ES": "Spain", "IT": "Italy",
	"NL": "Netherlands", "PL": "Poland", "IE": "Ireland", "IL": "Israel", "AU": "Australia", "BR": "Brazil", "JP": "Japan", "MX": "Mexico",
}

var subdivisionNames = map[string]string{
	"US-NY": "New York", "US-CA": "California", "US-TX": "Texas", "US-FL": "Florida", "US-WA": "Washington", "CA-ON": "Ontario",
}

func party(a Address, c ContactDetails) *Party { return &Party{Address: &a, ContactDetails: &c} }

func standardShipping(to *Party) *ShippingInfo {
	return &ShippingInfo{
		CarrierID: "45c44b27-ca7b-4891-8c0d-1747d588b835", Code: "a0fde0a4-6f4e-3716-64be-c0acbde1696a", Title: "Standard shipping",
		Logistics: &Logistics{DeliveryTime: "7 - 15 business days", ShippingDestination: to},
		Region:    &Region{Name: "Domestic"},
	}
}

// reckon computes all amounts of the order from its unit prices, quantities and terms.
func (rec *record) reckon() {
	var subtotal, discount, tax money
	for i := range rec.order.LineItems {
		gross, off, lineTax := rec.reckonLine(&rec.order.LineItems[i])
		subtotal, discount, tax = subtotal+gross, discount+off, tax+lineTax
	}
	shipping := rec.terms.shipping
	rec.order.PriceSummary = PriceSummary{
		Subtotal: rec.price(subtotal), Shipping: rec.price(shipping), Tax: rec.price(tax), Discount: rec.price(discount),
		Total: rec.price(subtotal + shipping + tax - discount), TotalAdditionalFees: rec.price(0),
	}
	if rec.order.ShippingInfo != nil {
		rec.order.ShippingInfo.Cost = ShippingCost{
			Price: rec.price(shipping), TotalPriceBeforeTax: rec.price(shipping), TotalPriceAfterTax: rec.price(shipping),
			TaxInfo: rec.lineTax(0, 0, "0"), Discount: rec.price(0),
		}
	}
	rec.order.TaxInfo = OrderTax{TotalTax: rec.price(tax), TaxBreakdown: []TaxDetail{}}
	if tax > 0 {
		rec.order.TaxInfo.TaxBreakdown = append(rec.order.TaxInfo.TaxBreakdown, TaxDetail{
			TaxName: "Tax", TaxType: "Sales Tax", Jurisdiction: "New York", JurisdictionType: "STATE",
			Rate: rec.terms.rateText, AggregatedTaxAmount: rec.price(tax),
		})
	}
	rec.reckonCoupon(discount)
}

func (rec *record) reckonLine(line *LineItem) (gross, discount, tax money) {
	unit := amountOf(line.Price, rec.currency())
	gross = unit * money(line.Quantity)
	discount = gross.share(rec.terms.coupon)
	net := gross - discount
	tax = net.share(rec.terms.taxRate)
	line.PriceBeforeDiscounts = rec.price(unit)
	line.LineItemPrice = rec.price(gross)
	line.TotalDiscount = rec.price(discount)
	line.TotalPriceBeforeTax = rec.price(net)
	line.TotalPriceAfterTax = rec.price(net + tax)
	line.TaxInfo = rec.lineTax(tax, net, rec.terms.rateText)
	return gross, discount, tax
}

func (rec *record) lineTax(tax, of money, rate string) LineTax {
	return LineTax{TaxAmount: rec.price(tax), TaxableAmount: rec.price(of), TaxRate: rate, TaxBreakdown: []json.RawMessage{}}
}

func (rec *record) reckonCoupon(discount money) {
	if discount == 0 {
		return
	}
	if len(rec.order.AppliedDiscounts) == 0 {
		percent := new(big.Rat).Mul(rec.terms.coupon, big.NewRat(100, 1)).RatString()
		rec.order.AppliedDiscounts = []AppliedDiscount{{
			ID: newGUID(), DiscountType: "GLOBAL", LineItemIDs: []string{},
			Coupon: &Coupon{ID: newGUID(), Code: "OFF" + percent, Name: percent + " percent off"},
		}}
	}
	rec.order.AppliedDiscounts[0].Coupon.Amount = rec.price(discount)
}

// balance says where the money is: what is missing is stated only while it is missing, wix.md 3.1.
func (rec *record) balance() BalanceSummary {
	zero := rec.price(0)
	b := BalanceSummary{
		Balance: zero, Refunded: rec.price(rec.refunded()), PendingRefund: zero, Chargeback: zero, ChargebackReversal: zero,
	}
	paid := rec.paid()
	b.Paid = rec.price(paid)
	b.Authorized = rec.price(rec.sum(paymentAuthorized))
	b.Pending = zero
	switch rec.order.PaymentStatus {
	case payNotPaid, payUnspecified:
		b.Balance = rec.price(rec.total())
	case payPartiallyPaid:
		b.Balance = rec.price(max(rec.total()-paid, 0))
	case payPending:
		b.Pending = rec.price(rec.sum(paymentPending))
	}
	return b
}

// getOrder is wix.md 2.1.
func (s *Server) getOrder(c *call) (any, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, err
	}
	return orderAnswer(rec), nil
}

func orderAnswer(rec *record) any { return map[string]any{"order": rec.raw} }

// createPlatformOrder is POST /ecom/v1/orders, wix.md 2.3.
func (s *Server) createPlatformOrder(c *call) (any, error) {
	var req struct {
		Order *Order `json:"order"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if req.Order == nil || len(req.Order.LineItems) == 0 || len(req.Order.LineItems) > maxLines {
		return nil, invalid("order.lineItems", "must have 1 to 300 entries")
	}
	rec, err := s.adopt(c.site, *req.Order)
	if err != nil {
		return nil, err
	}
	c.orderID = rec.id()
	rec.act(s.now(), "ORDER_PLACED")
	s.register(rec)
	s.emitCreated(rec)
	if rec.order.Status == statusApproved {
		s.emitAction(rec, "approved", nil)
	}
	return orderAnswer(rec), nil
}

// adopt completes an order that an app made: what it left out is filled in, read-only members are set by Wix.
func (s *Server) adopt(site *instance, given Order) (*record, error) {
	currency := orDefault(given.Currency, "USD")
	if !currencyForm.MatchString(currency) {
		return nil, invalid("order.currency", "must be an ISO 4217 code")
	}
	o := s.blankOrder(site, currency)
	o.LineItems = given.LineItems
	o.BuyerInfo, o.BuyerNote = given.BuyerInfo, given.BuyerNote
	o.BillingInfo, o.ShippingInfo, o.RecipientInfo = given.BillingInfo, given.ShippingInfo, given.RecipientInfo
	o.ExtendedFields = given.ExtendedFields
	o.ChannelInfo.Type = orDefault(given.ChannelInfo.Type, "OTHER_PLATFORM")
	o.ChannelInfo.ExternalOrderID = given.ChannelInfo.ExternalOrderID
	o.CreatedBy = CreatedBy{AppID: s.appID}
	o.Status = orDefault(given.Status, statusApproved)
	o.PaymentStatus = orDefault(given.PaymentStatus, payNotPaid)
	if o.Status != statusApproved && o.Status != statusInitialized {
		return nil, invalid("order.status", "must be INITIALIZED or APPROVED")
	}
	rec := &record{site: site.id, order: o, terms: terms{taxRate: new(big.Rat), rateText: "0", coupon: new(big.Rat)}}
	for i := range rec.order.LineItems {
		if err := completeLine(&rec.order.LineItems[i], i, currency); err != nil {
			return nil, err
		}
	}
	rec.terms.shipping = amountOf(given.PriceSummary.Shipping, currency)
	rec.reckon()
	if total := given.PriceSummary.Total.Amount; total != "" {
		m, err := parseMoney(total, currency)
		if err != nil {
			return nil, invalid("order.priceSummary.total.amount", err.Error())
		}
		rec.order.PriceSummary.Total = rec.price(m)
	}
	if rec.order.PaymentStatus == payPaid && rec.total() > 0 {
		rec.payOffline(s.now(), paymentApproved)
	}
	site.lastNumber++
	rec.order.Number = strconv.Itoa(site.lastNumber)
	return rec, nil
}

func completeLine(line *LineItem, index int, currency string) error {
	field := fmt.Sprintf("order.lineItems[%d]", index)
	if line.Quantity < 1 || line.Quantity > maxQuantity {
		return validationError(fieldViolation{field + ".quantity", "must be greater than or equal to 1", "MIN", map[string]any{"threshold": 1}})
	}
	unit, err := parseMoney(orDefault(line.Price.Amount, "0"), currency)
	if err != nil {
		return invalid(field+".price.amount", err.Error())
	}
	if unit > maxUnitPrice {
		return invalid(field+".price.amount", "is too large")
	}
	line.Price = unit.price(currency)
	line.ID = orDefault(line.ID, fmt.Sprintf("00000000-0000-0000-0000-%012d", index+1))
	line.PaymentOption = orDefault(line.PaymentOption, "FULL_PAYMENT_ONLINE")
	line.RefundQuantity, line.RestockQuantity = 0, 0
	if line.ItemType == (ItemType{}) {
		line.ItemType.Preset = "PHYSICAL"
	}
	line.DescriptionLines = orEmpty(line.DescriptionLines)
	line.Locations = orEmpty(line.Locations)
	line.ModifierGroups = orEmpty(line.ModifierGroups)
	return nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// patchable are the members that PATCH may change, wix.md 2.3; all others in the body are ignored, like unknown ones.
var patchable = [][]string{
	{"buyerInfo", "email"},
	{"buyerLanguage"},
	{"weightUnit"},
	{"billingInfo", "address"},
	{"billingInfo", "contactDetails"},
	{"archived"},
	{"attributionSource"},
	{"seenByAHuman"},
	{"recipientInfo"},
	{"shippingInfo", "logistics", "shippingDestination"},
	{"extendedFields"},
}

// updateOrder is PATCH /ecom/v1/orders/{id}, wix.md 2.3.
func (s *Server) updateOrder(c *call) (any, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, err
	}
	if err := refuseUnsettled(rec); err != nil {
		return nil, err
	}
	var req struct {
		Order map[string]any `json:"order"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if req.Order == nil {
		return nil, invalid("order", "must not be empty")
	}
	changed, err := patched(rec, req.Order)
	if err != nil {
		return nil, err
	}
	rec.order = changed
	s.commit(rec, KindOrderChanged, map[string]any{"change": "patched"})
	s.emitUpdated(rec)
	return orderAnswer(rec), nil
}

// patched lays the allowed part of a patch over the order.
func patched(rec *record, patch map[string]any) (Order, error) {
	allowed := map[string]any{}
	for _, path := range patchable {
		if value, ok := dig(patch, path); ok {
			plant(allowed, path, value)
		}
	}
	tree, err := decodeTree(rec.raw)
	if err != nil {
		return Order{}, err
	}
	var o Order
	if err := json.Unmarshal(encode(merged(tree.(map[string]any), allowed)), &o); err != nil {
		return Order{}, invalid("order", err.Error())
	}
	return o, nil
}

func dig(tree map[string]any, path []string) (any, bool) {
	value, ok := tree[path[0]]
	if !ok || len(path) == 1 {
		return value, ok
	}
	inner, isObject := value.(map[string]any)
	if !isObject {
		return nil, false
	}
	return dig(inner, path[1:])
}

func plant(tree map[string]any, path []string, value any) {
	if len(path) == 1 {
		tree[path[0]] = value
		return
	}
	inner, ok := tree[path[0]].(map[string]any)
	if !ok {
		inner = map[string]any{}
		tree[path[0]] = inner
	}
	plant(inner, path[1:], value)
}

func refuseUnsettled(rec *record) error {
	switch rec.order.Status {
	case statusPending:
		return precondition("ORDER_IS_PENDING", "the order is pending")
	case statusRejected:
		return precondition("ORDER_IS_REJECTED", "the order is rejected")
	}
	return nil
}

type cancelRequest struct {
	SendOrderCanceledEmail bool   `json:"sendOrderCanceledEmail"`
	CustomMessage          string `json:"customMessage"`
	RestockAllItems        bool   `json:"restockAllItems"`
}

// cancelOrder is wix.md 2.3.
func (s *Server) cancelOrder(c *call) (any, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, err
	}
	var req cancelRequest
	if len(c.body) > 0 {
		if err := c.decode(&req); err != nil {
			return nil, err
		}
	}
	if err := s.cancelRecord(rec, req); err != nil {
		return nil, err
	}
	return orderAnswer(rec), nil
}

func (s *Server) cancelRecord(rec *record, req cancelRequest) error {
	if err := refuseUnsettled(rec); err != nil {
		return err
	}
	if rec.order.Status == statusCanceled {
		return precondition("ORDER_ALREADY_CANCELED", "the order is already canceled")
	}
	if rec.sum(paymentAuthorized) > 0 {
		return precondition("ORDER_HAS_AUTHORIZED_TRANSACTION", "the order has an authorized transaction")
	}
	rec.order.Status = statusCanceled
	if req.RestockAllItems {
		for i := range rec.order.LineItems {
			rec.order.LineItems[i].RestockQuantity = rec.order.LineItems[i].Quantity
		}
	}
	rec.act(s.now(), "ORDER_CANCELED")
	s.commit(rec, KindOrderChanged, map[string]any{"change": "canceled"})
	s.emitAction(rec, "canceled", map[string]any{
		"restockAllItems": req.RestockAllItems, "sendOrderCanceledEmail": req.SendOrderCanceledEmail, "customMessage": req.CustomMessage,
	})
	s.emitUpdated(rec)
	return nil
}

// statusMoves are the transitions of update-status; which ones Wix allows is not published.
var statusMoves = map[string][]string{
	statusInitialized: {statusApproved, statusPending, statusRejected, statusCanceled},
	statusPending:     {statusApproved, statusRejected, statusCanceled},
	statusApproved:    {statusCanceled},
}

// updateStatus is wix.md 2.3.
func (s *Server) updateStatus(c *call) (any, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, err
	}
	var req struct {
		Status string `json:"status"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	known := []string{statusInitialized, statusApproved, statusCanceled, statusPending, statusRejected}
	switch {
	case !slices.Contains(known, req.Status):
		return nil, applicationError(http.StatusBadRequest, "STATUS_NOT_SUPPORTED", "status not supported", "no such status", nil)
	case req.Status == rec.order.Status:
		return nil, precondition("STATUS_ALREADY_SET", "the order has this status")
	case !slices.Contains(statusMoves[rec.order.Status], req.Status):
		return nil, precondition("UNSUPPORTED_TRANSITION", "the order cannot go from "+rec.order.Status+" to "+req.Status)
	}
	if err := s.moveStatus(rec, req.Status); err != nil {
		return nil, err
	}
	return orderAnswer(rec), nil
}

func (s *Server) moveStatus(rec *record, status string) error {
	if status == statusCanceled && rec.order.Status == statusApproved {
		return s.cancelRecord(rec, cancelRequest{})
	}
	rec.order.Status = status
	s.commit(rec, KindOrderChanged, map[string]any{"change": "status", "status": status})
	switch status {
	case statusApproved:
		s.emitAction(rec, "approved", nil)
	case statusCanceled:
		s.emitAction(rec, "canceled", map[string]any{
			"restockAllItems": false, "sendOrderCanceledEmail": false, "customMessage": "",
		})
	}
	s.emitUpdated(rec)
	return nil
}
