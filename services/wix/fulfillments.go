package wix

import (
	"context"
	"net/http"
	"strings"

	"waybill/models"
)

// Fulfillments lists what the store knows to be shipped, wix.md 4.1. No fulfillment is an empty list, never an error; an
// answer that does not clearly say so is Unavailable, because the caller decides by this list whether to create one.
func (c *Client) Fulfillments(ctx context.Context, a models.Access, orderID string) ([]models.Fulfillment, error) {
	const name = "list_fulfillments"
	id, err := pathID("order", orderID)
	if err != nil {
		return nil, err
	}
	var got wireFulfillmentsAnswer
	answer, err := c.call(ctx, a, operation{name: name, method: http.MethodGet, path: "/ecom/v1/fulfillments/orders/" + id}, &got)
	if err != nil {
		return nil, err
	}
	if fault := got.fault(id); fault != "" {
		return nil, undecodable(name, answer, fault)
	}
	list := make([]models.Fulfillment, 0, len(got.OrderWithFulfillments.Fulfillments))
	for _, f := range got.OrderWithFulfillments.Fulfillments {
		list = append(list, fulfillment(f))
	}
	return list, nil
}

// Fulfill tells the store about a parcel and returns the new fulfillment's id, wix.md 4.1. f.ID is not sent. Without a link,
// Wix builds one for the providers that it knows (wix.md 4.2). Without a number, carrier and link the goods are shown as
// shipped and nothing else.
//
// There is no idempotency key and a second one mails the buyer again: list before calling, and list again after any error
// but Invalid, Throttled and Disconnected. Unavailable may mean that it was created. The transport never repeats the call.
func (c *Client) Fulfill(ctx context.Context, a models.Access, orderID string, f models.Fulfillment) (fulfillmentID string, err error) {
	const name = "create_fulfillment"
	id, err := pathID("order", orderID)
	if err != nil {
		return "", err
	}
	body, err := newFulfillment(f)
	if err != nil {
		return "", err
	}
	var got wireFulfillmentsAnswer
	op := operation{name: name, method: http.MethodPost, path: "/ecom/v1/fulfillments/orders/" + id + "/create-fulfillment", body: body, once: true}
	answer, err := c.call(ctx, a, op, &got)
	if err != nil {
		return "", err
	}
	fault := got.fault(id)
	if fault == "" && got.FulfillmentID == "" {
		fault = "no fulfillmentId"
	}
	if fault != "" {
		return "", undecodable(name, answer, fault)
	}
	return string(got.FulfillmentID), nil
}

// Amend corrects number, carrier and link of the fulfillment f.ID, wix.md 4.1. All three are replaced: an empty one clears
// what was there, so that no old link stands beside a new number. Lines cannot be changed this way: Unfulfill and Fulfill
// anew. It is safe to repeat.
func (c *Client) Amend(ctx context.Context, a models.Access, orderID string, f models.Fulfillment) error {
	if f.Number == "" && f.Link == "" {
		return notShippable("A fulfillment can only be changed to another tracking number or link.")
	}
	var body wireUpdateFulfillment
	t := &body.Fulfillment.TrackingInfo
	t.TrackingNumber, t.ShippingProvider, t.TrackingLink = orNull(f.Number), orNull(f.Carrier), orNull(f.Link)
	return c.change(ctx, a, orderID, f.ID, operation{name: "update_fulfillment", method: http.MethodPatch, body: body})
}

// Unfulfill deletes a fulfillment, wix.md 4.1: its quantities are open again. It is safe to repeat: NotFound says that it is
// gone already.
func (c *Client) Unfulfill(ctx context.Context, a models.Access, orderID, fulfillmentID string) error {
	return c.change(ctx, a, orderID, fulfillmentID, operation{name: "delete_fulfillment", method: http.MethodDelete})
}

// change performs op on one fulfillment of an order.
func (c *Client) change(ctx context.Context, a models.Access, orderID, fulfillmentID string, op operation) error {
	order, err := pathID("order", orderID)
	if err != nil {
		return err
	}
	id, err := pathID("fulfillment", fulfillmentID)
	if err != nil {
		return err
	}
	op.path = "/ecom/v1/fulfillments/" + id + "/orders/" + order
	var got wireFulfillmentsAnswer
	answer, err := c.call(ctx, a, op, &got)
	if err != nil {
		return err
	}
	if fault := got.fault(order); fault != "" {
		return undecodable(op.name, answer, fault)
	}
	return nil
}

// fault says what is wrong with an answer about an order's fulfillments; empty when nothing is.
func (w wireFulfillmentsAnswer) fault(orderID string) string {
	o := w.OrderWithFulfillments
	switch {
	case o == nil:
		return "no orderWithFulfillments"
	case o.OrderID != "" && !strings.EqualFold(string(o.OrderID), orderID):
		return "fulfillments of another order"
	}
	return ""
}

// newFulfillment refuses what must not reach Wix: a line without a quantity would ship all that is left of it.
func newFulfillment(f models.Fulfillment) (wireCreateFulfillment, error) {
	var body wireCreateFulfillment
	if len(f.Lines) == 0 {
		return body, notShippable("A parcel without contents cannot be sent to the store.")
	}
	for _, l := range f.Lines {
		if l.LineID == "" || l.Quantity < 1 {
			return body, notShippable("Every line of a parcel needs an order line and a quantity of at least 1.")
		}
		body.Fulfillment.LineItems = append(body.Fulfillment.LineItems, wireNewFulfillmentLine{ID: l.LineID, Quantity: l.Quantity})
	}
	if t := (wireNewTracking{TrackingNumber: f.Number, ShippingProvider: f.Carrier, TrackingLink: f.Link}); t != (wireNewTracking{}) {
		body.Fulfillment.TrackingInfo = &t
	}
	return body, nil
}

func notShippable(detail string) error {
	return models.Errorf(models.Invalid, "wix_fulfillment_incomplete", "%s", detail)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
