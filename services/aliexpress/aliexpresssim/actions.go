package aliexpresssim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Item names a quantity of an SKU.
type Item struct {
	ProductID string `json:"product_id"`
	SKUID     string `json:"sku_id"`
	Quantity  int    `json:"quantity"`
}

// Purchase is what a merchant buys by hand on the site. An empty UserID means the seeded account.
type Purchase struct {
	UserID  string  `json:"user_id"`
	Items   []Item  `json:"items"`
	Address Address `json:"address"`
}

// BuyByHand creates an unpaid order that no API call asked for, and returns its number. The items must come from one
// store; neither the address rules nor the delay before an order can be read apply to it.
func (s *Server) BuyByHand(p Purchase) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.UserID)
	if err != nil {
		return "", err
	}
	lines, err := s.pick(p.Items)
	if err != nil {
		return "", err
	}
	for i := range lines {
		lines[i].sku.stock -= lines[i].quantity
	}
	o := s.newOrder(a.userID, lines[0].product.store, lines)
	o.readableAt = o.createdAt
	o.address = maps.Clone(p.Address)
	o.note = "bought by hand on the site"
	s.recordOrder(KindOrderCreated, o, o.content()+", by hand")
	s.push(o, "OrderCreated")
	return o.number(), nil
}

// pick turns items into lines; locked.
func (s *Server) pick(items []Item) ([]line, error) {
	if len(items) == 0 {
		return nil, fmt.Errorf("%w: no items", ErrInvalid)
	}
	lines := []line{}
	wanted := map[*sku]int{}
	for _, item := range items {
		p := s.product(item.ProductID)
		if p == nil {
			return nil, fmt.Errorf("%w: product %s", ErrNotFound, item.ProductID)
		}
		k := p.skuByID(item.SKUID)
		switch {
		case k == nil:
			return nil, fmt.Errorf("%w: SKU %s", ErrNotFound, item.SKUID)
		case item.Quantity < 1 || item.Quantity > k.stock-wanted[k]:
			return nil, fmt.Errorf("%w: %d of SKU %s", ErrConflict, item.Quantity, item.SKUID)
		case len(lines) > 0 && lines[0].product.store != p.store:
			return nil, fmt.Errorf("%w: items of two stores are two orders", ErrInvalid)
		}
		wanted[k] += item.Quantity
		lines = append(lines, line{product: p, sku: k, quantity: item.Quantity, price: k.price, delivery: &deliveries[0]})
	}
	return lines, nil
}

// PayOptions say how a payment goes: through at once, into a risk check (RISK_CONTROL), into one that goes on
// (RISK_CONTROL_HOLD), or not at all.
type PayOptions struct {
	Risk bool `json:"risk"`
	Hold bool `json:"hold"`
	Fail bool `json:"fail"`
}

// Pay is the merchant paying on the site.
func (s *Server) Pay(id string, how PayOptions) error {
	return s.change(id, func(o *order) error {
		if !o.unpaid() {
			return conflict(o, "not waiting for payment")
		}
		if how.Fail {
			o.status = statusUnpaid
			s.expect(o.closesAt())
			s.recordOrder(KindPaymentFailed, o)
			s.push(o, "paymentFailedEvent")
			return nil
		}
		s.pay(o, how)
		return nil
	})
}

// pay is locked.
func (s *Server) pay(o *order, how PayOptions) {
	o.paidAt = s.now()
	o.status, o.logistics = statusAwaitingShipment, statusAwaitingShipment
	if how.Risk {
		o.status = statusRisk
	}
	if how.Hold {
		o.status = statusRiskHold
	}
	s.recordOrder(KindOrderPaid, o, o.status)
	s.push(o, "PaymentAuthorized")
}

// ClearRisk ends the risk check of a paid order.
func (s *Server) ClearRisk(id string) error {
	return s.change(id, func(o *order) error {
		if o.status != statusRisk && o.status != statusRiskHold {
			return conflict(o, "not in a risk check")
		}
		o.status = statusAwaitingShipment
		s.recordOrder(KindRiskCleared, o)
		return nil
	})
}

// ShipOptions say what goes into a parcel. Without Items it is everything that has not shipped. WithoutNumber ships
// before a tracking number is known; Renumber gives it one.
type ShipOptions struct {
	Items         []Item `json:"items"`
	MailNo        string `json:"mail_no"`
	Carrier       string `json:"carrier"`
	WithoutNumber bool   `json:"without_number"`
	Unseen        bool   `json:"unseen"` // no carrier has seen it yet
}

// Ship sends one parcel of a paid order and returns it.
func (s *Server) Ship(id string, how ShipOptions) (Parcel, error) {
	var view Parcel
	err := s.change(id, func(o *order) error {
		if o.status != statusAwaitingShipment && o.status != statusPartlyShipped {
			return conflict(o, "not waiting for shipment")
		}
		content, err := o.selectUnshipped(how.Items)
		if err != nil {
			return err
		}
		p := s.pack(o, how, content)
		o.settle()
		view = o.parcelView(p)
		s.recordOrder(KindOrderShipped, o, p.mailNo)
		s.push(o, "OrderShipped")
		return nil
	})
	return view, err
}

// selectUnshipped finds the lines for items, or all that is left when there are none.
func (o *order) selectUnshipped(items []Item) ([]packed, error) {
	left := make([]int, len(o.lines))
	var all []packed
	for i, l := range o.lines {
		if l.endReason == "" && l.quantity > l.shipped {
			left[i] = l.quantity - l.shipped
			all = append(all, packed{i, left[i]})
		}
	}
	if len(all) == 0 {
		return nil, conflict(o, "nothing is left to ship")
	}
	if len(items) == 0 {
		return all, nil
	}
	var chosen []packed
	for _, item := range items {
		content, err := o.take(item, left)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, content...)
	}
	return chosen, nil
}

// take spreads an item over the lines that still have some of its SKU.
func (o *order) take(item Item, left []int) ([]packed, error) {
	var chosen []packed
	wanted := max(item.Quantity, 1)
	for i, l := range o.lines {
		if n := min(wanted, left[i]); n > 0 && itoa(l.sku.id) == item.SKUID {
			chosen = append(chosen, packed{i, n})
			left[i] -= n
			wanted -= n
		}
	}
	if wanted > 0 {
		return nil, fmt.Errorf("%w: %d of SKU %s cannot ship", ErrConflict, max(item.Quantity, 1), item.SKUID)
	}
	return chosen, nil
}

// pack adds a parcel; locked.
func (s *Server) pack(o *order, how ShipOptions, content []packed) *parcel {
	o.parcelsEver++
	service := o.lines[content[0].line].delivery
	p := &parcel{
		mailNo: how.MailNo, carrier: how.Carrier, items: content, shippedAt: s.now(), service: service.code,
		logisticsNo: fmt.Sprintf("LP%012d%02d", o.id/orderStep%1e12, o.parcelsEver),
	}
	if p.mailNo == "" && !how.WithoutNumber {
		p.mailNo = fmt.Sprintf("4209795192144903%016d%02d", o.id, o.parcelsEver)
	}
	if p.carrier == "" {
		p.carrier = service.company
	}
	for _, item := range content {
		o.lines[item.line].shipped += item.quantity
	}
	if !how.Unseen {
		p.addNode(p.shippedAt, "Package shipped", "Package left the warehouse.")
	}
	o.parcels = append(o.parcels, p)
	return p
}

func (o *order) parcel(mailNo string) (*parcel, error) {
	for _, p := range o.parcels {
		if p.mailNo == mailNo {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: parcel %q of order %s", ErrNotFound, mailNo, o.number())
}

// Renumbering gives a parcel another number, and another carrier if one is named. A parcel that shipped without a
// number has the MailNo "".
type Renumbering struct {
	MailNo    string `json:"mail_no"`
	NewMailNo string `json:"new_mail_no"`
	Carrier   string `json:"carrier"`
}

// Renumber changes a parcel's number on its way (aliexpress.md 6.2).
func (s *Server) Renumber(id string, r Renumbering) error {
	return s.change(id, func(o *order) error {
		p, err := o.parcel(r.MailNo)
		if err != nil {
			return err
		}
		p.mailNo = r.NewMailNo
		if r.Carrier != "" {
			p.carrier = r.Carrier
		}
		s.recordOrder(KindParcelChanged, o, r.MailNo, "is now", r.NewMailNo)
		return nil
	})
}

// Hand lets a parcel go by a further number beside its own, as when another carrier takes over: it is listed twice, each time
// with the same contents.
func (s *Server) Hand(id string, r Renumbering) error {
	return s.change(id, func(o *order) error {
		p, err := o.parcel(r.MailNo)
		if err != nil {
			return err
		}
		further := *p
		further.mailNo = r.NewMailNo
		if r.Carrier != "" {
			further.carrier = r.Carrier
		}
		o.parcels = append(o.parcels, &further)
		s.recordOrder(KindParcelChanged, o, r.MailNo, "also goes by", r.NewMailNo)
		return nil
	})
}

// Vanish removes a parcel from the answers, as when two are merged; what it held still counts as shipped.
func (s *Server) Vanish(id, mailNo string) error {
	return s.change(id, func(o *order) error {
		p, err := o.parcel(mailNo)
		if err != nil {
			return err
		}
		o.parcels = slices.DeleteFunc(o.parcels, func(other *parcel) bool { return other == p })
		s.recordOrder(KindParcelChanged, o, mailNo, "vanished")
		return nil
	})
}

// ParcelEvent is one line of a parcel's tracking.
type ParcelEvent struct {
	MailNo      string `json:"mail_no"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// AddEvent adds to a parcel's tracking.
func (s *Server) AddEvent(id string, e ParcelEvent) error {
	return s.change(id, func(o *order) error {
		p, err := o.parcel(e.MailNo)
		if err != nil {
			return err
		}
		p.addNode(s.now(), e.Name, e.Description)
		s.recordOrder(KindParcelChanged, o, e.MailNo, e.Name)
		return nil
	})
}

// Deliver lets all parcels arrive and the buyer confirm.
func (s *Server) Deliver(id string) error {
	return s.change(id, func(o *order) error {
		if o.status != statusShipped && o.status != statusPartlyShipped {
			return conflict(o, "not under way")
		}
		for _, p := range o.parcels {
			p.addNode(s.now(), "Delivery update", "Package delivered")
		}
		o.status, o.logistics = statusFinished, logisticsReceived
		s.recordOrder(KindOrderConfirmed, o)
		s.push(o, "OrderConfirmed")
		return nil
	})
}

// CancelOptions: Pending asks for the cancellation only (IN_CANCEL); a second Cancel grants it. EndReason is CANCELED
// when empty.
type CancelOptions struct {
	Pending   bool   `json:"pending"`
	EndReason string `json:"end_reason"`
}

// Cancel ends an order that has not ended.
func (s *Server) Cancel(id string, how CancelOptions) error {
	return s.change(id, func(o *order) error {
		if o.ended() {
			return conflict(o, "it has ended")
		}
		if how.Pending {
			o.status = statusCancelling
			s.recordOrder(KindCancelPending, o)
			return nil
		}
		s.closeOrder(o, orElse(how.EndReason, endCancelled))
		return nil
	})
}

// CancelLine ends the lines of one SKU; when no line lives on, the order is closed.
func (s *Server) CancelLine(id, skuID string) error {
	return s.change(id, func(o *order) error {
		if o.ended() {
			return conflict(o, "it has ended")
		}
		found := false
		for i := range o.lines {
			if l := &o.lines[i]; itoa(l.sku.id) == skuID && l.endReason == "" {
				found = true
				l.end(endCancelled)
			}
		}
		if !found {
			return fmt.Errorf("%w: SKU %s in order %s", ErrNotFound, skuID, id)
		}
		s.recordOrder(KindLineCancelled, o, skuID)
		if !o.settle() {
			s.closeOrder(o, endCancelled)
		}
		return nil
	})
}

// Timeout closes an unpaid order as if its time to pay had run out.
func (s *Server) Timeout(id string) error {
	return s.change(id, func(o *order) error {
		if !o.unpaid() {
			return conflict(o, "not waiting for payment")
		}
		s.closeOrder(o, endPayTimeout)
		return nil
	})
}

// Status holds status words; an empty one stays as it is.
type Status struct {
	OrderStatus     string `json:"order_status"`
	LogisticsStatus string `json:"logistics_status"`
}

// SetStatus sets status words verbatim, also ones that nobody knows. Nothing else changes and nothing is pushed.
func (s *Server) SetStatus(id string, status Status) error {
	return s.change(id, func(o *order) error {
		o.status = orElse(status.OrderStatus, o.status)
		o.logistics = orElse(status.LogisticsStatus, o.logistics)
		if o.status == statusUnpaid {
			s.expect(o.closesAt())
		}
		s.recordOrder(KindStatusForced, o, o.status, o.logistics)
		return nil
	})
}

// SetPayTimeout sets how long orders created from now on wait for payment.
func (s *Server) SetPayTimeout(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.payTimeout = d
}
