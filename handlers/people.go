package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/people"
)

// member is a person of the merchant.
type member struct {
	ID           models.ID         `json:"id" validate:"required"`
	Email        string            `json:"email" validate:"required" example:"jane@example.com"`
	Name         string            `json:"name" validate:"required" example:"Jane Doe"`
	Role         models.PersonRole `json:"role" validate:"required" enums:"owner,member,read_only"`
	You          bool              `json:"you" validate:"required"`
	SecondFactor bool              `json:"second_factor" validate:"required"`
	// Absent: never.
	SignedInAt *time.Time `json:"signed_in_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at" validate:"required"`
} //	@name	Member

// invited is an open invitation.
type invited struct {
	ID        models.ID         `json:"id" validate:"required"`
	Email     string            `json:"email" validate:"required" example:"jane@example.com"`
	Role      models.PersonRole `json:"role" validate:"required" enums:"owner,member,read_only,support,operator"`
	By        string            `json:"by" validate:"required" example:"person:Jane Doe"`
	CreatedAt time.Time         `json:"created_at" validate:"required"`
	ExpiresAt time.Time         `json:"expires_at" validate:"required"`
	// Where no mail is sent: the link to hand over. It is shown this once and lets in whoever has it.
	Link string `json:"link,omitempty" example:"https://waybill.example.com/invitation#4QJX7LRBMZ2P5KTSVHYDNCWEA3"`
} //	@name	Invitation

func toInvited(i people.Invited) invited {
	return invited{i.ID, i.Email, i.Role, string(i.By), i.CreatedAt.UTC(), i.ExpiresAt.UTC(), i.Link.Reveal()}
}

func toInvitations(list []people.Invited) []invited {
	out := make([]invited, len(list))
	for i, one := range list {
		out[i] = toInvited(one)
	}
	return out
}

type memberList struct {
	// Nobody may do anything here without a second factor, but set one up. Not so of API keys and of who comes from Wix' dashboard.
	SecondFactorNeeded bool      `json:"second_factor_needed" validate:"required"`
	People             []member  `json:"people" validate:"required"`
	Invitations        []invited `json:"invitations" validate:"required"`
} //	@name	MemberList

// listPeople gives the people of the merchant.
//
//	@Summary	List the merchant's people
//	@Tags		people
//	@ID			listPeople
//	@Produce	json
//	@Success	200		{object}	memberList
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/people [get]
func (s *server) listPeople(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	list, err := s.People.Members(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	open, err := s.People.Invitations(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	m, err := s.Accounts.Merchant(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := memberList{SecondFactorNeeded: m.Settings.SecondFactor, People: make([]member, len(list)), Invitations: toInvitations(open)}
	for i, p := range list {
		out.People[i] = member{p.ID, p.Email, p.Name, p.Role, p.ID == caller.Person, p.SecondFactor, utc(p.SignedInAt), p.CreatedAt.UTC()}
	}
	return respond(w, http.StatusOK, out)
}

type inviteRequest struct {
	Email string `json:"email" validate:"required,max=254" example:"jane@example.com"`
	Role  string `json:"role" validate:"required,oneof=owner member read_only" enums:"owner,member,read_only"`
} //	@name	InviteRequest

// invite invites somebody to the merchant.
//
//	@Summary		Invite somebody
//	@Description	Sends a link that is good for 7 days; where no mail is sent, the answer holds it. An invitation to the same address takes the place of the one before.
//	@Tags			people
//	@ID				invite
//	@Accept			json
//	@Produce		json
//	@Param			request	body		inviteRequest	true	"Whom, and as what"
//	@Success		201		{object}	invited
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/people/invitations [post]
func (s *server) invite(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[inviteRequest](s, w, r, false)
	if err != nil {
		return err
	}
	made, err := s.People.Invite(r.Context(), caller.Actor, caller.MerchantID, in.Email, models.PersonRole(in.Role))
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toInvited(made))
}

// uninvite takes an invitation back.
//
//	@Summary	Take an invitation back
//	@Tags		people
//	@ID			uninvite
//	@Produce	json
//	@Param		id	path	string	true	"Invitation id"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/people/invitations/{id} [delete]
func (s *server) uninvite(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.People.Uninvite(r.Context(), caller.Actor, caller.MerchantID, pathID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type roleRequest struct {
	Role string `json:"role" validate:"required,oneof=owner member read_only" enums:"owner,member,read_only"`
} //	@name	RoleRequest

// changeRole gives a person another role.
//
//	@Summary		Change a person's role
//	@Description	Answers 409 (last_owner) for the last owner.
//	@Tags			people
//	@ID				changeRole
//	@Accept			json
//	@Produce		json
//	@Param			id		path	string		true	"Person id"
//	@Param			request	body	roleRequest	true	"The role"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/people/{id} [put]
func (s *server) changeRole(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[roleRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.ChangeRole(r.Context(), caller, pathID(r), models.PersonRole(in.Role)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// removePerson takes a person's role away.
//
//	@Summary		Remove a person
//	@Description	The person may do nothing here from the next request on. Answers 409 (last_owner) for the last owner.
//	@Tags			people
//	@ID				removePerson
//	@Produce		json
//	@Param			id	path	string	true	"Person id"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/people/{id} [delete]
func (s *server) removePerson(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.People.Remove(r.Context(), caller, pathID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type factorRule struct {
	Needed bool `json:"needed"`
} //	@name	SecondFactorRule

// demandFactor says whether everybody needs a second factor.
//
//	@Summary		Demand a second factor of everybody
//	@Description	From the next request on, people who have not signed in with a second factor may do nothing here but set one up; API keys, and who comes from Wix' dashboard, go on. Answers 409 (second_factor_first) to who has not shown one himself.
//	@Tags			people
//	@ID				demandSecondFactor
//	@Accept			json
//	@Produce		json
//	@Param			request	body	factorRule	true	"Whether one is needed"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/people/second-factor [put]
func (s *server) demandFactor(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[factorRule](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.DemandFactor(r.Context(), caller, in.Needed); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endSessionsOf signs a person out everywhere.
//
//	@Summary		Sign a person out everywhere
//	@Description	Ends all of the person's sessions, in all browsers, for a device that was lost. The person may sign in again.
//	@Tags			people
//	@ID				endSessionsOfPerson
//	@Produce		json
//	@Param			id	path	string	true	"Person id"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/people/{id}/sessions [delete]
func (s *server) endSessionsOf(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.People.EndAll(r.Context(), caller.Actor, caller.MerchantID, pathID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
