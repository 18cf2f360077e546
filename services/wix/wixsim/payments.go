package wixsim

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"time"
)

const (
	captureDelay = time.Second        // capturing is asynchronous, wix.md 3.3; divided by RetryScale
	holdLife     = 7 * 24 * time.Hour // wix.md 3.3
)

// sum adds up the payments that are in one of the states.
func (rec *record) sum(states ...string) money {
	var total money
	for _, p := range rec.payments {
		if slices.Contains(states, p.Status) {
			total += amountOf(p.Amount, rec.currency())
		}
	}
	return total
}

// paid is what was charged, whether or not it was given back later.
func (rec *record) paid() money {
	return rec.sum(paymentApproved, paymentPartiallyRefunded, paymentRefunded)
}

func (rec *record) refunded() money {
	var total money
	for _, refund := range rec.refunds {
		for _, t := range refund.Transactions {
			total += amountOf(t.Amount, rec.currency())
		}
	}
	return total
}

func (p *Payment) set(at time.Time, status string) {
	p.Status, p.RegularPaymentDetails.Status, p.UpdatedDate = status, status, stamp(at)
}

func (p *Payment) authorized(amount Price) *AuthorizedPayment {
	card := p.RegularPaymentDetails.CreditCardDetails
	return &AuthorizedPayment{p.ID, amount, card.LastFourDigits, card.Brand}
}

// pay adds a card payment over the whole total. An order that costs nothing has no payment.
func (rec *record) pay(at time.Time, status string) *Payment {
	transaction := newGUID()
	return rec.addPayment(at, status, PaymentDetails{
		PaymentOrderID: newGUID(), GatewayTransactionID: transaction, ProviderTransactionID: transaction,
		PaymentMethod: "CreditCard", PaymentMethodName: &PaymentMethodName{"CreditCard"}, Status: status,
		CreditCardDetails: &CreditCard{"1111", "visa"}, Chargebacks: []json.RawMessage{},
	})
}

func (rec *record) payOffline(at time.Time, status string) *Payment {
	return rec.addPayment(at, status, PaymentDetails{
		PaymentMethod: "Offline", PaymentMethodName: &PaymentMethodName{"Offline"}, OfflinePayment: true, Status: status,
		Chargebacks: []json.RawMessage{},
	})
}

func (rec *record) addPayment(at time.Time, status string, details PaymentDetails) *Payment {
	due := rec.total() - rec.paid()
	if due <= 0 {
		return nil
	}
	rec.payments = append(rec.payments, Payment{
		ID: newGUID(), RegularPaymentDetails: details, Status: status,
		CreatedDate: stamp(at), UpdatedDate: stamp(at), Amount: rec.price(due),
	})
	return &rec.payments[len(rec.payments)-1]
}

// authorize adds a card payment that is held and not captured, wix.md 3.2.
func (rec *record) authorize(at time.Time) {
	p := rec.pay(at, paymentAuthorized)
	if p == nil {
		return
	}
	p.RegularPaymentDetails.AuthorizationDetails = &AuthorizationDetails{
		DelayedCapture: true, AuthorizedDate: stamp(at), Captures: []Capture{},
		ScheduledAction: &ScheduledAction{"CAPTURE", stamp(at.Add(holdLife))},
	}
	rec.act(at, "AUTHORIZED_PAYMENT_CREATED").AuthorizedPaymentCreated = p.authorized(p.Amount)
}

func (rec *record) payment(id string) *Payment {
	for i := range rec.payments {
		if rec.payments[i].ID == id {
			return &rec.payments[i]
		}
	}
	return nil
}

func (rec *record) transactions() OrderTransactions {
	return OrderTransactions{rec.id(), orEmpty(slices.Clone(rec.payments)), orEmpty(slices.Clone(rec.refunds))}
}

// listTransactions is wix.md 3.2.
func (s *Server) listTransactions(c *call) (any, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"orderTransactions": rec.transactions()}, nil
}

type orderIDsRequest struct {
	OrderIDs []string `json:"orderIds"`
}

// found returns the caller's orders among up to 100 ids; unknown ones are left out.
func (s *Server) found(c *call) ([]*record, error) {
	var req orderIDsRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if len(req.OrderIDs) < 1 || len(req.OrderIDs) > maxPage {
		return nil, invalid("orderIds", "must have 1 to 100 entries")
	}
	var list []*record
	for _, id := range req.OrderIDs {
		if rec, ok := s.orders[id]; ok && rec.site == c.site.id {
			list = append(list, rec)
		}
	}
	return list, nil
}

func (s *Server) listManyTransactions(c *call) (any, error) {
	list, err := s.found(c)
	if err != nil {
		return nil, err
	}
	all := []OrderTransactions{}
	for _, rec := range list {
		all = append(all, rec.transactions())
	}
	return map[string]any{"orderTransactions": all}, nil
}

type captureRequest struct {
	OrderID  string `json:"orderId"`
	Payments []struct {
		PaymentID string `json:"paymentId"`
		Amount    *Price `json:"amount"`
	} `json:"payments"`
}

// capturePayments starts to collect held amounts; the result comes later, wix.md 3.3.
func (s *Server) capturePayments(c *call) (any, error) {
	var req captureRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	rec, err := s.orderOf(c, orDefault(c.orderID, req.OrderID))
	if err != nil {
		return nil, err
	}
	if len(req.Payments) == 0 {
		return nil, invalid("payments", "must not be empty")
	}
	var captured []*Payment
	for _, want := range req.Payments {
		p, err := rec.capturable(want.PaymentID, want.Amount)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(captured, p) {
			captured = append(captured, p)
		}
	}
	for _, p := range captured {
		s.startCapture(rec, p)
		paymentID, orderID := p.ID, rec.id()
		s.after(time.Duration(float64(captureDelay)/s.retryScale), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.finishCapture(orderID, paymentID)
		})
	}
	return map[string]any{"orderTransactions": rec.transactions()}, nil
}

func (rec *record) capturable(id string, amount *Price) (*Payment, error) {
	p := rec.payment(id)
	if p == nil {
		return nil, applicationError(http.StatusNotFound, "PAYMENT_NOT_FOUND", "payment not found", "no such payment on this order", nil)
	}
	auth := p.RegularPaymentDetails.AuthorizationDetails
	switch {
	case p.Status == paymentVoided:
		return nil, precondition("PAYMENT_ALREADY_VOIDED", "the payment is voided")
	case auth == nil:
		return nil, precondition("PAYMENT_NOT_AUTHORIZED", "the payment is not authorized")
	case p.Status != paymentAuthorized:
		return nil, precondition("PAYMENT_ALREADY_CAPTURED", "the payment is captured")
	case len(auth.Captures) > 0:
		return nil, precondition("PAYMENT_HAS_PENDING_CAPTURE", "the payment has a pending capture")
	}
	if amount != nil && amount.Amount != "" {
		want, err := parseMoney(amount.Amount, rec.currency())
		if err != nil || want != amountOf(p.Amount, rec.currency()) { // no partial capture, wix.md 3.3
			return nil, applicationError(http.StatusBadRequest, "INVALID_AMOUNT", "invalid amount", "the whole amount must be captured", nil)
		}
	}
	return p, nil
}

// startCapture leaves a pending capture on the payment.
func (s *Server) startCapture(rec *record, p *Payment) {
	now := s.now()
	auth := p.RegularPaymentDetails.AuthorizationDetails
	auth.Captures = []Capture{{ID: newGUID(), Status: captureIsPending, Amount: p.Amount, CreatedDate: stamp(now)}}
	p.UpdatedDate = stamp(now)
	s.commit(rec, KindOrderChanged, map[string]any{"change": "capture_started", "payment_id": p.ID})
	s.emitTransactions(rec)
}

// finishCapture makes a pending capture succeed: the payment is APPROVED, the order PAID.
func (s *Server) finishCapture(orderID, paymentID string) {
	rec := s.orders[orderID]
	p := rec.payment(paymentID)
	if p.Status != paymentAuthorized {
		return
	}
	now := s.now()
	auth := p.RegularPaymentDetails.AuthorizationDetails
	auth.Captures[0].Status = captureSucceeded
	auth.ScheduledAction = nil
	p.set(now, paymentApproved)
	rec.act(now, "AUTHORIZED_PAYMENT_CAPTURED").AuthorizedPaymentCaptured = p.authorized(p.Amount)
	s.settle(rec, "captured")
}

// settle sets the order's payment status after money came in and tells about it.
func (s *Server) settle(rec *record, change string) {
	before := rec.order.PaymentStatus
	rec.order.PaymentStatus = payPaid
	if rec.paid() < rec.total() {
		rec.order.PaymentStatus = payPartiallyPaid
	}
	if rec.order.PaymentStatus == payPaid {
		rec.act(s.now(), "ORDER_PAID")
	}
	approved := rec.order.Status == statusPending || rec.order.Status == statusInitialized
	if approved {
		rec.order.Status = statusApproved
	}
	s.commit(rec, KindOrderChanged, map[string]any{"change": change})
	s.emitTransactions(rec)
	if approved {
		s.emitAction(rec, "approved", nil)
	}
	s.emitPaymentStatus(rec, before)
	s.emitUpdated(rec)
}

// voidPayments releases held amounts, wix.md 3.3.
func (s *Server) voidPayments(c *call) (any, error) {
	var req struct {
		OrderID    string   `json:"orderId"`
		PaymentIDs []string `json:"paymentIds"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	rec, err := s.orderOf(c, orDefault(c.orderID, req.OrderID))
	if err != nil {
		return nil, err
	}
	if len(req.PaymentIDs) == 0 {
		return nil, invalid("paymentIds", "must not be empty")
	}
	for _, id := range req.PaymentIDs {
		if _, err := rec.capturable(id, nil); err != nil {
			return nil, err
		}
	}
	s.void(rec, req.PaymentIDs)
	return map[string]any{"orderTransactions": rec.transactions()}, nil
}

func (s *Server) void(rec *record, ids []string) {
	now := s.now()
	for _, id := range ids {
		p := rec.payment(id)
		if p.Status != paymentAuthorized {
			continue
		}
		auth := p.RegularPaymentDetails.AuthorizationDetails
		auth.Void = &Void{Status: "SUCCEEDED", VoidedDate: stamp(now), Reason: "MANUAL"}
		auth.ScheduledAction = nil
		p.set(now, paymentVoided)
		rec.act(now, "AUTHORIZED_PAYMENT_VOIDED").AuthorizedPaymentVoided = p.authorized(p.Amount)
	}
	s.commit(rec, KindOrderChanged, map[string]any{"change": "voided"})
	s.emitTransactions(rec)
	s.emitUpdated(rec)
}

// PayOrder makes the money of an order arrive: an authorisation is captured, a pending payment is approved, an offline
// order is marked as paid.
func (s *Server) PayOrder(id string) (Order, error) {
	return s.change(id, func(rec *record) error {
		switch rec.order.PaymentStatus {
		case payNotPaid, payPending, payPartiallyPaid:
		default:
			return fmt.Errorf("the order is %s, there is nothing to pay", rec.order.PaymentStatus)
		}
		if rec.order.Status == statusCanceled || rec.order.Status == statusRejected {
			return fmt.Errorf("the order is %s", rec.order.Status)
		}
		return s.collect(rec)
	})
}

func (s *Server) collect(rec *record) error {
	var held string
	for _, p := range rec.payments {
		if p.Status == paymentAuthorized {
			held = p.ID
		}
	}
	if held != "" {
		p := rec.payment(held)
		if len(p.RegularPaymentDetails.AuthorizationDetails.Captures) == 0 {
			s.startCapture(rec, p)
		}
		s.finishCapture(rec.id(), held)
		return nil
	}
	now := s.now()
	for i := range rec.payments {
		if rec.payments[i].Status == paymentPending {
			rec.payments[i].set(now, paymentApproved)
		}
	}
	rec.payOffline(now, paymentApproved) // what is still missing, the merchant marks as paid
	s.settle(rec, "paid")
	return nil
}

// Quantity is a number of units of one line.
type Quantity struct {
	ID       string `json:"id"`
	Quantity int    `json:"quantity"`
}

// RefundOrder gives back the price of some units or, when lines is empty, everything that is left.
func (s *Server) RefundOrder(id string, lines []Quantity) (Order, error) {
	return s.change(id, func(rec *record) error {
		left := rec.paid() - rec.refunded()
		if left <= 0 {
			return fmt.Errorf("nothing was captured that could be refunded")
		}
		full := len(lines) == 0
		if full {
			lines = rec.unrefunded()
		}
		amount, err := rec.refundLines(lines)
		if err != nil {
			return err
		}
		if full || amount > left {
			amount = left
		}
		s.giveBack(rec, amount, lines)
		return nil
	})
}

func (rec *record) unrefunded() []Quantity {
	var list []Quantity
	for _, line := range rec.order.LineItems {
		if n := line.Quantity - line.RefundQuantity; n > 0 {
			list = append(list, Quantity{line.ID, n})
		}
	}
	return list
}

// refundLines checks all quantities first, then counts them on the lines and returns their price.
func (rec *record) refundLines(lines []Quantity) (money, error) {
	wanted := map[string]int{}
	for _, q := range lines {
		line := rec.line(q.ID)
		if line == nil {
			return 0, fmt.Errorf("no line %q", q.ID)
		}
		wanted[q.ID] += q.Quantity
		if q.Quantity < 1 || wanted[q.ID] > line.Quantity-line.RefundQuantity {
			return 0, fmt.Errorf("line %s has %d units to refund", q.ID, line.Quantity-line.RefundQuantity)
		}
	}
	var total money
	for id, n := range wanted {
		line := rec.line(id)
		line.RefundQuantity += n
		total += amountOf(line.TotalPriceAfterTax, rec.currency()).share(big.NewRat(int64(n), int64(line.Quantity)))
	}
	return total, nil
}

func (s *Server) giveBack(rec *record, amount money, lines []Quantity) {
	now := s.now()
	refund := Refund{ID: newGUID(), CreatedDate: stamp(now), Transactions: []RefundTransaction{}, Details: RefundDetails{Items: []RefundItem{}}}
	for _, q := range lines {
		refund.Details.Items = append(refund.Details.Items, RefundItem{q.ID, q.Quantity})
	}
	left := amount
	for i := range rec.payments {
		p := &rec.payments[i]
		part := min(left, rec.refundable(p))
		if part <= 0 {
			continue
		}
		left -= part
		status := paymentPartiallyRefunded
		if part == rec.refundable(p) {
			status = paymentRefunded
		}
		refund.Transactions = append(refund.Transactions, RefundTransaction{
			PaymentID: p.ID, Amount: rec.price(part), RefundStatus: "SUCCEEDED", ExternalRefund: p.RegularPaymentDetails.OfflinePayment,
		})
		p.set(now, status)
	}
	rec.refunds = append(rec.refunds, refund)
	before := rec.order.PaymentStatus
	rec.order.PaymentStatus = payPartiallyRefunded
	if rec.refunded() >= rec.paid() {
		rec.order.PaymentStatus = payFullyRefunded
	}
	rec.act(now, "ORDER_REFUNDED")
	s.commit(rec, KindOrderChanged, map[string]any{"change": "refunded", "amount": rec.price(amount).Amount})
	s.emitTransactions(rec)
	s.emitPaymentStatus(rec, before)
	s.emitUpdated(rec)
}

// refundable is what is left of a payment.
func (rec *record) refundable(p *Payment) money {
	if !slices.Contains([]string{paymentApproved, paymentPartiallyRefunded}, p.Status) {
		return 0
	}
	left := amountOf(p.Amount, rec.currency())
	for _, refund := range rec.refunds {
		for _, t := range refund.Transactions {
			if t.PaymentID == p.ID {
				left -= amountOf(t.Amount, rec.currency())
			}
		}
	}
	return left
}
