package outgoing

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/outbox"
)

const (
	// maxAnswer is how much of an answer is read. Nothing of it is kept or shown.
	maxAnswer = 64 << 10
	// attemptLease is after what time an attempt whose process died is due again.
	attemptLease = time.Minute
	// maxRetryAfter is how long a receiver may put us off.
	maxRetryAfter = 10 * time.Hour
)

// What was wrong with an attempt.
const (
	errTimeout     = "timeout"
	errName        = "name_not_found"
	errUnreachable = "unreachable"
	errTLS         = "tls_failed"
	errAddress     = "address_forbidden"
	errRedirect    = "redirected"
	errStatus      = "refused" // the status says how
	errSecret      = "secret_unreadable"
)

// attempt is one that was claimed.
type attempt struct {
	models.WebhookDelivery
	endpoint models.WebhookEndpoint
	payload  []byte
	at       time.Time
}

// deliver makes the attempt that is due, if it still is. What becomes of it is written down, whatever it is: the job has done its
// work then, and the table says when the next one is due.
func (s *Service) deliver(ctx context.Context, a outbox.DeliverArgs) error {
	leave, room := s.enter(a.EndpointID)
	if !room {
		return nil // the sweeper comes back to it
	}
	defer leave()
	at, err := s.claim(ctx, a)
	if err != nil || at == nil {
		return err
	}
	secrets, err := s.secrets(ctx, at.endpoint, at.at)
	if errors.Is(err, models.Unavailable) {
		return err
	}
	try := models.WebhookTry{At: at.at, Error: errSecret}
	var after time.Duration
	if err == nil {
		try, after = s.send(ctx, *at, secrets)
	} else {
		s.log.Error("sign a webhook message", "merchant_id", a.MerchantID, "endpoint_id", a.EndpointID, "error", err)
	}
	if ctx.Err() != nil && try.Error != "" {
		return ctx.Err() // it is we who stop: the attempt is due again when its lease ends
	}
	s.count("webhook", orOK(try.Error))
	return s.record(context.WithoutCancel(ctx), *at, try, after)
}

func orOK(code string) string {
	if code == "" {
		return "ok"
	}
	return code
}

// enter keeps attempts at one endpoint to a quarter of the workers: slow ones do not take all.
func (s *Service) enter(endpoint models.ID) (leave func(), room bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[endpoint] >= s.workers/4 {
		return nil, false
	}
	s.busy[endpoint]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.busy[endpoint]--; s.busy[endpoint] == 0 {
			delete(s.busy, endpoint)
		}
	}, true
}

// claim counts an attempt and moves the delivery's time on, so that nobody else makes it. It gives nil for one that is not due.
func (s *Service) claim(ctx context.Context, a outbox.DeliverArgs) (*attempt, error) {
	at := &attempt{}
	claimed := false
	err := s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error {
		var rows []models.WebhookDelivery
		err := tx.Raw(`UPDATE webhook_deliveries SET attempts = attempts + 1, next_try_at = clock_timestamp() + make_interval(secs => ?)
			WHERE merchant_id = ? AND endpoint_id = ? AND message_id = ? AND state = 'waiting' AND next_try_at <= clock_timestamp() RETURNING *`,
			attemptLease.Seconds(), a.MerchantID, a.EndpointID, a.MessageID).Scan(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		at.WebhookDelivery, at.at, claimed = rows[0], tx.Now, true
		if err := endpoint(tx.DB, a.MerchantID, a.EndpointID, &at.endpoint); err != nil {
			return err
		}
		return tx.Raw("SELECT payload FROM webhook_messages WHERE merchant_id = ? AND id = ?", a.MerchantID, a.MessageID).Row().Scan(&at.payload)
	})
	if err != nil || !claimed {
		return nil, err
	}
	return at, nil
}

// send makes one attempt. after is how long the receiver wants to be left alone.
func (s *Service) send(ctx context.Context, a attempt, secrets []models.Secret) (try models.WebhookTry, after time.Duration) {
	began := time.Now()
	try = models.WebhookTry{At: a.at}
	status, header, err := s.post(ctx, a, secrets)
	try.Millis, try.Status = time.Since(began).Milliseconds(), status
	switch {
	case err != nil:
		try.Error = whatFailed(err)
	case status >= 300 && status < 400:
		try.Error = errRedirect
	case status < 200 || status >= 400:
		try.Error = errStatus
		if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
			after = min(time.Duration(seconds)*time.Second, maxRetryAfter)
		}
	}
	return try, after
}

func (s *Service) post(ctx context.Context, a attempt, secrets []models.Secret) (status int, header http.Header, err error) {
	id := string(a.MessageID)
	signed, err := signature(id, a.at, a.payload, secrets...)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint.URL, bytes.NewReader(a.payload))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Waybill-Webhooks/1")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(a.at.Unix(), 10))
	req.Header.Set("Webhook-Signature", signed)
	res, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // the status has said it; reading on lets the connection be used again
	return res.StatusCode, res.Header, nil
}

func whatFailed(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var slow net.Error
	switch {
	case errors.Is(err, errForbidden):
		return errAddress
	case errors.As(err, &name) && !name.IsTimeout:
		return errName
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert):
		return errTLS
	case errors.As(err, &slow) && slow.Timeout():
		return errTimeout
	}
	return errUnreachable
}

// record writes down what became of an attempt, and what follows for the endpoint.
func (s *Service) record(ctx context.Context, a attempt, try models.WebhookTry, after time.Duration) error {
	tries := append(a.Tries, try)
	tries = tries[max(0, len(tries)-models.WebhookTriesKept):]
	raw, err := json.Marshal(tries)
	if err != nil {
		return fmt.Errorf("write down an attempt: %w", err)
	}
	state, wait := models.WebhookDelivered, time.Duration(0)
	if try.Error != "" {
		var more bool
		state = models.WebhookFailed
		if wait, more = models.NextWebhookTry(a.Attempts-a.RoundBeganAt, rand.Float64()); more {
			state, wait = models.WebhookWaiting, max(s.every(wait), after)
		}
	}
	return s.db.Of(a.MerchantID).InTx(ctx, func(tx database.Tx) error {
		var e models.WebhookEndpoint
		if err := lockEndpoint(tx, a.MerchantID, a.EndpointID, &e); err != nil {
			if errors.Is(err, models.NotFound) {
				return nil // deleted meanwhile
			}
			return err
		}
		var next, delivered *time.Time
		switch state {
		case models.WebhookWaiting:
			at := tx.Now.Add(wait)
			next = &at
		case models.WebhookDelivered:
			delivered = &tx.Now
		}
		// A late result of an attempt after which another was claimed is only old news.
		res := tx.Exec(`UPDATE webhook_deliveries SET state = ?, next_try_at = ?, tries = ?::jsonb, delivered_at = coalesce(?, delivered_at)
			WHERE merchant_id = ? AND endpoint_id = ? AND message_id = ? AND attempts = ? AND state = 'waiting'`,
			state, next, string(raw), delivered, a.MerchantID, a.EndpointID, a.MessageID, a.Attempts)
		if res.Error != nil {
			return res.Error
		}
		return s.judge(tx, e, try)
	})
}

// judge draws the conclusions of an attempt for its endpoint, which is locked.
func (s *Service) judge(tx database.Tx, e models.WebhookEndpoint, try models.WebhookTry) error {
	if try.Error == "" {
		return tx.Exec(`UPDATE webhook_endpoints SET failing_since = NULL, last_success_at = ? WHERE merchant_id = ? AND id = ?
			AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < ?)`, tx.Now, e.MerchantID, e.ID, tx.Now.Add(-time.Minute)).Error
	}
	if e.State != models.WebhookActive {
		return nil
	}
	var why string
	switch {
	case try.Status == http.StatusGone:
		why = models.WebhookDisabledGone
	case e.FailingSince == nil:
		return tx.Exec("UPDATE webhook_endpoints SET failing_since = ? WHERE merchant_id = ? AND id = ?", tx.Now, e.MerchantID, e.ID).Error
	case tx.Now.Sub(*e.FailingSince) >= models.WebhookPatience:
		why = models.WebhookDisabledFailing
	default:
		return nil
	}
	err := tx.Exec("UPDATE webhook_endpoints SET state = 'disabled', disabled_why = ?, disabled_at = ?, updated_at = ? WHERE merchant_id = ? AND id = ?", why, tx.Now, tx.Now, e.MerchantID, e.ID).Error
	if err != nil {
		return err
	}
	if err := giveUp(tx, e); err != nil {
		return err
	}
	return s.tellDisabled(tx, e)
}
