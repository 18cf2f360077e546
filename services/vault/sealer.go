// Package vault is the keys that data is sealed with: the program's, one of each merchant's sealed with it, and one of each order's
// sealed with its merchant's. Where a key is destroyed, all that it sealed is.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waybill/models"
)

// Sealer is the program's keys. The current one seals the merchants' keys; old ones still open what they have sealed.
type Sealer struct {
	current key
	known   map[string]key
}

// key seals with AES-256-GCM, bound to the place where the sealed value is stored, so that a value copied to another merchant,
// table or row does not open.
type key struct {
	id   string
	aead cipher.AEAD
}

// NewSealer takes a key of 32 bytes in base64.
func NewSealer(secret models.Secret) (*Sealer, error) {
	k, err := readKey(secret)
	return &Sealer{current: k, known: map[string]key{k.id: k}}, err
}

// AddOld lets a key open what it has sealed before. It is for wiring.
func (s *Sealer) AddOld(secret models.Secret) error {
	k, err := readKey(secret)
	if err == nil {
		s.known[k.id] = k
	}
	return err
}

func readKey(secret models.Secret) (key, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(secret.Reveal()))
	if err != nil || len(raw) != 32 {
		return key{}, errors.New("the secret key must be 32 bytes in base64 (openssl rand -base64 32)")
	}
	sum := sha256.Sum256(raw)
	return newKey(hex.EncodeToString(sum[:4]), raw)
}

func newKey(id string, raw []byte) (key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, fmt.Errorf("use key %s: %w", id, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, fmt.Errorf("use key %s: %w", id, err)
	}
	return key{id, aead}, nil
}

// KeyFile reads the secret key from a file that only its owner can read, and makes one the first time.
func KeyFile(path string) (models.Secret, error) {
	raw, err := os.ReadFile(path)
	if err == nil {
		return models.Secret(strings.TrimSpace(string(raw))), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the secret key: %w", err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	text := base64.StdEncoding.EncodeToString(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("make the secret key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("make the secret key: %w", err)
	}
	if _, err := f.WriteString(text + "\n"); err != nil {
		return "", errors.Join(fmt.Errorf("make the secret key: %w", err), f.Close())
	}
	return models.Secret(text), f.Close()
}

// place names where a sealed value is stored, and is bound to it.
func place(m models.MerchantID, table, column string, row models.ID) []byte {
	return []byte(strings.Join([]string{string(m), table, column, string(row)}, "|"))
}

func (k key) seal(plain, where []byte) []byte { return k.aead.Seal(nil, nil, plain, where) }

func (k key) open(sealed, where []byte) ([]byte, error) {
	plain, err := k.aead.Open(nil, nil, sealed, where)
	if err != nil {
		return nil, fmt.Errorf("a sealed value does not open with key %s: was it changed, or moved from elsewhere?", k.id)
	}
	return plain, nil
}

// open opens with the one of the program's keys that is named.
func (s *Sealer) open(id string, sealed, where []byte) ([]byte, error) {
	k, ok := s.known[id]
	if !ok {
		return nil, fmt.Errorf("a sealed value needs the secret key %s, which was not given", id)
	}
	return k.open(sealed, where)
}

// Seal seals what belongs to no merchant with the current key, bound to the place where it is stored. It gives the key's name, which
// is stored beside it.
func (s *Sealer) Seal(plain []byte, table, column string, row models.ID) (sealed []byte, keyID string) {
	return s.current.seal(plain, place("", table, column, row)), s.current.id
}

// Open opens what Seal has sealed for the same place.
func (s *Sealer) Open(keyID string, sealed []byte, table, column string, row models.ID) ([]byte, error) {
	return s.open(keyID, sealed, place("", table, column, row))
}

// IDs are the names of all keys.
func (s *Sealer) IDs() []string { return slices.Sorted(maps.Keys(s.known)) }

// CurrentID is the name of the key that seals.
func (s *Sealer) CurrentID() string { return s.current.id }

// OpenOf opens what the program's key has sealed of a merchant's before merchants had keys of their own.
func (s *Sealer) OpenOf(m models.MerchantID, keyID string, sealed []byte, at Place) ([]byte, error) {
	return s.open(keyID, sealed, at.of(m))
}

// SealOf seals a merchant's value with the program's current key, as was done before merchants had keys of their own. Only tests seal so.
func (s *Sealer) SealOf(m models.MerchantID, plain []byte, at Place) (sealed []byte, keyID string) {
	return s.current.seal(plain, at.of(m)), s.current.id
}
