package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

// Each merchant has a random key of its own, and what is his is sealed with it. That key is stored, sealed with the program's: to
// change the program's key only these are sealed anew, and where one of them is destroyed, all that it sealed is.

// storedKey is a merchant's key as it is stored.
type storedKey struct {
	MerchantID models.MerchantID
	ID         models.ID
	Sealed     []byte
	KeyID      string // the program's key that sealed it
}

const readKeys = "SELECT merchant_id, id, sealed, key_id FROM merchant_keys "

func (k storedKey) place() []byte { return place(k.MerchantID, "merchant_keys", "sealed", k.ID) }

func (s *Sealer) openKey(k storedKey) (key, error) {
	raw, err := s.open(k.KeyID, k.Sealed, k.place())
	if err != nil {
		return key{}, fmt.Errorf("open key %s of merchant %s: %w", k.ID, k.MerchantID, err)
	}
	return newKey(string(k.ID), raw)
}

// merchantKey gives the key to seal a merchant's secrets with, and makes one the first time. Two that are made at once are both
// good: each sealed value names its own.
func (s *Service) merchantKey(tx database.Tx, m models.MerchantID) (key, error) {
	var found []storedKey
	if err := tx.Raw(readKeys+"WHERE merchant_id = ? ORDER BY id DESC LIMIT 1", m).Scan(&found).Error; err != nil {
		return key{}, fmt.Errorf("read the key of merchant %s: %w", m, err)
	}
	if len(found) == 1 {
		return s.sealer.openKey(found[0])
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	made := storedKey{MerchantID: m, ID: database.NewID(), KeyID: s.sealer.current.id}
	made.Sealed = s.sealer.current.seal(raw, made.place())
	err := tx.Exec("INSERT INTO merchant_keys (merchant_id, id, sealed, key_id, created_at) VALUES (?, ?, ?, ?, ?)", m, made.ID, made.Sealed, made.KeyID, tx.Now).Error
	if err != nil {
		return key{}, fmt.Errorf("add a key of merchant %s: %w", m, err)
	}
	return newKey(string(made.ID), raw)
}

// Place is where a sealed value is stored: it opens nowhere else.
type Place struct {
	Table, Column string
	Row           models.ID
}

// Seal seals a merchant's secret for its place, and names the key that did.
func (s *Service) Seal(tx database.Tx, m models.MerchantID, at Place, secret models.Secret) (sealed []byte, keyID string, err error) {
	k, err := s.merchantKey(tx, m)
	if err != nil {
		return nil, "", err
	}
	return k.seal([]byte(secret.Reveal()), place(m, at.Table, at.Column, at.Row)), k.id, nil
}

// Open opens what Seal has sealed with the key that it named.
func (s *Service) Open(ctx context.Context, m models.MerchantID, at Place, sealed []byte, keyID string) (models.Secret, error) {
	k, err := s.namedKey(ctx, m, keyID)
	if err != nil {
		return "", err
	}
	plain, err := k.open(sealed, place(m, at.Table, at.Column, at.Row))
	return models.Secret(plain), err
}

// namedKey finds one of a merchant's keys.
func (s *Service) namedKey(ctx context.Context, m models.MerchantID, id string) (key, error) {
	var found []storedKey
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(readKeys+"WHERE merchant_id = ? AND id = ?", m, id).Scan(&found).Error
	}); err != nil {
		return key{}, err
	}
	if len(found) == 0 {
		return key{}, fmt.Errorf("the merchant has no key %s", id)
	}
	return s.sealer.openKey(found[0])
}

// open opens a connection's tokens with the key that it names: its merchant's or, for what was sealed before merchants had
// any, the program's.
func (s *Service) open(ctx context.Context, c models.Connection) ([]byte, error) {
	where := place(c.MerchantID, "connections", "credentials", c.ID)
	if !database.ValidID(c.KeyID) {
		return s.sealer.open(c.KeyID, c.Credentials, where)
	}
	k, err := s.namedKey(ctx, c.MerchantID, c.KeyID)
	if err != nil {
		return nil, err
	}
	return k.open(c.Credentials, where)
}

// Tokens that were sealed with the program's key name it by 8 characters; a merchant's key is named by its id.
const directly = "credentials IS NOT NULL AND length(key_id) < 36"

// CheckKeys finds out whether the keys that were given open all that is sealed. The error names those that are missing.
func (s *Service) CheckKeys(ctx context.Context) error {
	var missing []string
	err := s.db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT DISTINCT key_id FROM merchant_keys WHERE key_id NOT IN ? UNION SELECT DISTINCT key_id FROM connections WHERE `+directly+` AND key_id NOT IN ?`,
			s.sealer.ids(), s.sealer.ids()).Scan(&missing).Error
	})
	if err != nil {
		return fmt.Errorf("look for keys that are missing: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the database holds tokens that were sealed with the key %s, and the keys that were given are %s (a key's name is the beginning of its SHA-256)",
			strings.Join(missing, ", "), strings.Join(s.sealer.ids(), ", "))
	}
	return nil
}

// Rotated counts what was sealed anew.
type Rotated struct {
	Keys   int // of merchants, sealed with the current key
	Tokens int // of connections, sealed with their merchant's key
}

// Rotate seals with the current key what is sealed with another. It may be stopped and begun again, and the program may run
// meanwhile. It changes nothing when a key is missing.
func (s *Service) Rotate(ctx context.Context, tell func(Rotated)) (Rotated, error) {
	var all Rotated
	if err := s.CheckKeys(ctx); err != nil {
		return all, err
	}
	for {
		keys, err := s.rotateKeys(ctx, &all, tell)
		if err != nil {
			return all, err
		}
		tokens, err := s.rotateTokens(ctx, &all, tell)
		if err != nil {
			return all, err
		}
		if keys+tokens == 0 { // again until nothing is left: others may have sealed meanwhile, or held a connection's lease
			return all, nil
		}
		select {
		case <-ctx.Done():
			return all, ctx.Err()
		case <-time.After(rotateAgain):
		}
	}
}

const (
	rotateBatch = 200
	rotateAgain = 100 * time.Millisecond
	noID        = "00000000-0000-0000-0000-000000000000"
)

// rotateKeys goes once through the merchants' keys that another key has sealed, and says how many it found.
func (s *Service) rotateKeys(ctx context.Context, all *Rotated, tell func(Rotated)) (found int, err error) {
	last := storedKey{MerchantID: noID, ID: noID}
	for {
		var batch []storedKey
		err := s.db.Across(ctx, func(q *gorm.DB) error {
			return q.Raw(readKeys+"WHERE key_id <> ? AND (merchant_id, id) > (?, ?) ORDER BY merchant_id, id LIMIT ?",
				s.sealer.current.id, last.MerchantID, last.ID, rotateBatch).Scan(&batch).Error
		})
		if err != nil || len(batch) == 0 {
			return found, err
		}
		for _, k := range batch {
			raw, err := s.sealer.open(k.KeyID, k.Sealed, k.place())
			if err != nil {
				return found, fmt.Errorf("open key %s of merchant %s: %w", k.ID, k.MerchantID, err)
			}
			err = s.db.Of(k.MerchantID).InTx(ctx, func(tx database.Tx) error {
				res := tx.Exec("UPDATE merchant_keys SET sealed = ?, key_id = ? WHERE merchant_id = ? AND id = ? AND sealed = ?",
					s.sealer.current.seal(raw, k.place()), s.sealer.current.id, k.MerchantID, k.ID, k.Sealed)
				if res.Error != nil || res.RowsAffected == 0 {
					return res.Error
				}
				all.Keys++
				return audit.Append(tx, k.MerchantID, audit.Act{
					By: models.ActorOperator, What: models.ActSecretsRotated, Subject: models.AuditSubject{Kind: models.SubjectSecrets, ID: k.ID}, Detail: map[string]any{"from": k.KeyID, "to": s.sealer.current.id},
				})
			})
			if err != nil {
				return found, fmt.Errorf("store key %s of merchant %s: %w", k.ID, k.MerchantID, err)
			}
		}
		found, last = found+len(batch), batch[len(batch)-1]
		tell(*all)
	}
}

// rotateTokens goes once through the tokens that the program's key has sealed, and says how many it found.
func (s *Service) rotateTokens(ctx context.Context, all *Rotated, tell func(Rotated)) (found int, err error) {
	last := models.Connection{MerchantID: noID, ID: noID}
	for {
		var batch []models.Connection
		err := s.db.Across(ctx, func(q *gorm.DB) error {
			return q.Where(directly+" AND (merchant_id, id) > (?, ?)", last.MerchantID, last.ID).Order("merchant_id, id").Limit(rotateBatch).Find(&batch).Error
		})
		if err != nil || len(batch) == 0 {
			return found, err
		}
		for _, c := range batch {
			moved, err := s.moveTokens(ctx, c)
			if err != nil {
				return found, fmt.Errorf("seal the tokens of connection %s: %w", c.ID, err)
			}
			all.Tokens += moved
		}
		found, last = found+len(batch), batch[len(batch)-1]
		tell(*all)
	}
}

// moveTokens seals a connection's tokens with its merchant's key, unless they have been replaced meanwhile or are about to be:
// a renewal under way stores the new pair only over the one that it has read.
func (s *Service) moveTokens(ctx context.Context, c models.Connection) (moved int, err error) {
	plain, err := s.open(ctx, c)
	if err != nil {
		return 0, err
	}
	err = s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		k, err := s.merchantKey(tx, c.MerchantID)
		if err != nil {
			return err
		}
		res := tx.Exec(`UPDATE connections SET credentials = ?, key_id = ? WHERE merchant_id = ? AND id = ? AND credentials = ?
			AND (refresh_lease IS NULL OR refresh_lease < clock_timestamp())`,
			k.seal(plain, place(c.MerchantID, "connections", "credentials", c.ID)), k.id, c.MerchantID, c.ID, c.Credentials)
		moved = int(res.RowsAffected)
		if res.Error != nil || moved == 0 {
			return res.Error
		}
		return audit.Append(tx, c.MerchantID, audit.Act{
			By: models.ActorOperator, What: models.ActSecretsRotated, Subject: models.AuditSubject{Kind: models.SubjectConnection, ID: c.ID}, Detail: map[string]any{"from": c.KeyID, "to": k.id},
		})
	})
	return moved, err
}

// ForgetLost destroys what none of the given keys opens, and says how many connections have to be made anew because of it.
func (s *Service) ForgetLost(ctx context.Context) (connections int, err error) {
	var lost []models.Connection
	var owners []models.MerchantID // of keys that are lost
	err = s.db.Across(ctx, func(q *gorm.DB) error {
		if err := q.Raw("SELECT DISTINCT merchant_id FROM merchant_keys WHERE key_id NOT IN ?", s.sealer.ids()).Scan(&owners).Error; err != nil {
			return err
		}
		return q.Where(`credentials IS NOT NULL AND (length(key_id) < 36 AND key_id NOT IN ? OR EXISTS
			(SELECT 1 FROM merchant_keys k WHERE k.merchant_id = connections.merchant_id AND k.id::text = connections.key_id AND k.key_id NOT IN ?))`, s.sealer.ids(), s.sealer.ids()).
			Order("merchant_id, id").Find(&lost).Error
	})
	if err != nil {
		return 0, fmt.Errorf("look for what is lost: %w", err)
	}
	for _, c := range lost {
		err = errors.Join(err, s.forget(ctx, c))
	}
	if err != nil {
		return 0, err
	}
	for _, m := range owners {
		err = errors.Join(err, s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
			return tx.Exec("DELETE FROM merchant_keys WHERE merchant_id = ? AND key_id NOT IN ?", m, s.sealer.ids()).Error
		}))
	}
	return len(lost), err
}

func (s *Service) forget(ctx context.Context, c models.Connection) error {
	return s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec(`UPDATE connections SET credentials = NULL, key_id = '', token_expires_at = NULL, token_renew_at = NULL, refresh_expires_at = NULL, next_warning_at = NULL,
			state = CASE state WHEN 'removed' THEN state ELSE 'needs_reauth' END, updated_at = ? WHERE merchant_id = ? AND id = ? AND credentials = ?`, tx.Now, c.MerchantID, c.ID, c.Credentials)
		if res.Error != nil || res.RowsAffected == 0 || c.State == models.ConnectionRemoved {
			return res.Error
		}
		if err := needReauth(tx, c.MerchantID, c.ID, "The key with which this account's access was sealed is lost."); err != nil {
			return err
		}
		return audit.Append(tx, c.MerchantID, audit.Act{By: models.ActorOperator, What: models.ActSecretsForgotten, Subject: models.AuditSubject{Kind: models.SubjectConnection, ID: c.ID}})
	})
}
