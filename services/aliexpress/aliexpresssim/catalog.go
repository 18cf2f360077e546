package aliexpresssim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Product is one SKU of the catalogue.
type Product struct {
	ProductID  string     `json:"product_id"`
	SKUID      string     `json:"sku_id"`
	SKUAttr    string     `json:"sku_attr"`
	StoreID    string     `json:"store_id"`
	StoreName  string     `json:"store_name"`
	Title      string     `json:"title"`
	Image      string     `json:"image"`
	Properties []Property `json:"properties"`
	Price      string     `json:"price"`
	Currency   string     `json:"currency"`
	Stock      int        `json:"stock"`
	Status     string     `json:"status"`
	// ShipTo lists the countries it is sold to; empty means everywhere.
	ShipTo []string `json:"ship_to"`
}

// Property is one attribute of an SKU, as buyers read it.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ProductChange says what to change; members left out stay. Without SKUID, price and stock apply to all SKUs.
type ProductChange struct {
	SKUID  string   `json:"sku_id"`
	Price  *string  `json:"price"`
	Stock  *int     `json:"stock"`
	Status *string  `json:"status"`
	ShipTo []string `json:"ship_to"`
}

type store struct {
	id   int64
	name string
}

type product struct {
	id, subID int64 // the 1005… and the 3256… id of the same product (aliexpress.md 7.1)
	title     string
	store     *store
	status    string
	shipTo    []string
	skus      []*sku
}

type sku struct {
	id         int64
	attr       string
	properties []property
	price      int64 // cents
	stock      int
}

type property struct {
	id, valueID        int64
	name, value, label string
}

const onSelling = "onSelling"

// Products lists the catalogue, one entry for each SKU.
func (s *Server) Products() []Product {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := []Product{}
	for _, p := range s.products {
		for _, k := range p.skus {
			entries = append(entries, p.entry(k))
		}
	}
	return entries
}

func (p *product) entry(k *sku) Product {
	e := Product{
		ProductID: itoa(p.id), SKUID: itoa(k.id), SKUAttr: k.attr,
		StoreID: itoa(p.store.id), StoreName: p.store.name, Title: p.title, Image: p.image(),
		Properties: []Property{}, Price: money(k.price), Currency: "USD", Stock: k.stock,
		Status: p.status, ShipTo: append([]string{}, p.shipTo...),
	}
	for _, a := range k.properties {
		e.Properties = append(e.Properties, Property{a.name, a.label})
	}
	return e
}

func (p *product) image() string {
	return fmt.Sprintf("https://ae04.alicdn.com/kf/%d.jpg", p.id)
}

// ChangeProduct changes a product's price, stock, status or destinations.
func (s *Server) ChangeProduct(productID string, change ProductChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.product(productID)
	if p == nil {
		return fmt.Errorf("%w: product %s", ErrNotFound, productID)
	}
	skus := p.skus
	if change.SKUID != "" {
		k := p.skuByID(change.SKUID)
		if k == nil {
			return fmt.Errorf("%w: SKU %s", ErrNotFound, change.SKUID)
		}
		skus = []*sku{k}
	}
	price, err := change.cents()
	if err != nil {
		return err
	}
	if change.Stock != nil && *change.Stock < 0 {
		return fmt.Errorf("%w: stock %d", ErrInvalid, *change.Stock)
	}
	for _, k := range skus {
		if price != nil {
			k.price = *price
		}
		if change.Stock != nil {
			k.stock = *change.Stock
		}
	}
	if change.Status != nil {
		p.status = *change.Status
	}
	if change.ShipTo != nil {
		p.shipTo = slices.Clone(change.ShipTo)
	}
	return nil
}

func (c ProductChange) cents() (*int64, error) {
	if c.Price == nil {
		return nil, nil
	}
	whole, fraction, _ := strings.Cut(*c.Price, ".")
	cents, err := strconv.ParseUint(whole+(fraction + "00")[:2], 10, 40)
	if err != nil || len(fraction) > 2 {
		return nil, fmt.Errorf("%w: price %q", ErrInvalid, *c.Price)
	}
	price := int64(cents)
	return &price, nil
}

// product finds by either of a product's two ids; locked.
func (s *Server) product(id string) *product {
	for _, p := range s.products {
		if itoa(p.id) == id || itoa(p.subID) == id {
			return p
		}
	}
	return nil
}

func (p *product) skuByID(id string) *sku {
	for _, k := range p.skus {
		if itoa(k.id) == id {
			return k
		}
	}
	return nil
}

func (p *product) skuByAttr(attr string) *sku {
	for _, k := range p.skus {
		if k.attr == attr {
			return k
		}
	}
	return nil
}

func (p *product) shipsTo(country string) bool {
	return len(p.shipTo) == 0 || slices.Contains(p.shipTo, country)
}

// describe is the attribute text of a parcel's item, such as "Color:Brown".
func (k *sku) describe() string {
	parts := []string{}
	for _, a := range k.properties {
		parts = append(parts, a.name+":"+a.label)
	}
	return strings.Join(parts, "; ")
}

// getProduct is aliexpress.ds.product.get (aliexpress.md 7.1).
func (s *Server) getProduct(c *call) (object, *apiError) {
	if code, ok := faultCode(c); ok {
		c.fail(code, "scripted")
		return object{"rsp_code": code, "rsp_msg": code}, nil
	}
	for _, name := range []string{"product_id", "ship_to_country"} {
		if c.params[name] == "" {
			return nil, missingParameter(name)
		}
	}
	p := s.product(c.params["product_id"])
	if p == nil {
		c.fail("605", "item not found")
		return object{"rsp_code": 605, "rsp_msg": "The item is not found"}, nil
	}
	if !p.shipsTo(c.params["ship_to_country"]) {
		c.fail("602", "not sold to "+c.params["ship_to_country"])
		return object{"rsp_code": 602, "rsp_msg": "The item is not sold to this country"}, nil
	}
	return object{"result": p.wire(c.params["ship_to_country"]), "rsp_code": 200, "rsp_msg": "Call succeeds"}, nil
}

func (p *product) wire(country string) object {
	skus := []object{}
	for _, k := range p.skus {
		skus = append(skus, k.wire(p))
	}
	return object{
		"ae_item_base_info_dto": object{
			"product_id": p.id, "subject": p.title, "product_status_type": p.status, "currency_code": "CNY",
			"category_id": 39050508, "avg_evaluation_rating": "4.8", "evaluation_count": "1004",
			"sales_count": "1000+", "detail": "<div/>", "mobile_detail": "",
		},
		"ae_item_sku_info_dtos": list("ae_item_sku_info_d_t_o", skus),
		"ae_item_properties": list("ae_item_property", []object{
			{"attr_name_id": 2, "attr_name": "Brand Name", "attr_value_id": 201512802, "attr_value": "NONE"},
		}),
		"ae_multimedia_info_dto": object{"image_urls": p.image()},
		"package_info_dto": object{
			"package_length": 18, "package_width": 8, "package_height": 6, "gross_weight": "0.050",
			"package_type": false, "product_unit": 100000015,
		},
		"logistics_info_dto": object{"delivery_time": 7, "ship_to_country": country},
		"ae_store_info": object{
			"store_id": p.store.id, "store_name": p.store.name, "store_country_code": "CN",
			"item_as_described_rating": "4.7", "communication_rating": "4.7", "shipping_speed_rating": "4.7",
		},
		"product_id_converter_result": object{
			"main_product_id": p.id, "sub_product_id": fmt.Sprintf(`{"US":%d}`, p.subID),
		},
		"has_whole_sale": false,
	}
}

func (k *sku) wire(p *product) object {
	properties := []object{}
	for i, a := range k.properties {
		property := object{
			"sku_property_id": a.id, "sku_property_name": a.name, "property_value_id": a.valueID,
			"sku_property_value": a.value, "property_value_definition_name": a.label,
		}
		if i == 0 {
			property["sku_image"] = p.image()
		}
		properties = append(properties, property)
	}
	return object{
		"sku_id": itoa(k.id), "sku_attr": k.attr, "id": k.attr,
		"sku_price": money(2 * k.price), "offer_sale_price": money(k.price), "currency_code": "USD",
		"sku_available_stock": k.stock, "sku_bulk_order": 1, "price_include_tax": false,
		"estimated_import_charges": "", "limit_strategy": "back_to_normal_price",
		"ae_sku_property_dtos": list("ae_sku_property_d_t_o", properties),
	}
}

// freeFrom is the value of an order in cents from which nobody pays for shipping.
const freeFrom = 10000

// delivery is one way of shipping; every product has all of them.
type delivery struct {
	code, company              string
	fee                        int64 // cents
	fastest, slowest, promised int
}

var deliveries = []delivery{
	{"CAINIAO_FULFILLMENT_STD", "AliExpress Selection Standard", 199, 8, 14, 75},
	{"CAINIAO_STANDARD", "AliExpress standard shipping", 0, 12, 25, 60},
}

// findDelivery returns the platform's choice when the client leaves it open.
func findDelivery(code string) *delivery {
	if code == "" {
		return &deliveries[0]
	}
	for i := range deliveries {
		if deliveries[i].code == code {
			return &deliveries[i]
		}
	}
	return nil
}

type deliveryQuery struct {
	ProductID    text `json:"productId"`
	SKUID        text `json:"selectedSkuId"`
	Quantity     text `json:"quantity"`
	Country      text `json:"shipToCountry"`
	Currency     text `json:"currency"`
	Language     text `json:"language"`
	Locale       text `json:"locale"`
	ProvinceCode text `json:"provinceCode"`
	Province     text `json:"province"`
}

// queryFreight is aliexpress.ds.freight.query (aliexpress.md 7.2).
func (s *Server) queryFreight(c *call) (object, *apiError) {
	var q deliveryQuery
	if err := jsonParameter(c, "queryDeliveryReq", &q); err != nil {
		return nil, err
	}
	for _, member := range []text{q.ProductID, q.SKUID, q.Quantity, q.Country, q.Currency, q.Language, q.Locale} {
		if member == "" {
			return nil, invalidParameter("queryDeliveryReq")
		}
	}
	if q.ProvinceCode != "" && q.Province != "" {
		return nil, invalidParameter("queryDeliveryReq")
	}
	if code, ok := faultCode(c); ok {
		return noFreight(c, 500, code), nil
	}
	p := s.product(string(q.ProductID))
	if p == nil {
		return noFreight(c, 501, "DELIVERY_INFO_EMPTY"), nil
	}
	k := p.skuByID(string(q.SKUID))
	if k == nil || p.status != onSelling {
		return noFreight(c, 501, "DELIVERY_INFO_EMPTY"), nil
	}
	if !p.shipsTo(string(q.Country)) {
		return noFreight(c, 505, "DELIVERY_NOT_AVAILABLE_TO_YOUR_ADDRESS"), nil
	}
	options := []object{}
	for _, d := range deliveries {
		options = append(options, d.wire(k, s.now()))
	}
	return object{"result": object{
		"msg": "Call succeeds", "code": 200, "success": true,
		"delivery_options": list("delivery_option_d_t_o", options),
	}}, nil
}

func noFreight(c *call, code int, message string) object {
	c.fail(itoa(code), message)
	return object{"result": object{"msg": message, "code": code, "success": false}}
}

func (d delivery) wire(k *sku, now time.Time) object {
	option := object{
		"code": d.code, "company": d.company, "free_shipping": d.fee == 0, "mayHavePFS": d.fee > 0,
		"guaranteed_delivery_days": itoa(d.promised), "min_delivery_days": d.fastest,
		"max_delivery_days": d.slowest, "tracking": true, "ship_from_country": "CN",
		"delivery_date_desc": now.AddDate(0, 0, d.fastest).Format("Jan 02") + " - " +
			now.AddDate(0, 0, d.slowest).Format("Jan 02"),
		"available_stock": itoa(k.stock), "ddpIncludeVATTax": "false",
	}
	if d.fee > 0 {
		option["shipping_fee_cent"] = money(d.fee) // major units, whatever the name says
		option["shipping_fee_currency"] = "USD"
		option["shipping_fee_format"] = "US $" + money(d.fee)
		option["free_shipping_threshold"] = "$" + money(freeFrom)
	}
	return option
}

type freightQuery struct {
	ProductID text `json:"product_id"`
	Count     text `json:"product_num"`
	Country   text `json:"country_code"`
}

// calculateFreight is aliexpress.logistics.buyer.freight.calculate (aliexpress.md 7.3).
func (s *Server) calculateFreight(c *call) (object, *apiError) {
	var q freightQuery
	if err := jsonParameter(c, "param_aeop_freight_calculate_for_buyer_d_t_o", &q); err != nil {
		return nil, err
	}
	p := s.product(string(q.ProductID))
	if p == nil || !p.shipsTo(string(q.Country)) {
		c.fail("DELIVERY_INFO_EMPTY", string(q.Country))
		return object{"result": object{"success": false, "error_desc": "DELIVERY_INFO_EMPTY"}}, nil
	}
	options := []object{}
	for _, d := range deliveries {
		options = append(options, object{
			"service_name":            d.code,
			"estimated_delivery_time": fmt.Sprintf("%d-%d", d.fastest, d.slowest),
			"freight":                 object{"amount": money(d.fee), "cent": d.fee, "currency_code": "USD"},
			"error_code":              0,
			"tracking_available":      "true",
		})
	}
	return object{"result": object{
		"success": true,
		"aeop_freight_calculate_result_for_buyer_d_t_o_list": list("aeop_freight_calculate_result_for_buyer_dto", options),
	}}, nil
}

// text is a JSON string, or a number or boolean kept as its text: clients differ (aliexpress.md 1.4).
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '"':
		return json.Unmarshal(raw, (*string)(t))
	case '{', '[':
		return fmt.Errorf("want a text, got %s", raw)
	case 'n':
		*t = ""
	default:
		*t = text(raw)
	}
	return nil
}

// jsonParameter decodes an object parameter, which comes as JSON in one field.
func jsonParameter(c *call, name string, into any) *apiError {
	raw := c.params[name]
	if raw == "" {
		return missingParameter(name)
	}
	if err := json.Unmarshal([]byte(raw), into); err != nil {
		return invalidParameter(name)
	}
	return nil
}

func itoa[N int | int64](n N) string {
	return strconv.FormatInt(int64(n), 10)
}

// money writes cents as the platform does.
func money(cents int64) string {
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}
