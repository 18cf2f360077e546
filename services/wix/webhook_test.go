package wix_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/wix"
)

const (
	signedAt  = 1773480081 // iat of the fixtures
	expiresAt = 1773483681
)

var (
	ourKey   = sync.OnceValue(newKey)
	otherKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func publicPEM(key *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// webhookClient trusts ourKey and lives at the Unix time now.
func webhookClient(t testing.TB, now int64) *wix.Client {
	t.Helper()
	return newClient(t, "", func(cfg *wix.Config) {
		cfg.PublicKeyPEM = publicPEM(ourKey())
		cfg.Now = func() time.Time { return time.Unix(now, 0) }
	})
}

func sign(t testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// claimsOf wraps an event into its layers.
func claimsOf(t testing.TB, eventType, event string) jwt.MapClaims {
	t.Helper()
	envelope, err := json.Marshal(map[string]string{"data": event, "instanceId": instanceID, "eventType": eventType, "identity": "{}"})
	if err != nil {
		t.Fatal(err)
	}
	return jwt.MapClaims{"data": string(envelope), "iat": signedAt, "exp": expiresAt}
}

// The orders' own events carry the order, whose updatedDate is its version.
var versions = map[string]string{
	"order_created": "2026-03-14T09:20:41Z", "order_approved": "2026-03-14T09:21:03Z", "order_canceled": "2026-03-14T09:55:00Z",
	"order_updated": "2026-03-16T08:05:21.300Z", "order_fulfilled": "2026-03-16T08:05:21.300Z", "order_payment_status_updated": "2026-03-14T09:21:03Z",
}

func readsWebhook(t *testing.T, name string, data []byte) {
	var file struct {
		Claims jwt.MapClaims
		Event  struct{ ID, EventTime string }
	}
	decode(t, data, &file)
	jws := sign(t, jwt.SigningMethodRS256, ourKey(), file.Claims)
	got, err := webhookClient(t, signedAt+10).ParseWebhook([]byte("\n " + jws + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	slug := strings.TrimSuffix(strings.TrimPrefix(name, "webhook-claims-"), ".json")
	want := models.StoreEvent{EventID: file.Event.ID, InstanceID: instanceID, OrderID: orderID}
	switch slug {
	case "AppInstalled", "AppRemoved":
		sum := sha256.Sum256([]byte(jws))
		want = models.StoreEvent{
			EventID: "app-" + hex.EncodeToString(sum[:]), Kind: slug, InstanceID: instanceID, At: time.Unix(signedAt, 0).UTC(),
			Installed: slug == "AppInstalled", Removed: slug == "AppRemoved",
		}
	default:
		want.Kind = "wix.ecom.v1." + slug
		if want.At, err = time.Parse(time.RFC3339Nano, file.Event.EventTime); err != nil {
			t.Fatal(err)
		}
		if version := versions[slug]; version != "" {
			want.Version, _ = time.Parse(time.RFC3339, version)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWebhookSignatures(t *testing.T) {
	t.Parallel()
	claims := claimsOf(t, "AppInstalled", `{"appId":"`+appID+`"}`)
	good := sign(t, jwt.SigningMethodRS256, ourKey(), claims)
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	encode := base64.RawURLEncoding.EncodeToString
	otherPayload := strings.Split(sign(t, jwt.SigningMethodRS256, otherKey(), claimsOf(t, "AppRemoved", `{}`)), ".")[1]
	noExpiry := claimsOf(t, "AppInstalled", `{}`)
	delete(noExpiry, "exp")
	early := claimsOf(t, "AppInstalled", `{}`)
	early["nbf"] = expiresAt - 60
	signedWithNonsense := func(claims string) string {
		head := encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(claims))
		sig, err := jwt.SigningMethodRS256.Sign(head, ourKey())
		if err != nil {
			t.Fatal(err)
		}
		return head + "." + encode(sig)
	}
	for name, tt := range map[string]struct {
		body string
		now  int64
		ok   bool
	}{
		"good":                         {body: good, ok: true},
		"kid is ignored":               {body: kid(t, claims), ok: true},
		"expired within leeway":        {body: good, now: expiresAt + 59, ok: true},
		"expired":                      {body: good, now: expiresAt + 61},
		"without expiry":               {body: sign(t, jwt.SigningMethodRS256, ourKey(), noExpiry)},
		"not yet valid":                {body: sign(t, jwt.SigningMethodRS256, ourKey(), early)},
		"wrong key":                    {body: sign(t, jwt.SigningMethodRS256, otherKey(), claims)},
		"HS256 with the public key":    {body: sign(t, jwt.SigningMethodHS256, []byte(publicPEM(ourKey())), claims)},
		"none":                         {body: sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims)},
		"none with a good signature":   {body: encode([]byte(`{"alg":"none"}`)) + "." + payload + "." + signature},
		"PS256":                        {body: sign(t, jwt.SigningMethodPS256, ourKey(), claims)},
		"RS512":                        {body: sign(t, jwt.SigningMethodRS512, ourKey(), claims)},
		"tampered payload":             {body: header + "." + otherPayload + "." + signature},
		"tampered signature":           {body: header + "." + payload + "." + flip(signature)},
		"no signature":                 {body: header + "." + payload + "."},
		"empty":                        {body: ""},
		"JSON":                         {body: `{"data":"{}"}`},
		"true signature over nonsense": {body: signedWithNonsense("nonsense")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := tt.now
			if now == 0 {
				now = signedAt + 10
			}
			_, err := webhookClient(t, now).ParseWebhook([]byte(tt.body))
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantError(t, err, models.Unauthenticated, "webhook_signature")
			if tt.body != "" && strings.Contains(err.Error(), payload[:40]) {
				t.Errorf("the token shows in %v", err)
			}
		})
	}
	_, err := newClient(t, "", at("2026-03-14T09:21:30Z")).ParseWebhook([]byte(good))
	wantError(t, err, models.Unauthenticated, "webhook_signature") // no key is set
}

func kid(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "qG1kD2dz"
	text, err := token.SignedString(ourKey())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// flip changes the first character of a base64url text.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func TestWebhookContent(t *testing.T) {
	t.Parallel()
	domain := func(fqdn, rest string) string {
		return `{"id":"ev-1","entityFqdn":"` + fqdn + `","slug":"s","entityId":"ent-1","eventTime":"2026-03-14T09:22:00.5Z"` + rest + `}`
	}
	eventTime := time.Date(2026, 3, 14, 9, 22, 0, 5e8, time.UTC)
	iat := time.Unix(signedAt, 0).UTC()
	hash := "hash"
	for name, tt := range map[string]struct {
		eventType, event string
		want             models.StoreEvent
	}{
		"unheard-of order event": {"wix.ecom.v1.order_teleported", domain("wix.ecom.v1.order", ""), models.StoreEvent{EventID: "ev-1", OrderID: "ent-1", At: eventTime}},
		"order event, no fqdn":   {"wix.ecom.v1.order_committed", domain("", ""), models.StoreEvent{EventID: "ev-1", OrderID: "ent-1", At: eventTime}},
		"order event, odd time":  {"wix.ecom.v1.order_updated", `{"id":"ev-1","entityFqdn":"wix.ecom.v1.order","entityId":"ent-1","eventTime":"noon"}`, models.StoreEvent{EventID: "ev-1", OrderID: "ent-1", At: iat}},
		"fulfillments, in payload": {
			"wix.ecom.v1.fulfillments_updated", domain("wix.ecom.v1.fulfillments", `,"updatedEvent":{"currentEntity":{"orderId":"o-9"}}`),
			models.StoreEvent{EventID: "ev-1", OrderID: "o-9", At: eventTime},
		},
		"fulfillments, by entity": {
			"wix.ecom.v1.fulfillments_updated", domain("wix.ecom.v1.fulfillments", `,"updatedEvent":{"currentEntity":"odd"}`),
			models.StoreEvent{EventID: "ev-1", OrderID: "ent-1", At: eventTime},
		},
		"transactions updated": {
			"wix.ecom.v1.order_transactions_updated", domain("wix.ecom.v1.order_transactions", `,"updatedEvent":{"currentEntity":{"orderId":"o-9"}}`),
			models.StoreEvent{EventID: "ev-1", OrderID: "o-9", At: eventTime},
		},
		"transactions created, no fqdn": {
			"wix.ecom.v1.order_transactions_created", domain("", `,"createdEvent":{"entity":{"orderId":"o-9"}}`),
			models.StoreEvent{EventID: "ev-1", OrderID: "o-9", At: eventTime},
		},
		"refund, flat": {
			"wix.ecom.v1.order_transactions_refund_completed", domain("wix.ecom.v1.order_transactions", `,"actionEvent":{"body":{"orderId":"o-9"}}`),
			models.StoreEvent{EventID: "ev-1", OrderID: "o-9", At: eventTime},
		},
		"refund, nested": {
			"wix.ecom.v1.order_transactions_refund_completed", domain("wix.ecom.v1.order_transactions", `,"actionEvent":{"body":{"orderTransactions":{"orderId":"o-9"}}}`),
			models.StoreEvent{EventID: "ev-1", OrderID: "o-9", At: eventTime},
		},
		"unknown domain event": {"wix.loyalty.v1.account_created", domain("wix.loyalty.v1.account", ""), models.StoreEvent{EventID: "ev-1", At: eventTime}},
		"unknown app event":    {"PaidPlanPurchased", `{"id":"plan-1","vendorProductId":"x"}`, models.StoreEvent{EventID: hash, At: iat}},
		"unknown, odd data":    {"SomethingElse", `[1]`, models.StoreEvent{EventID: hash, At: iat}},
		"unknown, no data":     {"SomethingElse", ``, models.StoreEvent{EventID: hash, At: iat}},
		"app event, odd data":  {"AppRemoved", `gone`, models.StoreEvent{EventID: hash, At: iat, Removed: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jws := sign(t, jwt.SigningMethodRS256, ourKey(), claimsOf(t, tt.eventType, tt.event))
			got, err := webhookClient(t, signedAt+10).ParseWebhook([]byte(jws))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Kind, tt.want.InstanceID = tt.eventType, instanceID
			if tt.want.EventID == hash {
				sum := sha256.Sum256([]byte(jws))
				tt.want.EventID = "app-" + hex.EncodeToString(sum[:])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMalformedWebhooks(t *testing.T) {
	t.Parallel()
	raw := func(data any) jwt.MapClaims { return jwt.MapClaims{"data": data, "iat": signedAt, "exp": expiresAt} }
	for name, claims := range map[string]jwt.MapClaims{
		"no data":                    {"iat": signedAt, "exp": expiresAt},
		"data is an object":          raw(map[string]string{"eventType": "AppInstalled"}),
		"data is null":               raw(nil),
		"data is no JSON":            raw("hello buyer"),
		"envelope is a list":         raw("[]"),
		"no event type":              raw(`{"instanceId":"i","data":"{}"}`),
		"no instance":                raw(`{"eventType":"AppInstalled","data":"{}"}`),
		"order event, no JSON":       claimsOf(t, "wix.ecom.v1.order_updated", "hello buyer"),
		"order event, no id":         claimsOf(t, "wix.ecom.v1.order_updated", `{"entityFqdn":"wix.ecom.v1.order","entityId":"e"}`),
		"order event, no entity":     claimsOf(t, "wix.ecom.v1.order_updated", `{"id":"1","entityFqdn":"wix.ecom.v1.order","updatedEvent":{"currentEntity":{"orderId":"o"}}}`),
		"order event, no string":     raw(`{"instanceId":"i","eventType":"wix.ecom.v1.order_updated","data":{}}`),
		"fulfillments without order": claimsOf(t, "wix.ecom.v1.fulfillments_updated", `{"id":"1"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jws := sign(t, jwt.SigningMethodRS256, ourKey(), claims)
			_, err := webhookClient(t, signedAt+10).ParseWebhook([]byte(jws))
			wantError(t, err, models.Invalid, "webhook_malformed")
			if strings.Contains(err.Error(), "buyer") {
				t.Errorf("the body shows in %v", err)
			}
		})
	}
}
