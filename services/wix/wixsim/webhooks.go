package wixsim

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	webhookDeadline = 1250 * time.Millisecond // wix.md 5.6
	// jwtLife is the only lifetime that a published sample shows, wix.md 5.2. A retry carries the JWT of the first
	// attempt, and this outlives the 48 hours of retries.
	jwtLife       = 300000 * time.Second
	storesAppID   = "1380b703-ce81-ff05-f115-39571d94dfcd" // who changes orders, as the fixtures' identity says
	orderFQDN     = "wix.ecom.v1.order"
	fulfillFQDN   = "wix.ecom.v1.fulfillments"
	moneyFQDN     = "wix.ecom.v1.order_transactions"
	eventOrder    = orderFQDN + "_"
	eventFulfill  = fulfillFQDN + "_updated"
	eventMoney    = moneyFQDN + "_updated"
	readReplyUpTo = 4 << 10
)

// retryDelays are counted from the failure before, wix.md 5.6.
var retryDelays = []time.Duration{
	time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 2 * time.Hour, 2 * time.Hour,
	4 * time.Hour, 4 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour, 12 * time.Hour,
}

// WebhookSwitches change how events are sent until they are set anew. The zero value is normal delivery.
type WebhookSwitches struct {
	Duplicate      int  `json:"duplicate"`       // extra copies of every event
	Drop           bool `json:"drop"`            // events are lost
	Hold           bool `json:"hold"`            // events wait for ReleaseWebhooks
	WrongSignature bool `json:"wrong_signature"` // signed with another key
	WrongAlgorithm bool `json:"wrong_algorithm"` // HS256 with the public key as its secret
	DelayMS        int  `json:"delay_ms"`
}

// WebhookStats count deliveries. Sent and Failed count attempts, the others events (a copy counts as an event).
type WebhookStats struct {
	Sent           int `json:"sent"`
	Delivered      int `json:"delivered"`
	Failed         int `json:"failed"`
	Dropped        int `json:"dropped"`
	Held           int `json:"held"`
	PendingRetries int `json:"pending_retries"`
	InFlight       int `json:"in_flight"` // under way, not waiting for a retry
}

type webhookState struct {
	url      string
	quiet    bool // the seed is made without events
	switches WebhookSwitches
	stats    WebhookStats
	held     []*delivery
	last     map[string]chan struct{} // per entity: closed when the first attempt of its newest event is over
}

func newWebhookState(url string) webhookState {
	return webhookState{url: url, last: map[string]chan struct{}{}}
}

func newWebhookClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// envelope is the second layer of a webhook, wix.md 5.2.
type envelope struct {
	Data       string `json:"data"`
	InstanceID string `json:"instanceId"`
	EventType  string `json:"eventType"`
	Identity   string `json:"identity"`
}

type webhookClaims struct {
	Data string `json:"data"`
	Iat  int64  `json:"iat"`
	Exp  int64  `json:"exp"`
}

type identity struct {
	IdentityType string `json:"identityType"`
	WixUserID    string `json:"wixUserId,omitempty"`
	AppID        string `json:"appId,omitempty"`
}

// domainEvent is the third layer, wix.md 5.3. Exactly one of the payloads is set.
type domainEvent struct {
	ID                          string         `json:"id"`
	EntityFqdn                  string         `json:"entityFqdn"`
	Slug                        string         `json:"slug"`
	EntityID                    string         `json:"entityId"`
	CreatedEvent                map[string]any `json:"createdEvent,omitempty"`
	UpdatedEvent                map[string]any `json:"updatedEvent,omitempty"`
	ActionEvent                 map[string]any `json:"actionEvent,omitempty"`
	EventTime                   string         `json:"eventTime"`
	TriggeredByAnonymizeRequest bool           `json:"triggeredByAnonymizeRequest"`
	EntityEventSequence         string         `json:"entityEventSequence"`
}

func (s *Server) emitCreated(rec *record) {
	s.emitOrder(rec, domainEvent{Slug: "created", CreatedEvent: map[string]any{"entity": rec.raw}})
}

func (s *Server) emitUpdated(rec *record) {
	s.emitOrder(rec, domainEvent{Slug: "updated", UpdatedEvent: map[string]any{"currentEntity": rec.raw}})
}

func (s *Server) emitAction(rec *record, slug string, extra map[string]any) {
	body := map[string]any{"order": rec.raw}
	for k, v := range extra {
		body[k] = v
	}
	s.emitOrder(rec, domainEvent{Slug: slug, ActionEvent: map[string]any{"body": body}})
}

// emitPaymentStatus tells about a changed payment status, if it did change.
func (s *Server) emitPaymentStatus(rec *record, before string) {
	if before != rec.order.PaymentStatus {
		s.emitAction(rec, "payment_status_updated", map[string]any{"previousPaymentStatus": before})
	}
}

func (s *Server) emitOrder(rec *record, e domainEvent) {
	rec.orderSeq++
	e.EntityFqdn, e.EntityEventSequence = orderFQDN, strconv.Itoa(rec.orderSeq)
	s.emit(rec, eventOrder+e.Slug, e)
}

func (s *Server) emitFulfillments(rec *record) {
	rec.fulfillSeq++
	s.emit(rec, eventFulfill, domainEvent{
		EntityFqdn: fulfillFQDN, Slug: "updated", EntityEventSequence: strconv.Itoa(rec.fulfillSeq),
		UpdatedEvent: map[string]any{"currentEntity": rec.withFulfillments()},
	})
}

func (s *Server) emitTransactions(rec *record) {
	rec.moneySeq++
	s.emit(rec, eventMoney, domainEvent{
		EntityFqdn: moneyFQDN, Slug: "updated", EntityEventSequence: strconv.Itoa(rec.moneySeq),
		UpdatedEvent: map[string]any{"currentEntity": rec.transactions()},
	})
}

// emit completes a domain event and sends it. Where the app was removed nobody is told.
func (s *Server) emit(rec *record, eventType string, e domainEvent) {
	e.ID, e.EntityID, e.EventTime = newGUID(), rec.id(), eventStamp(s.now())
	if s.webhooks.quiet || !s.instances[rec.site].installed {
		return
	}
	s.note(Entry{Kind: KindEvent, Op: eventType, InstanceID: rec.site, OrderID: rec.id(), Detail: map[string]any{
		"event_id": e.ID, "sequence": e.EntityEventSequence,
	}})
	who := identity{IdentityType: "APP", AppID: storesAppID}
	s.send(&delivery{eventType: eventType, eventID: e.ID, site: rec.site, orderID: rec.id()}, encode(e), who)
}

// emitAppEvent sends AppInstalled or AppRemoved: the bare payload without an id, wix.md 5.5.
func (s *Server) emitAppEvent(site *instance, eventType string) {
	s.note(Entry{Kind: KindEvent, Op: eventType, InstanceID: site.id})
	who := identity{IdentityType: "WIX_USER", WixUserID: site.ownerID}
	s.send(&delivery{eventType: eventType, site: site.id}, encode(map[string]string{"appId": s.appID}), who)
}

// delivery is one event on its way.
type delivery struct {
	eventType, eventID string
	site, orderID      string
	claims             webhookClaims
	switches           WebhookSwitches // as they were when the event happened
	after              <-chan struct{} // the first attempt of the event before, if any
	tried              chan struct{}   // closed when the first attempt is over
}

func (d *delivery) entity() string { return orDefault(d.orderID, d.site) }

// send puts an event into its layers and hands it out according to the switches.
func (s *Server) send(d *delivery, data json.RawMessage, who identity) {
	layer := encode(envelope{Data: string(data), InstanceID: d.site, EventType: d.eventType, Identity: string(encode(who))})
	now := s.now()
	d.claims = webhookClaims{Data: string(layer), Iat: now.Unix(), Exp: now.Add(jwtLife).Unix()}
	d.switches = s.webhooks.switches
	switch {
	case d.switches.Drop:
		s.webhooks.stats.Dropped++
		s.noteDelivery(KindWebhookDropped, d, map[string]any{"reason": "switch"})
	case d.switches.Hold:
		for range 1 + d.switches.Duplicate {
			copied := *d
			s.webhooks.held = append(s.webhooks.held, &copied)
		}
		s.noteDelivery(KindWebhookHeld, d, nil)
	case s.webhooks.url == "":
		s.noteDelivery(KindWebhookUnsent, d, nil)
	default:
		for range 1 + d.switches.Duplicate {
			copied := *d
			s.start(&copied, d.entity())
		}
	}
}

// start delivers in the background. Events of one queue are tried first in the order of their making; retries mix.
func (s *Server) start(d *delivery, queue string) {
	d.tried = make(chan struct{})
	if before, ok := s.webhooks.last[queue]; ok {
		d.after = before
	}
	s.webhooks.last[queue] = d.tried
	s.webhooks.stats.InFlight++
	s.spawn(func() { s.deliver(d) })
}

func (s *Server) noteDelivery(kind string, d *delivery, detail map[string]any) {
	if detail == nil {
		detail = map[string]any{}
	}
	if d.eventID != "" {
		detail["event_id"] = d.eventID
	}
	s.note(Entry{Kind: kind, Op: d.eventType, InstanceID: d.site, OrderID: d.orderID, Detail: detail})
}

// deliver tries until the receiver answers 200 or the retries of wix.md 5.6 are used up.
func (s *Server) deliver(d *delivery) {
	jwt := s.signDelivery(d)
	turn := s.pause(time.Duration(d.switches.DelayMS) * time.Millisecond)
	if turn && d.after != nil {
		select {
		case <-d.after:
		case <-s.ctx.Done():
			turn = false
		}
	}
	for attempt := 0; turn; attempt++ {
		problem := s.post(jwt)
		if attempt == 0 {
			close(d.tried)
		}
		if s.ctx.Err() != nil || !s.settleAttempt(d, attempt, problem) {
			return
		}
		turn = s.pause(time.Duration(float64(retryDelays[attempt]) / s.retryScale))
		s.mu.Lock()
		s.webhooks.stats.PendingRetries--
		s.webhooks.stats.InFlight++
		s.mu.Unlock()
	}
}

// settleAttempt books the result of an attempt and reports whether there will be another one.
func (s *Server) settleAttempt(d *delivery, attempt int, problem error) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := &s.webhooks.stats
	stats.Sent++
	stats.InFlight--
	if problem == nil {
		stats.Delivered++
		s.noteDelivery(KindWebhookDelivered, d, map[string]any{"attempt": attempt + 1})
		return false
	}
	stats.Failed++
	s.noteDelivery(KindWebhookFailed, d, map[string]any{"attempt": attempt + 1, "problem": problem.Error()})
	if attempt == len(retryDelays) {
		stats.Dropped++
		s.noteDelivery(KindWebhookDropped, d, map[string]any{"reason": "retries used up"})
		return false
	}
	stats.PendingRetries++
	return true
}

// post sends a JWT as Wix does and wants a 200 within the deadline, wix.md 5.1 and 5.6.
func (s *Server) post(jwt string) error {
	s.mu.Lock()
	url := s.webhooks.url
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, webhookDeadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(jwt))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("User-Agent", "Wix")
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // nothing more is read from it
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, readReplyUpTo))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", res.StatusCode)
	}
	return nil
}

func (s *Server) signDelivery(d *delivery) string {
	claims := encode(d.claims)
	if d.switches.WrongAlgorithm {
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"` + s.keyID + `","alg":"HS256"}`))
		signed := head + "." + base64.RawURLEncoding.EncodeToString(claims)
		mac := hmac.New(sha256.New, []byte(s.publicPEM))
		mac.Write([]byte(signed))
		return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	if d.switches.WrongSignature {
		return s.rs256(s.otherKey(), claims)
	}
	return s.rs256(s.key, claims)
}

// otherKey is a key that nobody has published.
func (s *Server) otherKey() *rsa.PrivateKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrongKey == nil {
		s.wrongKey = generateKey()
	}
	return s.wrongKey
}

// rs256 makes a JWT, RFC 7519, with the header of wix.md 5.1.
func (s *Server) rs256(key *rsa.PrivateKey, claims []byte) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"` + s.keyID + `","alg":"RS256"}`))
	signed := head + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err) // the key is too short for SHA-256: a wiring mistake
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Sign signs any claims as the webhooks are signed.
func (s *Server) Sign(claims json.RawMessage) string { return s.rs256(s.key, claims) }

// SetWebhookURL changes where events go, also those that wait for a retry.
func (s *Server) SetWebhookURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhooks.url = url
}

// SetWebhooks changes how events are sent from now on.
func (s *Server) SetWebhooks(w WebhookSwitches) error {
	if w.Duplicate < 0 || w.Duplicate > 100 || w.DelayMS < 0 {
		return fmt.Errorf("duplicate must be 0 to 100, delay_ms not negative")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhooks.switches = w
	return nil
}

// WebhookStats counts the deliveries so far.
func (s *Server) WebhookStats() WebhookStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.webhooks.stats
	stats.Held = len(s.webhooks.held)
	return stats
}

// ReleaseWebhooks delivers the held events one after the other, as they were made or the other way round, and returns
// how many they are.
func (s *Server) ReleaseWebhooks(reverse bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.webhooks.held
	s.webhooks.held = nil
	if reverse {
		slices.Reverse(held)
	}
	for _, d := range held {
		if s.webhooks.url == "" {
			s.noteDelivery(KindWebhookUnsent, d, nil)
			continue
		}
		s.start(d, "released")
	}
	return len(held)
}

// SendEvent builds one event for an order's present state, or an app event, and sends it.
func (s *Server) SendEvent(eventType, orderID, instanceID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if eventType == "AppInstalled" || eventType == "AppRemoved" {
		site, ok := s.instances[orDefault(instanceID, sampleInstanceID)]
		if !ok {
			return fmt.Errorf("no instance %q", instanceID)
		}
		s.emitAppEvent(site, eventType)
		return nil
	}
	rec, ok := s.orders[orderID]
	if !ok || (instanceID != "" && rec.site != instanceID) {
		return fmt.Errorf("no order %q", orderID)
	}
	return s.emitByName(rec, eventType)
}

func (s *Server) emitByName(rec *record, eventType string) error {
	switch eventType {
	case eventFulfill:
		s.emitFulfillments(rec)
	case eventMoney:
		s.emitTransactions(rec)
	case eventOrder + "created":
		s.emitCreated(rec)
	case eventOrder + "updated":
		s.emitUpdated(rec)
	case eventOrder + "approved":
		s.emitAction(rec, "approved", nil)
	case eventOrder + "payment_status_updated":
		s.emitAction(rec, "payment_status_updated", map[string]any{"previousPaymentStatus": payNotPaid})
	case eventOrder + "canceled":
		s.emitAction(rec, "canceled", map[string]any{
			"restockAllItems": false, "sendOrderCanceledEmail": false, "customMessage": "",
		})
	case eventOrder + "fulfilled":
		s.emitAction(rec, "fulfilled", map[string]any{
			"previousFulfillmentStatus": notFulfilled, "newFulfillmentStatus": rec.order.FulfillmentStatus,
		})
	default:
		return fmt.Errorf("unknown event type %q", eventType)
	}
	return nil
}
