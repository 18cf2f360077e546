package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/people"
)

// me is who acts: a person, or an API key.
type me struct {
	// Absent for staff who look at no merchant.
	Merchant *meMerchant `json:"merchant,omitempty"`
	Actor    string      `json:"actor" validate:"required" example:"person:Jane Doe"`
	// Absent for an API key.
	Person *mePerson `json:"person,omitempty"`
	// Of the person, at the merchant or on the installation; absent for an API key, and before staff have set up their second factor.
	Role models.PersonRole `json:"role,omitempty" enums:"owner,member,read_only,support,operator"`
	// What the caller is allowed.
	Scopes []models.KeyScope `json:"scopes" validate:"required"`
	// Absent for a person.
	KeyName string `json:"key_name,omitempty" example:"first"`
	// When the key stops working; absent: it does not.
	KeyExpiresAt *time.Time `json:"key_expires_at,omitempty"`
	// Staff look at the merchant, for this reason. Addresses are masked.
	ViewReason string `json:"view_reason,omitempty" example:"Ticket 4711"`
} //	@name	Me

type meMerchant struct {
	ID   models.MerchantID `json:"id" validate:"required"`
	Name string            `json:"name" validate:"required" example:"My shop"`
	Zone string            `json:"zone" validate:"required" example:"Europe/Berlin"`
} //	@name	MeMerchant

type mePerson struct {
	ID    models.ID `json:"id" validate:"required"`
	Email string    `json:"email" validate:"required" example:"jane@example.com"`
	Name  string    `json:"name" validate:"required" example:"Jane Doe"`
	Staff bool      `json:"staff" validate:"required"`
	// Has an authenticator app.
	App bool `json:"app" validate:"required"`
	// How many passkeys.
	Passkeys int `json:"passkeys" validate:"required"`
	// Nothing else is allowed before a second factor is set up.
	WantsFactor bool `json:"wants_factor" validate:"required"`
	// Where the person has a role. To act at another than the first, send its id as Waybill-Merchant.
	Merchants []meMembership `json:"merchants" validate:"required"`
	// Merchants that staff look at, and until when.
	Views []supportView `json:"views" validate:"required"`
} //	@name	MePerson

type meMembership struct {
	ID   models.MerchantID `json:"id" validate:"required"`
	Name string            `json:"name" validate:"required" example:"Green Leaf Goods"`
	Role models.PersonRole `json:"role" validate:"required" enums:"owner,member,read_only"`
} //	@name	MeMembership

// getMe says who acts.
//
//	@Summary	Get who I am
//	@Tags		session
//	@ID			getMe
//	@Produce	json
//	@Success	200		{object}	me
//	@Failure	401		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/me [get]
func (s *server) getMe(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	return s.respondMe(w, r, caller)
}

func (s *server) respondMe(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	out := me{Actor: string(caller.Actor), Role: caller.Role, Scopes: caller.Scopes(), KeyName: caller.Key.Name, KeyExpiresAt: utc(caller.Key.ExpiresAt), ViewReason: caller.Reason}
	if out.Scopes == nil {
		out.Scopes = []models.KeyScope{}
	}
	if caller.MerchantID != "" {
		m, err := s.Accounts.Merchant(r.Context(), caller.MerchantID)
		if err != nil {
			return err
		}
		out.Merchant = &meMerchant{m.ID, m.Name, m.Zone}
	}
	if caller.Person != "" {
		account, err := s.People.Account(r.Context(), caller.Person)
		if err != nil {
			return err
		}
		out.Person = &mePerson{
			ID: account.ID, Email: account.Email, Name: account.Name, Staff: account.Staff != "", App: account.TOTP != nil, Passkeys: len(account.Passkeys), WantsFactor: caller.WantsFactor,
			Merchants: make([]meMembership, len(account.Merchants)), Views: make([]supportView, len(account.Views)),
		}
		for i, m := range account.Merchants {
			out.Person.Merchants[i] = meMembership{m.MerchantID, m.MerchantName, m.Role}
		}
		for i, v := range account.Views {
			out.Person.Views[i] = toSupportView(v)
		}
	}
	return respond(w, http.StatusOK, out)
}

// personal gives a handler the session of the person who acts.
func (s *server) personal(h func(w http.ResponseWriter, r *http.Request, session people.Session) error) authedHandler {
	return func(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
		session, err := s.People.Session(r.Context(), caller)
		if err != nil {
			return err
		}
		return h(w, r, session)
	}
}

// renewed gives the browser the session's new token.
func (s *server) renewed(w http.ResponseWriter, opened people.Opened, err error) error {
	if err != nil {
		return err
	}
	s.setCookie(w, opened.Token)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type passwordRequest struct {
	Current string `json:"current" validate:"required,max=256"`
	New     string `json:"new" validate:"required,max=256"`
} //	@name	PasswordRequest

// changePassword replaces the password.
//
//	@Summary		Change my password
//	@Description	All other sessions end. Answers 422 with password_wrong or password_weak.
//	@Tags			session
//	@ID				changePassword
//	@Accept			json
//	@Produce		json
//	@Param			request	body	passwordRequest	true	"The present password and the new one"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		429		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/me/password [put]
func (s *server) changePassword(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[passwordRequest](s, w, r, false)
	if err != nil {
		return err
	}
	opened, err := s.People.ChangePassword(r.Context(), session, in.Current, in.New)
	return s.renewed(w, opened, err)
}

type mySession struct {
	ID        models.ID `json:"id" validate:"required"`
	Current   bool      `json:"current" validate:"required"`
	Client    string    `json:"client" validate:"required" example:"203.0.113.7"`
	Agent     string    `json:"agent" validate:"required" example:"Mozilla/5.0"`
	CreatedAt time.Time `json:"created_at" validate:"required"`
	// To the minute.
	SeenAt time.Time `json:"seen_at" validate:"required"`
} //	@name	Session

type mySessionList struct {
	Sessions []mySession `json:"sessions" validate:"required"`
} //	@name	SessionList

// listMySessions gives the browsers in which one is signed in.
//
//	@Summary	List my sessions
//	@Tags		session
//	@ID			listMySessions
//	@Produce	json
//	@Success	200		{object}	mySessionList
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/me/sessions [get]
func (s *server) listMySessions(w http.ResponseWriter, r *http.Request, session people.Session) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	list, err := s.People.Sessions(r.Context(), session.PersonID)
	if err != nil {
		return err
	}
	out := mySessionList{Sessions: make([]mySession, len(list))}
	for i, one := range list {
		out.Sessions[i] = mySession{ID: one.ID, Current: one.ID == session.ID, Client: one.Client, Agent: one.Agent, CreatedAt: one.CreatedAt, SeenAt: one.SeenAt}
	}
	return respond(w, http.StatusOK, out)
}

type endSessions struct {
	proof
	// Which; all but this one when left out.
	ID string `json:"id" validate:"omitempty,uuid"`
} //	@name	EndSessionsRequest

// endMySessions ends one session, or all but this one.
//
//	@Summary		End my other sessions
//	@Description	One of them, or all but this one. Answers 422 with password_wrong.
//	@Tags			session
//	@ID				endMySessions
//	@Accept			json
//	@Produce		json
//	@Param			request	body	endSessions	true	"The password, and which"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		429		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/me/sessions/end [post]
func (s *server) endMySessions(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[endSessions](s, w, r, false)
	if err != nil {
		return err
	}
	if in.ID == "" {
		err = s.People.EndOthers(r.Context(), session, in.Password)
	} else {
		err = s.People.EndSession(r.Context(), session, in.Password, models.ID(in.ID))
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type proof struct {
	// The present password, so that a browser left open is not enough.
	Password string `json:"password" validate:"required,max=256"`
} //	@name	PasswordProof

type newApp struct {
	// Goes back with the first code, within 15 minutes.
	Token string `json:"token" validate:"required"`
	// For typing it into an authenticator app.
	Secret string `json:"secret" validate:"required" example:"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"`
	// The same as a link, for a QR code.
	URL string `json:"url" validate:"required" example:"otpauth://totp/Waybill:jane@example.com?secret=JBSWY3DP&issuer=Waybill"`
} //	@name	NewAuthenticatorApp

// beginApp makes the secret of an authenticator app.
//
//	@Summary		Begin to set up an authenticator app
//	@Description	It counts once its first code was given. Whoever has a second factor already must have signed in with it.
//	@Tags			session
//	@ID				beginAuthenticatorApp
//	@Accept			json
//	@Produce		json
//	@Param			request	body		proof	true	"The password"
//	@Success		200		{object}	newApp
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		429		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/me/authenticator-app [post]
func (s *server) beginApp(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[proof](s, w, r, false)
	if err != nil {
		return err
	}
	app, err := s.People.BeginApp(r.Context(), session, in.Password)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, newApp{app.Token.Reveal(), app.Secret.Reveal(), app.URL.Reveal()})
}

type appCode struct {
	Token string `json:"token" validate:"required,max=100"`
	Code  string `json:"code" validate:"required,len=6,numeric" example:"287082"`
} //	@name	AuthenticatorAppCode

// finishApp begins to ask for its codes.
//
//	@Summary	Finish setting up an authenticator app
//	@Tags		session
//	@ID			finishAuthenticatorApp
//	@Accept		json
//	@Produce	json
//	@Param		request	body	appCode	true	"The first code"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	429		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/me/authenticator-app [put]
func (s *server) finishApp(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[appCode](s, w, r, false)
	if err != nil {
		return err
	}
	opened, err := s.People.FinishApp(r.Context(), session, in.Token, in.Code)
	var wrong *models.Error
	if errors.As(err, &wrong) && wrong.Code == "code_wrong" { // the caller is known, the code is input
		e := models.Errorf(models.Invalid, wrong.Code, "%s", wrong.Detail)
		e.Fields = []models.FieldError{{Pointer: "/code", Reason: "is not what the app shows now"}}
		err = e
	}
	return s.renewed(w, opened, err)
}

// removeApp ends its codes.
//
//	@Summary	Remove my authenticator app
//	@Tags		session
//	@ID			removeAuthenticatorApp
//	@Accept		json
//	@Produce	json
//	@Param		request	body	proof	true	"The password"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	409		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	429		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/me/authenticator-app/remove [post]
func (s *server) removeApp(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[proof](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.RemoveApp(r.Context(), session, in.Password); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type myPasskey struct {
	ID         string     `json:"id" validate:"required"`
	Name       string     `json:"name" validate:"required" example:"Jane's laptop"`
	CreatedAt  time.Time  `json:"created_at" validate:"required"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
} //	@name	Passkey

type myPasskeyList struct {
	Passkeys []myPasskey `json:"passkeys" validate:"required"`
} //	@name	PasskeyList

// listMyPasskeys gives one's passkeys.
//
//	@Summary	List my passkeys
//	@Tags		session
//	@ID			listMyPasskeys
//	@Produce	json
//	@Success	200		{object}	myPasskeyList
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/me/passkeys [get]
func (s *server) listMyPasskeys(w http.ResponseWriter, r *http.Request, session people.Session) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	list, err := s.People.Passkeys(r.Context(), session.PersonID)
	if err != nil {
		return err
	}
	out := myPasskeyList{Passkeys: make([]myPasskey, len(list))}
	for i, p := range list {
		out.Passkeys[i] = myPasskey{ID: p.ID, Name: p.Name, CreatedAt: p.CreatedAt.UTC(), LastUsedAt: utc(p.LastUsedAt)}
	}
	return respond(w, http.StatusOK, out)
}

// beginPasskey asks the browser to make a passkey.
//
//	@Summary	Begin to make a passkey
//	@Tags		session
//	@ID			beginPasskey
//	@Accept		json
//	@Produce	json
//	@Param		request	body		proof	true	"The password"
//	@Success	200		{object}	ceremony
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	409		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	429		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/me/passkeys/question [post]
func (s *server) beginPasskey(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[proof](s, w, r, false)
	if err != nil {
		return err
	}
	c, err := s.People.BeginPasskey(r.Context(), session, in.Password)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toCeremony(c))
}

type newPasskey struct {
	passkeyAnswer
	Name string `json:"name" validate:"required,max=60" example:"Jane's laptop"`
} //	@name	NewPasskeyRequest

// finishPasskey keeps the passkey that was made.
//
//	@Summary		Keep a new passkey
//	@Description	All other sessions end.
//	@Tags			session
//	@ID				finishPasskey
//	@Accept			json
//	@Produce		json
//	@Param			request	body	newPasskey	true	"What the authenticator made, and a name for it"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/me/passkeys [post]
func (s *server) finishPasskey(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[newPasskey](s, w, r, false)
	if err != nil {
		return err
	}
	opened, err := s.People.FinishPasskey(r.Context(), session, in.Token, in.Name, in.Credential)
	return s.renewed(w, opened, err)
}

// removePasskey removes a passkey.
//
//	@Summary		Remove one of my passkeys
//	@Description	Whoever has a second factor must have signed in with it.
//	@Tags			session
//	@ID				removePasskey
//	@Accept			json
//	@Produce		json
//	@Param			key		path	string	true	"Passkey id"
//	@Param			request	body	proof	true	"The password"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		429		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/me/passkeys/{key}/remove [post]
func (s *server) removePasskey(w http.ResponseWriter, r *http.Request, session people.Session) error {
	in, err := decode[proof](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.RemovePasskey(r.Context(), session, in.Password, chi.URLParam(r, "key")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
