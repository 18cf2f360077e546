package wix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"waybill/models"
)

const searchLimit = 100 // orders per page, the most that Wix gives, wix.md 2.2

// Order reads one order as it is now, wix.md 2.1. NotFound when this site has no such order.
func (c *Client) Order(ctx context.Context, a models.Access, orderID string) (models.StoreOrder, error) {
	const name = "get_order"
	id, err := pathID("order", orderID)
	if err != nil {
		return models.StoreOrder{}, err
	}
	var got struct {
		Order json.RawMessage `json:"order"`
	}
	answer, err := c.call(ctx, a, operation{name: name, method: http.MethodGet, path: "/ecom/v1/orders/" + id}, &got)
	if err != nil {
		return models.StoreOrder{}, err
	}
	order, fault := storeOrder(got.Order)
	if fault == "" && !strings.EqualFold(order.ExternalID, id) {
		fault = "another order than the one asked for"
	}
	if fault != "" {
		return models.StoreOrder{}, undecodable(name, answer, fmt.Sprintf("order %s: %s", id, fault))
	}
	return order, nil
}

// Search reads a page of at most 100 orders, oldest change first, wix.md 2.2. A non-empty cursor, StorePage.Next of the page
// before, is sent alone: it holds the conditions. The zero query asks for all orders.
//
// Wix's search is eventually consistent and never lists INITIALIZED orders: let the windows overlap. An order that cannot
// be read is named in Unreadable; a page of which none can be read is an error.
func (c *Client) Search(ctx context.Context, a models.Access, q models.StoreQuery, cursor string) (models.StorePage, error) {
	const name = "search_orders"
	search := wireSearch{CursorPaging: wireCursorPaging{Limit: searchLimit, Cursor: cursor}}
	if cursor == "" {
		search.Sort = []wireSort{{FieldName: "updatedDate", Order: "ASC"}}
		search.Filter = filterOf(q)
	}
	var got wireSearchAnswer
	op := operation{name: name, method: http.MethodPost, path: "/ecom/v1/orders/search", body: wireSearchRequest{Search: search}}
	answer, err := c.call(ctx, a, op, &got)
	if err != nil {
		return models.StorePage{}, err
	}
	page, fault := storePage(got)
	if fault != "" {
		return models.StorePage{}, undecodable(name, answer, fault)
	}
	return page, nil
}

func filterOf(q models.StoreQuery) map[string]any {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") } // cuts, never rounds up
	filter := map[string]any{}
	if !q.UpdatedSince.IsZero() {
		filter["updatedDate"] = map[string]string{"$gte": at(q.UpdatedSince)}
	}
	created := map[string]string{}
	if !q.CreatedFrom.IsZero() {
		created["$gte"] = at(q.CreatedFrom)
	}
	if !q.CreatedTo.IsZero() {
		created["$lt"] = at(q.CreatedTo.Add(time.Millisecond - 1))
	}
	if len(created) > 0 {
		filter["createdDate"] = created
	}
	if len(q.IDs) > 0 {
		filter["id"] = map[string][]string{"$in": q.IDs}
	}
	if len(filter) == 0 {
		return nil
	}
	return filter
}

func storePage(got wireSearchAnswer) (page models.StorePage, fault string) {
	if got.Orders == nil && got.Metadata == nil {
		return page, "neither orders nor metadata"
	}
	page.Orders = make([]models.StoreOrder, 0, len(got.Orders))
	for i, raw := range got.Orders {
		order, fault := storeOrder(raw)
		if fault != "" {
			page.Unreadable = append(page.Unreadable, fmt.Sprintf("order %d of the page (%q): %s", i, order.ExternalID, fault))
			continue
		}
		page.Orders = append(page.Orders, order)
	}
	if len(page.Orders) == 0 && len(page.Unreadable) > 0 {
		return models.StorePage{}, page.Unreadable[0]
	}
	m := got.Metadata
	if m == nil || m.HasNext != nil && !*m.HasNext {
		return page, ""
	}
	if m.HasNext != nil && m.Cursors.Next == "" {
		return models.StorePage{}, "a next page without a cursor"
	}
	page.Next = m.Cursors.Next
	return page, ""
}

// Payment is one payment of an order, wix.md 3.2.
type Payment struct {
	ID     string
	Status string // verbatim: APPROVED, AUTHORIZED, PENDING, ...
	Amount string // decimal text in the order's currency, which the answer does not repeat; see Money
	// Captured says that the money was taken, even if some of it was given back later. An amount that is only held
	// (AUTHORIZED), pending, released or of a status we do not know is not captured.
	Captured bool
}

// Money is the amount in the order's currency. It is an error when Wix gave no decimal number.
func (p Payment) Money(currency string) (models.Money, error) {
	return models.ParseMoney(p.Amount, currency)
}

// Payments lists an order's payments, wix.md 3.2. Refunds are not listed: they show in the order.
func (c *Client) Payments(ctx context.Context, a models.Access, orderID string) ([]Payment, error) {
	const name = "list_transactions"
	id, err := pathID("order", orderID)
	if err != nil {
		return nil, err
	}
	var got wireTransactions
	answer, err := c.call(ctx, a, operation{name: name, method: http.MethodGet, path: "/ecom/v1/payments/orders/" + id}, &got)
	if err != nil {
		return nil, err
	}
	if got.OrderTransactions == nil {
		return nil, undecodable(name, answer, "no orderTransactions")
	}
	payments := make([]Payment, 0, len(got.OrderTransactions.Payments))
	for _, p := range got.OrderTransactions.Payments {
		payments = append(payments, payment(p))
	}
	return payments, nil
}
