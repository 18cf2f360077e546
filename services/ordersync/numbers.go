package ordersync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"waybill/models"
	"waybill/services/orders"
)

// verify asks AliExpress whether a number is an order of this account.
func (s *Service) verify(ctx context.Context, m models.MerchantID, account models.ID, number string) (models.SupplierAnswer, error) {
	answer, err := call(ctx, s, m, account, models.PurposePerson, func(a models.Access) (models.SupplierAnswer, error) { return s.supplier.Order(ctx, a, number) })
	if errors.Is(err, models.NotFound) {
		return answer, models.Errorf(models.Conflict, "number_not_of_this_account", "AliExpress says that %s is not an order of this account. Nothing was linked.", number).Because(err)
	}
	return answer, err
}

// LinkRequest is the number of a supplier order that was bought by hand.
type LinkRequest struct {
	AccountID models.ID
	Number    string
	Lines     []LineQuantity // empty: found by product and SKU
	Force     bool           // the only open line is meant, although its mapping says something else
}

// Warning is something about a linked number that a person should look at. It is linked all the same.
type Warning struct{ Code, Detail string }

// Link ties a supplier order that was bought by hand to an order. AliExpress is asked at once whether it is an order of
// this account and what it holds. What it holds must be what the order's mappings say, unless the lines are named or Force
// says that it is known to differ; warnings then tell how. AliExpress does not say where an order goes: that is for the
// person to know, and the warnings say so. Errors: number_not_of_this_account, number_already_linked, lines_not_matched.
func (s *Service) Link(ctx context.Context, m models.MerchantID, orderID models.ID, r LinkRequest, by orders.By) (models.SupplierOrder, []Warning, error) {
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return models.SupplierOrder{}, nil, err
	}
	account, err := s.supplierAccount(ctx, m, r.AccountID)
	if err != nil {
		return models.SupplierOrder{}, nil, err
	}
	answer, err := s.verify(ctx, m, account.ID, r.Number)
	if err != nil {
		return models.SupplierOrder{}, nil, err
	}
	sup, err := s.suppliers(ctx, d.Facts)
	if err != nil {
		return models.SupplierOrder{}, nil, err
	}
	lines, err := matchLines(d.Facts, sup, answer, merged(r.Lines), r.Force)
	if err != nil {
		return models.SupplierOrder{}, nil, err
	}
	warnings := warningsOf(d.Facts, sup, answer, lines)
	var id models.ID
	if _, err := s.apply(ctx, m, orderID, by, orders.Linked{AccountID: account.ID, Number: r.Number, Lines: lines, Answer: answer, Warnings: codesOf(warnings), ID: &id}); err != nil {
		return models.SupplierOrder{}, nil, err
	}
	if mayHaveParcels(answer, models.SupplierOrder{PaidAt: answer.PaidAt}) {
		if _, err := s.readSupplier(ctx, m, orderID, id, by, models.PurposePerson); err != nil {
			s.log.Warn("read a supplier order that was linked", "supplier_order_id", id, "error", err) // the next check does it
		}
	}
	so, _, err := s.supplierOrder(ctx, m, orderID, id)
	return so, warnings, err
}

func codesOf(warnings []Warning) []string {
	codes := make([]string, len(warnings))
	for i, w := range warnings {
		codes[i] = w.Code
	}
	return codes
}

// matchLines says which order lines a supplier order covers: those named, or those whose supplier or fallback it holds.
func matchLines(f models.Facts, sup suppliers, a models.SupplierAnswer, named []LineQuantity, force bool) ([]orders.PlannedLine, error) {
	if len(named) > 0 {
		return matchNamed(f, sup, a, named)
	}
	open := unbought(f)
	var lines []orders.PlannedLine
	left := slices.Clone(a.Lines)
	for _, o := range open {
		line, _ := lineOf(f, o.LineID)
		for i := range left {
			mp, same := holder(sup, line, left[i])
			if n := min(o.Quantity, left[i].Quantity); same && n > 0 {
				lines = append(lines, orders.PlannedLine{LineID: o.LineID, Quantity: n, ProductID: left[i].ProductID, SKUID: mp.SupplierSKUID, SKUAttr: mp.SupplierSKUAttr, Rank: mp.Rank})
				left[i].Quantity -= n
				break
			}
		}
	}
	if len(lines) == 0 && force && len(open) == 1 && len(a.Lines) == 1 {
		return []orders.PlannedLine{{LineID: open[0].LineID, Quantity: min(open[0].Quantity, a.Lines[0].Quantity), ProductID: a.Lines[0].ProductID, SKUID: a.Lines[0].SKUID}}, nil
	}
	if len(lines) == 0 {
		return nil, models.Errorf(models.Conflict, "lines_not_matched", "AliExpress order %s holds nothing that this order waits for. Name the lines it covers if it is the right one.", a.Number)
	}
	return lines, nil
}

// holder finds the mapping of a line by which an item of AliExpress is what the line wants.
func holder(sup suppliers, line models.Line, item models.SupplierAnswerLine) (models.ProductMapping, bool) {
	for rank := range 2 {
		mp, ok := sup.of(line, rank)
		if ok && (item.SKUID == mp.SupplierSKUID || item.SKUID == "" && item.ProductID == mp.SupplierProductID) {
			return mp, true
		}
	}
	return models.ProductMapping{}, false
}

func matchNamed(f models.Facts, sup suppliers, a models.SupplierAnswer, named []LineQuantity) ([]orders.PlannedLine, error) {
	total, want := 0, 0
	for _, l := range a.Lines {
		total += l.Quantity
	}
	var lines []orders.PlannedLine
	for _, n := range named {
		line, ok := lineOf(f, n.LineID)
		if !ok {
			return nil, models.Errorf(models.NotFound, "line_not_found", "This order has no line %q.", n.LineID)
		}
		want += n.Quantity
		p := orders.PlannedLine{LineID: n.LineID, Quantity: n.Quantity}
		at := slices.IndexFunc(a.Lines, func(item models.SupplierAnswerLine) bool { _, same := holder(sup, line, item); return same })
		switch mp, mapped := sup.of(line, 0); {
		case at >= 0:
			mp, _ = holder(sup, line, a.Lines[at])
			p.ProductID, p.SKUID, p.SKUAttr, p.Rank = mp.SupplierProductID, mp.SupplierSKUID, mp.SupplierSKUAttr, mp.Rank
		case len(a.Lines) == 1:
			p.ProductID, p.SKUID = a.Lines[0].ProductID, a.Lines[0].SKUID
		case mapped:
			p.ProductID, p.SKUID, p.SKUAttr = mp.SupplierProductID, mp.SupplierSKUID, mp.SupplierSKUAttr
		}
		lines = append(lines, p)
	}
	if want > total {
		return nil, models.Errorf(models.Conflict, "lines_not_matched", "AliExpress order %s holds %d units, fewer than the %d you name.", a.Number, total, want)
	}
	return lines, nil
}

// warningsOf compares what AliExpress says that an order holds with what it was linked to.
func warningsOf(f models.Facts, sup suppliers, a models.SupplierAnswer, lines []orders.PlannedLine) []Warning {
	warnings := []Warning{}
	covered, held := 0, 0
	for _, l := range lines {
		covered += l.Quantity
		line, _ := lineOf(f, l.LineID)
		if !slices.ContainsFunc(a.Lines, func(item models.SupplierAnswerLine) bool { _, same := holder(sup, line, item); return same }) {
			warnings = append(warnings, Warning{"items_differ", fmt.Sprintf("AliExpress order %s does not hold what the mapping of %q says.", a.Number, line.Name)})
		}
	}
	for _, item := range a.Lines {
		held += item.Quantity
	}
	if held > covered {
		warnings = append(warnings, Warning{"holds_more", fmt.Sprintf("AliExpress order %s holds %d units, %d of them are linked.", a.Number, held, covered)})
	}
	return append(warnings, Warning{"destination_unknown", fmt.Sprintf("AliExpress does not say where order %s goes: see there that it is %s.", a.Number, f.Order.Country)})
}

// Renumber corrects the number of a supplier order. AliExpress is asked at once whether the new one is an order of the same
// account; it must hold what the supplier order is for, unless force says that it is known to differ.
func (s *Service) Renumber(ctx context.Context, m models.MerchantID, id models.ID, number string, force bool, by orders.By) (models.SupplierOrder, error) {
	orderID, err := s.orders.OrderOf(ctx, m, "supplier_orders", id)
	if err != nil {
		return models.SupplierOrder{}, err
	}
	so, _, err := s.supplierOrder(ctx, m, orderID, id)
	if err != nil {
		return so, err
	}
	if so.ExternalID == "" { // nothing to ask AliExpress about; the fact says why
		_, err := s.apply(ctx, m, orderID, by, orders.SupplierRenumbered{SupplierOrderID: id, Number: number})
		return so, err
	}
	seq, err := s.orders.NextFetch(ctx, m, id)
	if err != nil {
		return so, err
	}
	answer, err := s.verify(ctx, m, so.AccountID, number)
	if err != nil {
		return so, err
	}
	same := holds(answer, so)
	if !force && !same {
		return so, models.Errorf(models.Conflict, "number_does_not_match", "AliExpress order %s does not hold what this supplier order is for. Send force if it is the right one all the same.", number)
	}
	if _, err := s.apply(ctx, m, orderID, by, orders.SupplierRenumbered{SupplierOrderID: id, Number: number, Seq: seq, Answer: answer, Forced: !same}); err != nil {
		return so, err
	}
	if _, err := s.readSupplier(ctx, m, orderID, id, by, models.PurposePerson); err != nil {
		s.log.Warn("read a supplier order whose number was corrected", "supplier_order_id", id, "error", err) // the next check does it
	}
	so, _, err = s.supplierOrder(ctx, m, orderID, id)
	return so, err
}

// Unlink takes a number away from an order: its lines are to be bought again.
func (s *Service) Unlink(ctx context.Context, m models.MerchantID, id models.ID, force bool, by orders.By) (models.SupplierOrder, error) {
	so, _, err := s.decide(ctx, m, id, by, orders.SupplierUnlinked{SupplierOrderID: id, Force: force})
	return so, err
}
