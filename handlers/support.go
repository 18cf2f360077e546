package handlers

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/people"
)

// The support desk: staff look for an order over all merchants, look at one merchant for a reason that he reads, and do there what
// their role allows, by the same routes as the merchant. Buyers are masked for them.

type supportHit struct {
	Merchant  meNamed    `json:"merchant" validate:"required"`
	OrderID   models.ID  `json:"order_id" validate:"required"`
	Number    string     `json:"number" validate:"required" example:"10002"`
	Store     string     `json:"store" validate:"required" example:"Green Leaf Goods"`
	Tab       models.Tab `json:"tab" validate:"required"`
	OpenFlags int        `json:"open_flags" validate:"required"`
	PlacedAt  time.Time  `json:"placed_at" validate:"required"`
	BuyerName string     `json:"buyer_name" validate:"required" example:"Jane Doe"`
	// Masked.
	BuyerEmail string `json:"buyer_email" validate:"required" example:"j•••@example.com"`
	// What the text is.
	Matched string `json:"matched" validate:"required" enums:"number,supplier_number,tracking_number,email,name"`
} //	@name	SupportHit

type meNamed struct {
	ID   models.MerchantID `json:"id" validate:"required"`
	Name string            `json:"name" validate:"required" example:"Green Leaf Goods"`
} //	@name	MerchantName

type supportHits struct {
	Orders []supportHit `json:"orders" validate:"required"`
} //	@name	SupportHits

// searchAll looks for orders of all merchants.
//
//	@Summary		Look for an order at all merchants
//	@Description	By order number, AliExpress number, tracking number, e-mail address, or how the buyer's name or last name begins. The newest first, 50 at most.
//	@Tags			support
//	@ID				searchAllOrders
//	@Produce		json
//	@Param			q		query		string	true	"At least 3 characters"
//	@Success		200		{object}	supportHits
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/support/orders [get]
func (s *server) searchAll(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	text := q.text("q", 200)
	if err := q.done(); err != nil {
		return err
	}
	end, err := s.costly.begin(models.MerchantID(caller.Person), "search")
	if err != nil {
		return err
	}
	defer end()
	hits, err := s.Desk.Search(r.Context(), text)
	if err != nil {
		return err
	}
	out := supportHits{Orders: make([]supportHit, len(hits))}
	for i, h := range hits {
		out.Orders[i] = supportHit{
			Merchant: meNamed{h.MerchantID, h.MerchantName}, OrderID: h.OrderID, Number: h.Number, Store: h.Store, Tab: h.Tab, OpenFlags: h.OpenFlags, PlacedAt: h.PlacedAt.UTC(),
			BuyerName: h.BuyerName, BuyerEmail: maskEmail(h.BuyerEmail), Matched: h.Matched,
		}
	}
	return respond(w, http.StatusOK, out)
}

type merchantOverview struct {
	ID        models.MerchantID `json:"id" validate:"required"`
	Name      string            `json:"name" validate:"required" example:"Green Leaf Goods"`
	CreatedAt time.Time         `json:"created_at" validate:"required"`
	// Connected stores and supplier accounts, and how many of both have to be connected again.
	Stores            int   `json:"stores" validate:"required"`
	Accounts          int   `json:"accounts" validate:"required"`
	BrokenConnections int   `json:"broken_connections" validate:"required"`
	OpenFlags         int64 `json:"open_flags" validate:"required"`
	// Orders that can still change.
	OpenOrders int64 `json:"open_orders" validate:"required"`
	// Since when the order waits whose check is most overdue; absent: none is.
	OverdueSince *time.Time `json:"overdue_since,omitempty"`
	// When one of the connections last answered.
	LastSuccessAt *time.Time `json:"last_success_at,omitempty"`
} //	@name	MerchantOverview

type merchantPage struct {
	Merchants []merchantOverview `json:"merchants" validate:"required"`
	// Send it as cursor to get the next page; absent on the last.
	NextCursor string `json:"next_cursor,omitempty"`
} //	@name	MerchantPage

// listMerchants gives all merchants with how they are.
//
//	@Summary	List merchants
//	@Tags		support
//	@ID			listMerchants
//	@Produce	json
//	@Param		q		query		string	false	"A part of the name"
//	@Param		cursor	query		string	false	"next_cursor of the page before"
//	@Param		limit	query		int		false	"Merchants on a page"	minimum(1)	maximum(200)	default(50)
//	@Success	200		{object}	merchantPage
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/support/merchants [get]
func (s *server) listMerchants(w http.ResponseWriter, r *http.Request, _ accounts.Caller) error {
	q := readQuery(r)
	text, cursor, limit := q.text("q", 100), q.text("cursor", 36), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	page, err := s.Desk.Merchants(r.Context(), text, cursor, limit)
	if err != nil {
		return err
	}
	out := merchantPage{Merchants: make([]merchantOverview, len(page.Merchants)), NextCursor: page.Next}
	for i, m := range page.Merchants {
		out.Merchants[i] = merchantOverview{m.ID, m.Name, m.CreatedAt.UTC(), m.Stores, m.Accounts, m.Broken, m.OpenFlags, m.OpenOrders, utc(m.OldestDue), utc(m.LastSuccess)}
	}
	return respond(w, http.StatusOK, out)
}

// supportView is that somebody of the staff looks at a merchant.
type supportView struct {
	Merchant  meNamed   `json:"merchant" validate:"required"`
	Reason    string    `json:"reason" validate:"required" example:"Ticket 4711"`
	ExpiresAt time.Time `json:"expires_at" validate:"required"`
} //	@name	SupportView

func toSupportView(v people.View) supportView {
	return supportView{meNamed{v.MerchantID, v.MerchantName}, v.Reason, v.ExpiresAt.UTC()}
}

type viewRequest struct {
	MerchantID models.MerchantID `json:"merchant_id" validate:"required,uuid"`
	// The merchant reads it in the audit.
	Reason string `json:"reason" validate:"required,max=500" example:"Ticket 4711: the buyer has no tracking number."`
} //	@name	SupportViewRequest

// beginView lets staff look at a merchant.
//
//	@Summary		Begin to look at a merchant
//	@Description	For an hour, requests with the merchant's id as Waybill-Merchant read what the merchant reads, with buyers masked, and may sync, retry a push and add notes. The merchant sees it, with the reason, in the audit.
//	@Tags			support
//	@ID				beginSupportView
//	@Accept			json
//	@Produce		json
//	@Param			request	body		viewRequest	true	"Which merchant, and why"
//	@Success		201		{object}	supportView
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/support/views [post]
func (s *server) beginView(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[viewRequest](s, w, r, false)
	if err != nil {
		return err
	}
	v, err := s.People.BeginView(r.Context(), caller, in.MerchantID, in.Reason)
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toSupportView(v))
}

// endView ends it.
//
//	@Summary	Look at a merchant no more
//	@Tags		support
//	@ID			endSupportView
//	@Produce	json
//	@Param		merchant	path	string	true	"Merchant id"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/support/views/{merchant} [delete]
func (s *server) endView(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.People.EndView(r.Context(), caller, models.MerchantID(chi.URLParam(r, "merchant"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type noteRequest struct {
	Text string `json:"text" validate:"required,max=2000" example:"Asked the seller for a photo of the parcel."`
} //	@name	NoteRequest

// addNote writes into an order's timeline.
//
//	@Summary	Add a note to an order
//	@Tags		orders
//	@ID			addNote
//	@Accept		json
//	@Produce	json
//	@Param		id		path	string		true	"Order id"
//	@Param		request	body	noteRequest	true	"The note"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/orders/{id}/notes [post]
func (s *server) addNote(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[noteRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.Sync.Note(r.Context(), caller.MerchantID, pathID(r), in.Text, byPerson(caller, caller.Reason)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type shownAddress struct {
	BuyerEmail string  `json:"buyer_email" validate:"required" example:"janedoe@example.com"`
	BuyerNote  string  `json:"buyer_note" validate:"required"`
	Recipient  address `json:"recipient" validate:"required"`
	// Where purchases go instead.
	PurchaseAddress *address `json:"purchase_address,omitempty"`
} //	@name	ShownAddress

// showAddress shows what is masked for staff.
//
//	@Summary		Show what is masked
//	@Description	Who is shown it, when and why stands in the order's timeline and in the audit.
//	@Tags			support
//	@ID				showAddress
//	@Produce		json
//	@Param			id		path		string	true	"Order id"
//	@Success		200		{object}	shownAddress
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/show-address [post]
func (s *server) showAddress(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	d, err := s.Sync.ShowAddress(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, caller.Reason))
	if err != nil {
		return err
	}
	out := shownAddress{BuyerEmail: d.Order.BuyerEmail, BuyerNote: d.Order.BuyerNote, Recipient: address(d.Recipient)}
	if d.PurchaseAddress != nil {
		instead := address(*d.PurchaseAddress)
		out.PurchaseAddress = &instead
	}
	return respond(w, http.StatusOK, out)
}

type explanation struct {
	// Where the order stands, what is to be done and when it is looked at again.
	ForMerchant string `json:"for_merchant" validate:"required"`
	// Where the goods are, without suppliers and prices.
	ForShopper string `json:"for_shopper" validate:"required"`
} //	@name	OrderExplanation

// explainOrder gives texts to send.
//
//	@Summary	Explain an order in words to send
//	@Tags		orders
//	@ID			explainOrder
//	@Produce	json
//	@Param		id		path		string	true	"Order id"
//	@Success	200		{object}	explanation
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/orders/{id}/explanation [get]
func (s *server) explainOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	d, err := s.Orders.Detail(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, explanation{d.ForMerchant(), d.ForShopper()})
}

// reasonOf is why staff do something at a merchant: they have to say it, everybody else may.
func reasonOf(caller accounts.Caller, given string) (string, error) {
	if given != "" || !caller.OfStaff() {
		return given, nil
	}
	e := models.Errorf(models.Invalid, "reason_needed", "Say why: the merchant reads it.")
	e.Fields = []models.FieldError{{Pointer: "/reason", Reason: "is required from support"}}
	return "", e
}

type colleague struct {
	ID           models.ID         `json:"id" validate:"required"`
	Email        string            `json:"email" validate:"required" example:"sam@waybill.example.com"`
	Name         string            `json:"name" validate:"required" example:"Sam"`
	Role         models.PersonRole `json:"role" validate:"required" enums:"support,operator"`
	You          bool              `json:"you" validate:"required"`
	SecondFactor bool              `json:"second_factor" validate:"required"`
	DisabledAt   *time.Time        `json:"disabled_at,omitempty"`
	SignedInAt   *time.Time        `json:"signed_in_at,omitempty"`
	CreatedAt    time.Time         `json:"created_at" validate:"required"`
} //	@name	StaffMember

type staffList struct {
	Staff       []colleague `json:"staff" validate:"required"`
	Invitations []invited   `json:"invitations" validate:"required"`
} //	@name	StaffList

// listStaff gives the installation's people.
//
//	@Summary	List the staff
//	@Tags		support
//	@ID			listStaff
//	@Produce	json
//	@Success	200		{object}	staffList
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/support/staff [get]
func (s *server) listStaff(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	list, err := s.People.Staff(r.Context())
	if err != nil {
		return err
	}
	open, err := s.People.Invitations(r.Context(), "")
	if err != nil {
		return err
	}
	out := staffList{Staff: make([]colleague, len(list)), Invitations: toInvitations(open)}
	for i, p := range list {
		out.Staff[i] = colleague{p.ID, p.Email, p.Name, p.Role, p.ID == caller.Person, p.SecondFactor, utc(p.DisabledAt), utc(p.SignedInAt), p.CreatedAt.UTC()}
	}
	return respond(w, http.StatusOK, out)
}

type staffInviteRequest struct {
	Email string `json:"email" validate:"required,max=254" example:"sam@waybill.example.com"`
	Role  string `json:"role" validate:"required,oneof=support operator" enums:"support,operator"`
} //	@name	StaffInviteRequest

// inviteStaff invites somebody to the staff.
//
//	@Summary	Invite somebody to the staff
//	@Tags		support
//	@ID			inviteStaff
//	@Accept		json
//	@Produce	json
//	@Param		request	body		staffInviteRequest	true	"Whom, and as what"
//	@Success	201		{object}	invited
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	409		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/support/staff/invitations [post]
func (s *server) inviteStaff(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[staffInviteRequest](s, w, r, false)
	if err != nil {
		return err
	}
	made, err := s.People.Invite(r.Context(), caller.Actor, "", in.Email, models.PersonRole(in.Role))
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toInvited(made))
}

// uninviteStaff takes an invitation to the staff back.
//
//	@Summary	Take an invitation to the staff back
//	@Tags		support
//	@ID			uninviteStaff
//	@Produce	json
//	@Param		id	path	string	true	"Invitation id"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/support/staff/invitations/{id} [delete]
func (s *server) uninviteStaff(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.People.Uninvite(r.Context(), caller.Actor, "", pathID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type staffRequest struct {
	Role string `json:"role" validate:"required,oneof=support operator" enums:"support,operator"`
	// The account is switched off: nobody signs in with it.
	Disabled bool `json:"disabled"`
} //	@name	StaffRequest

// changeStaff changes somebody of the staff.
//
//	@Summary		Change somebody of the staff
//	@Description	All sessions of the person end. Answers 409 (last_operator) for the last operator.
//	@Tags			support
//	@ID				changeStaff
//	@Accept			json
//	@Produce		json
//	@Param			id		path	string			true	"Person id"
//	@Param			request	body	staffRequest	true	"Role, and whether the account is switched off"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/support/staff/{id} [put]
func (s *server) changeStaff(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[staffRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.People.ChangeStaff(r.Context(), caller, pathID(r), models.PersonRole(in.Role), in.Disabled); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endSessionsOfStaff signs somebody of the staff out everywhere.
//
//	@Summary		Sign somebody of the staff out everywhere
//	@Description	Ends all of the person's sessions, in all browsers, for a device that was lost. The person may sign in again.
//	@Tags			support
//	@ID				endSessionsOfStaff
//	@Produce		json
//	@Param			id	path	string	true	"Person id"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/support/staff/{id}/sessions [delete]
func (s *server) endSessionsOfStaff(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.People.EndAll(r.Context(), caller.Actor, "", pathID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
