package orders

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/vault"
)

// What an order holds of its buyer is sealed with the order's own key, but for what lists show and searches look for: the name, the
// e-mail address and the country. Erasing destroys the key.

// buyer is what is sealed of a buyer, beside the payload and the frozen purchases.
type buyer struct {
	Recipient   models.Address    `json:"recipient"`
	Note        string            `json:"note,omitempty"`
	CustomTexts map[string]string `json:"custom_texts,omitempty"` // by line
}

// fill puts into facts what their rows do not hold.
func (b buyer) fill(f *models.Facts) {
	f.Order.BuyerNote = b.Note
	for i := range f.Lines {
		f.Lines[i].CustomText = b.CustomTexts[f.Lines[i].LineID]
	}
}

func buyerOf(to models.Address, f models.Facts) buyer {
	b := buyer{Recipient: to, Note: f.Order.BuyerNote, CustomTexts: map[string]string{}}
	for _, l := range f.Lines {
		if l.CustomText != "" {
			b.CustomTexts[l.LineID] = l.CustomText
		}
	}
	return b
}

// known is what is kept of an order's buyer.
type known struct {
	buyer
	Now             time.Time       // by the database's clock
	Any             bool            // anything is
	Plain           bool            // it is not sealed yet
	PurchaseAddress *models.Address // nil: none
	key             vault.OrderKey
}

func payloadPlace(column string, order models.ID) vault.Place {
	return vault.Place{Table: "order_payloads", Column: column, Row: order}
}

func requestPlace(supplierOrder models.ID) vault.Place {
	return vault.Place{Table: "supplier_orders", Column: "sealed_request", Row: supplierOrder}
}

func answerPlace(supplierOrder models.ID, epoch int) vault.Place {
	return vault.Place{Table: "placement_attempts", Column: "sealed_answer", Row: supplierOrder + "/" + models.ID(strconv.Itoa(epoch))}
}

// buyerRow is what is stored of an order's buyer, sealed or from before there was sealing, and the key.
type buyerRow struct {
	sealedBuyer, sealedPurchaseAddress, keySealed []byte
	keyID, recipient, purchaseAddress, texts      *string
	note                                          string
	now                                           time.Time
}

func (r *buyerRow) ask(m models.MerchantID, order models.ID) database.Ask {
	return database.Ask{
		SQL: `SELECT clock_timestamp(), p.sealed_buyer, p.sealed_purchase_address, p.recipient::text, p.purchase_address::text, k.sealed, k.key_id::text, o.buyer_note,
				CASE WHEN p.sealed_buyer IS NULL THEN (SELECT json_object_agg(l.line_id, l.custom_text) FROM order_lines l WHERE l.merchant_id = o.merchant_id AND l.order_id = o.id AND l.custom_text <> '')::text END
			FROM orders o LEFT JOIN order_payloads p ON p.merchant_id = o.merchant_id AND p.order_id = o.id
			LEFT JOIN order_keys k ON k.merchant_id = o.merchant_id AND k.order_id = o.id WHERE o.merchant_id = $1 AND o.id = $2`,
		Args: []any{string(m), string(order)},
		Row: func(scan func(...any) error) error {
			return scan(&r.now, &r.sealedBuyer, &r.sealedPurchaseAddress, &r.recipient, &r.purchaseAddress, &r.keySealed, &r.keyID, &r.note, &r.texts)
		},
	}
}

// readBuyer reads what is kept of an order's buyer.
func (s *Service) readBuyer(tx database.Tx, m models.MerchantID, order models.ID) (known, error) {
	var row buyerRow
	if err := tx.Ask(row.ask(m, order)); err != nil {
		return known{}, fmt.Errorf("read the buyer of order %s: %w", order, database.Err(err))
	}
	key, err := s.vault.OrderKey(tx.DB, m, order, row.stored())
	if err != nil {
		return known{}, err
	}
	return row.open(key, order)
}

// stored is the order's key as it is stored; zero where it has none.
func (r *buyerRow) stored() vault.StoredOrderKey {
	if r.keyID == nil {
		return vault.StoredOrderKey{}
	}
	return vault.StoredOrderKey{Sealed: r.keySealed, KeyID: *r.keyID}
}

// open opens what was read with the order's key.
func (r *buyerRow) open(key vault.OrderKey, order models.ID) (k known, err error) {
	k.key = key
	sealed := func(column string, value []byte, into any) {
		var plain []byte
		if err == nil && value != nil {
			if plain, err = k.key.Open(payloadPlace(column, order), value); err == nil {
				err = json.Unmarshal(plain, into)
			}
		}
	}
	plain := func(value *string, into any) {
		if err == nil && value != nil {
			err = json.Unmarshal([]byte(*value), into)
		}
	}
	k.Now = r.now
	k.Any, k.Plain = r.sealedBuyer != nil || r.recipient != nil, r.sealedBuyer == nil && r.recipient != nil
	if k.Plain {
		plain(r.recipient, &k.Recipient)
		plain(r.texts, &k.CustomTexts)
		k.Note = r.note
	}
	plain(r.purchaseAddress, &k.PurchaseAddress)
	sealed("sealed_buyer", r.sealedBuyer, &k.buyer)
	sealed("sealed_purchase_address", r.sealedPurchaseAddress, &k.PurchaseAddress)
	if err != nil {
		return k, fmt.Errorf("read the buyer of order %s: %w", order, err)
	}
	return k, nil
}

// orderKey gives the key of the order, and makes one the first time. It is not asked for once the buyer is erased.
func (c *change) orderKey() (vault.OrderKey, error) {
	if !c.key.Zero() {
		return c.key, nil
	}
	m, id := c.result.MerchantID, c.result.OrderID
	if c.facts.Order.ErasedAt != nil {
		return c.key, buyerErased()
	}
	var err error
	if !c.result.Created {
		c.key, err = c.service.vault.FindOrderKey(c.tx.DB, m, id)
	}
	if err == nil && c.key.Zero() {
		c.key, err = c.service.vault.NewOrderKey(c.tx, m, id)
	}
	return c.key, err
}

func buyerErased() error {
	return models.Errorf(models.Conflict, models.CodeBuyerErased, "The buyer's data of this order was erased.")
}

// keepBuyer writes what a snapshot tells of the buyer.
func (c *change) keepBuyer() error {
	key, err := c.orderKey()
	if err != nil {
		return err
	}
	id := c.result.OrderID
	payload := key.Seal(payloadPlace("sealed_payload", id), c.payload.Payload)
	about := key.Seal(payloadPlace("sealed_buyer", id), []byte(asJSON(buyerOf(c.payload.Recipient, c.facts))))
	err = c.tx.Exec(`INSERT INTO order_payloads (merchant_id, order_id, sealed_payload, sealed_buyer, seen_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (merchant_id, order_id) DO UPDATE SET sealed_payload = excluded.sealed_payload, sealed_buyer = excluded.sealed_buyer, seen_at = excluded.seen_at`,
		c.result.MerchantID, id, payload, about, c.tx.Now).Error
	if err != nil {
		return fmt.Errorf("keep the payload of order %s: %w", id, err)
	}
	return nil
}

// keepPurchaseAddress writes the address for the purchase only; none where it says nothing.
func (c *change) keepPurchaseAddress() error {
	var sealed []byte
	if *c.address != (models.Address{}) {
		key, err := c.orderKey()
		if err != nil {
			return err
		}
		sealed = key.Seal(payloadPlace("sealed_purchase_address", c.result.OrderID), []byte(asJSON(*c.address)))
	}
	err := c.tx.Exec("UPDATE order_payloads SET sealed_purchase_address = ?, purchase_address = NULL WHERE merchant_id = ? AND order_id = ?", sealed, c.result.MerchantID, c.result.OrderID).Error
	if err != nil {
		return fmt.Errorf("keep the purchase address of order %s: %w", c.result.OrderID, err)
	}
	return nil
}

// openRequest reads a frozen purchase.
func (c *change) openRequest(s models.SupplierOrder) (raw []byte, err error) {
	if s.Request == nil { // from before there was sealing
		err = c.tx.Raw("SELECT request FROM supplier_orders WHERE merchant_id = ? AND id = ?", s.MerchantID, s.ID).Row().Scan(&raw)
		return raw, err
	}
	key, err := c.orderKey()
	if err != nil {
		return nil, err
	}
	return key.Open(requestPlace(s.ID), s.Request)
}

// sealPlain seals what an order holds of its buyer from before there was sealing. The caller holds the order's lock. It gives the key, and
// the purchases as they are sealed now.
func (s *Service) sealPlain(tx database.Tx, m models.MerchantID, id models.ID, k known) (key vault.OrderKey, requests map[models.ID][]byte, err error) {
	if key = k.key; key.Zero() {
		if key, err = s.vault.NewOrderKey(tx, m, id); err != nil {
			return key, nil, err
		}
	}
	var payload string
	if err := tx.Raw("SELECT coalesce(payload::text, '{}') FROM order_payloads WHERE merchant_id = ? AND order_id = ?", m, id).Row().Scan(&payload); err != nil {
		return key, nil, fmt.Errorf("read the payload of order %s: %w", id, err)
	}
	var address []byte
	if k.PurchaseAddress != nil {
		address = key.Seal(payloadPlace("sealed_purchase_address", id), []byte(asJSON(*k.PurchaseAddress)))
	}
	err = tx.Exec(`UPDATE order_payloads SET payload = NULL, recipient = NULL, purchase_address = NULL, sealed_payload = ?, sealed_buyer = ?, sealed_purchase_address = ? WHERE merchant_id = ? AND order_id = ?`,
		key.Seal(payloadPlace("sealed_payload", id), []byte(payload)), key.Seal(payloadPlace("sealed_buyer", id), []byte(asJSON(k.buyer))), address, m, id).Error
	if err != nil {
		return key, nil, fmt.Errorf("seal the payload of order %s: %w", id, err)
	}
	if requests, err = sealPurchases(tx, m, id, key); err != nil {
		return key, nil, fmt.Errorf("seal the purchases of order %s: %w", id, err)
	}
	if err := tx.Exec("UPDATE orders SET buyer_note = '' WHERE merchant_id = ? AND id = ? AND buyer_note <> ''", m, id).Error; err != nil {
		return key, nil, err
	}
	return key, requests, tx.Exec("UPDATE order_lines SET custom_text = '' WHERE merchant_id = ? AND order_id = ? AND custom_text <> ''", m, id).Error
}

func sealPurchases(tx database.Tx, m models.MerchantID, id models.ID, key vault.OrderKey) (sealed map[models.ID][]byte, err error) {
	var requests []struct {
		ID      models.ID
		Request []byte
	}
	if err := tx.Raw("SELECT id, request FROM supplier_orders WHERE merchant_id = ? AND order_id = ? AND request IS NOT NULL", m, id).Scan(&requests).Error; err != nil {
		return nil, err
	}
	sealed = map[models.ID][]byte{}
	for _, r := range requests {
		sealed[r.ID] = key.Seal(requestPlace(r.ID), r.Request)
		err := tx.Exec("UPDATE supplier_orders SET request = NULL, sealed_request = coalesce(sealed_request, ?) WHERE merchant_id = ? AND id = ?", sealed[r.ID], m, r.ID).Error
		if err != nil {
			return nil, err
		}
	}
	var answers []struct {
		SupplierOrderID models.ID
		Epoch           int
		Answer          []byte
	}
	err = tx.Raw(`SELECT a.supplier_order_id, a.epoch, a.answer FROM placement_attempts a JOIN supplier_orders s ON s.merchant_id = a.merchant_id AND s.id = a.supplier_order_id
		WHERE s.merchant_id = ? AND s.order_id = ? AND a.answer IS NOT NULL`, m, id).Scan(&answers).Error
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		err := tx.Exec("UPDATE placement_attempts SET answer = NULL, sealed_answer = ? WHERE merchant_id = ? AND supplier_order_id = ? AND epoch = ?",
			key.Seal(answerPlace(a.SupplierOrderID, a.Epoch), a.Answer), m, a.SupplierOrderID, a.Epoch).Error
		if err != nil {
			return nil, err
		}
	}
	return sealed, nil
}
