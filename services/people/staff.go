package people

import (
	"context"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/audit"
	"waybill/services/database"
)

// viewLife is for how long staff may look at a merchant before they have to say again why.
const viewLife = time.Hour

// View is that somebody of the staff looks at a merchant.
type View struct {
	MerchantID   models.MerchantID
	MerchantName string
	Reason       string
	ExpiresAt    time.Time
}

// BeginView lets somebody of the staff look at a merchant for an hour, for a reason that the merchant will read.
func (s *Service) BeginView(ctx context.Context, by accounts.Caller, m models.MerchantID, reason string) (View, error) {
	if !database.ValidID(string(m)) {
		return View{}, noMerchant()
	}
	v := View{MerchantID: m, Reason: reason}
	err := s.DB.Of(m).InTx(ctx, func(tx database.Tx) error {
		if res := tx.Raw("SELECT name FROM merchants WHERE id = ?", m).Scan(&v.MerchantName); res.Error != nil || res.RowsAffected == 0 {
			return orElse(res.Error, noMerchant())
		}
		v.ExpiresAt = tx.Now.Add(viewLife)
		err := tx.Exec(`INSERT INTO support_views (person_id, merchant_id, reason, created_at, expires_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (person_id, merchant_id) DO UPDATE SET reason = excluded.reason, created_at = excluded.created_at, expires_at = excluded.expires_at`,
			by.Person, m, reason, tx.Now, v.ExpiresAt).Error
		if err != nil {
			return err
		}
		return audit.Append(tx, m, audit.Act{By: by.Actor, What: models.ActViewBegun, Subject: aPerson(by.Person), Reason: reason})
	})
	return v, err
}

// EndView ends it before its time.
func (s *Service) EndView(ctx context.Context, by accounts.Caller, m models.MerchantID) error {
	if !database.ValidID(string(m)) {
		return noMerchant()
	}
	return s.DB.Of(m).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec("DELETE FROM support_views WHERE person_id = ? AND merchant_id = ?", by.Person, m)
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		return audit.Append(tx, m, audit.Act{By: by.Actor, What: models.ActViewEnded, Subject: aPerson(by.Person)})
	})
}

// Views are what somebody of the staff looks at now.
func (s *Service) Views(ctx context.Context, person models.ID) ([]View, error) {
	list := []View{}
	err := s.DB.Read(ctx).Raw(`SELECT v.merchant_id, m.name AS merchant_name, v.reason, v.expires_at FROM support_views v JOIN merchants m ON m.id = v.merchant_id
		WHERE v.person_id = ? AND v.expires_at > clock_timestamp() ORDER BY v.created_at DESC LIMIT 50`, person).Scan(&list).Error
	return list, database.Err(err)
}

func noMerchant() error {
	return models.Errorf(models.NotFound, "merchant_not_found", "There is no such merchant.")
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Colleague is somebody of the staff.
type Colleague struct {
	ID           models.ID
	Email        string
	Name         string
	Role         models.PersonRole
	SecondFactor bool
	DisabledAt   *time.Time
	SignedInAt   *time.Time
	CreatedAt    time.Time
}

// Staff are the installation's people, by name.
func (s *Service) Staff(ctx context.Context) ([]Colleague, error) {
	list := []Colleague{}
	err := s.DB.Read(ctx).Raw(`SELECT p.id, p.email, p.name, p.staff AS role, p.disabled_at, p.signed_in_at, p.created_at,
			p.totp IS NOT NULL OR EXISTS (SELECT 1 FROM passkeys k WHERE k.person_id = p.id) AS second_factor
		FROM people p WHERE p.staff <> '' ORDER BY lower(p.name), p.id`).Scan(&list).Error
	return list, database.Err(err)
}

// ChangeStaff gives somebody of the staff another role, or switches the account off or on again. An operator remains: for the last
// one it answers Conflict.
func (s *Service) ChangeStaff(ctx context.Context, by accounts.Caller, person models.ID, role models.PersonRole, off bool) error {
	if !database.ValidID(string(person)) {
		return noPerson()
	}
	return s.account(ctx, by.Actor, models.ActStaffChanged, person, map[string]any{"role": role, "disabled": off}, func(tx database.Tx) error {
		var staff []models.Person
		err := tx.Raw(readPerson+"WHERE staff <> '' AND (id = ? OR staff = 'operator') ORDER BY id FOR UPDATE", person).Scan(&staff).Error
		if err != nil {
			return err
		}
		found, others := false, 0
		for _, p := range staff {
			switch {
			case p.ID == person:
				found = true
			case p.DisabledAt == nil:
				others++
			}
		}
		switch {
		case !found:
			return noPerson()
		case others == 0 && (off || role != models.RoleOperator):
			return models.Errorf(models.Conflict, "last_operator", "This is the last operator. Make somebody else an operator first.")
		}
		err = tx.Exec("UPDATE people SET staff = ?, disabled_at = CASE WHEN ? THEN coalesce(disabled_at, ?) END WHERE id = ?", role, off, tx.Now, person).Error
		if err != nil {
			return err
		}
		return tx.Exec("DELETE FROM sessions WHERE person_id = ?", person).Error
	})
}

// Make makes an account at once, for the operator's command: without an invitation, and with a password that is given or, when it is
// empty, to be set with a link. It answers Conflict when the address has an account.
func (s *Service) Make(ctx context.Context, email string, in NewPerson, m models.MerchantID, role models.PersonRole) (models.Person, error) {
	staff := models.PersonRole("")
	if role.OfStaff() {
		staff = role
	}
	p := models.Person{ID: database.NewID(), Email: fold(email), Name: in.Name, Staff: staff}
	if in.Password != "" {
		var err error
		if p, err = s.newPerson(ctx, fold(email), staff, in); err != nil {
			return p, err
		}
	}
	return p, s.DB.Of(chainOf(m)).InTx(ctx, func(tx database.Tx) error {
		if err := addPerson(tx, p); err != nil {
			return err
		}
		if staff == "" {
			if err := addMember(tx, m, p.ID, role, models.ActorSystem); err != nil {
				return err
			}
		}
		return audit.Append(tx, chainOf(m), audit.Act{By: models.ActorSystem, What: models.ActAccountMade, Subject: aPerson(p.ID), Detail: map[string]any{"role": role}})
	})
}

// EndAllOf ends all sessions of whoever has an address, for the operator's command.
func (s *Service) EndAllOf(ctx context.Context, email string) error {
	p, known, err := s.byEmail(ctx, email)
	if err != nil || !known {
		return orElse(err, noPerson())
	}
	return s.account(ctx, models.ActorSystem, models.ActSessionsEnded, p.ID, nil, func(tx database.Tx) error {
		return tx.Exec("DELETE FROM sessions WHERE person_id = ?", p.ID).Error
	})
}

// ForgetFactors takes all second factors of a person away, for the operator's command: the last way back for who has lost them. All
// sessions end.
func (s *Service) ForgetFactors(ctx context.Context, email string) error {
	p, known, err := s.byEmail(ctx, email)
	if err != nil || !known {
		return orElse(err, noPerson())
	}
	return s.account(ctx, models.ActorSystem, models.ActFactorRemoved, p.ID, map[string]any{"factor": "all"}, func(tx database.Tx) error {
		for _, do := range []string{"UPDATE people SET totp = NULL, totp_key_id = '' WHERE id = ?", "DELETE FROM passkeys WHERE person_id = ?", "DELETE FROM sessions WHERE person_id = ?"} {
			if err := tx.Exec(do, p.ID).Error; err != nil {
				return err
			}
		}
		return nil
	})
}
