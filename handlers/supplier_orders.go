package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/orders"
	"waybill/services/ordersync"
)

// supplierOrder is one AliExpress order, from the intent to buy it to its end.
type supplierOrder struct {
	ID        models.ID             `json:"id" validate:"required"`
	AccountID models.ID             `json:"account_id" validate:"required"`
	State     models.PlacementState `json:"state" validate:"required"`
	Origin    models.Origin         `json:"origin" validate:"required"`
	// AliExpress' number; absent until there is one.
	Number string `json:"number,omitempty" example:"8198352049851315"`
	// Its page on AliExpress, where a person pays or cancels it; absent without a number.
	OrderURL          string              `json:"order_url,omitempty" example:"https://www.aliexpress.com/p/order/detail.html?orderId=8198352049851315"`
	SupplierStoreName string              `json:"supplier_store_name,omitempty" example:"Kedi Bottles Store"`
	Stage             models.Stage        `json:"stage,omitempty"`
	Status            string              `json:"status,omitempty" example:"WAIT_SELLER_SEND_GOODS"`
	LogisticsStatus   string              `json:"logistics_status,omitempty" example:"WAIT_SELLER_SEND_GOODS"`
	EndReason         string              `json:"end_reason,omitempty"`
	Amount            *money              `json:"amount,omitempty"`
	Lines             []supplierOrderLine `json:"lines" validate:"required"`
	ErrorCode         string              `json:"error_code,omitempty" example:"out_of_stock"`
	ErrorDetail       string              `json:"error_detail,omitempty"`
	// The parts of the address that were refused, as pointers into it.
	ErrorFields []fieldProblem `json:"error_fields,omitempty"`
	// Why a planned one is not sent yet.
	WaitingFor models.Wait `json:"waiting_for,omitempty" enums:"hold_window,order_held,placing_stopped"`
	// Planned by the merchant's rule.
	Auto bool `json:"auto" validate:"required"`
	// The one whose supplier could not deliver, where this is its fallback.
	ReplacesID *models.ID `json:"replaces_id,omitempty"`
	// Numbers that a person has corrected or taken away.
	PreviousNumbers []string `json:"previous_numbers,omitempty"`
	// Numbers that a late answer to an earlier try told of: perhaps a second purchase.
	StrayNumbers []string   `json:"stray_numbers,omitempty"`
	HoldUntil    *time.Time `json:"hold_until,omitempty"`
	PlacedAt     *time.Time `json:"placed_at,omitempty"`
	PaidAt       *time.Time `json:"paid_at,omitempty"`
	// AliExpress closes it when it is not paid by then.
	PayBy         *time.Time `json:"pay_by,omitempty"`
	LastCheckedAt *time.Time `json:"last_checked_at,omitempty"`
	NextCheckAt   *time.Time `json:"next_check_at,omitempty"`
} //	@name	SupplierOrder

type supplierOrderLine struct {
	LineID    string `json:"line_id" validate:"required"`
	Part      int    `json:"part" validate:"required" example:"0"`
	ProductID string `json:"product_id" validate:"required" example:"1005006454451334"`
	SKUID     string `json:"sku_id" validate:"required" example:"12000037255569170"`
	Quantity  int    `json:"quantity" validate:"required" example:"2"`
	// 0: from its supplier. 1: from its fallback.
	Rank int `json:"rank" validate:"required" example:"0"`
	// False once AliExpress has ended it for this line.
	Live      bool   `json:"live" validate:"required"`
	EndReason string `json:"end_reason,omitempty"`
} //	@name	SupplierOrderLine

type supplierOrderList struct {
	SupplierOrders []supplierOrder `json:"supplier_orders" validate:"required"`
} //	@name	SupplierOrderList

func toSupplierOrder(so models.SupplierOrder) supplierOrder {
	out := supplierOrder{
		ID: so.ID, AccountID: so.AccountID, State: so.State, Origin: so.Origin, Number: so.ExternalID, OrderURL: models.SupplierPage(so.ExternalID), SupplierStoreName: so.SupplierStoreName,
		Stage: so.Stage, Status: so.Status, LogisticsStatus: so.LogisticsStatus, EndReason: so.EndReason, Lines: make([]supplierOrderLine, len(so.Lines)),
		ErrorCode: so.ErrorCode, ErrorDetail: so.ErrorDetail, StrayNumbers: so.StrayNumbers, HoldUntil: utc(so.NotBefore), PlacedAt: utc(so.PlacedAt), PaidAt: utc(so.PaidAt), PayBy: utc(so.PayBy),
		LastCheckedAt: utc(so.LastCheckedAt), NextCheckAt: utc(so.NextCheckAt),
		ErrorFields: toFields(so.ErrorFields), Auto: so.Auto, ReplacesID: so.Replaces, PreviousNumbers: so.PreviousNumbers,
	}
	if so.AmountCurrency != "" {
		out.Amount = &money{so.AmountMinor, so.AmountCurrency}
	}
	for i, l := range so.Lines {
		out.Lines[i] = supplierOrderLine{LineID: l.LineID, Part: l.Part, ProductID: l.ProductID, SKUID: l.SKUID, Quantity: l.Quantity, Rank: l.Rank, Live: l.Live, EndReason: l.EndReason}
	}
	return out
}

// waiting is a supplier order with what it waits for.
func waiting(so models.SupplierOrder, wait models.Wait) supplierOrder {
	out := toSupplierOrder(so)
	out.WaitingFor = wait
	return out
}

func toSupplierOrders(in []models.SupplierOrder) []supplierOrder {
	out := make([]supplierOrder, len(in))
	for i, so := range in {
		out[i] = toSupplierOrder(so)
	}
	return out
}

func byPerson(caller accounts.Caller, reason string) orders.By {
	return orders.By{Actor: caller.Actor, Source: models.SourcePerson, Reason: reason}
}

type lineRequest struct {
	LineID   string `json:"line_id" validate:"required,max=100" example:"00000000-0000-0000-0000-000000000001"`
	Quantity int    `json:"quantity" validate:"required,min=1,max=100000" example:"1"`
} //	@name	LineRequest

func toLines(in []lineRequest) []ordersync.LineQuantity {
	out := make([]ordersync.LineQuantity, len(in))
	for i, l := range in {
		out[i] = ordersync.LineQuantity{LineID: l.LineID, Quantity: l.Quantity}
	}
	return out
}

type placeRequest struct {
	// Which supplier account buys; needed only where there are several.
	AccountID string `json:"account_id" validate:"omitempty,uuid"`
	// What to buy; everything that is owed and not yet bought when left out.
	Lines []lineRequest `json:"lines" validate:"max=300,unique=LineID,dive"`
	// A note to the seller.
	Note string `json:"note" validate:"max=500"`
	// Buy no sooner than then.
	HoldUntil *time.Time `json:"hold_until"`
	// Shown in the timeline.
	Reason string `json:"reason" validate:"max=500"`
} //	@name	PlaceRequest

// placeOrder buys what an order needs.
//
//	@Summary		Place supplier orders
//	@Description	Writes the intent to buy, one supplier order for each AliExpress store, and answers at once; the buying follows within seconds. Stock, price and shipping are checked first, and nothing is ever sent twice: an answer that does not come makes a supplier order unknown, to be resolved by looking. Asking again for what is being bought gives what is under way. Supplier orders are created unpaid. The body may be left out.
//	@Tags			supplier orders
//	@ID				placeSupplierOrders
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Order id"
//	@Param			request	body		placeRequest	false	"What to buy"
//	@Success		202		{object}	supplierOrderList
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/supplier-orders [post]
func (s *server) placeOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[placeRequest](s, w, r, true)
	if err != nil {
		return err
	}
	placed, err := s.Sync.Plan(r.Context(), caller.MerchantID, pathID(r), ordersync.PlanRequest{
		AccountID: models.ID(in.AccountID), Lines: toLines(in.Lines),
		Note: in.Note, NotBefore: in.HoldUntil,
	}, byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, supplierOrderList{SupplierOrders: toSupplierOrders(placed)})
}

type linkRequest struct {
	// The AliExpress order number.
	Number    string `json:"number" validate:"required,numeric,min=10,max=20" example:"8198352049851315"`
	AccountID string `json:"account_id" validate:"omitempty,uuid"`
	// Which lines it covers; found by product and SKU when left out.
	Lines []lineRequest `json:"lines" validate:"max=300,unique=LineID,dive"`
	// The order's only open line is meant, although its mapping names something else.
	Force  bool   `json:"force"`
	Reason string `json:"reason" validate:"max=500"`
} //	@name	LinkRequest

// linkedSupplierOrder is what was linked, and what a person should look at.
type linkedSupplierOrder struct {
	supplierOrder
	Warnings []linkWarning `json:"warnings" validate:"required"`
} //	@name	LinkedSupplierOrder

type linkWarning struct {
	Code   string `json:"code" validate:"required" enums:"items_differ,holds_more,destination_unknown"`
	Detail string `json:"detail" validate:"required"`
} //	@name	LinkWarning

// linkSupplierOrder links what was bought by hand.
//
//	@Summary		Link a supplier order that was bought by hand
//	@Description	AliExpress is asked at once whether the number is an order of this account and what it holds; otherwise nothing is linked. It must hold what the order's mappings name, unless the lines are named or force is sent; warnings then say how it differs.
//	@Tags			supplier orders
//	@ID				linkSupplierOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string		true	"Order id"
//	@Param			request	body		linkRequest	true	"The number"
//	@Success		201		{object}	linkedSupplierOrder
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/supplier-orders/link [post]
func (s *server) linkSupplierOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[linkRequest](s, w, r, false)
	if err != nil {
		return err
	}
	so, warnings, err := s.Sync.Link(r.Context(), caller.MerchantID, pathID(r), ordersync.LinkRequest{AccountID: models.ID(in.AccountID), Number: in.Number, Lines: toLines(in.Lines), Force: in.Force},
		byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	out := linkedSupplierOrder{supplierOrder: toSupplierOrder(so), Warnings: make([]linkWarning, len(warnings))}
	for i, warn := range warnings {
		out.Warnings[i] = linkWarning(warn)
	}
	return respond(w, http.StatusCreated, out)
}

type resolveRequest struct {
	// found: it is there, under the number given. absent: a person looked, and it is not there.
	Outcome string `json:"outcome" validate:"required,oneof=found absent" enums:"found,absent"`
	Number  string `json:"number" validate:"required_if=Outcome found,excluded_if=Outcome absent,omitempty,numeric,min=10,max=20" example:"8198352049851315"`
	Reason  string `json:"reason" validate:"max=500"`
} //	@name	ResolveRequest

// resolveSupplierOrder ends the doubt about a purchase.
//
//	@Summary		Resolve an unknown supplier order
//	@Description	For a purchase that AliExpress gave no clear answer to. With outcome found the number is verified at AliExpress: it must be an order of this account and hold exactly what was to be bought. With outcome absent it is sent again under the same key; that is refused until AliExpress has had time to finish.
//	@Tags			supplier orders
//	@ID				resolveSupplierOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Supplier order id"
//	@Param			request	body		resolveRequest	true	"What was found"
//	@Success		200		{object}	supplierOrder
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-orders/{id}/resolve [post]
func (s *server) resolveSupplierOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[resolveRequest](s, w, r, false)
	if err != nil {
		return err
	}
	so, err := s.Sync.Resolve(r.Context(), caller.MerchantID, pathID(r), in.Number, byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSupplierOrder(so))
}

type retryRequest struct {
	Reason string `json:"reason" validate:"max=500"`
} //	@name	RetryRequest

// retryPush tells the store again about a parcel.
//
//	@Summary		Tell the store again about a parcel
//	@Description	What the store has is read first, so a number that has arrived is not sent twice. The body may be left out.
//	@Tags			pushes
//	@ID				retryPush
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
//	@Router			/pushes/{id}/retry [post]
func (s *server) retryPush(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[retryRequest](s, w, r, true)
	if err != nil {
		return err
	}
	if in.Reason, err = reasonOf(caller, in.Reason); err != nil {
		return err
	}
	orderID, err := s.Sync.RetryPush(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	d, err := s.Orders.Detail(r.Context(), caller.MerchantID, orderID)
	if err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, toDetail(d, caller))
}
