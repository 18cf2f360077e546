package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FingerprintOf tells addresses apart without holding them. An address that says nothing has none.
func FingerprintOf(a Address) string {
	if a == (Address{}) {
		return ""
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // plain text
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// DeliverTo is the fingerprint of the address that a purchase goes to.
func (o Order) DeliverTo() string {
	if o.PurchaseAddressSHA256 != "" {
		return o.PurchaseAddressSHA256
	}
	return o.RecipientSHA256
}

// AddressConflict reports whether the store's address has changed since another one was given for the purchase.
func (o Order) AddressConflict() bool {
	return o.PurchaseAddressSHA256 != "" && o.RecipientSHA256 != "" && o.PurchaseAddressFor != o.RecipientSHA256
}

// Held reports whether a person keeps everything of the order from being sent to a supplier.
func (o Order) Held(now time.Time) bool {
	return o.HeldAt != nil && (o.HeldUntil == nil || o.HeldUntil.After(now))
}

// WhyNotBought is the gate before money: captured, not cancelled, not imported, and to a buyer's address. It is nil when
// the order may be bought.
func (f Facts) WhyNotBought() *Error {
	o, gate := f.Order, f.Order.GateUnder(f.Rules.Store)
	switch {
	case f.ClosedByPerson() != nil:
		return Errorf(Conflict, "order_closed", "A person has closed this order. Reopen it first. Nothing was bought.")
	case gate.Dead():
		return Errorf(Conflict, "order_not_wanted", "The store no longer wants this order (%s). Nothing was bought.", gate)
	case gate != GateOpen:
		return Errorf(Conflict, "order_not_paid", "The store has not captured the payment (%s). Nothing was bought.", orNone(o.PaymentStatus))
	case o.Imported:
		return Errorf(Conflict, "order_imported", "The store imported this order from elsewhere. Nothing was bought.")
	case o.Pickup:
		return Errorf(Conflict, "order_is_pickup", "The buyer collects this order at a pickup place, so there is no address to send goods to. Nothing was bought.")
	case o.ErasedAt != nil:
		return Errorf(Conflict, CodeBuyerErased, "The buyer's data was erased, so there is no address to send goods to. Nothing was bought.")
	}
	return nil
}

// MayBeBought reports whether nothing stands against buying the order.
func (f Facts) MayBeBought() bool { return f.WhyNotBought() == nil }

func orNone(word string) string {
	if word == "" {
		return "none"
	}
	return word
}

// PlacingSwitch is what decides, beside the settings, whether anything is sent for a merchant. Only the program writes it.
type PlacingSwitch struct {
	AutoPlaceSince    *time.Time // the rule of automatic placing is what it is since then
	PlacingTrippedAt  *time.Time // placing stopped by itself; a person lets it go on
	PlacingTrippedWhy string
	PlacingResumedAt  *time.Time // attempts before that no longer count
}

// Stopped says why nothing may be sent for the merchant; empty when it may.
func (r Rules) Stopped() string {
	switch {
	case r.Placing.PlacingTrippedAt != nil:
		return r.Placing.PlacingTrippedWhy
	case r.Merchant.PlacingStopped:
		return "The settings stop all placing."
	}
	return ""
}

// Wait is why a planned purchase is not sent yet.
type Wait string

// The waits. A placement that waits keeps its state, is looked at again, and loses nothing.
const (
	WaitNone    Wait = ""
	WaitWindow  Wait = "hold_window"
	WaitHeld    Wait = "order_held"
	WaitStopped Wait = "placing_stopped"
)

// WaitOf says what keeps s from being sent now.
func (f Facts) WaitOf(s SupplierOrder) Wait {
	switch {
	case s.State != PlacementPlanned && s.State != PlacementApproved:
		return WaitNone
	case f.Order.Held(f.Now):
		return WaitHeld
	case f.Rules.Stopped() != "":
		return WaitStopped
	case s.NotBefore != nil && s.NotBefore.After(f.Now):
		return WaitWindow
	}
	return WaitNone
}

// stoppedRecheck is how often a placement is looked at while placing is stopped; the settings that start it again wake it too.
const stoppedRecheck = 5 * time.Minute

// placementDue is nextPlacementStep for one that may have to wait.
func (p Pace) placementDue(f Facts, s SupplierOrder) *time.Time {
	switch f.WaitOf(s) {
	case WaitHeld:
		return later(f.Order.HeldUntil, f.Now)
	case WaitStopped:
		at := f.Now.Add(p.Every(stoppedRecheck))
		return &at
	}
	return p.nextPlacementStep(s, f.Now)
}

// Attempted reports whether anything was ever placed or tried for a line, whatever became of it.
func (f Facts) Attempted(lineID string) bool {
	return slices.ContainsFunc(f.SupplierOrders, func(s SupplierOrder) bool {
		return slices.ContainsFunc(s.Lines, func(l SupplierLine) bool { return l.LineID == lineID })
	})
}

// Unbought is what of a line is owed and has no live placement.
func (f Facts) Unbought(l Line) int {
	n := l.Live() + f.Lost(l.LineID)
	for _, s := range f.SupplierOrders {
		for _, sl := range s.Lines {
			if sl.LineID == l.LineID && sl.Live {
				n -= sl.Quantity
			}
		}
	}
	return max(0, n)
}

// A store's clock may differ from ours. What counts is when an order came here; when it was placed only keeps out the old
// orders of a store that is connected later.
const storeClockSlack = time.Minute

// WhyNotAutoPlaced lists what keeps the merchant's rule from buying the order; nothing when it is to be bought by itself.
// Money is spent unseen only where every fact is plain: anything that was ever tried for a line wants a person first.
func WhyNotAutoPlaced(f Facts) []Chip {
	rule, o := f.Rules.Merchant.AutoPlace, f.Order
	if !rule.Enabled {
		return []Chip{{"rule_off", "Automatic placing is off."}}
	}
	var why []Chip
	not := func(holds bool, code, format string, args ...any) {
		if holds {
			why = append(why, Chip{code, fmt.Sprintf(format, args...)})
		}
	}
	since := f.Rules.Placing.AutoPlaceSince
	not(since == nil || o.CreatedAt.Before(*since) || o.PlacedAt.Before(since.Add(-storeClockSlack)), "before_rule", "The order was there before the rule became what it is.")
	not(len(rule.StoreIDs) > 0 && !slices.Contains(rule.StoreIDs, o.StoreID), "other_store", "The rule is for other stores.")
	not(len(rule.Countries) > 0 && !slices.Contains(rule.Countries, o.Country), "other_country", "The rule does not name %s.", orNone(o.Country))
	if rule.MaxTotalMinor != nil {
		limit := Money{*rule.MaxTotalMinor, rule.MaxTotalCurrency}
		not(o.Currency != limit.Currency || o.TotalMinor > limit.Minor, "above_total", "The order's total of %s is not within the rule's %s.", Money{o.TotalMinor, o.Currency}, limit)
	}
	if e := f.WhyNotBought(); e != nil {
		not(true, e.Code, "%s", e.Detail)
	}
	not(o.Staff, "made_by_staff", "Somebody of the store made this order, perhaps as a test.")
	not(o.Archived, "archived", "The store has archived the order.")
	not(o.Held(f.Now), "order_held", "The order is held.")
	open := 0
	for _, l := range f.Lines {
		left := f.Unbought(l)
		open += left
		not(left > 0 && !l.Mapped, "no_supplier", "%q has no supplier.", l.Name)
		not(left > 0 && f.Attempted(l.LineID), "tried_before", "%q was placed or tried before: a person decides.", l.Name)
	}
	not(open == 0, "nothing_to_buy", "Nothing is left to be bought.")
	return why
}

// CodeWithdrawn is the error code of a placement that a person took back before it was sent.
const CodeWithdrawn = "withdrawn"

// takenBack reports whether a person ended the attempt on purpose: nothing failed.
func (s SupplierOrder) takenBack() bool {
	return s.State == PlacementUnlinked || s.State == PlacementRejected && s.ErrorCode == CodeWithdrawn
}

// fallbackCodes are refusals that another supplier may not share. All of them come before money.
var fallbackCodes = map[string]bool{
	"product_gone": true, "sku_gone": true, "out_of_stock": true, "price_above_cap": true, "no_shipping": true, "not_sold_there": true,
}

// MayFallBack reports whether a refusal with this code may be answered by buying from the fallback supplier.
func MayFallBack(code string) bool { return fallbackCodes[code] }

// SellerNoteFor is what the seller is told about a purchase of these lines. {order} stands for the order's number, {options}
// for what the buyer chose. What a buyer wrote to be put on the goods goes along even where the text does not ask for it.
func SellerNoteFor(text string, o Order, lines []Line) string {
	var options, custom []string
	for _, l := range lines {
		chosen := l.Options
		if l.CustomText != "" && !strings.Contains(chosen, l.CustomText) {
			chosen = strings.TrimPrefix(chosen+", "+l.CustomText, ", ")
		}
		if chosen != "" {
			options = append(options, l.Name+": "+chosen)
		}
		if l.CustomText != "" {
			custom = append(custom, l.Name+": "+l.CustomText)
		}
	}
	asks := strings.Contains(text, "{options}")
	note := strings.NewReplacer("{order}", o.Number, "{options}", strings.Join(options, "; ")).Replace(text)
	if !asks {
		for _, c := range custom {
			note = strings.TrimSpace(note + "\n" + c)
		}
	}
	return strings.TrimSpace(note)
}

// BulkOutcome is what a bulk placing did to one order.
type BulkOutcome string

// The outcomes.
const (
	BulkPlanned  BulkOutcome = "planned"
	BulkUnderWay BulkOutcome = "under_way" // it was being bought already
	BulkRefused  BulkOutcome = "refused"
)
