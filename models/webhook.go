package models

import (
	"slices"
	"time"
)

// WebhookType is what a merchant's endpoint is told of.
type WebhookType string

// The types. WebhookTest is sent when somebody asks for it, and cannot be chosen.
const (
	WebhookOrderCreated    WebhookType = "order.created"
	WebhookTabChanged      WebhookType = "order.tab_changed"
	WebhookShipped         WebhookType = "order.shipped" // the store has confirmed a parcel
	WebhookFlagOpened      WebhookType = "order.flag_opened"
	WebhookFlagClosed      WebhookType = "order.flag_closed"
	WebhookNeedsReauth     WebhookType = "connection.needs_reauth"
	WebhookSyncJobFinished WebhookType = "sync_job.finished"
	WebhookTest            WebhookType = "webhook.test"
)

// WebhookTypes are all types that an endpoint can choose, in the order in which they are shown.
func WebhookTypes() []WebhookType {
	return []WebhookType{WebhookOrderCreated, WebhookTabChanged, WebhookShipped, WebhookFlagOpened, WebhookFlagClosed, WebhookNeedsReauth, WebhookSyncJobFinished}
}

// WebhookEndpointState is whether an endpoint is told of anything.
type WebhookEndpointState string

// The states of an endpoint.
const (
	WebhookActive   WebhookEndpointState = "active"
	WebhookDisabled WebhookEndpointState = "disabled"
)

// Why an endpoint is disabled.
const (
	WebhookDisabledByPerson = "person"
	WebhookDisabledGone     = "gone"    // it answered 410
	WebhookDisabledFailing  = "failing" // nothing but failure for WebhookPatience
)

// WebhookEndpoint is where a merchant wants to be told of changes.
type WebhookEndpoint struct {
	MerchantID     MerchantID `gorm:"primaryKey"`
	ID             ID         `gorm:"primaryKey"`
	URL            string
	Description    string
	Types          []WebhookType `gorm:"serializer:json"`
	State          WebhookEndpointState
	DisabledWhy    string
	DisabledAt     *time.Time
	FailingSince   *time.Time // nil: its newest attempt was a success
	LastSuccessAt  *time.Time // to the minute
	Secret         []byte     // sealed
	SecretKeyID    string
	OldSecret      []byte // sealed; signs beside the new one until its time
	OldSecretKeyID string
	OldSecretUntil *time.Time
	CreatedAt      time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	CreatedBy      Actor
	UpdatedAt      time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}

// Wants reports whether an endpoint is told of a type.
func (e WebhookEndpoint) Wants(t WebhookType) bool {
	return e.State == WebhookActive && slices.Contains(e.Types, t)
}

// WebhookDeliveryState is where the delivery of a message to an endpoint stands.
type WebhookDeliveryState string

// The states of a delivery. A delivered or failed one waits again when a person has it replayed.
const (
	WebhookWaiting   WebhookDeliveryState = "waiting"
	WebhookDelivered WebhookDeliveryState = "delivered"
	WebhookFailed    WebhookDeliveryState = "failed"
)

// WebhookDelivery is the delivery of one message to one endpoint.
type WebhookDelivery struct {
	MerchantID   MerchantID `gorm:"primaryKey"`
	EndpointID   ID         `gorm:"primaryKey"`
	MessageID    ID         `gorm:"primaryKey"`
	State        WebhookDeliveryState
	Attempts     int // all of them: it only grows
	RoundBeganAt int // the attempts before the schedule was begun anew
	NextTryAt    *time.Time
	Tries        []WebhookTry `gorm:"serializer:json"`
	DeliveredAt  *time.Time
}

// WebhookTry is one attempt to deliver. Of the answer only its status is kept.
type WebhookTry struct {
	At     time.Time `json:"at"`
	Millis int64     `json:"ms"`
	Status int       `json:"status,omitempty"` // 0: there was no answer
	Error  string    `json:"error,omitempty"`  // empty: delivered
}

// WebhookTriesKept is how many attempts of a delivery are remembered.
const WebhookTriesKept = 20

// WebhookPatience is for how long an endpoint may fail, with no success between, before it is disabled.
const WebhookPatience = 5 * 24 * time.Hour

// webhookDelays are the waits between attempts: Svix's schedule, 27 h 35 min in all.
var webhookDelays = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour}

// NextWebhookTry is how long to wait after so many failed attempts; false when there are no more. spread, from 0 to 1, takes up
// to a tenth of the wait off or puts it on, so that what failed together does not come back together.
func NextWebhookTry(failed int, spread float64) (time.Duration, bool) {
	if failed < 1 || failed > len(webhookDelays) {
		return 0, false
	}
	wait := webhookDelays[failed-1]
	return wait + time.Duration((spread-0.5)*0.2*float64(wait)), true
}
