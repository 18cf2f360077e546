package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/vault"
)

// placeOf is where a connection's tokens are stored.
func placeOf(c models.Connection) vault.Place {
	return vault.Place{Table: "connections", Column: "credentials", Row: c.ID}
}

// open opens a connection's tokens with the key that it names: its merchant's or, for what was sealed before merchants had
// any, the program's.
func (s *Service) open(ctx context.Context, c models.Connection) ([]byte, error) {
	if !database.ValidID(c.KeyID) {
		return s.vault.Sealer().OpenOf(c.MerchantID, c.KeyID, c.Credentials, placeOf(c))
	}
	return s.vault.Open(ctx, c.MerchantID, placeOf(c), c.Credentials, c.KeyID)
}

// Tokens that were sealed with the program's key name it by 8 characters; a merchant's key is named by its id.
const directly = "credentials IS NOT NULL AND length(key_id) < 36"

// CheckKeys finds out whether the keys that were given open all that is sealed. The error names those that are missing.
func (s *Service) CheckKeys(ctx context.Context) error {
	var missing []string
	err := s.db.Across(ctx, func(q *gorm.DB) error {
		return q.Raw(`SELECT DISTINCT key_id FROM merchant_keys WHERE key_id NOT IN ? UNION SELECT DISTINCT key_id FROM connections WHERE `+directly+` AND key_id NOT IN ?
			UNION SELECT DISTINCT totp_key_id FROM people WHERE totp IS NOT NULL AND totp_key_id NOT IN ?`,
			s.vault.Sealer().IDs(), s.vault.Sealer().IDs(), s.vault.Sealer().IDs()).Scan(&missing).Error
	})
	if err != nil {
		return fmt.Errorf("look for keys that are missing: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the database holds tokens that were sealed with the key %s, and the keys that were given are %s (a key's name is the beginning of its SHA-256)",
			strings.Join(missing, ", "), strings.Join(s.vault.Sealer().IDs(), ", "))
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
		before := all.Keys
		keys, err := s.vault.RotateKeys(ctx, func(n int) {
			all.Keys = before + n
			tell(all)
		})
		if err != nil {
			return all, err
		}
		tokens, err := s.rotateTokens(ctx, &all, tell)
		if err != nil {
			return all, err
		}
		factors, err := s.rotateFactors(ctx)
		if err != nil {
			return all, err
		}
		if keys+tokens+factors == 0 { // again until nothing is left: others may have sealed meanwhile, or held a connection's lease
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

// rotateFactors seals anew the secrets of people's authenticator apps that another key has sealed, and says how many it found.
func (s *Service) rotateFactors(ctx context.Context) (found int, err error) {
	sealer := s.vault.Sealer()
	for {
		var batch []models.Person
		err := s.db.Read(ctx).Raw("SELECT id, totp, totp_key_id FROM people WHERE totp IS NOT NULL AND totp_key_id <> ? ORDER BY id LIMIT ?", sealer.CurrentID(), rotateBatch).Scan(&batch).Error
		if err != nil || len(batch) == 0 {
			return found, database.Err(err)
		}
		for _, p := range batch {
			secret, err := sealer.Open(p.TOTPKeyID, p.TOTP, "people", "totp", p.ID)
			if err != nil {
				return found, fmt.Errorf("open the second factor of person %s: %w", p.ID, err)
			}
			sealed, id := sealer.Seal(secret, "people", "totp", p.ID)
			if err := s.db.Read(ctx).Exec("UPDATE people SET totp = ?, totp_key_id = ? WHERE id = ? AND totp = ?", sealed, id, p.ID, p.TOTP).Error; err != nil {
				return found, database.Err(err)
			}
		}
		found += len(batch)
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
		sealed, keyID, err := s.vault.Seal(tx, c.MerchantID, placeOf(c), plain)
		if err != nil {
			return err
		}
		res := tx.Exec(`UPDATE connections SET credentials = ?, key_id = ? WHERE merchant_id = ? AND id = ? AND credentials = ?
			AND (refresh_lease IS NULL OR refresh_lease < clock_timestamp())`,
			sealed, keyID, c.MerchantID, c.ID, c.Credentials)
		moved = int(res.RowsAffected)
		if res.Error != nil || moved == 0 {
			return res.Error
		}
		return audit.Append(tx, c.MerchantID, audit.Act{
			By: models.ActorOperator, What: models.ActSecretsRotated, Subject: models.AuditSubject{Kind: models.SubjectConnection, ID: c.ID}, Detail: map[string]any{"from": c.KeyID, "to": keyID},
		})
	})
	return moved, err
}

// ForgetLost destroys what none of the given keys opens, and says how many connections have to be made anew because of it.
func (s *Service) ForgetLost(ctx context.Context) (connections int, err error) {
	var lost []models.Connection
	var owners []models.MerchantID // of keys that are lost
	err = s.db.Across(ctx, func(q *gorm.DB) error {
		if err := q.Raw("SELECT DISTINCT merchant_id FROM merchant_keys WHERE key_id NOT IN ?", s.vault.Sealer().IDs()).Scan(&owners).Error; err != nil {
			return err
		}
		return q.Where(`credentials IS NOT NULL AND (length(key_id) < 36 AND key_id NOT IN ? OR EXISTS
			(SELECT 1 FROM merchant_keys k WHERE k.merchant_id = connections.merchant_id AND k.id::text = connections.key_id AND k.key_id NOT IN ?))`, s.vault.Sealer().IDs(), s.vault.Sealer().IDs()).
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
			return tx.Exec("DELETE FROM merchant_keys WHERE merchant_id = ? AND key_id NOT IN ?", m, s.vault.Sealer().IDs()).Error
		}))
	}
	// Whoever had such a second factor sets it up again; staff may do nothing else before.
	factors := s.db.Read(ctx).Exec("UPDATE people SET totp = NULL, totp_key_id = '' WHERE totp IS NOT NULL AND totp_key_id NOT IN ?", s.vault.Sealer().IDs()).Error
	return len(lost), errors.Join(err, database.Err(factors))
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
