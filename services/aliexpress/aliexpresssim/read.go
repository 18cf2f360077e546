package aliexpresssim

import (
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // the wire has US Pacific times, and the machine may not know the zone
)

// pacific is the zone of the times in an order (aliexpress.md 5.1).
var pacific = mustLoad("America/Los_Angeles")

func mustLoad(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// readableOrder finds an order for the call's account, or refuses as the platform does while the order is not
// replicated yet (aliexpress.md 5.1) or belongs to somebody else (9.3); locked.
func (s *Server) readableOrder(c *call, id string) (*order, *apiError) {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, invalidParameter("order_id")
	}
	o := s.orders[number]
	if o == nil || o.userID == c.userID && s.now().Before(o.readableAt) {
		return nil, remoteError("isv.insufficient-permission", "Insufficient permission.")
	}
	if o.userID != c.userID {
		return nil, remoteError("isv.invalid-authorization", "The data belongs to another account.")
	}
	c.orderIDs = []string{o.number()}
	c.outOrderID = o.outOrderID
	return o, nil
}

// getOrder is aliexpress.trade.ds.order.get (aliexpress.md 5.1).
func (s *Server) getOrder(c *call) (object, *apiError) {
	var query struct {
		OrderID text `json:"order_id"`
	}
	if err := jsonParameter(c, "single_order_query", &query); err != nil {
		return nil, err
	}
	if code, ok := faultCode(c); ok {
		return nil, remoteError(code, code)
	}
	o, err := s.readableOrder(c, string(query.OrderID))
	if err != nil {
		return nil, err
	}
	result := o.header()
	result["pay_timeout_second"] = itoa(int64(o.payTimeout.Seconds()))
	result["user_order_amount"] = result["order_amount"]
	if !o.paidAt.IsZero() {
		result["order_paidtime_string"] = o.paidAt.In(pacific).Format("2006-01-02T15:04:05-07:00") + "[America/Los_Angeles]"
	}
	children := []object{}
	for i := range o.lines {
		children = append(children, o.child(i))
	}
	result["child_order_list"] = list("aeop_child_order_info", children)
	if len(o.parcels) > 0 {
		result["logistics_info_list"] = list("aeop_order_logistics_info", o.logisticsInfo())
	}
	return object{"result": result}, nil
}

// getOrderLegacy is aliexpress.ds.trade.order.get, with its flat parameter and its own wrappers.
func (s *Server) getOrderLegacy(c *call) (object, *apiError) {
	if c.params["order_id"] == "" {
		return nil, missingParameter("order_id")
	}
	if code, ok := faultCode(c); ok {
		return nil, remoteError(code, code)
	}
	o, err := s.readableOrder(c, c.params["order_id"])
	if err != nil {
		return nil, err
	}
	result := o.header()
	children := []object{}
	for _, l := range o.lines {
		children = append(children, object{
			"product_id": l.product.id, "product_name": l.product.title, "product_price": amount(l.price),
			"product_count": l.quantity,
		})
	}
	result["child_order_list"] = list("ae_child_order_info", children)
	if len(o.parcels) > 0 {
		result["logistics_info_list"] = list("ae_order_logistics_info", o.logisticsInfo())
	}
	return object{"result": result, "rsp_code": "200", "rsp_msg": "Call succeeds"}, nil
}

// header is what both forms of an order share. There is no out_order_id, address or time of change in it.
func (o *order) header() object {
	total := o.shippingFee()
	for _, l := range o.lines {
		total += l.price * int64(l.quantity)
	}
	return object{
		"gmt_create":       o.createdAt.In(pacific).Format(time.DateTime),
		"order_status":     o.status,
		"logistics_status": o.logistics,
		"order_amount":     amount(total),
		"store_info": object{
			"store_id": o.store.id, "store_name": o.store.name,
			"store_url": "https://www.aliexpress.com/store/" + itoa(o.store.id),
		},
	}
}

func (o *order) child(i int) object {
	l, fee := o.lines[i], int64(0)
	if i == 0 {
		fee = o.shippingFee()
	}
	sale := l.price * int64(l.quantity)
	child := object{
		"product_count": l.quantity, "sku_id": itoa(l.sku.id), "product_id": l.product.id,
		"product_name": l.product.title, "product_price": amount(l.price), "sale_fee": amount(sale),
		"sale_discount_fee": amount(0), "shipping_fee": amount(fee), "shipping_discount_fee": amount(0),
		"actual_shipping_fee": amount(fee), "actual_tax_fee": amount(0), "actual_fee": amount(sale + fee),
		"already_include_tax": "false", "price_include_tax": "false",
	}
	if l.endReason != "" {
		child["end_reason"] = l.endReason
	}
	return child
}

// logisticsInfo has numbers that are not the tracking numbers (aliexpress.md 6.2).
func (o *order) logisticsInfo() []object {
	infos := []object{}
	for _, p := range o.parcels {
		infos = append(infos, object{"logistics_no": p.logisticsNo, "logistics_service": p.service})
	}
	return infos
}

func amount(cents int64) object {
	return object{"amount": money(cents), "currency_code": "USD"}
}

// getTracking is aliexpress.ds.order.tracking.get (aliexpress.md 6.1). Missing parameters, also the former spellings
// order_id and locale, give no data and no error.
func (s *Server) getTracking(c *call) (object, *apiError) {
	if code, ok := faultCode(c); ok {
		return noTracking(c, code, code), nil
	}
	id := c.params["ae_order_id"]
	if id == "" || c.params["language"] == "" {
		return noTracking(c, "1001", "TRACKING DATA NOT FOUND"), nil
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return noTracking(c, "UnsupportedParamMapping", "UnsupportedParamMapping"), nil
	}
	o := s.orders[number]
	if o != nil && o.userID != c.userID {
		return nil, remoteError("isv.invalid-authorization", "The data belongs to another account.")
	}
	if o == nil || s.now().Before(o.readableAt) || len(o.parcels) == 0 {
		return noTracking(c, "1001", "TRACKING DATA NOT FOUND"), nil
	}
	c.orderIDs = []string{o.number()}
	details := []object{}
	for _, p := range o.parcels {
		details = append(details, o.trackingDetail(p))
	}
	return object{"result": object{
		"ret": true, "msg": "", "code": "",
		"data": object{"tracking_detail_line_list": list("tracking_detail", details)},
	}}, nil
}

func noTracking(c *call, code, message string) object {
	c.fail(code, message)
	return object{"result": object{"ret": false, "code": code, "msg": message}}
}

// trackingDetail lists the newest node first.
func (o *order) trackingDetail(p *parcel) object {
	nodes, items := []object{}, []object{}
	for _, n := range slices.Backward(p.nodes) {
		nodes = append(nodes, object{
			"time_stamp": n.at.UnixMilli(), "tracking_name": n.name, "tracking_detail_desc": n.description,
		})
	}
	for _, item := range p.items {
		l := o.lines[item.line]
		items = append(items, object{
			"item_id": l.product.id, "quantity": item.quantity, "item_title": l.product.title,
			"sku_desc": l.sku.describe(), "sku_id": l.sku.id,
		})
	}
	return object{
		"mail_no": p.mailNo, "carrier_name": p.carrier,
		"eta_time_stamps":   p.shippedAt.AddDate(0, 0, 14).UnixMilli(),
		"detail_node_list":  list("detail_node", nodes),
		"package_item_list": list("package_item", items),
	}
}

// getTrackingLegacy is aliexpress.logistics.ds.trackinginfo.query (aliexpress.md 6.3). It takes either of a parcel's
// two numbers.
func (s *Server) getTrackingLegacy(c *call) (object, *apiError) {
	for _, name := range []string{"logistics_no", "origin", "out_ref", "service_name", "to_area"} {
		if c.params[name] == "" {
			return nil, missingParameter(name)
		}
	}
	o, err := s.readableOrder(c, c.params["out_ref"])
	if err != nil {
		return nil, err
	}
	for _, p := range o.parcels {
		if no := c.params["logistics_no"]; no == p.mailNo || no == p.logisticsNo {
			return p.legacy(), nil
		}
	}
	c.fail("1001", "TRACKING DATA NOT FOUND")
	return object{"result_success": false, "error_desc": "TRACKING DATA NOT FOUND"}, nil
}

func (p *parcel) legacy() object {
	details := []object{}
	for _, n := range slices.Backward(p.nodes) {
		details = append(details, object{
			"event_desc": n.description, "signed_name": "", "status": n.name, "address": "Shenzhen",
			"event_date": n.at.In(pacific).Format(time.DateTime),
		})
	}
	return object{
		"details": list("details", details), "official_website": "https://global.cainiao.com",
		"result_success": true,
	}
}
