// Package people is who signs in: people and their passwords and second factors, their roles at merchants, their sessions, the
// links that let them in, and the limits that keep others from guessing.
package people

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/go-webauthn/webauthn/webauthn"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/mail"
	"waybill/services/vault"
)

// Options say what the service needs.
type Options struct {
	DB       *database.DB
	Accounts *accounts.Service
	Sealer   *vault.Sealer
	Mail     *mail.Sender
	// PublicURL is where browsers reach Waybill: links lead there, and passkeys are bound to its host.
	PublicURL string
	// SignUp lets merchants sign up by themselves.
	SignUp bool
	// Stolen are passwords that nobody may choose.
	Stolen StolenPasswords
}

// Service keeps people.
type Service struct {
	Options
	sessions *scs.SessionManager
	passkeys *webauthn.WebAuthn // nil where Waybill is reached by a number: browsers bind passkeys to names
	hashing  chan struct{}      // one place for each hash that is computed at once
	nobody   string             // a hash that no password has: what is compared for people who are not there
}

// New makes the service. It fails on a public URL that no browser could use.
func New(o Options) (*Service, error) {
	u, err := url.Parse(o.PublicURL)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("the public URL %q has no host", o.PublicURL)
	}
	s := &Service{Options: o, hashing: make(chan struct{}, hashesAtOnce)}
	if net.ParseIP(u.Hostname()) == nil {
		if s.passkeys, err = webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: "Waybill", RPOrigins: []string{u.Scheme + "://" + u.Host}}); err != nil {
			return nil, fmt.Errorf("set up passkeys: %w", err)
		}
	}
	if s.nobody, err = s.hash(context.Background(), "nobody has this password"); err != nil {
		return nil, err
	}
	s.sessions = newSessions(o.DB)
	return s, nil
}

const readPerson = "SELECT id, email, name, password_hash, staff, totp, totp_key_id, totp_last_step, disabled_at, created_at, signed_in_at FROM people "

// HasPasskeys reports whether passkeys can be used here.
func (s *Service) HasPasskeys() bool { return s.passkeys != nil }

func noPasskeysHere() error {
	return models.Errorf(models.Conflict, "passkeys_off", "Passkeys need Waybill to be reached by a name, not by a number.")
}

// person reads a person by id.
func (s *Service) person(ctx context.Context, id models.ID) (models.Person, error) {
	var p models.Person
	res := s.DB.Read(ctx).Raw(readPerson+"WHERE id = ?", id).Scan(&p)
	if res.Error != nil {
		return p, database.Err(res.Error)
	}
	if res.RowsAffected == 0 {
		return p, noPerson()
	}
	return p, nil
}

// byEmail reads a person by e-mail address; found is false for nobody.
func (s *Service) byEmail(ctx context.Context, email string) (p models.Person, found bool, err error) {
	res := s.DB.Read(ctx).Raw(readPerson+"WHERE email = ?", fold(email)).Scan(&p)
	return p, res.RowsAffected == 1, database.Err(res.Error)
}

func noPerson() error {
	return models.Errorf(models.NotFound, "person_not_found", "There is no such person.")
}

// fold is the form in which addresses are compared.
func fold(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// Merchants are where a person has a role, by name.
func (s *Service) Merchants(ctx context.Context, person models.ID) ([]models.Membership, error) {
	list := []models.Membership{}
	err := s.DB.Read(ctx).Raw(`SELECT s.merchant_id, m.name AS merchant_name, s.person_id, s.role FROM memberships s JOIN merchants m ON m.id = s.merchant_id
		WHERE s.person_id = ? ORDER BY m.name, s.merchant_id`, person).Scan(&list).Error
	return list, database.Err(err)
}

// Member is a person of a merchant.
type Member struct {
	ID           models.ID
	Email        string
	Name         string
	Role         models.PersonRole
	SecondFactor bool
	SignedInAt   *time.Time
	CreatedAt    time.Time
}

// Members are the people of a merchant, by name.
func (s *Service) Members(ctx context.Context, m models.MerchantID) ([]Member, error) {
	list := []Member{}
	err := s.DB.Read(ctx).Raw(`SELECT p.id, p.email, p.name, s.role, p.signed_in_at, s.created_at,
			p.totp IS NOT NULL OR EXISTS (SELECT 1 FROM passkeys k WHERE k.person_id = p.id) AS second_factor
		FROM memberships s JOIN people p ON p.id = s.person_id WHERE s.merchant_id = ? ORDER BY lower(p.name), p.id`, m).Scan(&list).Error
	return list, database.Err(err)
}

// DemandFactor says whether a merchant's people may do nothing without a second factor. Who demands one has shown one himself: nobody locks
// himself out.
func (s *Service) DemandFactor(ctx context.Context, by accounts.Caller, needed bool) error {
	if by.Person != "" && needed {
		session, err := s.Session(ctx, by)
		if err != nil {
			return err
		}
		if !session.Strong {
			return models.Errorf(models.Conflict, "second_factor_first", "Set up a second factor of your own first, under your account.")
		}
	}
	return s.Accounts.DemandFactor(ctx, by, needed)
}

// ChangeRole gives a merchant's person another role. A merchant keeps an owner: the last one answers Conflict.
func (s *Service) ChangeRole(ctx context.Context, by accounts.Caller, person models.ID, role models.PersonRole) error {
	return s.changeMember(ctx, by, person, models.ActRoleChanged, role, func(tx database.Tx) error {
		return tx.Exec("UPDATE memberships SET role = ? WHERE merchant_id = ? AND person_id = ?", role, by.MerchantID, person).Error
	})
}

// Remove takes a person's role at a merchant away, at once: his sessions lose it with their next request.
func (s *Service) Remove(ctx context.Context, by accounts.Caller, person models.ID) error {
	return s.changeMember(ctx, by, person, models.ActPersonRemoved, "", func(tx database.Tx) error {
		return tx.Exec("DELETE FROM memberships WHERE merchant_id = ? AND person_id = ?", by.MerchantID, person).Error
	})
}

// changeMember changes a merchant's person, who has another role afterwards, or none.
func (s *Service) changeMember(ctx context.Context, by accounts.Caller, person models.ID, act models.Act, role models.PersonRole, change func(database.Tx) error) error {
	if !database.ValidID(string(person)) {
		return noPerson()
	}
	return s.DB.Of(by.MerchantID).InTx(ctx, func(tx database.Tx) error {
		var members []models.Membership
		err := tx.Raw("SELECT merchant_id, person_id, role FROM memberships WHERE merchant_id = ? AND (person_id = ? OR role = 'owner') ORDER BY person_id FOR UPDATE", by.MerchantID, person).Scan(&members).Error
		if err != nil {
			return err
		}
		var is models.PersonRole
		owners := 0
		for _, m := range members {
			if m.Role == models.RoleOwner {
				owners++
			}
			if m.PersonID == person {
				is = m.Role
			}
		}
		switch {
		case is == "":
			return noPerson()
		case is == models.RoleOwner && owners == 1 && role != models.RoleOwner:
			return models.Errorf(models.Conflict, "last_owner", "This is the last owner. Make somebody else an owner first.")
		}
		if err := change(tx); err != nil {
			return err
		}
		return audit.Append(tx, by.MerchantID, audit.Act{By: by.Actor, What: act, Subject: aPerson(person), Detail: map[string]any{"from": is, "to": role}})
	})
}

func aPerson(id models.ID) models.AuditSubject {
	return models.AuditSubject{Kind: models.SubjectPerson, ID: id}
}

// account changes somebody's account: what is entered about it is in the installation's audit.
func (s *Service) account(ctx context.Context, by models.Actor, what models.Act, person models.ID, detail map[string]any, change func(database.Tx) error) error {
	return s.DB.Of(audit.Installation).InTx(ctx, func(tx database.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return audit.Append(tx, audit.Installation, audit.Act{By: by, What: what, Subject: aPerson(person), Detail: detail})
	})
}

// Account is a person with everything that hangs on the account.
type Account struct {
	models.Person
	Passkeys  []Passkey
	Merchants []models.Membership
	Views     []View // of staff
}

// Account reads a person with everything that hangs on the account.
func (s *Service) Account(ctx context.Context, person models.ID) (a Account, err error) {
	if a.Person, err = s.person(ctx, person); err != nil {
		return a, err
	}
	if a.Passkeys, err = s.Passkeys(ctx, person); err != nil {
		return a, err
	}
	if a.Merchants, err = s.Merchants(ctx, person); err != nil {
		return a, err
	}
	a.Views, err = s.Views(ctx, person)
	return a, err
}
