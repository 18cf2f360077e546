package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/jackc/pgx/v5"

	"waybill/docs"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
	"waybill/services/wix/wixsim"
)

// What a buyer says, as it is planted. Names and e-mail addresses are searched for: they stand in the clear in the columns below, until
// they are erased.
var buyerCanaries = map[string]string{
	"first name": "Canaryfirst", "last name": "Canarylast", "email": "canary.buyer@canary-mail.example", "phone": "+12125550771", "street": "771 Canary Street", "second line": "Canary Floor 9",
	"note": "canary note: ring twice", "purchase street": "882 Canary Lane",
}

var searchedFor = map[string]bool{"first name": true, "last name": true, "email": true}

// inTheClear are the columns that may hold what is searched for.
var inTheClear = map[string]bool{
	"orders.buyer_name": true, "orders.buyer_email": true, "orders.name_key": true, "orders.email_key": true, "orders.last_name_key": true,
}

// tokens are what AliExpress was shown of our accounts.
type tokens struct {
	mu   sync.Mutex
	seen map[string]bool
}

// before is AliExpress with somebody who writes down the tokens that come by.
func (k *tokens) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		form, _ := url.ParseQuery(string(raw))
		if token := form.Get("session"); token != "" {
			k.mu.Lock()
			k.seen[token] = true
			k.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// Secrets and buyers' data are planted wherever something comes in, orders go all the way round, things go wrong: nothing of it shows
// up in logs, metrics, job arguments, problems, another merchant's answers, or in the clear in the database.
func TestCanaries(t *testing.T) {
	t.Parallel()
	database := databasetest.URL(t)
	metricsAt := freeAddress(t)
	shown := &tokens{seen: map[string]bool{}}
	key := base64.StdEncoding.EncodeToString([]byte("canary key of thirty-two bytes!!"))
	w := newWorld(t, database, "WAYBILL_LOG_LEVEL=debug", "WAYBILL_METRICS_LISTEN="+metricsAt, "WAYBILL_SECRET_KEY="+key, "WAYBILL_SMTP_URL=smtp://canary:canary-smtp-password@127.0.0.1:1", "WAYBILL_MAIL_FROM=waybill@example.com")
	proxy := httptest.NewServer(shown.before(w.ali))
	t.Cleanup(proxy.Close)
	w.env = append(w.env, "WAYBILL_ALIEXPRESS_BASE_URL="+proxy.URL)
	w.run()
	w.connect()
	secrets := map[string]string{
		"the API key": w.key, "the secret key": key, "the mail password": "canary-smtp-password", "Wix' app secret": w.wix.Info().AppSecret, "AliExpress' app secret": w.ali.Info().AppSecret,
		"a password": "violet-anchor-parcel-19",
	}
	order := w.plantedOrder()
	w.addMerchant(database)
	owner := w.plantPeople(t, secrets)
	problems := w.provoke(t, secrets, owner)
	w.await("every message is worked", func() bool { return countOf(t, database, "SELECT count(*) FROM inbox WHERE done_at IS NULL") == 0 })
	for token := range shown.seen {
		secrets["a token of AliExpress"] = token
	}
	if secrets["a token of AliExpress"] == "" {
		t.Fatal("no token was seen")
	}

	others := w.otherMerchantsAnswers(t, order)
	metrics := scrape(t, metricsAt)
	w.terminate()
	places := map[string]string{"the log": w.process.lines(), "the terminal": w.process.out.lines(), "the metrics": metrics, "problems": problems, "another merchant's answers": others}
	for place, text := range places {
		for what, canary := range secrets {
			if strings.Contains(text, canary) {
				t.Errorf("%s shows %s", place, what)
			}
		}
		for what, canary := range buyerCanaries {
			if i := strings.Index(text, canary); i >= 0 {
				t.Errorf("%s shows the %s: …%s…", place, what, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	walkTheDump(t, database, secrets)
}

// plantedOrder goes all the way round with a buyer who is a canary, and gives its id here.
func (w *world) plantedOrder() orderView {
	w.t.Helper()
	lines := w.goods()
	o, err := w.wix.CreateOrder(wixsim.NewOrder{
		Payment: "paid", Lines: lines, BuyerNote: buyerCanaries["note"],
		Buyer:   wixsim.NewBuyer{FirstName: buyerCanaries["first name"], LastName: buyerCanaries["last name"], Email: buyerCanaries["email"], Phone: buyerCanaries["phone"]},
		Address: &wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "New York", PostalCode: "10011", AddressLine: buyerCanaries["street"], AddressLine2: buyerCanaries["second line"]},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	known := w.awaitOrder(o.ID, "it is to be bought", inTab("awaiting_order"))
	w.do(http.MethodPut, "/orders/"+known.ID+"/purchase-address", map[string]any{"reason": "x", "address": map[string]any{
		"first_name": buyerCanaries["first name"], "last_name": buyerCanaries["last name"], "phone": buyerCanaries["phone"], "line1": buyerCanaries["purchase street"], "city": "New York", "subdivision": "US-NY",
		"region": "New York", "postal_code": "10011", "country": "US",
	}}, http.StatusOK, nil)
	w.do(http.MethodPost, "/orders/"+known.ID+"/supplier-orders", map[string]any{}, http.StatusAccepted, nil)
	known = w.awaitOrder(o.ID, "it is bought", inTab("awaiting_payment"))
	for _, so := range known.SupplierOrders {
		if err := w.ali.Pay(so.Number, aliexpresssim.PayOptions{}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.ali.Ship(so.Number, aliexpresssim.ShipOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.awaitOrder(o.ID, "it is fulfilled", func(o orderView) bool {
		return o.Tab == "fulfilled" && len(o.Pushes) > 0 && o.Pushes[0].State == "confirmed"
	})
}

// plantPeople makes an owner with a session, a second factor and a webhook, and writes their secrets down.
func (w *world) plantPeople(t *testing.T, secrets map[string]string) *visitor {
	t.Helper()
	p := execute(t, w.env, nil, "admin", "merchants")
	if p.ended(t) != 0 {
		t.Fatalf("%s", p.lines())
	}
	p = execute(t, w.env, nil, "admin", "create", "--email", "owner@example.com", "--name", "Olivia", "--role", "owner", "--merchant", strings.Fields(p.out.lines())[0])
	if p.ended(t) != 0 {
		t.Fatalf("%s", p.lines())
	}
	link := linkInMail.FindStringSubmatch(p.out.lines())[2]
	secrets["a link"] = link
	v := w.visitor(t)
	v.ask(http.MethodPost, "/password-resets/use", fmt.Sprintf(`{"token":%q,"password":%q}`, link, secrets["a password"]), http.StatusNoContent, nil)
	v.ask(http.MethodPost, "/session", fmt.Sprintf(`{"email":"owner@example.com","password":%q}`, secrets["a password"]), http.StatusOK, nil)
	var app struct{ Secret, Token string }
	v.ask(http.MethodPost, "/me/authenticator-app", fmt.Sprintf(`{"password":%q}`, secrets["a password"]), http.StatusOK, &app)
	secrets["the secret of an authenticator app"], secrets["the token of setting it up"] = app.Secret, app.Token
	var hook struct{ ID, Secret string }
	v.ask(http.MethodPost, "/webhook-endpoints", `{"url":"https://hooks.canary.example/waybill","types":["order.created"]}`, http.StatusCreated, &hook)
	secrets["the secret of a webhook"] = hook.Secret
	var made struct{ Key string }
	v.ask(http.MethodPost, "/api-keys", `{"name":"second","scopes":["orders:read"]}`, http.StatusCreated, &made)
	secrets["a second API key"] = made.Key
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(req.URL) {
		secrets["a session"] = c.Value
	}
	return v
}

// provoke makes mistakes with canaries in every place that a request has, and gathers what is answered.
func (w *world) provoke(t *testing.T, secrets map[string]string, owner *visitor) string {
	t.Helper()
	var all strings.Builder
	send := func(method, path, body string, header map[string]string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range header {
			req.Header.Set(name, value)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode < 400 {
			t.Errorf("%s %s is answered %d", method, path, res.StatusCode)
		}
		all.Write(raw)
	}
	mine := map[string]string{"Authorization": "Bearer " + w.key, "Content-Type": "application/json"}
	for _, canary := range append(values(buyerCanaries), values(secrets)...) {
		quoted := fmt.Sprintf("%q", canary)
		escaped := strings.NewReplacer(" ", "%20", "+", "%2B", "/", "%2F", "=", "%3D", "&", "%26", "#", "%23", "?", "%3F").Replace(canary)
		send(http.MethodGet, "/api/v1/orders?cursor="+escaped, "", mine)
		send(http.MethodGet, "/api/v1/orders?tab="+escaped, "", mine)
		send(http.MethodGet, "/api/v1/orders/"+escaped, "", mine)
		send(http.MethodGet, "/api/v1/"+escaped, "", mine)
		send(http.MethodPost, "/api/v1/sync-jobs", `{"scope":{"kind":`+quoted+`}}`, mine)
		send(http.MethodPost, "/api/v1/api-keys", `{"name":"x","scopes":[`+quoted+`]}`, mine)
		send(http.MethodPost, "/api/v1/api-keys", `{"name":"x","scopes":"`+canary, mine)
		send(http.MethodPost, "/api/v1/webhooks/wix", canary, nil)
		send(http.MethodPost, "/api/v1/webhooks/aliexpress", `{"data":`+quoted+`}`, map[string]string{"Authorization": "x"})
		send(http.MethodPost, "/api/v1/session", `{"email":"owner@example.com","password":`+quoted+`,"code":"123456"}`, map[string]string{"Content-Type": "application/json"})
		send(http.MethodPost, "/api/v1/password-resets/use", `{"token":`+quoted[:min(len(quoted)-1, 90)]+`","password":`+quoted+`}`, map[string]string{"Content-Type": "application/json"})
		send(http.MethodGet, "/api/v1/orders", "", map[string]string{"Authorization": "Bearer x" + canary})
		send(http.MethodGet, "/api/v1/orders", "", map[string]string{"Cookie": "waybill=x" + strings.Trim(escaped, `"`)})
	}
	owner.ask(http.MethodPut, "/me/password", fmt.Sprintf(`{"current":"wrong","new":%q}`, secrets["a password"]), http.StatusUnprocessableEntity, nil)
	return all.String()
}

func values(m map[string]string) (list []string) {
	for _, v := range m {
		list = append(list, v)
	}
	slices.Sort(list)
	return list
}

// otherMerchantsAnswers asks everything that can be read, with this merchant's ids, as another.
func (w *world) otherMerchantsAnswers(t *testing.T, order orderView) string {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	asked := 0
	for path, item := range doc.Paths.Map() {
		if item.Get == nil || path == "/events" || strings.HasSuffix(path, "/callback") {
			continue
		}
		where := strings.NewReplacer("{id}", order.ID, "{product_id}", w.ali.Info().ProductID).Replace(path)
		for _, query := range []string{"", "?q=" + buyerCanaries["last name"], "?q=" + order.Number} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/api/v1"+where+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+otherKey)
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			cancel()
			all.Write(raw)
			asked++
		}
	}
	if asked < 100 {
		t.Fatalf("only %d questions", asked)
	}
	return all.String()
}

// walkTheDump looks at every value of every table, those of the job queue too, as whoever has stolen the database would.
func walkTheDump(t *testing.T, database string, secrets map[string]string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name NOT IN (SELECT relname FROM pg_class WHERE relispartition) ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Table, Column string }])
	if err != nil || len(columns) < 300 {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	all := append(values(secrets), values(buyerCanaries)...)
	asHex := make([]string, len(all)) // in which bytes are shown
	for i, canary := range all {
		asHex[i] = hex.EncodeToString([]byte(canary))
	}
	found := map[string]bool{}
	for _, c := range columns {
		rows, err := conn.Query(ctx, fmt.Sprintf("SELECT c.plain FROM unnest($1::text[], $2::text[]) AS c(plain, hexed) WHERE EXISTS (SELECT 1 FROM %s WHERE position(c.plain IN %[2]s::text) > 0 OR position(c.hexed IN %[2]s::text) > 0)",
			pgx.Identifier{c.Table}.Sanitize(), pgx.Identifier{c.Column}.Sanitize()), all, asHex)
		if err != nil {
			t.Fatal(err)
		}
		held, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		holds := func(canary string) bool { return slices.Contains(held, canary) }
		for what, canary := range secrets {
			if holds(canary) {
				t.Errorf("%s.%s holds %s in the clear", c.Table, c.Column, what)
			}
		}
		for what, canary := range buyerCanaries {
			if !holds(canary) {
				continue
			}
			if searchedFor[what] && inTheClear[c.Table+"."+c.Column] {
				found[what] = true
				continue
			}
			t.Errorf("%s.%s holds the buyer's %s in the clear", c.Table, c.Column, what)
		}
	}
	for what := range searchedFor { // otherwise the walk sees nothing at all
		if !found[what] {
			t.Errorf("the walk does not find the %s where it is", what)
		}
	}
	// What is stored instead of a key is its hash.
	sum := sha256.Sum256([]byte(secrets["the API key"]))
	if countOf(t, database, "SELECT count(*) FROM api_keys WHERE key_sha256 = $1", hex.EncodeToString(sum[:])) != 1 {
		t.Error("the walk does not see the keys")
	}
}
