package handlers

import (
	"net/http"

	"waybill/models"
)

// About is what Waybill tells of itself to anybody.
type About struct {
	Version string
	// Which platforms the operator has set up.
	Wix, AliExpress bool
	Demo            *Demo // nil outside the demo
	SignUp, Mail    bool  // merchants may sign up by themselves; mail is sent
}

// Demo is what a demo gives away: nothing in it is worth keeping.
type Demo struct {
	APIKey models.Secret
	// Accounts are one for each role; Code, where there is one, works now.
	Accounts              func() []DemoAccount
	WixURL, AliExpressURL string // the simulators
}

// DemoAccount is an account that anybody may use.
type DemoAccount struct {
	Role                  models.PersonRole
	Email, Password, Code string
}

type about struct {
	Name    string `json:"name" validate:"required" example:"Waybill"`
	Version string `json:"version" validate:"required"`
	// Which platforms are set up here; the other cannot be connected.
	Platforms aboutPlatforms `json:"platforms" validate:"required"`
	// Merchants may sign up by themselves.
	SignUp bool `json:"sign_up" validate:"required"`
	// The dashboard may be shown within that of a Wix site.
	Embedded bool `json:"embedded" validate:"required"`
	// Passkeys can be used: browsers reach Waybill by a name.
	Passkeys bool `json:"passkeys" validate:"required"`
	// Mail is sent from here: links to new passwords, invitations, notifications.
	Mail bool `json:"mail" validate:"required"`
	// Only in the demo: the key of its sample shop.
	DemoAPIKey string `json:"demo_api_key,omitempty"`
	// Only in the demo: an account for each role.
	DemoAccounts []aboutAccount `json:"demo_accounts,omitempty"`
	// Only in the demo: where the simulated platforms are.
	Simulators *aboutSimulators `json:"simulators,omitempty"`
} //	@name	About

type aboutPlatforms struct {
	Wix        bool `json:"wix" validate:"required"`
	AliExpress bool `json:"aliexpress" validate:"required"`
} //	@name	AboutPlatforms

type aboutAccount struct {
	Role     models.PersonRole `json:"role" validate:"required" enums:"owner,member,read_only,support,operator"`
	Email    string            `json:"email" validate:"required" example:"owner@demo.example"`
	Password string            `json:"password" validate:"required"`
	// What its authenticator app would show now; absent where it has none.
	Code string `json:"code,omitempty" example:"287082"`
} //	@name	AboutAccount

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
	out := about{Name: "Waybill", Version: s.About.Version, Platforms: aboutPlatforms{s.About.Wix, s.About.AliExpress}, SignUp: s.About.SignUp, Mail: s.About.Mail, Passkeys: s.People.HasPasskeys(), Embedded: s.Embedded}
	if d := s.About.Demo; d != nil {
		for _, a := range d.Accounts() {
			out.DemoAccounts = append(out.DemoAccounts, aboutAccount(a))
		}
		out.DemoAPIKey, out.Simulators = d.APIKey.Reveal(), &aboutSimulators{d.WixURL, d.AliExpressURL}
	}
	return respond(w, http.StatusOK, out)
}
