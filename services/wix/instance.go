package wix

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"waybill/models"
)

const (
	maxInstanceAge    = 4 * time.Hour // our choice: Wix publishes none, wix.md 1.6
	maxSignedInstance = 16 << 10      // characters
	clockSkew         = time.Minute   // by which Wix's clock may differ from ours
)

// Store describes the site, wix.md 1.5. Currency is ISO 4217; members that Wix leaves out are empty.
func (c *Client) Store(ctx context.Context, a models.Access) (models.StoreInfo, error) {
	const name = "get_instance"
	var got wireInstanceAnswer
	answer, err := c.call(ctx, a, operation{name: name, method: http.MethodGet, path: "/apps/v1/instance"}, &got)
	if err != nil {
		return models.StoreInfo{}, err
	}
	if !strings.EqualFold(string(got.Instance.InstanceID), a.ExternalID) {
		return models.StoreInfo{}, undecodable(name, answer, "another instance than the one asked for")
	}
	return models.StoreInfo{
		InstanceID: a.ExternalID,
		Name:       string(got.Site.SiteDisplayName),
		Currency:   string(got.Site.PaymentCurrency),
		URL:        string(got.Site.URL),

		OriginInstanceID: string(got.Instance.OriginInstanceID),
	}, nil
}

// InstallURL is the page on which a person installs the app on a site; Wix then sends him to callback, which keeps its own
// query (wix.md 1.5).
func (c *Client) InstallURL(callback string) (string, error) {
	if c.appID == "" {
		return "", models.Errorf(models.Rejected, "wix_not_set_up", "Wix is not set up: set WAYBILL_WIX_APP_ID and WAYBILL_WIX_APP_SECRET.")
	}
	return c.site + "/app-installer?" + url.Values{"appId": {c.appID}, "postInstallationUrl": {callback}}.Encode(), nil
}

// VerifyInstance checks the signed "instance" that Wix gives to a page of the app, wix.md 1.6, and returns the instance id
// that may be trusted: signed with the app's secret, for this app, for somebody who is logged in, at most 4 hours old and not
// past its own end. Everything else is Unauthenticated: wix_instance_signature, or wix_instance_expired when only its age is
// wrong.
func (c *Client) VerifyInstance(signed string) (instanceID string, err error) {
	w, err := c.instance(signed)
	if err != nil {
		return "", err
	}
	return string(w.InstanceID), nil
}

// VerifyOwner is VerifyInstance for the page of the app in the site's dashboard: it is Forbidden (wix_not_owner) to whoever Wix does
// not call the site's owner or a contributor, wix.md 1.6.
func (c *Client) VerifyOwner(signed string) (instanceID string, err error) {
	w, err := c.instance(signed)
	if err != nil {
		return "", err
	}
	if w.Permissions != "OWNER" {
		return "", models.Errorf(models.Forbidden, "wix_not_owner", "Only owners and contributors of the site may open Waybill from its dashboard.")
	}
	return string(w.InstanceID), nil
}

func (c *Client) instance(signed string) (w wireSignedInstance, err error) {
	signature, data, ok := strings.Cut(signed, ".")
	if !ok || len(signed) > maxSignedInstance || c.secret == "" || c.appID == "" {
		return w, badInstance("not a signed instance, or no app to check it for")
	}
	mac := hmac.New(sha256.New, []byte(c.secret.Reveal()))
	mac.Write([]byte(data))
	if !hmac.Equal([]byte(signature), []byte(base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))) {
		return w, badInstance("the signature is wrong")
	}
	raw, err := base64.RawURLEncoding.DecodeString(data)
	if err != nil {
		return w, badInstance("the data is not base64url")
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return w, badInstance(jsonFault(err))
	}
	switch {
	case w.InstanceID == "":
		return w, badInstance("no instanceId")
	case w.AppDefID != text(c.appID):
		return w, badInstance("of another app")
	case w.AnonymousID != "":
		return w, badInstance("of an anonymous visitor")
	}
	if reason := c.stale(w); reason != "" {
		return w, models.Errorf(models.Unauthenticated, "wix_instance_expired",
			"The sign-in from Wix has expired. Open Waybill from your Wix dashboard again.").Because(errors.New("wix instance: " + reason))
	}
	return w, nil
}

// stale says why a signed instance is not fresh; empty when it is.
func (c *Client) stale(w wireSignedInstance) string {
	now := c.now()
	signed, err := time.Parse(time.RFC3339Nano, string(w.SignDate))
	switch {
	case err != nil:
		return "no signDate"
	case now.Sub(signed) > maxInstanceAge:
		return "signed too long ago"
	case signed.Sub(now) > clockSkew:
		return "signed in the future"
	}
	if w.ExpirationDate == "" {
		return ""
	}
	ends, err := time.Parse(time.RFC3339Nano, string(w.ExpirationDate))
	if err != nil || !now.Before(ends) {
		return "past its expirationDate"
	}
	return ""
}

func badInstance(reason string) error {
	return models.Errorf(models.Unauthenticated, "wix_instance_signature",
		"This is not a valid sign-in from Wix. Open Waybill from your Wix dashboard.").Because(errors.New("wix instance: " + reason))
}
