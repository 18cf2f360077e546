package models

import (
	"slices"
	"time"
)

// PersonRole is what a person is to a merchant, or to the installation.
type PersonRole string

// The roles. A merchant's people are owner, member or read_only; the installation's are support or operator.
const (
	RoleOwner    PersonRole = "owner"
	RoleMember   PersonRole = "member"
	RoleReadOnly PersonRole = "read_only"
	RoleSupport  PersonRole = "support"
	RoleOperator PersonRole = "operator"
)

// rights is what each role may do. What a route wants is in handlers/permissions.go.
var rights = map[PersonRole][]KeyScope{
	RoleOwner:    KeyScopes(),
	RoleMember:   {MayReadOrders, MayWriteOrders, MayPlace, MayRetryPushes, MayNote, MaySync, MayReadConnections, MayReadSettings, MayWriteSettings},
	RoleReadOnly: {MayReadOrders, MayReadConnections, MayReadSettings},
	RoleSupport:  {MayReadOrders, MayRetryPushes, MayNote, MaySync, MayReadConnections, MayReadSettings, MayUseDesk},
	RoleOperator: {MayReadOrders, MayRetryPushes, MayNote, MaySync, MayReadConnections, MayReadSettings, MayUseDesk, MayOperate},
}

// Scopes are what a role may do, in the order in which they are shown. A role that is not known may nothing.
func (r PersonRole) Scopes() []KeyScope { return slices.Clone(rights[r]) }

// May reports whether a role has a scope.
func (r PersonRole) May(scope KeyScope) bool { return slices.Contains(rights[r], scope) }

// OfStaff reports whether the role is on the installation: such people need a second factor, their sessions are short, and they
// see buyers' addresses masked.
func (r PersonRole) OfStaff() bool { return r == RoleSupport || r == RoleOperator }

// Person is somebody who signs in.
type Person struct {
	ID           ID     `gorm:"primaryKey"`
	Email        string // in small letters
	Name         string
	PasswordHash string     // argon2id, in its own text form; empty: none yet
	Staff        PersonRole // support or operator; empty for a merchant's people
	TOTP         []byte     `gorm:"column:totp"` // sealed; nil: none
	TOTPKeyID    string     `gorm:"column:totp_key_id"`
	TOTPLastStep int64      `gorm:"column:totp_last_step"` // of 30 s: a code works once
	DisabledAt   *time.Time
	CreatedAt    time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	SignedInAt   *time.Time
}

// TableName is people: one person, several people.
func (Person) TableName() string { return "people" }

// Actor is how timelines and the audit name a person.
func (p Person) Actor() Actor {
	if p.Staff != "" {
		return Actor("support:" + p.Name)
	}
	return Actor("person:" + p.Name)
}

// Membership is a person's role at a merchant.
type Membership struct {
	MerchantID   MerchantID
	MerchantName string `gorm:"->"`
	PersonID     ID
	Role         PersonRole
}
