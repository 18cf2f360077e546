// Package accounts is who may do what with which platform account: merchants and their API keys, connections to stores and
// supplier accounts, and the sealed tokens behind them with their renewal.
package accounts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/vault"
)

// TokenSource is the supplier platform's OAuth: one exchange per code, and renewal.
type TokenSource interface {
	ConsentURL(callback, state string) (string, error)
	Exchange(ctx context.Context, app models.App, code string) (models.Grant, error)
	Refresh(ctx context.Context, app models.App, refresh models.Secret) (models.Grant, error)
}

// StoreInspector verifies who a store is and describes it.
type StoreInspector interface {
	InstallURL(callback string) (string, error)
	VerifyInstance(signed string) (instanceID string, err error)
	VerifyOwner(signed string) (instanceID string, err error)
	Store(ctx context.Context, a models.Access) (models.StoreInfo, error)
}

// Service keeps accounts.
type Service struct {
	db     *database.DB
	vault  *vault.Vault
	tokens TokenSource
	stores StoreInspector
	keys   knownKeys

	connection database.Rows[models.Connection] // by merchant and id
}

// New makes the service.
func New(db *database.DB, v *vault.Vault, tokens TokenSource, stores StoreInspector) *Service {
	return &Service{db: db, vault: v, tokens: tokens, stores: stores, connection: database.RowsOf[models.Connection](db, func(q *gorm.DB) *gorm.DB {
		return q.Where("merchant_id = ? AND id = ?", "", "")
	})}
}

// CreateMerchant adds a merchant with its first API key, which may do everything. An empty key is made up; it is shown this once.
func (s *Service) CreateMerchant(ctx context.Context, name, zone string, key models.Secret) (models.MerchantID, models.Secret, error) {
	if key == "" {
		key = models.Secret(keyPrefix + rand.Text())
	}
	id := models.MerchantID(database.NewID())
	err := s.db.Of(id).InTx(ctx, func(tx database.Tx) error { return s.addMerchantWithKey(tx, id, name, zone, key) })
	return id, key, err
}

// firstMerchantLock keeps processes that begin together on an empty database from making a merchant each.
const firstMerchantLock = 7241306656

// CreateFirstMerchant is CreateMerchant where there is no merchant yet; where there is one it makes none.
func (s *Service) CreateFirstMerchant(ctx context.Context, name, zone string, key models.Secret) (made bool, _ models.Secret, err error) {
	if any, err := s.HasMerchants(ctx); err != nil || any {
		return false, "", err
	}
	if key == "" {
		key = models.Secret(keyPrefix + rand.Text())
	}
	id := models.MerchantID(database.NewID())
	err = s.db.Of(id).InTx(ctx, func(tx database.Tx) error {
		var others bool
		if err := tx.Exec("SELECT pg_advisory_xact_lock(?)", firstMerchantLock).Error; err != nil {
			return err
		}
		if err := tx.Raw("SELECT EXISTS (SELECT 1 FROM merchants)").Row().Scan(&others); err != nil || others {
			return err
		}
		made = true
		return s.addMerchantWithKey(tx, id, name, zone, key)
	})
	return made && err == nil, key, err
}

func (s *Service) addMerchantWithKey(tx database.Tx, id models.MerchantID, name, zone string, key models.Secret) error {
	if err := s.AddMerchant(tx, id, name, zone); err != nil {
		return err
	}
	return addKey(tx, key, models.APIKey{MerchantID: id, ID: database.NewID(), Name: "first", Scopes: models.KeyScopes(), CreatedAt: tx.Now, CreatedBy: models.ActorSystem})
}

// AddMerchant adds a merchant without a key: its people come by invitation.
func (s *Service) AddMerchant(tx database.Tx, id models.MerchantID, name, zone string) error {
	if err := checkZone(zone); err != nil {
		return err
	}
	if err := tx.Create(&models.Merchant{ID: id, Name: name, Zone: zone, CreatedAt: tx.Now}).Error; err != nil {
		return fmt.Errorf("add merchant: %w", err)
	}
	return nil
}

func checkZone(zone string) error {
	if _, err := time.LoadLocation(zone); err == nil && zone != "" && zone != "Local" {
		return nil
	}
	e := models.Errorf(models.Invalid, "validation_failed", "The zone is not known.")
	e.Fields = []models.FieldError{{Pointer: "/zone", Reason: "must be a time zone such as Europe/Berlin"}}
	return e
}

// HasMerchants reports whether there is any merchant yet.
func (s *Service) HasMerchants(ctx context.Context) (bool, error) {
	var any bool
	err := s.db.Read(ctx).Raw("SELECT EXISTS (SELECT 1 FROM merchants)").Row().Scan(&any)
	return any, database.Err(err)
}

// Merchants are all merchants by name, without their settings.
func (s *Service) Merchants(ctx context.Context) ([]models.Merchant, error) {
	var list []models.Merchant
	err := s.db.Read(ctx).Raw("SELECT id, name FROM merchants ORDER BY name, id").Scan(&list).Error
	return list, database.Err(err)
}

// Merchant reads a merchant with its settings, defaults filled in.
func (s *Service) Merchant(ctx context.Context, m models.MerchantID) (models.Merchant, error) {
	var merchant models.Merchant
	if err := s.db.Read(ctx).Where("id = ?", m).Take(&merchant).Error; err != nil {
		return merchant, fmt.Errorf("read merchant: %w", database.Err(err))
	}
	merchant.Settings = merchant.Settings.OrDefaults()
	return merchant, nil
}

// Decide replaces a merchant's zone and settings.
func (s *Service) Decide(tx database.Tx, m models.MerchantID, zone string, settings models.Settings, actor models.Actor) error {
	if err := checkZone(zone); err != nil {
		return err
	}
	var old models.Merchant
	if err := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ?", m).Take(&old).Error; err != nil {
		return fmt.Errorf("read merchant: %w", err)
	}
	settings.SecondFactor = old.Settings.SecondFactor
	since, err := s.ruleSince(tx, old, settings.AutoPlace)
	if err != nil {
		return err
	}
	err = tx.Model(&models.Merchant{}).Where("id = ?", m).Select("zone", "settings", "auto_place_since", "next_full_sweep_at").
		Updates(&models.Merchant{Zone: zone, Settings: settings, Placing: models.PlacingSwitch{AutoPlaceSince: since}}).Error // the schedule begins anew
	if err != nil {
		return err
	}
	detail := audit.Changed(old.Settings.OrDefaults(), settings.OrDefaults())
	if old.Zone != zone {
		detail["zone"] = map[string]any{"from": old.Zone, "to": zone}
	}
	return audit.Append(tx, m, audit.Act{By: actor, What: models.ActSettingsChanged, Subject: models.AuditSubject{Kind: models.SubjectSettings}, Detail: detail})
}

// DemandFactor says whether a merchant's people may do nothing without a second factor.
func (s *Service) DemandFactor(ctx context.Context, by Caller, needed bool) error {
	return s.db.Of(by.MerchantID).InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("UPDATE merchants SET settings = jsonb_set(settings, '{second_factor}', to_jsonb(?::boolean)) WHERE id = ?", needed, by.MerchantID).Error
		if err != nil {
			return err
		}
		return audit.Append(tx, by.MerchantID, audit.Act{By: by.Actor, What: models.ActFactorDemanded, Subject: models.AuditSubject{Kind: models.SubjectSettings}, Detail: map[string]any{"needed": needed}})
	})
}

// ruleSince is when the rule of automatic placing became what it is: a changed one begins anew, so that it buys nothing that
// was there before. It answers Invalid for a rule that leaves open which account buys.
func (s *Service) ruleSince(tx database.Tx, old models.Merchant, rule models.AutoPlace) (*time.Time, error) {
	if !rule.Enabled {
		return nil, nil
	}
	var accounts []models.ID
	err := tx.Raw("SELECT id FROM connections WHERE merchant_id = ? AND platform = ? AND (? = '' AND state = 'active' OR id::text = ?)", old.ID, models.AliExpress, rule.AccountID, rule.AccountID).Scan(&accounts).Error
	if err != nil {
		return nil, fmt.Errorf("read the supplier accounts: %w", err)
	}
	if rule.AccountID != "" && len(accounts) == 0 || len(accounts) > 1 {
		e := models.Errorf(models.Invalid, "validation_failed", "The rule does not say which of the supplier accounts buys.")
		e.Fields = []models.FieldError{{Pointer: "/auto_place/account_id", Reason: "must be one of the connected AliExpress accounts"}}
		return nil, e
	}
	if since := old.Placing.AutoPlaceSince; since != nil && asJSON(old.Settings.AutoPlace) == asJSON(rule) {
		return since, nil
	}
	return &tx.Now, nil
}

func asJSON(rule models.AutoPlace) string {
	text, err := json.Marshal(rule)
	if err != nil {
		panic(err) // plain text and numbers
	}
	return string(text)
}

// StopPlacing keeps everything of a merchant from being sent until a person lets it go on. It says whether it was not so before.
func (s *Service) StopPlacing(tx database.Tx, m models.MerchantID, why string) (stopped bool, err error) {
	res := tx.Exec("UPDATE merchants SET placing_tripped_at = ?, placing_tripped_why = ? WHERE id = ? AND placing_tripped_at IS NULL", tx.Now, why, m)
	return res.RowsAffected == 1, res.Error
}

// ResumePlacing lets placing go on that stopped by itself. Earlier attempts no longer count against it.
func (s *Service) ResumePlacing(tx database.Tx, m models.MerchantID, actor models.Actor) error {
	res := tx.Exec("UPDATE merchants SET placing_tripped_at = NULL, placing_tripped_why = '', placing_resumed_at = ? WHERE id = ? AND placing_tripped_at IS NOT NULL", tx.Now, m)
	if res.Error == nil && res.RowsAffected == 0 {
		return models.Errorf(models.Conflict, "placing_not_stopped", "Placing has not stopped by itself. If it is stopped in the settings, change it there.")
	}
	if res.Error != nil {
		return res.Error
	}
	return audit.Append(tx, m, audit.Act{By: actor, What: models.ActPlacingResumed, Subject: models.AuditSubject{Kind: models.SubjectSettings}})
}

// DecideStore replaces what a merchant has decided about one store. It answers NotFound for anything but a store of its own.
func (s *Service) DecideStore(tx database.Tx, m models.MerchantID, store models.ID, settings models.StoreSettings, actor models.Actor) error {
	var found []models.Connection
	err := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("merchant_id = ? AND id = ? AND platform = ?", m, store, models.Wix).Find(&found).Error
	if err != nil {
		return fmt.Errorf("read store %s: %w", store, err)
	}
	if len(found) == 0 {
		return models.Errorf(models.NotFound, "store_not_found", "There is no such store.")
	}
	if err := tx.Model(&models.Connection{}).Where("merchant_id = ? AND id = ?", m, store).Select("settings").Updates(&models.Connection{Settings: settings}).Error; err != nil {
		return err
	}
	return audit.Append(tx, m, audit.Act{
		By: actor, What: models.ActStoreSettingsChanged, Subject: models.AuditSubject{Kind: models.SubjectConnection, ID: store}, Detail: audit.Changed(found[0].Settings, settings),
	})
}
