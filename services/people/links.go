package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
	"waybill/services/mail"
)

const (
	resetLife      = time.Hour
	signUpLife     = 24 * time.Hour
	invitationLife = 7 * 24 * time.Hour
)

// oneTime is what works once and for a while.
type oneTime struct {
	ID         models.ID
	Kind       string
	PersonID   models.ID
	MerchantID models.MerchantID
	Email      string
	CreatedBy  models.Actor
	CreatedAt  time.Time
	ExpiresAt  time.Time
	Data       string
	Life       time.Duration `gorm:"-"`
}

const readOneTime = "SELECT id, kind, coalesce(person_id::text, '') AS person_id, coalesce(merchant_id::text, '') AS merchant_id, email, created_by, created_at, expires_at, data FROM one_time_tokens "

func sum(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// newToken stores something under a new token.
func (s *Service) newToken(ctx context.Context, t oneTime, data any) (models.Secret, error) {
	token := models.Secret(rand.Text())
	return token, s.DB.InTx(ctx, func(tx database.Tx) error { _, err := addToken(tx, t, token, data); return err })
}

func addToken(tx database.Tx, t oneTime, token models.Secret, data any) (models.ID, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return "", err
	}
	t.ID = database.NewID()
	err = tx.Exec(`INSERT INTO one_time_tokens (id, token_sha256, kind, person_id, merchant_id, email, data, created_at, created_by, expires_at)
		VALUES (?, ?, ?, nullif(?, '')::uuid, nullif(?, '')::uuid, ?, ?, ?, ?, ?)`,
		t.ID, sum(token.Reveal()), t.Kind, string(t.PersonID), string(t.MerchantID), t.Email, string(raw), tx.Now, t.CreatedBy, tx.Now.Add(t.Life)).Error
	return t.ID, err
}

// peek reads what a token stands for and leaves it there; of is whose it must be, empty for anybody's.
func (s *Service) peek(ctx context.Context, token, kind string, of models.ID, data any) (oneTime, error) {
	return found(s.DB.Read(ctx).Raw(readOneTime+"WHERE token_sha256 = ? AND kind = ? AND expires_at > clock_timestamp() AND (? = '' OR person_id::text = ?)", sum(token), kind, string(of), string(of)), data)
}

// spend takes what a token stands for: it works once.
func (s *Service) spend(ctx context.Context, token, kind string, data any) (oneTime, error) {
	var t oneTime
	err := s.DB.InTx(ctx, func(tx database.Tx) (err error) {
		t, err = spendIn(tx, token, kind, data)
		return err
	})
	return t, err
}

func spendIn(tx database.Tx, token, kind string, data any) (oneTime, error) {
	return found(tx.Raw(`DELETE FROM one_time_tokens WHERE token_sha256 = ? AND kind = ? AND expires_at > clock_timestamp()
		RETURNING id, kind, coalesce(person_id::text, '') AS person_id, coalesce(merchant_id::text, '') AS merchant_id, email, created_by, created_at, expires_at, data`, sum(token), kind), data)
}

func found(query *gorm.DB, data any) (oneTime, error) {
	var row oneTime
	res := query.Scan(&row)
	if res.Error != nil {
		return row, database.Err(res.Error)
	}
	if res.RowsAffected == 0 {
		return row, models.Errorf(models.Rejected, "link_over", "This link was used already or is too old. Ask for a new one.")
	}
	return row, json.Unmarshal([]byte(row.Data), data)
}

// Invited is what an invitation offers.
type Invited struct {
	ID         models.ID
	Email      string
	Role       models.PersonRole
	MerchantID models.MerchantID // empty: the installation's staff
	Merchant   string            // its name
	By         models.Actor
	Known      bool // there is an account with this address already
	CreatedAt  time.Time
	ExpiresAt  time.Time
	// Link lets in whoever has it. It is given once, where no mail is sent.
	Link models.Secret
}

type invitation struct {
	Role models.PersonRole
}

// Invite invites somebody to a merchant, or, without one, to the staff. Without mail the inviter gets the link.
func (s *Service) Invite(ctx context.Context, by models.Actor, m models.MerchantID, email string, role models.PersonRole) (Invited, error) {
	email = fold(email)
	if !mail.ValidAddress(email) {
		e := models.Errorf(models.Invalid, "validation_failed", "The e-mail address cannot be used.")
		e.Fields = []models.FieldError{{Pointer: "/email", Reason: "must be an e-mail address"}}
		return Invited{}, e
	}
	if (m == "") != role.OfStaff() {
		e := models.Errorf(models.Invalid, "validation_failed", "This role cannot be given here.")
		e.Fields = []models.FieldError{{Pointer: "/role", Reason: "must be owner, member or read_only at a merchant, support or operator without one"}}
		return Invited{}, e
	}
	out := Invited{Email: email, Role: role, MerchantID: m, By: by}
	token := models.Secret(rand.Text())
	err := s.DB.Of(chainOf(m)).InTx(ctx, func(tx database.Tx) error {
		var there int
		err := tx.Raw("SELECT count(*) FROM people p LEFT JOIN memberships m ON m.person_id = p.id WHERE p.email = ? AND (m.merchant_id::text = ? OR p.staff <> '')", email, string(m)).Row().Scan(&there)
		if err != nil {
			return err
		}
		if there > 0 {
			return models.Errorf(models.Conflict, "person_is_there", "This person has a role already. Change it instead.")
		}
		if err := tx.Exec("DELETE FROM one_time_tokens WHERE kind = 'invitation' AND email = ? AND coalesce(merchant_id::text, '') = ?", email, string(m)).Error; err != nil {
			return err
		}
		out.ID, err = addToken(tx, oneTime{Kind: "invitation", MerchantID: m, Email: email, CreatedBy: by, Life: invitationLife}, token, invitation{role})
		out.CreatedAt, out.ExpiresAt = tx.Now, tx.Now.Add(invitationLife)
		if err != nil {
			return err
		}
		err = audit.Append(tx, chainOf(m), audit.Act{By: by, What: models.ActPersonInvited, Subject: models.AuditSubject{Kind: models.SubjectPerson, ID: out.ID}, Detail: map[string]any{"role": role}})
		if err != nil || !s.Mail.On() {
			return err
		}
		return tx.Enqueue(LinkArgs{out.ID})
	})
	if !s.Mail.On() {
		out.Link = s.link("invitation", token)
	}
	return out, err
}

// chainOf is whose audit tells of a merchant's people, or, without one, of the staff.
func chainOf(m models.MerchantID) models.MerchantID {
	if m == "" {
		return audit.Installation
	}
	return m
}

// Invitations are the open invitations of a merchant, or of the staff without one, the newest first.
func (s *Service) Invitations(ctx context.Context, m models.MerchantID) ([]Invited, error) {
	list := []Invited{}
	err := s.DB.Read(ctx).Raw(`SELECT id, email, data->>'Role' AS role, coalesce(merchant_id::text, '') AS merchant_id, created_by AS by, created_at, expires_at FROM one_time_tokens
		WHERE kind = 'invitation' AND coalesce(merchant_id::text, '') = ? AND expires_at > clock_timestamp() ORDER BY id DESC LIMIT 200`, string(m)).Scan(&list).Error
	return list, database.Err(err)
}

// Uninvite takes an invitation back.
func (s *Service) Uninvite(ctx context.Context, by models.Actor, m models.MerchantID, id models.ID) error {
	if !database.ValidID(string(id)) {
		return noInvitation()
	}
	return s.DB.Of(chainOf(m)).InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec("DELETE FROM one_time_tokens WHERE kind = 'invitation' AND id = ? AND coalesce(merchant_id::text, '') = ?", id, string(m))
		if res.Error == nil && res.RowsAffected == 0 {
			return noInvitation()
		}
		if res.Error != nil {
			return res.Error
		}
		return audit.Append(tx, chainOf(m), audit.Act{By: by, What: models.ActInvitationRevoked, Subject: aPerson(id)})
	})
}

func noInvitation() error {
	return models.Errorf(models.NotFound, "invitation_not_found", "There is no such invitation.")
}

// Invitation says what a link offers, and leaves it there.
func (s *Service) Invitation(ctx context.Context, token string) (Invited, error) {
	var in invitation
	t, err := s.peek(ctx, token, "invitation", "", &in)
	if err != nil {
		return Invited{}, err
	}
	out := Invited{ID: t.ID, Email: t.Email, Role: in.Role, MerchantID: t.MerchantID, By: t.CreatedBy, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}
	if t.MerchantID != "" {
		m, err := s.Accounts.Merchant(ctx, t.MerchantID)
		if err != nil {
			return out, err
		}
		out.Merchant = m.Name
	}
	_, out.Known, err = s.byEmail(ctx, t.Email)
	return out, err
}

// NewPerson is what somebody says about himself. For an account that is there already only its password counts.
type NewPerson struct {
	Name     string
	Password string
}

// Accept takes an invitation: it makes the account, or adds the role to the account that is there, whose password has to be given.
func (s *Service) Accept(ctx context.Context, token string, in NewPerson, from From) (Opened, error) {
	invited, err := s.Invitation(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	staff := models.PersonRole("")
	if invited.MerchantID == "" {
		staff = invited.Role
	}
	p, known, err := s.byEmail(ctx, invited.Email)
	if err != nil {
		return Opened{}, err
	}
	if known {
		if err := s.accepts(ctx, p, staff, in.Password); err != nil {
			return Opened{}, err
		}
	} else if p, err = s.newPerson(ctx, invited.Email, staff, in); err != nil {
		return Opened{}, err
	}
	chain := chainOf(invited.MerchantID)
	err = s.DB.Of(chain).InTx(ctx, func(tx database.Tx) error {
		if _, err := spendIn(tx, token, "invitation", &invitation{}); err != nil {
			return err
		}
		if !known {
			if err := addPerson(tx, p); err != nil {
				return err
			}
		}
		if staff == "" {
			if err := addMember(tx, invited.MerchantID, p.ID, invited.Role, invited.By); err != nil {
				return err
			}
		}
		return audit.Append(tx, chain, audit.Act{By: p.Actor(), What: models.ActPersonJoined, Subject: aPerson(p.ID), Detail: map[string]any{"role": invited.Role, "invited_by": invited.By}})
	})
	if err != nil {
		return Opened{}, err
	}
	if has, err := s.hasFactor(ctx, p); err != nil || has { // the password alone does not open a session for him
		return Opened{}, err
	}
	return s.open(ctx, Session{PersonID: p.ID, Staff: staff != "", Client: from.Client, Agent: from.Agent})
}

// accepts has the owner of an account show that it is his. An account of staff is for nothing else, and one of a merchant does not
// become staff.
func (s *Service) accepts(ctx context.Context, p models.Person, staff models.PersonRole, password string) error {
	if p.Staff != "" || staff != "" || p.DisabledAt != nil {
		return models.Errorf(models.Conflict, "account_not_for_this", "There is an account with this address that cannot take this role. Ask for an invitation to another address.")
	}
	if err := s.Try(ctx, TriesOfPerson, p.Email); err != nil {
		return err
	}
	same, err := s.matches(ctx, password, p.PasswordHash)
	if err == nil && !same {
		e := models.Errorf(models.Invalid, "password_wrong", "You have an account already. Give its password.")
		e.Fields = []models.FieldError{{Pointer: "/password", Reason: "is not the password of your account"}}
		return e
	}
	if err != nil {
		return err
	}
	return s.Forgive(ctx, TriesOfPerson, p.Email)
}

func (s *Service) newPerson(ctx context.Context, email string, staff models.PersonRole, in NewPerson) (models.Person, error) {
	if strings.TrimSpace(in.Name) == "" {
		e := models.Errorf(models.Invalid, "validation_failed", "Say what you are called.")
		e.Fields = []models.FieldError{{Pointer: "/name", Reason: "is required"}}
		return models.Person{}, e
	}
	if err := s.checkPassword(in.Password, "/password", email, in.Name); err != nil {
		return models.Person{}, err
	}
	hash, err := s.hash(ctx, in.Password)
	return models.Person{ID: database.NewID(), Email: email, Name: strings.TrimSpace(in.Name), PasswordHash: hash, Staff: staff}, err
}

func addPerson(tx database.Tx, p models.Person) error {
	return tx.Exec("INSERT INTO people (id, email, name, password_hash, staff, totp_key_id, totp_last_step, created_at) VALUES (?, ?, ?, ?, ?, '', 0, ?)",
		p.ID, p.Email, p.Name, p.PasswordHash, p.Staff, tx.Now).Error
}

func addMember(tx database.Tx, m models.MerchantID, person models.ID, role models.PersonRole, by models.Actor) error {
	return tx.Exec("INSERT INTO memberships (merchant_id, person_id, role, created_at, created_by) VALUES (?, ?, ?, ?, ?)", m, person, role, tx.Now, by).Error
}

// AskForReset has a link sent that sets a new password. It answers alike for people who are not there.
func (s *Service) AskForReset(ctx context.Context, email string, from From) error {
	return s.askForLink(ctx, email, from, func(tx database.Tx, p models.Person, known bool) error {
		if !known || p.DisabledAt != nil {
			return nil
		}
		return s.sendLater(tx, oneTime{Kind: "password_reset", PersonID: p.ID, Email: p.Email, Life: resetLife})
	})
}

// AskToSignUp has a link sent with which a merchant signs up. Whoever has an account already is sent a link to a new password.
func (s *Service) AskToSignUp(ctx context.Context, email string, from From) error {
	if !s.SignUp {
		return models.Errorf(models.Forbidden, "sign_up_off", "Nobody can sign up here. Ask the operator for an invitation.")
	}
	return s.askForLink(ctx, email, from, func(tx database.Tx, p models.Person, known bool) error {
		switch {
		case !known:
			return s.sendLater(tx, oneTime{Kind: "sign_up", Email: fold(email), Life: signUpLife})
		case p.DisabledAt == nil:
			return s.sendLater(tx, oneTime{Kind: "password_reset", PersonID: p.ID, Email: p.Email, Life: resetLife})
		}
		return nil
	})
}

func (s *Service) askForLink(ctx context.Context, email string, from From, ask func(database.Tx, models.Person, bool) error) error {
	if !s.Mail.On() {
		return models.Errorf(models.Conflict, "mail_off", "No mail is sent from here. Ask the operator for a link (waybill admin link).")
	}
	if !mail.ValidAddress(fold(email)) {
		e := models.Errorf(models.Invalid, "validation_failed", "The e-mail address cannot be used.")
		e.Fields = []models.FieldError{{Pointer: "/email", Reason: "must be an e-mail address"}}
		return e
	}
	if err := s.Try(ctx, TriesOfMails, from.Client); err != nil {
		return err
	}
	if err := s.Try(ctx, TriesOfMailTo, fold(email)); err != nil {
		return nil //nolint:nilerr // who asks for somebody else learns nothing
	}
	p, known, err := s.byEmail(ctx, email)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error { return ask(tx, p, known) })
}

// sendLater stores a link that nobody knows yet; the job that mails it makes the token.
func (s *Service) sendLater(tx database.Tx, t oneTime) error {
	t.CreatedBy = models.ActorSystem
	id, err := addToken(tx, t, models.Secret(rand.Text()), struct{}{})
	if err != nil {
		return err
	}
	return tx.Enqueue(LinkArgs{id})
}

// LinkArgs mails a link. The job makes the token itself: arguments are kept in the clear.
type LinkArgs struct {
	ID models.ID `json:"id"`
}

// Kind names the job.
func (LinkArgs) Kind() string { return "mail_link" }

type linkWorker struct {
	river.WorkerDefaults[LinkArgs]
	s *Service
}

// Work mails the link. A link that is over meanwhile is not mailed.
func (w *linkWorker) Work(ctx context.Context, job *river.Job[LinkArgs]) error {
	token := models.Secret(rand.Text())
	var t oneTime
	res := w.s.DB.Read(ctx).Raw(`UPDATE one_time_tokens SET token_sha256 = ? WHERE id = ? AND expires_at > clock_timestamp()
		RETURNING id, kind, coalesce(person_id::text, '') AS person_id, coalesce(merchant_id::text, '') AS merchant_id, email, created_by, created_at, expires_at`, sum(token.Reveal()), job.Args.ID).Scan(&t)
	if res.Error != nil || res.RowsAffected == 0 {
		return database.Err(res.Error)
	}
	return w.s.Mail.Send(ctx, w.s.letter(t, token))
}

// AddWorkers adds what works the service's jobs.
func (s *Service) AddWorkers(w *river.Workers) { river.AddWorker(w, &linkWorker{s: s}) }

func (s *Service) letter(t oneTime, token models.Secret) mail.Message {
	link := s.link(t.Kind, token).Reveal()
	until := t.ExpiresAt.UTC().Format("2 January 2006 15:04 UTC")
	m := mail.Message{To: t.Email}
	switch t.Kind {
	case "invitation":
		m.Subject = "You are invited to Waybill"
		_, who, _ := strings.Cut(string(t.CreatedBy), ":")
		m.Text = fmt.Sprintf("%s invites you to work together in Waybill. Accept here, until %s:\n\n%s\n\nIf you do not expect this, do nothing.\n", who, until, link)
	case "sign_up":
		m.Subject = "Your account at Waybill"
		m.Text = fmt.Sprintf("Make your account here, until %s:\n\n%s\n\nIf you did not ask for one, do nothing.\n", until, link)
	default:
		m.Subject = "A new password for Waybill"
		m.Text = fmt.Sprintf("Choose a new password here, until %s:\n\n%s\n\nIf you did not ask for it, do nothing: your password stays as it is.\n", until, link)
	}
	return m
}

// link is the page that takes a token. It stands behind the #, which browsers send to nobody.
func (s *Service) link(kind string, token models.Secret) models.Secret {
	page := map[string]string{"invitation": "invitation", "sign_up": "sign-up", "password_reset": "new-password"}[kind]
	return models.Secret(strings.TrimSuffix(s.PublicURL, "/") + "/" + page + "#" + token.Reveal())
}

// SignUpNow makes a merchant and its owner, whose address the link has proved.
func (s *Service) SignUpNow(ctx context.Context, token, merchant, zone string, in NewPerson, from From) (Opened, error) {
	t, err := s.peek(ctx, token, "sign_up", "", &struct{}{})
	if err != nil {
		return Opened{}, err
	}
	p, err := s.newPerson(ctx, t.Email, "", in)
	if err != nil {
		return Opened{}, err
	}
	m := models.MerchantID(database.NewID())
	err = s.DB.Of(m).InTx(ctx, func(tx database.Tx) error {
		if _, err := spendIn(tx, token, "sign_up", &struct{}{}); err != nil {
			return err
		}
		return s.addOwner(tx, m, merchant, zone, p)
	})
	if err != nil {
		return Opened{}, err
	}
	return s.open(ctx, Session{PersonID: p.ID, Client: from.Client, Agent: from.Agent})
}

func (s *Service) addOwner(tx database.Tx, m models.MerchantID, merchant, zone string, p models.Person) error {
	if err := s.Accounts.AddMerchant(tx, m, merchant, zone); err != nil {
		return err
	}
	if err := addPerson(tx, p); err != nil {
		return err
	}
	if err := addMember(tx, m, p.ID, models.RoleOwner, p.Actor()); err != nil {
		return err
	}
	return audit.Append(tx, m, audit.Act{By: p.Actor(), What: models.ActPersonJoined, Subject: aPerson(p.ID), Detail: map[string]any{"role": models.RoleOwner}})
}

// Reset sets a new password with a link. All sessions end; the second factor stays.
func (s *Service) Reset(ctx context.Context, token, password string) error {
	t, err := s.peek(ctx, token, "password_reset", "", &struct{}{})
	if err != nil {
		return err
	}
	p, err := s.person(ctx, t.PersonID)
	if err != nil {
		return err
	}
	if err := s.checkPassword(password, "/password", p.Email, p.Name); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.account(ctx, p.Actor(), models.ActPasswordChanged, p.ID, map[string]any{"by_link": true}, func(tx database.Tx) error {
		if _, err := spendIn(tx, token, "password_reset", &struct{}{}); err != nil {
			return err
		}
		return setPassword(tx, p.ID, hash)
	})
	if err != nil {
		return err
	}
	return s.Forgive(ctx, TriesOfPerson, p.Email)
}

// ResetLink makes a link to a new password for the operator to hand over, where no mail is sent.
func (s *Service) ResetLink(ctx context.Context, email string) (models.Secret, error) {
	p, known, err := s.byEmail(ctx, email)
	if err != nil || !known {
		return "", orElse(err, noPerson())
	}
	token, err := s.newToken(ctx, oneTime{Kind: "password_reset", PersonID: p.ID, Email: p.Email, Life: resetLife, CreatedBy: models.ActorSystem}, struct{}{})
	return s.link("password_reset", token), err
}
