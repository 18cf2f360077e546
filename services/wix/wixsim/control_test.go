package wixsim_test

import (
	"testing"

	"waybill/services/wix/wixsim"
)

type orderAnswer struct{ Order wixsim.Order }

func TestOrdersAreMadeToMeasure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	for name, c := range map[string]struct{ body, total, fulfillment, status, payment string }{
		"defaults":   {`{}`, "79.48", "NOT_FULFILLED", "APPROVED", "PAID"},
		"a price":    {`{"lines":[{"price":0.1,"quantity":3}],"shipping":"0.20"}`, "0.50", "NOT_FULFILLED", "APPROVED", "PAID"},
		"digital":    {`{"lines":[{"price":"9.90","digital":true}]}`, "9.90", "FULFILLED", "APPROVED", "PAID"},
		"yen":        {`{"currency":"JPY","payment":"offline"}`, "7453", "NOT_FULFILLED", "APPROVED", "NOT_PAID"},
		"three":      {`{"currency":"KWD","lines":[{"price":"1.234"}],"shipping":0}`, "1.234", "NOT_FULFILLED", "APPROVED", "PAID"},
		"pending":    {`{"payment":"pending"}`, "79.48", "NOT_FULFILLED", "PENDING", "PENDING"},
		"authorized": {`{"payment":"authorized"}`, "79.48", "NOT_FULFILLED", "APPROVED", "NOT_PAID"},
		"free":       {`{"lines":[{"price":"0"}],"shipping":"0"}`, "0", "NOT_FULFILLED", "APPROVED", "PAID"},
	} {
		var got orderAnswer
		w.ctl("POST", "orders", c.body, &got)
		o := got.Order
		if o.PriceSummary.Total.Amount != c.total || o.FulfillmentStatus != c.fulfillment || o.Status != c.status || o.PaymentStatus != c.payment {
			t.Errorf("%s: %s %s %s %s", name, o.PriceSummary.Total.Amount, o.FulfillmentStatus, o.Status, o.PaymentStatus)
		}
	}
	for _, body := range []string{
		`{"payment":"maybe"}`, `{"lines":[{"price":"1.001"}]}`, `{"lines":[{"price":"-1"}]}`, `{"lines":[{"quantity":-1}]}`,
		`{"currency":"dollars"}`, `{"instance_id":"x"}`, `{"colour":"red"}`, `{} {}`,
	} {
		w.must(400, "", "POST", "/_sim/orders", body, nil)
	}
}

func TestAnAddressReachesTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	var got orderAnswer
	w.ctl("POST", "orders", `{"buyer":{"first_name":"Ada","last_name":"Byron","email":"ada@example.com","phone":"+44"},
		"address":{"country":"GB","city":"London","postal_code":"W1","address_line":"12 St James's Square","address_line2":"Flat 1"}}`, &got)
	to := got.Order.ShippingInfo.Logistics.ShippingDestination
	if to.Address.CountryFullname != "United Kingdom" || to.Address.StreetAddress.Number != "12" || to.ContactDetails.FirstName != "Ada" {
		t.Errorf("got %+v %+v", to.Address, to.ContactDetails)
	}
	var edited orderAnswer
	w.ctl("POST", "orders/"+got.Order.ID+"/edit", `{"address":{"city":"Leeds","address_line":"Main Street"}}`, &edited)
	to = edited.Order.ShippingInfo.Logistics.ShippingDestination
	if to.Address.City != "Leeds" || to.Address.PostalCode != "W1" || to.Address.StreetAddress != nil || edited.Order.RecipientInfo.Address.City != "Leeds" {
		t.Errorf("got %+v", to.Address)
	}
	if edited.Order.BillingInfo.Address.City != "London" {
		t.Error("the billing address is another one")
	}
}

func TestRefundsCountUnitsAndMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	path := "orders/" + w.info.OrderID + "/refund"
	var got orderAnswer
	w.ctl("POST", path, `{"lines":[{"id":"`+line1+`","quantity":1}]}`, &got)
	o := got.Order
	if o.PaymentStatus != "PARTIALLY_REFUNDED" || o.LineItems[0].RefundQuantity != 1 || o.BalanceSummary.Refunded.Amount != "19.43" {
		t.Errorf("got %s %d %+v", o.PaymentStatus, o.LineItems[0].RefundQuantity, o.BalanceSummary)
	}
	w.must(400, "", "POST", "/_sim/"+path, `{"lines":[{"id":"`+line1+`","quantity":2}]}`, nil)
	w.ctl("POST", path, `{"full":true}`, &got)
	if o := got.Order; o.PaymentStatus != "FULLY_REFUNDED" || o.BalanceSummary.Refunded != o.PriceSummary.Total || o.LineItems[1].RefundQuantity != 1 {
		t.Errorf("got %s %+v", o.PaymentStatus, o.BalanceSummary)
	}
	w.must(400, "", "POST", "/_sim/"+path, `{}`, nil)
	var money struct {
		Of wixsim.OrderTransactions `json:"orderTransactions"`
	}
	w.api(200, "GET", "/ecom/v1/payments/orders/"+w.info.OrderID, nil, &money)
	if len(money.Of.Refunds) != 2 || money.Of.Payments[0].Status != "REFUNDED" {
		t.Errorf("got %+v", money.Of)
	}
}

func TestTheMerchantWorksByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	path := "orders/" + w.info.OrderID
	var got orderAnswer
	w.ctl("POST", path+"/edit", `{"lines":[{"id":"`+line1+`","quantity":3}]}`, &got)
	if got.Order.PaymentStatus != "PARTIALLY_PAID" || got.Order.BalanceSummary.Balance.Amount != "19.43" {
		t.Errorf("got %s %+v", got.Order.PaymentStatus, got.Order.BalanceSummary)
	}
	w.ctl("POST", path+"/pay", nil, &got)
	if got.Order.PaymentStatus != "PAID" || got.Order.BalanceSummary.Paid != got.Order.PriceSummary.Total {
		t.Errorf("got %s %+v", got.Order.PaymentStatus, got.Order.BalanceSummary)
	}
	w.must(400, "", "POST", "/_sim/"+path+"/pay", nil, nil)
	w.ctl("POST", path+"/fulfill-by-hand", `{"lines":[{"id":"`+line1+`","quantity":1}],"tracking":{"trackingNumber":"H1","shippingProvider":"dhl"}}`, &got)
	w.must(400, "", "POST", "/_sim/"+path+"/edit", `{"lines":[{"id":"`+line1+`","quantity":0}]}`, nil)
	w.ctl("POST", path+"/fulfill-by-hand", nil, &got)
	if got.Order.FulfillmentStatus != "FULFILLED" {
		t.Errorf("got %s", got.Order.FulfillmentStatus)
	}
	w.ctl("POST", path+"/archive", nil, &got)
	w.ctl("POST", path+"/status", `{"status":"ON_THE_MOON","paymentStatus":"SOON"}`, &got)
	if !got.Order.Archived || got.Order.Status != "ON_THE_MOON" || got.Order.PaymentStatus != "SOON" {
		t.Errorf("got %s %s", got.Order.Status, got.Order.PaymentStatus)
	}
	var whole struct {
		Order        wixsim.Order
		Fulfillments []wixsim.Fulfillment
	}
	w.ctl("GET", path, nil, &whole)
	if len(whole.Fulfillments) != 2 || whole.Order.ID != w.info.OrderID {
		t.Errorf("got %+v", whole.Fulfillments)
	}
	w.ctl("POST", path+"/unarchive", nil, &got)
	w.ctl("POST", path+"/fulfillments/"+whole.Fulfillments[0].ID+"/amend", `{"trackingNumber":"H2"}`, &got)
	w.ctl("POST", path+"/fulfillments/"+whole.Fulfillments[1].ID+"/delete", nil, &got)
	w.must(400, "", "POST", "/_sim/"+path+"/fulfillments/nope/delete", nil, nil)
	w.ctl("GET", path, nil, &whole)
	if len(whole.Fulfillments) != 1 || whole.Fulfillments[0].TrackingInfo.TrackingNumber != "H2" || got.Order.Archived || got.Order.FulfillmentStatus != "PARTIALLY_FULFILLED" {
		t.Errorf("got %+v, %s", whole.Fulfillments, got.Order.FulfillmentStatus)
	}
	w.must(404, "", "GET", "/_sim/orders/nope", nil, nil)
	w.must(404, "", "GET", "/_sim/nope", nil, nil)
	w.ctl("POST", path+"/delete", nil, nil)
	w.must(404, "", "GET", "/_sim/"+path, nil, nil)
	w.must(404, "", "POST", "/_sim/"+path+"/delete", nil, nil)
}

func TestANumberStandsOnceInAnOrderOrOnceOnASite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	other, err := w.sim.CreateOrder(wixsim.NewOrder{})
	if err != nil {
		t.Fatal(err)
	}
	ship := func(id string) error {
		_, err := w.sim.FulfillByHand(id, nil, &wixsim.TrackingInfo{TrackingNumber: "N1"})
		return err
	}
	if err := ship(w.info.OrderID); err != nil {
		t.Fatal(err)
	}
	w.ctl("POST", "numbers", `{"unique_per_site":true}`, nil)
	if err := ship(other.ID); err == nil {
		t.Error("a number stands twice on a site")
	}
	w.ctl("POST", "numbers", `{"unique_per_site":false}`, nil)
	if err := ship(other.ID); err != nil {
		t.Error(err)
	}
	mails := 0
	for _, e := range w.sim.Journal() {
		if e.Kind == wixsim.KindMail {
			mails++
		}
	}
	if mails != 2 {
		t.Errorf("%d mails", mails)
	}
}

func TestPendingAndOfflineOrdersArePaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	for _, payment := range []string{"pending", "offline", "authorized"} {
		o, err := w.sim.PayOrder(w.order(wixsim.NewOrder{Payment: payment}).ID)
		if err != nil || o.Status != "APPROVED" || o.PaymentStatus != "PAID" || o.BalanceSummary.Paid != o.PriceSummary.Total {
			t.Errorf("%s: %v %s %s %+v", payment, err, o.Status, o.PaymentStatus, o.BalanceSummary)
		}
	}
}

func TestTheJournalTellsWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wixsim.Options{})
	w.ship(200, w.info.OrderID, rest(line1))
	w.api(404, "GET", "/ecom/v1/orders/nope", nil, nil)
	var journal struct{ Entries []wixsim.Entry }
	w.ctl("GET", "journal", nil, &journal)
	for _, kind := range []string{
		wixsim.KindTokenIssued, wixsim.KindOrderCreated, wixsim.KindFulfillmentCreated, wixsim.KindOrderChanged,
		wixsim.KindRequest, wixsim.KindRefused, wixsim.KindEvent, wixsim.KindWebhookUnsent,
	} {
		if count(journal.Entries, kind, "") == 0 {
			t.Errorf("no %s in the journal", kind)
		}
	}
}
