package ordersync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// PlanRequest says what of an order is to be bought.
type PlanRequest struct {
	AccountID models.ID      // empty: the merchant's only supplier account
	Lines     []LineQuantity // empty: everything that is owed and not yet bought
	Note      string         // to the seller
	NotBefore *time.Time     // hold until then
}

// LineQuantity is a quantity of one order line.
type LineQuantity struct {
	LineID   string
	Quantity int
}

// Plan writes the intent to buy and enqueues the buying: one purchase for each AliExpress store. It makes no call itself.
// Asking again for what is being bought already gives the placements that are under way. Errors: order_not_paid,
// order_not_wanted, no_supplier, already_being_placed, account_needed.
func (s *Service) Plan(ctx context.Context, m models.MerchantID, orderID models.ID, r PlanRequest, by orders.By) ([]models.SupplierOrder, error) {
	planned, _, err := s.plan(ctx, m, orderID, r, by)
	return planned, err
}

// plan also says whether the placements are new.
func (s *Service) plan(ctx context.Context, m models.MerchantID, orderID models.ID, r PlanRequest, by orders.By) (placements []models.SupplierOrder, isNew bool, err error) {
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return nil, false, err
	}
	account, err := s.supplierAccount(ctx, m, r.AccountID)
	if err != nil {
		return nil, false, err
	}
	lines := r.Lines
	if len(lines) == 0 {
		if lines = unbought(d.Facts); len(lines) == 0 {
			if under := underWay(d.Facts); len(under) > 0 {
				return under, false, nil
			}
			return nil, false, models.Errorf(models.Conflict, "nothing_to_buy", "Nothing of this order is left to be bought.")
		}
	}
	sup, err := s.suppliers(ctx, d.Facts)
	if err != nil {
		return nil, false, err
	}
	groups, err := group(d.Facts, sup, merged(lines))
	if err != nil {
		return nil, false, err
	}
	var ids []models.ID
	if _, err := s.apply(ctx, m, orderID, by, orders.PlacementPlanned{AccountID: account.ID, Groups: groups, Note: r.Note, NotBefore: r.NotBefore, IDs: &ids}); err != nil {
		if again := s.sameAgain(ctx, m, orderID, r, err); again != nil {
			return again, false, nil
		}
		return nil, false, err
	}
	after, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return nil, false, err
	}
	for _, id := range ids {
		if so, ok := supplierOrderIn(after, id); ok {
			placements = append(placements, so)
		}
	}
	return placements, true, nil
}

// merged sums what is named twice.
func merged(lines []LineQuantity) []LineQuantity {
	var out []LineQuantity
	for _, l := range lines {
		if at := slices.IndexFunc(out, func(o LineQuantity) bool { return o.LineID == l.LineID }); at >= 0 {
			out[at].Quantity += l.Quantity
			continue
		}
		out = append(out, l)
	}
	return out
}

// sameAgain turns the second of two simultaneous requests for everything into the first one's result.
func (s *Service) sameAgain(ctx context.Context, m models.MerchantID, orderID models.ID, r PlanRequest, err error) []models.SupplierOrder {
	if len(r.Lines) > 0 || models.AsError(err).Code != "already_being_placed" {
		return nil
	}
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return nil
	}
	return underWay(d.Facts)
}

func underWay(f models.Facts) []models.SupplierOrder {
	var out []models.SupplierOrder
	for _, so := range f.SupplierOrders {
		if so.State.Live() {
			out = append(out, so)
		}
	}
	return out
}

// unbought is what is owed and has no live placement.
func unbought(f models.Facts) []LineQuantity {
	var out []LineQuantity
	for _, l := range f.Lines {
		if n := f.Unbought(l); n > 0 {
			out = append(out, LineQuantity{l.LineID, n})
		}
	}
	return out
}

// supplierAccount is the account to buy with: the one named, or the only active one.
func (s *Service) supplierAccount(ctx context.Context, m models.MerchantID, id models.ID) (models.Connection, error) {
	list, err := s.accounts.Connections(ctx, m)
	if err != nil {
		return models.Connection{}, err
	}
	var usable []models.Connection
	for _, c := range list {
		if c.Platform == models.AliExpress && (id == "" && c.State == models.ConnectionActive || id == c.ID) {
			usable = append(usable, c)
		}
	}
	switch {
	case len(usable) == 1:
		return usable[0], nil
	case id != "":
		return models.Connection{}, models.Errorf(models.NotFound, "account_not_found", "There is no such supplier account.")
	case len(usable) == 0:
		return models.Connection{}, models.Errorf(models.Conflict, "account_needed", "Connect an AliExpress account first.")
	}
	return models.Connection{}, models.Errorf(models.Conflict, "account_needed", "There are several supplier accounts: say with account_id which one buys.")
}

// group sorts lines by the AliExpress store that sells them: each store gets a call of its own.
func group(f models.Facts, sup suppliers, lines []LineQuantity) ([]orders.PlannedGroup, error) {
	var groups []orders.PlannedGroup
	var unmapped []models.FieldError
	for i, lq := range lines {
		line, ok := lineOf(f, lq.LineID)
		if !ok {
			return nil, models.Errorf(models.NotFound, "line_not_found", "This order has no line %q.", lq.LineID)
		}
		mp, ok := sup.of(line, 0)
		if !ok {
			unmapped = append(unmapped, models.FieldError{Pointer: fmt.Sprintf("/lines/%d", i), Reason: fmt.Sprintf("%q has no supplier; map it first", line.Name)})
			continue
		}
		at := slices.IndexFunc(groups, func(g orders.PlannedGroup) bool { return g.SupplierStoreID == mp.SupplierStoreID })
		if at < 0 {
			groups = append(groups, orders.PlannedGroup{SupplierStoreID: mp.SupplierStoreID, SupplierStoreName: mp.SupplierStoreName})
			at = len(groups) - 1
		}
		groups[at].Lines = append(groups[at].Lines, orders.PlannedLine{
			LineID: lq.LineID, Quantity: lq.Quantity,
			ProductID: mp.SupplierProductID, SKUID: mp.SupplierSKUID, SKUAttr: mp.SupplierSKUAttr,
		})
	}
	if len(unmapped) > 0 {
		e := models.Errorf(models.Conflict, "no_supplier", "%d of the lines have no supplier. Nothing was bought.", len(unmapped))
		e.Fields = unmapped
		return nil, e
	}
	return groups, nil
}

func lineIn(d orders.Detail, id string) (models.Line, bool) { return lineOf(d.Facts, id) }

func lineOf(f models.Facts, id string) (models.Line, bool) {
	for _, l := range f.Lines {
		if l.LineID == id {
			return l, true
		}
	}
	return models.Line{}, false
}

// suppliers are the product mappings of an order's variants: of each its supplier and, where there is one, its fallback.
type suppliers []models.ProductMapping

// of finds the supplier of a line, or its fallback.
func (sup suppliers) of(line models.Line, rank int) (models.ProductMapping, bool) {
	for _, mp := range sup {
		if mp.VariantKey == line.VariantKey && mp.Rank == rank && mp.Role == models.RoleDropship {
			return mp, true
		}
	}
	return models.ProductMapping{}, false
}

// suppliers reads where an order's variants are bought.
func (s *Service) suppliers(ctx context.Context, f models.Facts) (sup suppliers, err error) {
	err = s.db.Of(f.Order.MerchantID).Read(ctx, func(q *gorm.DB) error {
		sup, err = suppliersOf(q, f)
		return err
	})
	return sup, err
}

func suppliersOf(db *gorm.DB, f models.Facts) (suppliers, error) {
	keys := make([]string, len(f.Lines))
	for i, l := range f.Lines {
		keys[i] = l.VariantKey
	}
	var rows suppliers
	if len(keys) > 0 {
		err := db.Where("merchant_id = ? AND store_id = ? AND variant_key IN ?", f.Order.MerchantID, f.Order.StoreID, keys).Order("rank").Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("read product mappings: %w", database.Err(err))
		}
	}
	return rows, nil
}

// place takes a placement as far as it can go: preflight, claim, send once, record. Each step is a state that survives the
// program's death, and only the step "claim" gives the right to send.
func (s *Service) place(ctx context.Context, m models.MerchantID, id models.ID) error {
	orderID, err := s.orders.OrderOf(ctx, m, "supplier_orders", id)
	if err != nil {
		return err
	}
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return err
	}
	so, _ := supplierOrderIn(d, id)
	if so.State != models.PlacementPlanned && so.State != models.PlacementApproved || waits(d.Facts, so) {
		return nil // the sweeper comes back when it may be sent
	}
	if old := so.ApprovedAt; so.State == models.PlacementApproved && old != nil && d.Now.Sub(*old) > approvedFor {
		fresh, err := s.neverExecuted(ctx, m, so)
		if err != nil {
			return err
		}
		if fresh {
			_, err := s.apply(ctx, m, orderID, engine, orders.PlacementRemade{SupplierOrderID: id})
			return err // and a job follows
		}
	}
	if so.State == models.PlacementPlanned {
		approved, err := s.preflight(ctx, m, d, so)
		if err != nil || !approved {
			return err
		}
	}
	return s.send(ctx, m, orderID, so)
}

// approvedFor is how long a check of price and stock is believed. What may have been executed once keeps its request, whatever
// its age: its key stands for these very bytes.
const approvedFor = 15 * time.Minute

// neverExecuted reports whether it is proved that no try of a placement was executed.
func (s *Service) neverExecuted(ctx context.Context, m models.MerchantID, so models.SupplierOrder) (bool, error) {
	if so.Epoch == 0 {
		return true, nil
	}
	var n int
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT count(*) FROM placement_attempts WHERE merchant_id = ? AND supplier_order_id = ? AND class = ?", m, so.ID, models.ClassNotExecuted).Row().Scan(&n)
	})
	return n == so.Epoch, err
}

// waits reports whether something keeps a placement from being sent. A cancelled order has nothing to wait for.
func waits(f models.Facts, so models.SupplierOrder) bool {
	return f.WaitOf(so) != models.WaitNone && (f.WhyNotBought() == nil || f.WaitOf(so) == models.WaitWindow)
}

var engine = orders.By{Actor: models.ActorSystem, Source: models.SourceEngine}

// preflight checks address, stock, price and shipping, which buys nothing, and freezes what will be sent. A reason against
// buying ends the placement before money; no answer leaves it planned.
func (s *Service) preflight(ctx context.Context, m models.MerchantID, d orders.Detail, so models.SupplierOrder) (approved bool, err error) {
	request, failed, err := s.purchase(ctx, m, d, so)
	if errors.Is(err, models.Rejected) || errors.Is(err, models.Invalid) {
		_, err = s.apply(ctx, m, so.OrderID, engine, orders.PlacementRefused{SupplierOrderID: so.ID, Err: models.AsError(err), Failed: failed})
		return false, unlessTaken(err)
	}
	if err != nil {
		return false, err
	}
	frozen, err := json.Marshal(request)
	if err != nil {
		return false, fmt.Errorf("freeze the purchase: %w", err)
	}
	sum := sha256.Sum256(frozen)
	_, err = s.apply(ctx, m, so.OrderID, engine, orders.PlacementApproved{
		SupplierOrderID: so.ID, Request: frozen, SHA256: hex.EncodeToString(sum[:]), DeliverTo: models.FingerprintOf(request.Address), Lines: so.Lines,
	})
	if models.AsError(err).Code == "order_changed" {
		e := models.Errorf(models.Unavailable, "order_changed", "The order changed while its purchase was checked.")
		e.RetryAfter = time.Second
		return false, e // the job comes back and checks what is true now
	}
	return err == nil, unlessTaken(err)
}

// unlessTaken drops the conflict of a step that another process has taken already.
func unlessTaken(err error) error {
	if errors.Is(err, models.Conflict) {
		return nil
	}
	return err
}

// chooseFreight takes the preferred service where it is offered, else the cheapest tracked one, else the cheapest; of equals
// the fastest (aliexpress.md 7.2).
func chooseFreight(options []models.FreightOption, preferred string) (chosen models.FreightOption, ok bool) {
	if len(options) == 0 {
		return chosen, false
	}
	fee := func(o models.FreightOption) int64 {
		if o.Free {
			return 0
		}
		return o.Fee.Minor
	}
	sorted := slices.Clone(options)
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		switch {
		case (a.Code == preferred) != (b.Code == preferred):
			return a.Code == preferred
		case a.Tracked != b.Tracked:
			return a.Tracked
		case fee(a) != fee(b):
			return fee(a) < fee(b)
		}
		return a.MaxDays < b.MaxDays
	})
	return sorted[0], true
}

// sendWithin is how long after the claim a request may still leave. A process that was paused in between (a moved virtual
// machine, a debugger) wakes with a claim that others may have given up; it must not send (reliability.md E3).
const sendWithin = 20 * time.Second

// send sends an approved placement. Where the gateway refused the token before it did anything, the token is renewed once
// and the placement claimed anew.
func (s *Service) send(ctx context.Context, m models.MerchantID, orderID models.ID, so models.SupplierOrder) error {
	access, err := s.accounts.Access(ctx, m, so.AccountID) // a token that needs renewing is renewed before, not under, the claim
	if err != nil {
		return err
	}
	access.Purpose = models.PurposePlacing
	refused, err := s.sendOnce(ctx, m, orderID, so, access)
	if err != nil || refused == nil {
		return err
	}
	if access, err = s.accounts.Renew(ctx, m, so.AccountID, access.Token); err != nil {
		return err
	}
	access.Purpose = models.PurposePlacing
	began := time.Now()
	if refused, err = s.sendOnce(ctx, m, orderID, so, access); err == nil && refused != nil {
		err = s.reach(ctx, m, so.AccountID, began, refused)
	}
	return err
}

// sendOnce claims an approved placement, sends it once and records what came back, in this order, with a commit between.
// refused is set when AliExpress refused the token: nothing was executed.
func (s *Service) sendOnce(ctx context.Context, m models.MerchantID, orderID models.ID, so models.SupplierOrder, access models.Access) (refused *models.Error, err error) {
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return nil, err
	}
	approved, _ := supplierOrderIn(d, so.ID)
	claim := &orders.Claim{}
	claimedAt := time.Now()
	err = s.applyAt(ctx, m, orderID, func(now time.Time) orders.Fact {
		return orders.PlacementClaimed{SupplierOrderID: so.ID, SHA256: approved.RequestSHA256, Until: now.Add(s.pace.Lease), Claim: claim}
	})
	if err != nil {
		return nil, unlessTaken(err)
	}
	if !claim.Granted {
		return nil, nil // rejected, with its reason in the timeline
	}
	// From here the call runs to its end whatever happens to the job: cutting it off would only make it unknown.
	result := s.supplier.Place(context.WithoutCancel(ctx), access, claim.Request, func() bool { return time.Since(claimedAt) < min(sendWithin, s.pace.Lease/2) })
	err = s.record(context.WithoutCancel(ctx), m, orderID, so, claim.Epoch, result)
	if err == nil && result.Class == models.ClassNotExecuted {
		if result.Err.Kind == models.Disconnected {
			return result.Err, nil
		}
		return nil, s.reach(ctx, m, so.AccountID, claimedAt, result.Err) // the job comes back
	}
	if err == nil {
		err = s.reach(ctx, m, so.AccountID, claimedAt, nil)
	}
	if result.Class == models.ClassPlaced {
		s.lag(m, so.AccountID, models.WaybillToSupplier, time.Since(wantedSince(so)))
	}
	return nil, err
}

// wantedSince is when a purchase could first have been sent.
func wantedSince(so models.SupplierOrder) time.Time {
	if so.NotBefore != nil && so.NotBefore.After(so.CreatedAt) {
		return *so.NotBefore
	}
	return so.CreatedAt
}

// applyAt is apply for one step of Waybill's own whose fact needs the database's time.
func (s *Service) applyAt(ctx context.Context, m models.MerchantID, orderID models.ID, fact func(now time.Time) orders.Fact) error {
	_, err := s.change(ctx, m, nil, func(tx database.Tx) (orders.Changes, error) {
		return s.orders.Apply(tx, m, orderID, engine, fact(tx.Now))
	})
	return err
}

// record keeps trying for a while: what AliExpress answered exists nowhere else. If it cannot be written the row stays
// sending, its lease ends, and it is looked for.
func (s *Service) record(ctx context.Context, m models.MerchantID, orderID models.ID, so models.SupplierOrder, epoch int, result models.PlaceResult) error {
	s.count("placement", string(result.Class))
	err := database.Insist(ctx, 30*time.Second, func(ctx context.Context) error {
		_, err := s.apply(ctx, m, orderID, engine, orders.PlacementSent{SupplierOrderID: so.ID, Epoch: epoch, Result: result})
		return err
	})
	if err != nil {
		s.log.Error("the answer to a purchase could not be recorded", "supplier_order_id", so.ID, "epoch", epoch, "class", result.Class, "numbers", result.Numbers, "error", err)
	}
	return err
}

// lookFor resolves an unknown placement by looking, never by sending. AliExpress has no list of a buyer's orders, so it looks
// where news of an order may have come from: push messages about orders that nobody here knows. It takes one only if it
// holds exactly what was to be bought, was created when this was sent, and no other unknown placement could be meant.
func (s *Service) lookFor(ctx context.Context, m models.MerchantID, so models.SupplierOrder) (orders.Changes, error) {
	if so.UnsureSince == nil || so.SentAt == nil || time.Since(*so.UnsureSince) < s.pace.Settle {
		return orders.Changes{}, nil
	}
	if rivals, err := s.rivals(ctx, m, so); err != nil || rivals > 0 {
		return orders.Changes{}, err // a person tells them apart
	}
	found, err := s.candidates(ctx, m, so)
	if err != nil || len(found) != 1 {
		return orders.Changes{}, err
	}
	// Again, now that the candidate is known: an equal purchase may have been sent meanwhile, and this be its order.
	if rivals, err := s.rivals(ctx, m, so); err != nil || rivals > 0 {
		return orders.Changes{}, err
	}
	return s.found(ctx, m, so, found[0], orders.By{Actor: models.ActorSystem, Source: models.SourcePush, Reason: "a push message told of it"})
}

// rivals counts the other purchases of the account that want some of the same goods and whose order is not known either.
func (s *Service) rivals(ctx context.Context, m models.MerchantID, so models.SupplierOrder) (n int, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT count(*) FROM supplier_orders o WHERE o.merchant_id = ? AND o.account_id = ? AND o.state IN ('unknown', 'sending') AND o.id <> ?
		AND EXISTS (SELECT 1 FROM supplier_order_lines a JOIN supplier_order_lines b ON b.merchant_id = a.merchant_id AND b.sku_id = a.sku_id
			WHERE a.merchant_id = o.merchant_id AND a.supplier_order_id = o.id AND b.supplier_order_id = ?)`, m, so.AccountID, so.ID, so.ID).Row().Scan(&n)
	})
	return n, err
}

// A push message may come a little before our own note of having sent, and AliExpress' clock may differ from ours.
const clockSlack = 2 * time.Minute

// candidates are the numbers of orders that may be an unknown placement.
func (s *Service) candidates(ctx context.Context, m models.MerchantID, so models.SupplierOrder) ([]string, error) {
	var numbers, found []string
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT DISTINCT i.entity_id FROM inbox i WHERE i.merchant_id = ? AND i.connection_id = ? AND i.outcome = 'unmatched' AND i.received_at >= ?
		AND NOT EXISTS (SELECT 1 FROM supplier_orders o WHERE o.merchant_id = i.merchant_id AND o.account_id = i.connection_id AND o.external_id = i.entity_id) LIMIT 20`,
			m, so.AccountID, so.SentAt.Add(-clockSlack)).Scan(&numbers).Error
	})
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		answer, err := call(ctx, s, m, so.AccountID, models.PurposePlacing, func(a models.Access) (models.SupplierAnswer, error) { return s.supplier.Order(ctx, a, n) })
		if errors.Is(err, models.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		created := answer.CreatedAt
		if holds(answer, so) && created != nil && created.After(so.SentAt.Add(-clockSlack)) && created.Before(so.SentAt.Add(15*time.Minute)) {
			found = append(found, n)
		}
	}
	return found, nil
}

// holds says whether an answer has exactly the SKUs and quantities of a placement.
func holds(a models.SupplierAnswer, so models.SupplierOrder) bool {
	left := map[string]int{}
	for _, l := range so.Lines {
		left[l.SKUID] += l.Quantity
	}
	for _, l := range a.Lines {
		left[l.SKUID] -= l.Quantity
	}
	for _, n := range left {
		if n != 0 {
			return false
		}
	}
	return true
}

func (s *Service) found(ctx context.Context, m models.MerchantID, so models.SupplierOrder, number string, by orders.By) (orders.Changes, error) {
	changes, err := s.apply(ctx, m, so.OrderID, by, orders.PlacementFound{SupplierOrderID: so.ID, Number: number})
	if err != nil {
		return changes, err
	}
	if _, err := s.readSupplier(ctx, m, so.OrderID, so.ID, by, models.PurposePlacing); err != nil {
		s.log.Warn("read a supplier order that was found", "supplier_order_id", so.ID, "error", err) // the next check does it
	}
	return changes, nil
}

// Resolve ends an unknown placement with a person's knowledge. A number is verified at AliExpress: it must be an order of
// this account that holds exactly what was to be bought. No number means that the person looked and it is not there; it is
// then sent again under the same key. That is refused until AliExpress has had time to finish what it may be doing.
func (s *Service) Resolve(ctx context.Context, m models.MerchantID, supplierOrderID models.ID, number string, by orders.By) (models.SupplierOrder, error) {
	orderID, err := s.orders.OrderOf(ctx, m, "supplier_orders", supplierOrderID)
	if err != nil {
		return models.SupplierOrder{}, err
	}
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return models.SupplierOrder{}, err
	}
	so, _ := supplierOrderIn(d, supplierOrderID)
	if so.State != models.PlacementUnknown {
		return models.SupplierOrder{}, models.Errorf(models.Conflict, "placement_not_unknown", "This placement is %s, so there is nothing to resolve.", so.State)
	}
	if number != "" {
		err = s.resolveFound(ctx, m, so, number, by)
	} else {
		err = s.resolveAbsent(ctx, m, so, by)
	}
	if err != nil {
		return models.SupplierOrder{}, err
	}
	if d, err = s.orders.Detail(ctx, m, orderID); err != nil {
		return models.SupplierOrder{}, err
	}
	so, _ = supplierOrderIn(d, supplierOrderID)
	return so, nil
}

func (s *Service) resolveFound(ctx context.Context, m models.MerchantID, so models.SupplierOrder, number string, by orders.By) error {
	answer, err := s.verify(ctx, m, so.AccountID, number)
	if err != nil {
		return err
	}
	if !holds(answer, so) {
		return models.Errorf(models.Conflict, "number_does_not_match", "AliExpress order %s does not hold what was to be bought.", number)
	}
	_, err = s.found(ctx, m, so, number, by)
	return err
}

func (s *Service) resolveAbsent(ctx context.Context, m models.MerchantID, so models.SupplierOrder, by orders.By) error {
	if settled := so.UnsureSince.Add(s.pace.Settle); time.Now().Before(settled) {
		e := models.Errorf(models.Conflict, "placement_settling", "AliExpress may still be working on it. Look again in %s.", time.Until(settled).Round(time.Second))
		e.RetryAfter = time.Until(settled)
		return e
	}
	_, err := s.apply(ctx, m, so.OrderID, by, orders.PlacementAbsent{SupplierOrderID: so.ID})
	return err
}
