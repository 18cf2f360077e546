package models

import (
	"fmt"
	"slices"
	"strings"
)

// raise collects what needs a person. Flags are opened and closed from this list alone, so each closes by itself when its
// fact is gone.
func (r *roller) raise() {
	r.raiseStore()
	r.raiseLines()
	for _, s := range r.SupplierOrders {
		r.raiseSupplier(s)
	}
	r.raiseParcels()
	for _, p := range r.Pushes {
		if !r.voided(p.ParcelID) {
			r.raisePush(p)
		}
	}
	r.raisePlacing()
	r.raiseShown()
	r.raiseConflicts()
	for _, d := range r.deadlines() {
		if !d.from.After(r.Now) && (d.until.IsZero() || d.until.After(r.Now)) {
			r.trouble(d.Trouble)
		}
	}
}

func (r *roller) trouble(t Trouble) { r.out.Troubles = append(r.out.Troubles, t) }

func (r *roller) raiseStore() {
	o := r.Order
	if _, known := GateOf(o.StoreStatus, o.PaymentStatus); !known && o.ExternalID != "" {
		r.trouble(Trouble{
			Code: FlagUnknownStatus, Subject: "store", Owner: OwnerWaybill,
			Detail:     fmt.Sprintf("The store reports status %q and payment %q, which Waybill does not know. Nothing was changed.", o.StoreStatus, o.PaymentStatus),
			NextAction: "Look at the order in the store.",
		})
	}
	if o.Gone() && (r.out.Tab != TabClosed && r.out.Tab != TabFulfilled || slices.ContainsFunc(r.Pushes, func(p Push) bool { return p.State.Owed() })) {
		what := "The store has archived this order."
		if o.GoneSince != nil {
			what = "The store no longer has this order."
		}
		r.trouble(Trouble{
			Code: FlagGoneFromStore, Subject: "order", Owner: OwnerMerchant, Detail: what + " It is told nothing more about it.",
			NextAction: "Bring it back in the store to have the buyer told, or close it here.",
		})
	}
	under := r.underWay()
	if len(under) == 0 {
		return
	}
	if len(o.StoreEdits) > 0 {
		r.trouble(Trouble{
			Code: FlagOrderEdited, Subject: "order", Owner: OwnerMerchant,
			Detail:     "The store changed the order after goods were bought: " + strings.Join(o.StoreEdits, "; ") + ". AliExpress cannot follow.",
			NextAction: "Keep the purchase, cancel it on AliExpress and buy again, or write to the seller; then close this.",
		})
	}
	switch {
	case o.Gate.Dead() || r.live == 0 && !o.Imported:
		for _, s := range under {
			r.trouble(Trouble{
				Code: FlagStopRequest, Subject: string(s.ID), Owner: OwnerMerchant,
				Detail:     fmt.Sprintf("Nothing of this order is to be shipped any more (%s), but AliExpress order %s is under way.", r.out.ClosedReason, s.ExternalID),
				NextAction: "Cancel it on AliExpress, or let it go on and agree with the buyer.", Deadline: s.PayBy,
			})
		}
	case o.Gate == GateShut && r.live > 0:
		r.trouble(Trouble{
			Code: FlagPaymentReversed, Subject: "order", Owner: OwnerMerchant,
			Detail:     fmt.Sprintf("The store says the money is gone (%s), but goods have been bought.", orNothing(o.PaymentStatus)),
			NextAction: "Check the payment in the store before paying or shipping anything.",
		})
	}
}

// underWay lists supplier orders that may still cost money or bring goods.
func (r *roller) underWay() []SupplierOrder {
	var out []SupplierOrder
	for _, s := range r.SupplierOrders {
		if s.Open() || s.State == PlacementUnknown || s.State == PlacementSending {
			out = append(out, s)
		}
	}
	return out
}

func (r *roller) raiseLines() {
	if r.out.Tab != TabAwaitingOrder {
		return
	}
	for _, p := range r.lines {
		if gap := p.live - p.covered - p.inPlacing; gap > 0 && !p.line.Mapped {
			r.trouble(Trouble{
				Code: FlagNoSupplier, Subject: p.line.LineID, Owner: OwnerMerchant,
				Detail:     fmt.Sprintf("%q has no supplier.", p.line.Name),
				NextAction: "Map it to an AliExpress product, or mark it as your own stock.",
			})
		}
	}
	for _, s := range r.failures() {
		r.raiseFailure(s)
	}
}

func (r *roller) raiseFailure(s SupplierOrder) {
	t := Trouble{Subject: string(s.ID), Owner: OwnerMerchant, Detail: capital(failureText(s))}
	switch {
	case s.State == PlacementUnknown:
		return // raised below, whatever the tab
	case s.State == PlacementRejected:
		t.Code, t.NextAction = FlagPlaceFailed, NextActionFor(s.ErrorCode)
	case s.WhyEnded() == EndPaymentTimeout:
		t.Code, t.NextAction = FlagPaymentTimeout, "Place it again and pay it in time."
	case s.WhyEnded() == EndCancelled:
		t.Code, t.NextAction = FlagSupplierCancelled, "Place it again, with another supplier if need be, or refund the buyer."
	default:
		t.Code, t.NextAction = FlagClosedUnshipped, "Look at the order on AliExpress; place it again if the money came back."
	}
	r.trouble(t)
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// raiseAccount tells of a supplier order that can no longer be asked about: an order stays with the account that bought it.
func (r *roller) raiseAccount(s SupplierOrder) {
	if s.Asked() && slices.Contains(r.Rules.GoneAccounts, s.AccountID) {
		r.trouble(Trouble{
			Code: FlagAccountGone, Subject: string(s.ID), Owner: OwnerMerchant,
			Detail:     fmt.Sprintf("AliExpress order %s was bought with an account that is no longer connected, so nothing more is learnt about it.", s.ExternalID),
			NextAction: "Connect that account again, or follow the order on AliExpress and close it here.",
		})
	}
}

func (r *roller) raiseSupplier(s SupplierOrder) {
	r.raiseAccount(s)
	if stray := r.stray(s); len(stray) > 0 {
		r.trouble(Trouble{
			Code: FlagMaybeBoughtTwice, Subject: string(s.ID), Owner: OwnerMerchant,
			Detail:     fmt.Sprintf("A late answer to an earlier try says that AliExpress order %s exists: it may be one too many.", strings.Join(stray, ", ")),
			NextAction: "Look at it on AliExpress and cancel it there before it is paid.",
		})
	}
	if s.State == PlacementUnknown {
		r.trouble(Trouble{
			Code: FlagPlaceUnknown, Subject: string(s.ID), Owner: OwnerMerchant, Detail: capital(failureText(s)),
			NextAction: "Look for it in your AliExpress orders: enter its number, or say that it is not there.",
		})
		return
	}
	if s.State != PlacementPlaced {
		return
	}
	number := s.ExternalID
	simple := map[string]Trouble{
		"WAIT_SELLER_EXAMINE_MONEY": {Code: FlagAmountShort, Owner: OwnerMerchant, Detail: "The amount paid for AliExpress order " + number + " is too low.", NextAction: "Look at the order on AliExpress."},
		"RISK_CONTROL_HOLD":         {Code: FlagPaymentHeld, Owner: OwnerMerchant, Detail: "AliExpress holds the payment of order " + number + " and wants proof.", NextAction: "Confirm the payment on AliExpress."},
		"WAIT_COMPLETE_ADDRESS":     {Code: FlagAddressIncomplete, Owner: OwnerMerchant, Detail: "AliExpress wants the address of order " + number + " completed.", NextAction: "Complete the address on AliExpress."},
		"IN_FROZEN":                 {Code: FlagFrozen, Owner: OwnerMerchant, Detail: "AliExpress has frozen order " + number + ".", NextAction: "Look at the order on AliExpress."},
		"IN_ISSUE":                  {Code: FlagDispute, Owner: OwnerMerchant, Detail: "A dispute is open for AliExpress order " + number + ".", NextAction: "Follow the dispute on AliExpress."},
	}
	if t, ok := simple[s.Status]; ok {
		t.Subject = string(s.ID)
		r.trouble(t)
	}
	if s.Status != "" && !KnownSupplierStatus(s.Status) {
		r.trouble(Trouble{
			Code: FlagUnknownStatus, Subject: string(s.ID), Owner: OwnerWaybill,
			Detail:     fmt.Sprintf("AliExpress reports %q for order %s, which Waybill does not know. Nothing was changed.", s.Status, number),
			NextAction: "Look at the order on AliExpress.",
		})
	}
	if s.NoDataSince != nil {
		r.trouble(Trouble{
			Code: FlagSupplierOrderNoData, Subject: string(s.ID), Owner: OwnerMerchant,
			Detail:     fmt.Sprintf("AliExpress says that %s is not an order of this account.", number),
			NextAction: "Check the number and the account it was bought with.",
		})
	}
	if s.Stage.rank() >= StageShipped.rank() && r.unitsWithoutNumber(s) > 0 {
		r.trouble(Trouble{
			Code: FlagShippedWithoutNumber, Subject: string(s.ID), Owner: OwnerSupplier,
			Detail:     fmt.Sprintf("AliExpress order %s is shipped, but %d of its units have no tracking number.", number, r.unitsWithoutNumber(s)),
			NextAction: "Wait for the number, ask the seller for it, or fulfil it without a number.",
		})
	}
}

// stray are the numbers of a late answer that turned out to belong to none of the order's supplier orders.
func (r *roller) stray(s SupplierOrder) []string {
	var out []string
	for _, n := range s.StrayNumbers {
		if !slices.ContainsFunc(r.SupplierOrders, func(other SupplierOrder) bool { return other.ExternalID == n }) {
			out = append(out, n)
		}
	}
	return out
}

func (r *roller) unitsWithoutNumber(s SupplierOrder) int {
	n := 0
	for _, sl := range s.Lines {
		if sl.Live {
			ref := lineRef{s.ID, sl.LineID, sl.Part}
			n += max(0, sl.Quantity-r.parcelled[ref]-r.lost[ref])
		}
	}
	return n
}

func (r *roller) raiseParcels() {
	for _, p := range r.Parcels {
		if p.MissingChecks >= missingPatience {
			r.trouble(Trouble{
				Code: FlagParcelMissing, Subject: string(p.ID), Owner: OwnerSupplier,
				Detail:     fmt.Sprintf("AliExpress no longer lists parcel %s. Its number is kept.", p.TrackingNumber),
				NextAction: "Look at the order on AliExpress: parcels may have been combined.",
			})
		}
		if len(p.SharedWith) > 0 {
			r.trouble(Trouble{
				Code: FlagParcelShared, Subject: string(p.ID), Owner: OwnerMerchant,
				Detail:     fmt.Sprintf("Tracking number %s also stands for goods of another buyer (order %s).", p.TrackingNumber, strings.Join(p.SharedWith, ", ")),
				NextAction: "Ask the seller which of the buyers gets this parcel.",
			})
		}
	}
}

func (r *roller) raisePush(p Push) {
	switch {
	case p.State == PushRefused:
		next := "Look at the order in the store, then press retry."
		if p.ErrorCode == PushShownOtherwise {
			next = "Overwrite what the store shows, or accept it."
		}
		r.trouble(Trouble{
			Code: FlagPushRefused, Subject: string(p.ID), Owner: OwnerMerchant,
			Detail: fmt.Sprintf("The store refused %s: %s", numbered(p.WantedNumber), sentence(p.ErrorDetail)), NextAction: next,
		})
	case r.Order.Gone(): // it is told nothing
	case p.State.Owed() && r.Now.Sub(p.WantedSince) >= pushPatience:
		deadline := p.WantedSince.Add(PushGiveUpAfter)
		r.trouble(Trouble{
			Code: FlagPushUnconfirmed, Subject: string(p.ID), Owner: OwnerWaybill, Deadline: &deadline,
			Detail:     fmt.Sprintf("The store has not confirmed %s for more than 10 minutes. It is retried.", numbered(p.WantedNumber)),
			NextAction: "Nothing yet; look at the store's connection if this lasts.",
		})
	}
}

func numbered(number string) string {
	if number == "" {
		return "the parcel without a number"
	}
	return "tracking number " + number
}
