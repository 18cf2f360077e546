package vault

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

// Vault seals what belongs to merchants. Each has a random key of its own, which is stored sealed with the program's: to change the
// program's key only these are sealed anew.
type Vault struct {
	db     *database.DB
	sealer *Sealer

	mu     sync.Mutex
	opened map[keyName]openedKey
}

// keyName names a key of a merchant; without an id the one that seals.
type keyName struct {
	merchant models.MerchantID
	id       string
}

type openedKey struct {
	key   key
	until time.Time
}

const (
	keyKept  = 5 * time.Minute // in memory, opened
	keysKept = 4096            // at most; about 2 MB
)

// New makes the vault.
func New(db *database.DB, sealer *Sealer) *Vault {
	return &Vault{db: db, sealer: sealer, opened: map[keyName]openedKey{}}
}

// Place is where a sealed value is stored: it opens nowhere else.
type Place struct {
	Table, Column string
	Row           models.ID
}

func (p Place) of(m models.MerchantID) []byte { return place(m, p.Table, p.Column, p.Row) }

// Seal seals what is a merchant's for its place, and names the key that did.
func (v *Vault) Seal(tx database.Tx, m models.MerchantID, at Place, plain []byte) (sealed []byte, keyID string, err error) {
	k, err := v.current(tx, m)
	if err != nil {
		return nil, "", err
	}
	return k.seal(plain, at.of(m)), k.id, nil
}

// SealAtOnce is Seal without a look into the database: it says whether the merchant's key is in memory.
func (v *Vault) SealAtOnce(m models.MerchantID, at Place, plain []byte) (sealed []byte, keyID string, ok bool) {
	k, ok := v.remembered(keyName{merchant: m})
	if !ok {
		return nil, "", false
	}
	return k.seal(plain, at.of(m)), k.id, true
}

// Open opens what Seal has sealed with the key that it named. It is not for the inside of a transaction: see OpenIn.
func (v *Vault) Open(ctx context.Context, m models.MerchantID, at Place, sealed []byte, keyID string) (plain []byte, err error) {
	if k, ok := v.remembered(keyName{m, keyID}); ok {
		return k.open(sealed, at.of(m))
	}
	err = v.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		plain, err = v.OpenIn(q, m, at, sealed, keyID)
		return err
	})
	return plain, err
}

// OpenIn is Open within a transaction of the merchant's.
func (v *Vault) OpenIn(q *gorm.DB, m models.MerchantID, at Place, sealed []byte, keyID string) ([]byte, error) {
	k, err := v.named(q, m, keyID)
	if err != nil {
		return nil, err
	}
	return k.open(sealed, at.of(m))
}

// storedKey is a merchant's key as it is stored.
type storedKey struct {
	MerchantID models.MerchantID
	ID         models.ID
	Sealed     []byte
	KeyID      string // the program's key that sealed it
	CreatedAt  time.Time
}

const readKeys = "SELECT merchant_id, id, sealed, key_id, created_at FROM merchant_keys "

func (k storedKey) place() []byte { return place(k.MerchantID, "merchant_keys", "sealed", k.ID) }

func (v *Vault) openKey(k storedKey) (key, error) {
	raw, err := v.sealer.open(k.KeyID, k.Sealed, k.place())
	if err != nil {
		return key{}, fmt.Errorf("open key %s of merchant %s: %w", k.ID, k.MerchantID, err)
	}
	return newKey(string(k.ID), raw)
}

// current gives the key to seal a merchant's data with, and makes one the first time. Two that are made at once are both good: each
// sealed value names its own.
func (v *Vault) current(tx database.Tx, m models.MerchantID) (key, error) {
	if k, ok := v.remembered(keyName{merchant: m}); ok {
		return k, nil
	}
	var found []storedKey
	if err := tx.Raw(readKeys+"WHERE merchant_id = ? ORDER BY id DESC LIMIT 1", m).Scan(&found).Error; err != nil {
		return key{}, fmt.Errorf("read the key of merchant %s: %w", m, err)
	}
	if len(found) == 1 {
		k, err := v.openKey(found[0])
		if err == nil && found[0].CreatedAt.Before(tx.Now) { // one of this very transaction may never be committed
			v.remember(keyName{merchant: m}, k)
			v.remember(keyName{m, k.id}, k)
		}
		return k, err
	}
	raw := random()
	made := storedKey{MerchantID: m, ID: database.NewID(), KeyID: v.sealer.current.id}
	made.Sealed = v.sealer.current.seal(raw, made.place())
	err := tx.Exec("INSERT INTO merchant_keys (merchant_id, id, sealed, key_id, created_at) VALUES (?, ?, ?, ?, ?)", m, made.ID, made.Sealed, made.KeyID, tx.Now).Error
	if err != nil {
		return key{}, fmt.Errorf("add a key of merchant %s: %w", m, err)
	}
	return newKey(string(made.ID), raw)
}

func random() []byte {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return raw
}

// named finds one of a merchant's keys.
func (v *Vault) named(q *gorm.DB, m models.MerchantID, id string) (key, error) {
	if k, ok := v.remembered(keyName{m, id}); ok {
		return k, nil
	}
	var found []storedKey
	if err := q.Raw(readKeys+"WHERE merchant_id = ? AND id = ?", m, id).Scan(&found).Error; err != nil {
		return key{}, fmt.Errorf("read key %s of merchant %s: %w", id, m, err)
	}
	if len(found) == 0 {
		return key{}, fmt.Errorf("the merchant has no key %s", id)
	}
	k, err := v.openKey(found[0])
	if err == nil {
		v.remember(keyName{m, id}, k)
	}
	return k, err
}

func (v *Vault) remembered(n keyName) (key, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	o, ok := v.opened[n]
	return o.key, ok && time.Now().Before(o.until)
}

func (v *Vault) remember(n keyName, k key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.opened) >= keysKept {
		clear(v.opened)
	}
	v.opened[n] = openedKey{k, time.Now().Add(keyKept)}
}

// Sealer is the program's keys.
func (v *Vault) Sealer() *Sealer { return v.sealer }

const (
	rotateBatch = 200
	noID        = "00000000-0000-0000-0000-000000000000"
)

// RotateKeys goes once through the merchants' keys that another key of the program's has sealed, and seals them with the current one.
// It tells how many there were so far.
func (v *Vault) RotateKeys(ctx context.Context, tell func(sealed int)) (sealed int, err error) {
	last := storedKey{MerchantID: noID, ID: noID}
	for {
		var batch []storedKey
		err := v.db.Across(ctx, func(q *gorm.DB) error {
			return q.Raw(readKeys+"WHERE key_id <> ? AND (merchant_id, id) > (?, ?) ORDER BY merchant_id, id LIMIT ?",
				v.sealer.current.id, last.MerchantID, last.ID, rotateBatch).Scan(&batch).Error
		})
		if err != nil || len(batch) == 0 {
			return sealed, err
		}
		for _, k := range batch {
			moved, err := v.rotateKey(ctx, k)
			if err != nil {
				return sealed, err
			}
			sealed += moved
		}
		last = batch[len(batch)-1]
		tell(sealed)
	}
}

func (v *Vault) rotateKey(ctx context.Context, k storedKey) (moved int, err error) {
	raw, err := v.sealer.open(k.KeyID, k.Sealed, k.place())
	if err != nil {
		return 0, fmt.Errorf("open key %s of merchant %s: %w", k.ID, k.MerchantID, err)
	}
	err = v.db.Of(k.MerchantID).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec("UPDATE merchant_keys SET sealed = ?, key_id = ? WHERE merchant_id = ? AND id = ? AND sealed = ?",
			v.sealer.current.seal(raw, k.place()), v.sealer.current.id, k.MerchantID, k.ID, k.Sealed)
		moved = int(res.RowsAffected)
		if res.Error != nil || moved == 0 {
			return res.Error
		}
		return audit.Append(tx, k.MerchantID, audit.Act{
			By: models.ActorOperator, What: models.ActSecretsRotated, Subject: models.AuditSubject{Kind: models.SubjectSecrets, ID: k.ID}, Detail: map[string]any{"from": k.KeyID, "to": v.sealer.current.id},
		})
	})
	if err != nil {
		return 0, fmt.Errorf("store key %s of merchant %s: %w", k.ID, k.MerchantID, err)
	}
	return moved, nil
}
