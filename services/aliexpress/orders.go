package aliexpress

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"waybill/models"
)

const (
	methodOrder    = "aliexpress.trade.ds.order.get"
	methodTracking = "aliexpress.ds.order.tracking.get"

	noTrackingYet = "1001"
)

type wireOrder struct {
	Status    text                `json:"order_status"`
	Logistics text                `json:"logistics_status"`
	Created   text                `json:"gmt_create"`
	Paid      text                `json:"order_paidtime_string"`
	PayWithin text                `json:"pay_timeout_second"`
	Amount    amount              `json:"order_amount"`
	UserPays  amount              `json:"user_order_amount"`
	Store     wireStore           `json:"store_info"`
	Lines     list[wireOrderLine] `json:"child_order_list"`
}

type wireStore struct {
	ID   text `json:"store_id"`
	Name text `json:"store_name"`
}

type wireOrderLine struct {
	ProductID text `json:"product_id"`
	SKUID     text `json:"sku_id"`
	Count     text `json:"product_count"`
	EndReason text `json:"end_reason"`
}

// Order reads one order (aliexpress.md 5.1). Statuses and end reasons are verbatim; the amount is in the buyer's currency
// where AliExpress says it; PayBy is given whether or not the order is paid. An order of another account, or one placed
// less than a minute ago, is models.NotFound, code supplier_order_not_visible. Other errors: Invalid for what is no order number,
// Throttled, Disconnected, Rejected, Unavailable.
func (c *Client) Order(ctx context.Context, a models.Access, number string) (models.SupplierAnswer, error) {
	if !isID(number) {
		return models.SupplierAnswer{}, badID("order number", number)
	}
	p, err := c.read(ctx, a, methodOrder, map[string]string{"single_order_query": `{"order_id":` + number + `}`})
	if err != nil {
		return models.SupplierAnswer{}, err
	}
	if code := p.code(); !harmless(code) {
		return models.SupplierAnswer{}, businessTrouble(methodOrder, code)
	}
	var w wireOrder
	if err := p.result(&w); err != nil {
		return models.SupplierAnswer{}, unreadable(methodOrder, err)
	}
	if w.Status.String() == "" {
		return models.SupplierAnswer{}, unreadable(methodOrder, errors.New("an order without a status"))
	}
	return w.translate(number), nil
}

func (w wireOrder) translate(number string) models.SupplierAnswer {
	answer := models.SupplierAnswer{
		Number:          number,
		Status:          w.Status.String(),
		LogisticsStatus: w.Logistics.String(),
		CreatedAt:       w.Created.clock(),
		PaidAt:          w.Paid.clock(),
		Amount:          w.UserPays.money(),
		StoreID:         w.Store.ID.String(),
		StoreName:       w.Store.Name.String(),
	}
	if answer.Amount.Currency == "" {
		answer.Amount = w.Amount.money()
	}
	if seconds, ok := w.PayWithin.int64(); ok && seconds > 0 && seconds < 1e9 && answer.CreatedAt != nil {
		by := answer.CreatedAt.Add(time.Duration(seconds) * time.Second)
		answer.PayBy = &by
	}
	for _, l := range w.Lines {
		answer.Lines = append(answer.Lines, models.SupplierAnswerLine{
			ProductID: l.ProductID.String(), SKUID: l.SKUID.String(), Quantity: l.Count.count(), EndReason: l.EndReason.String(),
		})
	}
	return answer
}

type wireTracking struct {
	Ret  text `json:"ret"`
	Code text `json:"code"`
	Data *struct {
		Parcels list[wireParcel] `json:"tracking_detail_line_list"`
	} `json:"data"`
}

type wireParcel struct {
	Number      text           `json:"mail_no"`
	CarrierName text           `json:"carrier_name"`
	CPName      text           `json:"cp_name"`
	Nodes       list[wireNode] `json:"detail_node_list"`
	Items       list[wireItem] `json:"package_item_list"`
}

type wireNode struct {
	At          text `json:"time_stamp"`
	Name        text `json:"tracking_name"`
	Description text `json:"tracking_detail_desc"`
}

type wireItem struct {
	ProductID text `json:"item_id"`
	SKUID     text `json:"sku_id"`
	Quantity  text `json:"quantity"`
}

// Tracking lists the parcels of one order that have a number (aliexpress.md 6.1). Nothing shipped yet is no error but an
// empty list. Errors are those of Order.
func (c *Client) Tracking(ctx context.Context, a models.Access, number string) ([]models.TrackedParcel, error) {
	if !isID(number) {
		return nil, badID("order number", number)
	}
	p, err := c.read(ctx, a, methodTracking, map[string]string{"ae_order_id": number, "language": language})
	if err != nil {
		return nil, err
	}
	var w wireTracking
	if err := p.result(&w); err != nil {
		return nil, unreadable(methodTracking, err)
	}
	switch {
	case w.Code.String() == noTrackingYet && !w.Ret.yes():
		return nil, nil
	case w.Ret != "" && !w.Ret.yes():
		return nil, businessTrouble(methodTracking, w.Code.String())
	case w.Ret == "" && w.Data == nil:
		return nil, unreadable(methodTracking, errors.New("neither parcels nor their absence"))
	case w.Data == nil:
		return nil, nil
	}
	var parcels []models.TrackedParcel
	for _, parcel := range w.Data.Parcels {
		if parcel.Number.String() != "" {
			parcels = append(parcels, parcel.translate())
		}
	}
	return parcels, nil
}

func (w wireParcel) translate() models.TrackedParcel {
	parcel := models.TrackedParcel{
		Number:  w.Number.String(),
		Carrier: cmp.Or(w.CarrierName.String(), w.CPName.String()),
	}
	for _, item := range w.Items {
		parcel.Items = append(parcel.Items, models.TrackedItem{
			ProductID: item.ProductID.String(), SKUID: item.SKUID.String(), Quantity: item.Quantity.count(),
		})
	}
	if len(w.Nodes) == 0 {
		return parcel
	}
	newest := slices.MaxFunc(w.Nodes, func(x, y wireNode) int {
		a, _ := x.At.int64()
		b, _ := y.At.int64()
		return cmp.Compare(a, b)
	})
	parcel.LastEvent = cmp.Or(newest.Description.String(), newest.Name.String())
	if at, ok := newest.At.epoch(); ok {
		parcel.LastEventAt = &at
	}
	return parcel
}
