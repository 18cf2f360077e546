package wix

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	quick "github.com/goccy/go-json" // an event's layers are read one inside of the other: the standard library reads each of them several times
)

// This file holds the members of Wix's REST JSON that Waybill reads or writes (wix.md 1.1, 2.4-2.7, 3.2, 4.1, 5, 6). Every
// member is optional, unknown ones are ignored, enums are text.

// text is a string member. Wix writes numbers as strings in some places and as numbers in others (order number, expires_in,
// amounts), so a number is taken as it is written. NUL characters, which no database text can hold, are dropped.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if plain, ok := unquoted(data); ok {
		*t = text(plain)
		return nil
	}
	if data[0] != '"' {
		var n json.Number
		if err := json.Unmarshal(data, &n); err != nil {
			return errors.New("neither text nor a number")
		}
		*t = text(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*t = text(strings.ReplaceAll(s, "\x00", ""))
	return nil
}

// unquoted is a JSON string in which every character is written as it is, which is most of them.
func unquoted(data []byte) (plain []byte, ok bool) {
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
		return nil, false
	}
	plain = data[1 : len(data)-1]
	for _, b := range plain {
		if b < ' ' || b == '\\' || b == '"' {
			return nil, false
		}
	}
	return plain, utf8.Valid(plain)
}

// lenient is a member whose form must not decide whether the whole answer can be read: of another form, it stays empty.
type lenient[T any] struct{ value T }

func (l *lenient[T]) UnmarshalJSON(data []byte) error {
	var v T
	if quick.Unmarshal(data, &v) == nil {
		l.value = v
	}
	return nil
}

type wireTokenRequest struct {
	GrantType    string `json:"grant_type"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	InstanceID   string `json:"instance_id"`
}

type wireToken struct {
	AccessToken string        `json:"access_token"`
	ExpiresIn   lenient[text] `json:"expires_in"` // seconds
}

// life is how long the token is good for; the documented four hours when Wix does not say.
func (t wireToken) life() time.Duration {
	seconds, err := strconv.Atoi(string(t.ExpiresIn.value))
	if err != nil || seconds <= 0 {
		return defaultTokenLife
	}
	return time.Duration(min(seconds, int(maxTokenLife/time.Second))) * time.Second
}

// wireError is an error body: the application's and the validation's form of wix.md 6, and the OAuth form of wix.md 1.1.
type wireError struct {
	Details lenient[struct {
		ApplicationError lenient[struct {
			Code        text `json:"code"`
			Description text `json:"description"`
		}] `json:"applicationError"`
		ValidationError lenient[struct {
			FieldViolations []struct {
				Field       text `json:"field"`
				Description text `json:"description"`
			} `json:"fieldViolations"`
		}] `json:"validationError"`
	}] `json:"details"`
	Error lenient[string] `json:"error"`
}

type wireSearchRequest struct {
	Search wireSearch `json:"search"`
}

type wireSearch struct {
	Filter       map[string]any   `json:"filter,omitempty"`
	Sort         []wireSort       `json:"sort,omitempty"`
	CursorPaging wireCursorPaging `json:"cursorPaging"`
}

type wireSort struct {
	FieldName string `json:"fieldName"`
	Order     string `json:"order"`
}

type wireCursorPaging struct {
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor,omitempty"`
}

type wireSearchAnswer struct {
	Orders   []json.RawMessage `json:"orders"`
	Metadata *struct {
		Cursors struct {
			Next string `json:"next"`
		} `json:"cursors"`
		HasNext *bool `json:"hasNext"`
	} `json:"metadata"`
}

type wireOrder struct {
	ID                text `json:"id"`
	Number            text `json:"number"`
	CreatedDate       text `json:"createdDate"`
	UpdatedDate       text `json:"updatedDate"`
	PurchasedDate     text `json:"purchasedDate"`
	Status            text `json:"status"`
	PaymentStatus     text `json:"paymentStatus"`
	FulfillmentStatus text `json:"fulfillmentStatus"`
	Currency          text `json:"currency"`
	BuyerNote         text `json:"buyerNote"`
	Archived          bool `json:"archived"`
	Imported          bool `json:"imported"`
	ChannelInfo       struct {
		Type text `json:"type"`
	} `json:"channelInfo"`
	CreatedBy struct {
		UserID text `json:"userId"`
	} `json:"createdBy"`
	BuyerInfo struct {
		Email text `json:"email"`
	} `json:"buyerInfo"`
	PriceSummary struct {
		Total *wirePrice `json:"total"`
	} `json:"priceSummary"`
	BalanceSummary struct {
		Authorized *wirePrice `json:"authorized"`
		Paid       *wirePrice `json:"paid"`
	} `json:"balanceSummary"`
	BillingInfo   *wireParty `json:"billingInfo"`
	RecipientInfo *wireParty `json:"recipientInfo"`
	ShippingInfo  struct {
		Logistics struct {
			ShippingDestination *wireParty `json:"shippingDestination"`
			PickupDetails       *struct{}  `json:"pickupDetails"`
		} `json:"logistics"`
	} `json:"shippingInfo"`
	LineItems []wireLine `json:"lineItems"`
}

// wirePrice is an amount in the order's currency, as a decimal of any number of digits.
type wirePrice struct {
	Amount text `json:"amount"`
}

type wireParty struct {
	Address        *wireAddress `json:"address"`
	ContactDetails *wireContact `json:"contactDetails"`
}

type wireAddress struct {
	Country             text `json:"country"`
	Subdivision         text `json:"subdivision"`
	SubdivisionFullname text `json:"subdivisionFullname"`
	City                text `json:"city"`
	PostalCode          text `json:"postalCode"`
	AddressLine         text `json:"addressLine"`
	AddressLine2        text `json:"addressLine2"`
	StreetAddress       struct {
		Number text `json:"number"`
		Name   text `json:"name"`
	} `json:"streetAddress"`
}

type wireContact struct {
	FirstName text `json:"firstName"`
	LastName  text `json:"lastName"`
	Phone     text `json:"phone"`
	Company   text `json:"company"`
	VatID     lenient[struct {
		ID text `json:"id"`
	}] `json:"vatId"`
}

type wireLine struct {
	ID               text           `json:"id"`
	ProductName      wireTranslated `json:"productName"`
	CatalogReference *struct {
		CatalogItemID text `json:"catalogItemId"`
		Options       lenient[struct {
			VariantID        text                     `json:"variantId"`
			CustomTextFields lenient[map[string]text] `json:"customTextFields"`
		}] `json:"options"` // free form, each catalog's own
	} `json:"catalogReference"`
	Quantity         int                            `json:"quantity"`
	RefundQuantity   int                            `json:"refundQuantity"`
	Price            *wirePrice                     `json:"price"` // per unit
	DescriptionLines lenient[[]wireDescriptionLine] `json:"descriptionLines"`
	Image            lenient[struct {
		URL text `json:"url"`
	}] `json:"image"`
	PhysicalProperties struct {
		SKU       text  `json:"sku"`
		Shippable *bool `json:"shippable"`
	} `json:"physicalProperties"`
	ItemType struct {
		Preset text `json:"preset"`
	} `json:"itemType"`
}

type wireDescriptionLine struct {
	Name      wireTranslated `json:"name"`
	PlainText wireTranslated `json:"plainText"`
	ColorInfo wireTranslated `json:"colorInfo"`
}

type wireTranslated struct {
	Original   text `json:"original"`
	Translated text `json:"translated"`
}

type wireOrderWithFulfillments struct {
	OrderID      text              `json:"orderId"`
	Fulfillments []wireFulfillment `json:"fulfillments"`
}

type wireFulfillmentsAnswer struct {
	OrderWithFulfillments *wireOrderWithFulfillments `json:"orderWithFulfillments"`
	FulfillmentID         text                       `json:"fulfillmentId"` // of create only
}

type wireFulfillment struct {
	ID        text `json:"id"`
	LineItems []struct {
		ID       text `json:"id"`
		Quantity int  `json:"quantity"`
	} `json:"lineItems"`
	TrackingInfo struct {
		TrackingNumber   text `json:"trackingNumber"`
		ShippingProvider text `json:"shippingProvider"`
		TrackingLink     text `json:"trackingLink"`
	} `json:"trackingInfo"`
}

type wireCreateFulfillment struct {
	Fulfillment struct {
		LineItems    []wireNewFulfillmentLine `json:"lineItems"`
		TrackingInfo *wireNewTracking         `json:"trackingInfo,omitempty"`
	} `json:"fulfillment"`
}

type wireNewFulfillmentLine struct {
	ID       string `json:"id"`
	Quantity int    `json:"quantity"` // never left out: that would mean "all that is left"
}

type wireNewTracking struct {
	TrackingNumber   string `json:"trackingNumber,omitempty"`
	ShippingProvider string `json:"shippingProvider,omitempty"`
	TrackingLink     string `json:"trackingLink,omitempty"`
}

type wireUpdateFulfillment struct {
	Fulfillment struct {
		TrackingInfo wireChangedTracking `json:"trackingInfo"`
	} `json:"fulfillment"`
}

// wireChangedTracking names every member: what is left out would stay as it was, null clears it (wix.md 4.1).
type wireChangedTracking struct {
	TrackingNumber   *string `json:"trackingNumber"`
	ShippingProvider *string `json:"shippingProvider"`
	TrackingLink     *string `json:"trackingLink"`
}

type wireTransactions struct {
	OrderTransactions *struct {
		OrderID  text          `json:"orderId"`
		Payments []wirePayment `json:"payments"`
	} `json:"orderTransactions"`
}

type wirePayment struct {
	ID                    text       `json:"id"`
	Status                text       `json:"status"`
	Amount                *wirePrice `json:"amount"`
	RegularPaymentDetails struct {
		Status text `json:"status"` // a deprecated copy
	} `json:"regularPaymentDetails"`
}

type wireInstanceAnswer struct {
	Instance struct {
		InstanceID       text `json:"instanceId"`
		OriginInstanceID text `json:"originInstanceId"`
	} `json:"instance"`
	Site struct {
		SiteDisplayName text `json:"siteDisplayName"`
		URL             text `json:"url"`
		PaymentCurrency text `json:"paymentCurrency"`
	} `json:"site"`
}

// wireSignedInstance is the data part of a signed instance, wix.md 1.6.
type wireSignedInstance struct {
	InstanceID     text `json:"instanceId"`
	AppDefID       text `json:"appDefId"`
	SignDate       text `json:"signDate"`
	ExpirationDate text `json:"expirationDate"`
	AnonymousID    text `json:"aid"`
	Permissions    text `json:"permissions"`
}

// wireEnvelope is the second layer of a webhook, wix.md 5.2.
type wireEnvelope struct {
	Data       json.RawMessage `json:"data"` // a string that holds JSON
	InstanceID text            `json:"instanceId"`
	EventType  text            `json:"eventType"`
}

// wireEvent is the third layer, wix.md 5.3.
type wireEvent struct {
	ID           text                `json:"id"`
	EntityFQDN   text                `json:"entityFqdn"`
	EntityID     text                `json:"entityId"`
	EventTime    text                `json:"eventTime"`
	Anonymize    lenient[bool]       `json:"triggeredByAnonymizeRequest"`
	CreatedEvent lenient[wireEntity] `json:"createdEvent"`
	UpdatedEvent lenient[wireEntity] `json:"updatedEvent"`
	ActionEvent  lenient[wireEntity] `json:"actionEvent"`
}

// wireEntity is what an event is about: exactly one of its members is there.
type wireEntity struct {
	Entity        lenient[wireOwned] `json:"entity"`
	CurrentEntity lenient[wireOwned] `json:"currentEntity"`
	Body          lenient[struct {
		wireOwned
		Order             lenient[wireOwned] `json:"order"`
		OrderTransactions lenient[wireOwned] `json:"orderTransactions"`
	}] `json:"body"`
}

// wireOwned is an order, or something that belongs to one: its fulfillments, its transactions.
type wireOwned struct {
	OrderID     text `json:"orderId"`
	UpdatedDate text `json:"updatedDate"` // of an order: its version
}
