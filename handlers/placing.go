package handlers

import (
	"context"
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/orders"
	"waybill/services/ordersync"
)

type preflightRequest struct {
	// Which supplier account would buy; needed only where there are several.
	AccountID string `json:"account_id" validate:"omitempty,uuid"`
	// What would be bought; everything that is owed and not yet bought when left out.
	Lines []lineRequest `json:"lines" validate:"max=300,unique=LineID,dive"`
	// The note to the seller that would go with it.
	Note string `json:"note" validate:"max=500"`
} //	@name	PreflightRequest

// placingProblem stands against a purchase, or is to be known before it.
type placingProblem struct {
	Code       string `json:"code" validate:"required" example:"out_of_stock"`
	Detail     string `json:"detail" validate:"required" example:"AliExpress has 0 in stock, 2 are needed."`
	NextAction string `json:"next_action" validate:"required" example:"Choose another supplier for this product, or refund the buyer."`
	// False: a warning.
	Blocks bool   `json:"blocks" validate:"required"`
	LineID string `json:"line_id,omitempty"`
	// The field of the order that is wrong, as an RFC 6901 pointer into it.
	Pointer string `json:"pointer,omitempty" example:"/recipient/phone"`
} //	@name	PlacingProblem

type shippingService struct {
	Code    string `json:"code" validate:"required" example:"CAINIAO_STANDARD"`
	Name    string `json:"name" validate:"required" example:"AliExpress standard shipping"`
	Fee     money  `json:"fee" validate:"required"`
	Tracked bool   `json:"tracked" validate:"required"`
	MinDays int    `json:"min_days" validate:"required" example:"7"`
	MaxDays int    `json:"max_days" validate:"required" example:"15"`
} //	@name	ShippingService

type preflightLine struct {
	LineID   string `json:"line_id" validate:"required"`
	Name     string `json:"name" validate:"required"`
	Quantity int    `json:"quantity" validate:"required" example:"2"`
	// 0: from its supplier. 1: from its fallback, because the supplier cannot deliver.
	Rank      int    `json:"rank" validate:"required" example:"0"`
	ProductID string `json:"product_id" validate:"required"`
	SKUID     string `json:"sku_id" validate:"required"`
	SKUAttr   string `json:"sku_attr" validate:"required"`
	Title     string `json:"title" validate:"required"`
	SKUName   string `json:"sku_name" validate:"required" example:"Color: Brown"`
	// Of one unit; absent when AliExpress does not sell it.
	Price    *money            `json:"price,omitempty"`
	PriceCap *money            `json:"price_cap,omitempty"`
	Stock    int               `json:"stock" validate:"required" example:"120"`
	Service  *shippingService  `json:"service,omitempty"`
	Services []shippingService `json:"services" validate:"required"`
	Problems []placingProblem  `json:"problems" validate:"required"`
} //	@name	PreflightLine

type preflightGroup struct {
	SupplierStoreID   string `json:"supplier_store_id" validate:"required"`
	SupplierStoreName string `json:"supplier_store_name" validate:"required"`
	// What the seller would be told.
	Note  string          `json:"note" validate:"required"`
	Lines []preflightLine `json:"lines" validate:"required"`
} //	@name	PreflightGroup

// preflightTotal is what is paid in one currency.
type preflightTotal struct {
	Goods    money `json:"goods" validate:"required"`
	Shipping money `json:"shipping" validate:"required"`
} //	@name	PreflightTotal

type preflight struct {
	// Nothing stands against buying all of it.
	Ready  bool    `json:"ready" validate:"required"`
	ShipTo address `json:"ship_to" validate:"required"`
	// ship_to is an address for the purchase only.
	PurchaseAddressUsed bool             `json:"purchase_address_used" validate:"required"`
	Problems            []placingProblem `json:"problems" validate:"required"`
	// One purchase for each AliExpress store.
	Groups []preflightGroup `json:"groups" validate:"required"`
	// One for each currency; they are never added.
	Totals []preflightTotal `json:"totals" validate:"required"`
	// Supplier orders that exist already.
	SupplierOrderIDs []models.ID `json:"supplier_order_ids" validate:"required"`
} //	@name	Preflight

func toPreflight(p ordersync.Preflight) preflight {
	out := preflight{
		Ready: p.Ready, ShipTo: address(p.ShipTo), PurchaseAddressUsed: p.Override, Problems: toProblems(p.Problems),
		Groups: make([]preflightGroup, len(p.Groups)), Totals: make([]preflightTotal, len(p.Totals)), SupplierOrderIDs: append([]models.ID{}, p.UnderWay...),
	}
	for i, g := range p.Groups {
		out.Groups[i] = preflightGroup{SupplierStoreID: g.SupplierStoreID, SupplierStoreName: g.SupplierStoreName, Note: g.Note, Lines: make([]preflightLine, len(g.Lines))}
		for j, l := range g.Lines {
			out.Groups[i].Lines[j] = toPreflightLine(l)
		}
	}
	for i, t := range p.Totals {
		out.Totals[i] = preflightTotal{Goods: money(t.Goods), Shipping: money(t.Shipping)}
	}
	return out
}

func toPreflightLine(l ordersync.PreflightLine) preflightLine {
	out := preflightLine{
		LineID: l.LineID, Name: l.Name, Quantity: l.Quantity, Rank: l.Rank, ProductID: l.ProductID, SKUID: l.SKUID, SKUAttr: l.SKUAttr,
		Title: l.Title, SKUName: l.SKUName, Price: known(l.Price), PriceCap: known(l.Cap), Stock: l.Stock,
		Services: make([]shippingService, len(l.Services)), Problems: toProblems(l.Problems),
	}
	for i, s := range l.Services {
		out.Services[i] = toService(s)
	}
	if l.Service != nil {
		chosen := toService(*l.Service)
		out.Service = &chosen
	}
	return out
}

func toService(o models.FreightOption) shippingService {
	fee := money(o.Fee)
	if o.Free {
		fee.Minor = 0
	}
	return shippingService{Code: o.Code, Name: o.Name, Fee: fee, Tracked: o.Tracked, MinDays: o.MinDays, MaxDays: o.MaxDays}
}

func toProblems(in []ordersync.Problem) []placingProblem {
	out := make([]placingProblem, len(in))
	for i, p := range in {
		out[i] = placingProblem{Code: p.Code, Detail: p.Detail, NextAction: p.NextAction, Blocks: p.Blocks, LineID: p.LineID, Pointer: p.Pointer}
	}
	return out
}

// known is an amount, or nothing where there is none.
func known(m models.Money) *money {
	if m.Currency == "" {
		return nil
	}
	return &money{m.Minor, m.Currency}
}

// preflightOrder finds out what buying would mean.
//
//	@Summary		Check a purchase without buying
//	@Description	Buys nothing and writes nothing. For each line: supplier, price, stock, shipping, and everything that stands against it; for the whole: the address rules that AliExpress has announced, with the field named, and what is paid, by currency. Where a supplier cannot deliver and a fallback is mapped, the fallback is shown, as placing would use it. The body may be left out.
//	@Tags			supplier orders
//	@ID				preflightOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string				true	"Order id"
//	@Param			request	body		preflightRequest	false	"What would be bought"
//	@Success		200		{object}	preflight
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/preflight [post]
func (s *server) preflightOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	end, err := s.costly.begin(caller.MerchantID, "preflight")
	if err != nil {
		return err
	}
	defer end()
	in, err := decode[preflightRequest](s, w, r, true)
	if err != nil {
		return err
	}
	p, err := s.Sync.Preflight(r.Context(), caller.MerchantID, pathID(r), ordersync.PlanRequest{AccountID: models.ID(in.AccountID), Lines: toLines(in.Lines), Note: in.Note})
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toPreflight(p))
}

type bulkPlaceRequest struct {
	// The orders to place.
	OrderIDs []string `json:"order_ids" validate:"omitempty,excluded_with=Filter,min=1,max=200,unique,dive,uuid"`
	// Or the first 200 of a list, newest first.
	Filter *bulkFilter `json:"filter" validate:"required_without=OrderIDs"`
	// Which supplier account buys; needed only where there are several.
	AccountID string `json:"account_id" validate:"omitempty,uuid"`
	// A note to the sellers.
	Note string `json:"note" validate:"max=500"`
	// Buy no sooner than then.
	HoldUntil *time.Time `json:"hold_until"`
	// Shown in the timelines.
	Reason string `json:"reason" validate:"max=500"`
} //	@name	BulkPlaceRequest

type bulkFilter struct {
	Tab     string `json:"tab" validate:"omitempty,oneof=pending awaiting_order awaiting_payment awaiting_shipment fulfilled closed" enums:"pending,awaiting_order,awaiting_payment,awaiting_shipment,fulfilled,closed"`
	StoreID string `json:"store_id" validate:"omitempty,uuid"`
	// next_cursor of the answer before, to go on with what was left.
	Cursor string `json:"cursor" validate:"max=500"`
} //	@name	BulkPlaceFilter

type bulkRow struct {
	OrderID models.ID `json:"order_id" validate:"required"`
	// planned: it is being bought now. under_way: it was already. refused: it is not, and code and detail say why.
	Outcome        models.BulkOutcome `json:"outcome" validate:"required" enums:"planned,under_way,refused"`
	SupplierOrders []supplierOrder    `json:"supplier_orders" validate:"required"`
	Code           string             `json:"code,omitempty" example:"no_supplier"`
	Detail         string             `json:"detail,omitempty"`
	Errors         []fieldProblem     `json:"errors,omitempty"`
} //	@name	BulkPlaceRow

type bulkResult struct {
	Rows     []bulkRow `json:"rows" validate:"required"`
	Planned  int       `json:"planned" validate:"required" example:"12"`
	UnderWay int       `json:"under_way" validate:"required" example:"3"`
	Refused  int       `json:"refused" validate:"required" example:"1"`
	// How many more the list holds (counted to 10,000), and where they begin.
	Left       int    `json:"left" validate:"required" example:"0"`
	NextCursor string `json:"next_cursor,omitempty"`
} //	@name	BulkPlaceResult

// placeMany places many orders.
//
//	@Summary		Place the supplier orders of many orders
//	@Description	Each order for itself, with a result of its own: what refuses one does not keep the others back. At most 200 orders at a time, named or the first of a list; left says how many more there are. An order with a line that has no supplier is refused as a whole. Asking again gives the same placements. Answers 202 when something is now being bought, else 200.
//	@Tags			supplier orders
//	@ID				placeManySupplierOrders
//	@Accept			json
//	@Produce		json
//	@Param			request	body		bulkPlaceRequest	true	"Which orders"
//	@Success		200		{object}	bulkResult
//	@Success		202		{object}	bulkResult
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-orders/bulk [post]
func (s *server) placeMany(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[bulkPlaceRequest](s, w, r, false)
	if err != nil {
		return err
	}
	// Whoever asked may leave, or load the page anew: what was asked for is done to its end.
	result, err := s.Sync.PlanMany(context.WithoutCancel(r.Context()), caller.MerchantID, in.into(), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	out := bulkResult{Rows: make([]bulkRow, len(result.Rows)), Left: result.Left, NextCursor: result.Next}
	status := http.StatusOK
	for i, row := range result.Rows {
		out.Rows[i] = bulkRow{OrderID: row.OrderID, Outcome: row.Outcome, SupplierOrders: toSupplierOrders(row.Supplier)}
		switch row.Outcome {
		case models.BulkPlanned:
			out.Planned++
			status = http.StatusAccepted
		case models.BulkUnderWay:
			out.UnderWay++
		default:
			out.Refused++
			out.Rows[i].Code, out.Rows[i].Detail, out.Rows[i].Errors = row.Err.Code, row.Err.Detail, toFields(row.Err.Fields)
		}
	}
	return respond(w, status, out)
}

func (in bulkPlaceRequest) into() ordersync.BulkRequest {
	out := ordersync.BulkRequest{Plan: ordersync.PlanRequest{AccountID: models.ID(in.AccountID), Note: in.Note, NotBefore: in.HoldUntil}}
	for _, id := range in.OrderIDs {
		out.IDs = append(out.IDs, models.ID(id))
	}
	if f := in.Filter; f != nil {
		out.Filter = &orders.Filter{Tab: models.Tab(f.Tab), StoreID: models.ID(f.StoreID), Cursor: f.Cursor}
	}
	return out
}

func toFields(in []models.FieldError) []fieldProblem {
	var out []fieldProblem
	for _, f := range in {
		out = append(out, fieldProblem{f.Pointer, f.Reason})
	}
	return out
}

type optionalReason struct {
	// Shown in the timeline.
	Reason string `json:"reason" validate:"max=500"`
} //	@name	OptionalReason

// placeNow ends the hold of a supplier order.
//
//	@Summary		Send a planned supplier order now
//	@Description	Ends its hold window. An order that is held, or placing that is stopped, still keeps it back: waiting_for says so. The body may be left out.
//	@Tags			supplier orders
//	@ID				placeSupplierOrderNow
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Supplier order id"
//	@Param			request	body		optionalReason	false	"Reason"
//	@Success		202		{object}	supplierOrder
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-orders/{id}/place-now [post]
func (s *server) placeNow(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[optionalReason](s, w, r, true)
	if err != nil {
		return err
	}
	so, wait, err := s.Sync.PlaceNow(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, waiting(so, wait))
}

type holdPlacementRequest struct {
	// Buy no sooner than then.
	Until  time.Time `json:"until" validate:"required"`
	Reason string    `json:"reason" validate:"max=500"`
} //	@name	HoldSupplierOrderRequest

// holdSupplierOrder keeps a supplier order from being sent before a time.
//
//	@Summary		Hold a planned supplier order
//	@Description	Refused once it is being sent.
//	@Tags			supplier orders
//	@ID				holdSupplierOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string					true	"Supplier order id"
//	@Param			request	body		holdPlacementRequest	true	"Until when"
//	@Success		200		{object}	supplierOrder
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-orders/{id}/hold [post]
func (s *server) holdSupplierOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[holdPlacementRequest](s, w, r, false)
	if err != nil {
		return err
	}
	so, wait, err := s.Sync.HoldPlacement(r.Context(), caller.MerchantID, pathID(r), in.Until, byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, waiting(so, wait))
}

// withdrawSupplierOrder takes a planned supplier order back.
//
//	@Summary		Withdraw a planned supplier order
//	@Description	It becomes rejected with code withdrawn, and its lines may be placed again. Refused once it is being sent. The body may be left out.
//	@Tags			supplier orders
//	@ID				withdrawSupplierOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Supplier order id"
//	@Param			request	body		optionalReason	false	"Reason"
//	@Success		200		{object}	supplierOrder
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-orders/{id}/withdraw [post]
func (s *server) withdrawSupplierOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[optionalReason](s, w, r, true)
	if err != nil {
		return err
	}
	so, wait, err := s.Sync.Withdraw(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, waiting(so, wait))
}

type renumberRequest struct {
	// The AliExpress order number that it should have been.
	Number string `json:"number" validate:"required,numeric,min=10,max=20" example:"8198352049851315"`
	// Take it although it holds something else.
	Force  bool   `json:"force"`
	Reason string `json:"reason" validate:"required,max=500"`
} //	@name	RenumberRequest

// renumberSupplierOrder corrects the number of a supplier order.
//
//	@Summary		Correct the number of a supplier order
//	@Description	AliExpress is asked at once whether the number is an order of the same account and holds the same. The old number stays in the timeline; its parcels become history. A number that the store has been told stays there, and a flag says so.
//	@Tags			supplier orders
//	@ID				renumberSupplierOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Supplier order id"
//	@Param			request	body		renumberRequest	true	"The number"
//	@Success		200		{object}	supplierOrder
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-orders/{id} [patch]
func (s *server) renumberSupplierOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[renumberRequest](s, w, r, false)
	if err != nil {
		return err
	}
	so, err := s.Sync.Renumber(r.Context(), caller.MerchantID, pathID(r), in.Number, in.Force, byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSupplierOrder(so))
}

type unlinkRequest struct {
	// Needed for one that Waybill bought and that is not closed: its lines would be bought twice.
	Force  bool   `json:"force"`
	Reason string `json:"reason" validate:"required,max=500"`
} //	@name	UnlinkRequest

// unlinkSupplierOrder takes a supplier order away from its order.
//
//	@Summary		Unlink a supplier order
//	@Description	Its lines are to be bought again and its number is free for another order. One that Waybill bought itself and that is not closed at AliExpress is refused without force. Parcels become history; a number that the store has been told stays there, and a flag says so.
//	@Tags			supplier orders
//	@ID				unlinkSupplierOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Supplier order id"
//	@Param			request	body		unlinkRequest	true	"Reason"
//	@Success		200		{object}	supplierOrder
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-orders/{id}/unlink [post]
func (s *server) unlinkSupplierOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[unlinkRequest](s, w, r, false)
	if err != nil {
		return err
	}
	so, err := s.Sync.Unlink(r.Context(), caller.MerchantID, pathID(r), in.Force, byPerson(caller, in.Reason))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSupplierOrder(so))
}

type holdOrderRequest struct {
	// Until when; until it is released when left out.
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason" validate:"required,max=500" example:"The buyer asked to wait."`
} //	@name	HoldOrderRequest

// holdOrder keeps an order from being bought.
//
//	@Summary		Hold an order
//	@Description	Nothing of it is placed or sent to AliExpress while it is held. What has been sent is not touched.
//	@Tags			orders
//	@ID				holdOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string				true	"Order id"
//	@Param			request	body		holdOrderRequest	true	"Until when and why"
//	@Success		200		{object}	orderDetail
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/hold [post]
func (s *server) holdOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[holdOrderRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.Sync.HoldOrder(r.Context(), caller.MerchantID, pathID(r), in.Until, byPerson(caller, in.Reason)); err != nil {
		return err
	}
	return s.getOrder(w, r, caller)
}

// releaseOrder ends a hold.
//
//	@Summary		Release a held order
//	@Description	What waited for it is sent. The body may be left out.
//	@Tags			orders
//	@ID				releaseOrder
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Order id"
//	@Param			request	body		optionalReason	false	"Reason"
//	@Success		200		{object}	orderDetail
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/release [post]
func (s *server) releaseOrder(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[optionalReason](s, w, r, true)
	if err != nil {
		return err
	}
	if err := s.Sync.ReleaseOrder(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, in.Reason)); err != nil {
		return err
	}
	return s.getOrder(w, r, caller)
}

type addressRequest struct {
	FirstName string `json:"first_name" validate:"max=100"`
	LastName  string `json:"last_name" validate:"max=100"`
	Company   string `json:"company" validate:"max=100"`
	Phone     string `json:"phone" validate:"required,max=40" example:"+12125550123"`
	Line1     string `json:"line1" validate:"required,max=256"`
	Line2     string `json:"line2" validate:"max=256"`
	City      string `json:"city" validate:"required,max=100"`
	// ISO 3166-2, or a name.
	Subdivision string `json:"subdivision" validate:"max=100" example:"US-NY"`
	Region      string `json:"region" validate:"max=100" example:"New York"`
	PostalCode  string `json:"postal_code" validate:"max=50"`
	Country     string `json:"country" validate:"required,iso3166_1_alpha2" example:"US"`
	TaxID       string `json:"tax_id" validate:"max=50"`
} //	@name	AddressRequest

type purchaseAddressRequest struct {
	Address addressRequest `json:"address" validate:"required"`
	Reason  string         `json:"reason" validate:"required,max=500" example:"AliExpress wants at most 35 characters in the street."`
} //	@name	PurchaseAddressRequest

// setPurchaseAddress gives an order an address for the purchase only.
//
//	@Summary		Give an address for the purchase only
//	@Description	The store's address stays as it is; preflight and purchases use this one until it is removed. When the store's own address changes later, this one is kept and a flag says so. What AliExpress is known not to accept is refused, with the field named.
//	@Tags			orders
//	@ID				setPurchaseAddress
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string					true	"Order id"
//	@Param			request	body		purchaseAddressRequest	true	"The address and why"
//	@Success		200		{object}	orderDetail
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/{id}/purchase-address [put]
func (s *server) setPurchaseAddress(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[purchaseAddressRequest](s, w, r, false)
	if err != nil {
		return err
	}
	if err := s.Sync.SetPurchaseAddress(r.Context(), caller.MerchantID, pathID(r), models.Address(in.Address), byPerson(caller, in.Reason)); err != nil {
		return err
	}
	return s.getOrder(w, r, caller)
}

// dropPurchaseAddress goes back to the store's address.
//
//	@Summary	Use the store's address for the purchase again
//	@Tags		orders
//	@ID			dropPurchaseAddress
//	@Produce	json
//	@Param		id		path		string	true	"Order id"
//	@Success	200		{object}	orderDetail
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/orders/{id}/purchase-address [delete]
func (s *server) dropPurchaseAddress(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.Sync.DropPurchaseAddress(r.Context(), caller.MerchantID, pathID(r), byPerson(caller, "")); err != nil {
		return err
	}
	return s.getOrder(w, r, caller)
}

// payItem is one supplier order that waits for its payment.
type payItem struct {
	SupplierOrderID models.ID `json:"supplier_order_id" validate:"required"`
	OrderID         models.ID `json:"order_id" validate:"required"`
	OrderNumber     string    `json:"order_number" validate:"required" example:"10002"`
	StoreID         models.ID `json:"store_id" validate:"required"`
	AccountID       models.ID `json:"account_id" validate:"required"`
	// AliExpress' number.
	Number string `json:"number" validate:"required" example:"8198352049851315"`
	// AliExpress' own word: PAYMENT_PROCESSING is being paid already.
	Status string `json:"status,omitempty" example:"PLACE_ORDER_SUCCESS"`
	// Absent until AliExpress has said what it costs.
	Amount *money     `json:"amount,omitempty"`
	PayBy  *time.Time `json:"pay_by,omitempty"`
	// Until pay_by; 0 once it has passed.
	SecondsLeft *int64 `json:"seconds_left,omitempty" example:"84000"`
	// The page on which it is paid.
	PayURL string `json:"pay_url" validate:"required" example:"https://www.aliexpress.com/p/order/detail.html?orderId=8198352049851315"`
} //	@name	PayItem

// payTotal is what is to be paid in one currency.
type payTotal struct {
	Amount money `json:"amount" validate:"required"`
	Orders int   `json:"orders" validate:"required" example:"12"`
} //	@name	PayTotal

type payList struct {
	Items []payItem `json:"items" validate:"required"`
	// Of the whole list, one for each currency; they are never added.
	Totals []payTotal `json:"totals" validate:"required"`
	// How many there are in all, and of how many the amount is not known yet.
	Count          int    `json:"count" validate:"required" example:"12"`
	AmountsUnknown int    `json:"amounts_unknown" validate:"required" example:"0"`
	NextCursor     string `json:"next_cursor,omitempty"`
} //	@name	PayList

// listToPay lists what is to be paid.
//
//	@Summary		List what is to be paid
//	@Description	Unpaid supplier orders, the one that AliExpress closes first on top, with the page on which each is paid. Those of orders that the store no longer wants are not here: they are not to be paid.
//	@Tags			supplier orders
//	@ID				listToPay
//	@Produce		json
//	@Param			account_id	query		string	false	"Only this supplier account"
//	@Param			store_id	query		string	false	"Only this store"
//	@Param			cursor		query		string	false	"next_cursor of the page before"
//	@Param			limit		query		int		false	"Entries on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200			{object}	payList
//	@Failure		401			{object}	problem
//	@Failure		422			{object}	problem
//	@Failure		default		{object}	problem
//	@Security		BearerAuth
//	@Router			/pay-list [get]
func (s *server) listToPay(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	f := orders.PayFilter{AccountID: q.id("account_id"), StoreID: q.id("store_id"), Cursor: q.text("cursor", 300), Limit: q.limit()}
	if err := q.done(); err != nil {
		return err
	}
	list, err := s.Orders.PayList(r.Context(), caller.MerchantID, f)
	if err != nil {
		return err
	}
	out := payList{Items: make([]payItem, len(list.Items)), Totals: []payTotal{}, NextCursor: list.Next}
	for i, it := range list.Items {
		out.Items[i] = payItem{
			SupplierOrderID: it.SupplierOrderID, OrderID: it.OrderID, OrderNumber: it.OrderNumber, StoreID: it.StoreID, AccountID: it.AccountID, Number: it.Number,
			Status: it.Status, Amount: known(models.Money{Minor: it.AmountMinor, Currency: it.AmountCurrency}), PayBy: utc(it.PayBy), PayURL: models.SupplierPage(it.Number),
		}
		if it.PayBy != nil {
			left := max(0, int64(it.PayBy.Sub(list.Now).Seconds()))
			out.Items[i].SecondsLeft = &left
		}
	}
	for _, t := range list.Totals {
		out.Count += t.Orders
		if t.Currency == "" {
			out.AmountsUnknown = t.Orders
			continue
		}
		out.Totals = append(out.Totals, payTotal{Amount: money{t.Minor, t.Currency}, Orders: t.Orders})
	}
	return respond(w, http.StatusOK, out)
}

// resumePlacing lets placing go on that stopped by itself.
//
//	@Summary		Let placing go on
//	@Description	After too many purchases without a clear answer, placing stops by itself (placing_tripped in the settings says why). Look at AliExpress first: what waits is sent then.
//	@Tags			settings
//	@ID				resumePlacing
//	@Produce		json
//	@Success		200		{object}	settings
//	@Failure		401		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/settings/resume-placing [post]
func (s *server) resumePlacing(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.Sync.ResumePlacing(r.Context(), caller.MerchantID, caller.Actor); err != nil {
		return err
	}
	m, err := s.Accounts.Merchant(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSettings(m))
}
