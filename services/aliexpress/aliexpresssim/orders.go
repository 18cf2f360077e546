package aliexpresssim

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// What a control action may return, wrapped with its reason.
var (
	ErrInvalid  = errors.New("invalid")
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
)

// The status words that the simulator sets by itself (aliexpress.md 5.2 and 5.3). SetStatus sets any other.
const (
	statusUnpaid           = "PLACE_ORDER_SUCCESS"
	statusPaying           = "PAYMENT_PROCESSING"
	statusRisk             = "RISK_CONTROL"
	statusRiskHold         = "RISK_CONTROL_HOLD"
	statusAwaitingShipment = "WAIT_SELLER_SEND_GOODS"
	statusPartlyShipped    = "SELLER_PART_SEND_GOODS"
	statusShipped          = "WAIT_BUYER_ACCEPT_GOODS"
	statusFinished         = "FINISH"
	statusCancelling       = "IN_CANCEL"

	logisticsNone          = "NO_LOGISTICS"
	logisticsPartlyShipped = "SELLER_SEND_PART_GOODS"
	logisticsShipped       = "SELLER_SEND_GOODS"
	logisticsReceived      = "BUYER_ACCEPT_GOODS"

	endCancelled  = "CANCELED"
	endPayTimeout = "buyer_pay_timeout"
)

type order struct {
	id          int64
	outOrderID  string
	userID      string
	store       *store
	status      string
	logistics   string
	createdAt   time.Time
	readableAt  time.Time
	paidAt      time.Time // zero: not paid
	payTimeout  time.Duration
	address     Address
	note        string
	lines       []line
	parcels     []*parcel
	parcelsEver int
}

type line struct {
	product   *product
	sku       *sku
	quantity  int
	price     int64 // cents, for one
	delivery  *delivery
	memo      string
	shipped   int
	endReason string
}

// parcel has a tracking number, and beside it the deprecated number that only the order detail shows
// (aliexpress.md 6.2).
type parcel struct {
	mailNo, carrier string
	logisticsNo     string
	service         string
	items           []packed
	shippedAt       time.Time
	nodes           []node
}

// packed is a quantity of an order's line.
type packed struct{ line, quantity int }

type node struct {
	at                time.Time
	name, description string
}

func (p *parcel) addNode(at time.Time, name, description string) {
	p.nodes = append(p.nodes, node{at, name, description})
}

func (o *order) number() string { return itoa(o.id) }

func (o *order) ended() bool { return o.status == statusFinished }

func (o *order) unpaid() bool { return o.status == statusUnpaid || o.status == statusPaying }

// closesAt is when an unpaid order ends by itself.
func (o *order) closesAt() time.Time { return o.createdAt.Add(o.payTimeout) }

// content is what was bought, for the journal.
func (o *order) content() string {
	parts := []string{}
	for _, l := range o.lines {
		parts = append(parts, fmt.Sprintf("%d x %d", l.quantity, l.sku.id))
	}
	return strings.Join(parts, ", ")
}

// shippingFee is charged once, with the first line.
func (o *order) shippingFee() int64 {
	total := int64(0)
	for _, l := range o.lines {
		total += l.price * int64(l.quantity)
	}
	if total >= freeFrom {
		return 0
	}
	return o.lines[0].delivery.fee
}

// settle sets the status words from what has shipped, and reports whether a living line is left.
func (o *order) settle() bool {
	living, shipped, open := false, false, false
	for _, l := range o.lines {
		shipped = shipped || l.shipped > 0
		if l.endReason == "" {
			living = true
			open = open || l.shipped < l.quantity
		}
	}
	switch {
	case !living || !shipped:
	case open:
		o.status, o.logistics = statusPartlyShipped, logisticsPartlyShipped
	default:
		o.status, o.logistics = statusShipped, logisticsShipped
	}
	return living
}

// Order numbers have 16 digits and end alike, as the samples do. They start from the clock, so that a simulator that
// was started again does not hand out numbers that a client already knows.
const (
	orderBase = 8_000_000_000_001_315
	orderStep = 20_000
)

func firstSlot(now time.Time) int64 {
	const span = 1_000_000_000
	seconds := (now.Unix() - 1_700_000_000) % span
	return (seconds + span) % span * 90
}

// newOrder adds an unpaid order to the books; locked.
func (s *Server) newOrder(userID string, from *store, lines []line) *order {
	now := s.now()
	o := &order{
		id: orderBase + s.nextSlot*orderStep, userID: userID, store: from, lines: lines,
		status: statusUnpaid, logistics: logisticsNone, createdAt: now,
		readableAt: now.Add(s.opts.ReadableAfter), payTimeout: s.payTimeout,
	}
	s.nextSlot++
	s.orders[o.id] = o
	s.orderIDs = append(s.orderIDs, o.id)
	s.expect(o.closesAt())
	return o
}

// expect remembers when the next unpaid order may be due; locked.
func (s *Server) expect(at time.Time) {
	if s.nextDue.IsZero() || at.Before(s.nextDue) {
		s.nextDue = at
	}
}

// closeOverdue closes the orders that were not paid in time (aliexpress.md 4.5); locked.
func (s *Server) closeOverdue() {
	now := s.now()
	if s.nextDue.IsZero() || now.Before(s.nextDue) {
		return
	}
	s.nextDue = time.Time{}
	for _, id := range s.orderIDs {
		o := s.orders[id]
		switch {
		case o.status != statusUnpaid:
		case now.Before(o.closesAt()):
			s.expect(o.closesAt())
		default:
			s.closeOrder(o, endPayTimeout)
		}
	}
}

// closeOrder ends an order without delivery and puts back what was not shipped; locked.
func (s *Server) closeOrder(o *order, reason string) {
	for i := range o.lines {
		if o.lines[i].endReason == "" {
			o.lines[i].end(reason)
		}
	}
	o.status = statusFinished
	s.recordOrder(KindOrderClosed, o, reason)
	s.push(o, "OrderClosed")
}

func (l *line) end(reason string) {
	l.endReason = reason
	l.sku.stock += l.quantity - l.shipped
}

// order finds by number, after closing what is overdue; locked.
func (s *Server) order(id string) (*order, error) {
	s.closeOverdue()
	number, err := strconv.ParseInt(id, 10, 64)
	if o := s.orders[number]; err == nil && o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("%w: order %s", ErrNotFound, id)
}

// change runs an action on an order; the action says what does not fit its state.
func (s *Server) change(id string, action func(*order) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.order(id)
	if err != nil {
		return err
	}
	return action(o)
}

func conflict(o *order, want string) error {
	return fmt.Errorf("%w: order %s is %s, %s", ErrConflict, o.number(), o.status, want)
}

// Order is an order with everything that the simulator knows of it.
type Order struct {
	OrderID         string    `json:"order_id"`
	OutOrderID      string    `json:"out_order_id"`
	UserID          string    `json:"user_id"`
	StoreID         string    `json:"store_id"`
	OrderStatus     string    `json:"order_status"`
	LogisticsStatus string    `json:"logistics_status"`
	CreatedAt       time.Time `json:"created_at"`
	// PaidAt is null while the order is not paid.
	PaidAt  *time.Time  `json:"paid_at"`
	Address Address     `json:"address"`
	Items   []OrderItem `json:"items"`
	Parcels []Parcel    `json:"parcels"`
	Note    string      `json:"note"`
}

// OrderItem is one line of an order.
type OrderItem struct {
	ProductID string `json:"product_id"`
	SKUID     string `json:"sku_id"`
	SKUAttr   string `json:"sku_attr"`
	Quantity  int    `json:"quantity"`
	Price     string `json:"price"`
	Shipped   int    `json:"shipped"`
	EndReason string `json:"end_reason"`
	Memo      string `json:"memo"`
}

// Parcel is one package of an order.
type Parcel struct {
	MailNo      string       `json:"mail_no"`
	CarrierName string       `json:"carrier_name"`
	Items       []ParcelItem `json:"items"`
}

// ParcelItem is what a parcel holds of one SKU.
type ParcelItem struct {
	ProductID string `json:"product_id"`
	SKUID     string `json:"sku_id"`
	Quantity  int    `json:"quantity"`
}

// Orders lists all orders, oldest first.
func (s *Server) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeOverdue()
	views := []Order{}
	for _, id := range s.orderIDs {
		views = append(views, s.orders[id].view())
	}
	return views
}

// Order finds one order.
func (s *Server) Order(id string) (Order, error) {
	var view Order
	err := s.change(id, func(o *order) error {
		view = o.view()
		return nil
	})
	return view, err
}

func (o *order) view() Order {
	view := Order{
		OrderID: o.number(), OutOrderID: o.outOrderID, UserID: o.userID, StoreID: itoa(o.store.id),
		OrderStatus: o.status, LogisticsStatus: o.logistics, CreatedAt: o.createdAt.UTC(),
		Address: maps.Clone(o.address), Items: []OrderItem{}, Parcels: []Parcel{}, Note: o.note,
	}
	if view.Address == nil {
		view.Address = Address{}
	}
	if !o.paidAt.IsZero() {
		paid := o.paidAt.UTC()
		view.PaidAt = &paid
	}
	for _, l := range o.lines {
		view.Items = append(view.Items, OrderItem{
			ProductID: itoa(l.product.id), SKUID: itoa(l.sku.id), SKUAttr: l.sku.attr, Quantity: l.quantity,
			Price: money(l.price), Shipped: l.shipped, EndReason: l.endReason, Memo: l.memo,
		})
	}
	for _, p := range o.parcels {
		view.Parcels = append(view.Parcels, o.parcelView(p))
	}
	return view
}

func (o *order) parcelView(p *parcel) Parcel {
	view := Parcel{MailNo: p.mailNo, CarrierName: p.carrier, Items: []ParcelItem{}}
	for _, item := range p.items {
		l := o.lines[item.line]
		view.Items = append(view.Items, ParcelItem{itoa(l.product.id), itoa(l.sku.id), item.quantity})
	}
	return view
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
