package ordersync

import (
	"context"
	"encoding/json"
	"strconv"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

// DeadLetters lists a merchant's jobs that were given up, newest first: each with its reason, to be replayed when that is mended.
// Nothing is lost with them: what is owed stands in the tables, and a dead message's order is found by the next sweep.
func (s *Service) DeadLetters(ctx context.Context, m models.MerchantID, before int64, limit int) (list []models.DeadLetter, next int64, err error) {
	list, err = s.db.DeadLetters(ctx, m, before, limit+1)
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, err
}

// Replay has dead letters worked again, and says which were. Asking twice does nothing more: a letter that lives again is none.
func (s *Service) Replay(ctx context.Context, m models.MerchantID, ids []int64, actor models.Actor) (revived []models.DeadLetter, err error) {
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if revived, err = tx.Revive(m, ids); err != nil {
			return err
		}
		for _, j := range revived {
			if j.Kind != (ReceiveArgs{}).Kind() {
				continue
			}
			var a ReceiveArgs
			if err := json.Unmarshal(j.Args, &a); err != nil {
				return err
			}
			err := tx.Exec("UPDATE inbox SET died_at = NULL WHERE merchant_id = ? AND platform = ? AND event_id = ?", m, a.Platform, a.EventID).Error
			if err != nil {
				return err
			}
		}
		return audit.Append(tx, m, audit.Act{By: actor, What: models.ActDeadLettersReplayed, Subject: models.AuditSubject{Kind: models.SubjectWork}, Detail: map[string]any{"asked": len(ids), "replayed": revivedIDs(revived)}})
	})
	return revived, err
}

func revivedIDs(letters []models.DeadLetter) []string {
	ids := make([]string, len(letters))
	for i, l := range letters {
		ids[i] = strconv.FormatInt(l.ID, 10)
	}
	return ids
}
