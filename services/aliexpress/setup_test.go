package aliexpress_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"waybill/models"
	"waybill/services/aliexpress"
)

// Without an app nothing is sent, and nothing that anybody could have signed with an empty secret is believed.
func TestWithoutAnAppEverythingIsRefused(t *testing.T) {
	t.Parallel()
	c, err := aliexpress.New(aliexpress.Config{BaseURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Order(t.Context(), models.Access{Token: "t"}, "8198352049851315"); models.AsError(err).Code != "aliexpress_not_set_up" {
		t.Errorf("a call: %v", err)
	}
	if _, err := c.Exchange(t.Context(), models.App{}, "code"); models.AsError(err).Code != "aliexpress_not_set_up" {
		t.Errorf("an exchange: %v", err)
	}
	body := []byte(`{"data":{"buyerId":1,"orderId":8198352049851315,"orderStatus":"OrderCreated"},"message_type":53}`)
	mac := hmac.New(sha256.New, nil)
	mac.Write(body)
	if _, err := c.ParsePush(models.App{}, hex.EncodeToString(mac.Sum(nil)), body); !errors.Is(err, models.Unauthenticated) {
		t.Errorf("a push message: %v", err)
	}
	if _, err := aliexpress.New(aliexpress.Config{BaseURL: "http://127.0.0.1:1", AppKey: "k"}); err == nil {
		t.Error("a key without its secret is taken")
	}
}
