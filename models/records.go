package models

import "time"

// Merchant is the tenant.
type Merchant struct {
	ID        MerchantID `gorm:"primaryKey"`
	Name      string
	Zone      string        // IANA time zone of its schedules
	Settings  Settings      `gorm:"serializer:json"`
	Placing   PlacingSwitch `gorm:"embedded"`
	CreatedAt time.Time     `gorm:"autoCreateTime:false;autoUpdateTime:false"`

	NextFullSweepAt *time.Time
}

// Platform names a side.
type Platform string

// The platforms.
const (
	Wix        Platform = "wix"
	AliExpress Platform = "aliexpress"
)

// ConnectionState is whether a connection may be used.
type ConnectionState string

// The states of a connection.
const (
	ConnectionActive      ConnectionState = "active"
	ConnectionNeedsReauth ConnectionState = "needs_reauth" // the platform refused our token
	ConnectionRemoved     ConnectionState = "removed"      // the app was removed; data is kept
)

// Connection is a store (a Wix site) or a supplier account (an AliExpress buyer account).
type Connection struct {
	MerchantID       MerchantID `gorm:"primaryKey"`
	ID               ID         `gorm:"primaryKey"`
	Platform         Platform
	ExternalID       string // Wix instance id, AliExpress user id
	Name             string
	State            ConnectionState
	Credentials      []byte // sealed; nil for Wix, which needs none of its own
	KeyID            string // the key that sealed them
	TokenExpiresAt   *time.Time
	RefreshExpiresAt *time.Time
	RefreshLease     *time.Time // one refresher at a time
	TokenRenewAt     *time.Time
	NextWarningAt    *time.Time // that the access ends for good
	AppKey           string     // of the merchant's own app; empty: Waybill's
	Watermark        *time.Time // stores: newest change a sweep has stored
	SweptAt          *time.Time // stores: when the newest complete search began
	NextSweepAt      *time.Time
	RemovedAt        *time.Time // since when it is removed
	LastSuccessAt    *time.Time
	LastErrorAt      *time.Time
	LastErrorCode    string
	LastErrorDetail  string
	Settings         StoreSettings `gorm:"serializer:json"` // of a store
	CreatedAt        time.Time     `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	UpdatedAt        time.Time     `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}

// Actor is who did something, as the timeline shows it: "system", "api:<key name>".
type Actor string

// ActorSystem is Waybill itself.
const ActorSystem Actor = "system"

// ActorOperator is whoever runs Waybill, at its command line.
const ActorOperator Actor = "operator"

// Source is where a fact came from.
type Source string

// The sources.
const (
	SourceWebhook Source = "webhook" // a store's webhook led us to read
	SourcePush    Source = "push"    // a supplier's push message led us to read
	SourcePoll    Source = "poll"    // a due check
	SourceSweep   Source = "sweep"   // a search for what no webhook told
	SourceManual  Source = "manual"  // sync now
	SourcePerson  Source = "person"  // a decision
	SourceEngine  Source = "engine"  // Waybill's own step: placing, pushing
)

// Event is one line of an order's timeline: what, who, why, from where. Events are only ever added.
type Event struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	ID         ID         `gorm:"primaryKey"`
	OrderID    ID
	At         time.Time
	Kind       string
	Text       string // one sentence for people
	Source     Source
	Actor      Actor
	Reason     string
	Data       map[string]any `gorm:"serializer:json"`
}

// The kinds of event.
const (
	EventOrderReceived       = "order_received"
	EventOrderChanged        = "order_changed"
	EventTabChanged          = "tab_changed"
	EventPlacementPlanned    = "placement_planned"
	EventPlacementApproved   = "placement_approved"
	EventPlacementSending    = "placement_sending"
	EventPlacementPlaced     = "placement_placed"
	EventPlacementRejected   = "placement_rejected"
	EventPlacementUnknown    = "placement_unknown"
	EventPlacementReturned   = "placement_returned"
	EventPlacementRemade     = "placement_remade"
	EventPlacementHold       = "placement_hold_changed"
	EventPlacementFallback   = "placement_fallback"
	EventPlacingStopped      = "placing_stopped"
	EventAutoPlaceSkipped    = "auto_place_skipped"
	EventOrderHeld           = "order_held"
	EventOrderReleased       = "order_released"
	EventPurchaseAddress     = "purchase_address_changed"
	EventSupplierLinked      = "supplier_order_linked"
	EventSupplierRenumbered  = "supplier_order_renumbered"
	EventSupplierUnlinked    = "supplier_order_unlinked"
	EventSupplierStatus      = "supplier_status_changed"
	EventSupplierPaid        = "supplier_order_paid"
	EventSupplierEnded       = "supplier_order_ended"
	EventParcelSeen          = "parcel_seen"
	EventParcelRenumbered    = "parcel_renumbered"
	EventParcelMissing       = "parcel_missing"
	EventPushSent            = "push_sent"
	EventPushConfirmed       = "push_confirmed"
	EventPushRefused         = "push_refused"
	EventPushRetrying        = "push_retrying"
	EventPushRequested       = "push_requested"
	EventFlagOpened          = "flag_opened"
	EventFlagClosed          = "flag_closed"
	EventMappingChanged      = "mapping_changed"
	EventSyncRequested       = "sync_requested"
	EventSupplierOrderNoData = "supplier_order_no_data"
	EventFlagSnoozed         = "flag_snoozed"
	EventFlagReopened        = "flag_reopened"
	EventOverrideSet         = "override_set"
	EventOverrideLifted      = "override_lifted"
	EventPushAccepted        = "push_accepted"
	EventWithoutNumber       = "fulfilled_without_number"
	EventStoreFulfilled      = "store_fulfilled"
	EventGoneFromStore       = "gone_from_store"
	EventNote                = "note"
	EventAddressShown        = "address_shown"
	EventEraseRequested      = "erase_requested"
	EventErased              = "buyer_erased"
)

// Flag is something that needs a person.
type Flag struct {
	MerchantID   MerchantID `gorm:"primaryKey"`
	ID           ID         `gorm:"primaryKey"`
	OrderID      *ID
	ConnectionID *ID
	Subject      string // what it is about, within its order: a supplier order, a push, or the order itself
	Code         FlagCode
	Owner        string // merchant, supplier, waybill
	Detail       string
	NextAction   string
	Deadline     *time.Time
	OpenedAt     time.Time
	SnoozedUntil *time.Time // a person has put it off until then
	SnoozedBy    string
	SnoozedWhy   string
	ClosedAt     *time.Time
	ClosedBy     string
	ClosedWhy    string
	Dismissed    bool // closed by a person while its fact was there; it stays closed until the fact has gone once
}

// SyncJob is one run of syncing: a scope, an actor, a reason, and per order an outcome.
type SyncJob struct {
	MerchantID        MerchantID `gorm:"primaryKey"`
	ID                ID         `gorm:"primaryKey"`
	Scope             SyncScope  `gorm:"serializer:json"`
	ScopeKey          string     // equal requests have equal keys
	Direction         Direction
	Trigger           string // manual, automatic
	Actor             Actor
	Reason            string
	State             SyncJobState
	Total             int // orders in it; grows while the scope is being listed
	Listed            bool
	ListCursor        string // where listing goes on
	Changed           int
	Unchanged         int
	Refused           int
	Unreachable       int
	CreatedAt         time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	StartedAt         *time.Time
	FinishedAt        *time.Time
	CancelRequestedAt *time.Time
}

// Done is how many of the orders have an outcome.
func (j SyncJob) Done() int { return j.Changed + j.Unchanged + j.Refused + j.Unreachable }

// SyncJobState is where a sync job stands.
type SyncJobState string

// The states of a sync job.
const (
	SyncQueued    SyncJobState = "queued"
	SyncRunning   SyncJobState = "running"
	SyncDone      SyncJobState = "done"
	SyncCancelled SyncJobState = "cancelled"
)

// SyncScope says which orders a sync job is about. Exactly one kind.
type SyncScope struct {
	Kind        string      `json:"kind"`
	IDs         []ID        `json:"ids,omitempty"`
	Tab         Tab         `json:"tab,omitempty"`
	StoreID     ID          `json:"store_id,omitempty"`
	ExternalIDs []string    `json:"external_ids,omitempty"`
	PlacedFrom  *time.Time  `json:"placed_from,omitempty"`
	PlacedTo    *time.Time  `json:"placed_to,omitempty"` // exclusive
	Filter      *SyncFilter `json:"filter,omitempty"`
}

// SyncFilter says which orders as a list does. At least one field is set.
type SyncFilter struct {
	Tab        Tab        `json:"tab,omitempty"`
	View       string     `json:"view,omitempty"` // ViewAttention, or none
	StoreID    ID         `json:"store_id,omitempty"`
	Flag       FlagCode   `json:"flag,omitempty"`
	Country    string     `json:"country,omitempty"`
	Supplier   string     `json:"supplier,omitempty"`
	Query      string     `json:"q,omitempty"`
	PlacedFrom *time.Time `json:"placed_from,omitempty"`
	PlacedTo   *time.Time `json:"placed_to,omitempty"` // exclusive
}

// ViewAttention is the view of orders with an open flag.
const ViewAttention = "attention"

// All reports whether a filter means the orders that can change no more as well: those that it names by their tab or by a text.
func (f SyncFilter) All() bool { return f.Query != "" || f.Tab == TabFulfilled || f.Tab == TabClosed }

// Scope kinds. A tab, a store or everything means the orders that can still change, and so does most of a filter: see All.
const (
	ScopeOrders   = "orders"   // those of IDs
	ScopeTab      = "tab"      // of one store where StoreID is given
	ScopeStore    = "store"    //
	ScopeRange    = "range"    // placed in a range of time, of one store where StoreID is given; the store may have some that are new to us
	ScopeExternal = "external" // those that a store knows by ExternalIDs; they may be new to us
	ScopeFilter   = "filter"   // those that a list shows under Filter
	ScopeAll      = "all"
)

// FromOutside reports whether the scope may hold orders that are not known yet.
func (s SyncScope) FromOutside() bool { return s.Kind == ScopeRange || s.Kind == ScopeExternal }

// SavedView is a query of the dashboard under a name.
type SavedView struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	ID         ID         `gorm:"primaryKey"`
	Name       string
	Query      string    // only the dashboard understands it
	CreatedAt  time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
}

// Hop is one of the four ways that news takes (design.md section 6).
type Hop string

// The hops.
const (
	StoreToWaybill    Hop = "store_to_waybill"
	WaybillToSupplier Hop = "waybill_to_supplier"
	SupplierToWaybill Hop = "supplier_to_waybill"
	WaybillToStore    Hop = "waybill_to_store"
)

// DeadLetter is a job that was given up after many attempts. Its arguments hold ids only.
type DeadLetter struct {
	ID       int64
	Kind     string
	Args     []byte // JSON
	Attempts int
	Error    string // of the last attempt
	DiedAt   time.Time
}

// Direction says which hops a sync covers.
type Direction string

// The directions.
const (
	FromStore    Direction = "from_store"
	FromSupplier Direction = "from_supplier"
	ToStore      Direction = "to_store"
	AllWays      Direction = "all"
)

// Covers reports whether d includes the hop.
func (d Direction) Covers(hop Direction) bool { return d == AllWays || d == hop }

// SyncJobItem is one order of a sync job.
type SyncJobItem struct {
	MerchantID MerchantID `gorm:"primaryKey"`
	JobID      ID         `gorm:"primaryKey"`
	OrderID    ID         `gorm:"primaryKey"`
	Outcome    Outcome    // empty until done
	Before     Tab
	After      Tab
	Why        string
	Changes    []string `gorm:"serializer:json"` // one sentence each
	FinishedAt *time.Time
}

// Outcome is what a sync did to one order.
type Outcome string

// The outcomes.
const (
	OutcomeNone        Outcome = ""
	OutcomeChanged     Outcome = "changed"
	OutcomeUnchanged   Outcome = "unchanged"
	OutcomeRefused     Outcome = "refused"
	OutcomeUnreachable Outcome = "unreachable"
)
