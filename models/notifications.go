package models

import (
	"fmt"
	"slices"
	"time"
)

// Notifications say which flags a merchant is told of by mail, and when.
type Notifications struct {
	// Addresses get the mail; none: it is off.
	Addresses []string `json:"addresses,omitempty"`
	// Codes are the flags to tell of; empty: all that need the merchant.
	Codes []FlagCode `json:"codes,omitempty"`
	Mode  MailMode   `json:"mode,omitempty"`
	// Hour of the daily mail, in the merchant's zone.
	Hour string `json:"hour,omitempty"`
	// QuietFrom and QuietTo are hours in the merchant's zone between which no mail is sent; what comes then waits for their end.
	QuietFrom string `json:"quiet_from,omitempty"`
	QuietTo   string `json:"quiet_to,omitempty"`
}

// MailMode is when mail is sent.
type MailMode string

// The modes.
const (
	MailAtOnce MailMode = "at_once" // two minutes after the first, so that what comes together is one mail
	MailHourly MailMode = "hourly"
	MailDaily  MailMode = "daily"
)

// mailGathers is for how long what comes is gathered into one mail.
const mailGathers = 2 * time.Minute

// On reports whether any mail is sent.
func (n Notifications) On() bool { return len(n.Addresses) > 0 }

// Wants reports whether the merchant is told of a flag.
func (n Notifications) Wants(code FlagCode, owner string) bool {
	if len(n.Codes) == 0 {
		return n.On() && owner == OwnerMerchant
	}
	return n.On() && slices.Contains(n.Codes, code)
}

// MailAt is when mail about something that has come up now is to be sent.
func (n Notifications) MailAt(zone *time.Location, now time.Time) time.Time {
	at := now.Add(mailGathers)
	var hours []string
	switch n.Mode {
	case MailHourly:
		for h := range 24 {
			hours = append(hours, fmt.Sprintf("%02d:00", h))
		}
	case MailDaily:
		hours = []string{n.Hour}
	}
	if next := NextRun(hours, zone, now); next != nil {
		at = *next
	}
	return n.AfterQuiet(zone, at)
}

// AfterQuiet is a time, or the end of the quiet hours in which it lies.
func (n Notifications) AfterQuiet(zone *time.Location, at time.Time) time.Time {
	from, err1 := time.Parse("15:04", n.QuietFrom)
	to, err2 := time.Parse("15:04", n.QuietTo)
	if err1 != nil || err2 != nil || from.Equal(to) {
		return at
	}
	minute := func(t time.Time) int { return t.Hour()*60 + t.Minute() }
	now, begin, end := minute(at.In(zone)), minute(from), minute(to)
	quiet := now >= begin && now < end
	if begin > end { // over midnight
		quiet = now >= begin || now < end
	}
	if next := NextRun([]string{n.QuietTo}, zone, at); quiet && next != nil {
		return *next
	}
	return at
}

// flagTitles say in a few words what is wrong, without anything of the order: mail must hold nothing of a buyer.
var flagTitles = map[FlagCode]string{
	FlagNoSupplier:           "No supplier is chosen",
	FlagPlaceFailed:          "AliExpress refused the purchase",
	FlagPlaceUnknown:         "Whether it was bought is not known",
	FlagMaybeBoughtTwice:     "Perhaps bought twice",
	FlagSupplierCancelled:    "The supplier cancelled",
	FlagPaymentTimeout:       "Not paid in time",
	FlagClosedUnshipped:      "AliExpress closed it unshipped",
	FlagAmountShort:          "The amount has to be confirmed",
	FlagPaymentHeld:          "The payment is held",
	FlagAddressIncomplete:    "The address is incomplete",
	FlagFrozen:               "Frozen by AliExpress",
	FlagDispute:              "A dispute is open",
	FlagStopRequest:          "Stop: the buyer cancelled",
	FlagPaymentReversed:      "The buyer's payment was reversed",
	FlagShippedWithoutNumber: "Shipped without a number",
	FlagPushRefused:          "The store refused the tracking number",
	FlagPushUnconfirmed:      "The store has not confirmed the tracking number",
	FlagParcelMissing:        "A parcel has vanished",
	FlagUnknownStatus:        "An unknown status",
	FlagSupplierOrderNoData:  "AliExpress does not show the order",
	FlagPaySoon:              "To be paid soon",
	FlagPaymentReview:        "The payment is being reviewed",
	FlagMismatch:             "The store shows something else",
	FlagParcelShared:         "One parcel for several buyers",
	FlagHeld:                 "Held",
	FlagSellerLate:           "The seller is late",
	FlagTrackingSilent:       "The tracking is silent",
	FlagOrderEdited:          "The order was changed after the purchase",
	FlagOverrideConflict:     "A decision no longer fits",
	FlagAuthorizationEnding:  "The buyer's authorisation ends",
	FlagStaleOrder:           "Not checked for long",
	FlagGoneFromStore:        "Gone from the store",
	FlagAccountGone:          "The AliExpress account is gone",
	FlagNeedsReauth:          "Has to be connected again",
	FlagAppRemoved:           "The app was removed",
	FlagAccessEnding:         "The access ends soon",
	FlagPermissionMissing:    "A permission is missing",
	FlagSameSiteTwice:        "A copy of a site",
}

// Title says in a few words what is wrong.
func (c FlagCode) Title() string {
	if title, ok := flagTitles[c]; ok {
		return title
	}
	return string(c)
}

// FlagCodes are all codes, sorted.
func FlagCodes() []FlagCode {
	codes := make([]FlagCode, 0, len(flagTitles))
	for c := range flagTitles {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}
