package handlers

import (
	"context"
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/orders"
)

// storeFulfillment is what the store itself shows of one shipment.
type storeFulfillment struct {
	FulfillmentID  string         `json:"fulfillment_id" validate:"required"`
	TrackingNumber string         `json:"tracking_number,omitempty" example:"LP00612345678901"`
	Carrier        string         `json:"carrier,omitempty" example:"usps"`
	Link           string         `json:"link,omitempty"`
	Lines          []lineQuantity `json:"lines" validate:"required"`
	FirstSeenAt    time.Time      `json:"first_seen_at" validate:"required"`
} //	@name	StoreFulfillment

func toStoreFulfillment(s models.StoreFulfillment) storeFulfillment {
	return storeFulfillment{FulfillmentID: s.FulfillmentID, TrackingNumber: s.Number, Carrier: s.Carrier, Link: s.Link, Lines: toQuantities(s.Lines), FirstSeenAt: s.SeenAt.UTC()}
}

func toStoreFulfillments(list []models.StoreFulfillment) []storeFulfillment {
	out := make([]storeFulfillment, len(list))
	for i, s := range list {
		out[i] = toStoreFulfillment(s)
	}
	return out
}

func toQuantities(lines []models.FulfillmentLine) []lineQuantity {
	out := make([]lineQuantity, len(lines))
	for i, l := range lines {
		out[i] = lineQuantity{l.LineID, l.Quantity}
	}
	return out
}

// mismatch is a parcel about which its store does not show what it should.
type mismatch struct {
	// mismatch: the store shows something else than it had confirmed. push_refused: it said no. push_unconfirmed: it has not confirmed in time.
	Kind        models.FlagCode `json:"kind" validate:"required" enums:"mismatch,push_refused,push_unconfirmed"`
	FlagID      models.ID       `json:"flag_id" validate:"required"`
	OrderID     models.ID       `json:"order_id" validate:"required"`
	OrderNumber string          `json:"order_number" validate:"required" example:"10002"`
	StoreID     models.ID       `json:"store_id" validate:"required"`
	// What the store should show.
	Push push `json:"push" validate:"required"`
	// What it shows of the same goods, as last read; absent when it shows nothing.
	Shown *storeFulfillment `json:"shown,omitempty"`
	// How long it has been so.
	Since      time.Time `json:"since" validate:"required"`
	Detail     string    `json:"detail" validate:"required"`
	NextAction string    `json:"next_action" validate:"required"`
} //	@name	Mismatch

type mismatchPage struct {
	Mismatches []mismatch `json:"mismatches" validate:"required"`
	NextCursor string     `json:"next_cursor,omitempty"`
} //	@name	MismatchPage

// listMismatches gives one page of what stands between stores and Waybill.
//
//	@Summary		List mismatches
//	@Description	Parcels about which a store does not show what it should: something else than it had confirmed, a refusal, or no confirmation for more than 10 minutes. Newest first.
//	@Tags			pushes
//	@ID				listMismatches
//	@Produce		json
//	@Param			cursor	query		string	false	"next_cursor of the page before"
//	@Param			limit	query		int		false	"Mismatches on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200		{object}	mismatchPage
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/mismatches [get]
func (s *server) listMismatches(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	cursor, limit := q.text("cursor", 500), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	list, next, err := s.Orders.Mismatches(r.Context(), caller.MerchantID, cursor, limit)
	if err != nil {
		return err
	}
	out := mismatchPage{Mismatches: make([]mismatch, len(list)), NextCursor: next}
	for i, m := range list {
		out.Mismatches[i] = mismatch{
			Kind: m.Flag.Code, FlagID: m.Flag.ID, OrderID: m.Push.OrderID, OrderNumber: m.Flag.OrderNumber, StoreID: m.Push.StoreID,
			Push: toPush(m.Push), Since: m.Since.UTC(), Detail: m.Flag.Detail, NextAction: m.Flag.NextAction,
		}
		if m.Shown != nil {
			shown := toStoreFulfillment(*m.Shown)
			out.Mismatches[i].Shown = &shown
		}
	}
	return respond(w, http.StatusOK, out)
}

// fixPush tells the store again, whatever it shows.
//
//	@Summary		Make the store right
//	@Description	Tells the store again about a parcel and replaces what it shows instead. A fulfillment that is there is changed in place wherever Wix allows, so that the buyer is not mailed again. The body may be left out.
//	@Tags			pushes
//	@ID				fixPush
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Push id"
//	@Param			request	body		retryRequest	false	"Reason"
//	@Success		202		{object}	orderDetail
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/pushes/{id}/fix [post]
func (s *server) fixPush(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	return s.decidePush(w, r, caller, s.Sync.FixPush)
}

// overwritePush replaces a number that a person gave the store.
//
//	@Summary		Overwrite the number in the store
//	@Description	For a push that was refused because the store shows the goods under another number. Anything else is answered with 409. The body may be left out.
//	@Tags			pushes
//	@ID				overwritePush
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Push id"
//	@Param			request	body		retryRequest	false	"Reason"
//	@Success		202		{object}	orderDetail
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/pushes/{id}/overwrite [post]
func (s *server) overwritePush(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	return s.decidePush(w, r, caller, s.Sync.OverwritePush)
}

func (s *server) decidePush(w http.ResponseWriter, r *http.Request, caller accounts.Caller, decide func(context.Context, models.MerchantID, models.ID, orders.By) (models.ID, error)) error {
	in, err := decode[retryRequest](s, w, r, true)
	if err != nil {
		return err
	}
	orderID, err := decide(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return s.respondOrder(w, r, caller, orderID, http.StatusAccepted)
}

func (s *server) respondOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller, id models.ID, status int) error {
	d, err := s.Orders.Detail(r.Context(), caller.MerchantID, id)
	if err != nil {
		return err
	}
	return respond(w, status, toDetail(d, caller))
}

// acceptPush lets stand what the store shows.
//
//	@Summary		Accept what the store shows
//	@Description	For a push that was confirmed or refused: the store's version stands and is compared no more. A number that AliExpress gives anew is told again, but never written over another one without asking.
//	@Tags			pushes
//	@ID				acceptPush
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Push id"
//	@Param			request	body		reasonRequest	true	"Why"
//	@Success		200		{object}	orderDetail
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/pushes/{id}/accept [post]
func (s *server) acceptPush(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[reasonRequest](s, w, r, false)
	if err != nil {
		return err
	}
	orderID, err := s.Sync.AcceptPush(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return s.respondOrder(w, r, caller, orderID, http.StatusOK)
}

// fulfilWithoutNumber has goods shown as shipped that have no number.
//
//	@Summary		Fulfil without a number
//	@Description	Has the store show as shipped what AliExpress has shipped without a tracking number. A number that comes later is added to the same fulfillment.
//	@Tags			orders
//	@ID				fulfilWithoutNumber
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Order id"
//	@Param			request	body		reasonRequest	true	"Why"
//	@Success		202		{object}	orderDetail
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/fulfil-without-number [post]
func (s *server) fulfilWithoutNumber(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[reasonRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.Sync.WithoutNumber(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason)); err != nil {
		return err
	}
	return s.respondOrder(w, r, caller, pathID(r), http.StatusAccepted)
}
