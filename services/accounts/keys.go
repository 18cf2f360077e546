package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

const (
	// maxKeys is how many keys a merchant may have that are not revoked.
	maxKeys = 50
	// keysListed bounds the list: the keys in use, and the revoked ones as far as there is room.
	keysListed = 200
	keyPrefix  = "wbk_"
)

// KeyUnknown is the code of the refusal of a key that is not known.
const KeyUnknown = "key_unknown"

// Caller is who a request comes from: an API key, or a person in a role.
type Caller struct {
	// MerchantID is empty for staff who look at no merchant.
	MerchantID models.MerchantID
	Actor      models.Actor
	Key        models.APIKey // zero for a person
	// Of a person.
	Person      models.ID
	Email, Name string
	Role        models.PersonRole // at the merchant, or on the installation
	Reason      string            // why staff look at the merchant
	WantsFactor bool              // may nothing before a second factor is set up
	Session     models.ID         // empty for a key that was sent
}

// OfStaff reports whether the caller works for the installation: what it does at a merchant is told there, and it sees buyers masked.
func (c Caller) OfStaff() bool { return c.Role.OfStaff() }

// Scopes are what the caller may do.
func (c Caller) Scopes() []models.KeyScope {
	if c.Key.ID != "" {
		return c.Key.Scopes
	}
	return c.Role.Scopes()
}

// Wants answers Forbidden unless the caller has a scope.
func (c Caller) Wants(scope models.KeyScope) error {
	switch {
	case slices.Contains(c.Scopes(), scope):
		return nil
	case c.WantsFactor:
		return models.Errorf(models.Forbidden, "second_factor_needed", "A second factor is needed here. Set up an authenticator app or a passkey first.")
	case c.Key.ID == "":
		return models.Errorf(models.Forbidden, "role_missing", "Your role (%s) may not do this: it lacks %s.", c.Role, scope)
	}
	return models.Errorf(models.Forbidden, "scope_missing", "The API key %q may not do this: it lacks the scope %s.", c.Key.Name, scope)
}

// keyKept is how long a process believes in a key that it has just looked up: a program that asks a hundred times a second is looked up once.
// A key that is revoked ends at once in the process that revokes it, and within this time in others.
const keyKept = time.Second

// keysKept bounds how many are remembered.
const keysKept = 10_000

// knownKeys remembers the callers of keys, by the keys' hashes.
type knownKeys struct {
	mu    sync.Mutex
	known map[string]knownKey
}

type knownKey struct {
	caller Caller
	until  time.Time
}

func (k *knownKeys) get(hash string) (Caller, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.known[hash]
	return found.caller, ok && time.Now().Before(found.until)
}

func (k *knownKeys) keep(hash string, c Caller) {
	until := time.Now().Add(keyKept)
	if end := c.Key.ExpiresAt; end != nil && end.Before(until) {
		until = *end
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= keysKept {
		k.known = map[string]knownKey{}
	}
	k.known[hash] = knownKey{c, until}
}

func (k *knownKeys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = nil
}

// Authenticate finds the caller behind a bearer key. It answers Unauthenticated for a key that is not known, has expired or was
// revoked. The key's last use is noted, once a minute at most.
func (s *Service) Authenticate(ctx context.Context, key string) (Caller, error) {
	hash := hashKey(key)
	if c, ok := s.keys.get(hash); ok {
		return c, nil
	}
	c, err := s.caller(ctx, "key_sha256 = ?", hash)
	if err == nil {
		s.keys.keep(hash, c)
	}
	return c, err
}

// CallerOf finds the caller of a key by the key's id, as Authenticate does.
func (s *Service) CallerOf(ctx context.Context, m models.MerchantID, key models.ID) (Caller, error) {
	return s.caller(ctx, "merchant_id = ? AND id = ?", m, key)
}

func (s *Service) caller(ctx context.Context, where string, args ...any) (Caller, error) {
	var found []struct {
		models.APIKey
		Noted bool
	}
	err := s.db.Read(ctx).Raw(`SELECT merchant_id, id, name, scopes, expires_at, revoked_at, coalesce(expires_at <= clock_timestamp(), false) AS expired,
		coalesce(last_used_at > clock_timestamp() - interval '1 minute', false) AS noted FROM api_keys WHERE `+where, args...).Scan(&found).Error
	if err != nil {
		return Caller{}, database.Err(err)
	}
	if len(found) == 0 {
		return Caller{}, models.Errorf(models.Unauthenticated, KeyUnknown, "This API key is not known. Send it as Authorization: Bearer <key>.")
	}
	k := found[0]
	switch {
	case k.RevokedAt != nil:
		return Caller{}, models.Errorf(models.Unauthenticated, "key_revoked", "The API key %q was revoked at %s. Use another.", k.Name, k.RevokedAt.UTC().Format(time.RFC3339))
	case k.Expired:
		return Caller{}, models.Errorf(models.Unauthenticated, "key_expired", "The API key %q expired at %s. Use another.", k.Name, k.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if !k.Noted { // whoever finds the row locked leaves it to the other
		err := s.db.Read(ctx).Exec(`UPDATE api_keys SET last_used_at = clock_timestamp() WHERE key_sha256 = (SELECT key_sha256 FROM api_keys
			WHERE merchant_id = ? AND id = ? AND (last_used_at IS NULL OR last_used_at <= clock_timestamp() - interval '1 minute') FOR NO KEY UPDATE SKIP LOCKED)`, k.MerchantID, k.ID).Error
		if err != nil {
			return Caller{}, database.Err(err)
		}
	}
	return Caller{MerchantID: k.MerchantID, Actor: models.Actor("api:" + k.Name), Key: k.APIKey}, nil
}

// Holds reports whether a caller's key is still good: what lasts asks again.
func (s *Service) Holds(ctx context.Context, c Caller) (bool, error) {
	var good bool
	err := s.db.Read(ctx).Raw("SELECT EXISTS (SELECT 1 FROM api_keys WHERE merchant_id = ? AND id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()))",
		c.MerchantID, c.Key.ID).Row().Scan(&good)
	return good, database.Err(err)
}

// hashKey is enough for keys that we make ourselves: 130 random bits cannot be guessed from a fast hash.
func hashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Keys lists a merchant's keys, newest first, the revoked ones last.
func (s *Service) Keys(ctx context.Context, m models.MerchantID) ([]models.APIKey, error) {
	keys := []models.APIKey{}
	err := s.db.Read(ctx).Raw(`SELECT merchant_id, id, name, starts_with, scopes, expires_at, coalesce(expires_at <= clock_timestamp(), false) AS expired, last_used_at, created_at, created_by,
		revoked_at, revoked_by FROM api_keys WHERE merchant_id = ? ORDER BY revoked_at IS NOT NULL, coalesce(revoked_at, created_at) DESC, id LIMIT ?`, m, keysListed).Scan(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", database.Err(err))
	}
	return keys, nil
}

// NewKey is what a key is made from.
type NewKey struct {
	Name      string
	Scopes    []models.KeyScope
	ExpiresAt *time.Time // nil: never
}

// MakeKey makes a key and shows it this once. A key can give no more than it has: neither a scope that it lacks nor a longer life.
func (s *Service) MakeKey(ctx context.Context, by Caller, in NewKey) (models.APIKey, models.Secret, error) {
	for _, scope := range in.Scopes {
		if err := by.Wants(scope); err != nil {
			return models.APIKey{}, "", err
		}
	}
	if end := by.Key.ExpiresAt; end != nil && (in.ExpiresAt == nil || in.ExpiresAt.After(*end)) {
		return models.APIKey{}, "", models.Errorf(models.Forbidden, "key_outlives_maker", "The API key %q expires at %s. What it makes may not last longer.", by.Key.Name, end.UTC().Format(time.RFC3339))
	}
	key := models.Secret(keyPrefix + rand.Text())
	made := models.APIKey{
		MerchantID: by.MerchantID, ID: database.NewID(), Name: in.Name, StartsWith: key.Reveal()[:len(keyPrefix)+4], Scopes: inOrder(in.Scopes), ExpiresAt: in.ExpiresAt, CreatedBy: by.Actor,
	}
	err := s.db.Of(by.MerchantID).InTx(ctx, func(tx database.Tx) error {
		if in.ExpiresAt != nil && !in.ExpiresAt.After(tx.Now) {
			e := models.Errorf(models.Invalid, "validation_failed", "The key would have expired already.")
			e.Fields = []models.FieldError{{Pointer: "/expires_at", Reason: "must be in the future"}}
			return e
		}
		if err := lockMerchant(tx, by.MerchantID); err != nil {
			return err
		}
		var n int
		if err := tx.Raw("SELECT count(*) FROM api_keys WHERE merchant_id = ? AND revoked_at IS NULL", by.MerchantID).Row().Scan(&n); err != nil {
			return err
		}
		if n >= maxKeys {
			return models.Errorf(models.Conflict, "too_many_keys", "There are %d keys already. Revoke one first.", n)
		}
		made.CreatedAt = tx.Now
		return addKey(tx, key, made)
	})
	return made, key, err
}

func addKey(tx database.Tx, key models.Secret, k models.APIKey) error {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return err
	}
	err = tx.Exec("INSERT INTO api_keys (key_sha256, merchant_id, id, name, starts_with, scopes, expires_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		hashKey(key.Reveal()), k.MerchantID, k.ID, k.Name, k.StartsWith, string(scopes), k.ExpiresAt, k.CreatedAt, k.CreatedBy).Error
	if err != nil {
		return err
	}
	return audit.Append(tx, k.MerchantID, audit.Act{
		By: k.CreatedBy, What: models.ActKeyMade, Subject: models.AuditSubject{Kind: models.SubjectKey, ID: k.ID}, Detail: map[string]any{"name": k.Name, "scopes": k.Scopes, "expires_at": k.ExpiresAt},
	})
}

// inOrder is a set of scopes in the order in which they are shown.
func inOrder(scopes []models.KeyScope) []models.KeyScope {
	return slices.DeleteFunc(models.KeyScopes(), func(s models.KeyScope) bool { return !slices.Contains(scopes, s) })
}

// RevokeKey ends a key at once; one that is revoked already stays as it is. There is always a key that can manage keys and does not
// expire: the last of these answers Conflict.
func (s *Service) RevokeKey(ctx context.Context, by Caller, id models.ID) error {
	if !database.ValidID(string(id)) {
		return noKey()
	}
	defer s.keys.forget()
	return s.db.Of(by.MerchantID).InTx(ctx, func(tx database.Tx) error {
		if err := lockMerchant(tx, by.MerchantID); err != nil {
			return err
		}
		var keys []models.APIKey
		if err := tx.Raw("SELECT id, name, scopes, expires_at, revoked_at FROM api_keys WHERE merchant_id = ? AND (id = ? OR revoked_at IS NULL)", by.MerchantID, id).Scan(&keys).Error; err != nil {
			return err
		}
		i := slices.IndexFunc(keys, func(k models.APIKey) bool { return k.ID == id })
		if i < 0 {
			return noKey()
		}
		if keys[i].RevokedAt != nil {
			return nil
		}
		keeper := func(k models.APIKey) bool {
			return k.May(models.MayManageKeys) && k.ExpiresAt == nil && k.RevokedAt == nil
		}
		if keeper(keys[i]) && !slices.ContainsFunc(keys, func(k models.APIKey) bool { return k.ID != id && keeper(k) }) {
			return models.Errorf(models.Conflict, "last_managing_key", "The API key %q is the last one that can manage keys and does not expire. Make another with %s and without an end first.", keys[i].Name, models.MayManageKeys)
		}
		if err := tx.Exec("UPDATE api_keys SET revoked_at = ?, revoked_by = ? WHERE merchant_id = ? AND id = ?", tx.Now, by.Actor, by.MerchantID, id).Error; err != nil {
			return err
		}
		return audit.Append(tx, by.MerchantID, audit.Act{
			By: by.Actor, What: models.ActKeyRevoked, Subject: models.AuditSubject{Kind: models.SubjectKey, ID: id}, Detail: map[string]any{"name": keys[i].Name},
		})
	})
}

func noKey() error {
	return models.Errorf(models.NotFound, "key_not_found", "There is no such API key.")
}

// lockMerchant keeps two changes of a merchant's keys apart: each counts what is there.
func lockMerchant(tx database.Tx, m models.MerchantID) error {
	return tx.Exec("SELECT 1 FROM merchants WHERE id = ? FOR NO KEY UPDATE", m).Error
}
