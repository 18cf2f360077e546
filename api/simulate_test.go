package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress"
	"waybill/services/database/databasetest"
)

type introduced struct {
	Wix struct {
		BaseURL          string `json:"base_url"`
		AppID            string `json:"app_id"`
		AppSecret        string `json:"app_secret"`
		InstanceID       string `json:"instance_id"`
		OrderID          string `json:"order_id"`
		WebhookPublicKey string `json:"webhook_public_key"`
	}
	AliExpress struct {
		BaseURL      string `json:"base_url"`
		AppKey       string `json:"app_key"`
		AppSecret    string `json:"app_secret"`
		AuthCode     string `json:"auth_code"`
		Session      string
		RefreshToken string `json:"refresh_token"`
		OrderID      string `json:"order_id"`
		ProductID    string `json:"product_id"`
		SKUID        string `json:"sku_id"`
	}
}

// Another client needs nothing but the one line that simulate prints.
func TestSimulate(t *testing.T) {
	t.Parallel()
	p := execute(t, nil, nil, "simulate", "--readable-after", "0s")
	await(t, "the simulators introduce themselves", func() bool {
		select {
		case <-p.exited:
			t.Fatalf("simulate ended: %s", p.lines())
		default:
		}
		return strings.HasSuffix(p.out.lines(), "\n")
	})
	if lines := strings.Count(p.out.lines(), "\n"); lines != 1 {
		t.Errorf("simulate prints %d lines", lines)
	}
	var i introduced
	if err := json.Unmarshal([]byte(p.out.lines()), &i); err != nil {
		t.Fatal(err)
	}
	t.Run("Wix", func(t *testing.T) { asWixClient(t, i) })
	t.Run("AliExpress", func(t *testing.T) { asAliExpressClient(t, i) })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.ended(t); code != 0 {
		t.Errorf("simulate stops with status %d", code)
	}
}

func asWixClient(t *testing.T, i introduced) {
	grant := map[string]string{"grant_type": "client_credentials", "client_id": i.Wix.AppID, "client_secret": i.Wix.AppSecret, "instance_id": i.Wix.InstanceID}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if status := exchange(t, http.MethodPost, i.Wix.BaseURL+"/oauth2/token", "", grant, &token); status != http.StatusOK || token.AccessToken == "" {
		t.Fatalf("the token request is answered %d", status)
	}
	var got struct {
		Order struct {
			ID        string
			LineItems []json.RawMessage
		}
	}
	if status := exchange(t, http.MethodGet, i.Wix.BaseURL+"/ecom/v1/orders/"+i.Wix.OrderID, token.AccessToken, nil, &got); status != http.StatusOK || got.Order.ID != i.Wix.OrderID || len(got.Order.LineItems) == 0 {
		t.Errorf("the order is answered %d %+v", status, got)
	}
	if status := exchange(t, http.MethodGet, i.Wix.BaseURL+"/ecom/v1/orders/"+i.Wix.OrderID, "not-a-token", nil, nil); status/100 != 4 {
		t.Errorf("a wrong token is answered %d", status)
	}
	grant["client_secret"] = "wrong"
	if status := exchange(t, http.MethodPost, i.Wix.BaseURL+"/oauth2/token", "", grant, nil); status/100 != 4 {
		t.Errorf("a wrong secret is answered %d", status)
	}
	block, _ := pem.Decode([]byte(i.Wix.WebhookPublicKey))
	if block == nil {
		t.Fatalf("the public key is no PEM: %s", i.Wix.WebhookPublicKey)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if _, ok := key.(*rsa.PublicKey); err != nil || !ok {
		t.Errorf("the public key is a %T: %v", key, err)
	}
}

// exchange speaks JSON and gives the status.
func exchange(t *testing.T, method, url, token string, in, out any) int {
	t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	return answered(t, req, out)
}

func answered(t *testing.T, req *http.Request, out any) int {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
	}
	return res.StatusCode
}

// signed calls AliExpress and gives the whole answer.
func (i introduced) signed(t *testing.T, api string, params map[string]string) string {
	t.Helper()
	params["app_key"], params["sign_method"], params["timestamp"] = i.AliExpress.AppKey, "sha256", strconv.FormatInt(time.Now().UnixMilli(), 10)
	path := "/rest" + api
	if !strings.HasPrefix(api, "/") {
		path, params["method"], params["session"] = "/sync", api, i.AliExpress.Session
	}
	form := url.Values{"sign": {aliexpress.Sign(i.AliExpress.AppSecret, api, params)}}
	for name, value := range params {
		form.Set(name, value)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.AliExpress.BaseURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var raw json.RawMessage
	answered(t, req, &raw)
	return string(raw)
}

func asAliExpressClient(t *testing.T, i introduced) {
	order := i.signed(t, "aliexpress.trade.ds.order.get", map[string]string{"single_order_query": `{"order_id":` + i.AliExpress.OrderID + `}`})
	if !strings.Contains(order, `"WAIT_BUYER_ACCEPT_GOODS"`) || !strings.Contains(order, "aliexpress_trade_ds_order_get_response") {
		t.Errorf("the order has not shipped: %s", order)
	}
	tracking := i.signed(t, "aliexpress.ds.order.tracking.get", map[string]string{"ae_order_id": i.AliExpress.OrderID, "language": "en_US"})
	if n := strings.Count(tracking, `"mail_no"`); n != 2 {
		t.Errorf("the order has %d parcels: %s", n, tracking)
	}
	product := i.signed(t, "aliexpress.ds.product.get", map[string]string{
		"product_id": i.AliExpress.ProductID, "ship_to_country": "US", "target_currency": "USD", "target_language": "en",
	})
	if !strings.Contains(product, `"`+i.AliExpress.SKUID+`"`) {
		t.Errorf("the product lacks its SKU: %s", product)
	}
	if first := i.signed(t, "/auth/token/create", map[string]string{"code": i.AliExpress.AuthCode}); !strings.Contains(first, `"access_token"`) {
		t.Errorf("the code gives no token: %s", first)
	}
	if second := i.signed(t, "/auth/token/create", map[string]string{"code": i.AliExpress.AuthCode}); strings.Contains(second, "access_token") || !strings.Contains(second, "InvalidCode") {
		t.Errorf("the code works twice: %s", second)
	}
	if renewed := i.signed(t, "/auth/token/refresh", map[string]string{"refresh_token": i.AliExpress.RefreshToken}); !strings.Contains(renewed, `"access_token"`) {
		t.Errorf("the refresh token gives no token: %s", renewed)
	}
	i.AliExpress.AppSecret = "wrong"
	if refused := i.signed(t, "aliexpress.trade.ds.order.get", map[string]string{"single_order_query": `{"order_id":` + i.AliExpress.OrderID + `}`}); !strings.Contains(refused, "IncompleteSignature") {
		t.Errorf("a wrong signature is answered %s", refused)
	}
}

// The commands that run and end.
func TestCommands(t *testing.T) {
	t.Parallel()
	empty := databasetest.EmptyURL(t)
	migrating := []string{"DATABASE_URL=" + empty}
	for _, c := range []struct {
		name, args string
		env        []string
		status     int
		out, log   string // what the outputs contain
	}{
		{name: "version", args: "version", out: "waybill "},
		{name: "help", args: "help", out: "simulate"},
		{name: "nothing", args: "", status: 2, log: "Usage: waybill <command>"},
		{name: "an unknown command", args: "ship", status: 2, log: "Usage: waybill <command>"},
		{name: "all settings", args: "serve --help", log: "WAYBILL_PLACE_LEASE"},
		{name: "an unknown flag", args: "serve --fast", status: 2, log: "-fast"},
		{name: "settings that cannot be used", args: "serve", env: []string{"WAYBILL_WORKERS=none", "WAYBILL_LOG_LEVEL=loud"}, status: 1, log: "WAYBILL_WORKERS"},
		{name: "every mistake at once", args: "serve", env: []string{"WAYBILL_WORKERS=none", "WAYBILL_LOG_LEVEL=loud"}, status: 1, log: "WAYBILL_LOG_LEVEL"},
		{name: "an address that everybody can reach", args: "simulate --wix 0.0.0.0:0", status: 1, log: "simulators listen on loopback only"},
		{name: "the other address", args: "simulate --aliexpress 192.0.2.1:8092", status: 1, log: "simulators listen on loopback only"},
		{name: "all addresses", args: "simulate --wix :8091", status: 1, log: "simulators listen on loopback only"},
		{name: "no address", args: "simulate --wix 8091", status: 1, log: "simulator address"},
		{name: "simulate something", args: "simulate wix", status: 1, log: `does not know "wix"`},
		{name: "a demo that stands still", args: "demo --speed 0", status: 1, log: "--speed"},
		{name: "migrate an empty database", args: "migrate", env: migrating},
		{name: "migrate it again", args: "migrate", env: migrating},
		{name: "an address in use", args: "serve", env: []string{"DATABASE_URL=" + empty, "WAYBILL_LISTEN=" + busyAddress(t), "WAYBILL_METRICS_LISTEN=off", "WAYBILL_DATA_DIR=" + t.TempDir()}, status: 1, log: "WAYBILL_LISTEN"},
		{name: "nobody is healthy", args: "healthy", env: []string{"WAYBILL_LISTEN=" + freeAddress(t)}, status: 1, log: "refused"},
	} {
		// One after the other: the second migration needs the first.
		p := execute(t, c.env, nil, strings.Fields(c.args)...)
		if code := p.ended(t); code != c.status {
			t.Errorf("%s: ends with status %d instead of %d: %s", c.name, code, c.status, p.lines())
		}
		if !strings.Contains(p.out.lines(), c.out) || !strings.Contains(p.lines(), c.log) {
			t.Errorf("%s: prints %q and %q", c.name, p.out.lines(), p.lines())
		}
		if strings.Contains(p.lines(), "panic") {
			t.Errorf("%s: panics: %s", c.name, p.lines())
		}
	}
	conn, err := pgx.Connect(context.Background(), empty)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(context.Background(), "SELECT 1 FROM orders, river_job LIMIT 1"); err != nil {
		t.Errorf("after migrate: %v", err)
	}
}

// busyAddress is one that somebody else listens on until the test ends.
func busyAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
