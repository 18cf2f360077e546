package models

import "time"

// FlagCode names a kind of trouble.
type FlagCode string

// The codes that Rollup raises. Each closes by itself when its fact is gone.
const (
	FlagNoSupplier           FlagCode = "no_supplier"
	FlagPlaceFailed          FlagCode = "place_failed"
	FlagPlaceUnknown         FlagCode = "place_unknown"
	FlagMaybeBoughtTwice     FlagCode = "maybe_bought_twice"
	FlagSupplierCancelled    FlagCode = "supplier_cancelled"
	FlagPaymentTimeout       FlagCode = "payment_timeout"
	FlagClosedUnshipped      FlagCode = "closed_unshipped"
	FlagAmountShort          FlagCode = "amount_short"
	FlagPaymentHeld          FlagCode = "payment_held"
	FlagAddressIncomplete    FlagCode = "address_incomplete"
	FlagFrozen               FlagCode = "frozen"
	FlagDispute              FlagCode = "dispute"
	FlagStopRequest          FlagCode = "stop_request"
	FlagPaymentReversed      FlagCode = "payment_reversed"
	FlagShippedWithoutNumber FlagCode = "shipped_without_number"
	FlagPushRefused          FlagCode = "push_refused"
	FlagPushUnconfirmed      FlagCode = "push_unconfirmed"
	FlagParcelMissing        FlagCode = "parcel_missing"
	FlagUnknownStatus        FlagCode = "unknown_status"
	FlagSupplierOrderNoData  FlagCode = "supplier_order_no_data"
	FlagPaySoon              FlagCode = "pay_soon"
	FlagPaymentReview        FlagCode = "payment_review"
	FlagMismatch             FlagCode = "mismatch" // the store shows something else than was confirmed
	FlagParcelShared         FlagCode = "parcel_shared"
	FlagHeld                 FlagCode = "held"
	FlagSellerLate           FlagCode = "seller_late"
	FlagTrackingSilent       FlagCode = "tracking_silent"
	FlagOrderEdited          FlagCode = "order_edited"
	FlagOverrideConflict     FlagCode = "override_conflict"
	FlagAuthorizationEnding  FlagCode = "authorization_ending"
	FlagStaleOrder           FlagCode = "stale_order"
	FlagGoneFromStore        FlagCode = "gone_from_store"
	FlagAccountGone          FlagCode = "account_gone"
	FlagNeedsReauth          FlagCode = "needs_reauth"       // of a connection
	FlagAppRemoved           FlagCode = "app_removed"        // of a connection
	FlagAccessEnding         FlagCode = "access_ending"      // of a connection
	FlagPermissionMissing    FlagCode = "permission_missing" // of a connection
	FlagSameSiteTwice        FlagCode = "same_site_twice"    // of a connection
)

// Who has to act.
const (
	OwnerMerchant = "merchant"
	OwnerSupplier = "supplier"
	OwnerWaybill  = "waybill"
)

// Trouble is a flag that the facts ask for.
type Trouble struct {
	Code       FlagCode
	Subject    string // tells apart two troubles of one kind within an order
	Owner      string
	Detail     string
	NextAction string
	Deadline   *time.Time
}

// Chip is a short remark beside an order's tab.
type Chip struct {
	Code string `json:"code"`
	Text string `json:"text"`
}
