package wix

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"waybill/models"
)

// storeOrder translates one order, wix.md 2.4. fault says, without quoting the order, why it cannot be understood; the
// order then holds its id at most. raw is kept as it came.
func storeOrder(raw json.RawMessage) (order models.StoreOrder, fault string) {
	var w wireOrder
	if len(raw) == 0 || string(raw) == "null" {
		return order, "no order"
	}
	err := json.Unmarshal(raw, &w)
	unread := models.StoreOrder{ExternalID: string(w.ID)}
	switch {
	case err != nil:
		return unread, jsonFault(err)
	case w.ID == "":
		return unread, "no id"
	}
	order = models.StoreOrder{
		ExternalID:        string(w.ID),
		Number:            string(w.Number),
		Status:            string(w.Status),
		PaymentStatus:     string(w.PaymentStatus),
		FulfillmentStatus: string(w.FulfillmentStatus),
		Currency:          string(w.Currency),
		BuyerName:         w.buyerName(),
		BuyerEmail:        string(w.BuyerInfo.Email),
		BuyerNote:         string(w.BuyerNote),
		Archived:          w.Archived,
		Imported:          w.Imported,
		Pickup:            w.ShippingInfo.Logistics.PickupDetails != nil,
		Staff:             w.CreatedBy.UserID != "" || w.ChannelInfo.Type == "BACKOFFICE_MERCHANT",
		Recipient:         w.recipient(),
		Payload:           raw,
	}
	var t translator
	order.UpdatedAt = t.time("updatedDate", w.UpdatedDate)
	order.PlacedAt = t.time("createdDate", firstOf(w.CreatedDate, w.PurchasedDate, w.UpdatedDate))
	order.Total = t.money("priceSummary.total", w.PriceSummary.Total, order.Currency)
	order.Authorized = t.money("balanceSummary.authorized", w.BalanceSummary.Authorized, order.Currency)
	order.Paid = t.money("balanceSummary.paid", w.BalanceSummary.Paid, order.Currency)
	order.Lines = make([]models.StoreLine, 0, len(w.LineItems))
	for i, l := range w.LineItems {
		order.Lines = append(order.Lines, t.line(i, l, order.Currency))
	}
	if t.fault != "" {
		return unread, t.fault
	}
	return order, ""
}

// translator keeps the first fault.
type translator struct{ fault string }

func (t *translator) fail(format string, args ...any) {
	if t.fault == "" {
		t.fault = fmt.Sprintf(format, args...)
	}
}

// time reads RFC 3339 with any number of fraction digits.
func (t *translator) time(member string, s text) time.Time {
	at, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil {
		t.fail("%s is missing or no time", member)
	}
	return at.UTC()
}

// money reads a price. A price that is not there is nothing; one that is no decimal number is a fault.
func (t *translator) money(member string, p *wirePrice, currency string) models.Money {
	if p == nil || p.Amount == "" {
		return models.Money{Currency: currency}
	}
	m, err := models.ParseMoney(string(p.Amount), currency)
	if err != nil {
		t.fail("%s is no decimal amount", member)
	}
	return m
}

func (t *translator) line(i int, w wireLine, currency string) models.StoreLine {
	if w.ID == "" {
		t.fail("lineItems[%d] has no id", i)
	}
	return models.StoreLine{
		ID:         string(w.ID),
		Name:       w.ProductName.text(),
		SKU:        string(w.PhysicalProperties.SKU),
		VariantKey: w.variantKey(),
		Options:    w.options(),
		CustomText: w.customText(),
		Quantity:   w.Quantity,
		Refunded:   w.RefundQuantity,
		Shippable:  w.shippable(),
		Price:      t.money(fmt.Sprintf("lineItems[%d].price", i), w.Price, currency),
		ImageURL:   w.imageURL(),
	}
}

// customText is what the buyer wrote into the product's text fields, in one order whatever Wix's is.
func (w wireLine) customText() string {
	if w.CatalogReference == nil {
		return ""
	}
	fields := w.CatalogReference.Options.value.CustomTextFields.value
	var all []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if value := strings.TrimSpace(string(fields[name])); value != "" {
			all = append(all, name+": "+value)
		}
	}
	return strings.Join(all, ", ")
}

// zeroGUID is the variant of a product without variants, wix.md 2.6.
const zeroGUID = "00000000-0000-0000-0000-000000000000"

// variantKey names what was sold: the catalogue's item and variant, else the SKU, else the name, wix.md 2.6.
func (w wireLine) variantKey() string {
	if ref := w.CatalogReference; ref != nil && ref.CatalogItemID != "" {
		variant := ref.Options.value.VariantID
		if variant == "" || variant == zeroGUID {
			return string(ref.CatalogItemID)
		}
		return string(ref.CatalogItemID + "/" + variant)
	}
	if sku := w.PhysicalProperties.SKU; sku != "" {
		return "sku/" + string(sku)
	}
	return "name/" + w.ProductName.text()
}

// options is "Color: Black, Size: M".
func (w wireLine) options() string {
	var all []string
	for _, d := range w.DescriptionLines.value {
		name, value := d.Name.text(), d.PlainText.text()
		if value == "" {
			value = d.ColorInfo.text()
		}
		switch {
		case name != "" && value != "":
			all = append(all, name+": "+value)
		case name+value != "":
			all = append(all, name+value)
		}
	}
	return strings.Join(all, ", ")
}

// shippable is Wix's own word where it gives one; else only what is known to need no parcel has none, wix.md 2.5.
func (w wireLine) shippable() bool {
	if s := w.PhysicalProperties.Shippable; s != nil {
		return *s
	}
	switch w.ItemType.Preset {
	case "DIGITAL", "GIFT_CARD", "SERVICE":
		return false
	}
	return true
}

// imageURL is a web address or nothing: dashboards put it into pages.
func (w wireLine) imageURL() string {
	u := string(w.Image.value.URL)
	if strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") {
		return u
	}
	return ""
}

// text is what the merchant wrote; its translation only where that is missing.
func (w wireTranslated) text() string { return string(firstOf(w.Original, w.Translated)) }

// buyerName is who pays, else who receives: Wix's buyerInfo has no name.
func (w wireOrder) buyerName() string {
	for _, p := range []*wireParty{w.BillingInfo, w.RecipientInfo, w.ShippingInfo.Logistics.ShippingDestination} {
		if p != nil && p.ContactDetails != nil {
			if name := strings.TrimSpace(string(p.ContactDetails.FirstName + " " + p.ContactDetails.LastName)); name != "" {
				return name
			}
		}
	}
	return ""
}

// recipient says where the parcel goes, wix.md 2.7: the recipient, else the shipping destination unless that is a pickup
// place, else the billing address. The first party with a usable address counts; the person is the same party's, or the
// first other's when it names nobody.
func (w wireOrder) recipient() models.Address {
	parties := []*wireParty{w.RecipientInfo}
	if w.ShippingInfo.Logistics.PickupDetails == nil {
		parties = append(parties, w.ShippingInfo.Logistics.ShippingDestination)
	}
	parties = append(parties, w.BillingInfo)

	var from *wireParty  // whose address it is
	var who *wireContact // the first person who is named
	var country text     // for a digital order it is all there is
	for _, p := range parties {
		if p == nil {
			continue
		}
		if from == nil && p.Address.usable() {
			from = p
		}
		if who == nil && p.ContactDetails.named() {
			who = p.ContactDetails
		}
		if country == "" && p.Address != nil {
			country = p.Address.Country
		}
	}
	to := models.Address{Country: string(country)}
	if from != nil {
		to = from.Address.address()
		if from.ContactDetails.named() {
			who = from.ContactDetails
		}
	}
	if who != nil {
		to.FirstName, to.LastName = string(who.FirstName), string(who.LastName)
		to.Company, to.Phone, to.TaxID = string(who.Company), string(who.Phone), string(who.VatID.value.ID)
	}
	return to
}

func (w *wireAddress) usable() bool { return w != nil && (w.line1() != "" || w.City != "") }

func (w *wireContact) named() bool { return w != nil && (w.FirstName != "" || w.LastName != "") }

func (w *wireAddress) address() models.Address {
	return models.Address{
		Line1:       w.line1(),
		Line2:       string(w.AddressLine2),
		City:        string(w.City),
		Subdivision: string(w.Subdivision),
		Region:      string(w.SubdivisionFullname),
		PostalCode:  string(w.PostalCode),
		Country:     string(w.Country),
	}
}

func (w *wireAddress) line1() string {
	if line := strings.TrimSpace(string(w.AddressLine)); line != "" {
		return line
	}
	return strings.TrimSpace(string(w.StreetAddress.Number + " " + w.StreetAddress.Name))
}

// fulfillment translates one fulfillment, wix.md 4.1. The provider stays verbatim. A line without a quantity has 0.
func fulfillment(w wireFulfillment) models.Fulfillment {
	f := models.Fulfillment{
		ID:      string(w.ID),
		Lines:   make([]models.FulfillmentLine, 0, len(w.LineItems)),
		Number:  string(w.TrackingInfo.TrackingNumber),
		Carrier: string(w.TrackingInfo.ShippingProvider),
		Link:    string(w.TrackingInfo.TrackingLink),
	}
	for _, l := range w.LineItems {
		f.Lines = append(f.Lines, models.FulfillmentLine{LineID: string(l.ID), Quantity: l.Quantity})
	}
	return f
}

// payment translates one payment, wix.md 3.2.
func payment(w wirePayment) Payment {
	p := Payment{ID: string(w.ID), Status: string(firstOf(w.Status, w.RegularPaymentDetails.Status))}
	if w.Amount != nil {
		p.Amount = string(w.Amount.Amount)
	}
	switch p.Status {
	case "APPROVED", "PARTIALLY_REFUNDED", "REFUNDED":
		p.Captured = true
	}
	return p
}

func firstOf(all ...text) text {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
