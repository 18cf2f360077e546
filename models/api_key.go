package models

import (
	"slices"
	"time"
)

// KeyScope is something that an API key may be allowed.
type KeyScope string

// The scopes. Which route wants which is in handlers/permissions.go.
const (
	MayReadOrders       KeyScope = "orders:read"
	MayWriteOrders      KeyScope = "orders:write" // holds, flags, overrides, addresses, links
	MayPlace            KeyScope = "orders:place" // what spends money or tells a store
	MayRetryPushes      KeyScope = "pushes:retry" // tell a store again what it should know
	MayNote             KeyScope = "orders:note"  // write into a timeline
	MaySync             KeyScope = "sync:write"
	MayReadConnections  KeyScope = "connections:read"
	MayWriteConnections KeyScope = "connections:write"
	MayReadSettings     KeyScope = "settings:read"
	MayWriteSettings    KeyScope = "settings:write" // settings, carriers, mappings, views
	MayWriteWebhooks    KeyScope = "webhooks:write"
	MayManageKeys       KeyScope = "keys:write"
	MayManagePeople     KeyScope = "people:write"
	MayReadAudit        KeyScope = "audit:read"
	MayErase            KeyScope = "privacy:write" // have a buyer's data erased

	// What only people may do, and no API key: it is on the installation, not on a merchant.

	MayUseDesk KeyScope = "desk:use" // look for orders of all merchants, and at one merchant for a reason
	MayOperate KeyScope = "operate"  // merchants and staff
)

// KeyScopes are all scopes, in the order in which they are shown.
func KeyScopes() []KeyScope {
	return []KeyScope{MayReadOrders, MayWriteOrders, MayPlace, MayRetryPushes, MayNote, MaySync, MayReadConnections, MayWriteConnections, MayReadSettings, MayWriteSettings, MayWriteWebhooks, MayManageKeys, MayManagePeople, MayReadAudit, MayErase}
}

// APIKey is a key of a merchant. The key itself is not kept, only its hash.
type APIKey struct {
	MerchantID MerchantID
	ID         ID
	Name       string
	StartsWith string     // the first characters of the key; empty for one that we did not make
	Scopes     []KeyScope `gorm:"serializer:json"`
	ExpiresAt  *time.Time
	Expired    bool       `gorm:"->"` // by the database's clock
	LastUsedAt *time.Time // to the minute
	CreatedAt  time.Time  `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	CreatedBy  Actor
	RevokedAt  *time.Time
	RevokedBy  Actor
}

// May reports whether the key has a scope.
func (k APIKey) May(scope KeyScope) bool { return slices.Contains(k.Scopes, scope) }
