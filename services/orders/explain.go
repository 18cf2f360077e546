package orders

import (
	"fmt"
	"strings"

	"waybill/models"
)

// ForMerchant tells a merchant where an order stands and what is to be done: a text to send.
func (d Detail) ForMerchant() string {
	o := d.Order
	var b strings.Builder
	fmt.Fprintf(&b, "Order %s is in %s. %s\n", o.Number, o.Tab.Title(), o.Why)
	for _, f := range d.OpenFlags() {
		fmt.Fprintf(&b, "\nWhat needs you: %s\n", f.Detail)
		if f.NextAction != "" {
			fmt.Fprintf(&b, "What to do: %s\n", f.NextAction)
		}
		if f.Deadline != nil {
			fmt.Fprintf(&b, "Until: %s UTC\n", f.Deadline.UTC().Format("2006-01-02 15:04"))
		}
	}
	for _, s := range d.SupplierOrders {
		if s.ExternalID != "" && s.Stage != models.StageClosed {
			fmt.Fprintf(&b, "\nAliExpress order %s: %s.", s.ExternalID, s.Stage)
		}
	}
	for _, p := range d.parcelsShown() {
		fmt.Fprintf(&b, "\nParcel %s (%s): %s", p.TrackingNumber, p.Carrier, orWord(p.LastEvent, "no scan yet"))
	}
	if o.LastCheckedAt != nil {
		fmt.Fprintf(&b, "\n\nLast checked %s UTC.", o.LastCheckedAt.UTC().Format("2006-01-02 15:04"))
	}
	if o.NextCheckAt != nil {
		fmt.Fprintf(&b, " Checked next %s UTC.", o.NextCheckAt.UTC().Format("2006-01-02 15:04"))
	}
	return paragraphs(b.String())
}

// ForShopper tells the buyer where the goods are: a text to send that names neither suppliers nor prices.
func (d Detail) ForShopper() string {
	o := d.Order
	var b strings.Builder
	fmt.Fprintf(&b, "Your order %s: %s\n", o.Number, shopperWords(o.Tab))
	for _, p := range d.parcelsShown() {
		fmt.Fprintf(&b, "\nTracking number %s", p.TrackingNumber)
		if p.LastEvent != "" && p.LastEventAt != nil {
			fmt.Fprintf(&b, ". Last seen on %s: %s", p.LastEventAt.UTC().Format("2 January"), strings.TrimSuffix(p.LastEvent, "."))
		}
		b.WriteString(".\n")
		if link := d.linkOf(p); link != "" {
			fmt.Fprintf(&b, "Follow it here: %s\n", link)
		}
	}
	return paragraphs(b.String())
}

// paragraphs leaves one empty line where there are several.
func paragraphs(text string) string {
	for strings.Contains(text, "\n\n\n") {
		text = strings.ReplaceAll(text, "\n\n\n", "\n\n")
	}
	return strings.TrimSpace(text) + "\n"
}

func shopperWords(t models.Tab) string {
	switch t {
	case models.TabPending:
		return "we are waiting for your payment to arrive."
	case models.TabAwaitingOrder, models.TabAwaitingPayment:
		return "we have received it and are preparing it."
	case models.TabAwaitingShipment:
		return "it is being packed. You get a tracking number as soon as it leaves the warehouse."
	case models.TabFulfilled:
		return "it is on its way."
	}
	return "it is closed: there is nothing left to ship."
}

// parcelsShown are the parcels that count and have a number.
func (d Detail) parcelsShown() (list []models.Parcel) {
	for _, p := range d.Parcels {
		if p.TrackingNumber != "" && p.VoidedAt == nil && p.LostAt == nil {
			list = append(list, p)
		}
	}
	return list
}

// linkOf is where a parcel is followed; empty when nobody knows.
func (d Detail) linkOf(p models.Parcel) string {
	if d.Order.Digest == nil {
		return ""
	}
	for _, shown := range d.Order.Digest.Tracking {
		if shown.Number == p.TrackingNumber {
			return shown.Link
		}
	}
	return ""
}

func orWord(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
