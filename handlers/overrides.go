package handlers

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
)

// override is a person's decision against what the machine thinks.
type override struct {
	ID   models.ID           `json:"id" validate:"required"`
	Kind models.OverrideKind `json:"kind" validate:"required"`
	// A line's id, or a parcel's.
	Subject string `json:"subject,omitempty"`
	// With line_role: the role.
	Value string `json:"value,omitempty"`
	// What was decided, in words.
	Text      string     `json:"text" validate:"required" example:"The order is closed."`
	Reason    string     `json:"reason" validate:"required"`
	Actor     string     `json:"actor" validate:"required" example:"api:dashboard"`
	CreatedAt time.Time  `json:"created_at" validate:"required"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
} //	@name	Override

func toOverride(o models.Override) override {
	return override{
		ID: o.ID, Kind: o.Kind, Subject: o.Subject, Value: o.Value, Text: o.Text(), Reason: o.Reason, Actor: string(o.Actor),
		CreatedAt: o.CreatedAt.UTC(), ExpiresAt: utc(o.ExpiresAt),
	}
}

func toOverrides(list []models.Override) []override {
	out := make([]override, len(list))
	for i, o := range list {
		out[i] = toOverride(o)
	}
	return out
}

type overrideRequest struct {
	// line_role: a line counts as bought from a supplier, as own stock or as nothing to ship, for this order only.
	// closed: the order is done with. parcel_lost: what is in a parcel has to be bought again.
	Kind     string `json:"kind" validate:"required,oneof=line_role closed parcel_lost" enums:"line_role,closed,parcel_lost"`
	LineID   string `json:"line_id" validate:"required_if=Kind line_role,excluded_unless=Kind line_role,max=100"`
	ParcelID string `json:"parcel_id" validate:"required_if=Kind parcel_lost,excluded_unless=Kind parcel_lost,omitempty,uuid"`
	Role     string `json:"role" validate:"required_if=Kind line_role,excluded_unless=Kind line_role,omitempty,oneof=dropship own ignore" enums:"dropship,own,ignore"`
	Reason   string `json:"reason" validate:"required,max=500" example:"Sent from our own shelf this time."`
	// When it ends by itself; it holds until it is lifted when left out.
	ExpiresAt *time.Time `json:"expires_at" example:"2026-04-01T00:00:00Z"`
} //	@name	OverrideRequest

func (in overrideRequest) into() models.Override {
	o := models.Override{Kind: models.OverrideKind(in.Kind), ExpiresAt: in.ExpiresAt}
	switch o.Kind {
	case models.OverrideLineRole:
		o.Subject, o.Value = in.LineID, in.Role
		if in.Role == "ignore" {
			o.Value = string(models.RoleNoShipping)
		}
	case models.OverrideParcelLost:
		o.Subject = in.ParcelID
	}
	return o
}

// createOverride decides against the machine.
//
//	@Summary		Decide against the machine
//	@Description	A person's decision about one order, with a reason. It is shown, may end by itself, can be lifted, and is flagged where reality goes on against it. Nothing about money can be decided here: whether something is paid is what the store and AliExpress say. A decision of the same kind about the same thing is replaced.
//	@Tags			orders
//	@ID				createOverride
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Order id"
//	@Param			request	body		overrideRequest	true	"The decision"
//	@Success		201		{object}	override
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/overrides [post]
func (s *server) createOverride(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[overrideRequest](s, w, r, false)
	if err != nil {
		return err
	}
	o, err := s.Sync.Override(r.Context(), caller.MerchantID, pathID(r), in.into(), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toOverride(o))
}

// deleteOverride lifts a decision.
//
//	@Summary		Lift a decision
//	@Description	What has truly happened counts again. A parcel stays lost once its contents have been bought again.
//	@Tags			orders
//	@ID				deleteOverride
//	@Produce		json
//	@Param			id		path	string	true	"Order id"
//	@Param			oid		path	string	true	"Override id"
//	@Param			reason	query	string	false	"Shown in the timeline"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/overrides/{oid} [delete]
func (s *server) deleteOverride(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	reason := q.text("reason", 500)
	if err := q.done(); err != nil {
		return err
	}
	err := s.Sync.LiftOverride(r.Context(), caller.MerchantID, pathID(r), models.ID(chi.URLParam(r, "oid")), byPerson(caller, reason))
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
