package outgoing_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/outgoing"
)

type told struct {
	Type      string
	Timestamp time.Time
	Data      map[string]any
}

func read(t *testing.T, c call) (m told) {
	t.Helper()
	if err := json.Unmarshal(c.body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAChangeIsToldSignedAndWithoutTheBuyer(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	e, secret := d.endpoint(r.URL)
	d.work()
	id := d.order("10042")
	d.cancelled("10042")
	d.waitFor("four messages", func() bool { return len(r.got()) == 4 })
	verify, err := standard.NewWebhook(secret.Reveal())
	d.must(err)
	var types []string
	for _, c := range r.got() {
		d.must(verify.Verify(c.body, c.header))
		m := read(t, c)
		types = append(types, m.Type)
		if m.Data["order_id"] != string(id) || m.Data["order_number"] != "10042" || m.Data["version"] == nil || m.Timestamp.IsZero() {
			t.Errorf("%s", c.body)
		}
		if strings.Contains(strings.ToLower(string(c.body)), "canary") {
			t.Errorf("something of the buyer is told: %s", c.body)
		}
		if m.Type == "order.tab_changed" && (m.Data["before"] != "awaiting_order" || m.Data["tab"] != "closed") {
			t.Errorf("%s", c.body)
		}
	}
	slices.Sort(types)
	if got := strings.Join(types, " "); got != "order.created order.flag_closed order.flag_opened order.tab_changed" {
		t.Error(got)
	}
	d.waitFor("all are written down as delivered", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 4 })
	if seen := d.seen(e); seen.FailingSince != nil || seen.LastSuccessAt == nil {
		t.Errorf("%+v", seen)
	}
}

// A message is there if and only if its change is.
func TestNothingIsWrittenForNobodyAndNothingWithoutItsChange(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	count := func() (n int) {
		d.one("SELECT count(*) FROM webhook_messages", &n)
		return n
	}
	d.order("1")
	if count() != 0 {
		t.Error("a message is written although there is no endpoint")
	}
	e, _ := d.endpoint("https://example.com/hook", models.WebhookSyncJobFinished)
	d.order("2")
	if count() != 0 {
		t.Error("a message is written that no endpoint wants")
	}
	_, err := d.ReplaceEndpoint(t.Context(), d.m, e.ID, outgoing.Wanted{URL: e.URL, Types: []models.WebhookType{models.WebhookOrderCreated}}, "api:test")
	d.must(err)
	failed := errors.New("the transaction fails")
	err = d.db.Of(d.m).InTx(t.Context(), func(tx database.Tx) error {
		_, err := d.orders.Receive(tx, d.m, d.store, by, models.StoreOrder{ExternalID: "3", Number: "3", PlacedAt: time.Now(), UpdatedAt: time.Now(), Status: "APPROVED", PaymentStatus: "PAID", Payload: []byte("{}")})
		return errors.Join(err, failed)
	})
	if !errors.Is(err, failed) || count() != 0 {
		t.Errorf("%v, %d messages", err, count())
	}
	d.order("4")
	if count() != 1 {
		t.Errorf("%d messages", count())
	}
}

// Svix's schedule: eight attempts, 27 h 35 min from the first to the last.
func TestAFailingMessageIsTriedEightTimes(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	r.answers(http.StatusInternalServerError)
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	d.work()
	d.order("1")
	d.waitFor("it is given up", func() bool { return len(d.deliveries(e, models.WebhookFailed)) == 1 })
	gave := d.deliveries(e, models.WebhookFailed)[0]
	if len(r.got()) != 8 || gave.Attempts != 8 || len(gave.Tries) != 8 || gave.NextTryAt != nil {
		t.Errorf("%d calls, %+v", len(r.got()), gave)
	}
	first := r.got()[0]
	for _, c := range r.got() {
		if c.header.Get("Webhook-Id") != first.header.Get("Webhook-Id") || string(c.body) != string(first.body) {
			t.Error("a repetition is another message")
		}
	}
	for _, try := range gave.Tries {
		if try.Status != 500 || try.Error != "refused" {
			t.Errorf("%+v", try)
		}
	}
	var stored string
	d.one("SELECT string_agg(d::text || m::text, '') FROM webhook_deliveries d, webhook_messages m", &stored)
	if strings.Contains(stored, "canary") {
		t.Errorf("something of an answer, or of the buyer, is kept: %s", stored)
	}
	if d.seen(e).FailingSince == nil {
		t.Error("the endpoint is not known to fail")
	}

	// Replayed it is the same message, and its schedule begins anew.
	r.answers(http.StatusNoContent)
	if n, err := d.ReplayMessage(t.Context(), d.m, gave.MessageID, "", "api:test"); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	d.waitFor("it is delivered", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 1 })
	if calls := r.got(); len(calls) != 9 || calls[8].header.Get("Webhook-Id") != string(gave.MessageID) || d.seen(e).FailingSince != nil {
		t.Errorf("%d calls, %+v", len(calls), d.seen(e))
	}
}

func TestWhatFailedSinceATimeIsReplayed(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	r.answers(http.StatusInternalServerError)
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	d.work()
	for _, number := range []string{"1", "2", "3"} {
		d.order(number)
	}
	d.waitFor("all are given up", func() bool { return len(d.deliveries(e, models.WebhookFailed)) == 3 })
	r.answers(http.StatusOK)
	if n, err := d.ReplayFailed(t.Context(), d.m, e.ID, time.Now().Add(time.Hour), "api:test"); err != nil || n != 0 {
		t.Errorf("%d of the future, %v", n, err)
	}
	if n, err := d.ReplayFailed(t.Context(), d.m, e.ID, time.Now().Add(-time.Hour), "api:test"); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	d.waitFor("all are delivered", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 3 })
}

func TestAnEndpointThatOnlyFailsIsDisabledAndItsOwnerIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		why    string
		before func(d *desk, e models.WebhookEndpoint)
	}{
		"it is gone": {http.StatusGone, models.WebhookDisabledGone, func(*desk, models.WebhookEndpoint) {}},
		"for five days": {http.StatusBadGateway, models.WebhookDisabledFailing, func(d *desk, e models.WebhookEndpoint) {
			d.exec("UPDATE webhook_endpoints SET failing_since = now() - interval '120 hours 1 second' WHERE id = ?", e.ID)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, r := newDesk(t, func(o *outgoing.Options) { o.Speed = 1 }), newReceiver(t)
			d.notified(models.Notifications{Addresses: []string{"owner@example.com"}, Codes: []models.FlagCode{models.FlagDispute}})
			r.answers(c.status)
			e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
			c.before(d, e)
			d.work()
			d.order("1")
			d.waitFor("it is disabled", func() bool { return d.seen(e).State == models.WebhookDisabled })
			if seen := d.seen(e); seen.DisabledWhy != c.why || seen.DisabledAt == nil || len(d.deliveries(e, models.WebhookFailed)) != 1 {
				t.Errorf("%+v", seen)
			}
			d.order("2")
			if n := len(d.deliveries(e, "")); n != 1 {
				t.Errorf("%d messages are written for one that is disabled", n)
			}
			d.waitFor("its owner is told", func() bool { return len(d.box.Letters()) == 1 })
			if l := d.box.Letters()[0]; l.To != "owner@example.com" || !strings.Contains(l.Text(), r.URL) || !strings.Contains(l.Header("Subject"), "disabled") {
				t.Errorf("%s\n%s", l.Header("Subject"), l.Text())
			}
			if _, err := d.SendTest(t.Context(), d.m, e.ID, "api:test"); models.AsError(err).Code != "webhook_endpoint_disabled" {
				t.Errorf("a test: %v", err)
			}
			if _, err := d.ReplayFailed(t.Context(), d.m, e.ID, time.Now().Add(-time.Hour), "api:test"); models.AsError(err).Code != "webhook_endpoint_disabled" {
				t.Errorf("a replay: %v", err)
			}
			// Enabled again it begins anew.
			r.answers(http.StatusOK)
			enabled, err := d.ReplaceEndpoint(t.Context(), d.m, e.ID, outgoing.Wanted{URL: e.URL, Types: e.Types}, "api:test")
			if err != nil || enabled.State != models.WebhookActive || enabled.FailingSince != nil || enabled.DisabledWhy != "" {
				t.Fatalf("%+v, %v", enabled, err)
			}
			if _, err := d.SendTest(t.Context(), d.m, e.ID, "api:test"); err != nil {
				t.Fatal(err)
			}
			d.waitFor("the test arrives", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 1 })
		})
	}
}

// An endpoint that has failed for less than five days is told on, and one success makes it start over.
func TestAFailureThatDoesNotLastDisablesNothing(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t, func(o *outgoing.Options) { o.Speed = 1 }), newReceiver(t)
	r.answers(http.StatusInternalServerError)
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	d.exec("UPDATE webhook_endpoints SET failing_since = now() - interval '119 hours' WHERE id = ?", e.ID)
	d.work()
	d.order("1")
	d.waitFor("it has failed", func() bool { w := d.deliveries(e, models.WebhookWaiting); return len(w) == 1 && len(w[0].Tries) == 1 })
	waiting := d.deliveries(e, models.WebhookWaiting)[0]
	if in := time.Until(*waiting.NextTryAt); d.seen(e).State != models.WebhookActive || in > 6*time.Second {
		t.Errorf("%+v, next in %s", d.seen(e), in)
	}
	r.answers(http.StatusOK)
	d.exec("UPDATE webhook_deliveries SET next_try_at = now()")
	d.waitFor("it is delivered", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 1 })
	if d.seen(e).FailingSince != nil {
		t.Error("a success is not seen")
	}
}

func TestAReceiverMayAskForTime(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	r.answers(http.StatusTooManyRequests, "Retry-After", "3600")
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	d.work()
	d.order("1")
	d.waitFor("it is put off", func() bool { w := d.deliveries(e, models.WebhookWaiting); return len(w) == 1 && len(w[0].Tries) == 1 })
	if in := time.Until(*d.deliveries(e, models.WebhookWaiting)[0].NextTryAt); in < 59*time.Minute || in > time.Hour {
		t.Errorf("next in %s", in)
	}
}

func TestBothSecretsSignForADay(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	e, old := d.endpoint(r.URL)
	d.work()
	test := func() call {
		t.Helper()
		n := len(r.got())
		_, err := d.SendTest(t.Context(), d.m, e.ID, "api:test")
		d.must(err)
		d.waitFor("the test arrives", func() bool { return len(r.got()) == n+1 })
		return r.got()[n]
	}
	good := func(c call, secret models.Secret) bool {
		t.Helper()
		verify, err := standard.NewWebhook(secret.Reveal())
		d.must(err)
		return verify.Verify(c.body, c.header) == nil
	}
	_, fresh, err := d.RotateSecret(t.Context(), d.m, e.ID, "api:test")
	d.must(err)
	if c := test(); !good(c, old) || !good(c, fresh) || fresh == old {
		t.Errorf("signed %s", c.header.Get("Webhook-Signature"))
	}
	d.exec("UPDATE webhook_endpoints SET old_secret_until = now() WHERE id = ?", e.ID)
	if c := test(); good(c, old) || !good(c, fresh) {
		t.Errorf("signed %s", c.header.Get("Webhook-Signature"))
	}
	var stored string
	d.one("SELECT string_agg(encode(secret, 'escape') || encode(old_secret, 'escape'), '') FROM webhook_endpoints", &stored)
	if strings.Contains(stored, "whsec_") {
		t.Error("a secret is stored as it is")
	}
}

// A process that dies in an attempt, and one whose job was lost, leave nothing undone.
func TestWhatAJobForgotIsFoundInTheTable(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	d.order("1")
	d.order("2")
	d.exec("DELETE FROM river_job")
	d.exec("UPDATE webhook_deliveries SET attempts = 1, next_try_at = now() WHERE message_id = (SELECT min(message_id::text)::uuid FROM webhook_deliveries)") // claimed, its lease over
	d.work()
	d.work()
	d.waitFor("both are delivered", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 2 })
	if n := len(r.got()); n != 2 {
		t.Errorf("%d calls from two processes", n)
	}
}

func TestAnotherMerchantsWebhooksAreNotThere(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	e, _ := d.endpoint("https://example.com/hook")
	test, err := d.SendTest(t.Context(), d.m, e.ID, "api:test")
	d.must(err)
	d.m, _ = d.merchant()
	for name, err := range map[string]error{
		"read":    second(d.Endpoint(t.Context(), d.m, e.ID)),
		"replace": second(d.ReplaceEndpoint(t.Context(), d.m, e.ID, outgoing.Wanted{URL: e.URL, Types: e.Types}, "api:test")),
		"delete":  d.DeleteEndpoint(t.Context(), d.m, e.ID, "api:test"),
		"test":    second(d.SendTest(t.Context(), d.m, e.ID, "api:test")),
		"failed":  second(d.ReplayFailed(t.Context(), d.m, e.ID, time.Time{}, "api:test")),
		"replay":  second(d.ReplayMessage(t.Context(), d.m, test.MessageID, "", "api:test")),
		"odd id":  second(d.ReplayMessage(t.Context(), d.m, "42", "", "api:test")),
	} {
		if !errors.Is(err, models.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := d.Endpoints(t.Context(), d.m); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	for range 10 {
		d.endpoint("https://example.com/hook")
	}
	if _, _, err := d.AddEndpoint(t.Context(), d.m, outgoing.Wanted{URL: "https://example.com", Types: models.WebhookTypes()}, "api:test"); models.AsError(err).Code != "too_many_webhook_endpoints" {
		t.Errorf("an eleventh: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestWhatIsNoLongerKeptIsRemoved(t *testing.T) {
	t.Parallel()
	d, r := newDesk(t), newReceiver(t)
	e, _ := d.endpoint(r.URL, models.WebhookOrderCreated)
	stop := d.work()
	d.order("1")
	d.waitFor("it is delivered", func() bool { return len(d.deliveries(e, models.WebhookDelivered)) == 1 })
	stop()
	old := database.IDBefore(time.Now().Add(-31 * 24 * time.Hour))
	d.exec("INSERT INTO webhook_messages SELECT merchant_id, ?, type, payload, created_at FROM webhook_messages", old)
	d.exec("INSERT INTO webhook_deliveries SELECT merchant_id, endpoint_id, ?, state, attempts, round_began_at, next_try_at, tries, delivered_at FROM webhook_deliveries", old)
	if len(d.deliveries(e, "")) != 2 {
		t.Fatal("there is no old delivery")
	}
	d.work()
	d.waitFor("the old one is removed", func() bool { return len(d.deliveries(e, "")) == 1 })
}
