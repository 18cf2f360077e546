package outgoing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/outbox"
	"waybill/services/vault"
)

// maxEndpoints is how many endpoints a merchant may have.
const maxEndpoints = 10

// Wanted is what a person decides about an endpoint.
type Wanted struct {
	URL         string
	Description string
	Types       []models.WebhookType
	Disabled    bool
}

// Endpoints lists a merchant's endpoints, oldest first.
func (s *Service) Endpoints(ctx context.Context, m models.MerchantID) (list []models.WebhookEndpoint, err error) {
	list = []models.WebhookEndpoint{}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return q.Where("merchant_id = ?", m).Order("id").Find(&list).Error })
	return list, err
}

// Endpoint reads one endpoint.
func (s *Service) Endpoint(ctx context.Context, m models.MerchantID, id models.ID) (e models.WebhookEndpoint, err error) {
	if !database.ValidID(string(id)) {
		return e, noEndpoint()
	}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return endpoint(q, m, id, &e) })
	return e, err
}

func endpoint(q *gorm.DB, m models.MerchantID, id models.ID, e *models.WebhookEndpoint) error {
	err := q.Where("merchant_id = ? AND id = ?", m, id).Take(e).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return noEndpoint()
	}
	return err
}

func noEndpoint() error {
	return models.Errorf(models.NotFound, "webhook_endpoint_not_found", "There is no such webhook endpoint.")
}

// AddEndpoint adds an endpoint and gives the secret with which its messages are signed, this once.
func (s *Service) AddEndpoint(ctx context.Context, m models.MerchantID, in Wanted, by models.Actor) (e models.WebhookEndpoint, secret models.Secret, err error) {
	if err := s.checkURL(in.URL); err != nil {
		return e, "", err
	}
	secret = newSecret()
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if err := tx.Exec("SELECT 1 FROM merchants WHERE id = ? FOR NO KEY UPDATE", m).Error; err != nil { // two that count at once would both add
			return err
		}
		var n int64
		if err := tx.Model(&models.WebhookEndpoint{}).Where("merchant_id = ?", m).Count(&n).Error; err != nil {
			return err
		}
		if n >= maxEndpoints {
			return models.Errorf(models.Conflict, "too_many_webhook_endpoints", "There are %d webhook endpoints already. Delete one first.", n)
		}
		e = models.WebhookEndpoint{MerchantID: m, ID: database.NewID(), State: models.WebhookActive, CreatedAt: tx.Now, CreatedBy: by}
		in.into(&e, tx.Now)
		if e.Secret, e.SecretKeyID, err = s.vault.Seal(tx, m, secretPlace(e.ID), []byte(secret.Reveal())); err != nil {
			return err
		}
		if err := tx.Create(&e).Error; err != nil {
			return err
		}
		return enter(tx, e, models.ActWebhookMade, by, map[string]any{"url": e.URL, "types": e.Types})
	})
	return e, secret, err
}

// enter enters into the audit what was done to an endpoint.
func enter(tx database.Tx, e models.WebhookEndpoint, what models.Act, by models.Actor, detail map[string]any) error {
	return audit.Append(tx, e.MerchantID, audit.Act{By: by, What: what, Subject: models.AuditSubject{Kind: models.SubjectWebhook, ID: e.ID}, Detail: detail})
}

// decided is what an audit compares of an endpoint.
func decided(e models.WebhookEndpoint) map[string]any {
	return map[string]any{"url": e.URL, "description": e.Description, "types": e.Types, "state": e.State}
}

// into takes what a person decided over. An endpoint that is enabled begins anew: what it has failed before no longer counts.
func (in Wanted) into(e *models.WebhookEndpoint, now time.Time) {
	e.URL, e.Description, e.UpdatedAt = in.URL, in.Description, now
	e.Types = slices.DeleteFunc(models.WebhookTypes(), func(t models.WebhookType) bool { return !slices.Contains(in.Types, t) })
	switch {
	case in.Disabled && e.State == models.WebhookActive:
		e.State, e.DisabledWhy, e.DisabledAt = models.WebhookDisabled, models.WebhookDisabledByPerson, &now
	case !in.Disabled && e.State != models.WebhookActive:
		e.State, e.DisabledWhy, e.DisabledAt, e.FailingSince = models.WebhookActive, "", nil, nil
	}
}

// ReplaceEndpoint changes an endpoint. What waits for one that is disabled has failed, and can be replayed.
func (s *Service) ReplaceEndpoint(ctx context.Context, m models.MerchantID, id models.ID, in Wanted, by models.Actor) (e models.WebhookEndpoint, err error) {
	if err := s.checkURL(in.URL); err != nil {
		return e, err
	}
	err = s.change(ctx, m, id, &e, func(tx database.Tx) error {
		before := decided(e)
		in.into(&e, tx.Now)
		err := tx.Model(&e).Select("url", "description", "types", "state", "disabled_why", "disabled_at", "failing_since", "updated_at").Updates(&e).Error
		if err == nil && e.State != models.WebhookActive {
			err = giveUp(tx, e)
		}
		if err != nil {
			return err
		}
		return enter(tx, e, models.ActWebhookChanged, by, audit.Changed(before, decided(e)))
	})
	return e, err
}

// change locks an endpoint, reads it into e and changes it.
func (s *Service) change(ctx context.Context, m models.MerchantID, id models.ID, e *models.WebhookEndpoint, do func(database.Tx) error) error {
	if !database.ValidID(string(id)) {
		return noEndpoint()
	}
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		if err := lockEndpoint(tx, m, id, e); err != nil {
			return err
		}
		return do(tx)
	})
}

func lockEndpoint(tx database.Tx, m models.MerchantID, id models.ID, e *models.WebhookEndpoint) error {
	if err := tx.Exec("SELECT 1 FROM webhook_endpoints WHERE merchant_id = ? AND id = ? FOR NO KEY UPDATE", m, id).Error; err != nil {
		return err
	}
	return endpoint(tx.DB, m, id, e)
}

// giveUp ends what waits for an endpoint that is told nothing more.
func giveUp(tx database.Tx, e models.WebhookEndpoint) error {
	return tx.Exec("UPDATE webhook_deliveries SET state = 'failed', next_try_at = NULL WHERE merchant_id = ? AND endpoint_id = ? AND state = 'waiting'", e.MerchantID, e.ID).Error
}

// DeleteEndpoint deletes an endpoint and what it was told.
func (s *Service) DeleteEndpoint(ctx context.Context, m models.MerchantID, id models.ID, by models.Actor) error {
	var e models.WebhookEndpoint
	return s.change(ctx, m, id, &e, func(tx database.Tx) error {
		if err := tx.Exec("DELETE FROM webhook_deliveries WHERE merchant_id = ? AND endpoint_id = ?", m, id).Error; err != nil {
			return err
		}
		if err := tx.Exec("DELETE FROM webhook_endpoints WHERE merchant_id = ? AND id = ?", m, id).Error; err != nil {
			return err
		}
		return enter(tx, e, models.ActWebhookRemoved, by, map[string]any{"url": e.URL})
	})
}

// RotateSecret gives an endpoint a new secret, shown this once. The one before signs beside it for a day.
func (s *Service) RotateSecret(ctx context.Context, m models.MerchantID, id models.ID, by models.Actor) (e models.WebhookEndpoint, secret models.Secret, err error) {
	secret = newSecret()
	err = s.change(ctx, m, id, &e, func(tx database.Tx) error {
		until := tx.Now.Add(secretOverlap)
		e.OldSecret, e.OldSecretKeyID, e.OldSecretUntil = e.Secret, e.SecretKeyID, &until
		if e.Secret, e.SecretKeyID, err = s.vault.Seal(tx, m, secretPlace(id), []byte(secret.Reveal())); err != nil {
			return err
		}
		e.UpdatedAt = tx.Now
		if err := tx.Model(&e).Select("secret", "secret_key_id", "old_secret", "old_secret_key_id", "old_secret_until", "updated_at").Updates(&e).Error; err != nil {
			return err
		}
		return enter(tx, e, models.ActWebhookSecretChanged, by, nil)
	})
	return e, secret, err
}

func secretPlace(id models.ID) vault.Place {
	return vault.Place{Table: "webhook_endpoints", Column: "secret", Row: id}
}

// secrets opens what an endpoint's messages are signed with at a time, the newest first.
func (s *Service) secrets(ctx context.Context, e models.WebhookEndpoint, at time.Time) ([]models.Secret, error) {
	secret, err := s.vault.Open(ctx, e.MerchantID, secretPlace(e.ID), e.Secret, e.SecretKeyID)
	if err != nil {
		return nil, fmt.Errorf("open the secret of webhook endpoint %s: %w", e.ID, err)
	}
	all := []models.Secret{models.Secret(secret)}
	if e.OldSecretUntil != nil && at.Before(*e.OldSecretUntil) {
		old, err := s.vault.Open(ctx, e.MerchantID, secretPlace(e.ID), e.OldSecret, e.OldSecretKeyID)
		if err != nil {
			return nil, fmt.Errorf("open the old secret of webhook endpoint %s: %w", e.ID, err)
		}
		all = append(all, models.Secret(old))
	}
	return all, nil
}

// SendTest has a message sent that says nothing, to see whether it arrives.
func (s *Service) SendTest(ctx context.Context, m models.MerchantID, id models.ID, by models.Actor) (d Delivery, err error) {
	var e models.WebhookEndpoint
	var message models.ID
	err = s.change(ctx, m, id, &e, func(tx database.Tx) error {
		if e.State != models.WebhookActive {
			return endpointDisabled()
		}
		if message, err = outbox.Add(tx, m, outbox.Message{Type: models.WebhookTest, Data: map[string]any{"endpoint_id": id}}, []models.ID{id}); err != nil {
			return err
		}
		return enter(tx, e, models.ActWebhookTested, by, map[string]any{"message_id": message})
	})
	if err != nil {
		return d, err
	}
	return s.delivery(ctx, m, id, message)
}

func endpointDisabled() error {
	return models.Errorf(models.Conflict, "webhook_endpoint_disabled", "This webhook endpoint is disabled. Enable it first.")
}

// Delivery is a delivery with the message that it delivers.
type Delivery struct {
	models.WebhookDelivery
	Type      models.WebhookType
	Payload   string
	CreatedAt time.Time
}

// DeliveryFilter says which deliveries of an endpoint are listed.
type DeliveryFilter struct {
	State  models.WebhookDeliveryState // empty: all
	Cursor string
	Limit  int
}

const readDeliveries = "SELECT d.*, m.type, m.payload, m.created_at FROM webhook_deliveries d JOIN webhook_messages m ON m.merchant_id = d.merchant_id AND m.id = d.message_id "

// Deliveries lists what an endpoint was told, newest first.
func (s *Service) Deliveries(ctx context.Context, m models.MerchantID, id models.ID, f DeliveryFilter) (list []Delivery, next string, err error) {
	if _, err := s.Endpoint(ctx, m, id); err != nil {
		return nil, "", err
	}
	if f.Cursor != "" && !database.ValidID(f.Cursor) {
		return nil, "", database.BadCursor()
	}
	list = []Delivery{}
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(readDeliveries+`WHERE d.merchant_id = @m AND d.endpoint_id = @e AND (@state = '' OR d.state = @state) AND (@cursor = '' OR d.message_id < nullif(@cursor, '')::uuid)
			ORDER BY d.message_id DESC LIMIT @n`, map[string]any{"m": m, "e": id, "state": string(f.State), "cursor": f.Cursor, "n": f.Limit + 1}).Scan(&list).Error
	})
	if err == nil && len(list) > f.Limit {
		list = list[:f.Limit]
		next = string(list[f.Limit-1].MessageID)
	}
	return list, next, err
}

func (s *Service) delivery(ctx context.Context, m models.MerchantID, endpoint, message models.ID) (d Delivery, err error) {
	var found []Delivery
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw(readDeliveries+"WHERE d.merchant_id = ? AND d.endpoint_id = ? AND d.message_id = ?", m, endpoint, message).Scan(&found).Error
	})
	if err == nil && len(found) == 0 {
		err = noMessage()
	}
	if err != nil {
		return d, err
	}
	return found[0], nil
}

func noMessage() error {
	return models.Errorf(models.NotFound, "webhook_message_not_found", "There is no such message, or no longer: they are kept for 30 days.")
}

// replay has deliveries made again that are not waiting already: the schedule begins anew, the message and its id stay.
const replay = `UPDATE webhook_deliveries d SET state = 'waiting', next_try_at = clock_timestamp(), round_began_at = attempts, delivered_at = NULL
	FROM webhook_endpoints e WHERE e.merchant_id = d.merchant_id AND e.id = d.endpoint_id AND e.state = 'active' AND d.merchant_id = ? `

// ReplayMessage has a message delivered again, to the endpoint that is named or, without one, to all that it was for. It says to
// how many. One that waits for its next attempt has it now.
func (s *Service) ReplayMessage(ctx context.Context, m models.MerchantID, message, endpoint models.ID, by models.Actor) (n int, err error) {
	if !database.ValidID(string(message)) {
		return 0, noMessage()
	}
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		var known int
		if err := tx.Raw("SELECT count(*) FROM webhook_deliveries WHERE merchant_id = ? AND message_id = ? AND (? = '' OR endpoint_id::text = ?)", m, message, endpoint, endpoint).Row().Scan(&known); err != nil {
			return err
		}
		if known == 0 {
			return noMessage()
		}
		res := tx.Exec(replay+"AND d.message_id = ? AND (? = '' OR d.endpoint_id::text = ?)", m, message, endpoint, endpoint)
		if res.Error == nil && res.RowsAffected == 0 {
			return endpointDisabled()
		}
		if res.Error != nil {
			return res.Error
		}
		n = int(res.RowsAffected)
		return audit.Append(tx, m, audit.Act{By: by, What: models.ActWebhooksReplayed, Subject: models.AuditSubject{Kind: models.SubjectMessage, ID: message}, Detail: map[string]any{"replayed": n}})
	})
	return n, err
}

// ReplayFailed has everything delivered again that was written since a time and given up. It says how many messages.
func (s *Service) ReplayFailed(ctx context.Context, m models.MerchantID, id models.ID, since time.Time, by models.Actor) (n int, err error) {
	var e models.WebhookEndpoint
	err = s.change(ctx, m, id, &e, func(tx database.Tx) error {
		if e.State != models.WebhookActive {
			return endpointDisabled()
		}
		res := tx.Exec(replay+"AND d.endpoint_id = ? AND d.state = 'failed' AND d.message_id >= ?", m, id, database.IDBefore(since))
		if res.Error != nil {
			return res.Error
		}
		n = int(res.RowsAffected)
		return enter(tx, e, models.ActWebhooksReplayed, by, map[string]any{"since": since.UTC(), "replayed": n})
	})
	return n, err
}
