package handlers

import (
	"net/http"
	"time"

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
		LastErrorDetail: c.LastErrorDetail, NextSweepAt: utc(c.NextSweepAt), CreatedAt: c.CreatedAt.UTC(),
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
} //	@name	ConnectRequest

// createConnection connects a store or a supplier account.
//
//	@Summary		Connect a store or a supplier account
//	@Description	A store is connected with the signed instance that Wix hands to the app's page, an AliExpress account with the code of its consent page. Connecting again renews. An account of another merchant is refused.
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
	connect, proof := s.Accounts.ConnectStore, in.Instance
	if models.Platform(in.Platform) == models.AliExpress {
		connect, proof = s.Accounts.ConnectSupplier, in.Code
	}
	c, err := connect(r.Context(), caller.MerchantID, proof)
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toConnection(c))
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
