package wixsim_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"waybill/services/wix/wixsim"
)

type layers struct {
	claims, envelope, eventTree any
	eventType, instanceID, data string
	event                       struct {
		ID, EntityFqdn, Slug        string
		EntityID                    string `json:"entityId"`
		EventTime                   string
		EntityEventSequence         string
		TriggeredByAnonymizeRequest *bool
		CreatedEvent                struct{ Entity wixsim.Order }
		UpdatedEvent                struct{ CurrentEntity wixsim.Order }
		ActionEvent                 struct {
			Body struct {
				Order                 wixsim.Order
				PreviousPaymentStatus string
			}
		}
	}
}

// verify reports whether a JWT is signed with the app's key by RS256.
func verify(t *testing.T, w *world, jwt string) bool {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %.80s", jwt)
	}
	var head struct{ Alg string }
	decodePart(t, parts[0], &head)
	block, _ := pem.Decode([]byte(w.info.WebhookPublicKey))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return head.Alg == "RS256" && rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, digest[:], signature) == nil
}

func decodePart(t *testing.T, part string, into any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
}

// open verifies a webhook and takes its three layers apart.
func open(t *testing.T, w *world, jwt string) layers {
	t.Helper()
	if !verify(t, w, jwt) {
		t.Fatalf("wrong signature: %.80s", jwt)
	}
	var l layers
	decodePart(t, strings.Split(jwt, ".")[1], &l.claims)
	var claims struct{ Data string }
	decodePart(t, strings.Split(jwt, ".")[1], &claims)
	l.envelope = tree(t, []byte(claims.Data))
	var envelope struct {
		Data       string
		InstanceID string `json:"instanceId"`
		EventType  string `json:"eventType"`
		Identity   string
	}
	if err := json.Unmarshal([]byte(claims.Data), &envelope); err != nil {
		t.Fatal(err)
	}
	tree(t, []byte(envelope.Identity))
	l.eventType, l.instanceID, l.data = envelope.EventType, envelope.InstanceID, envelope.Data
	l.eventTree = tree(t, []byte(envelope.Data))
	if err := json.Unmarshal([]byte(envelope.Data), &l.event); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWebhooksHaveTheLayersOfTheFixtures(t *testing.T) {
	t.Parallel()
	hooks := newSink(t)
	w := newWorld(t, wixsim.Options{WebhookURL: hooks.URL, RetryScale: 1e6})
	o := w.likePaid("paid")
	w.ship(200, o.ID, `{"lineItems":[{"id":"`+line1+`"},{"id":"`+line2+`"}],"trackingInfo":{"trackingNumber":"N1","shippingProvider":"Cainiao","trackingLink":"https://c.example/N1"}}`)
	w.ctl("POST", "orders/"+w.info.OrderID+"/cancel", nil, nil)
	w.ctl("POST", "instances/"+w.info.InstanceID+"/remove", nil, nil)
	w.ctl("POST", "instances/"+w.info.InstanceID+"/install", nil, nil)
	seen := map[string]layers{}
	for _, got := range hooks.wait(t, 10) {
		if got.contentType != "text/plain; charset=utf-8" || got.agent != "Wix" {
			t.Errorf("sent as %q by %q", got.contentType, got.agent)
		}
		l := open(t, w, got.body)
		if l.instanceID != w.info.InstanceID {
			t.Errorf("sent for %s", l.instanceID)
		}
		seen[l.eventType] = l
	}
	for _, name := range []string{
		"order_created", "order_approved", "order_payment_status_updated", "order_updated", "order_canceled", "order_fulfilled",
		"fulfillments_updated", "AppInstalled", "AppRemoved",
	} {
		eventType := name
		if !strings.HasPrefix(name, "App") {
			eventType = "wix.ecom.v1." + name
		}
		l, ok := seen[eventType]
		if !ok {
			t.Errorf("%s was not sent", eventType)
			continue
		}
		known := tree(t, fixture(t, "webhook-claims-"+name)).(map[string]any)
		gaps := missing("claims", known["claims"], l.claims)
		gaps = append(gaps, missing("envelope", known["envelope"], l.envelope)...)
		gaps = append(gaps, missing("event", known["event"], l.eventTree)...)
		if len(gaps) > 0 {
			t.Errorf("%s: %v", name, gaps)
		}
	}
}

func TestAPaidOrderIsToldInThreeEvents(t *testing.T) {
	t.Parallel()
	hooks := newSink(t)
	w := newWorld(t, wixsim.Options{WebhookURL: hooks.URL})
	o := w.order(wixsim.NewOrder{})
	var told []string
	for i, got := range hooks.wait(t, 3) {
		l := open(t, w, got.body)
		told = append(told, l.event.Slug)
		if l.event.EntityEventSequence != strconv.Itoa(i+1) || l.event.EntityID != o.ID {
			t.Errorf("event %d has the sequence %s", i, l.event.EntityEventSequence)
		}
		if e := l.event.CreatedEvent.Entity; i == 0 && (e.Status != "INITIALIZED" || e.PaymentStatus != "NOT_PAID") {
			t.Errorf("created as %s %s", e.Status, e.PaymentStatus)
		}
	}
	if !slices.Equal(told, []string{"created", "approved", "payment_status_updated"}) {
		t.Errorf("told %v", told)
	}
}

func TestAFailedWebhookIsRetriedWithTheSameJWT(t *testing.T) {
	t.Parallel()
	hooks := newSink(t, http.StatusInternalServerError, http.StatusAccepted)
	w := newWorld(t, wixsim.Options{WebhookURL: hooks.URL})
	if err := w.sim.SendEvent("wix.ecom.v1.order_updated", w.info.OrderID, ""); err != nil {
		t.Fatal(err)
	}
	pending := func() bool { return w.sim.WebhookStats().PendingRetries == 1 }
	eventually(t, "the first attempt failed", func() bool { return w.sim.WebhookStats().Failed == 1 && pending() })
	w.sim.Advance(time.Minute)
	eventually(t, "only 200 is a success", func() bool { return w.sim.WebhookStats().Failed == 2 && pending() })
	w.sim.Advance(10 * time.Minute)
	eventually(t, "the retry arrived", func() bool { return w.sim.WebhookStats().Delivered == 1 })
	got := hooks.wait(t, 3)
	if got[0].body != got[1].body || got[1].body != got[2].body {
		t.Error("a retry carries what the first attempt carried")
	}
}

func TestRetriesEndAfterTwelve(t *testing.T) {
	t.Parallel()
	hooks := newSink(t, slices.Repeat([]int{500}, 20)...)
	w := newWorld(t, wixsim.Options{WebhookURL: hooks.URL, RetryScale: 1e9})
	if err := w.sim.SendEvent("wix.ecom.v1.order_updated", w.info.OrderID, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is dropped", func() bool { return w.sim.WebhookStats().Dropped == 1 })
	if got := w.sim.WebhookStats(); got.Sent != 13 || got.PendingRetries != 0 || got.InFlight != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestWebhookSwitches(t *testing.T) {
	t.Parallel()
	hooks := newSink(t)
	w := newWorld(t, wixsim.Options{})
	w.ctl("POST", "webhook-url", map[string]string{"url": hooks.URL}, nil)
	touch := func(s wixsim.WebhookSwitches) {
		t.Helper()
		w.ctl("POST", "webhooks", s, nil)
		w.ctl("POST", "orders/"+w.info.OrderID+"/touch", nil, nil)
	}
	touch(wixsim.WebhookSwitches{Duplicate: 1})
	if got := hooks.wait(t, 2); got[0].body != got[1].body {
		t.Error("a copy is a copy")
	}
	touch(wixsim.WebhookSwitches{Drop: true})
	touch(wixsim.WebhookSwitches{WrongSignature: true})
	if verify(t, w, hooks.wait(t, 3)[2].body) {
		t.Error("the signature is right")
	}
	touch(wixsim.WebhookSwitches{WrongAlgorithm: true})
	if verify(t, w, hooks.wait(t, 4)[3].body) {
		t.Error("the algorithm is right")
	}
	touch(wixsim.WebhookSwitches{Hold: true})
	touch(wixsim.WebhookSwitches{Hold: true})
	var stats wixsim.WebhookStats
	w.ctl("GET", "webhooks", nil, &stats)
	if stats.Held != 2 || stats.Dropped != 1 {
		t.Errorf("got %+v", stats)
	}
	w.ctl("POST", "webhooks/release", map[string]string{"order": "reverse"}, nil)
	got := hooks.wait(t, 6)
	if open(t, w, got[4].body).event.EntityEventSequence <= open(t, w, got[5].body).event.EntityEventSequence {
		t.Error("the order is not reversed")
	}
	touch(wixsim.WebhookSwitches{DelayMS: 1})
	hooks.wait(t, 7)
	var signed struct{ JWT string }
	w.ctl("POST", "webhooks/sign", `{"claims":{"data":"x","exp":1}}`, &signed)
	if !verify(t, w, signed.JWT) {
		t.Error("signed wrongly")
	}
}

func TestCloseStopsPendingDeliveries(t *testing.T) {
	t.Parallel()
	hooks := newSink(t, 500)
	sim := wixsim.New(wixsim.Options{WebhookURL: hooks.URL})
	if _, err := sim.TouchOrder(sim.Info().OrderID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a retry is pending", func() bool { return sim.WebhookStats().PendingRetries == 1 })
	sim.Close()
	if _, err := sim.TouchOrder(sim.Info().OrderID); err != nil {
		t.Errorf("a closed simulator still knows its orders: %v", err)
	}
}
