package wix_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/wix"
)

// readOrder serves order as the whole of an order, with an id and a date unless it has them, and reads it.
func readOrder(t *testing.T, order string) (models.StoreOrder, error) {
	t.Helper()
	members := map[string]json.RawMessage{"id": json.RawMessage(`"o-1"`), "updatedDate": json.RawMessage(`"2026-03-14T09:21:03Z"`)}
	decode(t, []byte(order), &members)
	for name, value := range members {
		if string(value) == `"absent"` {
			delete(members, name)
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	s := newStub(t, reply{body: `{"order":` + string(raw) + `}`})
	return newClient(t, s.URL).Order(t.Context(), access, "o-1")
}

func readLine(t *testing.T, line string) models.StoreLine {
	t.Helper()
	o, err := readOrder(t, `{"currency":"USD","lineItems":[`+line+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	return o.Lines[0]
}

func TestVariantKey(t *testing.T) {
	t.Parallel()
	for want, line := range map[string]string{
		"item/var":   `{"id":"1","catalogReference":{"catalogItemId":"item","options":{"variantId":"var"}}}`,
		"item":       `{"id":"1","catalogReference":{"catalogItemId":"item","options":{"variantId":"00000000-0000-0000-0000-000000000000"}}}`,
		"plain":      `{"id":"1","catalogReference":{"catalogItemId":"plain"}}`,
		"empty":      `{"id":"1","catalogReference":{"catalogItemId":"empty","options":{"variantId":""}}}`,
		"odd":        `{"id":"1","catalogReference":{"catalogItemId":"odd","options":["not","stores"]}}`,
		"sku/S-1":    `{"id":"1","productName":{"original":"Cup"},"physicalProperties":{"sku":"S-1"}}`,
		"name/Cup":   `{"id":"1","productName":{"original":"Cup","translated":"Tasse"}}`,
		"name/Tasse": `{"id":"1","productName":{"translated":"Tasse"},"catalogReference":{}}`,
	} {
		if got := readLine(t, line).VariantKey; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestShippable(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`{"id":"1"}`: true,
		`{"id":"1","itemType":{"preset":"PHYSICAL"}}`:                                                true,
		`{"id":"1","itemType":{"preset":"DIGITAL"}}`:                                                 false,
		`{"id":"1","itemType":{"preset":"GIFT_CARD"}}`:                                               false,
		`{"id":"1","itemType":{"preset":"SERVICE"}}`:                                                 false,
		`{"id":"1","itemType":{"preset":"HOLOGRAM"}}`:                                                true,
		`{"id":"1","itemType":{"custom":"event"}}`:                                                   true,
		`{"id":"1","itemType":{"preset":"DIGITAL"},"physicalProperties":{"shippable":true}}`:         true,
		`{"id":"1","itemType":{"preset":"PHYSICAL"},"physicalProperties":{"shippable":false}}`:       false,
		`{"id":"1","itemType":{"preset":"DIGITAL"},"physicalProperties":{"shippable":null}}`:         false,
		`{"id":"1","itemType":{"preset":"PHYSICAL"},"physicalProperties":{"sku":"no word of this"}}`: true,
	} {
		if got := readLine(t, line).Shippable; got != want {
			t.Errorf("%s is shippable: %v", line, got)
		}
	}
}

func TestLineDetails(t *testing.T) {
	t.Parallel()
	got := readLine(t, `{"id":"7","productName":{"original":"Mug\u0000","translated":"Becher"},"quantity":3,"refundQuantity":1,
		"price":{"amount":35.005},"image":"wix:image://v1/x","descriptionLines":[
			{"name":{"original":"Color"},"colorInfo":{"original":"Black","code":"#000"}},
			{"name":{"original":"Size"},"plainText":{"original":"M","translated":"Moyen"}},
			{"name":{"original":"Gift"}}]}`)
	want := models.StoreLine{
		ID: "7", Name: "Mug", VariantKey: "name/Mug", Options: "Color: Black, Size: M, Gift", Quantity: 3, Refunded: 1,
		Shippable: true, Price: models.Money{Minor: 3501, Currency: "USD"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := readLine(t, `{"id":"7","image":{"url":"javascript:alert(1)"},"descriptionLines":"odd"}`); got.ImageURL != "" || got.Options != "" {
		t.Errorf("got %+v", got)
	}
}

func TestRecipient(t *testing.T) {
	t.Parallel()
	const (
		jane    = `"contactDetails":{"firstName":"Jane","lastName":"Doe","phone":"1","company":"C","vatId":{"id":"123","type":"CPF"}}`
		bob     = `"contactDetails":{"firstName":"Bob","lastName":"Roe"}`
		home    = `"address":{"country":"BR","city":"Home","streetAddress":{"number":"5","name":"Rua A"},"subdivision":"BR-SP","subdivisionFullname":"São Paulo"}`
		office  = `"address":{"country":"DE","city":"Office","addressLine":"Weg 1","streetAddress":{"number":"9","name":"not this"}}`
		country = `"address":{"country":"FR"}`
	)
	toHome := models.Address{
		FirstName: "Jane", LastName: "Doe", Phone: "1", Company: "C", TaxID: "123", Line1: "5 Rua A", City: "Home",
		Subdivision: "BR-SP", Region: "São Paulo", Country: "BR",
	}
	bobAtOffice := models.Address{FirstName: "Bob", LastName: "Roe", Line1: "Weg 1", City: "Office", Country: "DE"}
	for name, tt := range map[string]struct {
		order  string
		want   models.Address
		pickup bool
	}{
		"recipient first":       {order: `{"recipientInfo":{` + home + `,` + jane + `},"shippingInfo":{"logistics":{"shippingDestination":{` + office + `,` + bob + `}}}}`, want: toHome},
		"destination second":    {order: `{"recipientInfo":null,"shippingInfo":{"logistics":{"shippingDestination":{` + home + `,` + jane + `}}},"billingInfo":{` + office + `,` + bob + `}}`, want: toHome},
		"billing last":          {order: `{"billingInfo":{` + office + `,` + bob + `}}`, want: bobAtOffice},
		"address of another":    {order: `{"recipientInfo":{` + bob + `},"shippingInfo":{"logistics":{"shippingDestination":{` + office + `}}}}`, want: bobAtOffice},
		"country alone is not":  {order: `{"recipientInfo":{` + country + `},"billingInfo":{` + office + `,` + bob + `}}`, want: bobAtOffice},
		"country only":          {order: `{"billingInfo":{` + country + `,` + bob + `}}`, want: models.Address{FirstName: "Bob", LastName: "Roe", Country: "FR"}},
		"pickup place is not":   {order: `{"shippingInfo":{"logistics":{"pickupDetails":{"pickupMethod":"STORE_PICKUP"},"shippingDestination":{` + home + `}}},"billingInfo":{` + office + `,` + bob + `}}`, want: bobAtOffice, pickup: true},
		"no country is guessed": {order: `{"recipientInfo":{"address":{"city":"Home"},` + bob + `},"billingInfo":{` + office + `,` + jane + `}}`, want: models.Address{FirstName: "Bob", LastName: "Roe", City: "Home"}},
		"nothing":               {order: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readOrder(t, tt.order)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Recipient); diff != "" {
				t.Error(diff)
			}
			if got.Pickup != tt.pickup {
				t.Errorf("pickup is %v", got.Pickup)
			}
		})
	}
}

func TestOrderForms(t *testing.T) {
	t.Parallel()
	got, err := readOrder(t, `{"number":10002,"updatedDate":"2026-03-14T09:21:03.123456789+02:00","createdDate":"2026-03-14T09:21:03Z",
		"status":"SOMETHING_NEW","paymentStatus":"HELD","fulfillmentStatus":"LOST","currency":"JPY","archived":true,"imported":true,
		"priceSummary":{"total":{"amount":"7739"}},"balanceSummary":{"authorized":{"amount":"12.5"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := models.StoreOrder{
		ExternalID: "o-1", Number: "10002", Status: "SOMETHING_NEW", PaymentStatus: "HELD", FulfillmentStatus: "LOST",
		PlacedAt: time.Date(2026, 3, 14, 9, 21, 3, 0, time.UTC), UpdatedAt: time.Date(2026, 3, 14, 7, 21, 3, 123456789, time.UTC),
		Currency: "JPY", Total: models.Money{Minor: 7739, Currency: "JPY"}, Authorized: models.Money{Minor: 13, Currency: "JPY"}, Paid: models.Money{Currency: "JPY"},
		Archived: true, Imported: true, Lines: []models.StoreLine{},
	}
	got.Payload = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadableOrdersAreUnavailable(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]string{
		"no updatedDate":     `{"updatedDate":"absent"}`,
		"no date":            `{"updatedDate":"yesterday"}`,
		"odd createdDate":    `{"createdDate":"yesterday"}`,
		"no id":              `{"id":"absent"}`,
		"another order":      `{"id":"o-2"}`,
		"amount of words":    `{"priceSummary":{"total":{"amount":"lots-of-money"}}}`,
		"amount is an array": `{"priceSummary":{"total":{"amount":[]}}}`,
		"exponent":           `{"priceSummary":{"total":{"amount":1e3}}}`,
		"line without id":    `{"lineItems":[{"quantity":1}]}`,
		"quantity of words":  `{"lineItems":[{"id":"1","quantity":"lots-of-money"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readOrder(t, order)
			e := wantError(t, err, models.Unavailable, "wix_undecodable")
			if strings.Contains(err.Error(), "lots-of-money") || !strings.Contains(e.Err.Error(), "1773480081.4711") {
				t.Errorf("cause %v quotes the body or lacks the request id", e.Err)
			}
		})
	}
}

// One order that cannot be read does not keep the others of its page back.
func TestAPageSurvivesAnUnreadableOrder(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/order-paid.json")
	if err != nil {
		t.Fatal(err)
	}
	good, bad := string(raw), strings.Replace(string(raw), `"updatedDate"`, `"someOtherDate"`, 1)
	for name, c := range map[string]struct {
		orders            string
		readable, spoiled int
		failsAltogether   bool
	}{
		"one of two": {orders: bad + "," + good, readable: 1, spoiled: 1},
		"all":        {orders: bad + "," + bad, failsAltogether: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/oauth2/token" {
					_, _ = io.WriteString(w, `{"access_token":"t","expires_in":14400}`)
					return
				}
				_, _ = io.WriteString(w, `{"orders":[`+c.orders+`],"metadata":{"hasNext":false}}`)
			}))
			defer server.Close()
			client, err := wix.New(wix.Config{BaseURL: server.URL, AppID: "a", AppSecret: "s"})
			if err != nil {
				t.Fatal(err)
			}
			page, err := client.Search(t.Context(), models.Access{ExternalID: "3bbcabc7-ebb7-4fc8-8829-13ea0e142123"}, models.StoreQuery{}, "")
			if (err != nil) != c.failsAltogether || len(page.Orders) != c.readable || len(page.Unreadable) != c.spoiled {
				t.Errorf("%d orders, unreadable %v, error %v", len(page.Orders), page.Unreadable, err)
			}
		})
	}
}

func TestCase25_CustomTextOfALine(t *testing.T) {
	t.Parallel()
	for want, line := range map[string]string{
		"Engraving: For Tom, Font: Serif": `{"id":"1","catalogReference":{"catalogItemId":"i","options":{"customTextFields":{"Font":" Serif ","Engraving":"For Tom"}}}}`,
		"Year: 1984":                      `{"id":"1","catalogReference":{"catalogItemId":"i","options":{"customTextFields":{"Year":1984,"Empty":""}}}}`,
		"":                                `{"id":"1","catalogReference":{"catalogItemId":"i","options":{"variantId":"v","customTextFields":["odd"]}}}`,
	} {
		if got := readLine(t, line).CustomText; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := readLine(t, `{"id":"1","catalogReference":{"catalogItemId":"i","options":{"variantId":"v","customTextFields":["odd"]}}}`).VariantKey; got != "i/v" {
		t.Errorf("text fields of an odd form hide the variant: %q", got)
	}
}

func TestCase18_OrdersMadeByStaffAreKnown(t *testing.T) {
	t.Parallel()
	for order, want := range map[string]bool{
		`{"createdBy":{"visitorId":"v"},"channelInfo":{"type":"WEB"}}`: false,
		`{"createdBy":{"memberId":"m"},"channelInfo":{"type":"WEB"}}`:  false,
		`{}`:                           false,
		`{"createdBy":{"userId":"u"}}`: true,
		`{"channelInfo":{"type":"BACKOFFICE_MERCHANT"}}`: true,
	} {
		if o, err := readOrder(t, order); err != nil || o.Staff != want {
			t.Errorf("%s: staff %t, %v", order, o.Staff, err)
		}
	}
}
