package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
)

// erasure is the proof that a buyer's data was asked to be erased, and that it was.
type erasure struct {
	ID          models.ID `json:"id" validate:"required"`
	OrderID     models.ID `json:"order_id" validate:"required"`
	OrderNumber string    `json:"order_number" validate:"required" example:"10002"`
	// Waiting until the order no longer needs the address, or done.
	State       string              `json:"state" validate:"required" enums:"waiting,done"`
	Cause       models.ErasureCause `json:"cause" validate:"required" enums:"person,store,operator,retention,disconnected"`
	RequestedAt time.Time           `json:"requested_at" validate:"required"`
	RequestedBy string              `json:"requested_by" validate:"required" example:"person:Ann"`
	Reason      string              `json:"reason,omitempty" example:"The buyer asked for it."`
	DoneAt      *time.Time          `json:"done_at,omitempty"`
	// What there was to be erased.
	Erased []string `json:"erased" validate:"required" example:"name,email,address"`
} //	@name	Erasure

func toErasure(e models.Erasure) erasure {
	out := erasure{
		ID: e.ID, OrderID: e.OrderID, OrderNumber: e.OrderNumber, State: "waiting", Cause: e.Cause, RequestedAt: e.RequestedAt.UTC(), RequestedBy: string(e.RequestedBy),
		Reason: e.Reason, DoneAt: utc(e.DoneAt), Erased: append([]string{}, e.Erased...),
	}
	if e.DoneAt != nil {
		out.State = "done"
	}
	return out
}

type eraseRequest struct {
	Reason string `json:"reason" validate:"max=500" example:"The buyer asked for it."`
} //	@name	EraseRequest

// eraseBuyer has a buyer's data erased.
//
//	@Summary		Erase the buyer's data of an order
//	@Description	The name, addresses, notes and what the store and AliExpress said in full are gone for good; numbers, amounts and what happened stay. While the order may still need the address it waits, and is done when the order has ended.
//	@Tags			privacy
//	@ID				eraseBuyer
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Order id"
//	@Param			request	body		eraseRequest	false	"Why"
//	@Success		200		{object}	erasure			"Done"
//	@Success		202		{object}	erasure			"Waiting"
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/erase [post]
func (s *server) eraseBuyer(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[eraseRequest](s, w, r, true)
	if err != nil {
		return err
	}
	e, err := s.Sync.Erase(r.Context(), caller.MerchantID, pathID(r), models.EraseForPerson, byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	status := http.StatusAccepted
	if e.DoneAt != nil {
		status = http.StatusOK
	}
	return respond(w, status, toErasure(e))
}

type erasurePage struct {
	Erasures   []erasure `json:"erasures" validate:"required"`
	NextCursor string    `json:"next_cursor,omitempty"`
} //	@name	ErasurePage

// listErasures gives one page of the proof.
//
//	@Summary		List erasures
//	@Description	Each time that a buyer's data was asked to be erased, newest first. It holds nothing of the buyer.
//	@Tags			privacy
//	@ID				listErasures
//	@Produce		json
//	@Param			cursor	query		string	false	"next_cursor of the page before"
//	@Param			limit	query		int		false	"Erasures on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200		{object}	erasurePage
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/erasures [get]
func (s *server) listErasures(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	cursor, limit := q.text("cursor", 200), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	page, err := s.Orders.Erasures(r.Context(), caller.MerchantID, cursor, limit)
	if err != nil {
		return err
	}
	out := erasurePage{Erasures: make([]erasure, len(page.Erasures)), NextCursor: page.Next}
	for i, e := range page.Erasures {
		out.Erasures[i] = toErasure(e)
	}
	return respond(w, http.StatusOK, out)
}
