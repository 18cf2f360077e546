package accounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/feed"
	"waybill/services/outbox"
)

// tokens is what is sealed in a connection.
type tokens struct {
	Access    string `json:"access"`
	Refresh   string `json:"refresh"`
	AppKey    string `json:"app_key,omitempty"` // of the merchant's own app
	AppSecret string `json:"app_secret,omitempty"`
}

func (t tokens) app() models.App {
	return models.App{Key: t.AppKey, Secret: models.Secret(t.AppSecret)}
}

func (t tokens) access(c models.Connection) models.Access {
	return models.Access{MerchantID: c.MerchantID, ExternalID: c.ExternalID, Token: models.Secret(t.Access), App: t.app(), WorkedAt: workedAt(c)}
}

// workedAt is when a connection was last noted to work; zero when something has failed since.
func workedAt(c models.Connection) time.Time {
	if c.LastSuccessAt == nil || c.LastErrorAt != nil && !c.LastErrorAt.Before(*c.LastSuccessAt) {
		return time.Time{}
	}
	return *c.LastSuccessAt
}

// A token is renewed at about half of its life, and by whoever uses it when so little is left (aliexpress.md 3.4); by one process
// at a time, which has refreshLease to do it.
const (
	renewBefore  = 30 * time.Minute
	refreshLease = time.Minute
)

// clockSlack is how far Wix' clock, which counts whole seconds, may be from ours.
const clockSlack = 5 * time.Second

// ConnectStore binds a store to a merchant. The signed instance proves that the caller came from that very site: an instance
// id alone could be typed in by anybody (wix.md 1.5). Connecting a store again makes it active again. It answers Conflict
// when the store belongs to another merchant, and, unless acceptCopy is set, when it is a copy of a site that is connected:
// a copied site may show the same orders.
func (s *Service) ConnectStore(ctx context.Context, m models.MerchantID, signedInstance string, acceptCopy bool, actor models.Actor) (models.Connection, error) {
	instance, err := s.stores.VerifyInstance(signedInstance)
	if errors.Is(err, models.Unauthenticated) { // of the site, not of the caller, whose key is good
		e := models.AsError(err)
		return models.Connection{}, models.Errorf(models.Rejected, e.Code, "%s", e.Detail).Because(err)
	}
	if err != nil {
		return models.Connection{}, err
	}
	return s.bindStore(ctx, m, instance, acceptCopy, actor)
}

func (s *Service) bindStore(ctx context.Context, m models.MerchantID, instance string, acceptCopy bool, actor models.Actor) (models.Connection, error) {
	info, err := s.stores.Store(ctx, models.Access{MerchantID: m, ExternalID: instance, Purpose: models.PurposePerson})
	if err != nil {
		return models.Connection{}, err
	}
	if info.OriginInstanceID != "" && !acceptCopy {
		_, _, connected, err := s.Route(ctx, models.Wix, info.OriginInstanceID)
		if err != nil {
			return models.Connection{}, err
		}
		if connected {
			return models.Connection{}, models.Errorf(models.Conflict, "site_is_a_copy",
				"%s is a copy of a site that is connected already, and may show the same orders. Connect it with accept_copy if it takes orders of its own.", info.Name)
		}
	}
	name := info.Name
	if name == "" {
		name = instance
	}
	return s.save(ctx, m, models.Connection{Platform: models.Wix, ExternalID: instance, Name: name}, nil, models.App{}, actor)
}

// ConnectSupplier exchanges an authorisation code for tokens and keeps them sealed. The code works once. A merchant's own app
// has a call budget of its own.
func (s *Service) ConnectSupplier(ctx context.Context, m models.MerchantID, code string, app models.App, actor models.Actor) (models.Connection, error) {
	if err := ownApp(app); err != nil {
		return models.Connection{}, err
	}
	grant, err := s.tokens.Exchange(ctx, app, code)
	if err != nil {
		return models.Connection{}, err
	}
	name := grant.Account
	if name == "" {
		name = grant.UserID
	}
	return s.save(ctx, m, models.Connection{Platform: models.AliExpress, ExternalID: grant.UserID, Name: name}, &grant, app, actor)
}

func (s *Service) save(ctx context.Context, m models.MerchantID, c models.Connection, grant *models.Grant, app models.App, actor models.Actor) (models.Connection, error) {
	err := s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		var known []models.Connection
		err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("merchant_id = ? AND platform = ? AND external_id = ?", m, c.Platform, c.ExternalID).Find(&known).Error
		if err != nil {
			return fmt.Errorf("look for connection: %w", err)
		}
		name := c.Name
		if len(known) == 1 {
			c = known[0]
		} else {
			c.MerchantID, c.ID, c.CreatedAt = m, database.NewID(), tx.Now
		}
		c.Name, c.State, c.RemovedAt, c.UpdatedAt = name, models.ConnectionActive, nil, tx.Now
		c.LastErrorCode, c.LastErrorDetail, c.LastErrorAt, c.RefreshLease = "", "", nil, nil
		if c.Platform == models.Wix {
			c.NextSweepAt = &tx.Now // back-fill
		}
		if grant != nil {
			if err := s.sealInto(tx, &c, *grant, tokens{AppKey: app.Key, AppSecret: app.Secret.Reveal()}); err != nil {
				return err
			}
		}
		if len(known) == 1 {
			err = updateConnection(tx, c)
		} else {
			err = s.add(tx, c)
		}
		if err != nil {
			return err
		}
		if err := closeFlags(tx, c); err != nil {
			return err
		}
		if err := feed.Tell(tx, m, feed.Connection, c.ID, map[string]any{"state": c.State}); err != nil {
			return err
		}
		return audit.Append(tx, m, audit.Act{By: actor, What: models.ActConnectionMade, Subject: models.AuditSubject{Kind: models.SubjectConnection, ID: c.ID}, Detail: map[string]any{
			"platform": c.Platform, "external_id": c.ExternalID, "name": c.Name, "again": len(known) == 1,
		}})
	})
	return c, err
}

func (s *Service) add(tx database.Tx, c models.Connection) error {
	if err := tx.Create(&c).Error; err != nil {
		return fmt.Errorf("add connection: %w", err)
	}
	return tx.Exec("INSERT INTO directory (platform, external_id, merchant_id, connection_id) VALUES (?, ?, ?, ?)", c.Platform, c.ExternalID, c.MerchantID, c.ID).Error
}

func updateConnection(tx database.Tx, c models.Connection) error {
	err := tx.Model(&models.Connection{}).Where("merchant_id = ? AND id = ?", c.MerchantID, c.ID).
		Select("name", "state", "removed_at", "credentials", "key_id", "app_key", "token_expires_at", "token_renew_at", "refresh_expires_at", "next_warning_at",
			"refresh_lease", "next_sweep_at", "last_error_at", "last_error_code", "last_error_detail", "updated_at").Updates(&c).Error
	if err != nil {
		return fmt.Errorf("update connection %s: %w", c.ID, err)
	}
	return nil
}

// sealInto puts a grant into a connection. An answer without a new refresh token keeps the old one (aliexpress.md 3.4).
func (s *Service) sealInto(tx database.Tx, c *models.Connection, g models.Grant, old tokens) error {
	t := tokens{Access: g.AccessToken.Reveal(), Refresh: g.RefreshToken.Reveal(), AppKey: old.AppKey, AppSecret: old.AppSecret}
	if t.Refresh == "" {
		t.Refresh = old.Refresh
	}
	plain, err := json.Marshal(t)
	if err != nil {
		panic(err) // two strings
	}
	if c.Credentials, c.KeyID, err = s.vault.Seal(tx, c.MerchantID, placeOf(*c), plain); err != nil {
		return err
	}
	c.TokenExpiresAt, c.AppKey = &g.ExpiresAt, t.AppKey
	c.TokenRenewAt = renewAt(tx.Now, g.ExpiresAt)
	if !g.RefreshExpiresAt.IsZero() {
		c.RefreshExpiresAt = &g.RefreshExpiresAt
	}
	if c.RefreshExpiresAt != nil {
		c.NextWarningAt = nextWarning(*c.RefreshExpiresAt, tx.Now)
	}
	return nil
}

// renewAt is about half of a token's life from now, not the same for all.
func renewAt(now, ends time.Time) *time.Time {
	life := ends.Sub(now)
	at := now.Add(time.Duration(float64(life) * (0.45 + 0.1*mathrand.Float64())))
	return &at
}

// A person is warned so long before he has to connect again.
var warnBefore = []time.Duration{7 * 24 * time.Hour, 3 * 24 * time.Hour, 24 * time.Hour}

// nextWarning is when the next warning is due; nil when none is left.
func nextWarning(ends, now time.Time) *time.Time {
	for _, before := range warnBefore {
		if at := ends.Add(-before); at.After(now) {
			return &at
		}
	}
	return nil
}

func (s *Service) unseal(ctx context.Context, c models.Connection) (t tokens, err error) {
	plain, err := s.open(ctx, c)
	if err != nil {
		return t, fmt.Errorf("open the tokens of connection %s: %w", c.ID, err)
	}
	return t, json.Unmarshal(plain, &t)
}

// Connections lists a merchant's connections, oldest first.
func (s *Service) Connections(ctx context.Context, m models.MerchantID) ([]models.Connection, error) {
	list := []models.Connection{}
	if err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error { return q.Where("merchant_id = ?", m).Order("id").Find(&list).Error }); err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	return list, nil
}

// Connection reads one connection of a merchant.
func (s *Service) Connection(ctx context.Context, m models.MerchantID, id models.ID) (models.Connection, error) {
	if !database.ValidID(string(id)) {
		return models.Connection{}, noConnection()
	}
	var found []models.Connection
	if err := s.db.Of(m).Ask(ctx, s.connection.Ask(&found, string(m), string(id))); err != nil {
		return models.Connection{}, fmt.Errorf("read connection: %w", err)
	}
	if len(found) == 0 {
		return models.Connection{}, noConnection()
	}
	return found[0], nil
}

func noConnection() error {
	return models.Errorf(models.NotFound, "connection_not_found", "There is no such connection.")
}

// Route says whose connection an outside account is; found is false for one that nobody has connected.
func (s *Service) Route(ctx context.Context, p models.Platform, externalID string) (m models.MerchantID, connection models.ID, found bool, err error) {
	err = s.db.Ask(ctx, database.Ask{
		SQL: "SELECT merchant_id, connection_id FROM directory WHERE platform = $1 AND external_id = $2", Args: []any{string(p), externalID},
		Row: func(scan func(...any) error) error {
			found = true
			return scan((*string)(&m), (*string)(&connection))
		},
	})
	return m, connection, found, err
}

// StoreOfOwner finds the connected store whose owner shows the instance that Wix has signed for him. It answers NotFound for a site
// that is not connected.
func (s *Service) StoreOfOwner(ctx context.Context, signedInstance string) (models.Connection, error) {
	instance, err := s.stores.VerifyOwner(signedInstance)
	if err != nil {
		return models.Connection{}, err
	}
	m, id, found, err := s.Route(ctx, models.Wix, instance)
	if err != nil {
		return models.Connection{}, err
	}
	if !found {
		return models.Connection{}, models.Errorf(models.NotFound, "store_not_connected", "This site is not connected yet. Sign in to Waybill and connect it there first.")
	}
	return s.Connection(ctx, m, id)
}

// Access gives what an adapter needs to act for a connection. A token that ends soon is renewed first, by one process at a
// time, and stored before it is used. It answers Disconnected when a person has to connect again.
func (s *Service) Access(ctx context.Context, m models.MerchantID, id models.ID) (models.Access, error) {
	c, err := s.Connection(ctx, m, id)
	if err != nil {
		return models.Access{}, err
	}
	if c.State != models.ConnectionActive {
		return models.Access{}, disconnected(c)
	}
	if c.Platform == models.Wix {
		return models.Access{MerchantID: c.MerchantID, ExternalID: c.ExternalID, WorkedAt: workedAt(c)}, nil
	}
	t, err := s.unseal(ctx, c)
	if err != nil {
		return models.Access{}, err
	}
	if c.TokenExpiresAt == nil || time.Until(*c.TokenExpiresAt) > renewBefore {
		return t.access(c), nil
	}
	renewed, err := s.renew(ctx, c)
	if err == nil {
		return renewed, nil
	}
	if time.Until(*c.TokenExpiresAt) > 0 && !errors.Is(err, models.Disconnected) {
		return t.access(c), nil // good for a while yet
	}
	return models.Access{}, err
}

// Renew gets a new token now: the platform refused one although its time was not up. When another process has replaced the
// refused one already, its successor is given.
func (s *Service) Renew(ctx context.Context, m models.MerchantID, id models.ID, refused models.Secret) (models.Access, error) {
	c, err := s.Connection(ctx, m, id)
	if err != nil {
		return models.Access{}, err
	}
	if c.State != models.ConnectionActive {
		return models.Access{}, disconnected(c)
	}
	t, err := s.unseal(ctx, c)
	if err != nil {
		return models.Access{}, err
	}
	if t.Access != refused.Reveal() {
		return t.access(c), nil
	}
	return s.renew(ctx, c)
}

func disconnected(c models.Connection) error {
	if c.State == models.ConnectionRemoved {
		return models.Errorf(models.Disconnected, "app_removed", "Waybill was removed from %s. Install it there again to go on.", c.Name)
	}
	return models.Errorf(models.Disconnected, "needs_reauth", "%s refuses Waybill's access. Connect it again to go on.", c.Name)
}

func (s *Service) renew(ctx context.Context, c models.Connection) (models.Access, error) {
	lease, err := s.leaseRenewal(ctx, c)
	if err != nil {
		return models.Access{}, err
	}
	// Read after winning: another process may have renewed it just before.
	fresh, err := s.Connection(ctx, c.MerchantID, c.ID)
	if err != nil {
		return models.Access{}, err
	}
	t, err := s.unseal(ctx, fresh)
	if err != nil {
		return models.Access{}, err
	}
	switch {
	case fresh.State != models.ConnectionActive:
		_ = s.endLease(ctx, c, lease)
		return models.Access{}, disconnected(fresh)
	case !sameTime(fresh.TokenExpiresAt, c.TokenExpiresAt):
		return t.access(c), s.endLease(ctx, c, lease)
	}
	asked := time.Now()
	grant, err := s.tokens.Refresh(ctx, t.app(), models.Secret(t.Refresh))
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		noted := s.failed(ctx, fresh, asked, err) // before the lease ends: the next one would be refused as well
		_ = s.endLease(ctx, c, lease)             // it ends by itself otherwise
		if again, replaced := s.replaced(ctx, fresh); replaced {
			return again, nil // a paused process tells old news
		}
		return models.Access{}, errors.Join(err, noted)
	}
	return s.keep(ctx, fresh, grant, t)
}

// leaseRenewal takes the right to renew a token. The lease names its holder by its end.
func (s *Service) leaseRenewal(ctx context.Context, c models.Connection) (lease time.Time, err error) {
	var won []time.Time
	err = s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Raw(`UPDATE connections SET refresh_lease = clock_timestamp() + make_interval(secs => ?)
		WHERE merchant_id = ? AND id = ? AND (refresh_lease IS NULL OR refresh_lease < clock_timestamp()) RETURNING refresh_lease`,
			refreshLease.Seconds(), c.MerchantID, c.ID).Scan(&won).Error
	})
	if err != nil {
		return lease, err
	}
	if len(won) == 0 {
		e := models.Errorf(models.Unavailable, "token_being_renewed", "The access to %s is being renewed.", c.Name)
		e.RetryAfter = 2 * time.Second
		return lease, e
	}
	return won[0], nil
}

// endLease gives a lease back, unless it has run out and is another's by now.
func (s *Service) endLease(ctx context.Context, c models.Connection, lease time.Time) error {
	return s.db.Of(c.MerchantID).InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("UPDATE connections SET refresh_lease = NULL WHERE merchant_id = ? AND id = ? AND refresh_lease = ?", c.MerchantID, c.ID, lease).Error
	})
}

// replaced gives the access of a connection whose tokens are other ones than those in was.
func (s *Service) replaced(ctx context.Context, was models.Connection) (models.Access, bool) {
	now, err := s.Connection(ctx, was.MerchantID, was.ID)
	if err != nil || now.State != models.ConnectionActive || bytes.Equal(now.Credentials, was.Credentials) {
		return models.Access{}, false
	}
	t, err := s.unseal(ctx, now)
	return t.access(now), err == nil
}

// keepFor is how long storing a new pair is tried: shorter than what the lease has left.
const keepFor = 30 * time.Second

// keep stores a new pair. The old one is dead and the new one exists nowhere else, so it keeps trying for a while. It does not
// replace what was connected or renewed while the answer was on its way.
func (s *Service) keep(ctx context.Context, old models.Connection, grant models.Grant, t tokens) (models.Access, error) {
	var stored int64
	err := database.Insist(ctx, keepFor, func(ctx context.Context) error {
		return s.db.Of(old.MerchantID).InTx(ctx, func(tx database.Tx) error {
			fresh := old
			if err := s.sealInto(tx, &fresh, grant, t); err != nil {
				return err
			}
			fresh.RefreshLease = nil
			res := tx.Model(&models.Connection{}).Where("merchant_id = ? AND id = ? AND credentials = ?", old.MerchantID, old.ID, old.Credentials).
				Select("credentials", "key_id", "token_expires_at", "token_renew_at", "refresh_expires_at", "next_warning_at", "refresh_lease").Updates(&fresh)
			stored = res.RowsAffected
			return res.Error
		})
	})
	if err == nil && stored == 0 {
		return s.Access(ctx, old.MerchantID, old.ID) // it is another's, or ours, stored by a commit that went unheard
	}
	return models.Access{MerchantID: old.MerchantID, ExternalID: old.ExternalID, Token: grant.AccessToken, App: t.app()}, err
}

// RenewDue renews a token whose half-life is over, so that one that is seldom used does not end unnoticed. A connection that
// cannot be renewed now is tried again later; one that is refused has been flagged.
func (s *Service) RenewDue(ctx context.Context, m models.MerchantID, id models.ID) error {
	c, err := s.Connection(ctx, m, id)
	if err != nil || c.State != models.ConnectionActive || c.TokenRenewAt == nil || c.Platform != models.AliExpress {
		return err
	}
	if _, err := s.renew(ctx, c); err != nil && models.AsError(err).Code != "token_being_renewed" {
		return err
	}
	return nil
}

// Warn raises the flag of a connection whose access is about to end for good, so that a person connects it again in time, and
// sets the next warning: a flag that was put off comes back with each.
func (s *Service) Warn(ctx context.Context, m models.MerchantID, id models.ID) error {
	c, err := s.Connection(ctx, m, id)
	if err != nil || c.State != models.ConnectionActive || c.RefreshExpiresAt == nil || c.NextWarningAt == nil {
		return err
	}
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("UPDATE connections SET next_warning_at = ? WHERE merchant_id = ? AND id = ?", nextWarning(*c.RefreshExpiresAt, tx.Now), m, id).Error
		if err != nil {
			return err
		}
		days := int(math.Ceil(c.RefreshExpiresAt.Sub(tx.Now).Hours() / 24))
		detail := fmt.Sprintf("The access to %s ends in %d day(s), on %s. After that nothing is bought or read there.", c.Name, max(days, 0), c.RefreshExpiresAt.UTC().Format("2006-01-02 15:04 UTC"))
		if err := raise(tx, m, id, models.FlagAccessEnding, detail, "Connect it again before then.", c.RefreshExpiresAt); err != nil {
			return err
		}
		return feed.Tell(tx, m, feed.Connection, id, map[string]any{"state": c.State})
	})
}

// App gives the app that a supplier account was connected with; zero for Waybill's own.
func (s *Service) App(ctx context.Context, m models.MerchantID, id models.ID) (models.App, error) {
	c, err := s.Connection(ctx, m, id)
	if err != nil || c.AppKey == "" || len(c.Credentials) == 0 {
		return models.App{}, err
	}
	t, err := s.unseal(ctx, c)
	return t.app(), err
}

// Disconnect ends a connection because a person wants it: nothing more is sent, its tokens are destroyed, the data is kept.
func (s *Service) Disconnect(ctx context.Context, m models.MerchantID, id models.ID, actor models.Actor) (models.Connection, error) {
	c, err := s.Connection(ctx, m, id)
	if err != nil {
		return models.Connection{}, err
	}
	err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec(`UPDATE connections SET state = ?, credentials = NULL, removed_at = coalesce(removed_at, ?), token_expires_at = NULL, token_renew_at = NULL, refresh_expires_at = NULL,
			next_warning_at = NULL, next_sweep_at = NULL, updated_at = ? WHERE merchant_id = ? AND id = ?`, models.ConnectionRemoved, tx.Now, tx.Now, m, id).Error
		if err != nil {
			return err
		}
		if err := closeFlags(tx, models.Connection{MerchantID: m, ID: id}); err != nil {
			return err
		}
		if err := feed.Tell(tx, m, feed.Connection, id, map[string]any{"state": models.ConnectionRemoved}); err != nil {
			return err
		}
		return audit.Append(tx, m, audit.Act{By: actor, What: models.ActConnectionRemoved, Subject: models.AuditSubject{Kind: models.SubjectConnection, ID: id}, Detail: map[string]any{
			"platform": c.Platform, "external_id": c.ExternalID, "name": c.Name,
		}})
	})
	if err != nil {
		return models.Connection{}, err
	}
	return s.Connection(ctx, m, id)
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// Worked notes that a connection works: at most once a minute, and at once after a failure. A store that works again is searched
// at once for what happened meanwhile.
func (s *Service) Worked(ctx context.Context, m models.MerchantID, id models.ID) error {
	return s.db.Of(m).Tell(ctx, database.Ask{
		SQL: `UPDATE connections SET last_success_at = clock_timestamp(),
				next_sweep_at = CASE WHEN last_error_at >= coalesce(last_success_at, last_error_at) AND last_error_code <> 'platform_limit' THEN least(next_sweep_at, clock_timestamp()) ELSE next_sweep_at END
			WHERE merchant_id = $1 AND id = $2 AND (last_success_at IS NULL OR last_success_at < clock_timestamp() - interval '1 minute' OR last_error_at >= last_success_at)`,
		Args: []any{string(m), string(id)},
	})
}

// Failed notes an error of a connection, of a call that began at began. One that says that our access is refused makes the
// connection need a person: one flag, and nothing more is sent until it is connected again. A connection that was made anew
// since the call began is not stopped by it.
func (s *Service) Failed(ctx context.Context, m models.MerchantID, id models.ID, began time.Time, cause error) error {
	return s.failed(ctx, models.Connection{MerchantID: m, ID: id}, began, cause)
}

// failed is Failed; where c says with which tokens, others are not stopped by it.
func (s *Service) failed(ctx context.Context, c models.Connection, began time.Time, cause error) error {
	e, m, id := models.AsError(cause), c.MerchantID, c.ID
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("UPDATE connections SET last_error_at = ?, last_error_code = ?, last_error_detail = ? WHERE merchant_id = ? AND id = ?",
			tx.Now, e.Code, e.Detail, m, id).Error
		if err == nil && e.Kind == models.Forbidden {
			// Reading goes on; what is to be written waits for the permission.
			return raise(tx, m, id, models.FlagPermissionMissing, e.Detail, "Connect it again and grant the permission.", nil)
		}
		if err != nil || e.Kind != models.Disconnected {
			return err
		}
		stopped := tx.Model(&models.Connection{}).Where("merchant_id = ? AND id = ? AND state = 'active' AND updated_at <= ?", m, id, began)
		if c.Credentials != nil {
			stopped = stopped.Where("credentials = ?", c.Credentials)
		}
		res := stopped.Updates(map[string]any{"state": models.ConnectionNeedsReauth, "next_sweep_at": nil, "updated_at": tx.Now})
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		return needReauth(tx, m, id, e.Detail)
	})
}

// needReauth tells whoever is to know that a connection has to be made again.
func needReauth(tx database.Tx, m models.MerchantID, id models.ID, why string) error {
	if err := raise(tx, m, id, models.FlagNeedsReauth, why, "Connect it again.", nil); err != nil {
		return err
	}
	var platform models.Platform
	if err := tx.Raw("SELECT platform FROM connections WHERE merchant_id = ? AND id = ?", m, id).Row().Scan(&platform); err != nil {
		return err
	}
	if err := outbox.Tell(tx, m, outbox.Message{Type: models.WebhookNeedsReauth, Data: map[string]any{"connection_id": id, "platform": platform}}); err != nil {
		return err
	}
	return feed.Tell(tx, m, feed.Connection, id, map[string]any{"state": models.ConnectionNeedsReauth})
}

// Removed notes that the app was removed from a store: nothing more is sent, tokens are destroyed, the data is kept for a while.
// A message that was sent before the store was connected anew is old news: Wix repeats messages for two days.
func (s *Service) Removed(tx database.Tx, m models.MerchantID, id models.ID, at time.Time) error {
	res := tx.Exec(`UPDATE connections SET state = ?, credentials = NULL, key_id = '', token_expires_at = NULL, token_renew_at = NULL, refresh_expires_at = NULL,
		next_warning_at = NULL, next_sweep_at = NULL, removed_at = ?, updated_at = ? WHERE merchant_id = ? AND id = ? AND state <> 'removed'
		AND (state <> 'active' OR updated_at <= ?)`, models.ConnectionRemoved, tx.Now, tx.Now, m, id, at.Add(clockSlack))
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	if err := raise(tx, m, id, models.FlagAppRemoved, "The Waybill app was removed from this store.", "Install it again to go on.", nil); err != nil {
		return err
	}
	return feed.Tell(tx, m, feed.Connection, id, map[string]any{"state": models.ConnectionRemoved})
}

// raise opens a connection's flag, or says anew what an open one is about.
func raise(tx database.Tx, m models.MerchantID, id models.ID, code models.FlagCode, detail, next string, deadline *time.Time) error {
	res := tx.Model(&models.Flag{}).Where("merchant_id = ? AND connection_id = ? AND code = ? AND closed_at IS NULL", m, id, code).
		Updates(map[string]any{"detail": detail, "deadline": deadline, "snoozed_until": nil})
	if res.Error != nil || res.RowsAffected > 0 {
		return res.Error
	}
	f := models.Flag{
		MerchantID: m, ID: database.NewID(), ConnectionID: &id, Subject: "connection", Code: code, Owner: models.OwnerMerchant,
		Detail: detail, NextAction: next, Deadline: deadline, OpenedAt: tx.Now,
	}
	res = tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&f)
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	return outbox.Notify(tx, m, f)
}

// Installed notes that the app is back on a store and asks for a back-fill.
func (s *Service) Installed(tx database.Tx, m models.MerchantID, id models.ID) error {
	err := tx.Exec("UPDATE connections SET state = 'active', removed_at = NULL, next_sweep_at = ?, updated_at = ? WHERE merchant_id = ? AND id = ?", tx.Now, tx.Now, m, id).Error
	if err != nil {
		return err
	}
	if err := closeFlags(tx, models.Connection{MerchantID: m, ID: id}); err != nil {
		return err
	}
	return feed.Tell(tx, m, feed.Connection, id, map[string]any{"state": models.ConnectionActive})
}

func closeFlags(tx database.Tx, c models.Connection) error {
	err := tx.Exec("UPDATE flags SET closed_at = ?, closed_by = 'system', closed_why = 'connected again' WHERE merchant_id = ? AND connection_id = ? AND closed_at IS NULL",
		tx.Now, c.MerchantID, c.ID).Error
	if err != nil {
		return fmt.Errorf("close flags of connection %s: %w", c.ID, err)
	}
	return nil
}
