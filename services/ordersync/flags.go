package ordersync

import (
	"context"
	"time"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/orders"
)

// SnoozeFlag puts a flag off until a time: it does not count until then.
func (s *Service) SnoozeFlag(ctx context.Context, m models.MerchantID, id models.ID, until time.Time, by orders.By) (orders.FlagRow, error) {
	return s.handleFlag(ctx, m, id, by, orders.FlagSnoozed{FlagID: id, Until: until}, models.ActFlagSnoozed, func(tx database.Tx) (string, []any) {
		return "UPDATE flags SET snoozed_until = ?, snoozed_by = ?, snoozed_why = ? WHERE merchant_id = ? AND id = ? AND closed_at IS NULL AND ?::timestamptz > now()",
			[]any{until, by.Actor, by.Reason, m, id, until}
	})
}

// CloseFlag closes a flag although its fact is still there. It stays closed until the fact has gone once.
func (s *Service) CloseFlag(ctx context.Context, m models.MerchantID, id models.ID, by orders.By) (orders.FlagRow, error) {
	return s.handleFlag(ctx, m, id, by, orders.FlagDismissed{FlagID: id}, models.ActFlagClosed, func(tx database.Tx) (string, []any) {
		return "UPDATE flags SET closed_at = ?, closed_by = ?, closed_why = ?, dismissed = true, snoozed_until = NULL WHERE merchant_id = ? AND id = ? AND closed_at IS NULL",
			[]any{tx.Now, by.Actor, by.Reason, m, id}
	})
}

// ReopenFlag takes back that a flag was put off or closed by a person.
func (s *Service) ReopenFlag(ctx context.Context, m models.MerchantID, id models.ID, by orders.By) (orders.FlagRow, error) {
	return s.handleFlag(ctx, m, id, by, orders.FlagReopened{FlagID: id}, models.ActFlagReopened, func(database.Tx) (string, []any) {
		return `UPDATE flags f SET closed_at = NULL, closed_by = '', closed_why = '', dismissed = false, snoozed_until = NULL WHERE merchant_id = ? AND id = ? AND (closed_at IS NULL OR dismissed)
			AND EXISTS (SELECT 1 FROM connections c WHERE c.merchant_id = f.merchant_id AND c.id = f.connection_id AND c.state <> 'active')`, []any{m, id}
	})
}

// handleFlag lets a person's decision about a flag of an order in as a fact. One of a connection has no order: its row says it
// all, and the statement changes it.
func (s *Service) handleFlag(ctx context.Context, m models.MerchantID, id models.ID, by orders.By, fact orders.Fact, what models.Act, statement func(database.Tx) (string, []any)) (orders.FlagRow, error) {
	flag, err := s.orders.Flag(ctx, m, id)
	if err != nil {
		return flag, err
	}
	if flag.OrderID != nil {
		_, err = s.apply(ctx, m, *flag.OrderID, by, fact)
	} else {
		err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
			sql, args := statement(tx)
			res := tx.Exec(sql, args...)
			if res.Error == nil && res.RowsAffected == 0 {
				return models.Errorf(models.Conflict, "flag_over", "This flag is closed, or the time is over: there is nothing to change.")
			}
			if res.Error != nil {
				return res.Error
			}
			return audit.Append(tx, m, audit.Act{By: by.Actor, What: what, Subject: models.AuditSubject{Kind: models.SubjectFlag, ID: id}, Reason: by.Reason, Detail: map[string]any{"code": flag.Code, "connection_id": flag.ConnectionID}})
		})
	}
	if err != nil {
		return flag, err
	}
	return s.orders.Flag(ctx, m, id)
}

// Override lets a person's decision against the machine in. It answers with its id.
func (s *Service) Override(ctx context.Context, m models.MerchantID, orderID models.ID, o models.Override, by orders.By) (models.Override, error) {
	if !database.ValidID(string(orderID)) {
		return o, noOrder()
	}
	var id models.ID
	if _, err := s.apply(ctx, m, orderID, by, orders.OverrideSet{Override: o, ID: &id}); err != nil {
		return o, err
	}
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return o, err
	}
	for _, set := range d.Overrides {
		if set.ID == id {
			return set, nil
		}
	}
	return o, models.Errorf(models.Conflict, "override_lifted", "Somebody has lifted this decision already.")
}

// LiftOverride takes a person's decision back.
func (s *Service) LiftOverride(ctx context.Context, m models.MerchantID, orderID, id models.ID, by orders.By) error {
	if !database.ValidID(string(orderID)) {
		return noOrder()
	}
	_, err := s.apply(ctx, m, orderID, by, orders.OverrideLifted{ID: id})
	return err
}
