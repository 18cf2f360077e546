package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/url"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// consentLife is how long a person may take to consent.
const consentLife = 10 * time.Minute

// Consent is a way to a platform's page of consent, begun by one merchant in one browser. State comes back with the person
// and works once; Browser is for the browser alone to keep, so that nobody can finish in his own what was begun in another
// (reliability.md 4, threat 17).
type Consent struct {
	URL       string
	State     models.Secret
	Browser   models.Secret
	ExpiresAt time.Time
}

// Begin begins the consent of a store or a supplier account. callback is where the platform sends the person back to.
func (s *Service) Begin(ctx context.Context, m models.MerchantID, p models.Platform, callback string, actor models.Actor) (Consent, error) {
	c := Consent{State: models.Secret(rand.Text()), Browser: models.Secret(rand.Text())}
	var err error
	if p == models.Wix {
		c.URL, err = s.stores.InstallURL(callback + "?state=" + url.QueryEscape(c.State.Reveal()))
	} else {
		c.URL, err = s.tokens.ConsentURL(callback, c.State.Reveal())
	}
	if err != nil {
		return c, err
	}
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		c.ExpiresAt = tx.Now.Add(consentLife)
		if err := tx.Exec("DELETE FROM connect_states WHERE expires_at < ?", tx.Now).Error; err != nil {
			return err
		}
		return tx.Exec("INSERT INTO connect_states (state_sha256, merchant_id, platform, browser_sha256, expires_at, actor) VALUES (?, ?, ?, ?, ?, ?)",
			hashKey(c.State.Reveal()), m, p, hashKey(c.Browser.Reveal()), c.ExpiresAt, actor).Error
	})
	return c, err
}

// begun is a consent that has come back.
type begun struct {
	MerchantID    models.MerchantID
	Actor         models.Actor // who began it
	BrowserSHA256 string
	ExpiresAt     time.Time
}

// take ends a consent: its state works once, for one platform and until its time is up.
func (s *Service) take(ctx context.Context, p models.Platform, state string) (begun, error) {
	var found []begun
	err := s.db.InTx(ctx, func(tx database.Tx) error {
		return tx.Raw("DELETE FROM connect_states WHERE state_sha256 = ? AND platform = ? AND expires_at >= ? RETURNING merchant_id, actor, browser_sha256, expires_at",
			hashKey(state), p, tx.Now).Scan(&found).Error
	})
	if err != nil {
		return begun{}, err
	}
	if len(found) == 0 {
		return begun{}, badState()
	}
	return found[0], nil
}

func badState() error {
	return models.Errorf(models.Rejected, "consent_state_invalid", "This consent was not begun here, was finished before, or took longer than 10 minutes. Begin it again.")
}

// Finish connects a supplier account with the code and the state that its consent page returned, for the merchant who began it.
func (s *Service) Finish(ctx context.Context, m models.MerchantID, code, state string, app models.App, actor models.Actor) (models.Connection, error) {
	b, err := s.take(ctx, models.AliExpress, state)
	if err != nil {
		return models.Connection{}, err
	}
	if b.MerchantID != m {
		return models.Connection{}, badState()
	}
	return s.ConnectSupplier(ctx, m, code, app, actor)
}

// Returned is what a browser brings back from a page of consent.
type Returned struct {
	State    string
	Browser  string // what Begin gave the browser to keep
	Code     string // AliExpress
	Instance string // Wix: the instance id, which anybody could type
	Signed   string // Wix: the signed instance, where Wix sends one
	Error    string // the platform's word for a consent that was not given
}

// FinishInBrowser connects what a person consented to, in the browser in which it was begun. A Wix site is bound by the signed
// instance, or else by a verified webhook that told of its installation while the consent was open (wix.md 1.5).
func (s *Service) FinishInBrowser(ctx context.Context, p models.Platform, r Returned) (models.Connection, error) {
	b, err := s.take(ctx, p, r.State)
	if r.Error != "" || r.Code == "" && r.Instance == "" && r.Signed == "" { // a consent that was not given ends, and may come back without its state
		return models.Connection{}, models.Errorf(models.Rejected, "consent_denied", "The consent was not given. Nothing was connected; begin it again if that was a mistake.")
	}
	if err != nil {
		return models.Connection{}, err
	}
	if subtle.ConstantTimeCompare([]byte(b.BrowserSHA256), []byte(hashKey(r.Browser))) != 1 {
		return models.Connection{}, badState()
	}
	switch {
	case p == models.AliExpress:
		return s.ConnectSupplier(ctx, b.MerchantID, r.Code, models.App{}, b.Actor)
	case r.Signed != "":
		return s.ConnectStore(ctx, b.MerchantID, r.Signed, false, b.Actor)
	}
	if err := s.installedSince(ctx, r.Instance, b.ExpiresAt.Add(-consentLife)); err != nil {
		return models.Connection{}, err
	}
	return s.bindStore(ctx, b.MerchantID, r.Instance, false, b.Actor)
}

// installedSince asks whether Wix itself told of the app's installation on a site that nobody has connected.
func (s *Service) installedSince(ctx context.Context, instance string, since time.Time) error {
	var told bool
	err := s.db.Read(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM orphan_inbox WHERE platform = 'wix' AND external_id = ? AND kind = 'AppInstalled' AND received_at >= ?)`,
		instance, since).Row().Scan(&told)
	if err != nil {
		return database.Err(err)
	}
	if !told {
		e := models.Errorf(models.Conflict, "install_not_confirmed", "Wix has not confirmed the installation yet. Try again in a moment, or open Waybill from the site's dashboard.")
		e.RetryAfter = 5 * time.Second
		return e
	}
	return nil
}

// ownApp says whether the merchant brings an app of its own, and refuses half of one.
func ownApp(app models.App) error {
	if (strings.TrimSpace(app.Key) == "") != (app.Secret == "") {
		return models.Errorf(models.Invalid, "app_incomplete", "An app of your own needs both its key and its secret.")
	}
	return nil
}
