package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
)

// About is what Waybill tells of itself to anybody.
type About struct {
	Version string
	// Which platforms the operator has set up.
	Wix, AliExpress bool
	Demo            *Demo // nil outside the demo
}

// Demo is what a demo gives away: nothing in it is worth keeping.
type Demo struct {
	APIKey                models.Secret
	WixURL, AliExpressURL string // the simulators
}

type about struct {
	Name    string `json:"name" validate:"required" example:"Waybill"`
	Version string `json:"version" validate:"required"`
	// Which platforms are set up here; the other cannot be connected.
	Platforms aboutPlatforms `json:"platforms" validate:"required"`
	// Only in the demo: the key of its sample shop.
	DemoAPIKey string `json:"demo_api_key,omitempty"`
	// Only in the demo: where the simulated platforms are.
	Simulators *aboutSimulators `json:"simulators,omitempty"`
} //	@name	About

type aboutPlatforms struct {
	Wix        bool `json:"wix" validate:"required"`
	AliExpress bool `json:"aliexpress" validate:"required"`
} //	@name	AboutPlatforms

type aboutSimulators struct {
	Wix        string `json:"wix" validate:"required" example:"http://127.0.0.1:8091"`
	AliExpress string `json:"aliexpress" validate:"required" example:"http://127.0.0.1:8092"`
} //	@name	AboutSimulators

// getAbout says what runs here.
//
//	@Summary		Get what runs here
//	@Description	Needs no key. In the demo it also gives the key of the sample shop and the addresses of the simulated platforms.
//	@Tags			health
//	@ID				getAbout
//	@Produce		json
//	@Success		200		{object}	about
//	@Failure		default	{object}	problem
//	@Router			/about [get]
func (s *server) getAbout(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	out := about{Name: "Waybill", Version: s.About.Version, Platforms: aboutPlatforms{s.About.Wix, s.About.AliExpress}}
	if d := s.About.Demo; d != nil {
		out.DemoAPIKey, out.Simulators = d.APIKey.Reveal(), &aboutSimulators{d.WixURL, d.AliExpressURL}
	}
	return respond(w, http.StatusOK, out)
}

// me is who a key speaks for.
type me struct {
	Merchant meMerchant `json:"merchant" validate:"required"`
	Actor    string     `json:"actor" validate:"required" example:"api:first"`
	KeyName  string     `json:"key_name" validate:"required" example:"first"`
	// What the key is allowed.
	Scopes []models.KeyScope `json:"scopes" validate:"required"`
	// When the key stops working; absent: it does not.
	KeyExpiresAt *time.Time `json:"key_expires_at,omitempty"`
} //	@name	Me

type meMerchant struct {
	ID   models.MerchantID `json:"id" validate:"required"`
	Name string            `json:"name" validate:"required" example:"My shop"`
	Zone string            `json:"zone" validate:"required" example:"Europe/Berlin"`
} //	@name	MeMerchant

// getMe says who the key speaks for.
//
//	@Summary	Get who the key speaks for
//	@Tags		settings
//	@ID			getMe
//	@Produce	json
//	@Success	200		{object}	me
//	@Failure	401		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/me [get]
func (s *server) getMe(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	m, err := s.Accounts.Merchant(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, me{Merchant: meMerchant{m.ID, m.Name, m.Zone}, Actor: string(caller.Actor), KeyName: caller.Key.Name, Scopes: caller.Key.Scopes, KeyExpiresAt: utc(caller.Key.ExpiresAt)})
}
