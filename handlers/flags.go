package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/orders"
)

// flag is something that needs a person.
type flag struct {
	ID         models.ID       `json:"id" validate:"required"`
	Code       models.FlagCode `json:"code" validate:"required"`
	Owner      string          `json:"owner" validate:"required" enums:"merchant,supplier,waybill"`
	Detail     string          `json:"detail" validate:"required"`
	NextAction string          `json:"next_action" validate:"required"`
	Deadline   *time.Time      `json:"deadline,omitempty"`
	OpenedAt   time.Time       `json:"opened_at" validate:"required"`
	// What it is about within its order: the id of a supplier order, a parcel, a push or a decision, or a line's id.
	Subject string `json:"subject,omitempty"`
	// Put off by a person until then: it does not count meanwhile.
	SnoozedUntil *time.Time `json:"snoozed_until,omitempty"`
	SnoozedBy    string     `json:"snoozed_by,omitempty" example:"api:dashboard"`
	SnoozedWhy   string     `json:"snoozed_why,omitempty"`
	ClosedAt     *time.Time `json:"closed_at,omitempty"`
	ClosedBy     string     `json:"closed_by,omitempty"`
	ClosedWhy    string     `json:"closed_why,omitempty"`
} //	@name	Flag

func toFlag(f models.Flag) flag {
	out := flag{
		ID: f.ID, Code: f.Code, Owner: f.Owner, Detail: f.Detail, NextAction: f.NextAction, Deadline: utc(f.Deadline), OpenedAt: f.OpenedAt.UTC(), Subject: f.Subject,
		ClosedAt: utc(f.ClosedAt), ClosedBy: f.ClosedBy, ClosedWhy: f.ClosedWhy,
	}
	if f.SnoozedUntil != nil {
		out.SnoozedUntil, out.SnoozedBy, out.SnoozedWhy = utc(f.SnoozedUntil), f.SnoozedBy, f.SnoozedWhy
	}
	return out
}

// flagRow is a flag as worklists show it.
type flagRow struct {
	flag
	OrderID     *models.ID `json:"order_id,omitempty"`
	OrderNumber string     `json:"order_number,omitempty" example:"10002"`
	StoreID     models.ID  `json:"store_id,omitempty"`
	// Set for a flag of a store or a supplier account.
	ConnectionID *models.ID `json:"connection_id,omitempty"`
	// When it is about one supplier order: its number, and the page on AliExpress where it is paid or cancelled.
	SupplierOrderNumber string `json:"supplier_order_number,omitempty" example:"8198352049851315"`
	SupplierLink        string `json:"supplier_link,omitempty" example:"https://www.aliexpress.com/p/order/detail.html?orderId=8198352049851315"`
} //	@name	FlagRow

type flagPage struct {
	Flags      []flagRow `json:"flags" validate:"required"`
	NextCursor string    `json:"next_cursor,omitempty"`
} //	@name	FlagPage

func (s *server) toFlagRow(f orders.FlagRow) flagRow {
	return flagRow{
		flag: toFlag(f.Flag), OrderID: f.OrderID, OrderNumber: f.OrderNumber, StoreID: f.StoreID, ConnectionID: f.ConnectionID,
		SupplierOrderNumber: f.SupplierNumber, SupplierLink: models.SupplierPage(f.SupplierNumber),
	}
}

// listFlags gives one page of what needs a person.
//
//	@Summary		List open flags
//	@Description	What needs a person, of orders and of connections. Those that were put off are left out unless asked for. code=stop_request lists the supplier orders to stop, each with its page on AliExpress.
//	@Tags			flags
//	@ID				listFlags
//	@Produce		json
//	@Param			code		query		string	false	"Only this code"
//	@Param			owner		query		string	false	"Only what this one has to do"	Enums(merchant, supplier, waybill)
//	@Param			store_id	query		string	false	"Only this store"
//	@Param			snoozed		query		string	false	"Those that were put off"	Enums(exclude, only, include)	default(exclude)
//	@Param			sort		query		string	false	"Newest first, or soonest deadline first with those without one last"	Enums(newest, deadline)	default(newest)
//	@Param			cursor		query		string	false	"next_cursor of the page before, with the same filters"
//	@Param			limit		query		int		false	"Flags on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200			{object}	flagPage
//	@Failure		401			{object}	problem
//	@Failure		422			{object}	problem
//	@Failure		default		{object}	problem
//	@Security		BearerAuth
//	@Router			/flags [get]
func (s *server) listFlags(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	f := orders.FlagFilter{
		Code:    models.FlagCode(q.text("code", 60)),
		Owner:   q.oneOf("owner", models.OwnerMerchant, models.OwnerSupplier, models.OwnerWaybill),
		StoreID: q.id("store_id"),
		Snoozed: map[string]string{"only": orders.FlagsSnoozed, "include": orders.FlagsAll}[q.oneOf("snoozed", "exclude", "only", "include")],
		Soonest: q.oneOf("sort", "newest", "deadline") == "deadline",
		Cursor:  q.text("cursor", 500),
		Limit:   q.limit(),
	}
	if err := q.done(); err != nil {
		return err
	}
	page, err := s.Orders.Flags(r.Context(), caller.MerchantID, f)
	if err != nil {
		return err
	}
	out := flagPage{Flags: make([]flagRow, len(page.Flags)), NextCursor: page.Next}
	for i, row := range page.Flags {
		out.Flags[i] = s.toFlagRow(row)
	}
	return respond(w, http.StatusOK, out)
}

type snoozeRequest struct {
	Until  time.Time `json:"until" validate:"required" example:"2026-03-16T08:00:00Z"`
	Reason string    `json:"reason" validate:"required,max=500" example:"The seller promised it for Monday."`
} //	@name	SnoozeRequest

// snoozeFlag puts a flag off.
//
//	@Summary		Put a flag off
//	@Description	It does not count until then, and comes back by itself if its fact is still there.
//	@Tags			flags
//	@ID				snoozeFlag
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Flag id"
//	@Param			request	body		snoozeRequest	true	"Until when and why"
//	@Success		200		{object}	flagRow
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/flags/{id}/snooze [post]
func (s *server) snoozeFlag(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[snoozeRequest](s, w, r, false)
	if err != nil {
		return err
	}
	row, err := s.Sync.SnoozeFlag(r.Context(), caller.MerchantID, pathID(r), in.Until, byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, s.toFlagRow(row))
}

// reasonRequest is a decision that has to be explained.
type reasonRequest struct {
	Reason string `json:"reason" validate:"required,max=500" example:"Agreed with the buyer."`
} //	@name	ReasonRequest

// closeFlag closes a flag although its fact is still there.
//
//	@Summary		Close a flag
//	@Description	It stays closed until its fact has gone once; if the fact comes back then, the flag opens again. Closing order_edited says that the change has been seen.
//	@Tags			flags
//	@ID				closeFlag
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Flag id"
//	@Param			request	body		reasonRequest	true	"Why"
//	@Success		200		{object}	flagRow
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/flags/{id}/close [post]
func (s *server) closeFlag(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[reasonRequest](s, w, r, false)
	if err != nil {
		return err
	}
	row, err := s.Sync.CloseFlag(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, s.toFlagRow(row))
}

// reopenFlag takes back that a flag was put off or closed.
//
//	@Summary		Reopen a flag
//	@Description	For one that a person put off or closed. One whose fact has gone is answered with 409. The body may be left out.
//	@Tags			flags
//	@ID				reopenFlag
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Flag id"
//	@Param			request	body		retryRequest	false	"Reason"
//	@Success		200		{object}	flagRow
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/flags/{id}/reopen [post]
func (s *server) reopenFlag(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[retryRequest](s, w, r, true)
	if err != nil {
		return err
	}
	row, err := s.Sync.ReopenFlag(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, s.toFlagRow(row))
}
