package accounts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"waybill/models"
)

// Sealer keeps secrets unreadable at rest: AES-256-GCM, bound to the place where the sealed value is stored, so that a value
// copied to another merchant, table or row does not open.
type Sealer struct {
	aead  cipher.AEAD
	keyID string
}

// NewSealer takes a key of 32 bytes in base64.
func NewSealer(key models.Secret) (*Sealer, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.Reveal()))
	if err != nil || len(raw) != 32 {
		return nil, errors.New("the secret key must be 32 bytes in base64 (openssl rand -base64 32)")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("use the secret key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("use the secret key: %w", err)
	}
	sum := sha256.Sum256(raw)
	return &Sealer{aead: aead, keyID: hex.EncodeToString(sum[:4])}, nil
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

func place(m models.MerchantID, table, column string, row models.ID) []byte {
	return []byte(strings.Join([]string{string(m), table, column, string(row)}, "|"))
}

func (s *Sealer) seal(plain, where []byte) []byte { return s.aead.Seal(nil, nil, plain, where) }

func (s *Sealer) open(sealed, where []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, where)
	if err != nil {
		return nil, errors.New("a sealed value does not open: is this the key it was sealed with?")
	}
	return plain, nil
}
