package models

import (
	"fmt"
	"strings"
	"time"
)

// deadline is a trouble that time alone opens, and perhaps closes.
type deadline struct {
	Trouble
	from, until time.Time // until: zero when only news ends it
}

const (
	reviewUsually       = 24 * time.Hour     // how long AliExpress verifies a payment (product.md 6.2)
	authorizationHolds  = 7 * 24 * time.Hour // wix.md 3.3
	authorizationWarned = 5 * 24 * time.Hour
	staleAfter          = 60 * 24 * time.Hour
)

// NextFlagAt says when time alone will next open or close a flag of an order, wake one that was put off, or end a person's
// decision; nil when it never will. The order has to be looked at then, news or not.
func NextFlagAt(f Facts) *time.Time {
	var next *time.Time
	consider := func(at time.Time) {
		if at.After(f.Now) && (next == nil || at.Before(*next)) {
			next = &at
		}
	}
	for _, d := range newRoller(f).deadlines() {
		consider(d.from)
		consider(d.until)
	}
	for _, flag := range f.Flags {
		if flag.SnoozedUntil != nil {
			consider(*flag.SnoozedUntil)
		}
	}
	for _, o := range f.Overrides {
		if o.ExpiresAt != nil && o.LiftedAt == nil {
			consider(*o.ExpiresAt)
		}
	}
	return next
}

// deadlines lists what time alone opens, whether or not it is time. Nothing in it depends on Now.
func (r *roller) deadlines() []deadline {
	if r.out.Tab == TabClosed {
		return nil
	}
	rules := r.Rules.Merchant.OrDefaults()
	var out []deadline
	add := func(from time.Time, t Trouble) { out = append(out, deadline{Trouble: t, from: from}) }
	if o := r.Order; r.out.Tab == TabPending && o.PaymentStatus == "NOT_PAID" && o.AuthorizedMinor > 0 && !o.PlacedAt.IsZero() {
		ends := o.PlacedAt.Add(authorizationHolds)
		add(o.PlacedAt.Add(authorizationWarned), Trouble{
			Code: FlagAuthorizationEnding, Subject: "order", Owner: OwnerMerchant, Deadline: &ends,
			Detail:     fmt.Sprintf("%s are authorised but not captured; banks seldom hold an authorisation for more than 7 days.", Money{o.AuthorizedMinor, o.Currency}),
			NextAction: "Capture the payment in the store, or cancel the order.",
		})
	}
	if !r.out.Final && !r.Order.PlacedAt.IsZero() {
		add(r.Order.PlacedAt.Add(staleAfter), Trouble{
			Code: FlagStaleOrder, Subject: "order", Owner: OwnerMerchant, Detail: "This order has been open for more than 60 days.",
			NextAction: "Close it if nothing more is to come. It is checked once a day meanwhile.",
		})
	}
	for _, s := range r.covering {
		out = append(out, r.supplierDeadlines(s, rules)...)
	}
	for _, p := range r.Parcels {
		if at, ok := r.silentSince(p); ok {
			days := *rules.TrackingSilentDays
			add(at.Add(Days(rules.TrackingSilentDays)), Trouble{
				Code: FlagTrackingSilent, Subject: string(p.ID), Owner: OwnerSupplier,
				Detail:     fmt.Sprintf("Parcel %s has not moved for %d %s. Last seen: %s", p.TrackingNumber, days, plural(days, "day", "days"), lastSeen(p)),
				NextAction: "Ask the seller or the carrier. If it does not turn up, mark it as lost and buy again.",
			})
		}
	}
	return out
}

func (r *roller) supplierDeadlines(s SupplierOrder, rules Settings) []deadline {
	paid := s.PaidAt
	if paid == nil {
		paid = s.PlacedAt
	}
	number, about := s.ExternalID, string(s.ID)
	switch {
	case s.Stage == StageUnpaid && s.PayBy != nil && s.Status != "PAYMENT_PROCESSING":
		from := s.PayBy.Add(-time.Duration(*rules.PayWarningHours) * time.Hour)
		if s.PlacedAt != nil { // AliExpress may give no more than a day: a warning with the purchase would warn of nothing
			if half := s.PlacedAt.Add(s.PayBy.Sub(*s.PlacedAt) / 2); half.After(from) {
				from = half
			}
		}
		return []deadline{{from: from, Trouble: Trouble{
			Code: FlagPaySoon, Subject: about, Owner: OwnerMerchant, Deadline: s.PayBy,
			Detail: fmt.Sprintf("AliExpress order %s is not paid; AliExpress closes it soon.", number), NextAction: "Pay it on AliExpress.",
		}}}
	case s.Status == "RISK_CONTROL" && paid != nil:
		usual := paid.Add(reviewUsually)
		review := Trouble{
			Code: FlagPaymentReview, Subject: about, Owner: OwnerSupplier, Deadline: &usual,
			Detail:     fmt.Sprintf("AliExpress verifies the payment of order %s, which usually takes up to 24 hours.", number),
			NextAction: "Nothing yet: the seller ships when it is done.",
		}
		late := review
		late.Detail = fmt.Sprintf("AliExpress has been verifying the payment of order %s for more than 24 hours, longer than usual. The seller does not ship meanwhile.", number)
		late.NextAction = "Look at the order on AliExpress: it may want proof of the payment."
		late.Owner = OwnerMerchant
		return []deadline{{Trouble: review, until: usual}, {Trouble: late, from: usual}}
	case s.Stage == StagePaid && paid != nil && s.Status != "IN_CANCEL" && s.Status != "RISK_CONTROL_HOLD" && r.unitsWithoutNumber(s) > 0:
		days := *rules.SellerLateDays
		due := paid.Add(Days(rules.SellerLateDays))
		return []deadline{{from: due, Trouble: Trouble{
			Code: FlagSellerLate, Subject: about, Owner: OwnerSupplier, Deadline: &due,
			Detail:     fmt.Sprintf("AliExpress order %s was paid more than %d %s ago, and %d of its units have no tracking number.", number, days, plural(days, "day", "days"), r.unitsWithoutNumber(s)),
			NextAction: "Write to the seller, or cancel it on AliExpress and buy elsewhere.",
		}}}
	}
	return nil
}

// silentSince is the last sign of life of a parcel that is still under way.
func (r *roller) silentSince(p Parcel) (at time.Time, ok bool) {
	if !p.counts() || p.TrackingNumber == "" || arrived(p.LastEvent) {
		return at, false
	}
	at = p.FirstSeenAt
	if p.LastEventAt != nil {
		at = *p.LastEventAt
	}
	for _, s := range r.covering {
		for _, it := range p.Items {
			if it.SupplierOrderID == s.ID && s.Open() {
				return at, !at.IsZero()
			}
		}
	}
	return at, false
}

// arrived guesses from a carrier's words whether a parcel is there: AliExpress has no code for it (aliexpress.md 6.1).
func arrived(event string) bool {
	words := strings.ToLower(event)
	for _, not := range []string{"not delivered", "undelivered", "not be delivered", "to be delivered", "being delivered", "out for deliver", "fail"} {
		if strings.Contains(words, not) {
			return false
		}
	}
	return strings.Contains(words, "delivered") || strings.Contains(words, "signed for")
}

func lastSeen(p Parcel) string {
	if p.LastEvent == "" {
		return "never, since the seller gave its number."
	}
	return sentence(p.LastEvent)
}
