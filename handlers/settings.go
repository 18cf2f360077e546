package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
)

// settings are what a merchant has decided about all of its stores.
type settings struct {
	// The merchant's time zone (IANA).
	Zone string `json:"zone" validate:"required,max=60" example:"Europe/Berlin"`
	// The hours of the full sweeps in that zone; 06:00 and 18:00 when left out.
	FullSweeps []string `json:"full_sweeps" validate:"omitempty,max=24,unique,dive,datetime=15:04" example:"06:00,18:00"`
	// How long an automatic purchase waits, so that a buyer can still change his mind; 30 when left out.
	HoldMinutes *int      `json:"hold_minutes" validate:"omitempty,min=0,max=10080" example:"30"`
	AutoPlace   autoPlace `json:"auto_place"`
	// Goes with every purchase that has no note of its own. {order} stands for the order's number, {options} for what the buyer asked for.
	SellerNote string `json:"seller_note" validate:"max=500"`
	// Keeps everything from being sent to AliExpress; what is planned waits.
	PlacingStopped bool `json:"placing_stopped"`
	// Placing has stopped by itself; POST /settings/resume-placing lets it go on. Ignored when sent.
	PlacingTripped *placingTripped `json:"placing_tripped,omitempty"`
	// An unpaid supplier order is flagged so long before AliExpress closes it, but not in the first half of its time; 24 when left out.
	PayWarningHours *int `json:"pay_warning_hours" validate:"omitempty,min=1,max=720" example:"24"`
	// A paid supplier order without a number is flagged after so many days; 7 when left out.
	SellerLateDays *int `json:"seller_late_days" validate:"omitempty,min=1,max=90" example:"7"`
	// A parcel without a movement is flagged after so many days; 10 when left out.
	TrackingSilentDays *int `json:"tracking_silent_days" validate:"omitempty,min=1,max=90" example:"10"`
	// So many days after an order's end its buyer's data is erased; 180 when left out.
	BuyerDataDays *int `json:"buyer_data_days" validate:"omitempty,min=30,max=3650" example:"180"`
	// What the merchant is told by mail; nothing when left out. GET /about says whether mail can be sent here at all.
	Notifications notifications `json:"notifications"`
} //	@name	Settings

// notifications say which flags the merchant is told of by mail, and when.
type notifications struct {
	// Who gets the mail; nobody when empty.
	Addresses []string `json:"addresses" validate:"omitempty,max=5,unique,dive,email,max=254" example:"ann@example.com"`
	// The flags to tell of; all that need the merchant when empty.
	Codes []models.FlagCode `json:"codes" validate:"omitempty,max=100,unique,dive,flag_code"`
	// At once is two minutes after the first, so that what comes together is one mail.
	Mode models.MailMode `json:"mode" validate:"omitempty,oneof=at_once hourly daily" enums:"at_once,hourly,daily"`
	// The hour of the daily mail, in the merchant's zone.
	Hour string `json:"hour,omitempty" validate:"required_if=Mode daily,omitempty,datetime=15:04" example:"08:00"`
	// Between these hours, in the merchant's zone, no mail is sent; what comes then waits for their end.
	QuietFrom string `json:"quiet_from,omitempty" validate:"required_with=QuietTo,omitempty,datetime=15:04" example:"22:00"`
	QuietTo   string `json:"quiet_to,omitempty" validate:"required_with=QuietFrom,omitempty,datetime=15:04" example:"07:00"`
} //	@name	Notifications

func toNotifications(n models.Notifications) notifications {
	out := notifications{Addresses: append([]string{}, n.Addresses...), Codes: append([]models.FlagCode{}, n.Codes...), Mode: n.Mode, Hour: n.Hour, QuietFrom: n.QuietFrom, QuietTo: n.QuietTo}
	if out.Mode == "" {
		out.Mode = models.MailAtOnce
	}
	return out
}

type placingTripped struct {
	At  time.Time `json:"at"`
	Why string    `json:"why" example:"Placing has stopped by itself: AliExpress gave no clear answer to the last 6 purchases."`
} //	@name	PlacingTripped

// autoPlace says which orders are bought without a person. Every condition must hold. Orders that were there before the rule
// became what it is are not bought by it.
type autoPlace struct {
	Enabled bool `json:"enabled"`
	// Only orders of these stores; all when empty.
	StoreIDs []models.ID `json:"store_ids" validate:"omitempty,max=100,unique,dive,uuid"`
	// Only to these countries (ISO 3166-1 alpha-2); all when empty.
	Countries []string `json:"countries" validate:"omitempty,max=300,unique,dive,iso3166_1_alpha2" example:"DE,FR"`
	// The largest order total that is bought unseen.
	MaxTotal *money `json:"max_total,omitempty"`
	// The account that buys; needed only where there are several.
	AccountID models.ID `json:"account_id,omitempty" validate:"omitempty,uuid"`
} //	@name	AutoPlaceRule

func toSettings(m models.Merchant) settings {
	s := m.Settings
	out := settings{
		Zone: m.Zone, FullSweeps: s.FullSweeps, HoldMinutes: s.HoldMinutes, SellerNote: s.SellerNote, PlacingStopped: s.PlacingStopped,
		PayWarningHours: s.PayWarningHours, SellerLateDays: s.SellerLateDays, TrackingSilentDays: s.TrackingSilentDays, BuyerDataDays: s.BuyerDataDays,
		Notifications: toNotifications(s.Notifications),
		AutoPlace: autoPlace{
			Enabled: s.AutoPlace.Enabled, StoreIDs: append([]models.ID{}, s.AutoPlace.StoreIDs...), Countries: append([]string{}, s.AutoPlace.Countries...),
			AccountID: s.AutoPlace.AccountID,
		},
	}
	if p := m.Placing; p.PlacingTrippedAt != nil {
		out.PlacingTripped = &placingTripped{p.PlacingTrippedAt.UTC(), p.PlacingTrippedWhy}
	}
	if s.AutoPlace.MaxTotalMinor != nil {
		out.AutoPlace.MaxTotal = &money{*s.AutoPlace.MaxTotalMinor, s.AutoPlace.MaxTotalCurrency}
	}
	return out
}

func (in settings) into() models.Settings {
	out := models.Settings{
		FullSweeps: in.FullSweeps, HoldMinutes: in.HoldMinutes, SellerNote: in.SellerNote, PlacingStopped: in.PlacingStopped,
		PayWarningHours: in.PayWarningHours, SellerLateDays: in.SellerLateDays, TrackingSilentDays: in.TrackingSilentDays, BuyerDataDays: in.BuyerDataDays,
		Notifications: models.Notifications(in.Notifications),
		AutoPlace:     models.AutoPlace{Enabled: in.AutoPlace.Enabled, StoreIDs: in.AutoPlace.StoreIDs, Countries: in.AutoPlace.Countries, AccountID: in.AutoPlace.AccountID},
	}
	if limit := in.AutoPlace.MaxTotal; limit != nil {
		out.AutoPlace.MaxTotalMinor, out.AutoPlace.MaxTotalCurrency = &limit.Minor, limit.Currency
	}
	return out
}

// getSettings gives what the merchant has decided.
//
//	@Summary	Get the settings
//	@Tags		settings
//	@ID			getSettings
//	@Produce	json
//	@Success	200		{object}	settings
//	@Failure	401		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/settings [get]
func (s *server) getSettings(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	m, err := s.Accounts.Merchant(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSettings(m))
}

// replaceSettings replaces what the merchant has decided.
//
//	@Summary		Replace the settings
//	@Description	What is left out goes back to its default. Open orders are read anew under the new settings.
//	@Tags			settings
//	@ID				replaceSettings
//	@Accept			json
//	@Produce		json
//	@Param			request	body		settings	true	"All settings"
//	@Success		200		{object}	settings
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/settings [put]
func (s *server) replaceSettings(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[settings](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.Sync.Decide(r.Context(), caller.MerchantID, in.Zone, in.into(), caller.Actor); err != nil {
		return err
	}
	m, err := s.Accounts.Merchant(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSettings(m))
}

// storeSettings are what a merchant has decided about one store.
type storeSettings struct {
	// When the store is told of a parcel: as soon as there is a number, or when the carrier has first seen it.
	PushWhen string `json:"push_when" validate:"omitempty,oneof=number first_scan" enums:"number,first_scan"`
	// Lets orders that are paid in part be bought.
	PartialPaymentOpens bool `json:"partial_payment_opens"`
} //	@name	StoreSettings

func toStoreSettings(s models.StoreSettings) storeSettings {
	if s.PushWhen == "" {
		s.PushWhen = models.PushAtNumber
	}
	return storeSettings{PushWhen: string(s.PushWhen), PartialPaymentOpens: s.PartialPaymentOpens}
}

// replaceStoreSettings replaces what the merchant has decided about one store.
//
//	@Summary		Replace the settings of a store
//	@Description	What is left out goes back to its default. The store's open orders are read anew under the new settings.
//	@Tags			settings
//	@ID				replaceStoreSettings
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Connection id of a store"
//	@Param			request	body		storeSettings	true	"All settings of the store"
//	@Success		200		{object}	storeSettings
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/connections/{id}/settings [put]
func (s *server) replaceStoreSettings(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[storeSettings](s, w, r, false)
	if err != nil {
		return err
	}
	out := models.StoreSettings{PushWhen: models.PushWhen(in.PushWhen), PartialPaymentOpens: in.PartialPaymentOpens}
	if err := s.Sync.DecideStore(r.Context(), caller.MerchantID, pathID(r), out, caller.Actor); err != nil {
		return err
	}
	return respond(w, http.StatusOK, toStoreSettings(out))
}
