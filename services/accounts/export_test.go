package accounts

import (
	"context"

	"waybill/models"
	"waybill/services/database"
)

// SealDirectly seals a connection's tokens as it was done before merchants had keys of their own.
func (s *Service) SealDirectly(ctx context.Context, c models.Connection) error {
	plain, err := s.open(ctx, c)
	if err != nil {
		return err
	}
	sealed := s.sealer.current.seal(plain, place(c.MerchantID, "connections", "credentials", c.ID))
	return s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("UPDATE connections SET credentials = ?, key_id = ? WHERE merchant_id = ? AND id = ?", sealed, s.sealer.current.id, c.MerchantID, c.ID).Error
	})
}
