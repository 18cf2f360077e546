package people

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/pquerna/otp/totp"

	"waybill/models"
	"waybill/services/database"
)

const (
	totpStep = 30 // seconds
	// maxPasskeys is how many passkeys a person may have.
	maxPasskeys = 20
)

// AuthenticatorApp is a secret for an authenticator app that is being set up.
type AuthenticatorApp struct {
	Token  models.Secret // goes back with the first code
	Secret models.Secret
	URL    models.Secret // otpauth://, for a QR code
}

// BeginApp makes the secret of an authenticator app. It counts with FinishApp only.
func (s *Service) BeginApp(ctx context.Context, of Session, password string) (AuthenticatorApp, error) {
	p, err := s.provedForFactor(ctx, of, password)
	if err != nil {
		return AuthenticatorApp{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Waybill", AccountName: p.Email, SecretSize: 20})
	if err != nil {
		return AuthenticatorApp{}, fmt.Errorf("make a secret: %w", err)
	}
	sealed, keyID := s.Sealer.Seal([]byte(key.Secret()), "people", "totp", p.ID)
	token, err := s.newToken(ctx, oneTime{Kind: "totp_new", PersonID: p.ID, Life: 15 * time.Minute}, sealedSecret{sealed, keyID})
	return AuthenticatorApp{token, models.Secret(key.Secret()), models.Secret(key.URL())}, err
}

type sealedSecret struct {
	Sealed []byte
	KeyID  string
}

// provedForFactor is a person who may set up a second factor: he knows the password and, where he has a second factor already, has
// shown it. Otherwise whoever had stolen the password could make the factor himself.
func (s *Service) provedForFactor(ctx context.Context, of Session, password string) (models.Person, error) {
	p, err := s.prove(ctx, of, password, "/password")
	if err != nil || of.Strong {
		return p, err
	}
	has, err := s.hasFactor(ctx, p)
	if err == nil && has {
		err = weakSession()
	}
	return p, err
}

// weakSession is why a session that was opened with the password alone changes no second factor.
func weakSession() error {
	return models.Errorf(models.Forbidden, "second_factor_needed", "Sign in with a second factor that you have before you change what you sign in with.")
}

func (s *Service) hasFactor(ctx context.Context, p models.Person) (bool, error) {
	if p.TOTP != nil {
		return true, nil
	}
	keys, err := s.Passkeys(ctx, p.ID)
	return len(keys) > 0, err
}

// FinishApp begins to ask for the codes of the authenticator app whose first code is given. All other sessions end.
func (s *Service) FinishApp(ctx context.Context, of Session, token, code string) (Opened, error) {
	if err := s.Try(ctx, TriesOfPerson, string(of.PersonID)); err != nil {
		return Opened{}, err
	}
	var secret sealedSecret
	if _, err := s.peek(ctx, token, "totp_new", of.PersonID, &secret); err != nil {
		return Opened{}, err
	}
	plain, err := s.Sealer.Open(secret.KeyID, secret.Sealed, "people", "totp", of.PersonID)
	if err != nil {
		return Opened{}, err
	}
	step, right := stepOf(string(plain), code, time.Now())
	if !right {
		return Opened{}, wrongCode()
	}
	p, err := s.person(ctx, of.PersonID)
	if err != nil {
		return Opened{}, err
	}
	err = s.account(ctx, p.Actor(), models.ActFactorAdded, p.ID, map[string]any{"factor": "authenticator_app"}, func(tx database.Tx) error {
		if err := tx.Exec("UPDATE people SET totp = ?, totp_key_id = ?, totp_last_step = ? WHERE id = ?", secret.Sealed, secret.KeyID, step, of.PersonID).Error; err != nil {
			return err
		}
		if err := tx.Exec("DELETE FROM one_time_tokens WHERE person_id = ? AND kind = 'totp_new'", of.PersonID).Error; err != nil {
			return err
		}
		return tx.Exec("DELETE FROM sessions WHERE person_id = ?", of.PersonID).Error
	})
	if err != nil {
		return Opened{}, err
	}
	of.Strong = true
	opened, err := s.renew(ctx, of)
	if err != nil {
		return opened, err
	}
	return opened, s.Forgive(ctx, TriesOfPerson, string(of.PersonID))
}

// RemoveApp ends the codes of the authenticator app, for a session that a second factor has opened. Staff keep one: for them it answers
// Conflict without a passkey.
func (s *Service) RemoveApp(ctx context.Context, of Session, password string) error {
	p, err := s.provedForFactor(ctx, of, password)
	if err != nil {
		return err
	}
	keys, err := s.Passkeys(ctx, p.ID)
	if err != nil {
		return err
	}
	if p.Staff != "" && len(keys) == 0 {
		return lastFactor()
	}
	return s.account(ctx, p.Actor(), models.ActFactorRemoved, p.ID, map[string]any{"factor": "authenticator_app"}, func(tx database.Tx) error {
		return tx.Exec("UPDATE people SET totp = NULL, totp_key_id = '' WHERE id = ?", p.ID).Error
	})
}

func lastFactor() error {
	return models.Errorf(models.Conflict, "last_second_factor", "Staff need a second factor, and this is the last. Set up another first.")
}

func wrongCode() error {
	e := models.Errorf(models.Unauthenticated, "code_wrong", "This code is wrong or was used already. Wait for the next one.")
	return e
}

// stepOf finds the half minute that a code belongs to: this one, the one before or the one after, for clocks differ.
func stepOf(secret, code string, now time.Time) (step int64, right bool) {
	for _, around := range []int64{0, -1, 1} {
		at := now.Unix()/totpStep + around
		want, err := totp.GenerateCode(secret, time.Unix(at*totpStep, 0))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return at, true
		}
	}
	return 0, false
}

// useCode takes a person's code: each works once.
func (s *Service) useCode(ctx context.Context, p models.Person, code string) error {
	secret, err := s.Sealer.Open(p.TOTPKeyID, p.TOTP, "people", "totp", p.ID)
	if err != nil {
		return err
	}
	step, right := stepOf(string(secret), code, time.Now())
	if !right {
		return wrongCode()
	}
	res := s.DB.Read(ctx).Exec("UPDATE people SET totp_last_step = ? WHERE id = ? AND totp_last_step < ?", step, p.ID, step)
	if res.Error == nil && res.RowsAffected == 0 {
		return wrongCode()
	}
	return database.Err(res.Error)
}

// Passkey is a person's passkey.
type Passkey struct {
	ID         string
	Name       string
	Credential webauthn.Credential `gorm:"serializer:json"`
	CreatedAt  time.Time           `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	LastUsedAt *time.Time
}

// Passkeys are a person's passkeys, the oldest first.
func (s *Service) Passkeys(ctx context.Context, person models.ID) ([]Passkey, error) {
	list := []Passkey{}
	err := s.DB.Read(ctx).Raw("SELECT id, name, credential, created_at, last_used_at FROM passkeys WHERE person_id = ? ORDER BY created_at, id", person).Scan(&list).Error
	return list, database.Err(err)
}

func passkeyID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// keyholder is a person as WebAuthn sees him. It implements webauthn.User.
type keyholder struct {
	models.Person
	keys []Passkey
}

func (k keyholder) WebAuthnID() []byte          { return []byte(k.ID) }
func (k keyholder) WebAuthnName() string        { return k.Email }
func (k keyholder) WebAuthnDisplayName() string { return k.Name }
func (k keyholder) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, len(k.keys))
	for i, key := range k.keys {
		list[i] = key.Credential
	}
	return list
}

func (s *Service) keyholder(ctx context.Context, id models.ID) (keyholder, error) {
	if !database.ValidID(string(id)) {
		return keyholder{}, noPerson()
	}
	p, err := s.person(ctx, id)
	if err != nil {
		return keyholder{}, err
	}
	keys, err := s.Passkeys(ctx, id)
	return keyholder{p, keys}, err
}

// BeginPasskey asks a signed-in person's browser to make a passkey.
func (s *Service) BeginPasskey(ctx context.Context, of Session, password string) (Ceremony, error) {
	if !s.HasPasskeys() {
		return Ceremony{}, noPasskeysHere()
	}
	p, err := s.provedForFactor(ctx, of, password)
	if err != nil {
		return Ceremony{}, err
	}
	owner, err := s.keyholder(ctx, p.ID)
	if err != nil {
		return Ceremony{}, err
	}
	if len(owner.keys) >= maxPasskeys {
		return Ceremony{}, models.Errorf(models.Conflict, "too_many_passkeys", "You have %d passkeys already. Remove one first.", len(owner.keys))
	}
	options, state, err := s.passkeys.BeginRegistration(owner,
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired}),
		webauthn.WithExclusions(webauthn.Credentials(owner.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a passkey: %w", err)
	}
	return s.ceremony(ctx, "passkey_new", p.ID, options, state)
}

// FinishPasskey keeps the passkey that a browser has made. All other sessions end.
func (s *Service) FinishPasskey(ctx context.Context, of Session, token, name string, answer json.RawMessage) (Opened, error) {
	var state webauthn.SessionData
	if _, err := s.spend(ctx, token, "passkey_new", &state); err != nil {
		return Opened{}, err
	}
	owner, err := s.keyholder(ctx, of.PersonID)
	if err != nil {
		return Opened{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Opened{}, noPasskey(err)
	}
	made, err := s.passkeys.CreateCredential(owner, state, parsed)
	if err != nil {
		return Opened{}, noPasskey(err)
	}
	raw, err := json.Marshal(made)
	if err != nil {
		return Opened{}, err
	}
	err = s.account(ctx, owner.Actor(), models.ActFactorAdded, owner.ID, map[string]any{"factor": "passkey", "name": name}, func(tx database.Tx) error {
		err := tx.Exec("INSERT INTO passkeys (id, person_id, name, credential, created_at) VALUES (?, ?, ?, ?, ?)", passkeyID(made.ID), of.PersonID, name, string(raw), tx.Now).Error
		if err != nil {
			return err
		}
		return tx.Exec("DELETE FROM sessions WHERE person_id = ?", of.PersonID).Error
	})
	if err != nil {
		return Opened{}, err
	}
	of.Strong = true
	return s.renew(ctx, of)
}

func noPasskey(err error) error {
	return models.Errorf(models.Invalid, "passkey_invalid", "What the browser made cannot be used as a passkey. Try again, or with another device.").Because(err)
}

// RemovePasskey removes a passkey, for a session that a second factor has opened and a person who knows his password. Staff keep one: the last
// answers Conflict for them.
func (s *Service) RemovePasskey(ctx context.Context, of Session, password, id string) error {
	p, err := s.provedForFactor(ctx, of, password)
	if err != nil {
		return err
	}
	keys, err := s.Passkeys(ctx, p.ID)
	if err != nil {
		return err
	}
	switch {
	case !slices.ContainsFunc(keys, func(k Passkey) bool { return k.ID == id }):
		return models.Errorf(models.NotFound, "passkey_not_found", "There is no such passkey.")
	case p.Staff != "" && p.TOTP == nil && len(keys) == 1:
		return lastFactor()
	}
	return s.account(ctx, p.Actor(), models.ActFactorRemoved, p.ID, map[string]any{"factor": "passkey"}, func(tx database.Tx) error {
		return tx.Exec("DELETE FROM passkeys WHERE person_id = ? AND id = ?", p.ID, id).Error
	})
}

// GiveApp gives a person an authenticator app at once and shows its secret, for an account that is anybody's.
func (s *Service) GiveApp(ctx context.Context, p models.Person) (models.Secret, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Waybill", AccountName: p.Email, SecretSize: 20})
	if err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	sealed, keyID := s.Sealer.Seal([]byte(key.Secret()), "people", "totp", p.ID)
	err = s.DB.Read(ctx).Exec("UPDATE people SET totp = ?, totp_key_id = ? WHERE id = ?", sealed, keyID, p.ID).Error
	return models.Secret(key.Secret()), database.Err(err)
}
