package aliexpress

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"waybill/models"
)

const (
	pathExchange = "/auth/token/create"
	pathRefresh  = "/auth/token/refresh"
)

// ConsentURL is the page on which a buyer account consents (aliexpress.md 3.1). redirectURI must be the callback that is
// registered for the app; state comes back with the code.
func (c *Client) ConsentURL(redirectURI, state string) (string, error) {
	if c.appKey == "" {
		return "", notSetUp()
	}
	query := url.Values{
		"response_type": {"code"}, "force_auth": {"true"}, "client_id": {c.appKey}, "redirect_uri": {redirectURI},
	}
	if state != "" {
		query.Set("state", state)
	}
	return c.base + "/oauth/authorize?" + query.Encode(), nil
}

type wireGrant struct {
	AccessToken      text  `json:"access_token"`
	RefreshToken     text  `json:"refresh_token"`
	ExpiresIn        text  `json:"expires_in"` // seconds
	ExpireTime       text  `json:"expire_time"`
	RefreshExpiresIn *text `json:"refresh_expires_in"` // seconds; 0 means that it cannot be refreshed
	RefreshValidTime text  `json:"refresh_token_valid_time"`
	UserID           text  `json:"user_id"`
	SellerID         text  `json:"seller_id"` // a buyer's is its user id
	Account          text  `json:"account"`
	Nick             text  `json:"user_nick"`
}

// Exchange trades the code of the consent page for tokens (aliexpress.md 3.2). A code works once and for three minutes;
// a refused one is models.Rejected, code auth_code_invalid. Other errors: Throttled, Rejected, Unavailable.
func (c *Client) Exchange(ctx context.Context, app models.App, code string) (models.Grant, error) {
	if code == "" {
		return models.Grant{}, models.Errorf(models.Rejected, "auth_code_invalid", "AliExpress sent no sign-in code. Connect the account again.")
	}
	return c.grant(ctx, app, pathExchange, map[string]string{"code": code})
}

// Refresh trades a refresh token for new tokens (aliexpress.md 3.4). The end of the refresh token does not move. The answer may
// bring no refresh token: keep the old one. A refused one is models.Disconnected. Other errors: Throttled, Rejected,
// Unavailable, after which AliExpress may or may not have replaced the token.
func (c *Client) Refresh(ctx context.Context, app models.App, refreshToken models.Secret) (models.Grant, error) {
	if refreshToken == "" {
		return models.Grant{}, tokenRefused()
	}
	return c.grant(ctx, app, pathRefresh, map[string]string{"refresh_token": refreshToken.Reveal()})
}

func (c *Client) grant(ctx context.Context, app models.App, path string, params map[string]string) (models.Grant, error) {
	asked := c.now() // lifetimes count from before the call, so that a slow answer makes none longer
	p, err := c.system(ctx, app, path, params)
	if err != nil {
		return models.Grant{}, err
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return models.Grant{}, unreadable(path, err)
	}
	var w wireGrant
	if err := json.Unmarshal(raw, &w); err != nil {
		return models.Grant{}, unreadable(path, err)
	}
	grant := models.Grant{
		UserID:           cmp.Or(w.UserID.String(), w.SellerID.String()),
		Account:          cmp.Or(w.Account.String(), w.Nick.String()),
		AccessToken:      models.Secret(w.AccessToken.String()),
		RefreshToken:     models.Secret(w.RefreshToken.String()),
		ExpiresAt:        end(asked, w.ExpiresIn, w.ExpireTime),
		RefreshExpiresAt: w.refreshEnd(asked),
	}
	if grant.AccessToken == "" || grant.UserID == "" || grant.ExpiresAt.IsZero() {
		return models.Grant{}, unreadable(path, errors.New("tokens without an account or an end"))
	}
	return grant, nil
}

func (w wireGrant) refreshEnd(asked time.Time) time.Time {
	if w.RefreshExpiresIn == nil {
		return end(asked, "", w.RefreshValidTime)
	}
	if n, ok := w.RefreshExpiresIn.int64(); ok && n <= 0 {
		return time.Time{}
	}
	return end(asked, *w.RefreshExpiresIn, w.RefreshValidTime)
}

// end prefers the remaining seconds, which hold on our clock, to the absolute time, which is AliExpress' clock.
func end(asked time.Time, seconds, absolute text) time.Time {
	if n, ok := seconds.int64(); ok && n > 0 && n < 1e9 {
		return asked.Add(time.Duration(n) * time.Second).UTC()
	}
	at, _ := absolute.epoch()
	return at
}
