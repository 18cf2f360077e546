package models

import (
	"encoding/json"
	"time"
)

// Act is what somebody did, as the audit names it.
type Act string

// The acts. The dashboard has words for each.
const (
	ActKeyMade    Act = "key_made"
	ActKeyRevoked Act = "key_revoked"

	ActConnectionMade    Act = "connection_made"
	ActConnectionRemoved Act = "connection_removed"

	ActSettingsChanged      Act = "settings_changed"
	ActStoreSettingsChanged Act = "store_settings_changed"
	ActPlacingResumed       Act = "placing_resumed"
	ActCarrierChanged       Act = "carrier_changed"
	ActCarrierRemoved       Act = "carrier_removed"
	ActMappingMade          Act = "mapping_made"
	ActMappingChanged       Act = "mapping_changed"
	ActMappingRemoved       Act = "mapping_removed"
	ActViewMade             Act = "view_made"
	ActViewChanged          Act = "view_changed"
	ActViewRemoved          Act = "view_removed"

	ActWebhookMade          Act = "webhook_made"
	ActWebhookChanged       Act = "webhook_changed"
	ActWebhookRemoved       Act = "webhook_removed"
	ActWebhookSecretChanged Act = "webhook_secret_changed"
	ActWebhookTested        Act = "webhook_tested"
	ActWebhooksReplayed     Act = "webhooks_replayed"

	ActPlaced            Act = "placed"
	ActPurchaseHurried   Act = "purchase_hurried"
	ActPurchaseHeld      Act = "purchase_held"
	ActPurchaseWithdrawn Act = "purchase_withdrawn"
	ActPlaceResolved     Act = "place_resolved"
	ActNumberLinked      Act = "number_linked"
	ActNumberChanged     Act = "number_changed"
	ActUnlinked          Act = "unlinked"
	ActHeld              Act = "held"
	ActReleased          Act = "released"
	ActAddressChanged    Act = "address_changed"
	ActAddressDropped    Act = "address_dropped"
	ActOverrideMade      Act = "override_made"
	ActOverrideDropped   Act = "override_dropped"
	ActFlagClosed        Act = "flag_closed"
	ActFlagSnoozed       Act = "flag_snoozed"
	ActFlagReopened      Act = "flag_reopened"

	ActPushRetried            Act = "push_retried"
	ActPushFixed              Act = "push_fixed"
	ActPushOverwritten        Act = "push_overwritten"
	ActPushAccepted           Act = "push_accepted"
	ActFulfilledWithoutNumber Act = "fulfilled_without_number"

	ActSyncRequested       Act = "sync_requested"
	ActSyncCancelled       Act = "sync_cancelled"
	ActDeadLettersReplayed Act = "dead_letters_replayed"
	ActExported            Act = "exported"

	ActErased         Act = "erased"          // a buyer's data
	ActEraseRequested Act = "erase_requested" // it waits until the order has ended

	ActNoteAdded    Act = "note_added"
	ActAddressShown Act = "address_shown" // support saw what is masked for them

	ActViewBegun         Act = "support_view_begun"
	ActViewEnded         Act = "support_view_ended"
	ActPersonInvited     Act = "person_invited"
	ActInvitationRevoked Act = "invitation_revoked"
	ActPersonJoined      Act = "person_joined"
	ActRoleChanged       Act = "role_changed"
	ActPersonRemoved     Act = "person_removed"
	ActSessionsEnded     Act = "sessions_ended"         // of somebody else
	ActFactorDemanded    Act = "second_factor_demanded" // of everybody at the merchant, or not any more

	// Of the installation: what people do with their own accounts, and operators with the staff's.
	ActAccountMade     Act = "account_made"
	ActSignedIn        Act = "signed_in"
	ActPasswordChanged Act = "password_changed"
	ActFactorAdded     Act = "second_factor_added"
	ActFactorRemoved   Act = "second_factor_removed"
	ActStaffChanged    Act = "staff_changed"

	ActSecretsRotated   Act = "secrets_rotated"   // the operator has sealed them with another key
	ActSecretsForgotten Act = "secrets_forgotten" // the operator has lost their key
)

// Request is by which request something was done. It is empty for what no request led to.
type Request struct {
	ID     string `gorm:"column:request_id"`
	Client string `gorm:"column:client"` // the address that asked
}

// AuditSubject is what an act was done to.
type AuditSubject struct {
	Kind string
	ID   ID
}

// The kinds of subject.
const (
	SubjectOrder      = "order"
	SubjectKey        = "key"
	SubjectConnection = "connection"
	SubjectSettings   = "settings"
	SubjectCarrier    = "carrier"
	SubjectMapping    = "mapping"
	SubjectView       = "view"
	SubjectWebhook    = "webhook"         // an endpoint
	SubjectMessage    = "webhook_message" // sent to one or more of them
	SubjectFlag       = "flag"            // of a connection; one of an order is in the detail of what was done to the order
	SubjectSyncJob    = "sync_job"
	SubjectWork       = "work" // that was given up
	SubjectSecrets    = "secrets"
	SubjectOrders     = "orders"
	SubjectAudit      = "audit"
	SubjectPerson     = "person"
	SubjectMerchant   = "merchant"
)

// AuditEntry is one act in a merchant's audit. Entries are only ever added; each holds the hash of everything in it and of the entry
// before it.
type AuditEntry struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	Seq        int64      `gorm:"primaryKey"` // 1, 2, 3, ... of the merchant
	At         time.Time
	Actor      Actor
	Act        Act
	Subject    AuditSubject `gorm:"embedded;embeddedPrefix:subject_"`
	Reason     string
	Request    Request `gorm:"embedded"`
	// Detail is more about the act, as JSON: names and ids, settings before and after; never a secret or a buyer's data.
	Detail json.RawMessage
	Hash   []byte
}

// TableName is where GORM finds entries.
func (AuditEntry) TableName() string { return "audit_entries" }
