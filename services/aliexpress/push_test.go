package aliexpress_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/aliexpress"
)

func receiver(t testing.TB) *aliexpress.Client {
	t.Helper()
	c, err := aliexpress.New(aliexpress.Config{AppKey: appKey, AppSecret: appSecret})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func authorization(body string) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(appKey + body))
	return hex.EncodeToString(mac.Sum(nil))
}

func bodyID(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func TestPushMessagesAreRead(t *testing.T) {
	t.Parallel()
	c := receiver(t)
	known := func(kind string) models.SupplierEvent {
		return models.SupplierEvent{Kind: kind, UserID: "1861703697", Number: order, At: *at("2025-02-21T01:23:00Z")}
	}
	table := map[string]struct {
		body string
		want models.SupplierEvent
	}{
		"numbers as texts":  {`{"data":{"buyerId":"1861703697","orderId":"8198352049851315","orderStatus":"OrderShipped"},"timestamp":"1740100980000"}`, known("OrderShipped")},
		"unknown status":    {`{"data":{"buyerId":1861703697,"orderId":8198352049851315,"orderStatus":"OrderMystery"},"timestamp":1740100980}`, known("OrderMystery")},
		"seller id only":    {`{"data":{"orderId":8198352049851315,"orderStatus":"OrderCreated"},"seller_id":"1861703697","timestamp":1740100980}`, known("OrderCreated")},
		"another topic":     {`{"data":{"orderId":8198352049851315},"message_type":18,"seller_id":1861703697,"timestamp":1740100980}`, known("message_type_18")},
		"the console probe": {`{"data":{"order_status":"unpaid","trade_order_id":"260422900198363"},"message_type":0,"seller_id":"9"}`, models.SupplierEvent{Kind: "message_type_0", UserID: "9"}},
		"nothing in it":     {`{}`, models.SupplierEvent{Kind: "message_type_"}},
	}
	for _, status := range []string{"OrderCreated", "PaymentAuthorized", "paymentFailedEvent", "OrderShipped", "OrderConfirmed", "OrderClosed"} {
		table[status] = struct {
			body string
			want models.SupplierEvent
		}{string(fixture(t, "push_"+status+".json")), known(status)}
	}
	for name, row := range table {
		row.want.EventID = bodyID(row.body)
		got, err := c.ParsePush(models.App{}, strings.ToUpper(authorization(row.body)), []byte(row.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPushReproducesTheVector(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Push {
		c, err := aliexpress.New(aliexpress.Config{AppKey: v.AppKey, AppSecret: models.Secret(v.Secret)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ParsePush(models.App{}, v.Authorization, []byte(v.Body)); err != nil {
			t.Errorf("%s: %v", v.ID, err)
		}
	}
}

func TestPushRefusesWhatIsNotSigned(t *testing.T) {
	t.Parallel()
	c := receiver(t)
	body := string(fixture(t, "push_OrderShipped.json"))
	for name, row := range map[string]struct {
		authorization, body string
		kind                models.Kind
	}{
		"no header":   {"", body, models.Unauthenticated},
		"no hex":      {"Bearer x", body, models.Unauthenticated},
		"too short":   {authorization(body)[:62], body, models.Unauthenticated},
		"other body":  {authorization(body), body + " ", models.Unauthenticated},
		"body alone":  {bodyID(body), body, models.Unauthenticated},
		"no JSON":     {authorization("x"), "x", models.Invalid},
		"no object":   {authorization("[]"), "[]", models.Invalid},
		"data a text": {authorization(`{"data":"x"}`), `{"data":"x"}`, models.Invalid},
	} {
		if _, err := c.ParsePush(models.App{}, row.authorization, []byte(row.body)); models.KindOf(err) != row.kind {
			t.Errorf("%s: %v, want %s", name, err, row.kind)
		}
	}
}
