package wixsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// change runs a change of one order under the lock and returns the order as it is then.
func (s *Server) change(id string, work func(*record) error) (Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.orders[id]
	if !ok {
		return Order{}, errNoOrder
	}
	if err := work(rec); err != nil {
		return Order{}, err
	}
	return rec.snapshot(), nil
}

var errNoOrder = errors.New("no such order")

// Orders returns all orders of all sites, oldest first.
func (s *Server) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Order{}
	for _, id := range s.orderIDs {
		list = append(list, s.orders[id].snapshot())
	}
	return list
}

// Order returns one order with its fulfillments.
func (s *Server) Order(id string) (Order, []Fulfillment, error) {
	var made []Fulfillment
	o, err := s.change(id, func(rec *record) error {
		made = rec.withFulfillments().Fulfillments
		return nil
	})
	return o, made, err
}

// CancelOrder cancels as the merchant does in the dashboard: an open authorisation is released first.
func (s *Server) CancelOrder(id string) (Order, error) {
	return s.change(id, func(rec *record) error {
		var held []string
		for _, p := range rec.payments {
			if p.Status == paymentAuthorized {
				held = append(held, p.ID)
			}
		}
		if rec.order.Status == statusApproved && len(held) > 0 {
			s.void(rec, held)
		}
		return s.cancelRecord(rec, cancelRequest{RestockAllItems: true})
	})
}

// Edit is a change that the merchant makes to a placed order.
type Edit struct {
	Lines   []Quantity  `json:"lines"` // new quantities; 0 takes the line out
	Address *NewAddress `json:"address"`
}

// EditOrder changes quantities or the address as the merchant does in the dashboard.
func (s *Server) EditOrder(id string, e Edit) (Order, error) {
	return s.change(id, func(rec *record) error {
		paymentBefore, fulfillmentBefore := rec.order.PaymentStatus, rec.order.FulfillmentStatus
		if len(e.Lines) > 0 {
			if err := rec.editLines(e.Lines); err != nil {
				return err
			}
			rec.act(s.now(), "DRAFT_ORDER_CHANGES_APPLIED")
		}
		if e.Address != nil {
			rec.editAddress(*e.Address)
			rec.act(s.now(), "SHIPPING_ADDRESS_EDITED")
		}
		s.commit(rec, KindOrderChanged, map[string]any{"change": "edited"})
		s.emitPaymentStatus(rec, paymentBefore)
		s.emitUpdated(rec)
		if after := rec.order.FulfillmentStatus; after == fulfilled && fulfillmentBefore != fulfilled {
			s.emitAction(rec, "fulfilled", map[string]any{"previousFulfillmentStatus": fulfillmentBefore, "newFulfillmentStatus": after})
		}
		return nil
	})
}

func (rec *record) editLines(wanted []Quantity) error {
	left := rec.remaining()
	edited := map[string]int{}
	for _, q := range wanted {
		line := rec.line(q.ID)
		if line == nil {
			return fmt.Errorf("no line %q", q.ID)
		}
		shipped := line.Quantity - left[q.ID]
		if q.Quantity < max(shipped, line.RefundQuantity) || q.Quantity > maxQuantity {
			return fmt.Errorf("line %s: %d units are shipped, %d refunded", q.ID, shipped, line.RefundQuantity)
		}
		edited[q.ID] = q.Quantity
	}
	var lines []LineItem
	for _, line := range rec.order.LineItems {
		if quantity, ok := edited[line.ID]; ok {
			line.Quantity = quantity
		}
		if line.Quantity > 0 {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return fmt.Errorf("an order keeps at least one line")
	}
	rec.order.LineItems = lines
	rec.reckon()
	rec.order.PaymentStatus = rec.paymentAfterEdit()
	return nil
}

// paymentAfterEdit says whether what was paid still covers the new total.
func (rec *record) paymentAfterEdit() string {
	switch rec.order.PaymentStatus {
	case payPaid, payPartiallyPaid:
		if rec.paid() < rec.total() {
			return payPartiallyPaid
		}
		return payPaid
	}
	return rec.order.PaymentStatus
}

func (rec *record) editAddress(to NewAddress) {
	edit := func(p *Party) {
		if p != nil && p.Address != nil {
			edited := to.over(*p.Address)
			p.Address = &edited
		}
	}
	edit(rec.order.RecipientInfo)
	if rec.order.ShippingInfo != nil && rec.order.ShippingInfo.Logistics != nil {
		edit(rec.order.ShippingInfo.Logistics.ShippingDestination)
	}
}

// AnonymizeOrder erases the buyer of an order, as a privacy request does. What Wix leaves of an address is not documented: here it is
// the country.
func (s *Server) AnonymizeOrder(id string) (Order, error) {
	return s.change(id, func(rec *record) error {
		o := &rec.order
		o.BuyerInfo.Email, o.BuyerNote = "", ""
		parties := []**Party{&o.BillingInfo, &o.RecipientInfo}
		if o.ShippingInfo != nil && o.ShippingInfo.Logistics != nil {
			logistics := *o.ShippingInfo.Logistics
			shipping := *o.ShippingInfo
			shipping.Logistics, o.ShippingInfo = &logistics, &shipping
			parties = append(parties, &logistics.ShippingDestination)
		}
		for _, p := range parties {
			if *p != nil && (*p).Address != nil {
				*p = &Party{Address: &Address{Country: (*p).Address.Country}, ContactDetails: &ContactDetails{}}
			}
		}
		s.commit(rec, KindOrderChanged, map[string]any{"change": "anonymized"})
		s.emitOrder(rec, domainEvent{Slug: "updated", UpdatedEvent: map[string]any{"currentEntity": rec.raw}, TriggeredByAnonymizeRequest: true})
		return nil
	})
}

// ArchiveOrder puts an order out of the merchant's sight.
func (s *Server) ArchiveOrder(id string) (Order, error) {
	return s.plainChange(id, "archived", func(rec *record) { rec.order.Archived = true })
}

// TouchOrder bumps updatedDate and nothing else.
func (s *Server) TouchOrder(id string) (Order, error) {
	return s.plainChange(id, "touched", func(*record) {})
}

// SetStatus sets the words given, verbatim and unchecked; an empty one stays as it is.
func (s *Server) SetStatus(id, status, paymentStatus string) (Order, error) {
	return s.plainChange(id, "status", func(rec *record) {
		rec.order.Status = orDefault(status, rec.order.Status)
		rec.order.PaymentStatus = orDefault(paymentStatus, rec.order.PaymentStatus)
	})
}

func (s *Server) plainChange(id, name string, work func(*record)) (Order, error) {
	return s.change(id, func(rec *record) error {
		work(rec)
		s.commit(rec, KindOrderChanged, map[string]any{
			"change": name, "status": rec.order.Status, "payment_status": rec.order.PaymentStatus,
		})
		s.emitUpdated(rec)
		return nil
	})
}

// FulfillByHand ships as the merchant does in the dashboard; without lines everything that is left.
func (s *Server) FulfillByHand(id string, lines []Quantity, tracking *TrackingInfo) (Order, error) {
	return s.change(id, func(rec *record) error {
		if len(lines) == 0 {
			left := rec.remaining()
			for _, line := range rec.order.LineItems {
				if left[line.ID] > 0 {
					lines = append(lines, Quantity{line.ID, left[line.ID]})
				}
			}
		}
		n, err := byHand(lines, tracking)
		if err != nil {
			return err
		}
		_, err = s.ship(rec, []newFulfillment{n}, "merchant")
		return err
	})
}

// AmendByHand changes the tracking of a fulfillment as the merchant does in the dashboard.
func (s *Server) AmendByHand(id, fulfillmentID string, tracking TrackingInfo) (Order, error) {
	return s.byHandChange(id, fulfillmentID, func(rec *record, i int) {
		rec.fulfillments[i].TrackingInfo = &tracking
		s.noteFulfillment(rec, KindFulfillmentUpdated, rec.fulfillments[i], "merchant")
	})
}

// UnfulfillByHand takes a fulfillment away as the merchant does in the dashboard.
func (s *Server) UnfulfillByHand(id, fulfillmentID string) (Order, error) {
	return s.byHandChange(id, fulfillmentID, func(rec *record, i int) {
		gone := rec.fulfillments[i]
		rec.fulfillments = slices.Delete(rec.fulfillments, i, i+1)
		s.noteFulfillment(rec, KindFulfillmentDeleted, gone, "merchant")
	})
}

func (s *Server) byHandChange(id, fulfillmentID string, work func(*record, int)) (Order, error) {
	return s.change(id, func(rec *record) error {
		i := slices.IndexFunc(rec.fulfillments, func(f Fulfillment) bool { return f.ID == fulfillmentID })
		if i < 0 {
			return fmt.Errorf("no fulfillment %q", fulfillmentID)
		}
		before := rec.order.FulfillmentStatus
		rec.fulfillments = slices.Clone(rec.fulfillments)
		work(rec, i)
		s.fulfillmentsChanged(rec, before)
		return nil
	})
}

// UnarchiveOrder brings an archived order back.
func (s *Server) UnarchiveOrder(id string) (Order, error) {
	return s.plainChange(id, "unarchived", func(rec *record) { rec.order.Archived = false })
}

// DeleteOrder makes an order unknown, without a word.
func (s *Server) DeleteOrder(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.orders[id]
	if !ok {
		return errNoOrder
	}
	delete(s.orders, id)
	s.orderIDs = slices.DeleteFunc(s.orderIDs, func(other string) bool { return other == id })
	s.note(Entry{Kind: KindOrderDeleted, InstanceID: rec.site, OrderID: id})
	return nil
}

// SetNumbersUniquePerSite decides whether a tracking number may stand once on a site or once in each order.
func (s *Server) SetNumbersUniquePerSite(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbersPerSite = on
}

func byHand(lines []Quantity, tracking *TrackingInfo) (newFulfillment, error) {
	var n newFulfillment
	items := []map[string]any{}
	for _, q := range lines {
		item := map[string]any{"id": q.ID}
		if q.Quantity != 0 {
			item["quantity"] = q.Quantity
		}
		items = append(items, item)
	}
	err := json.Unmarshal(encode(map[string]any{"lineItems": items, "trackingInfo": tracking}), &n)
	return n, err
}

// controlRoutes is the control API; every handler is a thin door to an exported method.
func (s *Server) controlRoutes(mux *http.ServeMux) {
	s.controlServer(mux)
	s.controlOrders(mux)
	s.controlWebhooks(mux)
	mux.HandleFunc("/_sim/", func(w http.ResponseWriter, r *http.Request) {
		writeControlError(w, http.StatusNotFound, fmt.Errorf("no control endpoint %s %s", r.Method, r.URL.Path))
	})
}

type none struct{}

var done = none{}

func (s *Server) controlServer(mux *http.ServeMux) {
	control(mux, "GET /_sim/info", func(*http.Request, none) (any, error) { return s.Info(), nil })
	control(mux, "GET /_sim/journal", func(*http.Request, none) (any, error) {
		return map[string]any{"entries": s.Journal()}, nil
	})
	control(mux, "POST /_sim/instances", func(*http.Request, none) (any, error) {
		return map[string]string{"instance_id": s.CreateInstance()}, nil
	})
	control(mux, "POST /_sim/instances/{id}/install", func(r *http.Request, _ none) (any, error) {
		return done, s.Install(r.PathValue("id"))
	})
	control(mux, "POST /_sim/instances/{id}/remove", func(r *http.Request, _ none) (any, error) {
		return done, s.Remove(r.PathValue("id"))
	})
	control(mux, "GET /_sim/instances/{id}/signed-instance", func(r *http.Request, _ none) (any, error) {
		signed, err := s.SignedInstance(r.PathValue("id"))
		return map[string]string{"instance": signed}, err
	})
	control(mux, "POST /_sim/faults", func(_ *http.Request, f Fault) (any, error) { return done, s.Fail(f) })
	control(mux, "POST /_sim/faults/clear", func(*http.Request, none) (any, error) {
		s.ClearFaults()
		return done, nil
	})
	control(mux, "GET /_sim/barriers", func(*http.Request, none) (any, error) { return map[string]any{"waiting": s.Barriers()}, nil })
	control(mux, "POST /_sim/barriers/release", func(_ *http.Request, in struct {
		OrderID string `json:"order_id"`
	},
	) (any, error) {
		s.ReleaseBarriersOf(in.OrderID)
		return done, nil
	})
	control(mux, "POST /_sim/barriers/cut", func(*http.Request, none) (any, error) {
		s.CutBarriers()
		return done, nil
	})
	control(mux, "POST /_sim/clock/advance", func(_ *http.Request, in secondsBody) (any, error) {
		d, err := in.duration()
		if err == nil {
			s.Advance(d)
		}
		return done, err
	})
	control(mux, "POST /_sim/index-lag", func(_ *http.Request, in secondsBody) (any, error) {
		d, err := in.duration()
		if err == nil {
			s.SetIndexLag(d)
		}
		return done, err
	})
}

type secondsBody struct {
	Seconds float64 `json:"seconds"`
}

func (b secondsBody) duration() (time.Duration, error) {
	if b.Seconds < 0 || b.Seconds > 1e9 {
		return 0, fmt.Errorf("seconds must be 0 to 1e9")
	}
	return time.Duration(b.Seconds * float64(time.Second)), nil
}

func (s *Server) controlOrders(mux *http.ServeMux) {
	one := func(o Order, err error) (any, error) { return map[string]any{"order": o}, err }
	control(mux, "POST /_sim/orders", func(_ *http.Request, n NewOrder) (any, error) { return one(s.CreateOrder(n)) })
	control(mux, "GET /_sim/orders", func(*http.Request, none) (any, error) {
		return map[string]any{"orders": s.Orders()}, nil
	})
	control(mux, "GET /_sim/orders/{id}", func(r *http.Request, _ none) (any, error) {
		o, made, err := s.Order(r.PathValue("id"))
		return map[string]any{"order": o, "fulfillments": made}, err
	})
	control(mux, "POST /_sim/orders/{id}/pay", func(r *http.Request, _ none) (any, error) { return one(s.PayOrder(r.PathValue("id"))) })
	control(mux, "POST /_sim/orders/{id}/cancel", func(r *http.Request, _ none) (any, error) { return one(s.CancelOrder(r.PathValue("id"))) })
	control(mux, "POST /_sim/orders/{id}/anonymize", func(r *http.Request, _ none) (any, error) { return one(s.AnonymizeOrder(r.PathValue("id"))) })
	control(mux, "POST /_sim/orders/{id}/archive", func(r *http.Request, _ none) (any, error) { return one(s.ArchiveOrder(r.PathValue("id"))) })
	control(mux, "POST /_sim/orders/{id}/unarchive", func(r *http.Request, _ none) (any, error) { return one(s.UnarchiveOrder(r.PathValue("id"))) })
	control(mux, "POST /_sim/orders/{id}/delete", func(r *http.Request, _ none) (any, error) { return done, s.DeleteOrder(r.PathValue("id")) })
	control(mux, "POST /_sim/orders/{id}/fulfillments/{fulfillment}/amend", func(r *http.Request, in TrackingInfo) (any, error) {
		return one(s.AmendByHand(r.PathValue("id"), r.PathValue("fulfillment"), in))
	})
	control(mux, "POST /_sim/orders/{id}/fulfillments/{fulfillment}/delete", func(r *http.Request, _ none) (any, error) {
		return one(s.UnfulfillByHand(r.PathValue("id"), r.PathValue("fulfillment")))
	})
	control(mux, "POST /_sim/numbers", func(_ *http.Request, in struct {
		UniquePerSite bool `json:"unique_per_site"`
	},
	) (any, error) {
		s.SetNumbersUniquePerSite(in.UniquePerSite)
		return done, nil
	})
	control(mux, "POST /_sim/orders/{id}/touch", func(r *http.Request, _ none) (any, error) { return one(s.TouchOrder(r.PathValue("id"))) })
	control(mux, "POST /_sim/orders/{id}/edit", func(r *http.Request, e Edit) (any, error) { return one(s.EditOrder(r.PathValue("id"), e)) })
	control(mux, "POST /_sim/orders/{id}/refund", func(r *http.Request, in struct {
		Lines []Quantity `json:"lines"`
		Full  bool       `json:"full"`
	},
	) (any, error) {
		if in.Full && len(in.Lines) > 0 {
			return nil, fmt.Errorf("lines and full exclude each other")
		}
		return one(s.RefundOrder(r.PathValue("id"), in.Lines))
	})
	control(mux, "POST /_sim/orders/{id}/fulfill-by-hand", func(r *http.Request, in struct {
		Lines    []Quantity    `json:"lines"`
		Tracking *TrackingInfo `json:"tracking"`
	},
	) (any, error) {
		return one(s.FulfillByHand(r.PathValue("id"), in.Lines, in.Tracking))
	})
	control(mux, "POST /_sim/orders/{id}/status", func(r *http.Request, in struct {
		Status        string `json:"status"`
		PaymentStatus string `json:"paymentStatus"`
	},
	) (any, error) {
		return one(s.SetStatus(r.PathValue("id"), in.Status, in.PaymentStatus))
	})
}

func (s *Server) controlWebhooks(mux *http.ServeMux) {
	control(mux, "POST /_sim/webhook-url", func(_ *http.Request, in struct {
		URL string `json:"url"`
	},
	) (any, error) {
		if in.URL != "" && !isWebURL(in.URL) {
			return nil, fmt.Errorf("url must be an absolute http URL or empty")
		}
		s.SetWebhookURL(in.URL)
		return done, nil
	})
	control(mux, "POST /_sim/webhooks", func(_ *http.Request, w WebhookSwitches) (any, error) { return done, s.SetWebhooks(w) })
	control(mux, "GET /_sim/webhooks", func(*http.Request, none) (any, error) { return s.WebhookStats(), nil })
	control(mux, "POST /_sim/webhooks/release", func(_ *http.Request, in struct {
		Order string `json:"order"`
	},
	) (any, error) {
		if in.Order != "" && in.Order != "sent" && in.Order != "reverse" {
			return nil, fmt.Errorf("order must be sent or reverse")
		}
		return map[string]int{"released": s.ReleaseWebhooks(in.Order == "reverse")}, nil
	})
	control(mux, "POST /_sim/webhooks/sign", func(_ *http.Request, in struct {
		Claims json.RawMessage `json:"claims"`
	},
	) (any, error) {
		if len(in.Claims) == 0 {
			return nil, fmt.Errorf("claims are missing")
		}
		return map[string]string{"jwt": s.Sign(in.Claims)}, nil
	})
	control(mux, "POST /_sim/webhooks/event", func(_ *http.Request, in struct {
		EventType  string `json:"event_type"`
		OrderID    string `json:"order_id"`
		InstanceID string `json:"instance_id"`
	},
	) (any, error) {
		return done, s.SendEvent(in.EventType, in.OrderID, in.InstanceID)
	})
}

// control registers one door: JSON in, with unknown members refused, JSON out.
func control[In any](mux *http.ServeMux, pattern string, work func(*http.Request, In) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := decodeStrictly(r.Body, &in); err != nil {
			writeControlError(w, http.StatusBadRequest, err)
			return
		}
		out, err := work(r, in)
		if err != nil {
			writeControlError(w, controlStatus(err), err)
			return
		}
		writeJSON(w, http.StatusOK, encode(out))
	})
}

func decodeStrictly(body io.Reader, into any) error {
	raw, err := io.ReadAll(body)
	if err != nil || len(bytes.TrimSpace(raw)) == 0 {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the JSON value")
	}
	return nil
}

// controlStatus gives a refusal of the platform its own status, so that the reason shows.
func controlStatus(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.status
	}
	if errors.Is(err, errNoOrder) {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

func writeControlError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, encode(map[string]string{"error": err.Error()}))
}
