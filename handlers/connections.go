package handlers

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
)

// connection is a store or a supplier account. Its tokens are never shown.
type connection struct {
	ID       models.ID       `json:"id" validate:"required"`
	Platform models.Platform `json:"platform" validate:"required"`
	// Wix instance id, or AliExpress user id.
	ExternalID string                 `json:"external_id" validate:"required"`
	Name       string                 `json:"name" validate:"required" example:"My shop"`
	State      models.ConnectionState `json:"state" validate:"required"`
	// When the present access ends; it is renewed by itself before.
	TokenExpiresAt *time.Time `json:"token_expires_at,omitempty"`
	// When a person has to connect again.
	RefreshExpiresAt *time.Time `json:"refresh_expires_at,omitempty"`
	LastSuccessAt    *time.Time `json:"last_success_at,omitempty"`
	LastErrorAt      *time.Time `json:"last_error_at,omitempty"`
	LastErrorCode    string     `json:"last_error_code,omitempty"`
	LastErrorDetail  string     `json:"last_error_detail,omitempty"`
	// AliExpress: the key of the merchant's own app; absent when Waybill's is used.
	AppKey string `json:"app_key,omitempty"`
	// Stores: when it is searched next for what no webhook told.
	NextSweepAt *time.Time `json:"next_sweep_at,omitempty"`
	// Stores: what has been decided about it.
	Settings *storeSettings `json:"settings,omitempty"`
	// Stores: what Waybill can do about the e-mails that the store sends to buyers.
	BuyerMails string    `json:"buyer_mails,omitempty"`
	CreatedAt  time.Time `json:"created_at" validate:"required"`
} //	@name	Connection

type connectionList struct {
	Connections []connection `json:"connections" validate:"required"`
} //	@name	ConnectionList

const buyerMails = "The store's own settings decide whether buyers get an e-mail when goods are shipped: Wix's API has no switch for it. " +
	"Waybill makes one fulfillment for each parcel and changes it in place wherever Wix allows, so that a parcel is mailed a second time only where its contents had to be corrected."

func toConnection(c models.Connection) connection {
	out := connection{
		ID: c.ID, Platform: c.Platform, ExternalID: c.ExternalID, Name: c.Name, State: c.State, TokenExpiresAt: utc(c.TokenExpiresAt),
		RefreshExpiresAt: utc(c.RefreshExpiresAt), LastSuccessAt: utc(c.LastSuccessAt), LastErrorAt: utc(c.LastErrorAt), LastErrorCode: c.LastErrorCode,
		LastErrorDetail: c.LastErrorDetail, AppKey: c.AppKey, NextSweepAt: utc(c.NextSweepAt), CreatedAt: c.CreatedAt.UTC(),
	}
	if c.Platform == models.Wix {
		settings := toStoreSettings(c.Settings)
		out.Settings, out.BuyerMails = &settings, buyerMails
	}
	return out
}

// listConnections lists stores and supplier accounts.
//
//	@Summary	List connections
//	@Tags		connections
//	@ID			listConnections
//	@Produce	json
//	@Success	200		{object}	connectionList
//	@Failure	401		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/connections [get]
func (s *server) listConnections(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	list, err := s.Accounts.Connections(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := connectionList{Connections: make([]connection, len(list))}
	for i, c := range list {
		out.Connections[i] = toConnection(c)
	}
	return respond(w, http.StatusOK, out)
}

type connectRequest struct {
	Platform string `json:"platform" validate:"required,oneof=wix aliexpress" enums:"wix,aliexpress"`
	// Wix: the signed instance that Wix gives the app's page (signature.data). An instance id alone proves nothing.
	Instance string `json:"instance" validate:"required_if=Platform wix,excluded_if=Platform aliexpress,max=8000"`
	// AliExpress: the code that its consent page returned. It works once and for a few minutes.
	Code string `json:"code" validate:"required_if=Platform aliexpress,excluded_if=Platform wix,max=500"`
	// AliExpress: the state that came back with the code, from the consent that was begun with createAuthorization. It works once.
	State string `json:"state" validate:"required_if=Platform aliexpress,excluded_if=Platform wix,max=100"`
	// AliExpress: an app of the merchant's own, with call limits of its own; Waybill's when left out.
	App *ownApp `json:"app" validate:"excluded_if=Platform wix"`
	// Wix: connect a site although it is a copy of a connected one.
	AcceptCopy bool `json:"accept_copy" validate:"excluded_if=Platform aliexpress"`
} //	@name	ConnectRequest

type ownApp struct {
	Key    string `json:"key" validate:"required,max=100"`
	Secret string `json:"secret" validate:"required,max=200"`
} //	@name	OwnApp

func (a *ownApp) into() models.App {
	if a == nil {
		return models.App{}
	}
	return models.App{Key: a.Key, Secret: models.Secret(a.Secret)}
}

// createConnection connects a store or a supplier account.
//
//	@Summary		Connect a store or a supplier account
//	@Description	A store is connected with the signed instance that Wix hands to the app's page, an AliExpress account with the code and the state of its consent page (see createAuthorization). Connecting again renews. An account of another merchant is refused.
//	@Tags			connections
//	@ID				createConnection
//	@Accept			json
//	@Produce		json
//	@Param			request	body		connectRequest	true	"Proof of the account"
//	@Success		201		{object}	connection
//	@Failure		401		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/connections [post]
func (s *server) createConnection(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[connectRequest](s, w, r, false)
	if err != nil {
		return err
	}
	var c models.Connection
	if models.Platform(in.Platform) == models.AliExpress {
		c, err = s.Accounts.Finish(r.Context(), caller.MerchantID, in.Code, in.State, in.App.into(), caller.Actor)
	} else {
		c, err = s.Accounts.ConnectStore(r.Context(), caller.MerchantID, in.Instance, in.AcceptCopy, caller.Actor)
	}
	if err != nil {
		return err
	}
	if err := s.Sync.Connected(r.Context(), c); err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toConnection(c))
}

type authorizationRequest struct {
	Platform string `json:"platform" validate:"required,oneof=wix aliexpress" enums:"wix,aliexpress"`
} //	@name	AuthorizationRequest

// authorization is a consent that was begun.
type authorization struct {
	// Where to send the person.
	URL string `json:"url" validate:"required"`
	// Comes back with the person; works once.
	State     string    `json:"state" validate:"required"`
	ExpiresAt time.Time `json:"expires_at" validate:"required"`
} //	@name	Authorization

// consentCookie keeps a consent to the browser that began it.
const consentCookie = "waybill-consent"

// cookie is a cookie's name. Where Waybill is reached by https it is bound to this very host: browsers take such a cookie from
// nowhere else.
func (s *server) cookie(name string) string {
	if s.secure() {
		return "__Host-" + name
	}
	return name
}

// secure reports whether browsers reach Waybill by https. Without, it is tried out on somebody's own machine.
func (s *server) secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }

func (s *server) setConsent(w http.ResponseWriter, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is https
		Name: s.cookie(consentCookie), Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	})
}

// createAuthorization begins a consent.
//
//	@Summary		Begin to connect a store or a supplier account
//	@Description	Gives the page to which to send the person. From there the platform sends him to the callback, which finishes the connection in the browser that began it (a cookie says so). Whoever begins it without a browser finishes it with createConnection. A consent works once and for 10 minutes.
//	@Tags			connections
//	@ID				createAuthorization
//	@Accept			json
//	@Produce		json
//	@Param			request	body		authorizationRequest	true	"Which platform"
//	@Success		201		{object}	authorization
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/connections/authorizations [post]
func (s *server) createAuthorization(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[authorizationRequest](s, w, r, false)
	if err != nil {
		return err
	}
	c, err := s.Accounts.Begin(r.Context(), caller.MerchantID, models.Platform(in.Platform), s.PublicURL+"/api/v1/connections/"+in.Platform+"/callback", caller.Actor)
	if err != nil {
		return err
	}
	s.setConsent(w, c.Browser.Reveal(), time.Until(c.ExpiresAt))
	return respond(w, http.StatusCreated, authorization{URL: c.URL, State: c.State.Reveal(), ExpiresAt: c.ExpiresAt.UTC()})
}

// finishAuthorization is where a platform sends a person back to.
//
//	@Summary		Finish a consent in the browser
//	@Description	The platform's page of consent leads here. It is no call for programs: it needs the cookie of the browser that began the consent, works once, and leads to the start page: /?connected=<platform>, or /?connect_error=<code>. The codes: consent_denied, consent_state_invalid, install_not_confirmed, and those of createConnection.
//	@Tags			connections
//	@ID				finishAuthorization
//	@Param			platform		path	string	true	"Platform"	Enums(wix, aliexpress)
//	@Param			state			query	string	true	"The state of the consent"
//	@Param			code			query	string	false	"AliExpress: the code"
//	@Param			instanceId		query	string	false	"Wix: the instance id"
//	@Param			signedInstance	query	string	false	"Wix: the signed instance, where Wix sends one"
//	@Param			error			query	string	false	"Why there is no consent, such as access_denied"
//	@Success		303
//	@Header			303		{string}	Location	"The start page"
//	@Failure		default	{object}	problem
//	@Router			/connections/{platform}/callback [get]
func (s *server) finishAuthorization(w http.ResponseWriter, r *http.Request) error {
	p := models.Platform(chi.URLParam(r, "platform"))
	if p != models.Wix && p != models.AliExpress {
		return s.noRoute(w, r)
	}
	values := r.URL.Query() // the platforms may add what they like
	returned := accounts.Returned{
		State: values.Get("state"), Code: values.Get("code"), Instance: values.Get("instanceId"), Signed: cmp.Or(values.Get("signedInstance"), values.Get("instance")),
		Error: values.Get("error"),
	}
	if cookie, err := r.Cookie(s.cookie(consentCookie)); err == nil {
		returned.Browser = cookie.Value
	}
	c, err := s.Accounts.FinishInBrowser(r.Context(), p, returned)
	if err == nil {
		err = s.Sync.Connected(r.Context(), c)
	}
	s.setConsent(w, "", -time.Second)
	to := "/?connected=" + string(p)
	if err != nil {
		info := infoOf(r)
		info.code, info.err = models.AsError(err).Code, err
		to = "/?connect_error=" + url.QueryEscape(info.code)
	}
	http.Redirect(w, r, to, http.StatusSeeOther) // a path of ours and one of our codes
	return nil
}

// deleteConnection disconnects a store or a supplier account.
//
//	@Summary		Disconnect a store or a supplier account
//	@Description	Nothing more is read or sent there, and its tokens are destroyed. Orders and their history are kept; connecting the same account again goes on with them.
//	@Tags			connections
//	@ID				deleteConnection
//	@Produce		json
//	@Param			id		path		string	true	"Connection id"
//	@Success		200		{object}	connection
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/connections/{id} [delete]
func (s *server) deleteConnection(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	c, err := s.Sync.Disconnect(r.Context(), caller.MerchantID, pathID(r), caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toConnection(c))
}

// getConnection gives one connection.
//
//	@Summary	Get one connection
//	@Tags		connections
//	@ID			getConnection
//	@Produce	json
//	@Param		id		path		string	true	"Connection id"
//	@Success	200		{object}	connection
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/connections/{id} [get]
func (s *server) getConnection(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	c, err := s.Accounts.Connection(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toConnection(c))
}
