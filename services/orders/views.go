package orders

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

// maxViews is how many views a merchant may save.
const maxViews = 50

// Views lists a merchant's saved views by name.
func (s *Service) Views(ctx context.Context, m models.MerchantID) ([]models.SavedView, error) {
	views := []models.SavedView{}
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Where("merchant_id = ?", m).Order("lower(name), name").Find(&views).Error
	}); err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	return views, nil
}

// SaveView keeps a query under a name. It answers Conflict when the name is taken, or when there are too many already.
func (s *Service) SaveView(ctx context.Context, m models.MerchantID, name, query string, actor models.Actor) (v models.SavedView, err error) {
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		// Two that are saved at once must not both be the last that is allowed.
		if err := tx.Exec("SELECT 1 FROM merchants WHERE id = ? FOR NO KEY UPDATE", m).Error; err != nil {
			return err
		}
		var n int
		if err := tx.Raw("SELECT count(*) FROM saved_views WHERE merchant_id = ?", m).Row().Scan(&n); err != nil {
			return err
		}
		if n >= maxViews {
			return models.Errorf(models.Conflict, "too_many_views", "There are %d saved views already. Delete one first.", n)
		}
		v = models.SavedView{MerchantID: m, ID: database.NewID(), Name: name, Query: query, CreatedAt: tx.Now}
		if err := tx.Create(&v).Error; err != nil {
			return err
		}
		return enterView(tx, models.ActViewMade, v, actor)
	})
	return v, err
}

// ReplaceView changes a view's name and query. It answers NotFound and Conflict.
func (s *Service) ReplaceView(ctx context.Context, m models.MerchantID, id models.ID, name, query string, actor models.Actor) (v models.SavedView, err error) {
	if !database.ValidID(string(id)) {
		return v, noView()
	}
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		res := tx.Raw("UPDATE saved_views SET name = ?, query = ? WHERE merchant_id = ? AND id = ? RETURNING *", name, query, m, id).Scan(&v)
		if res.Error == nil && v.ID == "" {
			return noView()
		}
		if res.Error != nil {
			return res.Error
		}
		return enterView(tx, models.ActViewChanged, v, actor)
	})
	return v, err
}

// DeleteView removes a view. It answers NotFound.
func (s *Service) DeleteView(ctx context.Context, m models.MerchantID, id models.ID, actor models.Actor) error {
	if !database.ValidID(string(id)) {
		return noView()
	}
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		var v models.SavedView
		res := tx.Raw("DELETE FROM saved_views WHERE merchant_id = ? AND id = ? RETURNING *", m, id).Scan(&v)
		if res.Error == nil && v.ID == "" {
			return noView()
		}
		if res.Error != nil {
			return res.Error
		}
		return enterView(tx, models.ActViewRemoved, v, actor)
	})
}

// enterView enters what was done to a view. Its query may hold what a person searched for, a buyer's name among it: it is left out.
func enterView(tx database.Tx, what models.Act, v models.SavedView, actor models.Actor) error {
	return audit.Append(tx, v.MerchantID, audit.Act{By: actor, What: what, Subject: models.AuditSubject{Kind: models.SubjectView, ID: v.ID}, Detail: map[string]any{"name": v.Name}})
}

func noView() error {
	return models.Errorf(models.NotFound, "view_not_found", "There is no such view.")
}
