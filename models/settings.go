package models

import "time"

// Settings are what a merchant has decided. A field that was never set is zero; OrDefaults fills it in.
type Settings struct {
	// FullSweeps are the hours of the full sweeps in the merchant's zone, as "15:04". Nil: 06:00 and 18:00; empty: none.
	FullSweeps []string `json:"full_sweeps,omitempty"`
	// HoldMinutes is how long an automatic purchase waits, so that a buyer can still change his mind. Nil: 30.
	HoldMinutes *int `json:"hold_minutes,omitempty"`
	// AutoPlace says which orders are bought without a person. Off unless enabled.
	AutoPlace AutoPlace `json:"auto_place,omitzero"`
	// SellerNote goes with every purchase that has no note of its own: see SellerNoteFor.
	SellerNote string `json:"seller_note,omitempty"`
	// PlacingStopped keeps everything from being sent to AliExpress; what is planned waits.
	PlacingStopped bool `json:"placing_stopped,omitempty"`
	// PayWarningHours before AliExpress closes an unpaid order it is flagged, but not in the first half of its time. Nil: 24.
	PayWarningHours *int `json:"pay_warning_hours,omitempty"`
	// SellerLateDays after payment a supplier order without a number is flagged. Nil: 7.
	SellerLateDays *int `json:"seller_late_days,omitempty"`
	// TrackingSilentDays without a movement a parcel is flagged. Nil: 10.
	TrackingSilentDays *int `json:"tracking_silent_days,omitempty"`
	// BuyerDataDays after an order's end its buyer's data is erased. Nil: 180.
	BuyerDataDays *int `json:"buyer_data_days,omitempty"`
	// Notifications are what the merchant is told by mail.
	Notifications Notifications `json:"notifications,omitzero"`
	// SecondFactor is demanded of the merchant's people. It is the owners' to say, so it is not among what is decided with the rest.
	SecondFactor bool `json:"second_factor,omitempty"`
}

// AutoPlace is the rule of automatic placing. Every condition must hold.
type AutoPlace struct {
	Enabled   bool     `json:"enabled"`
	StoreIDs  []ID     `json:"store_ids,omitempty"` // empty: every store
	Countries []string `json:"countries,omitempty"` // ISO 3166-1 alpha-2; empty: every country
	// MaxTotal is the largest order total that is bought unseen; nil: any. A total in another currency does not pass.
	MaxTotalMinor    *int64 `json:"max_total_minor,omitempty"`
	MaxTotalCurrency string `json:"max_total_currency,omitempty"`
	// AccountID is the account that buys; empty: the only one there is.
	AccountID ID `json:"account_id,omitempty"`
}

// OrDefaults is s with every unset field at its default.
func (s Settings) OrDefaults() Settings {
	if s.FullSweeps == nil {
		s.FullSweeps = []string{"06:00", "18:00"}
	}
	or := func(field **int, fallback int) {
		if *field == nil {
			*field = &fallback
		}
	}
	or(&s.HoldMinutes, 30)
	or(&s.PayWarningHours, 24)
	or(&s.SellerLateDays, 7)
	or(&s.TrackingSilentDays, 10)
	or(&s.BuyerDataDays, 180)
	return s
}

// Days is a setting in days as a duration.
func Days(n *int) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * 24 * time.Hour
}

// StoreSettings are what a merchant has decided about one store.
type StoreSettings struct {
	// PushWhen is when the store is told of a parcel. Empty: as soon as there is a number.
	PushWhen PushWhen `json:"push_when,omitempty"`
	// PartialPaymentOpens lets orders that are paid in part be bought.
	PartialPaymentOpens bool `json:"partial_payment_opens,omitempty"`
}

// PushWhen is the moment at which a store is told of a parcel.
type PushWhen string

// The moments.
const (
	PushAtNumber    PushWhen = "number"
	PushAtFirstScan PushWhen = "first_scan" // the carrier has seen the parcel
)

// Rules are the decisions under which an order's facts are read.
type Rules struct {
	Merchant Settings
	Store    StoreSettings
	Placing  PlacingSwitch
	Carriers []Carrier // the merchant's own
	// GoneAccounts are the supplier accounts that the merchant has disconnected.
	GoneAccounts []ID
}
