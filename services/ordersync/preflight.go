package ordersync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"waybill/models"
	"waybill/services/orders"
)

// Preflight is what buying an order would mean now. Finding it out buys nothing and writes nothing.
type Preflight struct {
	Ready    bool // nothing stands against buying all of it
	ShipTo   models.Address
	Override bool // ShipTo is an address for the purchase only
	Problems []Problem
	Groups   []PreflightGroup
	Totals   []Total // one for each currency
	UnderWay []models.ID
}

// Problem is something that stands against a purchase, or that a person should know before it.
type Problem struct {
	Code       string
	Detail     string
	NextAction string
	LineID     string // empty: the whole purchase
	Pointer    string // the field of the order that is wrong, as an RFC 6901 pointer into it
	Blocks     bool   // false: a warning
}

// PreflightGroup is one purchase: AliExpress wants a call of its own for each of its stores.
type PreflightGroup struct {
	SupplierStoreID   string
	SupplierStoreName string
	Note              string // what the seller would be told
	Lines             []PreflightLine
}

// PreflightLine is what AliExpress says about one line.
type PreflightLine struct {
	LineID    string
	Name      string
	Quantity  int
	Rank      int // 1: its fallback would be used
	ProductID string
	SKUID     string
	SKUAttr   string
	Title     string
	SKUName   string
	Price     models.Money // of one unit; no currency: not known
	Cap       models.Money // no currency: there is none
	Stock     int
	Service   *models.FreightOption  // the one that would be used
	Services  []models.FreightOption // those that there are
	Problems  []Problem
}

// Total is what is paid in one currency. Currencies are never added.
type Total struct {
	Goods, Shipping models.Money
}

func problem(e *models.Error) Problem {
	return Problem{Code: e.Code, Detail: e.Detail, NextAction: models.NextActionFor(e.Code), Blocks: true}
}

// Preflight finds out what buying an order would mean. Errors are those of reaching AliExpress; everything that stands
// against the purchase is in the result.
func (s *Service) Preflight(ctx context.Context, m models.MerchantID, orderID models.ID, r PlanRequest) (Preflight, error) {
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return Preflight{}, err
	}
	p := Preflight{ShipTo: d.ShipTo(), Override: d.PurchaseAddress != nil}
	for _, so := range underWay(d.Facts) {
		p.UnderWay = append(p.UnderWay, so.ID)
	}
	p.Problems = s.orderProblems(d)
	lines := merged(r.Lines)
	if len(lines) == 0 {
		if lines = unbought(d.Facts); len(lines) == 0 {
			p.Problems = append(p.Problems, Problem{Code: "nothing_to_buy", Detail: "Nothing of this order is left to be bought.", NextAction: "Nothing.", Blocks: true})
		}
	}
	sup, err := s.suppliers(ctx, d.Facts)
	if err != nil {
		return p, err
	}
	account, err := s.supplierAccount(ctx, m, r.AccountID)
	switch {
	case errors.Is(err, models.Conflict):
		p.Problems = append(p.Problems, Problem{Code: models.AsError(err).Code, Detail: models.AsError(err).Detail, NextAction: "Connect an AliExpress account, or say which one buys.", Blocks: true})
		return p, nil
	case err != nil:
		return p, err
	}
	if err := s.inspectAll(ctx, inspector{s: s, m: m, account: account.ID, why: models.PurposePerson, d: d, sup: sup}, lines, &p); err != nil {
		return p, err
	}
	for i := range p.Groups {
		s.noteProblems(d, r.Note, &p.Groups[i], &p)
	}
	p.sum()
	return p, nil
}

// orderProblems are those that no supplier has to be asked about.
func (s *Service) orderProblems(d orders.Detail) []Problem {
	var out []Problem
	if e := d.WhyNotBought(); e != nil {
		out = append(out, problem(e))
	}
	if o := d.Order; o.Held(d.Now) {
		out = append(out, Problem{Code: "order_held", Detail: fmt.Sprintf("Held by %s: %s", o.HeldBy, o.HeldWhy), NextAction: "Release the order.", Blocks: true})
	}
	if why := d.Rules.Stopped(); why != "" {
		out = append(out, Problem{Code: "placing_stopped", Detail: "It would wait, because placing is stopped. " + why, NextAction: "Let placing go on when the reason is gone."})
	}
	where := "/recipient"
	if d.PurchaseAddress != nil {
		where = "/purchase_address/address"
	}
	for _, f := range s.supplier.CheckAddress(d.ShipTo()) {
		out = append(out, Problem{Code: "address_rejected", Detail: addressWords([]models.FieldError{f}), NextAction: models.NextActionFor("address_rejected"), Pointer: where + f.Pointer, Blocks: true})
	}
	return out
}

func addressWords(fields []models.FieldError) string {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = strings.ReplaceAll(strings.TrimPrefix(f.Pointer, "/"), "_", " ") + " " + f.Reason
	}
	return "AliExpress would not accept the address: " + strings.Join(words, "; ") + "."
}

func (s *Service) inspectAll(ctx context.Context, in inspector, lines []LineQuantity, p *Preflight) error {
	for _, lq := range lines {
		line, ok := lineOf(in.d.Facts, lq.LineID)
		if !ok {
			return models.Errorf(models.NotFound, "line_not_found", "This order has no line %q.", lq.LineID)
		}
		if free := in.d.Unbought(line); lq.Quantity > free {
			p.Problems = append(p.Problems, Problem{
				Code: "already_being_placed", LineID: line.LineID, NextAction: "Ask for less.", Blocks: true,
				Detail: fmt.Sprintf("Of %q only %d can be bought: the rest has a live supplier order or is not owed.", line.Name, free),
			})
		}
		mp, ok := in.sup.of(line, 0)
		if !ok {
			p.Problems = append(p.Problems, Problem{Code: "no_supplier", Detail: fmt.Sprintf("%q has no supplier.", line.Name), NextAction: models.NextActionFor("no_supplier"), LineID: line.LineID, Blocks: true})
			continue
		}
		found, err := in.inspect(ctx, line, planned(line, lq.Quantity, mp), mp)
		if err != nil {
			return err
		}
		if mp, found, err = in.orFallback(ctx, line, mp, found); err != nil {
			return err
		}
		if line.CustomText != "" {
			found.Problems = append(found.Problems, Problem{
				Code: "custom_text", LineID: line.LineID, NextAction: "See that the seller can do this: it is only told in the note.",
				Detail: fmt.Sprintf("The buyer of %q asked for: %s", line.Name, line.CustomText),
			})
		}
		at := slices.IndexFunc(p.Groups, func(g PreflightGroup) bool { return g.SupplierStoreID == mp.SupplierStoreID })
		if at < 0 {
			at = len(p.Groups)
			p.Groups = append(p.Groups, PreflightGroup{SupplierStoreID: mp.SupplierStoreID, SupplierStoreName: mp.SupplierStoreName})
		}
		p.Groups[at].Lines = append(p.Groups[at].Lines, found)
	}
	return nil
}

func planned(line models.Line, quantity int, mp models.ProductMapping) models.SupplierLine {
	return models.SupplierLine{
		LineID: line.LineID, Quantity: quantity, Rank: mp.Rank,
		ProductID: mp.SupplierProductID, SKUID: mp.SupplierSKUID, SKUAttr: mp.SupplierSKUAttr,
	}
}

// orFallback looks at the fallback of a line whose supplier cannot deliver, as placing would.
func (in *inspector) orFallback(ctx context.Context, line models.Line, mp models.ProductMapping, found PreflightLine) (models.ProductMapping, PreflightLine, error) {
	why := found.blocking()
	next, ok := in.sup.of(line, 1)
	if why == nil || !models.MayFallBack(why.Code) || !ok {
		return mp, found, nil
	}
	instead, err := in.inspect(ctx, line, planned(line, found.Quantity, next), next)
	if err != nil {
		return mp, found, err
	}
	instead.Problems = append(instead.Problems, Problem{
		Code: "fallback_used", Detail: "Its fallback supplier would be used. " + why.Detail, NextAction: "Nothing, or change the mapping.", LineID: line.LineID,
	})
	return next, instead, nil
}

func (l PreflightLine) blocking() *Problem {
	for i := range l.Problems {
		if l.Problems[i].Blocks {
			return &l.Problems[i]
		}
	}
	return nil
}

func (s *Service) noteProblems(d orders.Detail, note string, g *PreflightGroup, p *Preflight) {
	g.Note = noteFor(d.Facts, note, lineIDs(g.Lines))
	if err := s.supplier.CheckNote(g.Note); err != nil {
		p.Problems = append(p.Problems, problem(models.AsError(err)))
	}
}

func lineIDs(lines []PreflightLine) []string {
	ids := make([]string, len(lines))
	for i, l := range lines {
		ids[i] = l.LineID
	}
	return ids
}

// noteFor is what the seller is told: a person's own words or the merchant's template, and in any case what the buyer wrote to
// be put on the goods.
func noteFor(f models.Facts, own string, ids []string) string {
	var lines []models.Line
	for _, l := range f.Lines {
		if slices.Contains(ids, l.LineID) {
			lines = append(lines, l)
		}
	}
	text := own
	if text == "" {
		text = f.Rules.Merchant.SellerNote
	}
	return models.SellerNoteFor(text, f.Order, lines)
}

// sum adds up what would be paid, each currency for itself, and says whether nothing stands against it.
func (p *Preflight) sum() {
	p.Ready = !slices.ContainsFunc(p.Problems, func(x Problem) bool { return x.Blocks })
	add := func(m models.Money, into func(*Total) *models.Money) {
		if m.Currency == "" {
			return
		}
		at := slices.IndexFunc(p.Totals, func(t Total) bool { return t.Goods.Currency == m.Currency })
		if at < 0 {
			at = len(p.Totals)
			p.Totals = append(p.Totals, Total{Goods: models.Money{Currency: m.Currency}, Shipping: models.Money{Currency: m.Currency}})
		}
		into(&p.Totals[at]).Minor += m.Minor
	}
	for _, g := range p.Groups {
		for _, l := range g.Lines {
			p.Ready = p.Ready && l.blocking() == nil
			add(models.Money{Minor: l.Price.Minor * int64(l.Quantity), Currency: l.Price.Currency}, func(t *Total) *models.Money { return &t.Goods })
			if l.Service != nil && !l.Service.Free {
				add(l.Service.Fee, func(t *Total) *models.Money { return &t.Shipping })
			}
		}
	}
}

// inspector asks AliExpress about lines. It remembers what it took of a SKU: two lines may want the same one.
type inspector struct {
	s       *Service
	m       models.MerchantID
	account models.ID
	why     models.Purpose
	d       orders.Detail
	sup     suppliers
	taken   map[string]int
}

// inspect asks about one line at one supplier. A refusal is a problem of the line; an error is no answer.
func (in *inspector) inspect(ctx context.Context, line models.Line, sl models.SupplierLine, mp models.ProductMapping) (PreflightLine, error) {
	out := PreflightLine{
		LineID: sl.LineID, Name: line.Name, Quantity: sl.Quantity, Rank: sl.Rank, ProductID: sl.ProductID, SKUID: sl.SKUID, SKUAttr: sl.SKUAttr,
	}
	if mp.PriceCapMinor != nil {
		out.Cap = models.Money{Minor: *mp.PriceCapMinor, Currency: mp.PriceCapCurrency}
	}
	refuse := func(e *models.Error) {
		p := problem(e)
		p.LineID = sl.LineID
		out.Problems = append(out.Problems, p)
	}
	to := in.d.ShipTo()
	product, err := call(ctx, in.s, in.m, in.account, in.why, func(a models.Access) (models.SupplierProduct, error) {
		return in.s.supplier.Product(ctx, a, sl.ProductID, to.Country)
	})
	if errors.Is(err, models.Rejected) || errors.Is(err, models.Invalid) {
		refuse(models.AsError(err))
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Title = product.Title
	at := slices.IndexFunc(product.SKUs, func(k models.SupplierSKU) bool { return k.ID == sl.SKUID })
	switch {
	case !product.OnSale:
		refuse(models.Errorf(models.Rejected, "product_gone", "AliExpress no longer sells %q. Nothing was bought.", product.Title))
		return out, nil
	case at < 0:
		refuse(models.Errorf(models.Rejected, "sku_gone", "AliExpress no longer sells this variant of %q. Nothing was bought.", product.Title))
		return out, nil
	}
	sku := product.SKUs[at]
	out.SKUAttr, out.SKUName, out.Price, out.Stock = sku.Attr, sku.Name, sku.Price, sku.Stock
	if in.taken == nil {
		in.taken = map[string]int{}
	}
	in.taken[sku.ID] += sl.Quantity
	if needed := in.taken[sku.ID]; sku.Stock < needed {
		refuse(models.Errorf(models.Rejected, "out_of_stock", "AliExpress has %d of %q in stock, %d are needed. Nothing was bought.", sku.Stock, product.Title, needed))
	}
	if e := orders.AboveCap(mp, models.PurchaseItem{ProductID: sl.ProductID, SKUID: sl.SKUID, PriceMinor: sku.Price.Minor, PriceCurrency: sku.Price.Currency}); e != nil {
		refuse(e)
	}
	return out, in.ship(ctx, &out, mp, refuse)
}

// ship chooses how a line is shipped.
func (in *inspector) ship(ctx context.Context, l *PreflightLine, mp models.ProductMapping, refuse func(*models.Error)) error {
	to := in.d.ShipTo()
	options, err := call(ctx, in.s, in.m, in.account, in.why, func(a models.Access) ([]models.FreightOption, error) {
		return in.s.supplier.Freight(ctx, a, models.FreightQuery{
			ProductID: l.ProductID, SKUID: l.SKUID, Quantity: l.Quantity,
			Country: to.Country, Region: to.Region, City: to.City, Currency: l.Price.Currency,
		})
	})
	if errors.Is(err, models.Rejected) {
		refuse(models.AsError(err))
		return nil
	}
	if err != nil {
		return err
	}
	l.Services = options
	chosen, ok := chooseFreight(options, mp.ShippingService)
	if !ok {
		refuse(models.Errorf(models.Rejected, "no_shipping", "AliExpress does not ship %q to %s. Nothing was bought.", l.Title, to.Country))
		return nil
	}
	l.Service = &chosen
	if mp.ShippingService != "" && chosen.Code != mp.ShippingService {
		l.Problems = append(l.Problems, Problem{
			Code: "service_not_offered", LineID: l.LineID, NextAction: "Nothing, or choose another service in the mapping.",
			Detail: fmt.Sprintf("%s is not offered for %q to %s any more; %s would be used.", mp.ShippingService, l.Title, to.Country, chosen.Name),
		})
	}
	return nil
}

// purchase makes the request of a placement, or says why it is refused and which of its lines are to blame.
func (s *Service) purchase(ctx context.Context, m models.MerchantID, d orders.Detail, so models.SupplierOrder) (request models.PurchaseRequest, failed []string, err error) {
	request = models.PurchaseRequest{Key: so.OutOrderID, Address: d.ShipTo()}
	if e := d.WhyNotBought(); e != nil {
		return request, nil, rejectedBy(e)
	}
	if fields := s.supplier.CheckAddress(request.Address); len(fields) > 0 {
		e := models.Errorf(models.Rejected, "address_rejected", "%s Nothing was bought.", addressWords(fields))
		e.Fields = fields
		return request, nil, e
	}
	ids := make([]string, len(so.Lines))
	for i, sl := range so.Lines {
		ids[i] = sl.LineID
	}
	request.Note = noteFor(d.Facts, so.Note, ids)
	if err := s.supplier.CheckNote(request.Note); err != nil {
		return request, nil, err
	}
	sup, err := s.suppliers(ctx, d.Facts)
	if err != nil {
		return request, nil, err
	}
	in := inspector{s: s, m: m, account: so.AccountID, why: models.PurposePlacing, d: d, sup: sup}
	var refused *models.Error
	for _, sl := range so.Lines {
		line, _ := lineOf(d.Facts, sl.LineID)
		mp, _ := sup.of(line, sl.Rank)
		found, err := in.inspect(ctx, line, sl, mp)
		if err != nil {
			return request, nil, err
		}
		if p := found.blocking(); p != nil {
			failed = append(failed, sl.LineID)
			// One that no other supplier could mend speaks for all: nothing is bought elsewhere then.
			if refused == nil || models.MayFallBack(refused.Code) && !models.MayFallBack(p.Code) {
				refused = models.Errorf(models.Rejected, p.Code, "%s", p.Detail)
			}
			continue
		}
		request.Items = addItem(request.Items, found)
	}
	if refused != nil {
		return request, failed, refused
	}
	return request, nil, nil
}

// rejectedBy makes a reason against buying a refusal.
func rejectedBy(e *models.Error) *models.Error {
	refused := *e
	refused.Kind = models.Rejected
	return &refused
}

// addItem adds a line's goods. Two order lines of one variant are one item to the supplier.
func addItem(items []models.PurchaseItem, l PreflightLine) []models.PurchaseItem {
	for i := range items {
		if items[i].ProductID == l.ProductID && items[i].SKUID == l.SKUID {
			items[i].Quantity += l.Quantity
			return items
		}
	}
	return append(items, models.PurchaseItem{
		ProductID: l.ProductID, SKUID: l.SKUID, SKUAttr: l.SKUAttr, Quantity: l.Quantity, Service: l.Service.Code,
		PriceMinor: l.Price.Minor, PriceCurrency: l.Price.Currency,
	})
}
