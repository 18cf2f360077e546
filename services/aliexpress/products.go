package aliexpress

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"waybill/models"
)

const (
	methodProduct = "aliexpress.ds.product.get"
	methodFreight = "aliexpress.ds.freight.query"

	priceCurrency = "USD"
)

type wireProduct struct {
	Base struct {
		ID     text `json:"product_id"`
		Title  text `json:"subject"`
		Status text `json:"product_status_type"`
	} `json:"ae_item_base_info_dto"`
	Media struct {
		Images text `json:"image_urls"` // parted by semicolons, the main one first
	} `json:"ae_multimedia_info_dto"`
	Store wireStore     `json:"ae_store_info"`
	SKUs  list[wireSKU] `json:"ae_item_sku_info_dtos"`
}

type wireSKU struct {
	ID         text               `json:"sku_id"`
	Attr       *text              `json:"sku_attr"`
	OldAttr    text               `json:"id"`
	SalePrice  text               `json:"offer_sale_price"`
	ListPrice  text               `json:"sku_price"`
	Currency   text               `json:"currency_code"`
	Stock      text               `json:"sku_available_stock"`
	IPMStock   text               `json:"ipm_sku_stock"`
	OlderStock text               `json:"s_k_u_available_stock"`
	InStock    text               `json:"sku_stock"`
	Properties list[wireProperty] `json:"ae_sku_property_dtos"`
}

type wireProperty struct {
	Name  text `json:"sku_property_name"`
	Value text `json:"sku_property_value"`
	Label text `json:"property_value_definition_name"`
}

// Product reads what a product costs this account and how much of it there is, for one destination, an ISO 3166-1
// alpha-2 code (aliexpress.md 7.1). Prices are in US dollars. A product that is not sold there is models.Rejected, code
// not_sold_there; one that does not exist is Rejected, code product_gone. Other errors: Invalid for what is no product id, Throttled,
// Disconnected, Unavailable; a SKU without a readable price makes the whole answer Unavailable, never free of charge.
func (c *Client) Product(ctx context.Context, a models.Access, productID, shipTo string) (models.SupplierProduct, error) {
	if !isID(productID) {
		return models.SupplierProduct{}, badID("product id", productID)
	}
	p, err := c.read(ctx, a, methodProduct, map[string]string{
		"product_id": productID, "ship_to_country": countryCode(shipTo), "target_currency": priceCurrency, "target_language": "en",
	})
	if err != nil {
		return models.SupplierProduct{}, err
	}
	switch code := p.code(); {
	case code == "602":
		return models.SupplierProduct{}, models.Errorf(models.Rejected, "not_sold_there",
			"The supplier does not sell this product to %s.", clip(shipTo, 40))
	case code == "605":
		return models.SupplierProduct{}, models.Errorf(models.Rejected, "product_gone", "AliExpress no longer has this product.")
	case !harmless(code):
		return models.SupplierProduct{}, businessTrouble(methodProduct, code)
	}
	var w wireProduct
	if err := p.result(&w); err != nil {
		return models.SupplierProduct{}, unreadable(methodProduct, err)
	}
	product, err := w.translate(productID)
	if err != nil {
		return models.SupplierProduct{}, unreadable(methodProduct, err)
	}
	return product, nil
}

func (w wireProduct) translate(asked string) (models.SupplierProduct, error) {
	if w.Base.Status == "" && len(w.SKUs) == 0 {
		return models.SupplierProduct{}, errors.New("a product without status and SKUs")
	}
	product := models.SupplierProduct{
		ProductID: cmp.Or(w.Base.ID.String(), asked),
		Title:     w.Base.Title.String(),
		ImageURL:  w.image(),
		OnSale:    w.Base.Status.String() == "onSelling",
		StoreID:   w.Store.ID.String(),
		StoreName: w.Store.Name.String(),
	}
	for _, s := range w.SKUs {
		price, err := models.ParseMoney(cmp.Or(s.SalePrice, s.ListPrice).String(), cmp.Or(s.Currency.String(), priceCurrency))
		if err != nil {
			return models.SupplierProduct{}, errors.New("a SKU without a price")
		}
		product.SKUs = append(product.SKUs, models.SupplierSKU{
			ID: s.ID.String(), Attr: s.attr(), Name: s.name(), Price: price, Stock: s.stock(),
		})
	}
	return product, nil
}

// image is the main picture, where it is one that a browser may load.
func (w wireProduct) image() string {
	first, _, _ := strings.Cut(w.Media.Images.String(), ";")
	if !strings.HasPrefix(first, "https://") {
		return ""
	}
	return first
}

// attr is the key that placing wants, verbatim; empty for a product of one SKU.
func (s wireSKU) attr() string {
	if s.Attr != nil {
		return string(*s.Attr)
	}
	return string(s.OldAttr)
}

// name is what a person reads: "Color: Brown, Size: M".
func (s wireSKU) name() string {
	var parts []string
	for _, p := range s.Properties {
		value := cmp.Or(p.Label.String(), p.Value.String())
		if name := p.Name.String(); name != "" {
			value = name + ": " + value
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, ", ")
}

// stock is the number on hand. The oldest answers only say whether there is any, which promises one.
func (s wireSKU) stock() int {
	if n := cmp.Or(s.Stock, s.IPMStock, s.OlderStock); n != "" {
		return n.count()
	}
	if s.InStock.yes() {
		return 1
	}
	return 0
}

// deliveryQuery is queryDeliveryReq. quantity is a text: a project reports that a number is refused.
type deliveryQuery struct {
	ProductID string `json:"productId"`
	SKUID     string `json:"selectedSkuId"`
	Quantity  string `json:"quantity"`
	Country   string `json:"shipToCountry"`
	Province  string `json:"province,omitempty"`
	Currency  string `json:"currency"`
	Language  string `json:"language"`
	Locale    string `json:"locale"`
}

type wireFreight struct {
	Success text               `json:"success"`
	Code    text               `json:"code"`
	Msg     text               `json:"msg"`
	Options list[wireDelivery] `json:"delivery_options"`
}

type wireDelivery struct {
	Code      text `json:"code"`
	Company   text `json:"company"`
	Fee       text `json:"shipping_fee_cent"` // decimal in major units, whatever the name says
	Currency  text `json:"shipping_fee_currency"`
	Free      text `json:"free_shipping"`
	MayBeFree text `json:"mayHavePFS"`
	Threshold text `json:"free_shipping_threshold"`
	MinDays   text `json:"min_delivery_days"`
	MaxDays   text `json:"max_delivery_days"`
	Tracking  text `json:"tracking"`
}

// Freight lists the shipping services for one SKU and destination (aliexpress.md 7.2). No service is no error but an
// empty list. q.Region narrows the destination; q.City is not sent, since AliExpress wants a code of its own there. q.Currency
// is US dollars when empty. Errors: Invalid, Throttled, Disconnected, Rejected, Unavailable.
func (c *Client) Freight(ctx context.Context, a models.Access, q models.FreightQuery) ([]models.FreightOption, error) {
	if !isID(q.ProductID) {
		return nil, badID("product id", q.ProductID)
	}
	currency := cmp.Or(q.Currency, priceCurrency)
	query, err := encode(deliveryQuery{
		ProductID: q.ProductID, SKUID: q.SKUID, Quantity: strconv.Itoa(max(q.Quantity, 1)), Country: countryCode(q.Country),
		Province: regionName(q.Country, q.Region), Currency: currency, Language: language, Locale: language,
	})
	if err != nil {
		return nil, unreadable(methodFreight, err)
	}
	p, err := c.read(ctx, a, methodFreight, map[string]string{"queryDeliveryReq": query})
	if err != nil {
		return nil, err
	}
	var w wireFreight
	if err := p.result(&w); err != nil {
		return nil, unreadable(methodFreight, err)
	}
	switch {
	case w.Code.String() == "505", strings.HasPrefix(w.Msg.String(), "DELIVERY_"):
		return nil, nil
	case w.Success != "" && !w.Success.yes():
		return nil, businessTrouble(methodFreight, w.Code.String())
	case w.Success == "" && len(w.Options) == 0:
		return nil, unreadable(methodFreight, errors.New("neither services nor their absence"))
	}
	return w.translate(currency)
}

func (w wireFreight) translate(currency string) ([]models.FreightOption, error) {
	var options []models.FreightOption
	for _, d := range w.Options {
		option := models.FreightOption{
			Code: d.Code.String(), Name: d.Company.String(), Tracked: d.Tracking.yes(),
			MinDays: d.MinDays.count(), MaxDays: d.MaxDays.count(),
			Free: d.free(), Fee: models.Money{Currency: cmp.Or(d.Currency.String(), currency)},
		}
		if !option.Free {
			fee, err := models.ParseMoney(d.Fee.String(), option.Fee.Currency)
			if err != nil {
				return nil, unreadable(methodFreight, errors.New("a shipping fee that is no number"))
			}
			option.Fee = fee
		}
		options = append(options, option)
	}
	return options, nil
}

// free knows AliExpress' three ways of saying so: the flag, a threshold of nothing, and no fee at all.
func (d wireDelivery) free() bool {
	return d.Free.yes() || d.MayBeFree.yes() && d.thresholdIsZero() || d.Fee.String() == ""
}

// thresholdIsZero reads "0", "$0.00" and the like.
func (d wireDelivery) thresholdIsZero() bool {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, d.Threshold.String())
	return digits != "" && strings.Trim(digits, "0") == ""
}

// encode writes JSON once; the text that is signed is the text that is sent.
func encode(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
