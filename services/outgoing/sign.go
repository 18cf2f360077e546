package outgoing

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"waybill/models"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
	// secretOverlap is how long a secret that was replaced still signs beside the new one.
	secretOverlap = 24 * time.Hour
)

func newSecret() models.Secret {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails
	return models.Secret(secretPrefix + base64.StdEncoding.EncodeToString(raw))
}

// signature is the webhook-signature header of Standard Webhooks 1.0: one entry for each secret.
func signature(id string, at time.Time, body []byte, secrets ...models.Secret) (string, error) {
	entries := make([]string, len(secrets))
	for i, s := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), secretPrefix))
		if err != nil {
			return "", errors.New("the secret of a webhook endpoint is not in base64")
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		entries[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(entries, " "), nil
}
