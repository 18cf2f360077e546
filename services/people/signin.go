package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"waybill/models"
	"waybill/services/database"
)

// Credentials are what a person shows to be let in.
type Credentials struct {
	Email    string
	Password string
	Code     string // of the authenticator app, for those who have one
}

// SignIn opens a session for whoever has the password, and the code where the person has an authenticator app. Who has a passkey and no
// app is not let in by the password: a passkey is all that he needs. Unknown people and wrong passwords are answered alike, in the same
// time. It answers Throttled after too many tries, of one person, from one address or of everybody together.
func (s *Service) SignIn(ctx context.Context, in Credentials, from From) (Opened, error) {
	email := fold(in.Email)
	if err := s.tryToSignIn(ctx, email, from); err != nil {
		return Opened{}, err
	}
	p, _, err := s.byEmail(ctx, email)
	if err != nil {
		return Opened{}, err
	}
	same, err := s.matches(ctx, in.Password, p.PasswordHash)
	if err != nil {
		return Opened{}, err
	}
	if !same || p.DisabledAt != nil {
		return Opened{}, models.Errorf(models.Unauthenticated, "sign_in_refused", "The e-mail address or the password is wrong.")
	}
	has, err := s.hasFactor(ctx, p)
	if err != nil {
		return Opened{}, err
	}
	if has && p.TOTP == nil {
		return Opened{}, errors.Join(models.Errorf(models.Unauthenticated, "passkey_needed", "Use one of your passkeys. The password alone does not let you in."), s.wasRight(ctx, "", from))
	}
	if has && in.Code == "" {
		return Opened{}, errors.Join(models.Errorf(models.Unauthenticated, "code_needed", "Give the code that your authenticator app shows."), s.wasRight(ctx, "", from))
	}
	if has {
		if err := s.useCode(ctx, p, in.Code); err != nil {
			return Opened{}, err
		}
	}
	return s.signedIn(ctx, p, email, has, from)
}

// tryToSignIn counts before anything is compared.
func (s *Service) tryToSignIn(ctx context.Context, email string, from From) error {
	if email != "" {
		if err := s.Try(ctx, TriesOfPerson, email); err != nil {
			return err
		}
	}
	if err := s.Try(ctx, TriesOfAddress, from.Client); err != nil {
		return err
	}
	return s.Try(ctx, TriesOfAll, "")
}

// wasRight takes the count of a try back: all of a person's when he is in.
func (s *Service) wasRight(ctx context.Context, email string, from From) error {
	var person error
	if email != "" {
		person = s.Forgive(ctx, TriesOfPerson, email)
	}
	return errors.Join(person, s.takeBack(ctx, TriesOfAddress, from.Client), s.takeBack(ctx, TriesOfAll, ""))
}

func (s *Service) signedIn(ctx context.Context, p models.Person, email string, strong bool, from From) (Opened, error) {
	if err := s.wasRight(ctx, email, from); err != nil {
		return Opened{}, err
	}
	err := s.account(ctx, p.Actor(), models.ActSignedIn, p.ID, map[string]any{"second_factor": strong}, func(tx database.Tx) error {
		return tx.Exec("UPDATE people SET signed_in_at = ? WHERE id = ?", tx.Now, p.ID).Error
	})
	if err != nil {
		return Opened{}, err
	}
	return s.open(ctx, Session{PersonID: p.ID, Staff: p.Staff != "", Strong: strong, Client: from.Client, Agent: from.Agent})
}

// Ceremony is a question to a browser's authenticator. Token goes back with the answer.
type Ceremony struct {
	Token   models.Secret
	Options json.RawMessage // as navigator.credentials takes it
}

const ceremonyLife = 5 * time.Minute

// BeginPasskeySignIn asks for any passkey of this site.
func (s *Service) BeginPasskeySignIn(ctx context.Context) (Ceremony, error) {
	if !s.HasPasskeys() {
		return Ceremony{}, noPasskeysHere()
	}
	options, state, err := s.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a sign-in by passkey: %w", err)
	}
	return s.ceremony(ctx, "passkey_sign_in", "", options, state)
}

// FinishPasskeySignIn opens a session for the owner of a passkey: it is both factors at once.
func (s *Service) FinishPasskeySignIn(ctx context.Context, token string, answer json.RawMessage, from From) (Opened, error) {
	if err := s.tryToSignIn(ctx, "", from); err != nil {
		return Opened{}, err
	}
	var state webauthn.SessionData
	if _, err := s.spend(ctx, token, "passkey_sign_in", &state); err != nil {
		return Opened{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Opened{}, badPasskey(err)
	}
	var owner keyholder
	_, used, err := s.passkeys.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		owner, err = s.keyholder(ctx, models.ID(handle))
		return owner, err
	}, state, parsed)
	if err != nil {
		return Opened{}, badPasskey(err)
	}
	if used.Authenticator.CloneWarning || owner.DisabledAt != nil {
		return Opened{}, badPasskey(nil)
	}
	raw, err := json.Marshal(used)
	if err != nil {
		return Opened{}, err
	}
	err = s.DB.Read(ctx).Exec("UPDATE passkeys SET credential = ?, last_used_at = clock_timestamp() WHERE id = ? AND person_id = ?", string(raw), passkeyID(used.ID), owner.ID).Error
	if err != nil {
		return Opened{}, database.Err(err)
	}
	return s.signedIn(ctx, owner.Person, owner.Email, true, from)
}

func badPasskey(err error) error {
	return models.Errorf(models.Unauthenticated, "passkey_refused", "This passkey was not accepted. Try again, or sign in with your password.").Because(err)
}

// ceremony stores what was asked until the answer comes.
func (s *Service) ceremony(ctx context.Context, kind string, person models.ID, options any, state *webauthn.SessionData) (Ceremony, error) {
	raw, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	token, err := s.newToken(ctx, oneTime{Kind: kind, PersonID: person, Life: ceremonyLife}, state)
	return Ceremony{token, raw}, err
}
