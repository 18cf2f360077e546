package aliexpress

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"waybill/models"
)

type wirePush struct {
	Data struct {
		BuyerID text `json:"buyerId"`
		OrderID text `json:"orderId"`
		Status  text `json:"orderStatus"`
	} `json:"data"`
	MessageType text `json:"message_type"`
	SellerID    text `json:"seller_id"`
	Timestamp   text `json:"timestamp"` // seconds
}

// ParsePush checks the signature of a push message over its raw body and reads it (aliexpress.md 8.2, 8.3). The event's id
// is a hash of the body, as messages have none of their own. Kind is the order status verbatim, or "message_type_N" for
// another topic; Number is empty for what is not about an order, such as the console's probe. Errors: models.Unauthenticated for a
// wrong signature, Invalid for a body that is no message. app is whose message it should be; the zero App is Waybill's.
func (c *Client) ParsePush(app models.App, authorization string, body []byte) (models.SupplierEvent, error) {
	app = c.own(app)
	mac := hmac.New(sha256.New, []byte(app.Secret.Reveal()))
	mac.Write([]byte(app.Key))
	mac.Write(body)
	got, err := hex.DecodeString(strings.TrimSpace(authorization))
	if err != nil || app.Secret == "" || !hmac.Equal(got, mac.Sum(nil)) { // without a secret anybody could sign
		return models.SupplierEvent{}, models.Errorf(models.Unauthenticated, "push_signature", "The signature of this message is wrong.")
	}
	var w wirePush
	if err := json.Unmarshal(body, &w); err != nil {
		return models.SupplierEvent{}, models.Errorf(models.Invalid, "push_unreadable", "This is no message of AliExpress.").
			Because(errors.New("the push message is no JSON of the documented form"))
	}
	sum := sha256.Sum256(body)
	event := models.SupplierEvent{
		EventID: hex.EncodeToString(sum[:]),
		Kind:    w.Data.Status.String(),
		UserID:  cmp.Or(w.Data.BuyerID.String(), w.SellerID.String()),
	}
	if event.Kind == "" {
		event.Kind = "message_type_" + clip(w.MessageType.String(), 20)
	}
	if number := w.Data.OrderID.String(); isID(number) {
		event.Number = number
	}
	event.At, _ = w.Timestamp.epoch()
	return event, nil
}

// PushAccount says which account a message claims to be about, before its signature is checked: which app's secret to check it
// with. Empty when it does not say.
func (c *Client) PushAccount(body []byte) string {
	var w wirePush
	if err := json.Unmarshal(body, &w); err != nil {
		return ""
	}
	return cmp.Or(w.Data.BuyerID.String(), w.SellerID.String())
}
