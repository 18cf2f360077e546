package wixsim

import (
	"bytes"
	"encoding/json"
	"time"
)

// The words of order status, wix.md 2.5.
const (
	statusInitialized = "INITIALIZED"
	statusApproved    = "APPROVED"
	statusCanceled    = "CANCELED"
	statusPending     = "PENDING"
	statusRejected    = "REJECTED"
)

// The words of order payment status, wix.md 2.5.
const (
	payNotPaid           = "NOT_PAID"
	payPaid              = "PAID"
	payPending           = "PENDING"
	payPartiallyPaid     = "PARTIALLY_PAID"
	payPartiallyRefunded = "PARTIALLY_REFUNDED"
	payFullyRefunded     = "FULLY_REFUNDED"
	payUnspecified       = "UNSPECIFIED"
)

// The words of fulfillment status, wix.md 2.5.
const (
	notFulfilled       = "NOT_FULFILLED"
	partiallyFulfilled = "PARTIALLY_FULFILLED"
	fulfilled          = "FULFILLED"
)

// The words of one payment's status, wix.md 3.2.
const (
	paymentApproved          = "APPROVED"
	paymentPending           = "PENDING"
	paymentAuthorized        = "AUTHORIZED"
	paymentVoided            = "VOIDED"
	paymentRefunded          = "REFUNDED"
	paymentPartiallyRefunded = "PARTIALLY_REFUNDED"
	captureIsPending         = "PENDING"
	captureSucceeded         = "SUCCEEDED"
)

// Price is an amount in the order's currency, wix.md 2.4.
type Price struct {
	Amount          string `json:"amount"`
	FormattedAmount string `json:"formattedAmount"`
}

// Order is an order with the names of the REST API, wix.md 2.4.
type Order struct {
	ID                        string             `json:"id"`
	Number                    string             `json:"number"`
	CreatedDate               string             `json:"createdDate"`
	UpdatedDate               string             `json:"updatedDate"`
	PurchasedDate             string             `json:"purchasedDate,omitempty"`
	LineItems                 []LineItem         `json:"lineItems"`
	BuyerInfo                 BuyerInfo          `json:"buyerInfo"`
	PaymentStatus             string             `json:"paymentStatus"`
	FulfillmentStatus         string             `json:"fulfillmentStatus"`
	BuyerLanguage             string             `json:"buyerLanguage"`
	WeightUnit                string             `json:"weightUnit"`
	Currency                  string             `json:"currency"`
	CurrencyConversionDetails CurrencyConversion `json:"currencyConversionDetails"`
	TaxIncludedInPrices       bool               `json:"taxIncludedInPrices"`
	SiteLanguage              string             `json:"siteLanguage"`
	PriceSummary              PriceSummary       `json:"priceSummary"`
	BillingInfo               *Party             `json:"billingInfo,omitempty"`
	ShippingInfo              *ShippingInfo      `json:"shippingInfo,omitempty"`
	BuyerNote                 string             `json:"buyerNote,omitempty"`
	Status                    string             `json:"status"`
	Archived                  bool               `json:"archived"`
	TaxInfo                   OrderTax           `json:"taxInfo"`
	AppliedDiscounts          []AppliedDiscount  `json:"appliedDiscounts"`
	Activities                []Activity         `json:"activities"`
	AttributionSource         string             `json:"attributionSource"`
	CreatedBy                 CreatedBy          `json:"createdBy"`
	ChannelInfo               ChannelInfo        `json:"channelInfo"`
	SeenByAHuman              bool               `json:"seenByAHuman"`
	CheckoutID                string             `json:"checkoutId"`
	CustomFields              []json.RawMessage  `json:"customFields"`
	BalanceSummary            BalanceSummary     `json:"balanceSummary"`
	AdditionalFees            []json.RawMessage  `json:"additionalFees"`
	PurchaseFlowID            string             `json:"purchaseFlowId"`
	RecipientInfo             *Party             `json:"recipientInfo,omitempty"`
	Imported                  bool               `json:"imported"`
	ExtendedFields            json.RawMessage    `json:"extendedFields,omitempty"`
}

// LineItem is one line of an order, wix.md 2.6. Its id is unique within its order only.
type LineItem struct {
	ID                   string              `json:"id"`
	ProductName          Translated          `json:"productName"`
	CatalogReference     *CatalogReference   `json:"catalogReference,omitempty"`
	Quantity             int                 `json:"quantity"`
	TotalDiscount        Price               `json:"totalDiscount"`
	DescriptionLines     []DescriptionLine   `json:"descriptionLines"`
	Image                *Image              `json:"image,omitempty"`
	PhysicalProperties   *PhysicalProperties `json:"physicalProperties,omitempty"`
	ItemType             ItemType            `json:"itemType"`
	FulfillerID          string              `json:"fulfillerId,omitempty"`
	RefundQuantity       int                 `json:"refundQuantity,omitempty"`
	RestockQuantity      int                 `json:"restockQuantity,omitempty"`
	Price                Price               `json:"price"`
	PriceBeforeDiscounts Price               `json:"priceBeforeDiscounts"`
	TotalPriceBeforeTax  Price               `json:"totalPriceBeforeTax"`
	TotalPriceAfterTax   Price               `json:"totalPriceAfterTax"`
	PaymentOption        string              `json:"paymentOption"`
	TaxInfo              LineTax             `json:"taxInfo"`
	LineItemPrice        Price               `json:"lineItemPrice"`
	Locations            []json.RawMessage   `json:"locations"`
	ModifierGroups       []json.RawMessage   `json:"modifierGroups"`
}

// Translated is a text in the site's and in the buyer's language.
type Translated struct {
	Original   string `json:"original"`
	Translated string `json:"translated,omitempty"`
}

// CatalogReference names the product of a line, wix.md 2.6.
type CatalogReference struct {
	CatalogItemID string          `json:"catalogItemId"`
	AppID         string          `json:"appId"`
	Options       *CatalogOptions `json:"options,omitempty"`
}

// CatalogOptions names the variant of a product.
type CatalogOptions struct {
	Options          map[string]string `json:"options,omitempty"`
	VariantID        string            `json:"variantId,omitempty"`
	CustomTextFields map[string]string `json:"customTextFields,omitempty"`
}

// DescriptionLine is one chosen option as the buyer saw it.
type DescriptionLine struct {
	Name           Translated  `json:"name"`
	PlainText      *Translated `json:"plainText,omitempty"`
	LineType       string      `json:"lineType,omitempty"`
	PlainTextValue *Translated `json:"plainTextValue,omitempty"`
}

// Image is a picture in its REST form.
type Image struct {
	ID     string `json:"id"`
	URL    string `json:"url"`
	Height int    `json:"height"`
	Width  int    `json:"width"`
}

// PhysicalProperties holds what a parcel depends on.
type PhysicalProperties struct {
	Weight    json.Number `json:"weight,omitempty"`
	SKU       string      `json:"sku,omitempty"`
	Shippable bool        `json:"shippable"`
}

// ItemType is a known kind of goods or a free one.
type ItemType struct {
	Preset string `json:"preset,omitempty"`
	Custom string `json:"custom,omitempty"`
}

// LineTax is the tax of one line or of the shipping.
type LineTax struct {
	TaxAmount          Price             `json:"taxAmount"`
	TaxableAmount      Price             `json:"taxableAmount"`
	TaxRate            string            `json:"taxRate"`
	TaxIncludedInPrice bool              `json:"taxIncludedInPrice"`
	TaxBreakdown       []json.RawMessage `json:"taxBreakdown"`
}

// BuyerInfo says who bought.
type BuyerInfo struct {
	VisitorID string `json:"visitorId,omitempty"`
	MemberID  string `json:"memberId,omitempty"`
	ContactID string `json:"contactId,omitempty"`
	Email     string `json:"email,omitempty"`
}

// CurrencyConversion tells how prices were converted.
type CurrencyConversion struct {
	OriginalCurrency string `json:"originalCurrency"`
	ConversionRate   string `json:"conversionRate"`
}

// PriceSummary adds up an order, wix.md 2.4.
type PriceSummary struct {
	Subtotal            Price `json:"subtotal"`
	Shipping            Price `json:"shipping"`
	Tax                 Price `json:"tax"`
	Discount            Price `json:"discount"`
	Total               Price `json:"total"`
	TotalAdditionalFees Price `json:"totalAdditionalFees"`
}

// Party is an address with the person who lives there.
type Party struct {
	Address        *Address        `json:"address,omitempty"`
	ContactDetails *ContactDetails `json:"contactDetails,omitempty"`
}

// Address is a postal address in its REST form, wix.md 2.7.
type Address struct {
	Country             string         `json:"country,omitempty"`
	Subdivision         string         `json:"subdivision,omitempty"`
	City                string         `json:"city,omitempty"`
	PostalCode          string         `json:"postalCode,omitempty"`
	StreetAddress       *StreetAddress `json:"streetAddress,omitempty"`
	AddressLine         string         `json:"addressLine,omitempty"`
	AddressLine2        string         `json:"addressLine2,omitempty"`
	CountryFullname     string         `json:"countryFullname,omitempty"`
	SubdivisionFullname string         `json:"subdivisionFullname,omitempty"`
}

// StreetAddress is the first address line in two parts.
type StreetAddress struct {
	Number string `json:"number"`
	Name   string `json:"name"`
}

// ContactDetails names a person; the e-mail is in BuyerInfo.
type ContactDetails struct {
	FirstName string `json:"firstName,omitempty"`
	LastName  string `json:"lastName,omitempty"`
	Phone     string `json:"phone,omitempty"`
	Company   string `json:"company,omitempty"`
}

// ShippingInfo is the chosen way of shipping, wix.md 2.7.
type ShippingInfo struct {
	CarrierID string       `json:"carrierId,omitempty"`
	Code      string       `json:"code,omitempty"`
	Title     string       `json:"title,omitempty"`
	Logistics *Logistics   `json:"logistics,omitempty"`
	Cost      ShippingCost `json:"cost"`
	Region    *Region      `json:"region,omitempty"`
}

// Logistics says where a parcel goes.
type Logistics struct {
	DeliveryTime        string `json:"deliveryTime,omitempty"`
	Instructions        string `json:"instructions,omitempty"`
	ShippingDestination *Party `json:"shippingDestination,omitempty"`
}

// ShippingCost is what the buyer pays for shipping.
type ShippingCost struct {
	Price               Price   `json:"price"`
	TotalPriceBeforeTax Price   `json:"totalPriceBeforeTax"`
	TotalPriceAfterTax  Price   `json:"totalPriceAfterTax"`
	TaxInfo             LineTax `json:"taxInfo"`
	Discount            Price   `json:"discount"`
}

// Region is the shipping region of the site that matched.
type Region struct {
	Name string `json:"name"`
}

// OrderTax adds up the taxes of an order.
type OrderTax struct {
	TotalTax     Price       `json:"totalTax"`
	TaxBreakdown []TaxDetail `json:"taxBreakdown"`
}

// TaxDetail is one tax of an order.
type TaxDetail struct {
	TaxName             string `json:"taxName"`
	TaxType             string `json:"taxType"`
	Jurisdiction        string `json:"jurisdiction"`
	JurisdictionType    string `json:"jurisdictionType"`
	Rate                string `json:"rate"`
	AggregatedTaxAmount Price  `json:"aggregatedTaxAmount"`
}

// AppliedDiscount is a coupon that was used.
type AppliedDiscount struct {
	Coupon       *Coupon  `json:"coupon,omitempty"`
	DiscountType string   `json:"discountType"`
	LineItemIDs  []string `json:"lineItemIds"`
	ID           string   `json:"id"`
}

// Coupon is a code and what it took off.
type Coupon struct {
	ID     string `json:"id"`
	Code   string `json:"code"`
	Name   string `json:"name"`
	Amount Price  `json:"amount"`
}

// Activity is one line of an order's timeline.
type Activity struct {
	CreatedDate               string             `json:"createdDate"`
	Type                      string             `json:"type"`
	ActivityType              string             `json:"activityType"`
	AuthorizedPaymentCreated  *AuthorizedPayment `json:"authorizedPaymentCreated,omitempty"`
	AuthorizedPaymentCaptured *AuthorizedPayment `json:"authorizedPaymentCaptured,omitempty"`
	AuthorizedPaymentVoided   *AuthorizedPayment `json:"authorizedPaymentVoided,omitempty"`
}

// AuthorizedPayment is the detail of an activity about an authorisation, wix.md 3.1.
type AuthorizedPayment struct {
	PaymentID      string `json:"paymentId"`
	Amount         Price  `json:"amount"`
	LastFourDigits string `json:"lastFourDigits"`
	Brand          string `json:"brand"`
}

// CreatedBy says who made an order.
type CreatedBy struct {
	UserID    string `json:"userId,omitempty"`
	MemberID  string `json:"memberId,omitempty"`
	VisitorID string `json:"visitorId,omitempty"`
	AppID     string `json:"appId,omitempty"`
}

// ChannelInfo says where an order was sold.
type ChannelInfo struct {
	Type             string `json:"type"`
	ExternalOrderID  string `json:"externalOrderId,omitempty"`
	ExternalOrderURL string `json:"externalOrderUrl,omitempty"`
}

// BalanceSummary says where the money is, wix.md 3.1.
type BalanceSummary struct {
	Balance            Price `json:"balance"`
	Paid               Price `json:"paid"`
	Refunded           Price `json:"refunded"`
	Authorized         Price `json:"authorized"`
	PendingRefund      Price `json:"pendingRefund"`
	Pending            Price `json:"pending"`
	Chargeback         Price `json:"chargeback"`
	ChargebackReversal Price `json:"chargebackReversal"`
}

// Fulfillment is one shipment, wix.md 4.1.
type Fulfillment struct {
	ID           string            `json:"id"`
	CreatedDate  string            `json:"createdDate"`
	LineItems    []FulfillmentLine `json:"lineItems"`
	TrackingInfo *TrackingInfo     `json:"trackingInfo,omitempty"`
	CustomInfo   json.RawMessage   `json:"customInfo,omitempty"`
	Status       string            `json:"status,omitempty"`
	Completed    *bool             `json:"completed,omitempty"`
}

// FulfillmentLine is a quantity of one order line.
type FulfillmentLine struct {
	ID       string `json:"id"`
	Quantity int    `json:"quantity"`
}

// TrackingInfo is the number that a buyer follows.
type TrackingInfo struct {
	TrackingNumber   string `json:"trackingNumber,omitempty"`
	ShippingProvider string `json:"shippingProvider,omitempty"`
	TrackingLink     string `json:"trackingLink,omitempty"`
}

// OrderFulfillments is an order's shipments in the order of their making.
type OrderFulfillments struct {
	OrderID      string        `json:"orderId"`
	Fulfillments []Fulfillment `json:"fulfillments"`
}

// OrderTransactions is an order's money, wix.md 3.2.
type OrderTransactions struct {
	OrderID  string    `json:"orderId"`
	Payments []Payment `json:"payments"`
	Refunds  []Refund  `json:"refunds"`
}

// Payment is one payment of an order, wix.md 3.2.
type Payment struct {
	ID                    string         `json:"id"`
	RegularPaymentDetails PaymentDetails `json:"regularPaymentDetails"`
	Status                string         `json:"status"`
	CreatedDate           string         `json:"createdDate"`
	UpdatedDate           string         `json:"updatedDate"`
	Amount                Price          `json:"amount"`
	RefundDisabled        bool           `json:"refundDisabled"`
}

// PaymentDetails is how a payment was made.
type PaymentDetails struct {
	PaymentOrderID        string                `json:"paymentOrderId,omitempty"`
	GatewayTransactionID  string                `json:"gatewayTransactionId,omitempty"`
	ProviderTransactionID string                `json:"providerTransactionId,omitempty"`
	PaymentMethod         string                `json:"paymentMethod"`
	PaymentMethodName     *PaymentMethodName    `json:"paymentMethodName,omitempty"`
	OfflinePayment        bool                  `json:"offlinePayment"`
	Status                string                `json:"status"`
	SavedPaymentMethod    bool                  `json:"savedPaymentMethod"`
	CreditCardDetails     *CreditCard           `json:"creditCardDetails,omitempty"`
	AuthorizationDetails  *AuthorizationDetails `json:"authorizationDetails,omitempty"`
	Chargebacks           []json.RawMessage     `json:"chargebacks"`
}

// PaymentMethodName is the method as the buyer saw it.
type PaymentMethodName struct {
	BuyerLanguageName string `json:"buyerLanguageName"`
}

// CreditCard is what may be shown of a card.
type CreditCard struct {
	LastFourDigits string `json:"lastFourDigits"`
	Brand          string `json:"brand"`
}

// AuthorizationDetails is the life of a held amount, wix.md 3.2.
type AuthorizationDetails struct {
	DelayedCapture  bool             `json:"delayedCapture"`
	AuthorizedDate  string           `json:"authorizedDate"`
	Captures        []Capture        `json:"captures"`
	Void            *Void            `json:"void,omitempty"`
	ScheduledAction *ScheduledAction `json:"scheduledAction,omitempty"`
}

// Capture is the one try to collect a held amount.
type Capture struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	Amount      Price  `json:"amount"`
	CreatedDate string `json:"createdDate"`
}

// Void is the release of a held amount.
type Void struct {
	Status     string `json:"status"`
	VoidedDate string `json:"voidedDate"`
	Reason     string `json:"reason"`
}

// ScheduledAction is what Wix does by itself when the hold ends.
type ScheduledAction struct {
	ActionType    string `json:"actionType"`
	ExecutionDate string `json:"executionDate"`
}

// Refund is money given back.
type Refund struct {
	ID           string              `json:"id"`
	Transactions []RefundTransaction `json:"transactions"`
	Details      RefundDetails       `json:"details"`
	CreatedDate  string              `json:"createdDate"`
}

// RefundTransaction is the share of one payment in a refund.
type RefundTransaction struct {
	PaymentID      string `json:"paymentId"`
	Amount         Price  `json:"amount"`
	RefundStatus   string `json:"refundStatus"`
	ExternalRefund bool   `json:"externalRefund"`
}

// RefundDetails says which units were refunded.
type RefundDetails struct {
	Items []RefundItem `json:"items"`
}

// RefundItem is a refunded quantity of one line.
type RefundItem struct {
	LineItemID string `json:"lineItemId"`
	Quantity   int    `json:"quantity"`
}

// stamp writes a time as orders carry it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// eventStamp writes a time as events carry it, wix.md 5.3.
func eventStamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// encode writes JSON as Wix does, without escaping HTML. Only values of this package come here, so it cannot fail.
func encode(v any) json.RawMessage {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// decodeTree reads JSON into maps with numbers kept as written.
func decodeTree(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// merged lays a patch over a tree: objects merge, null removes, everything else replaces.
func merged(base, patch map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(patch))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range patch {
		if v == nil {
			delete(out, k)
			continue
		}
		change, isObject := v.(map[string]any)
		if !isObject {
			out[k] = v
			continue
		}
		old, _ := out[k].(map[string]any)
		out[k] = merged(old, change)
	}
	return out
}
