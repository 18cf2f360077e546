package models

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// Facts is everything that is known about one order. Now is used for deadlines only: no tab depends on it.
type Facts struct {
	Now            time.Time
	Rules          Rules
	Order          Order
	Lines          []Line
	SupplierOrders []SupplierOrder // with their lines, oldest first
	Parcels        []Parcel        // with their items
	Pushes         []Push
	Shown          []StoreFulfillment // what the store shows as shipped, as last read
	Overrides      []Override         // not lifted
	Flags          []Flag             // open, or closed by a person while their fact was there
}

// Rolled is what the facts amount to.
type Rolled struct {
	Tab          Tab
	Why          string // one sentence that explains the tab
	ClosedReason string // with TabClosed: cancelled, rejected, refunded, imported, removed, nothing_to_ship, closed_by_person
	Chips        []Chip
	Troubles     []Trouble
	Final        bool // nothing more can happen without news from outside
}

// A push that the store has not confirmed for this long needs a person (design.md section 6).
const pushPatience = 10 * time.Minute

// Rollup computes an order's tab from the facts, with the sentence that explains it, the chips and what needs a person.
// Only live dropship lines count, and the least advanced of them names the tab (design.md section 3). It is pure and total:
// any facts give exactly one tab or Closed.
func Rollup(f Facts) Rolled {
	r := newRoller(f)
	r.remark()
	r.raise()
	sort.SliceStable(r.out.Troubles, func(i, j int) bool {
		a, b := r.out.Troubles[i], r.out.Troubles[j]
		if a.Code != b.Code {
			return a.Code < b.Code
		}
		return a.Subject < b.Subject
	})
	return r.out
}

// newRoller has measured and decided: the tab is there.
func newRoller(f Facts) *roller {
	r := &roller{Facts: f, parcelled: map[lineRef]int{}, lost: map[lineRef]int{}}
	r.Order.Gate = f.Order.GateUnder(f.Rules.Store)
	r.Overrides = slices.DeleteFunc(slices.Clone(f.Overrides), func(o Override) bool { return o.LiftedAt != nil })
	r.measure()
	r.decide()
	return r
}

type lineRef struct {
	supplier ID
	line     string
	part     int
}

// progress is how far the units of one line have come.
type progress struct {
	line                           Line
	live, covered, paid, delivered int // units: owed, ordered, paid, shipped with a number
	inPlacing                      int // units in a placement that has no number yet
	lost                           int // units that were bought and given up
}

type roller struct {
	Facts
	out       Rolled
	lines     []progress
	parcelled map[lineRef]int // units shipped with a number
	lost      map[lineRef]int // units in parcels that were given up
	live      int             // units owed in all
	shipped   int
	covering  []SupplierOrder // placed and living, for a line that still counts
}

// measure counts units. More than is owed never counts as progress of another line.
func (r *roller) measure() {
	for _, p := range r.Parcels {
		units := r.parcelled
		switch {
		case p.LostAt != nil:
			units = r.lost
		case !p.counts():
			continue
		}
		for _, it := range p.Items {
			units[lineRef{it.SupplierOrderID, it.LineID, it.Part}] += it.Quantity
		}
	}
	counts := map[ID]bool{}
	for _, l := range r.Lines {
		p := progress{line: l}
		if !r.Order.Gate.Dead() && !r.Order.Imported {
			p.live = l.Live()
		}
		for _, s := range r.SupplierOrders {
			for _, sl := range s.Lines {
				if sl.LineID != l.LineID || !sl.Live {
					continue
				}
				ref := lineRef{s.ID, sl.LineID, sl.Part}
				good := max(0, sl.Quantity-max(0, r.lost[ref]))
				switch {
				case s.State == PlacementPlaced:
					p.covered += good
					if s.Stage.Paid() {
						p.paid += good
					}
					p.delivered += min(good, r.parcelled[ref])
					p.lost += sl.Quantity - good
					counts[s.ID] = counts[s.ID] || p.live > 0
				case s.State.Live():
					p.inPlacing += sl.Quantity
				}
			}
		}
		r.live += p.live
		r.shipped += min(p.live, p.delivered)
		r.lines = append(r.lines, p)
	}
	for _, s := range r.SupplierOrders {
		if counts[s.ID] {
			r.covering = append(r.covering, s)
		}
	}
}

// decide applies the six rules of design.md section 3 in their order.
func (r *roller) decide() {
	switch {
	case r.live == 0:
		r.closed()
	case r.ClosedByPerson() != nil:
		r.out.Tab, r.out.ClosedReason = TabClosed, ClosedByPerson
		r.out.Why = "Closed by a person: " + sentence(r.ClosedByPerson().Reason)
	case r.Order.Gate != GateOpen:
		r.out.Tab, r.out.Why = TabPending, pendingWhy(r.Order)
	case r.missing() > 0:
		r.out.Tab, r.out.Why = TabAwaitingOrder, r.awaitingOrderWhy()
	case len(r.unpaid()) > 0:
		r.out.Tab, r.out.Why = TabAwaitingPayment, r.awaitingPaymentWhy()
	case r.shipped < r.live:
		r.out.Tab, r.out.Why = TabAwaitingShipment, r.awaitingShipmentWhy()
	default:
		r.out.Tab, r.out.Why = TabFulfilled, r.fulfilledWhy()
	}
	r.out.Final = (r.out.Tab == TabClosed || r.out.Tab == TabFulfilled) && !r.somethingOpen()
}

func (r *roller) somethingOpen() bool {
	for _, s := range r.SupplierOrders {
		if s.Open() || s.NumberDue && r.out.Tab != TabClosed || s.State.Live() && s.State != PlacementPlaced {
			return true
		}
	}
	for _, p := range r.Pushes {
		if p.State.Owed() && !r.Order.Gone() {
			return true
		}
	}
	// A person's decision ends by itself.
	return slices.ContainsFunc(r.Overrides, func(o Override) bool { return o.ExpiresAt != nil }) ||
		slices.ContainsFunc(r.Flags, func(f Flag) bool { return f.SnoozedUntil != nil })
}

func (r *roller) missing() int {
	n := 0
	for _, p := range r.lines {
		n += max(0, p.live-p.covered)
	}
	return n
}

func (r *roller) unpaid() []SupplierOrder {
	var out []SupplierOrder
	for _, s := range r.covering {
		if !s.Stage.Paid() {
			out = append(out, s)
		}
	}
	return out
}

func (r *roller) closed() {
	r.out.Tab = TabClosed
	removed := false
	for _, l := range r.Lines {
		removed = removed || l.As() == RoleDropship
	}
	switch {
	case r.Order.Gate == GateCancelled:
		r.out.ClosedReason, r.out.Why = "cancelled", "The store cancelled this order."
	case r.Order.Gate == GateRejected:
		r.out.ClosedReason, r.out.Why = "rejected", "The store rejected this order: its payment failed."
	case r.Order.Gate == GateRefunded:
		r.out.ClosedReason, r.out.Why = "refunded", "The store refunded this order in full."
	case r.Order.Imported:
		r.out.ClosedReason, r.out.Why = "imported", "The store imported this order from elsewhere: it is not shipped from here."
	case removed:
		r.out.ClosedReason, r.out.Why = "removed", "Every line to be shipped was refunded or removed in the store."
	default:
		r.out.ClosedReason, r.out.Why = "nothing_to_ship", "Nothing in this order is shipped by a supplier."
	}
}

func pendingWhy(o Order) string {
	status, payment := orNothing(o.StoreStatus), orNothing(o.PaymentStatus)
	switch {
	case o.PaymentStatus == "NOT_PAID" && o.AuthorizedMinor > 0:
		return fmt.Sprintf("The payment is authorised but not captured: the store says %s and holds %s.", payment, Money{o.AuthorizedMinor, o.Currency})
	case o.StoreStatus == "APPROVED" && o.PaymentStatus == "NOT_PAID":
		return "The store takes this payment offline and has not marked it as paid."
	case o.PaymentStatus == "PENDING" || o.PaymentStatus == "PENDING_MERCHANT":
		return fmt.Sprintf("The payment provider has not confirmed the payment yet: the store says %s.", payment)
	case o.PaymentStatus == "PARTIALLY_PAID" && o.PaidMinor > 0 && o.PaidMinor < o.TotalMinor:
		return fmt.Sprintf("Only a part has been paid: %s of %s; %s is missing.", Money{o.PaidMinor, o.Currency}, Money{o.TotalMinor, o.Currency}, Money{o.TotalMinor - o.PaidMinor, o.Currency})
	case o.PaymentStatus == "PARTIALLY_PAID":
		return "Only a part has been paid."
	}
	return fmt.Sprintf("The payment is not captured: the store says %s, payment %s.", status, payment)
}

// pushOf is the push of a parcel; the zero Push when there is none yet.
func (f Facts) pushOf(p Parcel) Push {
	for _, push := range f.Pushes {
		if push.ParcelID == p.ID {
			return push
		}
	}
	return Push{}
}

func orNothing(word string) string {
	if word == "" {
		return "nothing"
	}
	return word
}

func (r *roller) awaitingOrderWhy() string {
	unmapped, placing, lost := 0, 0, 0
	for _, p := range r.lines {
		gap := max(0, p.live-p.covered)
		lost += min(gap, p.lost)
		placing += min(gap, p.inPlacing)
		if !p.line.Mapped {
			unmapped += max(0, gap-p.inPlacing)
		}
	}
	why := fmt.Sprintf("%d of %d units %s not been bought yet", r.missing(), r.live, plural(r.missing(), "has", "have"))
	if r.live == 1 {
		why = "Its only unit has not been bought yet"
	}
	if failures := r.failures(); len(failures) > 0 {
		return why + ": " + failureText(failures[0])
	}
	switch {
	case placing > 0:
		why += fmt.Sprintf("; %d %s being placed", placing, plural(placing, "is", "are"))
	case lost > 0:
		why += fmt.Sprintf("; %d %s lost on the way", lost, plural(lost, "was", "were"))
	case unmapped > 0:
		why += fmt.Sprintf("; %d %s no supplier", unmapped, plural(unmapped, "has", "have"))
	}
	return why + "."
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// failures lists, newest first, the newest attempt for each line that is not covered, where it failed, is unknown or ended.
func (r *roller) failures() []SupplierOrder {
	failed := map[int]bool{}
	for _, p := range r.lines {
		if p.live > p.covered {
			failed[r.lastFailure(p.line.LineID)] = true
		}
	}
	var out []SupplierOrder
	for i := len(r.SupplierOrders) - 1; i >= 0; i-- {
		if failed[i] {
			out = append(out, r.SupplierOrders[i])
		}
	}
	return out
}

// lastFailure finds the newest attempt for a line, passing over those that still bring their part of it; -1 when there is
// none or it may still succeed.
func (r *roller) lastFailure(lineID string) int {
	for i := len(r.SupplierOrders) - 1; i >= 0; i-- {
		s := r.SupplierOrders[i]
		covers, ended := false, false
		for _, sl := range s.Lines {
			covers = covers || sl.LineID == lineID
			ended = ended || sl.LineID == lineID && !sl.Live
		}
		switch {
		case !covers || s.State == PlacementPlaced && !ended:
			continue
		case s.takenBack():
			return -1 // a person has decided; what was before is not news
		case s.State == PlacementUnknown || !s.State.Live() || s.State == PlacementPlaced:
			return i
		}
		return -1
	}
	return -1
}

func failureText(s SupplierOrder) string {
	switch s.State {
	case PlacementUnknown:
		return "AliExpress gave no clear answer to the purchase, so it may exist. It is not sent again; it is looked for."
	case PlacementRejected:
		return "the last attempt was refused. " + sentence(s.ErrorDetail)
	}
	switch s.WhyEnded() {
	case EndPaymentTimeout:
		return fmt.Sprintf("AliExpress order %s was closed because it was not paid in time.", s.ExternalID)
	case EndCancelled:
		return fmt.Sprintf("AliExpress order %s was cancelled%s (%s).", s.ExternalID, inPart(s), s.EndReason)
	}
	return fmt.Sprintf("AliExpress order %s ended without being shipped.", s.ExternalID)
}

func inPart(s SupplierOrder) string {
	if s.State == PlacementPlaced {
		return " in part"
	}
	return ""
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func (r *roller) awaitingPaymentWhy() string {
	due := r.unpaid()
	numbers := make([]string, len(due))
	for i, s := range due {
		numbers[i] = s.ExternalID
	}
	why := fmt.Sprintf("AliExpress %s %s %s not paid yet", plural(len(due), "order", "orders"), strings.Join(numbers, ", "), plural(len(due), "is", "are"))
	if by := earliestPayBy(due); by != nil {
		why += "; pay before " + by.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return why + "."
}

func earliestPayBy(due []SupplierOrder) *time.Time {
	var by *time.Time
	for _, s := range due {
		if s.PayBy != nil && (by == nil || s.PayBy.Before(*by)) {
			by = s.PayBy
		}
	}
	return by
}

func (r *roller) awaitingShipmentWhy() string {
	if r.shipped == 0 {
		return "Paid; the supplier has not shipped it with a tracking number yet."
	}
	return fmt.Sprintf("Paid; %d of %d units are shipped with a tracking number.", r.shipped, r.live)
}

func (r *roller) fulfilledWhy() string {
	confirmed := 0
	for _, p := range r.Pushes {
		if p.State == PushConfirmed {
			confirmed++
		}
	}
	how := "with tracking numbers"
	if slices.ContainsFunc(r.Parcels, func(p Parcel) bool { return p.counts() && p.TrackingNumber == "" }) {
		how = "as far as is known"
	}
	return fmt.Sprintf("Everything is shipped %s; the store has confirmed %d of %d %s.", how,
		confirmed, len(r.Pushes), plural(len(r.Pushes), "parcel", "parcels"))
}

// remark collects the chips.
func (r *roller) remark() {
	add := func(code, text string) {
		for _, c := range r.out.Chips {
			if c.Code == code {
				return
			}
		}
		r.out.Chips = append(r.out.Chips, Chip{code, text})
	}
	if r.out.Tab == TabAwaitingShipment && r.shipped > 0 {
		add("part_shipped", fmt.Sprintf("%d of %d shipped", r.shipped, r.live))
	}
	if r.out.Tab == TabPending && r.Order.AuthorizedMinor > 0 && r.Order.PaymentStatus == "NOT_PAID" {
		add("authorized", "Authorised, not captured")
	}
	for _, s := range r.SupplierOrders {
		switch s.State {
		case PlacementPlanned, PlacementApproved, PlacementSending:
			chip := r.placingChip(s)
			add(chip.Code, chip.Text)
		case PlacementUnknown:
			add("maybe_placed", "Maybe placed")
		case PlacementPlaced:
			if chip := supplierWords[s.Status].chip; chip.Code != "" {
				add(chip.Code, chip.Text)
			}
			if s.Status != "" && !KnownSupplierStatus(s.Status) {
				add("unknown_status", "Unknown ("+s.Status+")")
			}
		}
	}
	owed := 0
	for _, p := range r.Pushes {
		if p.State.Owed() {
			owed++
		}
	}
	if owed > 0 {
		add("push_waiting", fmt.Sprintf("%d of %d parcels not yet confirmed by the store", owed, len(r.Pushes)))
	}
	if r.Order.Archived {
		add("archived", "Archived in the store")
	}
	if r.Order.GoneSince != nil {
		add("gone", "Gone from the store")
	}
	for _, p := range r.Parcels {
		push := r.pushOf(p)
		switch {
		case r.waitsForScan(p, push) && p.counts() && len(p.Items) > 0:
			add("waits_for_scan", "Waits for the first scan")
		case p.LostAt != nil:
			add("parcel_lost", "Parcel given up as lost")
		case p.TrackingNumber == "" && p.WithoutNumber:
			add("without_number", "Fulfilled without a number")
		case len(p.Items) == 0 && p.TrackingNumber != "":
			add("further_number", "Goes by a further number: "+p.TrackingNumber)
		}
	}
	if len(r.byHand()) > 0 {
		add("fulfilled_by_hand", "Fulfilled by hand in the store")
	}
	if len(r.Overrides) > 0 {
		add("overridden", "Decided by a person")
	}
}
