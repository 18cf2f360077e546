package vault

import (
	"fmt"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
)

// OrderKey is the key of one order. What its buyer's is, is sealed with it; destroying it erases all of that at once, wherever copies
// of the sealed values are. The zero key opens nothing.
type OrderKey struct {
	merchant models.MerchantID
	key      key
}

// StoredOrderKey is an order's key as it is stored: sealed with its merchant's.
type StoredOrderKey struct {
	Sealed []byte
	KeyID  string // of the merchant's key
}

func orderKeyPlace(order models.ID) Place { return Place{"order_keys", "sealed", order} }

// OrderKeyAtOnce is OrderKey without a look into the database: it says whether that is enough, because the merchant's key is in memory.
func (v *Vault) OrderKeyAtOnce(m models.MerchantID, order models.ID, stored StoredOrderKey) (k OrderKey, ok bool, err error) {
	if stored.KeyID == "" {
		return OrderKey{}, true, nil
	}
	merchants, ok := v.remembered(keyName{m, stored.KeyID})
	if !ok {
		return OrderKey{}, false, nil
	}
	raw, err := merchants.open(stored.Sealed, orderKeyPlace(order).of(m))
	if err == nil {
		k.merchant = m
		k.key, err = newKey(string(order), raw)
	}
	if err != nil {
		return OrderKey{}, true, fmt.Errorf("open the key of order %s: %w", order, err)
	}
	return k, true, nil
}

// OrderKey opens an order's key that was read, within a transaction of its merchant's. Where there is none it is the zero key.
func (v *Vault) OrderKey(q *gorm.DB, m models.MerchantID, order models.ID, stored StoredOrderKey) (OrderKey, error) {
	if k, ok, err := v.OrderKeyAtOnce(m, order, stored); ok || err != nil {
		return k, err
	}
	raw, err := v.OpenIn(q, m, orderKeyPlace(order), stored.Sealed, stored.KeyID)
	if err != nil {
		return OrderKey{}, fmt.Errorf("open the key of order %s: %w", order, err)
	}
	k, err := newKey(string(order), raw)
	return OrderKey{m, k}, err
}

// FindOrderKey reads and opens an order's key. It is none where the order has none: a zero key, and no error.
func (v *Vault) FindOrderKey(q *gorm.DB, m models.MerchantID, order models.ID) (OrderKey, error) {
	var found []StoredOrderKey
	if err := q.Raw("SELECT sealed, key_id FROM order_keys WHERE merchant_id = ? AND order_id = ?", m, order).Scan(&found).Error; err != nil {
		return OrderKey{}, fmt.Errorf("read the key of order %s: %w", order, err)
	}
	if len(found) == 0 {
		return OrderKey{}, nil
	}
	return v.OrderKey(q, m, order, found[0])
}

// NewOrderKey makes the key of an order that has none. The caller holds the order's lock.
func (v *Vault) NewOrderKey(tx database.Tx, m models.MerchantID, order models.ID) (OrderKey, error) {
	raw := random()
	sealed, keyID, err := v.Seal(tx, m, orderKeyPlace(order), raw)
	if err != nil {
		return OrderKey{}, err
	}
	err = tx.Exec("INSERT INTO order_keys (merchant_id, order_id, sealed, key_id, created_at) VALUES (?, ?, ?, ?, ?)", m, order, sealed, keyID, tx.Now).Error
	if err != nil {
		return OrderKey{}, fmt.Errorf("add the key of order %s: %w", order, err)
	}
	k, err := newKey(string(order), raw)
	return OrderKey{m, k}, err
}

// Zero reports whether there is no key.
func (k OrderKey) Zero() bool { return k.key.aead == nil }

// Seal seals a value of the order for its place.
func (k OrderKey) Seal(at Place, plain []byte) []byte { return k.key.seal(plain, at.of(k.merchant)) }

// Open opens what Seal has sealed.
func (k OrderKey) Open(at Place, sealed []byte) ([]byte, error) {
	if k.Zero() {
		return nil, fmt.Errorf("what is sealed in %s.%s has lost its key", at.Table, at.Column)
	}
	return k.key.open(sealed, at.of(k.merchant))
}
