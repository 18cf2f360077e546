package ordersync

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

// Map says where a variant of a store is bought, and lets the orders that wait for it know. A mapping with an id replaces
// that mapping; the variant and rank of a mapping do not change.
func (s *Service) Map(ctx context.Context, m models.MerchantID, mp models.ProductMapping, actor models.Actor) (models.ProductMapping, error) {
	store, err := s.accounts.Connection(ctx, m, mp.StoreID)
	if err != nil || store.Platform != models.Wix {
		return mp, models.Errorf(models.NotFound, "store_not_found", "There is no such store.")
	}
	mp.MerchantID = m
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		mp.UpdatedAt = tx.Now
		what := models.ActMappingChanged
		if mp.ID == "" {
			what = models.ActMappingMade
			mp.ID, mp.CreatedAt = database.NewID(), tx.Now
			if err := tx.Create(&mp).Error; err != nil {
				return fmt.Errorf("add mapping: %w", err)
			}
		} else {
			res := tx.Model(&models.ProductMapping{}).Where("merchant_id = ? AND id = ?", m, mp.ID).
				Select("role", "title", "supplier_product_id", "supplier_sku_id", "supplier_sku_attr", "supplier_store_id", "supplier_store_name",
					"shipping_service", "price_cap_minor", "price_cap_currency", "updated_at").Updates(&mp)
			if res.Error != nil {
				return fmt.Errorf("change mapping %s: %w", mp.ID, res.Error)
			}
			if res.RowsAffected == 0 {
				return noMapping()
			}
		}
		return remapped(tx, what, mp, actor)
	})
	return mp, err
}

// remapped lets the orders that wait for a mapping know, and enters what was done to it.
func remapped(tx database.Tx, what models.Act, mp models.ProductMapping, actor models.Actor) error {
	if err := tx.Enqueue(RemapArgs{mp.MerchantID, mp.StoreID, mp.VariantKey, actor}); err != nil {
		return err
	}
	return audit.Append(tx, mp.MerchantID, audit.Act{By: actor, What: what, Subject: models.AuditSubject{Kind: models.SubjectMapping, ID: mp.ID}, Detail: map[string]any{
		"store_id": mp.StoreID, "variant_key": mp.VariantKey, "rank": mp.Rank, "role": mp.Role, "supplier_product_id": mp.SupplierProductID, "supplier_sku_id": mp.SupplierSKUID,
	}})
}

// Mapping reads one product mapping.
func (s *Service) Mapping(ctx context.Context, m models.MerchantID, id models.ID) (mp models.ProductMapping, err error) {
	if database.ValidID(string(id)) {
		if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return q.Where("merchant_id = ? AND id = ?", m, id).Limit(1).Find(&mp).Error }); err != nil {
			return mp, fmt.Errorf("read mapping: %w", err)
		}
	}
	if mp.ID == "" {
		return mp, noMapping()
	}
	return mp, nil
}

func noMapping() error {
	return models.Errorf(models.NotFound, "mapping_not_found", "There is no such product mapping.")
}

// Mappings lists product mappings in the order of their ids, of one store or variant if given.
func (s *Service) Mappings(ctx context.Context, m models.MerchantID, storeID models.ID, variantKey, cursor string, limit int) (list []models.ProductMapping, next string, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) (err error) {
		q = q.Where("merchant_id = ?", m)
		if storeID != "" {
			q = q.Where("store_id = ?", storeID)
		}
		if variantKey != "" {
			q = q.Where("variant_key = ?", variantKey)
		}
		list, next, err = database.PageByID(q, "id", database.OldestFirst, cursor, limit, func(mp models.ProductMapping) models.ID { return mp.ID })
		return err
	})
	return list, next, err
}

// SupplierProduct reads a product from AliExpress, for a person who maps it: what it costs the account named, or the only one, and how much of it
// there is for a country. One that is not sold any more is Rejected, product_gone.
func (s *Service) SupplierProduct(ctx context.Context, m models.MerchantID, accountID models.ID, productID, country string) (models.SupplierProduct, error) {
	account, err := s.supplierAccount(ctx, m, accountID)
	if err != nil {
		return models.SupplierProduct{}, err
	}
	p, err := call(ctx, s, m, account.ID, models.PurposePerson, func(a models.Access) (models.SupplierProduct, error) {
		return s.supplier.Product(ctx, a, productID, country)
	})
	if err == nil && !p.OnSale {
		return p, models.Errorf(models.Rejected, "product_gone", "AliExpress no longer sells %q.", p.Title)
	}
	return p, err
}

// Unmap removes a product mapping. What has been bought with it stays.
func (s *Service) Unmap(ctx context.Context, m models.MerchantID, id models.ID, actor models.Actor) error {
	mp, err := s.Mapping(ctx, m, id)
	if err != nil {
		return err
	}
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if err := tx.Exec("DELETE FROM product_mappings WHERE merchant_id = ? AND id = ?", m, id).Error; err != nil {
			return err
		}
		return remapped(tx, models.ActMappingRemoved, mp, actor)
	})
}
