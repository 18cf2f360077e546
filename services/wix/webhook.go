package wix

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	quick "github.com/goccy/go-json" // half of what a webhook costs is to read its three layers
	"github.com/golang-jwt/jwt/v5"

	"waybill/models"
)

// The kinds of entity that events about an order have, wix.md 5.4.
const (
	entityOrder        = "wix.ecom.v1.order"
	entityFulfillments = "wix.ecom.v1.fulfillments"
	entityTransactions = "wix.ecom.v1.order_transactions"
)

// webhookClaims is the first layer, wix.md 5.2. Data stays raw so that its form is judged after the signature.
type webhookClaims struct {
	jwt.RegisteredClaims
	Data json.RawMessage `json:"data"`
}

// ParseWebhook checks and reads the body of a webhook, wix.md 5. What the event says about the order is left aside on
// purpose: a resend carries old data, so the order is to be read anew.
//
// The body must be an RS256 JWT of the app's key that has not expired (a minute of leeway); else the error is
// Unauthenticated, webhook_signature. A true JWT whose content is not the documented one is Invalid, webhook_malformed.
// An event type that is not known still gives an event, without an OrderID.
//
// EventID is Wix's event id; an event without one (the app's events, wix.md 5.5) has "app-" and the SHA-256 of the JWT.
// At is the time of the event, or when it was signed where the event has no time.
func (c *Client) ParseWebhook(body []byte) (models.StoreEvent, error) {
	body = bytes.TrimSpace(body)
	claims, err := c.verify(body)
	if err != nil {
		return models.StoreEvent{}, models.Errorf(models.Unauthenticated, "webhook_signature",
			"The webhook is not signed by Wix, or its signature has expired.").Because(err)
	}
	var envelope wireEnvelope
	if fault := nested(claims.Data, &envelope); fault != "" {
		return models.StoreEvent{}, malformed("claims.data", fault)
	}
	if envelope.EventType == "" || envelope.InstanceID == "" {
		return models.StoreEvent{}, malformed("envelope", "no eventType or no instanceId")
	}
	event := models.StoreEvent{
		Kind:       string(envelope.EventType),
		InstanceID: string(envelope.InstanceID),
		At:         c.signedAt(claims),
		Installed:  envelope.EventType == "AppInstalled",
		Removed:    envelope.EventType == "AppRemoved",
	}
	var w wireEvent
	fault := nested(envelope.Data, &w)
	entity := entityOf(event.Kind, string(w.EntityFQDN))
	if entity != "" && fault == "" {
		fault = w.missing(entity)
	}
	if entity != "" && fault != "" {
		return models.StoreEvent{}, malformed(event.Kind, fault)
	}
	if fault != "" {
		w = wireEvent{} // of an event that is not about an order nothing more has to be understood
	}
	event.EventID = string(w.ID)
	if w.ID == "" || w.EntityFQDN == "" && entity == "" { // an app event's payload may have an id of something else
		sum := sha256.Sum256(body)
		event.EventID = "app-" + hex.EncodeToString(sum[:])
	}
	if at, err := time.Parse(time.RFC3339Nano, string(w.EventTime)); err == nil {
		event.At = at.UTC()
	}
	if entity != "" {
		event.OrderID = w.orderID(entity)
	}
	event.Anonymize = entity != "" && w.Anonymize.value
	if entity == entityOrder {
		event.Version = w.version()
	}
	return event, nil
}

// version is the updatedDate of the order that an order's own event carries; the zero time where it carries none.
func (w wireEvent) version() time.Time {
	at, err := time.Parse(time.RFC3339Nano, string(firstOf(
		w.UpdatedEvent.value.CurrentEntity.value.UpdatedDate,
		w.CreatedEvent.value.Entity.value.UpdatedDate,
		w.ActionEvent.value.Body.value.Order.value.UpdatedDate,
	)))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// verify accepts RS256 by the app's own key only: not "none", not HMAC with the public key, no key that the token names.
func (c *Client) verify(token []byte) (webhookClaims, error) {
	var claims webhookClaims
	if c.key == nil {
		return claims, errors.New("wix webhook: no public key is set")
	}
	err := c.readToken(token, &claims)
	if err != nil {
		return claims, fmt.Errorf("wix webhook: %s", tokenFault(err))
	}
	return claims, nil
}

// readToken reads a token in the order in which it can be believed: what it says is not looked at before its signature has proven true. The library's own parser
// reads the claims first, and by the standard library, which takes longer than all the rest.
func (c *Client) readToken(token []byte, claims *webhookClaims) error {
	end := bytes.LastIndexByte(token, '.')
	if end < 0 {
		return jwt.ErrTokenMalformed
	}
	first, second, two := bytes.Cut(token[:end], []byte{'.'})
	if !two || bytes.IndexByte(second, '.') >= 0 {
		return jwt.ErrTokenMalformed
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err := decodePart(first, &header); err != nil {
		return err
	}
	if header.Algorithm != jwt.SigningMethodRS256.Alg() {
		return jwt.ErrTokenSignatureInvalid
	}
	signature, err := base64.RawURLEncoding.DecodeString(string(token[end+1:]))
	if err != nil {
		return jwt.ErrTokenMalformed
	}
	if err := jwt.SigningMethodRS256.Verify(string(token[:end]), signature, c.key); err != nil {
		return jwt.ErrTokenSignatureInvalid
	}
	if err := decodePart(second, claims); err != nil {
		return err
	}
	return jwt.NewValidator(jwt.WithLeeway(clockSkew), jwt.WithTimeFunc(c.now), jwt.WithExpirationRequired()).Validate(claims)
}

// decodePart reads the JSON of a token's header or claims.
func decodePart(part []byte, into any) error {
	raw, err := base64.RawURLEncoding.AppendDecode(nil, part)
	if err != nil || quick.Unmarshal(raw, into) != nil {
		return jwt.ErrTokenMalformed
	}
	return nil
}

// tokenFault names what is wrong with a token without quoting it.
func tokenFault(err error) string {
	for _, known := range []error{
		jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenExpired, jwt.ErrTokenNotValidYet,
		jwt.ErrTokenRequiredClaimMissing, jwt.ErrTokenSignatureInvalid,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the token is not valid"
}

func (c *Client) signedAt(claims webhookClaims) time.Time {
	if claims.IssuedAt != nil {
		return claims.IssuedAt.UTC()
	}
	return c.now().UTC()
}

// nested decodes a JSON string that holds JSON.
func nested(raw json.RawMessage, into any) (fault string) {
	var inner string
	if len(raw) == 0 || quick.Unmarshal(raw, &inner) != nil {
		return "no string"
	}
	if err := quick.Unmarshal([]byte(inner), into); err != nil {
		return jsonFault(err)
	}
	return ""
}

// entityOf says which kind of thing about an order the event is about; empty for everything else. Wix names it in the event;
// the event's type begins with the same name.
func entityOf(eventType, fqdn string) string {
	for _, entity := range []string{entityTransactions, entityFulfillments, entityOrder} {
		if fqdn == entity || fqdn == "" && strings.HasPrefix(eventType, entity+"_") {
			return entity
		}
	}
	return ""
}

// missing says what an event about an order must have and has not.
func (w wireEvent) missing(entity string) string {
	switch {
	case w.ID == "":
		return "no event id"
	case w.orderID(entity) == "":
		return "no order id"
	}
	return ""
}

// orderID is the order that the event is about, wix.md 5.4: of an order's own events the entity, of the others the owner of
// the entity where the payload names it.
func (w wireEvent) orderID(entity string) string {
	if entity == entityOrder {
		return string(w.EntityID)
	}
	return string(firstOf(w.owner(), w.EntityID))
}

func (w wireEvent) owner() text {
	body := w.ActionEvent.value.Body.value
	return firstOf(
		w.UpdatedEvent.value.CurrentEntity.value.OrderID,
		w.CreatedEvent.value.Entity.value.OrderID,
		body.OrderID,
		body.OrderTransactions.value.OrderID,
	)
}

func malformed(where, fault string) error {
	return models.Errorf(models.Invalid, "webhook_malformed", "The webhook is signed by Wix, but its content cannot be understood.").
		Because(fmt.Errorf("wix webhook: %s: %s", where, fault))
}
