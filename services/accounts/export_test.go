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
	sealed, keyID := s.vault.Sealer().SealOf(c.MerchantID, plain, placeOf(c))
	return s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("UPDATE connections SET credentials = ?, key_id = ? WHERE merchant_id = ? AND id = ?", sealed, keyID, c.MerchantID, c.ID).Error
	})
}
