package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/people"
)

// merchantHeader says at which merchant somebody acts who may at several.
const merchantHeader = "Waybill-Merchant"

// caller finds who a request comes from: a bearer key or, without one, a session's cookie.
func (s *server) caller(r *http.Request) (accounts.Caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return s.keyCaller(r, header)
	}
	cookie, err := r.Cookie(s.cookie(sessionCookie))
	if err != nil {
		return accounts.Caller{}, models.Errorf(models.Unauthenticated, "key_missing", "Sign in, or send your API key as Authorization: Bearer <key>.")
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site": // a link elsewhere would start an export, or show an answer as a page
		return accounts.Caller{}, crossOrigin()
	}
	return s.People.Authenticate(r.Context(), cookie.Value, models.MerchantID(r.Header.Get(merchantHeader)))
}

func (s *server) keyCaller(r *http.Request, header string) (accounts.Caller, error) {
	scheme, key, _ := strings.Cut(header, " ")
	if key = strings.TrimSpace(key); !strings.EqualFold(scheme, "Bearer") || key == "" {
		return accounts.Caller{}, models.Errorf(models.Unauthenticated, "key_missing", "Send your API key as Authorization: Bearer <key>.")
	}
	caller, err := s.Accounts.Authenticate(r.Context(), key)
	var refusal *models.Error
	if errors.As(err, &refusal) && refusal.Code == accounts.KeyUnknown { // guessing keys is hopeless, and noisy
		if limit := s.People.Try(r.Context(), people.TriesOfKeys, client(r)); limit != nil {
			return caller, limit
		}
	}
	return caller, err
}

// sessionCookie holds the token of a session.
const sessionCookie = "waybill"

// setCookie gives a browser its session; an empty token takes it away. It ends with the browser, and on the server long before.
func (s *server) setCookie(w http.ResponseWriter, token models.Secret) {
	c := &http.Cookie{ //nolint:gosec // Secure wherever there is https
		Name: s.cookie(sessionCookie), Value: token.Reveal(), Path: "/", HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
	if s.Embedded { // within another site's page, and there apart from what is kept outside of it
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func from(r *http.Request) people.From { return people.From{Client: client(r), Agent: r.UserAgent()} }

// signedIn answers what a sign-in is answered: the session as a cookie, and who it is.
func (s *server) signedIn(w http.ResponseWriter, r *http.Request, opened people.Opened) error {
	if opened.Token == "" { // what was asked for is done, but the second factor has to be shown
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	caller, err := s.People.Authenticate(r.Context(), opened.Token.Reveal(), "")
	if err != nil {
		return err
	}
	infoOf(r).caller = caller
	s.setCookie(w, opened.Token)
	return s.respondMe(w, r, caller)
}

type signInRequest struct {
	Email    string `json:"email" validate:"max=254,required_without=APIKey" example:"jane@example.com"`
	Password string `json:"password" validate:"max=256,required_with=Email"`
	// What the authenticator app shows, for those who have one.
	Code string `json:"code" validate:"omitempty,len=6,numeric" example:"287082"`
	// Instead of a person: the session may do what this API key may.
	APIKey string `json:"api_key" validate:"max=200,excluded_with=Email"`
} //	@name	SignInRequest

// signIn opens a session.
//
//	@Summary		Sign in
//	@Description	Opens a session and sets its cookie, which browsers send by themselves. Answers 401 with code_needed where the person has an authenticator app and gave no code, with code_wrong, with passkey_needed where the person has passkeys and no app, or with sign_in_refused; 429 after 5 wrong tries of one person, or too many from one address, in 15 minutes. A session ends after 2 hours without use and after 12 hours at the latest; staff's after 15 minutes and 8 hours.
//	@Tags			session
//	@ID				signIn
//	@Accept			json
//	@Produce		json
//	@Param			request	body		signInRequest	true	"Who, and what proves it"
//	@Success		200		{object}	me
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		429		{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/session [post]
func (s *server) signIn(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[signInRequest](s, w, r, false)
	if err != nil {
		return err
	}
	var opened people.Opened
	if in.APIKey != "" {
		if _, err = s.keyCaller(r, "Bearer "+in.APIKey); err == nil {
			opened, err = s.People.OpenWithKey(r.Context(), strings.TrimSpace(in.APIKey), from(r))
		}
	} else {
		opened, err = s.People.SignIn(r.Context(), people.Credentials{Email: in.Email, Password: in.Password, Code: in.Code}, from(r))
	}
	if err != nil {
		return err
	}
	return s.signedIn(w, r, opened)
}

type wixSignInRequest struct {
	// The query value "instance" with which Wix opens the page.
	Instance string `json:"instance" validate:"required,max=16384"`
} //	@name	WixSignInRequest

// signInFromWix opens a session from a site's own dashboard.
//
//	@Summary		Sign in from the dashboard of a Wix site
//	@Description	For owners and contributors of a connected site, where the operator has switched embedding on. They may what a member may. Answers 401 (wix_instance_signature, wix_instance_expired), 403 (wix_not_owner, embedding_off) or 404 (store_not_connected).
//	@Tags			session
//	@ID				signInFromWix
//	@Accept			json
//	@Produce		json
//	@Param			request	body		wixSignInRequest	true	"What Wix has signed"
//	@Success		200		{object}	me
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/session/wix [post]
func (s *server) signInFromWix(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[wixSignInRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if !s.Embedded {
		return models.Errorf(models.Forbidden, "embedding_off", "Waybill is not shown within Wix here.")
	}
	opened, err := s.People.OpenFromStore(r.Context(), in.Instance, from(r))
	if err != nil {
		return err
	}
	return s.signedIn(w, r, opened)
}

// signOut ends the session.
//
//	@Summary		Sign out
//	@Description	Ends the session at once. There is nothing to end for an API key.
//	@Tags			session
//	@ID				signOut
//	@Produce		json
//	@Success		204
//	@Failure		default	{object}	problem
//	@Router			/session [delete]
func (s *server) signOut(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(s.cookie(sessionCookie)); err == nil {
		if err := s.People.End(r.Context(), cookie.Value); err != nil {
			return err
		}
	}
	s.setCookie(w, "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ceremony is a question to the browser's authenticator.
type ceremony struct {
	// Goes back with the answer, within 5 minutes.
	Token string `json:"token" validate:"required"`
	// What navigator.credentials.get or .create takes, with binary fields in base64url.
	Options json.RawMessage `json:"options" validate:"required" swaggertype:"object"`
} //	@name	PasskeyQuestion

func toCeremony(c people.Ceremony) ceremony { return ceremony{c.Token.Reveal(), c.Options} }

// beginPasskeySignIn asks for a passkey.
//
//	@Summary	Begin to sign in with a passkey
//	@Tags		session
//	@ID			beginPasskeySignIn
//	@Produce	json
//	@Success	200		{object}	ceremony
//	@Failure	default	{object}	problem
//	@Router		/session/passkey/question [post]
func (s *server) beginPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	c, err := s.People.BeginPasskeySignIn(r.Context())
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toCeremony(c))
}

type passkeyAnswer struct {
	Token string `json:"token" validate:"required,max=100"`
	// What the authenticator answered, as PublicKeyCredential.toJSON gives it.
	Credential json.RawMessage `json:"credential" validate:"required" swaggertype:"object"`
} //	@name	PasskeyAnswer

// finishPasskeySignIn opens a session for the owner of a passkey.
//
//	@Summary	Sign in with a passkey
//	@Tags		session
//	@ID			finishPasskeySignIn
//	@Accept		json
//	@Produce	json
//	@Param		request	body		passkeyAnswer	true	"What the authenticator answered"
//	@Success	200		{object}	me
//	@Failure	401		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	429		{object}	problem
//	@Failure	default	{object}	problem
//	@Router		/session/passkey [post]
func (s *server) finishPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[passkeyAnswer](s, w, r, false)
	if err != nil {
		return err
	}
	opened, err := s.People.FinishPasskeySignIn(r.Context(), in.Token, in.Credential, from(r))
	if err != nil {
		return err
	}
	return s.signedIn(w, r, opened)
}

type mailLinkRequest struct {
	Email string `json:"email" validate:"required,max=254" example:"jane@example.com"`
} //	@name	MailLinkRequest

// askForReset has a link to a new password sent.
//
//	@Summary		Ask for a new password
//	@Description	Answers 202 whether there is such a person or not; whoever is there gets a mail. Answers 409 (mail_off) where no mail is sent: then the operator makes the link.
//	@Tags			session
//	@ID				askForPasswordReset
//	@Accept			json
//	@Produce		json
//	@Param			request	body	mailLinkRequest	true	"Whose"
//	@Success		202
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		429		{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/password-resets [post]
func (s *server) askForReset(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[mailLinkRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.AskForReset(r.Context(), in.Email, from(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

type resetRequest struct {
	// From the link, behind the #.
	Token    string `json:"token" validate:"required,max=100"`
	Password string `json:"password" validate:"required,max=256"`
} //	@name	PasswordResetRequest

// resetPassword sets a new password.
//
//	@Summary		Set a new password with a link
//	@Description	All sessions of the person end. Answers 422 with password_weak, or with link_over when the link was used or is too old.
//	@Tags			session
//	@ID				resetPassword
//	@Accept			json
//	@Produce		json
//	@Param			request	body	resetRequest	true	"The link's token and the password"
//	@Success		204
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/password-resets/use [post]
func (s *server) resetPassword(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[resetRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.Reset(r.Context(), in.Token, in.Password); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// askToSignUp has a link sent with which a merchant signs up.
//
//	@Summary		Ask to sign up
//	@Description	Answers 202 whether there is an account with this address already or not. Answers 403 (sign_up_off) where the operator does not let merchants sign up by themselves, and 409 (mail_off) where no mail is sent.
//	@Tags			session
//	@ID				askToSignUp
//	@Accept			json
//	@Produce		json
//	@Param			request	body	mailLinkRequest	true	"Who"
//	@Success		202
//	@Failure		403		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		429		{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/sign-ups [post]
func (s *server) askToSignUp(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[mailLinkRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.AskToSignUp(r.Context(), in.Email, from(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

type signUpRequest struct {
	// From the link, behind the #.
	Token    string `json:"token" validate:"required,max=100"`
	Merchant string `json:"merchant" validate:"required,max=100" example:"Green Leaf Goods"`
	Zone     string `json:"zone" validate:"required,max=60" example:"Europe/Berlin"`
	Name     string `json:"name" validate:"required,max=60" example:"Jane Doe"`
	Password string `json:"password" validate:"required,max=256"`
} //	@name	SignUpRequest

// signUp makes a merchant and its owner.
//
//	@Summary	Sign up with a link
//	@Tags		session
//	@ID			signUp
//	@Accept		json
//	@Produce	json
//	@Param		request	body		signUpRequest	true	"The link's token, and who signs up"
//	@Success	200		{object}	me
//	@Failure	422		{object}	problem
//	@Failure	default	{object}	problem
//	@Router		/sign-ups/use [post]
func (s *server) signUp(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[signUpRequest](s, w, r, false)
	if err != nil {
		return err
	}
	opened, err := s.People.SignUpNow(r.Context(), in.Token, in.Merchant, in.Zone, people.NewPerson{Name: in.Name, Password: in.Password}, from(r))
	if err != nil {
		return err
	}
	return s.signedIn(w, r, opened)
}

type invitationToken struct {
	// From the link, behind the #.
	Token string `json:"token" validate:"required,max=100"`
} //	@name	InvitationToken

// offer is what an invitation offers to whoever has its link.
type offer struct {
	Email string            `json:"email" validate:"required" example:"jane@example.com"`
	Role  models.PersonRole `json:"role" validate:"required" enums:"owner,member,read_only,support,operator"`
	// Absent for the staff of the installation.
	Merchant string `json:"merchant,omitempty" example:"Green Leaf Goods"`
	By       string `json:"by" validate:"required" example:"person:Jane Doe"`
	// There is an account with this address: give its password.
	Known bool `json:"known" validate:"required"`
} //	@name	InvitationOffer

// readInvitation says what an invitation offers.
//
//	@Summary	Read an invitation
//	@Tags		session
//	@ID			readInvitation
//	@Accept		json
//	@Produce	json
//	@Param		request	body		invitationToken	true	"The link's token"
//	@Success	200		{object}	offer
//	@Failure	422		{object}	problem
//	@Failure	default	{object}	problem
//	@Router		/invitations/read [post]
func (s *server) readInvitation(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[invitationToken](s, w, r, false)
	if err != nil {
		return err
	}
	got, err := s.People.Invitation(r.Context(), in.Token)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, offer{Email: got.Email, Role: got.Role, Merchant: got.Merchant, By: string(got.By), Known: got.Known})
}

type acceptRequest struct {
	invitationToken
	// Left out by whoever has an account.
	Name     string `json:"name" validate:"max=60" example:"Jane Doe"`
	Password string `json:"password" validate:"required,max=256"`
} //	@name	AcceptInvitationRequest

// acceptInvitation takes an invitation.
//
//	@Summary		Accept an invitation
//	@Description	Makes the account, or gives the role to the account that is there. Answers 204 when it is done but the person has to sign in with his second factor.
//	@Tags			session
//	@ID				acceptInvitation
//	@Accept			json
//	@Produce		json
//	@Param			request	body		acceptRequest	true	"The link's token, and who accepts"
//	@Success		200		{object}	me
//	@Success		204
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/invitations/accept [post]
func (s *server) acceptInvitation(w http.ResponseWriter, r *http.Request) error {
	in, err := decode[acceptRequest](s, w, r, false)
	if err != nil {
		return err
	}
	opened, err := s.People.Accept(r.Context(), in.Token, people.NewPerson{Name: in.Name, Password: in.Password}, from(r))
	if err != nil {
		return err
	}
	return s.signedIn(w, r, opened)
}
