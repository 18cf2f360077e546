package aliexpresssim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
)

func (s *sim) wantStatus(id, order, logistics string) {
	s.t.Helper()
	answer := s.order(id)
	equal(s.t, "order status", result(answer, "order_status"), any(order))
	equal(s.t, "logistics status", result(answer, "logistics_status"), any(logistics))
}

func TestAnOrdersLife(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{ReadableAfter: 10 * time.Second})
	id := s.create("life", lamp(), bottle())[0]
	equal(t, "digits", len(id), 16)
	equal(t, "at once", errorCode(s.order(id)), "15 isv.insufficient-permission")
	s.advance(10 * time.Second)
	s.wantStatus(id, "PLACE_ORDER_SUCCESS", "NO_LOGISTICS")
	equal(t, "created, US Pacific", result(s.order(id), "gmt_create"), any("2026-03-02 04:00:00"))
	for _, secret := range []string{"out_order_id", "logistics_address", "gmt_modified", "order_paidtime_string"} {
		equal(t, secret, result(s.order(id), secret), nil)
	}
	equal(t, "no tracking", result(s.tracking(id), "code"), any("1001"))

	s.post("/orders/"+id+"/pay", object{"risk": true})
	s.wantStatus(id, "RISK_CONTROL", "WAIT_SELLER_SEND_GOODS")
	equal(t, "paid", result(s.order(id), "order_paidtime_string"), any("2026-03-02T04:00:10-08:00[America/Los_Angeles]"))
	s.control(http.MethodPost, "/orders/"+id+"/ship", object{}, http.StatusConflict)
	s.post("/orders/"+id+"/clear-risk", object{})
	s.wantStatus(id, "WAIT_SELLER_SEND_GOODS", "WAIT_SELLER_SEND_GOODS")

	s.post("/orders/"+id+"/ship", object{
		"items": []object{{"sku_id": s.info.SKUID, "quantity": 1}}, "mail_no": "ONE", "carrier": "Cainiao",
	})
	s.wantStatus(id, "SELLER_PART_SEND_GOODS", "SELLER_SEND_PART_GOODS")
	s.post("/orders/"+id+"/ship", object{"without_number": true})
	s.wantStatus(id, "WAIT_BUYER_ACCEPT_GOODS", "SELLER_SEND_GOODS")
	s.post("/orders/"+id+"/renumber", object{"mail_no": "", "new_mail_no": "TWO"})
	s.post("/orders/"+id+"/renumber", object{"mail_no": "ONE", "new_mail_no": "THREE", "carrier": "USPS"})
	s.advance(time.Hour)
	s.post("/orders/"+id+"/event", object{"mail_no": "THREE", "name": "IN_TRANSIT", "description": "On its way"})
	s.wantParcels(id, "THREE USPS", "TWO AliExpress Selection Standard")
	newest := result(s.tracking(id), "data", "tracking_detail_line_list", "tracking_detail", "detail_node_list", "detail_node", "tracking_name")
	equal(t, "newest node first", newest, any("IN_TRANSIT"))

	s.post("/orders/"+id+"/vanish", object{"mail_no": "TWO"})
	s.wantParcels(id, "THREE USPS")
	s.post("/orders/"+id+"/deliver", object{})
	s.wantStatus(id, "FINISH", "BUYER_ACCEPT_GOODS")
	equal(t, "no end reason", result(s.order(id), "child_order_list", "aeop_child_order_info", "end_reason"), nil)
	equal(t, "confirmed", s.count(aliexpresssim.KindOrderConfirmed), 1)
}

func (s *sim) wantParcels(id string, want ...string) {
	s.t.Helper()
	got := []string{}
	details, _ := result(s.tracking(id), "data", "tracking_detail_line_list", "tracking_detail").([]any)
	for _, d := range details {
		got = append(got, fmt.Sprint(dig(d, "mail_no"), " ", dig(d, "carrier_name")))
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("parcels: got %q, want %q", got, want)
	}
}

func TestCancelling(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	reason := func(id string) any {
		return result(s.order(id), "child_order_list", "aeop_child_order_info", "end_reason")
	}
	stock := s.Products()[0].Stock

	unpaid := s.create("unpaid", lamp())[0]
	equal(t, "reserved", s.Products()[0].Stock, stock-1)
	must(t, s.Cancel(unpaid, aliexpresssim.CancelOptions{}))
	s.wantStatus(unpaid, "FINISH", "NO_LOGISTICS")
	equal(t, "reason", reason(unpaid), any("CANCELED"))
	equal(t, "put back", s.Products()[0].Stock, stock)

	paid := s.create("paid", lamp())[0]
	must(t, s.Pay(paid, aliexpresssim.PayOptions{}))
	must(t, s.Cancel(paid, aliexpresssim.CancelOptions{Pending: true}))
	s.wantStatus(paid, "IN_CANCEL", "WAIT_SELLER_SEND_GOODS")
	must(t, s.Cancel(paid, aliexpresssim.CancelOptions{EndReason: "seller_send_goods_timeout"}))
	s.wantStatus(paid, "FINISH", "WAIT_SELLER_SEND_GOODS")
	equal(t, "own reason", reason(paid), any("seller_send_goods_timeout"))
	wantError(t, s.Cancel(paid, aliexpresssim.CancelOptions{}), aliexpresssim.ErrConflict)

	partly := s.create("partly", lamp(), bottle())[0]
	must(t, s.Pay(partly, aliexpresssim.PayOptions{}))
	must(t, s.CancelLine(partly, s.info.SKUID))
	s.wantStatus(partly, "WAIT_SELLER_SEND_GOODS", "WAIT_SELLER_SEND_GOODS")
	_, err := s.Ship(partly, aliexpresssim.ShipOptions{})
	must(t, err)
	s.wantStatus(partly, "WAIT_BUYER_ACCEPT_GOODS", "SELLER_SEND_GOODS")

	late := s.create("late", lamp())[0]
	must(t, s.Timeout(late))
	equal(t, "timed out", reason(late), any("buyer_pay_timeout"))

	forced := s.create("forced", lamp())[0]
	s.post("/orders/"+forced+"/status", object{"order_status": "IN_ORBIT"})
	s.wantStatus(forced, "IN_ORBIT", "NO_LOGISTICS")
}

func TestUnpaidOrdersCloseByThemselves(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	long := s.create("long", lamp())[0]
	s.post("/pay-timeout", object{"seconds": 3600})
	short, paid := s.create("short", lamp())[0], s.create("paid", lamp())[0]
	must(t, s.Pay(paid, aliexpresssim.PayOptions{}))
	equal(t, "told", result(s.order(short), "pay_timeout_second"), any("3600"))
	s.advance(time.Hour)
	s.wantStatus(short, "FINISH", "NO_LOGISTICS")
	s.wantStatus(long, "PLACE_ORDER_SUCCESS", "NO_LOGISTICS")
	s.wantStatus(paid, "WAIT_SELLER_SEND_GOODS", "WAIT_SELLER_SEND_GOODS")
	s.post("/clock/advance", object{"seconds": 86400 - 3600})
	s.now = s.now.Add(23 * time.Hour)
	s.wantStatus(long, "FINISH", "NO_LOGISTICS")
}

func TestOneOrderForEachStore(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	ids := s.create("two stores", lamp(), shelf(), bottle())
	equal(t, "orders", len(ids), 2)
	first, err := s.Order(ids[0])
	must(t, err)
	equal(t, "lines of the first store", len(first.Items), 2)
	equal(t, "out_order_id", first.OutOrderID, "two stores")
	equal(t, "address", first.Address["city"], "Vineland")
}

func TestDedupe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body   object
		wait   time.Duration
		orders int
		code   any
	}{
		{object{"mode": "same"}, 24*time.Hour - 1, 1, nil},
		{object{"mode": "same"}, 24 * time.Hour, 2, nil},
		{object{"mode": "same", "window_seconds": 60}, time.Minute, 2, nil},
		{object{"mode": "repeated"}, 0, 1, "REPEATED_ORDER_ERROR"},
		{object{"mode": "off"}, 0, 2, nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.body, tt.wait), func(t *testing.T) {
			t.Parallel()
			s := newSim(t, aliexpresssim.Options{})
			s.post("/dedupe", tt.body)
			first := s.create("once", lamp())
			s.advance(tt.wait)
			again := s.call(apiCreate, placement("once", goodAddress(), lamp()))
			equal(t, "code", result(again, "error_code"), tt.code)
			equal(t, "orders", s.count(aliexpresssim.KindOrderCreated), tt.orders)
			if tt.code == nil && tt.orders == 1 {
				equal(t, "number", numbers(again)[0], first[0])
			}
		})
	}
}

func TestTheSameKeyOfAnotherAccountIsAnotherKey(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	mine := s.create("key", lamp())[0]
	other := s.AddAccount()
	s.info.Session = s.call("/auth/token/create", map[string]string{"code": other.AuthCode})["access_token"].(string)
	if theirs := s.create("key", lamp())[0]; theirs == mine {
		t.Error("two accounts share an order")
	}
	equal(t, "their view of mine", errorCode(s.order(mine)), "15 isv.invalid-authorization")
	equal(t, "tracking", errorCode(s.tracking(mine)), "15 isv.invalid-authorization")
}

func TestManyAtOnceWithOneKeyMakeOneOrder(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			s.try(t.Context(), apiCreate, placement("race", goodAddress(), lamp()))
		})
	}
	wg.Wait()
	equal(t, "orders", s.count(aliexpresssim.KindOrderCreated), 1)
}

func TestTryToPay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pay     object
		message any
		status  string
	}{
		{object{"enabled": false}, "OrderCreated, autoPay fail:APIPayFail", "PLACE_ORDER_SUCCESS"},
		{object{"enabled": true}, nil, "PAYMENT_PROCESSING"},
		{object{"enabled": true, "risk": true}, nil, "RISK_CONTROL"},
	}
	for _, tt := range tests {
		t.Run(tt.status, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, aliexpresssim.Options{})
			s.post("/api-pay", tt.pay)
			more := placement("pay", goodAddress(), lamp())
			more["ds_extend_request"] = `{"payment":{"pay_currency":"USD","try_to_pay":true}}`
			answer := s.call(apiCreate, more)
			equal(t, "success", result(answer, "is_success"), any(true))
			equal(t, "message", result(answer, "error_msg"), tt.message)
			equal(t, "status", result(s.order(numbers(answer)[0]), "order_status"), any(tt.status))
		})
	}
}

func TestAddressRules(t *testing.T) {
	t.Parallel()
	const (
		general = "B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL"
		taxID   = "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_CN_INVALID"
		nameFit = "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_NOT_MATCH"
		country = "A005_INVALID_COUNTRIES"
	)
	brazil := object{"country": "BR", "province": "Sao Paulo", "city": "Sao Paulo", "zip": "01035-000", "cpf": "52998224725"}
	mexico := object{"country": "MX", "province": "Jalisco", "passport_no": "XAXX010101000"}
	saudi := object{"country": "SA", "province": "Riyadh", "mobile_no": "512345678"}
	israel := object{"country": "IL", "is_foreigner": "false", "passport_no": "123456789", "foreigner_passport_no": "123456789"}
	argentina := object{"country": "AR", "passport_no": "20-12345678-9", "foreigner_passport_no": "20-12345678-9", "mobile_no": "1112345678"}
	tests := []struct {
		name   string
		base   object
		change object
		want   any
	}{
		{"good", nil, nil, nil},
		{"no city", nil, object{"city": ""}, general},
		{"no province", nil, object{"province": ""}, general},
		{"no address", nil, object{"address": " "}, general},
		{"no country", nil, object{"country": ""}, general},
		{"no name", nil, object{"full_name": "", "contact_person": ""}, general},
		{"no phone", nil, object{"mobile_no": ""}, general},
		{"phone with spaces", nil, object{"mobile_no": "856 555 0100"}, general},
		{"bad phone country", nil, object{"phone_country": "US"}, general},
		{"ISO code that is not AliExpress'", nil, object{"country": "RS"}, country},
		{"country name", nil, object{"country": "France"}, country},
		{"UK", object{"country": "UK", "province": "England"}, nil, nil},
		{"US one name", nil, object{"full_name": "Malik"}, general},
		{"US short last name", nil, object{"contact_person": "Malik J"}, general},
		{"US short address", nil, object{"address": "1 A"}, general},
		{"US long address", nil, object{"address": "123456789012345678901234567890123456"}, general},
		{"US Other", nil, object{"province": "Other"}, general},
		{"US abbreviation", nil, object{"province": "NJ"}, general},
		{"ES", object{"country": "ES", "mobile_no": "612345678"}, nil, nil},
		{"ES ten digits", object{"country": "ES", "mobile_no": "6123456789"}, nil, general},
		{"AU letters", object{"country": "AU", "full_name": "Žaneta Novak"}, nil, general},
		{"NZ", object{"country": "NZ"}, nil, nil},
		{"BR", brazil, nil, nil},
		{"BR company", brazil, object{"cpf": "11.222.333/0001-81"}, nil},
		{"BR no tax id", brazil, object{"cpf": ""}, taxID},
		{"BR wrong tax id", brazil, object{"cpf": "52998224724"}, taxID},
		{"BR all the same", brazil, object{"cpf": "11111111111"}, taxID},
		{"BR two names", brazil, object{"contact_person": "Jose Silva"}, nameFit},
		{"BR zip", brazil, object{"zip": "123"}, general},
		{"BR city", brazil, object{"city": "Other"}, general},
		{"MX", mexico, nil, nil},
		{"MX no tax id", mexico, object{"passport_no": ""}, general},
		{"MX long second line", mexico, object{"address2": fmt.Sprintf("%061d", 0)}, general},
		{"SA without nat_addr", saudi, nil, general},
		{"IL", israel, nil, nil},
		{"IL foreigner", israel, object{"is_foreigner": "true"}, general},
		{"AR", argentina, nil, nil},
		{"AR tax id", argentina, object{"passport_no": "20123456789"}, general},
		{"ZA one name", object{"country": "ZA", "full_name": "Malik"}, nil, general},
		{"KR foreigner", object{"country": "KR", "is_foreigner": "true"}, nil, general},
	}
	s := newSim(t, aliexpresssim.Options{})
	for _, tt := range tests {
		a := goodAddress()
		maps.Copy(a, tt.base)
		maps.Copy(a, tt.change)
		answer := s.call(apiCreate, placement("", a, lamp()))
		equal(t, tt.name, result(answer, "error_code"), tt.want)
	}

	a := goodAddress()
	maps.Copy(a, saudi)
	more := placement("", a, lamp())
	more["ds_extend_request"] = `{"trade_extra_param":{"nat_addr":"RAHA3443"}}`
	equal(t, "SA", result(s.call(apiCreate, more), "is_success"), any(true))
	missing := goodAddress()
	missing["city"] = ""
	equal(t, "message", result(s.call(apiCreate, placement("", missing, lamp())), "error_msg"), any("Please enter a city"))
}

func TestItemRules(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	must(t, s.ChangeProduct("1005005200771199", aliexpresssim.ProductChange{Status: ptr("offline")}))
	night := item(1005006011220033, "", 1)
	service := lamp()
	service["logistics_service_name"] = "PIGEON"
	france := goodAddress()
	france["country"] = "FR"
	tests := []struct {
		name    string
		address object
		items   []object
		want    any
	}{
		{"text as number", goodAddress(), []object{item(1005006454451334, lampAttr, "2")}, nil},
		{"empty attribute", goodAddress(), []object{item(1005005112340017, "", 1)}, nil},
		{"the other family of ids", goodAddress(), []object{item(3256806268136582, lampAttr, 1)}, nil},
		{"attribute without its label", goodAddress(), []object{item(1005004638293060, "14:365458", 1)}, "SKU_NOT_EXIST"},
		{"numeric SKU id", goodAddress(), []object{item(1005004638293060, "12000041122334455", 1)}, "SKU_NOT_EXIST"},
		{"no such product", goodAddress(), []object{item(1, "", 1)}, "PRODUCT_NOT_EXIST"},
		{"offline", goodAddress(), []object{item(1005005200771199, "14:175#Green", 1)}, "PRODUCT_NOT_EXIST"},
		{"out of stock", goodAddress(), []object{item(1005004638293060, bottleAttr, 65)}, "INVENTORY_HOLD_ERROR"},
		{"out of stock together", goodAddress(), []object{item(1005004638293060, bottleAttr, 40), item(1005004638293060, bottleAttr, 40)}, "INVENTORY_HOLD_ERROR"},
		{"no such service", goodAddress(), []object{service}, "DELIVERY_METHOD_NOT_EXIST"},
		{"not sold there", france, []object{night}, "DELIVERY_METHOD_NOT_EXIST"},
		{"nothing", goodAddress(), []object{item(1005005112340017, "", 0)}, "A001_ORDER_CANNOT_BE_PLACED"},
		{"one bad item of two", goodAddress(), []object{lamp(), item(1, "", 1)}, "PRODUCT_NOT_EXIST"},
	}
	for _, tt := range tests {
		before := s.count(aliexpresssim.KindOrderCreated)
		answer := s.call(apiCreate, placement("", tt.address, tt.items...))
		equal(t, tt.name, result(answer, "error_code"), tt.want)
		equal(t, tt.name+": created", s.count(aliexpresssim.KindOrderCreated) > before, tt.want == nil)
	}
	equal(t, "no parameter", errorCode(s.call(apiCreate, nil)), "MissingParameter")
	equal(t, "no JSON", errorCode(s.call(apiCreate, map[string]string{"param_place_order_request4_open_api_d_t_o": "{"})), "InvalidParameter")
}

func ptr[T any](v T) *T { return &v }

func TestReadingOtherThings(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{})
	product := func(id, country string) string {
		answer := s.call(apiProduct, map[string]string{"product_id": id, "ship_to_country": country})
		return fmt.Sprint(dig(answer["aliexpress_ds_product_get_response"], "rsp_code"))
	}
	equal(t, "product", product("1005006011220033", "US"), "200")
	equal(t, "not sold there", product("1005006011220033", "FR"), "602")
	equal(t, "no such product", product("1", "US"), "605")

	equal(t, "former spelling", result(s.call(apiTracking, map[string]string{"order_id": s.info.OrderID, "locale": "en_US"}), "code"), any("1001"))
	equal(t, "no language", result(s.call(apiTracking, map[string]string{"ae_order_id": s.info.OrderID}), "ret"), any(false))
	equal(t, "no number", result(s.call(apiTracking, map[string]string{"ae_order_id": "abc", "language": "en"}), "code"), any("UnsupportedParamMapping"))
	equal(t, "flat order_id", errorCode(s.call(apiOrder, map[string]string{"order_id": s.info.OrderID})), "MissingParameter")
	equal(t, "order id as text", errorCode(s.call(apiOrder, map[string]string{"single_order_query": `{"order_id":"` + s.info.OrderID + `"}`})), "")
	equal(t, "unknown order", errorCode(s.order("8000000000000000")), "15 isv.insufficient-permission")

	tree := s.call("aliexpress.ds.address.get", map[string]string{"countryCode": "US"})
	var children []object
	must(t, json.Unmarshal([]byte(result(tree, "data", "children").(string)), &children))
	if len(children) < 50 {
		t.Errorf("%d provinces", len(children))
	}
}

func TestBoughtByHand(t *testing.T) {
	t.Parallel()
	s := newSim(t, aliexpresssim.Options{ReadableAfter: time.Hour})
	answer := s.post("/orders", object{"items": []object{{"product_id": 1005006454451334, "sku_id": s.info.SKUID, "quantity": 2}}})
	s.wantStatus(answer["order_id"].(string), "PLACE_ORDER_SUCCESS", "NO_LOGISTICS")
	listed := s.control(http.MethodGet, "/orders", nil, http.StatusOK)["orders"].([]any)
	equal(t, "orders", len(listed), 2)
	equal(t, "the seed has two parcels", len(listed[0].(object)["parcels"].([]any)), 2)
	journal := s.control(http.MethodGet, "/journal?kind=order_created", nil, http.StatusOK)["entries"].([]any)
	equal(t, "journal", len(journal), 1)
}
