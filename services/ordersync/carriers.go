package ordersync

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

// carriersLimit keeps a merchant's rules few: every order is read under all of them.
const carriersLimit = 300

// Carriers lists a merchant's own rules about carriers, by name.
func (s *Service) Carriers(ctx context.Context, m models.MerchantID) ([]models.Carrier, error) {
	list := []models.Carrier{}
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return q.Where("merchant_id = ?", m).Order("key").Find(&list).Error }); err != nil {
		return nil, fmt.Errorf("list carriers: %w", err)
	}
	return list, nil
}

// PutCarrier says how stores are told of a carrier. What open orders have told already is told again, in place.
func (s *Service) PutCarrier(ctx context.Context, m models.MerchantID, c models.Carrier, actor models.Actor) (models.Carrier, error) {
	c.MerchantID, c.Key = m, models.CarrierKey(c.Name)
	if reason := models.CheckCarrierLink(c.Link); reason != "" {
		return c, badCarrier("/link", reason)
	}
	if c.Link == "" && !models.StoreBuildsLink(c.Provider) {
		return c, badCarrier("/link", "is required: the store builds a link for fedex, ups, usps and dhl only")
	}
	err := s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		var others int64
		if err := tx.Raw("SELECT count(*) FROM carriers WHERE merchant_id = ? AND key <> ?", m, c.Key).Scan(&others).Error; err != nil {
			return err
		}
		if others >= carriersLimit {
			return models.Errorf(models.Conflict, "too_many_carriers", "There are %d carriers already, and no more are kept. Remove one first.", others)
		}
		c.CreatedAt, c.UpdatedAt = tx.Now, tx.Now
		err := tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "merchant_id"}, {Name: "key"}}, DoUpdates: clause.AssignmentColumns([]string{"name", "provider", "link", "updated_at"}),
		}).Create(&c).Error
		if err != nil {
			return fmt.Errorf("keep carrier %q: %w", c.Name, err)
		}
		if err := tx.Enqueue(RerollArgs{MerchantID: m, Actor: actor}); err != nil {
			return err
		}
		return audit.Append(tx, m, audit.Act{
			By: actor, What: models.ActCarrierChanged, Subject: models.AuditSubject{Kind: models.SubjectCarrier, ID: models.ID(c.Key)}, Detail: map[string]any{"name": c.Name, "provider": c.Provider, "link": c.Link},
		})
	})
	return c, err
}

func badCarrier(pointer, reason string) error {
	e := models.Errorf(models.Invalid, "validation_failed", "This is no way to tell stores of a carrier.")
	e.Fields = []models.FieldError{{Pointer: pointer, Reason: reason}}
	return e
}

// DeleteCarrier takes a merchant's own rule away: the built-in one holds again.
func (s *Service) DeleteCarrier(ctx context.Context, m models.MerchantID, name string, actor models.Actor) error {
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec("DELETE FROM carriers WHERE merchant_id = ? AND key = ?", m, models.CarrierKey(name))
		if res.Error == nil && res.RowsAffected == 0 {
			return models.Errorf(models.NotFound, "carrier_not_found", "There is no carrier of your own called %q.", name)
		}
		if res.Error != nil {
			return res.Error
		}
		if err := tx.Enqueue(RerollArgs{MerchantID: m, Actor: actor}); err != nil {
			return err
		}
		return audit.Append(tx, m, audit.Act{
			By: actor, What: models.ActCarrierRemoved, Subject: models.AuditSubject{Kind: models.SubjectCarrier, ID: models.ID(models.CarrierKey(name))}, Detail: map[string]any{"name": name},
		})
	})
}
