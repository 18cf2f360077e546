package orders

import (
	"fmt"
	"slices"
	"strings"

	"waybill/models"
)

// supplierKey names one supplier of a variant.
type supplierKey struct {
	variant string
	rank    int
}

// suppliersOf reads where the variants of these lines are bought.
func (c *change) suppliersOf(lines []models.SupplierLine) (map[supplierKey]models.ProductMapping, error) {
	keys := make([]string, len(lines))
	for i, sl := range lines {
		line, _ := c.line(sl.LineID)
		keys[i] = line.VariantKey
	}
	var rows []models.ProductMapping
	if len(keys) > 0 {
		err := c.tx.Where("merchant_id = ? AND store_id = ? AND variant_key IN ?", c.result.MerchantID, c.facts.Order.StoreID, keys).Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("read product mappings: %w", err)
		}
	}
	found := make(map[supplierKey]models.ProductMapping, len(rows))
	for _, r := range rows {
		found[supplierKey{r.VariantKey, r.Rank}] = r
	}
	return found, nil
}

// fallBack plans anew what a refused placement was to hold: the lines that their supplier cannot deliver from its fallback,
// the others as they were. It does nothing when one of the failed lines has no fallback, or came from it already: so each
// line falls back once at most, under the order's lock, and only after the placement before it has ended.
func (c *change) fallBack(refused models.SupplierOrder, failed []string) error {
	if !models.MayFallBack(refused.ErrorCode) || len(failed) == 0 || !c.facts.MayBeBought() {
		return nil
	}
	suppliers, err := c.suppliersOf(refused.Lines)
	if err != nil {
		return err
	}
	var groups []PlannedGroup
	put := func(storeID, storeName string, l PlannedLine) {
		at := slices.IndexFunc(groups, func(g PlannedGroup) bool { return g.SupplierStoreID == storeID })
		if at < 0 {
			at = len(groups)
			groups = append(groups, PlannedGroup{SupplierStoreID: storeID, SupplierStoreName: storeName})
		}
		groups[at].Lines = append(groups[at].Lines, l)
	}
	var names []string
	for _, sl := range refused.Lines {
		line, _ := c.line(sl.LineID)
		planned := PlannedLine{LineID: sl.LineID, Quantity: sl.Quantity, ProductID: sl.ProductID, SKUID: sl.SKUID, SKUAttr: sl.SKUAttr, Rank: sl.Rank}
		storeID, storeName := refused.SupplierStoreID, refused.SupplierStoreName
		if slices.Contains(failed, sl.LineID) {
			mp, known := suppliers[supplierKey{line.VariantKey, 1}]
			if !known || mp.Role != models.RoleDropship || sl.Rank != 0 {
				return nil
			}
			planned.ProductID, planned.SKUID, planned.SKUAttr, planned.Rank = mp.SupplierProductID, mp.SupplierSKUID, mp.SupplierSKUAttr, 1
			storeID, storeName = mp.SupplierStoreID, mp.SupplierStoreName
			names = append(names, fmt.Sprintf("%q from %s", line.Name, orNone(storeName)))
		}
		if line.Live()-c.taken(sl.LineID) < sl.Quantity {
			return nil // it is no longer owed
		}
		put(storeID, storeName, planned)
	}
	c.event(models.EventPlacementFallback, "The fallback supplier is used instead: "+strings.Join(names, ", ")+".",
		map[string]any{"supplier_order_id": refused.ID, "code": refused.ErrorCode})
	return c.plan(PlacementPlanned{AccountID: refused.AccountID, Groups: groups, Note: refused.Note, Auto: refused.Auto, replaces: &refused.ID})
}

// fallBackFromSale is fallBack for a refusal by the sale itself. AliExpress does not say which item it is about, so only one
// that holds a single SKU is moved, and only after its first try: an earlier one may exist after all.
func (c *change) fallBackFromSale(refused models.SupplierOrder) error {
	switch refused.ErrorCode {
	case "out_of_stock", "sku_gone", "product_gone":
	default:
		return nil
	}
	var lines []string
	for _, l := range refused.Lines {
		if l.SKUID != refused.Lines[0].SKUID {
			return nil
		}
		lines = append(lines, l.LineID)
	}
	if refused.Epoch != 1 {
		return nil
	}
	return c.fallBack(refused, lines)
}
