package orders

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// The facts of placing. They follow models.PlacementNext, and every one of them is applied under the order's lock, which the
// store's cancellation takes as well: whichever comes first wins.

// PlacementPlanned is a person's decision to buy: the intent, written before anything is sent. Each group becomes one
// purchase, because each AliExpress store gets a call of its own.
type PlacementPlanned struct {
	AccountID models.ID
	Groups    []PlannedGroup
	Note      string
	NotBefore *time.Time   // end of the hold window; nil: at once
	Auto      bool         // by the merchant's rule
	IDs       *[]models.ID // filled in, when given

	replaces *models.ID
}

// PlannedGroup is what one purchase will hold.
type PlannedGroup struct {
	SupplierStoreID   string
	SupplierStoreName string
	Lines             []PlannedLine
}

// PlannedLine is a quantity of one order line and what to buy for it.
type PlannedLine struct {
	LineID                    string
	Quantity                  int
	ProductID, SKUID, SKUAttr string
	Rank                      int // 1: from the fallback supplier
}

func (f PlacementPlanned) apply(c *change) error {
	if e := c.facts.WhyNotBought(); e != nil {
		return e
	}
	if o := c.facts.Order; o.Held(c.tx.Now) {
		return models.Errorf(models.Conflict, "order_held", "This order is held by %s (%s). Release it first. Nothing was bought.", o.HeldBy, orNone(o.HeldWhy))
	}
	return c.plan(f)
}

// plan writes the intents.
func (c *change) plan(f PlacementPlanned) error {
	for _, g := range f.Groups {
		id := database.NewID()
		s := models.SupplierOrder{
			MerchantID: c.result.MerchantID, ID: id, OrderID: c.result.OrderID, AccountID: f.AccountID,
			State: models.PlacementPlanned, Origin: models.OriginPlaced, OutOrderID: purchaseKey(id), Note: f.Note, NotBefore: f.NotBefore, Auto: f.Auto, Replaces: f.replaces,
			SupplierStoreID: g.SupplierStoreID, SupplierStoreName: g.SupplierStoreName, CreatedAt: c.tx.Now, UpdatedAt: c.tx.Now,
		}
		for _, l := range g.Lines {
			if err := c.canCover(l.LineID, l.Quantity); err != nil {
				return err
			}
			s.Lines = append(s.Lines, models.SupplierLine{
				MerchantID: s.MerchantID, SupplierOrderID: id, OrderID: s.OrderID, LineID: l.LineID,
				Part: c.freePart(l.LineID), ProductID: l.ProductID, SKUID: l.SKUID, SKUAttr: l.SKUAttr, Rank: l.Rank, Quantity: l.Quantity, Live: true,
			})
		}
		c.facts.SupplierOrders = append(c.facts.SupplierOrders, s)
		if f.IDs != nil {
			*f.IDs = append(*f.IDs, id)
		}
		c.event(models.EventPlacementPlanned, plannedText(s, g), map[string]any{"supplier_order_id": id, "account_id": f.AccountID, "auto": f.Auto})
	}
	return nil
}

func plannedText(s models.SupplierOrder, g PlannedGroup) string {
	text := fmt.Sprintf("%s to be bought from %s", units(s.Lines), orNone(g.SupplierStoreName))
	if s.Auto {
		text += " by the merchant's rule"
	}
	if s.NotBefore != nil {
		text += ", not before " + s.NotBefore.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return text + "."
}

// purchaseKey is our order number at AliExpress: digits only, made from the intent's id, so that it exists before the call
// and no retry ever has another.
func purchaseKey(id models.ID) string {
	hex := strings.ReplaceAll(string(id), "-", "")
	// UUIDv7: 48 bits of time, then the version, 12 random bits, the variant and 62 random bits.
	var millis, random uint64
	if _, err := fmt.Sscanf(hex[:12], "%x", &millis); err != nil {
		panic(err) // made by ourselves
	}
	if _, err := fmt.Sscanf(hex[17:26], "%x", &random); err != nil {
		panic(err)
	}
	return fmt.Sprintf("%013d%011d", millis, random)
}

func units(lines []models.SupplierLine) string {
	n := 0
	for _, l := range lines {
		n += l.Quantity
	}
	if n == 1 {
		return "1 unit"
	}
	return fmt.Sprintf("%d units", n)
}

// canCover keeps the sum of what is bought within what is owed (I9).
func (c *change) canCover(lineID string, quantity int) error {
	line, ok := c.line(lineID)
	if !ok {
		return models.Errorf(models.NotFound, "line_not_found", "This order has no line %q.", lineID)
	}
	if quantity < 1 {
		return models.Errorf(models.Invalid, "quantity_invalid", "At least one of %q has to be bought.", line.Name)
	}
	if free := line.Live() - c.taken(lineID); quantity > free {
		return models.Errorf(models.Conflict, "already_being_placed", "Of %q only %d can be bought: the rest has a live supplier order or is not owed. Nothing was bought.", line.Name, max(0, free))
	}
	return nil
}

func (c *change) line(id string) (models.Line, bool) {
	for _, l := range c.facts.Lines {
		if l.LineID == id {
			return l, true
		}
	}
	return models.Line{}, false
}

func (c *change) taken(lineID string) int {
	n := 0
	for _, s := range c.facts.SupplierOrders {
		for _, l := range s.Lines {
			if l.LineID == lineID && l.Live {
				n += l.Quantity
			}
		}
	}
	return n - c.facts.Lost(lineID)
}

// freePart is 0 unless a living supplier order covers a part of the line already.
func (c *change) freePart(lineID string) int {
	used := map[int]bool{}
	for _, s := range c.facts.SupplierOrders {
		for _, l := range s.Lines {
			if l.LineID == lineID && l.Live {
				used[l.Part] = true
			}
		}
	}
	part := 0
	for used[part] {
		part++
	}
	return part
}

// PlacementApproved freezes what will be sent, after preflight.
type PlacementApproved struct {
	SupplierOrderID models.ID
	Request         []byte // a models.PurchaseRequest as JSON
	SHA256          string
	DeliverTo       string                // the fingerprint of its address; empty is not compared
	Lines           []models.SupplierLine // what it was made for; nil is not compared
}

func (f PlacementApproved) apply(c *change) error {
	if c.elsewhere(f.DeliverTo) {
		return stale()
	}
	s, err := c.move(f.SupplierOrderID, models.PlacementPlanned, models.PlacementApproved)
	if err != nil {
		return err
	}
	if f.Lines != nil && !slices.Equal(f.Lines, s.Lines) {
		return stale()
	}
	key, err := c.orderKey()
	if err != nil {
		return err
	}
	s.Request, s.RequestSHA256, s.AddressSHA256, s.ApprovedAt = key.Seal(requestPlace(s.ID), f.Request), f.SHA256, f.DeliverTo, &c.tx.Now
	c.event(models.EventPlacementApproved, "Stock, price and shipping were checked; the purchase is ready to be sent.",
		map[string]any{"supplier_order_id": s.ID, "request_sha256": f.SHA256})
	return nil
}

// stale answers a preflight that was made for what the order was before.
func stale() error {
	return models.Errorf(models.Conflict, "order_changed", "The order changed while it was being checked; it is checked again.")
}

// elsewhere reports whether an address is no longer the one that purchases go to. Where a fingerprint is missing (it was not
// always kept) nothing can be said.
func (c *change) elsewhere(fingerprint string) bool {
	now := c.facts.Order.DeliverTo()
	return fingerprint != "" && now != "" && fingerprint != now
}

// move takes a placement from one state to a next one, or answers Conflict when it is elsewhere by now. That models.PlacementNext
// knows a way to next is not enough: a preflight that comes late must not take a purchase back that is being sent.
func (c *change) move(id models.ID, from, next models.PlacementState) (*models.SupplierOrder, error) {
	s, err := c.supplierOrder(id)
	if err != nil {
		return nil, err
	}
	if s.State != from || !s.State.CanBecome(next) {
		return nil, models.Errorf(models.Conflict, "placement_moved_on", "This placement is %s and cannot become %s.", s.State, next)
	}
	s.State, s.UpdatedAt = next, c.tx.Now
	return s, nil
}

// PlacementRefused is a refusal before anything was sent: preflight found a reason.
type PlacementRefused struct {
	SupplierOrderID models.ID
	Err             *models.Error
	Failed          []string // the lines that their supplier cannot deliver; they may go to its fallback
}

func (f PlacementRefused) apply(c *change) error {
	s, err := c.move(f.SupplierOrderID, models.PlacementPlanned, models.PlacementRejected)
	if err != nil {
		return err
	}
	c.reject(s, f.Err)
	if s.Epoch > 0 {
		return nil // an earlier try may exist after all: a person decides
	}
	return c.fallBack(*s, f.Failed)
}

func (c *change) reject(s *models.SupplierOrder, e *models.Error) {
	s.State, s.ErrorCode, s.ErrorDetail, s.ErrorFields, s.LeaseUntil = models.PlacementRejected, e.Code, e.Detail, e.Fields, nil
	for i := range s.Lines {
		s.Lines[i].Live = false
	}
	c.event(models.EventPlacementRejected, "Not bought: "+e.Detail, map[string]any{"supplier_order_id": s.ID, "code": e.Code, "fields": e.Fields})
}

// PlacementClaimed takes an approved placement for one sending. From here nobody else may send it, ever. What was approved
// is checked against what is true now: paid, not cancelled, still owed, within the price cap, unchanged. A placement that
// no longer stands is rejected instead; Claim says which.
type PlacementClaimed struct {
	SupplierOrderID models.ID
	SHA256          string
	Until           time.Time
	Claim           *Claim // filled in
}

// Claim is the right to send once.
type Claim struct {
	Granted bool
	Epoch   int
	Request models.PurchaseRequest
	Why     *models.Error // when not granted
}

func (f PlacementClaimed) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if s.State != models.PlacementApproved {
		return models.Errorf(models.Conflict, "placement_moved_on", "This placement is %s: it is not there to be sent.", s.State)
	}
	if s.RequestSHA256 != f.SHA256 {
		return models.Errorf(models.Conflict, "placement_moved_on", "What was approved has been made anew meanwhile.")
	}
	wanted := c.facts.WhyNotBought()
	if wait := c.facts.WaitOf(*s); wanted == nil && wait != models.WaitNone {
		return models.Errorf(models.Conflict, "placement_waits", "This placement waits (%s): it is not to be sent now.", wait)
	}
	if wanted == nil && c.elsewhere(s.AddressSHA256) {
		c.remake(s, "Its address has changed since it was checked")
		f.Claim.Why = models.AsError(stale())
		return nil
	}
	if f.Claim.Why = c.stillStands(*s, &f.Claim.Request); f.Claim.Why != nil {
		c.reject(s, f.Claim.Why)
		return nil //nolint:nilerr // that it no longer stands is a result, told by the claim
	}
	s.State, s.LeaseUntil, s.SentAt = models.PlacementSending, &f.Until, &c.tx.Now
	s.Epoch++
	f.Claim.Granted, f.Claim.Epoch = true, s.Epoch
	if s.ErrorCode == "" { // the timeline of an outage is one line, not one for each try
		c.event(models.EventPlacementSending, "The purchase is being sent to AliExpress, once.", map[string]any{"supplier_order_id": s.ID, "epoch": s.Epoch})
	}
	return nil
}

func (c *change) stillStands(s models.SupplierOrder, request *models.PurchaseRequest) *models.Error {
	if e := c.facts.WhyNotBought(); e != nil {
		return e
	}
	raw, err := c.openRequest(s)
	if err == nil {
		err = json.Unmarshal(raw, request)
	}
	if err != nil {
		return models.Errorf(models.Internal, "request_unreadable", "The frozen purchase cannot be read. Nothing was bought.").Because(err)
	}
	for _, l := range s.Lines {
		line, ok := c.line(l.LineID)
		if !ok || line.Live() < c.taken(l.LineID) {
			return models.Errorf(models.Conflict, "order_changed", "The store now owes less of %q than was to be bought. Nothing was bought.", line.Name)
		}
	}
	return c.withinCaps(s, *request)
}

func (c *change) withinCaps(s models.SupplierOrder, request models.PurchaseRequest) *models.Error {
	var caps []models.ProductMapping
	keys := make([]string, 0, len(s.Lines))
	for _, l := range s.Lines {
		line, _ := c.line(l.LineID)
		keys = append(keys, line.VariantKey)
	}
	err := c.tx.Where("merchant_id = ? AND store_id = ? AND variant_key IN ?", s.MerchantID, c.facts.Order.StoreID, keys).Find(&caps).Error
	if err != nil {
		return models.AsError(database.Err(err))
	}
	for _, item := range request.Items {
		for _, m := range caps {
			if e := AboveCap(m, item); e != nil {
				return e
			}
		}
	}
	return nil
}

// AboveCap says whether an item costs more than its mapping allows. Prices in another currency than the cap's are not
// compared: they do not pass.
func AboveCap(m models.ProductMapping, item models.PurchaseItem) *models.Error {
	if m.PriceCapMinor == nil || m.SupplierSKUID != item.SKUID || m.SupplierProductID != item.ProductID {
		return nil
	}
	price := models.Money{Minor: item.PriceMinor, Currency: item.PriceCurrency}
	limit := models.Money{Minor: *m.PriceCapMinor, Currency: m.PriceCapCurrency}
	if price.Currency == limit.Currency && price.Minor <= limit.Minor {
		return nil
	}
	return models.Errorf(models.Rejected, "price_above_cap", "One unit of %q costs %s, above your cap of %s. Nothing was bought.", m.Title, price, limit)
}

// PlacementSent records what came back from the one call. It is recorded even when the claim has been lost meanwhile.
type PlacementSent struct {
	SupplierOrderID models.ID
	Epoch           int
	Result          models.PlaceResult
}

type attempt struct {
	merchant models.MerchantID
	order    models.SupplierOrder
	sent     PlacementSent
}

// keepAttempt writes what came back. The answer may repeat the address: it is sealed, and not kept once the buyer is erased.
func (c *change) keepAttempt() error {
	a := c.attempt
	var answer []byte
	if a.sent.Result.Answer != nil && c.facts.Order.ErasedAt == nil {
		key, err := c.orderKey()
		if err != nil {
			return err
		}
		answer = key.Seal(answerPlace(a.order.ID, a.sent.Epoch), a.sent.Result.Answer)
	}
	text := ""
	if a.sent.Result.Err != nil {
		text = a.sent.Result.Err.Detail
	}
	numbers := a.sent.Result.Numbers
	if numbers == nil {
		numbers = []string{}
	}
	err := c.tx.Exec(`INSERT INTO placement_attempts (merchant_id, supplier_order_id, epoch, request_sha256, class, numbers, sealed_answer, error, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (merchant_id, supplier_order_id, epoch) DO UPDATE
		SET class = excluded.class, numbers = excluded.numbers, sealed_answer = excluded.sealed_answer, error = excluded.error
		WHERE placement_attempts.class = 'unknown' AND placement_attempts.answer IS NULL AND placement_attempts.sealed_answer IS NULL`,
		a.merchant, a.order.ID, a.sent.Epoch, a.order.RequestSHA256, a.sent.Result.Class, asJSON(numbers), answer, text, c.tx.Now).Error
	if err != nil {
		return fmt.Errorf("keep the attempt of %s: %w", a.order.ID, err)
	}
	return nil
}

func (f PlacementSent) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	c.attempt = &attempt{c.result.MerchantID, *s, f}
	// The lease ran out before the answer came; a number counts even after a person has said that there is none.
	back := s.State == models.PlacementApproved || s.State == models.PlacementPlanned && s.Epoch > 0
	late := s.Epoch == f.Epoch && (s.State == models.PlacementUnknown || back && f.Result.Class == models.ClassPlaced)
	if (s.State != models.PlacementSending || s.Epoch != f.Epoch) && !late {
		c.tooLate(s, f)
		return nil
	}
	s.LeaseUntil = nil
	switch f.Result.Class {
	case models.ClassPlaced:
		c.placed(s, f.Result.Numbers)
	case models.ClassRejected:
		c.reject(s, f.Result.Err) // also when late: it is the answer to this very call
		return c.fallBackFromSale(*s)
	case models.ClassNotExecuted:
		if f.Result.Err.Kind == models.Invalid { // the same again would be refused again
			c.reject(s, f.Result.Err)
			return nil
		}
		if s.ErrorCode != f.Result.Err.Code {
			c.event(models.EventPlacementReturned, "The purchase did not reach AliExpress: "+f.Result.Err.Detail, map[string]any{"supplier_order_id": s.ID, "epoch": f.Epoch})
		}
		s.State, s.ErrorCode, s.ErrorDetail, s.UnsureSince = models.PlacementApproved, f.Result.Err.Code, f.Result.Err.Detail, nil
	default:
		c.unsure(s, f.Result.Err.Detail)
	}
	return nil
}

// tooLate tells of numbers that came when the placement had moved on: a person has to see that they may be a second purchase.
func (c *change) tooLate(s *models.SupplierOrder, f PlacementSent) {
	if f.Result.Class != models.ClassPlaced || slices.Contains(f.Result.Numbers, s.ExternalID) {
		return
	}
	s.StrayNumbers = append(slices.Clone(s.StrayNumbers), f.Result.Numbers...)
	numbers := strings.Join(f.Result.Numbers, ", ")
	c.event(models.EventPlacementUnknown, fmt.Sprintf("A late answer to an earlier try says that AliExpress order %s exists. Look at it on AliExpress: it may be one too many.", numbers),
		map[string]any{"supplier_order_id": s.ID, "epoch": f.Epoch, "numbers": f.Result.Numbers})
}

// placed records the numbers of a purchase. AliExpress may have made several orders of it: the first keeps the lines until
// each order's own answer says what is in it.
func (c *change) placed(s *models.SupplierOrder, numbers []string) {
	s.State, s.ExternalID, s.PlacedAt, s.Stage = models.PlacementPlaced, numbers[0], &c.tx.Now, models.StageUnpaid
	s.ErrorCode, s.ErrorDetail, s.UnsureSince, s.LeaseUntil = "", "", nil, nil
	main := *s
	for _, n := range numbers[1:] {
		part := main
		part.ID, part.ExternalID, part.OutOrderID, part.Lines = database.NewID(), n, "", nil
		part.FetchSeq, part.AppliedSeq = 0, 0
		c.facts.SupplierOrders = append(c.facts.SupplierOrders, part)
	}
	c.event(models.EventPlacementPlaced, fmt.Sprintf("Bought: AliExpress order %s.", strings.Join(numbers, ", ")),
		map[string]any{"supplier_order_id": main.ID, "numbers": numbers})
}

func (c *change) unsure(s *models.SupplierOrder, why string) {
	if s.State == models.PlacementUnknown {
		return
	}
	c.result.Unsure = true
	s.State, s.UnsureSince, s.ErrorCode, s.ErrorDetail, s.LeaseUntil = models.PlacementUnknown, &c.tx.Now, "placement_unknown", why, nil
	c.event(models.EventPlacementUnknown, "It is not known whether AliExpress has taken the purchase: "+why, map[string]any{"supplier_order_id": s.ID, "epoch": s.Epoch})
}

// PlacementExpired turns a claim that says nothing any more into unknown: its holder may have died after sending.
type PlacementExpired struct{ SupplierOrderID models.ID }

func (f PlacementExpired) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if s.State == models.PlacementSending && s.LeaseUntil != nil && !s.LeaseUntil.After(c.tx.Now) {
		const why = "the program stopped before it heard the answer."
		c.attempt = &attempt{c.result.MerchantID, *s, PlacementSent{s.ID, s.Epoch, models.PlaceResult{Class: models.ClassUnknown, Err: models.Errorf(models.Unknown, "placement_unknown", why)}}}
		c.unsure(s, why)
	}
	return nil
}

// PlacementFound gives an unknown placement the number that was found at AliExpress.
type PlacementFound struct {
	SupplierOrderID models.ID
	Number          string
}

func (f PlacementFound) apply(c *change) error {
	s, err := c.move(f.SupplierOrderID, models.PlacementUnknown, models.PlacementPlaced)
	if err != nil {
		return err
	}
	c.placed(s, []string{f.Number})
	return nil
}

// PlacementAbsent is a person's word that AliExpress has no such order. It is sent again under the same key.
type PlacementAbsent struct{ SupplierOrderID models.ID }

func (f PlacementAbsent) apply(c *change) error {
	s, err := c.supplierOrder(f.SupplierOrderID)
	if err != nil {
		return err
	}
	if s.State != models.PlacementUnknown {
		return models.Errorf(models.Conflict, "placement_not_unknown", "This placement is %s, so there is nothing to resolve.", s.State)
	}
	s.State, s.UnsureSince, s.ErrorCode, s.ErrorDetail = models.PlacementApproved, nil, "", ""
	c.event(models.EventPlacementReturned, "A person looked and found no such order at AliExpress. The purchase is sent again under the same key.",
		map[string]any{"supplier_order_id": s.ID})
	return nil
}

// Linked is a supplier order that was bought by hand: its number, verified at AliExpress, and the lines it covers.
type Linked struct {
	AccountID models.ID
	Number    string
	Lines     []PlannedLine
	Answer    models.SupplierAnswer
	Warnings  []string   // codes of what a person was warned of
	ID        *models.ID // filled in
}

func (f Linked) apply(c *change) error {
	id := database.NewID()
	*f.ID = id
	s := models.SupplierOrder{
		MerchantID: c.result.MerchantID, ID: id, OrderID: c.result.OrderID, AccountID: f.AccountID, State: models.PlacementPlaced,
		Origin: models.OriginLinked, ExternalID: f.Number, PlacedAt: f.Answer.CreatedAt, CreatedAt: c.tx.Now, UpdatedAt: c.tx.Now,
	}
	if s.PlacedAt == nil {
		s.PlacedAt = &c.tx.Now
	}
	for _, l := range f.Lines {
		if err := c.canCover(l.LineID, l.Quantity); err != nil {
			return err
		}
		s.Lines = append(s.Lines, models.SupplierLine{
			MerchantID: s.MerchantID, SupplierOrderID: id, OrderID: s.OrderID, LineID: l.LineID,
			Part: c.freePart(l.LineID), ProductID: l.ProductID, SKUID: l.SKUID, SKUAttr: l.SKUAttr, Rank: l.Rank, Quantity: l.Quantity, Live: true,
		})
	}
	s.Observe(f.Answer, 0)
	s.LastCheckedAt = &c.tx.Now
	c.facts.SupplierOrders = append(c.facts.SupplierOrders, s)
	c.event(models.EventSupplierLinked, fmt.Sprintf("AliExpress order %s was bought by hand and linked to %s.", f.Number, units(s.Lines)),
		map[string]any{"supplier_order_id": id, "number": f.Number, "status": s.Status, "warnings": f.Warnings})
	return nil
}
