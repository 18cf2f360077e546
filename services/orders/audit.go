package orders

import (
	"fmt"

	"waybill/models"
	"waybill/services/audit"
)

// enter enters into the audit what a person has decided with facts. What a fact has found out by then is in what it fills in.
func (c *change) enter(facts []Fact) error {
	if c.by.Source != models.SourcePerson {
		return nil
	}
	for _, f := range facts {
		what, detail := actOf(f)
		if what == "" {
			continue
		}
		if detail == nil {
			detail = map[string]any{}
		}
		detail["number"] = c.facts.Order.Number
		err := audit.Append(c.tx, c.result.MerchantID, audit.Act{By: c.by.Actor, What: what, Subject: models.AuditSubject{Kind: models.SubjectOrder, ID: c.result.OrderID}, Reason: c.by.Reason, Detail: detail})
		if err != nil {
			return fmt.Errorf("order %s: %w", c.result.OrderID, err)
		}
	}
	return nil
}

// actOf is what a person does with a fact, and more about it; nothing for what people only find out.
func actOf(f Fact) (models.Act, map[string]any) {
	switch f := f.(type) {
	case PlacementPlanned:
		detail := map[string]any{"account_id": f.AccountID}
		if f.IDs != nil {
			detail["supplier_order_ids"] = *f.IDs
		}
		return models.ActPlaced, detail
	case PlacementHurried:
		return models.ActPurchaseHurried, map[string]any{"supplier_order_id": f.SupplierOrderID}
	case PlacementHeld:
		return models.ActPurchaseHeld, map[string]any{"supplier_order_id": f.SupplierOrderID, "until": f.Until.UTC()}
	case PlacementWithdrawn:
		return models.ActPurchaseWithdrawn, map[string]any{"supplier_order_id": f.SupplierOrderID}
	case PlacementFound:
		return models.ActPlaceResolved, map[string]any{"supplier_order_id": f.SupplierOrderID, "outcome": "found", "supplier_number": f.Number}
	case PlacementAbsent:
		return models.ActPlaceResolved, map[string]any{"supplier_order_id": f.SupplierOrderID, "outcome": "absent"}
	case Linked:
		return models.ActNumberLinked, map[string]any{"supplier_order_id": *f.ID, "account_id": f.AccountID, "supplier_number": f.Number, "warnings": f.Warnings}
	case SupplierRenumbered:
		return models.ActNumberChanged, map[string]any{"supplier_order_id": f.SupplierOrderID, "supplier_number": f.Number, "forced": f.Forced}
	case SupplierUnlinked:
		return models.ActUnlinked, map[string]any{"supplier_order_id": f.SupplierOrderID, "forced": f.Force}
	case OrderHeld:
		return models.ActHeld, map[string]any{"until": f.Until}
	case OrderReleased:
		return models.ActReleased, nil
	case PurchaseAddressGiven:
		return models.ActAddressChanged, map[string]any{"differs": f.Differs}
	case PurchaseAddressDropped:
		return models.ActAddressDropped, nil
	case OverrideSet:
		return models.ActOverrideMade, map[string]any{"override_id": *f.ID, "kind": f.Override.Kind, "about": f.Override.Subject, "value": f.Override.Value}
	case OverrideLifted:
		return models.ActOverrideDropped, map[string]any{"override_id": f.ID}
	case FlagSnoozed:
		return models.ActFlagSnoozed, map[string]any{"flag_id": f.FlagID, "until": f.Until.UTC()}
	case FlagDismissed:
		return models.ActFlagClosed, map[string]any{"flag_id": f.FlagID}
	case FlagReopened:
		return models.ActFlagReopened, map[string]any{"flag_id": f.FlagID}
	case PushRequested:
		return pushAct(f), map[string]any{"push_id": f.PushID}
	case PushAccepted:
		return models.ActPushAccepted, map[string]any{"push_id": f.PushID}
	case Noted:
		return models.ActNoteAdded, nil
	case AddressShown:
		return models.ActAddressShown, nil
	case WithoutNumber:
		return models.ActFulfilledWithoutNumber, nil
	}
	return "", nil
}

func pushAct(f PushRequested) models.Act {
	switch {
	case f.OnlyRefused:
		return models.ActPushOverwritten
	case f.Overwrite:
		return models.ActPushFixed
	}
	return models.ActPushRetried
}
