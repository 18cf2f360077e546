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
	NotBefore *time.Time // end of the hold window; nil: at once
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
}

func (f PlacementPlanned) apply(c *change) error {
	if err := c.mayBuy(); err != nil {
		return err
	}
	for _, g := range f.Groups {
		id := database.NewID()
		s := models.SupplierOrder{
			MerchantID: c.result.MerchantID, ID: id, OrderID: c.result.OrderID, AccountID: f.AccountID,
			State: models.PlacementPlanned, Origin: models.OriginPlaced, OutOrderID: purchaseKey(id), Note: f.Note, NotBefore: f.NotBefore,
			SupplierStoreID: g.SupplierStoreID, SupplierStoreName: g.SupplierStoreName, CreatedAt: c.tx.Now, UpdatedAt: c.tx.Now,
		}
		for _, l := range g.Lines {
			if err := c.canCover(l.LineID, l.Quantity); err != nil {
				return err
			}
			s.Lines = append(s.Lines, models.SupplierLine{
				MerchantID: s.MerchantID, SupplierOrderID: id, OrderID: s.OrderID, LineID: l.LineID,
				Part: c.freePart(l.LineID), ProductID: l.ProductID, SKUID: l.SKUID, SKUAttr: l.SKUAttr, Quantity: l.Quantity, Live: true,
			})
		}
		c.facts.SupplierOrders = append(c.facts.SupplierOrders, s)
		c.event(models.EventPlacementPlanned, fmt.Sprintf("%s to be bought from %s.", units(s.Lines), orNone(g.SupplierStoreName)),
			map[string]any{"supplier_order_id": id, "account_id": f.AccountID})
	}
	return nil
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

// mayBuy is the gate before money: captured, not cancelled, not imported, and to a buyer's address.
func (c *change) mayBuy() error {
	o := c.facts.Order
	o.Gate = o.GateUnder(c.facts.Rules.Store)
	switch {
	case c.closedByPerson():
		return models.Errorf(models.Conflict, "order_closed", "A person has closed this order. Reopen it first. Nothing was bought.")
	case o.Gate.Dead():
		return models.Errorf(models.Conflict, "order_not_wanted", "The store no longer wants this order (%s). Nothing was bought.", o.Gate)
	case o.Gate != models.GateOpen:
		return models.Errorf(models.Conflict, "order_not_paid", "The store has not captured the payment (%s). Nothing was bought.", orNone(o.PaymentStatus))
	case o.Imported:
		return models.Errorf(models.Conflict, "order_imported", "The store imported this order from elsewhere. Nothing was bought.")
	case o.Pickup:
		return models.Errorf(models.Conflict, "order_is_pickup", "The buyer collects this order at a pickup place, so there is no address to send goods to. Nothing was bought.")
	}
	return nil
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
}

func (f PlacementApproved) apply(c *change) error {
	s, err := c.move(f.SupplierOrderID, models.PlacementPlanned, models.PlacementApproved)
	if err != nil {
		return err
	}
	s.Request, s.RequestSHA256 = f.Request, f.SHA256
	c.event(models.EventPlacementApproved, "Stock, price and shipping were checked; the purchase is ready to be sent.",
		map[string]any{"supplier_order_id": s.ID, "request_sha256": f.SHA256})
	return nil
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
}

func (f PlacementRefused) apply(c *change) error {
	s, err := c.move(f.SupplierOrderID, models.PlacementPlanned, models.PlacementRejected)
	if err != nil {
		return err
	}
	c.reject(s, f.Err)
	return nil
}

func (c *change) reject(s *models.SupplierOrder, e *models.Error) {
	s.State, s.ErrorCode, s.ErrorDetail, s.LeaseUntil = models.PlacementRejected, e.Code, e.Detail, nil
	c.event(models.EventPlacementRejected, "Not bought: "+e.Detail, map[string]any{"supplier_order_id": s.ID, "code": e.Code})
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
	if f.Claim.Why = c.stillStands(*s, f.SHA256, &f.Claim.Request); f.Claim.Why != nil {
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

func (c *change) stillStands(s models.SupplierOrder, sha256 string, request *models.PurchaseRequest) *models.Error {
	if err := c.mayBuy(); err != nil {
		return models.AsError(err)
	}
	if s.RequestSHA256 != sha256 {
		return models.Errorf(models.Conflict, "order_changed", "What was approved is no longer what would be sent. Nothing was bought.")
	}
	if err := json.Unmarshal(s.Request, request); err != nil {
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

func (a *attempt) save(tx database.Tx) error {
	text := ""
	if a.sent.Result.Err != nil {
		text = a.sent.Result.Err.Detail
	}
	numbers := a.sent.Result.Numbers
	if numbers == nil {
		numbers = []string{}
	}
	err := tx.Exec(`INSERT INTO placement_attempts (merchant_id, supplier_order_id, epoch, request_sha256, class, numbers, answer, error, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (merchant_id, supplier_order_id, epoch) DO NOTHING`,
		a.merchant, a.order.ID, a.sent.Epoch, a.order.RequestSHA256, a.sent.Result.Class, asJSON(numbers), a.sent.Result.Answer, text, tx.Now).Error
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
	late := s.Epoch == f.Epoch && (s.State == models.PlacementUnknown || s.State == models.PlacementApproved && f.Result.Class == models.ClassPlaced)
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
		c.unsure(s, "the program stopped before it heard the answer.")
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
			Part: c.freePart(l.LineID), ProductID: l.ProductID, SKUID: l.SKUID, SKUAttr: l.SKUAttr, Quantity: l.Quantity, Live: true,
		})
	}
	s.Observe(f.Answer, 0)
	s.LastCheckedAt = &c.tx.Now
	c.facts.SupplierOrders = append(c.facts.SupplierOrders, s)
	c.event(models.EventSupplierLinked, fmt.Sprintf("AliExpress order %s was bought by hand and linked to %s.", f.Number, units(s.Lines)),
		map[string]any{"supplier_order_id": id, "number": f.Number, "status": s.Status})
	return nil
}
