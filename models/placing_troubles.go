package models

import (
	"fmt"
	"slices"
)

// raisePlacing collects what keeps a purchase from being sent, or was decided about it and no longer fits.
func (r *roller) raisePlacing() {
	o := r.Order
	if r.live > 0 && o.Held(r.Now) {
		r.trouble(Trouble{
			Code: FlagHeld, Subject: "order", Owner: OwnerMerchant, Deadline: o.HeldUntil,
			Detail:     fmt.Sprintf("Held by %s: %s", o.HeldBy, sentence(orNone(o.HeldWhy))),
			NextAction: "Release the order when it may be bought.",
		})
	}
	if o.AddressConflict() && r.missing() > 0 {
		r.trouble(Trouble{
			Code: FlagOverrideConflict, Subject: "purchase_address", Owner: OwnerMerchant,
			Detail:     "The store's address has changed since another one was given for the purchase. The one for the purchase is kept.",
			NextAction: "Compare the two: give the address for the purchase anew, or go back to the store's.",
		})
	}
	if why := r.Rules.Stopped(); why != "" && slices.ContainsFunc(r.SupplierOrders, func(s SupplierOrder) bool { return r.WaitOf(s) == WaitStopped }) {
		r.trouble(Trouble{
			Code: FlagHeld, Subject: "placing", Owner: OwnerMerchant,
			Detail:     "Its purchase waits, because placing is stopped: " + sentence(why),
			NextAction: "Let placing go on when the reason is gone. Nothing is lost meanwhile.",
		})
	}
	for _, p := range r.Parcels {
		if p.VoidedAt != nil && r.storeWasTold(p.ID) {
			r.trouble(Trouble{
				Code: FlagMismatch, Subject: string(p.ID), Owner: OwnerMerchant,
				Detail:     fmt.Sprintf("The store shows tracking number %s of an AliExpress order that no longer belongs to this order.", p.TrackingNumber),
				NextAction: "Take the number out of the order in the store, or correct it there, if the buyer must not follow it.",
			})
		}
	}
}

// voided reports whether a parcel is history.
func (r *roller) voided(parcel ID) bool {
	return slices.ContainsFunc(r.Parcels, func(p Parcel) bool { return p.ID == parcel && p.VoidedAt != nil })
}

// storeWasTold reports whether the store has, or may have, the parcel's number.
func (r *roller) storeWasTold(parcel ID) bool {
	return slices.ContainsFunc(r.Pushes, func(p Push) bool { return p.ParcelID == parcel && (p.FulfillmentID != "" || p.SentNumber != "") })
}

// placingChip tells of a purchase that is on its way, or of what it waits for.
func (r *roller) placingChip(s SupplierOrder) Chip {
	switch r.WaitOf(s) {
	case WaitHeld:
		return Chip{"held", "Held"}
	case WaitStopped:
		return Chip{"placing_stopped", "Placing is stopped"}
	case WaitWindow:
		return Chip{"hold_window", "To be placed at " + s.NotBefore.UTC().Format("2006-01-02 15:04") + " UTC"}
	}
	return Chip{"placing", "Being placed"}
}

// nextActions says what to do about a refused placement, by the codes of preflight, of the claim and of the adapter.
var nextActions = map[string]string{
	"address_rejected":             "Correct the address in the store, or give another one for the purchase only; then place it again.",
	"out_of_stock":                 "Wait and place it again, choose another supplier for this product, or refund the buyer.",
	"sku_gone":                     "Choose another supplier for this product, or refund the buyer.",
	"product_gone":                 "Choose another supplier for this product, or refund the buyer.",
	"not_sold_there":               "Choose a supplier that sells it to this country, or refund the buyer.",
	"no_shipping":                  "Choose another shipping service or supplier for this destination.",
	"price_above_cap":              "Raise the price cap of the mapping, or choose another supplier.",
	"currency_mismatch":            "Place the lines one by one: AliExpress sells these in different currencies.",
	"account_blocked":              "Look into the AliExpress account: it may not buy at present.",
	"refused":                      "Look into the AliExpress account and try to buy it by hand; link its number if that works.",
	"note_too_long":                "Shorten the note to the seller, or the template in the settings; then place it again.",
	"order_changed":                "The store changed the order meanwhile: look at it, then place it again.",
	"mapping_changed":              "Place it again: it is then bought where the mapping says now.",
	"order_not_paid":               "Wait until the store has captured the payment, then place it again.",
	"order_not_wanted":             "Nothing is to be bought: the store no longer wants the order.",
	"order_imported":               "Buy it by hand if it has to be shipped from here, and link its number.",
	"order_is_pickup":              "Buy it by hand if it has to be shipped, and link its number.",
	"no_supplier":                  "Map the product to a supplier, then place it again.",
	"invalid_product_id":           "Check the product mapping: its product is not one of AliExpress.",
	"purchase_invalid":             "Check the product mapping: its product or variant is not one of AliExpress.",
	"aliexpress_app_misconfigured": "Ask whoever runs Waybill to check the AliExpress app; then place it again.",
	"aliexpress_not_permitted":     "Check at AliExpress what the app and this account may do; then place it again.",
	"aliexpress_not_set_up":        "Ask whoever runs Waybill to set up the AliExpress app; then place it again.",
	"request_unreadable":           "Place it again. If that fails too, ask whoever runs Waybill.",
}

// NextActionFor says what to do about a refusal with this code.
func NextActionFor(code string) string {
	if next, known := nextActions[code]; known {
		return next
	}
	return "Correct what AliExpress complains about, then place it again."
}
