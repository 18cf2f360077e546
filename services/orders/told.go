package orders

import (
	"waybill/models"
	"waybill/services/outbox"
)

// tellOutside writes what the merchant's own systems and mailbox are to be told of the change.
func (c *change) tellOutside(before models.Facts) error {
	o := c.facts.Order
	data := func(more map[string]any) map[string]any {
		all := map[string]any{
			"order_id": o.ID, "order_number": o.Number, "store_id": o.StoreID, "store_order_id": o.ExternalID, "tab": o.Tab, "version": o.Version,
		}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	var messages []outbox.Message
	if c.result.Created {
		messages = append(messages, outbox.Message{Type: models.WebhookOrderCreated, Data: data(map[string]any{"imported": o.Imported})})
	} else if before.Order.Tab != o.Tab {
		messages = append(messages, outbox.Message{Type: models.WebhookTabChanged, Data: data(map[string]any{"before": before.Order.Tab, "closed_reason": o.ClosedReason})})
	}
	for _, p := range c.facts.Pushes {
		if p.State != models.PushConfirmed || pushState(before, p.ID) == models.PushConfirmed {
			continue
		}
		messages = append(messages, outbox.Message{Type: models.WebhookShipped, Data: data(map[string]any{
			"push_id": p.ID, "parcel_id": p.ParcelID, "fulfillment_id": p.FulfillmentID, "tracking_number": p.SentNumber, "carrier": p.WantedCarrier,
		})})
	}
	opened, closed := turned(before.Flags, c.facts.Flags)
	flag := func(kind models.WebhookType, f models.Flag) {
		messages = append(messages, outbox.Message{Type: kind, Data: data(map[string]any{"flag_id": f.ID, "code": f.Code, "owner": f.Owner, "deadline": f.Deadline})})
	}
	for _, f := range opened {
		flag(models.WebhookFlagOpened, f)
	}
	for _, f := range closed {
		flag(models.WebhookFlagClosed, f)
	}
	if err := outbox.Tell(c.tx, o.MerchantID, messages...); err != nil {
		return err
	}
	return outbox.Notify(c.tx, o.MerchantID, opened...)
}

func pushState(f models.Facts, id models.ID) models.PushState {
	for _, p := range f.Pushes {
		if p.ID == id {
			return p.State
		}
	}
	return ""
}

// turned lists the flags that want somebody now and did not before, and those that are closed now and were not. One that is put
// off is neither.
func turned(before, after []models.Flag) (opened, closed []models.Flag) {
	was := map[models.ID]models.Flag{}
	for _, f := range before {
		was[f.ID] = f
	}
	for _, f := range after {
		old, known := was[f.ID]
		switch wants := f.ClosedAt == nil && f.SnoozedUntil == nil; {
		case wants && (!known || old.ClosedAt != nil || old.SnoozedUntil != nil):
			opened = append(opened, f)
		case f.ClosedAt != nil && known && old.ClosedAt == nil:
			closed = append(closed, f)
		}
	}
	return opened, closed
}
