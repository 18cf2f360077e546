package aliexpress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"time"

	"waybill/models"
)

const (
	methodCreate = "aliexpress.ds.order.create"

	maxKept = 64 << 10 // bytes of an answer that a PlaceResult keeps
)

type wireRequest struct {
	Key     string       `json:"out_order_id"`
	Address wireAddress  `json:"logistics_address"`
	Items   []wireBuying `json:"product_items"`
}

type wireBuying struct {
	ProductID json.Number `json:"product_id"`
	Count     int         `json:"product_count"`
	SKUAttr   string      `json:"sku_attr"` // empty for a product of one SKU
	Service   string      `json:"logistics_service_name,omitempty"`
	Memo      string      `json:"order_memo,omitempty"`
}

type wireExtend struct {
	Payment struct {
		TryToPay string `json:"try_to_pay"`
	} `json:"payment"`
	Trade *wireTrade `json:"trade_extra_param,omitempty"`
}

type wireTrade struct {
	NatAddr string `json:"nat_addr"`
}

type wireCreated struct {
	Success text       `json:"is_success"`
	Numbers list[text] `json:"order_list"`
	Code    text       `json:"error_code"`
	Msg     text       `json:"error_msg"`
}

// Place buys, unpaid: the one dangerous call (aliexpress.md 4.1-4.5; reliability.md I2). It sends at most once, on a
// connection of its own, and sorts what came of it with an allow-list: everything that is not known to be a success or
// a refusal is models.ClassUnknown. beforeSend is asked when the call's turn has come and nothing stands between it and the
// connection; false means that nothing is sent. Err is nil for ClassPlaced, Rejected for ClassRejected, Unknown for
// ClassUnknown; with ClassNotExecuted it is Throttled, Disconnected, Invalid or Unavailable.
func (c *Client) Place(ctx context.Context, a models.Access, req models.PurchaseRequest, beforeSend func() bool) models.PlaceResult {
	params, problem := orderParams(req)
	if problem != nil {
		return notExecuted(problem)
	}
	if a.Token == "" {
		return notExecuted(tokenRefused())
	}
	if err := c.turns.Wait(ctx, c.paceKey(a.App, methodCreate), a.Purpose); err != nil {
		return notExecuted(models.AsError(err))
	}
	params["method"], params["session"] = methodCreate, a.Token.Reveal()
	call, err := c.request(ctx, a.App, methodCreate, params)
	if err != nil {
		return notExecuted(models.AsError(err))
	}
	call.GetBody = nil // without it the transport has nothing to send a second time
	if beforeSend != nil && !beforeSend() {
		return notExecuted(models.Errorf(models.Unavailable, "claim_lost",
			"The right to place this order ended before it was sent. Nothing was bought."))
	}
	start := time.Now()
	placed := c.sendOnce(ctx, call)
	if placed.Err != nil {
		c.honour(ctx, a.App, methodCreate, placed.Err)
		c.observe(string(models.AliExpress), methodCreate, string(placed.Err.Kind), time.Since(start))
		return placed
	}
	c.observe(string(models.AliExpress), methodCreate, "ok", time.Since(start))
	return placed
}

func (c *Client) sendOnce(ctx context.Context, call *http.Request) models.PlaceResult {
	var w witness
	answer, err := c.placing.Send(httptrace.WithClientTrace(ctx, w.trace()), methodCreate, call)
	if err != nil && !w.connected.Load() {
		return notExecuted(models.AsError(err))
	}
	var placed models.PlaceResult
	switch {
	case err != nil:
		placed = unsure(models.AsError(err).Err) // the cause alone: an outcome that is unknown is of no other kind
	case answer.Status < 200 || answer.Status > 299:
		placed = unsure(fmt.Errorf("http status %d", answer.Status))
	default:
		placed = c.classify(answer.Body)
	}
	if len(answer.Body) > 0 {
		placed.Answer = slices.Clone(answer.Body[:min(len(answer.Body), maxKept)])
	}
	return placed
}

// witness sees whether a call may have written anything. The transport hands over a connection, after any TLS handshake,
// before it writes the first byte of a request; as long as it has handed over none, nothing was sent.
type witness struct{ connected atomic.Bool }

func (w *witness) trace() *httptrace.ClientTrace {
	saw := func() { w.connected.Store(true) }
	return &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { saw() },
		WroteHeaderField:     func(string, []string) { saw() },
		WroteHeaders:         saw,
		WroteRequest:         func(httptrace.WroteRequestInfo) { saw() },
		GotFirstResponseByte: saw,
	}
}

// classify reads an answer with status 2xx.
func (c *Client) classify(body []byte) models.PlaceResult {
	p, refused, err := open(body)
	switch {
	case err != nil:
		return unsure(err)
	case refused != nil && refused.beforeDispatch():
		return notExecuted(c.explainPlacing(*refused))
	case refused != nil:
		return unsure(refused.cause(methodCreate))
	case !harmless(p.code()):
		return unsure(fmt.Errorf("business code %s", clip(p.code(), 80)))
	}
	var w wireCreated
	if err := p.result(&w); err != nil {
		return unsure(err)
	}
	switch {
	case w.Success.yes():
		return w.placed()
	case w.Success.no() && len(w.Numbers) == 0:
		return w.refused()
	}
	return unsure(errors.New("neither success nor refusal"))
}

// placed needs at least one number, and nothing but numbers: with one that cannot be read an order would be lost.
// A message beside it only says that AliExpress did not take payment.
func (w wireCreated) placed() models.PlaceResult {
	var numbers []string
	for _, n := range w.Numbers {
		if !isID(n.String()) {
			return unsure(errors.New("success with an unreadable number"))
		}
		if !slices.Contains(numbers, n.String()) {
			numbers = append(numbers, n.String())
		}
	}
	if len(numbers) == 0 {
		return unsure(errors.New("success without numbers"))
	}
	return models.PlaceResult{Class: models.ClassPlaced, Numbers: numbers}
}

// businessRefusals are the codes of aliexpress.md 4.3 that say that nothing was created. REPEATED_ORDER_ERROR and
// ERROR_WHEN_BUILD_FOR_PLACE_ORDER are missing on purpose: behind both an order may stand.
var businessRefusals = map[string]struct{ code, sentence string }{
	"B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL":  {"address_rejected", "AliExpress does not accept the address"},
	"B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_CN_INVALID": {"address_rejected", "AliExpress does not accept the buyer's tax number"},
	"B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_NOT_MATCH":  {"address_rejected", "AliExpress says that name and tax number do not match"},
	"DELIVERY_METHOD_NOT_EXIST":                     {"no_shipping", "AliExpress does not ship this to the address by the chosen service"},
	"INVENTORY_HOLD_ERROR":                          {"out_of_stock", "AliExpress could not reserve the goods"},
	"PRICE_PAY_CURRENCY_ERROR":                      {"currency_mismatch", "AliExpress cannot sell these items in one order, as their currencies differ"},
	"BLACKLIST_BUYER_IN_LIST":                       {"account_blocked", "AliExpress has blocked this account from ordering"},
	"USER_ACCOUNT_DISABLED":                         {"account_blocked", "AliExpress has disabled this account"},
	"A001_ORDER_CANNOT_BE_PLACED":                   {"refused", "AliExpress refused the order"},
	"A002_INVALID_ZONE":                             {"refused", "AliExpress refused the order because of its destination"},
	"A003_SUSPICIOUS_BUYER":                         {"refused", "AliExpress refused the order because of the buyer account"},
	"A004_CANNOT_USER_COUPON":                       {"refused", "AliExpress refused the order because of a coupon"},
	"A005_INVALID_COUNTRIES":                        {"refused", "AliExpress refused the order because of its country"},
	"A006_INVALID_ACCOUNT_INFO":                     {"refused", "AliExpress refused the order because the account's profile is incomplete"},
	"SKU_NOT_EXIST":                                 {"sku_gone", "AliExpress no longer has this variant"},
	"PRODUCT_NOT_EXIST":                             {"product_gone", "AliExpress no longer has this product"},
}

func (w wireCreated) refused() models.PlaceResult {
	code := w.Code.String()
	known, ok := businessRefusals[code]
	if !ok {
		return unsure(fmt.Errorf("business code %s", clip(code, 80)))
	}
	words := clip(w.Msg.String(), 200)
	if words == "" {
		words = code
	}
	e := models.Errorf(models.Rejected, known.code, "%s: “%s”.", known.sentence, words).Because(fmt.Errorf("%s: business code %s", methodCreate, code))
	if known.code == "address_rejected" {
		e.Fields = fieldOf(words)
	}
	return models.PlaceResult{Class: models.ClassRejected, Err: e}
}

func notExecuted(err *models.Error) models.PlaceResult {
	return models.PlaceResult{Class: models.ClassNotExecuted, Err: err}
}

func unsure(cause error) models.PlaceResult {
	return models.PlaceResult{
		Class: models.ClassUnknown,
		Err: models.Errorf(models.Unknown, "placement_unknown",
			"AliExpress gave no clear answer, so the order may exist. Look at AliExpress before it is placed again.").Because(cause),
	}
}

// orderParams writes the two JSON parameters of the call, each once. Payment is never tried.
func orderParams(req models.PurchaseRequest) (map[string]string, *models.Error) {
	w := wireRequest{Key: req.Key, Address: address(req.Address)}
	for _, item := range req.Items {
		if !isID(item.ProductID) || item.Quantity < 1 {
			return nil, models.Errorf(models.Invalid, "purchase_invalid",
				"An item of this purchase has no AliExpress product or no quantity.")
		}
		w.Items = append(w.Items, wireBuying{
			ProductID: json.Number(item.ProductID), Count: item.Quantity, SKUAttr: item.SKUAttr,
			Service: item.Service, Memo: req.Note,
		})
	}
	if req.Key == "" || len(w.Items) == 0 {
		return nil, models.Errorf(models.Invalid, "purchase_invalid", "This purchase has no key or no items.")
	}
	var extend wireExtend
	extend.Payment.TryToPay = "false"
	if code := saudiCode(req.Address); code != "" {
		extend.Trade = &wireTrade{NatAddr: code}
	}
	order, err := encode(w)
	if err != nil {
		return nil, models.Errorf(models.Invalid, "purchase_invalid", "This purchase cannot be written down for AliExpress.").Because(err)
	}
	extra, err := encode(extend)
	if err != nil {
		return nil, models.Errorf(models.Invalid, "purchase_invalid", "This purchase cannot be written down for AliExpress.").Because(err)
	}
	return map[string]string{"param_place_order_request4_open_api_d_t_o": order, "ds_extend_request": extra}, nil
}
