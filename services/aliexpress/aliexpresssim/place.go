package aliexpresssim

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"
)

// DedupeMode says what happens to a second create with an out_order_id of the last 24 hours, which the documentation
// leaves open (aliexpress.md 4.4).
type DedupeMode string

// The ways to treat a repeated out_order_id: answer the first order's numbers, refuse with REPEATED_ORDER_ERROR, or
// create another order.
const (
	DedupeSame     DedupeMode = "same"
	DedupeRepeated DedupeMode = "repeated"
	DedupeOff      DedupeMode = "off"
)

// Dedupe is how out_order_id is remembered. WindowSeconds 0 means 24 hours.
type Dedupe struct {
	Mode          DedupeMode `json:"mode"`
	WindowSeconds float64    `json:"window_seconds"`
}

// APIPay switches payment by API, which the platform gives to few (aliexpress.md 4.5). While it is off, try_to_pay
// fails and the order stays unpaid. Otherwise the payment is being processed until Pay or, with Risk, the order is paid
// and in a risk check.
type APIPay struct {
	Enabled bool `json:"enabled"`
	Risk    bool `json:"risk"`
}

// SetDedupe changes how repeated creates are treated.
func (s *Server) SetDedupe(d Dedupe) error {
	switch d.Mode {
	case DedupeSame, DedupeRepeated, DedupeOff:
	default:
		return fmt.Errorf("%w: dedupe mode %q", ErrInvalid, d.Mode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dedupe = d
	return nil
}

// SetAPIPay switches payment by API.
func (s *Server) SetAPIPay(p APIPay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apiPay = p
}

type placementKey struct{ userID, outOrderID string }

type placement struct {
	at       time.Time
	orderIDs []int64
}

type placeRequest struct {
	OutOrderID text           `json:"out_order_id"`
	Address    Address        `json:"logistics_address"`
	Items      []placeItem    `json:"product_items"`
	Extend     *extendRequest `json:"ds_extend_request"` // placed here for trade.buy.placeorder (aliexpress.md 4.1)
}

type placeItem struct {
	ProductID text `json:"product_id"`
	Count     text `json:"product_count"`
	SKUAttr   text `json:"sku_attr"`
	Service   text `json:"logistics_service_name"`
	Memo      text `json:"order_memo"`
}

type extendRequest struct {
	Payment struct {
		Currency text `json:"pay_currency"`
		TryToPay text `json:"try_to_pay"`
	} `json:"payment"`
	Trade struct {
		NatAddr text `json:"nat_addr"`
	} `json:"trade_extra_param"`
}

// refusal is a business failure of a create.
type refusal struct{ code, message string }

// createOrder is aliexpress.ds.order.create and its older form aliexpress.trade.buy.placeorder (aliexpress.md 4).
func (s *Server) createOrder(c *call) (object, *apiError) {
	req, err := readPlacement(c)
	if err != nil {
		return nil, err
	}
	c.outOrderID = string(req.OutOrderID)
	if code, ok := faultCode(c); ok {
		return c.refused(refusal{code, code}), nil
	}
	if earlier, ok := s.earlier(c); ok {
		return s.repeat(c, earlier), nil
	}
	lines, no := s.quote(req)
	if no != nil {
		return c.refused(*no), nil
	}
	orders := s.book(c, req, lines)
	result := c.placed(orders)
	if req.Extend.Payment.TryToPay == "true" {
		s.tryToPay(orders, req.Extend.Payment.Currency, result)
	}
	return object{"result": result}, nil
}

func readPlacement(c *call) (*placeRequest, *apiError) {
	const name = "param_place_order_request4_open_api_d_t_o"
	req := &placeRequest{}
	if err := jsonParameter(c, name, req); err != nil {
		return nil, err
	}
	if raw := c.params["ds_extend_request"]; raw != "" {
		req.Extend = nil
		if err := json.Unmarshal([]byte(raw), &req.Extend); err != nil {
			return nil, invalidParameter("ds_extend_request")
		}
	}
	if req.Extend == nil {
		req.Extend = &extendRequest{}
	}
	if req.Address == nil || len(req.Items) == 0 {
		return nil, invalidParameter(name)
	}
	return req, nil
}

// refused is a business failure inside a successful envelope (aliexpress.md 4.3).
func (c *call) refused(no refusal) object {
	c.fail(no.code, no.message)
	return object{"result": object{"is_success": false, "error_code": no.code, "error_msg": no.message}}
}

// placed is the result that lists the orders' numbers; a fault may leave them out.
func (c *call) placed(orders []*order) object {
	numbers := []int64{}
	for _, o := range orders {
		numbers = append(numbers, o.id)
		c.orderIDs = append(c.orderIDs, o.number())
	}
	if c.fault != nil && c.fault.How == SuccessWithoutIDs {
		numbers = nil
	}
	return object{"is_success": true, "order_list": list("number", numbers)}
}

// earlier finds the orders of an out_order_id that is still remembered; locked.
func (s *Server) earlier(c *call) ([]*order, bool) {
	if c.outOrderID == "" || s.dedupe.Mode == DedupeOff {
		return nil, false
	}
	window := 24 * time.Hour
	if s.dedupe.WindowSeconds > 0 {
		window = seconds(s.dedupe.WindowSeconds)
	}
	p, ok := s.placed[placementKey{c.userID, c.outOrderID}]
	if !ok || !s.now().Before(p.at.Add(window)) {
		return nil, false
	}
	orders := []*order{}
	for _, id := range p.orderIDs {
		orders = append(orders, s.orders[id])
	}
	return orders, true
}

// repeat is locked.
func (s *Server) repeat(c *call, earlier []*order) object {
	s.record(Entry{
		Kind: KindOrderRepeated, Method: c.api, UserID: c.userID, OutOrderID: c.outOrderID,
		OrderID: earlier[0].number(), Detail: string(s.dedupe.Mode),
	})
	if s.dedupe.Mode == DedupeRepeated {
		return c.refused(refusal{"REPEATED_ORDER_ERROR", "Repeated placed order"})
	}
	return object{"result": c.placed(earlier)}
}

// quote checks the whole request and returns its lines, or why the platform refuses it; locked.
func (s *Server) quote(req *placeRequest) ([]line, *refusal) {
	if fault := checkAddress(req.Address, string(req.Extend.Trade.NatAddr)); fault != nil {
		return nil, &refusal{fault.code, fault.message}
	}
	lines := []line{}
	wanted := map[*sku]int{}
	for _, item := range req.Items {
		l, no := s.quoteItem(item, req.Address["country"])
		if no != nil {
			return nil, no
		}
		wanted[l.sku] += l.quantity
		if wanted[l.sku] > l.sku.stock {
			return nil, &refusal{"INVENTORY_HOLD_ERROR", "Hold inventory error"}
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// quoteItem is locked.
func (s *Server) quoteItem(item placeItem, country string) (line, *refusal) {
	count, err := strconv.Atoi(string(item.Count))
	if err != nil || count < 1 || count > 100_000 {
		return line{}, &refusal{"A001_ORDER_CANNOT_BE_PLACED", "The order cannot be placed"}
	}
	p := s.product(string(item.ProductID))
	if p == nil || p.status != onSelling {
		return line{}, &refusal{"PRODUCT_NOT_EXIST", "The product does not exist"}
	}
	k := p.skuByAttr(string(item.SKUAttr))
	if k == nil {
		return line{}, &refusal{"SKU_NOT_EXIST", "The SKU does not exist"}
	}
	d := findDelivery(string(item.Service))
	if d == nil || !p.shipsTo(country) {
		return line{}, &refusal{"DELIVERY_METHOD_NOT_EXIST", "Delivery method is not exist"}
	}
	return line{product: p, sku: k, quantity: count, price: k.price, delivery: d, memo: string(item.Memo)}, nil
}

// book creates one order for each store (aliexpress.md 4.6), or for each item when a fault says so; locked.
func (s *Server) book(c *call, req *placeRequest, lines []line) []*order {
	orders := []*order{}
	split := c.fault != nil && c.fault.How == Split
	for _, group := range groupLines(lines, split) {
		o := s.newOrder(c.userID, group[0].product.store, group)
		o.outOrderID = c.outOrderID
		o.address = maps.Clone(req.Address)
		o.note = group[0].memo
		for i := range group {
			group[i].sku.stock -= group[i].quantity
		}
		orders = append(orders, o)
		s.recordOrder(KindOrderCreated, o, o.content())
		s.push(o, "OrderCreated")
	}
	if c.outOrderID != "" {
		s.placed[placementKey{c.userID, c.outOrderID}] = placement{s.now(), numbersOf(orders)}
	}
	return orders
}

func numbersOf(orders []*order) []int64 {
	ids := []int64{}
	for _, o := range orders {
		ids = append(ids, o.id)
	}
	return ids
}

// groupLines keeps the order in which stores first appear.
func groupLines(lines []line, split bool) [][]line {
	groups := [][]line{}
	of := map[*store]int{}
	for _, l := range lines {
		i, known := of[l.product.store]
		if !known || split {
			of[l.product.store] = len(groups)
			groups = append(groups, []line{l})
			continue
		}
		groups[i] = append(groups[i], l)
	}
	return groups
}

// tryToPay pays at once where the platform lets it (aliexpress.md 4.5). A failed payment leaves the order; locked.
func (s *Server) tryToPay(orders []*order, currency text, result object) {
	if !s.apiPay.Enabled || currency != "" && currency != "USD" {
		result["error_msg"] = "OrderCreated, autoPay fail:APIPayFail"
		return
	}
	for _, o := range orders {
		if s.apiPay.Risk {
			s.pay(o, PayOptions{Risk: true})
			continue
		}
		o.status = statusPaying
	}
}

// afterPay is aliexpress.ds.order.afterpay. What it does is not documented (aliexpress.md 4.5), so it does nothing.
func (s *Server) afterPay(c *call) (object, *apiError) {
	var req struct {
		OrderID text `json:"order_id"`
	}
	if err := jsonParameter(c, "req", &req); err != nil {
		return nil, err
	}
	o, err := s.readableOrder(c, string(req.OrderID))
	if err != nil {
		return nil, err
	}
	c.orderIDs = []string{o.number()}
	return object{"result": true, "rsp_code": "200", "rsp_msg": "ok"}, nil
}

func seconds(n float64) time.Duration {
	return time.Duration(n * float64(time.Second))
}
