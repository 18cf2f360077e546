// Package outbox is what merchants are to be told outside of Waybill: it is written on the transaction that makes the change it
// tells of, so that both are there or neither. Package outgoing tells it.
package outbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"waybill/models"
	"waybill/services/database"
)

// Queue has workers of its own: other people's servers are slow, and nothing else may wait for them.
const Queue = "outgoing"

// DeliverArgs attempts one delivery.
type DeliverArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	EndpointID models.ID         `json:"endpoint_id"`
	MessageID  models.ID         `json:"message_id"`
}

// Kind names the job.
func (DeliverArgs) Kind() string { return "deliver_webhook" }

// InsertOpts lets the sweeper add it again without harm.
func (DeliverArgs) InsertOpts() river.InsertOpts { return Once() }

// Once keeps an equal job from being added while one is under way.
func Once() river.InsertOpts {
	return river.InsertOpts{Queue: Queue, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}}
}

// Message is something that endpoints may want to be told. Data has ids, numbers and tabs: nothing of a buyer.
type Message struct {
	Type models.WebhookType
	Data map[string]any
}

// payload is what is sent and signed.
type payload struct {
	Type      models.WebhookType `json:"type"`
	Timestamp time.Time          `json:"timestamp"`
	Data      map[string]any     `json:"data"`
}

// Tell writes messages for the endpoints of a merchant that want them, and nothing where there is none.
func Tell(tx database.Tx, m models.MerchantID, messages ...Message) error {
	if len(messages) == 0 {
		return nil
	}
	var endpoints []models.WebhookEndpoint
	// Locked against being deleted until this has committed.
	err := tx.Raw("SELECT id, types, state FROM webhook_endpoints WHERE merchant_id = ? AND state = 'active' ORDER BY id FOR KEY SHARE", m).Scan(&endpoints).Error
	if err != nil {
		return fmt.Errorf("read the webhook endpoints: %w", err)
	}
	for _, message := range messages {
		var wanting []models.ID
		for _, e := range endpoints {
			if e.Wants(message.Type) {
				wanting = append(wanting, e.ID)
			}
		}
		if _, err := Add(tx, m, message, wanting); err != nil {
			return err
		}
	}
	return nil
}

// Add writes one message for the endpoints that are named, and gives its id.
func Add(tx database.Tx, m models.MerchantID, message Message, endpoints []models.ID) (models.ID, error) {
	if len(endpoints) == 0 {
		return "", nil
	}
	raw, err := json.Marshal(payload{message.Type, tx.Now, message.Data})
	if err != nil {
		return "", fmt.Errorf("write a webhook message: %w", err)
	}
	id := database.NewID()
	err = tx.Exec("INSERT INTO webhook_messages (merchant_id, id, type, payload, created_at) VALUES (?, ?, ?, ?, ?)", m, id, message.Type, string(raw), tx.Now).Error
	if err != nil {
		return "", fmt.Errorf("add a webhook message: %w", err)
	}
	deliveries, jobs := make([]models.WebhookDelivery, len(endpoints)), make([]river.JobArgs, len(endpoints))
	for i, endpoint := range endpoints {
		deliveries[i] = models.WebhookDelivery{MerchantID: m, EndpointID: endpoint, MessageID: id, State: models.WebhookWaiting, NextTryAt: &tx.Now, Tries: []models.WebhookTry{}}
		jobs[i] = DeliverArgs{m, endpoint, id}
	}
	if err := tx.Create(&deliveries).Error; err != nil {
		return "", fmt.Errorf("add the deliveries of a webhook message: %w", err)
	}
	return id, tx.EnqueueMany(jobs)
}

// Notify notes flags that have been opened, as far as the merchant wants to be told of them by mail. The mail itself is due later:
// what comes together is one.
func Notify(tx database.Tx, m models.MerchantID, opened ...models.Flag) error {
	if len(opened) == 0 {
		return nil
	}
	wishes, zone, err := Wishes(tx, m)
	if err != nil {
		return err
	}
	for _, f := range opened {
		if !wishes.Wants(f.Code, f.Owner) {
			continue
		}
		err := tx.Exec(`INSERT INTO notifications (merchant_id, flag_id, due_at) VALUES (?, ?, ?)
			ON CONFLICT (merchant_id, flag_id) DO UPDATE SET due_at = excluded.due_at, told_at = NULL`, m, f.ID, wishes.MailAt(zone, tx.Now)).Error
		if err != nil {
			return fmt.Errorf("note a flag for the mail: %w", err)
		}
	}
	return nil
}

// Wishes reads what a merchant wants to be told by mail, and his zone.
func Wishes(tx database.Tx, m models.MerchantID) (models.Notifications, *time.Location, error) {
	var merchant models.Merchant
	if err := tx.Select("zone", "settings").Where("id = ?", m).Take(&merchant).Error; err != nil {
		return models.Notifications{}, nil, fmt.Errorf("read what merchant %s wants to be told: %w", m, err)
	}
	zone, err := time.LoadLocation(merchant.Zone)
	if err != nil {
		zone = time.UTC
	}
	return merchant.Settings.Notifications, zone, nil
}
