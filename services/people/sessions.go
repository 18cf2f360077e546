package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/audit"
	"waybill/services/database"
)

// How long a session lasts: unused, and at most. Staff's are short (reliability.md 4, threat 6).
const (
	idle, atMost           = 2 * time.Hour, 12 * time.Hour
	staffIdle, staffAtMost = 15 * time.Minute, 8 * time.Hour
	// seenEvery is how exactly it is known when a session was last used: each time is a write.
	seenEvery = time.Minute
)

// Session is a browser that somebody is signed in with.
type Session struct {
	ID models.ID `json:"id"`
	// PersonID is who; empty for a session that was opened with an API key.
	PersonID models.ID `json:"person_id,omitempty"`
	// MerchantID and KeyID are of the API key; MerchantID is of the store, too.
	MerchantID models.MerchantID `json:"merchant_id,omitempty"`
	KeyID      models.ID         `json:"key_id,omitempty"`
	// StoreID is the store from whose own dashboard Waybill was opened, by an owner or contributor of the site.
	StoreID models.ID `json:"store_id,omitempty"`
	Staff   bool      `json:"staff,omitempty"`
	// Strong sessions were opened with a second factor.
	Strong    bool      `json:"strong,omitempty"`
	Client    string    `json:"client"` // network address
	Agent     string    `json:"agent"`  // what the browser calls itself
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
}

// Opened is a new session with the token that stands for it.
type Opened struct {
	Session
	Token models.Secret
}

// From is where a request comes from.
type From struct {
	Client string
	Agent  string
}

const sessionKey = "session"

func newSessions(db *database.DB) *scs.SessionManager {
	m := scs.New()
	m.Store, m.Codec = &store{db}, codec{}
	m.HashTokenInStore = true
	m.IdleTimeout, m.Lifetime = idle, atMost
	return m
}

// open begins a session. Its token is new each time: nobody can fix one beforehand.
func (s *Service) open(ctx context.Context, session Session) (Opened, error) {
	now := time.Now().UTC()
	session.ID, session.CreatedAt, session.SeenAt = database.NewID(), now, now
	session.Agent = firstOf(session.Agent, 300)
	ctx, err := s.sessions.Load(ctx, "")
	if err != nil {
		return Opened{}, err
	}
	s.sessions.Put(ctx, sessionKey, session)
	token, _, err := s.sessions.Commit(ctx)
	return Opened{session, models.Secret(token)}, database.Err(err)
}

// renew gives a caller's session another token, because what it may do has changed; the old token is worth nothing afterwards.
func (s *Service) renew(ctx context.Context, was Session) (Opened, error) {
	if err := s.DB.Read(ctx).Exec("DELETE FROM sessions WHERE id = ?", was.ID).Error; err != nil {
		return Opened{}, database.Err(err)
	}
	return s.open(ctx, was)
}

// OpenWithKey begins a session that may do what an API key may, for as long as the key is good.
func (s *Service) OpenWithKey(ctx context.Context, key string, from From) (Opened, error) {
	caller, err := s.Accounts.Authenticate(ctx, key)
	if err != nil {
		return Opened{}, err
	}
	return s.open(ctx, Session{MerchantID: caller.MerchantID, KeyID: caller.Key.ID, Client: from.Client, Agent: from.Agent})
}

// OpenFromStore begins a session for the owner of a connected Wix site who has opened Waybill from the site's dashboard. He may what a
// member may.
func (s *Service) OpenFromStore(ctx context.Context, signedInstance string, from From) (Opened, error) {
	c, err := s.Accounts.StoreOfOwner(ctx, signedInstance)
	if err != nil {
		return Opened{}, err
	}
	return s.open(ctx, Session{MerchantID: c.MerchantID, StoreID: c.ID, Client: from.Client, Agent: from.Agent})
}

// callerFrom is who acts from a store's dashboard, for as long as the store is connected.
func (s *Service) callerFrom(ctx context.Context, session Session) (accounts.Caller, error) {
	c, err := s.Accounts.Connection(ctx, session.MerchantID, session.StoreID)
	if err != nil {
		return accounts.Caller{}, err
	}
	if c.State == models.ConnectionRemoved {
		return accounts.Caller{}, models.Errorf(models.Unauthenticated, "store_not_connected", "This site is not connected any more.")
	}
	return accounts.Caller{MerchantID: c.MerchantID, Actor: models.Actor("wix:" + c.Name), Role: models.RoleMember, Session: session.ID}, nil
}

// End ends the session of a token. One that is not there is ended already.
func (s *Service) End(ctx context.Context, token string) error {
	ctx, err := s.sessions.Load(ctx, token)
	if err != nil {
		return database.Err(err)
	}
	return database.Err(s.sessions.Destroy(ctx))
}

// Authenticate finds the caller behind a session's token, at the merchant that is asked for, or at the person's own when none is.
// Staff act at no merchant unless they look at one, for a reason and for a while. It answers Unauthenticated for a session that is
// over.
func (s *Service) Authenticate(ctx context.Context, token string, at models.MerchantID) (accounts.Caller, error) {
	ctx, err := s.sessions.Load(ctx, token)
	if err != nil {
		return accounts.Caller{}, database.Err(err)
	}
	session, ok := s.sessions.Get(ctx, sessionKey).(Session)
	if !ok {
		return accounts.Caller{}, models.Errorf(models.Unauthenticated, "session_over", "You are not signed in any more. Sign in again.")
	}
	if now := time.Now().UTC(); now.Sub(session.SeenAt) > seenEvery {
		session.SeenAt = now
		s.sessions.Put(ctx, sessionKey, session)
		if _, _, err := s.sessions.Commit(ctx); err != nil {
			return accounts.Caller{}, database.Err(err)
		}
	}
	if session.StoreID != "" {
		return s.callerFrom(ctx, session)
	}
	if session.PersonID == "" {
		by, err := s.Accounts.CallerOf(ctx, session.MerchantID, session.KeyID)
		by.Session = session.ID
		return by, err
	}
	return s.callerOf(ctx, session, at)
}

// role is what a person is at a merchant.
type role struct {
	models.Person
	MerchantID models.MerchantID
	Role       models.PersonRole
	Reason     string // why support looks
	Demanded   bool   // the merchant wants a second factor of everybody
}

func (s *Service) callerOf(ctx context.Context, session Session, at models.MerchantID) (accounts.Caller, error) {
	if at != "" && !database.ValidID(string(at)) {
		return accounts.Caller{}, notHere()
	}
	var found role
	res := s.DB.Read(ctx).Raw(`SELECT p.id, p.email, p.name, p.staff, p.disabled_at, coalesce(m.merchant_id, v.merchant_id) AS merchant_id, coalesce(m.role, nullif(p.staff, ''), '') AS role, coalesce(v.reason, '') AS reason,
			coalesce((d.settings->>'second_factor')::boolean, false) AS demanded
		FROM people p
		LEFT JOIN memberships m ON m.person_id = p.id AND p.staff = '' AND (m.merchant_id = NULLIF(@at, '')::uuid OR @at = '')
		LEFT JOIN merchants d ON d.id = m.merchant_id
		LEFT JOIN support_views v ON v.person_id = p.id AND p.staff <> '' AND v.merchant_id = NULLIF(@at, '')::uuid AND v.expires_at > clock_timestamp()
		WHERE p.id = @person ORDER BY m.created_at, m.merchant_id LIMIT 1`, map[string]any{"at": string(at), "person": session.PersonID}).Scan(&found)
	if res.Error != nil {
		return accounts.Caller{}, database.Err(res.Error)
	}
	if res.RowsAffected == 0 || found.DisabledAt != nil {
		return accounts.Caller{}, models.Errorf(models.Unauthenticated, "person_disabled", "This account was switched off.")
	}
	by := accounts.Caller{MerchantID: found.MerchantID, Actor: found.Actor(), Person: found.ID, Email: found.Email, Name: found.Name, Role: found.Role, Reason: found.Reason, Session: session.ID}
	switch {
	case (found.Staff != "" || found.Demanded) && !session.Strong:
		by.MerchantID, by.Role, by.WantsFactor = "", "", true
	case at != "" && by.MerchantID == "" && found.Staff != "":
		return by, models.Errorf(models.Forbidden, "view_not_begun", "You are not looking at this merchant, or not any more. Say why, and begin again.")
	case at != "" && by.MerchantID == "":
		return by, notHere()
	}
	return by, nil
}

func notHere() error {
	return models.Errorf(models.Forbidden, "merchant_not_yours", "You have no role at this merchant.")
}

// Session is the session that a caller acts in. It answers NotFound for one that has none, or whose session is over.
func (s *Service) Session(ctx context.Context, by accounts.Caller) (Session, error) {
	var rows []string
	err := s.DB.Read(ctx).Raw("SELECT data->'session' FROM sessions WHERE id = nullif(?, '')::uuid AND expires_at > clock_timestamp()", string(by.Session)).Scan(&rows).Error
	if err != nil {
		return Session{}, database.Err(err)
	}
	if len(rows) == 0 {
		return Session{}, noSession()
	}
	var session Session
	return session, json.Unmarshal([]byte(rows[0]), &session)
}

// Holds reports whether a caller may still do what he began: what lasts asks again.
func (s *Service) Holds(ctx context.Context, by accounts.Caller) (bool, error) {
	if by.Session == "" {
		return s.Accounts.Holds(ctx, by)
	}
	session, err := s.Session(ctx, by)
	if err == nil && session.KeyID != "" {
		return s.Accounts.Holds(ctx, by)
	}
	var now accounts.Caller
	switch {
	case err != nil:
	case session.StoreID != "":
		now, err = s.callerFrom(ctx, session)
	default:
		now, err = s.callerOf(ctx, session, by.MerchantID)
	}
	if errors.Is(err, models.Forbidden) || errors.Is(err, models.Unauthenticated) || errors.Is(err, models.NotFound) {
		return false, nil
	}
	return now.Role == by.Role, err
}

// Sessions are a person's sessions, the newest first.
func (s *Service) Sessions(ctx context.Context, person models.ID) ([]Session, error) {
	var rows []string
	err := s.DB.Read(ctx).Raw("SELECT data->'session' FROM sessions WHERE person_id = ? AND expires_at > clock_timestamp() ORDER BY id DESC LIMIT 100", person).Scan(&rows).Error
	if err != nil {
		return nil, database.Err(err)
	}
	list := make([]Session, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row), &list[i]); err != nil {
			return nil, fmt.Errorf("read a session: %w", err)
		}
	}
	return list, nil
}

// EndSession ends one of a person's sessions, who shows that he knows his password; one that is not his is not there.
func (s *Service) EndSession(ctx context.Context, of Session, password string, id models.ID) error {
	if _, err := s.prove(ctx, of, password, "/password"); err != nil {
		return err
	}
	res := s.DB.Read(ctx).Exec("DELETE FROM sessions WHERE person_id = ? AND id = ?", of.PersonID, id)
	if res.Error == nil && res.RowsAffected == 0 {
		return noSession()
	}
	return database.Err(res.Error)
}

// EndOthers ends all of a person's sessions but the one in which he shows that he knows his password.
func (s *Service) EndOthers(ctx context.Context, of Session, password string) error {
	if _, err := s.prove(ctx, of, password, "/password"); err != nil {
		return err
	}
	return database.Err(s.DB.Read(ctx).Exec("DELETE FROM sessions WHERE person_id = ? AND id <> ?", of.PersonID, of.ID).Error)
}

// EndAll ends all sessions of a merchant's person, or, without a merchant, of somebody of the staff: whoever he is signed in as, anywhere. It is
// for those who manage people, and for a stolen laptop.
func (s *Service) EndAll(ctx context.Context, by models.Actor, m models.MerchantID, person models.ID) error {
	if !database.ValidID(string(person)) {
		return noPerson()
	}
	return s.DB.Of(chainOf(m)).InTx(ctx, func(tx database.Tx) error {
		var his int
		err := tx.Raw("SELECT count(*) FROM people p LEFT JOIN memberships m ON m.person_id = p.id WHERE p.id = ? AND (m.merchant_id::text = ? OR ? = '' AND p.staff <> '')", person, string(m), string(m)).Row().Scan(&his)
		if err != nil || his == 0 {
			return orElse(err, noPerson())
		}
		if err := tx.Exec("DELETE FROM sessions WHERE person_id = ?", person).Error; err != nil {
			return err
		}
		return audit.Append(tx, chainOf(m), audit.Act{By: by, What: models.ActSessionsEnded, Subject: aPerson(person)})
	})
}

func noSession() error {
	return models.Errorf(models.NotFound, "session_not_found", "There is no such session, or it is over.")
}

// stored is a session as the table holds it: what scs keeps, in a form that SQL can read.
type stored struct {
	Deadline time.Time `json:"deadline"`
	Session  Session   `json:"session"`
}

// codec writes sessions as JSON. It implements scs.Codec.
type codec struct{}

func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	session, _ := values[sessionKey].(Session)
	return json.Marshal(stored{deadline, session})
}

func (codec) Decode(raw []byte) (time.Time, map[string]any, error) {
	var s stored
	err := json.Unmarshal(raw, &s)
	return s.Deadline, map[string]any{sessionKey: s.Session}, err
}

// store keeps sessions in PostgreSQL, so that all processes know them and a database's clock ends them. It implements scs.CtxStore.
type store struct{ db *database.DB }

func (st *store) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	var rows []string
	err = st.db.Read(ctx).Raw("SELECT data FROM sessions WHERE token = ? AND expires_at > clock_timestamp()", token).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, false, err
	}
	return []byte(rows[0]), true, nil
}

func (st *store) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("read a session: %w", err)
	}
	if s.Session.Staff {
		for _, end := range []time.Time{s.Session.SeenAt.Add(staffIdle), s.Session.CreatedAt.Add(staffAtMost)} {
			if end.Before(expiry) {
				expiry = end
			}
		}
	}
	var person *models.ID
	if s.Session.PersonID != "" {
		person = &s.Session.PersonID
	}
	// A session that was ended meanwhile stays ended: only a new one is inserted.
	if !s.Session.SeenAt.Equal(s.Session.CreatedAt) {
		return st.db.Read(ctx).Exec("UPDATE sessions SET data = ?, seen_at = ?, expires_at = ? WHERE token = ?", string(data), s.Session.SeenAt, expiry, token).Error
	}
	return st.db.Read(ctx).Exec("INSERT INTO sessions (token, id, person_id, data, seen_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
		token, s.Session.ID, person, string(data), s.Session.SeenAt, expiry).Error
}

func (st *store) DeleteCtx(ctx context.Context, token string) error {
	return st.db.Read(ctx).Exec("DELETE FROM sessions WHERE token = ?", token).Error
}

// The forms without a context are never called: all of ours have one.

func (st *store) Find(token string) ([]byte, bool, error) {
	return st.FindCtx(context.Background(), token)
}

func (st *store) Commit(token string, data []byte, expiry time.Time) error {
	return st.CommitCtx(context.Background(), token, data, expiry)
}

func (st *store) Delete(token string) error { return st.DeleteCtx(context.Background(), token) }
